//! A disk in memory that can stop after any operation and lose what was not synced.
//!
//! It promises as little as POSIX allows and real file systems keep:
//!
//! - Content, mode and times are durable after a sync of that file or directory, or of everything.
//! - A name is durable after a sync of its directory; one that moved between directories, after a sync of both.
//! - Every operation is lost or kept whole. A moved file is at its old or its new place, never at neither: so a move is
//!   not kept before the changes it builds on, which are those of the same names and of the directories above its goal.
//! - What is in a directory is lost with it.

pub(crate) mod crash;
mod faults;
mod journal;
pub(crate) mod random;
mod state;
pub(crate) mod survival;
#[cfg(test)]
mod tests;

use crate::disk::{Disk, Metadata, NewFile};
use crate::error::{at, between, too_large};
use crash::Crash;
use state::{Inode, Occupied, State};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use survival::Survival;

/// What stands at a path, for comparing whole trees. Times are left out: nearly every operation changes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    File { mode: u32, owner: (u32, u32), content: Vec<u8> },
    Directory { mode: u32, owner: (u32, u32) },
    Link { target: PathBuf },
}

/// A disk in memory. Its clock counts operations, so that equal runs give equal disks.
#[derive(Debug, Default)]
pub struct SimulatedDisk {
    state: Mutex<State>,
}

impl SimulatedDisk {
    /// Returns an empty disk.
    pub fn new() -> SimulatedDisk {
        SimulatedDisk::default()
    }

    /// Lets the `k`-th operation from now, and all after it, change nothing and fail with a [`Crash`](crash::Crash).
    /// Reading goes on.
    pub fn crash_after(&self, k: u64) {
        self.lock().crash_after(k);
    }

    /// Lets the `k`-th operation from now fail with this error, once. It changes nothing, but for a write, of which half
    /// is written.
    pub fn fail_at(&self, k: u64, kind: io::ErrorKind) {
        self.lock().fail_at(k, kind);
    }

    /// Returns whether the operation that was to fail was asked for.
    pub fn has_failed(&self) -> bool {
        self.lock().has_failed()
    }

    /// Makes it a poor disk: names cannot be exchanged, and a file that moves to a free name has both for a moment.
    #[must_use]
    pub fn without_rename_flags(self) -> SimulatedDisk {
        self.lock().without_rename_flags();
        self
    }

    /// Returns what a machine finds that was switched off now and on again.
    pub fn after_crash(&self, choice: Survival) -> SimulatedDisk {
        let state = self.lock();
        let mut found = state.after_crash(choice);
        if !state.has_rename_flags() {
            found.without_rename_flags();
        }
        SimulatedDisk { state: Mutex::new(found) }
    }

    /// Returns what the next process finds if this one was killed: everything, of which no more is durable than was.
    pub fn after_kill(&self) -> SimulatedDisk {
        SimulatedDisk { state: Mutex::new(self.lock().after_kill()) }
    }

    /// Returns every choice for a crash now: all prefixes, and as many torn disks as are asked for.
    pub fn survivals(&self, torn: u64) -> Vec<Survival> {
        let prefixes = (1..=self.unsynced()).map(Survival::Prefix);
        let torn = (0..torn).map(|seed| Survival::Torn { seed });
        [Survival::Nothing, Survival::Everything].into_iter().chain(prefixes).chain(torn).collect()
    }

    /// Returns how many operations that could change something were asked for before the crash, failed ones included.
    pub fn operations(&self) -> u64 {
        self.lock().operations()
    }

    /// Returns how many changes of names, modes and times are not durable; so many [`Survival::Prefix`]es differ.
    pub fn unsynced(&self) -> usize {
        self.lock().unsynced()
    }

    /// Returns all that stands on the disk, but for the root itself.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Entry> {
        self.lock().snapshot()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look<T>(&self, doing: &'static str, path: &Path, work: impl FnOnce(&State) -> io::Result<T>) -> io::Result<T> {
        work(&self.lock()).map_err(|error| at(doing, path, error))
    }

    fn change<T>(
        &self,
        doing: &'static str,
        path: &Path,
        work: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.lock();
        state.count().and_then(|()| work(&mut state)).map_err(|error| at(doing, path, error))
    }

    fn change_both(
        &self,
        doing: &'static str,
        (path, word, other): (&Path, &'static str, &Path),
        work: impl FnOnce(&mut State) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.lock();
        let done = state.count().and_then(|()| work(&mut state));
        done.map_err(|error| between(doing, path, word, other, error))
    }
}

impl Disk for SimulatedDisk {
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        self.look("look at", path, |state| match state.find(path) {
            Ok(inode) => Ok(Some(state.metadata(inode))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send + '_>> {
        let content = self.look("open", path, |state| Ok(state.content(path)?.to_vec()))?;
        Ok(Box::new(Cursor::new(content)))
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.look("read", path, |state| {
            let content = state.content(path)?;
            if content.len() as u64 > limit { Err(too_large()) } else { Ok(content.to_vec()) }
        })
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.look("read the link", path, |state| state.target(path))
    }

    fn look_at_link(&self, path: &Path) -> io::Result<(PathBuf, Metadata)> {
        self.look("read the link", path, |state| Ok((state.target(path)?, state.metadata(state.find(path)?))))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.look("list", path, |state| state.list(path))
    }

    fn list_directories(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.look("list", path, |state| state.list_directories(path))
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile + '_>> {
        let inode = self.change("create", path, |state| state.create(path, mode))?;
        Ok(Box::new(SimulatedFile { disk: self, inode, path: path.to_owned() }))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn NewFile + '_>> {
        let inode = self.look("open", path, |state| state.find_file(path))?;
        Ok(Box::new(SimulatedFile { disk: self, inode, path: path.to_owned() }))
    }

    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.change("create the directory", path, |state| state.create_directory(path, mode))
    }

    fn create_link(&self, path: &Path, target: &Path) -> io::Result<()> {
        self.change("create the link", path, |state| state.create_link(path, target))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change_both("link", (from, "as", to), |state| state.hard_link(from, to))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change_both("move", (from, "to", to), |state| {
            if state.has_rename_flags() || state.find_directory(from).is_ok() {
                return state.rename(from, to, Occupied::Refuse);
            }
            state.hard_link(from, to)?;
            state.count()?;
            state.remove(from)
        })
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let paths = (from, "over", to);
        self.change_both("move", paths, |state| state.rename(from, to, Occupied::Replace))
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.change_both("exchange", (one, "with", other), |state| match state.has_rename_flags() {
            true => state.exchange(one, other),
            false => Err(io::Error::new(io::ErrorKind::Unsupported, "this disk cannot do it")),
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change("remove", path, |state| state.remove(path))
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.change("remove the directory", path, |state| state.remove_directory(path))
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.change("set the mode of", path, |state| {
            let inode = state.find(path)?;
            state.set_mode(inode, mode)
        })
    }

    fn set_owner(&self, path: &Path, owner: u32, group: u32) -> io::Result<()> {
        self.change("set the owner of", path, |state| {
            let inode = state.find(path)?;
            state.set_owner(inode, owner, group)
        })
    }

    fn set_modified(&self, path: &Path, seconds: i64) -> io::Result<()> {
        self.change("set the time of", path, |state| state.set_modified(path, seconds))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.change("sync", path, |state| {
            let inode = state.find_file(path)?;
            state.sync_inode(inode);
            Ok(())
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.change("sync the directory", path, |state| {
            let inode = state.find_directory(path)?;
            state.sync_names(inode);
            Ok(())
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.change("sync all of", Path::new(""), |state| {
            state.sync_all();
            Ok(())
        })
    }
}

/// A file that is being written. What is written is there at once, as if the kernel had it.
struct SimulatedFile<'a> {
    disk: &'a SimulatedDisk,
    inode: Inode,
    path: PathBuf,
}

impl Write for SimulatedFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.lock();
        let counted = state.count();
        match &counted {
            Ok(()) => state.append(self.inode, bytes),
            Err(error) if Crash::is(error) => {}
            Err(_) => state.append(self.inode, &bytes[..bytes.len() / 2]),
        }
        counted.map(|()| bytes.len()).map_err(|error| at("write", &self.path, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for SimulatedFile<'_> {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.change("write", &self.path, |state| {
            state.sync_inode(self.inode);
            Ok(())
        })
    }

    fn metadata(&mut self) -> io::Result<Metadata> {
        Ok(self.disk.lock().metadata(self.inode))
    }

    fn set_mode(&mut self, mode: u32) -> io::Result<()> {
        self.disk.change("set the mode of", &self.path, |state| state.set_mode(self.inode, mode))
    }

    fn set_owner(&mut self, owner: u32, group: u32) -> io::Result<()> {
        self.disk.change("set the owner of", &self.path, |state| state.set_owner(self.inode, owner, group))
    }
}
