//! Killing a program at one of its system calls, by `strace`. Only the first thread is followed: what the program starts
//! runs as ever, and is to notice by itself that it is alone. So the program gets one processor, on which it does all of
//! its own work in that thread.

use super::is_long;
use crate::support::{run, scrubbed, skip};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Calls that change something that others see, or start or wait for somebody. Not every machine has all of them.
const CALLS: &str = "?mkdir,?mkdirat,?open,openat,?openat2,write,?rename,?renameat,renameat2,?chmod,fchmod,fchmodat,\
    fchown,fchownat,utimensat,?link,linkat,?symlink,symlinkat,?unlink,unlinkat,?rmdir,fsync,fdatasync,syncfs,ftruncate,flock,\
    ?clone,?clone3,?vfork,?fork,?poll,ppoll,wait4";

/// One step of a program: a call, and the how many-th of its name it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    call: String,
    number: usize,
}

impl Step {
    /// Tells whether it is this call.
    pub(crate) fn is(&self, call: &str) -> bool {
        self.call == call
    }
}

/// Tells whether programs can be traced here, and counts the test as skipped if not.
pub(crate) fn can_trace() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = *FOUND.get_or_init(|| {
        let mut command = under(scrubbed("/bin/true"), &[]);
        command.output().is_ok_and(|output| output.status.success())
    });
    if !found {
        skip("no `strace` that works, to kill at steps");
    }
    found
}

/// Runs a command, which has to end well, and returns the steps that it took.
#[track_caller]
pub(crate) fn steps(command: Command, log: &Path) -> Vec<Step> {
    let trace = format!("trace={CALLS}");
    let outcome = run(under(command, &["-o", &log.display().to_string(), "-e", &trace]));
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let text = fs::read_to_string(log).expect("a trace was written");
    fs::remove_file(log).expect("it is there");
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut steps = Vec::new();
    for line in text.lines() {
        // Signals and the end have lines, too.
        let Some((call, arguments)) = line.split_once('(').filter(|(call, _)| is_name(call)) else { continue };
        let number = numbers.entry(call).or_default();
        *number += 1;
        if !call.starts_with("open") || arguments.contains("O_CREAT") {
            steps.push(Step { call: call.to_owned(), number: *number });
        }
    }
    assert!(steps.len() > 10, "{text}");
    steps
}

/// Returns the steps at which to kill: at most `count` that are spread evenly, or all of them.
pub(crate) fn choice(steps: Vec<Step>, count: usize) -> Vec<Step> {
    let stride = if is_long() { 1 } else { steps.len().div_ceil(count) };
    let last = steps.iter().rev().map(|step| (step.call.clone(), step.number));
    let last: BTreeMap<String, usize> = last.rev().collect();
    let mut chosen: Vec<Step> = steps.into_iter().step_by(stride).collect();
    if is_long() {
        // Beyond the last ones, until one run survives; no two runs are quite the same.
        chosen.extend(
            last.into_iter()
                .flat_map(|(call, last)| (last + 1..=last + 2).map(move |number| Step { call: call.clone(), number })),
        );
    }
    chosen
}

/// Prepares a command that is killed when it is about to take this step.
pub(crate) fn killed_at(step: &Step, command: Command) -> Command {
    let trace = format!("trace={}", step.call);
    let inject = format!("inject={}:signal=SIGKILL:when={}", step.call, step.number);
    under(command, &["-o", "/dev/null", "-e", &trace, "-e", &inject])
}

/// Prepares a command in which this step fails, without having been taken.
pub(crate) fn failing_at(step: &Step, error: &str, command: Command) -> Command {
    let trace = format!("trace={}", step.call);
    let inject = format!("inject={}:error={error}:when={}", step.call, step.number);
    under(command, &["-o", "/dev/null", "-e", &trace, "-e", &inject])
}

/// Prepares a command that stops when it took this step, as if it were suspended. That it did is then in the log.
pub(crate) fn stopped_at(step: &Step, command: Command, log: &Path) -> Command {
    let trace = format!("trace={}", step.call);
    let inject = format!("inject={}:signal=SIGSTOP:when={}", step.call, step.number);
    under(command, &["-o", &log.display().to_string(), "-e", &trace, "-e", &inject])
}

/// Wraps a command. The environment and the directory stay as they are.
fn under(command: Command, options: &[&str]) -> Command {
    let mut outer = scrubbed("taskset");
    outer.args(["-c", &processor(), "strace", "-q"]).args(options).arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        outer.current_dir(directory);
    }
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer
}

/// Returns the number of a processor that may be used.
fn processor() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or("0");
    list.trim().split([',', '-']).next().unwrap_or("0").to_owned()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
