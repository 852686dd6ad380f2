//! The rooms of a deploy. Each takes what the room before it made; deciding files do no IO.
//!
//! Today there is one: packages of a program are composed, and realised in the store.

mod compose;
mod design;
mod entries;
mod failure;
mod value;

pub use compose::{Choice, Composed, Local, Spans, compose_packages};
pub use design::{Design, DesignFile, FileBody, Service, Tls, Variable};
pub use entries::{Unknown, add_entry};
pub use failure::explain;
