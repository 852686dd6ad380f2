//! Builds that are asked to end, by people and by systems.

use super::place::{Place, Running, WAIT, paths, sandboxed};
use crate::support::{run, scrubbed};
use std::os::unix::process::CommandExt;

/// Sends a signal to a process, or, if the number is negative, to a group.
fn signal(name: &str, to: &str) {
    let outcome = run({
        let mut shell = scrubbed("/bin/sh");
        shell.args(["-c", &format!("kill -s {name} -- {to}")]);
        shell
    });
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

/// A stopped build ends at once, though what it runs wants no end; the next one starts afresh.
#[track_caller]
fn check(name: &str, group: bool, jobs: &str) {
    let slow = format!("{WAIT}; cat $DEP_0/base > $OUTPUT/top");
    let place =
        Place::with(&[("Base", "", "echo base > $OUTPUT/base"), ("Other", "Base", &slow), ("Top", "Base", &slow)]);
    let mut command = place.building(&["--jobs", jobs]);
    command.process_group(0);
    let build = Running::start(command);
    place.begun();
    assert!(place.processes().len() > 1, "the build is not seen");
    signal(name, &format!("{}{}", if group { "-" } else { "" }, build.id()));
    let outcome = build.end();
    assert_eq!(outcome.code, Some(130), "{name}: {outcome:#?}");
    place.is_deserted();
    assert_eq!(place.entries().len(), 1, "{name}");
    place.is_sound(1);
    place.collect();
    place.is_tidy(&[]);
    let build = Running::start(place.building(&["--only", "Top"]));
    place.go(&place.begun());
    assert_eq!(paths(&build.end()).len(), 1);
    place.is_sound(2);
    assert!(place.temporary().is_empty(), "{name}");
}

#[test]
fn a_build_that_is_terminated_ends_with_all_it_started() {
    if sandboxed() {
        check("TERM", false, "1");
    }
}

/// On a terminal, the signal goes to the whole group.
#[test]
fn a_build_that_is_interrupted_ends_with_all_it_started() {
    if sandboxed() {
        check("INT", true, "2");
    }
}

#[test]
fn a_build_whose_terminal_goes_ends_with_all_it_started() {
    if sandboxed() {
        check("HUP", true, "2");
    }
}

/// Also without a sandbox.
#[test]
fn a_build_outside_of_a_sandbox_ends_with_all_it_started() {
    let place = Place::with(&[("P", "", WAIT)]);
    let build = Running::start(place.building(&["--no-sandbox"]));
    place.begun();
    signal("TERM", &build.id().to_string());
    let outcome = build.end();
    assert_eq!(outcome.code, Some(130), "{outcome:#?}");
    place.is_deserted();
    place.collect();
    place.is_tidy(&[]);
}

/// The helper that keeps a build apart may be killed, too: the build fails, and says so.
#[test]
fn a_build_whose_helper_is_killed_fails() {
    if !sandboxed() {
        return;
    }
    let place = Place::with(&[("P", "", WAIT)]);
    let build = Running::start(place.building(&[]));
    place.begun();
    for process in place.processes().into_iter().filter(|process| *process != build.id()) {
        // One takes others with it.
        let _ = run({
            let mut shell = scrubbed("/bin/sh");
            shell.args(["-c", &format!("kill -s KILL {process}")]);
            shell
        });
    }
    let outcome = build.end();
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    assert!(outcome.stderr.contains("error: [E8]"), "{outcome:#?}");
    place.is_deserted();
    assert!(place.entries().is_empty() && place.temporary().is_empty());
}
