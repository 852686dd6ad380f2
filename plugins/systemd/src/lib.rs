//! The backend of systemd. It computes unit files, timers, accounts, temporary files and environment files, and the
//! commands that start and stop them. It touches nothing, and sees no secret.
//!
//! ```text
//! Stack, Facts → design → environment, service, timer, sysusers, tmpfiles → render → Rendering
//!                narrow   each file; all text goes through quote            order, what restarts what
//! Wishes       → lifecycle: stop, reload, act, look → statuses
//! ```

mod config;
mod design;
mod directives;
mod environment;
mod fault;
mod index;
mod layout;
mod lifecycle;
mod names;
mod order;
mod quote;
mod render;
mod schema;
mod service;
mod sysusers;
mod timer;
mod tmpfiles;
mod unit;

pub use lifecycle::Lifecycle;

use punix_sdk::backend::{Backend, Facts, Rendering, Stack, Wish};
use punix_sdk::{Diagnostic, Error, Info};

/// The plugin.
#[derive(Debug)]
pub struct Systemd;

impl Backend for Systemd {
    type Session = Lifecycle;

    fn info() -> Info {
        punix_sdk::info!("Runs services with systemd: units, timers, accounts, temporary files, environment files.")
            .config_schema(schema::TEXT)
            .attribute("systemd", "252")
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        config::any(config).into_iter().map(Diagnostic::error).collect()
    }

    fn render(stack: Stack, facts: Facts) -> Result<Rendering, Error> {
        render::render(&stack, &facts)
    }

    fn session(stack: Stack, wishes: Vec<Wish>, facts: Facts) -> Lifecycle {
        Lifecycle::new(&stack, &wishes, &facts)
    }
}

punix_sdk::export_backend!(Systemd);

#[cfg(test)]
mod reading;
#[cfg(test)]
mod real;
#[cfg(test)]
mod sample;
