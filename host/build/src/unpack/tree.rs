//! The tree that an archive becomes. All that is written goes through here: counted, checked, then done.
//!
//! A directory stays one once it is there, and nothing else takes its place. So what is known of directories stays
//! true, and a path whose parents are known leads through no link.

use super::place::{Course, Place, check_link, path, turns};
use super::watched::go_on;
use super::{Fault, Limits, UnpackError, Unpacked};
use crate::limits::ARCHIVE_KEPT_BYTES_MAX;
use punix_disk::{Disk, Kind, RealDisk};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

const FILE_MODE: u32 = 0o644;
const EXECUTABLE_MODE: u32 = 0o755;
const DIRECTORY_MODE: u32 = 0o755;
/// The first second that no program takes for "unknown".
const MODIFIED_MIN: i64 = 1;

pub(super) struct Tree<'a> {
    disk: &'a RealDisk,
    limits: &'a Limits,
    stop: &'a AtomicBool,
    /// When unpacking began. No file gets a later time.
    now: i64,
    entries: u64,
    bytes: u64,
    /// Every directory, with the time that it gets at the end.
    directories: HashMap<Vec<u8>, i64>,
    /// Links that go up after they went down, which only the whole tree can judge.
    winding: Vec<Vec<u8>>,
    /// Bytes of the names in `directories` and `winding`.
    kept: usize,
}

/// What is kept of a file besides its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes {
    pub(super) executable: bool,
    pub(super) modified: i64,
    pub(super) size: u64,
}

impl<'a> Tree<'a> {
    pub(super) fn new(disk: &'a RealDisk, limits: &'a Limits, stop: &'a AtomicBool) -> Tree<'a> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let (directories, winding) = (HashMap::new(), Vec::new());
        Tree { disk, limits, stop, now, entries: 0, bytes: 0, directories, winding, kept: 0 }
    }

    pub(super) fn limits(&self) -> &'a Limits {
        self.limits
    }

    pub(super) fn stop(&self) -> &'a AtomicBool {
        self.stop
    }

    /// Makes a directory, or gives one that is there another time.
    pub(super) fn directory(&mut self, name: &[u8], modified: i64) -> Result<(), UnpackError> {
        let place = self.begin(name)?;
        if place.is_top() {
            return Ok(());
        }
        if let Some(known) = self.directories.get_mut(place.bytes()) {
            *known = modified;
            return Ok(());
        }
        match self.disk.create_directory(place.path(), DIRECTORY_MODE) {
            Ok(()) => self.know(place.bytes(), modified),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let found = self.kind(&place)?.unwrap_or(Kind::Other);
                Err(Fault::Clash { wanted: Kind::Directory, found }.of(name))
            }
            Err(error) => Err(UnpackError::Write(error)),
        }
    }

    /// Makes a file. What `fill` writes must be of the size that the attributes say.
    pub(super) fn file(
        &mut self,
        name: &[u8],
        attributes: Attributes,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let place = self.begin_no_directory(name)?;
        self.bytes = self.bytes.saturating_add(attributes.size);
        if self.bytes > self.limits.bytes {
            return Err(UnpackError::TooLarge { max: self.limits.bytes });
        }
        let mode = if attributes.executable { EXECUTABLE_MODE } else { FILE_MODE };
        let mut file = self.make(Kind::File, &place, name, |disk| disk.create(place.path(), mode))?;
        fill(&mut file)?;
        file.flush().map_err(UnpackError::Write)?;
        drop(file);
        self.set_modified(place.bytes(), attributes.modified)
    }

    /// Makes a symbolic link, which says what the archive says if that is in the tree.
    pub(super) fn link(&mut self, name: &[u8], target: &[u8], modified: i64) -> Result<(), UnpackError> {
        let place = self.begin_no_directory(name)?;
        match check_link(&place, target).map_err(|fault| fault.of(name))? {
            Course::Straight => {}
            Course::Winding => {
                self.keep(place.bytes())?;
                self.winding.push(place.bytes().to_owned());
            }
        }
        self.make(Kind::Link, &place, name, |disk| disk.create_link(place.path(), path(target)))?;
        self.set_modified(place.bytes(), modified)
    }

    /// Gives a file that was unpacked before a further name.
    pub(super) fn hard_link(&mut self, name: &[u8], target: &[u8]) -> Result<(), UnpackError> {
        let place = self.begin_no_directory(name)?;
        let refused = || Fault::HardLink { target: target.to_owned() }.of(name);
        let from = Place::parse(target, self.limits).map_err(|_| refused())?;
        if from.is_top() || !self.is_directory(from.parent()) || self.kind(&from)? != Some(Kind::File) {
            return Err(refused());
        }
        if from == place {
            return Ok(());
        }
        self.make(Kind::File, &place, name, |disk| disk.hard_link(from.path(), place.path()))
    }

    /// Checks what only the whole tree can tell, and gives directories their times.
    pub(super) fn finish(self) -> Result<Unpacked, UnpackError> {
        if self.entries == 0 {
            return Err(UnpackError::Empty);
        }
        for link in &self.winding {
            self.go_on()?;
            let target = self.disk.read_link(path(link)).map_err(UnpackError::Write)?;
            let target = target.as_os_str().as_encoded_bytes();
            // Going up from what is a link itself leads to where nobody looked.
            if turns(link, target).iter().any(|turn| !self.is_directory(turn) && !self.is_nothing(turn)) {
                return Err(Fault::LinkOutside { target: target.to_owned() }.of(link));
            }
        }
        for (directory, modified) in &self.directories {
            self.go_on()?;
            self.set_modified(directory, *modified)?;
        }
        Ok(Unpacked { entries: self.entries, bytes: self.bytes })
    }

    /// Counts an entry, and makes the directories that lead to it.
    fn begin(&mut self, name: &[u8]) -> Result<Place, UnpackError> {
        self.go_on()?;
        self.count()?;
        let place = Place::parse(name, self.limits).map_err(|fault| fault.of(name))?;
        if self.is_directory(place.parent()) {
            return Ok(place);
        }
        let parents: Vec<&[u8]> = place.parents().collect();
        let known = parents.iter().rposition(|parent| self.is_directory(parent)).map_or(0, |at| at + 1);
        for parent in &parents[known..] {
            match self.disk.create_directory(path(parent), DIRECTORY_MODE) {
                Ok(()) => {
                    self.count()?;
                    self.know(parent, MODIFIED_MIN)?;
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(Fault::NoDirectory.of(name)),
                Err(error) => return Err(UnpackError::Write(error)),
            }
        }
        Ok(place)
    }

    fn begin_no_directory(&mut self, name: &[u8]) -> Result<Place, UnpackError> {
        let place = self.begin(name)?;
        if place.is_top() { Err(Fault::NoName.of(name)) } else { Ok(place) }
    }

    /// Makes something, also where an earlier entry made something of the same kind. That one is removed, not written
    /// to: it may have other names.
    fn make<T>(
        &self,
        wanted: Kind,
        place: &Place,
        name: &[u8],
        make: impl Fn(&'a RealDisk) -> io::Result<T>,
    ) -> Result<T, UnpackError> {
        match make(self.disk) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            done => return done.map_err(UnpackError::Write),
        }
        match self.kind(place)? {
            Some(found) if found != wanted => return Err(Fault::Clash { wanted, found }.of(name)),
            Some(_) => self.disk.remove(place.path()).map_err(UnpackError::Write)?,
            None => {}
        }
        make(self.disk).map_err(UnpackError::Write)
    }

    fn kind(&self, place: &Place) -> Result<Option<Kind>, UnpackError> {
        let found = self.disk.metadata(place.path()).map_err(UnpackError::Write)?;
        Ok(found.map(|metadata| metadata.kind))
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        path.is_empty() || self.directories.contains_key(path)
    }

    /// Returns whether nothing is at a path, nor anything but directories on the way to it.
    fn is_nothing(&self, at: &[u8]) -> bool {
        matches!(self.disk.metadata(path(at)), Ok(None))
    }

    fn know(&mut self, directory: &[u8], modified: i64) -> Result<(), UnpackError> {
        self.keep(directory)?;
        self.directories.insert(directory.to_owned(), modified);
        Ok(())
    }

    fn keep(&mut self, name: &[u8]) -> Result<(), UnpackError> {
        self.kept += name.len();
        if self.kept > ARCHIVE_KEPT_BYTES_MAX { Err(UnpackError::Names) } else { Ok(()) }
    }

    fn count(&mut self) -> Result<(), UnpackError> {
        self.entries += 1;
        let max = self.limits.entries;
        if self.entries > max { Err(UnpackError::TooMany { max }) } else { Ok(()) }
    }

    fn set_modified(&self, place: &[u8], modified: i64) -> Result<(), UnpackError> {
        let modified = modified.min(self.now).max(MODIFIED_MIN);
        self.disk.set_modified(path(place), modified).map_err(UnpackError::Write)
    }

    fn go_on(&self) -> Result<(), UnpackError> {
        go_on(self.stop)
    }
}
