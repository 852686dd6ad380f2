//! How many generations are kept, and what goes with the others.

use crate::audit;
use crate::confirm;
use crate::failure::TargetError;
use crate::generation::Mark;
use crate::layout::{is_stack, own};
use crate::ledger::Ledger;
use crate::live::numbers;
use crate::records::{current, record};
use crate::recover::recover_locked;
use crate::target::{Target, gone_is_fine};
use punix_store::Digest;
use std::collections::BTreeSet;
use std::io::ErrorKind;

/// Returns which generations go if so many are kept: never the live one, nor the one before it.
pub(crate) fn beyond(all: &BTreeSet<u32>, keep: u32, live: u32, previous: Option<u32>) -> Vec<u32> {
    let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
    let old = all.iter().rev().skip(keep).copied();
    let mut old: Vec<u32> = old.filter(|&number| number != live && Some(number) != previous).collect();
    old.reverse();
    old
}

/// Removes generations that are beyond so many, and what only they needed. Returns their numbers.
pub fn trim(target: &Target<'_>, stack: &str, keep: u32) -> Result<Vec<u32>, TargetError> {
    let _lock = target.exclude()?;
    recover_locked(target)?;
    let Some(number) = current(target, stack)? else { return Ok(Vec::new()) };
    let previous = record(target, stack, number)?.previous;
    let all = numbers(target, stack)?.into_iter().collect();
    let mut old = beyond(&all, keep, number, previous);
    for number in std::mem::take(&mut old) {
        if !confirm::is_needed(target, stack, number)? {
            old.push(number);
        }
    }
    if !old.is_empty() {
        // Said before it is done: there is no journal of it.
        audit::tell_trimmed(target, stack, Some(number), &old)?;
    }
    let mut gone = Vec::new();
    let removed = old.iter().try_for_each(|&number| -> Result<(), TargetError> {
        gone_is_fine(target.disk.remove(target.layout.record(stack, number)?.on_disk()))?;
        gone.push(number);
        Ok(())
    });
    if !gone.is_empty() {
        // A record must be gone for good before what it needs is.
        target.disk.sync_directory(target.layout.stack(stack)?.on_disk())?;
    }
    match removed {
        Err(error) if !gone.is_empty() => {
            return Err(TargetError::BrokenOff { stack: stack.to_owned(), gone, error: Box::new(error) });
        }
        removed => removed?,
    }
    if !old.is_empty() {
        collect(target)?;
    }
    Ok(old)
}

/// Removes contents that no record that is kept, and no note, names. If a record cannot be understood nothing is removed,
/// since nobody knows what it needs.
pub(crate) fn collect(target: &Target<'_>) -> Result<(), TargetError> {
    let directory = target.layout.blobs();
    let names = match target.disk.list(directory.on_disk()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        names => names?,
    };
    let needed = match needed(target) {
        Err(TargetError::Record { .. } | TargetError::Newer { .. } | TargetError::Damaged { .. }) => return Ok(()),
        needed => needed?,
    };
    for name in names.iter().filter_map(|name| name.to_str()) {
        // What is not named by a digest is none of them.
        if Digest::parse(name).is_some_and(|digest| !needed.contains(&digest)) {
            gone_is_fine(target.disk.remove(own(&directory, name).on_disk()))?;
        }
    }
    // Also for what was removed by somebody who was then stopped.
    Ok(target.disk.sync_directory(directory.on_disk())?)
}

fn needed(target: &Target<'_>) -> Result<BTreeSet<Digest>, TargetError> {
    let ledger = Ledger::read(target)?;
    let mut needed: BTreeSet<Digest> = ledger.notes().iter().map(|note| note.blob).collect();
    needed.extend(ledger.digests_anew());
    for name in target.disk.list(target.layout.root().on_disk())? {
        let Some(stack) = name.to_str().filter(|name| is_stack(name)) else { continue };
        let numbers = match numbers(target, stack) {
            Err(TargetError::Disk(error)) if error.kind() == ErrorKind::NotADirectory => continue,
            numbers => numbers?,
        };
        for number in numbers {
            let marks = record(target, stack, number)?.files.into_iter().map(|file| file.mark);
            needed.extend(marks.filter_map(|mark| match mark {
                Mark::Sha256(digest) => Some(digest),
                Mark::HmacSha256(_) => None,
            }));
        }
    }
    Ok(needed)
}
