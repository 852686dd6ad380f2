//! How commands end, and that nothing of them is left.

use crate::world::{
    Outcome, PATIENCE, World, again, descendants, is_running, long_time, namespaces, printed, processes_with,
    wait_until,
};
use punix_build::sandbox::{Ending, SandboxError, run};
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn codes_and_signals_arrive() {
    let mut world = World::new();
    assert_eq!(world.sh("exit 0").ending, Ending::Success);
    assert_eq!(world.sh("exit 3").ending, Ending::Failed { code: 3 });
    assert_eq!(world.sh("exit 255").ending, Ending::Failed { code: 255 });
    assert_eq!(world.sh("kill -TERM $$").ending, Ending::Killed { signal: 15 });
    assert_eq!(world.sh("kill -KILL $$").ending, Ending::Killed { signal: 9 });
    assert_eq!(world.sh("exec kill -ABRT $$").ending, Ending::Killed { signal: 6 });
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let mut world = World::new();
    world.job.argv = vec!["/usr/bin/no such".into()];
    let error = world.go(&namespaces()).unwrap_err();
    assert_eq!(error.to_string(), "cannot start `/usr/bin/no such`: No such file or directory (os error 2)");
    world.job.argv = vec!["bash".into()];
    assert!(matches!(world.go(&namespaces()), Err(SandboxError::Plan(_))));
}

#[test]
fn a_helper_that_is_none_is_found_out() {
    let mut world = World::new();
    world.job.argv = vec!["/bin/true".into()];
    for helper in ["/bin/true", "/bin/false", "/nowhere"] {
        let isolation = punix_build::sandbox::Isolation::Namespaces { helper: helper.into() };
        let error = world.go(&isolation).unwrap_err();
        assert!(matches!(error, SandboxError::Lost { .. } | SandboxError::Start { .. }), "{error}");
    }
}

#[test]
fn every_byte_arrives_in_order() {
    let mut world = World::new();
    world.job.argv =
        vec!["/bin/bash".into(), "-c".into(), "printf '\\377\\0\\n'; printf 'e\\376' >&2; seq 100000".into()];
    let mut bytes = Vec::new();
    let ending =
        run(&namespaces(), &world.job, &mut |part| bytes.extend_from_slice(part), &AtomicBool::new(false)).unwrap();
    let mut expected = b"\xff\0\ne\xfe".to_vec();
    expected.extend((1..=100_000).flat_map(|number| format!("{number}\n").into_bytes()));
    assert_eq!(ending, Ending::Success);
    assert!(bytes == expected, "{} bytes instead of {}", bytes.len(), expected.len());
}

#[test]
fn too_much_output_is_an_end() {
    let mut world = World::new();
    world.job.argv = vec!["/usr/bin/yes".into()];
    let mut count = 0;
    let ending =
        run(&namespaces(), &world.job, &mut |part| count += part.len() as u64, &AtomicBool::new(false)).unwrap();
    assert_eq!((ending, count), (Ending::PrintedTooMuch, punix_build::limits::PRINTED_BYTES_MAX));
}

#[test]
fn what_runs_in_the_background_does_not_delay_the_end() {
    let mut world = World::new();
    let time = long_time();
    let start = Instant::now();
    let script = format!(
        "sleep {time} & (setsid sh -c 'sleep {time} & sleep {time}' &) ; nohup sleep {time} >/dev/null 2>&1 & echo end"
    );
    assert_eq!(world.sh(&script), printed("end\n"));
    assert!(start.elapsed() < PATIENCE / 2);
    assert_eq!(processes_with(&time), [0_u32; 0]);
}

#[test]
fn orphans_are_reaped_while_the_command_runs() {
    let mut world = World::new();
    let script = "for i in 1 2 3 4 5; do (true & exec true); done
        for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.05; grep -qs '^State:.Z' /proc/[0-9]*/status || break; done
        grep -s '^State:.Z' /proc/[0-9]*/status; echo end";
    assert_eq!(world.sh(script), printed("end\n"));
}

#[test]
fn time_ends_everything() {
    let mut world = World::new();
    let time = long_time();
    world.job.limits.wall = Duration::from_millis(300);
    let script =
        format!("trap '' TERM INT HUP; echo begun; (setsid sleep {time} &); bash -c 'sleep {time}; :'; sleep {time}");
    let start = Instant::now();
    let outcome = world.sh(&script);
    assert_eq!(outcome, Outcome { ending: Ending::TimedOut, printed: "begun\n".to_owned() });
    assert!(start.elapsed() >= world.job.limits.wall && start.elapsed() < PATIENCE / 2);
    assert_eq!(processes_with(&time), [0_u32; 0]);
}

#[test]
fn a_caller_can_stop_it() {
    let mut world = World::new();
    let time = long_time();
    world.job.argv = vec!["/bin/bash".into(), "-c".into(), format!("echo begun; sleep {time}; sleep {time}").into()];
    let stop = AtomicBool::new(false);
    let ending = run(&namespaces(), &world.job, &mut |_| stop.store(true, Ordering::Relaxed), &stop).unwrap();
    assert_eq!(ending, Ending::Stopped);
    assert_eq!(processes_with(&time), [0_u32; 0]);
}

#[test]
fn many_run_at_once() {
    std::thread::scope(|scope| {
        for number in 0..16 {
            scope.spawn(move || {
                let mut world = World::new();
                let outcome = world.sh(&format!("echo {number} >/tmp/x; sleep 0.1; cat /tmp/x; exit {number}"));
                let ending = if number == 0 { Ending::Success } else { Ending::Failed { code: number } };
                assert_eq!(outcome, Outcome { ending, printed: format!("{number}\n") });
            });
        }
    });
}

const TIME: &str = "PUNIX_TEST_SLEEP";

/// Run by the test below, in a process that is going to be killed.
#[test]
fn host_that_is_killed() {
    let Ok(time) = std::env::var(TIME) else {
        return;
    };
    let mut world = World::new();
    world.sh(&format!("(setsid sleep {time} &); sleep {time} & sleep {time}; :"));
}

#[test]
fn nothing_outlives_a_killed_host() {
    let time = long_time();
    let mut command = again(Command::new("env"), "ended::host_that_is_killed");
    let mut host = command.env(TIME, &time).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    // The shell has the number in its command line, too.
    wait_until("everything is started", || processes_with(&time).len() >= 4);
    let mut all = descendants(host.id());
    all.extend(processes_with(&time));
    assert!(all.len() >= 6, "{all:?}");
    host.kill().unwrap();
    host.wait().unwrap();
    wait_until("everything has ended", || !all.iter().any(|process| is_running(*process)));
    // Nobody has the other end of its output any more either.
    host.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    let left = std::env::temp_dir().join(format!("punix-sandbox-{}-0", host.id()));
    std::fs::remove_dir_all(left).unwrap();
}

#[test]
fn nothing_outlives_a_killed_helper() {
    let time = long_time();
    let seconds = time.clone();
    let host =
        std::thread::spawn(move || World::new().try_sh(&format!("(setsid sleep {seconds} &); sleep {seconds}; :")));
    wait_until("everything is started", || processes_with(&time).len() >= 3);
    let all = processes_with(&time);
    let helper = outer_of(all[0]);
    rustix::process::kill_process(helper, rustix::process::Signal::KILL).unwrap();
    let error = host.join().unwrap().unwrap_err();
    assert!(matches!(error, SandboxError::Lost { .. }), "{error}");
    wait_until("everything has ended", || !all.iter().any(|process| is_running(*process)));
}

/// Finds the outer process that a process inside belongs to: the child of this one.
fn outer_of(inside: u32) -> rustix::process::Pid {
    let own = std::process::id();
    let outer = descendants(own).into_iter().find(|process| descendants(*process).contains(&inside)).unwrap();
    rustix::process::Pid::from_raw(outer.cast_signed()).unwrap()
}
