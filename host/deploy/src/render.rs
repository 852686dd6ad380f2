//! From a stack to the files that it is on a target: those that it brings itself, then those of its backend, then those
//! that are made of its data. A backend is asked and not believed: where its files may lie is the business of `boundary`.

#[cfg(test)]
mod tests;

use crate::design::{Design, DesignFile, FileBody, Service};
use crate::limits::FILES_MAX;
use crate::sources::{SourceFile, SourceHeld, Sources};
use punix_diag::{Code, Diagnostic, Span, visible};
use punix_model::{Backend, CallFault, Cause, Chunk, Class, Facts, PlannedFile, PluginError, Stack, Unit};
use punix_target::{Body, TargetPath};

/// What a file has that says nothing of its mode, and what it has with secrets in it.
const MODE: u32 = 0o644;
const SECRET_MODE: u32 = 0o600;

/// Who renders, and what for.
#[derive(Clone, Copy)]
pub struct Renderer<'r> {
    pub backend: &'r dyn Backend,
    /// The id of the plugin behind it; it stands in the record of each file that it made.
    pub id: &'r str,
    pub facts: &'r Facts,
    /// Where units go; nothing means where the backend usually puts them.
    pub unit_dir: Option<&'r TargetPath>,
}

/// All that a stack is on a target. Values of secrets are not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// In the order in which they are written.
    pub files: Vec<RenderedFile>,
    /// In the order in which they are started.
    pub units: Vec<Unit>,
    /// What the backend wants people to know.
    pub notes: Vec<String>,
}

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    pub path: TargetPath,
    /// What it holds, with places for secrets.
    pub chunks: Vec<Chunk>,
    /// What it holds where that is too much to be kept in memory. Then there are no chunks.
    pub large: Option<Body>,
    pub mode: u32,
    pub owner: Option<String>,
    pub group: Option<String>,
    /// Whether nobody but its owner may read it: declared, or there are secrets in it.
    pub secret: bool,
    /// `raw`, `std.datafile`, or the id of a plugin.
    pub made_by: String,
    /// The units that are restarted, or reloaded, when this file alone differs.
    pub restarts: Vec<String>,
    pub reloads: Vec<String>,
    /// Where it is declared; nothing for what a backend made.
    pub at: Option<Span>,
}

impl RenderedFile {
    /// Tells whether a secret is referred to in it.
    pub fn has_secret(&self) -> bool {
        self.chunks.iter().any(|chunk| matches!(chunk, Chunk::Secret(..)))
    }
}

/// Renders a stack whose sources were read. Returns its files, or all that is wrong.
pub fn render(design: &Design, sources: Sources, by: Renderer<'_>) -> Result<Rendered, Vec<Diagnostic>> {
    let stack = stack_of(design, by.unit_dir);
    let rendering = by.backend.render(&stack, by.facts).map_err(|fault| vec![explain(design, fault)])?;
    punix_diag::drill("render");
    let mut errors = Vec::new();
    let (mut files, mut made) = (Vec::new(), Vec::new());
    let mut read = sources.0.into_iter();
    for file in &design.files {
        let sources = read.next().unwrap_or_default();
        let files = if file.made_by == "raw" { &mut files } else { &mut made };
        own(file, sources, &rendering.units, files, &mut errors);
    }
    for file in rendering.files {
        match backend_file(file, by.id) {
            Ok(file) => files.push(file),
            Err(message) => errors.push(Diagnostic::error(Code::E30, message).at(design.backend_at)),
        }
    }
    files.append(&mut made);
    if files.len() > FILES_MAX {
        let message = format!("`{}` has {} files; a stack can have {FILES_MAX}", design.name, files.len());
        errors.push(Diagnostic::error(Code::E20, message).at(design.at));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Rendered { files, units: rendering.units, notes: rendering.notes })
}

/// Checks that a backend makes of a stack the same files, whatever the artifacts of other hosts are that stand in them: they
/// are recorded by what they are with references.
pub fn same_forms(design: &Design, by_reference: &Rendered, filled: &Rendered) -> Vec<Diagnostic> {
    let secrets = |file: &RenderedFile| -> Vec<Chunk> {
        file.chunks.iter().filter(|chunk| matches!(chunk, Chunk::Secret(..))).cloned().collect()
    };
    let form = |file: &RenderedFile| RenderedFile { chunks: secrets(file), ..file.clone() };
    let [one, other] = [by_reference, filled].map(|rendered| rendered.files.iter().map(form).collect::<Vec<_>>());
    if one == other && by_reference.units == filled.units {
        return Vec::new();
    }
    let message = "the backend makes other files of a stack if an artifact of another host is another text";
    let error = Diagnostic::error(Code::E28, message).at(design.backend_at);
    vec![error.help("this is a fault of the plugin: what is in a variable must not decide which files there are")]
}

/// Returns a stack as far as its backend may know it.
pub fn stack_of(design: &Design, unit_dir: Option<&TargetPath>) -> Stack {
    Stack {
        name: design.name.clone(),
        scope: design.scope,
        services: design.services.iter().map(service).collect(),
        slots: design.slots.clone(),
        config: design.config.clone(),
        unit_dir: unit_dir.map(|path| path.as_str().to_owned()),
    }
}

fn service(service: &Service) -> punix_model::Service {
    let variables = service.environment.iter();
    punix_model::Service {
        name: service.name.clone(),
        argv: [program(service)].into_iter().chain(service.args.iter().cloned()).collect(),
        env: variables.map(|variable| (variable.name.clone(), variable.value.clone())).collect(),
        depends_on: service.depends_on.clone(),
        secret_delivery: service.secret_delivery.clone(),
        config: service.config.clone(),
    }
}

/// Returns the path of the program that a service runs.
pub(crate) fn program(service: &Service) -> String {
    format!("{}/bin/{}", service.package_path, service.binary)
}

/// Says what a backend came to, where what it is about is written.
fn explain(design: &Design, fault: CallFault) -> Diagnostic {
    let (place, refused) = match &fault.cause {
        Cause::Refused(error) => (error.at.as_deref().and_then(|way| design.place(way)), refused(&fault, error)),
        Cause::Trapped { .. }
        | Cause::Late { .. }
        | Cause::Limit { .. }
        | Cause::Unusable { .. }
        | Cause::Unloadable { .. } => (None, None),
    };
    refused.unwrap_or_else(|| Diagnostic::from(fault)).at(place.unwrap_or(design.backend_at))
}

/// Says that a backend does not take what it was given, which is an error of the program: what is wrong there stands first,
/// and who says so behind it.
fn refused(fault: &CallFault, error: &PluginError) -> Option<Diagnostic> {
    if error.class != Class::InvalidInput {
        return None;
    }
    let shown = |text: &str| {
        let mut out = String::new();
        visible(text, &mut out);
        out
    };
    let message = match error.at.as_deref().filter(|at| !is_named(at, &error.message)) {
        Some(at) => format!("`{}`: {error}", shown(at)),
        None => error.to_string(),
    };
    let (plugin, code) = (shown(&fault.plugin.to_string()), shown(&error.code));
    Some(Diagnostic::error(Code::E29, message).note(format!("the plugin `{plugin}` says so, and calls it `{code}`")))
}

/// Tells whether a message names all parts of a place, so that the place need not stand before it.
fn is_named(at: &str, message: &str) -> bool {
    at.split('.').filter(|part| *part != "services").all(|part| message.contains(part))
}

/// Adds what one declared file is on a target: itself, or all files of its directory.
fn own(
    file: &DesignFile,
    sources: Vec<SourceFile>,
    units: &[Unit],
    files: &mut Vec<RenderedFile>,
    errors: &mut Vec<Diagnostic>,
) {
    let mut add = |path: String, chunks: Vec<Chunk>, large: Option<Body>, mode: u32| match TargetPath::parse(&path) {
        Ok(path) => files.push(RenderedFile {
            path,
            mode: file.mode.unwrap_or(mode),
            owner: file.owner.clone(),
            group: file.group.clone(),
            secret: file.secret || chunks.iter().any(|chunk| matches!(chunk, Chunk::Secret(..))),
            chunks,
            large,
            made_by: file.made_by.to_owned(),
            restarts: restarts(file, units),
            reloads: file.reloads.iter().flatten().flat_map(|name| of_service(units, name)).collect(),
            at: Some(file.at),
        }),
        Err(issue) => {
            let message = format!("config file `{path}` may not be written: {issue}");
            errors.push(Diagnostic::error(Code::E30, message).at(file.at));
        }
    };
    let plain = if file.secret { SECRET_MODE } else { MODE };
    match &file.body {
        FileBody::Chunks(chunks) => add(file.path.clone(), chunks.clone(), None, plain),
        FileBody::Source { .. } => {
            for SourceFile { below, held, executable } in sources {
                let path = match below {
                    Some(below) => format!("{}/{below}", file.path.trim_end_matches('/')),
                    None => file.path.clone(),
                };
                // Whoever may read it may execute it.
                let mode = if executable { plain | (plain & 0o444) >> 2 } else { plain };
                match held {
                    SourceHeld::Text(text) => add(path, vec![Chunk::Text(text)], None, mode),
                    SourceHeld::Large(body) => add(path, Vec::new(), Some(body), mode),
                }
            }
        }
    }
}

/// Returns the units that a declared file restarts: nobody knows which services read it if it does not say so.
fn restarts(file: &DesignFile, units: &[Unit]) -> Vec<String> {
    match &file.restarts {
        Some(names) => names.iter().flat_map(|name| of_service(units, name)).collect(),
        None => units.iter().map(|unit| unit.name.clone()).collect(),
    }
}

fn of_service(units: &[Unit], service: &str) -> Vec<String> {
    units.iter().filter(|unit| unit.service == service).map(|unit| unit.name.clone()).collect()
}

fn backend_file(file: PlannedFile, id: &str) -> Result<RenderedFile, String> {
    let PlannedFile { path, mode, body, restarts, reloads } = file;
    let refused = |issue| format!("`{id}` wants to write `{path}`, which may not be written: {issue}");
    let parsed = TargetPath::parse(&path).map_err(refused)?;
    let secret = body.iter().any(|chunk| matches!(chunk, Chunk::Secret(..)));
    Ok(RenderedFile {
        path: parsed,
        chunks: body,
        large: None,
        mode,
        owner: None,
        group: None,
        secret,
        made_by: id.to_owned(),
        restarts,
        reloads,
        at: None,
    })
}
