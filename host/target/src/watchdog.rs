//! The process that waits for a confirmation, and takes back a change that nobody confirmed. It is this program, started
//! again in a session of its own: what ends whoever made the change does not end it.

use crate::confirm::{Asked, Moment, Step, step};
use crate::guard::Guarding;
use crate::layout::Layout;
use crate::limits::{WATCHDOG_PAUSE_MS, WATCHDOG_TRIES_MAX, WATCHDOG_TRY_PAUSE_MS};
use crate::target::{Place, Target};
use punix_disk::RealDisk;
use punix_store::Asking;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// What it is called, which is how it knows that it is one.
pub(crate) const NAME: &str = "punix-watchdog";
/// How long it waits for others that write.
const WAIT: Duration = Duration::from_secs(60);

/// Starts one, unless whoever acts here wants no processes of ours; then the next command does what it would do.
pub(crate) fn start(target: &Target<'_>, id: &str) -> io::Result<()> {
    let Some(place) = &target.place else { return Ok(()) };
    let Some(guarding) = &place.guard else { return Ok(()) };
    let root = std::path::absolute(&place.root)?;
    let child = Command::new(guarding.program())
        .arg0(NAME)
        .arg(root)
        .arg(target.layout.root().as_str())
        .arg(id)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // Whoever lives longer than it buries it.
    crate::guard::leave(child);
    Ok(())
}

/// Is one.
pub(crate) fn enter(root: &Path, deployments: &Path, id: &str) -> ExitCode {
    // It leads no group yet, so this works; if not, it can still wait.
    let _ = rustix::process::setsid();
    match watch(root, deployments, id) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn watch(root: &Path, deployments: &Path, id: &str) -> io::Result<()> {
    // Opened now: the root may be moved before it is needed.
    let disk = RealDisk::open(root)?;
    let layout = Layout::new(deployments).map_err(io::Error::other)?;
    let asking = Asking { command: NAME, wait: WAIT, tell: &|_| {} };
    let place = Place { root: root.to_owned(), asking, guard: Guarding::myself() };
    let target = Target::at(&disk, &layout, place).map_err(io::Error::other)?;
    let mut tries = 0;
    loop {
        match step(&target, id, &Moment::now(), Asked::ByCommand) {
            Ok(Step::Done { .. }) => return Ok(()),
            // Also to see whether it was confirmed.
            Ok(Step::Waits(_)) => std::thread::sleep(Duration::from_millis(WATCHDOG_PAUSE_MS)),
            Err(error) if tries >= WATCHDOG_TRIES_MAX => return Err(io::Error::other(error)),
            Err(_) => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(WATCHDOG_TRY_PAUSE_MS));
            }
        }
    }
}
