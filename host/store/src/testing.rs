//! What the tests of this crate share: directories that go away, derivations, trees on any disk.

use crate::canonical::{Record, Value};
use crate::derivation::{Derivation, Parts};
use crate::digest::Digest;
use crate::lock::Asking;
use crate::name::{PackageName, Purpose, StoreName, TemporaryName, Version};
use crate::object::{Existing, add};
use punix_disk::{Disk, Entry, SimulatedDisk};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A directory that is removed with all that is in it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("punix-store-{}-{number}", std::process::id());
        let path = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        unlock(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unlock(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

pub(crate) fn derivation(package: &str, inputs: &[&StoreName]) -> Derivation {
    let parts = Parts {
        package: PackageName::parse(package).unwrap(),
        version: Version::parse("1.0").unwrap(),
        recipe: "std.shell".to_owned(),
        recipe_digest: Digest::of(b"recipe"),
        args: Record::from([("command".to_owned(), Value::text("true"))]),
        source: Record::new(),
        system: "x86_64-linux".to_owned(),
        inputs: inputs.iter().map(|name| (*name).clone()).collect(),
    };
    Derivation::new(parts).unwrap()
}

pub(crate) fn staging(derivation: &Derivation) -> TemporaryName {
    TemporaryName::new(Purpose::Staging, derivation.name(), 0)
}

/// Something to put into a tree.
pub(crate) enum Plant<'a> {
    File(&'a [u8], u32),
    Directory(u32),
    Link(&'a str),
}

pub(crate) fn plant(disk: &dyn Disk, top: &Path, things: &[(&str, Plant<'_>)]) {
    disk.create_directory(top, 0o700).unwrap();
    for (path, thing) in things {
        let place = top.join(path);
        match thing {
            Plant::File(content, mode) => {
                let mut file = disk.create(&place, *mode).unwrap();
                file.write_all(content).unwrap();
                file.flush().unwrap();
            }
            Plant::Directory(mode) => disk.create_directory(&place, *mode).unwrap(),
            Plant::Link(target) => disk.create_link(&place, Path::new(target)).unwrap(),
        }
    }
}

/// A small tree with one of everything.
pub(crate) fn sample(disk: &dyn Disk, top: &Path) {
    let things = [
        ("bin", Plant::Directory(0o755)),
        ("bin/tool", Plant::File(b"#!/bin/sh\n", 0o640)),
        ("data", Plant::File(b"some\ndata", 0o600)),
        ("lib", Plant::Link("bin/../data")),
        ("share", Plant::Directory(0o700)),
        ("share/empty", Plant::Directory(0o700)),
        ("share/two", Plant::File(b"2", 0o4711)),
    ];
    plant(disk, top, &things);
}

/// Makes an entry with [`sample`] in it.
pub(crate) fn add_sample(disk: &dyn Disk, derivation: &Derivation) {
    let staged = staging(derivation);
    sample(disk, staged.as_ref());
    add(disk, &staged, derivation, Existing::Keep, 1).unwrap();
}

/// Returns what is below a path.
pub(crate) fn below(disk: &SimulatedDisk, top: &str) -> BTreeMap<PathBuf, Entry> {
    disk.snapshot().into_iter().filter(|(path, _)| path.starts_with(top)).collect()
}

pub(crate) fn raw(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// Asks for a lock for as long as a slow machine may need.
pub(crate) fn asking() -> Asking<'static> {
    Asking { command: "punix test", wait: Duration::from_secs(60), tell: &|_| {} }
}
