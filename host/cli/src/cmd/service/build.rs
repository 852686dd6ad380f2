//! Building what a stack needs, as a part of a deploy.

use super::Stopped;
use super::prepare::Program;
use super::secrets::{Sourcing, Vault};
use crate::args::build::Building;
use crate::cmd::build::{Realised, Run};
use crate::exit::Exit;
use crate::ui::Ui;
use crate::way::Builder;
use punix_build::BuildError;
use punix_diag::Diagnostic;
use punix_store::{SharedLock, Store};
use std::collections::BTreeSet;

/// Packages that are there.
pub(super) struct Built {
    pub(super) store: Store,
    /// While this is held, none of them is collected. Whoever built for many holds it himself.
    _shared: Option<SharedLock>,
    /// The same on the target, where they were built there.
    _there: Option<Builder>,
}

impl Built {
    /// Takes packages that somebody else keeps from being collected.
    pub(super) fn held_elsewhere(store: Store) -> Built {
        Built { store, _shared: None, _there: None }
    }

    /// Makes durable that they are there, for whoever does not push them.
    pub(super) fn settle(&self) -> Result<(), Stopped> {
        let failed = |error| BuildError::Work { path: self.store.root().to_owned(), error };
        self.store.sync_names().map_err(|error| Stopped::World(vec![failed(error).into()]))
    }

    /// Takes packages that were built on the target. The store here has their sources.
    pub(super) fn there(store: Store, shared: SharedLock, builder: Builder) -> Built {
        Built { store, _shared: Some(shared), _there: Some(builder) }
    }
}

/// Builds what is missing. A stack without packages needs no store.
pub(super) fn build(
    ui: &Ui,
    building: &Building,
    program: &Program,
    vault: Option<&Vault>,
    command: &str,
) -> Result<Option<Built>, Stopped> {
    if program.composed.packages.is_empty() {
        return Ok(None);
    }
    let sources = program.sources();
    let store = Store::open(&program.store_root).map_err(Diagnostic::from)?;
    let wanted: Vec<usize> = program.composed.wanted.iter().map(|(_, place)| *place).collect();
    let sourcing = Sourcing { base: Some(&program.base), vault };
    let composed = &program.composed;
    let run = Run { ui, building, composed, sources, store: &store, command, sourcing, is_part: true };
    let Realised { report, exit, shared } = run.realise(&wanted, &BTreeSet::new()).map_err(Stopped::Told)?;
    match exit {
        Exit::Done => Ok(Some(Built { store, _shared: Some(shared), _there: None })),
        Exit::Failed | Exit::Usage | Exit::World | Exit::RolledBack | Exit::Interrupted | Exit::Unheard | Exit::Bug => {
            Err(Stopped::Told(report.fail(ui, sources, exit, building.events)))
        }
    }
}
