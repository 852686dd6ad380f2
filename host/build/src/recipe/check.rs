//! Looks at the arguments of a recipe before anything is built: what is wrong is found when a package is planned, all of
//! it at once, and never by bash.

use super::{Argument, Kind, Recipe, Text};
use crate::limits::WORD_BYTES_MAX;
use punix_diag::closest;
use punix_store::{Piece, Record, Value};
use std::fmt;

/// Something wrong with the arguments of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Where: names of fields, and positions in lists, from the arguments down.
    pub path: Vec<String>,
    pub problem: Problem,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The recipe has no argument, or the record no field, of this name.
    Unknown {
        closest: Option<&'static str>,
    },
    /// The same is given under another name.
    Twice {
        other: &'static str,
    },
    Missing,
    Empty,
    Type {
        wanted: Kind,
        found: &'static str,
    },
    /// It would end up in the store, where everybody can read it.
    Secret,
    /// It is made by a deploy, after what is built now.
    Artifact,
    /// No program can be given it.
    Nul,
    TooLong {
        bytes: usize,
    },
    /// It leads out of the directory that it is for.
    Outside,
    /// No variable can have this name.
    VariableName,
    /// A variable of this name is not the package's to set.
    VariableReserved,
    /// The package has no direct dependency of this name.
    NoDependency {
        name: String,
        closest: Option<String>,
    },
    /// The package does not have so many dependencies.
    NoSuchNumber {
        variable: String,
    },
    /// A path that shell text cannot hold, since it would need quotes.
    Unquotable {
        store_path: String,
    },
}

/// Variables that the build or bash gives a meaning to.
const RESERVED: [&str; 12] = [
    "BASHOPTS",
    "BASH_VERSINFO",
    "BASH_XTRACEFD",
    "EUID",
    "FINAL_STORE_PATH",
    "IFS",
    "OUTPUT",
    "PPID",
    "SHELLOPTS",
    "SOURCE",
    "TMPDIR",
    "UID",
];
/// Beginnings of such variables.
const RESERVED_PREFIXES: [&str; 3] = ["arg_", "punix_", "DEP_"];

/// Returns what is wrong, in the order of the names.
pub(super) fn check(recipe: &Recipe, arguments: &Record) -> Vec<Issue> {
    let mut issues = Issues { found: Vec::new(), path: Vec::new() };
    for (name, value) in arguments {
        issues.at(name, |issues| match recipe.argument(name) {
            Some(argument) => issues.argument(argument, name, value, arguments),
            None => {
                let names = recipe.arguments.iter().flat_map(|known| [Some(known.name), known.also]).flatten();
                let closest = closest(name, names.collect::<Vec<_>>()).map(|(near, _)| near);
                issues.add(Problem::Unknown { closest });
            }
        });
    }
    let missing = recipe.arguments.iter().filter(|known| known.preset.is_none() && known.given(arguments).is_none());
    missing.for_each(|argument| issues.at(argument.name, |issues| issues.add(Problem::Missing)));
    issues.found
}

/// What was found so far, and where we are.
struct Issues {
    found: Vec<Issue>,
    path: Vec<String>,
}

impl Issues {
    fn add(&mut self, problem: Problem) {
        self.found.push(Issue { path: self.path.clone(), problem });
    }

    fn at(&mut self, step: impl ToString, look: impl FnOnce(&mut Issues)) {
        self.path.push(step.to_string());
        look(self);
        self.path.pop();
    }

    fn argument(&mut self, argument: &Argument, name: &str, value: &Value, arguments: &Record) {
        if name != argument.name && arguments.contains_key(argument.name) {
            return self.add(Problem::Twice { other: argument.name });
        }
        if argument.preset.is_none() && is_empty(value) {
            return self.add(Problem::Empty);
        }
        match (&argument.kind, value) {
            (Kind::Bool, Value::Bool(_)) | (Kind::Integer, Value::Integer(_)) => {}
            (Kind::One(kind), value @ (Value::Text(_) | Value::Woven(_))) => self.text(*kind, value),
            (Kind::List(kind), Value::List(values)) => self.texts(*kind, values),
            // Hooks in several parts are run one after another.
            (Kind::One(Text::Script), Value::List(values)) => self.texts(Text::Script, values),
            (Kind::Map(kind), Value::Record(record)) => {
                for (key, value) in record {
                    self.at(key, |issues| {
                        if name == "env" {
                            issues.variable(key);
                        } else if key.contains('\0') {
                            issues.add(Problem::Nul);
                        }
                        issues.text(*kind, value);
                    });
                }
            }
            (Kind::Records(fields), Value::List(values)) => {
                for (index, value) in values.iter().enumerate() {
                    self.at(index, |issues| issues.record(fields, value));
                }
            }
            (kind, value) => self.wrong_type(kind.clone(), value),
        }
    }

    fn texts(&mut self, kind: Text, values: &[Value]) {
        for (index, value) in values.iter().enumerate() {
            self.at(index, |issues| issues.text(kind, value));
        }
    }

    fn text(&mut self, kind: Text, value: &Value) {
        let pieces = match value {
            Value::Text(text) => vec![text.as_str()],
            // These are no paths in the store.
            Value::Woven(_) if matches!(kind, Text::Directory | Text::Dependency) => {
                return self.wrong_type(Kind::One(kind), value);
            }
            Value::Woven(woven) => {
                let texts = woven.pieces().iter().filter_map(|piece| match piece {
                    Piece::Text(text) => Some(text.as_str()),
                    Piece::Path(_) => None,
                });
                texts.collect()
            }
            _ => return self.wrong_type(Kind::One(kind), value),
        };
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        if pieces.iter().any(|piece| piece.contains('\0')) {
            self.add(Problem::Nul);
        }
        if bytes > WORD_BYTES_MAX && kind != Text::Script {
            self.add(Problem::TooLong { bytes });
        }
        if kind == Text::Directory && pieces.iter().any(|piece| piece.split('/').any(|part| part == "..")) {
            self.add(Problem::Outside);
        }
    }

    fn record(&mut self, fields: &[&'static str], value: &Value) {
        let Value::Record(record) = value else { return self.wrong_type(Kind::Map(Text::Plain), value) };
        for (key, value) in record {
            self.at(key, |issues| match fields.contains(&key.as_str()) {
                true => issues.text(Text::Plain, value),
                false => {
                    let closest = closest(key, fields.iter().copied()).map(|(near, _)| near);
                    issues.add(Problem::Unknown { closest });
                }
            });
        }
        for field in fields.iter().filter(|field| !record.contains_key(**field)) {
            self.at(field, |issues| issues.add(Problem::Missing));
        }
    }

    fn variable(&mut self, name: &str) {
        let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.is_empty() || !is_word || name.starts_with(|first: char| first.is_ascii_digit()) {
            self.add(Problem::VariableName);
        } else if RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            self.add(Problem::VariableReserved);
        }
    }

    fn wrong_type(&mut self, wanted: Kind, value: &Value) {
        let found = match value {
            Value::Secret { .. } => return self.add(Problem::Secret),
            Value::Artifact { .. } => return self.add(Problem::Artifact),
            Value::Bool(_) => "a Bool",
            Value::Integer(_) => "an Int",
            Value::Text(_) => "a text",
            Value::Woven(_) => "a text with a store path in it",
            Value::List(_) => "a list",
            Value::Record(_) => "a record",
        };
        self.add(Problem::Type { wanted, found });
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.trim().is_empty(),
        Value::List(values) => values.iter().all(is_empty),
        Value::Record(record) => record.is_empty(),
        Value::Bool(_) | Value::Integer(_) | Value::Woven(_) | Value::Secret { .. } | Value::Artifact { .. } => false,
    }
}

impl Issue {
    /// Returns what to do, where there is something to say.
    pub fn help(&self) -> Option<String> {
        let meant = |near: &str| format!("did you mean `{near}`?");
        match &self.problem {
            Problem::Unknown { closest } => closest.map(meant),
            Problem::NoDependency { closest: Some(near), .. } => Some(meant(near)),
            Problem::NoDependency { closest: None, .. } => Some("add it to `deps`".to_owned()),
            Problem::Secret => Some("give it to the service that needs it, when it is deployed".to_owned()),
            Problem::Type { wanted: Kind::One(Text::Flag | Text::Plain), found: "an Int" | "a Bool" } => {
                Some("put it in quotes".to_owned())
            }
            Problem::TooLong { .. } => Some("put it into a file of the source".to_owned()),
            Problem::Unquotable { .. } => Some("keep the store where no path has blanks or quotes in it".to_owned()),
            Problem::Twice { .. }
            | Problem::Missing
            | Problem::Empty
            | Problem::Type { .. }
            | Problem::Artifact
            | Problem::Nul
            | Problem::Outside
            | Problem::VariableName
            | Problem::VariableReserved
            | Problem::NoSuchNumber { .. } => None,
        }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.join(".");
        match &self.problem {
            Problem::Unknown { .. } => write!(f, "the recipe has no argument `{path}`"),
            Problem::Twice { other } => write!(f, "`{path}` is another name for `{other}`, which is given too"),
            Problem::Missing => write!(f, "the recipe needs an argument `{path}`"),
            Problem::Empty => write!(f, "`{path}` must not be empty"),
            Problem::Type { wanted, found } => write!(f, "`{path}` has to be {}, and is {found}", in_words(wanted)),
            Problem::Secret => write!(f, "`{path}` is a secret, and would end up in the store for everybody to read"),
            Problem::Artifact => write!(f, "`{path}` is an artifact, which is not there yet when packages are built"),
            Problem::Nul => write!(f, "`{path}` holds a NUL, which cannot be given to any program"),
            Problem::TooLong { bytes } => {
                write!(f, "`{path}` takes {bytes} bytes, {WORD_BYTES_MAX} can be given to a program")
            }
            Problem::Outside => write!(f, "`{path}` leads out of its directory by `..`"),
            Problem::VariableName => write!(f, "`{path}` is not the name of a variable: letters, digits and `_`"),
            Problem::VariableReserved => write!(f, "`{path}` is a variable that the build sets itself"),
            Problem::NoDependency { name, .. } => write!(f, "`{path}` names `{name}`, which is not in `deps`"),
            Problem::NoSuchNumber { variable } => write!(f, "`{path}` uses `${variable}`; there are fewer in `deps`"),
            Problem::Unquotable { store_path } => {
                write!(f, "`{path}` is shell text, which cannot hold the path `{store_path}` as it is")
            }
        }
    }
}

fn in_words(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "a Bool".to_owned(),
        Kind::Integer => "an Int".to_owned(),
        Kind::One(Text::Script) => "a text or a list of texts".to_owned(),
        Kind::One(Text::Directory) => "a text that names a relative path".to_owned(),
        Kind::One(Text::Dependency) => "a text that names a dependency".to_owned(),
        Kind::One(Text::Plain | Text::Flag) => "a text".to_owned(),
        Kind::List(_) => "a list of texts".to_owned(),
        Kind::Map(_) => "a record of texts".to_owned(),
        Kind::Records(fields) => format!("a list of records with `{}`", fields.join("` and `")),
    }
}
