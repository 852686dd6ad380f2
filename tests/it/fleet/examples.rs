//! The fleets among the examples do what their pages say.

use super::{Fleet, ROOT};
use crate::service::sandbox;
use crate::support::root;
use expect_test::expect;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Takes an example as it is.
fn example(folder: &str) -> Fleet {
    fn copy(fleet: &Fleet, from: &Path, name: &str) {
        for entry in fs::read_dir(from).expect("it is there").flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let name = if name.is_empty() { file } else { format!("{name}/{file}") };
            match entry.path() {
                path if path.is_dir() => copy(fleet, &path, &name),
                path => fleet.write(&name, &fs::read_to_string(path).expect("it is a text")),
            }
        }
    }
    let fleet = Fleet::of(&[]);
    copy(&fleet, &root().join("examples").join(folder), "");
    fleet
}

/// Makes a certificate for a domain. Returns the association of its key.
fn issue(fleet: &Fleet, domain: &str) -> String {
    let key = KeyPair::generate().expect("a key can be had");
    let parameters = CertificateParams::new(vec![domain.to_owned()]).expect("it is a domain");
    let chain = parameters.self_signed(&key).expect("it can be signed").pem();
    fleet.write(&format!("certs/{domain}/fullchain.pem"), &chain);
    fleet.hide(&format!("certs/{domain}/privkey.pem"), &key.serialize_pem());
    punix_store::Digest::of(&key.subject_public_key_info()).to_string()
}

#[test]
fn every_host_of_the_mesh_knows_the_others() {
    let fleet = example("mesh");
    let words = ["fleet", "apply", "fleet.pcl"];
    let outcome = fleet.with(words.iter().chain(&ROOT), &[("WG_PRIVATE_KEY", "the key of whoever this is")]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    expect![[r#"
        [Interface]
        PrivateKey = the key of whoever this is
        ListenPort = 51820

        [Peer]
        PublicKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
        AllowedIPs = 10.7.0.1/32
        Endpoint = ams.example.com:51820

        [Peer]
        PublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
        AllowedIPs = 10.7.0.3/32
        Endpoint = cph.example.com:51820
    "#]]
    .assert_eq(&fleet.read("hosts/ssh___root_ber.example.com/etc/wireguard/mesh.conf"));
}

#[test]
fn the_web_host_of_two_knows_where_the_other_is_and_which_certificate_it_has() {
    let fleet = example("fleet");
    let pin = issue(&fleet, "db.example.com");
    fleet.hide("vault.json", "{\"db_pw\": \"p-0123456789\"}");
    let words = [&["--tls-certs", "certs", "--vault-secrets", "vault.json"], sandbox()].concat();
    let outcome = fleet.fleet("apply", &words);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let lines = "  ✓ DbStack → ssh://deploy@db.example.com\n  ✓ WebStack → ssh://deploy@web.example.com\nfleet: 2/2 host(s) deployed\n";
    assert_eq!(outcome.stdout, lines, "who gives goes before who takes");
    let unit = fleet.read("hosts/ssh___deploy_web.example.com/etc/systemd/system/web.service");
    assert!(unit.contains(&format!("Environment=DB_ADDRESS=10.0.0.2:5432\nEnvironment=DB_PIN={pin}\n")), "{unit}");
    // A new certificate reaches whoever pins it.
    let pin = issue(&fleet, "db.example.com");
    let outcome = fleet.fleet("apply", &words);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let unit = fleet.read("hosts/ssh___deploy_web.example.com/etc/systemd/system/web.service");
    assert!(unit.contains(&pin), "{unit}");
    // Certificates do not go back, and neither does what was made of them.
    let outcome = fleet.fleet("rollback", &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("1 artifact-renewed"), "{outcome:?}");
    let unit = fleet.read("hosts/ssh___deploy_web.example.com/etc/systemd/system/web.service");
    assert!(unit.contains(&pin), "{unit}");
}

#[test]
fn nine_hosts_know_each_other() {
    let fleet = example("nine");
    let tlsa = issue(&fleet, "mx.example.com");
    let outcome = fleet.fleet("apply", &["--tls-certs", "certs", "--canary", "1", "--wave", "50"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let told: Vec<&str> =
        outcome.stdout.lines().filter_map(|line| line.split_once("@")?.1.split_once('.')).map(|it| it.0).collect();
    assert_eq!(told, ["edge", "web1", "web2", "web3", "db", "cache", "mx", "ns", "watch"], "{outcome:?}");
    let document = |host: &str, path: &str| -> Value {
        let text = fleet.read(&format!("hosts/ssh___deploy_{host}.example.com/etc/{path}"));
        serde_json::from_str(&text).expect("it is a document")
    };
    let zone = document("ns", "names/zone.json");
    assert_eq!(zone["tlsa"][0]["data"], tlsa.as_str());
    assert_eq!(zone["addresses"].as_array().map(Vec::len), Some(9));
    assert_eq!(document("watch", "watch/targets.json").as_array().map(Vec::len), Some(8), "it does not watch itself");
    assert_eq!(document("web2", "web/site.json")["listen"][0], "10.1.0.12:8080");
    let servers = &document("edge", "edge/balancer.json")["servers"];
    assert_eq!((servers.as_array().map(Vec::len), &servers[0]["name"]), (Some(3), &Value::from("web1.example.com")));
}
