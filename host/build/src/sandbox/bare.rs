//! Running a command without keeping it apart: it has its own process group, and that is killed as a whole. What leaves
//! the group is not found again.

use super::border::SandboxError;
use super::limit;
use super::plan::PlanError;
use super::printed::{Flow, Printed};
use super::{Ending, Job};
use crate::limits::{DRAIN_MS_MAX, STOP_PAUSE_MS};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Resource, Signal, kill_process_group, pidfd_open, prlimit};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Runs a job's command here.
pub(super) fn run(job: &Job, output: &mut dyn FnMut(&[u8]), stop: &AtomicBool) -> Result<Ending, SandboxError> {
    let start = Instant::now();
    let (program, arguments) = job.argv.split_first().ok_or(PlanError::Program)?;
    let (printed, prints) = io::pipe()?;
    let mut printed = Printed::new(printed, output)?;
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&job.environment)
        .current_dir(&job.directory)
        .stdin(Stdio::null())
        .stderr(prints.try_clone()?)
        .stdout(prints)
        .process_group(0)
        .spawn()
        .map_err(|error| SandboxError::Start { program: program.into(), error })?;
    let mut group = Group(child);
    let process = Pid::from_child(&group.0);
    let limits = limit::each(job.limits.open_files, job.limits.file_bytes);
    for (resource, most) in limits.into_iter().chain([(Resource::Data, job.limits.memory_bytes)]) {
        // It may have ended already. It runs already, too: this way there is a moment without limits.
        let _ = prlimit(Some(process), resource, limit::lowered(resource, most));
    }
    let end_by = start.checked_add(job.limits.wall);
    let forced = attend(process, &mut printed, end_by, stop)?;
    let status = group.end()?;
    // What left the group can still have the pipe. It is not waited for.
    let drain_by = Instant::now() + Duration::from_millis(DRAIN_MS_MAX);
    while Instant::now() < drain_by && printed.read()? == Flow::Open {}
    Ok(forced.unwrap_or_else(|| ending(status)))
}

/// Hands on what is printed until the command ends, or says why it has to.
fn attend(
    process: Pid,
    printed: &mut Printed<'_>,
    end_by: Option<Instant>,
    stop: &AtomicBool,
) -> io::Result<Option<Ending>> {
    let leader = pidfd_open(process, PidfdFlags::empty())?;
    loop {
        let left = end_by.map(|by| by.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(Some(Ending::TimedOut));
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(Some(Ending::Stopped));
        }
        let pause = Duration::from_millis(STOP_PAUSE_MS);
        let pause = left.map_or(pause, |left| left.min(pause));
        let timeout = Timespec { tv_sec: 0, tv_nsec: pause.subsec_nanos().into() };
        let mut polled = vec![PollFd::new(&leader, PollFlags::IN)];
        polled.extend(printed.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = |at: usize| polled.get(at).is_some_and(|polled| !polled.revents().is_empty());
        let (ended, readable) = (ready(0), ready(1));
        if readable && printed.read()? == Flow::TooMuch {
            return Ok(Some(Ending::PrintedTooMuch));
        }
        if ended {
            return Ok(None);
        }
    }
}

/// A process group, which must not outlive this.
struct Group(Child);

impl Group {
    /// Kills what is left of the group, and says how its leader ended.
    fn end(&mut self) -> io::Result<ExitStatus> {
        // The leader is not yet reaped, so that nobody else can have got its number.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        self.0.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.end();
        }
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ending::Success,
        (Some(code), _) => Ending::Failed { code },
        (None, signal) => Ending::Killed { signal: signal.unwrap_or_default() },
    }
}
