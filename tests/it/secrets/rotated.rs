//! A secret that changed is a change: what has it is written, and only what reads it is restarted.

use super::{Place, fine, mode};
use crate::exact::Json;
use punix_store::Digest;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Two services, each with a secret, and one without.
const PROGRAM: &str = r#"module Tool {
  recipe = "std.shell"
  pname = "tool"
  version = "1.0"
  source = { type = "local"  path = "src" }
  recipeArgs = { command = "mkdir -p $OUTPUT/bin && cp tool $OUTPUT/bin/tool && chmod 755 $OUTPUT/bin/tool" }
}
module Web {
  backend = "systemd"
  services = [
    { name = "one"  package = "Tool"  binary = "tool"  environment = { TOKEN = { from_env = "ONE" } } }
    { name = "two"  package = "Tool"  binary = "tool"  environment = { TOKEN = { from_env = "TWO" } } }
    { name = "three"  package = "Tool"  binary = "tool" }
  ]
}
"#;

pub(super) fn place() -> Place {
    let place = Place::of(PROGRAM);
    place.write("web/src/tool", "#!/bin/sh\necho tool\n");
    place.set("ONE", "first-of-one").set("TWO", "first-of-two")
}

pub(super) fn sandbox() -> &'static [&'static str] {
    if crate::build::namespaces() { &[] } else { &["--no-sandbox"] }
}

/// Returns what a deploy says of units: name and deed.
fn deeds(json: &Json) -> Vec<String> {
    let unit = |unit: &Json| format!("{} {}", unit["unit"].text(), unit["deed"].text());
    json["units"].list().iter().map(unit).filter(|deed| !deed.ends_with("nothing")).collect()
}

#[test]
fn only_what_reads_a_changed_secret_is_touched() {
    let place = place();
    fine(place.deploy(sandbox()));
    let inode = |name: &str| fs::metadata(place.path(name)).expect("it is there").ino();
    let two = inode("host/etc/punix/env/Web/two.env");
    let (one, unit) = ("host/etc/punix/env/Web/one.env", inode("host/etc/systemd/system/one.service"));
    let rotated = Place {
        variables: vec![("ONE".to_owned(), "second-of-one".to_owned()), ("TWO".to_owned(), "first-of-two".to_owned())],
        ..place
    };
    let deployed = fine(rotated.deploy(&[sandbox(), &["--json"]].concat())).json();
    assert_eq!(deployed["outcome"].text(), "deployed");
    let inode = |name: &str| fs::metadata(rotated.path(name)).expect("it is there").ino();
    assert_eq!(rotated.read(one), "TOKEN=\"second-of-one\"\n");
    assert_eq!(mode(&rotated.path(one)), 0o600);
    assert_eq!((inode("host/etc/punix/env/Web/two.env"), inode("host/etc/systemd/system/one.service")), (two, unit));
    assert_eq!(deeds(&deployed), ["one.service restart"]);
    // The same again is no change.
    assert_eq!(fine(rotated.deploy(&[sandbox(), &["--json"]].concat())).json()["outcome"].text(), "unchanged");
}

/// Two deploys that differ in values alone are the same in everything but what only the key can tell.
#[test]
fn records_know_nothing_of_values() {
    let place = place();
    fine(place.deploy(sandbox()));
    let place = place.set("ONE", "second-of-one").set("TWO", "second-of-two");
    fine(place.deploy(sandbox()));
    let record =
        |number: u32| Json::parse(&place.read(&format!("host/deploy/Web/gen-00{number}.json"))).expect("a record");
    let (first, second) = (record(1), record(2));
    for field in ["source_hash", "store_paths", "services", "render_hash"] {
        assert_eq!(first[field], second[field], "{field}");
        assert_ne!(first[field], Json::Null, "{field}");
    }
}

#[test]
fn going_back_makes_files_from_what_secrets_are_now() {
    let place = place();
    fine(place.deploy(sandbox()));
    let place = place.set("ONE", "second-of-one");
    fine(place.deploy(sandbox()));
    let place = place.set("ONE", "third-of-one");
    let back = fine(place.web("rollback", &[]));
    assert!(back.stderr.contains("secret-skipped"), "{back:?}");
    assert_eq!(place.read("host/etc/punix/env/Web/one.env"), "TOKEN=\"second-of-one\"\n");
    fine(place.web("set-current", &["2"]));
    fine(place.web("rollback", &["--resolve-secrets"]));
    assert_eq!(place.read("host/etc/punix/env/Web/one.env"), "TOKEN=\"third-of-one\"\n");
    // One that is missing by then is named, and nothing moves.
    fine(place.web("set-current", &["2", "--resolve-secrets"]));
    let bare = Place { variables: vec![("TWO".to_owned(), "x-of-two".to_owned())], ..place };
    let missing = bare.web("set-current", &["1", "--resolve-secrets"]);
    assert_eq!(
        (missing.code, missing.stderr.lines().next()),
        (Some(1), Some("error: [E11] secret(s) not set: from_env:ONE"))
    );
    assert_eq!(bare.read("host/etc/punix/env/Web/one.env"), "TOKEN=\"third-of-one\"\n");
}

/// Whoever has a record and nothing else cannot try values until one fits: not even a number of four digits is told by it.
#[test]
fn a_record_alone_lets_nobody_guess() {
    let place = place().set("ONE", "4711");
    fine(place.deploy(sandbox()));
    let record = place.read("host/deploy/Web/gen-001.json");
    let is_hex = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sums: BTreeSet<&str> = record.split('"').filter(is_hex).collect();
    // What holds no secret is told by its sum, so the guesses below would be seen.
    let unit = fs::read(place.path("host/etc/systemd/system/three.service")).expect("it is there");
    assert!(sums.contains(Digest::of(&unit).to_string().as_str()), "{record}");
    let kept = place.read("host/etc/punix/env/Web/one.env");
    assert_eq!(kept, "TOKEN=\"4711\"\n");
    for pin in 0..10_000 {
        let pin = format!("{pin:04}");
        for text in [kept.replace("4711", &pin), pin.clone(), format!("{pin}\n"), format!("from_env:ONE{pin}")] {
            let sum = Digest::of(text.as_bytes()).to_string();
            assert!(!sums.contains(sum.as_str()), "`{pin}` is told by {sum}");
        }
    }
    // The key that the marks are made with is nobody else's, and in no record.
    assert_eq!(mode(&place.path("host/deploy/.key")), 0o600);
}
