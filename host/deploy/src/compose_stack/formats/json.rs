//! JSON: indented for people as data files, on one line for backends.

use super::Text;
use crate::compose_stack::data::Data;
use punix_model::Chunk;

/// Writes data with two blanks for each step, what is not ASCII as it is, and a line break at the end.
pub(in crate::compose_stack) fn pretty(data: &Data) -> Vec<Chunk> {
    let mut out = Text::default();
    value(data, 1, &mut out);
    out.push("\n");
    out.finish()
}

fn value(data: &Data, depth: usize, out: &mut Text) {
    match data {
        Data::Bool(value) => out.push(if *value { "true" } else { "false" }),
        Data::Int(digits) => out.push(digits),
        Data::Text(text) => out.push(&string(text)),
        Data::Secret(slot) => out.secret(*slot, "json.string"),
        Data::List(items) if items.is_empty() => out.push("[]"),
        Data::Record(fields) if fields.is_empty() => out.push("{}"),
        Data::List(items) => {
            out.push("[");
            for (index, item) in items.iter().enumerate() {
                line(index, depth, out);
                value(item, depth + 1, out);
            }
            out.push("\n");
            out.push(&"  ".repeat(depth - 1));
            out.push("]");
        }
        Data::Record(fields) => {
            out.push("{");
            for (index, (name, field)) in fields.iter().enumerate() {
                line(index, depth, out);
                out.push(&string(name));
                out.push(": ");
                value(field, depth + 1, out);
            }
            out.push("\n");
            out.push(&"  ".repeat(depth - 1));
            out.push("}");
        }
    }
}

fn line(index: usize, depth: usize, out: &mut Text) {
    out.push(if index > 0 { ",\n" } else { "\n" });
    out.push(&"  ".repeat(depth));
}

/// Writes a text with its quotes.
pub(super) fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes data without secrets on one line, the fields of records by name, so that their order makes no difference.
pub(in crate::compose_stack) fn compact(data: &Data) -> String {
    let mut out = String::new();
    packed(data, &mut out);
    out
}

fn packed(data: &Data, out: &mut String) {
    match data {
        Data::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Data::Int(digits) => out.push_str(digits),
        Data::Text(text) => out.push_str(&string(text)),
        Data::Secret(_) => out.push_str("null"), // there is none: they were refused
        Data::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                packed(item, out);
            }
            out.push(']');
        }
        Data::Record(fields) => {
            let mut fields: Vec<&(String, Data)> = fields.iter().collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            out.push('{');
            for (index, (name, field)) in fields.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&string(name));
                out.push(':');
                packed(field, out);
            }
            out.push('}');
        }
    }
}
