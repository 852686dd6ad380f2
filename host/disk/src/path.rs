//! What a path may be: relative, each part a name. The root itself is the empty path, as [`Path::parent`] has it.

use crate::error::invalid;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path that was looked at. Invariant: no part is empty, `.` or `..`, or contains NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    Root,
    Entry {
        /// The parts before the name, with `/` between them; empty for the root.
        parent: &'a [u8],
        name: &'a OsStr,
    },
}

impl<'a> Place<'a> {
    /// Looks at a path, and refuses it if it could lead out of the root or has two spellings.
    pub(crate) fn parse(path: &'a Path) -> io::Result<Place<'a>> {
        let bytes = path.as_os_str().as_bytes();
        if bytes.is_empty() {
            return Ok(Place::Root);
        }
        if bytes.starts_with(b"/") {
            return Err(invalid("the path is absolute"));
        }
        for part in bytes.split(|&byte| byte == b'/') {
            match part {
                b"" => return Err(invalid("the path has an empty part")),
                b"." => return Err(invalid("the path has a part `.`")),
                b".." => return Err(invalid("the path has a part `..`")),
                part if part.contains(&0) => return Err(invalid("the path contains NUL")),
                _ => {}
            }
        }
        let (parent, name) = match bytes.iter().rposition(|&byte| byte == b'/') {
            Some(at) => (&bytes[..at], &bytes[at + 1..]),
            None => (&bytes[..0], bytes),
        };
        Ok(Place::Entry { parent, name: OsStr::from_bytes(name) })
    }

    /// Looks at a path that must name something in the root, not the root itself.
    pub(crate) fn parse_entry(path: &'a Path) -> io::Result<(&'a [u8], &'a OsStr)> {
        match Place::parse(path)? {
            Place::Root => Err(invalid("the path names the root itself")),
            Place::Entry { parent, name } => Ok((parent, name)),
        }
    }
}

/// Returns the names that lead to a parent, outermost first.
pub(crate) fn names(parent: &[u8]) -> impl Iterator<Item = &OsStr> {
    parent.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).map(OsStr::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_into_parent_and_name() {
        let entry = |path| Place::parse_entry(Path::new(path)).unwrap();
        assert_eq!(entry("a"), (&b""[..], OsStr::new("a")));
        assert_eq!(entry("a/b/..c"), (&b"a/b"[..], OsStr::new("..c")));
        assert_eq!(Place::parse(Path::new("")).unwrap(), Place::Root);
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for path in ["/", "/a", "..", "a/..", "../a", "a/../b", "a//b", "a/", ".", "a/.", "a\0"] {
            let error = Place::parse(Path::new(path)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path:?}");
        }
        assert!(Place::parse_entry(Path::new("")).is_err());
    }
}
