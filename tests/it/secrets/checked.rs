//! `punix secrets check`.

use super::{Place, gives, program};
use expect_test::expect;

#[test]
fn it_says_what_is_found_and_where_and_shows_no_value() {
    let place = Place::of(&program(&[
        ("from_env", "A"),
        ("from_env", "EMPTY"),
        ("from_file", "secret"),
        ("from_file", "../shared/no"),
        ("from_vault", "kv/web#a"),
    ]));
    place.write("web/secret", "value-of-the-file\n");
    let place = place.set("A", "value-of-the-variable").set("EMPTY", "");
    gives(
        &place.check(&[]),
        &expect![[r#"
        exit 1
        stdout:
        from_env:A              found    the environment
        from_env:EMPTY          found    the environment
        from_file:../shared/no  missing  {W}/web/../shared/no
        from_file:secret        found    {W}/web/secret
        from_vault:kv/web#a     missing  nowhere to look
        Web: 3 found, 2 missing
        stderr:
        error: [E11] secret(s) not set: from_file:../shared/no, from_vault:kv/web#a
        web/p.pcl:12:10: note: `from_file:../shared/no` is needed here
        web/p.pcl:13:10: note: `from_vault:kv/web#a` is needed here
        help: give `--vault-secrets FILE` for what is in a vault, or the server's address as VAULT_ADDR
    "#]],
    );
    place.hide("v.json", r#"{"kv/web#a": "value-of-the-vault"}"#);
    place.write("shared/no", "value-too");
    let found = place.check(&["--vault-secrets", "v.json"]);
    gives(
        &found,
        &expect![[r#"
        exit 0
        stdout:
        from_env:A              found    the environment
        from_env:EMPTY          found    the environment
        from_file:../shared/no  found    {W}/web/../shared/no
        from_file:secret        found    {W}/web/secret
        from_vault:kv/web#a     found    v.json (--vault-secrets)
        Web: 5 found
    "#]],
    );
    let json = place.check(&["--vault-secrets", "v.json", "--json"]);
    assert_eq!(json.code, Some(0), "{json:?}");
    let document = json.json();
    let secret = &document["secrets"].list()[0];
    assert_eq!(secret["reference"].text(), "from_env:A");
    assert_eq!(secret["plugin"].text(), "punix.from-env");
    for outcome in [&found, &json] {
        assert!(!outcome.stdout.contains("value") && !outcome.stderr.contains("value"), "{outcome:?}");
    }
    assert!(!place.path("host").exists() && !place.path("store").exists(), "nothing is written");
}

#[test]
fn a_failure_is_a_row_and_an_error() {
    let place = Place::of(&program(&[("from_file", "dir/"), ("from_env", "not a name")]));
    gives(
        &place.check(&[]),
        &expect![[r#"
        exit 1
        stdout:
        from_env:not a name  failed   the environment
        from_file:dir/       failed   {W}/web/dir/
        Web: 0 found, 2 failed
        stderr:
        web/p.pcl:9:10: error: [E34] the secret `from_file:dir/` cannot be read: `dir/` is not the path of a file
        help: `punix explain E34` says what to look at
        web/p.pcl:10:10: error: [E34] the secret `from_env:not a name` cannot be read: `not a name` is not the name of a variable
        help: `punix explain E34` says what to look at
        2 errors
    "#]],
    );
    gives(
        &place.check(&["--json"]),
        &expect![[r#"
        exit 1
        stdout:
        {
          "diagnostics": [
            {
              "code": "E34",
              "column": 10,
              "end_column": 32,
              "end_line": 9,
              "file": "web/p.pcl",
              "help": "`punix explain E34` says what to look at",
              "line": 9,
              "message": "the secret `from_file:dir/` cannot be read: `dir/` is not the path of a file",
              "notes": [],
              "severity": "error"
            },
            {
              "code": "E34",
              "column": 10,
              "end_column": 37,
              "end_line": 10,
              "file": "web/p.pcl",
              "help": "`punix explain E34` says what to look at",
              "line": 10,
              "message": "the secret `from_env:not a name` cannot be read: `not a name` is not the name of a variable",
              "notes": [],
              "severity": "error"
            }
          ],
          "dropped": 0,
          "ok": false,
          "secrets": [
            {
              "column": 10,
              "file": "web/p.pcl",
              "from": "the environment",
              "kind": "from_env",
              "line": 10,
              "name": "not a name",
              "plugin": "punix.from-env",
              "reference": "from_env:not a name",
              "state": "failed",
              "ttl_ms": null,
              "version": null
            },
            {
              "column": 10,
              "file": "web/p.pcl",
              "from": "{W}/web/dir/",
              "kind": "from_file",
              "line": 9,
              "name": "dir/",
              "plugin": "punix.from-file",
              "reference": "from_file:dir/",
              "state": "failed",
              "ttl_ms": null,
              "version": null
            }
          ],
          "stack": "Web"
        }
    "#]],
    );
}

#[test]
fn what_is_wrong_with_the_program_is_told_first() {
    let place = Place::of("module Web {\n  backend = \"systemd\"\n}\n");
    gives(
        &place.check(&[]),
        &expect![[r#"
        exit 0
        stdout:
        Web refers to no secrets
    "#]],
    );
    gives(
        &place.punix(["secrets", "check", "Wep", "--file", "web/p.pcl"]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E2] there is no stack `Wep`
        help: did you mean `Web`?
    "#]],
    );
    gives(
        &place.punix(["secrets", "check", "Web"]),
        &expect![[r#"
        exit 2
        stderr:
        error: --file is required (a PCL file or directory)
        help: for example: punix secrets check Web --file web.pcl
    "#]],
    );
    place.write("web/p.pcl", "module Web {\n  backend = 1\n}\n");
    let wrong = place.check(&[]);
    assert!(wrong.code == Some(1) && wrong.stderr.contains("error: [E1]"), "{wrong:?}");
}

#[test]
fn a_fleet_is_looked_at_host_by_host_and_asks_each_server_once() {
    let vault = crate::bundled::vault::Vault::new("s.t").mount("kv/shared", "kv", "kv", r#"{"version":"1"}"#).answer(
        "GET kv/shared",
        200,
        r#"{"data":{"password":"value-of-both"}}"#,
    );
    let fleet = "module Fleet {\n  hosts = [\n    { file = \"one/p.pcl\"  stack = \"Web\"  target = \"ssh://op@one.example\" }\n    \
                 { file = \"two/p.pcl\"  stack = \"Web\"  target = \"ssh://op@two.example\" }\n  ]\n}\n";
    let place = Place::of(fleet).set("VAULT_ADDR", &vault.address).set("VAULT_TOKEN", "s.t").set("ONE", "value-of-one");
    let shared = ("from_vault", "kv/shared#password");
    place.write("web/one/p.pcl", program(&[shared, ("from_env", "ONE"), ("from_file", "key")]));
    place.write("web/two/p.pcl", program(&[shared, ("from_env", "TWO"), ("from_file", "key")]));
    // Relative files are each host's own.
    place.write("web/one/key", "value-of-one-key");
    place.write("web/two/key", "value-of-two-key");
    let words = ["secrets", "check", "Fleet", "--file", "web/p.pcl"];
    let found = place.punix(words);
    let mask = |text: &str| text.replace(&vault.address, "{VAULT}");
    let masked = crate::support::Outcome { stdout: mask(&found.stdout), stderr: mask(&found.stderr), ..found };
    gives(
        &masked,
        &expect![[r#"
        exit 1
        stdout:
        Web → ssh://op@one.example
          from_env:ONE                   found    the environment
          from_file:key                  found    {W}/web/one/key
          from_vault:kv/shared#password  found    {VAULT}
          Web: 3 found
        Web → ssh://op@two.example
          from_env:TWO                   missing  the environment
          from_file:key                  found    {W}/web/two/key
          from_vault:kv/shared#password  found    {VAULT}
          Web: 2 found, 1 missing
        fleet: 1/2 host(s) have their secrets
        stderr:
          ✗ Web → ssh://op@two.example: [E11] secret(s) not set: from_env:TWO
            web/two/p.pcl:10:10: note: `from_env:TWO` is needed here
    "#]],
    );
    assert_eq!(vault.asked(), ["GET sys/internal/ui/mounts/kv/shared", "GET kv/shared"]);
    let place = place.set("TWO", "value-of-two");
    let json = place.punix(words.iter().chain(&["--json"]));
    assert_eq!(json.code, Some(0), "{json:?}");
    let hosts = json.json();
    let hosts = hosts["hosts"].list();
    assert_eq!(
        (hosts.len(), hosts[1]["secrets"].list().len(), hosts[1]["target"].text()),
        (2, 3, "ssh://op@two.example")
    );
    for outcome in [&masked, &json] {
        assert!(!outcome.stdout.contains("value") && !outcome.stderr.contains("value"), "{outcome:?}");
    }
}
