//! Building on another machine, at the other end of a pipe. Derivations go there as they are in a store, and each of them is
//! read there as strictly as in one; sources lie in the store there already, as entries, brought by whoever brings entries.
//! So the program there needs neither network nor secrets. What comes back are names, digests and sentences, all of which
//! are outside text for whoever asked.
//!
//! ```text
//! hello, open      →   hello, opened
//! package …, look  →   seen
//! build            →   started, says, waits, ended …, done
//! ```
//!
//! The pipe stays open until nobody needs the entries to be kept from collections; when it closes, builds end.

mod client;
mod frame;
mod message;
mod serve;
#[cfg(test)]
mod tests;

pub use client::{Opening, Outcome, PipeError, There, greeting};
pub use frame::FrameError;
pub use serve::serve;
