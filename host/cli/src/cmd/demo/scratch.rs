//! The directory in which the demo happens.

use super::disk;
use crate::cmd::service::Stopped;
use crate::ui::shown;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

const NAMES_MAX: u32 = 1_000;

/// A directory of this run. It goes with its owner, unless it is to be kept.
pub(super) struct Scratch {
    path: PathBuf,
    stays: bool,
}

impl Scratch {
    /// Makes one, or takes the one that is to be kept.
    pub(super) fn new(keep: Option<&Path>) -> Result<Scratch, Stopped> {
        let mut scratch = match keep {
            Some(named) => Scratch { path: own(named)?, stays: true },
            None => Scratch { path: temporary().map_err(|error| disk(&error))?, stays: false },
        };
        // In what commands say it is found by its whole path, without links.
        scratch.path = fs::canonicalize(&scratch.path).map_err(|error| disk(&error))?;
        fs::create_dir(scratch.path.join("home")).map_err(|error| disk(&error))?;
        Ok(scratch)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.stays {
            unlock(&self.path);
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Returns what the commands are told of where things are.
pub(super) fn variables(scratch: &Path) -> [(&'static str, PathBuf); 4] {
    [
        ("HOME", scratch.join("home")),
        ("PUNIX_STORE_DIR", scratch.join("store")),
        ("PUNIX_CACHE_DIR", scratch.join("cache")),
        ("PUNIX_DEPLOYMENTS_DIR", PathBuf::from("/var/lib/punix/deployments")),
    ]
}

fn own(named: &Path) -> Result<PathBuf, Stopped> {
    let failed =
        |error: io::Error| Stopped::usage(format!("`{}` cannot be used: {error}", shown(named)), "name another");
    match fs::read_dir(named).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => {
            let message = format!("`{}` is not empty", shown(named));
            return Err(Stopped::usage(message, "name a directory that is new or empty"));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir_all(named).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    }
    Ok(named.to_owned())
}

fn temporary() -> io::Result<PathBuf> {
    let directory = std::env::temp_dir();
    let mut refused = io::Error::from(ErrorKind::AlreadyExists);
    for number in 0..NAMES_MAX {
        let path = directory.join(format!("punix-demo-{}-{number}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => refused = error,
            Err(error) => return Err(error),
        }
    }
    Err(refused)
}

/// Lets directories of a store be removed: they are read-only.
fn unlock(directory: &Path) {
    let _ = fs::set_permissions(directory, Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}
