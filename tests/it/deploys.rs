//! Deploys on real disks that are killed, cut off, raced and starved of room. Whatever happened, the next command finds a
//! host that is wholly at one generation.
//!
//! Killing at a step needs `strace`; power cuts need root and loop devices. Where there are none, that counts as skipped.
//! `PUNIX_LONG=1` kills at every step, and cuts and races longer; `CONTRIBUTING.md` has the command.

#![allow(clippy::print_stdout, reason = "how often each end was met is for whoever reads the run")]

mod failing;
mod guarded;
pub(crate) mod histories;
mod killed;
mod moments;
mod operation;
mod power;
mod races;
mod restored;
pub(crate) mod site;
mod volume;
