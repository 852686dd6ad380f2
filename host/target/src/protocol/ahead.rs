//! How much of what the other side says is read before somebody listens. Whoever sends without being asked fills a pipe,
//! and not our memory.

use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of messages that lie unheard, from which on no further one is begun.
const AHEAD_BYTES: u64 = 1 << 20;

/// What whoever reads and whoever listens both know.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    /// Nobody listens any more.
    is_over: bool,
}

impl Ahead {
    /// Waits until more may be read. `false`: nobody will listen.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.state();
        while state.bytes >= AHEAD_BYTES && !state.is_over {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.is_over
    }

    /// Says that so much was read.
    pub(super) fn add(&self, bytes: u64) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_add(bytes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever listens. When he goes, nothing more is read.
#[derive(Debug, Default)]
pub(super) struct Listening(Arc<Ahead>);

impl Listening {
    pub(super) fn ahead(&self) -> Arc<Ahead> {
        Arc::clone(&self.0)
    }

    /// Says that so much of what was read was heard.
    pub(super) fn took(&self, bytes: u64) {
        let mut state = self.0.state();
        state.bytes = state.bytes.saturating_sub(bytes);
        drop(state);
        self.0.changed.notify_all();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.state().is_over = true;
        self.0.changed.notify_all();
    }
}

/// A pipe that counts.
pub(super) struct Counting<'r> {
    pub(super) from: &'r mut dyn Read,
    pub(super) bytes: u64,
}

impl Read for Counting<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }
}
