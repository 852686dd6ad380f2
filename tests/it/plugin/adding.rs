//! `add` and `remove`, without a terminal.

use super::{BAO, RESOLVER, RUNIT, Shop};
use expect_test::expect;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

#[test]
fn without_a_terminal_nothing_is_granted_and_nothing_written() {
    let shop = Shop::with_bao();
    shop.check(["add", "bao.wasm"], expect![[r#"
        exit 1
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
        error: [E25] the plugin `org.example.bao` 0.3.1 asks for `http:vault.internal:8200`, and nobody decided about that
        note: it says what for: read KV
        note: to go on without: punix plugin revoke org.example.bao http vault.internal:8200
        help: to allow it: punix plugin grant org.example.bao http vault.internal:8200 --methods get,post --paths '/v1/*' --public /lease_duration
        error: [E25] the plugin `org.example.bao` 0.3.1 asks for `env:BAO_TOKEN`, and nobody decided about that
        note: it says what for: login
        note: to go on without: punix plugin revoke org.example.bao env BAO_TOKEN
        help: to allow it: punix plugin grant org.example.bao env BAO_TOKEN --as secret
        error: [E25] the plugin `org.example.bao` 0.3.1 asks for `clock`, and nobody decided about that
        note: it says what for: leases end
        note: to go on without: punix plugin revoke org.example.bao clock
        help: to allow it: punix plugin grant org.example.bao clock
        3 errors
        nothing was added: there is no terminal to ask on
        help: `punix plugin add bao.wasm --yes` grants exactly what is asked for; with `--later` nothing is granted, and the commands above decide
    "#]]);
    let json = shop.punix(["add", "bao.wasm", "--json"]);
    assert_eq!(json.code, Some(1));
    assert_eq!(json.stderr, "");
    assert_eq!(json.json()["diagnostics"].list().len(), 3);
    let left: Vec<_> = fs::read_dir(shop.path("project")).expect("it is there").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(!shop.path("plugins").exists());
}

#[test]
fn with_yes_exactly_what_is_asked_for_is_granted() {
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
    expect![[r##"
        # What plugins may do. Edit it, or have `punix plugin grant` and `revoke` do so; commit it.

        [plugin."org.example.bao"]
        sha256 = "#"
        source = "bao.wasm"

        [plugin."org.example.bao".grant]
        http = [{ host = "vault.internal:8200", methods = ["get", "post"], paths = ["/v1/*"], public = ["/lease_duration"] }]
        env = [{ name = "BAO_TOKEN", as = "secret" }]
        clock = true
    "##]].assert_eq(&shop.cut(&shop.policy()));
    expect![[r##"
        # The plugins that are used. Written by `punix plugin`; commit it.
        version = 1

        [[plugin]]
        id = "org.example.bao"
        version = "0.3.1"
        world = "punix:resolver/secret-resolver@0.1.0"
        sha256 = "#"
        size = 628
        requests = "#"
        source = "bao.wasm"
    "##]]
    .assert_eq(&shop.cut(&shop.read("punix.lock")));
    let kept = shop.kept();
    let [kept] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!(fs::read(kept).ok(), fs::read(shop.path("project/bao.wasm")).ok());
    let mode = |path: &str| fs::metadata(shop.path(path)).expect("it is there").permissions().mode() & 0o7777;
    assert_eq!(kept.metadata().expect("it is there").permissions().mode() & 0o7777, 0o644);
    assert_eq!(
        (mode("plugins"), mode("project/punix.lock"), mode("project/punix.plugins.toml")),
        (0o755, 0o644, 0o644)
    );
    assert_eq!(shop.state(), "ok");
    // Once more, and nothing is different.
    let before = (shop.policy(), shop.read("punix.lock"));
    shop.check(
        ["add", "bao.wasm"],
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
    assert_eq!(before, (shop.policy(), shop.read("punix.lock")));
}

/// What a request leaves open nobody can grant but the operator.
#[test]
fn yes_leaves_open_what_the_plugin_leaves_open() {
    let shop = Shop::new();
    let open = concat!(
        r#"{"handles":["from_x"],"id":"org.example.x","requests":{"env":[{"name":"{reference}","why":"a"}],"#,
        r#""files":[{"root":"etc","why":"b"},{"path":"/srv","root":"srv","why":"c","write":true}],"#,
        r#""http":[{"host":"{config.address}","methods":["get"],"paths":["/"],"why":"d"}],"#,
        r#""secrets":{"reveal":true,"why":"e"}},"version":"1.0.0","world":"punix:resolver/secret-resolver@0.1.0"}"#
    );
    shop.component("x.wasm", RESOLVER, open);
    shop.check(
        ["add", "x.wasm", "--yes"],
        expect![[r#"
        exit 0
        stdout:
        added: org.example.x 1.0.0
        granted: files:srv /srv to read and write
        granted: reveal
        stderr:
        org.example.x 1.0.0
        world      punix:resolver/secret-resolver@0.1.0
        handles    from_x
        sha256     #
        size       608 B, of it 364 B manifest
        imports    punix:cap/log@0.1.0; punix:cap/http@0.1.0; punix:cap/env@0.1.0;
                   punix:cap/clock@0.1.0
        exports    punix:base/meta@0.1.0; punix:resolver/api@0.1.0
        pure       it does not say so
        asks for
          http:{config.address} get /
            it says what for: d
          env:{reference} in plain
            it says what for: a
          files:etc to read
            it says what for: b
          files:srv /srv to read and write
            it says what for: c
          reveal
            it says what for: e
        note: it imports and does not ask for: clock; every call will be denied
        warning: it asks for what it cannot use, since it does not import it: files, reveal
        undecided: http:{config.address}
          to allow it: punix plugin grant org.example.x http HOST:PORT --methods get --paths /
          to go on without: punix plugin revoke org.example.x http '{config.address}'
        undecided: env:{reference}
          to allow it: punix plugin grant org.example.x env NAME --as plain
          to go on without: punix plugin revoke org.example.x env '{reference}'
        undecided: files:etc
          to allow it: punix plugin grant org.example.x files etc PATH
          to go on without: punix plugin revoke org.example.x files etc
        it does not run before all of this is decided
    "#]],
    );
    assert_eq!(shop.state(), "undecided");
    shop.done(["grant", "org.example.x", "env", "ANY"]);
    shop.done(["grant", "org.example.x", "files", "etc", "/etc"]);
    shop.done(["grant", "org.example.x", "http", "a.example:443"]);
    assert_eq!(shop.state(), "ok");
    let transport = concat!(
        r#"{"handles":["docker"],"id":"org.example.docker","requests":{"spawn":["#,
        r#"{"args":["exec","*","..."],"program":"docker","why":"f"},{"program":"/usr/bin/ssh","why":"g"}]},"#,
        r#""version":"1.0.0","world":"punix:transport/transport@0.1.0"}"#
    );
    shop.component("docker.wasm", &["punix:cap/spawn@0.1.0"], transport);
    shop.check(
        ["add", "docker.wasm", "--yes"],
        expect![[r#"
        exit 0
        stdout:
        added: org.example.docker 1.0.0
        granted: spawn:/usr/bin/ssh with any arguments
        stderr:
        org.example.docker 1.0.0
        world      punix:transport/transport@0.1.0
        handles    docker
        sha256     #
        size       376 B, of it 225 B manifest
        imports    punix:cap/spawn@0.1.0
        exports    punix:base/meta@0.1.0; punix:transport/api@0.1.0
        pure       it does not say so
        asks for
          spawn:docker with exec * ...
            it says what for: f
          spawn:/usr/bin/ssh with any arguments
            it says what for: g
        undecided: spawn:docker
          to allow it: punix plugin grant org.example.docker spawn /PATH/TO/docker -- exec '*' ...
          to go on without: punix plugin revoke org.example.docker spawn docker
        it does not run before all of this is decided
    "#]],
    );
}

#[test]
fn an_update_keeps_what_was_granted_and_gets_nothing_by_itself() {
    let shop = Shop::with_bao();
    shop.done(["add", "bao.wasm", "--yes"]);
    shop.write("punix.plugins.toml", &format!("# by ops\n\n{}", shop.policy()));
    let new = BAO
        .replace("0.3.1", "0.4.0")
        .replace(r#""why":"login"}]"#, r#""why":"login"},{"name":"HOME","why":"a cache"}]"#)
        .replace(r#"["get","post"]"#, r#"["get","post","put"]"#);
    shop.component("new.wasm", RESOLVER, &new);
    let before = shop.policy();
    shop.check(["add", "new.wasm"], expect![[r#"
        exit 1
        stderr:
        org.example.bao 0.4.0
        world      punix:resolver/secret-resolver@0.1.0
        handles    from_bao
        sha256     #
        size       666 B, of it 422 B manifest
        imports    punix:cap/log@0.1.0; punix:cap/http@0.1.0; punix:cap/env@0.1.0;
                   punix:cap/clock@0.1.0
        exports    punix:base/meta@0.1.0; punix:resolver/api@0.1.0
        pure       it does not say so
        asks for
          http:vault.internal:8200 get,post,put /v1/*, may read /lease_duration
            it says what for: read KV
          env:BAO_TOKEN as a secret
            it says what for: login
          env:HOME in plain
            it says what for: a cache
          clock
            it says what for: leases end
        wishes     timeout_ms = 5000; memory_mib = 32
        since the version that is locked
            version: 0.3.1 -> 0.4.0
          + asks for more of http:vault.internal:8200
              it says what for: read KV
          + asks for env:HOME
              it says what for: a cache
        error: [E25] the plugin `org.example.bao` 0.4.0 asks for `env:HOME`, and nobody decided about that
        note: it says what for: a cache
        note: to go on without: punix plugin revoke org.example.bao env HOME
        help: to allow it: punix plugin grant org.example.bao env HOME --as plain
        nothing was added: there is no terminal to ask on
        help: `punix plugin add new.wasm --yes` grants exactly what is asked for; with `--later` nothing is granted, and the commands above decide
    "#]]);
    assert_eq!(before, shop.policy());
    assert_eq!(shop.state(), "ok", "the old one stays");
    shop.check(
        ["add", "new.wasm", "--later"],
        expect![[r#"
        exit 0
        stdout:
        updated: org.example.bao 0.4.0
        stderr:
        org.example.bao 0.4.0
        world      punix:resolver/secret-resolver@0.1.0
        handles    from_bao
        sha256     #
        size       666 B, of it 422 B manifest
        imports    punix:cap/log@0.1.0; punix:cap/http@0.1.0; punix:cap/env@0.1.0;
                   punix:cap/clock@0.1.0
        exports    punix:base/meta@0.1.0; punix:resolver/api@0.1.0
        pure       it does not say so
        asks for
          http:vault.internal:8200 get,post,put /v1/*, may read /lease_duration
            it says what for: read KV
          env:BAO_TOKEN as a secret
            it says what for: login
          env:HOME in plain
            it says what for: a cache
          clock
            it says what for: leases end
        wishes     timeout_ms = 5000; memory_mib = 32
        since the version that is locked
            version: 0.3.1 -> 0.4.0
          + asks for more of http:vault.internal:8200
              it says what for: read KV
          + asks for env:HOME
              it says what for: a cache
        undecided: env:HOME
          to allow it: punix plugin grant org.example.bao env HOME --as plain
          to go on without: punix plugin revoke org.example.bao env HOME
        it does not run before all of this is decided
    "#]],
    );
    let policy = shop.policy();
    assert!(policy.starts_with("# by ops\n") && policy.contains(r#"methods = ["get", "post"]"#), "{policy}");
    let digest = |policy: &str| policy.lines().find(|line| line.starts_with("sha256")).map(str::to_owned);
    assert_ne!(digest(&policy), digest(&before));
    assert_eq!(shop.state(), "undecided");
    shop.done(["revoke", "org.example.bao", "env", "HOME"]);
    assert_eq!(shop.state(), "ok");
    // And back again.
    shop.done(["add", "bao.wasm"]);
    assert_eq!(shop.state(), "ok");
}

#[test]
fn a_lock_without_its_component_says_how_to_get_it() {
    let shop = Shop::with_bao();
    shop.done(["add", "bao.wasm", "--yes"]);
    fs::remove_dir_all(shop.path("plugins")).expect("it is there");
    shop.check(
        ["inspect", "org.example.bao"],
        expect![[r#"
        exit 1
        stderr:
        error: [E27] the component of `org.example.bao` 0.3.1 is locked, and not in `…/plugins`
        help: `punix plugin add bao.wasm` brings it
    "#]],
    );
    assert_eq!(shop.state(), "missing");
    let lock = shop.read("punix.lock");
    fs::rename(shop.path("project/bao.wasm"), shop.path("project/moved.wasm")).expect("it can be moved");
    shop.done(["add", "moved.wasm"]);
    assert_eq!(shop.state(), "ok");
    assert_eq!(lock, shop.read("punix.lock"), "who brings the locked component says nothing new");
    let kept = shop.kept().remove(0);
    fs::write(&kept, "evil").expect("it can be written to");
    assert_eq!(shop.state(), "changed");
    shop.check(
        ["inspect", "org.example.bao"],
        expect![[r#"
        exit 1
        stderr:
        error: [E27] the component of `org.example.bao` was changed: the digest of `…/plugins/#.wasm` is #
        help: find out by whom; `punix plugin add bao.wasm` brings it
    "#]],
    );
    shop.done(["add", "moved.wasm"]);
    assert_eq!(shop.state(), "ok");
    shop.done(["add", "moved.wasm", "--source", "oci://registry.example/bao:0.3.1"]);
    fs::remove_file(&kept).expect("it is there");
    assert!(
        shop.punix(["inspect", "org.example.bao"]).stderr.contains("fetch it from oci://registry.example/bao:0.3.1")
    );
}

#[test]
fn two_plugins_cannot_have_one_name() {
    let shop = Shop::with_bao();
    shop.done(["add", "bao.wasm", "--yes"]);
    shop.component("other.wasm", RESOLVER, &BAO.replace("org.example.bao", "org.example.other"));
    shop.check(
        ["add", "other.wasm", "--yes"],
        expect![[r#"
        exit 1
        stderr:
        error: [E27] `org.example.other` handles `from_bao`, and so does `org.example.bao`
        help: remove the other one first: punix plugin remove org.example.bao
    "#]],
    );
    // A backend and a resolver are not found in the same way.
    shop.component("runit.wasm", &[], &RUNIT.replace("[\"runit\"]", "[\"from_bao\"]"));
    shop.done(["add", "runit.wasm"]);
}

#[test]
fn a_plugin_can_be_removed() {
    let shop = Shop::with_bao();
    shop.component("runit.wasm", &["punix:cap/log@0.1.0"], RUNIT);
    shop.done(["add", "bao.wasm", "--yes"]);
    shop.done(["add", "runit.wasm"]);
    shop.check(
        ["remove", "org.example.bao"],
        expect![[r#"
        exit 0
        stdout:
        removed: org.example.bao
    "#]],
    );
    assert!(!shop.policy().contains("bao") && !shop.read("punix.lock").contains("bao"));
    assert!(shop.policy().contains("org.example.runit"));
    assert_eq!(shop.kept().len(), 1, "that of the other one");
    shop.check(
        ["remove", "org.example.bao"],
        expect![[r#"
        exit 1
        stderr:
        error: [E27] `org.example.bao` is not in the lock
        help: `punix plugin add` inspects it, asks what to grant, and locks it
    "#]],
    );
}

#[test]
fn files_that_are_not_understood_stop_everything() {
    let shop = Shop::with_bao();
    shop.done(["add", "bao.wasm", "--yes"]);
    let (policy, lock) = (shop.policy(), shop.read("punix.lock"));
    shop.write("punix.plugins.toml", &policy.replace("clock", "clok"));
    for verb in [&["list"][..], &["audit"], &["add", "bao.wasm"], &["grant", "org.example.bao", "clock"]] {
        let outcome = shop.punix(verb);
        assert_eq!(outcome.code, Some(1));
        assert!(
            outcome.stderr.starts_with("error: [E26] punix.plugins.toml:10:1: unknown field `clok`"),
            "{outcome:#?}"
        );
    }
    shop.write("punix.plugins.toml", &policy);
    shop.write("punix.lock", &lock.replace("size", "sise"));
    assert!(shop.punix(["list"]).stderr.contains("[E26] punix.lock:"));
    fs::remove_file(shop.path("project/punix.lock")).expect("it is there");
    fs::create_dir(shop.path("project/punix.lock")).expect("it can be made");
    shop.check(
        ["list"],
        expect![[r#"
        exit 1
        stderr:
        error: [E26] `punix.lock` is not a regular file
        note: nothing is granted as long as it is so
    "#]],
    );
}

#[test]
fn a_link_stays_one_and_a_mode_too() {
    let shop = Shop::with_bao();
    fs::create_dir(shop.path("real")).expect("it can be made");
    fs::write(shop.path("real/policy"), "# shared\n").expect("it can be written");
    fs::set_permissions(shop.path("real/policy"), fs::Permissions::from_mode(0o640)).expect("it can be set");
    symlink("../real/policy", shop.path("project/punix.plugins.toml")).expect("it can be made");
    shop.done(["add", "bao.wasm", "--yes"]);
    let written = fs::read_to_string(shop.path("real/policy")).expect("it is there");
    assert!(written.starts_with("# shared\n\n[plugin."), "{written}");
    let link = fs::symlink_metadata(shop.path("project/punix.plugins.toml")).expect("it is there");
    assert!(link.is_symlink());
    assert_eq!(fs::metadata(shop.path("real/policy")).expect("it is there").permissions().mode() & 0o7777, 0o640);
}
