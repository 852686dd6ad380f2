//! What the inner process takes from itself, and so from the command, before it starts it: privileges and resources.

use super::order::Order;
use super::watch;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior, set_parent_process_death_signal,
    setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};
use std::fs;
use std::io;

/// Numbers of processes that the kernel keeps from being used twice.
const RESERVED_NUMBERS: u32 = 300;
/// The first kernel that counts process numbers for each namespace. Before, the setting is that of the whole machine.
const OWN_NUMBERS: (u32, u32) = (6, 14);
/// The first kernel that counts a user's processes for each namespace. Before, all that the caller runs is counted.
const OWN_COUNT: (u32, u32) = (5, 14);

/// Sets what is set through the processes' file system, while it is the old one and can be written. Each is a further
/// wall behind one that stands already, so that it is no fault if one cannot be set.
pub(super) fn before_mounting(order: &Order) {
    // If the machine is out of memory, builds go first.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    // In namespaces of its own, the command would have privileges again, though over nothing but them.
    let _ = fs::write("/proc/sys/user/max_user_namespaces", "0");
    if !order.counted && kernel() >= OWN_NUMBERS {
        // The only limit that root does not pass.
        let numbers = order.limits.processes.saturating_add(RESERVED_NUMBERS);
        let _ = fs::write("/proc/sys/kernel/pid_max", numbers.to_string());
    }
}

/// Gives up all privileges for good, and hides this process from the command, which runs as the same user.
pub(super) fn drop_privileges() -> io::Result<()> {
    clear_ambient_capability_set()?;
    for bit in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)) {
            Ok(()) => {}
            // That was the last one that this kernel knows.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    set_no_new_privs(true)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

/// Sets the limits that each process has. The command inherits them.
pub(super) fn set(order: &Order) -> io::Result<()> {
    let limits = order.limits;
    for (resource, most) in each(limits.open_files, limits.file_bytes) {
        lower(resource, most)?;
    }
    if kernel() >= OWN_COUNT {
        lower(Resource::Nproc, u64::from(limits.processes).saturating_add(watch::OWN_PROCESSES))?;
    }
    if !order.counted {
        lower(Resource::Data, limits.memory_bytes)?;
    }
    Ok(())
}

/// Lists the limits that are the same with every isolation.
pub(super) fn each(open_files: u64, file_bytes: u64) -> [(Resource, u64); 3] {
    [(Resource::Core, 0), (Resource::Nofile, open_files), (Resource::Fsize, file_bytes)]
}

/// Returns the most that may be asked for, if more is not allowed anyway.
pub(super) fn lowered(resource: Resource, most: u64) -> Rlimit {
    let most = getrlimit(resource).maximum.map_or(most, |present| present.min(most));
    Rlimit { current: Some(most), maximum: Some(most) }
}

fn lower(resource: Resource, most: u64) -> io::Result<()> {
    Ok(setrlimit(resource, lowered(resource, most))?)
}

/// Returns the kernel's version.
fn kernel() -> (u32, u32) {
    version(&rustix::system::uname().release().to_string_lossy())
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_kernels() {
        assert_eq!(version("6.18.44-fc-v595"), (6, 18));
        assert_eq!(version("5.10-rc1"), (5, 10));
        assert_eq!(version("strange"), (0, 0));
    }
}
