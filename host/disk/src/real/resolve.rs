//! From a path to its parent's descriptor and a name in it. No link is followed, wherever it points: one that is put
//! there by somebody else between two operations leads nowhere.

use crate::path::{Place, names};
use rustix::fs::{self, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Longer ones the kernel does not take at once.
const PATH_BYTES_MAX: usize = 4095;

const STEP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Says what may be asked of the kernel. Tests turn it down, to walk the ways of older kernels and poorer file systems.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    /// `openat2`, since Linux 5.6.
    pub(super) openat2: bool,
    /// Flags of `renameat2`, which some file systems do not know.
    pub(super) rename_flags: bool,
    /// A mounted `/proc`.
    pub(super) proc: bool,
}

impl Default for Kernel {
    fn default() -> Kernel {
        Kernel { openat2: true, rename_flags: true, proc: true }
    }
}

/// A name in a directory that is open.
#[derive(Debug)]
pub(super) struct Spot<'a> {
    pub(super) parent: Parent<'a>,
    /// For the root itself this is `.`.
    pub(super) name: &'a OsStr,
}

#[derive(Debug)]
pub(super) enum Parent<'a> {
    Root(BorrowedFd<'a>),
    Opened(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Parent::Root(fd) => *fd,
            Parent::Opened(fd) => fd.as_fd(),
        }
    }
}

/// Resolves a path that may be the root itself.
pub(super) fn spot<'a>(root: BorrowedFd<'a>, path: &'a Path, kernel: Kernel) -> io::Result<Spot<'a>> {
    match Place::parse(path)? {
        Place::Root => Ok(Spot { parent: Parent::Root(root), name: OsStr::new(".") }),
        Place::Entry { parent, name } => Ok(Spot { parent: open(root, parent, kernel)?, name }),
    }
}

/// Resolves a path that names something in the root.
pub(super) fn entry<'a>(root: BorrowedFd<'a>, path: &'a Path, kernel: Kernel) -> io::Result<Spot<'a>> {
    let (parent, name) = Place::parse_entry(path)?;
    Ok(Spot { parent: open(root, parent, kernel)?, name })
}

fn open<'a>(root: BorrowedFd<'a>, parent: &[u8], kernel: Kernel) -> io::Result<Parent<'a>> {
    if parent.is_empty() {
        return Ok(Parent::Root(root));
    }
    if kernel.openat2 && parent.len() <= PATH_BYTES_MAX {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match fs::openat2(root, OsStr::from_bytes(parent), flags, Mode::empty(), resolve) {
            Ok(fd) => return Ok(Parent::Opened(fd)),
            Err(Errno::LOOP) => {
                let why = "a part of the path is a link";
                return Err(io::Error::new(io::ErrorKind::NotADirectory, why));
            }
            // An older kernel, or a filter that does not know the call: step by step then.
            Err(Errno::NOSYS | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut at = Parent::Root(root);
    for name in names(parent) {
        at = Parent::Opened(fs::openat(&at, name, STEP, Mode::empty())?);
    }
    Ok(at)
}
