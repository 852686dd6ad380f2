//! The side of a push from which entries leave: what is listed of them, and their contents, one file behind the other.

use super::{Arrival, PushError, PushStep};
use crate::limits::{BATCH_BYTES, BATCH_ENTRIES_MAX, BATCH_LISTED_MAX};
use punix_disk::{Disk, RealDisk};
use punix_store::{Derivation, Digest, Hasher, Manifest, Node, Store, StoreName};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::path::Path;

const BUFFER_BYTES: usize = 128 << 10;

/// Entries that leave, in the order of their names.
pub(crate) struct Leaving {
    entries: Vec<Departure>,
    bytes: u64,
}

/// An entry that leaves.
pub(crate) struct Departure {
    pub(crate) name: StoreName,
    pub(crate) manifest: Manifest,
}

impl Leaving {
    /// Reads what is listed of entries. One that is not here is an error.
    pub(crate) fn of(from: &Store, names: &BTreeSet<StoreName>) -> Result<Leaving, PushError> {
        let mut entries = Vec::new();
        for name in names {
            let is_here = from.is_valid(name).map_err(|error| PushError::Read { name: name.clone(), error })?;
            if !is_here {
                return Err(PushError::Absent { name: name.clone() });
            }
            let manifest = from.manifest(name).map_err(|issue| PushError::Manifest { name: name.clone(), issue })?;
            entries.push(Departure { name: name.clone(), manifest });
        }
        let bytes = entries.iter().map(|entry| entry.manifest.size()).fold(0, u64::saturating_add);
        Ok(Leaving { entries, bytes })
    }

    /// Tells how much it is.
    pub(crate) fn begin(&self, progress: &mut dyn FnMut(PushStep)) {
        if !self.entries.is_empty() {
            progress(PushStep::Begin { entries: self.entries.len(), bytes: self.bytes });
        }
    }

    /// Returns what goes together: many small ones, or one large one.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &[Departure]> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let batch = self.batch(at);
            at = batch.end;
            self.entries.get(batch).filter(|batch| !batch.is_empty())
        })
    }

    fn batch(&self, start: usize) -> Range<usize> {
        let (mut bytes, mut listed, mut end) = (0_u64, 0, start);
        for entry in self.entries.iter().skip(start).take(BATCH_ENTRIES_MAX) {
            bytes = bytes.saturating_add(entry.manifest.size());
            listed += entry.manifest.entries().len();
            if end > start && (bytes > BATCH_BYTES || listed > BATCH_LISTED_MAX) {
                break;
            }
            end += 1;
        }
        start..end
    }

    pub(crate) fn find(&self, name: &StoreName) -> Option<&Departure> {
        self.entries.iter().find(|entry| entry.name == *name)
    }
}

impl Departure {
    /// Returns what it was built from.
    pub(crate) fn derivation(&self, from: &Store) -> Result<Derivation, PushError> {
        from.derivation(&self.name).map_err(|issue| PushError::Derivation { name: self.name.clone(), issue })
    }

    pub(crate) fn arrival(&self, from: &Store) -> Result<Arrival, PushError> {
        Ok(Arrival::new(self.derivation(from)?, self.manifest.clone()))
    }

    /// Hands over the bytes of all files. Each has as many as are listed; whether they are those that are listed, is for
    /// whoever gets them.
    pub(crate) fn read(
        &self,
        from: &Store,
        take: &mut dyn FnMut(&[u8]) -> Result<(), PushError>,
    ) -> Result<(), PushError> {
        let unread = |error| PushError::Read { name: self.name.clone(), error };
        let disk = RealDisk::open(&from.path(&self.name)).map_err(unread)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        for (number, entry) in self.manifest.entries().iter().enumerate() {
            let Node::File { size, .. } = &entry.node else { continue };
            let mut file = match disk.open(&entry.path) {
                Err(error) if is_of_what_is_there(error.kind()) => return Err(self.damaged(number)),
                opened => opened.map_err(unread)?,
            };
            let mut left = *size;
            loop {
                let count = read(&mut *file, &mut buffer).map_err(unread)?;
                let (Some(now), Some(behind)) = (buffer.get(..count), left.checked_sub(count as u64)) else {
                    return Err(self.damaged(number));
                };
                take(now)?;
                left = behind;
                // Where a file ends, less comes than could.
                if count < BUFFER_BYTES {
                    break;
                }
            }
            if left > 0 {
                return Err(self.damaged(number));
            }
        }
        Ok(())
    }

    /// Tells why what is listed at this place is not what is there. It is read again.
    pub(crate) fn judge(&self, from: &Store, number: usize) -> Option<PushError> {
        let entry = self.manifest.entries().get(number)?;
        let Node::File { sha256, size, .. } = &entry.node else { return None };
        let found = RealDisk::open(&from.path(&self.name)).and_then(|disk| digest(&disk, &entry.path));
        Some(match found {
            Ok(found) if found == (*size, *sha256) => {
                PushError::Differs { name: self.name.clone(), path: entry.path.clone() }
            }
            Ok(_) | Err(_) => self.damaged(number),
        })
    }

    pub(crate) fn damaged(&self, number: usize) -> PushError {
        let path = self.manifest.entries().get(number).map(|entry| entry.path.clone()).unwrap_or_default();
        PushError::Damaged { name: self.name.clone(), path }
    }
}

/// It is not there, or something else is.
fn is_of_what_is_there(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::InvalidInput)
}

fn digest(disk: &dyn Disk, path: &Path) -> io::Result<(u64, Digest)> {
    let mut file = disk.open(path)?;
    let (mut buffer, mut hasher, mut size) = (vec![0; BUFFER_BYTES], Hasher::new(), 0);
    loop {
        let count = read(&mut *file, &mut buffer)?;
        hasher.add(buffer.get(..count).unwrap_or_default());
        size += count as u64;
        if count < BUFFER_BYTES {
            return Ok((size, hasher.finish()));
        }
    }
}

fn read(file: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
