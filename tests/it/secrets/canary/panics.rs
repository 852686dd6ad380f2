//! A panic in each room, while secrets are at hand, by somebody who says them in every form that he can think of: it comes
//! out nowhere, what it leaves behind has them only where they may be, and the next command mends that.

use super::super::{ROOT, fine};
use super::{Cage, Canary};
use crate::support::{Outcome, root, run};
use std::fs;
use std::process::Command;

/// The rooms of a deploy before secrets are found, and behind that, in their order.
const BEFORE: [&str; 5] = ["check", "evaluate", "packages", "compose", "sources"];
const BEHIND: [&str; 15] = [
    "send", "resolve", "render", "boundary", "splice", "build", "fetch", "look", "tag", "draft", "plan", "stage",
    "publish", "flip", "finish",
];

impl Cage {
    /// Has a command panic in a room. What it says there is what `words` are.
    fn drilled(&self, mut command: Command, room: &str, words: &[u8]) -> Outcome {
        let file = self.place.hide("words", words);
        command.env("PUNIX_DRILL", room).env("PUNIX_DRILL_WORDS", file);
        let outcome = run(command);
        self.silent(&outcome);
        assert!(!outcome.stderr.contains("stack backtrace"), "{room}: {outcome:#?}");
        outcome
    }

    /// Returns words in which all secrets are in all forms.
    fn words(&self) -> Vec<u8> {
        self.search().words().to_vec()
    }
}

/// Looks whether it was the panic that ended a run, and whether what it said was searched.
#[track_caller]
fn panicked(outcome: &Outcome, room: &str, has_secrets: bool) {
    assert_eq!(outcome.code, Some(70), "{room}: {outcome:#?}");
    assert!(outcome.stderr.contains(&format!("a drill in {room}: ")), "{room}: {outcome:#?}");
    assert_eq!(outcome.stderr.contains("it said [secret] here"), has_secrets, "{room}: {outcome:#?}");
    assert!(outcome.stderr.contains("this is a bug in punix"), "{room}: {outcome:#?}");
}

#[test]
fn a_panic_in_any_room_of_a_deploy_tells_none() {
    let cage = Cage::new();
    let deploy = |more: &[&str]| cage.place.command(cage.deploy(more));
    for room in BEFORE {
        panicked(&cage.drilled(deploy(&[]), room, b"nothing"), room, false);
        assert_eq!(cage.kept(&format!("a panic in {room}")), 0);
    }
    // Whoever opens the way to another machine has not got there yet.
    let away = ["service", "deploy", "Web", "--file", "web/p.pcl", "--target", "ssh://op@127.0.0.1:1"];
    panicked(&cage.drilled(cage.place.command(away), "open", b"nothing"), "open", false);
    for (at, room) in BEHIND.iter().enumerate() {
        // A room is entered each time, whatever the one before it left behind.
        let env = Canary::random();
        cage.add(&format!("env in {room}"), env.clone());
        let mut command = deploy(if at % 2 == 0 { &["--force-generation"] } else { &["--force-generation", "--json"] });
        command.env("ENV", env.text());
        let env = format!("env in {room}");
        // Variables are found before files, and these before a server is asked. Of what is not found yet, nobody can tell.
        let known = [env.as_str(), "file", "login", "vault"];
        let words = cage.words_of(match *room {
            "resolve" => &known[..1],
            "send" => &known[..3],
            _ => &known,
        });
        panicked(&cage.drilled(command, room, &words), room, true);
        cage.kept(&format!("a panic in {room}"));
    }
    fine(run(deploy(&["--force-generation"])));
    assert_eq!(cage.kept("mended"), 5);
    // Words are said when all is done.
    let said = cage.drilled(deploy(&["--force-generation"]), "report", &cage.words_of(&["vault", "file", "env"]));
    panicked(&said, "report", true);
    assert_eq!(cage.kept("said"), 5);
}

impl Cage {
    /// Returns words in which some secrets are.
    fn words_of(&self, kinds: &[&str]) -> Vec<u8> {
        let canaries = self.canaries.borrow();
        super::Search::of(kinds.iter().map(|kind| (*kind, &canaries[*kind]))).words().to_vec()
    }
}

#[test]
fn a_panic_in_the_rooms_of_other_verbs_tells_none() {
    let cage = Cage::new();
    let systemctl = cage.place.write("systemctl", "#!/bin/sh\nexit 0\n");
    fs::set_permissions(&systemctl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    fine(run(cage.place.command(cage.deploy(&[]))));
    fine(run(cage.place.command(cage.deploy(&["--force-generation"]))));
    let words = cage.words_of(&["env", "file", "vault", "login"]);
    let web = |verb: &str, more: &[&str]| cage.place.command(["service", verb, "Web"].iter().chain(more).chain(&ROOT));
    let handled = ["--force-generation", "--restart", "all", "--activate", "--systemctl", "./systemctl"];
    let first = cage.words_of(&["env"]);
    for (room, command) in [
        ("splice", web("rollback", &["--resolve-secrets"])),
        ("stage", web("rollback", &["--resolve-secrets"])),
        ("flip", web("rollback", &["--resolve-secrets"])),
        ("report", web("set-current", &["2", "--resolve-secrets", "--json"])),
        ("resolve", cage.place.command(["secrets", "check", "Web", "--file", "web/p.pcl"])),
        ("activate", cage.place.command(cage.deploy(&handled))),
        ("hands", cage.place.command(cage.deploy(&handled))),
    ] {
        let words = if room == "resolve" { &first } else { &words };
        panicked(&cage.drilled(command, room, words), room, true);
        cage.kept(&format!("a panic in {room}"));
    }
    // Those that ask for no secrets, or have not yet.
    for (room, command) in [
        ("verify", web("verify", &[])),
        ("report", web("history", &["--json"])),
        ("plan", web("rollback", &["--resolve-secrets"])),
        ("look", web("rollback", &["--resolve-secrets"])),
        ("evaluate", cage.place.command(["eval", "web/p.pcl"])),
        ("check", cage.place.command(["check", "web/p.pcl"])),
    ] {
        let outcome = cage.drilled(command, room, b"nothing");
        panicked(&outcome, room, false);
    }
    fine(run(cage.place.command(cage.deploy(&["--force-generation"]))));
    assert_eq!(cage.kept("mended"), 5);
}

/// Drills are for tests: what is released has none, and reads none of their variables.
#[test]
fn what_is_released_has_no_drills() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("it is ours");
    let mut assertions = manifest.lines().filter(|line| line.contains("debug-assertions"));
    assert!(assertions.all(|line| line == "debug-assertions = false"), "a release could have drills");
    for crate_of in ["cli", "deploy", "diag", "model", "pcl", "plugin", "store", "build", "target"] {
        super::each(&root().join("host").join(crate_of).join("src"), &mut |path| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let allowed = path.ends_with("target/src/drill.rs") || path.ends_with("cli/src/drill.rs");
            assert!(allowed || !text.contains("PUNIX_DRILL"), "{}", path.display());
            let guarded = text.matches("#[cfg(debug_assertions)]").count();
            assert!(!allowed || guarded > 0, "{}", path.display());
        });
    }
}

/// A host of a fleet at which there is a panic has failed, and no more is told of it than of any other.
#[test]
fn a_panic_at_a_host_of_a_fleet_tells_none() {
    let cage = Cage::new();
    let fleet =
        "module Fleet { hosts = [ { file = \"p.pcl\"  stack = \"Web\"  target = \"ssh://op@one.example\" } ] }\n";
    cage.place.write("web/fleet.pcl", fleet);
    let words = cage.words_of(&["env", "file", "vault", "login"]);
    let first = cage.words_of(&["env"]);
    let apply = |more: &[&str]| {
        let verb = ["fleet", "apply", "web/fleet.pcl", "--transport-root", "hosts"];
        cage.place.command(verb.iter().chain(super::super::rotated::sandbox()).chain(more))
    };
    for room in ["resolve", "render", "splice", "plan", "stage", "publish", "flip", "finish"] {
        for more in [&[][..], &["--json"]] {
            let words = if room == "resolve" { &first } else { &words };
            let outcome = cage.drilled(apply(&[&["--force-generation"], more].concat()), room, words);
            assert!(matches!(outcome.code, Some(1 | 70)), "{room}: {outcome:#?}");
            assert!(outcome.stderr.contains(&format!("a drill in {room}: ")), "{room}: {outcome:#?}");
            assert!(outcome.stderr.contains("it said [secret] here"), "{room}: {outcome:#?}");
            cage.kept(&format!("a panic in {room}"));
        }
    }
    fine(run(apply(&[])));
    assert_eq!(cage.kept("mended"), 5);
}

/// The program on the target panics, and what it says of that goes through the host, as all that it says.
#[test]
fn a_panic_on_a_target_tells_none() {
    let cage = Cage::new();
    let program = cage.place.write("punix-target", super::target_program());
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let deploy = |more: &[&str]| {
        cage.place.command(cage.deploy(&[&["--target-bin", "./punix-target", "--force-generation"], more].concat()))
    };
    fine(run(deploy(&[])));
    let words = cage.words();
    for room in ["look", "tag", "stage", "publish", "flip", "finish"] {
        for more in [&[][..], &["--json"]] {
            let outcome = cage.drilled(deploy(more), room, &words);
            assert!(matches!(outcome.code, Some(1 | 3)), "{room}: {outcome:#?}");
            cage.kept(&format!("a panic in {room}"));
        }
    }
    fine(run(deploy(&[])));
    assert_eq!(cage.kept("mended"), 5);
}
