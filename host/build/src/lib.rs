//! Building: from a derivation, and where its source is to be had, to an entry of the store.
//!
//! It knows nothing of the language, of argv or of terminals. What a build needs from the network is fetched here and
//! checked; the build itself runs in a sandbox that shows it its inputs and nothing else.

mod border;
mod build;
pub mod fetch;
pub mod git;
pub mod limits;
mod log;
mod package;
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
pub mod unpack;

pub use border::Part;
pub use build::{BuildError, Workshop};
pub use package::{Package, Packages};
pub use schedule::{Event, Fate, Plan, Seen, look, realise};
pub use secret::Secret;
