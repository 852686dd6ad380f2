//! Stopped before any operation, with any of what was not synced lost, and stopped again while that is mended.

use super::*;
use punix_disk::{Crash, End, every_crash, every_kill};

/// Torn disks for each stop.
const TORN: u64 = 8;
/// Torn disks for each stop while a stop is mended.
const TORN_AGAIN: u64 = 1;

fn is_crash(error: &TargetError) -> bool {
    match error {
        TargetError::Disk(error) => Crash::is(error),
        TargetError::Unfinished { error, .. } => is_crash(error),
        _ => false,
    }
}

/// Checks that a disk is of one generation after it was mended, of the new one if that was promised.
fn check(
    trial: &Trial,
    found: &SimulatedDisk,
    promised: bool,
    (before, after): &(Tree, Tree),
    when: &dyn std::fmt::Debug,
) {
    recover(&target(found)).unwrap_or_else(|error| panic!("{}, {when:?}: {error}", trial.name));
    let tree = tree(found);
    if tree == *after {
        return;
    }
    let wanted = if promised || tree.get(Path::new("d/Web/current")) == after.get(Path::new("d/Web/current")) {
        after
    } else {
        before
    };
    assert_same(&tree, if trial.name == "repair" && !promised { before } else { wanted }, &(trial.name, when));
}

fn try_every_crash(poor: bool) {
    for trial in trials() {
        let ends = trial.ends();
        let operations = every_crash(
            || trial.start(poor),
            |disk| trial.run(disk),
            TORN,
            |found, outcome, end| {
                if let Err(error) = outcome {
                    assert!(is_crash(error), "{}, {end:?}: {error}", trial.name);
                }
                check(&trial, found, outcome.is_ok(), &ends, &end);
                assert_told(found, &(trial.name, end));
            },
        );
        assert!(operations > 20, "{}: {operations}", trial.name);
    }
}

#[test]
fn stopped_anywhere_it_is_one_generation() {
    try_every_crash(false);
}

/// More than a few files and directories are synced with their file system, and not each by itself.
#[test]
fn so_it_is_with_many_files_in_many_directories() {
    let version = |content: &str, from: u32, to: u32| -> Wants {
        (from..to).map(|n| (path(&format!("/etc/app/{n}/file")), want(&format!("{content} {n}"), 0o644))).collect()
    };
    let (one, two) = (version("old", 0, 13), version("new", 2, 15));
    let start = machine();
    deploy(&start, 1, &Wants::new(), &one).unwrap();
    start.sync_all().unwrap();
    let disk = copy(&start);
    deploy(&disk, 2, &one, &two).unwrap();
    let ends = (tree(&start), tree(&disk));
    let new = Goal::New(Box::new(generation(2, Some(1), &two)));
    let trial = Trial { name: "many", plan: plan(&start, Some(1), new, &one, &two), start, payload: Payload::default };
    every_crash(
        || trial.start(false),
        |disk| run(disk, &trial.plan, payload(&two)),
        1,
        |found, outcome, end| {
            check(&trial, found, outcome.is_ok(), &ends, &end);
            assert_told(found, &end);
        },
    );
}

#[test]
fn so_it_is_where_names_cannot_be_exchanged() {
    try_every_crash(true);
}

/// A process that is killed leaves everything; a power cut leaves anything.
fn is_mended_by_force(end: &End) -> bool {
    matches!(end.survival, Survival::Everything | Survival::Torn { .. })
}

fn is_looked_at(end: &End) -> bool {
    matches!(end.survival, Survival::Nothing | Survival::Everything | Survival::Torn { .. })
}

fn try_every_second_crash(poor: bool, names: &[&str]) {
    for trial in trials().into_iter().filter(|trial| names.contains(&trial.name)) {
        let ends = trial.ends();
        let mut k = 0;
        every_crash(
            || trial.start(poor),
            |disk| trial.run(disk),
            TORN_AGAIN,
            |found, outcome, end| {
                if !is_mended_by_force(&end) {
                    return;
                }
                k += 1;
                every_crash(
                    || copy_like(found, poor),
                    |disk| recover(&target(disk)),
                    TORN_AGAIN,
                    |again, _, second| {
                        if is_looked_at(&second) {
                            check(&trial, again, outcome.is_ok(), &ends, &(end, second));
                        }
                    },
                );
            },
        );
        assert!(k > 50, "{}: {k}", trial.name);
    }
}

fn copy_like(disk: &SimulatedDisk, poor: bool) -> SimulatedDisk {
    let copy = copy(disk);
    if poor { copy.without_rename_flags() } else { copy }
}

#[test]
fn stopped_again_while_it_is_mended() {
    try_every_second_crash(false, &["first deploy", "redeploy", "trim"]);
}

#[test]
fn stopped_again_on_the_way_back() {
    try_every_second_crash(false, &["go back", "repair", "remove"]);
}

#[test]
fn stopped_again_where_names_cannot_be_exchanged() {
    try_every_second_crash(true, &["redeploy", "repair"]);
}

/// Who is killed leaves much that everybody sees and that is not durable. Whoever mends it then loses his power.
fn try_every_crash_after_a_kill(poor: bool) {
    for trial in trials() {
        let ends = trial.ends();
        every_kill(
            || trial.start(poor),
            |disk| trial.run(disk),
            |left, outcome, k| {
                every_crash(
                    || left.after_kill(),
                    |disk| recover(&target(disk)),
                    TORN_AGAIN,
                    |again, _, second| {
                        if is_looked_at(&second) {
                            check(&trial, again, outcome.is_ok(), &ends, &(k, second));
                        }
                    },
                );
            },
        );
    }
}

#[test]
fn killed_and_then_cut_off_while_it_is_mended() {
    try_every_crash_after_a_kill(false);
}

#[test]
fn killed_and_then_cut_off_where_names_cannot_be_exchanged() {
    try_every_crash_after_a_kill(true);
}

/// The very first commit makes our own directories besides, and they may stay.
#[test]
fn the_first_commit_of_all_leaves_no_more_than_our_own() {
    let (none, wanted) = (Wants::new(), first());
    let before = without_our_own(&tree(&machine()));
    let done = deployed(1);
    let after = without_our_own(&tree(&done));
    every_crash(
        machine,
        |disk| deploy(disk, 1, &none, &wanted),
        TORN,
        |found, outcome, end| {
            recover(&target(found)).unwrap();
            let tree = without_our_own(&tree(found));
            let is_new = outcome.is_ok() || tree.contains_key(Path::new("d/Web/current"));
            assert_same(&tree, if is_new { &after } else { &before }, &end);
            deploy_again(found, is_new);
        },
    );
}

fn deploy_again(disk: &SimulatedDisk, is_new: bool) {
    let (none, wanted) = (Wants::new(), first());
    if !is_new {
        deploy(disk, 1, &none, &wanted).unwrap();
    }
}
