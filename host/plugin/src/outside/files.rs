//! Files as plugins may have them: read in one piece through one descriptor, or written anew in one step.
//!
//! A path below a root stays below it, whatever links say and whoever moves them meanwhile (`beneath.rs`). What is at the
//! end has to be a regular file, is looked at before it is opened, since opening a device can do something, and is never
//! one of those in which the system shows itself: `/proc/self/environ` is a file of every process.

mod beneath;
mod replace;

use crate::word::AbsolutePath;
use beneath::{Kernel, Links};
use rustix::fs::{self, Dir, FileType, FsWord, OFlags, Stat};
use rustix::io::{self, Errno};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;
use zeroize::Zeroizing;

pub use beneath::BelowPath;

/// Where files are.
pub trait Files: Send + Sync {
    /// Reads a regular file as it was at one moment.
    fn read(&self, place: &FilePlace, bytes_max: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, FileFault>;

    /// Looks at what is there, whatever it is.
    fn look(&self, place: &FilePlace) -> Result<FileLook, FileFault>;

    /// Lists the names in a directory in their order. What is no text is left out.
    fn list(&self, place: &FilePlace, names_max: usize) -> Result<Vec<String>, FileFault>;

    /// Writes a file anew, durably and in one step.
    fn replace(&self, place: &FilePlace, mode: u32, body: &[u8]) -> Result<(), FileFault>;
}

/// Which file is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilePlace {
    /// One below a root. Nothing outside of `within` is meant, wherever links lead; `within` is the root, or below it.
    Below { root: AbsolutePath, within: AbsolutePath, path: BelowPath },
    /// One that the stack refers to. Links are followed: agents put secrets in place by them.
    Referred(AbsolutePath),
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLook {
    /// The permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub directory: bool,
}

/// Why there is nothing of a file. Said behind its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    #[error("is not there")]
    Absent,
    #[error("is not for this user")]
    Permission,
    #[error("leads outside of what is granted")]
    Outside,
    #[error("is one of the files in which the system shows itself or its devices")]
    System,
    #[error("leads through too many links")]
    Loop,
    #[error("is a directory")]
    Directory,
    #[error("is not a directory")]
    NotDirectory,
    #[error("is a pipe")]
    Fifo,
    #[error("is a socket")]
    Socket,
    #[error("is a device")]
    Device,
    #[error("is larger than {} KiB", bytes_max >> 10)]
    TooLarge { bytes_max: usize },
    #[error("has more than {names_max} names in it")]
    TooMany { names_max: usize },
    #[error("changes all the time")]
    Changing,
    #[error("could not be read in time")]
    Late,
    #[error("cannot be used: {said}")]
    Io { said: String },
}

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalFiles {
    kernel: Kernel,
}

/// How often a file that changes meanwhile is read again.
const READS_MAX: usize = 16;

impl Files for LocalFiles {
    fn read(&self, place: &FilePlace, bytes_max: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, FileFault> {
        for _ in 0..READS_MAX {
            if deadline.saturating_duration_since(Instant::now()).is_zero() {
                return Err(FileFault::Late);
            }
            let seen = self.open(place, OFlags::PATH)?;
            let about = fs::fstat(&seen)?;
            require_regular(&about)?;
            if is_system(&seen)? {
                return Err(FileFault::System);
            }
            let opened = match self.open(place, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY) {
                Ok(opened) => opened,
                // It was swapped for something else, or is about to come.
                Err(FileFault::Absent) => continue,
                Err(fault) => return Err(fault),
            };
            let before = fs::fstat(&opened)?;
            if (before.st_dev, before.st_ino) != (about.st_dev, about.st_ino) {
                continue;
            }
            if let Some(bytes) = read_once(&opened, &before, bytes_max)? {
                return Ok(bytes);
            }
        }
        Err(FileFault::Changing)
    }

    fn look(&self, place: &FilePlace) -> Result<FileLook, FileFault> {
        let seen = self.open(place, OFlags::PATH)?;
        if is_system(&seen)? {
            return Err(FileFault::System);
        }
        let about = fs::fstat(&seen)?;
        Ok(FileLook {
            mode: about.st_mode & 0o7777,
            uid: about.st_uid,
            gid: about.st_gid,
            directory: FileType::from_raw_mode(about.st_mode).is_dir(),
        })
    }

    fn list(&self, place: &FilePlace, names_max: usize) -> Result<Vec<String>, FileFault> {
        let directory = self.open(place, OFlags::RDONLY | OFlags::DIRECTORY)?;
        if is_system(&directory)? {
            return Err(FileFault::System);
        }
        let mut names = Vec::new();
        for entry in Dir::new(directory)? {
            let entry = entry?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
            if names.len() > names_max {
                return Err(FileFault::TooMany { names_max });
            }
        }
        names.sort();
        Ok(names)
    }

    fn replace(&self, place: &FilePlace, mode: u32, body: &[u8]) -> Result<(), FileFault> {
        let (directory, name) = self.parent(place)?;
        if is_system(&directory)? {
            return Err(FileFault::System);
        }
        replace::replace(&directory, &name, mode, body)
    }
}

impl LocalFiles {
    fn open(&self, place: &FilePlace, flags: OFlags) -> Result<OwnedFd, FileFault> {
        match place {
            FilePlace::Referred(path) => beneath::granted(path, flags),
            FilePlace::Below { root, within, path } => {
                let inside = path.inside(root, within).ok_or(FileFault::Outside)?;
                match (root == within, inside.is_empty()) {
                    // What was granted itself; links to it are the operator's.
                    (true, true) => beneath::granted(root, flags),
                    (true, false) => {
                        let start = beneath::granted(root, OFlags::PATH | OFlags::DIRECTORY)?;
                        self.kernel.open(&start, inside, flags, Links::Below)
                    }
                    // The way to where it was narrowed to has no links, or it could be narrowed to somewhere else.
                    (false, true) => {
                        let start = beneath::granted(root, OFlags::PATH | OFlags::DIRECTORY)?;
                        self.kernel.open(&start, path.as_str(), flags, Links::None)
                    }
                    (false, false) => {
                        let start = beneath::granted(root, OFlags::PATH | OFlags::DIRECTORY)?;
                        let narrow = beneath::between(root, within).ok_or(FileFault::Outside)?;
                        let directory = OFlags::PATH | OFlags::DIRECTORY;
                        let start = self.kernel.open(&start, narrow, directory, Links::None)?;
                        self.kernel.open(&start, inside, flags, Links::Below)
                    }
                }
            }
        }
    }

    /// Opens the directory that holds a file, and returns the file's name in it.
    fn parent(&self, place: &FilePlace) -> Result<(OwnedFd, String), FileFault> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let FilePlace::Below { root, within, path } = place else { return Err(FileFault::Outside) };
        let inside = path.inside(root, within).ok_or(FileFault::Outside)?;
        if inside.is_empty() {
            // A single file was granted; its directory is named by the operator or the site.
            let (directory, name) = within.as_str().rsplit_once('/').ok_or(FileFault::Outside)?;
            let directory = if directory.is_empty() { "/" } else { directory };
            let directory = AbsolutePath::parse(directory).map_err(|_| FileFault::Outside)?;
            if name.is_empty() {
                return Err(FileFault::Directory);
            }
            return match root == within {
                true => Ok((beneath::granted(&directory, flags)?, name.to_owned())),
                false => {
                    let (above, _) = path.split();
                    let start = beneath::granted(root, OFlags::PATH | OFlags::DIRECTORY)?;
                    Ok((self.kernel.open(&start, above, flags, Links::None)?, name.to_owned()))
                }
            };
        }
        let (above, name) = path.split();
        let above = BelowPath::parse(above).ok_or(FileFault::Outside)?;
        let place = FilePlace::Below { root: root.clone(), within: within.clone(), path: above };
        Ok((self.open(&place, flags)?, name.to_owned()))
    }
}

/// Reads a file to its end, or returns `None` if it changed meanwhile. What is not as long as it was said to be changed.
fn read_once(file: &OwnedFd, before: &Stat, bytes_max: usize) -> Result<Option<Zeroizing<Vec<u8>>>, FileFault> {
    let size = usize::try_from(before.st_size).map_err(|_| FileFault::TooLarge { bytes_max })?;
    if size > bytes_max {
        return Err(FileFault::TooLarge { bytes_max });
    }
    // One more, to see whether it ends where it should. The room never grows: that would leave a copy behind.
    let mut bytes = Zeroizing::new(vec![0; size + 1]);
    let mut read = 0;
    while let Some(room) = bytes.get_mut(read..).filter(|room| !room.is_empty()) {
        match io::pread(file, room, u64::try_from(read).unwrap_or(u64::MAX)) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(read);
    let after = fs::fstat(file)?;
    let same = read == size && moment(before) == moment(&after);
    Ok(same.then_some(bytes))
}

/// Returns what differs between two moments of a file.
fn moment(about: &Stat) -> impl PartialEq {
    let Stat { st_size, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec, .. } = *about;
    (st_size, (st_mtime, st_mtime_nsec), (st_ctime, st_ctime_nsec))
}

fn require_regular(about: &Stat) -> Result<(), FileFault> {
    match FileType::from_raw_mode(about.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(FileFault::Directory),
        FileType::Fifo => Err(FileFault::Fifo),
        FileType::Socket => Err(FileFault::Socket),
        FileType::CharacterDevice | FileType::BlockDevice => Err(FileFault::Device),
        FileType::Symlink | FileType::Unknown => {
            Err(FileFault::Io { said: "it is of no kind that is known".to_owned() })
        }
    }
}

/// Tells whether this is a file of `/proc`, `/sys` or `/dev`, by whichever name it was found: by its file system, and by
/// where it is, if that can be asked.
fn is_system(file: &OwnedFd) -> Result<bool, FileFault> {
    const SYSFS_MAGIC: FsWord = 0x6265_6572;
    let kind = fs::fstatfs(file)?.f_type;
    if kind == fs::PROC_SUPER_MAGIC || kind == SYSFS_MAGIC {
        return Ok(true);
    }
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    let Ok(at) = fs::readlink(name, Vec::new()) else { return Ok(false) };
    let below =
        |top: &[u8]| at.as_bytes().strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
    Ok([&b"/proc"[..], b"/sys", b"/dev"].into_iter().any(below))
}

impl From<Errno> for FileFault {
    fn from(error: Errno) -> FileFault {
        match error {
            Errno::NOENT | Errno::NAMETOOLONG => FileFault::Absent,
            Errno::NOTDIR => FileFault::NotDirectory,
            Errno::ISDIR => FileFault::Directory,
            Errno::ACCESS | Errno::PERM => FileFault::Permission,
            Errno::XDEV => FileFault::Outside,
            Errno::LOOP => FileFault::Loop,
            // What a socket, or a pipe without a reader, answers.
            Errno::NXIO => FileFault::Socket,
            other => FileFault::Io { said: std::io::Error::from(other).to_string() },
        }
    }
}

#[cfg(test)]
mod tests;
