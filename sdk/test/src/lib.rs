//! Tries plugins: the real host, with other things outside. [`TestHost`] runs a component with variables, files, answers
//! and programs that a test makes up, behind the same decisions as ever; [`kit`] is what every plugin has to pass;
//! [`cases`] are files that say what goes in and what has to come out, for plugins in any language.
//!
//! Nothing here reaches the network or the machine that it runs on.

mod case;
mod fakes;
mod grants;
mod host;
pub mod kit;
mod stack;

pub use case::{CaseError, Outcome, cases};
pub use fakes::{Echo, Fakes, Fault};
pub use host::{Report, TestHost, TestHostError};
pub use stack::{StackError, stack_from_json};
