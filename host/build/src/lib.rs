//! Building: from a derivation, and where its source is to be had, to an entry of the store.
//!
//! It knows nothing of the language, of argv or of terminals. What a build needs from the network is fetched here and
//! checked; the build itself runs in a sandbox that shows it its inputs and nothing else.

#![cfg_attr(not(feature = "fetch"), allow(dead_code, reason = "some of it is for whoever fetches"))]

mod border;
mod build;
pub mod fetch;
#[cfg(test)]
#[path = "../../../tests/fuzzing.rs"]
mod fuzzing;
pub mod git;
#[cfg(feature = "fetch")]
mod keep;
pub mod limits;
mod log;
mod package;
pub mod pipe;
mod places;
pub mod recipe;
mod relocate;
pub mod sandbox;
mod schedule;
mod secret;
pub mod source;
mod system;
#[cfg(test)]
mod testing;
mod told;
#[cfg(feature = "fetch")]
pub mod unpack;

pub use border::Part;
#[cfg(feature = "fetch")]
pub use build::Fetching;
pub use build::{BuildError, Sources, Workshop};
#[cfg(feature = "fetch")]
pub use keep::keep_source;
pub use package::{Package, Packages};
pub use schedule::{Event, Fate, Plan, Seen, look, realise, settle};
pub use secret::Secret;
pub use told::Told;
