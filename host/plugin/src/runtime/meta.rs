//! What a plugin says of itself, and of a configuration.

use crate::runtime::Surroundings;
use crate::runtime::bindings::cap::punix::base::types;
use crate::runtime::call::Cell;
use crate::runtime::convert;
use crate::runtime::load::{Loaded, Tied};
use crate::runtime::state::Subject;
use punix_model::{CallFault, PluginError};

/// What a plugin says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    pub id: String,
    pub version: String,
    pub summary: String,
    pub license: String,
    pub config_schema: String,
    pub attributes: Vec<(String, String)>,
}

/// How much an advice weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Note,
    Warning,
    Error,
}

/// What a plugin says of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    pub severity: Severity,
    pub error: PluginError,
}

/// The part that plugins of all worlds have.
pub struct Meta {
    plugin: Loaded,
    around: Surroundings,
}

/// Reads the export `meta` of whichever world it is, with the same names.
macro_rules! each_world {
    ($tied:expr, $store:ident, $bound:ident => $body:expr) => {
        match $tied {
            Tied::Backend(pre) => {
                let $bound = pre.instantiate(&mut *$store)?;
                $body
            }
            Tied::Resolver(pre) => {
                let $bound = pre.instantiate(&mut *$store)?;
                $body
            }
            Tied::Transport(pre) => {
                let $bound = pre.instantiate(&mut *$store)?;
                $body
            }
        }
    };
}

impl Meta {
    /// Asks a plugin about itself.
    pub fn new(plugin: Loaded, around: Surroundings) -> Meta {
        Meta { plugin, around }
    }

    /// Returns what it says it is.
    pub fn describe(&self) -> Result<Info, CallFault> {
        let mut cell = Cell::new(&self.plugin, &self.around, Subject::default());
        let tied = self.plugin.tied();
        cell.run("describe", |store| {
            each_world!(tied, store, bound => {
                let info = bound.punix_base_meta().call_describe(&mut *store)?;
                Ok(Info {
                    id: info.id,
                    version: info.version,
                    summary: info.summary,
                    license: info.license,
                    config_schema: info.config_schema,
                    attributes: info.attributes,
                })
            })
        })
    }

    /// Returns what it says of a configuration.
    pub fn check_config(&self, config: &str) -> Result<Vec<Advice>, CallFault> {
        let mut cell = Cell::new(&self.plugin, &self.around, Subject::default());
        let tied = self.plugin.tied();
        let said: Vec<types::Diagnostic> = cell.run(
            "check-config",
            |store| each_world!(tied, store, bound => bound.punix_base_meta().call_check_config(&mut *store, config)),
        )?;
        let redactor = cell.store.data().redactor();
        Ok(said.into_iter().map(|advice| convert::advice(advice, &redactor)).collect())
    }
}
