//! The list of the projects that have kept components, by their directories, each ended by a zero byte: a path can hold
//! anything else. Whoever reads or writes it holds the directory that it is in. It only ever keeps: what it says in vain
//! costs room, and a project that it does not know has to bring its component again.

use super::super::project::{LOCK, put};
use punix_disk::{Disk, RealDisk};
use punix_plugin::limits::POLICY_BYTES_MAX;
use punix_plugin::{Digest, Lock};
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const NAME: &str = "projects";
const MODE: u32 = 0o644;
const LIST_BYTES_MAX: u64 = 4 << 20;

/// Notes a project, and forgets those that are gone.
pub(super) fn add(disk: &dyn Disk, project: &Path) -> io::Result<()> {
    let project = std::fs::canonicalize(project)?;
    let listed = read(disk)?;
    let mut all: Vec<PathBuf> = listed.iter().filter(|path| path.is_dir()).cloned().collect();
    if !all.contains(&project) {
        all.push(project);
    }
    if all == listed {
        return Ok(());
    }
    let mut bytes = Vec::new();
    for path in all {
        bytes.extend_from_slice(path.as_os_str().as_bytes());
        bytes.push(0);
    }
    put(disk, Path::new(NAME), &bytes, MODE)
}

/// Tells whether any project needs a component. `own` is held by whoever asks.
pub(super) fn needs(disk: &dyn Disk, own: &Path, digest: Digest) -> io::Result<bool> {
    let own = std::fs::canonicalize(own)?;
    Ok(read(disk)?.iter().chain([&own]).any(|project| is_needed_by(project, *project == own, digest)))
}

/// Tells whether a project needs a component, or may: what cannot be read, or is about to change, is no reason to remove it.
fn is_needed_by(project: &Path, is_own: bool, digest: Digest) -> bool {
    let directory = match File::open(project) {
        Ok(directory) => directory,
        Err(error) => return error.kind() != ErrorKind::NotFound,
    };
    // Whoever holds it may be about to lock what was found to be kept.
    let is_free = is_own || matches!(directory.try_lock(), Ok(()) | Err(TryLockError::Error(_)));
    !is_free || names(project, digest)
}

fn names(project: &Path, digest: Digest) -> bool {
    // A link is followed, as everybody does who reads the lock.
    let bytes = std::fs::canonicalize(project.join(LOCK)).and_then(|path| {
        let parent = path.parent().unwrap_or(Path::new("/"));
        RealDisk::open(parent)?.read(Path::new(path.file_name().unwrap_or_default()), POLICY_BYTES_MAX)
    });
    match bytes.map(String::from_utf8) {
        Err(error) => error.kind() != ErrorKind::NotFound,
        Ok(Err(_)) => true,
        Ok(Ok(text)) => Lock::parse(LOCK, &text).map_or(true, |lock| lock.rows().any(|row| row.sha256 == digest)),
    }
}

fn read(disk: &dyn Disk) -> io::Result<Vec<PathBuf>> {
    if disk.metadata(Path::new(NAME))?.is_none() {
        return Ok(Vec::new());
    }
    let bytes = disk.read(Path::new(NAME), LIST_BYTES_MAX)?;
    let paths = bytes.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(paths.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect())
}
