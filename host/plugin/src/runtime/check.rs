//! What an answer has to be before anybody uses it. All of it is pure: the answer, what was asked, and the limits.

use crate::limits::Limits;
use crate::runtime::call::Cell;
use punix_model::{CallFault, Chunk, Endpoint, PlannedFile, Rendering, Stack, Step};
use std::collections::BTreeSet;

/// The encodings that the host can write a secret in.
pub(crate) const ENCODINGS: &[&str] = &[
    "raw",
    "systemd.environment",
    "systemd.environment-file",
    "systemd.exec",
    "shell.single",
    "json.string",
    "yaml.string",
    "toml.string",
    "ini.value",
    "base64",
    "hex",
];

const PATH_BYTES_MAX: usize = 4 << 10;
const NAME_BYTES_MAX: usize = 255;
const ARGUMENTS_MAX: usize = 4_096;
const NOTES_MAX: usize = 100;

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    Said(String),
    Over(&'static str),
}

impl Flaw {
    pub(crate) fn of(self, cell: &Cell, call: &str) -> CallFault {
        match self {
            Flaw::Said(said) => cell.unusable(call, said),
            Flaw::Over(limit) => cell.over(call, limit),
        }
    }
}

fn flaw<T>(said: String) -> Result<T, Flaw> {
    Err(Flaw::Said(said))
}

/// Looks at what a backend rendered for a stack.
pub(crate) fn rendering(rendering: &Rendering, stack: &Stack, limits: &Limits) -> Result<(), Flaw> {
    let Rendering { files, units, notes } = rendering;
    if files.len() + units.len() > limits.artefacts as usize {
        return Err(Flaw::Over("artefacts"));
    }
    let mut names = BTreeSet::new();
    for unit in units {
        unit_name(&unit.name)?;
        if !names.insert(unit.name.as_str()) {
            return flaw(format!("it has the unit `{}` twice", unit.name));
        }
        let known = unit.service.is_empty() || stack.services.iter().any(|service| service.name == unit.service);
        if !known {
            return flaw(format!("the unit `{}` is for `{}`, which is no service", unit.name, unit.service));
        }
    }
    let mut paths = BTreeSet::new();
    let mut total = 0u64;
    for file in files {
        let size = self::file(file, stack)?;
        if size > u64::from(limits.artefact_kib) << 10 {
            return Err(Flaw::Over("artefact_kib"));
        }
        total = total.saturating_add(size);
        if total > u64::from(limits.output_mib) << 20 {
            return Err(Flaw::Over("output_mib"));
        }
        if !paths.insert(file.path.as_str()) {
            return flaw(format!("it writes `{}` twice", file.path));
        }
        if let Some(name) = file.restarts.iter().chain(&file.reloads).find(|name| !names.contains(name.as_str())) {
            return flaw(format!("`{}` concerns the unit `{name}`, which it does not have", file.path));
        }
    }
    nested(&paths)?;
    units_together(files, &names, stack.unit_dir.as_deref())?;
    match notes.iter().map(String::len).max() {
        Some(_) if notes.len() > NOTES_MAX => Err(Flaw::Over("artefacts")),
        Some(longest) if longest > limits.log_line_bytes as usize => Err(Flaw::Over("log_line_bytes")),
        _ => Ok(()),
    }
}

/// Looks at one file, and returns how long its text is.
fn file(file: &PlannedFile, stack: &Stack) -> Result<u64, Flaw> {
    let PlannedFile { path, mode, body, .. } = file;
    if path.len() > PATH_BYTES_MAX || path.chars().any(char::is_control) {
        return flaw(format!("the path `{path}` is too long, or has a character in it that paths must not have"));
    }
    let parts = path.strip_prefix('/').map(|rest| rest.split('/'));
    let plain = parts.is_some_and(|mut parts| {
        parts.all(|part| !part.is_empty() && part != "." && part != ".." && part.len() <= NAME_BYTES_MAX)
    });
    if !plain {
        return flaw(format!("`{path}` is not a plain absolute path"));
    }
    if mode & !0o777 != 0 || mode & 0o022 != 0 {
        return flaw(format!("the mode {mode:04o} of `{path}` lets others write to it, or is none"));
    }
    let mut secret = false;
    let mut size = 0u64;
    for chunk in body {
        match chunk {
            Chunk::Text(text) => size = size.saturating_add(text.len() as u64),
            Chunk::Secret(slot, encoding) => {
                secret = true;
                if !stack.slots.iter().any(|known| known.id == *slot) {
                    return flaw(format!("`{path}` holds the secret {slot}, which the stack does not have"));
                }
                if !ENCODINGS.contains(&encoding.0.as_str()) {
                    return flaw(format!(
                        "`{path}` holds a secret in the encoding `{}`, which is not known",
                        encoding.0
                    ));
                }
            }
        }
    }
    if secret && mode & 0o077 != 0 {
        return flaw(format!("`{path}` holds a secret, and the mode {mode:04o} lets others read it"));
    }
    Ok(size)
}

/// A file cannot be the directory of another.
fn nested(paths: &BTreeSet<&str>) -> Result<(), Flaw> {
    for path in paths {
        let mut above = *path;
        while let Some((parent, _)) = above.rsplit_once('/') {
            if paths.contains(parent) {
                return flaw(format!("`{parent}` is a file and the directory of `{path}`"));
            }
            above = parent;
        }
    }
    Ok(())
}

/// What has the name of a unit lies where units lie.
fn units_together(files: &[PlannedFile], units: &BTreeSet<&str>, unit_dir: Option<&str>) -> Result<(), Flaw> {
    let mut first: Option<&str> = unit_dir.map(|directory| directory.trim_end_matches('/'));
    for file in files {
        let Some((directory, name)) = file.path.rsplit_once('/') else { continue };
        if !units.contains(name) {
            continue;
        }
        match first {
            Some(expected) if expected != directory => {
                return flaw(format!("the unit file `{}` is not in `{expected}`, where units go", file.path));
            }
            _ => first = Some(directory),
        }
    }
    Ok(())
}

fn unit_name(name: &str) -> Result<(), Flaw> {
    let odd = |character: char| character.is_control() || character.is_whitespace() || character == '/';
    let sound = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.starts_with('-') && !name.contains(odd);
    if sound { Ok(()) } else { flaw(format!("`{name}` cannot be the name of a unit")) }
}

/// Looks at a step of a session.
pub(crate) fn step(step: &Step, wished: &[String], limits: &Limits) -> Result<(), Flaw> {
    match step {
        Step::Run(commands) | Step::Ask(commands) => {
            if commands.is_empty() {
                return flaw("it wants to run nothing".to_owned());
            }
            if commands.len() > limits.artefacts as usize {
                return Err(Flaw::Over("artefacts"));
            }
            for command in commands {
                let [program, ..] = command.argv.as_slice() else {
                    return flaw("it wants to run a command without words".to_owned());
                };
                let odd = command.argv.iter().any(|word| word.contains('\0'));
                if program.is_empty() || odd || command.argv.len() > ARGUMENTS_MAX {
                    return flaw(format!("it wants to run `{program}` with words that no command can have"));
                }
                if command.timeout_ms / 1_000 > limits.session_s {
                    return Err(Flaw::Over("session_s"));
                }
            }
            Ok(())
        }
        Step::WaitMs(time) if *time > limits.timeout_ms.max(60_000) => flaw(format!("it wants to wait for {time} ms")),
        Step::Done(found) => match found.iter().find(|status| !wished.contains(&status.unit)) {
            Some(status) => flaw(format!("it tells of the unit `{}`, which nobody asked about", status.unit)),
            None => Ok(()),
        },
        Step::WaitMs(_) | Step::Fail(_) => Ok(()),
    }
}

/// Looks at the one form of a reference: it stands in plans and records, on a line. How long it is, other limits bound.
pub(crate) fn reference(form: &str) -> Result<(), Flaw> {
    match form.contains(char::is_control) {
        true => flaw(format!("the reference `{form}` has a character in it that no line can have")),
        false => Ok(()),
    }
}

/// Looks at an endpoint that a transport completed: it may fill in what was left open, and nothing else.
pub(crate) fn completed(given: &Endpoint, answer: &Endpoint) -> Result<(), Flaw> {
    let filled = |given: Option<&str>, answer: Option<&str>| given.is_none() || given == answer;
    let same = given.scheme == answer.scheme
        && (given.host.is_empty() || given.host.eq_ignore_ascii_case(&answer.host))
        && filled(given.user.as_deref(), answer.user.as_deref())
        && (given.port.is_none() || given.port == answer.port)
        && (given.path.as_deref().is_none_or(|path| matches!(path, "" | "/")) || given.path == answer.path)
        && given.options == answer.options;
    if !same {
        return flaw("it made another target of the one that was named".to_owned());
    }
    let odd = |text: &String| text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control);
    match [&answer.user, &answer.path].into_iter().flatten().find(|text| odd(text)) {
        Some(text) => flaw(format!("it completed the target with `{text}`")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
