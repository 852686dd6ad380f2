//! What was staged takes its place, each file in one step. What it displaces is looked at: if that is not what the plan
//! saw, it goes back where it was, and nothing more is done. Nor is anything done with what somebody put in the place of what
//! was staged.

use crate::admit::{Piece, Work};
use crate::body::each_piece_of;
use crate::durable::sync_directories;
use crate::failure::TargetError;
use crate::journal::{Item, Staged, Trace};
use crate::path::TargetPath;
use crate::target::{Target, above};
use punix_disk::Disk;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// What is to be replaced where names cannot be exchanged.
struct Later<'w> {
    path: &'w TargetPath,
    staged: &'w TargetPath,
    displaced: &'w TargetPath,
    new: Option<&'w Trace>,
    before: &'w Trace,
    piece: &'w Piece,
}

/// Publishes everything, and makes it durable.
pub(crate) fn publish(target: &Target<'_>, work: &Work, waiting: &Staged) -> Result<(), TargetError> {
    let disk = target.disk;
    let mut later = Vec::new();
    let news = waiting.items.iter().map(Option::as_ref);
    for ((item, piece), new) in work.intent.items.iter().zip(&work.pieces).zip(news) {
        let Item { path, before, staged, displaced, .. } = item;
        if let Some(staged) = staged {
            is_still_there(disk, staged, new, piece)?;
        }
        match (before, staged, displaced) {
            (Some(before), Some(staged), Some(displaced)) => match disk.exchange(staged.on_disk(), path.on_disk()) {
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    later.push(Later { path, staged, displaced, new, before, piece });
                }
                exchanged => {
                    exchanged.map_err(|error| vanished(piece, error))?;
                    if !is_as_seen(disk, staged, before, piece)? {
                        disk.exchange(staged.on_disk(), path.on_disk())?;
                        return Err(moved(piece));
                    }
                }
            },
            (None, Some(staged), _) => match disk.rename_new(staged.on_disk(), path.on_disk()) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(moved(piece)),
                published => published?,
            },
            (Some(before), None, Some(displaced)) => {
                // Nobody else has this name, so nothing is replaced.
                disk.replace(path.on_disk(), displaced.on_disk()).map_err(|error| vanished(piece, error))?;
                if !is_as_seen(disk, displaced, before, piece)? {
                    disk.rename_new(displaced.on_disk(), path.on_disk())?;
                    return Err(moved(piece));
                }
            }
            (None, None, _) | (Some(_), _, None) => {}
        }
    }
    replace(disk, &later)?;
    punix_diag::drill("publish");
    Ok(sync_directories(disk, &directories(target, work))?)
}

/// Replaces without exchanging. The old file has its second name durably before it loses the first one.
fn replace(disk: &dyn Disk, later: &[Later<'_>]) -> Result<(), TargetError> {
    for Later { path, displaced, before, piece, .. } in later {
        disk.hard_link(path.on_disk(), displaced.on_disk()).map_err(|error| vanished(piece, error))?;
        if !is_as_seen(disk, displaced, before, piece)? {
            return Err(moved(piece));
        }
    }
    let parents: BTreeSet<PathBuf> = later.iter().map(|later| above(later.path)).collect();
    sync_directories(disk, &parents)?;
    for Later { path, staged, new, piece, .. } in later {
        is_still_there(disk, staged, *new, piece)?;
        disk.replace(staged.on_disk(), path.on_disk())?;
    }
    Ok(())
}

/// Checks that what waits is the file that was staged: whoever owns the directory can put another one there.
fn is_still_there(disk: &dyn Disk, staged: &TargetPath, new: Option<&Trace>, piece: &Piece) -> Result<(), TargetError> {
    let found = disk.metadata(staged.on_disk())?;
    if new.zip(found).is_some_and(|(new, found)| new.is(&found)) {
        return Ok(());
    }
    Err(TargetError::Supplanted { path: piece.path.clone(), staged: staged.clone() })
}

/// Tells whether what was displaced is what the plan saw, bytes and all.
fn is_as_seen(disk: &dyn Disk, at: &TargetPath, before: &Trace, piece: &Piece) -> Result<bool, TargetError> {
    if !disk.metadata(at.on_disk())?.is_some_and(|found| before.is_exactly(&found)) {
        return Ok(false);
    }
    let Some(held) = piece.held else { return Ok(true) };
    let mut from = disk.open(at.on_disk())?;
    Ok(each_piece_of(&mut *from, before.size, &held, |_| Ok(()))?)
}

/// Returns every directory in which a name changes before the flip, and those that are new.
fn directories(target: &Target<'_>, work: &Work) -> BTreeSet<PathBuf> {
    let intent = &work.intent;
    let mut directories: BTreeSet<PathBuf> = intent.items.iter().map(|item| above(&item.path)).collect();
    for made in &intent.directories {
        directories.insert(made.on_disk().to_owned());
        directories.insert(above(made));
    }
    if !intent.blobs.is_empty() {
        directories.insert(target.layout.blobs().on_disk().to_owned());
    }
    // The link that will be `current`; if there is none the name is still there.
    directories.insert(above(&intent.flip));
    directories
}

fn moved(piece: &Piece) -> TargetError {
    TargetError::Moved { path: piece.path.clone(), found: "it was changed just now".to_owned() }
}

fn vanished(piece: &Piece, error: io::Error) -> TargetError {
    if error.kind() == ErrorKind::NotFound { moved(piece) } else { error.into() }
}
