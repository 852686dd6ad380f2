//! What mends at boot: after a power cut nobody else is there who could, and units would start with files of two
//! generations. A unit of our own runs before all others, with a program that is kept beside it; both come with the first
//! stack of a machine (or of a user) and go with the last.
//!
//! It does for every deployments root what the next command would do, takes back what nobody confirmed, and lets systemd
//! read its units again if something was changed.

mod unit;

use crate::claims;
use crate::confirm::{Pledge, settle_at_boot};
use crate::failure::TargetError;
use crate::guard::{Guarding, Recoverer};
use crate::hands;
use crate::layout::{Layout, own};
use crate::ledger::Ledger;
use crate::limits::{BOOT_COMMAND_MS, BOOT_WAIT_SECONDS};
use crate::machine;
use crate::path::TargetPath;
use crate::recover::{Recovered, recover};
use crate::target::{Place, ROOT_MODE, Target, above, gone_is_fine, make_directories};
use punix_disk::{Disk, Kind, RealDisk};
use punix_model::Command;
use punix_store::{Asking, Digest};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use unit::Unit;

/// What it is called, which is how it knows what it is.
pub(crate) const NAME: &str = "punix-recover";
const PROGRAM_MODE: u32 = 0o755;

/// A program that can mend, and by what it is recognised without being read.
pub(crate) struct Program<'p> {
    pub(crate) identity: String,
    pub(crate) bytes: &'p dyn Fn() -> io::Result<Vec<u8>>,
}

/// Sees to it that this target is mended at boot, if it is this machine. Where that is not allowed it is mended by the next
/// command.
pub(crate) fn install(target: &Target<'_>, system: bool) -> Result<(), TargetError> {
    let guarding = target.place.as_ref().and_then(|place| place.guard.as_ref());
    let (Some(guarding), Some(unit)) = (guarding, unit(target, system)?) else { return Ok(()) };
    let installed = guarding.with_recoverer(&|program| ensure(target.disk, &unit, program));
    match installed {
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => Ok(()),
        installed => Ok(installed?),
    }
}

/// Removes what mends at boot, if nothing is left that it could mend.
pub(crate) fn remove_if_last(target: &Target<'_>) -> Result<(), TargetError> {
    if !Ledger::read(target)?.has_nothing() {
        return Ok(());
    }
    if let Some(unit) = unit(target, false)? {
        remove(target.disk, &unit)?;
    }
    // Others may need it; that one is less is said when one of them changes.
    if let Some(unit) = unit(target, true)?
        && claims::registered(target.disk)?.is_empty()
    {
        remove(target.disk, &unit)?;
    }
    Ok(())
}

/// Returns the unit of a target, if it is one that is booted here.
fn unit(target: &Target<'_>, system: bool) -> Result<Option<Unit>, TargetError> {
    if !target.is_here() {
        return Ok(None);
    }
    let uid = rustix::process::geteuid().as_raw();
    Ok(match (system, uid) {
        (true, 0) => Some(Unit::of_machine(claims::registered(target.disk)?)).filter(|unit| is_used(target.disk, unit)),
        (false, 1..) => machine::home().and_then(|home| Unit::of_user(&home, target.layout.root())),
        (true, _) | (false, 0) => None,
    })
}

/// Tells whether a machine has units of that kind.
fn is_used(disk: &dyn Disk, unit: &Unit) -> bool {
    matches!(disk.metadata(unit.directory.on_disk()), Ok(Some(found)) if found.kind == Kind::Directory)
}

/// Sees to it that a unit is there, and its program. It can be stopped anywhere: until the last step nothing runs it.
fn ensure(disk: &dyn Disk, unit: &Unit, program: &Program<'_>) -> io::Result<()> {
    let found = read(disk, &unit.path())?;
    if let Some(digest) = found.as_deref().and_then(Unit::program_of)
        && found.as_deref() == Some(unit.text(&program.identity, &digest).as_str())
        && disk.metadata(unit.program(&digest).on_disk())?.is_some()
        && disk.metadata(unit.wanted().on_disk())?.is_some()
    {
        return Ok(());
    }
    let bytes = (program.bytes)()?;
    let digest = Digest::of(&bytes);
    make_directories(disk, &unit.programs, ROOT_MODE)?;
    if disk.metadata(unit.program(&digest).on_disk())?.is_none() {
        put(disk, &unit.program(&digest), PROGRAM_MODE, &bytes)?;
    }
    make_directories(disk, &unit.directory, ROOT_MODE)?;
    put(disk, &unit.path(), 0o644, unit.text(&program.identity, &digest).as_bytes())?;
    let wanted = unit.wanted();
    if let Some(directory) = wanted.parent() {
        make_directories(disk, &directory, ROOT_MODE)?;
    }
    match disk.create_link(wanted.on_disk(), Path::new(&format!("../{}", unit.name))) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made?,
    }
    disk.sync_directory(&above(&wanted))?;
    // Programs that no unit names any more.
    unit.sweep(disk, Some(&digest))
}

fn remove(disk: &dyn Disk, unit: &Unit) -> io::Result<()> {
    for path in [unit.wanted(), unit.path()] {
        match disk.remove(path.on_disk()) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            removed => {
                removed?;
                disk.sync_directory(&above(&path))?;
            }
        }
    }
    unit.sweep(disk, None)
}

/// Writes a file in one step, durably.
fn put(disk: &dyn Disk, path: &TargetPath, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| path.clone());
    // It ends in nothing that systemd would read. Each has its own: two who do this at once, for two roots of one user, have
    // no lock in common.
    let draft = own(&directory, &format!(".{}-new", path.name()));
    gone_is_fine(disk.remove(draft.on_disk()))?;
    let mut file = disk.create(draft.on_disk(), mode)?;
    file.write_all(bytes)?;
    file.sync()?;
    drop(file);
    disk.replace(draft.on_disk(), path.on_disk())?;
    disk.sync_directory(directory.on_disk())
}

fn read(disk: &dyn Disk, path: &TargetPath) -> io::Result<Option<String>> {
    const UNIT_BYTES_MAX: u64 = 16 << 20;
    match disk.read(path.on_disk(), UNIT_BYTES_MAX) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        read => Ok(Some(String::from_utf8_lossy(&read?).into_owned())),
    }
}

/// Mends this machine: all its deployments roots, or those that are named. What cannot be mended does not keep the others
/// from it.
pub fn recover_all(roots: &[String]) -> ExitCode {
    let Ok(disk) = RealDisk::open(Path::new("/")) else { return ExitCode::FAILURE };
    let named = || roots.iter().map(|root| TargetPath::parse(root)).collect::<Result<Vec<_>, _>>();
    let is_users = !roots.is_empty();
    let roots = match is_users {
        true => named().ok(),
        false => claims::registered(&disk).ok(),
    };
    let Some(roots) = roots else { return ExitCode::FAILURE };
    let (mut changed, mut failed) = (false, false);
    for root in roots {
        match recover_one(&disk, &root) {
            Ok(mended) => changed |= mended,
            Err(_) => failed = true,
        }
    }
    if changed {
        failed |= !reload(is_users);
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Mends one deployments root, and tells whether anything was to be mended.
fn recover_one(disk: &RealDisk, root: &TargetPath) -> Result<bool, TargetError> {
    let layout = Layout::at(root.clone());
    let asking = Asking { command: NAME, wait: Duration::from_secs(BOOT_WAIT_SECONDS), tell: &|_| {} };
    let place = Place { root: "/".into(), asking, guard: None };
    let target = Target::at(disk, &layout, place)?.pledged(Pledge::TakingBack);
    let recovered = recover(&target)? != Recovered::Nothing;
    Ok(settle_at_boot(&target) || recovered)
}

/// Lets systemd read its units again, and start those that it did not know of.
fn reload(is_users: bool) -> bool {
    let ask = |words: &[&str]| {
        let scope = is_users.then_some("--user");
        let argv = ["systemctl"].into_iter().chain(scope).chain(words.iter().copied()).map(str::to_owned).collect();
        let command = Command { argv, stdin: String::new(), timeout_ms: BOOT_COMMAND_MS, mutates: true };
        hands::ask(&command).code == 0
    };
    // What is waited for waits for us.
    ask(&["daemon-reload"]) && ask(&["--no-block", "start", "default.target"])
}

impl Guarding {
    /// Hands over the program that mends: the one that was named for that, or this one.
    fn with_recoverer(&self, take: &dyn Fn(&Program<'_>) -> io::Result<()>) -> io::Result<()> {
        if let Some(Recoverer { digest, program }) = self.recoverer() {
            return take(&Program { identity: format!("sha256 {digest}"), bytes: &|| Ok(program()) });
        }
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(self.program())?;
        let identity = format!("file {} {} {} {}", found.dev(), found.ino(), found.size(), found.mtime());
        take(&Program { identity, bytes: &|| std::fs::read(self.program()) })
    }
}

#[cfg(test)]
mod tests;
