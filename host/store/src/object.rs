//! Adding an object: from a tree that was staged beside the entries to an entry.
//!
//! The tree is written once, by whoever builds it, and moved by one rename. Before that rename all of it is durable, and
//! last of all `built`; so an entry that has `built` is whole, whatever happened while it was made.

use crate::derivation::Derivation;
use crate::digest::Digest;
use crate::limits::{BUILT_BYTES_MAX, MANIFEST_BYTES_MAX};
use crate::manifest::{Entry, Manifest, Node};
use crate::name::{Purpose, StoreName, TemporaryName};
use crate::parallel;
use crate::remove::{remove_tree, set_aside};
use crate::tree::{Found, Locked, TreeError, below, buffer, is_executable, node, refuse_others, survey};
use punix_disk::{Disk, Kind, Metadata};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// What we write into an entry beside the tree.
pub(crate) const DERIVATION: &str = "derivation.json";
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const BUILT: &str = "built";
pub(crate) const OWN: [&str; 3] = [BUILT, DERIVATION, MANIFEST];

pub(crate) const FILE_MODE: u32 = 0o444;
pub(crate) const EXECUTABLE_MODE: u32 = 0o555;
pub(crate) const DIRECTORY_MODE: u32 = 0o555;
/// Not 0, which some programs take for an error.
pub(crate) const MODIFIED: i64 = 1;

/// Files in directories of these names are executable, whatever the build made of them.
const PROGRAM_DIRECTORIES: [&str; 3] = ["bin", "sbin", "libexec"];

/// Why an output does not become an entry.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    #[error("the output is empty")]
    Empty,
    #[error("the output has a `{name}` at its top, which is the store's own")]
    Reserved { name: &'static str },
    #[error("the list of the output's files is longer than {MANIFEST_BYTES_MAX} bytes")]
    ManifestTooLarge,
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("the lock is for `{locked}`, not for `{name}`")]
    OtherLock { name: StoreName, locked: StoreName },
}

impl From<io::Error> for AddError {
    fn from(error: io::Error) -> AddError {
        AddError::Tree(TreeError::Disk(error))
    }
}

/// What became of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    pub name: StoreName,
    /// The digest of the entry's tree; for [`Outcome::Kept`] that of the older one.
    pub tree: Digest,
    pub outcome: Outcome,
}

/// How an entry came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    New,
    /// What stood there was damaged, or was to be replaced.
    Replaced,
    /// It was there already; the output was dropped.
    Kept,
}

/// What to do where an entry is that looks whole. One that does not is always replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Keep,
    Replace,
}

/// Makes an entry of a staged tree. The caller holds the lock of its path.
pub(crate) fn add(
    disk: &dyn Disk,
    staged: &TemporaryName,
    derivation: &Derivation,
    existing: Existing,
    threads: usize,
) -> Result<Added, AddError> {
    let root = Path::new("");
    let name = derivation.name();
    let kept = match existing {
        Existing::Keep => built(disk, name)?,
        Existing::Replace => None,
    };
    if let Some(tree) = kept {
        // Whoever moved it may have been killed before the name was durable.
        disk.sync_directory(root)?;
        // What cannot be removed now is swept later.
        let _ = remove_tree(disk, staged);
        return Ok(Added { name: name.clone(), tree, outcome: Outcome::Kept });
    }
    let tree = finish(disk, staged.as_ref(), derivation, threads)?;
    let replaced = place(disk, staged, name)?;
    disk.sync_directory(root)?;
    let outcome = if replaced.is_some() { Outcome::Replaced } else { Outcome::New };
    if let Some(replaced) = replaced {
        let _ = remove_tree(disk, &replaced);
    }
    Ok(Added { name: name.clone(), tree, outcome })
}

/// Gives a finished tree its name. Returns the name that what stood there has now; it is to be removed when the names are
/// durable.
pub(crate) fn place(disk: &dyn Disk, staged: &TemporaryName, name: &StoreName) -> io::Result<Option<TemporaryName>> {
    let replaced = set_aside(disk, name.as_ref(), Purpose::Removal, name)?;
    disk.rename_new(staged.as_ref(), name.as_ref()).inspect_err(|_| {
        if let Some(replaced) = &replaced {
            let _ = disk.rename_new(replaced.as_ref(), name.as_ref());
        }
    })?;
    Ok(replaced)
}

/// Tells whether an entry is there and whole, without reading it.
pub(crate) fn is_valid(disk: &dyn Disk, name: &StoreName) -> io::Result<bool> {
    let is =
        |path: &Path, kind| -> io::Result<bool> { Ok(disk.metadata(path)?.is_some_and(|found| found.kind == kind)) };
    Ok(is(name.as_ref(), Kind::Directory)? && is(&name_in(name, BUILT), Kind::File)?)
}

/// Tells of the directory of an entry alone whether nothing at its top came or went since the entry was made: then it is
/// whole, as far as `is_valid` can tell. If not, that means nothing.
pub fn is_sealed(top: &Metadata) -> bool {
    (top.kind, top.mode, top.modified) == (Kind::Directory, DIRECTORY_MODE, MODIFIED)
}

/// Returns the digest that `built` holds, or `None` if there is no entry or it is not whole.
pub(crate) fn built(disk: &dyn Disk, name: &StoreName) -> io::Result<Option<Digest>> {
    if !is_valid(disk, name)? {
        return Ok(None);
    }
    let mut text = String::new();
    let file = disk.open(&name_in(name, BUILT))?;
    match file.take(BUILT_BYTES_MAX + 1).read_to_string(&mut text) {
        Ok(_) => Ok(text.strip_suffix('\n').and_then(Digest::parse)),
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the path of one of our own files in an entry.
pub(crate) fn name_in(name: &StoreName, own: &str) -> PathBuf {
    Path::new(name.as_str()).join(own)
}

/// Returns whether a file at this path is executable by its place alone.
fn is_program(path: &Path) -> bool {
    let directory = path.parent().and_then(Path::file_name);
    directory.is_some_and(|name| PROGRAM_DIRECTORIES.iter().any(|program| name == *program))
}

/// Does everything to a staged tree but give it its name. Returns the digest of the tree.
fn finish(disk: &dyn Disk, top: &Path, derivation: &Derivation, threads: usize) -> Result<Digest, AddError> {
    let found = survey(disk, top, Locked::Open)?;
    refuse_others(&found)?;
    if found.is_empty() {
        return Err(AddError::Empty);
    }
    for name in OWN {
        if found.iter().any(|found| found.path == Path::new(name)) {
            return Err(AddError::Reserved { name });
        }
    }
    separate(disk, top, &found)?;
    let entries = parallel::map(&found, threads, buffer, |buffer, found| -> io::Result<Entry> {
        Ok(Entry { path: found.path.clone(), node: settle(disk, top, found, buffer)? })
    });
    let manifest = Manifest::new(entries?);
    let tree = seal(disk, top, derivation, &manifest)?;
    // All at once: that costs as much as syncing two files by themselves. Until the tree has its name nobody takes it for
    // an entry, so the order in it does not matter.
    disk.sync_all()?;
    Ok(tree)
}

/// Writes what is ours beside a tree, and closes its top. Returns the digest of the tree.
pub(crate) fn seal(
    disk: &dyn Disk,
    top: &Path,
    derivation: &Derivation,
    manifest: &Manifest,
) -> Result<Digest, AddError> {
    write(disk, &top.join(MANIFEST), |list| match manifest.write_json(list)? {
        bytes if bytes > MANIFEST_BYTES_MAX => Err(AddError::ManifestTooLarge),
        _ => Ok(()),
    })?;
    write(disk, &top.join(DERIVATION), |file| Ok(file.write_all(derivation.to_json().as_bytes())?))?;
    let tree = manifest.tree_hash();
    write(disk, &top.join(BUILT), |file| Ok(writeln!(file, "{tree}")?))?;
    disk.set_mode(top, DIRECTORY_MODE)?;
    disk.set_modified(top, MODIFIED)?;
    Ok(tree)
}

/// Gives a path the mode and time that everything in the store has, and reads it.
fn settle(disk: &dyn Disk, top: &Path, found: &Found, buffer: &mut [u8]) -> io::Result<Node> {
    let place = below(top, &found.path);
    let executable = is_executable(found) || is_program(&found.path);
    let mode = match (found.metadata.kind, executable) {
        (Kind::File, true) => Some(EXECUTABLE_MODE),
        (Kind::File, false) => Some(FILE_MODE),
        (Kind::Directory, _) => Some(DIRECTORY_MODE),
        (Kind::Link | Kind::Other, _) => None,
    };
    if let Some(mode) = mode {
        disk.set_mode(&place, mode)?;
    }
    // The mode first: a build may leave files that their owner cannot read.
    let node = node(disk, top, found, executable, buffer)?;
    disk.set_modified(&place, MODIFIED)?;
    Ok(node)
}

/// Gives every name of a file with several names a file of its own, if one of the names is outside of the tree or they
/// need different modes. Nobody else can then change what is in the store.
fn separate(disk: &dyn Disk, top: &Path, found: &[Found]) -> io::Result<()> {
    let mut shared: HashMap<(u64, u64), Vec<&Found>> = HashMap::new();
    for file in found.iter().filter(|found| found.metadata.kind == Kind::File) {
        let metadata = &file.metadata;
        if metadata.links > 1 {
            shared.entry((metadata.device, metadata.inode)).or_default().push(file);
        }
    }
    let mut alone: Vec<&Found> = Vec::new();
    for names in shared.into_values() {
        let all_here = names.iter().all(|name| name.metadata.links == names.len() as u64);
        let programs = names.iter().filter(|name| is_executable(name) || is_program(&name.path));
        if !all_here || !matches!(programs.count(), count if count == 0 || count == names.len()) {
            alone.extend(names);
        }
    }
    alone.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    alone.into_iter().try_for_each(|file| copy_in_place(disk, top, file))
}

fn copy_in_place(disk: &dyn Disk, top: &Path, file: &Found) -> io::Result<()> {
    let place = below(top, &file.path);
    // No output has a name of ours at its top, and nobody else writes here.
    let copy = top.join(BUILT);
    let mut new = disk.create(&copy, 0o600)?;
    io::copy(&mut disk.open(&place)?, &mut new)?;
    new.flush()?;
    drop(new);
    disk.set_mode(&copy, file.metadata.mode & 0o777)?;
    disk.replace(&copy, &place)
}

/// Writes one of our own files.
fn write(
    disk: &dyn Disk,
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> Result<(), AddError>,
) -> Result<(), AddError> {
    let mut file = disk.create(path, FILE_MODE)?;
    content(&mut file)?;
    file.flush()?;
    drop(file);
    Ok(disk.set_modified(path, MODIFIED)?)
}

#[cfg(test)]
mod tests;
