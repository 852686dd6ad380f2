//! Commands that take all they can get.

use crate::world::{Outcome, PATIENCE, World};
use punix_build::sandbox::Ending;
use std::time::{Duration, Instant};

const MEGABYTE: u64 = 1 << 20;

#[test]
fn a_fork_bomb_is_stopped() {
    let mut world = World::new();
    world.job.limits.processes = 50;
    world.job.limits.wall = Duration::from_secs(1);
    let start = Instant::now();
    let outcome = world.sh("bomb() { bomb | bomb & }; bomb 2>/dev/null; while :; do sleep 1; done");
    assert!(
        matches!(outcome.ending, Ending::TimedOut | Ending::TooManyProcesses | Ending::Failed { .. }),
        "{outcome:?}"
    );
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
}

#[test]
fn there_are_not_more_processes_than_may_be() {
    let mut world = World::new();
    world.job.limits.processes = 50;
    // A shell that is refused a process tries again for long.
    world.job.limits.wall = Duration::from_secs(3);
    let outcome = world.sh("for i in $(seq 1000); do sleep 1000 2>/dev/null & echo; done 2>/dev/null");
    let count = outcome.printed.lines().count();
    // Without a limit of its own for root, the kernel's reserve comes on top.
    assert!((40..400).contains(&count), "{count}");
    assert_ne!(outcome.ending, Ending::Success);
}

#[test]
fn one_process_with_much_memory_is_refused_more() {
    let mut world = World::new();
    world.job.limits.memory_bytes = 100 * MEGABYTE;
    let outcome = world.sh("x=$(head -c 20000000 /dev/zero | tr '\\0' x); echo fits; while :; do x=$x$x; done");
    assert!(outcome.printed.starts_with("fits\n"), "{outcome:?}");
    assert!(matches!(outcome.ending, Ending::Failed { .. } | Ending::OutOfMemory), "{outcome:?}");
}

#[test]
fn many_processes_with_much_memory_are_stopped() {
    let mut world = World::new();
    world.job.limits.memory_bytes = 100 * MEGABYTE;
    let eat = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); sleep 1000; :";
    let outcome =
        world.sh(&format!("for i in 1 2 3 4 5 6 7 8; do bash -c \"{}\" & done; wait", eat.replace('$', "\\$")));
    assert_eq!(outcome, Outcome { ending: Ending::OutOfMemory, printed: String::new() });
}

#[test]
fn memory_that_is_shared_counts_once() {
    let mut world = World::new();
    world.job.limits.memory_bytes = 150 * MEGABYTE;
    let script =
        "x=$(head -c 20000000 /dev/zero | tr '\\0' x); for i in $(seq 20); do (sleep 0.5; :) & done; wait; echo end";
    assert_eq!(world.sh(script), Outcome { ending: Ending::Success, printed: "end\n".to_owned() });
}

#[test]
fn files_have_a_most_size() {
    let mut world = World::new();
    world.job.limits.file_bytes = MEGABYTE;
    let outcome = world.sh("head -c 2000000 /dev/zero >/tmp/file; echo $?; stat -c %s /tmp/file");
    assert!(outcome.printed.ends_with("153\n1048576\n"), "{outcome:?}");
}

#[test]
fn memory_that_is_a_file_has_a_most_size() {
    let mut world = World::new();
    world.job.limits.memory_bytes = 100 * MEGABYTE;
    let outcome = world.sh("head -c 200000000 /dev/zero >/dev/shm/file 2>/dev/null; stat -c %s /dev/shm/file");
    let size = outcome.printed.trim().parse::<u64>().unwrap_or(0);
    assert!(size <= 100 * MEGABYTE, "{outcome:?}");
}

#[test]
fn other_limits_are_set() {
    let mut world = World::new();
    world.job.limits.open_files = 77;
    let outcome = world.sh("ulimit -n; ulimit -c; cat /proc/self/oom_score_adj");
    assert_eq!(outcome, Outcome { ending: Ending::Success, printed: "77\n0\n1000\n".to_owned() });
}
