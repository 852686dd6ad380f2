//! Paths on a target, as narrow as they have to be: what is one of these leads to one place only, below the root that
//! it is taken from.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::path::Path;

/// The longest path that Linux takes.
const PATH_BYTES_MAX: usize = 4095;
const PART_BYTES_MAX: usize = 255;

/// A path on a target. Invariant: it starts with `/`; no part is empty, `.` or `..`, or longer than a name can be; there
/// are no control characters in it; it is not the root itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TargetPath(String);

/// Why a text is no path on a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathIssue {
    #[error("it does not start with `/`")]
    Relative,
    #[error("it has an empty part, `.` or `..`")]
    Crooked,
    #[error("it contains a control character")]
    Control,
    #[error("it, or a part of it, is longer than Linux takes")]
    Long,
    #[error("it is the root itself")]
    Root,
}

impl TargetPath {
    /// Reads a path.
    pub fn parse(text: &str) -> Result<TargetPath, PathIssue> {
        let rest = text.strip_prefix('/').ok_or(PathIssue::Relative)?;
        if rest.is_empty() {
            return Err(PathIssue::Root);
        }
        if text.chars().any(char::is_control) {
            return Err(PathIssue::Control);
        }
        if rest.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(PathIssue::Crooked);
        }
        if text.len() > PATH_BYTES_MAX || rest.split('/').any(|part| part.len() > PART_BYTES_MAX) {
            return Err(PathIssue::Long);
        }
        Ok(TargetPath(text.to_owned()))
    }

    /// Returns the text, with its `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path as a [`Disk`](punix_disk::Disk) takes it: relative to the root.
    pub fn on_disk(&self) -> &Path {
        Path::new(self.0.trim_start_matches('/'))
    }

    /// Returns the name, which is the last part.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the directory that it is in, or `None` if that is the root.
    pub fn parent(&self) -> Option<TargetPath> {
        let (parent, _) = self.0.rsplit_once('/')?;
        (!parent.is_empty()).then(|| TargetPath(parent.to_owned()))
    }

    /// Returns what is below this path at a relative one.
    pub fn join(&self, rest: &str) -> Result<TargetPath, PathIssue> {
        TargetPath::parse(&format!("{}/{rest}", self.0))
    }

    /// Returns whether this is `above`, or below it.
    pub fn is_within(&self, above: &TargetPath) -> bool {
        self.0.strip_prefix(&above.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TargetPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TargetPath, D::Error> {
        let text = String::deserialize(deserializer)?;
        TargetPath::parse(&text).map_err(|issue| serde::de::Error::custom(format!("`{text}` is no path here: {issue}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_one_place_only() {
        let issue = |text: &str| TargetPath::parse(text).unwrap_err();
        assert_eq!(
            (issue("etc/a"), issue(""), issue("/")),
            (PathIssue::Relative, PathIssue::Relative, PathIssue::Root)
        );
        for text in ["//", "/a//b", "/a/", "/./a", "/a/..", "/../a"] {
            assert_eq!(issue(text), PathIssue::Crooked, "{text}");
        }
        assert_eq!((issue("/a\nb"), issue("/a\0")), (PathIssue::Control, PathIssue::Control));
        assert_eq!(issue(&format!("/{}", "x".repeat(256))), PathIssue::Long);
        assert_eq!(issue(&"/xx".repeat(1400)), PathIssue::Long);
    }

    #[test]
    fn a_path_is_taken_apart_and_put_together() {
        let path = TargetPath::parse("/etc/app/a.conf").unwrap();
        assert_eq!((path.name(), path.on_disk()), ("a.conf", Path::new("etc/app/a.conf")));
        let parent = path.parent().unwrap();
        assert_eq!((parent.as_str(), parent.parent().unwrap().parent()), ("/etc/app", None));
        assert_eq!(parent.join("a.conf").unwrap(), path);
        assert!(path.is_within(&parent) && path.is_within(&path));
        assert!(!TargetPath::parse("/etc/application").unwrap().is_within(&parent));
    }
}
