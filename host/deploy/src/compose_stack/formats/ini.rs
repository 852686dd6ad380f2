//! INI: a record is a section, a list of records is a section that comes several times, a list of other values a name that
//! does. INI has no quotes that all of its readers know, so what they would read as something else is refused.

use super::{Refusal, Text, is_scalar};
use crate::compose_stack::data::Data;
use punix_model::Chunk;

const FLAT: &str = "a section of an INI file holds strings, numbers, `true` and `false`, and lists of these";

/// Writes data; the whole is a record. What stands outside of sections comes first.
pub(super) fn write(data: &Data) -> Result<Vec<Chunk>, Vec<Refusal>> {
    let mut writer = Writer { out: Text::default(), is_empty: true, way: Vec::new(), refusals: Vec::new() };
    let Data::Record(fields) = data else {
        writer.refuse("is no record, and the top level of an INI file is one", "put it into a field: `data = { … }`");
        return Err(writer.refusals);
    };
    for (name, field) in fields.iter().filter(|(_, field)| !is_section(field)) {
        writer.entry(name, field);
    }
    for (name, field) in fields.iter().filter(|(_, field)| is_section(field)) {
        writer.sections(name, field);
    }
    if writer.refusals.is_empty() { Ok(writer.out.finish()) } else { Err(writer.refusals) }
}

fn is_section(data: &Data) -> bool {
    match data {
        Data::Record(_) => true,
        Data::List(items) => items.iter().any(|item| matches!(item, Data::Record(_))),
        Data::Bool(_) | Data::Int(_) | Data::Text(_) | Data::Secret(_) => false,
    }
}

struct Writer {
    out: Text,
    is_empty: bool,
    way: Vec<String>,
    refusals: Vec<Refusal>,
}

impl Writer {
    fn sections(&mut self, name: &str, data: &Data) {
        self.way.push(name.to_owned());
        match data {
            Data::Record(fields) => self.section(name, fields),
            Data::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.way.push(index.to_string());
                    match item {
                        Data::Record(fields) => self.section(name, fields),
                        _ => self.refuse("is no record, and others of its list are", FLAT),
                    }
                    self.way.pop();
                }
            }
            Data::Bool(_) | Data::Int(_) | Data::Text(_) | Data::Secret(_) => {}
        }
        self.way.pop();
    }

    fn section(&mut self, name: &str, fields: &[(String, Data)]) {
        let gap = if self.is_empty { "" } else { "\n" };
        self.out.push(&format!("{gap}[{name}]\n"));
        self.is_empty = false;
        for (name, field) in fields {
            self.entry(name, field);
        }
    }

    fn entry(&mut self, name: &str, data: &Data) {
        self.way.push(name.to_owned());
        match data {
            Data::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.way.push(index.to_string());
                    self.line(name, item);
                    self.way.pop();
                }
            }
            other => self.line(name, other),
        }
        self.way.pop();
    }

    fn line(&mut self, name: &str, data: &Data) {
        if !is_scalar(data) {
            return self.refuse("is nested deeper than an INI file is", FLAT);
        }
        self.is_empty = false;
        self.out.push(name);
        self.out.push(" =");
        match data {
            Data::Bool(value) => self.out.push(if *value { " true" } else { " false" }),
            Data::Int(digits) => self.out.push(&format!(" {digits}")),
            Data::Text(text) if text.is_empty() => {}
            Data::Text(text) => match unfit(text) {
                None => self.out.push(&format!(" {text}")),
                Some(what) => self.refuse(
                    &format!("holds {what}, and a value of an INI file cannot"),
                    "INI has no quotes that all of its readers know: choose another format, or another value",
                ),
            },
            Data::Secret(slot) => {
                self.out.push(" ");
                self.out.secret(*slot, "ini.value");
            }
            Data::List(_) | Data::Record(_) => {}
        }
        self.out.push("\n");
    }

    fn refuse(&mut self, why: &str, help: &'static str) {
        self.refusals.push(Refusal { way: self.way.clone(), why: why.to_owned(), help });
    }
}

/// Returns what readers would read as something else.
fn unfit(text: &str) -> Option<&'static str> {
    if text.chars().any(|character| character.is_control() && character != '\t') {
        return Some("a line break or another control character");
    }
    if text.trim() != text {
        return Some("a blank at its beginning or end");
    }
    let begins = [" ;", " #", "\t;", "\t#"].iter().any(|mark| text.contains(mark));
    (begins || text.starts_with([';', '#'])).then_some("what begins a comment")
}
