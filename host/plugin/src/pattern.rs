//! Patterns of hosts, paths and arguments. Two patterns have a common part that is a pattern again, so what a request,
//! a grant and a ceiling have in common can be written down, and nothing has to be tried out.

use crate::limits::{LIST_MAX, WORD_BYTES_MAX};
use crate::word::{WordError, cut};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One part of a sequence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Exactly(String),
    Any,
}

/// A pattern over lists of texts. Invariant: none needed; every value means something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sequence {
    parts: Vec<Part>,
    /// More may follow.
    open: bool,
}

/// A pattern of paths in URLs: `/v1/*`, `/v1/*/data`. A `*` is one part; at the end, one or more. Invariant: absolute,
/// no `.`, no `..`, no escapes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern(Sequence);

/// A pattern of arguments: `["exec", "*", "..."]`. A `*` is one argument, `...` at the end any number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ArgumentsPattern(Sequence);

/// Hosts with a port: `vault.internal:8200`, or `*.internal:8200` for whatever has one part in place of the `*`, as in
/// certificates. Invariant: lower case; no part empty; a number is not taken for a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    /// Behind `*.`, if it is a pattern.
    name: String,
    any_first: bool,
    port: u16,
}

impl Sequence {
    fn common(&self, other: &Sequence) -> Option<Sequence> {
        let (long, short) = if self.parts.len() >= other.parts.len() { (self, other) } else { (other, self) };
        if long.parts.len() > short.parts.len() && !short.open {
            return None;
        }
        let mut parts = Vec::with_capacity(long.parts.len());
        for (index, part) in long.parts.iter().enumerate() {
            parts.push(match (part, short.parts.get(index)) {
                (Part::Exactly(a), Some(Part::Exactly(b))) if a != b => return None,
                (Part::Any, Some(part)) => part.clone(),
                (part, _) => part.clone(),
            });
        }
        // Of two of one length both must allow more; a longer closed one is not opened by a shorter open one.
        let open = long.open && short.open;
        Some(Sequence { parts, open })
    }

    fn matches<'a>(&self, texts: impl ExactSizeIterator<Item = &'a str>) -> bool {
        let count = texts.len();
        let fits = |(part, text): (&Part, &str)| match part {
            Part::Exactly(wanted) => wanted == text,
            Part::Any => true,
        };
        let enough = if self.open { count >= self.parts.len() } else { count == self.parts.len() };
        enough && self.parts.iter().zip(texts).all(fits)
    }
}

impl PathPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<PathPattern, WordError> {
        let wrong = || WordError {
            text: cut(text),
            what: "a pattern of paths such as `/v1/*`, in which `*` stands for whole parts",
        };
        let parts = text.strip_prefix('/').ok_or_else(wrong)?.split('/').collect::<Vec<_>>();
        let sound = |part: &&str| *part == "*" || is_segment(part);
        if text.len() > WORD_BYTES_MAX || !parts.iter().all(sound) || is_doubled(&parts) {
            return Err(wrong());
        }
        let open = parts.last() == Some(&"*");
        Ok(PathPattern(Sequence { parts: parts.into_iter().map(part).collect(), open }))
    }

    /// Returns the pattern of what both match, if there is any.
    pub fn common(&self, other: &PathPattern) -> Option<PathPattern> {
        self.0.common(&other.0).map(PathPattern)
    }

    /// Tells whether a path, without its query, is meant. What could be read in two ways never is.
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/').filter(|_| is_plain_path(path)) else { return false };
        self.0.matches(rest.split('/').collect::<Vec<_>>().into_iter())
    }
}

impl ArgumentsPattern {
    /// Returns the pattern of all arguments.
    pub fn every() -> ArgumentsPattern {
        ArgumentsPattern(Sequence { parts: Vec::new(), open: true })
    }

    /// Returns the pattern of what both match, if there is any.
    pub fn common(&self, other: &ArgumentsPattern) -> Option<ArgumentsPattern> {
        self.0.common(&other.0).map(ArgumentsPattern)
    }

    /// Tells whether arguments, without the program, are meant.
    pub fn matches<'a>(&self, arguments: impl ExactSizeIterator<Item = &'a str>) -> bool {
        self.0.matches(arguments)
    }

    /// Tells whether it is the pattern of all arguments.
    pub(crate) fn is_every(&self) -> bool {
        *self == ArgumentsPattern::every()
    }

    /// Returns it as it is written.
    pub fn words(&self) -> Vec<String> {
        let more = self.0.open.then(|| "...".to_owned());
        self.0.parts.iter().map(|part| part.as_str().to_owned()).chain(more).collect()
    }
}

impl HostPattern {
    /// Reads a host with its port; without one it is that of HTTPS.
    pub fn parse(text: &str) -> Result<HostPattern, WordError> {
        const HTTPS: u16 = 443;
        let wrong = || WordError {
            text: cut(text),
            what: "a host with a port, such as `vault.internal:8200` or `*.internal:8200`",
        };
        let (host, port) = match text.rsplit_once(':') {
            // The colons of an address in brackets are its own.
            Some((host, port)) if !port.ends_with(']') => {
                let plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
                (host, plain.then(|| port.parse().ok()).flatten().ok_or_else(wrong)?)
            }
            _ => (text, HTTPS),
        };
        let (name, any_first) = match host.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (host, false),
        };
        let is_address = is_address(name);
        if text.len() > WORD_BYTES_MAX || !(is_address || is_domain(name)) || (any_first && is_address) {
            return Err(wrong());
        }
        Ok(HostPattern { name: name.to_owned(), any_first, port })
    }

    /// Returns the pattern of what both match, if there is any.
    pub fn common(&self, other: &HostPattern) -> Option<HostPattern> {
        let (narrow, wide) = if self.any_first { (other, self) } else { (self, other) };
        let same = narrow.any_first == wide.any_first && narrow.name == wide.name;
        let inside = !narrow.any_first && wide.any_first && narrow.parent() == Some(wide.name.as_str());
        (narrow.port == wide.port && (same || inside)).then(|| narrow.clone())
    }

    /// Tells whether a host in a URL is meant. `host` is in lower case, an IPv6 address in brackets.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let exact = HostPattern { name: host.to_owned(), any_first: false, port };
        (is_address(host) || is_domain(host)) && self.common(&exact).is_some()
    }

    /// Returns what stands behind the first part of a name; an address has none.
    fn parent(&self) -> Option<&str> {
        let name = self.name.split_once('.').map(|(_, parent)| parent);
        if is_address(&self.name) { None } else { name }
    }
}

impl Part {
    fn as_str(&self) -> &str {
        match self {
            Part::Exactly(text) => text,
            Part::Any => "*",
        }
    }
}

impl TryFrom<String> for PathPattern {
    type Error = WordError;

    fn try_from(text: String) -> Result<PathPattern, WordError> {
        PathPattern::parse(&text)
    }
}

impl TryFrom<String> for HostPattern {
    type Error = WordError;

    fn try_from(text: String) -> Result<HostPattern, WordError> {
        HostPattern::parse(&text)
    }
}

impl TryFrom<Vec<String>> for ArgumentsPattern {
    type Error = WordError;

    fn try_from(mut words: Vec<String>) -> Result<ArgumentsPattern, WordError> {
        let open = words.last().is_some_and(|word| word == "...");
        words.truncate(words.len() - usize::from(open));
        let sound = |word: &String| word.len() <= WORD_BYTES_MAX && word != "..." && !word.contains('\0');
        match words.iter().find(|word| !sound(word)) {
            Some(word) => Err(WordError { text: cut(word), what: "an argument; `...` goes to the end" }),
            None if words.len() > LIST_MAX => {
                Err(WordError { text: words.len().to_string(), what: "a number of arguments that a pattern can have" })
            }
            None => Ok(ArgumentsPattern(Sequence { parts: words.iter().map(|word| part(word)).collect(), open })),
        }
    }
}

impl From<ArgumentsPattern> for Vec<String> {
    fn from(pattern: ArgumentsPattern) -> Vec<String> {
        pattern.words()
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> String {
        pattern.to_string()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> String {
        pattern.to_string()
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.parts.iter().try_for_each(|part| write!(f, "/{}", part.as_str()))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:{}", if self.any_first { "*." } else { "" }, self.name, self.port)
    }
}

fn part(text: &str) -> Part {
    if text == "*" { Part::Any } else { Part::Exactly(text.to_owned()) }
}

/// Tells whether a text is an absolute path that can be read in one way only.
pub(crate) fn is_plain_path(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else { return false };
    let parts: Vec<&str> = rest.split('/').collect();
    parts.iter().all(|part| is_segment(part)) && !is_doubled(&parts)
}

/// Tells whether a text is a part of a path that can be read in one way only; nothing is escaped in it.
fn is_segment(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,=:@".contains(&byte);
    text != "." && text != ".." && text.bytes().all(plain)
}

/// Tells whether two slashes follow each other, which some servers take for one.
fn is_doubled(parts: &[&str]) -> bool {
    parts.split_last().is_some_and(|(_, before)| before.contains(&""))
}

pub(crate) fn is_address(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    // Only the one spelling: an address in another would not be compared as one.
    let six = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.to_string() == text);
    inside.is_some_and(six) || text.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Tells whether a text is a domain name in lower case. The last part has a letter, so that no number is one.
pub(crate) fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
    };
    let last = text.rsplit('.').next().unwrap_or("");
    text.split('.').all(label) && last.starts_with(|first: char| first.is_ascii_lowercase())
}

#[cfg(test)]
mod tests;
