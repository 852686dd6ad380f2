#![allow(clippy::unwrap_used, reason = "all of this is tests, also what several of them share")]

mod build;
mod bundled;
mod cli;
mod conformance;
mod docs;
mod errors;
mod exact;
mod fmt;
mod fuzz;
mod hostile;
mod hostile_builds;
mod kill;
mod kit;
mod language;
mod plugin;
mod properties;
mod sdk;
mod sdk_c;
mod sdk_guide;
mod seeds;
mod store;
mod streams;
mod support;
mod tidy;
mod transports;
mod wit;
