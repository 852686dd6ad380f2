//! A fleet: what its module says, in which order its hosts go, and whose turn it is. Nothing here reaches a host.
//!
//! ```text
//! module Fleet → read → Fleet ──→ facts     what each host's program is told of the others
//!                          └────→ order     from what they give each other → run   who begins, and what is told when
//! ```

mod facts;
mod order;
mod places;
mod read;
mod run;

pub use facts::Model;
pub use order::{HostLinks, Order, Upstream, fleet_order};
pub use places::{fleet_collision, fleet_directory};
pub use read::{read_fleet, read_hosts};
pub use run::{Rules, Run, Status};

use punix_diag::Span;

/// What a module `Fleet` says. Invariant: there is a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// In the order of the file.
    pub hosts: Vec<FleetHost>,
    pub model: Model,
}

/// A host, and the stack that it is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetHost {
    /// Files of its program, as they are written; there is one at least, and the first one says where what is relative begins.
    pub files: Vec<String>,
    pub stack: String,
    /// As it is written.
    pub target: String,
    /// Who it is to the others.
    pub machine: Option<String>,
    pub at: Span,
}
