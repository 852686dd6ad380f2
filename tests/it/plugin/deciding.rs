//! `grant` and `revoke`.
//!
//! Over 500 lines: the texts that people see are long, and stand whole beside what shows them.

use super::{BAO, RESOLVER, Shop};
use expect_test::expect;

/// Everything that can be asked for, in a form that every shell has its view of.
const MUCH: &str = concat!(
    r#"{"handles":["from_x"],"id":"org.example.x","requests":{"clock":{"why":"a"},"env":[{"name":"HOME","why":"a"},"#,
    r#"{"name":"TOKEN","secret":true,"why":"a"},{"name":"{reference}","secret":true,"why":"a"}],"#,
    r#""files":[{"path":"/etc/it's here","root":"etc","why":"a","write":true},{"root":"other","why":"a"},"#,
    r#"{"root":"{reference}","why":"a"}],"http":[{"host":"*.internal:8200","methods":["get","vault-list"],"#,
    r#""paths":["/a,b","/v1/*"],"plain_http":true,"public":["/a","/b c"],"why":"a"},"#,
    r#"{"host":"{config.address}","methods":["post"],"paths":["/"],"why":"a"}],"#,
    r#""secrets":{"reveal":true,"seal":true,"why":"a"}},"version":"1.0.0","#,
    r#""world":"punix:resolver/secret-resolver@0.1.0"}"#
);
const MUCH_OF_A_TRANSPORT: &str = concat!(
    r#"{"handles":["x"],"id":"org.example.t","requests":{"clock":{"why":"a"},"here":{"why":"a"},"spawn":["#,
    r#"{"args":["exec","*","it's","..."],"program":"docker","why":"a"},{"args":[],"program":"/usr/bin/true","why":"a"},"#,
    r#"{"args":["-x","--","*"],"program":"/usr/bin/env","why":"a"},{"program":"/usr/bin/ssh","why":"a"}],"#,
    r#""ssh":{"why":"a"}},"version":"1.0.0","world":"punix:transport/transport@0.1.0"}"#
);

fn shop(manifest: &str) -> Shop {
    let shop = Shop::new();
    let imports: &[&str] = if manifest.contains("transport@") { &["punix:cap/spawn@0.1.0"] } else { RESOLVER };
    shop.component("x.wasm", imports, manifest);
    shop.done(["add", "x.wasm", "--later"]);
    shop
}

/// Lists the commands behind a word of every refusal.
fn commands(shop: &Shop, word: &str) -> Vec<String> {
    let found = shop.punix(["audit", "--json"]).json();
    let diagnostics = found["diagnostics"].list().iter();
    let said = diagnostics.flat_map(|diagnostic| {
        let notes = diagnostic["notes"].list().iter().map(|note| note["message"].text());
        notes.chain([diagnostic["help"].text()]).map(str::to_owned).collect::<Vec<_>>()
    });
    said.filter_map(|text| text.strip_prefix(word).map(str::to_owned)).collect()
}

/// Puts in what a plugin cannot know.
fn known(command: &str) -> String {
    let command = command.replace("/PATH/TO/docker", "/usr/bin/docker").replace("HOST:PORT", "vault.internal:8200");
    let command = command.replace(" env NAME", " env ANY_TOKEN").replace(" files ROOT PATH", " files keys /etc/keys");
    command.replace(" files other PATH", " files other '/srv/other files'")
}

#[test]
fn every_command_that_a_refusal_prints_settles_it() {
    for (manifest, count) in [(MUCH, 11), (MUCH_OF_A_TRANSPORT, 7)] {
        let shop = shop(manifest);
        let grants = commands(&shop, "to allow it: ");
        assert_eq!(grants.len(), count, "{grants:#?}");
        for grant in &grants {
            assert_eq!(shop.state(), "undecided");
            let outcome = shop.paste(&known(grant));
            assert_eq!(outcome.code, Some(0), "{grant}: {outcome:#?}");
            assert!(!commands(&shop, "to allow it: ").contains(grant), "{grant}: {outcome:#?}");
        }
        assert_eq!(shop.state(), "ok");
        let audit = shop.punix(["audit"]);
        assert_eq!(audit.code, Some(0), "nothing was granted that is not asked for: {audit:#?}");
        // Once more, and all of it is there already.
        let before = shop.policy();
        for grant in &grants {
            assert_eq!(shop.paste(&known(grant)).stdout, "unchanged\n", "{grant}");
        }
        assert_eq!(before, shop.policy());
    }
}

#[test]
fn every_command_to_go_on_without_settles_it_too() {
    for manifest in [MUCH, MUCH_OF_A_TRANSPORT] {
        let shop = shop(manifest);
        let revokes = commands(&shop, "to go on without: ");
        assert!(revokes.len() >= 7, "{revokes:#?}");
        for revoke in &revokes {
            assert_eq!(shop.state(), "undecided");
            let outcome = shop.paste(revoke);
            assert_eq!(outcome.code, Some(0), "{revoke}: {outcome:#?}");
        }
        assert_eq!(shop.state(), "ok");
        let plugins = shop.foreign("audit");
        let requests = plugins[0]["requests"].list();
        assert!(requests.iter().all(|request| request["decision"].text() == "refused"), "{requests:?}");
    }
}

/// What was granted is taken back by what was printed for the request, and the other way round.
#[test]
fn a_refusal_and_a_grant_take_each_other_back() {
    for manifest in [MUCH, MUCH_OF_A_TRANSPORT] {
        let shop = shop(manifest);
        let (grants, revokes) = (commands(&shop, "to allow it: "), commands(&shop, "to go on without: "));
        for (grant, revoke) in grants.iter().zip(&revokes) {
            let decision = |command: &str| {
                let outcome = shop.paste(&known(command));
                assert_eq!(outcome.code, Some(0), "{command}: {outcome:#?}");
                let subject = revoke.split_once("org.example.").expect("it names the plugin").1;
                let key = subject.split_once(' ').expect("and what").1.replacen(' ', ":", 1).replace('\'', "");
                let json = shop.done(["inspect", subject_id(manifest), "--json"]).json();
                let requests = json["requests"].list().to_vec();
                let found = requests.iter().find(|request| request["key"].text().replace('\'', "") == key);
                found.unwrap_or_else(|| panic!("{key}: {json}"))["decision"].text().to_owned()
            };
            assert_eq!(decision(grant), "granted", "{grant}");
            assert_eq!(decision(revoke), "refused", "{revoke}");
            assert_eq!(decision(grant), "granted", "{grant}");
        }
        assert_eq!(shop.state(), "ok");
        for revoke in &revokes {
            shop.paste(revoke);
        }
        assert_eq!(
            shop.punix(["audit"]).code,
            Some(0),
            "nothing is left that is granted and refused: {}",
            shop.policy()
        );
    }
}

fn subject_id(manifest: &str) -> &'static str {
    if manifest.contains("org.example.t") { "org.example.t" } else { "org.example.x" }
}

#[test]
fn what_is_granted_is_said_and_written() {
    let shop = shop(BAO);
    shop.check(
        [
            "grant",
            "org.example.bao",
            "http",
            "vault.internal:8200",
            "--methods",
            "get",
            "--paths",
            "/v1/kv/*,/v1/sys/health",
        ],
        expect![[r#"
            exit 0
            stdout:
            granted: http:vault.internal:8200 get /v1/kv/*,/v1/sys/health
            stderr:
            undecided: env:BAO_TOKEN
              to allow it: punix plugin grant org.example.bao env BAO_TOKEN --as secret
              to go on without: punix plugin revoke org.example.bao env BAO_TOKEN
            undecided: clock
              to allow it: punix plugin grant org.example.bao clock
              to go on without: punix plugin revoke org.example.bao clock
            it does not run before all of this is decided
        "#]],
    );
    shop.check(
        ["revoke", "org.example.bao", "env", "BAO_TOKEN"],
        expect![[r#"
        exit 0
        stdout:
        refused: env:BAO_TOKEN
        stderr:
        undecided: clock
          to allow it: punix plugin grant org.example.bao clock
          to go on without: punix plugin revoke org.example.bao clock
        it does not run before all of this is decided
    "#]],
    );
    shop.check(
        ["grant", "org.example.bao", "env", "BAO_TOKEN"],
        expect![[r#"
        exit 0
        stdout:
        no longer refused: env:BAO_TOKEN
        granted: env:BAO_TOKEN as a secret
        stderr:
        undecided: clock
          to allow it: punix plugin grant org.example.bao clock
          to go on without: punix plugin revoke org.example.bao clock
        it does not run before all of this is decided
    "#]],
    );
    shop.check(
        ["grant", "org.example.bao", "clock"],
        expect![[r#"
        exit 0
        stdout:
        granted: clock
    "#]],
    );
    shop.check(
        ["grant", "org.example.bao", "clock"],
        expect![[r#"
        exit 0
        stdout:
        unchanged
    "#]],
    );
    shop.check(
        ["revoke", "org.example.bao", "http", "vault.internal:8200"],
        expect![[r#"
        exit 0
        stdout:
        no longer granted: http:vault.internal:8200 get /v1/kv/*,/v1/sys/health
        refused: http:vault.internal:8200
    "#]],
    );
    shop.check(
        ["revoke", "org.example.bao", "http", "vault.internal:8200"],
        expect![[r#"
        exit 0
        stdout:
        unchanged
    "#]],
    );
    expect![[r##"
        # What plugins may do. Edit it, or have `punix plugin grant` and `revoke` do so; commit it.

        [plugin."org.example.bao"]
        sha256 = "#"
        source = "x.wasm"
        deny = ["http:vault.internal:8200"]

        [plugin."org.example.bao".grant]
        http = []
        env = [{ name = "BAO_TOKEN", as = "secret" }]
        clock = true
    "##]]
    .assert_eq(&shop.cut(&shop.policy()));
    let json = shop.done(["grant", "org.example.bao", "http", "vault.internal:8200", "--json"]);
    expect![[r#"
        {
          "changed": true,
          "granted": [
            {
              "ca": null,
              "host": "vault.internal:8200",
              "kind": "http",
              "methods": [
                "get",
                "post"
              ],
              "paths": [
                "/v1/*"
              ],
              "plain_http": false,
              "private": false,
              "public": []
            }
          ],
          "id": "org.example.bao",
          "lifted": [
            "http:vault.internal:8200"
          ],
          "limits": {},
          "ok": true,
          "policy": "punix.plugins.toml",
          "refused": [],
          "requests": [
            {
              "asks": "get,post /v1/*, may read /lease_duration",
              "computed": false,
              "decision": "granted",
              "gives": [
                {
                  "ca": null,
                  "configured": null,
                  "host": "vault.internal:8200",
                  "kind": "http",
                  "methods": [
                    "get",
                    "post"
                  ],
                  "paths": [
                    "/v1/*"
                  ],
                  "plain_http": false,
                  "private": false,
                  "public": []
                }
              ],
              "key": "http:vault.internal:8200",
              "why": "read KV"
            },
            {
              "asks": "as a secret",
              "computed": false,
              "decision": "granted",
              "gives": [
                {
                  "as": "secret",
                  "kind": "env",
                  "name": "BAO_TOKEN"
                }
              ],
              "key": "env:BAO_TOKEN",
              "why": "login"
            },
            {
              "asks": "",
              "computed": false,
              "decision": "granted",
              "gives": [
                {
                  "kind": "clock"
                }
              ],
              "key": "clock",
              "why": "leases end"
            }
          ],
          "state": "ok",
          "taken": []
        }
    "#]]
    .assert_eq(&shop.cut(&json.stdout));
}

#[test]
fn what_is_not_asked_for_is_not_granted() {
    let shop = shop(BAO);
    shop.check(["grant", "org.example.bao", "env", "HOME"], expect![[r#"
        exit 2
        stderr:
        error: `org.example.bao` asks for nothing that `env:HOME` would give
        help: it asks for `http:vault.internal:8200`, `env:BAO_TOKEN`, `clock`; `punix plugin inspect org.example.bao` shows more
    "#]]);
    shop.check(
        ["grant", "org.example.bao", "http", "other.internal:8200"],
        expect![[r#"
        exit 2
        stderr:
        error: it is not clear which methods and paths of `other.internal:8200` are meant
        help: say both with `--methods` and `--paths`
    "#]],
    );
    shop.check(["grant", "org.example.bao", "http", "vault.internal:8200", "--methods", "delete"], expect![[r#"
        exit 2
        stderr:
        error: `org.example.bao` asks for nothing that `http:vault.internal:8200` would give
        help: it asks for `http:vault.internal:8200`, `env:BAO_TOKEN`, `clock`; `punix plugin inspect org.example.bao` shows more
    "#]]);
    shop.check(["grant", "org.example.bao", "spawn", "/bin/sh"], expect![[r#"
        exit 2
        stderr:
        error: `org.example.bao` asks for nothing that `spawn:/bin/sh` would give
        help: it asks for `http:vault.internal:8200`, `env:BAO_TOKEN`, `clock`; `punix plugin inspect org.example.bao` shows more
    "#]]);
    shop.check(
        ["grant", "org.example.bao", "http", "{config.address}"],
        expect![[r#"
        exit 2
        stderr:
        error: `{config.address}` is what the configuration says
        help: name a host with its port
    "#]],
    );
    shop.check(
        ["revoke", "org.example.bao", "env", "HOME"],
        expect![[r#"
        exit 2
        stderr:
        error: `org.example.bao` is not granted `env:HOME`, and does not ask for it
        help: `punix plugin inspect org.example.bao` shows what it asks for
    "#]],
    );
    shop.check(
        ["revoke", "org.example.bao", "env"],
        expect![[r#"
        exit 2
        stderr:
        error: `` is not the name of a variable
        help: say it as `punix plugin audit` does
    "#]],
    );
    shop.check(
        ["grant", "org.example.none", "clock"],
        expect![[r#"
        exit 1
        stderr:
        error: [E27] `org.example.none` is not in the lock
        help: `punix plugin add` inspects it, asks what to grant, and locks it
    "#]],
    );
    let wrong = shop.punix(["grant", "org.example.bao", "http", "VAULT"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("`VAULT` is not a host with a port"), "{wrong:#?}");
    let wrong = shop.punix(["grant", "bao", "clock"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("`bao` is not the id of a plugin"), "{wrong:#?}");
    assert!(!shop.policy().contains(".grant]"), "{}", shop.policy());
}

#[test]
fn limits_are_given_and_taken_back() {
    let shop = Shop::new();
    shop.component("bao.wasm", RESOLVER, &BAO.replace("\"memory_mib\":32", "\"memory_mib\":128"));
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
            size       629 B, of it 385 B manifest
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
            wishes     timeout_ms = 5000; memory_mib = 128
            compiling org.example.bao for this machine (629 B)
            warning: the plugin `org.example.bao` wishes `memory_mib = 128` and gets 32
            help: if it fails for that, and the site allows it: punix plugin grant org.example.bao limits memory_mib=128
        "#]],
    );
    shop.check(
        ["grant", "org.example.bao", "limits", "memory_mib=128", "timeout_ms=3000"],
        expect![[r#"
        exit 0
        stdout:
        limit: memory_mib = 128
        limit: timeout_ms = 3000
        stderr:
        warning: the plugin `org.example.bao` wishes `timeout_ms = 5000` and gets 3000
        help: if it fails for that, and the site allows it: punix plugin grant org.example.bao limits timeout_ms=5000
    "#]],
    );
    shop.check(
        ["grant", "org.example.bao", "limits", "memory_mib=128"],
        expect![[r#"
        exit 0
        stdout:
        unchanged
        stderr:
        warning: the plugin `org.example.bao` wishes `timeout_ms = 5000` and gets 3000
        help: if it fails for that, and the site allows it: punix plugin grant org.example.bao limits timeout_ms=5000
    "#]],
    );
    let limits = shop.foreign("audit")[0]["limits"].clone();
    assert_eq!((limits["memory_mib"].number(), limits["timeout_ms"].number()), (Some(128), Some(3000)));
    shop.check(
        ["revoke", "org.example.bao", "limits", "timeout_ms"],
        expect![[r#"
        exit 0
        stdout:
        limit: timeout_ms = what is usual
    "#]],
    );
    shop.check(["grant", "org.example.bao", "limits", "memory=1"], expect![[r#"
        exit 2
        stderr:
        error: there is no limit `memory`
        help: there are: timeout_ms, memory_mib, memories, instances, tables, table_elements, handles, call_kib, output_mib, artefacts, artefact_kib, log_lines, log_line_bytes, steps, session_s, stack_kib, response_kib
    "#]]);
    shop.check(
        ["grant", "org.example.bao", "limits", "memory_mib=4096"],
        expect![[r#"
        exit 2
        stderr:
        error: `memory_mib` can be at most 1024
        help: nobody can be given more
    "#]],
    );
    shop.check(
        ["revoke", "org.example.bao", "limits"],
        expect![[r#"
        exit 2
        stderr:
        error: it is not said which limit
        help: name it: `limits memory_mib`
    "#]],
    );
}

/// A grant is for one component; another one has to be looked at first.
#[test]
fn a_grant_for_another_component_is_not_added_to() {
    let shop = shop(BAO);
    let policy = shop.policy();
    let digest = policy.lines().find(|line| line.starts_with("sha256")).expect("it is there");
    shop.write("punix.plugins.toml", &policy.replace(digest, &format!("sha256 = \"{}\"", "0".repeat(64))));
    shop.check(
        ["grant", "org.example.bao", "clock"],
        expect![[r#"
        exit 1
        stderr:
        error: [E27] what is granted to `org.example.bao` is not for this component: its digest is #
        note: it is granted to the component with the digest #
        help: `punix plugin inspect org.example.bao` shows it; `punix plugin add` asks what to grant
    "#]],
    );
    assert_eq!(shop.state(), "not-chosen");
    // Taking away can always be done.
    shop.done(["revoke", "org.example.bao", "clock"]);
    // Whoever deleted the table decides anew, about the component that is locked.
    shop.write("punix.plugins.toml", "# nothing\n");
    shop.done(["grant", "org.example.bao", "clock"]);
    assert!(shop.policy().contains(digest), "{}", shop.policy());
    shop.done(["add", "x.wasm", "--yes"]);
    assert_eq!(shop.state(), "ok");
}

#[test]
fn without_its_component_a_plugin_can_only_lose() {
    let shop = shop(BAO);
    shop.done(["grant", "org.example.bao", "clock"]);
    std::fs::remove_dir_all(shop.path("plugins")).expect("it is there");
    shop.check(
        ["grant", "org.example.bao", "env", "BAO_TOKEN"],
        expect![[r#"
        exit 1
        stderr:
        error: [E27] the component of `org.example.bao` 0.3.1 is locked, and not in `…/plugins`
        help: `punix plugin add x.wasm` brings it
    "#]],
    );
    shop.check(
        ["revoke", "org.example.bao", "clock"],
        expect![[r#"
        exit 0
        stdout:
        no longer granted: clock
        refused: clock
        stderr:
        error: [E27] the component of `org.example.bao` 0.3.1 is locked, and not in `…/plugins`
        help: `punix plugin add x.wasm` brings it
    "#]],
    );
    shop.check(
        ["revoke", "org.example.bao", "env", "BAO_TOKEN"],
        expect![[r#"
        exit 0
        stdout:
        refused: env:BAO_TOKEN
        stderr:
        error: [E27] the component of `org.example.bao` 0.3.1 is locked, and not in `…/plugins`
        help: `punix plugin add x.wasm` brings it
    "#]],
    );
}
