//! How services are run. A backend computes files and commands, and touches nothing: it has no ability but the log.

mod body;
mod markers;
mod shapes;

use crate::abi::backend::exports::punix::backend::api;
use crate::{Diagnostic, Error, Info, panic};
use std::cell::RefCell;
use std::marker::PhantomData;

pub use api::{
    Action, Chunk, Command, Encoding, Facts, File, Observation, Rendering, RunState, Scope, Service, Shape, Slot,
    Stack, Status, Step, Unit, Wish,
};
pub use body::Body;
pub use markers::{Markers, Written};

/// A backend. Implement it, and hand the type to [`export_backend!`](crate::export_backend).
pub trait Backend: 'static {
    /// What is remembered between the steps of one run.
    type Session: Session;

    /// Says what the plugin is.
    fn info() -> Info;

    /// Says what is wrong with a configuration, a JSON text. It must not panic, whatever the text is.
    fn check_config(config: &str) -> Vec<Diagnostic> {
        let _ = config;
        Vec::new()
    }

    /// Renders a stack. Equal arguments give equal bytes.
    fn render(stack: Stack, facts: Facts) -> Result<Rendering, Error>;

    /// Begins to fulfil wishes.
    fn session(stack: Stack, wishes: Vec<Wish>, facts: Facts) -> Self::Session;
}

/// Fulfils wishes, step by step.
pub trait Session: 'static {
    /// Says what is next. `seen` is what the commands of the step before did; it is empty at first and after a wait.
    fn next(&mut self, seen: Vec<Observation>) -> Step;
}

/// Exports a [`Backend`].
#[macro_export]
macro_rules! export_backend {
    ($backend:ty) => {
        #[allow(unused_qualifications, unreachable_pub)]
        const _: () = {
            type PunixExported = $crate::backend::Exported<$backend>;
    $crate::abi::meta::export_meta!(PunixExported with_types_in $crate::abi::meta);
    $crate::abi::backend::export_backend_api!(PunixExported with_types_in $crate::abi::backend);
        };
    };
}

/// Stands between the interface and the trait.
#[doc(hidden)]
pub struct Exported<B>(PhantomData<B>);

/// Holds a session, which the host has a handle of.
#[doc(hidden)]
pub struct Held<B: Backend>(RefCell<B::Session>);

impl<B: Backend> crate::abi::meta::exports::punix::base::meta::Guest for Exported<B> {
    fn describe() -> Info {
        panic::install();
        B::info()
    }

    fn check_config(config: String) -> Vec<Diagnostic> {
        panic::install();
        B::check_config(&config)
    }
}

impl<B: Backend> api::Guest for Exported<B> {
    type Session = Held<B>;

    fn render(stack: Stack, facts: Facts) -> Result<Rendering, Error> {
        panic::install();
        B::render(stack, facts)
    }
}

impl<B: Backend> api::GuestSession for Held<B> {
    fn new(stack: Stack, wishes: Vec<Wish>, facts: Facts) -> Held<B> {
        panic::install();
        Held(RefCell::new(B::session(stack, wishes, facts)))
    }

    fn next(&self, seen: Vec<Observation>) -> Step {
        self.0.borrow_mut().next(seen)
    }
}
