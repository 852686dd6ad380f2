//! Which stacks and generations there are, and which is live. What stands there is said as it is: a record that cannot be
//! understood is one that is there, and `current` that is no link to a record stops everybody.

use crate::failure::TargetError;
use crate::generation::{Generation, RecordIssue};
use crate::layout::is_stack;
use crate::live::{self, numbers};
use crate::path::TargetPath;
use crate::target::Target;
use punix_disk::Kind;
use punix_store::limits::RECORD_BYTES_MAX;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};

/// A number, and the record of it or what is wrong with that.
pub type Numbered = (u32, Result<Generation, RecordIssue>);

/// How many records are kept in memory, and up to which size: the live one, and the one that will be.
const KNOWN_MAX: usize = 2;
const KNOWN_BYTES_MAX: usize = 4 << 20;

/// The last records that were understood. What a record comes to is known by its bytes, so one that is another by now is
/// understood anew.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<Mutex<VecDeque<Understood>>>);

/// The bytes of a record, and what they come to.
type Understood = (Vec<u8>, Generation);

impl Known {
    fn read(&self, bytes: Vec<u8>, stack: &str, number: u32) -> Result<Generation, RecordIssue> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |(of, it): &&Understood| it.number == number && it.stack == stack && *of == bytes;
        if let Some((_, generation)) = known.iter().find(is_it) {
            return Ok(generation.clone());
        }
        let generation = Generation::from_bytes(&bytes, stack, number)?;
        if bytes.len() <= KNOWN_BYTES_MAX {
            known.truncate(KNOWN_MAX - 1);
            known.push_front((bytes, generation.clone()));
        }
        Ok(generation)
    }
}

/// Returns the names of all stacks that have a generation, sorted.
pub fn stacks(target: &Target<'_>) -> Result<Vec<String>, TargetError> {
    let mut stacks = Vec::new();
    for name in list(target, target.layout.root())? {
        let Some(name) = name.to_str().filter(|name| is_stack(name)) else { continue };
        let is_directory = |found: punix_disk::Metadata| found.kind == Kind::Directory;
        let directory = target.layout.stack(name)?;
        if target.disk.metadata(directory.on_disk())?.is_some_and(is_directory) && !numbers(target, name)?.is_empty() {
            stacks.push(name.to_owned());
        }
    }
    Ok(stacks)
}

/// Reads all records of a stack, by number, with what is wrong with those that are of no use.
pub fn records(target: &Target<'_>, stack: &str) -> Result<Vec<Numbered>, TargetError> {
    let numbers = numbers(target, stack)?;
    numbers.into_iter().map(|number| Ok((number, read(target, stack, number)?))).collect()
}

/// Reads one record, which must be there and be of use.
pub fn record(target: &Target<'_>, stack: &str, number: u32) -> Result<Generation, TargetError> {
    let path = target.layout.record(stack, number)?;
    match read(target, stack, number)? {
        Ok(generation) => Ok(generation),
        Err(_) if target.disk.metadata(path.on_disk())?.is_none() => {
            Err(TargetError::NotKept { stack: stack.to_owned(), number })
        }
        Err(issue) => Err(TargetError::Record { path, issue }),
    }
}

/// Returns the number of the live generation, if the stack has one. Its record is there.
pub fn current(target: &Target<'_>, stack: &str) -> Result<Option<u32>, TargetError> {
    let Some(number) = live::live(target, stack)?.number else { return Ok(None) };
    let record = target.layout.record(stack, number)?;
    let path = target.layout.current(stack)?;
    let damaged = |why: &str| {
        let why = format!("it points at `{}`, which {why}", record.name());
        Err(TargetError::Damaged { path, why })
    };
    match target.disk.metadata(record.on_disk())? {
        Some(found) if found.kind == Kind::File => Ok(Some(number)),
        Some(_) => damaged("is no regular file"),
        None => damaged("is not there"),
    }
}

/// Reads the record of the live generation, if the stack has one.
pub fn current_record(target: &Target<'_>, stack: &str) -> Result<Option<Generation>, TargetError> {
    current(target, stack)?.map(|number| record(target, stack, number)).transpose()
}

/// Reads a record. What is wrong with the disk is an error, what is wrong with the record an issue.
fn read(target: &Target<'_>, stack: &str, number: u32) -> Result<Result<Generation, RecordIssue>, TargetError> {
    let path = target.layout.record(stack, number)?;
    let unreadable = |error: &io::Error| RecordIssue::Unreadable { why: error.to_string() };
    Ok(match target.disk.read(path.on_disk(), RECORD_BYTES_MAX) {
        Ok(bytes) => target.known.read(bytes, stack, number),
        Err(error) => match error.kind() {
            ErrorKind::FileTooLarge => Err(RecordIssue::TooLarge),
            // What it is, or whose.
            ErrorKind::InvalidInput | ErrorKind::IsADirectory | ErrorKind::NotFound | ErrorKind::PermissionDenied => {
                Err(unreadable(&error))
            }
            _ => return Err(error.into()),
        },
    })
}

/// Lists a directory of ours; one that is not there is empty.
fn list(target: &Target<'_>, directory: &TargetPath) -> io::Result<Vec<OsString>> {
    match target.disk.list(directory.on_disk()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

#[cfg(test)]
mod tests;
