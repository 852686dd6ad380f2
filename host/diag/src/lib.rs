//! What every room says when something is wrong: a code, a place, a sentence, a help.
//!
//! Rooms build a [`Diagnostic`] from facts; only [`render`] and [`json`] turn it into text, and only the
//! command line prints that text. This crate does no IO.

mod code;
mod diagnostic;
mod drill;
mod json;
mod render;
mod source;
mod suggest;

pub use code::{Code, Room};
pub use diagnostic::{Diagnostic, Note, Severity};
#[cfg(debug_assertions)]
pub use drill::arm_drill;
pub use drill::drill;
pub use json::{json, json_string};
pub use render::{Detail, Look, render, summary, visible};
pub use source::{Location, SourceMap, Span};
pub use suggest::closest;
