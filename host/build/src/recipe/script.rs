//! Writes the script that builds a package: the prelude, what is known of the package, and the recipe. Pure: it is the
//! same wherever it is written.

use super::check::{self, Issue, Problem};
use super::expand;
use super::{Argument, Kind, Recipe, Text};
use crate::limits::SCRIPT_BYTES_MAX;
use punix_store::{Digest, Integer, Piece, Record, StoreName, Value};
use std::path::{Path, PathBuf};

const PRELUDE: &str = include_str!("prelude.sh");
/// Begins the lines of a log that say which phase begins.
pub const PHASE_MARK: &str = "==> ";

/// What a script is written for.
pub struct Context<'a> {
    pub package: &'a str,
    pub version: &'a str,
    pub arguments: &'a Record,
    /// The direct dependencies, in the order of `DEP_0`, `DEP_1` and so on.
    pub dependencies: &'a [Dependency],
    /// The paths of everything that may be read, the dependencies among them.
    pub closure: &'a [PathBuf],
    /// Where an entry of the store is.
    pub entry_path: &'a dyn Fn(&StoreName) -> PathBuf,
    pub patches: &'a [PatchFile],
}

/// Another package that this one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub name: String,
    pub path: PathBuf,
}

/// A patch to apply before everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchFile {
    /// Where the build sees it.
    pub path: PathBuf,
    /// Leading parts of names to drop.
    pub strip: u32,
}

/// Why there is no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    #[error("the arguments of the recipe are wrong")]
    Arguments { issues: Vec<Issue> },
    #[error("the path `{}` is no UTF-8", path.display())]
    Path { path: PathBuf },
    #[error("the path `{}` has a `:`, which no `PATH` can hold", path.display())]
    Colon { path: PathBuf },
    #[error("the script takes {bytes} bytes, {SCRIPT_BYTES_MAX} are allowed")]
    TooLong { bytes: usize },
}

/// Writes the script.
pub(super) fn script(recipe: &Recipe, build: &Context<'_>) -> Result<String, ScriptError> {
    let issues = check::check(recipe, build.arguments);
    if !issues.is_empty() {
        return Err(ScriptError::Arguments { issues });
    }
    let mut writer = Writer { build, out: PRELUDE.to_owned(), issues: Vec::new(), path: Vec::new(), unreadable: None };
    writer.paths("patches", build.patches.iter().map(|patch| &patch.path));
    let strips: Vec<String> = build.patches.iter().map(|patch| patch.strip.to_string()).collect();
    writer.array("punix_strips", |writer| strips.iter().for_each(|strip| writer.element(strip)));
    writer.paths("dependencies", build.dependencies.iter().map(|dependency| &dependency.path));
    writer.paths("closure", build.closure.iter());
    writer.function("punix_set_environment", |writer| {
        if let Some(argument) = recipe.argument("env") {
            writer.argument(argument, Writer::exports);
        }
    });
    writer.function("punix_bind_arguments", |writer| {
        for argument in recipe.arguments.iter().filter(|argument| argument.name != "env") {
            writer.argument(argument, Writer::binding);
        }
    });
    writer.out.push_str(recipe.body);
    if !writer.issues.is_empty() {
        return Err(ScriptError::Arguments { issues: writer.issues });
    }
    if let Some(path) = writer.unreadable {
        return Err(ScriptError::Path { path });
    }
    let mut paths = build.dependencies.iter().map(|dependency| &dependency.path);
    if let Some(path) = paths.find(|path| path.as_os_str().as_encoded_bytes().contains(&b':')) {
        return Err(ScriptError::Colon { path: path.clone() });
    }
    match writer.out.len() {
        bytes if bytes > SCRIPT_BYTES_MAX => Err(ScriptError::TooLong { bytes }),
        _ => Ok(writer.out),
    }
}

struct Writer<'a, 'b> {
    build: &'a Context<'b>,
    out: String,
    issues: Vec<Issue>,
    /// The field that is being written.
    path: Vec<String>,
    /// A path that is no text.
    unreadable: Option<PathBuf>,
}

impl Writer<'_, '_> {
    fn paths<'p>(&mut self, name: &str, paths: impl Iterator<Item = &'p PathBuf>) {
        self.array(&format!("punix_{name}"), |writer| {
            for path in paths {
                let text = writer.readable(path);
                writer.element(&text);
            }
        });
    }

    fn readable(&mut self, path: &Path) -> String {
        match path.to_str() {
            Some(text) => text.to_owned(),
            None => {
                self.unreadable = Some(path.to_owned());
                String::new()
            }
        }
    }

    fn array(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.out.push_str(name);
        self.out.push_str("=(");
        fill(self);
        self.out.push_str(")\n");
    }

    fn element(&mut self, text: &str) {
        self.out.push_str("\n    ");
        expand::quote(text, &mut self.out);
    }

    fn function(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.out.push_str(name);
        self.out.push_str("() {\n:\n");
        fill(self);
        self.out.push_str("}\n");
    }

    /// Writes one argument by what is given, or else by its preset.
    fn argument(&mut self, argument: &Argument, write: fn(&mut Self, &Argument, &Value)) {
        match (argument.given(self.build.arguments), &argument.preset) {
            (Some((name, value)), _) => self.at(name, |writer| write(writer, argument, value)),
            (None, Some(preset)) => {
                let value = with_package(&preset.value, self.build.package);
                self.at(argument.name, |writer| write(writer, argument, &value));
            }
            // The check has seen to that.
            (None, None) => {}
        }
    }

    fn at(&mut self, step: impl ToString, write: impl FnOnce(&mut Self)) {
        self.path.push(step.to_string());
        write(self);
        self.path.pop();
    }

    fn exports(&mut self, argument: &Argument, value: &Value) {
        let (Kind::Map(kind), Value::Record(record)) = (&argument.kind, value) else { return };
        for (name, value) in record {
            self.out.push_str("export ");
            self.out.push_str(name);
            self.out.push('=');
            self.at(name, |writer| writer.word(*kind, value));
            self.out.push('\n');
        }
    }

    fn binding(&mut self, argument: &Argument, value: &Value) {
        let name = format!("arg_{}", argument.name);
        match (&argument.kind, value) {
            (Kind::Bool, Value::Bool(value)) => self.out.push_str(&format!("{name}={value}\n")),
            (Kind::Integer, Value::Integer(integer)) => self.out.push_str(&format!("{name}={}\n", integer.as_str())),
            (Kind::One(kind), value) => {
                self.out.push_str(&format!("{name}="));
                match value {
                    Value::List(parts) => parts.iter().enumerate().for_each(|(index, part)| {
                        self.at(index, |writer| writer.word(*kind, part));
                        self.out.push_str("$'\\n'");
                    }),
                    value => self.word(*kind, value),
                }
                self.out.push('\n');
            }
            (Kind::List(kind), Value::List(values)) => self.words(&name, *kind, values.iter().enumerate()),
            (Kind::Map(kind), Value::Record(record)) => {
                self.array(&format!("{name}_keys"), |writer| record.keys().for_each(|key| writer.element(key)));
                self.words(&format!("{name}_values"), *kind, record.iter());
            }
            (Kind::Records(fields), Value::List(values)) => {
                for field in fields {
                    let of_field = values.iter().enumerate().filter_map(|(index, value)| match value {
                        Value::Record(record) => Some((index, record.get(*field)?)),
                        _ => None,
                    });
                    self.words(&format!("{name}_{field}"), Text::Plain, of_field);
                }
            }
            // The check has seen to that.
            (Kind::Bool | Kind::Integer | Kind::List(_) | Kind::Map(_) | Kind::Records(_), _) => {}
        }
    }

    fn words<'v>(&mut self, name: &str, kind: Text, values: impl Iterator<Item = (impl ToString, &'v Value)>) {
        self.array(name, |writer| {
            for (step, value) in values {
                writer.out.push_str("\n    ");
                writer.at(step, |writer| writer.word(kind, value));
            }
        });
    }

    fn word(&mut self, kind: Text, value: &Value) {
        match value {
            Value::Text(text) => self.text(kind, text),
            Value::Woven(woven) => {
                for piece in woven.pieces() {
                    match piece {
                        Piece::Text(text) => self.text(kind, text),
                        Piece::Path(name) => self.entry(kind, name),
                    }
                }
            }
            // The check has seen to that.
            Value::Bool(_)
            | Value::Integer(_)
            | Value::List(_)
            | Value::Record(_)
            | Value::Secret { .. }
            | Value::Artifact { .. } => {}
        }
    }

    fn text(&mut self, kind: Text, text: &str) {
        let mut problems = Vec::new();
        match kind {
            Text::Plain => expand::quote(text, &mut self.out),
            Text::Flag => problems = expand::flag(text, self.build.dependencies, &mut self.out),
            // An absolute path is meant to be seen from the same directory.
            Text::Directory => expand::quote(text.trim_start_matches('/'), &mut self.out),
            Text::Script => {
                let mut expanded = String::new();
                problems = expand::script(text, self.build.dependencies, &mut expanded);
                expand::quote(&expanded, &mut self.out);
            }
            Text::Dependency if text.is_empty() => expand::quote("", &mut self.out),
            Text::Dependency => match expand::find(text, self.build.dependencies) {
                Ok(path) => expand::quote(path, &mut self.out),
                Err(problem) => problems.push(problem),
            },
        }
        problems.into_iter().for_each(|problem| self.issue(problem));
    }

    fn entry(&mut self, kind: Text, name: &StoreName) {
        let path = (self.build.entry_path)(name);
        let path = self.readable(&path);
        if kind == Text::Script && !expand::is_plain(&path) {
            self.issue(Problem::Unquotable { store_path: path.clone() });
        }
        expand::quote(&path, &mut self.out);
    }

    fn issue(&mut self, problem: Problem) {
        self.issues.push(Issue { path: self.path.clone(), problem });
    }
}

fn with_package(preset: &Value, package: &str) -> Value {
    match preset {
        Value::Text(text) => Value::Text(text.replace("${pname}", package)),
        Value::List(values) => Value::List(values.iter().map(|value| with_package(value, package)).collect()),
        other => other.clone(),
    }
}

/// Returns the digest of the scripts that a recipe writes: of one without any argument that can be left out, and of one
/// with all of them, of which every text holds everything that is treated in a particular way. So it covers the recipe,
/// the prelude and this file.
pub(super) fn digest(recipe: &Recipe) -> Digest {
    const PATH: &str = "/store/00000000000000000000000000000000-sample-1";
    let entry = StoreName::parse(&PATH["/store/".len()..]).expect("it is one");
    let build = |arguments: &Record| {
        let build = Context {
            package: "package",
            version: "1",
            arguments,
            dependencies: &[Dependency { name: "sample".to_owned(), path: PATH.into() }],
            closure: &[PATH.into()],
            entry_path: &|name| Path::new("/store").join(name),
            patches: &[PatchFile { path: "/build/a.patch".into(), strip: 1 }],
        };
        script(recipe, &build).expect("the sample fits every recipe")
    };
    let samples = |all: bool| -> Record {
        let wanted = recipe.arguments.iter().filter(|argument| all || argument.preset.is_none());
        wanted.map(|argument| (argument.name.to_owned(), sample(&argument.kind, &entry))).collect()
    };
    let (least, most) = (build(&samples(false)), build(&samples(true)));
    Digest::of(format!("{}\n{least}{most}", least.len()).as_bytes())
}

fn sample(kind: &Kind, entry: &StoreName) -> Value {
    let text = |kind: &Text| match kind {
        Text::Plain | Text::Flag | Text::Script => Value::weave([
            Piece::Text("'\"$OUTPUT${DEP:sample}\\$\\${HOME}$DEP_0 $other\n".to_owned()),
            Piece::Path(entry.clone()),
        ]),
        Text::Directory => Value::text("/a'b"),
        Text::Dependency => Value::text("sample"),
    };
    let record = |value| Value::Record(Record::from([("key".to_owned(), value)]));
    match kind {
        Kind::Bool => Value::Bool(true),
        Kind::Integer => Value::Integer(Integer::from(-1_i64)),
        Kind::One(Text::Script) => Value::List(vec![text(&Text::Script), text(&Text::Script)]),
        Kind::One(kind) => text(kind),
        Kind::List(kind) => Value::List(vec![text(kind), text(kind)]),
        Kind::Map(kind) => record(text(kind)),
        Kind::Records(fields) => {
            let fields = fields.iter().map(|field| ((*field).to_owned(), text(&Text::Plain)));
            Value::List(vec![Value::Record(fields.collect())])
        }
    }
}
