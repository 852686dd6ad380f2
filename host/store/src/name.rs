//! Names in a store: of entries, and of what is on its way to be one or no longer is one.
//!
//! A name is made from package name and version, but never taken apart into them: `a-b` in version `1` and `a` in
//! version `b-1` read alike. What an entry is, its `derivation.json` says.

use crate::digest::{Digest, hex, is_hex};
use crate::limits::NAME_BYTES_MAX;
use std::fmt;

const HASH_DIGITS: usize = 32;
const NONCE_DIGITS: usize = 16;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a package name begins with a letter or digit and goes on with these or `.`, `_`, `+`, `-`: `{text}`")]
    Package { text: String },
    #[error("a version begins with a letter or digit and goes on with these or `.`, `_`, `+`, `-`, `~`: `{text}`")]
    Version { text: String },
    #[error("the name `{text}` is longer than {NAME_BYTES_MAX} bytes")]
    TooLong { text: String },
    #[error("`{text}` is not the name of a store entry")]
    Shape { text: String },
}

/// The name of a package. Invariant: a letter or digit, then these or `._+-`; ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(String);

impl PackageName {
    /// Reads a package name.
    pub fn parse(text: &str) -> Result<PackageName, NameError> {
        if is_part(text, is_package_byte) {
            return Ok(PackageName(text.to_owned()));
        }
        Err(NameError::Package { text: text.to_owned() })
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The version of a package. Invariant: a letter or digit, then these or `._+-~`; ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(String);

impl Version {
    /// Reads a version.
    pub fn parse(text: &str) -> Result<Version, NameError> {
        if is_part(text, is_version_byte) {
            return Ok(Version(text.to_owned()));
        }
        Err(NameError::Version { text: text.to_owned() })
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of an entry. Invariant: 32 lower-case hexadecimal digits, `-`, a package name, `-`, a version; at most
/// [`NAME_BYTES_MAX`] bytes of ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreName(String);

impl StoreName {
    /// Makes the name of what has this digest.
    pub(crate) fn new(digest: &Digest, package: &PackageName, version: &Version) -> Result<StoreName, NameError> {
        let hash = hex(&digest.as_bytes()[..HASH_DIGITS / 2]);
        let text = format!("{hash}-{}-{}", package.0, version.0);
        if text.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong { text });
        }
        Ok(StoreName(text))
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Result<StoreName, NameError> {
        match is_store_name(text) {
            true => Ok(StoreName(text.to_owned())),
            false => Err(NameError::Shape { text: text.to_owned() }),
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<std::path::Path> for StoreName {
    fn as_ref(&self) -> &std::path::Path {
        self.0.as_ref()
    }
}

/// What a temporary directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// It is going to be an entry.
    Staging,
    /// It was one, and is being removed.
    Removal,
}

/// The name of a temporary directory beside the entries: `.tmp-` or `.gc-`, an entry's name, `.` and 16 hexadecimal
/// digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemporaryName {
    purpose: Purpose,
    of: StoreName,
    text: String,
}

impl TemporaryName {
    /// Makes the name of a temporary for an entry; `nonce` tells it from others for the same.
    pub(crate) fn new(purpose: Purpose, of: &StoreName, nonce: u64) -> TemporaryName {
        let text = format!("{}{of}.{nonce:016x}", purpose.prefix());
        TemporaryName { purpose, of: of.clone(), text }
    }

    /// Reads a name; `None` if it has another shape.
    pub(crate) fn parse(text: &str) -> Option<TemporaryName> {
        let purposes = [Purpose::Staging, Purpose::Removal];
        let purpose = purposes.into_iter().find(|purpose| text.starts_with(purpose.prefix()))?;
        let (of, nonce) = text[purpose.prefix().len()..].rsplit_once('.')?;
        if nonce.len() != NONCE_DIGITS || !is_hex(nonce) || !is_store_name(of) {
            return None;
        }
        Some(TemporaryName { purpose, of: StoreName(of.to_owned()), text: text.to_owned() })
    }

    /// Returns what it is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Returns the name of the entry that it is going to be or was.
    pub fn of(&self) -> &StoreName {
        &self.of
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for TemporaryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl AsRef<std::path::Path> for TemporaryName {
    fn as_ref(&self) -> &std::path::Path {
        self.text.as_ref()
    }
}

impl Purpose {
    fn prefix(self) -> &'static str {
        match self {
            Purpose::Staging => ".tmp-",
            Purpose::Removal => ".gc-",
        }
    }
}

fn is_store_name(text: &str) -> bool {
    let Some((hash, rest)) = text.split_at_checked(HASH_DIGITS) else { return false };
    let Some(rest) = rest.strip_prefix('-') else { return false };
    let parts = || rest.match_indices('-').map(|(at, _)| (&rest[..at], &rest[at + 1..]));
    is_hex(hash)
        && text.len() <= NAME_BYTES_MAX
        && parts().any(|(package, version)| is_part(package, is_package_byte) && is_part(version, is_version_byte))
}

fn is_part(text: &str, fits: fn(u8) -> bool) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric()) && text.bytes().all(fits)
}

fn is_package_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+-".contains(&byte)
}

fn is_version_byte(byte: u8) -> bool {
    is_package_byte(byte) || byte == b'~'
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef";

    fn name(package: &str, version: &str) -> Result<StoreName, NameError> {
        let (package, version) = (PackageName::parse(package)?, Version::parse(version)?);
        StoreName::new(&Digest::of(b"x"), &package, &version)
    }

    #[test]
    fn a_made_name_is_read_back() {
        for (package, version) in
            [("hello", "1.0"), ("a-b", "1"), ("g++", "12"), ("x_y", "1~rc1+2"), ("7", "0"), ("a", "b-~")]
        {
            let name = name(package, version).unwrap();
            assert_eq!(StoreName::parse(name.as_str()), Ok(name));
        }
    }

    #[test]
    fn names_that_could_lead_elsewhere_or_hide_are_refused() {
        for text in ["", ".", "..", ".a", "-a", "a/b", "a b", "a\n", "é", "a\0", "_a", "~a", "+"] {
            assert!(PackageName::parse(text).is_err(), "{text:?}");
            assert!(Version::parse(text).is_err(), "{text:?}");
        }
        assert!(PackageName::parse("a~b").is_err());
    }

    #[test]
    fn only_the_shape_is_an_entry() {
        let bad = [
            String::new(),
            HASH.to_owned(),
            format!("{HASH}-"),
            format!("{HASH}-hello"),
            format!("{HASH}-hello-"),
            format!("{HASH}--1"),
            format!("{HASH}-a~b-1"),
            format!("{HASH}_hello-1"),
            format!("{}-hello-1", HASH.to_uppercase()),
            format!("{}-hello-1", &HASH[1..]),
            format!("{HASH}-hello-1/x"),
            format!("{HASH}-hello-1 "),
            format!("{HASH}-{}-1", "h".repeat(NAME_BYTES_MAX)),
            "é".repeat(40),
        ];
        for text in bad {
            assert!(StoreName::parse(&text).is_err(), "{text:?}");
        }
        for good in ["hello-1", "a-b-1", "a-~-1", "a-1~x"] {
            let text = format!("{HASH}-{good}");
            assert_eq!(StoreName::parse(&text).is_ok(), good != "a-~-1", "{text}");
        }
    }

    #[test]
    fn the_longest_name_leaves_room_for_a_temporary_one() {
        let package = "p".repeat(NAME_BYTES_MAX - HASH_DIGITS - 3);
        let longest = name(&package, "1").unwrap();
        assert_eq!(longest.as_str().len(), NAME_BYTES_MAX);
        assert_eq!(TemporaryName::new(Purpose::Staging, &longest, u64::MAX).as_str().len(), 255);
        assert!(matches!(name(&package, "12"), Err(NameError::TooLong { .. })));
    }

    #[test]
    fn temporary_names_are_read_back_and_nothing_else_is() {
        let of = name("a-b.c", "1.0").unwrap();
        for purpose in [Purpose::Staging, Purpose::Removal] {
            let temporary = TemporaryName::new(purpose, &of, 7);
            assert!(StoreName::parse(temporary.as_str()).is_err());
            assert_eq!(TemporaryName::parse(temporary.as_str()), Some(temporary));
        }
        for text in [
            format!(".tmp-{of}"),
            format!(".tmp-{of}.0123456789ab"),
            format!(".tmp-{of}.0123456789ABCDEF"),
            format!(".tmp-x.{}", "0".repeat(16)),
            format!(".gc{of}.{}", "0".repeat(16)),
            format!("tmp-{of}.{}", "0".repeat(16)),
        ] {
            assert_eq!(TemporaryName::parse(&text), None, "{text}");
        }
    }
}
