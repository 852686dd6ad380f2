//! A source as an entry of the store: so it goes to another machine as any entry does, checked file by file when it arrives,
//! and lies there until nothing needs it. Nothing has to be fetched or unpacked where it is taken.
//!
//! ```text
//! source/…        what a build finds in its source
//! patches/0000/…  one file, in the order in which they are applied
//! times           for each path of the source whether it is executable, and its time: entries know neither as it was
//! ```

use super::copy::{copy, settle_directory};
#[cfg(feature = "fetch")]
use super::prepare::Prepared;
use super::prepare::{PrepareError, make_directory};
use super::{Patch, Source};
use crate::limits::TIMES_BYTES_MAX;
#[cfg(feature = "fetch")]
use crate::package::Package;
use crate::recipe::PatchFile;
use punix_disk::{Disk, RealDisk};
#[cfg(feature = "fetch")]
use punix_store::{Derivation, DerivationError, Digest, PackageName, Parts, Record};
use punix_store::{Store, StoreName};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
#[cfg(feature = "fetch")]
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

const SOURCE: &str = "source";
const PATCHES: &str = "patches";
const TIMES: &str = "times";
/// What such an entry is called. No recipe has this name.
#[cfg(feature = "fetch")]
const NAME: &str = "source";
/// Another form of these entries needs other names.
#[cfg(feature = "fetch")]
const FORM: &[u8] = b"a source, its patches and its times, 1";
/// The kinds of paths in the list of times.
const EXECUTABLE: u8 = b'x';
const FILE: u8 = b'f';
const OTHER: u8 = b'o';

impl Source {
    /// Tells whether a command makes it.
    pub fn is_made(&self) -> bool {
        matches!(self.origin, super::Origin::FixedOutput(_))
    }

    /// Tells whether there is none, and nothing to patch.
    pub fn is_nothing(&self) -> bool {
        matches!(self.origin, super::Origin::Nothing) && self.patches.is_empty()
    }
}

/// Returns what stands for the source of a package as an entry: its name follows from what identifies the source.
#[cfg(feature = "fetch")]
pub(crate) fn kept_as(package: &Package) -> Result<Derivation, DerivationError> {
    let parts = package.derivation.parts();
    Derivation::new(Parts {
        package: PackageName::parse(NAME)?,
        version: parts.version.clone(),
        recipe: NAME.to_owned(),
        recipe_digest: Digest::of(FORM),
        args: Record::new(),
        source: parts.source.clone(),
        system: parts.system.clone(),
        inputs: Default::default(),
    })
}

/// Moves a prepared source from where it was prepared to where it becomes an entry.
#[cfg(feature = "fetch")]
pub(crate) fn keep(prepared: &Prepared, work: &Path, into: &Path) -> Result<(), PrepareError> {
    let failed = |path: &Path, error| PrepareError::Work { path: path.to_owned(), error };
    let source = work.join(SOURCE);
    let times = times(&source).map_err(|error| failed(&source, error))?;
    if times.len() as u64 > TIMES_BYTES_MAX {
        return Err(failed(&source, io::ErrorKind::FileTooLarge.into()));
    }
    let to = into.join(SOURCE);
    fs::rename(&source, &to).map_err(|error| failed(&to, error))?;
    if !prepared.patches.is_empty() {
        let to = into.join(PATCHES);
        fs::rename(work.join(PATCHES), &to).map_err(|error| failed(&to, error))?;
    }
    let to = into.join(TIMES);
    fs::write(&to, times).map_err(|error| failed(&to, error))
}

/// Lists each path with its kind and time, in the order of the names.
#[cfg(feature = "fetch")]
fn times(top: &Path) -> io::Result<Vec<u8>> {
    let mut rows = std::collections::BTreeMap::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(top.join(&directory))? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            let metadata = entry.metadata()?;
            let kind = match (metadata.is_file(), metadata.mode() & 0o111 != 0) {
                (true, true) => EXECUTABLE,
                (true, false) => FILE,
                (false, _) => OTHER,
            };
            if metadata.is_dir() {
                todo.push(path.clone());
            }
            rows.insert(path.into_os_string(), (kind, metadata.mtime()));
        }
    }
    let mut list = Vec::new();
    for (path, (kind, seconds)) in rows {
        list.push(kind);
        list.extend(seconds.to_string().bytes());
        list.push(b' ');
        list.extend(path.as_bytes());
        list.push(0);
    }
    Ok(list)
}

/// Fills `source` below the work directory, and puts patches beside it, from an entry. Returns these.
pub(super) fn take(
    store: &Store,
    name: &StoreName,
    patches: &[Patch],
    work: &Path,
) -> Result<Vec<PatchFile>, PrepareError> {
    let none = |what| PrepareError::NoSource { name: name.clone(), what };
    match store.is_valid(name) {
        Ok(true) => {}
        Ok(false) => return Err(none("it is not there")),
        Err(error) => return Err(PrepareError::Work { path: store.path(name), error }),
    }
    let entry = store.path(name);
    let into = work.join(SOURCE);
    copy(&entry.join(SOURCE), &into)?;
    let disk = RealDisk::open(&entry).map_err(|error| PrepareError::Work { path: entry.clone(), error })?;
    let list = disk.read(Path::new(TIMES), TIMES_BYTES_MAX).map_err(|_| none("its list of times cannot be read"))?;
    set_times(&into, &list).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => none("its list of times is none"),
        _ => PrepareError::Work { path: into.clone(), error },
    })?;
    if !patches.is_empty() {
        make_directory(&work.join(PATCHES))?;
    }
    let one = |(number, patch): (usize, &Patch)| {
        let directory = Path::new(PATCHES).join(format!("{number:04}"));
        let to = work.join(&directory);
        make_directory(&to)?;
        copy(&entry.join(&directory), &to)?;
        settle_directory(&to).map_err(|error| PrepareError::Work { path: to.clone(), error })?;
        let file = only(&to).map_err(|error| PrepareError::Work { path: to.clone(), error })?;
        let file = file.ok_or_else(|| none("a patch is not one file"))?;
        Ok(PatchFile { path: directory.join(file), strip: patch.strip })
    };
    patches.iter().enumerate().map(one).collect()
}

fn set_times(top: &Path, list: &[u8]) -> io::Result<()> {
    let disk = RealDisk::open(top)?;
    let Some(rows) = list.strip_suffix(&[0]) else {
        return if list.is_empty() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) };
    };
    for row in rows.split(|byte| *byte == 0) {
        let (kind, seconds, path) = read(row).ok_or(io::ErrorKind::InvalidData)?;
        match kind {
            EXECUTABLE => disk.set_mode(path, 0o755)?,
            FILE => disk.set_mode(path, 0o644)?,
            _ => {}
        }
        disk.set_modified(path, seconds)?;
    }
    Ok(())
}

fn read(row: &[u8]) -> Option<(u8, i64, &Path)> {
    let (&kind, rest) = row.split_first()?;
    let blank = rest.iter().position(|byte| *byte == b' ')?;
    let (seconds, path) = rest.split_at(blank);
    let seconds = std::str::from_utf8(seconds).ok()?.parse().ok()?;
    let path = Path::new(OsStr::from_bytes(path.get(1..)?));
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_))) && path != Path::new("");
    ([EXECUTABLE, FILE, OTHER].contains(&kind) && is_plain).then_some((kind, seconds, path))
}

/// Returns the name of the one file in a directory, if that is all there is.
fn only(directory: &Path) -> io::Result<Option<PathBuf>> {
    let mut found = fs::read_dir(directory)?;
    let (first, second) = (found.next().transpose()?, found.next().transpose()?);
    let file = first.filter(|entry| second.is_none() && entry.file_type().is_ok_and(|kind| kind.is_file()));
    Ok(file.map(|entry| entry.file_name().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_strictly() {
        assert_eq!(read(b"x12 bin/a b"), Some((b'x', 12, Path::new("bin/a b"))));
        assert_eq!(read(b"o-1 \xff"), Some((b'o', -1, Path::new(OsStr::from_bytes(b"\xff")))));
        for row in
            [&b""[..], b"x", b"x12", b"x12 ", b"y12 a", b"x 12 a", b"x12 ../a", b"x12 /a", b"x12 a/../b", b"xa a"]
        {
            assert_eq!(read(row), None, "{}", String::from_utf8_lossy(row));
        }
    }
}
