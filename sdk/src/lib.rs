//! For the authors of plugins: the interfaces of `punix` as Rust types, and for each kind of plugin a trait to implement
//! and a macro that exports it.
//!
//! | kind | trait | macro | abilities |
//! | --- | --- | --- | --- |
//! | backend | [`backend::Backend`] | [`export_backend!`] | [`cap::log`] |
//! | resolver | [`resolver::Resolver`] | [`export_resolver!`] | [`cap::blobs`], [`cap::secrets`], [`cap::env`], [`cap::files`], [`cap::http`], [`cap::clock`], [`cap::log`] |
//! | transport | [`transport::Transport`] | [`export_transport!`] | [`cap::ssh`], [`cap::here`], [`cap::spawn`], [`cap::clock`], [`cap::log`] |
//!
//! A component imports what its code calls, and nothing more. On the machine of the author everything compiles too, so
//! that logic can be tested with `cargo test`: there, lines of the log go nowhere, and every other ability panics.
//!
//! Two equal questions must have equal answers: prefer `BTreeMap` to `HashMap`, whose order is not the same everywhere.

#[doc(hidden)]
pub mod abi;
pub mod backend;
pub mod cap;
#[cfg(feature = "json")]
pub mod config;
mod error;
mod info;
mod panic;
pub mod quote;
pub mod resolver;
pub mod transport;

pub use abi::abilities::punix::base::types::{Attributes, Diagnostic, Error, ErrorClass, Severity};
pub use abi::meta::exports::punix::base::meta::Info;
pub use error::Explain;
#[doc(hidden)]
pub use panic::install as __install_panic_hook;
#[cfg(feature = "json")]
pub use {serde, serde_json};
