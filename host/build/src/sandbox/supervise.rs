//! The host's side of a sandbox: it starts the helper, tells it what to do, hands on what the command prints, and ends
//! it all when it is time to. It returns only when nothing of the command is left, or it says so.

use super::Ending;
use super::answer;
use super::border::SandboxError;
use super::control_group::ControlGroup;
use super::order::{HELPER_NAME, Order};
use super::printed::{Flow, Printed};
use crate::limits::{ANSWER_BYTES_MAX, DRAIN_MS_MAX, END_MS_MAX, STOP_PAUSE_MS};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Obeys an order in a sandbox.
pub(super) fn run(
    helper: &Path,
    order: &Order,
    output: &mut dyn FnMut(&[u8]),
    stop: &AtomicBool,
) -> Result<Ending, SandboxError> {
    let start = Instant::now();
    let (told, tell) = io::pipe()?;
    let (said, says) = io::pipe()?;
    let (printed, prints) = io::pipe()?;
    rustix::io::ioctl_fionbio(&tell, true).map_err(io::Error::from)?;
    rustix::io::ioctl_fionbio(&said, true).map_err(io::Error::from)?;
    let group = ControlGroup::new(order.limits);
    let bytes = order.encode(group.is_some())?;
    let printed = Printed::new(printed, output)?;
    let child = Command::new(helper)
        .arg0(HELPER_NAME)
        .env_clear()
        .stdin(told)
        .stdout(prints)
        .stderr(says)
        .process_group(0)
        .spawn()
        .map_err(|error| SandboxError::Start { program: helper.to_owned(), error })?;
    let mut sandbox = Sandbox {
        outer: child,
        tell: Some(Telling { pipe: tell, rest: &bytes }),
        said: Some(said),
        heard: Vec::new(),
        printed,
        ending: None,
        is_killed: false,
        end_by: start.checked_add(order.limits.wall),
    };
    // It has not been told anything yet, so that everything it starts will be in the group, too.
    let added = group.as_ref().map_or(Ok(()), |group| group.add(sandbox.outer.id()));
    let result = added.map_err(SandboxError::from).and_then(|()| sandbox.attend(stop));
    if result.is_err() {
        sandbox.end_now();
    }
    match (result, group) {
        (Err(SandboxError::Lost { .. }), Some(group)) if group.ran_out_of_memory() => Ok(Ending::OutOfMemory),
        (Ok(Ending::Killed { .. }), Some(group)) if group.ran_out_of_memory() => Ok(Ending::OutOfMemory),
        (result, _) => result,
    }
}

/// An order that is not yet sent as a whole. Its pipe's closing means the end.
struct Telling<'a> {
    pipe: PipeWriter,
    rest: &'a [u8],
}

struct Sandbox<'a> {
    outer: Child,
    tell: Option<Telling<'a>>,
    /// Is gone when both helpers are, and with them every process inside.
    said: Option<PipeReader>,
    heard: Vec<u8>,
    printed: Printed<'a>,
    /// Why it is being ended from outside.
    ending: Option<Ending>,
    /// Whether it was killed because it did not end.
    is_killed: bool,
    /// When it is ended, or, if it is being ended, when it is killed.
    end_by: Option<Instant>,
}

impl Sandbox<'_> {
    fn attend(&mut self, stop: &AtomicBool) -> Result<Ending, SandboxError> {
        while self.said.is_some() {
            let now = Instant::now();
            if self.end_by.is_some_and(|by| now >= by) {
                match (self.ending, self.is_killed) {
                    (None, _) => self.end(Ending::TimedOut),
                    (Some(_), false) => self.kill()?,
                    (Some(_), true) => return Err(SandboxError::Unkillable),
                }
            }
            if stop.load(Ordering::Relaxed) {
                self.end(Ending::Stopped);
            }
            self.wait(now)?;
        }
        self.outer.wait()?;
        self.drain()?;
        match (answer::read(&self.heard), self.ending) {
            // What the inner process says when it is told to end is of no interest.
            (_, Some(ending)) => Ok(ending),
            (result, None) => result,
        }
    }

    /// Waits for one of the pipes, and serves those that are ready.
    fn wait(&mut self, now: Instant) -> Result<(), SandboxError> {
        let pause = Duration::from_millis(STOP_PAUSE_MS);
        let pause = self.end_by.map_or(pause, |by| by.saturating_duration_since(now).min(pause));
        let timeout = Timespec { tv_sec: 0, tv_nsec: pause.subsec_nanos().into() };
        let waiting = PollFlags::OUT;
        let mut polled = Vec::with_capacity(3);
        polled.extend(self.said.as_ref().map(|said| PollFd::new(said, PollFlags::IN)));
        let printing = polled.len();
        polled.extend(self.printed.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let telling = polled.len();
        let unsent = self.tell.as_ref().filter(|tell| !tell.rest.is_empty());
        polled.extend(unsent.map(|tell| PollFd::new(&tell.pipe, waiting)));
        let count = match poll(&mut polled, Some(&timeout)) {
            Ok(count) => count,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(io::Error::from(error).into()),
        };
        let ready = |at: usize| polled.get(at).is_some_and(|polled| !polled.revents().is_empty());
        let (said, printed, told) = (ready(0), printing < telling && ready(printing), ready(telling));
        if count == 0 && self.outer.try_wait()?.is_some() {
            // The outer process was killed by somebody else. The inner one may not know that yet.
            self.tell = None;
        }
        if told {
            self.tell_more()?;
        }
        if printed && self.printed.read()? == Flow::TooMuch {
            self.end(Ending::PrintedTooMuch);
        }
        if said {
            self.hear()?;
        }
        Ok(())
    }

    fn tell_more(&mut self) -> io::Result<()> {
        let Some(tell) = &mut self.tell else {
            return Ok(());
        };
        match rustix::io::write(&tell.pipe, tell.rest) {
            Ok(count) => tell.rest = &tell.rest[count..],
            Err(Errno::AGAIN | Errno::INTR) => {}
            // The helper ended, and has said why.
            Err(Errno::PIPE) => tell.rest = &[],
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn hear(&mut self) -> io::Result<()> {
        let Some(said) = &self.said else {
            return Ok(());
        };
        let mut buffer = [0; 1024];
        match rustix::io::read(said.as_fd(), &mut buffer) {
            Ok(0) => self.said = None,
            Ok(count) if self.heard.len() < ANSWER_BYTES_MAX => self.heard.extend_from_slice(&buffer[..count]),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Tells the inner process to end, and all others with it.
    fn end(&mut self, ending: Ending) {
        if self.ending.is_none() && self.said.is_some() {
            self.ending = Some(ending);
            self.tell = None;
            self.end_by = Instant::now().checked_add(Duration::from_millis(END_MS_MAX));
        }
    }

    /// Kills the outer process, whose death kills the inner one.
    fn kill(&mut self) -> io::Result<()> {
        self.is_killed = true;
        self.end_by = Instant::now().checked_add(Duration::from_millis(END_MS_MAX));
        self.outer.kill()
    }

    /// Kills without asking, when something went wrong out here.
    fn end_now(&mut self) {
        self.tell = None;
        let _ = self.outer.kill();
        let _ = self.outer.wait();
    }

    /// Hands on what is left in the pipe. Everybody who wrote to it is gone, or, if the outer process was killed, will
    /// be at once.
    fn drain(&mut self) -> io::Result<()> {
        let by = Instant::now() + Duration::from_millis(DRAIN_MS_MAX);
        let pause = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        while Instant::now() < by {
            match self.printed.read()? {
                Flow::Open => {}
                Flow::Ended | Flow::TooMuch => break,
                Flow::Dry => {
                    let pipe = self.printed.pipe.as_ref();
                    let mut polled: Vec<_> = pipe.map(|pipe| PollFd::new(pipe, PollFlags::IN)).into_iter().collect();
                    let _ = poll(&mut polled, Some(&pause));
                }
            }
        }
        Ok(())
    }
}
