//! Writing a file anew: under another name first, durably, then in one step. Whoever reads finds the old bytes or the new,
//! also after the power went.

use super::FileFault;
use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::{self, Errno};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many names are tried for what is not finished yet.
const NAMES_MAX: usize = 16;

/// Counts the files that this process has begun, since several threads may write into one directory.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// Writes a file in a directory.
pub(super) fn replace(directory: &OwnedFd, name: &str, mode: u32, body: &[u8]) -> Result<(), FileFault> {
    let (unfinished, file) = begin(directory)?;
    let written = finish(directory, (&unfinished, file), name, mode, body);
    if written.is_err() {
        // What cannot be taken away either is left; its name says what it is, and nobody else can read it.
        let _ = fs::unlinkat(directory, &*unfinished, AtFlags::empty());
    }
    written
}

fn begin(directory: &OwnedFd) -> Result<(String, OwnedFd), FileFault> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..NAMES_MAX {
        let number = BEGUN.fetch_add(1, Ordering::Relaxed);
        let name = format!(".punix-unfinished-{}-{number}", std::process::id());
        match fs::openat(directory, &*name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => return Ok((name, file)),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(FileFault::Io { said: "unfinished files of another run are in the way".to_owned() })
}

fn finish(
    directory: &OwnedFd,
    (unfinished, file): (&str, OwnedFd),
    name: &str,
    mode: u32,
    body: &[u8],
) -> Result<(), FileFault> {
    let mut left = body;
    while !left.is_empty() {
        match io::write(&file, left) {
            Ok(count) => left = left.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    fs::fchmod(&file, Mode::from_raw_mode(mode))?;
    fs::fsync(&file)?;
    fs::renameat(directory, unfinished, directory, name)?;
    Ok(fs::fsync(directory)?)
}
