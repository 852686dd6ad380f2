//! The values that a derivation is made of, and their one form in bytes: JSON without blanks, keys by code point,
//! ASCII only. Equal values give equal bytes, different ones different bytes.
//!
//! What JSON has no word for is an object with one key that begins with `$`: secret references, artifacts, texts with
//! store paths in them. A record's own keys that begin with `$` get another one in front, so nothing can be mistaken
//! for something else.

mod read;

pub use read::ReadError;
pub(crate) use read::Reader;

use crate::limits::INTEGER_DIGITS_MAX;
use crate::name::StoreName;
use punix_diag::json_string;
use std::collections::BTreeMap;

/// Fields by name. The order of strings is that of their code points.
pub type Record = BTreeMap<String, Value>;

/// A value that goes into a derivation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Bool(bool),
    Integer(Integer),
    Text(String),
    Woven(Woven),
    List(Vec<Value>),
    Record(Record),
    /// Where a secret comes from; never what it is.
    Secret {
        kind: String,
        name: String,
    },
    Artifact {
        host: String,
        name: String,
    },
}

/// An integer of any size. Invariant: decimal digits, perhaps `-` before them, no needless zero, at most
/// [`INTEGER_DIGITS_MAX`] digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Integer(String);

impl Integer {
    /// Reads an integer in its one spelling.
    pub fn parse(text: &str) -> Option<Integer> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let fits = (1..=INTEGER_DIGITS_MAX).contains(&digits.len());
        let plain = digits == "0" && text == "0" || !digits.starts_with('0');
        let is_one = fits && plain && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_one.then(|| Integer(text.to_owned()))
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<u64> for Integer {
    fn from(number: u64) -> Integer {
        Integer(number.to_string())
    }
}

impl From<i64> for Integer {
    fn from(number: i64) -> Integer {
        Integer(number.to_string())
    }
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// The path of a store entry, whatever the root.
    Path(StoreName),
}

/// A text with store paths in it. Invariant: at least one path; no text is empty or follows another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Woven(Vec<Piece>);

impl Woven {
    /// Returns the parts in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }
}

impl Value {
    /// Joins pieces: a plain text if no store path is among them.
    pub fn weave(pieces: impl IntoIterator<Item = Piece>) -> Value {
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (joined.last_mut(), piece) {
                (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
                (_, Piece::Text(text)) if text.is_empty() => {}
                (_, piece) => joined.push(piece),
            }
        }
        if joined.iter().any(|piece| matches!(piece, Piece::Path(_))) {
            return Value::Woven(Woven(joined));
        }
        match joined.pop() {
            Some(Piece::Text(text)) => Value::Text(text),
            Some(Piece::Path(_)) | None => Value::Text(String::new()),
        }
    }

    /// Returns a text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// Appends the canonical bytes, all of them ASCII. Depth must have been checked.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Integer(integer) => out.push_str(&integer.0),
            Value::Text(text) => json_string(text, out),
            Value::Woven(woven) => tagged("$text", out, |out| {
                list(&woven.0, out, |piece, out| match piece {
                    Piece::Text(text) => json_string(text, out),
                    Piece::Path(name) => {
                        tagged("$store", out, |out| json_string(name.as_str(), out));
                    }
                });
            }),
            Value::List(values) => list(values, out, Value::write),
            Value::Record(record) => write_record(record, out),
            Value::Secret { kind, name } => pair("$secret", [kind, name], out),
            Value::Artifact { host, name } => pair("$artifact", [host, name], out),
        }
    }

    /// Returns how many values are inside each other; stops counting above `limit`.
    pub(crate) fn depth(&self, limit: usize) -> usize {
        let below =
            |values: &mut dyn Iterator<Item = &Value>| values.map(|value| value.depth(limit - 1)).max().unwrap_or(0);
        match self {
            _ if limit == 0 => 1,
            Value::List(values) => 1 + below(&mut values.iter()),
            Value::Record(record) => 1 + below(&mut record.values()),
            Value::Bool(_)
            | Value::Integer(_)
            | Value::Text(_)
            | Value::Woven(_)
            | Value::Secret { .. }
            | Value::Artifact { .. } => 1,
        }
    }

    /// Hands over every store entry whose path is in this value.
    pub(crate) fn each_entry(&self, found: &mut dyn FnMut(&StoreName)) {
        match self {
            Value::Woven(woven) => woven.0.iter().for_each(|piece| match piece {
                Piece::Path(name) => found(name),
                Piece::Text(_) => {}
            }),
            Value::List(values) => values.iter().for_each(|value| value.each_entry(found)),
            Value::Record(record) => record.values().for_each(|value| value.each_entry(found)),
            Value::Bool(_) | Value::Integer(_) | Value::Text(_) | Value::Secret { .. } | Value::Artifact { .. } => {}
        }
    }
}

/// Appends the canonical bytes of a record.
pub(crate) fn write_record(record: &Record, out: &mut String) {
    out.push('{');
    for (index, (key, value)) in record.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match key.starts_with('$') {
            true => json_string(&format!("${key}"), out),
            false => json_string(key, out),
        }
        out.push(':');
        value.write(out);
    }
    out.push('}');
}

fn list<T>(items: &[T], out: &mut String, mut write: impl FnMut(&T, &mut String)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}

fn pair(tag: &str, parts: [&String; 2], out: &mut String) {
    tagged(tag, out, |out| list(&parts, out, |part, out| json_string(part, out)));
}

fn tagged(tag: &str, out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('{');
    json_string(tag, out);
    out.push(':');
    write(out);
    out.push('}');
}

#[cfg(test)]
mod tests;
