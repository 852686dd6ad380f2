//! From a program to all that its stack will be on a target: rooms 1 to 8, as far as they need no target. Nothing is
//! built and nothing written here.

use super::Stopped;
use super::certificates::{self, Origin};
use super::home::Home;
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
    Artifacts, ByReference, Choice, Circumstances, Composed, Contents, Design, Filling, Links, ProgramBytes, Rendered,
    Renderer, StackChoice, add_pairs, artifact_values, check_boundary, compose_packages, compose_stack, draft,
    draft_by_reference, keep_pairs, packages_of, read_sources, render, same_forms, source_hash, splice, timestamp,
};
use punix_diag::{Diagnostic, SourceMap, Span};
use punix_model::{Facts, Redactor, Secret, Slot};
use punix_pcl::{Checked, ModuleId, ScenarioId, Source as Text, World, check};
use punix_plugin::runtime::BackendPlugin;
use punix_store::{Digest, Store};
use punix_target::{Boundary, Generation, Mark, PluginRow, TargetError, TargetPath, WayError};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// A program and the packages that its stack needs.
pub(super) struct Program {
    pub(super) checked: Checked,
    pub(super) composed: Composed,
    /// Of the bytes of the program.
    pub(super) source_hash: String,
    /// Where the packages are, or will be.
    pub(super) store_root: PathBuf,
    /// What they are for.
    pub(super) system: String,
    world: World,
    scenario: Option<ScenarioId>,
    /// Whether nothing is built of it, and no certificates come with it.
    pub(super) is_rehearsal: bool,
    /// Where what is relative in the program begins.
    pub(super) base: PathBuf,
    /// Where the project's files are, if not there.
    project: PathBuf,
}

/// A stack as its record says it.
struct Referring {
    design: Design,
    rendered: Rendered,
    artifacts: Artifacts,
}

/// A stack as it is to be on a target.
pub(super) struct Wanted {
    pub(super) design: Design,
    pub(super) rendered: Rendered,
    /// The same with references, where it takes artifacts of other hosts.
    referring: Option<Box<Referring>>,
    pub(super) contents: Contents,
    pub(super) backend: BackendPlugin,
    pub(super) facts: Facts,
    pub(super) unit_dir: Option<TargetPath>,
    /// Of whoever acts there.
    home: Option<String>,
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

    /// Returns under which scenario it is evaluated.
    fn scenario(&self) -> Option<&str> {
        let program = &self.checked.program;
        self.scenario.map(|scenario| program.ast.text(program.scenario(scenario).name))
    }

    /// Returns the paths of all packages that the stack needs, and of those that these need.
    pub(super) fn closure(&self) -> Vec<String> {
        let packages = (0..self.composed.packages.len()).map(|place| self.composed.packages.get(place));
        let mut paths: Vec<String> = packages.map(|package| self.path(package.name().as_str())).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Returns the secrets that a stack refers to, and where each is first referred to. No target is known yet.
    pub(super) fn slots(&self, stack: &str) -> Result<(Vec<Slot>, Vec<Span>), Stopped> {
        let design = self.by_references(stack)?;
        Ok((design.slots, design.slot_places))
    }

    /// Returns what a stack gives to the other hosts of a fleet, and takes from them. Nothing is done for that.
    pub(super) fn links(&self, stack: &str) -> Result<Links, Stopped> {
        Ok(self.by_references(stack)?.links)
    }

    fn by_references(&self, stack: &str) -> Result<Design, Stopped> {
        let home = Home::of_this_user();
        let choice = StackChoice {
            checked: &self.checked,
            world: &self.world,
            scenario: self.scenario,
            stack,
            home: home.text(),
            artifacts: Filling::References,
            // Where packages would be has nothing to do with secrets and artifacts.
            entry: &|_| Some("/".to_owned()),
        };
        Ok(compose_stack(choice)?.0)
    }

    /// Reads what the site and the program's project say of plugins.
    pub(super) fn plugins(&self, ui: &Ui) -> Result<Plugins, Stopped> {
        Plugins::read(ui, &self.project, &self.base)
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
    packages: Packages<'_>,
) -> Result<Program, Stopped> {
    let file = file(source)?;
    let texts = load(file).map_err(|error| Stopped::Usage { message: error.to_string(), help: None })?;
    let reading = Reading {
        source_hash: hash(file, &texts),
        texts,
        stack: source.stack.name(),
        scenario: source.making.scenario.as_deref().map(Named::Needed),
        base: base_of(file),
        project: Path::new("."),
        store_root,
        is_rehearsal,
        packages,
    };
    understand(ui, reading, &mut local_digests()).map_err(|unsound| match unsound {
        Unsound::Program { diagnostics, dropped, sources } => Stopped::Told(fail(ui, &diagnostics, dropped, &sources)),
        Unsound::Else(stopped) => stopped,
    })
}

/// A program that was read, and what is wanted of it.
pub(super) struct Reading<'r> {
    pub(super) texts: Vec<Text>,
    pub(super) source_hash: String,
    pub(super) stack: &'r str,
    pub(super) scenario: Option<Named<'r>>,
    /// Where what is relative in it begins.
    pub(super) base: &'r Path,
    /// Where the project's files are, if not there.
    pub(super) project: &'r Path,
    pub(super) store_root: Option<&'r Path>,
    pub(super) is_rehearsal: bool,
    pub(super) packages: Packages<'r>,
}

/// A scenario that somebody named.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'n> {
    /// The program has to declare it.
    Needed(&'n str),
    /// A program that does not declare it is evaluated without one, since others of its fleet do.
    Wanted(&'n str),
}

impl Named<'_> {
    fn of(self, checked: &Checked) -> Result<Option<ScenarioId>, Diagnostic> {
        match self {
            Named::Needed(name) => checked.scenario(name).map(Some),
            Named::Wanted(name) => Ok(checked.program.scenario_named(name)),
        }
    }
}

/// What packages are composed for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Packages<'p> {
    /// This kind of machine.
    Ours,
    /// It is not known yet for which, so none is composed.
    Later,
    /// That kind of machine. What there is to say of the program was said when it was read first.
    For(&'p str),
}

impl Packages<'_> {
    fn system(self) -> String {
        match self {
            Packages::Ours | Packages::Later => system(),
            Packages::For(system) => system.to_owned(),
        }
    }
}

/// What keeps a program from being understood.
pub(super) enum Unsound {
    /// What is wrong with it, by itself.
    Program {
        diagnostics: Vec<Diagnostic>,
        dropped: usize,
        sources: SourceMap,
    },
    Else(Stopped),
}

/// Checks a program, and composes the packages of a stack. `digests` tells the digests of local sources.
pub(super) fn understand(
    ui: &Ui,
    reading: Reading<'_>,
    digests: &mut dyn FnMut(&Path) -> Result<Digest, String>,
) -> Result<Program, Unsound> {
    let Reading { texts, source_hash, stack, scenario, base, project, store_root, is_rehearsal, packages } = reading;
    let world = plugins::world(ui, project, base).map_err(Unsound::Else)?;
    let checked = check(texts, &world);
    if checked.has_errors() {
        let Checked { program, diagnostics, dropped } = checked;
        return Err(Unsound::Program { diagnostics, dropped, sources: program.ast.sources });
    }
    match packages {
        Packages::Ours | Packages::Later => {
            ui.show(&checked.diagnostics, checked.dropped, &checked.program.ast.sources);
        }
        Packages::For(_) => {}
    }
    let composed = compose(ui, &checked, &world, (stack, scenario), (packages, is_rehearsal), digests);
    let (scenario, composed) = match composed {
        Ok(composed) => composed,
        Err(diagnostics) => {
            return Err(Unsound::Program { diagnostics, dropped: 0, sources: checked.program.ast.sources });
        }
    };
    let store_root = match places::store(store_root) {
        Ok(root) => Store::locate(&root).map_err(|error| Unsound::Else(Diagnostic::from(error).into()))?,
        // A stack without packages needs no store.
        Err(_) if composed.packages.is_empty() => PathBuf::new(),
        Err(homeless) => return Err(Unsound::Else(homeless.into())),
    };
    let (base, project) = (base.to_owned(), project.to_owned());
    let system = packages.system();
    Ok(Program { checked, composed, source_hash, store_root, system, world, scenario, is_rehearsal, base, project })
}

/// Composes the packages of a stack under a scenario.
fn compose(
    ui: &Ui,
    checked: &Checked,
    world: &World,
    (stack, scenario): (&str, Option<Named<'_>>),
    (packages, is_rehearsal): (Packages<'_>, bool),
    digests: &mut dyn FnMut(&Path) -> Result<Digest, String>,
) -> Result<(Option<ScenarioId>, Composed), Vec<Diagnostic>> {
    let scenario = scenario.map_or(Ok(None), |named| named.of(checked)).map_err(|error| vec![error])?;
    let modules = packages_of(checked, world, scenario, stack);
    let system = match packages {
        Packages::Ours | Packages::For(_) => packages.system(),
        Packages::Later => return Ok((scenario, Composed::default())),
    };
    let choice = Choice { checked, scenario, system: &system, only: Some(&modules) };
    let mut local = |path: &Path| match is_rehearsal && !path.exists() {
        true => {
            ui.say(&format!("warning: there is no `{}`: what is built from it will have another path", shown(path)));
            Ok(Digest::of(b""))
        }
        false => digests(path),
    };
    Ok((scenario, compose_packages(choice, &mut local)?))
}

/// Makes the stack's files, with everything in them. `artifacts` are those that other hosts gave; `find` finds the secrets of
/// its slots.
pub(super) fn prepare(
    ui: &Ui,
    source: &Source,
    program: &Program,
    site: &Site<'_>,
    artifacts: &Artifacts,
    find: &dyn Fn(&Plugins, &Design) -> Result<Found, Stopped>,
) -> Result<Wanted, Stopped> {
    let unit_dir = site.home.unit_dir(&source.making.units)?;
    let entries = program.entries();
    let choice = StackChoice {
        checked: &program.checked,
        world: &program.world,
        scenario: program.scenario,
        stack: source.stack.name(),
        home: site.home.text(),
        artifacts: Filling::References,
        entry: &|module| entries.get(&module).cloned(),
    };
    let (mut design, warnings) = compose_stack(choice)?;
    ui.show(&warnings, 0, program.sources());
    // Whoever gives something has to have it, also where nobody takes it yet.
    artifact_values(&design.links, source.making.tls_certs.as_deref())?;
    // What the record says of it, where that is not what is written.
    let mut referring = None;
    if !design.links.consumes.is_empty() {
        let (filled, _) = compose_stack(StackChoice { artifacts: Filling::Texts(artifacts), ..choice })?;
        referring = Some(std::mem::replace(&mut design, filled));
    }
    let plugins = program.plugins(ui)?;
    let mut found = find(&plugins, &design)?;
    let (backend, row) = plugins.backend(&design.backend)?;
    let facts = site.facts();
    let from = match (source.making.tls_certs.as_deref(), program.is_rehearsal) {
        (None, _) => Origin::Nowhere,
        (Some(_), true) => Origin::LeftOut,
        (Some(directory), false) => Origin::Directory(directory),
    };
    let pairs = certificates::read(ui, &design, from, program.sources())?;
    let home = site.home.text();
    if let Some(referring) = &mut referring {
        add_pairs(referring, pairs.clone(), home, &mut Vec::new());
    }
    add_pairs(&mut design, pairs, home, &mut found.values);
    let renderer = Renderer { backend: &backend, id: &row.id, facts: &facts, unit_dir: unit_dir.as_ref() };
    let sources = read_sources(&design, &program.base)?;
    let referring = match referring {
        None => None,
        Some(referring) => Some((render(&referring, sources.clone(), renderer)?, referring)),
    };
    let rendered = render(&design, sources, renderer)?;
    if let Some((by_reference, _)) = &referring {
        let refusals = same_forms(&design, by_reference, &rendered);
        if !refusals.is_empty() {
            return Err(Stopped::By(refusals));
        }
    }
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
    let referring = referring.map(|(rendered, design)| Referring { design, rendered, artifacts: artifacts.clone() });
    let home = home.map(str::to_owned);
    let referring = referring.map(Box::new);
    Ok(Wanted { design, rendered, referring, contents, backend, facts, unit_dir, home, boundary, plugins, redactor })
}

impl Wanted {
    /// Returns where a file is declared.
    pub(super) fn place_of(&self, path: &TargetPath) -> Option<Span> {
        let file = self.rendered.files.iter().find(|file| file.path == *path)?;
        Some(file.at.unwrap_or(self.design.backend_at))
    }

    /// Writes the record of what would be deployed. `tag` knows secrets by the target's key, all at once.
    pub(super) fn draft(
        &self,
        program: &Program,
        tag: impl FnOnce(&[&Secret]) -> Result<Vec<Mark>, TargetError>,
    ) -> Result<Generation, Stopped> {
        let circumstances = Circumstances {
            source_hash: program.source_hash.clone(),
            system: program.system.clone(),
            scenario: program.scenario().map(str::to_owned),
            store_paths: program.closure(),
            plugins: self.plugins.clone(),
            deployed_at: timestamp(now()),
            deployed_by: who(),
        };
        let mut tags = tag(&self.contents.secrets())?.into_iter();
        let marks = self.contents.marks(|_| tags.next().ok_or(TargetError::Way(WayError::Unasked)))?;
        Ok(match &self.referring {
            None => draft(&self.design, &self.rendered, &marks, circumstances),
            Some(referring) => {
                let Referring { design, rendered, artifacts } = &**referring;
                let by_reference = ByReference { design, rendered, artifacts };
                draft_by_reference(by_reference, &self.rendered, &marks, circumstances)
            }
        })
    }

    /// Keeps certificates in a draft that the live generation has, where none were brought. Returns the paths that are left
    /// as they are.
    pub(super) fn keep(&self, draft: &mut Generation, live: Option<&Generation>) -> BTreeSet<TargetPath> {
        keep_pairs(draft, self.design.tls.as_ref(), self.design.scope, self.home.as_deref(), live)
    }
}

/// Returns where what is relative in a program begins. Programs that come through a pipe are where they are read.
pub(crate) fn base_of(file: &Path) -> &Path {
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
