//! A kill at a system call of each operation: the next command finds the old or the new, wholly. Once without the guard
//! that recovers at once, so that the next command has to; once with it.

use super::site::{Site, deploying, tree};
use crate::kill::times;
use crate::kill::tracer::{Step, can_trace, choice, killed_at, steps};
use crate::support::run;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How many kills there is time for, for each operation.
const KILLS: usize = 10;
/// What a poller may see of a commit that was killed while a guard looked on.
const GUARD_PATIENCE: Duration = Duration::from_secs(5);

/// An operation: where it starts, what is said, and at which generations it may end.
pub(super) struct Operation {
    pub(super) name: &'static str,
    /// Which versions were deployed before.
    before: &'static [usize],
    pub(super) words: Vec<&'static str>,
    pub(super) from: usize,
    pub(super) to: usize,
}

pub(super) fn operations() -> Vec<Operation> {
    let operation =
        |name, before, words: &[&'static str], from, to| Operation { name, before, words: words.to_vec(), from, to };
    vec![
        operation("deploy", &[], &deploying(1), 0, 1),
        operation("redeploy", &[1], &deploying(2), 1, 2),
        operation("rollback", &[1, 2], &["rollback", "App"], 2, 1),
        operation("set-current", &[1, 2], &["set-current", "App", "1"], 2, 1),
        operation("remove", &[1, 2], &["remove", "App"], 2, 0),
    ]
}

#[test]
fn wherever_it_is_killed_the_next_command_finds_one_generation() {
    if !can_trace() {
        return;
    }
    let site = Site::new();
    for operation in operations() {
        let mut ends = [0; 3];
        let mut killed = 0;
        for step in choice(steps_of(&site, &operation), KILLS) {
            site.copy("before", "host");
            let outcome = run(killed_at(&step, site.command("host", &operation.words)));
            killed += usize::from(outcome.code.is_none());
            let about = format!("{} killed at {step:?}", operation.name);
            next_command(&site, "host", &about);
            let end = site.generation(&site.path("host"), &about);
            assert!(end == operation.from || end == operation.to, "{about}: it is at {end}");
            if outcome.code == Some(0) {
                assert_eq!(end, operation.to, "{about}: it was said to be done");
            }
            ends[end] += 1;
        }
        println!("{}: {killed} killed, old {} new {}", operation.name, ends[operation.from], ends[operation.to]);
        assert!(killed > 0 && ends[operation.from] > 0, "{}: {ends:?}", operation.name);
    }
}

/// What was killed in the midst is recovered by a command that is killed, too.
#[test]
fn a_recovery_that_is_killed_is_recovered() {
    if !can_trace() {
        return;
    }
    let site = Site::new();
    let operation = &operations()[1];
    let all = steps_of(&site, operation);
    let mut tried = 0;
    // A kill in the midst of publishing, which is what leaves the most to do.
    for step in publishing(all).iter().step_by(times(5, 2)) {
        // Made anew each time: a copy has other inodes, by which files are recognised.
        let tear = || {
            site.copy("before", "host");
            run(killed_at(step, site.command("host", &operation.words)));
            let found = tree(&site.path("host"));
            found != site.trees[1] && found != site.trees[2]
        };
        if !tear() {
            continue;
        }
        let all = steps(site.command("host", &["list"]), &site.path("trace"));
        for second in choice(all, KILLS) {
            if !tear() {
                continue;
            }
            run(killed_at(&second, site.command("host", &["list"])));
            let about = format!("killed at {step:?}, then at {second:?}");
            next_command(&site, "host", &about);
            let end = site.generation(&site.path("host"), &about);
            assert_eq!(end, 1, "{about}");
            tried += 1;
        }
    }
    assert!(tried > 0, "no kill left anything to recover");
}

/// With a guard nobody has to come: it recovers at once.
#[test]
fn a_guard_recovers_what_was_killed() {
    if !can_trace() {
        return;
    }
    let site = Site::new();
    let operation = &operations()[1];
    let mut torn = 0;
    for step in choice(publishing(steps_of(&site, operation)), KILLS) {
        site.copy("before", "host");
        let mut command = killed_at(&step, site.command("host", &operation.words));
        command.env_remove("PUNIX_NO_GUARD");
        let outcome = run(command);
        let start = Instant::now();
        let host = site.path("host");
        while has_journal(&host) && start.elapsed() < GUARD_PATIENCE {
            torn += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        let about = format!("killed at {step:?} under a guard: {outcome:?}");
        assert!(!has_journal(&host), "{about}: nobody recovered");
        site.generation(&host, &about);
    }
    println!("looks at which the guard was still busy: {torn}");
}

/// Returns the steps at which files take their places.
fn publishing(steps: Vec<Step>) -> Vec<Step> {
    steps.into_iter().filter(|step| step.is("renameat2")).collect()
}

/// Returns the steps of an operation; the host `before` is what it starts from.
pub(super) fn steps_of(site: &Site, operation: &Operation) -> Vec<Step> {
    let _ = fs::remove_dir_all(site.path("before"));
    fs::create_dir(site.path("before")).expect("it was removed");
    for &version in operation.before {
        site.deploy("before", version);
    }
    site.copy("before", "host");
    let all = steps(traced(site, operation), &site.path("trace"));
    assert_eq!(site.generation(&site.path("host"), operation.name), operation.to);
    all
}

fn traced(site: &Site, operation: &Operation) -> Command {
    site.command("host", &operation.words)
}

/// Runs a command that only looks: it has to find things whole, or to make them so.
#[track_caller]
pub(super) fn next_command(site: &Site, host: &str, about: &str) {
    let outcome = run(site.command(host, &["list"]));
    assert_eq!(outcome.code, Some(0), "{about}: {outcome:#?}");
}

fn has_journal(host: &Path) -> bool {
    fs::read_dir(host.join("deployments/.journal")).is_ok_and(|mut names| names.next().is_some())
}
