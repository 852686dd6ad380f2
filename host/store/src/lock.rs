//! Locks between processes, and between threads of one. They are released by the kernel when their holder ends,
//! however it ends.
//!
//! The store has one lock: whoever adds, builds or relies on entries shares it, whoever collects has it alone. Below a
//! shared one, each path has a lock of its own, so that one builds it and the others wait. A thread takes the store's
//! lock first, and then one path's lock, or several in the order of their names; so nobody waits for somebody who waits for
//! him.
//!
//! Lock files are the one thing that is not written through `Disk`: they hold no state, only words about who holds
//! them.

use crate::limits::{
    GATE_MS_MAX, GATE_PAUSE_MS, HOLDER_BYTES_MAX, HOLDERS_NAMED_MAX, LOCK_PAUSE_MS_MAX, TOLD_AFTER_MS,
};
use crate::name::StoreName;
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The directory of the lock files, beside the entries.
pub(crate) const DIRECTORY: &str = ".locks";
const STORE_LOCK: &str = "store";
/// Held by who waits to have the store alone, for a while; everybody else passes through it. Otherwise a steady stream
/// of short builds would never let a collection in.
const GATE: &str = "gate";
/// Of files that say who shares the store's lock.
const BADGE_PREFIX: &str = "shared-";
/// How often a file may go between opening and locking it, before that counts as held by others.
const TRIES_MAX: u32 = 100;

/// How somebody asks for a lock.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// What this process does, for those who wait for it: `punix build`. No arguments: they can hold secrets.
    pub command: &'a str,
    /// How long to wait.
    pub wait: Duration,
    /// Is told once who holds the lock, if it is not free soon.
    pub tell: &'a (dyn Fn(&[Holder]) + Sync),
}

/// Somebody who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub process: u32,
    pub command: String,
    /// Seconds since the epoch.
    pub since: u64,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("the lock `{}` was not free within {} seconds", .path.display(), .waited.as_secs())]
    Held { path: PathBuf, waited: Duration, holders: Vec<Holder> },
    #[error("cannot lock `{}`: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// The store's lock, shared with others. While it is held, no entry goes away.
#[derive(Debug)]
pub struct SharedLock {
    directory: PathBuf,
    /// A file of our own that says who we are. It must go before the lock does.
    badge: Option<Named>,
    file: File,
}

/// The store's lock, held alone. While it is held, nobody adds, builds or relies on an entry.
#[derive(Debug)]
pub struct ExclusiveLock {
    file: File,
}

/// The lock of one path. Whoever holds it is the only one who makes this entry.
#[derive(Debug)]
pub struct PathLock<'s> {
    name: StoreName,
    _named: Named,
    _store: &'s SharedLock,
}

impl PathLock<'_> {
    /// Returns the entry that this is the lock of.
    pub fn name(&self) -> &StoreName {
        &self.name
    }
}

/// Waits until nobody has the store's lock alone, and shares it.
pub(crate) fn share(root: &Path, asking: Asking<'_>) -> Result<SharedLock, LockError> {
    let directory = root.join(DIRECTORY);
    let path = directory.join(STORE_LOCK);
    let file = open(&path)?;
    let gate = open(&directory.join(GATE))?;
    let pass = || -> io::Result<Option<()>> {
        if attempt(gate.try_lock_shared())?.is_none() {
            return Ok(None);
        }
        let shared = attempt(file.try_lock_shared());
        gate.unlock()?;
        shared
    };
    wait_for(&path, asking, pass, || holders(&directory, &[GATE]))?;
    // What somebody wrote who had it alone is no longer true.
    let _ = file.set_len(0);
    let badge = Named::own(&directory, asking.command);
    Ok(SharedLock { directory, badge, file })
}

/// Waits until nobody has the store's lock, and takes it alone.
pub(crate) fn exclude(root: &Path, asking: Asking<'_>) -> Result<ExclusiveLock, LockError> {
    let directory = root.join(DIRECTORY);
    let path = directory.join(STORE_LOCK);
    let file = open(&path)?;
    let gate = open(&directory.join(GATE))?;
    let (start, mut closed) = (Instant::now(), false);
    let turn = Duration::from_millis(GATE_MS_MAX + GATE_PAUSE_MS).as_millis();
    let enter = || -> io::Result<Option<()>> {
        if start.elapsed().as_millis() % turn >= GATE_MS_MAX.into() {
            // Somebody stays long, or waits at the gate while he shares the lock. Others need not wait for that too;
            // but if the gate stayed open, a steady stream of them could keep us out for good.
            if std::mem::take(&mut closed) {
                gate.unlock()?;
            }
        } else if !closed && attempt(gate.try_lock())?.is_some() {
            closed = true;
            sign(&gate, asking.command);
        }
        attempt(file.try_lock())
    };
    let entered = wait_for(&path, asking, enter, || holders(&directory, &[]));
    release(&gate);
    entered?;
    sign(&file, asking.command);
    // Nobody shares the lock now, and nobody holds a path's; what is left was left by the dead.
    for name in names(&directory).unwrap_or_default() {
        if name.starts_with(BADGE_PREFIX) || StoreName::parse(&name).is_ok() {
            let _ = std::fs::remove_file(directory.join(name));
        }
    }
    Ok(ExclusiveLock { file })
}

/// Waits until nobody makes this entry, and takes its lock.
pub(crate) fn path<'s>(store: &'s SharedLock, name: &StoreName, asking: Asking<'_>) -> Result<PathLock<'s>, LockError> {
    let path = store.directory.join(name.as_str());
    let holder = || read_holder(&path).into_iter().collect();
    let file = wait_for(&path, asking, || Named::try_take(&path), holder)?;
    sign(&file, asking.command);
    let named = Named { path, file };
    Ok(PathLock { name: name.clone(), _named: named, _store: store })
}

impl Drop for SharedLock {
    fn drop(&mut self) {
        self.badge = None;
        release(&self.file);
    }
}

impl Drop for ExclusiveLock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        release(&self.file);
    }
}

/// Lets go by word, not by closing the file: a program that another thread is about to start has it open until it runs.
fn release(file: &File) {
    let _ = file.unlock();
}

/// A lock file that exists only while it is held.
#[derive(Debug)]
struct Named {
    path: PathBuf,
    file: File,
}

impl Named {
    /// Takes the lock of a file that others remove when they release it: what was locked must still have the name.
    fn try_take(path: &Path) -> io::Result<Option<File>> {
        for _ in 0..TRIES_MAX {
            let file = open_raw(path)?;
            if attempt(file.try_lock())?.is_none() {
                return Ok(None);
            }
            match std::fs::symlink_metadata(path) {
                Ok(there) if is_same(&there, &file.metadata()?) => return Ok(Some(file)),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Makes a file of our own that others can read. Without one we are only not named.
    fn own(directory: &Path, command: &str) -> Option<Named> {
        let number = RandomState::new().build_hasher().finish();
        let path = directory.join(format!("{BADGE_PREFIX}{number:016x}"));
        let file = Named::try_take(&path).ok()??;
        sign(&file, command);
        Some(Named { path, file })
    }
}

impl Drop for Named {
    /// Removes the name while the lock is still held, so that nobody locks a file that is about to go.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        release(&self.file);
    }
}

fn is_same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Tries until it works or the time is over.
fn wait_for<T>(
    path: &Path,
    asking: Asking<'_>,
    mut attempt: impl FnMut() -> io::Result<Option<T>>,
    holders: impl Fn() -> Vec<Holder>,
) -> Result<T, LockError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    let mut told = false;
    loop {
        match attempt() {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) => {}
            Err(error) => return Err(LockError::Io { path: path.to_owned(), error }),
        }
        let waited = start.elapsed();
        let Some(left) = asking.wait.checked_sub(waited).filter(|left| !left.is_zero()) else {
            return Err(LockError::Held { path: path.to_owned(), waited, holders: holders() });
        };
        if !told && waited >= Duration::from_millis(TOLD_AFTER_MS) {
            told = true;
            (asking.tell)(&holders());
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(LOCK_PAUSE_MS_MAX));
    }
}

fn attempt(result: Result<(), TryLockError>) -> io::Result<Option<()>> {
    match result {
        Ok(()) => Ok(Some(())),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn open(path: &Path) -> Result<File, LockError> {
    open_raw(path).map_err(|error| LockError::Io { path: path.to_owned(), error })
}

/// Opens a lock file, which is made if need be. It is closed in programs that are started.
fn open_raw(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o644);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = path.parent().map_or(Ok(()), std::fs::create_dir);
            match made {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                Ok(()) | Err(_) => options.open(path),
            }
        }
        // For sharing somebody else's store, reading is enough.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => File::open(path),
        opened => opened,
    }
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
    let mut file = File::open(path).ok()?.take(HOLDER_BYTES_MAX);
    file.read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let process = lines.next()?.parse().ok()?;
    let since = lines.next()?.parse().ok()?;
    Some(Holder { process, since, command: lines.next()?.to_owned() })
}

/// Returns who is in the way to the store's lock: one who has it alone, all who share it, and who holds one of `more`.
fn holders(directory: &Path, more: &[&str]) -> Vec<Holder> {
    let alone = read_holder(&directory.join(STORE_LOCK));
    let names = names(directory).unwrap_or_default();
    let others = names.iter().filter(|name| more.contains(&&***name) || name.starts_with(BADGE_PREFIX));
    // What somebody wrote who was killed is still there, but nobody holds it.
    let held = others.map(|name| directory.join(name)).filter(|path| {
        let file = File::open(path);
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    });
    let all = alone.into_iter().chain(held.filter_map(|path| read_holder(&path)));
    all.take(HOLDERS_NAMED_MAX).collect()
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests;
