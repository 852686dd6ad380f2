//! What of our own files is mended, when somebody asks for that: a deployments root that came from a backup, or that
//! somebody had a hand in. What is done is said, each by itself; nothing of it is done on the way by other commands, since
//! each is a guess, however good.
//!
//! It never touches a file of a stack, and leaves a change alone that was interrupted on this very machine.

use crate::audit;
use crate::failure::{TargetError, shown};
use crate::flip::has_flipped;
use crate::generation::{Generation, Mark};
use crate::journal::{self, Intent, Journal};
use crate::key::KEY_MODE;
use crate::layout::{own, record_name};
use crate::ledger::Ledger;
use crate::live::{link_text, numbers};
use crate::look::acting;
use crate::path::TargetPath;
use crate::records::{self, records};
use crate::resolve::Resolver;
use crate::target::{Target, above, gone_is_fine};
use punix_disk::{Disk, Kind};
use punix_store::limits::RECORD_BYTES_MAX;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Something of ours that was not as it should be, and is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mended {
    pub path: TargetPath,
    pub fault: Fault,
}

/// What was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// `current` led nowhere.
    #[error("{why}; now it points at `{to}`, {fit}")]
    Pointer { why: String, to: String, fit: Fit },
    /// `current` led nowhere, and there is nowhere left that it could lead to.
    #[error("{why}, and no record is left that can be read; it is gone, and the next deploy begins anew")]
    NoRecord { why: String },
    /// A journal speaks of another time than the records and files beside it.
    #[error("an interrupted change from {from} to {to} is of another time than {live}, which is live; it is forgotten")]
    Journal { from: String, to: String, live: String },
    #[error("it belonged to the user {found}, and the files of the stack to {wanted}; now it does too")]
    Owner { found: u32, wanted: u32 },
    #[error("with the mode {found:04o} others could read the key; now they cannot")]
    KeyOpen { found: u32 },
}

/// Why a generation is taken for the one that was live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    #[error("of which it was a copy")]
    Copy,
    #[error("from which an interrupted change started")]
    Journal,
    #[error("whose files are those that the ledger knows")]
    Ledger,
    #[error("the newest that can be read")]
    Newest,
}

/// Mends what is ours, as far as one stack is concerned. What was interrupted is recovered afterwards.
pub fn mend(target: &Target<'_>, stack: &str) -> Result<Vec<Mended>, TargetError> {
    let directory = target.layout.stack(stack)?;
    if target.disk.metadata(directory.on_disk())?.is_none() {
        return Ok(Vec::new());
    }
    let _lock = target.exclude()?;
    let mut mended = Vec::new();
    pointer(target, stack, &mut mended)?;
    journals(target, &mut mended)?;
    owners(target, stack, &mut mended)?;
    key(target, &mut mended)?;
    Ok(mended)
}

/// Makes `current` a link to a record again.
fn pointer(target: &Target<'_>, stack: &str, mended: &mut Vec<Mended>) -> Result<(), TargetError> {
    let begun = begun(target, stack)?;
    let (why, error) = match records::current(target, stack) {
        Ok(Some(_)) => return Ok(()),
        // It is not there yet, or not any more.
        Ok(None) if begun.is_some() || numbers(target, stack)?.is_empty() => return Ok(()),
        Ok(None) => ("it was not there".to_owned(), None),
        Err(TargetError::Damaged { path, why }) => (why.clone(), Some(TargetError::Damaged { path, why })),
        Err(error) => return Err(error),
    };
    let path = target.layout.current(stack)?;
    let Some((number, fit)) = fitting(target, stack, begun.as_ref())? else {
        return match error {
            Some(error) => without_pointer(target, &path, why, error).map(|fault| mended.extend(fault)),
            None => Ok(()),
        };
    };
    let beside = own(&target.layout.stack(stack)?, &Intent::temporary(&Intent::new_id(), 0));
    let disk = target.disk;
    disk.create_link(beside.on_disk(), Path::new(&link_text(number)))?;
    let placed = disk.replace(beside.on_disk(), path.on_disk());
    if placed.is_err() {
        gone_is_fine(disk.remove(beside.on_disk()))?;
    }
    placed?;
    disk.sync_directory(&above(&path))?;
    audit::tell_pointed(target, stack, number)?;
    mended.push(Mended { path, fault: Fault::Pointer { why, to: record_name(number), fit } });
    Ok(())
}

/// Removes a `current` that can lead nowhere. What is no link may be somebody's only copy of a record.
fn without_pointer(
    target: &Target<'_>,
    path: &TargetPath,
    why: String,
    error: TargetError,
) -> Result<Option<Mended>, TargetError> {
    let found = target.disk.metadata(path.on_disk())?;
    if found.is_none_or(|found| found.kind != Kind::Link) {
        return Err(error);
    }
    target.disk.remove(path.on_disk())?;
    target.disk.sync_directory(&above(path))?;
    Ok(Some(Mended { path: path.clone(), fault: Fault::NoRecord { why } }))
}

/// Returns the change of a stack that was interrupted, if there is one that can be read.
fn begun(target: &Target<'_>, stack: &str) -> Result<Option<Intent>, TargetError> {
    for path in journal::found(target.disk, &target.layout)? {
        let Journal { intent, .. } = journal::read(target.disk, &path)?;
        if intent.stack == stack {
            return Ok(Some(intent));
        }
    }
    Ok(None)
}

/// Finds the generation that was most likely live.
fn fitting(target: &Target<'_>, stack: &str, begun: Option<&Intent>) -> Result<Option<(u32, Fit)>, TargetError> {
    let records = records(target, stack)?;
    let readable: Vec<(u32, &Generation)> =
        records.iter().filter_map(|(number, record)| Some((*number, record.as_ref().ok()?))).collect();
    if let Some(number) = copied(target, stack, &readable)? {
        return Ok(Some((number, Fit::Copy)));
    }
    let from = begun.and_then(|intent| intent.from);
    if let Some(number) = from.filter(|from| readable.iter().any(|(number, _)| number == from)) {
        return Ok(Some((number, Fit::Journal)));
    }
    let ledger = Ledger::read(target)?;
    let mut known: Vec<(&TargetPath, Mark)> =
        ledger.rows_of(stack).filter_map(|(path, row)| Some((path, row.mark?))).collect();
    known.sort();
    let fits = |generation: &Generation| {
        let mut resolver = Resolver::new(target.disk);
        let mut rows: Vec<(TargetPath, Mark)> = generation
            .files
            .iter()
            .map(|row| {
                let real = resolver.real(&row.path).unwrap_or_else(|_| row.path.clone());
                let mark = ledger.anew(&real, generation).unwrap_or(row.mark);
                (real, mark)
            })
            .collect();
        rows.sort();
        rows.iter().map(|(path, mark)| (path, *mark)).eq(known.iter().copied())
    };
    let by_ledger = readable.iter().rev().find(|(_, generation)| fits(generation));
    let newest = readable.last().map(|(number, _)| (*number, Fit::Newest));
    Ok(by_ledger.map(|(number, _)| (*number, Fit::Ledger)).or(newest))
}

/// A backup that follows links makes of `current` a copy of what it led to.
fn copied(target: &Target<'_>, stack: &str, readable: &[(u32, &Generation)]) -> Result<Option<u32>, TargetError> {
    let read = |path: &TargetPath| match target.disk.read(path.on_disk(), RECORD_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        // It is a link, or not there.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(None),
        Err(error) => Err(error),
    };
    let path = target.layout.current(stack)?;
    if !target.disk.metadata(path.on_disk())?.is_some_and(|found| found.kind == Kind::File) {
        return Ok(None);
    }
    let Some(bytes) = read(&path)? else { return Ok(None) };
    for (number, _) in readable.iter().rev() {
        if read(&target.layout.record(stack, *number)?)?.as_ref() == Some(&bytes) {
            return Ok(Some(*number));
        }
    }
    Ok(None)
}

/// Forgets journals that came with a backup and fit nothing that is there.
fn journals(target: &Target<'_>, mended: &mut Vec<Mended>) -> Result<(), TargetError> {
    for path in journal::found(target.disk, &target.layout)? {
        let journal = journal::read(target.disk, &path)?;
        let Err(error @ TargetError::Astray { .. }) = has_flipped(target, &journal) else { continue };
        let intent = &journal.intent;
        let live = records::current(target, &intent.stack)?;
        // What waits beside its place was displaced on this machine, and may be somebody's only copy.
        let waits = intent.items.iter().flat_map(|item| [&item.staged, &item.displaced]).flatten();
        if waits.map(|path| is_there(target.disk, path)).collect::<io::Result<Vec<_>>>()?.contains(&true) {
            return Err(error);
        }
        gone_is_fine(target.disk.remove(intent.flip.on_disk()))?;
        journal::end(target, &intent.id)?;
        let (from, to, live) = (shown(intent.from), shown(intent.to), shown(live));
        mended.push(Mended { path, fault: Fault::Journal { from, to, live } });
    }
    Ok(())
}

fn is_there(disk: &dyn Disk, path: &TargetPath) -> io::Result<bool> {
    match disk.metadata(path.on_disk()) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(false),
        found => Ok(found?.is_some()),
    }
}

/// Gives everything of ours to whoever acts, if the files of the stack are his and what is ours is somebody else's.
fn owners(target: &Target<'_>, stack: &str, mended: &mut Vec<Mended>) -> Result<(), TargetError> {
    let Some(generation) = records::current_record(target, stack).ok().flatten() else { return Ok(()) };
    for (path, found) in strangers(target, &generation)? {
        let (user, group) = acting(target);
        target.disk.set_owner(path.on_disk(), user, group)?;
        mended.push(Mended { path, fault: Fault::Owner { found, wanted: user } });
    }
    Ok(())
}

/// Returns what of ours belongs to somebody else than the files of the stack do, and to whom: so it is after a restore on
/// a machine whose users have other numbers.
pub(crate) fn strangers(target: &Target<'_>, generation: &Generation) -> Result<Vec<(TargetPath, u32)>, TargetError> {
    let (user, _) = acting(target);
    let record = target.layout.record(&generation.stack, generation.number)?;
    let is_his = |path: &TargetPath| -> io::Result<Option<bool>> {
        Ok(look(target.disk, path)?.map(|(_, owner)| owner == user))
    };
    if is_his(&record)? != Some(false) {
        return Ok(Vec::new());
    }
    let mut resolver = Resolver::new(target.disk);
    let mut any = false;
    for row in generation.files.iter().filter(|row| row.owner.is_none()) {
        let Ok(real) = resolver.real(&row.path) else { continue };
        match is_his(&real)? {
            Some(false) => return Ok(Vec::new()),
            his => any |= his.is_some(),
        }
    }
    let mut strangers = Vec::new();
    if any {
        all_of(target, target.layout.root(), user, &mut strangers)?;
    }
    Ok(strangers)
}

/// Finds what is somebody else's, there and below. Nothing of ours is deep.
fn all_of(
    target: &Target<'_>,
    path: &TargetPath,
    user: u32,
    strangers: &mut Vec<(TargetPath, u32)>,
) -> Result<(), TargetError> {
    let Some((kind, owner)) = look(target.disk, path)? else { return Ok(()) };
    if owner != user {
        strangers.push((path.clone(), owner));
    }
    if kind == Kind::Directory {
        let names = target.disk.list(path.on_disk())?;
        for name in names.iter().filter_map(|name| name.to_str()) {
            if let Ok(path) = path.join(name) {
                all_of(target, &path, user, strangers)?;
            }
        }
    }
    Ok(())
}

fn look(disk: &dyn Disk, path: &TargetPath) -> io::Result<Option<(Kind, u32)>> {
    match disk.metadata(path.on_disk()) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(None),
        found => Ok(found?.map(|found| (found.kind, found.owner))),
    }
}

/// Keeps the key from others.
fn key(target: &Target<'_>, mended: &mut Vec<Mended>) -> Result<(), TargetError> {
    let path = target.layout.key();
    let Some(found) = target.disk.metadata(path.on_disk())? else { return Ok(()) };
    if found.mode & !KEY_MODE & 0o777 == 0 {
        return Ok(());
    }
    target.disk.set_mode(path.on_disk(), KEY_MODE)?;
    mended.push(Mended { path, fault: Fault::KeyOpen { found: found.mode } });
    Ok(())
}

#[cfg(test)]
mod tests;
