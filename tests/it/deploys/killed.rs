//! A kill at a system call of each operation: the next command finds the old or the new, wholly. Here without the guard
//! that recovers at once, so that the next command has to.

use super::operation::{End, next_command, operations, some_operations};
use super::site::{Site, has_journal};
use crate::kill::times;
use crate::kill::tracer::{Step, can_trace, choice, killed_at, steps};
use crate::support::run;
use std::collections::BTreeSet;

/// How many kills there is time for, for each operation.
const KILLS: usize = 10;

#[test]
fn wherever_it_is_killed_the_next_command_finds_one_generation() {
    if !can_trace() {
        return;
    }
    let site = Site::new();
    for operation in operations() {
        let (mut killed, mut old, mut new) = (0, 0, 0);
        for step in choice(operation.steps(&site), KILLS) {
            site.copy("before", "host");
            let outcome = run(killed_at(&step, site.command("host", &operation.words)));
            killed += usize::from(outcome.code.is_none());
            let about = format!("{} killed at {step:?}", operation.name);
            next_command(&site, "host", &about);
            let end = operation.end(&site, &site.path("host"), &about);
            if outcome.code == Some(0) {
                assert_eq!(end, End::New, "{about}: it was said to be done");
            }
            match end {
                End::Old => old += 1,
                End::New => new += 1,
            }
            operation.settles(&site, &about);
        }
        println!("{}: {killed} killed, old {old} new {new}", operation.name);
        assert!(killed > 0 && old > 0, "{}", operation.name);
    }
}

/// What was killed in the midst is recovered by a command that is killed, too.
#[test]
fn a_recovery_that_is_killed_is_recovered() {
    if !can_trace() {
        return;
    }
    let site = Site::new();
    let mut ends = [0, 0];
    for operation in some_operations(&["redeploy", "rollback"]) {
        for step in leaving(operation.steps(&site)) {
            // Made anew each time: a copy has other inodes, by which files are recognised.
            let tear = || {
                site.copy("before", "host");
                run(killed_at(&step, site.command("host", &operation.words)));
                has_journal(&site.path("host"))
            };
            if !tear() {
                continue;
            }
            let all = steps(site.command("host", &["list"]), &site.path("trace"));
            for second in choice(all, times(KILLS / 3, KILLS)) {
                if !tear() {
                    continue;
                }
                run(killed_at(&second, site.command("host", &["list"])));
                let about = format!("{} killed at {step:?}, then at {second:?}", operation.name);
                next_command(&site, "host", &about);
                let end = operation.end(&site, &site.path("host"), &about);
                ends[usize::from(end == End::New)] += 1;
            }
        }
    }
    println!("recoveries that were killed: {} to the old, {} to the new", ends[0], ends[1]);
    assert!(ends[0] > 0 && ends[1] > 0, "{ends:?}");
}

/// Returns steps that leave the most to do: files that take their places, `current` that does, and what is cleared away.
fn leaving(steps: Vec<Step>) -> Vec<Step> {
    let of = |call: &str| -> Vec<Step> { steps.iter().filter(|step| step.is(call)).cloned().collect() };
    let (placing, clearing) = (of("renameat2"), of("unlinkat"));
    let (placing, clearing) = (sample(&placing, times(2, 8)), sample(&clearing, times(2, 4)));
    placing.into_iter().chain(clearing).collect()
}

/// Returns some of many, spread evenly, with the first and the last.
pub(super) fn sample(steps: &[Step], count: usize) -> Vec<Step> {
    let last = steps.len().saturating_sub(1);
    let places: BTreeSet<usize> = (0..count).map(|at| at * last / count.saturating_sub(1).max(1)).collect();
    places.into_iter().filter_map(|at| steps.get(at).cloned()).collect()
}
