//! The vocabulary that crates share, and the ports between them: what a backend, a resolver and a transport are, seen from
//! the rooms of a deploy. Who stands behind a port is not known here.
//!
//! Nothing in this crate does IO, reads a clock or the environment, or prints.

mod backend;
mod fault;
mod redact;
mod resolver;
mod secret;
mod transport;

pub use backend::{
    Action, Backend, Chunk, Command, Encoding, Facts, Observation, PlannedFile, Rendering, RunState, Scope, Service,
    Session, Shape, Slot, Stack, Status, Step, Unit, Wish,
};
pub use fault::{CallFault, Cause, Class, PluginError, PluginName};
pub use redact::{HIDDEN, Redactor};
pub use resolver::{Credential, Request, Resolved, Resolver};
pub use secret::{Secret, SecretBuffer};
pub use transport::{Ended, Endpoint, Link, Pipe, PipeEnd, Transport};
