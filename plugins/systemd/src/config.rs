//! Reads the fields of stacks and services that belong to this backend, which come as JSON. Strict: what has another
//! type, or another name, is a problem with its place, and all problems are found. Values of variables are not here,
//! and no message repeats a value.

use crate::quote;
use crate::sysusers::Account;
use crate::{directives, names, sysusers, tmpfiles};
use punix_sdk::Error;
use punix_sdk::serde_json::{self, Map, Value};

/// The fields of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceConfig {
    /// The directives of its section, by name; their values are one line each.
    pub(crate) directives: Directives,
    /// The directives of its timer, if it has one.
    pub(crate) timer: Option<Directives>,
    pub(crate) tmpfiles: Vec<String>,
    pub(crate) environment_file: bool,
    pub(crate) reloads: bool,
    /// What may be a slip of the pen: the place, and a sentence.
    pub(crate) doubts: Vec<(String, String)>,
}

/// The fields of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StackConfig {
    /// No two have one name.
    pub(crate) users: Vec<Account>,
    pub(crate) groups: Vec<String>,
}

/// Directives in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Directives(Vec<(String, String)>);

impl Directives {
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == key).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// Which of the two a directive is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Service,
    Timer,
}

pub(crate) const SERVICE_FIELDS: &[&str] =
    &["enable", "environmentFile", "health", "reloads", "serviceConfig", "timer", "tmpfiles"];
pub(crate) const STACK_FIELDS: &[&str] = &["systemGroups", "systemUsers"];
/// How many of them are told.
const PROBLEMS_MAX: usize = 100;

/// Reads the fields of a service. The name is for sentences.
pub(crate) fn service(name: &str, json: &str) -> Result<ServiceConfig, Vec<Error>> {
    let mut problems = Problems::default();
    let fields = problems.fields(json, SERVICE_FIELDS, "a service");
    let config = problems.service(name, &fields);
    problems.or(config)
}

/// Reads the fields of a stack.
pub(crate) fn stack(json: &str) -> Result<StackConfig, Vec<Error>> {
    let mut problems = Problems::default();
    let fields = problems.fields(json, STACK_FIELDS, "a stack");
    let config = problems.stack(&fields);
    problems.or(config)
}

/// Finds what is wrong with either. They have no field in common.
pub(crate) fn any(json: &str) -> Vec<Error> {
    let mut problems = Problems::default();
    let all = [SERVICE_FIELDS, STACK_FIELDS].concat();
    let fields = problems.fields(json, &all, "a stack or a service");
    problems.service("", &fields);
    problems.stack(&fields);
    problems.list
}

#[derive(Debug, Default)]
struct Problems {
    list: Vec<Error>,
}

impl Problems {
    fn add(&mut self, at: &str, message: String) {
        if self.list.len() < PROBLEMS_MAX {
            self.list.push(Error::invalid("systemd.config", message).at(at));
        }
    }

    fn or<T>(self, value: T) -> Result<T, Vec<Error>> {
        if self.list.is_empty() { Ok(value) } else { Err(self.list) }
    }

    /// Reads the outermost record. An empty text is an empty record.
    fn fields(&mut self, json: &str, known: &[&str], owner: &str) -> Map<String, Value> {
        let refuse = |message: String| Error::invalid("systemd.config", message);
        let fields = match serde_json::from_str(json) {
            _ if json.is_empty() => return Map::new(),
            Ok(Value::Object(fields)) => fields,
            Ok(other) => {
                self.list.push(refuse(format!("the fields of {owner} are a record, and here is {}", kind(&other))));
                return Map::new();
            }
            Err(error) => {
                let place = format!("line {}, column {}", error.line(), error.column());
                self.list.push(refuse(format!("the fields of {owner} are not JSON: it breaks off at {place}")));
                return Map::new();
            }
        };
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            self.add(name, format!("`{name}` is no field of {owner} that systemd has"));
        }
        fields
    }

    fn service(&mut self, name: &str, fields: &Map<String, Value>) -> ServiceConfig {
        let mut doubts = Vec::new();
        let directives = self.directives(name, fields, Section::Service, &mut doubts);
        let timer = self.directives(name, fields, Section::Timer, &mut doubts);
        let mut rules = Vec::new();
        for (index, text) in self.texts(fields, "tmpfiles") {
            match tmpfiles::rule(text) {
                Ok(rule) => rules.push(rule.to_owned()),
                Err(why) => self.add(&format!("tmpfiles.{index}"), format!("the rule {why}")),
            }
        }
        self.flag(fields, "enable");
        if let Some(other) = fields.get("health").filter(|health| !health.is_object()) {
            self.add("health", format!("`health` is a record, and here is {}", kind(other)));
        }
        ServiceConfig {
            directives,
            timer: Some(timer).filter(|timer| !timer.0.is_empty()),
            tmpfiles: rules,
            environment_file: self.flag(fields, "environmentFile"),
            reloads: self.flag(fields, "reloads"),
            doubts,
        }
    }

    fn stack(&mut self, fields: &Map<String, Value>) -> StackConfig {
        let mut config = StackConfig::default();
        for (index, name) in self.texts(fields, "systemGroups") {
            if names::is_account(name) {
                config.groups.push(name.to_owned());
            } else {
                self.add(&format!("systemGroups.{index}"), sysusers::not_a_name("group", name));
            }
        }
        for (index, record) in self.list(fields, "systemUsers") {
            let at = format!("systemUsers.{index}");
            let Some(account) = self.account(&at, record) else { continue };
            match config.users.iter().find(|other| other.name == account.name) {
                Some(other) if *other != account => {
                    self.add(&at, format!("there are two users `{}`, and they differ", account.name));
                }
                Some(_) => {}
                None => config.users.push(account),
            }
        }
        config
    }

    fn account(&mut self, at: &str, record: &Value) -> Option<Account> {
        let Value::Object(fields) = record else {
            self.add(at, format!("a user is a record, and here is {}", kind(record)));
            return None;
        };
        for name in fields.keys().filter(|name| !["group", "home", "name"].contains(&name.as_str())) {
            self.add(&format!("{at}.{name}"), format!("`{name}` is no field of a user"));
        }
        let mut text = |field: &str| match fields.get(field) {
            None => Some(""),
            Some(Value::String(text)) => Some(text.as_str()),
            Some(other) => {
                self.add(&format!("{at}.{field}"), format!("`{field}` is a text, and here is {}", kind(other)));
                None
            }
        };
        let (name, group, home) = (text("name")?, text("group")?, text("home")?);
        match Account::new(name, group, home) {
            Ok(account) => Some(account),
            Err((field, why)) => {
                self.add(&format!("{at}.{field}"), why);
                None
            }
        }
    }

    fn directives(
        &mut self,
        service: &str,
        fields: &Map<String, Value>,
        section: Section,
        doubts: &mut Vec<(String, String)>,
    ) -> Directives {
        let field = section.field();
        let record = match fields.get(field) {
            None => return Directives::default(),
            Some(Value::Object(record)) => record,
            Some(other) => {
                self.add(field, format!("`{field}` is a record, and here is {}", kind(other)));
                return Directives::default();
            }
        };
        let mut found = Vec::new();
        for (key, value) in record {
            let at = format!("{field}.{key}");
            if let Some(instead) = section.reserved(key) {
                let owner = if service.is_empty() { String::new() } else { format!("service `{service}`: ") };
                self.add(&at, format!("{owner}{field} key `{key}` is reserved: {instead}"));
            } else if !names::is_directive(key) {
                self.add(&at, "this cannot be the name of a directive: letters, digits and `-` are".to_owned());
            } else if let Some(text) = self.directive(&at, key, value) {
                doubts.extend(directives::doubt(section, key).map(|doubt| (at, doubt)));
                found.push((key.clone(), text));
            }
        }
        Directives(found)
    }

    /// Writes the value of a directive as text.
    fn directive(&mut self, at: &str, key: &str, value: &Value) -> Option<String> {
        let text = match value {
            Value::Bool(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
            Value::Number(number) if number.is_u64() => number.as_u64().unwrap_or_default().to_string(),
            Value::Number(number) if number.is_i64() => number.as_i64().unwrap_or_default().to_string(),
            Value::String(text) => text.clone(),
            other => {
                let message = format!("`{key}` is a text, a boolean or a whole number, and here is {}", kind(other));
                self.add(at, message);
                return None;
            }
        };
        match quote::directive(&text) {
            Ok(_) => Some(text),
            Err(unfit) => {
                self.add(at, format!("the value of `{key}` {}", unfit.words()));
                None
            }
        }
    }

    fn flag(&mut self, fields: &Map<String, Value>, field: &str) -> bool {
        match fields.get(field) {
            None => false,
            Some(Value::Bool(value)) => *value,
            Some(other) => {
                self.add(field, format!("`{field}` is a boolean, and here is {}", kind(other)));
                false
            }
        }
    }

    fn list<'a>(&mut self, fields: &'a Map<String, Value>, field: &str) -> Vec<(usize, &'a Value)> {
        match fields.get(field) {
            None => Vec::new(),
            Some(Value::Array(values)) => values.iter().enumerate().collect(),
            Some(other) => {
                self.add(field, format!("`{field}` is a list, and here is {}", kind(other)));
                Vec::new()
            }
        }
    }

    fn texts<'a>(&mut self, fields: &'a Map<String, Value>, field: &str) -> Vec<(usize, &'a str)> {
        let mut texts = Vec::new();
        for (index, value) in self.list(fields, field) {
            match value {
                Value::String(text) => texts.push((index, text.as_str())),
                other => self.add(&format!("{field}.{index}"), format!("this is a text, and here is {}", kind(other))),
            }
        }
        texts
    }
}

impl Section {
    fn field(self) -> &'static str {
        match self {
            Section::Service => "serviceConfig",
            Section::Timer => "timer",
        }
    }

    /// Returns what to do instead of setting a directive that this backend sets itself.
    fn reserved(self, key: &str) -> Option<&'static str> {
        match (self, key) {
            (Section::Service, "ExecStart") => Some("set it with `binary` and `args`"),
            (Section::Service, "Environment") => Some("set it with `environment`"),
            (Section::Timer, "Unit") => Some("a timer starts the service of its own name"),
            (Section::Service | Section::Timer, _) => None,
        }
    }
}

/// Returns what a value is, for sentences.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "a number",
        Value::Number(_) => "a number that is not whole, or too large",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a record",
    }
}

#[cfg(test)]
mod tests;
