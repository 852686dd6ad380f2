//! Reads the lines at the start of a recipe that say what it is. They begin with `#:`, and empty ones part them into what
//! it does, the arguments, and an example:
//!
//! ```text
//! #: Runs `make`.
//! #: Needs make.
//! #:
//! #: make_target (target) : Str = "all" — what to make
//! #: command : Script — what has no default has to be given
//! #:     and goes on like this
//! #:
//! #: module Tree { recipe = "std.make" }
//! ```
//!
//! Recipes are our own, so this refuses everything that it does not know.

use super::{Argument, Kind, Preset, Recipe, Text};
use punix_store::{Integer, Record, Value};
use std::sync::OnceLock;

/// Why a file is not a recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{recipe}, line {line}: {problem}")]
pub(super) struct HeaderError {
    recipe: &'static str,
    line: usize,
    problem: &'static str,
}

/// Reads a recipe.
pub(super) fn parse(name: &'static str, content: &'static str) -> Result<Recipe, HeaderError> {
    let mut parts: Vec<Vec<(usize, &'static str)>> = vec![Vec::new()];
    let mut rest = content;
    let mut number = 0;
    let fail = |line: usize, problem| Err(HeaderError { recipe: name, line, problem });
    while let Some(after) = rest.strip_prefix("#:") {
        number += 1;
        let (line, below) = after.split_once('\n').unwrap_or((after, ""));
        rest = below;
        match (line.is_empty(), line.strip_prefix(' '), parts.last_mut()) {
            (true, _, _) => parts.push(Vec::new()),
            (false, Some(text), Some(part)) if text.trim_end() == text => part.push((number, text)),
            _ => return fail(number, "a blank has to follow `#:`, and none may be at the end"),
        }
    }
    let [about, declared, example] = parts.as_slice() else {
        return fail(number, "there have to be three parts, with empty lines between them");
    };
    let [(_, summary), needs @ ..] = about.as_slice() else {
        return fail(1, "the first line has to say what the recipe does");
    };
    if declared.is_empty() || example.is_empty() {
        return fail(number, "an argument or the example is missing");
    }
    let mut arguments: Vec<Argument> = Vec::new();
    for &(line, text) in declared {
        match (text.strip_prefix("    "), arguments.last_mut()) {
            (Some(more), Some(argument)) => {
                argument.meaning.push(' ');
                argument.meaning.push_str(more);
            }
            _ => match argument(text) {
                Ok(argument) => arguments.push(argument),
                Err(problem) => return fail(line, problem),
            },
        }
        let names: Vec<&str> = arguments.iter().flat_map(|known| [Some(known.name), known.also]).flatten().collect();
        if (1..names.len()).any(|at| names[..at].contains(&names[at])) {
            return fail(line, "two arguments have one name");
        }
    }
    let join = |lines: &[(usize, &str)], with| lines.iter().map(|(_, text)| *text).collect::<Vec<_>>().join(with);
    Ok(Recipe {
        name,
        summary,
        needs: join(needs, "\n"),
        arguments,
        example: join(example, "\n"),
        body: rest,
        digest: OnceLock::new(),
    })
}

fn argument(text: &'static str) -> Result<Argument, &'static str> {
    let (declared, meaning) = text.split_once(" — ").ok_or("` — ` and the meaning are missing")?;
    let (names, kind) = declared.split_once(" : ").ok_or("` : ` and the type are missing")?;
    let (name, also) = match names.split_once(" (") {
        Some((name, also)) => (name, Some(also.strip_suffix(')').ok_or("`)` is missing")?)),
        None => (names, None),
    };
    let fits = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !fits(name) || !also.is_none_or(fits) {
        return Err("a name is made of small letters and `_`");
    }
    let (kind, preset) = match kind.split_once(" = ") {
        Some((kind, preset)) => (kind, Some(preset)),
        None => (kind, None),
    };
    let kind = read_kind(kind).ok_or("there is no such type")?;
    let preset = match preset {
        Some(text) => Some(Preset { text, value: read_preset(text, &kind).ok_or("the default is not of the type")? }),
        None => None,
    };
    Ok(Argument { name, also, kind, preset, meaning: meaning.to_owned() })
}

fn read_kind(text: &'static str) -> Option<Kind> {
    let inside = |before: &str, after| text.strip_prefix(before)?.strip_suffix(after);
    match text {
        "Bool" => return Some(Kind::Bool),
        "Int" => return Some(Kind::Integer),
        _ => {}
    }
    if let Some(fields) = inside("List[{", "}]") {
        return Some(Kind::Records(fields.split(' ').collect()));
    }
    if let Some(text) = inside("List[", "]") {
        return Some(Kind::List(read_text(text)?));
    }
    match inside("Map[", "]") {
        Some(text) => Some(Kind::Map(read_text(text)?)),
        None => Some(Kind::One(read_text(text)?)),
    }
}

fn read_text(text: &str) -> Option<Text> {
    let all = [Text::Plain, Text::Flag, Text::Directory, Text::Script, Text::Dependency];
    all.into_iter().find(|kind| kind.to_string() == text)
}

fn read_preset(text: &str, kind: &Kind) -> Option<Value> {
    let quoted = |text: &str| {
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        (!inner.contains(['"', '\\'])).then(|| Value::text(inner))
    };
    match kind {
        Kind::Bool => Some(Value::Bool(text.parse().ok()?)),
        Kind::Integer => Some(Value::Integer(Integer::parse(text)?)),
        Kind::One(_) => quoted(text),
        Kind::List(_) | Kind::Records(_) => {
            let inner = text.strip_prefix('[')?.strip_suffix(']')?;
            let items = inner.split(", ").filter(|item| !item.is_empty());
            Some(Value::List(items.map(quoted).collect::<Option<_>>()?))
        }
        Kind::Map(_) => (text == "{}").then(|| Value::Record(Record::new())),
    }
}
