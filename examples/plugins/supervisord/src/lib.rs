//! A backend for supervisord. For each service it writes a section of a program and a script that sets the variables
//! and becomes the service; and it names the commands of `supervisorctl` that wishes need. It touches nothing, and sees
//! no secret.
//!
//! Why a script: `environment=` has no way to write a quote of both kinds, a line break, or a `;` after a blank, and
//! secrets can be anything. In a script there is one rule, the single quotes of the shell, for all of it.

mod lifecycle;
mod program;
#[cfg(test)]
mod real;
mod render;
mod script;

pub use lifecycle::Lifecycle;

use punix_sdk::backend::{Backend, Facts, Rendering, Stack, Wish};
use punix_sdk::{Diagnostic, Error, Info};

/// The plugin.
pub struct Supervisord;

impl Backend for Supervisord {
    type Session = Lifecycle;

    fn info() -> Info {
        punix_sdk::info!("Runs services with supervisord.").config_schema(program::SCHEMA)
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        program::settings(config).err().map(Diagnostic::error).into_iter().collect()
    }

    fn render(stack: Stack, facts: Facts) -> Result<Rendering, Error> {
        render::render(&stack, &facts)
    }

    fn session(_: Stack, wishes: Vec<Wish>, _: Facts) -> Lifecycle {
        Lifecycle::new(&wishes)
    }
}

punix_sdk::export_backend!(Supervisord);
