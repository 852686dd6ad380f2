//! Locks between processes. The kernel releases them when their holder ends, however it ends; so does a program that the
//! holder starts, for it does not inherit them.
//!
//! Writers of one deployments root have it alone, readers share it. Who writes where the whole machine is concerned takes
//! the machine's lock before, so nobody waits for somebody who waits for him. Lock files are the one thing that is not
//! written through `Disk`: they hold no state, only words about who holds them.

use crate::failure::TargetError;
use crate::layout;
use crate::limits::{HOLDER_BYTES_MAX, LOCK_PAUSE_MS_MAX, TOLD_AFTER_MS};
use crate::path::TargetPath;
use crate::target::{Place, Target};
use punix_store::{Asking, Holder};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const MODE: u32 = 0o600;

/// A deployments root, while nobody writes there.
#[derive(Debug)]
pub struct Shared {
    file: Option<File>,
}

/// A deployments root, while nobody else is there.
#[derive(Debug)]
pub struct Exclusive {
    file: Option<File>,
}

/// The machine's claims, while nobody else changes them.
#[derive(Debug)]
pub(crate) struct ClaimsLock {
    _exclusive: Exclusive,
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = file.set_len(0);
            release(file);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.file.iter().for_each(release);
    }
}

/// Lets go by word, not by closing the file: a program that another thread is about to start has it open until it runs.
fn release(file: &File) {
    let _ = file.unlock();
}

/// Waits until nobody writes. Where nothing was ever deployed there is nothing to lock, and whoever may not write there may
/// not lock either: he looks at what there is.
pub(crate) fn share(target: &Target<'_>) -> Result<Shared, TargetError> {
    let Some(place) = &target.place else { return Ok(Shared { file: None }) };
    let path = real(place, &target.layout.lock());
    let file = match open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Shared { file: None }),
        // If there is none, nobody has written there: he could not without it.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(Shared { file: None }),
        opened => opened?,
    };
    wait_for(&path, place.asking, || attempt(file.try_lock_shared()))?;
    Ok(Shared { file: Some(file) })
}

/// Waits until nobody is there.
pub(crate) fn exclude(target: &Target<'_>) -> Result<Exclusive, TargetError> {
    let Some(place) = &target.place else { return Ok(Exclusive { file: None }) };
    alone(place, &target.layout.lock())
}

/// Waits until nobody changes the claims. Their directory is there.
pub(crate) fn claims(target: &Target<'_>) -> Result<ClaimsLock, TargetError> {
    let exclusive = match &target.place {
        Some(place) => alone(place, &layout::own(&layout::claims(), ".lock"))?,
        None => Exclusive { file: None },
    };
    Ok(ClaimsLock { _exclusive: exclusive })
}

fn alone(place: &Place<'_>, path: &TargetPath) -> Result<Exclusive, TargetError> {
    let path = real(place, path);
    let file = open(&path)?;
    wait_for(&path, place.asking, || attempt(file.try_lock()))?;
    sign(&file, place.asking.command);
    Ok(Exclusive { file: Some(file) })
}

fn real(place: &Place<'_>, path: &TargetPath) -> PathBuf {
    place.root.join(path.on_disk())
}

/// Opens a lock file, which is made if need be. Nobody but its owner opens it: whoever has it open can hold it, and keep all
/// others away, without having any right to write there.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    options.read(true).write(true).create(true).truncate(false).mode(MODE).custom_flags(flags);
    let opened = match options.open(path) {
        // What cannot be written to can still be shared.
        Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => {
            OpenOptions::new().read(true).custom_flags(flags).open(path)
        }
        opened => opened,
    };
    opened.map_err(|error| io::Error::new(error.kind(), format!("cannot lock `{}`: {error}", path.display())))
}

fn attempt(result: Result<(), TryLockError>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Tries until it works or the time is over.
fn wait_for(path: &Path, asking: Asking<'_>, mut attempt: impl FnMut() -> io::Result<bool>) -> Result<(), TargetError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    let mut told = false;
    while !attempt()? {
        let waited = start.elapsed();
        let holders = || read_holder(path).into_iter().collect::<Vec<_>>();
        let Some(left) = asking.wait.checked_sub(waited).filter(|left| !left.is_zero()) else {
            return Err(TargetError::Busy { path: path.to_owned(), waited, holders: holders() });
        };
        if !told && waited >= Duration::from_millis(TOLD_AFTER_MS) {
            told = true;
            (asking.tell)(&holders());
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(LOCK_PAUSE_MS_MAX));
    }
    Ok(())
}

/// Writes into a lock file who holds it. What cannot be written is only not said.
fn sign(mut file: &File, command: &str) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let command = command.replace('\n', " ");
    let text = format!("{}\n{since}\n{command}\n", std::process::id());
    let _ = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
}

fn read_holder(path: &Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(path).ok()?.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let process = lines.next()?.parse().ok()?;
    let since = lines.next()?.parse().ok()?;
    Some(Holder { process, since, command: lines.next()?.to_owned() })
}

#[cfg(test)]
mod tests;
