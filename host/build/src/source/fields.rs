//! Taking a record apart, field by field, and keeping what is wrong with it.

use super::Issue;
use punix_diag::{Code, closest};
use punix_store::{Record, Value};

/// A record that is being read. What is not asked for is unknown.
pub(super) struct Fields<'r> {
    record: &'r Record,
    path: Vec<String>,
    asked: Vec<&'static str>,
    pub(super) issues: Vec<Issue>,
}

impl<'r> Fields<'r> {
    pub(super) fn new(record: &'r Record, path: &[String]) -> Fields<'r> {
        Fields { record, path: path.to_vec(), asked: Vec::new(), issues: Vec::new() }
    }

    /// Returns a field's value, of whatever type.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'r Value> {
        self.asked.push(key);
        self.record.get(key)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<&'r str> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            other => {
                self.wrong(key, format!("`{key}` must be a text, and is {}", kind(other)));
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        match self.value(key)? {
            Value::Bool(value) => Some(*value),
            other => {
                self.wrong(key, format!("`{key}` must be `true` or `false`, and is {}", kind(other)));
                None
            }
        }
    }

    pub(super) fn number(&mut self, key: &'static str, max: u64) -> Option<u64> {
        let value = self.value(key)?;
        let number = match value {
            Value::Integer(integer) => integer.as_str().parse().ok().filter(|number| *number <= max),
            _ => None,
        };
        if number.is_none() {
            self.wrong(key, format!("`{key}` must be a whole number from 0 to {max}"));
        }
        number
    }

    pub(super) fn list(&mut self, key: &'static str) -> &'r [Value] {
        match self.value(key) {
            None => &[],
            Some(Value::List(values)) => values,
            Some(other) => {
                self.wrong(key, format!("`{key}` must be a list, and is {}", kind(other)));
                &[]
            }
        }
    }

    /// Says that something is wrong with a field's value.
    pub(super) fn wrong(&mut self, key: &str, message: String) {
        self.report(Some(key), Code::E1, message, None);
    }

    /// Says that a field is missing.
    pub(super) fn missing(&mut self, key: &str, help: &str) {
        self.report(None, Code::E3, format!("the source has no `{key}`"), Some(help.to_owned()));
    }

    pub(super) fn report(&mut self, key: Option<&str>, code: Code, message: String, help: Option<String>) {
        let mut path = self.path.clone();
        path.extend(key.map(str::to_owned));
        self.issues.push(Issue { path, code, message, help });
    }

    /// Returns the path of a field in this record.
    pub(super) fn path_to(&self, key: &str) -> Vec<String> {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        path
    }

    /// Says of every field that was not asked for that it is unknown. Returns all that is wrong.
    pub(super) fn finish(mut self, what: &str) -> Vec<Issue> {
        for key in self.record.keys() {
            if self.asked.contains(&key.as_str()) {
                continue;
            }
            let help = closest(key, self.asked.iter().copied()).map(|(near, _)| format!("did you mean `{near}`?"));
            let mut path = self.path.clone();
            path.push(key.clone());
            let message = format!("{what} has no field `{key}`");
            self.issues.push(Issue { path, code: Code::E2, message, help });
        }
        self.issues
    }
}

/// Returns what a value is, for sentences.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "a Bool",
        Value::Integer(_) => "an Int",
        Value::Text(_) => "a text",
        Value::Woven(_) => "a text with a store path in it",
        Value::List(_) => "a list",
        Value::Record(_) => "a record",
        Value::Secret { .. } => "a secret",
        Value::Artifact { .. } => "an artifact",
    }
}
