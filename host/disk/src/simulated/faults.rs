//! What can be wrong with a simulated disk: that it stops, that one operation fails, that it cannot do everything.

use super::crash::Crash;
use super::state::State;
use std::io;

impl State {
    /// Starts an operation that may change something.
    pub(super) fn count(&mut self) -> io::Result<()> {
        if self.crash_at.is_some_and(|at| self.operations + 1 >= at) {
            self.crashed = true;
            return Err(io::Error::other(Crash));
        }
        self.operations += 1;
        self.clock += 1;
        match self.fail_at {
            Some((at, kind)) if at == self.operations => Err(kind.into()),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn crash_after(&mut self, k: u64) {
        self.crash_at = Some(self.operations.saturating_add(k.max(1)));
    }

    /// Returns the same disk for who comes after one that was stopped.
    pub(super) fn after_kill(&self) -> State {
        State { operations: 0, crash_at: None, crashed: false, fail_at: None, ..self.clone() }
    }

    pub(super) fn fail_at(&mut self, k: u64, kind: io::ErrorKind) {
        self.fail_at = Some((self.operations.saturating_add(k.max(1)), kind));
    }

    pub(super) fn has_failed(&self) -> bool {
        self.fail_at.is_some_and(|(at, _)| at <= self.operations)
    }

    pub(super) fn without_rename_flags(&mut self) {
        self.rename_flags = false;
    }

    pub(super) fn has_rename_flags(&self) -> bool {
        self.rename_flags
    }

    pub(super) fn crashed(&self) -> bool {
        self.crashed
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations
    }
}
