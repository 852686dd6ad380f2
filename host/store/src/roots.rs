//! What keeps entries alive: generations of stacks, generations of profiles, links to results. All of it lies outside of
//! the store and is written by others, so it is only read here, and read strictly: what cannot be read or understood
//! stops a collection. Nothing is ever kept less because something is wrong.
//!
//! A path that is written down keeps the entry of its name, whatever store it says the entry is in: a record may have
//! been made by way of a link, by a relative path, or before the store was moved. A build that goes on needs no root: it
//! shares the store's lock, which a collection has alone.

mod generations;
mod link;
pub(crate) mod record;
pub(crate) mod registry;

use crate::gc::Root;
use crate::limits::{DIRECTORY_NAMES_MAX, LINKS_MAX, ROOTS_MAX};
use crate::lock::{ExclusiveLock, SharedLock};
use crate::name::StoreName;
use crate::store::Store;
use generations::Found;
use registry::{Keeper, Registration};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// ELOOP on Linux; std has no stable name for it.
const TOO_MANY_LINKS: i32 = 40;
/// What file systems put into their top directory.
const NOBODYS: &str = "lost+found";

/// Why we believe that there is something that keeps entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is where such things usually are. There may be none.
    Usual,
    /// Somebody named it, so it must be there.
    Named,
    /// It kept something of this store before. It must be there: a disk that is not mounted must not unpin.
    Registered,
}

/// Somewhere to look for what keeps entries, beside what is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub keeper: Keeper,
    pub path: PathBuf,
    pub origin: Origin,
}

/// What keeps entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    /// By entry; of the generations of one stack or profile only the newest that needs it.
    pub roots: Vec<Root>,
    /// Registered links that are gone or lead elsewhere by now. They keep nothing.
    pub void: Vec<Registration>,
}

/// Why it is not known what is kept. Nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    #[error("{} `{}` is not there", article(*.keeper), .path.display())]
    Absent { keeper: Keeper, path: PathBuf },
    #[error("{} `{}` kept something of this store, and is gone or empty", article(*.keeper), .path.display())]
    Vanished { keeper: Keeper, path: PathBuf },
    #[error("`{}` cannot be read: {issue}", .path.display())]
    Unreadable { path: PathBuf, issue: Issue },
    #[error("more than {ROOTS_MAX} things keep something of this store")]
    TooMany,
}

/// Why a file or a directory is not of use.
#[derive(Debug, thiserror::Error)]
pub enum Issue {
    #[error("permission denied")]
    Forbidden,
    #[error("its links go in a circle")]
    Circle,
    #[error("it is a link that leads nowhere")]
    Dangling,
    #[error("it is not there")]
    Missing,
    #[error("it is a directory")]
    Directory,
    #[error("it is not a directory")]
    NotADirectory,
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it is larger than such a file may be")]
    TooLarge,
    #[error("it holds too many names")]
    TooMany,
    #[error("it is not UTF-8")]
    NotText,
    #[error("it is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error("it is not a JSON object")]
    NotAnObject,
    #[error("it has no `store_paths`")]
    NoPaths,
    #[error("its `{key}` stands there twice")]
    Twice { key: &'static str },
    #[error("its `store_paths` is not a list of texts")]
    Paths,
    #[error("its `schema` is not a number that counts from 1")]
    Schema,
    #[error("it has schema {schema}, and this version of punix knows none above {known}")]
    Newer { schema: String, known: u64 },
    #[error("it is not a registration as punix writes it")]
    NoRegistration,
    #[error("it leads over more than {LINKS_MAX} links")]
    TooFar,
    #[error("{0}")]
    Disk(io::Error),
}

impl From<io::Error> for Issue {
    fn from(error: io::Error) -> Issue {
        match error.kind() {
            ErrorKind::PermissionDenied => Issue::Forbidden,
            ErrorKind::NotFound => Issue::Missing,
            ErrorKind::IsADirectory => Issue::Directory,
            ErrorKind::NotADirectory => Issue::NotADirectory,
            ErrorKind::FileTooLarge => Issue::TooLarge,
            // What `Disk` answers for a device or a pipe.
            ErrorKind::InvalidInput => Issue::NotAFile,
            _ if error.raw_os_error() == Some(TOO_MANY_LINKS) => Issue::Circle,
            _ => Issue::Disk(error),
        }
    }
}

/// Roots.
impl Store {
    /// Writes down, durably, that something keeps entries of this store. Do it before it does, under the same lock.
    pub fn register(&self, _lock: &SharedLock, registration: &Registration) -> io::Result<()> {
        registry::write(self.disk(), registration)
    }

    /// Returns what is registered, sorted.
    pub fn registrations(&self) -> Result<Vec<Registration>, RootsError> {
        registry::list(self.disk(), self.root())
    }

    /// Drops a registration. What it was about keeps nothing any more.
    pub fn forget(&self, _lock: &ExclusiveLock, registration: &Registration) -> io::Result<()> {
        registry::remove(self.disk(), registration)
    }

    /// Reads what keeps entries: at these places, and at those that are registered and not forgotten. For a collection,
    /// the caller has the lock of [`Store::exclude`] already.
    pub fn roots(&self, places: &[Place], forgotten: &[Registration]) -> Result<Roots, RootsError> {
        read(self, places, forgotten)
    }
}

fn read(store: &Store, places: &[Place], forgotten: &[Registration]) -> Result<Roots, RootsError> {
    let mut reading = Reading::default();
    let registered = store.registrations()?;
    for registration in registered.iter().filter(|registration| !forgotten.contains(registration)) {
        let (keeper, path) = (registration.keeper(), registration.path());
        reading.place(store, &Place { keeper, path: path.to_owned(), origin: Origin::Registered })?;
    }
    for place in places {
        reading.place(store, place)?;
    }
    let is_void = |registration: &&Registration| reading.void.contains(registration.path());
    let links = registered.iter().filter(|registration| registration.keeper() == Keeper::Link);
    Ok(Roots { void: links.filter(is_void).cloned().collect(), roots: reading.pins.roots })
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    pins: Pins,
    /// Links that lead elsewhere.
    void: BTreeSet<PathBuf>,
    /// Directories, without links.
    seen: BTreeSet<(Keeper, PathBuf)>,
}

impl Reading {
    fn place(&mut self, store: &Store, place: &Place) -> Result<(), RootsError> {
        match place.keeper {
            Keeper::Deployments => self.directory(place, generations::deployments),
            Keeper::Profile => self.directory(place, generations::profile),
            Keeper::Link => match link::target(store.root(), &place.path)? {
                Some(name) => self.pins.add(name, || format!("the link {}", place.path.display())),
                None => {
                    self.void.insert(place.path.clone());
                    Ok(())
                }
            },
        }
    }

    /// Reads a deployments root or a profile, unless it was read already.
    fn directory(
        &mut self,
        place: &Place,
        read: impl FnOnce(&Path, &mut Pins) -> Result<Found, RootsError>,
    ) -> Result<(), RootsError> {
        let Place { keeper, path, origin } = place;
        let refuse = |issue| RootsError::Unreadable { path: path.clone(), issue };
        let found = match metadata(path) {
            Ok(found) if found.is_dir() => {
                let real = fs::canonicalize(path).map_err(|error| refuse(error.into()))?;
                if !self.seen.insert((*keeper, real)) {
                    return Ok(());
                }
                read(path, &mut self.pins)?
            }
            Ok(_) => return Err(refuse(Issue::NotADirectory)),
            Err(Issue::Missing) => Found::Nothing { missing: path.clone() },
            Err(issue) => return Err(refuse(issue)),
        };
        match (found, origin) {
            (Found::Something, _) | (_, Origin::Usual) | (Found::Empty, Origin::Named) => Ok(()),
            (Found::Nothing { missing }, Origin::Named) => Err(RootsError::Absent { keeper: *keeper, path: missing }),
            // Where a disk is mounted there is a directory without it too, and an empty one.
            (Found::Nothing { .. } | Found::Empty, Origin::Registered) => {
                Err(RootsError::Vanished { keeper: *keeper, path: path.clone() })
            }
        }
    }
}

/// The roots so far.
#[derive(Debug, Default)]
struct Pins {
    roots: Vec<Root>,
}

impl Pins {
    fn add(&mut self, name: StoreName, reason: impl FnOnce() -> String) -> Result<(), RootsError> {
        if self.roots.len() >= ROOTS_MAX {
            return Err(RootsError::TooMany);
        }
        self.roots.push(Root { name, reason: reason() });
        Ok(())
    }

    /// Adds what the generations of one stack or profile need, newest first: each entry once.
    fn add_newest(
        &mut self,
        generations: impl IntoIterator<Item = Result<(String, Vec<StoreName>), RootsError>>,
    ) -> Result<(), RootsError> {
        let mut newest: BTreeMap<StoreName, String> = BTreeMap::new();
        for generation in generations {
            let (reason, names) = generation?;
            for name in names {
                newest.entry(name).or_insert_with(|| reason.clone());
            }
            if newest.len() > ROOTS_MAX {
                return Err(RootsError::TooMany);
            }
        }
        newest.into_iter().try_for_each(|(name, reason)| self.add(name, || reason))
    }
}

/// Looks at what a path leads to. `Missing` means that there is nothing, not that a link to it leads nowhere.
fn metadata(path: &Path) -> Result<Metadata, Issue> {
    let error = match fs::metadata(path) {
        Ok(found) => return Ok(found),
        Err(error) if error.kind() == ErrorKind::NotFound => error,
        Err(error) => return Err(error.into()),
    };
    for above in path.ancestors().filter(|above| !above.as_os_str().is_empty()) {
        match fs::symlink_metadata(above) {
            // What does exist on the way, and leads no further, can only be a link.
            Ok(found) if found.is_symlink() && fs::metadata(above).is_err() => return Err(Issue::Dangling),
            Ok(_) => break,
            Err(above) if above.kind() == ErrorKind::NotFound => {}
            Err(above) => return Err(above.into()),
        }
    }
    Err(error.into())
}

/// Lists the names in a directory, sorted.
fn names(directory: &Path) -> Result<Vec<OsString>, RootsError> {
    let refuse = |issue| RootsError::Unreadable { path: directory.to_owned(), issue };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| refuse(error.into()))? {
        names.push(entry.map_err(|error| refuse(error.into()))?.file_name());
        if names.len() > DIRECTORY_NAMES_MAX {
            return Err(refuse(Issue::TooMany));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns whether a name in a deployments root cannot be a stack's: what we keep there ourselves begins with a dot.
fn is_no_stack(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") || name == NOBODYS
}

fn article(keeper: Keeper) -> &'static str {
    match keeper {
        Keeper::Deployments => "the deployments root",
        Keeper::Profile => "the profile directory",
        Keeper::Link => "the link",
    }
}

#[cfg(test)]
mod tests;
