//! A program that was started here, in a process group of its own with whatever it starts itself. Every wait for it has an
//! end, and nothing of it is left behind unless that is asked for.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, pidfd_open, waitid,
};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long is waited for a program that was killed. Only one that hangs in the system takes longer.
const KILLED_PATIENCE: Duration = Duration::from_secs(5);
/// How often is looked where the system cannot tell.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running program. Invariant: as long as `ended` is empty nobody waited for it, so its number is its own.
pub(super) struct Group {
    child: Child,
    pid: Pid,
    ended: Option<ExitStatus>,
}

impl Group {
    /// Starts a program as the first of a new group.
    pub(super) fn start(command: &mut Command) -> io::Result<Group> {
        let child = command.process_group(0).spawn()?;
        let pid = Pid::from_child(&child);
        Ok(Group { child, pid, ended: None })
    }

    /// Returns its number.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns what it was started with, to take the ends of pipes out.
    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the program to end, at most until then, and tells whether it did. What it started may go on.
    pub(super) fn ended_by(&mut self, until: Instant) -> bool {
        // A descriptor that turns readable when it ends.
        let watch = pidfd_open(self.pid, PidfdFlags::empty()).ok();
        while self.ended.is_none() && self.look().is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            match &watch {
                Some(watch) => {
                    let mut watched = [PollFd::new(watch, PollFlags::IN)];
                    // An interruption is a reason to look again, as is every other.
                    let _ = poll(&mut watched, Some(&timespec(left)));
                }
                None => std::thread::sleep(left.min(LOOK_EVERY)),
            }
        }
        true
    }

    /// Returns the code with which it ended, if it did with one, and leaves it as it is.
    pub(super) fn code(&self) -> Option<i32> {
        match self.ended {
            Some(status) => status.code(),
            None => self.look()?.exit_status(),
        }
    }

    /// Takes note of how it ended, and leaves alone what it started. `None` if it still runs.
    pub(super) fn reap(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Ends what is left of the group, and returns how the program itself ended.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            // It was not waited for yet, so this number can be nobody else's.
            let _ = kill_process_group(self.pid, Signal::KILL);
            self.ended_by(Instant::now() + KILLED_PATIENCE);
        }
        self.reap()
    }

    /// Looks how it has ended, without anybody forgetting that it was there.
    fn look(&self) -> Option<WaitIdStatus> {
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        retry_on_intr(|| waitid(WaitId::Pid(self.pid), how)).ok().flatten()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns a time to wait as the system wants it.
pub(super) fn timespec(time: Duration) -> Timespec {
    // Longer than a day is as good as a day: whoever waits looks again.
    const DAY: u64 = 24 * 60 * 60;
    let seconds = i64::try_from(time.as_secs().min(DAY)).unwrap_or(0);
    Timespec { tv_sec: seconds, tv_nsec: time.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::Stdio;

    fn shell(script: &str) -> Group {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped());
        Group::start(&mut command).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_program_is_waited_for_and_its_code_known() {
        let mut group = shell("exit 7");
        assert!(group.ended_by(soon()));
        assert_eq!(group.code(), Some(7));
        assert_eq!(group.reap().unwrap().code(), Some(7));
        assert_eq!(group.end().unwrap().code(), Some(7));
    }

    #[test]
    fn waiting_has_an_end_and_so_has_the_program() {
        let mut group = shell("exec sleep 600");
        assert!(!group.ended_by(Instant::now() + Duration::from_millis(20)));
        assert!(group.reap().is_none() && group.code().is_none());
        assert_eq!(group.end().unwrap().code(), None);
    }

    #[test]
    fn what_a_program_started_ends_with_it() {
        let mut group = shell("sleep 600 & exit 0");
        let mut output = group.child().stdout.take().unwrap();
        assert!(group.ended_by(soon()));
        assert_eq!(group.end().unwrap().code(), Some(0));
        // The sleeper held the other end of this.
        assert_eq!(output.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_program_that_nobody_wants_any_more_ends() {
        let mut group = shell("exec sleep 600");
        let mut output = group.child().stdout.take().unwrap();
        drop(group);
        assert_eq!(output.read(&mut [0]).unwrap(), 0);
    }
}
