//! What was registered as keeping entries: a small file for each in `.roots`, beside the entries. A file's name follows
//! from what it holds, so registering something again changes nothing.

use super::{Issue, RootsError};
use crate::canonical::{Integer, Reader, Record, Value, write_record};
use crate::digest::{Digest, hex, is_hex};
use crate::limits::{FREE_NAME_TRIES_MAX, REGISTRATION_BYTES_MAX, REGISTRATIONS_MAX};
use crate::manifest::{name_value, take_name, take_text};
use punix_disk::Disk;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

/// The directory of the registrations, beside the entries.
pub(crate) const DIRECTORY: &str = ".roots";
const DRAFT_PREFIX: &str = "draft-";
const DRAFT_DIGITS: usize = 16;
const NAME_DIGITS: usize = 32;
const SCHEMA: u64 = 1;

/// What kind of thing keeps entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keeper {
    /// A directory in which every stack has one, with a record for each of its generations.
    Deployments,
    /// A directory with a `profiles` in it, in which every generation has a directory.
    Profile,
    /// A symbolic link to something in the store.
    Link,
}

impl Keeper {
    const ALL: [Keeper; 3] = [Keeper::Deployments, Keeper::Profile, Keeper::Link];

    /// Returns the word for it in files and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Keeper::Deployments => "deployments",
            Keeper::Profile => "profile",
            Keeper::Link => "link",
        }
    }
}

/// Something that keeps entries, wherever it is. Invariant: the path is absolute, and no part of it is `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Registration {
    keeper: Keeper,
    path: PathBuf,
}

impl Registration {
    /// Makes a registration of something that is there; a link need not be there yet, but its directory must. Links on
    /// the way to it are followed, so that one place has one registration.
    pub fn new(keeper: Keeper, path: &Path) -> io::Result<Registration> {
        let path = match keeper {
            Keeper::Deployments | Keeper::Profile => std::fs::canonicalize(path)?,
            Keeper::Link => {
                let path = std::path::absolute(path)?;
                let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                    return Err(io::Error::new(ErrorKind::InvalidInput, "a link has a name"));
                };
                std::fs::canonicalize(parent)?.join(name)
            }
        };
        Ok(Registration { keeper, path })
    }

    /// Returns what it is.
    pub fn keeper(&self) -> Keeper {
        self.keeper
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn to_json(&self) -> String {
        let (key, path) = name_value("path", "pathHex", &self.path);
        let fields = [
            ("keeper", Value::text(self.keeper.as_str())),
            (key, path),
            ("schema", Value::Integer(Integer::from(SCHEMA))),
        ];
        let mut out = String::new();
        write_record(&fields.map(|(key, value)| (key.to_owned(), value)).into(), &mut out);
        out
    }

    fn from_json(json: &[u8]) -> Result<Registration, Issue> {
        const DEPTH: usize = 2;
        let mut reader = Reader::new(json);
        let value = reader.value(DEPTH).and_then(|value| reader.end().map(|()| value));
        let Ok(Value::Record(mut record)) = value else { return Err(Issue::NoRegistration) };
        let Some(Value::Integer(schema)) = record.remove("schema") else { return Err(Issue::NoRegistration) };
        if schema != Integer::from(SCHEMA) {
            return Err(Issue::Newer { schema: schema.as_str().to_owned(), known: SCHEMA });
        }
        Registration::from_record(record).ok_or(Issue::NoRegistration)
    }

    fn from_record(mut record: Record) -> Option<Registration> {
        let word = take_text(&mut record, "keeper")?;
        let keeper = Keeper::ALL.into_iter().find(|keeper| keeper.as_str() == word)?;
        let path = take_name(&mut record, "path", "pathHex")?;
        let plain = path.is_absolute()
            && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        (plain && record.is_empty()).then_some(Registration { keeper, path })
    }

    /// Returns where its file is, below the store's root.
    fn file(&self) -> PathBuf {
        let digest = Digest::of(self.to_json().as_bytes());
        Path::new(DIRECTORY).join(hex(&digest.as_bytes()[..NAME_DIGITS / 2]))
    }
}

/// Writes a registration, durably. The caller shares the store's lock.
pub(crate) fn write(disk: &dyn Disk, registration: &Registration) -> io::Result<()> {
    let directory = Path::new(DIRECTORY);
    match disk.create_directory(directory, 0o755) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made?,
    }
    disk.sync_directory(Path::new(""))?;
    let (file, json) = (registration.file(), registration.to_json());
    if disk.read(&file, REGISTRATION_BYTES_MAX).is_ok_and(|there| there == json.as_bytes()) {
        // Whoever wrote it may have been stopped before the name was durable.
        return disk.sync_directory(directory);
    }
    let draft = draft(disk, json.as_bytes())?;
    disk.replace(&draft, &file).inspect_err(|_| {
        let _ = disk.remove(&draft);
    })?;
    disk.sync_directory(directory)
}

/// Returns what is registered, sorted. The root is for errors.
pub(crate) fn list(disk: &dyn Disk, root: &Path) -> Result<Vec<Registration>, RootsError> {
    let directory = Path::new(DIRECTORY);
    let refuse = |path: &Path, issue| RootsError::Unreadable { path: root.join(path), issue };
    let names = match disk.list(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        names => names.map_err(|error| refuse(directory, Issue::from(error)))?,
    };
    if names.len() > REGISTRATIONS_MAX {
        return Err(refuse(directory, Issue::TooMany));
    }
    let mut all = Vec::new();
    for name in names {
        if name.to_str().is_some_and(is_draft) {
            continue;
        }
        let file = directory.join(name);
        let json = disk.read(&file, REGISTRATION_BYTES_MAX);
        let read = json.map_err(Issue::from).and_then(|json| Registration::from_json(&json));
        match read {
            // What has another name than we give was put there by hand.
            Ok(registration) if registration.file() == file => all.push(registration),
            Ok(_) => return Err(refuse(&file, Issue::NoRegistration)),
            Err(issue) => return Err(refuse(&file, issue)),
        }
    }
    all.sort_unstable();
    Ok(all)
}

/// Removes a registration; one that is gone already is no error.
pub(crate) fn remove(disk: &dyn Disk, registration: &Registration) -> io::Result<()> {
    match disk.remove(&registration.file()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        removed => removed?,
    }
    disk.sync_directory(Path::new(DIRECTORY))
}

/// Returns what stopped processes left here, below the store's root. Nobody else may be at work.
pub(crate) fn drafts(disk: &dyn Disk) -> io::Result<Vec<PathBuf>> {
    let directory = Path::new(DIRECTORY);
    let names = match disk.list(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        names => names?,
    };
    let drafts = names.into_iter().filter(|name| name.to_str().is_some_and(is_draft));
    Ok(drafts.map(|name| directory.join(name)).collect())
}

/// Writes a file that is to get its name later. Its content is durable.
fn draft(disk: &dyn Disk, content: &[u8]) -> io::Result<PathBuf> {
    for _ in 0..FREE_NAME_TRIES_MAX {
        let number = RandomState::new().build_hasher().finish();
        let path = Path::new(DIRECTORY).join(format!("{DRAFT_PREFIX}{number:016x}"));
        let mut file = match disk.create(&path, 0o644) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            file => file?,
        };
        let written = file.write_all(content).and_then(|()| file.sync());
        drop(file);
        return match written {
            Ok(()) => Ok(path),
            Err(error) => {
                let _ = disk.remove(&path);
                Err(error)
            }
        };
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, "no free name was found for a registration"))
}

fn is_draft(name: &str) -> bool {
    name.strip_prefix(DRAFT_PREFIX).is_some_and(|digits| digits.len() == DRAFT_DIGITS && is_hex(digits))
}

#[cfg(test)]
mod tests;
