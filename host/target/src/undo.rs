//! Takes back what a commit began, from its journal: whatever was displaced returns, whatever was staged goes. It can be
//! stopped anywhere and begun again.
//!
//! It never removes what is not ours: what somebody else put at one of the paths meanwhile stays there.

use crate::durable::{sync_directories, sync_those_that_are};
use crate::failure::TargetError;
use crate::journal::{Item, Journal, Trace};
use crate::path::TargetPath;
use crate::target::{Target, above};
use punix_disk::{Disk, Metadata};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

/// Undoes everything but the journal. Returns the paths at which something is that somebody else put there.
pub(crate) fn undo(target: &Target<'_>, journal: &Journal) -> Result<Vec<TargetPath>, TargetError> {
    let disk = target.disk;
    let mut left = Vec::new();
    if let Some(staged) = &journal.staged {
        let mut restored = BTreeSet::new();
        for (item, new) in journal.intent.items.iter().zip(&staged.items) {
            match restore(disk, item, new.as_ref())? {
                Restored::Nothing => {}
                Restored::Done => _ = restored.insert(above(&item.path)),
                Restored::Left => left.push(item.path.clone()),
            }
        }
        // Something returns by a second name at first; that one must last before the other goes.
        sync_directories(disk, &restored)?;
    }
    clear(target, journal)?;
    Ok(left)
}

enum Restored {
    Nothing,
    Done,
    /// What is there is not ours.
    Left,
}

/// Puts one path back as it was.
fn restore(disk: &dyn Disk, item: &Item, new: Option<&Trace>) -> io::Result<Restored> {
    let is_new = |found: &Metadata| new.is_some_and(|new| new.is(found));
    let found = look(disk, Some(&item.path))?;
    let displaced = match look(disk, item.displaced.as_ref())? {
        Some(_) => item.displaced.as_ref(),
        None => {
            // After an exchange it waits where the new one did. Where nothing was, nothing waits: somebody put that there.
            let staged = look(disk, item.staged.as_ref().filter(|_| item.before.is_some()))?;
            item.staged.as_ref().filter(|_| staged.is_some_and(|staged| !is_new(&staged)))
        }
    };
    match (found, displaced) {
        (Some(found), Some(displaced)) if is_new(&found) => disk.replace(displaced.on_disk(), item.path.on_disk())?,
        (Some(found), None) if item.before.is_none() && new.is_some_and(|new| new.is_exactly(&found)) => {
            disk.remove(item.path.on_disk())?;
        }
        (None, Some(displaced)) => bring_back(disk, displaced, &item.path)?,
        (Some(found), _) => {
            let is_old = item.before.is_some_and(|before| before.is(&found));
            let is_waiting = look(disk, item.staged.as_ref())?.is_some_and(|staged| is_new(&staged));
            // Where nothing was, and ours still waits, somebody came before us: that is not our business.
            return Ok(if is_old || (item.before.is_none() && is_waiting) {
                Restored::Nothing
            } else {
                Restored::Left
            });
        }
        (None, None) => return Ok(Restored::Nothing),
    }
    Ok(Restored::Done)
}

/// Moves to where nothing is, without replacing what may come there just now.
fn bring_back(disk: &dyn Disk, from: &TargetPath, to: &TargetPath) -> io::Result<()> {
    match disk.hard_link(from.on_disk(), to.on_disk()) {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            disk.replace(from.on_disk(), to.on_disk())
        }
        linked => linked,
    }
}

/// Removes what was staged, and everything else that was made.
fn clear(target: &Target<'_>, journal: &Journal) -> io::Result<()> {
    let disk = target.disk;
    let intent = &journal.intent;
    let mut touched = BTreeSet::new();
    let mut remove = |path: &TargetPath| -> io::Result<()> {
        match disk.remove(path.on_disk()) {
            Err(error) if is_absent(&error) => Ok(()),
            removed => {
                touched.insert(above(path));
                removed
            }
        }
    };
    for (at, item) in intent.items.iter().enumerate() {
        let new = journal.staged.as_ref().map(|staged| staged.items.get(at).copied().flatten());
        for path in [&item.staged, &item.displaced].into_iter().flatten() {
            let Some(found) = look(disk, Some(path))? else { continue };
            // Before anything was published, what is there is a file of ours that may not be whole.
            let is_ours = new.is_none_or(|new| new.is_some_and(|new| new.is(&found)));
            if is_ours || item.before.is_some_and(|before| before.is(&found)) || is_at(disk, &item.path, &found)? {
                remove(path)?;
            }
        }
    }
    remove(&intent.flip)?;
    intent.blobs.iter().try_for_each(&mut remove)?;
    for directory in intent.directories.iter().rev() {
        match disk.remove_directory(directory.on_disk()) {
            // Somebody else put something there, or mounted something.
            Err(error)
                if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::ResourceBusy)
                    || is_absent(&error) => {}
            removed => {
                removed?;
                touched.insert(above(directory));
            }
        }
    }
    sync_those_that_are(disk, &touched)
}

/// Tells whether something has this name too: then no other name of it is needed.
fn is_at(disk: &dyn Disk, path: &TargetPath, found: &Metadata) -> io::Result<bool> {
    let there = look(disk, Some(path))?;
    Ok(there.is_some_and(|there| (there.device, there.inode) == (found.device, found.inode)))
}

/// Looks at what may be below something that is gone.
fn look(disk: &dyn Disk, path: Option<&TargetPath>) -> io::Result<Option<Metadata>> {
    let Some(path) = path else { return Ok(None) };
    match disk.metadata(path.on_disk()) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(None),
        found => found,
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
