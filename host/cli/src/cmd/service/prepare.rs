//! From a program to all that its stack will be on a target: rooms 1 to 8, as far as they need no target. Nothing is
//! built and nothing written here.

use super::Stopped;
use super::plugins::{self, Plugins};
use super::secrets::Found;
use super::site::Site;
use super::words;
use crate::args::service::Source;
use crate::cmd::build::local_digests;
use crate::cmd::check::fail;
use crate::load::load;
use crate::machine::system;
use crate::places;
use crate::ui::{Ui, shown};
use punix_deploy::{
    Choice, Circumstances, Composed, Contents, Design, ProgramBytes, Rendered, Renderer, StackChoice, check_boundary,
    compose_packages, compose_stack, draft, packages_of, read_sources, render, source_hash, splice, timestamp,
};
use punix_diag::{Diagnostic, SourceMap, Span};
use punix_model::{Facts, Redactor, Secret};
use punix_pcl::{Checked, ModuleId, ScenarioId, Source as Text, World, check};
use punix_plugin::runtime::BackendPlugin;
use punix_store::{Digest, Store};
use punix_target::{Boundary, Generation, Mark, PluginRow, TargetError, TargetPath};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A program and the packages that its stack needs.
pub(super) struct Program {
    pub(super) checked: Checked,
    pub(super) composed: Composed,
    /// Of the bytes of the program.
    pub(super) source_hash: String,
    /// Where the packages are, or will be.
    pub(super) store_root: PathBuf,
    world: World,
    scenario: Option<ScenarioId>,
    /// Where what is relative in the program begins.
    base: PathBuf,
}

/// A stack as it is to be on a target.
pub(super) struct Wanted {
    pub(super) design: Design,
    pub(super) rendered: Rendered,
    pub(super) contents: Contents,
    pub(super) backend: BackendPlugin,
    pub(super) facts: Facts,
    pub(super) unit_dir: Option<TargetPath>,
    pub(super) boundary: Boundary,
    /// Who had a part in it.
    pub(super) plugins: Vec<PluginRow>,
    /// Takes the stack's secrets out of what others say.
    pub(super) redactor: Redactor,
}

impl Program {
    pub(super) fn sources(&self) -> &SourceMap {
        &self.checked.program.ast.sources
    }

    /// Returns the paths of all packages that the stack needs, and of those that these need.
    pub(super) fn closure(&self) -> Vec<String> {
        let packages = (0..self.composed.packages.len()).map(|place| self.composed.packages.get(place));
        let mut paths: Vec<String> = packages.map(|package| self.path(package.name().as_str())).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    fn path(&self, name: &str) -> String {
        self.store_root.join(name).to_string_lossy().into_owned()
    }

    /// Returns the path of each package by its module.
    fn entries(&self) -> HashMap<ModuleId, String> {
        let program = &self.checked.program;
        let named = self.composed.wanted.iter().filter_map(|(module, place)| {
            let package = self.composed.packages.get(*place);
            Some((program.module_named(module)?, self.path(package.name().as_str())))
        });
        named.collect()
    }
}

/// Returns what the program is read from.
pub(super) fn file(source: &Source) -> Result<&Path, Stopped> {
    let message = "--file is required (a PCL file or directory)";
    let example = "for example: punix service deploy Web --file web.pcl";
    source.file.as_deref().ok_or_else(|| Stopped::usage(message, example))
}

/// Reads and checks a program, and composes the packages of a stack. A rehearsal builds nothing, so it goes on without
/// sources that are not there, and says so.
pub(super) fn read(
    ui: &Ui,
    source: &Source,
    store_root: Option<&Path>,
    is_rehearsal: bool,
) -> Result<Program, Stopped> {
    let file = file(source)?;
    let texts = load(file).map_err(|error| Stopped::Usage { message: error.to_string(), help: None })?;
    let source_hash = hash(file, &texts);
    let base = base_of(file);
    let world = plugins::world(ui, Path::new("."), base)?;
    let checked = check(texts, &world);
    let sources = &checked.program.ast.sources;
    if checked.has_errors() {
        return Err(Stopped::Told(fail(ui, &checked.diagnostics, checked.dropped, sources)));
    }
    ui.show(&checked.diagnostics, checked.dropped, sources);
    let told = |errors: Vec<Diagnostic>| Stopped::Told(fail(ui, &errors, 0, sources));
    let scenario = source.scenario.as_deref().map(|name| checked.scenario(name)).transpose();
    let scenario = scenario.map_err(|error| told(vec![error]))?;
    let modules = packages_of(&checked, &world, scenario, source.stack.name());
    let system = system();
    let choice = Choice { checked: &checked, scenario, system: &system, only: Some(&modules) };
    let mut digests = local_digests();
    let mut local = |path: &Path| match is_rehearsal && !path.exists() {
        true => {
            ui.say(&format!("warning: there is no `{}`: what is built from it will have another path", shown(path)));
            Ok(Digest::of(b""))
        }
        false => digests(path),
    };
    let composed = compose_packages(choice, &mut local).map_err(told)?;
    let store_root = match places::store(store_root) {
        Ok(root) => Store::locate(&root).map_err(Diagnostic::from)?,
        // A stack without packages needs no store.
        Err(_) if composed.packages.is_empty() => PathBuf::new(),
        Err(homeless) => return Err(homeless.into()),
    };
    Ok(Program { checked, composed, source_hash, store_root, world, scenario, base: base.to_owned() })
}

/// Makes the stack's files, with everything in them. `find` finds the secrets of its slots.
pub(super) fn prepare(
    ui: &Ui,
    source: &Source,
    program: &Program,
    site: &Site<'_>,
    find: &dyn Fn(&Plugins, &Design) -> Result<Found, Stopped>,
) -> Result<Wanted, Stopped> {
    let unit_dir = site.home.unit_dir(&source.units)?;
    let entries = program.entries();
    let choice = StackChoice {
        checked: &program.checked,
        world: &program.world,
        scenario: program.scenario,
        stack: source.stack.name(),
        home: site.home.text(),
        entry: &|module| entries.get(&module).cloned(),
    };
    let (design, warnings) = compose_stack(choice)?;
    ui.show(&warnings, 0, program.sources());
    let plugins = Plugins::read(ui, Path::new("."), &program.base)?;
    let found = find(&plugins, &design)?;
    let (backend, row) = plugins.backend(&design.backend)?;
    let facts = site.facts();
    let sources = read_sources(&design, &program.base)?;
    let renderer = Renderer { backend: &backend, id: &row.id, facts: &facts, unit_dir: unit_dir.as_ref() };
    let rendered = render(&design, sources, renderer)?;
    for note in &rendered.notes {
        ui.say(&format!("note: {}", words::seen(note)));
    }
    let boundary = site.home.boundary(design.scope, &design.name, unit_dir.as_ref())?;
    let boundary = site.without_ours(boundary, Some(&program.store_root));
    let refusals = check_boundary(&design, &rendered, &boundary);
    if !refusals.is_empty() {
        return Err(Stopped::By(refusals));
    }
    let contents = splice(&design, &rendered, &found.values)?;
    let redactor = Redactor::new(&found.values);
    let plugins = [row].into_iter().chain(found.plugins).collect();
    Ok(Wanted { design, rendered, contents, backend, facts, unit_dir, boundary, plugins, redactor })
}

impl Wanted {
    /// Returns where a file is declared.
    pub(super) fn place_of(&self, path: &TargetPath) -> Option<Span> {
        let file = self.rendered.files.iter().find(|file| file.path == *path)?;
        Some(file.at.unwrap_or(self.design.backend_at))
    }

    /// Writes the record of what would be deployed. `tag` knows secrets by the target's key.
    pub(super) fn draft(
        &self,
        program: &Program,
        source: &Source,
        tag: impl FnMut(&Secret) -> Result<Mark, TargetError>,
    ) -> Result<Generation, Stopped> {
        let circumstances = Circumstances {
            source_hash: program.source_hash.clone(),
            system: system(),
            scenario: source.scenario.clone(),
            store_paths: program.closure(),
            plugins: self.plugins.clone(),
            deployed_at: timestamp(now()),
            deployed_by: who(),
        };
        let marks = self.contents.marks(tag)?;
        Ok(draft(&self.design, &self.rendered, &marks, circumstances))
    }
}

/// Returns where what is relative in a program begins. Programs that come through a pipe are where they are read.
pub(super) fn base_of(file: &Path) -> &Path {
    if file.is_dir() {
        return file;
    }
    // Not all of `/dev`: a program may well lie in `/dev/shm`.
    let is_stream = ["/dev/stdin", "/dev/fd", "/proc"].iter().any(|stream| file.starts_with(stream));
    let parent = file.parent().filter(|parent| !is_stream && !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

pub(super) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns who deploys: `user@machine`, as far as that is known.
pub(super) fn who() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.filter(|user| !user.is_empty());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match user {
        Some(user) => words::seen(&format!("{user}@{}", host.trim())),
        None => words::seen(host.trim()),
    }
}

/// Returns the digest of a program, as records have it.
fn hash(path: &Path, texts: &[Text]) -> String {
    if let ([text], false) = (texts, path.is_dir()) {
        return source_hash(ProgramBytes::File(&text.bytes));
    }
    let relative = |text: &Text| {
        let name = Path::new(&text.name);
        let relative = name.strip_prefix(path).unwrap_or(name);
        (relative.to_string_lossy().into_owned(), text.bytes.clone())
    };
    let files: Vec<(String, Vec<u8>)> = texts.iter().map(relative).collect();
    source_hash(ProgramBytes::Directory(&files))
}
