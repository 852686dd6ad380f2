//! Secrets of a fleet: looked up before any host is touched, and missing on one host alone.

use super::{Fleet, gives};
use crate::bundled::vault::Vault;

/// The fleet of the first example of all: one host of two misses a secret.
fn two() -> Fleet {
    let fleet = Fleet::of(&[
        (
            "fleet.pcl",
            "module Fleet {\n  hosts = [\n\
             { file = \"hosts/web.pcl\" stack = \"WebStack\" target = \"ssh://deploy@web.example.com\" machine = \"web\" }\n\
             { file = \"hosts/db.pcl\" stack = \"DbStack\" target = \"ssh://deploy@db.example.com\" machine = \"db\" }\n]\n}\n",
        ),
        (
            "hosts/web.pcl",
            "module WebStack { backend = \"systemd\" dataFiles = [\"Web\"] }\n\
             module Web { path = \"/etc/web.json\" format = \"json\" data = { key = { from_vault = \"web_key\" } } }\n",
        ),
        (
            "hosts/db.pcl",
            "module DbStack { backend = \"systemd\" dataFiles = [\"Db\"] }\n\
             module Db { path = \"/etc/db.json\" format = \"json\" data = { password = { from_vault = \"db_pw\" } } }\n",
        ),
    ]);
    fleet.hide("vault.json", "{\"web_key\": \"k-0123456789\"}");
    fleet
}

#[test]
fn a_host_that_misses_a_secret_fails_and_the_others_go_on() {
    let fleet = two();
    let outcome = fleet.fleet("apply", &["--vault-secrets", "vault.json"]);
    gives(
        &outcome,
        1,
        "  ✓ WebStack → ssh://deploy@web.example.com\nfleet: 1/2 host(s) deployed\n",
        "  ✗ DbStack → ssh://deploy@db.example.com: [E11] secret(s) not set: from_vault:db_pw\n",
    );
    assert!(!fleet.has("hosts/ssh___deploy_db.example.com"));
    assert!(fleet.read("hosts/ssh___deploy_web.example.com/etc/web.json").contains("k-0123456789"));
}

#[test]
fn with_fail_fast_a_missing_secret_stops_the_others() {
    let fleet = two();
    fleet.hide("vault.json", "{\"db_pw\": \"p-0123456789\"}");
    let outcome = fleet.fleet("apply", &["--vault-secrets", "vault.json", "--fail-fast"]);
    gives(
        &outcome,
        1,
        "fleet: 0/2 host(s) deployed\n",
        "  ✗ WebStack → ssh://deploy@web.example.com: [E11] secret(s) not set: from_vault:web_key\n  \
         ⊘ DbStack → ssh://deploy@db.example.com: not attempted (fail-fast)\n",
    );
    assert!(!fleet.has("hosts/ssh___deploy_db.example.com"));
}

#[test]
fn a_file_of_secrets_that_is_none_stops_everything() {
    let fleet = two();
    fleet.hide("vault.json", "{\"web_key\": 1}");
    let outcome = fleet.fleet("apply", &["--vault-secrets", "vault.json"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    assert!(!fleet.has("hosts/ssh___deploy_web.example.com"));
}

#[test]
fn no_value_is_in_what_is_said_and_written_of_a_fleet() {
    let fleet = two();
    fleet.hide("vault.json", "{\"web_key\": \"k-0123456789\", \"db_pw\": \"p-0123456789\"}");
    let outcome = fleet.fleet("apply", &["--vault-secrets", "vault.json", "--json", "--log-dir", "logs"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let log = fleet.read("logs/WebStack@ssh___deploy_web.example.com.log");
    let record = fleet.read("hosts/ssh___deploy_web.example.com/deploy/WebStack/gen-001.json");
    for text in [&outcome.stdout, &outcome.stderr, &log, &record] {
        assert!(!text.contains("0123456789"), "{text}");
    }
}

/// However many hosts need something of one path, the server is asked once, and before any host is touched.
#[test]
fn a_server_is_asked_once_for_the_whole_fleet() {
    const TOKEN: &str = "s.token-of-the-test";
    let body =
        r#"{"lease_duration":0,"data":{"data":{"one":"k-0123456789","two":"p-0123456789"},"metadata":{"version":3}}}"#;
    let vault =
        Vault::new(TOKEN).mount("kv/web", "kv", "kv", r#"{"version":"2"}"#).answer("GET kv/data/web", 200, body);
    let hosts: Vec<(String, String)> = (0..6).map(|n| (format!("S{n}"), format!("ssh://h{n}"))).collect();
    let rows: Vec<(&str, &str, &str)> =
        hosts.iter().map(|(stack, target)| (stack.as_str(), target.as_str(), "x")).collect();
    let fleet = Fleet::simple(&rows);
    for (number, (stack, _)) in hosts.iter().enumerate() {
        let field = if number % 2 == 0 { "one" } else { "two" };
        fleet.write(
            &format!("{stack}.pcl"),
            &format!(
                "module {stack} {{ backend = \"systemd\" dataFiles = [\"D\"] }}\n\
                 module D {{ path = \"/etc/d.json\" format = \"json\" data = {{ key = {{ from_vault = \"kv/web#{field}\" }} }} }}\n"
            ),
        );
    }
    let words = ["fleet", "apply", "fleet.pcl"].iter().chain(&super::ROOT);
    let outcome = fleet.with(words, &[("VAULT_ADDR", &vault.address), ("VAULT_TOKEN", TOKEN)]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(vault.asked(), ["GET sys/internal/ui/mounts/kv/web", "GET kv/data/web"]);
    assert!(fleet.read("hosts/ssh___h5/etc/d.json").contains("p-0123456789"));
}
