//! Compiling a component, which only binaries with a compiler can.

use wasmtime::Engine;

/// Machine code that our own compiler made in this process. Invariant: nobody else made it, nothing changed it.
pub struct Compiled(Vec<u8>);

/// Compiles a component to machine code, in the form in which it is kept and loaded.
pub fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<Compiled> {
    engine.precompile_component(component).map(Compiled)
}

impl Compiled {
    /// Returns the code.
    pub fn code(&self) -> &[u8] {
        &self.0
    }
}
