//! `from_vault` against a real server: one that is compatible with Vault, built apart from the workspace by
//! `tests/vault/install.sh`, or `vault` and `bao` themselves where they are installed. Each test starts its own, on a free port
//! of the loopback, with its own keys and directory.
//!
//! What the first of them does not have, which is metadata of KV version 2, namespaces and logins of pods, is answered by the
//! small server of these tests; see the last tests here.

mod running;

use super::{Place, fine, gives, mode, program};
use crate::bundled::vault::Vault;
use crate::support::{Outcome, skip};
use expect_test::expect;
use running::{Kind, Running, each};
use std::fs;

/// A policy that lets `secret/` be read, and nothing else.
const READING: &str = "path \"secret/*\" { capabilities = [\"read\", \"list\"] }";

/// Masks what differs from run to run.
fn masked(outcome: Outcome, server: &Running) -> Outcome {
    let mask = |text: &str| text.replace(&server.address, "{VAULT}");
    Outcome { stdout: mask(&outcome.stdout), stderr: mask(&outcome.stderr), ..outcome }
}

/// Has a program with two fields of one path and one of another, and a project that says which version of KV it is.
fn place(server: &Running) -> Place {
    server.write("secret/web", r#"{"password":"of the server","port":"8080"}"#);
    server.write("secret/team/db", r#"{"password":"of \"the\" $ %team\\"}"#);
    let place = Place::of(&program(&[
        ("from_vault", "secret/web#password"),
        ("from_vault", "secret/web#port"),
        ("from_vault", "secret/team/db#password"),
    ]));
    place.set("VAULT_ADDR", &server.address)
}

#[track_caller]
fn has_all(place: &Place) {
    let conf = place.read("host/etc/web/conf.json");
    for value in ["of the server", "8080", r#"of \"the\" $ %team\\"#] {
        assert!(conf.contains(value), "{value}: {conf}");
    }
    assert_eq!(mode(&place.path("host/etc/web/conf.json")), 0o600);
}

#[test]
fn a_token_is_found_in_the_environment_in_a_file_and_where_it_is_left() {
    each(|server| {
        server.policy("web", READING);
        let token = server.token("web");
        let place = place(server);
        // Where `vault login` leaves it.
        place.hide("home/.vault-token", format!("{token}\n"));
        fine(place.deploy(&[]));
        has_all(&place);
        fs::remove_file(place.path("home/.vault-token")).expect("it is there");
        let nobody = place.check(&[]);
        assert!(nobody.stderr.contains("there is no token to log in with: set VAULT_TOKEN"), "{nobody:?}");
        // A file that the project names.
        place.hide("web/token", &token);
        place.write("web/punix.toml", "[resolver.from_vault]\ncredentials.token = { from_file = \"token\" }\n");
        let checked = fine(place.check(&[]));
        assert!(checked.stdout.ends_with("Web: 3 found\n"), "{checked:?}");
        fs::remove_file(place.path("web/punix.toml")).expect("it is there");
        // The environment.
        let place = place.set("VAULT_TOKEN", &token);
        let again = fine(place.deploy(&[]));
        assert_eq!(again.stdout.lines().next(), Some("unchanged: stack Web at gen-001"), "{again:?}");
    });
}

#[test]
fn a_role_logs_in() {
    each(|server| {
        server.policy("web", READING);
        let (role, secret) = server.role("deploy", "web");
        let place = place(server);
        let toml =
            "[resolver.from_vault]\nauth = { method = \"approle\" }\ncredentials.secret_id = { from_file = \"sid\" }\n";
        place.write("web/punix.toml", toml);
        place.hide("web/sid", format!("{secret}\n"));
        let place = place.set("VAULT_ROLE_ID", &role);
        fine(place.deploy(&[]));
        has_all(&place);
        // What proves the role is not what was given out.
        place.hide("web/sid", "11111111-2222-3333-4444-555555555555");
        let refused = place.deploy(&[]);
        let said = "the server refused the login with `approle` (status 400): check the role, and what proves it";
        assert!(refused.code == Some(1) && refused.stderr.contains(said), "{refused:?}");
        assert!(!refused.stderr.contains("11111111-2222"), "{refused:?}");
        if !server.has_policies() {
            return;
        }
        // The role may read what its policy says, and no more.
        place.hide("web/sid", &secret);
        server.mount("other", 1);
        server.write("other/web", r#"{"password":"nobody's"}"#);
        place.write("web/p.pcl", program(&[("from_vault", "other/web#password"), ("from_vault", "secret/web#port")]));
        let denied = place.check(&[]);
        assert_eq!(denied.code, Some(1), "{denied:?}");
        assert!(denied.stdout.contains("Web: 1 found, 1 failed\n"), "{denied:?}");
        assert!(denied.stderr.contains("(status 403): check that the token is valid, and that a policy"), "{denied:?}");
    });
}

#[test]
fn what_is_wrong_with_a_server_is_told_by_what_it_is() {
    each(|server| {
        let place = place(server).set("VAULT_TOKEN", "hvs.not-a-token");
        let refused = place.deploy(&[]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(
            refused.stderr.contains("error: [E34] 2 secrets cannot be read") && refused.stderr.contains("403"),
            "{refused:?}"
        );
        assert!(!refused.stderr.contains("hvs.not"), "{refused:?}");
        let place = place.set("VAULT_TOKEN", &server.root);
        // A field and a path that are not there; what is there is not told.
        let wanted =
            [("from_vault", "secret/web#password"), ("from_vault", "secret/web#user"), ("from_vault", "secret/none#a")];
        place.write("web/p.pcl", program(&wanted));
        gives(
            &masked(place.deploy(&[]), server),
            &expect![[r#"
            exit 1
            stderr:
            error: [E11] secret(s) not set: from_vault:secret/none#a, from_vault:secret/web#user
            web/p.pcl:10:10: note: `from_vault:secret/web#user` is needed here: `secret/web` has no field `user`
            web/p.pcl:11:10: note: `from_vault:secret/none#a` is needed here: there is nothing at `secret/none`
        "#]],
        );
        assert!(!place.path("host/deploy").exists(), "nothing else happened");
        server.seal();
        let sealed = masked(place.deploy(&[]), server);
        assert_eq!(sealed.code, Some(1), "{sealed:?}");
        let said = "the server is sealed, or down for maintenance (status 503)";
        assert!(sealed.stderr.contains(said), "{sealed:?}");
        let help =
            "help: try it again; if it stays so, look whether the server is there, unsealed, and reached from here";
        assert!(sealed.stderr.contains(help), "{sealed:?}");
    });
}

#[test]
fn only_the_authority_that_is_named_is_believed() {
    let Some(server) = Running::secure(Kind::Compatible) else { return };
    let place = place(&server).set("VAULT_TOKEN", &server.root);
    let stranger = place.deploy(&[]);
    assert_eq!(stranger.code, Some(1), "{stranger:?}");
    assert!(stranger.stderr.contains("certificate"), "{stranger:?}");
    let pem = server.authority();
    let flag = fine(place.deploy(&["--vault-ca", &pem]));
    assert!(flag.stdout.starts_with("deployed: stack Web"), "{flag:?}");
    has_all(&place);
    fs::copy(&pem, place.path("web/ca.pem")).expect("it can be copied");
    place.write("web/punix.toml", "[resolver.from_vault]\nca = \"ours\"\n[authorities]\nours = \"ca.pem\"\n");
    fine(place.check(&[]));
    fs::remove_file(place.path("web/punix.toml")).expect("it is there");
    let place = place.set("VAULT_CACERT", &pem);
    fine(place.check(&[]));
    // A name that the certificate has not.
    let place = place.set("VAULT_ADDR", &server.address.replace("127.0.0.1", "localhost"));
    let other = place.check(&[]);
    assert!(other.code == Some(1) && other.stderr.contains("certificate"), "{other:?}");
}

/// What is below `data/` is read so where the project says version 2, whether there is metadata or not.
#[test]
fn version_two_is_read_in_its_outer_shape() {
    each(|server| {
        server.mount("kv2", 2);
        server.write("kv2/data/web", r#"{"data":{"password":"of version two"}}"#);
        let place = Place::of(&program(&[("from_vault", "kv2/web#password")]));
        place.write("web/punix.toml", "[resolver.from_vault]\nkv = 2\n");
        let place = place.set("VAULT_ADDR", &server.address).set("VAULT_TOKEN", &server.root);
        fine(place.deploy(&[]));
        assert!(place.read("host/etc/web/conf.json").contains("of version two"));
        // A new value is a change, and nothing else is.
        server.write("kv2/data/web", r#"{"data":{"password":"of version three"}}"#);
        assert!(fine(place.deploy(&[])).stdout.starts_with("deployed: stack Web → gen-002"));
        assert!(place.read("host/etc/web/conf.json").contains("of version three"));
        assert!(fine(place.deploy(&[])).stdout.starts_with("unchanged: stack Web at gen-002"));
    });
}

/// Answered in the shapes of the public API by the server of these tests: version 2 with its metadata, in a namespace, for a
/// pod that logs in.
#[test]
fn a_pod_reads_version_two_in_a_namespace() {
    let login = r#"{"auth":{"client_token":"s.pod","lease_duration":3600,"renewable":true}}"#;
    let body = r#"{"lease_duration":0,"data":{"data":{"password":"of the namespace"},"metadata":{"version":12,"destroyed":false}}}"#;
    let vault = Vault::new("s.pod")
        .answer("POST auth/kubernetes/login", 200, login)
        .mount("kv/web", "kv", "kv", r#"{"version":"2"}"#)
        .answer("GET kv/data/web", 200, body);
    let place = Place::of(&program(&[("from_vault", "kv/web#password")]));
    place.write(
        "web/punix.toml",
        "[resolver.from_vault]\nnamespace = \"team/a\"\nauth = { method = \"kubernetes\", role = \"deploy\" }\n\
         credentials.jwt = { from_file = \"jwt\" }\n",
    );
    place.hide("web/jwt", "head.claims.sum");
    let place = place.set("VAULT_ADDR", &vault.address);
    let checked = fine(place.check(&["--json"])).json();
    assert_eq!(checked["secrets"].list()[0]["version"].text(), "12");
    let asked = [
        "POST auth/kubernetes/login [x-vault-namespace: team/a] {\"jwt\":\"head.claims.sum\",\"role\":\"deploy\"}",
        "GET sys/internal/ui/mounts/kv/web [x-vault-namespace: team/a]",
        "GET kv/data/web [x-vault-namespace: team/a]",
    ];
    assert_eq!(vault.asked(), asked);
}

/// Who is logged in and may not read a path is told which, beside what he may read.
#[test]
fn a_policy_that_denies_is_told_by_its_path() {
    let body = r#"{"lease_duration":0,"data":{"password":"of the policy"}}"#;
    let denied = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
    let vault = Vault::new("s.t").answer("GET kv/web", 200, body).answer("GET kv/other", 403, denied);
    let place = Place::of(&program(&[("from_vault", "kv/web#password"), ("from_vault", "kv/other#password")]));
    place.write("web/punix.toml", "[resolver.from_vault]\nkv = 1\n");
    let place = place.set("VAULT_ADDR", &vault.address).set("VAULT_TOKEN", "s.t");
    denies(&place, "kv/other");
    assert_eq!(vault.asked(), ["GET kv/other", "GET kv/web"].repeat(2), "what is denied is not asked for again");
}

/// The same against real ones: of those, the one that is built for these tests has no policies.
#[test]
fn a_policy_of_a_real_server_denies() {
    let mut met = 0;
    for server in [Kind::Vault, Kind::Bao].into_iter().filter_map(Running::open) {
        met += 1;
        server.policy("web", READING);
        server.mount("other", 1);
        server.write("other/web", r#"{"password":"nobody's"}"#);
        server.write("secret/web", r#"{"password":"of the policy"}"#);
        let place = Place::of(&program(&[("from_vault", "secret/web#password"), ("from_vault", "other/web#password")]));
        let token = server.token("web");
        denies(&place.set("VAULT_ADDR", &server.address).set("VAULT_TOKEN", &token), "other/web");
    }
    if met == 0 {
        skip("neither `vault` nor `bao` is installed, whose policies deny");
    }
}

/// Looks at what is said of two secrets, of which a policy denies one.
#[track_caller]
fn denies(place: &Place, path: &str) {
    let checked = place.check(&[]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stdout.contains("Web: 1 found, 1 failed\n"), "{checked:?}");
    let deployed = place.deploy(&[]);
    assert_eq!((deployed.code, deployed.stdout.as_str()), (Some(1), ""), "{deployed:?}");
    for said in [&checked, &deployed] {
        let error = format!("error: [E34] the secret `from_vault:{path}#password` cannot be read: ");
        assert!(said.stderr.contains(&error), "{said:?}");
        let why = "(status 403): check that the token is valid, and that a policy of it allows `read` there";
        assert!(said.stderr.contains(why), "{said:?}");
        assert!(!said.stderr.contains("of the policy") && !said.stderr.contains("nobody's"), "{said:?}");
    }
    assert!(!place.path("host/deploy").exists(), "nothing else happened");
}

/// A server that is busy is asked again, and what it says meanwhile is not told.
#[test]
fn a_busy_server_is_asked_again() {
    let body = r#"{"lease_duration":0,"data":{"password":"after a while"}}"#;
    let vault = Vault::new("s.t")
        .answer("GET kv/web", 429, r#"{"errors":["slow down"]}"#)
        .answer("GET kv/web", 503, r#"{"errors":["standing by"]}"#)
        .answer("GET kv/web", 200, body);
    let place = Place::of(&program(&[("from_vault", "kv/web#password")]));
    place.write("web/punix.toml", "[resolver.from_vault]\nkv = 1\n");
    let deployed = fine(place.set("VAULT_ADDR", &vault.address).set("VAULT_TOKEN", "s.t").deploy(&[]));
    assert_eq!(deployed.stderr, "");
    assert_eq!(vault.asked(), ["GET kv/web"; 3]);
}
