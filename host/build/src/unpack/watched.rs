//! A file that can no longer be read once the work is to be stopped: a decoder may read much before it gives anything
//! back, and nobody else could stop it then.

use super::UnpackError;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub(super) struct Watched<'a> {
    pub(super) file: File,
    pub(super) stop: &'a AtomicBool,
}

impl Read for Watched<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match go_on(self.stop) {
            Ok(()) => self.file.read(out),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Returns an error once the work is to be stopped.
pub(super) fn go_on(stop: &AtomicBool) -> Result<(), UnpackError> {
    if stop.load(Ordering::Relaxed) { Err(UnpackError::Stopped) } else { Ok(()) }
}
