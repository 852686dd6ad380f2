//! Where components are kept: each under its digest, so that projects can share them and none can change another's. What is
//! taken out is compared with the lock, so nothing rests on who may write there.
//!
//! Beside them a list says which projects have put something here: a component goes when none of them needs it any more.

use super::Stopped;
use super::project::{Hold, Project, put};
use crate::ui::{Ui, shown};
use punix_diag::{Code, Diagnostic};
use punix_disk::{Disk, RealDisk};
use punix_plugin::{Component, Digest, FileError, Id, Row, Version, read};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

mod list;

const DIRECTORY_MODE: u32 = 0o755;
const COMPONENT_MODE: u32 = 0o644;

/// Why the component that a lock names is not to be had.
#[derive(Debug)]
pub(crate) enum KeptError {
    Missing { id: Id, version: Version, directory: PathBuf, source: String },
    Changed { id: Id, file: PathBuf, found: Digest, source: String },
    File(FileError),
}

impl KeptError {
    /// Returns what to tell.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        match self {
            KeptError::Missing { id, version, directory, source } => {
                let place = directory.display();
                let message = format!("the component of `{id}` {version} is locked, and not in `{place}`");
                vec![Diagnostic::error(Code::E27, message).help(bring(&source))]
            }
            KeptError::Changed { id, file, found, source } => {
                let place = file.display();
                let message = format!("the component of `{id}` was changed: the digest of `{place}` is {found}");
                let help = format!("find out by whom; {}", bring(&source));
                vec![Diagnostic::error(Code::E27, message).help(help)]
            }
            KeptError::File(error) => punix_plugin::Fault::from(error).into_diagnostics(),
        }
    }
}

/// Says how to have a component back. What is at an address, people fetch.
fn bring(source: &str) -> String {
    match source.contains("://") {
        true => format!("fetch it from {source}, and `punix plugin add` the file"),
        false => format!("`punix plugin add {}` brings it", super::words::quoted(source)),
    }
}

/// Returns the name under which a component is kept.
pub(crate) fn name(digest: Digest) -> String {
    format!("{digest}.wasm")
}

/// Returns the component that a row of the lock means.
pub(crate) fn kept(directory: &Path, row: &Row) -> Result<Component, KeptError> {
    let file = directory.join(name(row.sha256));
    let source = row.source.as_str().to_owned();
    match read(&file) {
        Ok(component) if component.digest() == row.sha256 => Ok(component),
        Ok(component) => Err(KeptError::Changed { id: row.id.clone(), file, found: component.digest(), source }),
        Err(FileError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => Err(KeptError::Missing {
            id: row.id.clone(),
            version: row.version.clone(),
            directory: directory.to_owned(),
            source,
        }),
        Err(error) => Err(KeptError::File(error)),
    }
}

/// Keeps a component for a project; one that is there already, and sound, stays.
pub(super) fn keep(ui: &Ui, project: &Project, component: &Component) -> Result<(), Stopped> {
    let directory = &project.components;
    let failed = |error: io::Error| {
        let place = shown(directory);
        super::disk(io::Error::other(format!("the component cannot be kept in `{place}`: {error}")))
    };
    make(directory).map_err(failed)?;
    let _hold = Hold::take(ui, directory)?;
    let name = name(component.digest());
    let disk = RealDisk::open(directory).map_err(failed)?;
    sweep(&disk).map_err(failed)?;
    // Before it is locked, so that nobody takes away what is just going to be.
    list::add(&disk, &project.directory).map_err(failed)?;
    match read(&directory.join(&name)) {
        // Whoever put it there may have been stopped before it was durable.
        Ok(found) if found == *component => disk.sync_directory(Path::new("")).map_err(failed),
        Ok(_) | Err(_) => put(&disk, Path::new(&name), component.bytes(), COMPONENT_MODE).map_err(failed),
    }
}

/// Removes the component that a project no longer locks, unless another one does, and tells whether it did. That one was
/// removed is done already; what goes wrong here is said, and no reason to take it back.
pub(super) fn release(ui: &Ui, project: &Project, digest: Digest) -> bool {
    let directory = &project.components;
    let removed = || -> Result<bool, Stopped> {
        let _hold = Hold::take(ui, directory)?;
        let disk = RealDisk::open(directory).map_err(super::disk)?;
        let file = PathBuf::from(name(digest));
        let is_there = disk.metadata(&file).map_err(super::disk)?.is_some();
        if !is_there || list::needs(&disk, &project.directory, digest).map_err(super::disk)? {
            return Ok(false);
        }
        disk.remove(&file).and_then(|()| disk.sync_directory(Path::new(""))).map_err(super::disk)?;
        Ok(true)
    };
    if !directory.is_dir() {
        return false;
    }
    removed().unwrap_or_else(|_| {
        ui.say(&format!("warning: its component stays in {}, which cannot be changed", shown(directory)));
        false
    })
}

/// Removes what killed processes had begun to write; whoever writes now would wait.
fn sweep(disk: &dyn Disk) -> io::Result<()> {
    for name in disk.list(Path::new(""))? {
        let is_draft = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(".wasm.draft"));
        if is_draft {
            disk.remove(Path::new(&name))?;
        }
    }
    Ok(())
}

/// Makes a directory and those that lead to it, durably.
fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if parent == Path::new("") => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    make(parent)?;
    let disk = RealDisk::open(parent)?;
    match disk.create_directory(Path::new(directory.file_name().unwrap_or_default()), DIRECTORY_MODE) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => disk.sync_directory(Path::new("")),
    }
}
