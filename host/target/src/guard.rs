//! A guard: a second process that mends a commit whose first process died. It is this program, started again before
//! anything is published, and holds the end of a pipe: when that closes without a word, it recovers at once.
//!
//! After a power cut nobody is there to do that; the next command, or the boot, does.

use crate::boot;
use crate::layout::Layout;
use crate::recover::recover;
use crate::target::{Place, Target};
use crate::watchdog;
use punix_disk::RealDisk;
use punix_store::Asking;
use std::io::{self, Read, Write};
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
    let child = Command::new(&guarding.program)
        .arg0(NAME)
        .arg(root)
        .arg(target.layout.root().as_str())
        .env_clear()
        .current_dir("/")
        // What interrupts us from the terminal is not meant for it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    Some(Guard { child })
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

/// Tells a guard that there is nothing to mend.
pub(crate) fn dismiss(guard: Option<Guard>) {
    let Some(Guard { mut child }) = guard else { return };
    if let Some(mut pipe) = child.stdin.take() {
        // If it is not there any more there is nobody to tell.
        let _ = pipe.write_all(DONE);
    }
    dismissed().push(child);
}

fn dismissed() -> std::sync::MutexGuard<'static, Vec<Child>> {
    DISMISSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Is a guard, waits for a confirmation, or mends at boot, if this process was started for that.
pub fn enter_guard_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
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
