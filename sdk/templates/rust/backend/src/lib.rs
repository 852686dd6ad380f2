//! A backend for targets where runit starts services. It computes files and commands, and touches nothing.

mod render;
mod session;

use punix_sdk::backend::{Backend, Facts, Rendering, Stack, Wish};
use punix_sdk::{Error, Info};
use session::Run;

struct Plugin;

impl Backend for Plugin {
    type Session = Run;

    fn info() -> Info {
        punix_sdk::info!("Runs services with runit.")
    }

    fn render(stack: Stack, _facts: Facts) -> Result<Rendering, Error> {
        render::render(&stack)
    }

    fn session(_stack: Stack, wishes: Vec<Wish>, _facts: Facts) -> Run {
        Run::new(wishes)
    }
}

punix_sdk::export_backend!(Plugin);
