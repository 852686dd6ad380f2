//! Where our own files are on a target. Everything else that is written there is a file of a stack.
//!
//! Below the deployments root: `<Stack>/gen-NNN.json`, `<Stack>/current`, `.lock`, `.key`, `.blobs/<sha256>`,
//! `.journal/`, `ledger.json`. Beside it, for the whole machine: `/var/lib/punix/claims/deployments/`.

use crate::failure::TargetError;
use crate::limits::STACK_NAME_BYTES_MAX;
use crate::path::{PathIssue, TargetPath};
use punix_store::Digest;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The name of the link to what is live.
pub(crate) const CURRENT: &str = "current";
const CLAIMS: &str = "/var/lib/punix/claims/deployments";

/// The places below one deployments root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: TargetPath,
}

impl Layout {
    /// Reads the path of a deployments root. It is one below the disk's root, whether it begins with `/` or not.
    pub fn new(deployments: &Path) -> Result<Layout, PathIssue> {
        let text = std::str::from_utf8(deployments.as_os_str().as_bytes()).map_err(|_| PathIssue::Control)?;
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        Ok(Layout { root: TargetPath::parse(&format!("/{}", parts.join("/")))? })
    }

    /// Returns the places below a deployments root whose path has no links in it.
    pub(crate) fn at(root: TargetPath) -> Layout {
        Layout { root }
    }

    /// Returns the deployments root.
    pub fn root(&self) -> &TargetPath {
        &self.root
    }

    /// Returns the directory of a stack. Its name is one part of a path, and none of ours.
    pub fn stack(&self, name: &str) -> Result<TargetPath, TargetError> {
        let refused = || TargetError::StackName { name: name.escape_debug().to_string() };
        if !is_stack(name) {
            return Err(refused());
        }
        self.root.join(name).map_err(|_| refused())
    }

    /// Returns where the record of a generation is.
    pub fn record(&self, stack: &str, number: u32) -> Result<TargetPath, TargetError> {
        Ok(own(&self.stack(stack)?, &record_name(number)))
    }

    /// Returns where the link to the live generation is.
    pub fn current(&self, stack: &str) -> Result<TargetPath, TargetError> {
        Ok(own(&self.stack(stack)?, CURRENT))
    }

    /// Returns the directory of journals.
    pub fn journal(&self) -> TargetPath {
        own(&self.root, ".journal")
    }

    /// Returns the directory of changes that wait to be confirmed.
    pub(crate) fn armed(&self) -> TargetPath {
        own(&self.root, ".armed")
    }

    /// Returns the directory of contents.
    pub fn blobs(&self) -> TargetPath {
        own(&self.root, ".blobs")
    }

    /// Returns where a content is.
    pub fn blob(&self, digest: &Digest) -> TargetPath {
        own(&self.blobs(), &digest.to_string())
    }

    /// Returns where it is written who has which path.
    pub fn ledger(&self) -> TargetPath {
        own(&self.root, "ledger.json")
    }

    /// Returns where the key is by which secrets are recognised.
    pub fn key(&self) -> TargetPath {
        own(&self.root, ".key")
    }

    pub(crate) fn lock(&self) -> TargetPath {
        own(&self.root, ".lock")
    }
}

/// Returns the directory in which all deployments roots of a machine are registered.
pub(crate) fn claims() -> TargetPath {
    TargetPath::parse(CLAIMS).expect("it is a plain path")
}

/// Returns a path of our own below another. Our names are short and plain.
pub(crate) fn own(above: &TargetPath, name: &str) -> TargetPath {
    above.join(name).unwrap_or_else(|_| above.clone())
}

/// Tells whether a text can be the name of a stack: it is the name of a module.
pub(crate) fn is_stack(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && name.len() <= STACK_NAME_BYTES_MAX
}

/// Returns the name of a record.
pub(crate) fn record_name(number: u32) -> String {
    format!("gen-{number:03}.json")
}

/// Reads the number from the name of a record, if it is one.
pub(crate) fn record_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("gen-")?.strip_suffix(".json")?.parse().ok()?;
    (record_name(number) == name).then_some(number)
}

/// Reads the number from what somebody else may take for the name of a record: with other zeros before it than ours has.
/// One that we could not give is nothing.
pub(crate) fn claimed_number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("gen-")?.strip_suffix(".json")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> Result<String, PathIssue> {
        Layout::new(Path::new(text)).map(|layout| layout.root.to_string())
    }

    #[test]
    fn a_deployments_root_is_below_the_disks_root() {
        for text in ["/srv/deploy", "srv/deploy", "srv//deploy/", "./srv/deploy", "//srv/./deploy"] {
            assert_eq!(layout(text).as_deref(), Ok("/srv/deploy"), "{text}");
        }
        assert_eq!(layout("/"), Err(PathIssue::Root));
        assert_eq!(layout(""), Err(PathIssue::Root));
        assert_eq!(layout("a/../b"), Err(PathIssue::Crooked));
    }

    #[test]
    fn the_name_of_a_stack_leads_nowhere_else() {
        let layout = Layout::new(Path::new("d")).unwrap();
        assert_eq!(layout.record("Web", 7).unwrap().as_str(), "/d/Web/gen-007.json");
        assert_eq!(layout.current("_w3").unwrap().as_str(), "/d/_w3/current");
        let long = "x".repeat(STACK_NAME_BYTES_MAX + 1);
        for name in ["", ".", "..", "../elsewhere", "a/b", ".journal", "3a", "a-b", "a\n", &long] {
            let error = layout.stack(name).unwrap_err();
            assert!(matches!(error, TargetError::StackName { .. }), "{name:?}: {error}");
        }
    }

    #[test]
    fn a_record_has_one_name() {
        for number in [0, 1, 99, 999, 1000, u32::MAX] {
            assert_eq!(record_number(&record_name(number)), Some(number));
        }
        for name in ["gen-1.json", "gen-0001.json", "gen-+01.json", "gen-001.json.tmp", "current", "gen-.json"] {
            assert_eq!(record_number(name), None, "{name}");
        }
    }

    #[test]
    fn other_names_claim_numbers_too() {
        for (name, number) in
            [("gen-5.json", 5), ("gen-005.json", 5), ("gen-00005.json", 5), ("gen-4294967295.json", u32::MAX)]
        {
            assert_eq!(claimed_number(name), Some(number), "{name}");
        }
        let huge = format!("gen-{}.json", "9".repeat(200));
        for name in [
            "gen-4294967296.json",
            "gen-18446744073709551616.json",
            &huge,
            "gen-.json",
            "gen-+5.json",
            "gen--5.json",
            "gen-5.json.bak",
            "gen-abc.json",
            "gen-٥.json",
        ] {
            assert_eq!(claimed_number(name), None, "{name}");
        }
    }
}
