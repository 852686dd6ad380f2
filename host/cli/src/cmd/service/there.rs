//! Building what a stack needs on its target, as a part of a deploy: the sources are brought over one program, the
//! derivations over another one of the same connection.

use super::Stopped;
use super::build::Built;
use super::commit::{self, Teller};
use super::prepare::{self, Packages, Program};
use super::secrets::{Sourcing, Vault};
use super::site::Site;
use crate::args::build::Building;
use crate::args::service::Source;
use crate::cmd::build::{Realised, Run};
use crate::exit::Exit;
use punix_diag::Diagnostic;
use punix_store::{Store, StoreName};
use std::collections::BTreeSet;

/// Who builds for whom.
#[derive(Clone, Copy)]
pub(super) struct There<'t> {
    pub(super) teller: Teller<'t>,
    pub(super) building: &'t Building,
    pub(super) vault: Option<&'t Vault>,
    /// As others see it who wait, and how long it waits for them.
    pub(super) command: &'t str,
    pub(super) wait: u64,
}

/// Reads a program again, with its packages for the machine that a target is.
pub(super) fn read(there: There<'_>, source: &Source, site: &Site<'_>, is_rehearsal: bool) -> Result<Program, Stopped> {
    let packages = site.machine.as_ref().map_or(Packages::Ours, |machine| Packages::For(&machine.system));
    let store_root = there.building.root.store_root.as_deref();
    prepare::read(there.teller.ui, source, store_root, is_rehearsal, packages)
}

/// Builds what is missing there. A stack without packages needs no store.
pub(super) fn build(there: There<'_>, program: &Program, site: &Site<'_>) -> Result<Option<Built>, Stopped> {
    let There { teller, building, vault, command, wait } = there;
    if program.composed.packages.is_empty() {
        return Ok(None);
    }
    let Some(way) = site.way else {
        return Err(Stopped::usage("`--build-on-target` is for another machine", "name it with `--target`"));
    };
    let (ui, sources) = (teller.ui, program.sources());
    let store = Store::open(&program.store_root).map_err(Diagnostic::from)?;
    let wanted: Vec<usize> = program.composed.wanted.iter().map(|(_, place)| *place).collect();
    let sourcing = Sourcing { base: Some(&program.base), vault };
    let composed = &program.composed;
    let run = Run { ui, building, composed, sources, store: &store, command, sourcing, is_part: true };
    let builder = way.builder(ui, &run.opening(wait))?;
    let bring = |names: &BTreeSet<StoreName>| {
        let paths: Vec<String> = names.iter().map(|name| store.path(name).to_string_lossy().into_owned()).collect();
        match paths.is_empty() {
            true => Ok(()),
            false => match commit::push(teller, site.door, &store, &paths, &BTreeSet::new()) {
                Ok(_) => Ok(()),
                Err(stopped) => Err(stopped.tell(ui, sources)),
            },
        }
    };
    let Realised { report, exit, shared } =
        run.realise_there(builder.there(), &wanted, &bring).map_err(Stopped::Told)?;
    match exit {
        Exit::Done => Ok(Some(Built::there(store, shared, builder))),
        Exit::Failed | Exit::Usage | Exit::World | Exit::RolledBack | Exit::Interrupted | Exit::Unheard | Exit::Bug => {
            Err(Stopped::Told(report.fail(ui, sources, exit, building.events)))
        }
    }
}
