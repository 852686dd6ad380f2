//! What stacks of a fleet give each other, as far as each of them is deployed by itself, and as a fleet brings it.

use super::{Scene, fine, gives, mode, sandbox};
use expect_test::expect;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::Value;

const TOOL: &str = r#"module Tool {
  recipe = "std.shell"
  pname = "tool"
  version = "1.0"
  source = { type = "local"  path = "src" }
  recipeArgs = { command = "mkdir -p $OUTPUT/bin && cp tool $OUTPUT/bin/tool && chmod 755 $OUTPUT/bin/tool" }
}
"#;
const PRODUCER: &str = r#"module Web {
  backend = "systemd"
  configFiles = [ { path = "/etc/mx/a"  content = "a\n" } ]
  producesArtifacts = [ { name = "tlsa"  kind = "tlsa"  fromCert = "mx.example.org" },
    { name = "file"  kind = "sha256-file"  fromCert = "mx.example.org" },
    { name = "motto"  kind = "literal"  value = "two words, \"quoted\"" } ]
}
"#;
const CONSUMER: &str = r#"module Web {
  backend = "systemd"
  services = [ { name = "dns"  package = "Tool"  binary = "tool"
    environment = { TLSA = { artifact = { host = "mx"  name = "tlsa" } }  PLAIN = "p" } } ]
  dataFiles = ["Zone"]
}
module Zone {
  path = "/etc/dns/zone.json"
  format = "json"
  data = { tlsa = { artifact = { host = "mx"  name = "tlsa" } }  file = { artifact = { host = "mx"  name = "file" } }
    motto = { artifact = { host = "mx"  name = "motto" } } }
}
"#;
const FLEET: &str = r#"module Fleet {
  hosts = [
    { file = "p.pcl"  stack = "Web"  target = "ssh://u@dns"  machine = "dns" },
    { file = "mx.pcl"  stack = "Web"  target = "ssh://u@mx"  machine = "mx" }
  ]
}
"#;
const DNS: [&str; 2] = ["--transport-root", "host/ssh___u_dns"];

fn fleet() -> Scene {
    let scene = Scene::of(&format!("{TOOL}{CONSUMER}"));
    scene.write("mx.pcl", PRODUCER);
    scene.write("fleet.pcl", FLEET);
    scene
}

/// Puts a new certificate where the producer's lies. Returns the association of its key, and the digest of the file.
fn issue(scene: &Scene) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let chain = CertificateParams::new(vec!["mx.example.org".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    scene.write("certs/mx.example.org/fullchain.pem", &chain);
    let digest = |bytes: &[u8]| punix_store::Digest::of(bytes).to_string();
    (digest(&key.subject_public_key_info()), digest(chain.as_bytes()))
}

fn apply(scene: &Scene) -> crate::support::Outcome {
    let words = ["fleet", "apply", "fleet.pcl", "--transport-root", "host", "--tls-certs", "certs"];
    scene.punix(words.iter().chain(sandbox()))
}

fn record(scene: &Scene, number: u32) -> Value {
    serde_json::from_str(&scene.read(&format!("host/ssh___u_dns/deploy/Web/gen-{number:03}.json"))).unwrap()
}

#[test]
fn who_gives_artifacts_is_deployed_by_itself() {
    let scene = Scene::of(PRODUCER);
    let bare = scene.deploy(&[]);
    assert_eq!(bare.code, Some(1));
    assert!(bare.stderr.starts_with("p.pcl:4:"), "{}", bare.stderr);
    assert!(bare.stderr.contains("needs the certificate of `mx.example.org`, and none is at hand"), "{}", bare.stderr);
    issue(&scene);
    gives(
        &scene.deploy(&["--tls-certs", "certs"]),
        &expect![[r#"
            exit 0
            stdout:
            deployed: stack Web → gen-001 (1 config file(s), 0 store path(s) pinned)
        "#]],
    );
}

#[test]
fn who_takes_artifacts_needs_a_fleet() {
    let scene = Scene::of(&format!("{TOOL}{CONSUMER}"));
    gives(
        &scene.deploy(&[]),
        &expect![[r#"
        exit 1
        stderr:
        p.pcl:11:28: error: [E2] cross-host artifact(s) not available: artifact:mx:file, artifact:mx:motto, artifact:mx:tlsa
        p.pcl:17:73: note: `artifact:mx:file` is needed here
        p.pcl:18:13: note: `artifact:mx:motto` is needed here
        p.pcl:11:28: note: `artifact:mx:tlsa` is needed here
        help: other hosts of a fleet give them: deploy the stack with `punix fleet apply`
    "#]],
    );
    assert!(!scene.path("host/etc").exists());
}

#[test]
fn artifacts_are_written_as_text_and_recorded_by_reference() {
    let scene = fleet();
    let (association, digest) = issue(&scene);
    fine(apply(&scene));
    let unit = "host/ssh___u_dns/etc/systemd/system/dns.service";
    let text = scene.read(unit);
    assert!(text.contains(&format!("Environment=PLAIN=p\nEnvironment=TLSA={association}\n")), "{text}");
    assert_eq!(mode(&scene.path(unit)), 0o644);
    let zone: Value = serde_json::from_str(&scene.read("host/ssh___u_dns/etc/dns/zone.json")).unwrap();
    assert_eq!(zone["tlsa"], association.as_str());
    assert_eq!(zone["file"], digest.as_str());
    assert_eq!(zone["motto"], "two words, \"quoted\"");
    let record = record(&scene, 1);
    let text = record.to_string();
    for secretive in [&association, &digest, "two words"] {
        assert!(!text.contains(secretive.to_string().as_str()), "{text}");
    }
    let rows = record["artifact_provenance"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0]["token"], "{artifact:mx/file}");
    assert!(!scene.path("host/ssh___u_dns/etc/punix/tls").exists(), "a certificate does not cross");
    let why = fine(scene.punix(["service", "why", "Web", "/etc/systemd/system/dns.service"].iter().chain(&DNS))).stdout;
    assert!(why.ends_with("(stack Web, gen-001) consumes 1 cross-host artifact(s):\n  mx/tlsa [tlsa]\n"), "{why}");
    fine(scene.punix(["service", "verify", "Web"].iter().chain(&DNS)));
}

#[test]
fn a_renewal_rewrites_files_and_changes_no_identity() {
    let scene = fleet();
    let (before, _) = issue(&scene);
    fine(apply(&scene));
    let (after, _) = issue(&scene);
    fine(apply(&scene));
    let (one, other) = (record(&scene, 1), record(&scene, 2));
    for key in ["source_hash", "services", "store_paths", "render_hash", "artifact_provenance"] {
        assert_eq!(one[key], other[key], "{key}");
    }
    let unit = "host/ssh___u_dns/etc/systemd/system/dns.service";
    assert!(scene.read(unit).contains(&after));
    fine(apply(&scene));
    assert!(!scene.path("host/ssh___u_dns/deploy/Web/gen-003.json").exists(), "nothing changed");
    // Going back brings what was there, byte for byte.
    fine(scene.punix(["service", "rollback", "Web"].iter().chain(&DNS)));
    assert!(scene.read(unit).contains(&before));
    fine(scene.punix(["service", "verify", "Web"].iter().chain(&DNS)));
}

/// With a secret beside it, it is in a file that only root reads; what it is stands in no record all the same.
#[test]
fn an_artifact_beside_a_secret_is_in_its_file() {
    let scene = fleet();
    scene.write(
        "p.pcl",
        &format!(
            "{TOOL}{}",
            CONSUMER.replace("PLAIN = \"p\"", "TOKEN = { from_env = \"TOKEN\" }").replace("\"tlsa\" }", "\"motto\" }")
        ),
    );
    issue(&scene);
    fine(apply(&scene));
    let file = "host/ssh___u_dns/etc/punix/env/Web/dns.env";
    assert_eq!(scene.read(file), "TLSA=\"two words, \\\"quoted\\\"\"\nTOKEN=\"hunter2-hunter2\"\n");
    assert_eq!(mode(&scene.path(file)), 0o600);
    let text = record(&scene, 1).to_string();
    assert!(!text.contains("two words") && text.contains("{artifact:mx/motto}"), "{text}");
}
