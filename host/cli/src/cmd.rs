//! One file per verb.

pub mod check;
pub mod eval;
pub mod explain;
pub mod fmt;
pub mod why;
