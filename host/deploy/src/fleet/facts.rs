//! What a fleet says of its machines, and how each host's program is told: as modules beside its own.

#[cfg(test)]
mod tests;

use super::Fleet;
use punix_pcl::{Source, pcl_string};
use std::collections::BTreeMap;

/// What the text is called in messages.
const NAME: &str = "<fleet-data>";

/// A text of one line, or the digits of a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    Text(String),
    Number(String),
}

impl Fact {
    /// Returns it as a program would have it.
    pub(super) fn shown(&self) -> String {
        match self {
            Fact::Text(text) => {
                let mut shown = String::new();
                pcl_string(text, &mut shown);
                shown
            }
            Fact::Number(digits) => digits.clone(),
        }
    }

    /// Returns what it is to people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Fact::Text(_) => "a string",
            Fact::Number(_) => "a number",
        }
    }
}

/// What is known of a fleet's machines, and of all of it. Everything is in the order of names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    machines: BTreeMap<String, BTreeMap<String, Fact>>,
    globals: BTreeMap<String, Fact>,
}

impl Model {
    /// What every machine of the table has besides its own fields.
    pub(super) const RESERVED: &'static [&'static str] = &["name", "isSelf"];

    pub(super) fn new(machines: BTreeMap<String, BTreeMap<String, Fact>>, globals: BTreeMap<String, Fact>) -> Model {
        Model { machines, globals }
    }

    /// Tells whether all machines have the same fields, so that a list of them has one type.
    pub(super) fn is_a_table(&self) -> bool {
        let mut records = self.machines.values();
        let Some(first) = records.next() else { return false };
        records.all(|other| other.keys().eq(first.keys()))
    }

    pub(super) fn has(&self, machine: &str) -> bool {
        self.machines.contains_key(machine)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.machines.keys().map(String::as_str)
    }

    /// Writes it for a host.
    fn write(&self, machine: Option<&str>) -> String {
        let mut text = String::new();
        for (name, fields) in self.machines.iter().filter(|(_, fields)| !fields.is_empty()) {
            text.push_str(&format!("module Fleet_{name} {{\n"));
            fields.iter().for_each(|(field, fact)| text.push_str(&format!("  {field} = {}\n", fact.shown())));
            text.push_str("}\n");
        }
        let mut members = String::new();
        if self.is_a_table() {
            let rows: Vec<String> = self.machines.keys().map(|name| self.row(name, machine)).collect();
            members.push_str(&format!("  machines = [\n    {}\n  ]\n", rows.join(",\n    ")));
        }
        self.globals.iter().for_each(|(name, fact)| members.push_str(&format!("  {name} = {}\n", fact.shown())));
        if !members.is_empty() {
            text.push_str(&format!("module Fleet {{\n{members}}}\n"));
        }
        text
    }

    /// Writes a machine as an element of the list. Who the host itself is not said of one that nobody named.
    fn row(&self, name: &str, machine: Option<&str>) -> String {
        let mut parts = vec![format!("name = {}", Fact::Text(name.to_owned()).shown())];
        parts.extend(machine.map(|machine| format!("isSelf = {}", u8::from(machine == name))));
        let fields = self.machines.get(name).into_iter().flatten();
        parts.extend(fields.map(|(field, fact)| format!("{field} = {}", fact.shown())));
        format!("{{ {} }}", parts.join("  "))
    }
}

impl Fleet {
    /// Returns what a host's program is told: nothing where nothing is known. `machine` is who the host is.
    pub fn facts_for(&self, machine: Option<&str>) -> Option<Source> {
        let text = self.model.write(machine);
        (!text.is_empty()).then(|| Source { name: NAME.to_owned(), bytes: text.into_bytes() })
    }
}
