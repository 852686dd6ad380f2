//! YAML in blocks. Every text is quoted, and so is a key that readers of YAML 1.1 would take for something else, so that
//! all readers see the same.

use super::{Refusal, Text};
use crate::compose_stack::data::Data;
use punix_model::Chunk;
use std::fmt::Write;

/// What readers of YAML 1.1 take for a truth value or for nothing, in lower case.
const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Writes data; the whole is a record.
pub(super) fn write(data: &Data) -> Result<Vec<Chunk>, Vec<Refusal>> {
    let Data::Record(fields) = data else {
        let why = "is no record, and the top level of a YAML file is one".to_owned();
        return Err(vec![Refusal { way: Vec::new(), why, help: "put it into a field: `data = { … }`" }]);
    };
    let mut out = Text::default();
    if fields.is_empty() {
        out.push("{}\n");
    } else {
        record(fields, 0, "", &mut out);
    }
    Ok(out.finish())
}

/// Writes fields, each on its own lines. What stands before the first is given, in the place of its indent.
fn record(fields: &[(String, Data)], depth: usize, first: &str, out: &mut Text) {
    for (index, (name, field)) in fields.iter().enumerate() {
        lead(index, depth, first, out);
        out.push(&key(name));
        out.push(":");
        match field {
            Data::List(items) if !items.is_empty() => {
                out.push("\n");
                list(items, depth + 1, "", out);
            }
            Data::Record(inner) if !inner.is_empty() => {
                out.push("\n");
                record(inner, depth + 1, "", out);
            }
            other => {
                out.push(" ");
                flat(other, out);
                out.push("\n");
            }
        }
    }
}

fn list(items: &[Data], depth: usize, first: &str, out: &mut Text) {
    for (index, item) in items.iter().enumerate() {
        lead(index, depth, first, out);
        match item {
            Data::List(inner) if !inner.is_empty() => list(inner, depth + 1, "- ", out),
            Data::Record(inner) if !inner.is_empty() => record(inner, depth + 1, "- ", out),
            other => {
                out.push("- ");
                flat(other, out);
                out.push("\n");
            }
        }
    }
}

/// Begins a line. The first of a block that stands in a list goes on behind its dash.
fn lead(index: usize, depth: usize, first: &str, out: &mut Text) {
    if index == 0 && !first.is_empty() {
        out.push(first);
    } else {
        out.push(&"  ".repeat(depth));
    }
}

fn flat(data: &Data, out: &mut Text) {
    match data {
        Data::Bool(value) => out.push(if *value { "true" } else { "false" }),
        Data::Int(digits) => out.push(digits),
        Data::Text(text) => out.push(&string(text)),
        Data::Secret(slot) => out.secret(*slot, "yaml.string"),
        Data::List(_) => out.push("[]"),
        Data::Record(_) => out.push("{}"),
    }
}

fn key(name: &str) -> String {
    if WORDS.iter().any(|word| name.eq_ignore_ascii_case(word)) { string(name) } else { name.to_owned() }
}

/// Writes a text as JSON does, with what YAML does not let stand unescaped, or would read as a line break, escaped.
fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for character in super::json::string(text).chars() {
        match character {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out
}
