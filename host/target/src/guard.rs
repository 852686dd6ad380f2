//! A guard: a second process that mends a commit whose first process died. It is this program, started again before
//! anything is published, and holds the end of a pipe: when that closes without a word, it recovers at once.
//!
//! After a power cut nobody is there to do that; the next command, or the boot, does.

use crate::boot;
use crate::layout::Layout;
use crate::limits::NAMELESS_MAX;
use crate::memory::leave_no_dump;
use crate::path::TargetPath;
use crate::recover::recover;
use crate::target::{Place, Target};
use crate::watchdog;
use punix_disk::{Disk, RealDisk};
use punix_store::Asking;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a guard is called, which is how it knows that it is one.
const NAME: &str = "punix-guard";
/// What it is told when there is nothing to mend.
const DONE: &[u8] = b".";
/// Whoever wants none says so in the environment.
const OFF: &str = "PUNIX_NO_GUARD";
/// How long it waits for others that write.
const WAIT: Duration = Duration::from_secs(60);

/// How a guard is started.
#[derive(Debug, Clone)]
pub struct Guarding {
    program: PathBuf,
    /// What mends at boot, if that is not this program.
    recoverer: Option<Recoverer>,
}

/// A program, by its digest, and how its bytes are had.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recoverer {
    pub(crate) digest: &'static str,
    pub(crate) program: fn() -> Vec<u8>,
}

/// A guard that was started.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Child,
    /// When this closes and nothing was said, it mends.
    pipe: UnixStream,
}

/// Files that were displaced, and have no name any more. Some file systems take a millisecond for each to give its room
/// back; the guard has the time for that.
#[derive(Debug, Default)]
pub(crate) struct Nameless {
    held: Vec<OwnedFd>,
}

impl Nameless {
    /// Holds a file that is about to lose its name. What cannot be held only takes its time now.
    pub(crate) fn hold(&mut self, disk: &dyn Disk, path: &TargetPath) {
        if self.held.len() < NAMELESS_MAX
            && let Ok(Some(file)) = disk.hold(path.on_disk())
        {
            self.held.push(file);
        }
    }
}

/// Guards that were dismissed, and may not have ended yet.
static DISMISSED: Mutex<Vec<Child>> = Mutex::new(Vec::new());

impl Guarding {
    /// Lets this program be the guard. Its `main` must call [`enter_guard_if_asked`] before anything else.
    pub fn myself() -> Option<Guarding> {
        let off = std::env::var_os(OFF).is_some_and(|value| !value.is_empty() && value != "0");
        (!off).then(|| Guarding { program: PathBuf::from("/proc/self/exe"), recoverer: None })
    }
}

/// Starts a guard, if there shall be one. A commit without a guard is as safe, only mended later.
pub(crate) fn start(target: &Target<'_>) -> Option<Guard> {
    let place = target.place.as_ref()?;
    let guarding = place.guard.as_ref()?;
    dismissed().retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
    let root = std::path::absolute(&place.root).ok()?;
    let (pipe, its) = UnixStream::pair().ok()?;
    let child = Command::new(&guarding.program)
        .arg0(NAME)
        .arg(root)
        .arg(target.layout.root().as_str())
        .env_clear()
        .current_dir("/")
        // What interrupts us from the terminal is not meant for it.
        .process_group(0)
        .stdin(OwnedFd::from(its))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    Some(Guard { child, pipe })
}

impl Guarding {
    /// Lets another program mend at boot: a small one, of this version, for this machine. Its SHA-256 is in hexadecimal.
    #[must_use]
    pub fn recovering_by(self, digest: &'static str, program: fn() -> Vec<u8>) -> Guarding {
        Guarding { recoverer: Some(Recoverer { digest, program }), ..self }
    }

    pub(crate) fn recoverer(&self) -> Option<Recoverer> {
        self.recoverer
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}

/// Lets a process go that nobody waits for.
pub(crate) fn leave(child: Child) {
    let mut left = dismissed();
    left.retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
    left.push(child);
}

/// Tells a guard that there is nothing to mend, and leaves it what has no name any more.
pub(crate) fn dismiss(guard: Option<Guard>, nameless: Nameless) {
    let Some(Guard { child, mut pipe }) = guard else { return };
    if hand_over(&pipe, &nameless).is_err() {
        // If it is not there any more there is nobody to tell.
        let _ = pipe.write_all(DONE);
    }
    // It hears of it when the pipe closes. Whoever is the last to hold a file gives its room back.
    drop(nameless);
    drop(pipe);
    dismissed().push(child);
}

/// Says the last word. The files that go with it are held by the pipe until it is heard.
fn hand_over(pipe: &UnixStream, nameless: &Nameless) -> io::Result<usize> {
    let files: Vec<BorrowedFd<'_>> = nameless.held.iter().map(AsFd::as_fd).collect();
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(NAMELESS_MAX))];
    let mut with = SendAncillaryBuffer::new(&mut room);
    if !files.is_empty() {
        with.push(SendAncillaryMessage::ScmRights(&files));
    }
    Ok(sendmsg(pipe, &[IoSlice::new(DONE)], &mut with, SendFlags::NOSIGNAL)?)
}

fn dismissed() -> std::sync::MutexGuard<'static, Vec<Child>> {
    DISMISSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Is a guard, waits for a confirmation, or mends at boot, if this process was started for that.
pub fn enter_guard_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    // What they mend can be full of secrets.
    if name == boot::NAME || name == NAME || name == watchdog::NAME {
        leave_no_dump();
    }
    if name == boot::NAME {
        let roots: Option<Vec<String>> = arguments.map(|root| root.into_string().ok()).collect();
        return Some(roots.map_or(ExitCode::FAILURE, |roots| boot::recover_all(&roots)));
    }
    if name != NAME && name != watchdog::NAME {
        return None;
    }
    let (root, deployments) = (arguments.next()?, arguments.next()?);
    if name == watchdog::NAME {
        let id = arguments.next()?.into_string().ok()?;
        return Some(watchdog::enter(Path::new(&root), Path::new(&deployments), &id));
    }
    Some(match watch(Path::new(&root), Path::new(&deployments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

/// Waits until the pipe closes, and mends what is then interrupted.
fn watch(root: &Path, deployments: &Path) -> io::Result<()> {
    // Opened now: the root may be moved before it is needed.
    let disk = RealDisk::open(root)?;
    wait_for_end(io::stdin().as_fd())?;
    let mut said = Vec::new();
    io::stdin().lock().take(DONE.len() as u64).read_to_end(&mut said)?;
    if said == DONE {
        return Ok(());
    }
    let layout = Layout::new(deployments).map_err(io::Error::other)?;
    let asking = Asking { command: NAME, wait: WAIT, tell: &|_| {} };
    let place = Place { root: root.to_owned(), asking, guard: None };
    let target = Target::at(&disk, &layout, place).map_err(io::Error::other)?;
    recover(&target).map(|_| ()).map_err(io::Error::other)
}

/// Waits until the other end is closed.
fn wait_for_end(pipe: BorrowedFd<'_>) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::from_borrowed_fd(pipe, PollFlags::RDHUP)], None) {
            Err(Errno::INTR) => {}
            ended => return Ok(ended.map(drop)?),
        }
    }
}
