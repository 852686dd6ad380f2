//! Programs of this machine.

use super::{Answer, sum};
use crate::ability::spawn::{allowed, start};
use crate::runtime::bindings::cap::punix::cap::spawn::Host;
use crate::runtime::resource::HeldPipe;
use crate::runtime::state::State;
use crate::world::Kind;
use std::sync::Arc;
use wasmtime::component::Resource;

impl Host for State {
    fn start(&mut self, argv: Vec<String>, env: Vec<(String, String)>) -> Answer<Resource<HeldPipe>> {
        let words = argv.iter().chain(env.iter().flat_map(|(name, value)| [name, value]));
        self.passes(sum(&words.map(String::as_str).collect::<Vec<_>>()))?;
        let effective = Arc::clone(&self.effective);
        let allowed = match allowed(&effective.spawn, &argv, &env) {
            Ok(allowed) => allowed,
            Err(refusal) => return self.tell(Some(Kind::Spawn), refusal),
        };
        self.used(Kind::Spawn);
        match start(self.outside.programs.as_ref(), &allowed, self.deadline) {
            Ok(pipe) => Ok(Ok(self.push(HeldPipe { pipe: Some(pipe) })?)),
            Err(error) => self.tell(Some(Kind::Spawn), error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::ArgumentsPattern;
    use crate::policy::ProgramAccess;
    use crate::runtime::testing::{Desk, refusal};
    use crate::word::AbsolutePath;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_granted_program_is_started_and_no_other() {
        let program = AbsolutePath::parse("/usr/bin/docker").unwrap();
        let desk = Desk::new().program(ProgramAccess { program, args: ArgumentsPattern::every(), sha256: None });
        let mut state = desk.state();
        let handle = state.start(words(&["/usr/bin/docker", "exec", "web"]), Vec::new()).unwrap().unwrap();
        assert!(state.table.get(&handle).unwrap().pipe.is_some());
        for argv in [words(&["/bin/sh", "-c", "x"]), words(&["docker"]), Vec::new()] {
            assert!(state.start(argv.clone(), Vec::new()).unwrap().is_err(), "{argv:?}");
        }
        let preload = vec![("LD_PRELOAD".to_owned(), "/tmp/x.so".to_owned())];
        assert_eq!(refusal(state.start(words(&["/usr/bin/docker"]), preload)).code, "spawn.not-granted");
        assert_eq!(*desk.world.started.lock().unwrap(), ["/usr/bin/docker exec web"]);
        assert_eq!((state.uses.get(&Kind::Spawn), state.denied.get(&Kind::Spawn)), (Some(&1), Some(&3)));
    }
}
