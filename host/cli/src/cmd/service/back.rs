//! Going to a generation that is kept, on one target. What came of it is returned; who shows it, and how, is not known
//! here.

use super::Stopped;
use super::activate::{self, Activated, Units};
use super::commit::{self, Teller};
use super::kept::{self, Remade};
use super::one::Changed;
use super::secrets::Vault;
use super::site::Site;
use super::words;
use crate::args::service::reach::{Activating, Units as UnitArguments};
use punix_deploy::{
    Artifacts, Counts, Decided, Go, Ground, PlanError, Planned, Policy, Refusal, Wish, back_from, kept as kept_number,
    plan, question_for,
};
use punix_diag::{Diagnostic, SourceMap};
use punix_store::Digest;
use punix_target::{Body, Generation, Payload, Question};
use std::collections::BTreeMap;
use std::path::Path;

/// Which way it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum To {
    Previous,
    Number(u32),
}

/// How it goes there.
#[derive(Clone, Copy)]
pub(crate) struct Way<'w> {
    pub(crate) stack: &'w str,
    pub(crate) to: To,
    /// Whether files with secrets are made anew, and from what beside the resolvers.
    pub(crate) resolves: bool,
    pub(crate) vault: Option<&'w Vault>,
    /// Where certificates and keys are made anew from.
    pub(crate) tls_certs: Option<&'w Path>,
    /// Whether files are changed, and not the pointer alone.
    pub(crate) rewrites: bool,
    pub(crate) adopt: bool,
    pub(crate) refuse_drift: bool,
    pub(crate) units: &'w UnitArguments,
    pub(crate) activating: &'w Activating,
    /// Who tells what other hosts give by now, where somebody knows.
    pub(crate) present: Option<Present<'w>>,
}

/// Tells what other hosts give by now of what a generation takes.
pub(crate) type Present<'w> = &'w dyn Fn(&Generation) -> Artifacts;

/// What became of it.
#[derive(Debug)]
pub(crate) struct Went {
    pub(crate) number: u32,
    pub(crate) was: Option<u32>,
    pub(crate) counts: Counts,
    /// Nothing where it was there already.
    pub(crate) changed: Option<Changed>,
}

/// Goes.
pub(crate) fn go(teller: Teller<'_>, site: &Site<'_>, way: Way<'_>) -> Result<Went, Stopped> {
    let door = site.door;
    let seen = door.look(&Question { stack: way.stack.to_owned(), ..Question::default() })?;
    let number = match way.to {
        To::Previous => back_from(way.stack, &seen),
        To::Number(number) => kept_number(way.stack, &seen, number),
    };
    let number = number.map_err(|error| refuse(teller, &error))?;
    let to = door.record(way.stack, number)?;
    let artifacts = match way.present.filter(|_| way.rewrites) {
        Some(present) => present(&to),
        None => Artifacts::default(),
    };
    let remade = match way.resolves {
        true => Some(kept::remake(teller.ui, door, &to, (way.vault, way.tls_certs), &artifacts)?),
        false => None,
    };
    let (anew, renewed) = kept::anew(door, &to, artifacts)?;
    let seen = door.look(&question_for(&to))?;
    let needs_backend = activate::is_wanted(way.activating);
    let around = kept::around(teller.ui, site, &to, way.units, needs_backend)?;
    let policy = Policy { adopt: way.adopt, refuse_drift: way.refuse_drift, keep: u32::MAX };
    let marks = remade.as_ref().map(|remade| &remade.marks);
    let wish = Wish::Go(Go { to: &to, policy, rewrite: way.rewrites, remade: marks, anew: &anew });
    let planned = plan(Ground { seen: &seen, boundary: &around.boundary }, wish);
    match planned.map_err(|error| refuse(teller, &error))? {
        Planned::Unchanged { number, .. } => {
            Ok(Went { number, was: Some(number), counts: Counts::default(), changed: None })
        }
        Planned::Change(decided) => change(teller, site, way, (&around, &to), *decided, (remade, renewed)),
    }
}

fn change(
    teller: Teller<'_>,
    site: &Site<'_>,
    way: Way<'_>,
    (around, to): (&kept::Around, &Generation),
    decided: Decided,
    (remade, renewed): (Option<Remade>, BTreeMap<Digest, Body>),
) -> Result<Went, Stopped> {
    let warnings: Vec<Diagnostic> = decided.warnings.iter().map(Diagnostic::from).collect();
    teller.warn(&warnings, &SourceMap::default());
    let Remade { files, redactor, blobs, .. } = remade.unwrap_or_default();
    let secrets = files.into_iter().filter(|(path, _)| decided.secrets.contains(path)).collect();
    let blobs = decided.inline.clone().into_iter().chain(blobs).chain(renewed);
    let payload = Payload { blobs: blobs.collect(), secrets };
    let committed = commit::commit(teller, site.door, &around.boundary, &decided.plan, payload)?;
    let units = around.units_to_bring_up(site.door, to).map(|units| Units { redactor: &redactor, ..units });
    let (activated, broke) = match activate::activate(teller, site, way.activating, units, &decided.units) {
        Ok(activated) => (activated, None),
        Err(stopped) => (Activated::default(), Some(stopped)),
    };
    let Decided { plan, units, counts, .. } = decided;
    let changed =
        Changed { previous: committed.from, changes: plan.changes, units, warnings, activated, broke, undone: None };
    Ok(Went { number: to.number, was: committed.from, counts, changed: Some(changed) })
}

/// Says why it cannot go there. Packages that are missing are listed one below the other.
fn refuse(teller: Teller<'_>, error: &PlanError) -> Stopped {
    let missing = error.0.iter().find_map(|refusal| match refusal {
        Refusal::StoreMissing { paths, .. } => Some(paths),
        _ => None,
    });
    let mut diagnostics = error.explain(&|_| None);
    let ui = teller.ui;
    let (Some(paths), false, [only]) = (missing, ui.json, diagnostics.as_mut_slice()) else {
        return Stopped::By(diagnostics);
    };
    only.notes.clear();
    let help = only.help.take();
    ui.show(&diagnostics, 0, &SourceMap::default());
    paths.iter().for_each(|path| ui.say(&format!("  {}", words::seen(path))));
    help.iter().for_each(|help| ui.say(&format!("help: {help}")));
    Stopped::Told(crate::exit::Exit::Failed)
}
