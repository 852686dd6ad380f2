//! TOML, as the library writes it that reads it for us elsewhere: values first, then tables, lists of records as arrays of
//! tables.

use super::{Refusal, Text};
use crate::compose_stack::data::Data;
use punix_model::Chunk;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

/// Readers of TOML go no deeper.
const NESTING_MAX: usize = 80;

/// Writes data; the whole is a record.
pub(super) fn write(data: &Data) -> Result<Vec<Chunk>, Vec<Refusal>> {
    let Data::Record(fields) = data else {
        let why = "is no record, and the top level of a TOML file is one".to_owned();
        return Err(vec![Refusal { way: Vec::new(), why, help: "put it into a field: `data = { … }`" }]);
    };
    let mut writer = Writer { mark: mark(data), way: Vec::new(), refusals: Vec::new() };
    let table = writer.table(fields);
    if !writer.refusals.is_empty() {
        return Err(writer.refusals);
    }
    let mut document = DocumentMut::new();
    *document.as_table_mut() = table;
    Ok(spliced(&document.to_string(), &writer.mark))
}

/// Returns a text that stands nowhere in the data. It holds the places of secrets until they become chunks.
fn mark(data: &Data) -> String {
    let mut mark = "punix-secret-".to_owned();
    while contains(data, &mark) {
        mark.push_str("x-");
    }
    mark
}

fn contains(data: &Data, mark: &str) -> bool {
    match data {
        Data::Bool(_) | Data::Int(_) | Data::Secret(_) => false,
        Data::Text(text) => text.contains(mark),
        Data::List(items) => items.iter().any(|item| contains(item, mark)),
        Data::Record(fields) => fields.iter().any(|(name, field)| name.contains(mark) || contains(field, mark)),
    }
}

/// Puts secrets where they are marked.
fn spliced(text: &str, mark: &str) -> Vec<Chunk> {
    let mut out = Text::default();
    let marked = format!("\"{mark}");
    let mut pieces = text.split(&marked);
    out.push(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (slot, rest) = piece.split_once('"').unwrap_or((piece, ""));
        match slot.parse() {
            Ok(slot) => out.secret(slot, "toml.string"),
            Err(_) => out.push(slot),
        }
        out.push(rest);
    }
    out.finish()
}

struct Writer {
    mark: String,
    way: Vec<String>,
    refusals: Vec<Refusal>,
}

impl Writer {
    fn table(&mut self, fields: &[(String, Data)]) -> Table {
        let mut table = Table::new();
        for (name, field) in fields {
            let item = self.step(name.clone(), |writer| writer.item(field));
            table.insert(name, item.unwrap_or_default());
        }
        table
    }

    fn item(&mut self, data: &Data) -> Item {
        match data {
            Data::Record(fields) => Item::Table(self.table(fields)),
            Data::List(items) if !items.is_empty() && items.iter().all(|item| matches!(item, Data::Record(_))) => {
                let mut tables = ArrayOfTables::new();
                for (index, item) in items.iter().enumerate() {
                    let Data::Record(fields) = item else { continue };
                    tables.push(self.step(index.to_string(), |writer| writer.table(fields)).unwrap_or_default());
                }
                Item::ArrayOfTables(tables)
            }
            other => Item::Value(self.value(other)),
        }
    }

    fn value(&mut self, data: &Data) -> Value {
        match data {
            Data::Bool(value) => Value::from(*value),
            Data::Int(digits) => Value::from(self.integer(digits)),
            Data::Text(text) => Value::from(text.as_str()),
            Data::Secret(slot) => Value::from(format!("{}{slot}", self.mark)),
            Data::List(items) => {
                let mut array = Array::new();
                for (index, item) in items.iter().enumerate() {
                    if let Some(value) = self.step(index.to_string(), |writer| writer.value(item)) {
                        array.push(value);
                    }
                }
                Value::Array(array)
            }
            Data::Record(fields) => {
                let mut table = InlineTable::new();
                for (name, field) in fields {
                    if let Some(value) = self.step(name.clone(), |writer| writer.value(field)) {
                        table.insert(name, value);
                    }
                }
                Value::InlineTable(table)
            }
        }
    }

    fn integer(&mut self, digits: &str) -> i64 {
        digits.parse().unwrap_or_else(|_| {
            let why = "is larger than the integers of TOML are".to_owned();
            self.refuse(why, "write it as a string");
            0
        })
    }

    /// Goes one step deeper, if readers follow there.
    fn step<T>(&mut self, step: String, go: impl FnOnce(&mut Writer) -> T) -> Option<T> {
        self.way.push(step);
        let deep = self.way.len() > NESTING_MAX;
        if deep {
            self.refuse(format!("is more than {NESTING_MAX} steps deep, where readers of TOML stop"), "nest it less");
        }
        let inside = if deep { None } else { Some(go(self)) };
        self.way.pop();
        inside
    }

    fn refuse(&mut self, why: String, help: &'static str) {
        self.refusals.push(Refusal { way: self.way.clone(), why, help });
    }
}
