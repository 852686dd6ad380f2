//! `inspect`, `diff` and `list`.

use super::{BAO, RESOLVER, RUNIT, Shop};
use expect_test::expect;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn a_file_is_shown_with_all_that_it_asks_for() {
    let shop = Shop::with_bao();
    shop.check(
        ["inspect", "bao.wasm"],
        expect![[r#"
        exit 0
        stdout:
        org.example.bao 0.3.1
        world      punix:resolver/secret-resolver@0.1.0
        handles    from_bao
        sha256     #
        size       628 B, of it 384 B manifest
        imports    punix:cap/log@0.1.0; punix:cap/http@0.1.0; punix:cap/env@0.1.0;
                   punix:cap/clock@0.1.0
        exports    punix:base/meta@0.1.0; punix:resolver/api@0.1.0
        pure       it does not say so
        in lock    not in it
        signature  none is looked for; the digest in the lock is what counts
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
    assert!(!shop.path("plugins").exists() && !shop.path("project/punix.lock").exists(), "looking writes nothing");
}

#[test]
fn what_is_imported_and_what_is_asked_for_are_compared() {
    let shop = Shop::new();
    let imports = ["punix:cap/log@0.1.0", "punix:cap/files@0.1.3"];
    shop.component("bao.wasm", &imports, BAO);
    let outcome = shop.done(["inspect", "bao.wasm"]);
    let end = outcome.stdout.split_once("timeout_ms = 5000").expect("its wishes are shown").1;
    expect![[r#"
        ; memory_mib = 32
        note: it imports and does not ask for: files; every call will be denied
        warning: it asks for what it cannot use, since it does not import it: http, env, clock
    "#]]
    .assert_eq(end);
}

#[test]
fn a_plugin_that_is_known_is_shown_with_what_was_decided() {
    let shop = Shop::with_bao();
    shop.done(["add", "bao.wasm", "--later"]);
    shop.done(["grant", "org.example.bao", "http", "vault.internal:8200", "--paths", "/v1/kv/*"]);
    shop.done(["revoke", "org.example.bao", "env", "BAO_TOKEN"]);
    let outcome = shop.done(["inspect", "org.example.bao"]);
    let (_, end) = outcome.stdout.split_once("in lock").expect("the lock is said");
    expect![[r#"
            this component
        source     bao.wasm
        signature  none is looked for; the digest in the lock is what counts
        asks for
          http:vault.internal:8200 get,post /v1/*, may read /lease_duration
            it says what for: read KV
            granted: http:vault.internal:8200 get,post /v1/kv/*
          env:BAO_TOKEN as a secret
            it says what for: login
            refused
          clock
            it says what for: leases end
            undecided: punix plugin grant org.example.bao clock
            or: punix plugin revoke org.example.bao clock
        wishes     timeout_ms = 5000; memory_mib = 32
    "#]]
    .assert_eq(end);
    let json = shop.done(["inspect", "org.example.bao", "--json"]).json();
    let decisions: Vec<&str> = json["requests"].list().iter().map(|request| request["decision"].text()).collect();
    assert_eq!(decisions, ["granted", "refused", "undecided"]);
    assert_eq!((json["state"].text(), json["locked"].text()), ("undecided", "this"));
    let json = shop.done(["inspect", "bao.wasm", "--json"]).json();
    assert_eq!(
        (json["locked"].text(), json["requests"].list()[0]["decision"].to_string()),
        ("this", "null".to_owned())
    );
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    let shop = Shop::with_bao();
    shop.write("core.wasm", "\0asm\u{1}\0\0\0");
    shop.write("text.wasm", "not WebAssembly");
    symlink("bao.wasm", shop.path("project/link.wasm")).expect("a link can be made");
    shop.check(
        ["inspect", "core.wasm"],
        expect![[r#"
        exit 1
        stderr:
        error: [E24] `core.wasm` is not a plugin that can be used: it is a core module, not a component
        help: `punix plugin build` makes a component of it
    "#]],
    );
    shop.check(
        ["inspect", "text.wasm"],
        expect![[r#"
        exit 1
        stderr:
        error: [E24] `text.wasm` is not a plugin that can be used: it is not WebAssembly
    "#]],
    );
    shop.check(
        ["inspect", "link.wasm"],
        expect![[r#"
        exit 1
        stderr:
        error: [E24] `link.wasm` is a link, and links to plugins are not followed
        help: name the file that it leads to
    "#]],
    );
    shop.check(
        ["inspect", "absent.wasm"],
        expect![[r#"
        exit 1
        stderr:
        error: [E27] `absent.wasm` is not in the lock
        help: `punix plugin add` inspects it, asks what to grant, and locks it
    "#]],
    );
    shop.check(
        ["inspect", "org.example.bao"],
        expect![[r#"
        exit 1
        stderr:
        error: [E27] `org.example.bao` is not in the lock
        help: `punix plugin add` inspects it, asks what to grant, and locks it
    "#]],
    );
    shop.check(
        ["inspect", "org.example.bao", "--json"],
        expect![[r#"
        exit 1
        stdout:
        {
          "diagnostics": [
            {
              "code": "E27",
              "help": "`punix plugin add` inspects it, asks what to grant, and locks it",
              "message": "`org.example.bao` is not in the lock",
              "notes": [],
              "severity": "error"
            }
          ],
          "dropped": 0,
          "ok": false
        }
    "#]],
    );
}

/// A plugin's own words reach a terminal only as text.
#[test]
fn words_of_a_plugin_cannot_move_the_cursor() {
    let shop = Shop::new();
    let evil = BAO.replace("\"login\"", r#""log\u202ein""#).replace("/lease_duration", r"/a\u202eb");
    shop.component("bao.wasm", RESOLVER, &evil);
    for arguments in [&["inspect", "bao.wasm"][..], &["add", "bao.wasm"], &["add", "bao.wasm", "--yes"], &["audit"]] {
        let outcome = shop.punix(arguments);
        assert!(!format!("{}{}", outcome.stdout, outcome.stderr).contains('\u{202e}'), "{outcome:#?}");
    }
    assert!(shop.done(["inspect", "org.example.bao"]).stdout.contains(r"log\u{202e}in"));
}

#[test]
fn an_update_is_compared_request_by_request() {
    let shop = Shop::with_bao();
    let new = BAO
        .replace("0.3.1", "0.4.0")
        .replace(r#""why":"login"}]"#, r#""why":"sign in"},{"name":"HOME","why":"a cache"}]"#)
        .replace(r#"["get","post"]"#, r#"["get","post","put"]"#)
        .replace(r#""clock":{"why":"leases end"},"#, "")
        .replace("\"memory_mib\":32", "\"memory_mib\":64");
    shop.component("new.wasm", RESOLVER, &new);
    shop.check(
        ["diff", "bao.wasm", "new.wasm"],
        expect![[r#"
        exit 1
        stdout:
          version: 0.3.1 -> 0.4.0
        + asks for more of http:vault.internal:8200
            it says what for: read KV
        ~ gives another reason for env:BAO_TOKEN
            it says what for: sign in
        + asks for env:HOME
            it says what for: a cache
        - asks no longer for clock
        ~ wish memory_mib: 32 -> 64
    "#]],
    );
    shop.check(
        ["diff", "bao.wasm", "bao.wasm"],
        expect![[r#"
        exit 0
        stdout:
        they are the same, byte for byte
    "#]],
    );
    shop.done(["add", "bao.wasm", "--later"]);
    let json = shop.punix(["diff", "org.example.bao", "new.wasm", "--json"]);
    assert_eq!(json.code, Some(1));
    assert_eq!(json.json()["widens"].to_string(), "true");
    // The other way round, the clock is what is new.
    let back = shop.punix(["diff", "new.wasm", "bao.wasm", "--json"]);
    assert_eq!((back.code, back.json()["widens"].to_string()), (Some(1), "true".to_owned()));
}

#[test]
fn the_list_says_how_each_one_stands() {
    let shop = Shop::with_bao();
    shop.check(
        ["list"],
        expect![[r#"
        exit 0
        stdout:
        punix.from-env    0.1.0  resolver   from_env    #  ok
        punix.from-file   0.1.0  resolver   from_file   #  ok
        punix.from-vault  0.1.0  resolver   from_vault  #  ok
        punix.local       0.1.0  transport  local       #  ok
        punix.ssh         0.1.0  transport  ssh         #  ok
        punix.systemd     0.1.0  backend    systemd     #  ok
    "#]],
    );
    shop.component("runit.wasm", &["punix:cap/log@0.1.0"], RUNIT);
    shop.done(["add", "bao.wasm", "--later"]);
    shop.done(["add", "runit.wasm"]);
    shop.check(
        ["list"],
        expect![[r#"
        exit 0
        stdout:
        punix.from-env     0.1.0  resolver   from_env    #  ok
        punix.from-file    0.1.0  resolver   from_file   #  ok
        punix.from-vault   0.1.0  resolver   from_vault  #  ok
        punix.local        0.1.0  transport  local       #  ok
        punix.ssh          0.1.0  transport  ssh         #  ok
        punix.systemd      0.1.0  backend    systemd     #  ok
        org.example.bao    0.3.1  resolver   from_bao    #  undecided
        org.example.runit  1.0.0  backend    runit       #  ok
    "#]],
    );
    let row = shop.foreign("list")[1].clone();
    let fields: Vec<&str> = row.fields().map(|(key, _)| key.as_str()).collect();
    assert_eq!(fields.join(" "), "built_in bytes handles id sha256 source state version world");
    fs::remove_dir_all(shop.path("plugins")).expect("it is there");
    shop.check(
        ["list"],
        expect![[r#"
        exit 0
        stdout:
        punix.from-env     0.1.0  resolver   from_env    #  ok
        punix.from-file    0.1.0  resolver   from_file   #  ok
        punix.from-vault   0.1.0  resolver   from_vault  #  ok
        punix.local        0.1.0  transport  local       #  ok
        punix.ssh          0.1.0  transport  ssh         #  ok
        punix.systemd      0.1.0  backend    systemd     #  ok
        org.example.bao    0.3.1  resolver   ?           #  missing
        org.example.runit  1.0.0  backend    ?           #  missing
    "#]],
    );
}

#[test]
fn a_directory_that_is_not_there_and_a_home_that_is_not_known_are_said() {
    let shop = Shop::with_bao();
    shop.check(
        ["list", "--project", "nowhere"],
        expect![[r#"
        exit 2
        stderr:
        error: there is no directory `nowhere`
        help: name the project's directory with `--project`
    "#]],
    );
    let mut command = shop.command(["list"]);
    command.env_remove("HOME").env_remove("PUNIX_PLUGIN_DIR");
    shop.gives(
        &crate::support::run(command),
        &expect![[r#"
        exit 2
        stderr:
        error: it is not known where plugins are kept: HOME is not set
        help: set HOME, or give `--plugin-dir` or PUNIX_PLUGIN_DIR
    "#]],
    );
    // A project may be named from anywhere.
    let mut command = shop.command(["add", "project/bao.wasm", "--later", "--project", "project"]);
    command.current_dir(shop.path(""));
    shop.gives(&crate::support::run(command), &expect![[r#"
        exit 0
        stdout:
        added: org.example.bao 0.3.1
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
        undecided: http:vault.internal:8200
          to allow it: punix plugin grant org.example.bao http vault.internal:8200 --methods get,post --paths '/v1/*' --public /lease_duration
          to go on without: punix plugin revoke org.example.bao http vault.internal:8200
        undecided: env:BAO_TOKEN
          to allow it: punix plugin grant org.example.bao env BAO_TOKEN --as secret
          to go on without: punix plugin revoke org.example.bao env BAO_TOKEN
        undecided: clock
          to allow it: punix plugin grant org.example.bao clock
          to go on without: punix plugin revoke org.example.bao clock
        it does not run before all of this is decided
    "#]]);
    assert!(shop.read("punix.lock").contains("source = \"bao.wasm\""));
}
