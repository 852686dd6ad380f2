//! Whether a disk has room for what will be written, and whether it may be written there: asked before anything is.
//! Only a disk of this machine knows.

use crate::admit::{Bytes, Work};
use crate::failure::TargetError;
use crate::limits::{ROOM_BYTES_LEFT, ROOM_NAMES_LEFT};
use crate::path::TargetPath;
use crate::target::{Place, Target};
use punix_disk::Kind;
use rustix::fs::{Access, AtFlags, CWD, accessat, statvfs};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What is needed on one file system.
struct Need {
    /// A directory on it.
    place: PathBuf,
    bytes: u64,
    names: u64,
}

/// Checks that there is room, and that whoever acts may write in every directory that is there.
pub(crate) fn check(target: &Target<'_>, work: &Work) -> Result<(), TargetError> {
    let Some(place) = &target.place else { return Ok(()) };
    let mut needs: BTreeMap<u64, Need> = BTreeMap::new();
    let mut parents: BTreeMap<Option<TargetPath>, (u64, PathBuf)> = BTreeMap::new();
    let pieces = work.intent.items.iter().zip(&work.pieces).map(|(item, piece)| (&item.path, piece.bytes.as_ref()));
    let blobs = work.intent.blobs.iter().zip(&work.blobs).map(|(path, bytes)| (path, Some(bytes)));
    let others = work.intent.directories.iter().chain([&work.intent.flip]).map(|path| (path, None));
    for (path, bytes) in pieces.chain(blobs).chain(others) {
        let parent = path.parent();
        let (device, directory) = match parents.get(&parent) {
            Some(known) => known.clone(),
            None => {
                let found = existing(target, place, parent.clone())?;
                may_write(&found.1)?;
                parents.insert(parent, found.clone());
                found
            }
        };
        let need = needs.entry(device).or_insert(Need { place: directory, bytes: 0, names: 0 });
        need.bytes = need.bytes.saturating_add(bytes.map_or(0, Bytes::size));
        need.names += 1;
    }
    needs.values().try_for_each(has_room)
}

/// Returns the nearest directory above that is there, and its device.
fn existing(target: &Target<'_>, place: &Place<'_>, mut at: Option<TargetPath>) -> Result<(u64, PathBuf), TargetError> {
    while let Some(directory) = at {
        match target.disk.metadata(directory.on_disk())? {
            Some(found) if found.kind == Kind::Directory => {
                return Ok((found.device, place.root.join(directory.on_disk())));
            }
            Some(_) | None => at = directory.parent(),
        }
    }
    let root = target.disk.metadata(Path::new(""))?;
    Ok((root.map_or(0, |root| root.device), place.root.clone()))
}

fn may_write(directory: &Path) -> Result<(), TargetError> {
    match accessat(CWD, directory, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        // An older kernel does not say; writing will.
        Ok(()) | Err(Errno::NOSYS | Errno::INVAL) => Ok(()),
        Err(error) => {
            let error = io::Error::from(error);
            let text = format!("cannot write in `{}`: {error}", directory.display());
            Err(io::Error::new(error.kind(), text).into())
        }
    }
}

fn has_room(need: &Need) -> Result<(), TargetError> {
    // Some file systems do not say, and some refuse the question.
    let Ok(found) = statvfs(&need.place) else { return Ok(()) };
    let block = found.f_frsize.max(1);
    let lacks =
        |what, needs, has| Err(TargetError::NoRoom { place: need.place.display().to_string(), what, needs, has });
    // Each file may use the last of its blocks for one byte.
    let bytes = need.bytes.saturating_add(need.names.saturating_mul(block)).saturating_add(ROOM_BYTES_LEFT);
    let free = found.f_bavail.saturating_mul(block);
    if free < bytes {
        return lacks("bytes", bytes, free);
    }
    let names = need.names.saturating_add(ROOM_NAMES_LEFT);
    if found.f_files > 0 && found.f_favail < names {
        return lacks("files", names, found.f_favail);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(bytes: u64, names: u64) -> Need {
        Need { place: std::env::temp_dir(), bytes, names }
    }

    #[test]
    fn more_than_a_disk_has_is_refused_before() {
        has_room(&need(1, 1)).unwrap();
        let TargetError::NoRoom { what, needs, has, .. } = has_room(&need(1 << 60, 1)).unwrap_err() else {
            panic!("it has no room");
        };
        assert!(what == "bytes" && needs > has, "{what}: {needs} of {has}");
        assert!(has_room(&need(0, u64::MAX)).is_err());
    }

    #[test]
    fn where_nobody_may_write_is_said_before() {
        may_write(&std::env::temp_dir()).unwrap();
        let error = may_write(&std::env::temp_dir().join("punix-is-not-there")).unwrap_err();
        assert!(error.to_string().starts_with("cannot write in `") && error.is_the_worlds(), "{error}");
    }
}
