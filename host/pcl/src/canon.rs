//! Values as text: JSON for programs, the canonical JSON that comprehensions sort by, and PCL for people.
//!
//! Depth is bounded by the language, so recursion is; size is bounded here.

use crate::value::{Value, ValueId, Values};
use punix_diag::json_string;

/// The text would have been longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// What `eval` prints: references as tagged objects, fields as written.
    Tagged,
    /// What comprehensions sort by: references as plain text, fields by name, one blank behind `,` and `:`.
    SortKey,
}

/// Appends a value as `eval` prints it, at most `limit` bytes in all.
pub fn json(values: &Values<'_>, id: ValueId, limit: usize, out: &mut String) -> Result<(), TooLong> {
    Writer { values, form: Form::Tagged, limit }.write(id, out)
}

/// Appends the text that comprehensions sort a value by.
pub(crate) fn sort_key(values: &Values<'_>, id: ValueId, limit: usize, out: &mut String) -> Result<(), TooLong> {
    Writer { values, form: Form::SortKey, limit }.write(id, out)
}

struct Writer<'v, 'p> {
    values: &'v Values<'p>,
    form: Form,
    limit: usize,
}

impl Writer<'_, '_> {
    fn write(&self, id: ValueId, out: &mut String) -> Result<(), TooLong> {
        if out.len() > self.limit {
            return Err(TooLong);
        }
        let text = |symbol| self.values.text(symbol);
        match self.values.get(id) {
            Value::Failed => out.push_str("null"),
            Value::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Value::Int(digits) => out.push_str(text(digits)),
            Value::Text(symbol) => json_string(text(symbol), out),
            Value::Secret { kind, name } => self.pair("$secret", &[text(kind), text(name)], out),
            Value::Artifact { host, name } => match self.form {
                Form::Tagged => self.pair("$artifact", &[text(host), text(name)], out),
                Form::SortKey => self.pair("", &["artifact", text(host), text(name)], out),
            },
            Value::Out(module) => self.out(module, out),
            Value::Woven(items) => match self.form {
                Form::Tagged => {
                    out.push_str("{\"$text\": ");
                    self.list(self.values.items(items), out)?;
                    out.push('}');
                }
                Form::SortKey => self.list(self.values.items(items), out)?,
            },
            Value::List(items) => self.list(self.values.items(items), out)?,
            Value::Record(items) => {
                let mut fields = self.values.fields(items).to_vec();
                if self.form == Form::SortKey {
                    fields.sort_by_key(|field| text(field.0));
                }
                out.push('{');
                for (index, (label, value)) in fields.into_iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    json_string(text(label), out);
                    out.push_str(": ");
                    self.write(value, out)?;
                }
                out.push('}');
            }
        }
        if out.len() > self.limit { Err(TooLong) } else { Ok(()) }
    }

    fn list(&self, items: &[ValueId], out: &mut String) -> Result<(), TooLong> {
        out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            self.write(*item, out)?;
        }
        out.push(']');
        Ok(())
    }

    /// Writes a reference: tagged, or its parts joined by colons.
    fn pair(&self, tag: &str, parts: &[&str], out: &mut String) {
        if self.form == Form::SortKey {
            return json_string(&parts.join(":"), out);
        }
        json_string_in(tag, out);
        out.push('[');
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            json_string(part, out);
        }
        out.push_str("]}");
    }

    fn out(&self, module: crate::program::ModuleId, out: &mut String) {
        let program = self.values.program;
        let name = program.ast.text(program.module(module).name);
        match self.form {
            Form::SortKey => json_string(&format!("out:{name}"), out),
            Form::Tagged => {
                json_string_in("$out", out);
                json_string(name, out);
                out.push('}');
            }
        }
    }
}

/// Opens an object with one key.
fn json_string_in(key: &str, out: &mut String) {
    out.push('{');
    json_string(key, out);
    out.push_str(": ");
}

/// Appends a value in PCL, so that it can be pasted back. Long values are cut with `…`.
pub fn pcl(values: &Values<'_>, id: ValueId, limit: usize, out: &mut String) {
    if out.len() > limit {
        return out.push('…');
    }
    let text = |symbol| values.text(symbol);
    match values.get(id) {
        Value::Failed => out.push('?'),
        Value::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        Value::Int(digits) => out.push_str(text(digits)),
        Value::Text(symbol) => pcl_string(text(symbol), out),
        Value::Secret { kind, name } => {
            out.push_str("{ ");
            out.push_str(text(kind));
            out.push_str(" = ");
            pcl_string(text(name), out);
            out.push_str(" }");
        }
        Value::Artifact { host, name } => {
            out.push_str("{ artifact = { host = ");
            pcl_string(text(host), out);
            out.push_str("  name = ");
            pcl_string(text(name), out);
            out.push_str(" } }");
        }
        Value::Out(module) => {
            out.push_str(values.program.ast.text(values.program.module(module).name));
            out.push_str(".out");
        }
        Value::Woven(items) => {
            out.push_str("f\"");
            for piece in values.items(items) {
                match values.get(*piece) {
                    Value::Text(symbol) => escape(text(symbol), true, out),
                    _ => {
                        out.push('{');
                        pcl(values, *piece, limit, out);
                        out.push('}');
                    }
                }
            }
            out.push('"');
        }
        Value::List(items) => {
            out.push('[');
            for (index, item) in values.items(items).iter().enumerate() {
                if out.len() > limit {
                    out.push('…');
                    break;
                }
                if index > 0 {
                    out.push_str(", ");
                }
                pcl(values, *item, limit, out);
            }
            out.push(']');
        }
        Value::Record(items) => {
            out.push('{');
            for (index, (label, value)) in values.fields(items).iter().enumerate() {
                if out.len() > limit {
                    out.push('…');
                    break;
                }
                out.push_str(if index > 0 { "  " } else { " " });
                out.push_str(text(*label));
                out.push_str(" = ");
                pcl(values, *value, limit, out);
            }
            out.push_str(if values.fields(items).is_empty() { "}" } else { " }" });
        }
    }
}

/// Appends text as a PCL string literal.
pub fn pcl_string(text: &str, out: &mut String) {
    out.push('"');
    escape(text, false, out);
    out.push('"');
}

fn escape(text: &str, woven: bool, out: &mut String) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '{' if woven => out.push_str("{{"),
            other => out.push(other),
        }
    }
}
