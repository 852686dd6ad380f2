//! The one way to write. What must survive a crash goes through [`Disk`], so that [`SimulatedDisk`] can stop after
//! any operation and lose whatever was not synced, and a test can look at what is left.

mod disk;
mod error;
mod path;
mod real;
#[cfg(test)]
mod scenarios;
mod simulated;

pub use disk::{Disk, Kind, Metadata, NewFile};
pub use real::RealDisk;
pub use simulated::crash::{Crash, End, every_crash, every_kill};
pub use simulated::survival::Survival;
pub use simulated::{Entry, SimulatedDisk};
