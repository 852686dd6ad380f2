//! The words of manifests and policies as narrow types: each is read once, and whoever holds one need not look again.

use crate::limits::{WHY_CHARACTERS_MAX, WORD_BYTES_MAX};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not such a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct WordError {
    pub text: String,
    pub what: &'static str,
}

/// Makes a type of texts that `$fits`, and are not longer than words are.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $what:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads one.
            pub fn parse(text: &str) -> Result<$name, $crate::word::WordError> {
                let fits: fn(&str) -> bool = $fits;
                if text.len() <= $crate::limits::WORD_BYTES_MAX && fits(text) {
                    return Ok($name(text.to_owned()));
                }
                Err($crate::word::WordError { text: $crate::word::cut(text), what: $what })
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::word::WordError;

            fn try_from(text: String) -> Result<$name, $crate::word::WordError> {
                $name::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> String {
                word.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word! {
    /// Names a plugin for all the world: `org.example.bao`. Invariant: at least two parts; each begins with a letter and
    /// goes on with lower-case letters, digits or `-`.
    Id, "the id of a plugin: a domain name turned round, such as `org.example.bao`", |text| {
        text.contains('.') && text.split('.').all(is_label)
    }
}

word! {
    /// The version of a plugin. Invariant: three numbers, perhaps `-` or `+` and more behind them.
    Version, "a version such as `1.2.3` or `1.2.3-rc.1`", |text| {
        let (numbers, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
        let is_number = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
        };
        let is_rest = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
        numbers.split('.').count() == 3 && numbers.split('.').all(is_number) && rest.len() != 1 && rest.bytes().all(is_rest)
    }
}

word! {
    /// What a plugin is found by: a backend's name, the key of a reference, the scheme of a target.
    Handle, "a name of letters, digits, `_` and `-` in lower case", |text| {
        text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
    }
}

word! {
    /// Names a directory that a plugin may read, without saying where it is.
    RootName, "the name of a root: letters, digits and `-` in lower case", is_label
}

word! {
    /// The name of a variable. Invariant: what shells accept.
    VariableName, "the name of a variable", |text| {
        text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }
}

word! {
    /// An absolute path. Invariant: begins with `/`; no `.`, no `..`, no empty part, no control character.
    AbsolutePath, "an absolute path without `.`, `..` and doubled slashes", |text| {
        text == "/" || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_path_part))
    }
}

word! {
    /// The name of a program, to be placed by whoever grants it.
    ProgramName, "the name of a program", |text| is_path_part(text) && !text.contains('/') && !text.starts_with('-')
}

word! {
    /// Points at a member of a JSON document. Invariant: `/` and a name, repeated.
    Pointer, "a JSON pointer such as `/lease_duration`", |text| {
        let escaped = |part: &str| part.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        text.starts_with('/') && !text.chars().any(char::is_control) && escaped(text)
    }
}

word! {
    /// Names a certificate authority that the operator has set up.
    AuthorityName, "the name of a certificate authority: letters, digits and `-` in lower case", is_label
}

/// Why a plugin asks for something, in its author's words. Invariant: one line, not empty, not long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Why(String);

impl Why {
    /// Reads a reason.
    pub fn parse(text: &str) -> Result<Why, WordError> {
        let fits = !text.trim().is_empty()
            && text.chars().count() <= WHY_CHARACTERS_MAX
            && !text.chars().any(|character| character.is_control());
        match fits {
            true => Ok(Why(text.to_owned())),
            false => Err(WordError { text: cut(text), what: "a reason: one line of at most 200 characters" }),
        }
    }

    /// Returns the text. It is the plugin's, so show it as such.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Why {
    type Error = WordError;

    fn try_from(text: String) -> Result<Why, WordError> {
        Why::parse(&text)
    }
}

impl From<Why> for String {
    fn from(why: Why) -> String {
        why.0
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AbsolutePath {
    /// Tells whether this is `other` or below it.
    pub fn is_within(&self, other: &AbsolutePath) -> bool {
        let below = || self.0.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/'));
        other.0 == "/" || self.0 == other.0 || below()
    }

    /// Returns the last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }
}

/// Cuts what somebody wrote to what a message can hold.
pub(crate) fn cut(text: &str) -> String {
    cut_to(text, 80)
}

/// Cuts a text behind so many characters.
pub(crate) fn cut_to(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn is_label(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_path_part(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.chars().any(char::is_control)
}

const _: () = assert!(WORD_BYTES_MAX >= 128, "an id must fit");

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T>(parse: fn(&str) -> Result<T, WordError>, right: &[&str], wrong: &[&str]) {
        for text in right {
            assert!(parse(text).is_ok(), "{text}");
        }
        for text in wrong {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"a".repeat(WORD_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn each_word_has_its_shape() {
        check(
            Id::parse,
            &["org.example.bao", "a.b-2"],
            &["bao", "Org.example", "a..b", ".a.b", "a.b.", "a.-b", "a.b/c"],
        );
        check(
            Version::parse,
            &["0.3.1", "1.0.0-rc.1", "1.2.3+b"],
            &["1.2", "01.2.3", "1.2.3-", "1.2.3 ", "v1.2.3", "1.2.3.4"],
        );
        check(Handle::parse, &["from_bao", "systemd", "docker-exec"], &["", "_x", "From", "a/b", "a b"]);
        check(VariableName::parse, &["HOME", "_x1"], &["", "1A", "A-B", "A=B", "A\0"]);
        check(AbsolutePath::parse, &["/", "/etc/x y"], &["", "etc", "/etc/", "//", "/a/../b", "/./a", "/a\n"]);
        check(ProgramName::parse, &["docker"], &["", "..", "a/b", "-c"]);
        check(Pointer::parse, &["/a", "/a/b~0~1", "/"], &["", "a", "/~", "/~2", "/a\n"]);
        check(Why::parse, &["read KV"], &["", "  ", "a\nb", "a\u{1b}[0m"]);
    }

    #[test]
    fn within_looks_at_whole_parts() {
        let within = |a: &str, b: &str| AbsolutePath::parse(a).unwrap().is_within(&AbsolutePath::parse(b).unwrap());
        assert!(within("/etc/a", "/etc") && within("/etc", "/etc") && within("/etc", "/") && within("/", "/"));
        assert!(!within("/etcetera", "/etc") && !within("/etc", "/etc/a") && !within("/", "/etc"));
    }
}
