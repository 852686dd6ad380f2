//! The disk of this machine, below one root. Every path is resolved from the root's descriptor without following a
//! link, and every change is one system call on the parent's descriptor. What has no such call is refused, not
//! imitated, but for [`Disk::rename_new`] on file systems that cannot do it.

mod file;
mod made;
mod resolve;
#[cfg(test)]
pub(crate) mod tests;

use crate::disk::{Disk, Kind, Metadata, NewFile};
use crate::error::{at, between, check_mode, check_owner, invalid, is_a_link, not_a_file, too_large};
use file::WritingFile;
use made::is_just_made;
use resolve::{Kernel, Spot};
use rustix::fs::{self, UTIME_OMIT};
use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

const OPEN_FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const OPEN_TO_APPEND: OFlags = OFlags::WRONLY
    .union(OFlags::APPEND)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const OPEN_DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const POINT_AT: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const CREATE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory of this machine, and all that is below it.
///
/// It may span file systems. A rename between two of them is an error of the kind `CrossesDevices`, and
/// [`Disk::sync_all`] reaches only the one that the root is on.
#[derive(Debug)]
pub struct RealDisk {
    /// Open for reading, as `syncfs` wants it. Being as old as the disk, it hears of every failed write.
    root: OwnedFd,
    /// The root as it was given, for errors only.
    path: PathBuf,
    kernel: Kernel,
}

impl RealDisk {
    /// Opens a root, which must be a directory. Links on the way to it are followed.
    pub fn open(root: &Path) -> io::Result<RealDisk> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match fs::open(root, flags, Mode::empty()) {
            Ok(fd) => Ok(RealDisk { root: fd, path: root.to_owned(), kernel: Kernel::default() }),
            Err(error) => Err(at("open", root, error.into())),
        }
    }

    fn at<T>(&self, doing: &'static str, path: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        work().map_err(|error| at(doing, &self.path.join(path), error))
    }

    fn spot<'a>(&'a self, path: &'a Path) -> io::Result<Spot<'a>> {
        resolve::spot(self.root.as_fd(), path, self.kernel)
    }

    fn entry<'a>(&'a self, path: &'a Path) -> io::Result<Spot<'a>> {
        resolve::entry(self.root.as_fd(), path, self.kernel)
    }

    fn open_file(&self, path: &Path, flags: OFlags) -> io::Result<File> {
        let spot = self.spot(path)?;
        match fs::openat(&spot.parent, spot.name, flags, Mode::empty()) {
            Ok(fd) => {
                regular(&fs::fstat(&fd)?)?;
                Ok(File::from(fd))
            }
            // A link, or a socket.
            Err(Errno::LOOP | Errno::NXIO) => Err(not_a_file()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes durable what its owner may not read, through all of its file system.
    fn sync_unreadable(&self, spot: &Spot<'_>, fits: fn(&Stat) -> io::Result<()>) -> io::Result<()> {
        let stat = stat(spot)?;
        fits(&stat)?;
        if stat.st_dev != fs::fstat(&self.root)?.st_dev {
            return Err(Errno::ACCESS.into());
        }
        Ok(fs::syncfs(&self.root)?)
    }

    /// Sets the mode of what a descriptor points at. The kernel has a call for that only since 6.6, so it goes by the
    /// descriptor's name in `/proc`; where that is missing, what can be read can still be opened.
    fn set_mode_of(&self, fd: BorrowedFd<'_>, spot: &Spot<'_>, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode);
        if self.kernel.proc {
            match fs::chmod(format!("/proc/self/fd/{}", fd.as_raw_fd()), mode) {
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                done => return Ok(done?),
            }
        }
        let fd = match kind(&fs::fstat(fd)?) {
            Kind::File => fs::openat(&spot.parent, spot.name, OPEN_FILE, Mode::empty())?,
            Kind::Directory => fs::openat(fd, ".", OPEN_DIRECTORY, Mode::empty())?,
            Kind::Link | Kind::Other => return Err(Errno::OPNOTSUPP.into()),
        };
        Ok(fs::fchmod(fd, mode)?)
    }

    /// Gives a directory that was just made its mode, from which the umask may have taken something, or to which the
    /// directory above added something.
    fn finish_directory(&self, spot: &Spot<'_>, mode: u32) -> io::Result<()> {
        let give_back = |_: &io::Error| _ = fs::unlinkat(&spot.parent, spot.name, AtFlags::REMOVEDIR);
        let flags = POINT_AT | OFlags::DIRECTORY;
        let opened = fs::openat(&spot.parent, spot.name, flags, Mode::empty()).map_err(io::Error::from);
        let fd = opened.inspect_err(give_back)?;
        let found = metadata(&fs::fstat(&fd)?);
        if found.mode == mode {
            return Ok(());
        }
        if !is_just_made(fd.as_fd(), &found, mode, self.kernel)? {
            return Err(io::Error::other("somebody put another directory in its place just now"));
        }
        self.set_mode_of(fd.as_fd(), spot, mode).inspect_err(give_back)
    }

    /// Moves to a free name where the file system has no call for it. For a directory there is a moment between
    /// looking and moving, in which an empty directory that somebody puts there is replaced; nothing else can be. A
    /// file has both names for a moment, and after a crash perhaps for good.
    fn rename_new_in_steps(&self, from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
        if kind(&stat(from)?) != Kind::Directory {
            fs::linkat(&from.parent, from.name, &to.parent, to.name, AtFlags::empty())?;
            let removed = fs::unlinkat(&from.parent, from.name, AtFlags::empty());
            if removed.is_err() {
                let _ = fs::unlinkat(&to.parent, to.name, AtFlags::empty());
            }
            return Ok(removed?);
        }
        match stat(to) {
            Ok(_) => Err(Errno::EXIST.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(fs::renameat(&from.parent, from.name, &to.parent, to.name)?)
            }
            Err(error) => Err(error),
        }
    }

    /// Lists a directory, sorted by name, with what each is as far as that costs nothing.
    fn listed(&self, path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        self.at("list", path, || {
            let spot = self.spot(path)?;
            let fd = fs::openat(&spot.parent, spot.name, OPEN_DIRECTORY, Mode::empty())?;
            let mut found = Vec::new();
            for entry in Dir::new(fd)? {
                let entry = entry?;
                match entry.file_name().to_bytes() {
                    b"." | b".." => {}
                    name => found.push((OsStr::from_bytes(name).to_owned(), entry.file_type())),
                }
            }
            found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            Ok(found)
        })
    }

    fn rename_with(&self, from: &Spot<'_>, to: &Spot<'_>, flags: RenameFlags) -> Result<(), Errno> {
        if !self.kernel.rename_flags {
            return Err(Errno::INVAL);
        }
        fs::renameat_with(&from.parent, from.name, &to.parent, to.name, flags)
    }
}

impl Disk for RealDisk {
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        self.at("look at", path, || match self.spot(path).and_then(|spot| stat(&spot)) {
            Ok(stat) => Ok(Some(metadata(&stat))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send + '_>> {
        self.at("open", path, || Ok(Box::new(self.open_file(path, OPEN_FILE)?) as Box<dyn Read + Send>))
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.at("read", path, || {
            let file = self.open_file(path, OPEN_FILE)?;
            let size = file.metadata()?.len();
            if size > limit {
                return Err(too_large());
            }
            let mut content = Vec::new();
            content.try_reserve_exact(usize::try_from(size).map_err(|_| too_large())?)?;
            file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
            // It may have grown since, or be of a kind that does not say its size.
            if content.len() as u64 > limit { Err(too_large()) } else { Ok(content) }
        })
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.at("read the link", path, || {
            let spot = self.spot(path)?;
            let target = fs::readlinkat(&spot.parent, spot.name, Vec::new())?;
            Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
        })
    }

    fn look_at_link(&self, path: &Path) -> io::Result<(PathBuf, Metadata)> {
        self.at("read the link", path, || {
            let spot = self.spot(path)?;
            let fd = fs::openat(&spot.parent, spot.name, POINT_AT, Mode::empty())?;
            let found = metadata(&fs::fstat(&fd)?);
            match found.kind {
                Kind::Link => {}
                Kind::File | Kind::Directory | Kind::Other => return Err(Errno::INVAL.into()),
            }
            let target = fs::readlinkat(&fd, "", Vec::new())?;
            Ok((PathBuf::from(OsString::from_vec(target.into_bytes())), found))
        })
    }

    fn hold(&self, path: &Path) -> io::Result<Option<OwnedFd>> {
        self.at("open", path, || {
            let spot = self.spot(path)?;
            Ok(Some(fs::openat(&spot.parent, spot.name, POINT_AT, Mode::empty())?))
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        Ok(self.listed(path)?.into_iter().map(|(name, _)| name).collect())
    }

    fn list_directories(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for (name, kind) in self.listed(path)? {
            let is_one = match kind {
                FileType::Directory => true,
                // This file system says it of each by itself only.
                FileType::Unknown => self.metadata(&path.join(&name))?.is_some_and(|it| it.kind == Kind::Directory),
                _ => false,
            };
            if is_one {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile + '_>> {
        self.at("create", path, || {
            check_mode(mode)?;
            let spot = self.entry(path)?;
            let fd = fs::openat(&spot.parent, spot.name, CREATE, Mode::from_raw_mode(mode & 0o777))?;
            // The umask may have taken something away.
            if let Err(error) = fs::fchmod(&fd, Mode::from_raw_mode(mode)) {
                let _ = fs::unlinkat(&spot.parent, spot.name, AtFlags::empty());
                return Err(error.into());
            }
            let file = WritingFile::new(File::from(fd), self.path.join(path));
            Ok(Box::new(file) as Box<dyn NewFile>)
        })
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn NewFile + '_>> {
        self.at("open", path, || {
            let file = self.open_file(path, OPEN_TO_APPEND)?;
            Ok(Box::new(WritingFile::new(file, self.path.join(path))) as Box<dyn NewFile>)
        })
    }

    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.at("create the directory", path, || {
            check_mode(mode)?;
            let spot = self.entry(path)?;
            fs::mkdirat(&spot.parent, spot.name, Mode::from_raw_mode(mode & 0o777))?;
            self.finish_directory(&spot, mode)
        })
    }

    fn create_link(&self, path: &Path, target: &Path) -> io::Result<()> {
        self.at("create the link", path, || {
            let spot = self.entry(path)?;
            Ok(fs::symlinkat(target, &spot.parent, spot.name)?)
        })
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let link = || -> io::Result<()> {
            let (old, new) = (self.entry(from)?, self.entry(to)?);
            Ok(fs::linkat(&old.parent, old.name, &new.parent, new.name, AtFlags::empty())?)
        };
        link().map_err(|e| between("link", &self.path.join(from), "as", &self.path.join(to), e))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let rename = || -> io::Result<()> {
            let (old, new) = (self.entry(from)?, self.entry(to)?);
            match self.rename_with(&old, &new, RenameFlags::NOREPLACE) {
                // Either the file system cannot, or a directory would go into itself; the latter fails again.
                Err(Errno::INVAL | Errno::NOSYS) => self.rename_new_in_steps(&old, &new),
                done => Ok(done?),
            }
        };
        rename().map_err(|e| between("move", &self.path.join(from), "to", &self.path.join(to), e))
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let replace = || -> io::Result<()> {
            let (old, new) = (self.entry(from)?, self.entry(to)?);
            Ok(fs::renameat(&old.parent, old.name, &new.parent, new.name)?)
        };
        replace().map_err(|e| between("move", &self.path.join(from), "over", &self.path.join(to), e))
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        let exchange = || -> io::Result<()> {
            let (first, second) = (self.entry(one)?, self.entry(other)?);
            match self.rename_with(&first, &second, RenameFlags::EXCHANGE) {
                Err(Errno::INVAL | Errno::NOSYS) => {
                    let nested = one != other && (one.starts_with(other) || other.starts_with(one));
                    if nested {
                        return Err(invalid("one of them is inside of the other"));
                    }
                    Err(io::Error::new(io::ErrorKind::Unsupported, "this file system cannot do it"))
                }
                done => Ok(done?),
            }
        };
        let (first, second) = (self.path.join(one), self.path.join(other));
        exchange().map_err(|error| between("exchange", &first, "with", &second, error))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.at("remove", path, || {
            let spot = self.entry(path)?;
            Ok(fs::unlinkat(&spot.parent, spot.name, AtFlags::empty())?)
        })
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.at("remove the directory", path, || {
            let spot = self.entry(path)?;
            Ok(fs::unlinkat(&spot.parent, spot.name, AtFlags::REMOVEDIR)?)
        })
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.at("set the mode of", path, || {
            check_mode(mode)?;
            let spot = self.spot(path)?;
            let fd = fs::openat(&spot.parent, spot.name, POINT_AT, Mode::empty())?;
            if kind(&fs::fstat(&fd)?) == Kind::Link {
                return Err(is_a_link());
            }
            self.set_mode_of(fd.as_fd(), &spot, mode)
        })
    }

    fn set_owner(&self, path: &Path, owner: u32, group: u32) -> io::Result<()> {
        self.at("set the owner of", path, || {
            check_owner(owner, group)?;
            let spot = self.spot(path)?;
            let (owner, group) = (Uid::from_raw(owner), Gid::from_raw(group));
            Ok(fs::chownat(&spot.parent, spot.name, Some(owner), Some(group), AtFlags::SYMLINK_NOFOLLOW)?)
        })
    }

    fn set_modified(&self, path: &Path, seconds: i64) -> io::Result<()> {
        self.at("set the time of", path, || {
            let spot = self.spot(path)?;
            let times = Timestamps {
                last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
                last_modification: Timespec { tv_sec: seconds, tv_nsec: 0 },
            };
            Ok(fs::utimensat(&spot.parent, spot.name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
        })
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.at("sync", path, || match self.open_file(path, OPEN_FILE) {
            Ok(file) => file.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.sync_unreadable(&self.spot(path)?, regular)
            }
            Err(error) => Err(error),
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.at("sync the directory", path, || {
            let spot = self.spot(path)?;
            match fs::openat(&spot.parent, spot.name, OPEN_DIRECTORY, Mode::empty()) {
                Ok(fd) => File::from(fd).sync_all(),
                Err(Errno::ACCESS) => self.sync_unreadable(&spot, directory),
                Err(error) => Err(error.into()),
            }
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.at("sync all of", Path::new(""), || Ok(fs::syncfs(&self.root)?))
    }
}

fn stat(spot: &Spot<'_>) -> io::Result<Stat> {
    Ok(fs::statat(&spot.parent, spot.name, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn kind(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

fn regular(stat: &Stat) -> io::Result<()> {
    match kind(stat) {
        Kind::File => Ok(()),
        Kind::Directory => Err(Errno::ISDIR.into()),
        Kind::Link | Kind::Other => Err(not_a_file()),
    }
}

fn directory(stat: &Stat) -> io::Result<()> {
    if kind(stat) == Kind::Directory { Ok(()) } else { Err(Errno::NOTDIR.into()) }
}

#[allow(clippy::useless_conversion, reason = "the width of `st_nlink` differs by architecture")]
fn metadata(stat: &Stat) -> Metadata {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    Metadata {
        kind: kind(stat),
        mode: stat.st_mode & 0o7777,
        size: unsigned(stat.st_size),
        owner: stat.st_uid,
        group: stat.st_gid,
        modified: stat.st_mtime,
        links: u64::from(stat.st_nlink),
        device: stat.st_dev,
        inode: stat.st_ino,
        stored: unsigned(stat.st_blocks).saturating_mul(512),
    }
}
