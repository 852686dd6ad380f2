//! `audit`: what every plugin may do, and what is wrong.

use crate::exact::Json;

use super::{BAO, RESOLVER, RUNIT, Shop};
use expect_test::expect;
use std::fs;

fn shop() -> Shop {
    let shop = Shop::with_bao();
    shop.component("runit.wasm", &["punix:cap/log@0.1.0"], RUNIT);
    shop.done(["add", "bao.wasm", "--yes"]);
    shop.done(["add", "runit.wasm"]);
    shop
}

#[test]
fn all_of_it_stands_on_one_screen() {
    let shop = shop();
    let age = concat!(
        r#"{"handles":["from_age"],"id":"org.example.age","requests":{"files":[{"root":"keys","why":"a key"}],"#,
        r#""secrets":{"seal":true,"why":"to decrypt"}},"version":"2.0.0","world":"punix:resolver/secret-resolver@0.1.0"}"#
    );
    shop.component("age.wasm", &["punix:cap/secrets@0.1.0", "punix:cap/env@0.1.0", "punix:cap/files@0.1.0"], age);
    shop.done(["add", "age.wasm", "--yes"]);
    shop.done(["grant", "org.example.age", "files", "keys", "/etc/age"]);
    shop.check(
        ["audit"],
        expect![[r#"
            exit 0
            stdout:
            punix.from-env 0.1.0     resolver   #  ok, built in, granted by punix
              imports  secrets log env
              may      env for what the stack refers to
            punix.from-file 0.1.0    resolver   #  ok, built in, granted by punix
              imports  blobs secrets log files
              may      files for what the stack refers to
            punix.from-vault 0.1.0   resolver   #  ok, built in, granted by punix
              imports  blobs secrets log clock env files http
              may      http for the host that its configuration names;
                       env:VAULT_TOKEN as a secret; env:BAO_TOKEN as a secret;
                       env:VAULT_ROLE_ID as a secret; env:VAULT_SECRET_ID as a secret;
                       files:vault-token …/home/.vault-token to read;
                       files:kubernetes-token /var/run/secrets/kubernetes.io/serviceaccount to read;
                       clock
            punix.local 0.1.0        transport  #  ok, built in, granted by punix
              imports  pipes log here
              may      here
            punix.ssh 0.1.0          transport  #  ok, built in, granted by punix
              imports  pipes log ssh
              may      ssh
            punix.systemd 0.1.0      backend    #  ok, built in, granted by punix
              imports  log
              may      nothing but compute
            org.example.age 2.0.0    resolver   #  ok, not compiled, granted by punix.plugins.toml
              imports  secrets env files (not asked for: env)
              may      files:keys /etc/age to read; seal
              unused   all of it: it was not called here yet
            org.example.bao 0.3.1    resolver   #  ok, compiled, granted by punix.plugins.toml
              imports  log http env clock
              may      http:vault.internal:8200 get,post /v1/*, may read /lease_duration;
                       env:BAO_TOKEN as a secret; clock
              unused   all of it: it was not called here yet
            org.example.runit 1.0.0  backend    #  ok, compiled, granted by punix.plugins.toml
              imports  log
              may      nothing but compute
            seal: org.example.age
            9 plugins, 0 findings
        "#]],
    );
    let text = shop.done(["audit"]).stdout;
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let json = shop.done(["audit", "--json"]).json();
    assert_eq!(json["holders"]["seal"].to_string(), r#"["org.example.age"]"#);
    let foreign = shop.foreign("audit");
    assert_eq!(foreign[0]["id"].text(), "org.example.age");
    assert_eq!(foreign[0]["granted_in"].to_string(), r#"["punix.plugins.toml"]"#);
}

#[test]
fn a_document_has_all_of_it() {
    let shop = Shop::with_bao();
    shop.done(["add", "bao.wasm", "--yes"]);
    shop.done(["revoke", "org.example.bao", "clock"]);
    let fields = |json: &Json| json.fields().map(|(key, _)| key.as_str().to_owned()).collect::<Vec<_>>().join(" ");
    let json = shop.done(["audit", "--json"]).json();
    expect!["ceilings diagnostics dropped holders lock ok plugins policy"].assert_eq(&fields(&json));
    let foreign = shop.foreign("audit");
    expect![
        "built_in bytes code granted_in handles id imports limits requests sha256 source state unused version world"
    ]
    .assert_eq(&fields(&foreign[0]));
    expect![[r#"[{"asks": "get,post /v1/*, may read /lease_duration", "computed": false, "decision": "granted", "gives": [{"ca": null, "configured": null, "host": "vault.internal:8200", "kind": "http", "methods": ["get", "post"], "paths": ["/v1/*"], "plain_http": false, "private": false, "public": ["/lease_duration"]}], "key": "http:vault.internal:8200", "why": "read KV"}, {"asks": "as a secret", "computed": false, "decision": "granted", "gives": [{"as": "secret", "kind": "env", "name": "BAO_TOKEN"}], "key": "env:BAO_TOKEN", "why": "login"}, {"asks": "", "decision": "refused", "key": "clock", "why": "leases end"}]"#]].assert_eq(&shop.cut(&foreign[0]["requests"].to_string()));
}

#[test]
fn what_is_wrong_is_found_and_said_how_to_mend() {
    let shop = shop();
    // An update that asks for less, and a table that nobody needs.
    shop.component("bao.wasm", RESOLVER, &BAO.replace(r#""clock":{"why":"leases end"},"#, ""));
    shop.done(["add", "bao.wasm"]);
    let policy = shop.policy() + "\n[plugin.\"org.example.old\"]\n";
    shop.write("punix.plugins.toml", &policy);
    shop.check(
        ["audit"],
        expect![[r#"
            exit 1
            stdout:
            punix.from-env 0.1.0     resolver   #  ok, built in, granted by punix
              imports  secrets log env
              may      env for what the stack refers to
            punix.from-file 0.1.0    resolver   #  ok, built in, granted by punix
              imports  blobs secrets log files
              may      files for what the stack refers to
            punix.from-vault 0.1.0   resolver   #  ok, built in, granted by punix
              imports  blobs secrets log clock env files http
              may      http for the host that its configuration names;
                       env:VAULT_TOKEN as a secret; env:BAO_TOKEN as a secret;
                       env:VAULT_ROLE_ID as a secret; env:VAULT_SECRET_ID as a secret;
                       files:vault-token …/home/.vault-token to read;
                       files:kubernetes-token /var/run/secrets/kubernetes.io/serviceaccount to read;
                       clock
            punix.local 0.1.0        transport  #  ok, built in, granted by punix
              imports  pipes log here
              may      here
            punix.ssh 0.1.0          transport  #  ok, built in, granted by punix
              imports  pipes log ssh
              may      ssh
            punix.systemd 0.1.0      backend    #  ok, built in, granted by punix
              imports  log
              may      nothing but compute
            org.example.bao 0.3.1    resolver   #  ok, compiled, granted by punix.plugins.toml
              imports  log http env clock (not asked for: clock)
              may      http:vault.internal:8200 get,post /v1/*, may read /lease_duration;
                       env:BAO_TOKEN as a secret
              unused   all of it: it was not called here yet
            org.example.runit 1.0.0  backend    #  ok, compiled, granted by punix.plugins.toml
              imports  log
              may      nothing but compute
            8 plugins, 2 findings
            stderr:
            error: [E25] `org.example.bao` is granted `clock`, and does not ask for it
            help: to take it back: punix plugin revoke org.example.bao clock
            error: [E27] punix.plugins.toml says something of `org.example.old`, and punix.lock does not have it
            help: `punix plugin remove org.example.old` forgets it; `punix plugin add` brings it
            2 errors
        "#]],
    );
    // Each is mended by what was said.
    for command in ["punix plugin revoke org.example.bao clock", "punix plugin remove org.example.old"] {
        assert_eq!(shop.paste(command).code, Some(0), "{command}");
    }
    assert_eq!(shop.punix(["audit"]).code, Some(0));
    // The lock and the policy contradict each other.
    let lock = shop.read("punix.lock");
    let digest = lock.lines().find(|line| line.starts_with("sha256")).expect("it is there");
    shop.write("punix.lock", &lock.replace(digest, &format!("sha256 = \"{}\"", "0".repeat(64))));
    let outcome = shop.punix(["audit"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("[E27] the component of `org.example.bao` 0.3.1 is locked, and not in"),
        "{outcome:#?}"
    );
    // A row that was edited.
    shop.write("punix.lock", &lock.replace("0.3.1", "0.3.2"));
    assert!(shop.punix(["audit"]).stderr.contains("does not agree with the component in version"));
}

#[test]
fn a_name_that_two_handle_after_a_merge_is_found() {
    let (shop, other) = (Shop::with_bao(), Shop::new());
    shop.done(["add", "bao.wasm", "--yes"]);
    other.component(
        "z.wasm",
        RESOLVER,
        &RUNIT
            .replace("[\"runit\"]", "[\"from_bao\"]")
            .replace("punix:backend/backend", "punix:resolver/secret-resolver"),
    );
    other.done(["add", "z.wasm"]);
    let row = other.read("punix.lock").split_once("\n[[plugin]]").map(|(_, row)| format!("\n[[plugin]]{row}"));
    shop.write("punix.lock", &(shop.read("punix.lock") + &row.expect("it has a row")));
    for kept in fs::read_dir(other.path("plugins")).expect("it is there").flatten() {
        fs::copy(kept.path(), shop.path("plugins").join(kept.file_name())).expect("it can be copied");
    }
    let outcome = shop.punix(["audit"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("[E27] `from_bao` is handled by `org.example.bao` and by `org.example.runit`"),
        "{outcome:#?}"
    );
}
