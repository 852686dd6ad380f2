//! The end of a machine: the mark that an operation failed because of it, and the walk over all such ends.

use super::SimulatedDisk;
use super::survival::Survival;
use std::error::Error;
use std::{fmt, io};

/// Why an operation of a [`SimulatedDisk`] failed after [`SimulatedDisk::crash_after`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash;

impl Crash {
    /// Returns whether an error is a crash, or was caused by one.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| is_crash(inner))
    }
}

fn is_crash(error: &(dyn Error + 'static)) -> bool {
    // The source of an `io::Error` is that of what it holds; what it holds must be asked for by itself.
    error.is::<Crash>()
        || error.downcast_ref::<io::Error>().is_some_and(Crash::is)
        || error.source().is_some_and(is_crash)
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated machine stopped")
    }
}

impl Error for Crash {}

/// Runs something on a fresh disk once for each of its operations, stopped before that one, and at last to its end.
/// Hands every disk that may be found afterwards to `look`, with what the run had returned and how the disk came to be.
/// Returns how many operations a whole run has.
///
/// The run must end with an error when it meets a [`Crash`]; what it returns without one is taken for its own end.
pub fn every_crash<T, E>(
    start: impl Fn() -> SimulatedDisk,
    run: impl Fn(&SimulatedDisk) -> Result<T, E>,
    torn: u64,
    mut look: impl FnMut(&SimulatedDisk, &Result<T, E>, End),
) -> u64 {
    let mut k = 1;
    loop {
        let disk = start();
        disk.crash_after(k);
        let outcome = run(&disk);
        for survival in disk.survivals(torn) {
            look(&disk.after_crash(survival), &outcome, End { k, survival });
        }
        if !disk.lock().crashed() {
            return disk.operations();
        }
        k += 1;
    }
}

/// Runs something on a fresh disk once for each of its operations, killed before that one, and at last to its end. Hands
/// the disk to `look` as the next process finds it on the machine that goes on: all was done, and only what was synced is
/// durable. Returns how many operations a whole run has.
pub fn every_kill<T, E>(
    start: impl Fn() -> SimulatedDisk,
    run: impl Fn(&SimulatedDisk) -> Result<T, E>,
    mut look: impl FnMut(&SimulatedDisk, &Result<T, E>, u64),
) -> u64 {
    let mut k = 1;
    loop {
        let disk = start();
        disk.crash_after(k);
        let outcome = run(&disk);
        look(&disk.after_kill(), &outcome, k);
        if !disk.lock().crashed() {
            return disk.operations();
        }
        k += 1;
    }
}

/// How a run ended: before which of its operations, and what of it was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub k: u64,
    pub survival: Survival,
}
