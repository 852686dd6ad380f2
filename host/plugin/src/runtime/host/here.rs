//! The target engine of this machine.

use super::Answer;
use crate::ability::told;
use crate::runtime::bindings::cap::punix::cap::here::Host;
use crate::runtime::resource::HeldPipe;
use crate::runtime::state::State;
use crate::world::Kind;
use punix_model::Class;
use wasmtime::component::Resource;

impl Host for State {
    fn start(&mut self) -> Answer<Resource<HeldPipe>> {
        if !self.effective.flags.contains(&Kind::Here) {
            return self.tell(Some(Kind::Here), told(Class::Denied, "here.not-granted", &"`here` is not granted"));
        }
        self.used(Kind::Here);
        let Some(here) = self.outside.here.clone() else {
            let error = told(Class::Unsupported, "here.absent", &"there is no target engine in this process");
            return self.tell(None, error);
        };
        match here.start() {
            Ok(pipe) => Ok(Ok(self.push(HeldPipe { pipe: Some(pipe) })?)),
            Err(error) => {
                let said = format!("the target engine of this machine cannot be started: {error}");
                self.tell(None, told(Class::Transient, "here.failed", &said))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing::{Desk, refusal};

    #[test]
    fn the_engine_is_started_where_that_is_granted() {
        let desk = Desk::new().flag(Kind::Here);
        let mut state = desk.state();
        let handle = state.start().unwrap().unwrap();
        assert!(state.table.get(&handle).unwrap().pipe.is_some());
        assert_eq!((state.uses.get(&Kind::Here), state.denied.get(&Kind::Here)), (Some(&1), None));
        state.outside.here = None;
        assert_eq!(refusal(state.start()).code, "here.absent");
    }

    #[test]
    fn nothing_starts_without_a_grant() {
        let desk = Desk::new();
        let mut state = desk.state();
        assert_eq!(refusal(state.start()).code, "here.not-granted");
        assert!(desk.world.started.lock().unwrap().is_empty());
        assert_eq!((state.uses.get(&Kind::Here), state.denied.get(&Kind::Here)), (None, Some(&1)));
    }
}
