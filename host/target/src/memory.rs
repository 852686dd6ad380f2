//! Keeps this process's memory to itself: where secrets pass through, nothing of it may end in a file or on a swap disk.
//!
//! It is the whole process, and not the pages of secrets alone: they pass through buffers of pipes, TLS and parsers, which
//! cannot be asked to lie elsewhere. What cannot be done here is done without.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use std::sync::Once;

/// Sees to it that this process leaves no core dump, and that nobody but root can look into it.
pub fn leave_no_dump() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // What it starts leaves none either, unless that raises the limit again.
    let maximum = getrlimit(Resource::Core).maximum;
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
}

/// Keeps all memory out of swap from here on, once, where this process may lock as much as it likes. Where there is a limit,
/// memory that is taken later would be refused when it is reached, so nothing is locked.
pub fn stay_in_memory() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let no_limit = Rlimit { current: None, maximum: None };
        if getrlimit(Resource::Memlock) == no_limit || setrlimit(Resource::Memlock, no_limit).is_ok() || is_free() {
            let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT);
        }
    });
}

/// Tells whether no limit holds for this process: whoever may lock memory may do so without end, if he may that here and not
/// only in a world that somebody made up for him.
fn is_free() -> bool {
    let may = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    let users = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    may && users.split_whitespace().eq(["0", "0", "4294967295"])
}
