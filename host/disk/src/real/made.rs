//! Whether a directory that was opened is the one that was just made. Whoever owns the directory above can put another
//! one there in between, perhaps one that is not his: its mode is not ours to change.

use super::resolve::Kernel;
use super::{OPEN_DIRECTORY, fs};
use crate::disk::Metadata;
use rustix::fs::{Dir, Mode};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What a directory gets from the one above it, where that says so.
const SET_GROUP: u32 = 0o2000;
const PERMISSIONS: u32 = 0o777;
/// What gives a directory its mode in place of the umask. A new one inherits it.
const DEFAULT_ACCESS: &str = "system.posix_acl_default";

/// What takes permissions from a directory while it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taking {
    Umask(u32),
    /// Anything may be missing.
    Unknown,
}

/// Tells whether a directory can be the one that we made with this mode: it is ours, it has what such a one has, and there is
/// nothing in it.
pub(super) fn is_just_made(fd: BorrowedFd<'_>, found: &Metadata, mode: u32, kernel: Kernel) -> io::Result<bool> {
    let is_ours = found.owner == geteuid().as_raw();
    Ok(is_ours && could_be_given(found.mode, mode, taking(fd, kernel)) && is_empty(fd)?)
}

fn could_be_given(found: u32, wanted: u32, taking: Taking) -> bool {
    let (found, wanted) = (found & !SET_GROUP, wanted & PERMISSIONS);
    match taking {
        Taking::Umask(umask) => found == wanted & !umask,
        Taking::Unknown => found & !wanted == 0,
    }
}

fn taking(fd: BorrowedFd<'_>, kernel: Kernel) -> Taking {
    let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
    match umask() {
        Some(umask) if kernel.proc && fs::getxattr_query(name, DEFAULT_ACCESS).is_err() => Taking::Umask(umask),
        Some(_) | None => Taking::Unknown,
    }
}

/// Reads the umask. The call for that sets it too, for the whole process.
fn umask() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(umask.trim(), 8).ok()
}

fn is_empty(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let opened = match fs::openat(fd, ".", OPEN_DIRECTORY, Mode::empty()) {
        // It is ours, and its mode is what ours would have: the umask takes even that.
        Err(Errno::ACCESS) => return Ok(true),
        opened => opened?,
    };
    for entry in Dir::new(opened)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_has_what_the_umask_leaves() {
        let umask = Taking::Umask(0o022);
        for (found, wanted, taking, could) in [
            (0o755, 0o777, umask, true),
            (0o2755, 0o755, umask, true),
            (0o755, 0o1777, umask, true),
            (0o700, 0o755, umask, false),
            (0o777, 0o755, umask, false),
            (0o1755, 0o755, umask, false),
            (0o000, 0o111, Taking::Umask(0o777), true),
            (0o700, 0o755, Taking::Unknown, true),
            (0o750, 0o711, Taking::Unknown, false),
        ] {
            assert_eq!(could_be_given(found, wanted, taking), could, "{found:o} {wanted:o} {taking:?}");
        }
    }
}
