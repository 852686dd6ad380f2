//! A download that is not finished. It lies beside its place in the cache, is locked by whoever writes it, and is kept
//! for the next time if it breaks off.
//!
//! The lock is that of the file itself. Whoever gets it looks whether the name still means this file: when a download
//! is finished, its file gets another name, and those who waited for it begin again.
//!
//! This is not written through `Disk`. What is lost or torn in a crash is found out by its hash, which is computed
//! before every use.

use super::cache::read_chunks;
use super::error::FetchError;
use super::expected::{Expected, Running};
use crate::limits::{LOOK_PAUSE_MS, PARTIAL_DAYS_MAX};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

const SUFFIX: &str = ".part";
const MODE: u32 = 0o644;

/// A download that is not finished. Invariant: the file is locked by us, and holds `length` bytes, which `running` was
/// computed of.
pub(super) struct Partial {
    file: File,
    path: PathBuf,
    running: Running,
    length: u64,
    published: bool,
}

impl Partial {
    /// Waits until nobody else downloads this, and takes over what there is of it.
    pub(super) fn take(
        cache: &Path,
        expected: &Expected,
        deadline: Instant,
        stop: &AtomicBool,
    ) -> Result<Partial, FetchError> {
        let path = cache.join(format!("{}{SUFFIX}", expected.file_name()));
        let failed = |error| FetchError::Cache { path: path.clone(), error };
        let mut file = loop {
            if let Some(file) = open_locked(&path, true).map_err(failed)? {
                break file;
            }
            if stop.load(Ordering::Relaxed) {
                return Err(FetchError::Stopped);
            }
            if Instant::now() >= deadline {
                return Err(FetchError::Busy { path });
            }
            std::thread::sleep(Duration::from_millis(LOOK_PAUSE_MS));
        };
        let (mut running, mut length) = (expected.running(), 0);
        read_chunks(&mut file, stop, |bytes| {
            running.add(bytes);
            length += bytes.len() as u64;
        })?
        .map_err(failed)?;
        Ok(Partial { file, path, running, length, published: false })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Returns the hash of what is there.
    pub(super) fn hex(&self) -> String {
        self.running.hex()
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.file.write_all(bytes).map_err(|error| self.failed(error))?;
        self.running.add(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Throws away what there is.
    pub(super) fn restart(&mut self, expected: &Expected) -> Result<(), FetchError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| self.failed(error))?;
        (self.running, self.length) = (expected.running(), 0);
        Ok(())
    }

    /// Gives the finished download its place, and returns it opened for reading.
    pub(super) fn publish(mut self, home: &Path) -> Result<File, FetchError> {
        let publish = || {
            self.file.set_permissions(Permissions::from_mode(MODE))?;
            self.file.sync_all()?;
            let flags = OFlags::NOFOLLOW.bits();
            let opened = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(&self.path)?;
            if !is_same(&opened.metadata()?, &self.file.metadata()?) {
                return Err(io::Error::other("somebody put another file into its place"));
            }
            std::fs::rename(&self.path, home)?;
            if let Some(parent) = home.parent() {
                File::open(parent)?.sync_all()?;
            }
            Ok(opened)
        };
        let opened = publish().map_err(|error| self.failed(error))?;
        self.published = true;
        Ok(opened)
    }

    fn failed(&self, error: io::Error) -> FetchError {
        FetchError::Cache { path: self.path.clone(), error }
    }
}

impl Drop for Partial {
    /// Leaves no empty file behind. The lock is still held here.
    fn drop(&mut self) {
        if !self.published && self.length == 0 {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Opens a partial download and locks it; `None` if somebody else has it, or it just got another name.
fn open_locked(path: &Path, create: bool) -> io::Result<Option<File>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create).truncate(false).mode(MODE).custom_flags(flags.cast_signed());
    let file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let held = file.metadata()?;
    if !held.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    match std::fs::symlink_metadata(path) {
        Ok(there) => Ok(is_same(&there, &held).then_some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Removes partial downloads that nobody came back for. What cannot be removed is left.
pub(super) fn sweep(cache: &Path) {
    let age_max = Duration::from_secs(PARTIAL_DAYS_MAX * 24 * 3600);
    let is_old = |metadata: io::Result<std::fs::Metadata>| {
        let modified = metadata.and_then(|metadata| metadata.modified());
        modified.is_ok_and(|then| SystemTime::now().duration_since(then).is_ok_and(|age| age > age_max))
    };
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let hash = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).and_then(|name| name.split_once('-'));
        let is_ours = hash.is_some_and(|(algorithm, hex)| Expected::parse(algorithm, hex).is_ok());
        if is_ours && is_old(entry.metadata()) {
            // Whoever has the lock still writes it.
            if let Ok(Some(_locked)) = open_locked(&entry.path(), false) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}
