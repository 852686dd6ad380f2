//! The file of `--vault-secrets`: a JSON object from references to texts. It is read into one buffer and each text out of it
//! into another, both of their full size from the start: what grows is copied, and leaves the copies behind.

use super::super::Stopped;
use crate::ui::{Ui, shown};
use punix_diag::{Code, Diagnostic};
use punix_model::{Secret, SecretBuffer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const BYTES_MAX: usize = 16 << 20;
/// Anything that others than the owner may do.
const OTHERS: u32 = 0o077;

/// A file of secrets, and what it is called.
pub(in crate::cmd::service) struct Export {
    pub(in crate::cmd::service) name: String,
    pub(in crate::cmd::service) values: BTreeMap<String, Secret>,
}

/// Why a text is no such object. No value is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unfit {
    /// Where it stops being JSON.
    Json {
        line: usize,
        column: usize,
    },
    Flat,
}

impl Export {
    pub(super) fn read(ui: &Ui, path: &Path, is_strict: bool) -> Result<Export, Stopped> {
        let name = shown(path);
        let wrong = |message: String| Stopped::from(Diagnostic::error(Code::E34, message));
        let cannot = |error: std::io::Error| wrong(format!("--vault-secrets: `{name}` cannot be read: {error}"));
        let mut file = File::open(path).map_err(cannot)?;
        if file.metadata().map_err(cannot)?.permissions().mode() & OTHERS != 0 {
            let open = format!("`{name}` holds secrets and can be read by others");
            if is_strict {
                return Err(Diagnostic::error(Code::E34, open).help(format!("chmod 600 {name}")).into());
            }
            ui.say(&format!("warning: {open}: chmod 600 {name}"));
        }
        punix_target::stay_in_memory();
        let mut bytes = SecretBuffer::with_room(BYTES_MAX);
        if !bytes.fill_from(&mut file).map_err(cannot)? {
            return Err(wrong(format!("--vault-secrets: `{name}` is larger than {} MiB", BYTES_MAX >> 20)));
        }
        match parse(bytes.bytes()) {
            Ok(values) => Ok(Export { name, values }),
            Err(Unfit::Flat) => {
                Err(wrong(format!("--vault-secrets: `{name}` must be a flat JSON object of string→string")))
            }
            Err(Unfit::Json { line, column }) => {
                Err(wrong(format!("--vault-secrets: `{name}` is not valid JSON: line {line} column {column}")))
            }
        }
    }
}

/// Reads an object of texts. That it is JSON is found out first, without keeping anything of it.
fn parse(bytes: &[u8]) -> Result<BTreeMap<String, Secret>, Unfit> {
    if let Err(error) = serde_json::from_slice::<&RawValue>(bytes) {
        return Err(Unfit::Json { line: error.line(), column: error.column() });
    }
    let mut rest = space(bytes);
    let mut values = BTreeMap::new();
    take(&mut rest, b'{')?;
    while take(&mut rest, b'}').is_err() {
        let name = text(&mut rest, bytes)?;
        take(&mut rest, b':')?;
        let value = text(&mut rest, bytes)?;
        // Names are no secrets.
        let name = std::str::from_utf8(name.bytes()).map_err(|_| at(bytes, rest))?;
        values.insert(name.to_owned(), value.into_secret());
        let _ = take(&mut rest, b',');
    }
    Ok(values)
}

fn space(bytes: &[u8]) -> &[u8] {
    let count = bytes.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
    bytes.get(count..).unwrap_or_default()
}

/// Takes a sign, and the white space behind it.
fn take(rest: &mut &[u8], sign: u8) -> Result<(), Unfit> {
    match rest.split_first() {
        Some((first, behind)) if *first == sign => {
            *rest = space(behind);
            Ok(())
        }
        Some(_) | None => Err(Unfit::Flat),
    }
}

/// Takes a text without its quotes and escapes, and the white space behind it.
fn text(rest: &mut &[u8], all: &[u8]) -> Result<SecretBuffer, Unfit> {
    let Some((b'"', inside)) = rest.split_first() else { return Err(Unfit::Flat) };
    let mut left = inside;
    let mut out = SecretBuffer::with_room(length(inside));
    let mut push = |bytes: &[u8]| if out.push(bytes) { Ok(()) } else { Err(Unfit::Flat) };
    loop {
        match left {
            [b'"', behind @ ..] => {
                *rest = space(behind);
                return if std::str::from_utf8(out.bytes()).is_ok() { Ok(out) } else { Err(at(all, left)) };
            }
            [b'\\', b'u', digits @ ..] => {
                let (character, behind) = unicode(digits).ok_or_else(|| at(all, left))?;
                push(character.encode_utf8(&mut [0; 4]).as_bytes())?;
                left = behind;
            }
            [b'\\', letter, behind @ ..] => {
                push(&[match letter {
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    plain => *plain,
                }])?;
                left = behind;
            }
            [plain, behind @ ..] => {
                push(&[*plain])?;
                left = behind;
            }
            [] => return Err(at(all, left)),
        }
    }
}

/// Returns how many bytes a text has at most: what is written is never shorter than what it means.
fn length(inside: &[u8]) -> usize {
    let mut is_escaped = false;
    let ends = |byte: &u8| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    };
    inside.iter().position(ends).unwrap_or(inside.len())
}

/// Reads a character by its number, or by those of the two halves that it is written as.
fn unicode(digits: &[u8]) -> Option<(char, &[u8])> {
    let number = |digits: &[u8]| u32::from_str_radix(std::str::from_utf8(digits.get(..4)?).ok()?, 16).ok();
    let (first, behind) = (number(digits)?, digits.get(4..)?);
    if let Some(character) = char::from_u32(first) {
        return Some((character, behind));
    }
    let second = number(behind.strip_prefix(b"\\u")?)?;
    let is_pair = (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second);
    let character = is_pair.then(|| char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)))?;
    Some((character?, behind.get(6..)?))
}

/// Says where in a text something stands.
fn at(all: &[u8], rest: &[u8]) -> Unfit {
    let before = all.get(..all.len() - rest.len().min(all.len())).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    Unfit::Json { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<String, Vec<u8>>, Unfit> {
        let values = parse(text.as_bytes())?;
        Ok(values.into_iter().map(|(name, value)| (name, value.expose().to_vec())).collect())
    }

    #[test]
    fn it_is_what_any_reader_of_json_says() {
        for text in [
            "{}",
            " { } ",
            r#"{"a":"b"}"#,
            "{\n  \"kv/web#a\" : \"x\" ,\r\n\t\"any text\":\"\"\n}\n",
            r#"{"a":"\"\\\/\b\f\n\r\t","b":"é \u00e9 \ud83c\udf89 🎉","c":"\\","\u0061\"":"d"}"#,
            r#"{"a":"first","a":"second"}"#,
            r#"{"a": "{\"b\": \"c\", }"}"#,
        ] {
            let expected: BTreeMap<String, String> = serde_json::from_str(text).unwrap();
            let expected = expected.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_something_else_is_refused_without_its_values() {
        for text in ["[]", "1", "null", "\"a\"", r#"{"a":1}"#, r#"{"a":["b"]}"#, r#"{"a":{"b":"c"}}"#, r#"{"a":null}"#]
        {
            assert_eq!(read(text), Err(Unfit::Flat), "{text}");
        }
        for (text, line, column) in [
            ("", 1, 0),
            ("{\n  \"a\": \"b\n}", 2, 9),
            (r#"{"a":"b",}"#, 1, 10),
            (r#"{"a" "b"}"#, 1, 6),
            (r#"{"a":"\x"}"#, 1, 8),
            (r#"{"a":"\ud83c"}"#, 1, 7),
            (r#"{"a":"\udf89\ud83c"}"#, 1, 7),
            (r#"{"a":"b"} c"#, 1, 11),
        ] {
            assert_eq!(read(text), Err(Unfit::Json { line, column }), "{text}");
        }
        assert!(matches!(parse(b"{\"a\":\"\xff\"}"), Err(Unfit::Json { line: 1, .. })));
    }
}
