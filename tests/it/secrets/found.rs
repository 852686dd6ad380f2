//! Who finds what: the resolvers of punix, a file instead of a server, a server, and a plugin that the project has chosen.

use super::{Place, fine, gives, mode, program};
use crate::bundled::vault::Vault;
use expect_test::expect;
use punix_plugin::{MANIFEST_SECTION, Manifest, attach};
use std::fs;

const TOKEN: &str = "s.token-of-the-test";

fn body(data: &str) -> String {
    format!(r#"{{"lease_duration":0,"data":{{"data":{data},"metadata":{{"version":3}}}}}}"#)
}

/// Starts a server with one path, `kv/web`.
fn server() -> Vault {
    Vault::new(TOKEN).mount("kv/web", "kv", "kv", r#"{"version":"2"}"#).answer(
        "GET kv/data/web",
        200,
        &body(r#"{"password":"of the vault","port":"8080"}"#),
    )
}

#[test]
fn every_kind_is_found_and_stands_where_it_belongs() {
    let vault = server();
    let place = Place::of(&program(&[
        ("from_env", "A"),
        ("from_file", "secret"),
        ("from_vault", "kv/web#password"),
        ("from_vault", "kv/web#port"),
    ]));
    place.write("web/secret", "of a file\n");
    let place = place.set("A", "of a variable").set("VAULT_ADDR", &vault.address).set("VAULT_TOKEN", TOKEN);
    fine(place.deploy(&[]));
    let conf = place.read("host/etc/web/conf.json");
    for value in ["of a variable", "\"of a file\"", "of the vault", "8080"] {
        assert!(conf.contains(value), "{value}: {conf}");
    }
    assert_eq!(mode(&place.path("host/etc/web/conf.json")), 0o600);
    // One question for the mount, and one for the path, however many fields are needed.
    assert_eq!(vault.asked(), ["GET sys/internal/ui/mounts/kv/web", "GET kv/data/web"]);
    let record = place.read("host/deploy/Web/gen-001.json");
    for plugin in ["punix.from-env", "punix.from-file", "punix.from-vault"] {
        assert!(record.contains(plugin), "{record}");
    }
}

#[test]
fn all_that_is_missing_is_named_once_and_first() {
    let place = Place::of(&program(&[
        ("from_vault", "kv/web#user"),
        ("from_file", "web.key"),
        ("from_env", "B"),
        ("from_env", "A"),
        ("from_file", "dir"),
    ]));
    fs::create_dir(place.path("web/dir")).expect("it can be made");
    let vault = server();
    gives(
        &place.set("VAULT_ADDR", &vault.address).set("VAULT_TOKEN", TOKEN).deploy(&[]),
        &expect![[r#"
            exit 1
            stderr:
            error: [E11] secret(s) not set: from_env:A, from_env:B, from_file:web.key, from_vault:kv/web#user
            web/p.pcl:9:10: note: `from_vault:kv/web#user` is needed here: `kv/web` has no field `user`
            web/p.pcl:10:10: note: `from_file:web.key` is needed here
            web/p.pcl:11:10: note: `from_env:B` is needed here
            web/p.pcl:12:10: note: `from_env:A` is needed here
            web/p.pcl:13:10: error: [E34] the secret `from_file:dir` cannot be read: `dir` is a directory
            help: `punix explain E34` says what to look at
            2 errors
        "#]],
    );
}

#[test]
fn a_server_that_does_not_answer_is_told_from_one_that_has_nothing() {
    let place = Place::of(&program(&[("from_vault", "kv/web#password"), ("from_vault", "kv/web#port")]));
    let vault = server();
    let place = place.set("VAULT_ADDR", &vault.address).set("VAULT_TOKEN", "s.wrong");
    let refused = place.deploy(&[]);
    let masked = |text: &str| text.replace(&vault.address, "{VAULT}");
    let refused = crate::support::Outcome { stderr: masked(&refused.stderr), ..refused };
    gives(
        &refused,
        &expect![[r#"
        exit 1
        stderr:
        web/p.pcl:9:10: error: [E34] 2 secrets cannot be read (`from_vault:kv/web#password`, `from_vault:kv/web#port`): the server refused to read `kv/data/web` (status 403): check that the token is valid, and that a policy of it allows `read` there
        note: the server is `{VAULT}`
        help: nothing was changed; log in anew, or ask whoever runs the server
    "#]],
    );
    assert!(!refused.stderr.contains("s.wrong"));
    // Without a token it is not even asked.
    let before = vault.asked().len();
    let nobody = place.set("VAULT_TOKEN", "");
    let nobody =
        Place { variables: nobody.variables.into_iter().filter(|(name, _)| name != "VAULT_TOKEN").collect(), ..nobody };
    let outcome = nobody.deploy(&[]);
    assert!(outcome.stderr.contains("there is no token to log in with: set VAULT_TOKEN"), "{outcome:?}");
    assert_eq!(vault.asked().len(), before);
    // An address at which there is nobody.
    let gone = nobody.set("VAULT_TOKEN", TOKEN).set("VAULT_ADDR", "http://127.0.0.1:1").set("PUNIX_X", "");
    let outcome = gone.deploy(&[]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("error: [E34] 2 secrets cannot be read (`from_vault:kv/web#password`"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("note: the server is `http://127.0.0.1:1`\nhelp: try it again"), "{outcome:?}");
    assert!(!gone.path("host/deploy").exists(), "nothing else happened");
}

#[test]
fn a_file_takes_the_place_of_a_server() {
    let place = Place::of(&program(&[("from_vault", "kv/web#password"), ("from_vault", "any text")]));
    let export = r#"{"kv/web#password": "exported", "any text": "too", "unused": "x"}"#;
    place.hide("v.json", export);
    let place = place.set("VAULT_ADDR", "http://127.0.0.1:1");
    let deployed = fine(place.deploy(&["--vault-secrets", "v.json", "--strict"]));
    assert_eq!(deployed.stderr, "");
    assert!(place.read("host/etc/web/conf.json").contains("exported"));
    place.write("v.json", "{}");
    fs::set_permissions(place.path("v.json"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("it is ours");
    gives(
        &place.deploy(&["--vault-secrets", "v.json"]),
        &expect![[r#"
        exit 1
        stderr:
        warning: `v.json` holds secrets and can be read by others: chmod 600 v.json
        error: [E11] secret(s) not set: from_vault:any text, from_vault:kv/web#password
        web/p.pcl:9:10: note: `from_vault:kv/web#password` is needed here: it is not in `v.json`
        web/p.pcl:10:10: note: `from_vault:any text` is needed here: it is not in `v.json`
    "#]],
    );
    gives(
        &place.deploy(&["--vault-secrets", "v.json", "--strict"]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E34] `v.json` holds secrets and can be read by others
        help: chmod 600 v.json
    "#]],
    );
}

/// The resolver of variables under another name: what somebody else's would be.
fn other(id: &str, handle: &str) -> Vec<u8> {
    other_asking(id, handle, "")
}

/// The same, asking for more besides.
pub(super) fn other_asking(id: &str, handle: &str, more: &str) -> Vec<u8> {
    let bundled = punix_bundle::plugins().iter().find(|plugin| plugin.name == "from-env").expect("it is bundled");
    let manifest = format!(
        r#"{{"handles":["{handle}"],"id":"{id}","requests":{{{more}"env":[{{"name":"{{reference}}","secret":true,"why":"to pass them on"}}]}},"version":"1.0.0","world":"punix:resolver/secret-resolver@0.1.0"}}"#
    );
    let manifest = Manifest::from_json(manifest.as_bytes()).expect("it is a manifest");
    attach(&without_manifest(bundled.component), &manifest)
}

/// Returns a component without the section in which its manifest is.
fn without_manifest(component: &[u8]) -> Vec<u8> {
    let (head, mut rest) = component.split_at(8);
    let mut out = head.to_vec();
    while let [id, behind @ ..] = rest {
        let (length, digits) = leb(behind);
        let end = 1 + digits + length;
        let content = &rest[1 + digits..end];
        let (name_length, name_digits) = if *id == 0 { leb(content) } else { (0, 0) };
        let is_manifest = *id == 0 && content[name_digits..name_digits + name_length] == *MANIFEST_SECTION.as_bytes();
        if !is_manifest {
            out.extend_from_slice(&rest[..end]);
        }
        rest = &rest[end..];
    }
    out
}

/// Reads a number as WebAssembly writes it, and how many bytes it has.
fn leb(bytes: &[u8]) -> (usize, usize) {
    let digits = bytes.iter().position(|byte| byte & 0x80 == 0).expect("it ends") + 1;
    let number = bytes[..digits].iter().rev().fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f));
    (number, digits)
}

#[test]
fn a_plugin_of_the_project_answers_its_kind() {
    let place = Place::of(&program(&[("from_other", "A")])).set("A", "of the other");
    // Nobody answers it.
    gives(
        &place.deploy(&[]),
        &expect![[r#"
        exit 1
        stderr:
        web/p.pcl:9:10: warning: no installed resolver answers `from_other`
        help: `{ from_other = "…" }` is a secret reference; rename the field if it is no secret
        web/p.pcl:9:10: error: [E2] `Conf.data.s0` refers to a secret, and no installed resolver answers `from_other`
        help: `punix plugin add` installs a resolver; there are `from_env`, `from_file`, `from_vault`
    "#]],
    );
    place.write("other.wasm", other("org.example.other", "from_other"));
    let words = ["plugin", "add", "other.wasm", "--project", "web", "--later"];
    fine(place.punix(words));
    // Somebody does, and nobody decided what he may do.
    gives(
        &place.deploy(&[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E25] the plugin `org.example.other` 1.0.0 asks for `env:{reference}`, and nobody decided about that
        note: it says what for: to pass them on
        note: to go on without: punix plugin revoke org.example.other env '{reference}'
        help: to allow it: punix plugin grant org.example.other env NAME --as secret
    "#]],
    );
    let policy = fs::read_to_string(place.path("web/punix.plugins.toml")).unwrap_or_default();
    assert!(policy.contains("org.example.other"), "{policy}");
    place.write("web/punix.plugins.toml", policy + "grant.env = []\n");
    fine(place.deploy(&[]));
    assert!(place.read("host/etc/web/conf.json").contains("of the other"));
    assert!(place.read("host/deploy/Web/gen-001.json").contains("org.example.other"));
    assert!(fine(place.punix(["check", "web/p.pcl"])).stderr.is_empty(), "`check` knows it too");
    // The program is elsewhere, and the project is where somebody is.
    place.write("else/p.pcl", program(&[("from_other", "A")]));
    let words = ["secrets", "check", "Web", "--file", "else/p.pcl"];
    assert!(place.punix(words).stderr.contains("no installed resolver answers `from_other`"));
    fs::rename(place.path("web/punix.lock"), place.path("punix.lock")).expect("it is there");
    fs::rename(place.path("web/punix.plugins.toml"), place.path("punix.plugins.toml")).expect("it is there");
    gives(
        &place.punix(words),
        &expect![[r#"
        exit 0
        stdout:
        from_other:A  found    org.example.other
        Web: 1 found
    "#]],
    );
    // Its component is gone.
    fs::remove_dir_all(place.path("home/.punix/plugins")).expect("it is there");
    let lacking = place.punix(words);
    assert!(lacking.stderr.contains("is locked, and not in"), "{lacking:?}");
}

/// None is added for a kind that has one; a lock that two branches of a project have changed can still have two.
#[test]
fn one_kind_has_one_plugin() {
    let place = Place::of(&program(&[("from_other", "A")])).set("A", "x");
    let mut merged = [String::new(), String::new()];
    for (branch, id) in [("one", "org.example.one"), ("two", "org.example.two")] {
        place.write(&format!("{branch}.wasm"), other(id, "from_other"));
        fs::create_dir(place.path(branch)).expect("it can be made");
        fine(place.punix(["plugin", "add", &format!("{branch}.wasm"), "--project", branch, "--later"]));
        let texts = ["punix.lock", "punix.plugins.toml"].map(|name| place.read(&format!("{branch}/{name}")));
        for (merged, text) in merged.iter_mut().zip(texts) {
            // Of the second, what stands behind the head of the file.
            let from = if merged.is_empty() { 0 } else { text.find("\n[").map_or(0, |at| at + 1) };
            merged.push_str(&text[from..]);
        }
    }
    for (name, id, kind) in [("third", "org.example.two", "from_other"), ("env", "org.example.env", "from_env")] {
        place.write(&format!("{name}.wasm"), other(id, kind));
        let refused = place.punix(["plugin", "add", &format!("{name}.wasm"), "--project", "one", "--later"]);
        assert!(refused.code == Some(1) && refused.stderr.starts_with("error: [E27]"), "{refused:?}");
    }
    let [lock, policy] = merged;
    place.write("web/punix.lock", lock);
    place.write("web/punix.plugins.toml", policy);
    gives(
        &place.deploy(&[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E27] both `org.example.one` and `org.example.two` answer `from_other`
        help: use one of the two: `punix plugin remove org.example.two`
    "#]],
    );
}
