//! Composing packages: from a checked program to derivations, each after all that it needs.
//!
//! Nothing is read here but what the program says. Where a local source lies is handed to the caller, who returns the
//! digest of what is there.

mod edges;
#[cfg(test)]
mod tests;

use crate::value::{place, record};
use edges::{Node, order};
use punix_build::recipe::{self, Recipe};
use punix_build::source::{self, Issue, Local as LocalSource, Origin, PatchFrom, Source};
use punix_build::{Package, Packages};
use punix_diag::{Code, Diagnostic, Span, closest};
use punix_pcl::{Checked, Evaluator, ModuleId, ScenarioId, ValueId};
use punix_store::{Derivation, Digest, PackageName, Parts, Record, SourcePart, StoreName, Version, source_identity};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Which packages are wanted, and how they are looked at.
#[derive(Clone, Copy)]
pub struct Choice<'c> {
    pub checked: &'c Checked,
    pub scenario: Option<ScenarioId>,
    /// What they are built for: `x86_64-linux`.
    pub system: &'c str,
    /// Those that are wanted; `None` for all.
    pub only: Option<&'c [ModuleId]>,
}

/// Returns the digest of a local source, or says why there is none.
pub type Local<'l> = &'l mut dyn FnMut(&Path) -> Result<Digest, String>;

/// Packages that can be built.
#[derive(Debug, Default)]
pub struct Composed {
    pub packages: Packages,
    /// The wanted ones by name of their modules, with their places among the packages.
    pub wanted: Vec<(String, usize)>,
    /// Where each package is declared, and where its source and its arguments are, by place.
    pub spans: Vec<Spans>,
}

/// Where parts of a package are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    pub module: Span,
    pub recipe: Span,
    pub source: Span,
    pub arguments: Span,
}

/// Composes packages. Returns them, or all that is wrong.
pub fn compose_packages(choice: Choice<'_>, local: Local<'_>) -> Result<Composed, Vec<Diagnostic>> {
    punix_diag::drill("packages");
    let program = &choice.checked.program;
    let mut evaluator = Evaluator::under(program, choice.scenario);
    let mut wanted: Vec<ModuleId> = match choice.only {
        Some(only) => only.to_vec(),
        None => program.modules().map(|(id, _)| id).filter(|&id| program.is_package(id)).collect(),
    };
    wanted.sort_by_key(|&id| program.ast.text(program.module(id).name));
    wanted.dedup();
    let mut errors = Vec::new();
    let nodes = order(choice, &mut evaluator, &wanted, &mut errors);
    let faults = evaluator.errors();
    let evaluated = faults.is_empty();
    errors.extend(faults);
    let mut composer = Composer {
        choice,
        evaluator: &evaluator,
        local,
        composed: Composed::default(),
        places: HashMap::new(),
        errors,
    };
    for node in nodes.iter().filter(|node| evaluated && node.sound) {
        composer.add(node);
    }
    let Composer { mut composed, places, mut errors, .. } = composer;
    if !errors.is_empty() {
        errors.sort_by_key(|error| error.span);
        errors.dedup();
        return Err(errors);
    }
    let name = |id: ModuleId| program.ast.text(program.module(id).name).to_owned();
    composed.wanted = wanted.iter().filter_map(|&id| Some((name(id), places.get(&id)?.0))).collect();
    Ok(composed)
}

struct Composer<'c> {
    choice: Choice<'c>,
    evaluator: &'c Evaluator<'c>,
    local: Local<'c>,
    composed: Composed,
    /// Where each composed module is among the packages, and what it is called in the store.
    places: HashMap<ModuleId, (usize, StoreName)>,
    errors: Vec<Diagnostic>,
}

impl Composer<'_> {
    /// Makes a package of a module. Without what it needs, or with anything wrong, there is none.
    fn add(&mut self, node: &Node) {
        let inputs: Option<BTreeSet<StoreName>> =
            node.inputs.iter().map(|input| self.places.get(input).map(|(_, name)| name.clone())).collect();
        let Some(inputs) = inputs else { return };
        let spans = self.spans(node);
        let before = self.errors.len();
        let recipe = self.recipe(node, spans);
        let args = self.record(node.arguments);
        if let Some(recipe) = recipe {
            for issue in recipe.check(&args) {
                self.report(&issue.into(), node.arguments, spans.arguments);
            }
        }
        let source = self.source(node, spans);
        let package = self.named(PackageName::parse(&node.package), node.package_at);
        let version = self.named(Version::parse(&node.version), node.version_at);
        let (Some(recipe), Some((source, identity)), Some(package), Some(version)) = (recipe, source, package, version)
        else {
            return;
        };
        if self.errors.len() > before {
            return;
        }
        let parts = Parts {
            package,
            version,
            recipe: recipe.name.to_owned(),
            recipe_digest: recipe.digest(),
            args,
            source: identity,
            system: self.choice.system.to_owned(),
            inputs,
        };
        let label = self.choice.checked.program.ast.text(self.choice.checked.program.module(node.module).name);
        match Derivation::new(parts) {
            Err(error) => self.errors.push(Diagnostic::from(error).at(spans.module)),
            Ok(derivation) => {
                let name = derivation.name().clone();
                let package = Package { label: label.to_owned(), derivation, recipe, source };
                let before = self.composed.packages.len();
                let Some(place) = self.composed.packages.add(package) else { return };
                if self.composed.packages.len() > before {
                    self.composed.spans.push(spans);
                }
                self.places.insert(node.module, (place, name));
            }
        }
    }

    fn spans(&self, node: &Node) -> Spans {
        let program = &self.choice.checked.program;
        let module = program.module(node.module).at;
        let member = |name| program.member_named(node.module, name).map_or(module, |member| program.place(member));
        Spans { module, recipe: member("recipe"), source: member("source"), arguments: member("recipeArgs") }
    }

    fn recipe(&mut self, node: &Node, spans: Spans) -> Option<&'static Recipe> {
        let found = recipe::find(&node.recipe);
        if found.is_none() {
            let names: Vec<&str> = recipe::all().iter().map(|recipe| recipe.name).collect();
            let help = match closest(&node.recipe, names.iter().copied()) {
                Some((near, _)) => format!("did you mean `{near}`?"),
                None => format!("the recipes are {}", names.join(", ")),
            };
            let message = format!("there is no recipe `{}`", node.recipe);
            self.errors.push(Diagnostic::error(Code::E2, message).at(spans.recipe).help(help));
        }
        found
    }

    fn record(&self, value: Option<ValueId>) -> Record {
        let entry = |module: ModuleId| self.entry(module);
        value.map_or_else(Record::new, |id| record(&self.evaluator.values, id, &entry))
    }

    /// Returns the entry of a package that was composed before: everything that a value refers to is an input.
    fn entry(&self, module: ModuleId) -> StoreName {
        let (_, name) = &self.places[&module];
        name.clone()
    }

    /// Reads the source, and what of it identifies it.
    fn source(&mut self, node: &Node, spans: Spans) -> Option<(Source, Record)> {
        let record = self.record(node.source);
        let locate = |way: &[String], path: &Path| self.locate(node.source, way, spans.source, path);
        let source = match source::parse(&record, self.choice.system, &locate) {
            Ok(source) => source,
            Err(issues) => {
                for issue in issues {
                    self.report(&issue, node.source, spans.source);
                }
                return None;
            }
        };
        let path_of = |part: SourcePart| match part {
            SourcePart::Whole => match &source.origin {
                Origin::Local(LocalSource::At(path)) => Some((path.clone(), vec!["path".to_owned()])),
                Origin::Local(LocalSource::Unknown)
                | Origin::Nothing
                | Origin::Url(_)
                | Origin::Git(_)
                | Origin::FixedOutput(_) => None,
            },
            SourcePart::Patch(index) => match source.patches.get(index).map(|patch| &patch.from) {
                Some(PatchFrom::Local(LocalSource::At(path))) => {
                    Some((path.clone(), ["patches", &index.to_string(), "path"].map(str::to_owned).to_vec()))
                }
                Some(PatchFrom::Local(LocalSource::Unknown) | PatchFrom::Url(_)) | None => None,
            },
        };
        let local = &mut self.local;
        let content = |part| -> Result<Option<Digest>, (Vec<String>, String)> {
            let Some((path, way)) = path_of(part) else { return Ok(None) };
            local(&path).map(Some).map_err(|why| (way, why))
        };
        match source_identity(&record, content) {
            Ok(identity) => Some((source, identity)),
            Err((way, why)) => {
                let help = "the path is taken from the directory of the file that it is written in".to_owned();
                let issue = Issue { path: way, code: Code::E9, message: why, help: Some(help) };
                self.report(&issue, node.source, spans.source);
                None
            }
        }
    }

    /// Takes a path from the directory of the file in which it is written.
    fn locate(&self, source: Option<ValueId>, way: &[String], otherwise: Span, path: &Path) -> PathBuf {
        let written = source.and_then(|id| place(&self.evaluator.values, id, way)).unwrap_or(otherwise);
        let file = Path::new(self.choice.checked.program.ast.sources.locate(written.start).file);
        // Programs that come through a pipe are where they are read.
        // Not all of `/dev`: a program may well lie in `/dev/shm`.
        let is_stream = ["/dev/stdin", "/dev/fd", "/proc"].iter().any(|stream| file.starts_with(stream));
        let base = if is_stream { None } else { file.parent() };
        base.unwrap_or(Path::new("")).join(path)
    }

    fn report(&mut self, issue: &Issue, value: Option<ValueId>, otherwise: Span) {
        let at = value.and_then(|id| place(&self.evaluator.values, id, &issue.path)).unwrap_or(otherwise);
        let error = Diagnostic::error(issue.code, issue.message.clone()).at(at);
        self.errors.push(match &issue.help {
            Some(help) => error.help(help.clone()),
            None => error,
        });
    }

    fn named<T, E: Into<Diagnostic>>(&mut self, parsed: Result<T, E>, at: Span) -> Option<T> {
        parsed.map_err(|error| self.errors.push(error.into().at(at))).ok()
    }
}
