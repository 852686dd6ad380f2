//! Building what all hosts need, in one schedule, before the first of them is touched: what several need is built once, and
//! what does not depend on each other at the same time. A host whose packages cannot be built has failed by that.

use super::super::build::Built;
use super::super::prepare::Program;
use super::super::secrets::{Sourcing, Vault};
use super::crew::Crew;
use super::failure::Failure;
use super::ready::Programs;
use crate::args::build::Building;
use crate::cmd::build::{Realised, Run};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_build::Packages;
use punix_deploy::Composed;
use punix_diag::{Diagnostic, SourceMap};
use punix_store::{SharedLock, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What was built, while none of it is collected.
#[derive(Default)]
pub(super) struct AllBuilt {
    root: PathBuf,
    shared: Option<SharedLock>,
}

impl AllBuilt {
    /// Returns what a host's packages are brought from, if it has any.
    pub(super) fn of(&self, program: &Program) -> Result<Option<Built>, Diagnostic> {
        if program.composed.packages.is_empty() || self.shared.is_none() {
            return Ok(None);
        }
        Store::open(&self.root).map(|store| Some(Built::held_elsewhere(store))).map_err(Diagnostic::from)
    }
}

/// Builds what some hosts need. Whoever lacks any of it is no longer ready.
pub(super) fn build(
    ui: &Ui,
    building: &Building,
    (command, crew, vault): (&str, &Crew, Option<&Vault>),
    places: &[usize],
    programs: &mut Programs,
) -> AllBuilt {
    let (composed, root) = merged(places, programs);
    let Some(root) = root.filter(|_| !composed.packages.is_empty()) else { return AllBuilt::default() };
    let (kept_ui, kept) = ui.keeping();
    // Somebody sees builds as they go on; only a document has its own place for what went wrong.
    let ui = if ui.json { &kept_ui } else { ui };
    let sourcing = Sourcing { base: Some(&crew.base), vault };
    match realise(ui, building, command, sourcing, &composed, &root) {
        Ok(Realised { report, exit, shared }) => {
            let mut lacking: BTreeMap<PathBuf, Diagnostic> = BTreeMap::new();
            for (path, diagnostic) in report.failures() {
                lacking.insert(path.to_owned(), diagnostic.clone());
            }
            let is_stopped = exit != Exit::Done && lacking.is_empty();
            fail(places, programs, |program| {
                let errors = errors_of(program, &lacking);
                match (errors.is_empty(), is_stopped && !program.composed.packages.is_empty()) {
                    (false, _) => Some(Failure::from_diagnostics(ui, &errors, 0, program.sources())),
                    (true, true) => Some(Failure::plain("its packages were not built: the run was stopped".to_owned())),
                    (true, false) => None,
                }
            });
            AllBuilt { root, shared: Some(shared) }
        }
        Err(unbuilt) => {
            // A document says it of each host.
            drop(kept.take());
            fail(places, programs, |program| {
                let needs_any = !program.composed.packages.is_empty();
                needs_any.then(|| match &unbuilt {
                    Some(error) => Failure::from_diagnostics(ui, std::slice::from_ref(error), 0, &SourceMap::default()),
                    None => Failure::plain("its packages could not be built; what is said above is why".to_owned()),
                })
            });
            AllBuilt::default()
        }
    }
}

/// Returns why packages of a program are not there, each where the program declares it.
fn errors_of(program: &Program, lacking: &BTreeMap<PathBuf, Diagnostic>) -> Vec<Diagnostic> {
    if lacking.is_empty() {
        return Vec::new();
    }
    let composed = &program.composed;
    let mut errors = Vec::new();
    for (package, spans) in composed.packages.iter().zip(&composed.spans) {
        let path = program.store_root.join(package.name().as_str());
        errors.extend(lacking.get(&path).map(|diagnostic| diagnostic.clone().at(spans.module)));
    }
    errors
}

/// Puts the packages of all hosts together.
fn merged(places: &[usize], programs: &Programs) -> (Composed, Option<PathBuf>) {
    let (mut packages, mut wanted, mut root) = (Packages::default(), Vec::new(), None);
    let mut known = BTreeSet::new();
    for &place in places {
        // Who has no program needs nothing.
        let _ = programs.with(place, |program| {
            let composed = &program.composed;
            // Each comes after all that it needs, here as there.
            let new: Vec<Option<usize>> =
                composed.packages.iter().map(|package| packages.add(package.clone())).collect();
            for (module, place) in &composed.wanted {
                if let Some(Some(place)) = new.get(*place)
                    && known.insert(*place)
                {
                    wanted.push((module.clone(), *place));
                }
            }
            if !composed.packages.is_empty() {
                root = Some(program.store_root.clone());
            }
        });
    }
    (Composed { packages, wanted, spans: Vec::new() }, root)
}

fn realise(
    ui: &Ui,
    building: &Building,
    command: &str,
    sourcing: Sourcing<'_>,
    composed: &Composed,
    root: &Path,
) -> Result<Realised, Option<Diagnostic>> {
    let store = Store::open(root).map_err(|error| Some(Diagnostic::from(error)))?;
    let wanted: Vec<usize> = composed.wanted.iter().map(|(_, place)| *place).collect();
    let sources = SourceMap::default();
    let run = Run { ui, building, composed, sources: &sources, store: &store, command, sourcing, is_part: true };
    run.realise(&wanted, &BTreeSet::new()).map_err(|_| None)
}

/// Fails hosts for which there is a reason.
fn fail(places: &[usize], programs: &mut Programs, reason: impl Fn(&Program) -> Option<Failure>) {
    for &place in places {
        programs.fail(place, &reason);
    }
}
