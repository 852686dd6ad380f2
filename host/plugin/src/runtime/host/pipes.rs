//! Streams to running programs: a plugin can say what one is called, and pass it on.

use crate::runtime::bindings::cap::punix::cap::pipes::{Host, HostPipe};
use crate::runtime::resource::HeldPipe;
use crate::runtime::state::State;
use wasmtime::component::Resource;

impl Host for State {}

impl HostPipe for State {
    fn label(&mut self, this: Resource<HeldPipe>) -> wasmtime::Result<String> {
        let held = self.table.get(&this)?;
        Ok(held.pipe.as_ref().map_or_else(String::new, |pipe| super::label(&pipe.label)))
    }

    fn drop(&mut self, this: Resource<HeldPipe>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing::{Desk, pipe};

    #[test]
    fn a_pipe_has_a_label_until_it_is_gone() {
        let mut state = Desk::new().state();
        let handle = state.push(HeldPipe { pipe: Some(pipe("ssh web")) }).unwrap();
        let again = || Resource::new_own(handle.rep());
        assert_eq!(state.label(again()).unwrap(), "ssh web");
        state.drop(again()).unwrap();
        assert!(state.label(again()).is_err());
    }
}
