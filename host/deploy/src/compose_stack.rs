//! Composing a stack: from a checked program to a design. All that can be wrong with what the program says is found here,
//! at its place, and all of it in one run; nothing is read but the program.
//!
//! What is the backend's to judge goes through as JSON: it is not known here which directives systemd has.

mod artifacts;
mod data;
mod depends;
mod files;
mod formats;
mod health;
mod names;
mod reader;
mod services;
mod slots;
#[cfg(test)]
mod tests;
mod tls;
mod ways;

use crate::artifacts::Filling;
use crate::design::Design;
use files::Surroundings;
use punix_diag::{Code, Diagnostic, closest};
use punix_model::Scope;
use punix_pcl::{Checked, ModuleId, Program, ScenarioId, Value, World};
use reader::{Reader, Spot, listed, quoted};
use std::collections::HashSet;

/// Which stack is wanted, and how it is looked at.
#[derive(Clone, Copy)]
pub struct StackChoice<'c> {
    pub checked: &'c Checked,
    /// What the program was checked with: which resolvers there are, and which fields a backend has.
    pub world: &'c World,
    pub scenario: Option<ScenarioId>,
    pub stack: &'c str,
    /// The home of the user whose services they are, if that is known; only for user scope.
    pub home: Option<&'c str>,
    /// What stands where artifacts of other hosts are referred to.
    pub artifacts: Filling<'c>,
    /// Returns the path of a package's entry in the store.
    pub entry: &'c dyn Fn(ModuleId) -> Option<String>,
}

/// Fields that plugins render of which there are none yet.
const GENERATORS: &[&str] = &[
    "staticSites",
    "reverseProxies",
    "redirects",
    "streamProxies",
    "databases",
    "prometheus",
    "litestream",
    "wireguard",
    "mail",
    "configModules",
];
/// Fields that belong to the bundled backend; others say themselves which are theirs.
const BACKEND_FIELDS: &[&str] = &["systemUsers", "systemGroups"];

/// Composes a stack. Returns it with warnings, or all that is wrong: with the program, or else with the stack.
pub fn compose_stack(choice: StackChoice<'_>) -> Result<(Design, Vec<Diagnostic>), Vec<Diagnostic>> {
    punix_diag::drill("compose");
    if choice.checked.has_errors() {
        return Err(choice.checked.diagnostics.iter().filter(|found| found.is_error()).cloned().collect());
    }
    let module = stack_module(&choice.checked.program, choice.stack).map_err(|error| vec![*error])?;
    let mut reader = Reader::new(choice);
    let design = compose(&mut reader, module);
    let mut errors = reader.evaluator.errors();
    errors.append(&mut reader.errors);
    errors.sort_by_key(|error| error.span);
    errors.dedup();
    if reader.dropped > 0
        && let Some(last) = errors.pop()
    {
        errors.push(last.note(format!("and {} more errors of this kind and others", reader.dropped)));
    }
    match design {
        Some(design) if errors.is_empty() => {
            reader.warnings.sort_by_key(|warning| warning.span);
            Ok((design, reader.warnings))
        }
        _ => Err(errors),
    }
}

/// Returns the packages that a stack refers to: those of its services, those that it pins besides, and those whose path
/// stands in a text. What is wrong with the stack is not told here.
pub fn packages_of(checked: &Checked, world: &World, scenario: Option<ScenarioId>, stack: &str) -> Vec<ModuleId> {
    let Ok(module) = stack_module(&checked.program, stack) else { return Vec::new() };
    let entry = |_: ModuleId| Some("/".to_owned());
    let artifacts = Filling::References;
    let choice = StackChoice { checked, world, scenario, stack, home: Some("/"), artifacts, entry: &entry };
    let mut reader = Reader::new(choice);
    compose(&mut reader, module);
    reader.packages.into_iter().collect()
}

/// Finds the module of a stack.
fn stack_module(program: &Program, name: &str) -> Result<ModuleId, Box<Diagnostic>> {
    let is_stack = |module: ModuleId| program.member_named(module, "backend").is_some();
    let found = program.module_named(name);
    if let Some(module) = found.filter(|&module| is_stack(module)) {
        return Ok(module);
    }
    let error = match found {
        Some(module) => {
            let message = format!("`{name}` is not a stack module: it has no `backend`");
            Diagnostic::error(Code::E3, message).at(program.module(module).at)
        }
        None => Diagnostic::error(Code::E2, format!("there is no stack `{name}`")),
    };
    let stacks: Vec<&str> =
        program.modules().filter(|(id, _)| is_stack(*id)).map(|(_, module)| program.ast.text(module.name)).collect();
    Err(Box::new(match closest(name, stacks.iter().copied()) {
        Some((near, _)) => error.help(format!("did you mean `{near}`?")),
        None if stacks.is_empty() => {
            error.help("a stack is a module with a `backend`, such as `backend = \"systemd\"`")
        }
        None => error.help(format!("the stacks of this program are {}", listed(stacks))),
    }))
}

/// Reads the fields of a stack. `None` if there cannot be a design; what is wrong is with the reader.
fn compose(reader: &mut Reader<'_>, module: ModuleId) -> Option<Design> {
    let name = reader.name(module);
    let at = reader.program().module(module).at;
    reader.places.add("name".to_owned(), at);
    let backend = reader.member(module, "backend").and_then(|spot| Some((reader.text(&spot)?, spot)));
    let kind = backend.as_ref().map_or("", |(backend, _)| backend.as_str()).to_owned();
    let scope = scope(reader, module);
    let found = match remembered(reader, module, "services") {
        Some(spot) => reader.services(&spot, &kind),
        None => services::Found::default(),
    };
    reader.depends(&found);
    let around = Surroundings { scope, names: &found.names };
    let mut files = match reader.member(module, "configFiles") {
        Some(spot) => reader.config_files(&spot, around),
        None => Vec::new(),
    };
    let store_modules = store_modules(reader, module);
    let tls = reader.member(module, "tls").and_then(|spot| reader.tls(&spot, &found.names));
    refuse_generators(reader, module);
    if let Some(spot) = reader.member(module, "dataFiles") {
        files.extend(reader.data_files(&spot, around));
    }
    let config = backend_config(reader, module, &kind);
    let produces = reader.member(module, "producesArtifacts");
    let links = reader.links(produces);
    let entries = reader.packages.iter().filter_map(|&package| (reader.choice.entry)(package));
    let mut store_paths: Vec<String> = entries.collect();
    store_paths.sort();
    store_paths.dedup();
    let slots = std::mem::take(&mut reader.slots);
    let (backend, backend_spot) = backend?;
    reader.places.add("backend".to_owned(), backend_spot.at);
    Some(Design {
        name,
        at,
        backend,
        backend_at: backend_spot.at,
        scope,
        services: found.services,
        store_modules,
        store_paths,
        files,
        slots: slots.list,
        slot_places: slots.places,
        config,
        tls,
        links,
        state_dirs: found.state_dirs.into_iter().collect(),
        places: std::mem::take(&mut reader.places),
    })
}

/// Returns a member, with its place remembered.
fn remembered(reader: &mut Reader<'_>, module: ModuleId, name: &str) -> Option<Spot> {
    let spot = reader.member(module, name)?;
    reader.places.add(name.to_owned(), spot.at);
    Some(spot)
}

fn scope(reader: &mut Reader<'_>, module: ModuleId) -> Scope {
    let Some(spot) = remembered(reader, module, "scope") else { return Scope::System };
    match reader.text(&spot).as_deref() {
        Some("system") | None => Scope::System,
        Some("user") => Scope::User,
        Some(other) => {
            let message = format!("`{}` is {}: it takes \"system\" or \"user\"", spot.shown, quoted(other));
            reader.refuse(Code::E1, &spot, message, "leave it out for the machine's services");
            Scope::System
        }
    }
}

fn store_modules(reader: &mut Reader<'_>, module: ModuleId) -> Vec<String> {
    let Some(spot) = reader.member(module, "storeModules") else { return Vec::new() };
    let mut modules = Vec::new();
    let mut seen = HashSet::new();
    for (name, spot) in reader.texts(&spot) {
        if let Some((name, _)) = reader.package(&name, &spot).filter(|(name, _)| seen.insert(name.clone())) {
            modules.push(name);
        }
    }
    modules
}

/// Refuses what nothing here renders, where there is anything in it.
fn refuse_generators(reader: &mut Reader<'_>, module: ModuleId) {
    for &name in GENERATORS {
        let Some(spot) = reader.member(module, name) else { continue };
        if matches!(reader.evaluator.values.get(spot.id), Value::List(items) if reader.evaluator.values.items(items).is_empty())
        {
            continue;
        }
        let message = format!("`{}` needs a generator plugin, and there is none for it", spot.shown);
        reader.refuse(Code::E2, &spot, message, "write the files that are needed with `configFiles` or `dataFiles`");
    }
}

/// Writes the stack's own fields of the backend.
fn backend_config(reader: &mut Reader<'_>, module: ModuleId, backend: &str) -> String {
    let backends = &reader.choice.world.backends;
    let own = backends.iter().filter(|other| other.backend == backend).flat_map(|other| &other.stack);
    let mut names: Vec<&str> = BACKEND_FIELDS.iter().copied().chain(own.map(|field| field.name.as_str())).collect();
    names.sort_unstable();
    names.dedup();
    let fields = reader.members(module, names);
    for name in fields.names() {
        if let Some(spot) = fields.get(&name).cloned() {
            reader.remember(&name, &spot);
        }
    }
    reader.backend_fields(fields)
}
