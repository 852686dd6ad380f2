//! Time, where it is granted; where it is not, it stands still.

use crate::runtime::bindings::cap::punix::cap::clock;
use crate::runtime::state::State;
use crate::world::Kind;
use std::time::Duration;

impl State {
    fn may_know_the_time(&mut self) -> bool {
        let granted = self.effective.flags.contains(&Kind::Clock);
        match granted {
            true => self.used(Kind::Clock),
            false => self.refused(Kind::Clock),
        }
        granted
    }
}

impl clock::Host for State {
    fn now_unix_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(if self.may_know_the_time() { self.outside.clock.unix_ms() } else { 0 })
    }

    fn monotonic_ns(&mut self) -> wasmtime::Result<u64> {
        Ok(if self.may_know_the_time() { self.outside.clock.monotonic_ns() } else { 0 })
    }

    fn sleep_ms(&mut self, ms: u32) -> wasmtime::Result<()> {
        if self.may_know_the_time() {
            self.outside.clock.sleep(Duration::from_millis(u64::from(ms)).min(self.left()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing::Desk;
    use clock::Host;

    #[test]
    fn without_a_grant_time_stands_still() {
        let desk = Desk::new();
        let mut state = desk.state();
        assert_eq!((state.now_unix_ms().unwrap(), state.monotonic_ns().unwrap()), (0, 0));
        state.sleep_ms(1_000).unwrap();
        assert_eq!(desk.world.slept(), Duration::ZERO);
        assert_eq!(state.denied.get(&Kind::Clock), Some(&3));
        assert_eq!(state.uses.get(&Kind::Clock), None);
    }

    #[test]
    fn with_one_it_is_that_of_the_machine() {
        let desk = Desk::new().flag(Kind::Clock);
        let mut state = desk.state();
        let before = state.now_unix_ms().unwrap();
        assert!(before > 0 && state.monotonic_ns().unwrap() > 0);
        state.sleep_ms(250).unwrap();
        assert_eq!(desk.world.slept(), Duration::from_millis(250));
        assert_eq!(state.now_unix_ms().unwrap(), before + 250);
        assert_eq!(state.uses.get(&Kind::Clock), Some(&4));
    }

    #[test]
    fn nobody_sleeps_longer_than_the_call_may_take() {
        let desk = Desk::new().flag(Kind::Clock);
        let mut state = desk.state();
        state.sleep_ms(u32::MAX).unwrap();
        assert!(desk.world.slept() <= Duration::from_millis(u64::from(state.limits.timeout_ms)));
    }
}
