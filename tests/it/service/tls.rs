//! `tls` and `--tls-certs`: certificates and keys as files of a stack.

use super::{Scene, fine, gives, mode};
use expect_test::{Expect, expect};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::fs;
use std::time::{Duration, SystemTime};

const TLS: &str = r#"module Web {
  backend = "systemd"
  configFiles = [ { path = "/etc/web/a"  content = "a\n" } ]
  tls = { domains = ["a.example.org", "b.example.org"] }
}
"#;
const CERTS: [&str; 2] = ["--tls-certs", "certs"];
const A: &str = "host/etc/punix/tls/a.example.org";

/// When a certificate holds.
enum Time {
    Now,
    /// It ends in some days.
    Ends(u64),
    Ended,
    Begins,
}

/// Puts a new certificate with its key where a domain's lies.
fn issue(scene: &Scene, domain: &str, name: &str, time: &Time) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (parameters.not_before, parameters.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2120, 1, 1));
    match time {
        Time::Now => {}
        Time::Ends(days) => {
            // An hour more, so that the day is the same when it is looked at.
            let end = SystemTime::now() + Duration::from_secs(days * 86_400 + 3_600);
            parameters.not_after = end.into();
        }
        Time::Ended => parameters.not_after = date_time_ymd(2021, 3, 4),
        Time::Begins => parameters.not_before = date_time_ymd(2119, 5, 6),
    }
    let chain = parameters.self_signed(&key).unwrap().pem();
    scene.write(&format!("certs/{domain}/fullchain.pem"), &chain);
    scene.write(&format!("certs/{domain}/privkey.pem"), &key.serialize_pem());
    (chain, key.serialize_pem())
}

fn scene() -> Scene {
    let scene = Scene::of(TLS);
    for domain in ["a.example.org", "b.example.org"] {
        issue(&scene, domain, domain, &Time::Now);
    }
    scene
}

/// Returns everything that a deployments root keeps, as one text.
fn kept(scene: &Scene) -> String {
    fn read(directory: &std::path::Path, out: &mut String) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match fs::symlink_metadata(&path).unwrap() {
                found if found.is_dir() => read(&path, out),
                found if found.is_file() => out.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap())),
                _ => {}
            }
        }
    }
    let mut out = String::new();
    read(&scene.path("host/deploy"), &mut out);
    out
}

#[test]
fn certificates_are_files_of_the_stack_and_keys_are_secrets() {
    let scene = scene();
    let (chain, key) = issue(&scene, "a.example.org", "a.example.org", &Time::Now);
    gives(
        &scene.deploy(&CERTS),
        &expect![[r#"
            exit 0
            stdout:
            deployed: stack Web → gen-001 (5 config file(s), 0 store path(s) pinned)
        "#]],
    );
    assert_eq!(scene.read(&format!("{A}/fullchain.pem")), chain);
    assert_eq!(scene.read(&format!("{A}/privkey.pem")), key);
    assert_eq!(mode(&scene.path(&format!("{A}/fullchain.pem"))), 0o644);
    assert_eq!(mode(&scene.path(&format!("{A}/privkey.pem"))), 0o600);
    let inside = key.lines().nth(1).unwrap();
    assert!(!kept(&scene).contains(inside), "a key is kept nowhere");
    assert!(kept(&scene).contains("tls:a.example.org"));
    fine(scene.web("verify", &[]));
    gives(
        &scene.deploy(&CERTS),
        &expect![[r#"
            exit 0
            stdout:
            unchanged: stack Web at gen-001
        "#]],
    );
    scene.write(&format!("{A}/privkey.pem"), "by hand\n");
    scene.write(&format!("{A}/fullchain.pem"), "by hand\n");
    let verified = scene.web("verify", &[]);
    assert_eq!(verified.code, Some(1));
    for file in ["fullchain.pem", "privkey.pem"] {
        let line = format!("MODIFIED\t/etc/punix/tls/a.example.org/{file}");
        assert!(verified.stdout.contains(&line), "{}", verified.stdout);
    }
    let why = fine(scene.web("why", &["/etc/punix/tls/a.example.org/privkey.pem"])).stdout;
    assert!(why.contains("holds tls:a.example.org\n"), "{why}");
}

#[test]
fn a_renewal_is_a_change_and_going_back_leaves_it() {
    let scene = scene();
    fine(scene.deploy(&CERTS));
    scene.write("p.pcl", &TLS.replace("a\\n", "b\\n"));
    let (chain, key) = issue(&scene, "a.example.org", "a.example.org", &Time::Now);
    let plan = fine(scene.punix([
        "service",
        "plan",
        "Web",
        "--file",
        "p.pcl",
        "--transport-root",
        "host",
        "--tls-certs",
        "certs",
    ]));
    assert!(!plan.stdout.contains(key.lines().nth(1).unwrap()), "{}", plan.stdout);
    gives(
        &scene.deploy(&CERTS),
        &expect![[r#"
            exit 0
            stdout:
            deployed: stack Web → gen-002 (5 config file(s), 0 store path(s) pinned)
        "#]],
    );
    gives(
        &scene.web("rollback", &[]),
        &expect![[r#"
        exit 0
        stdout:
        rolled back: stack Web → gen-001 (was gen-002) [3 config file(s) byte-restored, 0 removed, 2 secret-skipped]
        stderr:
        warning: secret-skipped: 2 file(s) with secrets stay as they are and are not what gen-001 had; `--resolve-secrets` makes them again
    "#]],
    );
    // An older certificate may have ended, and its key is kept nowhere: both stay.
    assert_eq!(scene.read("host/etc/web/a"), "a\n");
    assert_eq!(scene.read(&format!("{A}/fullchain.pem")), chain);
    assert_eq!(scene.read(&format!("{A}/privkey.pem")), key);
    let (chain, key) = issue(&scene, "a.example.org", "a.example.org", &Time::Now);
    fine(scene.web("set-current", &["2", "--resolve-secrets", "--tls-certs", "certs"]));
    assert_eq!(scene.read("host/etc/web/a"), "b\n");
    assert_eq!(scene.read(&format!("{A}/fullchain.pem")), chain);
    assert_eq!(scene.read(&format!("{A}/privkey.pem")), key);
}

#[test]
fn going_to_where_certificates_were_takes_them() {
    let scene = scene();
    fine(scene.deploy(&CERTS));
    scene.write("p.pcl", &TLS.replace("  tls = { domains = [\"a.example.org\", \"b.example.org\"] }\n", ""));
    fine(scene.deploy(&[]));
    assert!(!scene.path(A).exists(), "what no generation has is removed, its directory too");
    gives(
        &scene.web("rollback", &[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E12] stack 'Web' gen-001 needs files with secrets that are not there: `/etc/punix/tls/a.example.org/fullchain.pem`, `/etc/punix/tls/a.example.org/privkey.pem`, `/etc/punix/tls/b.example.org/fullchain.pem`, `/etc/punix/tls/b.example.org/privkey.pem`
        help: `--resolve-secrets --tls-certs DIR` makes them again: keys and certificates are read from there
    "#]],
    );
    gives(
        &scene.web("rollback", &["--resolve-secrets", "--tls-certs", "certs"]),
        &expect![[r#"
        exit 0
        stdout:
        rolled back: stack Web → gen-001 (was gen-002) [5 config file(s) byte-restored, 0 removed]
    "#]],
    );
    assert_eq!(scene.read(&format!("{A}/privkey.pem")), scene.read("certs/a.example.org/privkey.pem"));
    fine(scene.web("verify", &[]));
}

#[test]
fn without_the_flag_certificates_stay_as_they_are() {
    let scene = scene();
    fine(scene.deploy(&CERTS));
    gives(
        &scene.deploy(&[]),
        &expect![[r#"
            exit 0
            stdout:
            unchanged: stack Web at gen-001
            stderr:
            note: the certificates of `a.example.org`, `b.example.org` are left as they are: `--tls-certs DIR` brings them
        "#]],
    );
    // Nor is what somebody renewed there in the meantime.
    scene.write(&format!("{A}/fullchain.pem"), "renewed\n");
    scene.write("p.pcl", &TLS.replace("a\\n", "b\\n").replace(", \"b.example.org\"", ""));
    fine(scene.deploy(&[]));
    assert_eq!(scene.read(&format!("{A}/fullchain.pem")), "renewed\n");
    assert!(!scene.path("host/etc/punix/tls/b.example.org/privkey.pem").exists(), "its domain is none of the stack's");
    fine(scene.deploy(&CERTS));
    assert_ne!(scene.read(&format!("{A}/fullchain.pem")), "renewed\n");
    fine(scene.web("verify", &[]));
}

#[test]
fn a_stack_without_certificates_yet_says_so() {
    let scene = Scene::of(TLS);
    gives(
        &scene.deploy(&[]),
        &expect![[r#"
            exit 0
            stdout:
            deployed: stack Web → gen-001 (1 config file(s), 0 store path(s) pinned)
            stderr:
            note: the certificates of `a.example.org`, `b.example.org` are left as they are: `--tls-certs DIR` brings them
        "#]],
    );
    assert!(!scene.path("host/etc/punix").exists());
}

/// Nothing is written before all of it is right.
#[test]
fn what_is_wrong_with_certificates_is_told_at_their_domains() {
    let check = |change: &dyn Fn(&Scene), expected: Expect| {
        let scene = scene();
        change(&scene);
        gives(&scene.deploy(&CERTS), &expected);
        assert!(!scene.path("host/etc").exists());
    };
    check(
        &|scene| {
            fs::remove_file(scene.path("certs/a.example.org/privkey.pem")).unwrap();
            issue(scene, "b.example.org", "b.example.org", &Time::Ended);
        },
        expect![[r#"
            exit 1
            stderr:
            p.pcl:4:22: error: [E9] TLS: there is no certificate of `a.example.org` in `certs/a.example.org/`
            help: it takes a `fullchain.pem` and a `privkey.pem` for each domain
            p.pcl:4:39: error: [E9] TLS: the certificate of `b.example.org` ended on 2021-03-04
            help: renew it, and deploy again
            2 errors
        "#]],
    );
    check(
        &|scene| {
            issue(scene, "a.example.org", "a.example.org", &Time::Begins);
            scene.write("certs/b.example.org/privkey.pem", &KeyPair::generate().unwrap().serialize_pem());
        },
        expect![[r#"
            exit 1
            stderr:
            p.pcl:4:22: error: [E9] TLS: the certificate of `a.example.org` begins on 2119-05-06 only
            help: deploy it then, or look whether the clock of this machine is right
            p.pcl:4:39: error: [E9] TLS: the key of `b.example.org` does not belong to its certificate
            help: put the certificate and the key there that belong to the domain
            2 errors
        "#]],
    );
    check(
        &|scene| {
            scene.write("certs/a.example.org/privkey.pem", "KEY-HUNTER2\n");
            scene.write("certs/b.example.org/fullchain.pem", "CERT\n");
        },
        expect![[r#"
            exit 1
            stderr:
            p.pcl:4:22: error: [E9] TLS: the key of `a.example.org` is no private key in PEM
            help: put the certificate and the key there that belong to the domain
            p.pcl:4:39: error: [E9] TLS: `certs/b.example.org/fullchain.pem` holds no certificate in PEM
            help: put certificates in PEM there, the domain's own first: each begins with `-----BEGIN CERTIFICATE-----`
            2 errors
        "#]],
    );
}

/// Nothing of a rehearsal is to be used, so no key is copied for one, and none need be there.
#[test]
fn a_dry_run_brings_no_certificates() {
    let scene = scene();
    for certificates in ["certs", "nowhere"] {
        let rehearsed = scene.deploy(&["--dry-run", "--force-generation", "--tls-certs", certificates]);
        let note = "note: a dry run brings no certificates: those of `a.example.org`, `b.example.org` are left out\n";
        assert_eq!((rehearsed.code, rehearsed.stderr.as_str()), (Some(0), note), "{rehearsed:?}");
        assert!(rehearsed.stdout.contains("(1 config file(s), "), "{rehearsed:?}");
        assert!(!scene.path("host/etc/punix").exists());
    }
    // A plan is what an apply does.
    let words = ["service", "plan", "Web", "--file", "p.pcl", "--transport-root", "host", "--tls-certs", "nowhere"];
    assert_eq!(scene.punix(words).code, Some(1));
}

#[test]
fn what_ends_soon_or_is_for_others_is_a_warning() {
    let scene = scene();
    issue(&scene, "a.example.org", "a.example.org", &Time::Ends(12));
    issue(&scene, "b.example.org", "*.example.com", &Time::Now);
    let deployed = fine(scene.deploy(&CERTS));
    let days: String = deployed.stderr.lines().filter(|line| line.contains("ends in 12 day(s), on 20")).collect();
    assert!(days.starts_with("p.pcl:4:22: warning: TLS: the certificate of `a.example.org`"), "{}", deployed.stderr);
    let others = "warning: TLS: the certificate of `b.example.org` is for `*.example.com`, and not for it";
    assert!(deployed.stderr.contains(others), "{}", deployed.stderr);
}

/// A key stands in a file of its own, and nowhere where others can read it.
#[test]
fn a_key_that_stands_in_another_file_stops_the_deploy() {
    let scene = scene();
    let source = "content = \"a\\n\" }";
    scene.write("p.pcl", &TLS.replace(source, "source = \"certs/a.example.org/privkey.pem\" }"));
    let refused = scene.deploy(&CERTS);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("the value of the secret `tls:a.example.org` stands in"), "{}", refused.stderr);
    scene.write("p.pcl", &TLS.replace(source, "source = \"certs/a.example.org/fullchain.pem\" }"));
    fine(scene.deploy(&CERTS));
}

/// What reads a certificate has to read it again.
#[test]
fn a_rotation_restarts_the_services() {
    let units = "services = [ { name = \"web\"  package = \"Tool\"  binary = \"tool\" }, { name = \"side\"  package = \"Tool\"  binary = \"tool\" } ]\n  tls = {";
    let tool = super::SERVICE.split("module Web").next().unwrap();
    let scene = scene();
    scene.write("p.pcl", &format!("{tool}{}", TLS.replace("tls = {", units)));
    fine(scene.deploy(&CERTS));
    let plan = |more: &str| {
        issue(&scene, "a.example.org", "a.example.org", &Time::Now);
        scene.write("p.pcl", &format!("{tool}{}", TLS.replace("tls = {", &format!("{units} {more}"))));
        let words = ["service", "plan", "Web", "--file", "p.pcl", "--transport-root", "host", "--tls-certs", "certs"];
        let plan = fine(scene.punix(words)).stdout;
        plan.lines().skip_while(|line| !line.starts_with("units")).map(|line| format!("{line}\n")).collect::<String>()
    };
    expect![[r#"
        units, with --activate:
          restart web.service (secret in /etc/punix/tls/a.example.org/privkey.pem changed, config /etc/punix/tls/a.example.org/fullchain.pem changed)
          restart side.service (secret in /etc/punix/tls/a.example.org/privkey.pem changed, config /etc/punix/tls/a.example.org/fullchain.pem changed)
        2 file(s) to write, 0 to remove, 5 as they are
    "#]].assert_eq(&plan(""));
    expect![[r#"
        units, with --activate:
          reload web.service (secret in /etc/punix/tls/a.example.org/privkey.pem changed, config /etc/punix/tls/a.example.org/fullchain.pem changed)
        2 file(s) to write, 0 to remove, 5 as they are
    "#]].assert_eq(&plan("reloads = [\"web\"]"));
}
