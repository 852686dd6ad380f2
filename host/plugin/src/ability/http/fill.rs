//! Puts secrets into a JSON document, each as the text at a pointer (RFC 6901). The document is not taken apart and
//! written anew: it is copied, with the secrets in their places, so that no secret is ever in a value that leaves copies.
//!
//! What is put in is always one JSON text: a secret cannot end it and begin something else.

use crate::limits::FILLED_MEMBERS_MAX;
use crate::word::cut;
use punix_model::{Secret, SecretBuffer};
use std::ops::Range;

/// Why a secret cannot be put where it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FillError {
    #[error("the body that is to be filled is not JSON")]
    NotJson,
    #[error("at most {FILLED_MEMBERS_MAX} members can be filled")]
    TooMany,
    #[error("`{pointer}` is not a JSON pointer to a member")]
    Pointer { pointer: String },
    #[error("`{pointer}` leads nowhere: there is no object or list that could hold it")]
    Nowhere { pointer: String },
    #[error("a member on the way to `{pointer}` is there twice")]
    Twice { pointer: String },
    #[error("`{pointer}` is, or is inside of, another member that is filled")]
    Overlap { pointer: String },
    #[error("the secret for `{pointer}` is not text")]
    NotText { pointer: String },
}

/// What happens at one place of the document.
struct Splice<'a> {
    /// What is left out; empty where something is added.
    replaced: Range<usize>,
    /// The name of a member that is added, as JSON.
    name: Option<String>,
    /// It is the first of its object.
    first: bool,
    secret: &'a str,
}

/// Returns a document with secrets at pointers. What is there is replaced; the last member on the way need not be there.
pub(super) fn fill(document: &[u8], members: &[(&str, &Secret)]) -> Result<SecretBuffer, FillError> {
    let document = std::str::from_utf8(document).map_err(|_| FillError::NotJson)?;
    serde_json::from_str::<serde::de::IgnoredAny>(document).map_err(|_| FillError::NotJson)?;
    if members.len() > FILLED_MEMBERS_MAX {
        return Err(FillError::TooMany);
    }
    let mut paths: Vec<Vec<String>> = Vec::with_capacity(members.len());
    let mut splices = Vec::with_capacity(members.len());
    for (pointer, secret) in members {
        let shown = || cut(pointer);
        let path = parts(pointer).ok_or_else(|| FillError::Pointer { pointer: shown() })?;
        if paths.iter().any(|other| other.starts_with(&path) || path.starts_with(other)) {
            return Err(FillError::Overlap { pointer: shown() });
        }
        let text = std::str::from_utf8(secret.expose()).map_err(|_| FillError::NotText { pointer: shown() })?;
        splices.push(place(document, &path, shown, text)?);
        paths.push(path);
    }
    // Stable, so members of one object are added in the order in which they were given.
    splices.sort_by_key(|splice| splice.replaced.start);
    Ok(splice(document, &splices))
}

/// Copies a document, with something at some places; these are in order and do not overlap.
fn splice(document: &str, splices: &[Splice<'_>]) -> SecretBuffer {
    const ESCAPED_BYTES_MAX: usize = "\\u0000".len();
    const AROUND: usize = r#","":"#.len();
    let added = splices.iter().map(|splice| {
        AROUND + 2 + splice.name.as_ref().map_or(0, String::len) + splice.secret.len() * ESCAPED_BYTES_MAX
    });
    let mut filled = SecretBuffer::with_room(document.len() + added.sum::<usize>());
    let mut fits = true;
    let mut copied = 0;
    for (number, splice) in splices.iter().enumerate() {
        let Range { start, end } = splice.replaced;
        fits &= filled.push(document.get(copied..start).unwrap_or_default().as_bytes());
        if let Some(name) = &splice.name {
            let before = number.checked_sub(1).and_then(|before| splices.get(before));
            let beside = before.is_some_and(|before| before.name.is_some() && before.replaced == splice.replaced);
            fits &= filled.push(if splice.first && !beside { b"" } else { b"," });
            fits &= filled.push(name.as_bytes()) && filled.push(b":");
        }
        fits &= push_text(&mut filled, splice.secret);
        copied = end;
    }
    fits &= filled.push(document.get(copied..).unwrap_or_default().as_bytes());
    assert!(fits, "room was made for the longest form of everything");
    filled
}

/// Writes a text as JSON.
fn push_text(filled: &mut SecretBuffer, text: &str) -> bool {
    let mut fits = filled.push(b"\"");
    for character in text.chars() {
        fits &= match character {
            '"' => filled.push(b"\\\""),
            '\\' => filled.push(b"\\\\"),
            '\0'..='\u{1f}' | '\u{7f}' => filled.push(format!("\\u{:04x}", u32::from(character)).as_bytes()),
            other => filled.push(other.encode_utf8(&mut [0; 4]).as_bytes()),
        };
    }
    fits && filled.push(b"\"")
}

/// Reads a pointer; that to the whole document is none to a member.
fn parts(pointer: &str) -> Option<Vec<String>> {
    let escaped = |part: &str| part.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    let parts = pointer.strip_prefix('/')?.split('/');
    parts.map(|part| escaped(part).then(|| part.replace("~1", "/").replace("~0", "~"))).collect()
}

/// Finds the place of a member.
fn place<'a>(
    document: &str,
    path: &[String],
    shown: impl Fn() -> String,
    secret: &'a str,
) -> Result<Splice<'a>, FillError> {
    let nowhere = || FillError::Nowhere { pointer: shown() };
    let mut at = Cursor { document, at: 0 };
    for (depth, part) in path.iter().enumerate() {
        let is_last = depth + 1 == path.len();
        at.skip_space();
        match at.next() {
            Some('{') => match at.member(part).map_err(|Twice| FillError::Twice { pointer: shown() })? {
                Member::There(start) => at.at = start,
                Member::Absent { end, first } if is_last => {
                    let name = serde_json::to_string(part).map_err(|_| nowhere())?;
                    return Ok(Splice { replaced: end..end, name: Some(name), first, secret });
                }
                Member::Absent { .. } => return Err(nowhere()),
            },
            Some('[') => at.at = index(part).and_then(|index| at.element(index)).ok_or_else(nowhere)?,
            _ => return Err(nowhere()),
        }
    }
    at.skip_space();
    let start = at.at;
    at.skip_value();
    Ok(Splice { replaced: start..at.at, name: None, first: false, secret })
}

/// Reads the number of an element.
fn index(part: &str) -> Option<usize> {
    let plain = part == "0" || (!part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()));
    part.parse().ok().filter(|_| plain)
}

/// A place in a document that is known to be JSON. Whatever it is, none of the steps panics, and each goes on.
struct Cursor<'d> {
    document: &'d str,
    at: usize,
}

enum Member {
    /// Where its value begins.
    There(usize),
    /// Where the object ends, and whether there is nothing in it.
    Absent { end: usize, first: bool },
}

struct Twice;

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.document.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|next| " \t\r\n".contains(next)) {
            self.at += 1;
        }
    }

    /// Looks for a member of the object that was just entered.
    fn member(&mut self, name: &str) -> Result<Member, Twice> {
        let (mut found, mut first) = (None, true);
        loop {
            self.skip_space();
            match self.peek() {
                Some('"') => {}
                Some(',') => {
                    self.at += 1;
                    continue;
                }
                // The end of the object.
                _ => return Ok(found.map_or(Member::Absent { end: self.at, first }, Member::There)),
            }
            first = false;
            let start = self.at;
            self.skip_value();
            let key = self.document.get(start..self.at).unwrap_or_default();
            let same = serde_json::from_str::<String>(key).is_ok_and(|key| key == name);
            self.skip_space();
            // The colon.
            self.next();
            self.skip_space();
            if same && found.replace(self.at).is_some() {
                return Err(Twice);
            }
            self.skip_value();
        }
    }

    /// Returns where an element of the list that was just entered begins.
    fn element(&mut self, index: usize) -> Option<usize> {
        for number in 0.. {
            self.skip_space();
            if matches!(self.peek(), None | Some(']')) {
                return None;
            }
            if number == index {
                return Some(self.at);
            }
            self.skip_value();
            self.skip_space();
            // The comma.
            if self.peek() == Some(',') {
                self.at += 1;
            }
        }
        None
    }

    /// Goes behind a value.
    fn skip_value(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.next() {
                Some('"') => self.skip_text(),
                Some('{' | '[') => depth += 1,
                Some('}' | ']') => depth = depth.saturating_sub(1),
                Some(',' | ':' | ' ' | '\t' | '\r' | '\n') => {}
                Some(_) => {
                    while self.peek().is_some_and(|next| !",:]} \t\r\n".contains(next)) {
                        self.next();
                    }
                }
                None => return,
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Goes behind a text whose first quote was taken.
    fn skip_text(&mut self) {
        while let Some(next) = self.next() {
            match next {
                '"' => return,
                '\\' => {
                    self.next();
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
