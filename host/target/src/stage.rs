//! Everything that will be published is written beside where it will be, durably, and nobody sees it: files under
//! temporary names, contents under their digests, directories with nothing in them, the link that will be `current`.
//!
//! Whoever owns a directory can give a name in it to another file at any time. So all that concerns a file that was made here
//! goes by the open file, and not by its name.

use crate::admit::{Bytes, Work};
use crate::durable::Whole;
use crate::journal::{Item, Staged, Trace, Wanted};
use crate::look::acting;
use crate::target::{ROOT_MODE, Target};
use punix_disk::{Disk, NewFile};
use std::io;
use std::path::Path;

/// Files that are written before the first of them is synced. A file system then syncs them nearly as one.
const OPEN_MAX: usize = 64;
/// Of contents, and of files until they have their owner.
const PRIVATE_FILE: u32 = 0o600;

/// Files that are written and not yet synced.
struct Open<'d> {
    disk: &'d dyn Disk,
    files: Vec<Box<dyn NewFile + 'd>>,
    /// The file system that is synced as a whole, where there are many.
    whole: Option<Whole>,
}

impl<'d> Open<'d> {
    fn new(disk: &'d dyn Disk, files: usize) -> io::Result<Open<'d>> {
        Ok(Open { disk, files: Vec::new(), whole: Whole::of(disk, files)? })
    }

    fn add(&mut self, mut file: Box<dyn NewFile + 'd>, device: u64) -> io::Result<()> {
        file.flush()?;
        let is_taken = self.whole.as_mut().is_some_and(|whole| whole.takes(device));
        if !is_taken {
            self.files.push(file);
        }
        if self.files.len() < OPEN_MAX { Ok(()) } else { self.sync_single() }
    }

    fn sync_single(&mut self) -> io::Result<()> {
        self.files.drain(..).try_for_each(|mut file| file.sync())
    }

    fn sync(mut self) -> io::Result<()> {
        self.sync_single()?;
        self.whole.map_or(Ok(()), |whole| whole.sync(self.disk))
    }
}

/// Stages all of it. The names are durable with the directories only, before the flip.
pub(crate) fn stage(target: &Target<'_>, work: &Work, staged: &mut dyn FnMut(usize)) -> io::Result<Staged> {
    let disk = target.disk;
    for directory in &work.intent.directories {
        disk.create_directory(directory.on_disk(), ROOT_MODE)?;
    }
    let files = work.intent.items.iter().filter(|item| item.staged.is_some()).count() + work.blobs.len();
    let mut open = Open::new(disk, files)?;
    for (path, bytes) in work.intent.blobs.iter().zip(&work.blobs) {
        if disk.metadata(path.on_disk())?.is_some() {
            // It is not what it should be.
            disk.remove(path.on_disk())?;
        }
        let mut file = disk.create(path.on_disk(), PRIVATE_FILE)?;
        bytes.write(disk, &mut *file)?;
        let device = file.metadata()?.device;
        open.add(file, device)?;
    }
    let mut items = Vec::with_capacity(work.intent.items.len());
    for (at, (item, piece)) in work.intent.items.iter().zip(&work.pieces).enumerate() {
        items.push(match (item, &piece.bytes) {
            (Item { staged: Some(path), after: Some(wanted), .. }, Some(bytes)) => {
                let file = disk.create(path.on_disk(), first_mode(wanted))?;
                Some(write(target, file, wanted, bytes, &mut open)?)
            }
            (Item { .. }, _) => None,
        });
        staged(at + 1);
    }
    // Some of it is durable by now, and some is not.
    punix_diag::drill("stage");
    open.sync()?;
    if let Some(link) = &work.link {
        disk.create_link(work.intent.flip.on_disk(), Path::new(link))?;
    }
    let link = if work.link.is_some() { disk.metadata(work.intent.flip.on_disk())? } else { None };
    Ok(Staged { items, flip: link.map(|found| Trace::of(&found)) })
}

/// Returns whether a file will have an owner or a group that was named.
fn gives(wanted: &Wanted) -> bool {
    wanted.owner.is_some() || wanted.group.is_some()
}

/// Returns the mode that a file is made with. Nobody who will not have it may open it before it has its owner.
fn first_mode(wanted: &Wanted) -> u32 {
    if gives(wanted) { PRIVATE_FILE & wanted.mode } else { wanted.mode }
}

/// Writes a file that was just made, gives it away, and returns by what it is recognised.
fn write<'d>(
    target: &Target<'d>,
    mut file: Box<dyn NewFile + 'd>,
    wanted: &Wanted,
    bytes: &Bytes,
    open: &mut Open<'d>,
) -> io::Result<Trace> {
    bytes.write(target.disk, &mut *file)?;
    let found = file.metadata()?;
    // A directory may give its own group to what is made in it.
    let (owner, group) = (wanted.owner.unwrap_or(found.owner), wanted.group.unwrap_or_else(|| acting(target).1));
    let is_given = (owner, group) != (found.owner, found.group);
    if is_given {
        file.set_owner(owner, group)?;
    }
    // With another owner or group a file loses what lets it act as them.
    if is_given || gives(wanted) {
        file.set_mode(wanted.mode)?;
    }
    let written = file.metadata()?;
    open.add(file, written.device)?;
    Ok(Trace::of(&written))
}
