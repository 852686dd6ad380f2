//! The id of a commit: the one name that always means the same files.

use std::fmt;

/// Why a text does not name a commit for ever.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    #[error("`{}` is not the id of a commit, but perhaps a branch or a tag, which can mean other files tomorrow", .text.escape_debug())]
    Name { text: String },
    #[error("`{text}` is the beginning of an id, and more than one commit can begin like that")]
    Short { text: String },
    #[error("the id of a commit is written in lower case")]
    Case,
}

/// The id of a commit. Invariant: 40 or 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Commit(String);

impl Commit {
    /// Reads a full id. Branches, tags and short ids are refused.
    pub fn parse(text: &str) -> Result<Commit, CommitError> {
        let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.len() {
            _ if !is_hex => Err(CommitError::Name { text: text.to_owned() }),
            40 | 64 if text.bytes().any(|byte| byte.is_ascii_uppercase()) => Err(CommitError::Case),
            40 | 64 => Ok(Commit(text.to_owned())),
            length if length < 64 => Err(CommitError::Short { text: text.to_owned() }),
            _ => Err(CommitError::Name { text: text.to_owned() }),
        }
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns how `git` calls the kind of hash that the id is.
    pub(super) fn object_format(&self) -> &'static str {
        if self.0.len() == 64 { "sha256" } else { "sha1" }
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_ids_are_taken() {
        for length in [40, 64] {
            let text = "0123456789abcdef".repeat(4)[..length].to_owned();
            assert_eq!(Commit::parse(&text).unwrap().as_str(), text);
            assert_eq!(Commit::parse(&text.to_uppercase()), Err(CommitError::Case));
        }
        for text in
            ["main", "v1.0", "HEAD", "", "-x", "refs/heads/main", &"a".repeat(65), &format!("{}\n", "a".repeat(40))]
        {
            assert!(matches!(Commit::parse(text), Err(CommitError::Name { .. })), "{text}");
        }
        for text in ["abc1234", &"a".repeat(39), &"a".repeat(41)] {
            assert!(matches!(Commit::parse(text), Err(CommitError::Short { .. })), "{text}");
        }
    }
}
