use super::*;
use crate::fuzzing::fuzz;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use punix_store::limits::RECORD_BYTES_MAX;

fn path(text: &str) -> TargetPath {
    TargetPath::parse(text).unwrap()
}

/// A generation with one of everything.
fn sample() -> Generation {
    let text = |text: &str| text.to_owned();
    let plain = FileRow {
        path: path("/etc/app/a.conf"),
        mark: Mark::Sha256(Digest::of(b"a\n")),
        chunks: None,
        inline: None,
        mode: 0o755,
        owner: Some(text("app")),
        group: None,
        made_by: text("raw"),
        restarts: vec![text("app.service")],
        reloads: Vec::new(),
        withheld: None,
    };
    let secret = FileRow {
        path: path("/etc/punix/env/S/app.env"),
        mark: Mark::HmacSha256(Digest::of(b"tag")),
        chunks: Some(vec![
            RecordedChunk::Text(text("KEY=\"")),
            RecordedChunk::Secret { reference: text("from_env:KEY"), encoding: text("systemd.environment-file") },
            RecordedChunk::Text(text("\"\n")),
        ]),
        mode: 0o600,
        owner: None,
        made_by: text("systemd"),
        ..plain.clone()
    };
    Generation {
        number: 2,
        stack: text("S"),
        deployed_at: text("2026-05-21T14:23:34+00:00"),
        deployed_by: text("ann@desk"),
        source_hash: Digest::of(b"source").to_string(),
        backend: text("systemd"),
        scope: text("system"),
        system: text("x86_64-linux"),
        scenario: None,
        store_paths: vec![text("/store/0123456789abcdef0123456789abcdef-app-1")],
        services: vec![ServiceRow {
            name: text("app"),
            package: text("App"),
            package_path: text("/store/0123456789abcdef0123456789abcdef-app-1"),
            binary: text("app"),
            exec_path: text("/store/0123456789abcdef0123456789abcdef-app-1/bin/app"),
            args: vec![text("--name=é\n")],
            depends_on: Vec::new(),
            environment: vec![
                BTreeMap::from([("key", "A"), ("kind", "literal"), ("value", "1")].map(|(k, v)| (text(k), text(v)))),
                BTreeMap::from(
                    [("key", "KEY"), ("kind", "from_env"), ("name", "KEY")].map(|(k, v)| (text(k), text(v))),
                ),
            ],
        }],
        files: vec![plain, secret],
        units: vec![UnitRow { name: text("app.service"), service: text("app"), starts_at_boot: true }],
        state_dirs: vec![text("/var/lib/app")],
        stateful: true,
        previous: Some(1),
        plugins: vec![PluginRow { id: text("systemd"), version: text("1.0.0"), sha256: Digest::of(b"p").to_string() }],
        artifacts: Vec::new(),
        render_hash: Digest::of(b"rendered").to_string(),
    }
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let generation = sample();
    assert_eq!(Generation::from_bytes(&generation.to_bytes(), "S", 2), Ok(generation));
}

/// Somebody who gives a record another name means that.
#[test]
fn the_number_of_a_record_is_the_one_that_it_is_kept_under() {
    for bytes in [sample().to_bytes(), OLD.as_bytes().to_vec()] {
        let generation = Generation::from_bytes(&bytes, "S", 41).unwrap();
        assert_eq!(generation.number, 41);
    }
    assert_eq!(Generation::from_bytes(OLD.as_bytes(), "S", 41).unwrap().previous, Some(40));
}

#[test]
fn a_record_looks_like_this() {
    let bare = Generation { services: Vec::new(), units: Vec::new(), plugins: Vec::new(), ..sample() };
    let json = String::from_utf8(bare.to_bytes()).unwrap();
    expect![[r#"
        {
          "artifact_provenance": [],
          "backend": "systemd",
          "config_files": [
            {
              "group": null,
              "mode": "0755",
              "owner": "app",
              "path": "/etc/app/a.conf",
              "ref": "raw",
              "reloads": [],
              "restarts": [
                "app.service"
              ],
              "sha256": "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"
            },
            {
              "chunks": [
                {
                  "text": "KEY=\""
                },
                {
                  "secret": {
                    "encoding": "systemd.environment-file",
                    "reference": "from_env:KEY"
                  }
                },
                {
                  "text": "\"\n"
                }
              ],
              "group": null,
              "hmac_sha256": "2a1073a6e67f0e5f09a5957c659503c690efe7272be8313df872556a9a684d8c",
              "mode": "0600",
              "owner": null,
              "path": "/etc/punix/env/S/app.env",
              "ref": "systemd",
              "reloads": [],
              "restarts": [
                "app.service"
              ],
              "secret": true
            }
          ],"#]]
    .assert_eq(json.split("\n  \"deployed_at\"").next().unwrap());
}

/// As the reference has them.
#[test]
fn services_have_the_keys_that_they_always_had() {
    let json: serde_json::Value = serde_json::from_slice(&sample().to_bytes()).unwrap();
    let keys: Vec<&String> = json["services"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["args", "binary", "depends_on", "environment", "exec_path", "name", "package", "package_path"]);
    assert_eq!((&json["kind"], &json["installed_modules"]), (&"stack".into(), &serde_json::json!([])));
}

#[test]
fn a_record_with_what_is_kept_from_others_is_kept_from_others() {
    let mut generation = sample();
    assert_eq!(generation.record_mode(), 0o600);
    generation.files.retain(|row| !row.is_secret());
    assert_eq!(generation.record_mode(), 0o644);
}

/// Changes the sample as JSON, and tells what is then wrong with it.
#[track_caller]
fn refuses(change: impl FnOnce(&mut serde_json::Value), expected: &Expect) {
    let mut json: serde_json::Value = serde_json::from_slice(&sample().to_bytes()).unwrap();
    change(&mut json);
    let issue = Generation::from_bytes(json.to_string().as_bytes(), "S", 2).unwrap_err();
    expected.assert_eq(&issue.to_string());
}

#[test]
fn what_is_not_exactly_a_record_is_refused() {
    use serde_json::json;
    refuses(|it| it["schema"] = json!(2), &expect!["it has schema 2, and this version of punix knows none above 1"]);
    refuses(|it| it["schema"] = json!(0), &expect!["its `schema` is not a number that counts from 1"]);
    refuses(|it| it["schema"] = json!("1"), &expect!["its `schema` is not a natural number"]);
    refuses(|it| it["stack_name"] = json!("T"), &expect!["it is of the stack `T`"]);
    refuses(|it| it["generation"] = json!(0), &expect!["its `generation` is not a number that counts from 1"]);
    refuses(|it| it["generation"] = json!("2"), &expect!["its `generation` is not a natural number"]);
    refuses(|it| it["previous"] = json!(0), &expect!["its `previous` is not a number of a generation, or null"]);
    refuses(|it| it["scope"] = json!("all"), &expect!["its `scope` is not `system` or `user`"]);
    refuses(|it| it["later"] = json!(1), &expect!["it has a field `later`, which is not known here"]);
    refuses(
        |it| it["backend"] = json!("a\u{1b}[31m"),
        &expect!["its `backend` is not a text without control characters"],
    );
    refuses(|it| it["store_paths"] = json!([1]), &expect!["its `store_paths` is not a list of texts"]);
    refuses(|it| it["kind"] = json!("profile"), &expect!["it is a record of the kind `profile`, not of a stack"]);
    refuses(|it| it["artifact_provenance"] = json!([1]), &expect!["its `artifact_provenance[0]` is not an object"]);
    refuses(
        |it| {
            it.as_object_mut().unwrap().remove("units");
        },
        &expect!["it has no `units`"],
    );
}

#[test]
fn a_file_that_is_not_exactly_one_is_refused() {
    use serde_json::json;
    let file = |at: usize, key: &'static str, value: serde_json::Value| {
        move |it: &mut serde_json::Value| it["config_files"][at][key] = value
    };
    let without = |at: usize, key: &'static str| {
        move |it: &mut serde_json::Value| {
            it["config_files"][at].as_object_mut().unwrap().remove(key);
        }
    };
    refuses(
        file(0, "path", json!("/etc/../a")),
        &expect![
            "its `config_files[0].path` says `/etc/../a`, which is no path on a target: it has an empty part, `.` or `..`"
        ],
    );
    refuses(file(1, "path", json!("/etc/app/a.conf")), &expect!["it has the path `/etc/app/a.conf` twice"]);
    refuses(file(0, "mode", json!("755")), &expect!["its `config_files[0].mode` is not a mode of four octal digits"]);
    refuses(file(0, "mode", json!(493)), &expect!["its `config_files[0].mode` is not a text"]);
    refuses(
        file(0, "sha256", json!("00")),
        &expect!["its `config_files[0].sha256` is not a digest of 64 lower-case hexadecimal digits"],
    );
    refuses(
        file(1, "sha256", json!("0".repeat(64))),
        &expect!["it has a field `config_files[1].sha256`, which is not known here"],
    );
    refuses(file(1, "secret", json!("true")), &expect!["its `config_files[1].secret` is not `true` or `false`"]);
    refuses(
        file(1, "chunks", json!([{"text": "a", "secret": {}}])),
        &expect!["it has a field `config_files[1].chunks[0].secret`, which is not known here"],
    );
    refuses(without(0, "ref"), &expect!["its file `/etc/app/a.conf` does not say what made it"]);
    refuses(file(0, "chunks", json!([])), &expect!["it has a field `config_files[0].chunks`, which is not known here"]);
    refuses(without(1, "secret"), &expect!["it has no `config_files[1].sha256`"]);
}

/// What a later version adds there changes nothing for whoever does not know it.
#[test]
fn what_may_be_passed_over_is() {
    let mut json: serde_json::Value = serde_json::from_slice(&sample().to_bytes()).unwrap();
    json["x"] = serde_json::json!({"anything": [1]});
    assert_eq!(Generation::from_bytes(json.to_string().as_bytes(), "S", 2), Ok(sample()));
}

#[test]
fn what_is_no_text_or_too_large_or_has_two_meanings_is_refused() {
    let issue = |bytes: &[u8]| Generation::from_bytes(bytes, "S", 2).unwrap_err().to_string();
    assert_eq!(issue(b"\xff"), "it is not UTF-8");
    assert_eq!(issue(b"[]"), "it is not a JSON object");
    assert_eq!(
        issue(b"{\"schema\": 1, \"schema\": 1}"),
        "it is not JSON that has one meaning: the key `schema` stands there twice at line 1 column 22"
    );
    let large = vec![b' '; usize::try_from(RECORD_BYTES_MAX).unwrap() + 1];
    assert_eq!(issue(&large), "it is larger than 16777216 bytes");
}

/// A record as the reference writes it.
const OLD: &str = r#"{
  "artifact_provenance": [
    {"host": "h", "kind": "literal", "name": "n", "path": "/etc/s/art", "token": "{artifact:h/n}"}
  ],
  "backend": "systemd",
  "config_files": [
    {"content_b64": "cAo=", "path": "/etc/./s//plain", "ref": "raw",
     "sha256": "fd6641673e7f3bf6e80e4bc5401fcb2821a1e117206c8e1c65cef23a58dc37ff"},
    {"path": "/etc/s/tok", "ref": "raw", "secret_bearing": "true",
     "sha256": "24d13beda0e7d3fbbbe7031d2c0c63e88e1f744afd4c8e58e8c6e008030b45ad"},
    {"path": "/etc/s/art", "ref": "raw",
     "sha256": "24d13beda0e7d3fbbbe7031d2c0c63e88e1f744afd4c8e58e8c6e008030b45ad"},
    {"content_b64": "", "path": "/etc/systemd/system/a.service", "recipe_code_hash": "1", "ref": "std.systemd",
     "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
  ],
  "deployed_at": "2026-05-21T14:23:34+00:00",
  "generation": 2,
  "installed_modules": [],
  "kind": "stack",
  "recipe_registry_hash": "2",
  "services": [
    {"args": ["x"], "binary": "api", "depends_on": [], "exec_path": "/s/bin/api", "name": "a", "package": "Api",
     "package_path": "/s", "environment": [{"key": "E", "kind": "from_env", "name": "E"}]}
  ],
  "source_hash": "b2aa8c999122c4d6e1e2832a655274ea9a3d0ceccf632ddd6924760ff5543226",
  "stack_name": "S",
  "state_dirs": [],
  "stateful": false,
  "store_paths": ["/s"]
}"#;

#[test]
fn a_record_of_the_reference_is_read() {
    let old = Generation::from_bytes(OLD.as_bytes(), "S", 2).unwrap();
    let rows: Vec<_> = old
        .files
        .iter()
        .map(|row| (row.path.as_str(), row.mode, row.inline.as_deref(), row.withheld, row.is_secret()))
        .collect();
    assert_eq!(
        rows,
        [
            ("/etc/s/plain", 0o644, Some(&b"p\n"[..]), None, false),
            ("/etc/s/tok", 0o600, None, Some(Withheld::Secret), true),
            ("/etc/s/art", 0o644, None, Some(Withheld::Artifact), false),
            ("/etc/systemd/system/a.service", 0o644, Some(&b""[..]), None, false),
        ]
    );
    let unit = UnitRow { name: "a.service".to_owned(), service: "a".to_owned(), starts_at_boot: true };
    assert_eq!((old.units, old.previous, old.scope.as_str()), (vec![unit], Some(1), "system"));
    let bare = r#"{"backend": "b", "config_files": [], "deployed_at": "d", "generation": 1, "services": [],
        "source_hash": "h", "stack_name": "S"}"#;
    assert_eq!(Generation::from_bytes(bare.as_bytes(), "S", 1).unwrap().previous, None);
}

#[track_caller]
fn refuses_old(from: &str, to: &str, expected: &Expect) {
    assert!(OLD.contains(from), "{from}");
    let issue = Generation::from_bytes(OLD.replacen(from, to, 1).as_bytes(), "S", 2).unwrap_err();
    expected.assert_eq(&issue.to_string());
}

#[test]
fn a_damaged_record_of_the_reference_is_refused() {
    refuses_old("\"cAo=\"", "\"!!cAo=\"", &expect!["what it holds of `/etc/s/plain` is not base64"]);
    refuses_old("\"cAo=\"", "\"cBo=\"", &expect!["what it holds of `/etc/s/plain` is not what its `sha256` says"]);
    refuses_old("\"ref\": \"raw\",", "", &expect!["its file `/etc/s/plain` does not say what made it"]);
    refuses_old(
        "\"recipe_code_hash\": \"1\",",
        "",
        &expect![
            "its file `/etc/systemd/system/a.service` was made by `std.systemd`, but it does not say by which one"
        ],
    );
    refuses_old("\"/etc/s/tok\"", "\"/etc/s/plain\"", &expect!["it has the path `/etc/s/plain` twice"]);
    refuses_old(
        "/etc/./s",
        "/etc/../s",
        &expect![
            "its `config_files[0].path` says `/etc/../s//plain`, which is no path on a target: it has an empty part, `.` or `..`"
        ],
    );
    refuses_old("\"true\"", "true", &expect!["its `config_files[1].secret_bearing` is not the text `true`"]);
    refuses_old(
        "\"kind\": \"stack\"",
        "\"kind\": \"profile\"",
        &expect!["it is a record of the kind `profile`, not of a stack"],
    );
    let short = Generation::from_bytes(b"{\"generation\": 2}", "S", 2).unwrap_err();
    assert_eq!(short.to_string(), "it has no `stack_name`");
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("\\PC{0,8}", 0..3)
}

fn rows() -> impl Strategy<Value = Vec<FileRow>> {
    let chunk = prop_oneof![
        any::<String>().prop_map(RecordedChunk::Text),
        ("\\PC{0,8}", "\\PC{0,8}").prop_map(|(reference, encoding)| RecordedChunk::Secret { reference, encoding }),
    ];
    let chunks = prop::option::of(prop::option::of(prop::collection::vec(chunk, 0..3)));
    let names = (prop::option::of("\\PC{0,8}"), prop::option::of("\\PC{0,8}"), "\\PC{0,8}");
    let row = (any::<[u8; 4]>(), chunks, 0..=0o7777_u32, names, texts(), texts());
    let row = row.prop_map(|(bytes, chunks, mode, (owner, group, made_by), restarts, reloads)| {
        let digest = Digest::of(&bytes);
        let mark = if chunks.is_some() { Mark::HmacSha256(digest) } else { Mark::Sha256(digest) };
        let chunks = chunks.flatten();
        let path = TargetPath::parse(&format!("/etc/{digest}")).unwrap();
        FileRow { path, mark, chunks, inline: None, mode, owner, group, made_by, restarts, reloads, withheld: None }
    });
    prop::collection::vec(row, 0..4).prop_map(|mut rows| {
        rows.sort_by(|a, b| a.path.cmp(&b.path));
        rows.dedup_by(|a, b| a.path == b.path);
        rows
    })
}

fuzz! {
    256;

    #[test]
    fn whatever_is_written_is_read(
        files in rows(),
        (args, state_dirs, store_paths) in (prop::collection::vec(any::<String>(), 0..3), texts(), texts()),
        (number, previous) in (1..=u32::MAX, prop::option::of(1..=u32::MAX)),
        (deployed_by, scenario, stateful) in ("\\PC{0,12}", prop::option::of("\\PC{0,8}"), any::<bool>()),
    ) {
        let mut generation = Generation {
            files, state_dirs, store_paths, number, previous, deployed_by, scenario, stateful, ..sample()
        };
        generation.services[0].args = args;
        prop_assert_eq!(Generation::from_bytes(&generation.to_bytes(), "S", number), Ok(generation));
    }

    #[test]
    fn hostile_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Generation::from_bytes(&bytes, "S", 2).is_err());
    }

    /// A damaged record is refused, or is another one; nothing else happens.
    #[test]
    fn damage_does_no_harm(at in any::<prop::sample::Index>(), byte in any::<u8>(), is_old in any::<bool>()) {
        let mut bytes = if is_old { OLD.as_bytes().to_vec() } else { sample().to_bytes() };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(generation) = Generation::from_bytes(&bytes, "S", 2) {
            prop_assert_eq!((generation.number, generation.stack.as_str()), (2, "S"));
        }
        bytes.truncate(at);
        prop_assert!(Generation::from_bytes(&bytes, "S", 2).is_err());
    }
}
