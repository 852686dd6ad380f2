//! Running plugins that were admitted. A plugin is loaded once; every call of it has a store of its own, with everything
//! that bounds it, and leaves nothing behind but its answer.
//!
//! Nothing here decides what a plugin may do: that stands in what was admitted.

mod backend;
mod bindings;
mod cache;
mod call;
mod check;
mod convert;
mod host;
mod load;
mod log;
mod meta;
mod meter;
mod resolver;
mod resource;
mod state;
#[cfg(test)]
mod testing;
mod ticker;
mod transport;

pub use backend::BackendPlugin;
pub use cache::{Cache, CacheState, Kept};
pub use load::{Loaded, Ready, Runtime, Setup};
pub use log::{Level, Line, Listener};
pub use meta::{Advice, Info, Meta, Severity};
pub use resolver::ResolverPlugin;
pub use transport::TransportPlugin;

use crate::outside::Outside;
use crate::world::Kind;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What surrounds the calls of a plugin.
#[derive(Clone)]
pub struct Surroundings {
    pub outside: Outside,
    pub listener: Arc<dyn Listener>,
    /// Where relative references to files begin: the directory of the program.
    pub base: PathBuf,
}

/// What a call used: each ability how often, and what it cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    pub uses: BTreeMap<Kind, u32>,
    pub denied: BTreeMap<Kind, u32>,
    /// The linear memory that it had at its end.
    pub memory_bytes: u64,
    pub took: Duration,
}
