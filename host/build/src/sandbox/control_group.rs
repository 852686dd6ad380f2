//! A control group for one job, where the caller may make one: it counts the memory and the processes of all that the
//! job starts, and the kernel stops what is too much.
//!
//! Only the second version is used, and only if both counts are on already where the group can be made: switching them
//! on elsewhere is up to whoever manages the machine.

use super::Limits;
use super::watch::OWN_PROCESSES;
use crate::limits::{DEAD_GROUPS_MAX, GROUP_REMOVAL_MS_MAX};
use rustix::process::{Pid, test_kill_process};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const MOUNTED_AT: &str = "/sys/fs/cgroup";
const NAME_START: &str = "punix-build-";
/// The outer process, which is in the group, too.
const OUTER_PROCESSES: u64 = 1;

#[derive(Debug)]
pub(super) struct ControlGroup {
    path: PathBuf,
}

impl ControlGroup {
    /// Makes a group with these limits, or says that it cannot be.
    pub(super) fn new(limits: Limits) -> Option<ControlGroup> {
        let top = Path::new(MOUNTED_AT);
        // Where the first version is in use, this is not there.
        fs::metadata(top.join("cgroup.controllers")).ok()?;
        let list = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = own_group(&list)?;
        // A group that has processes cannot count for groups in it. Beside it, it can.
        [Some(own), own.parent()].into_iter().flatten().find_map(|group| make(&below(top, group), limits).ok())
    }

    pub(super) fn add(&self, process: u32) -> io::Result<()> {
        set(self, "cgroup.procs", &process.to_string())
    }

    /// Tells whether the kernel killed somebody in the group because the group had too much memory.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        let killed = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        killed.is_some_and(|count| count.trim() != "0")
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // It is empty, or will be at once: what was in it is dead.
        let _ = set(self, "cgroup.kill", "1");
        let by = Instant::now() + Duration::from_millis(GROUP_REMOVAL_MS_MAX);
        while fs::remove_dir(&self.path).is_err() && self.path.exists() && Instant::now() < by {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Makes a group in this one.
fn make(parent: &Path, limits: Limits) -> io::Result<ControlGroup> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    remove_dead(parent);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = parent.join(format!("{NAME_START}{}-{number}", std::process::id()));
    fs::create_dir(&path)?;
    let group = ControlGroup { path };
    let processes = u64::from(limits.processes).saturating_add(OWN_PROCESSES + OUTER_PROCESSES);
    set(&group, "pids.max", &processes.to_string())?;
    set(&group, "memory.max", &limits.memory_bytes.to_string())?;
    // All or nothing: a build of which a part was killed is no build. The swap is not always there.
    set(&group, "memory.oom.group", "1")?;
    let _ = set(&group, "memory.swap.max", "0");
    Ok(group)
}

/// Writes a setting that is there. One that is not must not be made, as it could be in a plain directory.
fn set(group: &ControlGroup, name: &str, value: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(group.path.join(name))?;
    io::Write::write_all(&mut file, value.as_bytes())
}

/// Removes groups of processes that were killed before they could.
fn remove_dead(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    for name in names.filter(|name| owner(name).is_some_and(is_dead)).take(DEAD_GROUPS_MAX) {
        let _ = fs::remove_dir(parent.join(name));
    }
}

fn owner(name: &str) -> Option<Pid> {
    let (process, _) = name.strip_prefix(NAME_START)?.split_once('-')?;
    Pid::from_raw(process.parse().ok()?)
}

fn is_dead(process: Pid) -> bool {
    test_kill_process(process) == Err(rustix::io::Errno::SRCH)
}

/// Finds the line of the second version.
fn own_group(list: &str) -> Option<&Path> {
    list.lines().find_map(|line| line.strip_prefix("0::")).map(Path::new)
}

fn below(top: &Path, group: &Path) -> PathBuf {
    top.join(group.strip_prefix("/").unwrap_or(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { wall: Duration::from_secs(1), memory_bytes: 4096, processes: 10, open_files: 10, file_bytes: 10 };

    #[test]
    fn the_own_group_is_found() {
        assert_eq!(own_group("9:pids:/a\n0::/user.slice/x.scope\n"), Some(Path::new("/user.slice/x.scope")));
        assert_eq!(own_group("9:pids:/a\n"), None);
        assert_eq!(below(Path::new("/top"), Path::new("/")), Path::new("/top/"));
        assert_eq!(below(Path::new("/top"), Path::new("/a/b")), Path::new("/top/a/b"));
    }

    #[test]
    fn a_group_that_cannot_count_is_not_used_and_not_left() {
        let top = std::env::temp_dir().join(format!("punix-group-{}", std::process::id()));
        fs::create_dir(&top).unwrap();
        let dead = top.join(format!("{NAME_START}{}-0", i32::MAX));
        let other = top.join("punix-builder");
        fs::create_dir(&dead).unwrap();
        fs::create_dir(&other).unwrap();
        assert!(make(&top, LIMITS).is_err());
        let left: Vec<_> = fs::read_dir(&top).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [other]);
        fs::remove_dir_all(&top).unwrap();
    }
}
