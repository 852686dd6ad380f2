//! A file that is being written. Small writes are gathered; what failed once stays failed, because the kernel reports a
//! lost write only once and would say that all is well when asked again.
//!
//! Secrets are written through here too, so what was gathered is overwritten before its memory is given back.

use super::metadata;
use crate::disk::{Metadata, NewFile};
use crate::error::{at, check_mode, check_owner};
use rustix::fs::{Advice, Gid, Mode, Uid, fadvise, fchmod, fchown, fstat};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use zeroize::Zeroizing;

const GATHERED_BYTES_MAX: usize = 64 * 1024;
/// Most files are small, and overwriting takes time.
const GATHERED_BYTES_MIN: usize = 4 * 1024;

type Gathered = Zeroizing<Vec<u8>>;

#[derive(Debug)]
pub(super) struct WritingFile {
    file: File,
    path: PathBuf,
    gathered: Gathered,
    failed: Option<io::ErrorKind>,
}

impl WritingFile {
    pub(super) fn new(file: File, path: PathBuf) -> WritingFile {
        WritingFile { file, path, gathered: Zeroizing::default(), failed: None }
    }

    /// Does something with the file, unless something before it failed.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut File, &mut Gathered) -> io::Result<T>) -> io::Result<T> {
        if let Some(kind) = self.failed {
            return Err(at("write", &self.path, io::Error::new(kind, "an earlier write failed")));
        }
        work(&mut self.file, &mut self.gathered).map_err(|error| {
            self.failed = Some(error.kind());
            at("write", &self.path, error)
        })
    }
}

fn pass_on(file: &mut File, gathered: &mut Gathered) -> io::Result<()> {
    file.write_all(gathered)?;
    gathered.clear();
    Ok(())
}

/// Adds to what is gathered. A vector that grows by itself would leave behind, as it was, what it held before.
fn gather(gathered: &mut Gathered, bytes: &[u8]) {
    let wanted = gathered.len() + bytes.len();
    if wanted > gathered.capacity() {
        let room = wanted.next_power_of_two().clamp(GATHERED_BYTES_MIN, GATHERED_BYTES_MAX);
        let mut larger = Zeroizing::new(Vec::with_capacity(room));
        larger.extend_from_slice(gathered);
        *gathered = larger;
    }
    gathered.extend_from_slice(bytes);
}

impl Write for WritingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|file, gathered| {
            if gathered.len() + bytes.len() > GATHERED_BYTES_MAX {
                pass_on(file, gathered)?;
            }
            if bytes.len() >= GATHERED_BYTES_MAX {
                return file.write_all(bytes);
            }
            gather(gathered, bytes);
            Ok(())
        })?;
        Ok(bytes.len())
    }

    /// Passes on what is gathered, and lets the kernel begin to write it out: of many files that are flushed before the
    /// first of them is synced, the file system then makes one transaction.
    fn flush(&mut self) -> io::Result<()> {
        self.attempt(|file, gathered| {
            pass_on(file, gathered)?;
            // Advice only. What is on its way to the disk is not dropped by it.
            let _ = fadvise(&file, 0, None, Advice::DontNeed);
            Ok(())
        })
    }
}

impl NewFile for WritingFile {
    fn sync(&mut self) -> io::Result<()> {
        self.attempt(|file, gathered| {
            pass_on(file, gathered)?;
            file.sync_all()
        })
    }

    fn metadata(&mut self) -> io::Result<Metadata> {
        self.attempt(pass_on)?;
        let found = fstat(&self.file).map_err(|error| at("look at", &self.path, error.into()))?;
        Ok(metadata(&found))
    }

    fn set_mode(&mut self, mode: u32) -> io::Result<()> {
        let set = || -> io::Result<()> {
            check_mode(mode)?;
            Ok(fchmod(&self.file, Mode::from_raw_mode(mode))?)
        };
        set().map_err(|error| at("set the mode of", &self.path, error))
    }

    fn set_owner(&mut self, owner: u32, group: u32) -> io::Result<()> {
        let set = || -> io::Result<()> {
            check_owner(owner, group)?;
            Ok(fchown(&self.file, Some(Uid::from_raw(owner)), Some(Gid::from_raw(group)))?)
        };
        set().map_err(|error| at("set the owner of", &self.path, error))
    }
}

impl Drop for WritingFile {
    /// Writes what is gathered, as closing any file does. Whoever wants to know whether that worked flushes or syncs.
    fn drop(&mut self) {
        let _ = self.attempt(pass_on);
    }
}
