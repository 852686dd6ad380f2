//! Commands that are not kept apart.

use crate::world::{Outcome, PATIENCE, World, is_running, long_time, printed, processes_with, wait_until};
use punix_build::sandbox::{Ending, Isolation, SandboxError, run};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn world(script: &str) -> World {
    let mut world = World::new();
    world.job.argv = vec!["/bin/bash".into(), "-c".into(), script.into()];
    world.job.directory = world.path("tmp");
    world
}

fn sh(script: &str) -> Outcome {
    world(script).go(&Isolation::None).unwrap()
}

#[test]
fn the_rest_is_as_in_a_sandbox() {
    assert_eq!(sh("exit 3").ending, Ending::Failed { code: 3 });
    assert_eq!(sh("kill -TERM $$").ending, Ending::Killed { signal: 15 });
    assert_eq!(
        sh("echo a; echo b >&2; cat; until [ $(ulimit -n) = 1000 ]; do :; done; ulimit -c"),
        printed("a\nb\n0\n")
    );
    let mut world = world("");
    world.job.argv = vec!["/usr/bin/env".into()];
    assert_eq!(world.go(&Isolation::None).unwrap(), printed("PATH=/usr/bin:/bin\n"));
    world.job.argv = vec!["/nowhere".into()];
    assert!(matches!(world.go(&Isolation::None), Err(SandboxError::Start { .. })));
}

#[test]
fn the_group_ends_with_its_leader() {
    let time = long_time();
    let start = Instant::now();
    assert_eq!(sh(&format!("sleep {time} & bash -c 'sleep {time} & sleep {time}' & echo end")), printed("end\n"));
    assert!(start.elapsed() < PATIENCE / 2);
    wait_until("it has ended", || !processes_with(&time).into_iter().any(is_running));
}

#[test]
fn what_leaves_the_group_does_not_delay_the_end() {
    let time = long_time();
    let start = Instant::now();
    assert_eq!(sh(&format!("setsid sleep {time} & echo end")), printed("end\n"));
    assert!(start.elapsed() < PATIENCE / 2);
    for process in processes_with(&time) {
        let process = rustix::process::Pid::from_raw(process.cast_signed()).unwrap();
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
}

#[test]
fn time_and_the_caller_end_the_group() {
    let time = long_time();
    let mut slow = world(&format!("trap '' TERM; echo begun; bash -c 'sleep {time}; :'; :"));
    slow.job.limits.wall = Duration::from_millis(300);
    let outcome = slow.go(&Isolation::None).unwrap();
    assert_eq!(outcome, Outcome { ending: Ending::TimedOut, printed: "begun\n".to_owned() });
    slow.job.limits.wall = PATIENCE;
    let stop = AtomicBool::new(false);
    let ending = run(&Isolation::None, &slow.job, &mut |_| stop.store(true, Ordering::Relaxed), &stop).unwrap();
    assert_eq!(ending, Ending::Stopped);
    wait_until("it has ended", || !processes_with(&time).into_iter().any(is_running));
}

#[test]
fn too_much_output_is_an_end_here_too() {
    let mut world = world("");
    world.job.argv = vec!["/usr/bin/yes".into()];
    assert_eq!(world.go(&Isolation::None).unwrap().ending, Ending::PrintedTooMuch);
}
