//! Making names durable. A disk waits for each sync by itself, and longer while others write to it, so what is many is
//! synced at once: more than a few files or directories, with all of their file system.

use crate::target::gone_is_fine;
use punix_disk::{Disk, Metadata};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// From so many files or directories on, one sync of everything takes less time than one for each.
const FEW_MAX: usize = 10;

/// The file system that the root is on, to be synced as a whole, and whether something on it must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole {
    device: u64,
    needed: bool,
}

impl Whole {
    /// Returns the file system if there is that much to be synced.
    pub(crate) fn of(disk: &dyn Disk, many: usize) -> io::Result<Option<Whole>> {
        let root = if many > FEW_MAX { disk.metadata(Path::new(""))? } else { None };
        Ok(root.map(|Metadata { device, .. }| Whole { device, needed: false }))
    }

    /// Takes what is on a device into the sync of everything. Returns `false` for what is mounted below the root, which is
    /// another file system.
    pub(crate) fn takes(&mut self, device: u64) -> bool {
        let takes = self.device == device;
        self.needed |= takes;
        takes
    }

    pub(crate) fn sync(self, disk: &dyn Disk) -> io::Result<()> {
        if self.needed { disk.sync_all() } else { Ok(()) }
    }
}

/// Makes the names in directories durable.
pub(crate) fn sync_directories(disk: &dyn Disk, directories: &BTreeSet<PathBuf>) -> io::Result<()> {
    sync(disk, directories, |directory| disk.sync_directory(directory))
}

/// Makes the names in directories durable, but for those that are gone themselves.
pub(crate) fn sync_those_that_are(disk: &dyn Disk, directories: &BTreeSet<PathBuf>) -> io::Result<()> {
    sync(disk, directories, |directory| gone_is_fine(disk.sync_directory(directory)))
}

fn sync(disk: &dyn Disk, directories: &BTreeSet<PathBuf>, single: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let Some(mut whole) = Whole::of(disk, directories.len())? else {
        return directories.iter().try_for_each(|directory| single(directory));
    };
    for directory in directories {
        let is_taken = match disk.metadata(directory) {
            Ok(found) => found.is_some_and(|found| whole.takes(found.device)),
            // Whoever syncs it says what is wrong with it.
            Err(error) if matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::PermissionDenied) => false,
            Err(error) => return Err(error),
        };
        if !is_taken {
            single(directory)?;
        }
    }
    whole.sync(disk)
}
