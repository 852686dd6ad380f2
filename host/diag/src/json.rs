//! Diagnostics as data. The shape is documented in `docs/reference/json.md`; fields are only ever added.

use crate::{Diagnostic, SourceMap, Span};
use serde_json::{Value, json as object};

/// Returns one diagnostic as a JSON object.
pub fn json(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let notes: Vec<Value> = diagnostic
        .notes
        .iter()
        .map(|note| with_place(note.span, sources, object!({ "message": note.message })))
        .collect();
    let facts = object!({
        "severity": diagnostic.severity.as_str(),
        "code": diagnostic.code.map(|code| code.as_str()),
        "message": diagnostic.message,
        "notes": notes,
        "help": diagnostic.help,
    });
    with_place(diagnostic.span, sources, facts)
}

fn with_place(span: Option<Span>, sources: &SourceMap, mut facts: Value) -> Value {
    let Some(span) = span else { return facts };
    let start = sources.locate(span.start);
    let end = sources.locate(span.end.max(span.start));
    facts["file"] = start.file.into();
    facts["line"] = start.line.into();
    facts["column"] = start.column.into();
    facts["end_line"] = end.line.into();
    facts["end_column"] = end.column.into();
    facts
}

/// Appends `text` as a JSON string, everything outside printable ASCII escaped, as the canonical form wants it.
pub fn json_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    out.push_str("\\u");
                    out.extend([12, 8, 4, 0].map(|shift| HEX[(*unit >> shift) as usize & 15] as char));
                }
            }
        }
    }
    out.push('"');
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_ascii_with_surrogate_pairs() {
        let mut out = String::new();
        json_string("a\"\\\n\u{1}é😀\u{7f}", &mut out);
        assert_eq!(out, r#""a\"\\\n\u0001\u00e9\ud83d\ude00\u007f""#);
    }
}
