//! The mark that makes a directory a store. What bears another name than a store gives is never touched, and a directory
//! that holds such a thing and no mark is refused: somebody else lives there.

use crate::limits::{FREE_NAME_TRIES_MAX, MARKER_BYTES_MAX};
use crate::lock;
use crate::name::{StoreName, TemporaryName};
use crate::roots::registry;
use crate::store::LOGS;
use punix_disk::Disk;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

const NAME: &str = ".punix-store";
const FIRST_WORDS: &str = "punix store ";
const VERSION: u32 = 1;
/// What file systems put into their top directory.
const NOBODYS: &str = "lost+found";

/// What a directory is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A store of this version.
    Ours,
    /// A store of a version that this program does not know, or a mark that it cannot read.
    Strange { text: String },
    /// No store, but nothing stands in the way of one.
    Free { has_entries: bool },
    /// Somebody else's.
    Taken { by: OsString },
}

/// Looks at what a directory is. Another process may be marking it: a mark that appears between reading and listing is
/// read again.
pub(crate) fn look(disk: &dyn Disk) -> io::Result<Mark> {
    if let Some(mark) = read(disk)? {
        return Ok(mark);
    }
    let names = disk.list(Path::new(""))?;
    if names.iter().any(|name| name == NAME)
        && let Some(mark) = read(disk)?
    {
        return Ok(mark);
    }
    let has_entries = names.iter().any(|name| is_entry(name));
    match names.into_iter().find(|name| !is_entry(name) && !is_ours(name)) {
        Some(by) => Ok(Mark::Taken { by }),
        None => Ok(Mark::Free { has_entries }),
    }
}

/// Returns what the mark says, if there is one.
fn read(disk: &dyn Disk) -> io::Result<Option<Mark>> {
    match disk.read(Path::new(NAME), MARKER_BYTES_MAX) {
        Ok(text) if text == line().as_bytes() => Ok(Some(Mark::Ours)),
        Ok(text) => Ok(Some(Mark::Strange { text: String::from_utf8_lossy(&text).trim_end().to_owned() })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Marks a directory as a store, durably. That another process does the same is no error.
pub(crate) fn set(disk: &dyn Disk) -> io::Result<()> {
    let root = Path::new("");
    for _ in 0..FREE_NAME_TRIES_MAX {
        let number = RandomState::new().build_hasher().finish();
        let draft = format!("{NAME}.{number:016x}");
        let draft = Path::new(&draft);
        let mut file = match disk.create(draft, 0o644) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            file => file?,
        };
        file.write_all(line().as_bytes())?;
        file.sync()?;
        drop(file);
        match disk.rename_new(draft, Path::new(NAME)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => disk.remove(draft)?,
            moved => moved?,
        }
        return disk.sync_directory(root);
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, "no free name was found for the mark"))
}

/// Returns whether a name is that of a mark that was never finished.
pub(crate) fn is_draft(name: &str) -> bool {
    name.strip_prefix(NAME)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|number| number.len() == 16 && crate::digest::is_hex(number))
}

fn line() -> String {
    format!("{FIRST_WORDS}{VERSION}\n")
}

fn is_entry(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| StoreName::parse(name).is_ok())
}

/// How the directories begin in which builds keep what is the same for all of them.
const BUILD_FILES_PREFIX: &str = ".etc-";

fn is_ours(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        [lock::DIRECTORY, registry::DIRECTORY, LOGS, NOBODYS].contains(&name)
            || name.starts_with(BUILD_FILES_PREFIX)
            || is_draft(name)
            || TemporaryName::parse(name).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_disk::{SimulatedDisk, every_crash};

    const ENTRY: &str = "0123456789abcdef0123456789abcdef-a-1";

    fn look_at(names: &[&str]) -> Mark {
        let disk = SimulatedDisk::new();
        for name in names {
            disk.create_directory(Path::new(name), 0o755).unwrap();
        }
        look(&disk).unwrap()
    }

    #[test]
    fn only_an_empty_directory_or_one_of_entries_is_free() {
        assert_eq!(look_at(&[]), Mark::Free { has_entries: false });
        assert_eq!(look_at(&["lost+found", ".locks", ".logs", ".etc-1", ".roots"]), Mark::Free { has_entries: false });
        assert_eq!(look_at(&[ENTRY]), Mark::Free { has_entries: true });
        assert_eq!(look_at(&[ENTRY, "photos"]), Mark::Taken { by: "photos".into() });
        assert_eq!(look_at(&[".bashrc"]), Mark::Taken { by: ".bashrc".into() });
        assert_eq!(look_at(&[".tmp-x"]), Mark::Taken { by: ".tmp-x".into() });
    }

    #[test]
    fn a_later_version_is_strange() {
        for text in ["punix store 2\n", "", "\u{fffd}"] {
            let disk = SimulatedDisk::new();
            let mut file = disk.create(Path::new(NAME), 0o644).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(look(&disk).unwrap(), Mark::Strange { text: text.trim_end().to_owned() });
        }
    }

    #[test]
    fn a_mark_is_whole_or_absent() {
        let look_after = |disk: &SimulatedDisk, result: &io::Result<()>, end| {
            match look(disk).unwrap() {
                Mark::Ours => {}
                Mark::Free { has_entries: false } if result.is_err() => {}
                mark => panic!("{mark:?} after {end:?}"),
            }
            set(disk).unwrap();
            assert_eq!(look(disk).unwrap(), Mark::Ours);
        };
        every_crash(SimulatedDisk::new, |disk| set(disk), 20, look_after);
    }
}
