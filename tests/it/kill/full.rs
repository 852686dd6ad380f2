//! Stores on a disk that is full. The disk is a small one in memory, mounted where nobody else sees it; that takes root, or
//! a user namespace in which one is root.

use super::place::{Place, sandboxed};
use crate::support::{Outcome, run, scrubbed, skip};
use std::process::Command;
use std::sync::OnceLock;

const MOUNT: &str = "mkdir -p disk && mount -t tmpfs -o size=6m,mode=755 none disk";

/// Runs a script of the shell in the place, with a disk of 6 MiB at `disk`. `$punix` is the program.
fn with_disk(place: &Place, script: &str) -> Outcome {
    let inner = place.command([] as [&str; 0]);
    let program = inner.get_program().to_str().expect("a path of the build").to_owned();
    let mut command = outer();
    command.args(["sh", "-c", &format!("punix={program}; {MOUNT} || exit 99; {script}")]);
    command.current_dir(place.path("")).env("HOME", place.path("home")).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    run(command)
}

/// Starts a mount namespace of our own; as root if that is what we are.
fn outer() -> Command {
    let mut command = scrubbed("unshare");
    let is_root = run(id()).stdout == "0\n";
    command.args(if is_root { &["-m"][..] } else { &["-r", "-m"][..] }).arg("--");
    command
}

fn id() -> Command {
    let mut command = scrubbed("id");
    command.arg("-u");
    command
}

fn can_mount() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = *FOUND.get_or_init(|| with_disk(&Place::with(&[]), "true").code == Some(0));
    if !found {
        skip("no small disk can be mounted to fill it up");
    }
    found
}

/// What a store has beside entries.
const OWN: [&str; 4] = [".etc-1", ".locks", ".logs", ".punix-store"];
const SMALL: (&str, &str, &str) = ("Small", "", "echo small > $OUTPUT/x");

/// Builds what does not fit, then what does, and looks at what is there.
#[track_caller]
fn check(large: &str, more: &str, place_and_code: &str, words: &[&str]) {
    if !sandboxed() || !can_mount() {
        return;
    }
    let place = Place::with(&[("Large", "", large), SMALL]);
    place.write(
        "l.pcl",
        std::fs::read_to_string(place.path("p.pcl")).expect("it is there").replacen("deps = []", more, 1),
    );
    place.write("heap", vec![1; 16 << 20]);
    let script = "
        $punix build l.pcl --store-root disk/s --only Large; echo exit $?
        ls -A disk/s
        echo then
        $punix build l.pcl --store-root disk/s --only Small || exit 98
        $punix store verify --store-root disk/s || exit 97
        $punix store gc --store-root disk/s || exit 96
        ls -A disk/s";
    let outcome = with_disk(&place, script);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let (large, small) = outcome.stdout.split_once("then\n").expect("it was said");
    let (said, left) = large.split_once("exit 3\n").unwrap_or_else(|| panic!("{outcome:#?}"));
    assert!(!said.contains("ok\t"), "{outcome:#?}");
    let left: Vec<&str> = left.lines().filter(|name| !OWN.contains(name)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(outcome.stderr.contains(&format!("l.pcl:{place_and_code} `Large`: ")), "{outcome:#?}");
    for word in words {
        assert!(outcome.stderr.contains(word), "{word}: {outcome:#?}");
    }
    assert!(small.contains("1 ok\n") && small.contains("ok\tSmall\t"), "{outcome:#?}");
    assert!(small.ends_with(".punix-store\n") && !small.contains(".tmp-") && !small.contains(".gc-"), "{outcome:#?}");
}

const NO_ROOM: &str = "No space left on device";
const HINT: &str = "`punix store gc` removes what nothing needs any more";

#[test]
fn a_build_that_finds_no_room_fails_by_itself() {
    check("head -c 16000000 /dev/zero > $OUTPUT/x", "", "5:3: error: [E8]", &["exit code 1", NO_ROOM]);
}

/// The build does not care that it found no room; whoever takes its output does.
#[test]
fn an_output_that_cannot_be_taken_says_why() {
    check("head -c 16000000 /dev/zero > $OUTPUT/x || true", "", "5:3: error: [E23]", &["manifest.json", NO_ROOM, HINT]);
}

#[test]
fn a_source_that_cannot_be_copied_says_why() {
    let source = "source = { type = \"local\"  path = \"heap\" }";
    check("cp heap $OUTPUT", source, "4:3: error: [E23]", &["heap", NO_ROOM, HINT]);
}
