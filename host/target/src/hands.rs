//! Doing what a backend says, on the target: commands, each within its time, and what they said, cut. Secrets are not known
//! here; whoever asked takes them out of what is said.
//!
//! Below another root nothing is run but a program that was named to stand for `systemctl`: programs that act on the machine
//! know nothing of roots. What stops at the first failure goes on to its end even if whoever asked is gone by then.

use crate::limits::{ALIVE_SECONDS, OUTPUT_BYTES_MAX, STREAMS_WAIT_MS};
use crate::machine;
use crate::target::Target;
use punix_model::{Command, Observation};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The program that is asked for units.
const SYSTEMCTL: &str = "systemctl";
/// How often a program is looked at where the kernel does not say that it ended.
const LOOK_MS: u64 = 20;
/// What is read at once, and how often in a row: a program that never stops talking must not keep us from the clock.
const READ_BYTES: usize = 64 << 10;
const READS_MAX: usize = 16;

/// Commands of a session, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub commands: Vec<Command>,
    /// Whether the first that fails is the last that is run.
    pub stops: bool,
    /// Stands for `systemctl`, if it was named.
    pub systemctl: Option<String>,
}

/// Runs commands. `alive` is called now and then while one of them takes its time.
pub fn run(target: &Target<'_>, running: &Running, alive: &mut dyn FnMut()) -> Vec<Observation> {
    punix_diag::drill("hands");
    let is_here = target.is_here();
    let systemctl = running.systemctl.as_deref();
    Hands { systemctl, is_here, tick: Duration::from_secs(ALIVE_SECONDS), alive }.run(running)
}

/// Runs a command of our own on this machine.
pub(crate) fn ask(asked: &Command) -> Observation {
    let tick = Duration::from_secs(ALIVE_SECONDS);
    Hands { systemctl: None, is_here: true, tick, alive: &mut || {} }.one(0, asked)
}

/// What runs commands.
struct Hands<'h> {
    systemctl: Option<&'h str>,
    /// Whether the target is this machine.
    is_here: bool,
    /// How often it is said that a program still runs.
    tick: Duration,
    alive: &'h mut dyn FnMut(),
}

impl Hands<'_> {
    fn run(&mut self, running: &Running) -> Vec<Observation> {
        let mut seen = Vec::new();
        for (number, command) in (0..).zip(&running.commands) {
            let observation = self.one(number, command);
            let failed = observation.code != 0;
            seen.push(observation);
            if running.stops && failed {
                break;
            }
        }
        seen
    }

    fn one(&mut self, command: u32, asked: &Command) -> Observation {
        let said = |code, stdout: String, stderr: String| Observation { command, code, stdout, stderr };
        let nothing = String::new;
        let Some((program, words)) = asked.argv.split_first() else {
            return said(-1, nothing(), "there is no command".to_owned());
        };
        let is_systemctl = Path::new(program).file_name().is_some_and(|name| name == SYSTEMCTL);
        let program = match (is_systemctl, self.systemctl) {
            (true, Some(named)) => named,
            // It would act on this machine, which is not the target.
            (false, _) | (true, None) if !self.is_here => return said(0, nothing(), nothing()),
            (true, None) | (false, _) => program,
        };
        match start(program, words).and_then(|child| self.finish(child, asked)) {
            Ok(Ended { status: Some(status), stdout, stderr }) => said(status.code().unwrap_or(-1), stdout, stderr),
            Ok(Ended { status: None, stdout, stderr }) => {
                let late = format!("it did not end within {} ms and was stopped", asked.timeout_ms);
                said(-1, stdout, if stderr.is_empty() { late } else { format!("{late}\n{stderr}") })
            }
            Err(error) => said(-1, nothing(), format!("`{program}` cannot be run: {error}")),
        }
    }

    fn finish(&mut self, mut child: Child, asked: &Command) -> io::Result<Ended> {
        let mut talk = Talk::with(&mut child, asked.stdin.as_bytes());
        let time = Duration::from_millis(asked.timeout_ms.into());
        let ended = talk.go_on(&mut child, time, self.tick, self.alive);
        if !matches!(ended, Ok(Some(_))) {
            stop(&mut child);
        }
        talk.hear_out();
        let [stdout, stderr] = talk.streams.map(|stream| String::from_utf8_lossy(&stream.kept).into_owned());
        Ok(Ended { status: ended?, stdout, stderr })
    }
}

/// What became of a program; no status where it had to be stopped.
struct Ended {
    status: Option<ExitStatus>,
    stdout: String,
    stderr: String,
}

fn start(program: &str, words: &[String]) -> io::Result<Child> {
    let mut command = std::process::Command::new(program);
    // A group of its own: it is stopped with all that it started, and what interrupts us is not meant for it.
    command.args(words).process_group(0).envs(machine::surroundings());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Ends a program and all that it started. One that even then does not end is not waited for for ever.
fn stop(child: &mut Child) {
    let deadline = Instant::now() + Duration::from_millis(STREAMS_WAIT_MS);
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    while let Ok(None) = child.try_wait() {
        if Instant::now() >= deadline {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What goes to a program and comes from it. None of its pipes is ever waited for alone.
struct Talk<'t> {
    input: Option<File>,
    unsent: &'t [u8],
    streams: [Stream; 2],
}

#[derive(Default)]
struct Stream {
    /// Nothing at its end.
    from: Option<File>,
    kept: Vec<u8>,
}

impl<'t> Talk<'t> {
    fn with(child: &mut Child, unsent: &'t [u8]) -> Talk<'t> {
        let stdout = child.stdout.take().and_then(|pipe| unblocked(pipe.into()));
        let stderr = child.stderr.take().and_then(|pipe| unblocked(pipe.into()));
        let input = child.stdin.take().filter(|_| !unsent.is_empty());
        let input = input.and_then(|pipe| unblocked(pipe.into()));
        Talk { input, unsent, streams: [stdout, stderr].map(|from| Stream { from, kept: Vec::new() }) }
    }

    /// Talks until the program ends, and returns how it did; nothing if its time was over before.
    fn go_on(
        &mut self,
        child: &mut Child,
        time: Duration,
        tick: Duration,
        alive: &mut dyn FnMut(),
    ) -> io::Result<Option<ExitStatus>> {
        // It becomes ready when the program ends.
        let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok();
        let start = Instant::now();
        let deadline = start + time;
        let mut next = start + tick;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(None);
            }
            if now >= next {
                alive();
                next = now + tick;
            }
            let mut pause = deadline.min(next).saturating_duration_since(now);
            if process.is_none() {
                pause = pause.min(Duration::from_millis(LOOK_MS));
            }
            self.turn(process.as_ref().map(AsFd::as_fd), pause)?;
        }
    }

    /// Hears what is still in the pipes. A program that was left behind may hold them: it is not waited for long.
    fn hear_out(&mut self) {
        self.input = None;
        let deadline = Instant::now() + Duration::from_millis(STREAMS_WAIT_MS);
        while self.streams.iter().any(|stream| stream.from.is_some()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.turn(None, left).is_err() {
                return;
            }
        }
    }

    /// Waits until something can be done, and does it.
    fn turn(&mut self, process: Option<BorrowedFd<'_>>, pause: Duration) -> io::Result<()> {
        let mut ready = Vec::with_capacity(4);
        ready.extend(self.input.iter().map(|to| PollFd::new(to, PollFlags::OUT)));
        ready.extend(self.streams.iter().filter_map(|it| it.from.as_ref()).map(|it| PollFd::new(it, PollFlags::IN)));
        ready.extend(process.map(|process| PollFd::from_borrowed_fd(process, PollFlags::IN)));
        let pause = Timespec::try_from(pause).map_err(io::Error::other)?;
        match poll(&mut ready, Some(&pause)) {
            Err(Errno::INTR) | Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        // None of them can hold us up, so nobody has to know which one it was.
        self.tell();
        self.streams.iter_mut().for_each(Stream::hear);
        Ok(())
    }

    fn tell(&mut self) {
        let Some(to) = &mut self.input else { return };
        match to.write(self.unsent) {
            Ok(sent) => self.unsent = self.unsent.get(sent..).unwrap_or_default(),
            Err(error) if is_for_later(&error) => return,
            // It does not want to hear more.
            Err(_) => self.unsent = &[],
        }
        if self.unsent.is_empty() {
            self.input = None;
        }
    }
}

impl Stream {
    /// Reads what is there, and keeps the beginning.
    fn hear(&mut self) {
        let mut bytes = vec![0; READ_BYTES];
        for _ in 0..READS_MAX {
            let Some(from) = &mut self.from else { return };
            match from.read(&mut bytes) {
                Ok(0) => self.from = None,
                Ok(count) => {
                    let room = OUTPUT_BYTES_MAX.saturating_sub(self.kept.len());
                    self.kept.extend(bytes.iter().take(count.min(room)));
                }
                Err(error) if is_for_later(&error) => return,
                Err(_) => self.from = None,
            }
        }
    }
}

fn unblocked(pipe: OwnedFd) -> Option<File> {
    ioctl_fionbio(&pipe, true).ok()?;
    Some(File::from(pipe))
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;
