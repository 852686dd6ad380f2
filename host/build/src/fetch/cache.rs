//! The files that were fetched, each named by its hash. A file is read whole before every use: its name alone is never
//! believed.

use super::error::FetchError;
use super::expected::Expected;
use crate::limits::FETCH_CHUNK_BYTES;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// What lies at the place of a file in the cache.
pub(super) enum Cached {
    /// The file, read to be what it must be, and at its beginning again.
    Sound(File),
    /// Something else than what it must be.
    Spoilt,
    Absent,
}

/// Looks at a file of the cache and reads it whole.
pub(super) fn look(path: &Path, expected: &Expected, bytes_max: u64, stop: &AtomicBool) -> Result<Cached, FetchError> {
    let failed = |error| FetchError::Cache { path: path.to_owned(), error };
    // A link is not followed, and a pipe is not waited for: neither is ours.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let mut file = match OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Cached::Absent),
        Err(error) => match std::fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => return Ok(Cached::Spoilt),
            Ok(_) | Err(_) => return Err(failed(error)),
        },
    };
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Ok(Cached::Spoilt);
    }
    let mut running = expected.running();
    read_chunks(&mut file, stop, |bytes| running.add(bytes))?.map_err(failed)?;
    if running.hex() != expected.hex() {
        return Ok(Cached::Spoilt);
    }
    if found.len() > bytes_max {
        return Err(FetchError::TooLarge { bytes: found.len(), bytes_max });
    }
    file.rewind().map_err(failed)?;
    Ok(Cached::Sound(file))
}

/// Removes what is not what it must be.
pub(super) fn remove(path: &Path) -> Result<(), FetchError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FetchError::Cache { path: path.to_owned(), error }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Reads a file to its end, and looks between the chunks whether to stop.
pub(super) fn read_chunks(
    file: &mut impl Read,
    stop: &AtomicBool,
    mut each: impl FnMut(&[u8]),
) -> Result<io::Result<()>, FetchError> {
    let mut chunk = vec![0; FETCH_CHUNK_BYTES];
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(FetchError::Stopped);
        }
        match file.read(&mut chunk) {
            Ok(0) => return Ok(Ok(())),
            Ok(length) => each(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}
