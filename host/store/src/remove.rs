//! Removing what is temporary. Only a [`TemporaryName`] can be removed: never an entry, never what is somebody else's.

use crate::limits::{FREE_NAME_TRIES_MAX, PATH_BYTES_MAX};
use crate::manifest::bytes;
use crate::name::{Purpose, StoreName, TemporaryName};
use punix_disk::{Disk, Kind, Metadata};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Removes a temporary tree, bottom-up, whatever the modes in it. What is gone already is no error. Returns how many
/// bytes of storage that frees.
pub(crate) fn remove_tree(disk: &dyn Disk, top: &TemporaryName) -> io::Result<u64> {
    let mut freed = 0;
    let mut todo = vec![Step::Enter(PathBuf::from(top.as_str()))];
    while let Some(step) = todo.pop() {
        match step {
            Step::Leave(path) => gone_is_fine(disk.remove_directory(&path))?,
            Step::Enter(path) => {
                let Some(metadata) = disk.metadata(&path)? else { continue };
                if metadata.kind == Kind::Directory {
                    freed += metadata.stored;
                    enter(disk, top, path, metadata, &mut todo)?;
                } else {
                    freed += if metadata.links == 1 { metadata.stored } else { 0 };
                    gone_is_fine(disk.remove(&path))?;
                }
            }
        }
    }
    Ok(freed)
}

/// Moves something to a temporary name of this purpose. Returns the name, or `None` if there is nothing to move.
pub(crate) fn set_aside(
    disk: &dyn Disk,
    path: &Path,
    purpose: Purpose,
    of: &StoreName,
) -> io::Result<Option<TemporaryName>> {
    let moved = with_free_name(purpose, of, |name| disk.rename_new(path, name.as_ref()));
    match moved {
        Ok(name) => Ok(Some(name)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tries to take a temporary name until one is free. The first is always the same; only where something was left behind,
/// or where more than one is needed, it is another.
pub(crate) fn with_free_name(
    purpose: Purpose,
    of: &StoreName,
    mut take: impl FnMut(&TemporaryName) -> io::Result<()>,
) -> io::Result<TemporaryName> {
    let (mut tries, mut number) = (0, 0);
    loop {
        let name = TemporaryName::new(purpose, of, number);
        tries += 1;
        // The keys of a `RandomState` differ by process and by call.
        number = RandomState::new().build_hasher().finish();
        match take(&name) {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && tries < FREE_NAME_TRIES_MAX => {}
            Err(error) => return Err(error),
        }
    }
}

enum Step {
    Enter(PathBuf),
    Leave(PathBuf),
}

fn enter(
    disk: &dyn Disk,
    top: &TemporaryName,
    path: PathBuf,
    metadata: Metadata,
    todo: &mut Vec<Step>,
) -> io::Result<()> {
    if metadata.mode & 0o700 != 0o700 {
        gone_is_fine(disk.set_mode(&path, 0o700))?;
    }
    // Paths that the kernel would refuse become short ones.
    if bytes(&path).len() > PATH_BYTES_MAX {
        if let Some(name) = set_aside(disk, &path, top.purpose(), top.of())? {
            todo.push(Step::Enter(PathBuf::from(name.as_str())));
        }
        return Ok(());
    }
    let names = match disk.list(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        names => names?,
    };
    let children = names.into_iter().map(|name| Step::Enter(path.join(name))).collect::<Vec<_>>();
    todo.push(Step::Leave(path));
    todo.extend(children);
    Ok(())
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
