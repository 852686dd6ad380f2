//! From a directory to what a path below it names, without ever leaving the directory. The kernel does this since Linux
//! 5.6; where it does not, it is done here step by step, with the directory of every step kept open: `..` leads back to one
//! of those, so that nobody who moves directories meanwhile leads us out.

use super::FileFault;
use crate::limits::PATH_BYTES_MAX;
use crate::word::AbsolutePath;
use rustix::fs::{self, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A path below a root. Invariant: names with `/` between them; none is empty, `.` or `..`, and none has a control
/// character. With no names it is the root itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BelowPath(String);

impl BelowPath {
    /// Reads one.
    pub fn parse(text: &str) -> Option<BelowPath> {
        let name = |name: &str| !matches!(name, "" | "." | "..") && !name.chars().any(char::is_control);
        let sound = text.is_empty() || text.split('/').all(name);
        (sound && text.len() <= PATH_BYTES_MAX).then(|| BelowPath(text.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the whole path.
    pub(crate) fn joined(&self, root: &AbsolutePath) -> String {
        let root = root.as_str().trim_end_matches('/');
        match (root, self.0.as_str()) {
            ("", "") => "/".to_owned(),
            (root, "") => root.to_owned(),
            (root, path) => format!("{root}/{path}"),
        }
    }

    /// Returns the path as seen from `within`, which is `root` or below it; nothing if it is outside of that.
    pub(super) fn inside(&self, root: &AbsolutePath, within: &AbsolutePath) -> Option<&str> {
        below(&self.0, between(root, within)?)
    }

    /// Returns all names but the last, and the last.
    pub(super) fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

/// Returns the way from a root to a place in it.
pub(super) fn between<'a>(root: &AbsolutePath, within: &'a AbsolutePath) -> Option<&'a str> {
    below(within.as_str().trim_start_matches('/'), root.as_str().trim_start_matches('/'))
}

/// Returns what is left of a path behind a beginning of whole names.
fn below<'a>(path: &'a str, beginning: &str) -> Option<&'a str> {
    if beginning.is_empty() {
        return Some(path);
    }
    let rest = path.strip_prefix(beginning)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// Which links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    None,
    /// Those that stay below.
    Below,
}

/// Says what may be asked of the kernel. Tests turn it down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    /// `openat2`, since Linux 5.6; some filters do not know it.
    pub(super) openat2: bool,
}

impl Default for Kernel {
    fn default() -> Kernel {
        Kernel { openat2: true }
    }
}

/// How often the kernel is asked again, when directories are moved while it looks.
const TRIES_MAX: usize = 64;
/// How many links one path may lead through; the kernel's own number.
const LINKS_MAX: usize = 40;
/// How deep a path may lead.
const DEPTH_MAX: usize = 256;

/// Opens what somebody granted by its full path. Links on the way are followed: they are the operator's.
pub(super) fn granted(path: &AbsolutePath, flags: OFlags) -> Result<OwnedFd, FileFault> {
    Ok(fs::open(path.as_str(), flags | OFlags::CLOEXEC, Mode::empty())?)
}

impl Kernel {
    /// Opens what is at a path below a directory. An empty path is the directory.
    pub(super) fn open(self, start: impl AsFd, path: &str, flags: OFlags, links: Links) -> Result<OwnedFd, FileFault> {
        let path = if path.is_empty() { "." } else { path };
        let flags = flags | OFlags::CLOEXEC;
        if !self.openat2 {
            return walk(start.as_fd(), path, flags, links);
        }
        let links_too = match links {
            Links::None => ResolveFlags::NO_SYMLINKS,
            Links::Below => ResolveFlags::NO_MAGICLINKS,
        };
        for _ in 0..TRIES_MAX {
            match fs::openat2(&start, path, flags, Mode::empty(), ResolveFlags::BENEATH | links_too) {
                Ok(opened) => return Ok(opened),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::LOOP) if links == Links::None => return Err(FileFault::Outside),
                // The kernel, or a filter in front of it, does not know the call; the last of these can also be the
                // answer to it, and comes again then.
                Err(Errno::NOSYS | Errno::PERM) => return walk(start.as_fd(), path, flags, links),
                Err(error) => return Err(error.into()),
            }
        }
        Err(FileFault::Changing)
    }
}

/// Goes a path step by step.
fn walk(start: BorrowedFd<'_>, path: &str, flags: OFlags, links: Links) -> Result<OwnedFd, FileFault> {
    const STEP: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
    let names = |path: &str| path.split('/').rev().filter(|name| !name.is_empty()).map(str::to_owned).collect();
    // What is left to go, the next name last; and the directories that we went through.
    let mut left: Vec<String> = names(path);
    let mut gone: Vec<OwnedFd> = Vec::new();
    let mut links_left = LINKS_MAX;
    while let Some(name) = left.pop() {
        let here = gone.last().map_or(start, AsFd::as_fd);
        match name.as_str() {
            "." if left.is_empty() => return Ok(fs::openat(here, ".", flags, Mode::empty())?),
            "." => continue,
            ".." => {
                gone.pop().ok_or(FileFault::Outside)?;
                if left.is_empty() {
                    left.push(".".to_owned());
                }
                continue;
            }
            _ => {}
        }
        let next = fs::openat(here, name.as_str(), STEP, Mode::empty())?;
        if FileType::from_raw_mode(fs::fstat(&next)?.st_mode).is_symlink() {
            if links == Links::None {
                return Err(FileFault::Outside);
            }
            links_left = links_left.checked_sub(1).ok_or(FileFault::Loop)?;
            let target = fs::readlinkat(&next, "", Vec::new())?;
            let target = target.to_str().map_err(|_| FileFault::Absent)?;
            if target.starts_with('/') {
                return Err(FileFault::Outside);
            }
            left.extend(names(target));
            if target.is_empty() || left.len() > PATH_BYTES_MAX {
                return Err(FileFault::Absent);
            }
        } else if left.is_empty() {
            // It may be a link by now, which is not followed then.
            return Ok(fs::openat(here, name.as_str(), flags | OFlags::NOFOLLOW, Mode::empty())?);
        } else {
            gone.push(next);
            if gone.len() > DEPTH_MAX {
                return Err(FileFault::Loop);
            }
        }
    }
    Err(FileFault::Absent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_a_root_are_names() {
        for sound in ["", "a", "a/b", "...", "a b", "ä"] {
            assert!(BelowPath::parse(sound).is_some(), "{sound}");
        }
        for wrong in ["/", "/a", "a/", "a//b", ".", "a/..", "../a", "a\0", "a\n"] {
            assert!(BelowPath::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_path_is_seen_from_what_it_is_narrowed_to() {
        let inside = |root: &str, within: &str, path: &str| {
            let (root, within) = (AbsolutePath::parse(root).unwrap(), AbsolutePath::parse(within).unwrap());
            BelowPath::parse(path).unwrap().inside(&root, &within).map(str::to_owned)
        };
        for (root, within, path, found) in [
            ("/r", "/r", "a/b", Some("a/b")),
            ("/r", "/r", "", Some("")),
            ("/", "/", "a", Some("a")),
            ("/", "/a", "a/b", Some("b")),
            ("/r", "/r/a", "a/b", Some("b")),
            ("/r", "/r/a", "a", Some("")),
            ("/r", "/r/a", "ab", None),
            ("/r", "/r/a", "", None),
            ("/r", "/q", "a", None),
        ] {
            assert_eq!(inside(root, within, path).as_deref(), found, "{root} {within} {path}");
        }
    }
}
