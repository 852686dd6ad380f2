//! Names in archives: which of them lie in the tree, and which links stay in it. No file system is asked here.

use super::{Fault, Limits};
use crate::limits::{ARCHIVE_LINK_BYTES_MAX, ARCHIVE_NAME_BYTES_MAX, LINK_TURNS_MAX};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where an entry lies. Invariant: as a `Disk` wants it, thus relative, each part a name; empty for the tree itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place(Vec<u8>);

impl Place {
    /// Reads the name of an entry. `.` and empty parts between two names say nothing and are left out.
    pub(super) fn parse(name: &[u8], limits: &Limits) -> Result<Place, Fault> {
        if name.is_empty() {
            return Err(Fault::NoName);
        }
        if name.starts_with(b"/") {
            return Err(Fault::Absolute);
        }
        if name.contains(&0) {
            return Err(Fault::Nul);
        }
        let mut path = Vec::with_capacity(name.len());
        let mut depth = 0;
        for part in parts(name) {
            if part == b".." {
                return Err(Fault::Upwards);
            }
            if part.len() > ARCHIVE_NAME_BYTES_MAX {
                return Err(Fault::NameTooLong);
            }
            if !path.is_empty() {
                path.push(b'/');
                depth += 1;
            }
            path.extend_from_slice(part);
        }
        if path.len() > limits.path_bytes {
            return Err(Fault::PathTooLong { max: limits.path_bytes });
        }
        if depth > limits.depth {
            return Err(Fault::TooDeep { max: limits.depth });
        }
        Ok(Place(path))
    }

    /// Returns whether this is the tree itself.
    pub(super) fn is_top(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn path(&self) -> &Path {
        path(&self.0)
    }

    /// Returns the directory that it lies in; empty for the tree itself.
    pub(super) fn parent(&self) -> &[u8] {
        parent(&self.0)
    }

    /// Returns the directories that lead to it, the outermost first.
    pub(super) fn parents(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &self.0[..at])
    }
}

/// Says how a link leads to what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// First up, then down.
    Straight,
    /// Up again after it went down. Where that leads depends on whether what it came through are links.
    Winding,
}

/// Checks that a link leads to something in the tree, if none of the parts that it comes through are links.
pub(super) fn check_link(place: &Place, target: &[u8]) -> Result<Course, Fault> {
    if target.is_empty() || target.contains(&0) {
        return Err(Fault::LinkEmpty);
    }
    if target.len() > ARCHIVE_LINK_BYTES_MAX {
        return Err(Fault::LinkTooLong);
    }
    if target.starts_with(b"/") {
        return Err(Fault::LinkAbsolute { target: target.to_owned() });
    }
    let mut depth = parts(place.parent()).count();
    let mut turns = 0;
    let mut down = false;
    for part in parts(target) {
        if part != b".." {
            down = true;
            depth += 1;
            continue;
        }
        turns += usize::from(down);
        depth = depth.checked_sub(1).ok_or_else(|| Fault::LinkOutside { target: target.to_owned() })?;
    }
    match turns {
        0 => Ok(Course::Straight),
        1..=LINK_TURNS_MAX => Ok(Course::Winding),
        _ => Err(Fault::LinkTurns),
    }
}

/// Returns every path below its own directory that a link leaves upwards, as it reads.
pub(super) fn turns(link: &[u8], target: &[u8]) -> Vec<Vec<u8>> {
    let mut at = parent(link).to_owned();
    let mut turns = Vec::new();
    let mut down = 0;
    for part in parts(target) {
        if part != b".." {
            if !at.is_empty() {
                at.push(b'/');
            }
            at.extend_from_slice(part);
            down += 1;
            continue;
        }
        if down > 0 {
            turns.push(at.clone());
            down -= 1;
        }
        at.truncate(parent(&at).len());
    }
    turns
}

/// Returns bytes as a path.
pub(super) fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => &path[..at],
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &[u8]) -> Result<Place, Fault> {
        Place::parse(name, &Limits { path_bytes: 1_000, depth: 3, ..Limits::default() })
    }

    fn link(place: &str, target: &str) -> Result<Course, Fault> {
        check_link(&parse(place.as_bytes()).unwrap(), target.as_bytes())
    }

    #[test]
    fn a_name_is_brought_into_one_form() {
        for (name, path) in
            [("a", "a"), ("./a/b/", "a/b"), ("a//b/./c", "a/b/c"), ("./", ""), (".", ""), ("..a/...", "..a/...")]
        {
            assert_eq!(parse(name.as_bytes()).unwrap().bytes(), path.as_bytes());
        }
        let place = parse(b"a/bc/d").unwrap();
        assert_eq!(place.parents().collect::<Vec<_>>(), [&b"a"[..], b"a/bc"]);
        assert_eq!((place.parent(), parse(b"a").unwrap().parent()), (&b"a/bc"[..], &b""[..]));
    }

    #[test]
    fn a_name_that_could_lead_elsewhere_is_refused() {
        for (name, fault) in [
            ("", Fault::NoName),
            ("/", Fault::Absolute),
            ("/a", Fault::Absolute),
            ("//a", Fault::Absolute),
            ("..", Fault::Upwards),
            ("./..", Fault::Upwards),
            ("a/../b", Fault::Upwards),
            ("a/b/..", Fault::Upwards),
            ("a\0b", Fault::Nul),
            ("a/b/c/d/e", Fault::TooDeep { max: 3 }),
        ] {
            assert_eq!(parse(name.as_bytes()), Err(fault), "{name:?}");
        }
        assert!(parse(&[b'a'; 255]).is_ok());
        assert_eq!(parse(&[b'a'; 256]), Err(Fault::NameTooLong));
        let long = [[b'a'; 250]; 5].join(&b'/');
        assert_eq!(parse(&long), Err(Fault::PathTooLong { max: 1_000 }));
    }

    #[test]
    fn a_link_stays_in_the_tree() {
        for target in ["b", "./b", "../b", "../../b", "../..", ".", "b/c"] {
            assert_eq!(link("x/y/z", target), Ok(Course::Straight), "{target}");
        }
        for target in ["b/..", "../b/../c", "b/../../.."] {
            assert_eq!(link("x/y/z", target), Ok(Course::Winding), "{target}");
        }
        for target in ["../../..", "../../../x/y/z", "b/../../../..", ".//../../../."] {
            let outside = Fault::LinkOutside { target: target.into() };
            assert_eq!(link("x/y/z", target), Err(outside), "{target}");
        }
        assert_eq!(link("x", &"a/../".repeat(LINK_TURNS_MAX)), Ok(Course::Winding));
        assert_eq!(link("x", &"a/../".repeat(LINK_TURNS_MAX + 1)), Err(Fault::LinkTurns));
        assert_eq!(link("x", ".."), Err(Fault::LinkOutside { target: b"..".into() }));
        assert_eq!(link("x", "/y"), Err(Fault::LinkAbsolute { target: b"/y".into() }));
        assert_eq!(link("x", ""), Err(Fault::LinkEmpty));
        assert_eq!(link("x", "a\0"), Err(Fault::LinkEmpty));
    }

    #[test]
    fn a_winding_link_says_where_it_turns() {
        let of = |link: &str, target: &str| -> Vec<String> {
            let turns = turns(link.as_bytes(), target.as_bytes());
            turns.into_iter().map(|turn| String::from_utf8(turn).unwrap()).collect()
        };
        assert_eq!(of("x/l", "../a/b/../../c/.."), ["a/b", "a", "c"]);
        assert_eq!(of("l", "a/../b"), ["a"]);
        assert!(of("x/l", "../a").is_empty());
    }
}
