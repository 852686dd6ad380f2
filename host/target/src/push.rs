//! Bringing entries of the store here to the store there. An entry is copied beside its place, compared with what it
//! should be, made durable, and only then given its name: what has its name is whole, whoever was killed when. So what is
//! there already can be taken as it is.

use crate::blobs::each_piece;
use crate::failure::TargetError;
use crate::path::TargetPath;
use crate::resolve::{ResolveIssue, Resolver};
use crate::target::Target;
use punix_diag::{Code, Diagnostic};
use punix_disk::{Disk, RealDisk};
use punix_store::{
    AddError, DerivationIssue, Digest, Hasher, Keeper, LockError, Manifest, ManifestIssue, Node, PathLock,
    Registration, SharedLock, Store, StoreError, StoreName, TreeError,
};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What is to be brought, and where.
#[derive(Debug, Clone)]
pub struct Pushing {
    /// The store on the target.
    pub to: TargetPath,
    /// The entries that must be there, with all that they depend on.
    pub names: BTreeSet<StoreName>,
    /// Of these, the ones that are brought again although they look whole: they are damaged.
    pub again: BTreeSet<StoreName>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushStep {
    /// So many entries are missing, and have so many bytes.
    Begin {
        entries: usize,
        bytes: u64,
    },
    Entry {
        name: StoreName,
        bytes: u64,
    },
    /// More bytes of it were copied.
    Bytes {
        more: u64,
    },
    Done {
        name: StoreName,
    },
}

/// What is on the target now. While this is held, no entry goes away there: hold it until a record names them.
#[derive(Debug)]
pub struct Pushed {
    pub pushed: usize,
    pub cached: usize,
    _lock: SharedLock,
}

/// Why entries could not be brought. What was brought before stays, whole.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("there is no directory for the store `{to}` on the target: {issue}")]
    Place { to: TargetPath, issue: ResolveIssue },
    #[error("the target is only simulated, and has no store")]
    Simulated,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("`{name}` is neither in the store here nor on the target")]
    Absent { name: StoreName },
    #[error("what `{name}` was built from cannot be read here: {issue}")]
    Derivation { name: StoreName, issue: DerivationIssue },
    #[error("what is in `{name}` cannot be read here: {issue}")]
    Manifest { name: StoreName, issue: ManifestIssue },
    /// The entry here is not what it was when it was built.
    #[error("`{}` in `{name}` is damaged here", .path.display())]
    Damaged { name: StoreName, path: PathBuf },
    #[error("`{name}` came out as {found} on the target, and is {wanted} here")]
    Differs { name: StoreName, wanted: Digest, found: Digest },
    #[error("`{name}` cannot be added to the store on the target: {error}")]
    Add { name: StoreName, error: AddError },
    #[error("`{name}` cannot be copied: {error}")]
    Disk { name: StoreName, error: io::Error },
}

impl PushError {
    /// Tells whether the world failed, not what was asked for.
    pub fn is_the_worlds(&self) -> bool {
        match self {
            PushError::Target(error) => error.is_the_worlds(),
            PushError::Lock(_)
            | PushError::Store(StoreError::Io { .. })
            | PushError::Add { error: AddError::Tree(TreeError::Disk(_)), .. }
            | PushError::Disk { .. } => true,
            PushError::Place { .. }
            | PushError::Simulated
            | PushError::Store(_)
            | PushError::Absent { .. }
            | PushError::Derivation { .. }
            | PushError::Manifest { .. }
            | PushError::Damaged { .. }
            | PushError::Differs { .. }
            | PushError::Add { .. } => false,
        }
    }
}

impl From<PushError> for Diagnostic {
    fn from(error: PushError) -> Diagnostic {
        let message = error.to_string();
        match error {
            PushError::Store(error) => error.into(),
            PushError::Lock(error) => error.into(),
            PushError::Target(error) => error.into(),
            PushError::Place { .. } | PushError::Simulated => Diagnostic::error(Code::E31, message)
                .help("make what leads there a directory, or name another store with `--store-root`"),
            PushError::Disk { .. } | PushError::Add { .. } => {
                Diagnostic::error(Code::E31, message).note("what is live was not changed")
            }
            PushError::Absent { .. } => Diagnostic::error(Code::E21, message).help("build it first"),
            PushError::Derivation { .. }
            | PushError::Manifest { .. }
            | PushError::Damaged { .. }
            | PushError::Differs { .. } => {
                Diagnostic::error(Code::E21, message).help("`punix store repair` makes it anew")
            }
        }
    }
}

/// Sees to it that entries are on a target.
pub fn push(
    target: &Target<'_>,
    from: &Store,
    pushing: &Pushing,
    progress: &mut dyn FnMut(PushStep),
) -> Result<Pushed, PushError> {
    let Some(place) = &target.place else { return Err(PushError::Simulated) };
    let root = Resolver::new(target.disk).followed(&pushing.to);
    let root = root.map_err(|issue| PushError::Place { to: pushing.to.clone(), issue })?;
    let there = Store::open(&place.root.join(root.on_disk()))?.with_threads(1);
    let _here = from.share(place.asking)?;
    let lock = there.share(place.asking)?;
    // Collections there must know of this deployments root before it relies on an entry.
    drop(target.exclude()?);
    let deployments = place.root.join(target.layout.root().on_disk());
    let registered = Registration::new(Keeper::Deployments, &deployments);
    registered.and_then(|it| there.register(&lock, &it)).map_err(|error| PushError::Target(error.into()))?;

    let missing = missing(from, &there, pushing)?;
    let bytes = missing.iter().map(|entry| entry.manifest.size()).fold(0, u64::saturating_add);
    let pushed = missing.len();
    if pushed > 0 {
        progress(PushStep::Begin { entries: pushed, bytes });
    }
    for entry in missing {
        let claimed = match pushing.again.contains(&entry.name) {
            true => Some(there.lock_path(&lock, &entry.name, place.asking)?),
            false => there.claim(&lock, &entry.name, place.asking)?,
        };
        if let Some(path) = claimed {
            progress(PushStep::Entry { name: entry.name.clone(), bytes: entry.manifest.size() });
            bring(from, &there, &path, &entry, pushing.again.contains(&entry.name), progress)?;
        }
        progress(PushStep::Done { name: entry.name });
    }
    // Whoever gave the others their names may have been killed before these were durable.
    there.sync_names().map_err(|error| PushError::Target(error.into()))?;
    Ok(Pushed { pushed, cached: pushing.names.len().saturating_sub(pushed), _lock: lock })
}

/// Returns some entries and all that they depend on, as the store here knows it.
pub fn closure(store: &Store, names: &BTreeSet<StoreName>) -> Result<BTreeSet<StoreName>, PushError> {
    let mut all = names.clone();
    let mut open: Vec<StoreName> = names.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let derivation = store.derivation(&name).map_err(|issue| absent_or(&name, store, issue))?;
        for input in &derivation.parts().inputs {
            if all.insert(input.clone()) {
                open.push(input.clone());
            }
        }
    }
    Ok(all)
}

fn absent_or(name: &StoreName, store: &Store, issue: DerivationIssue) -> PushError {
    match store.is_valid(name) {
        Ok(false) => PushError::Absent { name: name.clone() },
        Ok(true) | Err(_) => PushError::Derivation { name: name.clone(), issue },
    }
}

/// An entry that is not on the target.
struct Missing {
    name: StoreName,
    manifest: Manifest,
}

fn missing(from: &Store, there: &Store, pushing: &Pushing) -> Result<Vec<Missing>, PushError> {
    let is_same = from.root() == there.root();
    let mut missing = Vec::new();
    for name in &pushing.names {
        let io = |error| PushError::Disk { name: name.clone(), error };
        let again = !is_same && pushing.again.contains(name);
        if !again && there.is_valid(name).map_err(io)? {
            continue;
        }
        if is_same || !from.is_valid(name).map_err(io)? {
            return Err(PushError::Absent { name: name.clone() });
        }
        let manifest = from.manifest(name).map_err(|issue| PushError::Manifest { name: name.clone(), issue })?;
        missing.push(Missing { name: name.clone(), manifest });
    }
    Ok(missing)
}

/// Copies an entry, and gives it its name.
fn bring(
    from: &Store,
    there: &Store,
    path: &PathLock<'_>,
    entry: &Missing,
    again: bool,
    progress: &mut dyn FnMut(PushStep),
) -> Result<(), PushError> {
    let Missing { name, manifest } = entry;
    let io = |error| PushError::Disk { name: name.clone(), error };
    let derivation = from.derivation(name).map_err(|issue| PushError::Derivation { name: name.clone(), issue })?;
    let staged = there.stage(path).map_err(io)?;
    let copied = RealDisk::open(&from.path(name))
        .map_err(io)
        .and_then(|source| Ok((source, RealDisk::open(&there.staged_path(&staged)).map_err(io)?)))
        .and_then(|(source, goal)| copy(&source, &goal, entry, progress));
    if let Err(error) = copied {
        // What cannot be removed now is swept by the next collection.
        let _ = there.discard(staged);
        return Err(error);
    }
    let added = if again { there.replace(staged, &derivation) } else { there.add(staged, &derivation) };
    let added = added.map_err(|error| PushError::Add { name: name.clone(), error })?;
    let wanted = manifest.tree_hash();
    match added.tree == wanted {
        true => Ok(()),
        false => Err(PushError::Differs { name: name.clone(), wanted, found: added.tree }),
    }
}

/// Copies a tree, path by path; a directory comes before what is in it. Each file is compared with what is listed.
fn copy(
    source: &dyn Disk,
    goal: &dyn Disk,
    entry: &Missing,
    progress: &mut dyn FnMut(PushStep),
) -> Result<(), PushError> {
    let name = &entry.name;
    let io = |error| PushError::Disk { name: name.clone(), error };
    for listed in entry.manifest.entries() {
        let path = listed.path.as_path();
        match &listed.node {
            Node::Directory => goal.create_directory(path, 0o700).map_err(io)?,
            Node::Link { target } => goal.create_link(path, target).map_err(io)?,
            Node::File { executable, size, sha256 } => {
                let mode = if *executable { 0o700 } else { 0o600 };
                let mut hasher = Hasher::new();
                let copied = copy_file(source, goal, path, mode, *size, &mut hasher, progress);
                let is_whole = match copied {
                    Ok(copied) => copied == *size && hasher.finish() == *sha256,
                    Err(error) if error.kind() == io::ErrorKind::FileTooLarge => false,
                    Err(error) => return Err(io(error)),
                };
                if !is_whole {
                    return Err(PushError::Damaged { name: name.clone(), path: path.to_owned() });
                }
            }
        }
    }
    Ok(())
}

fn copy_file(
    source: &dyn Disk,
    goal: &dyn Disk,
    path: &Path,
    mode: u32,
    size: u64,
    hasher: &mut Hasher,
    progress: &mut dyn FnMut(PushStep),
) -> io::Result<u64> {
    let mut reading = source.open(path)?;
    let mut writing = goal.create(path, mode)?;
    let copied = each_piece(&mut *reading, size, size, |piece| {
        hasher.add(piece);
        writing.write_all(piece)?;
        progress(PushStep::Bytes { more: piece.len() as u64 });
        Ok(())
    })?;
    writing.flush()?;
    Ok(copied)
}

#[cfg(test)]
mod tests;
