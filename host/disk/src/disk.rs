//! What a disk can do. Paths are relative to the disk's root, each part a name: no `..`, no `.`, nothing empty. The
//! root itself is the empty path, so that [`Path::parent`] of a path can always be synced. Links are never followed.
//!
//! Errors name the operation and the path. Their kind is that of the operating system, and equal on every disk: a link
//! where a directory is needed is `NotADirectory`, what is no regular file where one is needed is `InvalidInput`, or
//! `IsADirectory` if it is one, and so is a path that is refused.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    Link,
    /// A device, a pipe or a socket.
    Other,
}

/// What is known of a path without reading it; a link is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky, no type bits.
    pub mode: u32,
    pub size: u64,
    pub owner: u32,
    pub group: u32,
    /// Seconds since the epoch.
    pub modified: i64,
    pub links: u64,
    pub device: u64,
    pub inode: u64,
    /// Bytes that are really stored, for files with holes.
    pub stored: u64,
}

/// A file that is being written. Dropping it without [`NewFile::sync`] leaves its content to chance.
///
/// Readers see what was written after a flush, a sync or the drop at the latest. Once a write failed, all that follows
/// fails too.
///
/// Whoever owns the directory can give its name to another file meanwhile. So what is set on a file that was just made is
/// set here, and not by its name.
pub trait NewFile: Write {
    /// Makes content and size durable. The name is durable only after [`Disk::sync_directory`] of its parent.
    fn sync(&mut self) -> io::Result<()>;
    /// Returns what is known of this very file, whatever its name leads to by now. All that was written counts.
    fn metadata(&mut self) -> io::Result<Metadata>;
    /// Sets the permission bits of this very file; durable after a sync of it.
    fn set_mode(&mut self, mode: u32) -> io::Result<()>;
    /// Sets user and group of this very file; durable after a sync of it. As with [`Disk::set_owner`], the mode is set
    /// afterwards.
    fn set_owner(&mut self, owner: u32, group: u32) -> io::Result<()>;
}

/// A directory tree that is read and written. Every change is one operation that happens or does not; it is durable
/// once the file (content, mode, owner, times) or the directory (names) was synced.
pub trait Disk: Send + Sync {
    // Reading.

    /// Returns what stands at a path, or `None` if nothing does. A file or a link on the way to it is an error.
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>>;
    /// Opens a regular file for reading; a link or a device there is an error, not followed and not waited for.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send + '_>>;
    /// Reads a whole regular file of at most `limit` bytes; a larger one is an error, `FileTooLarge`.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;
    /// Returns what a link says.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;
    /// Returns what a link says, and what is known of that very link: nobody can put another one there in between.
    fn look_at_link(&self, path: &Path) -> io::Result<(PathBuf, Metadata)>;
    /// Lets what stands at a path keep its room when its last name goes, as long as this is held. Giving it back is what
    /// takes time, and can then be done by somebody else. Nothing where that is not so.
    fn hold(&self, _path: &Path) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }
    /// Lists the names in a directory, sorted by bytes.
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>>;
    /// Lists the names of directories in a directory, sorted by bytes. It takes a call for hundreds of them, where
    /// [`Disk::metadata`] takes one for each.
    fn list_directories(&self, path: &Path) -> io::Result<Vec<OsString>>;

    // Writing. Nothing overwrites, but `replace` and `exchange`.

    /// Creates a file that is not there yet. It has this mode whatever the umask, durably so after a sync of the file.
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile + '_>>;
    /// Opens a regular file that is there, to write on behind what it holds. What it holds stays as durable as it was.
    fn append(&self, path: &Path) -> io::Result<Box<dyn NewFile + '_>>;
    /// Creates a directory that is not there yet. It has this mode whatever the umask, durably so after a sync of the
    /// directory itself; its name is durable after a sync of its parent. If whoever owns the directory above puts another
    /// directory there in just that moment, that is an error, and the other one stays as it is.
    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()>;
    /// Creates a symbolic link.
    fn create_link(&self, path: &Path, target: &Path) -> io::Result<()>;
    /// Gives the file or link at `from` a second name.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Moves to a name that is not taken. Where the file system has no such call, a file has both names for a moment,
    /// and an empty directory that somebody puts at `to` in just that moment can be replaced by a directory.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Moves over whatever stands at `to`: a directory over an empty directory or nothing, anything else over anything
    /// that is no directory. If both are names of one file, nothing happens, and both stay.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Swaps two names in one step. Where the file system cannot do that, the error is `Unsupported`.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()>;
    /// Removes a file or a link.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;
    /// Sets permission bits; never through a link.
    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()>;
    /// Sets user and group, of a link itself too. As the kernel has it, a file loses setuid by that, and setgid if its
    /// group may execute it; so the mode is set afterwards.
    fn set_owner(&self, path: &Path, owner: u32, group: u32) -> io::Result<()>;
    /// Sets the time of last modification, of a link itself too.
    fn set_modified(&self, path: &Path, seconds: i64) -> io::Result<()>;

    // Durability.

    /// Makes a file's content, mode and times durable. A link has no content; its name is synced with its directory,
    /// its time only with everything.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory, and its own mode and times, durable. A move between two directories is durable
    /// after both were synced.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Makes everything on this disk durable at once; cheaper than many single ones. What lies on another file system
    /// that is mounted below the root must be synced by itself.
    fn sync_all(&self) -> io::Result<()>;
}
