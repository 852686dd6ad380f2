//! Builds and collections that are killed, stopped, raced and starved of room, on the real program. Whatever happened:
//! nobody is left running, what is in the store is whole, the next run makes good, and `store gc` leaves what is needed
//! and nothing else.
//!
//! Killing at a step needs `strace`; where there is none, that counts as skipped. The tests kill at a choice of steps.
//! `PUNIX_LONG=1` kills at every one, and races longer; `CONTRIBUTING.md` has the command.

mod collections;
mod full;
mod place;
mod signals;
mod steps;
mod together;
pub(crate) mod tracer;

/// Returns how often something is done: rarely, or, in the long form, so often that little stays untried.
pub(crate) fn times(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
}

/// Tells whether there is time for everything.
pub(crate) fn is_long() -> bool {
    std::env::var_os("PUNIX_LONG").is_some_and(|long| long == "1")
}
