//! A file that is being written. Small writes are gathered; what failed once stays failed, because the kernel reports a
//! lost write only once and would say that all is well when asked again.

use crate::disk::NewFile;
use crate::error::at;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

const GATHERED_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct WritingFile {
    file: File,
    path: PathBuf,
    gathered: Vec<u8>,
    failed: Option<io::ErrorKind>,
}

impl WritingFile {
    pub(super) fn new(file: File, path: PathBuf) -> WritingFile {
        WritingFile { file, path, gathered: Vec::new(), failed: None }
    }

    /// Does something with the file, unless something before it failed.
    fn attempt(&mut self, work: impl FnOnce(&mut File, &mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
        if let Some(kind) = self.failed {
            return Err(at("write", &self.path, io::Error::new(kind, "an earlier write failed")));
        }
        work(&mut self.file, &mut self.gathered).map_err(|error| {
            self.failed = Some(error.kind());
            at("write", &self.path, error)
        })
    }
}

fn pass_on(file: &mut File, gathered: &mut Vec<u8>) -> io::Result<()> {
    file.write_all(gathered)?;
    gathered.clear();
    Ok(())
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
            gathered.extend_from_slice(bytes);
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
}

impl Drop for WritingFile {
    /// Writes what is gathered, as closing any file does. Whoever wants to know whether that worked flushes or syncs.
    fn drop(&mut self) {
        let _ = self.attempt(pass_on);
    }
}
