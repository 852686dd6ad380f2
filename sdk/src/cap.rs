//! Abilities: what the host does for a plugin, as far as the operator granted it. Each module has the functions of the
//! interface of the same name, and a few that save typing.

pub mod blobs;
pub mod http;
pub mod log;

pub use crate::abi::abilities::punix::cap::{clock, env, files, here, pipes, secrets, spawn, ssh};
