//! The flip: the one step by which another generation becomes live. Before it everything is undone, after it everything
//! is finished; which of both is said by `current` alone.

use crate::failure::{TargetError, shown};
use crate::journal::{Intent, Journal};
use crate::live::{Live, link_text, live};
use crate::target::{Target, above};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Makes the new generation live, durably.
pub(crate) fn flip(target: &Target<'_>, intent: &Intent) -> Result<(), TargetError> {
    let current = target.layout.current(&intent.stack)?;
    match intent.to {
        Some(_) => target.disk.replace(intent.flip.on_disk(), current.on_disk())?,
        None => target.disk.replace(current.on_disk(), intent.flip.on_disk())?,
    }
    punix_diag::drill("flip");
    Ok(target.disk.sync_directory(&above(&current))?)
}

/// Makes the old generation live again, durably. Nothing else was undone before.
pub(crate) fn unflip(target: &Target<'_>, intent: &Intent) -> Result<(), TargetError> {
    let current = target.layout.current(&intent.stack)?;
    let disk = target.disk;
    let take_back = || -> io::Result<()> {
        match (intent.from, intent.to) {
            (Some(_), None) => disk.replace(intent.flip.on_disk(), current.on_disk())?,
            (None, _) => disk.remove(current.on_disk())?,
            (Some(from), Some(_)) => {
                disk.create_link(intent.flip.on_disk(), Path::new(&link_text(from)))?;
                disk.replace(intent.flip.on_disk(), current.on_disk())?;
            }
        }
        disk.sync_directory(&above(&current))
    };
    Ok(take_back()?)
}

/// Tells whether the flip has happened, and makes it last that it has or has not. Whoever was stopped right after it had
/// not made it durable, and neither had who took it back: with nothing but that to go by, everything else would be undone
/// or finished on the ground of what a power cut can still change.
pub(crate) fn settle(target: &Target<'_>, journal: &Journal) -> Result<bool, TargetError> {
    if journal.staged.is_none() {
        return Ok(false);
    }
    let flipped = has_flipped(target, journal)?;
    let current = target.layout.current(&journal.intent.stack)?;
    // Where its directory is gone the undoing of a first generation, or the end of a last one, was nearly done.
    match target.disk.sync_directory(&above(&current)) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
        settled => settled?,
    }
    Ok(flipped)
}

/// Tells whether the flip has happened.
pub(crate) fn has_flipped(target: &Target<'_>, journal: &Journal) -> Result<bool, TargetError> {
    let Intent { stack, from, to, .. } = &journal.intent;
    let Some(staged) = &journal.staged else { return Ok(false) };
    let Live { number, link } = live(target, stack)?;
    if from == to {
        // Both links say the same, and are two.
        let is_new = |inode| staged.flip.is_some_and(|flip| flip.inode == inode);
        return Ok(link.is_some_and(|link| is_new(link.inode)));
    }
    match number {
        number if number == *to => Ok(true),
        number if number == *from => Ok(false),
        number => Err(TargetError::Astray {
            path: target.layout.current(stack)?,
            found: shown(number),
            one: shown(*from),
            other: shown(*to),
        }),
    }
}
