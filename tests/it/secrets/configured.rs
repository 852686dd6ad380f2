//! `punix.toml`, and what goes before it.

use super::{Place, fine, gives, program};
use crate::bundled::vault::Vault;
use expect_test::expect;

const LOGGED_IN: &str = r#"{"auth":{"client_token":"s.new","lease_duration":60,"renewable":true}}"#;

fn secret(value: &str) -> String {
    format!(r#"{{"lease_duration":0,"data":{{"password":"{value}"}}}}"#)
}

#[test]
fn a_role_logs_in_with_what_the_project_says_and_keeps_elsewhere() {
    let vault = Vault::new("s.new").answer("POST auth/ci/login", 200, LOGGED_IN).answer(
        "GET kv/web",
        200,
        &secret("by the role"),
    );
    let place = Place::of(&program(&[("from_vault", "kv/web#password")]));
    place.write(
        "web/punix.toml",
        format!(
            "[resolver.from_vault]\naddress = \"{}\"\nnamespace = \"team/a\"\nkv = 1\nauth = {{ method = \"approle\", \
             mount = \"ci\", role_id = \"r1\" }}\ncredentials.secret_id = {{ from_file = \"sid\" }}\n",
            vault.address
        ),
    );
    place.write("web/sid", "the-secret-id\n");
    fine(place.deploy(&[]));
    assert!(place.read("host/etc/web/conf.json").contains("by the role"));
    assert_eq!(
        vault.asked(),
        [
            "POST auth/ci/login [x-vault-namespace: team/a] {\"role_id\":\"r1\",\"secret_id\":\"the-secret-id\"}",
            "GET kv/web [x-vault-namespace: team/a]",
        ]
    );
    // A flag goes before a variable, and that before the file.
    let place = place.set("VAULT_NAMESPACE", "of/env").set("VAULT_ADDR", "http://127.0.0.1:1");
    fine(place.check(&["--vault-address", &vault.address]));
    assert_eq!(vault.asked()[3], "GET kv/web [x-vault-namespace: of/env]");
    fine(place.check(&["--vault-address", &vault.address, "--vault-namespace", "of/flag"]));
    assert_eq!(vault.asked()[5], "GET kv/web [x-vault-namespace: of/flag]");
    // What it logs in with is not there.
    std::fs::remove_file(place.path("web/sid")).expect("it is there");
    let absent = place.check(&["--vault-address", &vault.address]);
    assert!(
        absent.stderr.contains("error: [E34] what `from_vault` logs in with cannot be read: `secret_id`:"),
        "{absent:?}"
    );
}

#[test]
fn a_token_lies_where_vault_login_leaves_it() {
    let vault = Vault::new("s.left").answer("GET kv/web", 200, &secret("x-by-the-token"));
    let place = Place::of(&program(&[("from_vault", "kv/web#password")]));
    place.hide("home/.vault-token", "s.left\n");
    // Here the project is where somebody is.
    place.write("punix.toml", format!("[resolver.from_vault]\naddress = \"{}/\"\nkv = 1\n", vault.address));
    fine(place.deploy(&[]));
    assert_eq!(vault.asked(), ["GET kv/web"]);
}

#[test]
fn a_lease_is_told_and_renewed_by_nobody() {
    let body = r#"{"lease_duration":3600,"renewable":true,"data":{"password":"made-for-an-hour"}}"#;
    let vault = Vault::new("s.t").mount("database/creds/web", "database", "database", "null").answer(
        "GET database/creds/web",
        200,
        body,
    );
    let place = Place::of(&program(&[("from_vault", "database/creds/web#password")]));
    let deployed = fine(place.set("VAULT_ADDR", &vault.address).set("VAULT_TOKEN", "s.t").deploy(&[]));
    let warning = "warning: the secret `from_vault:database/creds/web#password` ends in 60 min, and nobody renews it: deploy again before\n";
    assert_eq!(deployed.stderr, warning);
}

#[test]
fn a_file_that_cannot_be_meant_stops_with_its_reason() {
    let place = Place::of(&program(&[("from_vault", "kv/web#password")])).set("VAULT_TOKEN", "s.t");
    place.write("web/punix.toml", "[resolver.from_vault]\nadress = \"https://vault\"\n[resolver.vault]\n");
    gives(
        &place.deploy(&[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E34] `web/punix.toml` cannot be used: `resolver.vault` is no resolver: their names begin with `from_`
        help: `docs/reference/secrets.md` says what it can hold
    "#]],
    );
    place.write("web/punix.toml", "[resolver.from_vault]\naddress = \"https://vault\"\nadress = 1\n");
    gives(
        &place.deploy(&[]),
        &expect![[r#"
        exit 1
        stderr:
        web/p.pcl:9:10: error: [E34] the secret `from_vault:kv/web#password` cannot be read: unknown field `adress`, expected one of `address`, `namespace`, `kv`, `mount`, `auth`, `ca` at line 1 column 35
        note: the server is `https://vault`
        help: it is set by `--vault-address` and its like, VAULT_ADDR and its like, or `[resolver.from_vault]` in `punix.toml`
    "#]],
    );
    place.write("web/punix.toml", "[resolver.from_vault]\naddress = \"vault.internal:8200\"\n");
    gives(
        &place.deploy(&[]),
        &expect![[r#"
        exit 1
        stderr:
        web/p.pcl:9:10: error: [E34] the secret `from_vault:kv/web#password` cannot be read: `vault.internal:8200` is not an address such as `https://vault.internal:8200`
        note: the server is `vault.internal:8200`
        help: it is set by `--vault-address` and its like, VAULT_ADDR and its like, or `[resolver.from_vault]` in `punix.toml`
    "#]],
    );
    place.write("web/punix.toml", "[resolver.from_vault]\naddress = \"https://127.0.0.1:1\"\nca = \"ours\"\n");
    gives(
        &place.deploy(&[]),
        &expect![[r#"
        exit 1
        stderr:
        web/p.pcl:9:10: error: [E34] the secret `from_vault:kv/web#password` cannot be read: the certificate authority `ours` is not set up
        note: the server is `https://127.0.0.1:1`
        help: `punix explain E34` says what to look at
    "#]],
    );
    place.write("web/punix.toml", "[resolver\n");
    gives(
        &place.deploy(&[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E34] `web/punix.toml` cannot be used: line 1 column 10: unclosed table, expected `]`
        help: `docs/reference/secrets.md` says what it can hold
    "#]],
    );
}
