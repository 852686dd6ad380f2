#![allow(clippy::unwrap_used, reason = "all of this is tests, also what several of them share")]

mod build;
mod bundled;
mod cli;
mod conformance;
mod deploy_conformance;
mod deploys;
mod docs;
mod errors;
mod exact;
mod fleet;
mod fmt;
mod fuzz;
#[path = "../fuzzing.rs"]
mod fuzzing;
mod hostile;
mod hostile_builds;
mod kill;
mod kit;
mod lab;
mod language;
mod plugin;
mod properties;
mod sdk;
mod sdk_c;
mod sdk_guide;
mod secrets;
mod seeds;
mod service;
mod soak;
mod start;
mod store;
mod streams;
mod support;
mod tidy;
mod transports;
mod wit;
