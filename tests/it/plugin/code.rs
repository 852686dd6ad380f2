//! Machine code that `add` makes ahead, and what `audit` says of it.

use super::{BAO, RESOLVER, Shop};
use crate::support::run;
use expect_test::expect;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

impl Shop {
    /// Returns what `audit --json` says of the code of the only plugin.
    fn code(&self) -> String {
        let json = self.punix(["audit", "--json"]).json();
        let foreign = json["plugins"].list().iter().find(|plugin| !plugin["id"].text().starts_with("punix."));
        foreign.map(|plugin| plugin["code"].text().to_owned()).unwrap_or_default()
    }

    /// Lists what is kept of code.
    fn entries(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(self.path("home/.punix/compiled")).into_iter().flatten();
        listed.map(|entry| entry.expect("it can be read").path()).collect()
    }

    fn key(&self) -> PathBuf {
        self.path("home/.local/state/punix/cache.key")
    }
}

#[test]
fn what_is_added_is_compiled_once() {
    let shop = Shop::with_bao();
    shop.check(
        ["add", "bao.wasm", "--yes"],
        expect![[r#"
        exit 0
        stdout:
        added: org.example.bao 0.3.1
        granted: http:vault.internal:8200 get,post /v1/*, may read /lease_duration
        granted: env:BAO_TOKEN as a secret
        granted: clock
        stderr:
        org.example.bao 0.3.1
        world      punix:resolver/secret-resolver@0.1.0
        handles    from_bao
        sha256     #
        size       628 B, of it 384 B manifest
        imports    punix:cap/log@0.1.0; punix:cap/http@0.1.0; punix:cap/env@0.1.0;
                   punix:cap/clock@0.1.0
        exports    punix:base/meta@0.1.0; punix:resolver/api@0.1.0
        pure       it does not say so
        asks for
          http:vault.internal:8200 get,post /v1/*, may read /lease_duration
            it says what for: read KV
          env:BAO_TOKEN as a secret
            it says what for: login
          clock
            it says what for: leases end
        wishes     timeout_ms = 5000; memory_mib = 32
        compiling org.example.bao for this machine (628 B)
    "#]],
    );
    assert_eq!(shop.entries().len(), 1);
    assert_eq!(fs::metadata(shop.key()).expect("it was made").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(shop.key()).expect("it is ours").len(), 32);
    assert_eq!(shop.code(), "kept");
    shop.check(
        ["add", "bao.wasm", "--yes"],
        expect![[r#"
        exit 0
        stdout:
        locked already: org.example.bao 0.3.1
        stderr:
        org.example.bao 0.3.1
        world      punix:resolver/secret-resolver@0.1.0
        handles    from_bao
        sha256     #
        size       628 B, of it 384 B manifest
        imports    punix:cap/log@0.1.0; punix:cap/http@0.1.0; punix:cap/env@0.1.0;
                   punix:cap/clock@0.1.0
        exports    punix:base/meta@0.1.0; punix:resolver/api@0.1.0
        pure       it does not say so
        asks for
          http:vault.internal:8200 get,post /v1/*, may read /lease_duration
            it says what for: read KV
          env:BAO_TOKEN as a secret
            it says what for: login
          clock
            it says what for: leases end
        wishes     timeout_ms = 5000; memory_mib = 32
    "#]],
    );
    assert_eq!(shop.done(["add", "bao.wasm", "--json"]).json()["code"].text(), "kept");
    fs::remove_file(&shop.entries()[0]).expect("it is ours");
    assert_eq!(shop.code(), "absent");
    assert_eq!(shop.done(["add", "bao.wasm", "--json"]).json()["code"].text(), "compiled");
    assert_eq!(shop.code(), "kept");
}

#[test]
fn nothing_is_compiled_before_all_is_decided() {
    let shop = Shop::with_bao();
    let outcome = shop.done(["add", "bao.wasm", "--later"]);
    assert!(!outcome.stderr.contains("compiling"), "{outcome:#?}");
    assert!(shop.entries().is_empty() && !shop.key().exists());
    assert_eq!(shop.code(), "absent");
    assert_eq!(shop.done(["add", "bao.wasm", "--later", "--json"]).json()["code"].text(), "undecided");
    shop.done(["add", "bao.wasm", "--yes"]);
    assert_eq!(shop.code(), "kept");
}

#[test]
fn looking_makes_nothing() {
    let shop = Shop::with_bao();
    for verb in [&["list"][..], &["inspect", "bao.wasm"], &["audit"]] {
        shop.done(verb);
    }
    assert!(!shop.path("home").exists());
    let json = shop.done(["audit", "--json"]).json();
    assert!(json["plugins"].list().iter().all(|plugin| plugin["code"].text() == "built-in"));
}

#[test]
fn what_was_tampered_with_shows_and_is_made_anew() {
    let shop = Shop::with_bao();
    shop.done(["add", "bao.wasm", "--yes"]);
    let entry = shop.entries().remove(0);
    let good = fs::read(&entry).expect("it is ours");
    let mut bad = good.clone();
    bad[100] ^= 1;
    fs::write(&entry, &bad).expect("it is ours");
    assert_eq!(shop.code(), "changed");
    let text = shop.done(["audit"]).stdout;
    let ours = text.lines().skip_while(|line| !line.starts_with("org.example.bao")).collect::<Vec<_>>().join("\n");
    expect![[r#"
        org.example.bao 0.3.1   resolver   #  ok, not compiled, granted by punix.plugins.toml
          imports  log http env clock
          may      http:vault.internal:8200 get,post /v1/*, may read /lease_duration;
                   env:BAO_TOKEN as a secret; clock
          unused   all of it: it was not called here yet
          code     what is kept was not compiled here, or was changed: it will be compiled anew
        7 plugins, 0 findings"#]]
    .assert_eq(&shop.cut(&ours));
    shop.done(["add", "bao.wasm"]);
    assert_eq!(shop.code(), "kept");
    assert_ne!(fs::read(&entry).expect("it is ours"), bad);
    // Others could have written what others can read.
    fs::set_permissions(&entry, fs::Permissions::from_mode(0o644)).expect("it is ours");
    assert_eq!(shop.code(), "changed");
    // The same under another key: nothing of it was made here.
    fs::set_permissions(&entry, fs::Permissions::from_mode(0o600)).expect("it is ours");
    assert_eq!(shop.code(), "kept");
    fs::write(shop.key(), [7; 32]).expect("it is ours");
    assert_eq!(shop.code(), "changed");
    fs::remove_file(shop.key()).expect("it is ours");
    assert_eq!(shop.code(), "absent");
}

#[test]
fn where_it_cannot_be_kept_safely_that_is_said() {
    let shop = Shop::with_bao();
    fs::create_dir(shop.path("home")).expect("a folder can be made");
    fs::set_permissions(shop.path("home"), fs::Permissions::from_mode(0o777)).expect("it is ours");
    shop.check(["add", "bao.wasm", "--yes"], expect![[r#"
        exit 0
        stdout:
        added: org.example.bao 0.3.1
        granted: http:vault.internal:8200 get,post /v1/*, may read /lease_duration
        granted: env:BAO_TOKEN as a secret
        granted: clock
        stderr:
        org.example.bao 0.3.1
        world      punix:resolver/secret-resolver@0.1.0
        handles    from_bao
        sha256     #
        size       628 B, of it 384 B manifest
        imports    punix:cap/log@0.1.0; punix:cap/http@0.1.0; punix:cap/env@0.1.0;
                   punix:cap/clock@0.1.0
        exports    punix:base/meta@0.1.0; punix:resolver/api@0.1.0
        pure       it does not say so
        asks for
          http:vault.internal:8200 get,post /v1/*, may read /lease_duration
            it says what for: read KV
          env:BAO_TOKEN as a secret
            it says what for: login
          clock
            it says what for: leases end
        wishes     timeout_ms = 5000; memory_mib = 32
        compiling org.example.bao for this machine (628 B)
        warning: the compiled code is not kept, and is made anew for each run: `…/home/.punix/compiled` or the key to it cannot be used, or others can write to where they are
    "#]]);
    assert_eq!(shop.code(), "absent");
    assert!(shop.entries().is_empty());
}

#[test]
fn the_key_is_where_state_is() {
    let shop = Shop::with_bao();
    let mut command = shop.command(["add", "bao.wasm", "--yes"]);
    command.env("XDG_STATE_HOME", shop.path("state"));
    assert_eq!(run(command).code, Some(0));
    assert!(shop.path("state/punix/cache.key").exists() && !shop.key().exists());
    // A relative one is none.
    let mut command = shop.command(["add", "bao.wasm", "--yes"]);
    command.env("XDG_STATE_HOME", "state");
    assert_eq!(run(command).code, Some(0));
    assert!(shop.key().exists() && !shop.path("project/state").exists());
}

/// An update is another component, with code of its own.
#[test]
fn an_update_is_compiled_too() {
    let shop = Shop::with_bao();
    shop.done(["add", "bao.wasm", "--yes"]);
    shop.component("new.wasm", RESOLVER, &BAO.replace("0.3.1", "0.4.0"));
    let outcome = shop.done(["add", "new.wasm"]);
    assert!(outcome.stderr.contains("compiling org.example.bao for this machine"), "{outcome:#?}");
    assert_eq!((shop.code().as_str(), shop.entries().len()), ("kept", 2));
}
