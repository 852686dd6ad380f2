//! The power goes: a file system is shut down without a flush, right after success was printed, or in the midst of a
//! change or of a recovery. What is on the disk then is what counts.

use super::killed::sample;
use super::operation::{End, Operation, next_command_at, operations, some_operations};
use super::site::{Site, deploying, has_journal};
use super::volume::{Machine, tool};
use crate::kill::times;
use crate::kill::tracer::{Step, can_trace, choice, killed_at, steps, stopped_at};
use crate::support::run;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Builds of other tests go on for a while.
const DEADLINE: Duration = Duration::from_secs(90);

const KINDS: [(&str, u64); 2] = [("ext4", 48), ("xfs", 320)];

#[test]
fn what_was_printed_as_done_survives_a_power_cut() {
    for (kind, size) in KINDS {
        let Some(machine) = Machine::whole(kind, size) else { return };
        let site = Site::new();
        let host = machine.host();
        let expected: [(&[&str], usize); 5] = [
            (&deploying(1), 1),
            (&deploying(2), 2),
            (&["rollback", "App"], 1),
            (&["set-current", "App", "2"], 2),
            (&["remove", "App"], 0),
        ];
        for (words, generation) in expected {
            let outcome = run(site.command_at(&host, words));
            assert_eq!(outcome.code, Some(0), "{kind}: {outcome:#?}");
            machine.cut(&[0]);
            machine.restart();
            assert_eq!(site.generation(&host, &format!("{kind}: {words:?}")), generation, "{kind}: {words:?}");
        }
    }
}

#[test]
fn a_power_cut_in_the_midst_leaves_one_generation() {
    if !can_trace() {
        return;
    }
    for (kind, size) in KINDS {
        let Some(machine) = Machine::whole(kind, size) else { return };
        let site = Site::new();
        for operation in operations() {
            let all = operation.steps(&site);
            let mut ends = [0, 0];
            for step in sample(&choice(all, usize::MAX), times(3, 30)) {
                let about = format!("{kind}: {} cut off at {step:?}", operation.name);
                let end = cut_once(&site, &machine, &[0], &operation, &step, &about);
                ends[usize::from(end == End::New)] += 1;
            }
            println!("{kind}: {}: old {} new {}", operation.name, ends[0], ends[1]);
        }
    }
}

/// The deployments root and `/etc` on two file systems, of which one loses its power, or both do.
#[test]
fn a_power_cut_of_one_of_two_file_systems_leaves_one_generation() {
    if !can_trace() {
        return;
    }
    for (kind, size) in KINDS {
        let Some(machine) = Machine::split(kind, size) else { return };
        let site = Site::new();
        for operation in some_operations(&["redeploy", "rollback", "repair"]) {
            let all = operation.steps(&site);
            for off in [&[0][..], &[1], &[0, 1]] {
                let mut ends = [0, 0];
                for step in sample(&choice(all.clone(), usize::MAX), times(2, 12)) {
                    let about = format!("{kind}: {} cut off at {step:?}, file systems {off:?}", operation.name);
                    let end = cut_once(&site, &machine, off, &operation, &step, &about);
                    ends[usize::from(end == End::New)] += 1;
                }
                println!("{kind}: {}: without {off:?}: old {} new {}", operation.name, ends[0], ends[1]);
            }
        }
    }
}

/// What was killed in the midst is recovered by a command that is cut off.
#[test]
fn a_power_cut_in_a_recovery_leaves_one_generation() {
    if !can_trace() {
        return;
    }
    for (kind, size) in KINDS {
        let Some(machine) = Machine::whole(kind, size) else { return };
        let site = Site::new();
        let mut ends = [0, 0];
        for operation in some_operations(&["redeploy", "rollback"]) {
            let all = operation.steps(&site);
            let leaving = |call: &str| all.iter().filter(|step| step.is(call)).cloned().collect::<Vec<Step>>();
            let (placing, clearing) = (leaving("renameat2"), leaving("unlinkat"));
            let torn = sample(&placing, times(1, 4)).into_iter().chain(sample(&clearing, times(1, 2)));
            for step in torn {
                let tear = || {
                    machine.fill(&site.path("before"));
                    run(killed_at(&step, site.command_at(&machine.host(), &operation.words)));
                    machine.sync();
                    has_journal(&machine.host())
                };
                if !tear() {
                    continue;
                }
                let all = steps(site.command_at(&machine.host(), &["list"]), &site.path("trace"));
                for second in sample(&all, times(2, 5)) {
                    if !tear() {
                        continue;
                    }
                    let about = format!("{kind}: {} killed at {step:?}, then cut off at {second:?}", operation.name);
                    stop_and_cut(&site, &second, site.command_at(&machine.host(), &["list"]), &|| machine.cut(&[0]));
                    machine.restart();
                    next_command_at(&site, &machine.host(), &about);
                    let end = operation.end(&site, &machine.host(), &about);
                    ends[usize::from(end == End::New)] += 1;
                }
            }
        }
        println!("{kind}: recoveries that were cut off: {} to the old, {} to the new", ends[0], ends[1]);
        assert!(ends[0] + ends[1] > 0, "{kind}: no kill left anything to recover");
    }
}

/// Starts an operation, turns the power off at a step, and lets the next command come.
#[track_caller]
fn cut_once(site: &Site, machine: &Machine, off: &[usize], operation: &Operation, step: &Step, about: &str) -> End {
    let host = machine.host();
    machine.fill(&site.path("before"));
    machine.sync();
    stop_and_cut(site, step, site.command_at(&host, &operation.words), &|| machine.cut(off));
    machine.restart();
    next_command_at(site, &host, about);
    operation.end(site, &host, about)
}

/// Runs a command until a step, turns the power off while it stands there, and ends it.
#[track_caller]
fn stop_and_cut(site: &Site, step: &Step, command: Command, cut: &dyn Fn()) {
    let log = site.path("stopped");
    let _ = fs::remove_file(&log);
    let mut command = stopped_at(step, command, &log);
    let mut tracer = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it ran before");
    let start = Instant::now();
    while tracer.try_wait().expect("it is ours").is_none() {
        if is_stopped(&log) {
            cut();
            let child = child_of(tracer.id()).expect("it stands");
            let _ = tool("kill", &["-KILL".as_ref(), child.to_string().as_ref()]);
            let _ = tracer.wait();
            return;
        }
        assert!(start.elapsed() < DEADLINE, "it neither stops nor ends");
        std::thread::sleep(Duration::from_millis(2));
    }
    // It does not come that far.
    cut();
}

/// Returns the process that a tracer started.
fn child_of(tracer: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{tracer}/task/{tracer}/children")).ok()?;
    children.split(' ').next()?.trim().parse().ok()
}

/// Tells whether a tracer wrote down that its process stands for good.
fn is_stopped(log: &Path) -> bool {
    fs::read_to_string(log).is_ok_and(|text| text.contains("--- stopped by SIGSTOP ---"))
}
