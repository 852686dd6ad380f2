//! A store on this machine: where it is, what is in it, and what may be done to it under which lock.

use crate::derivation::Derivation;
use crate::filling::{self, FillError, Filled, Filling};
use crate::gc::{self, Collected, Collection, Root};
use crate::lock::{self, Asking, ExclusiveLock, LockError, PathLock, SharedLock};
use crate::manifest::Manifest;
use crate::marker::{self, Mark};
use crate::name::{Purpose, StoreName, TemporaryName};
use crate::object::{self, AddError, Added, Existing};
use crate::parallel;
use crate::remove::remove_tree;
use crate::roots::registry;
use crate::tree::{Locked, TreeError, survey};
use crate::verify::{self, Damage, DerivationIssue, ManifestIssue, VerifyError};
use punix_disk::{Disk, Kind, RealDisk};
use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// The directory of the build logs, beside the entries.
pub(crate) const LOGS: &str = ".logs";

/// Why a directory cannot be used as a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no store at `{}`", .root.display())]
    Absent { root: PathBuf },
    #[error("`{}` is not a store: it holds `{}`", .root.display(), .found.display())]
    NotAStore { root: PathBuf, found: OsString },
    #[error("`{}` is a store of a kind that this version does not know: `{mark}`", .root.display())]
    Strange { root: PathBuf, mark: String },
    #[error("cannot open the store `{}`: {error}", .root.display())]
    Io { root: PathBuf, error: io::Error },
}

/// Why a collection was refused. Nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error("`{name}` is needed, but what it depends on cannot be read: {issue}")]
    Unreadable { name: StoreName, issue: DerivationIssue },
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// A store. Its root is absolute and goes through no link, so that one store has one root.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    disk: RealDisk,
    threads: usize,
}

/// An empty directory in which an entry is made, under the lock of its path.
#[derive(Debug)]
pub struct Staged<'l> {
    name: TemporaryName,
    lock: &'l PathLock<'l>,
}

/// A directory for all that a build needs and that does not become part of the entry, under the lock of its path.
#[derive(Debug)]
pub struct Work<'l> {
    name: TemporaryName,
    _lock: &'l PathLock<'l>,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    pub entries: u64,
    /// Of these, those without `built`, none of which counts as being there, and those that cannot be walked through.
    pub damaged: u64,
    /// Bytes of all files in those that can.
    pub bytes: u64,
}

/// What was left behind by processes that did not end well, and is gone now.
#[derive(Debug, Default)]
pub struct Swept {
    pub removed: Vec<OsString>,
    pub freed: u64,
    pub failed: Vec<(OsString, io::Error)>,
}

impl Store {
    /// Opens a store, and makes it if there is nothing yet.
    pub fn open(root: &Path) -> Result<Store, StoreError> {
        let io = |error| StoreError::Io { root: root.to_owned(), error };
        let store = Store::at(make_directories(root).map_err(io)?).map_err(io)?;
        if store.check_mark(true)? == Marked::No {
            marker::set(&store.disk).map_err(io)?;
        }
        Ok(store)
    }

    /// Returns the root that a store has or would have at a path, and makes nothing.
    pub fn locate(root: &Path) -> Result<PathBuf, StoreError> {
        match split(root) {
            Ok((base, missing)) if missing.as_os_str().is_empty() => Ok(base),
            Ok((base, missing)) => Ok(base.join(missing)),
            Err(error) => Err(StoreError::Io { root: root.to_owned(), error }),
        }
    }

    /// Opens a store that is there, and writes nothing.
    pub fn find(root: &Path) -> Result<Store, StoreError> {
        let opened = std::fs::canonicalize(root).and_then(Store::at);
        let store = opened.map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::Absent { root: root.to_owned() },
            _ => StoreError::Io { root: root.to_owned(), error },
        })?;
        store.check_mark(false)?;
        Ok(store)
    }

    /// Sets how many threads read files, in place of one for each processor.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Store {
        Store { threads, ..self }
    }

    fn at(root: PathBuf) -> io::Result<Store> {
        let disk = RealDisk::open(&root)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Store { root, disk, threads })
    }

    fn check_mark(&self, may_be_new: bool) -> Result<Marked, StoreError> {
        let root = || self.root.clone();
        match marker::look(&self.disk) {
            Ok(Mark::Ours) => Ok(Marked::Yes),
            Ok(Mark::Free { has_entries }) if may_be_new || has_entries => Ok(Marked::No),
            Ok(Mark::Free { .. }) => Err(StoreError::Absent { root: root() }),
            Ok(Mark::Strange { text }) => Err(StoreError::Strange { root: root(), mark: text }),
            Ok(Mark::Taken { by }) => Err(StoreError::NotAStore { root: root(), found: by }),
            Err(error) => Err(StoreError::Io { root: root(), error }),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Marked {
    Yes,
    No,
}

/// Looking.
impl Store {
    /// Returns the root, absolute and without links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where an entry is or will be.
    pub fn path(&self, name: &StoreName) -> PathBuf {
        self.root.join(name.as_str())
    }

    /// Lists the entries by name, damaged ones too: also what has such a name and is not even a directory.
    pub fn list(&self) -> io::Result<Vec<StoreName>> {
        let names = self.disk.list(Path::new(""))?;
        Ok(names.iter().filter_map(|name| StoreName::parse(name.to_str()?).ok()).collect())
    }

    /// Adds up what is in the store.
    pub fn size(&self) -> io::Result<Size> {
        let mut size = Size::default();
        for name in self.list()? {
            let bytes = self.bytes(&name);
            size.entries += 1;
            size.damaged += u64::from(bytes.is_err() || !self.is_valid(&name)?);
            size.bytes = size.bytes.saturating_add(bytes.unwrap_or(0));
        }
        Ok(size)
    }

    /// Adds up the bytes of all files in an entry.
    pub fn bytes(&self, name: &StoreName) -> Result<u64, TreeError> {
        let found = survey(&self.disk, name.as_ref(), Locked::Leave)?;
        let files = found.iter().filter(|found| found.metadata.kind == Kind::File);
        Ok(files.map(|found| found.metadata.size).fold(0, u64::saturating_add))
    }

    /// Adds up the storage that would be free without an entry. What other names have too, is not.
    pub fn storage(&self, name: &StoreName) -> Result<u64, TreeError> {
        let top = self.disk.metadata(name.as_ref())?.into_iter();
        let found = survey(&self.disk, name.as_ref(), Locked::Leave)?;
        let all = top.chain(found.into_iter().map(|found| found.metadata));
        let freed = all.filter(|metadata| metadata.kind == Kind::Directory || metadata.links == 1);
        Ok(freed.map(|metadata| metadata.stored).fold(0, u64::saturating_add))
    }

    /// Tells whether an entry is there and whole, without reading it. It stays so while the store's lock is shared.
    pub fn is_valid(&self, name: &StoreName) -> io::Result<bool> {
        object::is_valid(&self.disk, name)
    }

    /// Returns what an entry was built from.
    pub fn derivation(&self, name: &StoreName) -> Result<Derivation, DerivationIssue> {
        verify::derivation(&self.disk, name)
    }

    /// Returns what was in an entry when it was added.
    pub fn manifest(&self, name: &StoreName) -> Result<Manifest, ManifestIssue> {
        verify::manifest(&self.disk, name)
    }

    /// Reads an entry whole. Returns all that is wrong with it: nothing, if it is sound.
    pub fn verify(&self, name: &StoreName) -> Result<Vec<Damage>, VerifyError> {
        verify::verify(&self.disk, name, self.threads)
    }

    /// Reads many entries, several at once. Returns what is wrong with each, in the order of the names.
    pub fn verify_all(&self, names: &[StoreName]) -> Vec<Result<Vec<Damage>, VerifyError>> {
        // Where there are fewer entries than threads, each is read by more than one.
        let threads = self.threads.div_ceil(names.len().max(1));
        let verify = |(): &mut (), name: &StoreName| Ok::<_, Infallible>(verify::verify(&self.disk, name, threads));
        parallel::map(names, self.threads, || (), verify).unwrap_or_else(|never| match never {})
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        &self.disk
    }
}

/// Adding.
impl Store {
    /// Waits until nobody collects, and keeps all entries from going away.
    pub fn share(&self, asking: Asking<'_>) -> Result<SharedLock, LockError> {
        lock::share(&self.root, asking)
    }

    /// Returns the lock of an entry that is to be made, or `None` if it is there, perhaps because somebody else made it
    /// while this waited.
    pub fn claim<'s>(
        &self,
        shared: &'s SharedLock,
        name: &StoreName,
        asking: Asking<'_>,
    ) -> Result<Option<PathLock<'s>>, LockError> {
        let is_valid = || self.is_valid(name).map_err(|error| LockError::Io { path: self.path(name), error });
        if is_valid()? {
            return Ok(None);
        }
        let lock = self.lock_path(shared, name, asking)?;
        Ok(if is_valid()? { None } else { Some(lock) })
    }

    /// Waits until nobody else makes this entry, which may be there.
    pub fn lock_path<'s>(
        &self,
        shared: &'s SharedLock,
        name: &StoreName,
        asking: Asking<'_>,
    ) -> Result<PathLock<'s>, LockError> {
        lock::path(shared, name, asking)
    }

    /// Makes an empty directory that only we can enter, to build an entry in. It has the same name each time; what an
    /// earlier attempt left there goes.
    pub fn stage<'l>(&self, lock: &'l PathLock<'l>) -> io::Result<Staged<'l>> {
        Ok(Staged { name: self.make_temporary(lock, 0)?, lock })
    }

    /// Makes an empty directory that only we can enter, for whatever a build needs besides. It goes with
    /// [`Store::clear`], or with the next build or collection.
    pub fn work<'l>(&self, lock: &'l PathLock<'l>) -> io::Result<Work<'l>> {
        Ok(Work { name: self.make_temporary(lock, 1)?, _lock: lock })
    }

    /// Makes a second such directory, for what must not touch the first.
    pub fn work_apart<'l>(&self, lock: &'l PathLock<'l>) -> io::Result<Work<'l>> {
        Ok(Work { name: self.make_temporary(lock, 2)?, _lock: lock })
    }

    fn make_temporary(&self, lock: &PathLock<'_>, number: u64) -> io::Result<TemporaryName> {
        let name = TemporaryName::new(Purpose::Staging, lock.name(), number);
        let make = || self.disk.create_directory(name.as_ref(), 0o700);
        match make() {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                remove_tree(&self.disk, &name)?;
                make()?;
            }
            made => made?,
        }
        Ok(name)
    }

    /// Returns where a build works.
    pub fn work_path(&self, work: &Work<'_>) -> PathBuf {
        self.root.join(work.name.as_str())
    }

    /// Removes what a build worked in.
    pub fn clear(&self, work: Work<'_>) -> io::Result<()> {
        remove_tree(&self.disk, &work.name).map(|_| ())
    }

    /// Returns where the log of a build is kept.
    pub fn log_path(&self, name: &StoreName) -> PathBuf {
        self.root.join(LOGS).join(format!("{name}.log"))
    }

    /// Makes the names of all entries durable. Whoever moved one into its place may have been killed before that.
    pub fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_directory(Path::new(""))
    }

    /// Returns where a staged tree is.
    pub fn staged_path(&self, staged: &Staged<'_>) -> PathBuf {
        self.root.join(staged.name.as_str())
    }

    /// Makes an entry of a staged tree, in which nobody writes any more. What is refused is removed, and so is what
    /// comes too late, because the entry is there.
    pub fn add(&self, staged: Staged<'_>, derivation: &Derivation) -> Result<Added, AddError> {
        self.add_where(Existing::Keep, staged, derivation)
    }

    /// Makes an entry of a staged tree in place of one that is damaged, though it may not look so.
    pub fn replace(&self, staged: Staged<'_>, derivation: &Derivation) -> Result<Added, AddError> {
        self.add_where(Existing::Replace, staged, derivation)
    }

    fn add_where(&self, existing: Existing, staged: Staged<'_>, derivation: &Derivation) -> Result<Added, AddError> {
        let (name, locked) = (derivation.name().clone(), staged.lock.name().clone());
        if name != locked {
            return Err(AddError::OtherLock { name, locked });
        }
        object::add(&self.disk, &staged.name, derivation, existing, self.threads).inspect_err(|_| {
            // What cannot be removed now is swept later.
            let _ = remove_tree(&self.disk, &staged.name);
        })
    }

    /// Begins to write an entry into a staged tree, from the bytes of all its files.
    pub fn fill<'l>(
        &'l self,
        staged: Staged<'l>,
        derivation: Derivation,
        manifest: Manifest,
    ) -> Result<Filling<'l>, FillError> {
        let (name, locked) = (derivation.name(), staged.lock.name());
        if name != locked {
            return Err(FillError::OtherLock { name: name.clone(), locked: locked.clone() });
        }
        Filling::new(&self.disk, staged.name, derivation, manifest)
    }

    /// Makes entries of trees that were written. What stands in their places goes: whoever has the locks knows what it
    /// is. All of them cost hardly more than one.
    pub fn add_filled(&self, filled: Vec<Filled<'_>>) -> Result<(), AddError> {
        filling::add(&self.disk, filled)
    }

    /// Removes a staged tree that came to nothing.
    pub fn discard(&self, staged: Staged<'_>) -> io::Result<()> {
        remove_tree(&self.disk, &staged.name).map(|_| ())
    }
}

/// Collecting.
impl Store {
    /// Waits until nobody adds to the store or relies on it.
    pub fn exclude(&self, asking: Asking<'_>) -> Result<ExclusiveLock, LockError> {
        lock::exclude(&self.root, asking)
    }

    /// Lists what can be collected. What is no directory was not made here, so it is not ours to remove.
    fn directories(&self) -> io::Result<Vec<StoreName>> {
        let mut directories = self.list()?;
        let mut failed = None;
        directories.retain(|name| match self.disk.metadata(name.as_ref()) {
            Ok(found) => found.is_some_and(|found| found.kind == Kind::Directory),
            Err(error) => {
                failed = Some(error);
                false
            }
        });
        failed.map_or(Ok(directories), Err)
    }

    /// Decides what [`Store::collect`] would remove. Changes nothing.
    pub fn plan_collection(&self, roots: &[Root]) -> Result<Collection, CollectError> {
        let references = |name: &StoreName| {
            let derivation = self.derivation(name)?;
            Ok(derivation.parts().inputs.iter().cloned().collect())
        };
        gc::plan(&self.directories()?, roots, references)
            .map_err(|unreadable| CollectError::Unreadable { name: unreadable.name, issue: unreadable.why })
    }

    /// Removes every entry that no root needs. The roots must have been read under this lock: what was recorded later
    /// is not among them.
    pub fn collect(&self, _lock: &ExclusiveLock, roots: &[Root]) -> Result<(Collection, Collected), CollectError> {
        let collection = self.plan_collection(roots)?;
        let collected = gc::collect(&self.disk, &collection, self.threads)?;
        Ok((collection, collected))
    }

    /// Removes what stopped processes left behind.
    pub fn sweep(&self, _lock: &ExclusiveLock) -> io::Result<Swept> {
        sweep(&self.disk)
    }
}

/// Removes all that is temporary. Nobody else may be at work.
pub(crate) fn sweep(disk: &dyn Disk) -> io::Result<Swept> {
    let mut swept = Swept::default();
    for name in disk.list(Path::new(""))? {
        let Some(text) = name.to_str() else { continue };
        let removed = match TemporaryName::parse(text) {
            Some(temporary) => remove_tree(disk, &temporary),
            None if marker::is_draft(text) => disk.remove(Path::new(text)).map(|()| 0),
            None => continue,
        };
        match removed {
            Ok(freed) => {
                swept.freed += freed;
                swept.removed.push(name);
            }
            Err(error) => swept.failed.push((name, error)),
        }
    }
    sweep_logs(disk, &mut swept)?;
    for draft in registry::drafts(disk)? {
        match disk.remove(&draft) {
            Ok(()) => swept.removed.push(draft.into()),
            Err(error) => swept.failed.push((draft.into(), error)),
        }
    }
    Ok(swept)
}

/// Removes the logs of builds whose entries are not there.
fn sweep_logs(disk: &dyn Disk, swept: &mut Swept) -> io::Result<()> {
    let names = match disk.list(Path::new(LOGS)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        names => names?,
    };
    for name in names {
        let entry = name.to_str().and_then(|name| name.strip_suffix(".log")).map(StoreName::parse);
        let Some(Ok(entry)) = entry else { continue };
        let log = Path::new(LOGS).join(&name);
        let Some(metadata) = disk.metadata(&log)? else { continue };
        if metadata.kind == Kind::File && disk.metadata(entry.as_ref())?.is_none() {
            match disk.remove(&log) {
                Ok(()) => swept.freed += metadata.stored,
                Err(error) => swept.failed.push((log.into(), error)),
            }
        }
    }
    Ok(())
}

/// Returns the part of a path that is there, without links, and the part that is not.
fn split(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let path = std::path::absolute(path)?;
    let mut there = path.as_path();
    let base = loop {
        match std::fs::canonicalize(there) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            canonical => break canonical?,
        }
        there = there.parent().ok_or(ErrorKind::NotFound)?;
    };
    let missing = path.strip_prefix(there).map_err(io::Error::other)?;
    if missing.components().any(|part| !matches!(part, Component::Normal(_))) {
        let why = "its path goes back up from a directory that is not there";
        return Err(io::Error::new(ErrorKind::InvalidInput, why));
    }
    Ok((base, missing.to_owned()))
}

/// Makes a directory and those above it, durably. Returns its path without links.
fn make_directories(path: &Path) -> io::Result<PathBuf> {
    let (base, missing) = split(path)?;
    let disk = RealDisk::open(&base)?;
    let mut at = PathBuf::new();
    for part in missing.components() {
        let parent = at.clone();
        at.push(part);
        match disk.create_directory(&at, 0o755) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made?,
        }
        disk.sync_directory(&parent)?;
    }
    std::fs::canonicalize(base.join(at))
}

#[cfg(test)]
mod tests;
