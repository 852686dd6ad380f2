//! The list of entries at the end of a zip archive. Its size is bounded by that of the file, so it is read as a whole.

use super::time;
use crate::limits::ZIP_LIST_BYTES_MAX;
use crate::unpack::{Fault, Limits, UnpackError};
use std::fs::File;
use std::os::unix::fs::FileExt;

pub(super) const LOCAL_BYTES: usize = 30;

const END_MAGIC: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = u16::MAX as usize;
const LOCATOR_MAGIC: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: u64 = 20;
const END_64_MAGIC: &[u8] = b"PK\x06\x06";
const END_64_BYTES: u64 = 56;
const LISTED_MAGIC: &[u8] = b"PK\x01\x02";
const LISTED_BYTES: usize = 46;
const ENCRYPTED: u16 = 1;
/// Programs that store modes as Unix has them: those of Unix itself and of Darwin.
const UNIX: [u8; 2] = [3, 19];
/// Extra fields: sizes that do not fit elsewhere, and times in UTC.
const EXTRA_SIZES: u16 = 1;
const EXTRA_TIMES: u16 = 0x5455;
/// A bit of DOS.
const DIRECTORY: u32 = 0x10;

/// An entry as the list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: Vec<u8>,
    pub(super) encrypted: bool,
    pub(super) method: u16,
    pub(super) checksum: u32,
    /// Bytes in the archive.
    pub(super) packed: u64,
    pub(super) size: u64,
    /// Where its header is, from the start of the file.
    pub(super) offset: u64,
    /// Kind and permissions; 0 if the archive says nothing of them.
    pub(super) mode: u32,
    pub(super) directory: bool,
    pub(super) modified: i64,
}

/// Where the list is.
struct End {
    entries: u64,
    /// Whether `entries` is only the low 16 bits.
    short: bool,
    bytes: u64,
    start: u64,
    /// What lies before the archive in the file.
    before: u64,
}

/// Reads the list; `None` if the file has none.
pub(super) fn read(file: &File, limits: &Limits) -> Result<Option<Vec<Listed>>, UnpackError> {
    let size = file.metadata().map_err(UnpackError::Read)?.len();
    let Some(end) = find_end(file, size)? else { return Ok(None) };
    if end.bytes > ZIP_LIST_BYTES_MAX {
        return Err(UnpackError::List);
    }
    if end.entries > limits.entries {
        return Err(UnpackError::TooMany { max: limits.entries });
    }
    let bytes = read_at(file, end.start, end.bytes)?;
    let mut rest = &bytes[..];
    let mut list = Vec::new();
    while !rest.is_empty() {
        if list.len() as u64 >= limits.entries {
            return Err(UnpackError::TooMany { max: limits.entries });
        }
        let (listed, after) = listed(rest, end.before)?;
        list.push(listed);
        rest = after;
    }
    let count = list.len() as u64;
    if end.entries != if end.short { count & 0xffff } else { count } {
        return Err(UnpackError::damaged("its list of entries is not as long as it says"));
    }
    refuse_shared(&list, end.start)?;
    Ok(Some(list))
}

/// Finds the record that ends the file. A comment may follow it.
fn find_end(file: &File, size: u64) -> Result<Option<End>, UnpackError> {
    let count = size.min((END_BYTES + COMMENT_BYTES_MAX) as u64);
    let tail = read_at(file, size - count, count)?;
    let last = tail.len().saturating_sub(END_BYTES - 1);
    let ends = |at: &usize| {
        let record = &tail[*at..];
        record.starts_with(END_MAGIC) && usize::from(short(record, 20)) == record.len() - END_BYTES
    };
    let Some(at) = (0..last).rev().find(ends) else { return Ok(None) };
    let (record, at) = (&tail[at..], size - count + at as u64);
    if short(record, 4) != short(record, 6) || short(record, 8) != short(record, 10) {
        return Err(UnpackError::damaged("it is a part of an archive in several files"));
    }
    let (bytes, offset) = (u64::from(long(record, 12)), u64::from(long(record, 16)));
    let end = match find_end_64(file, at)? {
        Some((entries, bytes, offset, at)) => End { entries, short: false, bytes, start: at, before: offset },
        None => End { entries: u64::from(short(record, 8)), short: true, bytes, start: at, before: offset },
    };
    // The list ends where the record begins; where it should begin tells what was put before the archive.
    let start = end.start.checked_sub(end.bytes);
    let before = start.and_then(|start| start.checked_sub(end.before));
    match (start, before) {
        (Some(start), Some(before)) => Ok(Some(End { start, before, ..end })),
        _ => Err(UnpackError::damaged("its list of entries is not where it should be")),
    }
}

/// Reads the record of large archives: number of entries, bytes and offset of the list, and where the record is.
fn find_end_64(file: &File, end: u64) -> Result<Option<(u64, u64, u64, u64)>, UnpackError> {
    let Some(at) = end.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    if !read_at(file, at, LOCATOR_BYTES)?.starts_with(LOCATOR_MAGIC) {
        return Ok(None);
    }
    let damaged = || UnpackError::damaged("its list of entries is not where it should be");
    let at = at.checked_sub(END_64_BYTES).ok_or_else(damaged)?;
    let record = read_at(file, at, END_64_BYTES)?;
    if !record.starts_with(END_64_MAGIC) || longer(&record, 24) != longer(&record, 32) {
        return Err(damaged());
    }
    Ok(Some((longer(&record, 32), longer(&record, 40), longer(&record, 48), at)))
}

/// Reads the first entry of a list, and returns what follows it.
fn listed(list: &[u8], before: u64) -> Result<(Listed, &[u8]), UnpackError> {
    let damaged = || UnpackError::damaged("its list of entries cannot be read");
    let (record, rest) = list.split_at_checked(LISTED_BYTES).ok_or_else(damaged)?;
    if !record.starts_with(LISTED_MAGIC) {
        return Err(damaged());
    }
    let cut = |rest, at| <[u8]>::split_at_checked(rest, usize::from(short(record, at))).ok_or_else(damaged);
    let (name, rest) = cut(rest, 28)?;
    let (extra, rest) = cut(rest, 30)?;
    let (_, rest) = cut(rest, 32)?;
    let attributes = long(record, 38);
    let mut listed = Listed {
        name: name.to_vec(),
        encrypted: short(record, 8) & ENCRYPTED != 0,
        method: short(record, 10),
        checksum: long(record, 16),
        packed: u64::from(long(record, 20)),
        size: u64::from(long(record, 24)),
        offset: u64::from(long(record, 42)),
        mode: if UNIX.contains(&record[5]) { attributes >> 16 } else { 0 },
        directory: attributes & DIRECTORY != 0,
        modified: time::seconds(short(record, 14), short(record, 12)),
    };
    // Unix programs may set the bit of DOS for whatever they like.
    listed.directory &= listed.mode == 0;
    if !read_extra(&mut listed, extra) {
        return Err(Fault::Unreadable("sizes are missing").of(name));
    }
    listed.offset = listed.offset.checked_add(before).ok_or_else(damaged)?;
    Ok((listed, rest))
}

/// Reads extra fields; `false` if sizes are said to be there but are not. What is broken after them is not looked at.
fn read_extra(listed: &mut Listed, mut extra: &[u8]) -> bool {
    let marked = |value: u64| value == u64::from(u32::MAX);
    let mut large: Vec<&mut u64> = Vec::new();
    for field in [&mut listed.size, &mut listed.packed, &mut listed.offset] {
        if marked(*field) {
            large.push(field);
        }
    }
    let mut complete = large.is_empty();
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let Some((field, rest)) = rest.split_at_checked(usize::from(short(head, 2))) else { break };
        match short(head, 0) {
            EXTRA_SIZES if !complete => {
                let values = field.chunks_exact(8);
                complete = values.len() >= large.len();
                for (to, value) in large.iter_mut().zip(values) {
                    **to = longer(value, 0);
                }
            }
            EXTRA_TIMES if field.len() >= 5 && field[0] & 1 != 0 => {
                listed.modified = i64::from(long(field, 1) as i32);
            }
            _ => {}
        }
        extra = rest;
    }
    complete
}

/// Refuses contents that lie in each other, as no honest archive has them, or beyond the list.
fn refuse_shared(list: &[Listed], end: u64) -> Result<(), UnpackError> {
    let mut sorted: Vec<&Listed> = list.iter().collect();
    sorted.sort_unstable_by_key(|listed| std::cmp::Reverse(listed.offset));
    let mut next = end;
    for listed in sorted {
        let bytes = listed.packed.checked_add(LOCAL_BYTES as u64);
        let fits = bytes.and_then(|bytes| listed.offset.checked_add(bytes)).is_some_and(|end| end <= next);
        if !fits {
            return Err(Fault::Damaged("its content overlaps another one".to_owned()).of(&listed.name));
        }
        next = listed.offset;
    }
    Ok(())
}

fn read_at(file: &File, at: u64, count: u64) -> Result<Vec<u8>, UnpackError> {
    let size = usize::try_from(count).map_err(|_| UnpackError::List)?;
    let mut bytes = vec![0; size];
    match file.read_exact_at(&mut bytes, at) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(UnpackError::decoding(error)),
    }
}

/// Reads numbers from fields of which the caller knows that they are there.
fn short(record: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([record[at], record[at + 1]])
}

fn long(record: &[u8], at: usize) -> u32 {
    u32::from(short(record, at)) | u32::from(short(record, at + 2)) << 16
}

fn longer(record: &[u8], at: usize) -> u64 {
    u64::from(long(record, at)) | u64::from(long(record, at + 4)) << 32
}
