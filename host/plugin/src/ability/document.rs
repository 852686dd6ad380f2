//! Takes one value out of a JSON document. The document may be full of secrets: no tree of it is built, only the value
//! that is wanted is copied, and no error says anything of what stands in it.

use crate::limits::{POINTER_BYTES_MAX, POINTER_PARTS_MAX};
use punix_model::{Secret, SecretBuffer};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Why there is no value. What does not depend on the document comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("it is not a JSON pointer: that is empty, or `/` and a name, repeated, with `~0` for `~` and `~1` for `/`")]
    Pointer,
    #[error("it has more than {POINTER_PARTS_MAX} parts or {POINTER_BYTES_MAX} bytes")]
    Deep,
    #[error("the document is not JSON")]
    NotJson,
    #[error("nothing stands there")]
    Absent,
    #[error("a name on the way is there twice")]
    Twice,
    #[error("what stands there is not a text, a number, `true` or `false`")]
    Shape,
    #[error("the text there holds half a character")]
    Half,
}

/// A value without parts, as the document writes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar<'d> {
    /// Between its quotes.
    Text(&'d str),
    /// A number, `true` or `false`.
    Word(&'d str),
    Null,
}

/// Finds the value at a pointer (RFC 6901).
pub(crate) fn scalar<'d>(document: &'d [u8], pointer: &str) -> Result<Scalar<'d>, DocumentError> {
    let parts = parts(pointer)?;
    let mut at: &RawValue = serde_json::from_slice(document).map_err(|_| DocumentError::NotJson)?;
    for part in &parts {
        at = match step(at, part).map_err(|_| DocumentError::NotJson)? {
            Found::Once(value) => value,
            Found::Nothing => return Err(DocumentError::Absent),
            Found::Twice => return Err(DocumentError::Twice),
        };
    }
    let text = at.get();
    match text.as_bytes().first() {
        Some(b'{' | b'[') | None => Err(DocumentError::Shape),
        Some(b'n') => Ok(Scalar::Null),
        Some(b'"') => {
            let inside = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            Ok(Scalar::Text(inside.ok_or(DocumentError::NotJson)?))
        }
        Some(_) => Ok(Scalar::Word(text)),
    }
}

impl Scalar<'_> {
    /// Returns what it says as a secret: a text without its quotes, anything else as it is written.
    pub(crate) fn secret(self) -> Result<Secret, DocumentError> {
        match self {
            Scalar::Text(raw) => Ok(unescaped(raw)?.into_secret()),
            Scalar::Word(raw) => Ok(Secret::new(raw.as_bytes().to_vec())),
            Scalar::Null => Err(DocumentError::Shape),
        }
    }

    /// Returns it as JSON.
    pub(crate) fn json(self) -> Result<String, DocumentError> {
        match self {
            Scalar::Text(raw) => unescaped(raw).map(|_| format!("\"{raw}\"")),
            Scalar::Word(raw) => Ok(raw.to_owned()),
            Scalar::Null => Ok("null".to_owned()),
        }
    }
}

/// Reads a pointer.
fn parts(pointer: &str) -> Result<Vec<String>, DocumentError> {
    if pointer.len() > POINTER_BYTES_MAX {
        return Err(DocumentError::Deep);
    }
    let rest = match pointer.strip_prefix('/') {
        Some(rest) => rest,
        None if pointer.is_empty() => return Ok(Vec::new()),
        None => return Err(DocumentError::Pointer),
    };
    let sound = |part: &str| part.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if !rest.split('/').all(sound) {
        return Err(DocumentError::Pointer);
    }
    // In this order, since `~01` is `~1`.
    let parts: Vec<String> = rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    if parts.len() > POINTER_PARTS_MAX { Err(DocumentError::Deep) } else { Ok(parts) }
}

/// What one part of a pointer leads to.
enum Found<'d> {
    Nothing,
    Once(&'d RawValue),
    Twice,
}

fn step<'d>(value: &'d RawValue, part: &str) -> serde_json::Result<Found<'d>> {
    let text = value.get();
    let mut reader = serde_json::Deserializer::from_str(text);
    match text.as_bytes().first() {
        Some(b'{') => reader.deserialize_map(Member { name: part }),
        Some(b'[') => match index(part) {
            Some(index) => reader.deserialize_seq(Element { index }),
            None => Ok(Found::Nothing),
        },
        _ => Ok(Found::Nothing),
    }
}

/// Reads a place in a list: digits, and no needless zero.
fn index(part: &str) -> Option<usize> {
    let digits = part.bytes().all(|byte| byte.is_ascii_digit());
    let plain = part == "0" || !part.starts_with('0');
    if digits && plain { part.parse().ok() } else { None }
}

/// Finds a member by its name.
struct Member<'n> {
    name: &'n str,
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found::Nothing;
        while let Some(meant) = map.next_key_seed(Is(self.name))? {
            if !meant {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value::<&RawValue>()?;
            found = match found {
                Found::Nothing => Found::Once(value),
                Found::Once(_) | Found::Twice => Found::Twice,
            };
        }
        Ok(found)
    }
}

/// Compares a name, without keeping it.
struct Is<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

/// Finds an element by its place.
struct Element {
    index: usize,
}

impl<'de> Visitor<'de> for Element {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found::Nothing;
        let mut place = 0;
        while let Some(value) = list.next_element::<&RawValue>()? {
            if place == self.index {
                found = Found::Once(value);
            }
            place += 1;
        }
        Ok(found)
    }
}

/// Reads what stands between quotes. It was read as JSON before, so that only characters in halves are left to refuse.
fn unescaped(raw: &str) -> Result<SecretBuffer, DocumentError> {
    // An escape is never shorter than what it stands for.
    let mut text = SecretBuffer::with_room(raw.len());
    let mut pieces = raw.split('\\');
    let mut put = |bytes: &[u8]| if text.push(bytes) { Ok(()) } else { Err(DocumentError::NotJson) };
    put(pieces.next().unwrap_or_default().as_bytes())?;
    while let Some(piece) = pieces.next() {
        let Some(kind) = piece.as_bytes().first() else {
            // Two backslashes: what follows the second is no escape.
            put(b"\\")?;
            put(pieces.next().unwrap_or_default().as_bytes())?;
            continue;
        };
        let mut rest = piece.get(1..).ok_or(DocumentError::NotJson)?;
        match kind {
            b'n' => put(b"\n")?,
            b't' => put(b"\t")?,
            b'r' => put(b"\r")?,
            b'b' => put(b"\x08")?,
            b'f' => put(b"\x0c")?,
            b'"' | b'/' => put(std::slice::from_ref(kind))?,
            b'u' => {
                let (mut units, after) = ([unit(rest)?, 0], behind(rest, 4)?);
                rest = after;
                let mut count = 1;
                if (0xd800..0xdc00).contains(&units[0]) {
                    let second = pieces.next().and_then(|piece| piece.strip_prefix('u')).ok_or(DocumentError::Half)?;
                    if !rest.is_empty() {
                        return Err(DocumentError::Half);
                    }
                    units[1] = unit(second)?;
                    rest = behind(second, 4)?;
                    count = 2;
                }
                for character in char::decode_utf16(units.into_iter().take(count)) {
                    let character = character.map_err(|_| DocumentError::Half)?;
                    put(character.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
            }
            _ => return Err(DocumentError::NotJson),
        }
        put(rest.as_bytes())?;
    }
    Ok(text)
}

/// Reads four hexadecimal digits.
fn unit(text: &str) -> Result<u16, DocumentError> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()).ok_or(DocumentError::NotJson)
}

fn behind(text: &str, bytes: usize) -> Result<&str, DocumentError> {
    text.get(bytes..).ok_or(DocumentError::NotJson)
}

#[cfg(test)]
mod tests;
