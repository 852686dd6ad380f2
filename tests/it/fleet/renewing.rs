//! Going back over a certificate that was renewed meanwhile: it does not go back, so what others made of it is made of the
//! one that is there now.

use super::Fleet;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::Value;
use std::fs;

const DOMAIN: &str = "mx.example.org";
const ZONE: &str = "hosts/ssh___dns/etc/dns/zone.json";
const RECORD: &str = "hosts/ssh___dns/deploy/Dns/gen-001.json";
const CERTS: [&str; 2] = ["--tls-certs", "certs"];

/// A name server that takes what a mail server gives, which stands behind it in the file.
fn fleet() -> Fleet {
    let fleet = Fleet::of(&[
        (
            "fleet.pcl",
            "module Fleet {\n  hosts = [\n\
             { file = \"dns.pcl\" stack = \"Dns\" target = \"ssh://dns\" machine = \"dns\" }\n\
             { file = \"mx.pcl\" stack = \"Mx\" target = \"ssh://mx\" machine = \"mx\" }\n]\n}\n",
        ),
        (
            "mx.pcl",
            "module Mx {\n  backend = \"systemd\"\n  tls = { domains = [\"mx.example.org\"] }\n  \
             producesArtifacts = [ { name = \"tlsa\"  kind = \"tlsa\"  fromCert = \"mx.example.org\" },\n    \
             { name = \"file\"  kind = \"sha256-file\"  fromCert = \"mx.example.org\" } ]\n}\n",
        ),
    ]);
    zone(&fleet, "one", "");
    fleet
}

/// Writes the program of the name server; `more` stands in its file besides.
fn zone(fleet: &Fleet, version: &str, more: &str) {
    let text = format!(
        "module Dns {{ backend = \"systemd\"  dataFiles = [\"Zone\"] }}\n\
         module Zone {{ path = \"/etc/dns/zone.json\"  format = \"json\"\n  \
         data = {{ tlsa = {{ artifact = {{ host = \"mx\"  name = \"tlsa\" }} }}\n    \
         file = {{ artifact = {{ host = \"mx\"  name = \"file\" }} }}  version = \"{version}\" {more} }} }}\n"
    );
    fleet.write("dns.pcl", &text);
}

/// The association of a certificate, and the digest of its file.
type Issued = (String, String);

fn issue(fleet: &Fleet) -> Issued {
    let key = KeyPair::generate().expect("a key can be had");
    let parameters = CertificateParams::new(vec![DOMAIN.to_owned()]).expect("it is a domain");
    let chain = parameters.self_signed(&key).expect("it can be signed").pem();
    fleet.write(&format!("certs/{DOMAIN}/fullchain.pem"), &chain);
    fleet.hide(&format!("certs/{DOMAIN}/privkey.pem"), &key.serialize_pem());
    let digest = |bytes: &[u8]| punix_store::Digest::of(bytes).to_string();
    (digest(&key.subject_public_key_info()), digest(chain.as_bytes()))
}

#[track_caller]
fn apply(fleet: &Fleet, more: &[&str]) {
    let words = ["fleet", "apply", "fleet.pcl"].iter().chain(&super::ROOT).chain(&CERTS).chain(more);
    let outcome = fleet.with(words, &[("TOKEN", "t-0123456789")]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

/// What the name server's file holds, and that all is as it should be there.
#[track_caller]
fn holds(fleet: &Fleet, version: &str, issued: &Issued) {
    let zone: Value = serde_json::from_str(&fleet.read(ZONE)).expect("it is a document");
    let held = ["version", "tlsa", "file"].map(|name| zone[name].as_str().unwrap_or_default());
    assert_eq!(held, [version, issued.0.as_str(), issued.1.as_str()]);
    let outcome = fleet.punix(["service", "verify", "Dns", "--transport-root", "hosts/ssh___dns"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

/// Two versions with one certificate, and a mail server that has the next one.
fn renewed() -> (Fleet, Issued, Issued) {
    let fleet = fleet();
    let then = issue(&fleet);
    apply(&fleet, &[]);
    zone(&fleet, "two", "");
    apply(&fleet, &[]);
    let now = issue(&fleet);
    apply(&fleet, &["--only", "mx"]);
    holds(&fleet, "two", &then);
    (fleet, then, now)
}

#[test]
fn a_rollback_writes_what_the_certificate_is_by_now() {
    let (fleet, _, now) = renewed();
    let record = fleet.read(RECORD);
    let outcome = fleet.fleet("rollback", &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let line = "  ↩ Dns → gen-001 (was gen-002); 1 restored, 0 removed, 1 artifact-renewed\n";
    assert!(outcome.stdout.contains(line), "{outcome:?}");
    assert!(!outcome.stderr.contains("ssh://dns"), "there is nothing to know of it: {}", outcome.stderr);
    holds(&fleet, "one", &now);
    assert_eq!(fleet.read(RECORD), record, "what a generation is stays");
    // Forward as well, and once more is no change.
    let outcome = fleet.fleet("set-current", &["Dns=2"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    holds(&fleet, "two", &now);
    let outcome = fleet.fleet("set-current", &["Dns=2"]);
    assert_eq!(outcome.stdout, "  ✓ Dns → gen-002, as it was\nfleet: 1/1 host(s) set\n", "{outcome:?}");
    assert_eq!(outcome.stderr, "");
    // Somebody changed it by hand: what is brought again is what was there.
    fs::write(fleet.path(ZONE), "{}\n").expect("it can be written");
    let outcome = fleet.punix(["service", "repair", "Dns", "--transport-root", "hosts/ssh___dns"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    holds(&fleet, "two", &now);
}

/// Where a renewal was the only change, the file is what it shall be already.
#[test]
fn what_is_there_already_is_left_and_known() {
    let fleet = fleet();
    issue(&fleet);
    apply(&fleet, &[]);
    let now = issue(&fleet);
    apply(&fleet, &[]);
    let before = fs::metadata(fleet.path(ZONE)).and_then(|found| found.modified()).expect("it is there");
    let outcome = fleet.fleet("rollback", &["--only", "dns", "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let document: Value = serde_json::from_str(&outcome.stdout).expect("it is a document");
    let host = &document["hosts"][0];
    assert_eq!((host["generation"].as_u64(), host["artifact_renewed"].as_u64()), (Some(1), Some(1)), "{host}");
    assert_eq!((&host["artifact_skipped"], &host["restored"]), (&Value::from(0), &Value::from(1)), "{host}");
    holds(&fleet, "one", &now);
    // The program says the same, and so does who gives.
    apply(&fleet, &[]);
    assert!(!fleet.has("hosts/ssh___dns/deploy/Dns/gen-003.json"));
    assert!(before <= fs::metadata(fleet.path(ZONE)).and_then(|found| found.modified()).expect("it is there"));
    holds(&fleet, "one", &now);
}

/// Goes back while nobody can be asked: the file is as it was, and it is said which, of whom and why.
#[track_caller]
fn as_it_was(change: impl FnOnce(&Fleet), why: &str) {
    let (fleet, then, _) = renewed();
    change(&fleet);
    let outcome = fleet.fleet("rollback", &["--only", "dns"]);
    let line = "  ↩ Dns → gen-001 (was gen-002); 1 restored, 0 removed\nfleet: 1/1 host(s) rolled back\n";
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), line), "{outcome:?}");
    let warning = "`/etc/dns/zone.json` is as it was in gen-001, with what the certificate of mx was then";
    assert!(outcome.stderr.contains(warning), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(why), "{}", outcome.stderr);
    holds(&fleet, "one", &then);
}

#[test]
fn who_gives_and_cannot_be_asked_is_named() {
    as_it_was(
        |fleet| {
            let text = fleet.read("fleet.pcl").replace("machine = \"mx\"", "");
            fleet.write("fleet.pcl", &text);
        },
        "note: `mx` cannot be asked what `tlsa` is by now: no host of this fleet is that machine",
    );
    as_it_was(
        |fleet| fs::rename(fleet.path("hosts/ssh___mx"), fleet.path("down")).expect("it is ours"),
        "note: `mx` cannot be asked what `file` is by now: ",
    );
    as_it_was(
        |fleet| {
            let away = fleet.punix(["service", "remove", "Mx", "--transport-root", "hosts/ssh___mx"]);
            assert_eq!(away.code, Some(0), "{away:?}");
        },
        "note: `mx` cannot be asked what `tlsa` is by now: it has no certificate of `mx.example.org` that was deployed",
    );
}

/// A certificate that somebody else put there is known by its digest alone.
#[test]
fn a_certificate_that_was_not_deployed_gives_what_can_be_seen_of_it() {
    let (fleet, then, _) = renewed();
    fs::write(fleet.path("hosts/ssh___mx/etc/punix/tls/mx.example.org/fullchain.pem"), "CERT\n").expect("it is ours");
    let outcome = fleet.fleet("rollback", &["--only", "dns"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let why = "note: `mx` cannot be asked what `tlsa` is by now: its certificate of `mx.example.org` is not the one that was deployed";
    assert!(outcome.stderr.contains(why), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("is as it was in gen-001"), "{}", outcome.stderr);
    holds(&fleet, "one", &(then.0, punix_store::Digest::of(b"CERT\n").to_string()));
}

/// Records of before say neither where a digest stands nor what it is made of.
#[test]
fn an_older_record_brings_what_was() {
    let (fleet, then, _) = renewed();
    let mut record: Value = serde_json::from_str(&fleet.read(RECORD)).expect("it is a document");
    for row in record["artifact_provenance"].as_array_mut().expect("it has some").iter_mut() {
        let row = row.as_object_mut().expect("it is a row");
        assert!(row.remove("domain").is_some() && row.remove("at").is_some());
    }
    fs::write(fleet.path(RECORD), record.to_string()).expect("it is ours");
    let outcome = fleet.fleet("rollback", &["--only", "dns"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome.stderr.contains("is as it was in gen-001, with what the certificate of mx was then"),
        "{outcome:?}"
    );
    holds(&fleet, "one", &then);
}

#[test]
fn beside_a_secret_both_are_made_anew_or_none() {
    const SECRET: &str = "token = { from_env = \"TOKEN\" }";
    let fleet = fleet();
    zone(&fleet, "one", SECRET);
    let then = issue(&fleet);
    apply(&fleet, &[]);
    zone(&fleet, "two", SECRET);
    apply(&fleet, &[]);
    let now = issue(&fleet);
    apply(&fleet, &["--only", "mx"]);
    let outcome = fleet.fleet("rollback", &["--only", "dns"]);
    let line =
        "  ↩ Dns → gen-001 (was gen-002); 0 restored, 0 removed, 1 artifact-skipped\nfleet: 1/1 host(s) rolled back\n";
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), line), "{outcome:?}");
    let zone = |name: &str| -> String {
        let zone: Value = serde_json::from_str(&fleet.read(ZONE)).expect("it is a document");
        zone[name].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!((zone("version"), zone("tlsa"), zone("token")), ("two".into(), then.0, "t-0123456789".into()));
    let words = ["fleet", "set-current", "fleet.pcl", "Dns=1", "--resolve-secrets"].iter().chain(&super::ROOT);
    let outcome = fleet.with(words, &[("TOKEN", "u-0123456789")]);
    let line = "  ↩ Dns → gen-001 (was gen-001); 1 restored, 0 removed\nfleet: 1/1 host(s) set\n";
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), line), "{outcome:?}");
    assert!(!outcome.stderr.contains("as it was"), "{}", outcome.stderr);
    assert_eq!(zone("token"), "u-0123456789");
    holds(&fleet, "one", &now);
    let record = fleet.read(RECORD);
    for text in [&now.0, &now.1, "u-0123456789"] {
        assert!(!record.contains(text), "{record}");
    }
}
