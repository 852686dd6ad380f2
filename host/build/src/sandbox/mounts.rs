//! Building the new root, as process 1 of new namespaces. Decides nothing: the plan says what, the kernel says whether.
//!
//! The root is built at a place where nothing can lie that is to be shown, while the old root is still the root; so
//! every path outside means what it means outside.

use super::Access;
use super::answer::{Action, Fault, fault, fault_at};
use super::plan::Step;
use rustix::fs::{Mode, StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use rustix::process::{chdir, pivot_root};
use std::ffi::{CString, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Where the new root is built. What is covered by it is read before.
const BASE: &str = "/proc";

/// Makes sure that nothing that is mounted here is seen elsewhere.
pub(super) fn detach() -> Result<(), Fault> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).map_err(fault(Action::DetachMounts))
}

/// Obeys a plan.
pub(super) fn build(steps: &[Step]) -> Result<(), Fault> {
    steps.iter().try_for_each(apply)
}

/// Makes the new root the root, and lets go of the old one.
pub(super) fn enter() -> Result<(), Fault> {
    let failed = || fault(Action::EnterRoot);
    chdir(BASE).map_err(failed())?;
    // The old root ends up below the new one at the same place, and is then taken away from there.
    pivot_root(".", ".").map_err(failed())?;
    unmount(".", UnmountFlags::DETACH).map_err(failed())?;
    chdir("/").map_err(failed())
}

fn apply(step: &Step) -> Result<(), Fault> {
    match step {
        Step::Directory { inside } => present(rustix::fs::mkdir(at(inside), Mode::from_raw_mode(0o755)))
            .map_err(fault_at(Action::MakePlace, inside)),
        Step::File { inside } => {
            let made = rustix::fs::mknodat(
                rustix::fs::CWD,
                at(inside),
                rustix::fs::FileType::RegularFile,
                Mode::from_raw_mode(0o644),
                0,
            );
            present(made).map_err(fault_at(Action::MakePlace, inside))
        }
        Step::Link { inside, target } => {
            rustix::fs::symlink(target, at(inside)).map_err(fault_at(Action::MakeLink, inside))
        }
        Step::Memory { inside, mode, bytes } => memory(inside, *mode, *bytes),
        Step::Seal { inside } => protect(&at(inside), MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV)
            .map_err(fault_at(Action::ProtectFromWriting, inside)),
        Step::Processes { inside } => {
            let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
            mount("proc", at(inside), "proc", flags, None).map_err(fault_at(Action::MountProcesses, inside))
        }
        Step::Show { outside, inside, access } => show(outside, inside, *access),
        Step::Device { outside, inside } => {
            mount_bind(outside, at(inside)).map_err(fault_at(Action::Show, outside))?;
            let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NOEXEC;
            protect(&at(inside), flags).map_err(fault_at(Action::ProtectFromWriting, inside))
        }
    }
}

fn memory(inside: &Path, mode: u32, bytes: u64) -> Result<(), Fault> {
    let options = format!("mode={mode:o},size={bytes}");
    let options = CString::new(options).map_err(fault_at(Action::MountMemory, inside))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", at(inside), "tmpfs", flags, Some(options.as_c_str())).map_err(fault_at(Action::MountMemory, inside))
}

fn show(outside: &Path, inside: &Path, access: Access) -> Result<(), Fault> {
    let place = at(inside);
    let flags = match access {
        Access::Read => MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV,
        Access::Write => MountFlags::NOSUID | MountFlags::NODEV,
    };
    match mount_bind(outside, &place) {
        Ok(()) => protect(&place, flags).map_err(fault_at(Action::ProtectFromWriting, inside)),
        // Something is mounted below it, which the kernel shows with the rest or not at all. Each mount must be
        // protected by itself.
        Err(Errno::INVAL) => {
            mount_bind_recursive(outside, &place).map_err(fault_at(Action::Show, outside))?;
            let mounts = mounts_below(&place).map_err(fault_at(Action::ProtectFromWriting, inside))?;
            let mut protected = mounts.iter().map(|place| protect(place, flags));
            protected.try_for_each(|result| result.map_err(fault_at(Action::ProtectFromWriting, inside)))
        }
        Err(error) => Err(fault_at(Action::Show, outside)(error)),
    }
}

/// Adds flags to a mount. Those it has must stay: the kernel refuses to take away what the host has set.
fn protect(place: &Path, flags: MountFlags) -> rustix::io::Result<()> {
    let present = statvfs(place)?.f_flag;
    let kept = [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
    ];
    let kept = kept.iter().filter(|(flag, _)| present.contains(*flag)).fold(flags, |all, (_, flag)| all | *flag);
    mount_remount(place, MountFlags::BIND | kept, "")
}

/// Lists what is mounted at a place and below it, as the own processes' file system tells it.
fn mounts_below(place: &Path) -> io::Result<Vec<PathBuf>> {
    let list = fs::read(at(Path::new("/proc/self/mountinfo")))?;
    let points = list.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    Ok(points.map(unescaped).filter(|point| point.starts_with(place)).collect())
}

/// Reads a path as the kernel writes it: blanks, backslashes and ends of lines are three octal digits.
fn unescaped(text: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Takes it as done if somebody else did it.
fn present(result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match result {
        Err(Errno::EXIST) => Ok(()),
        result => result,
    }
}

/// Returns where a path that will be inside is now.
fn at(inside: &Path) -> PathBuf {
    let mut path = Vec::from(BASE);
    if inside != Path::new("/") {
        path.extend_from_slice(inside.as_os_str().as_bytes());
    }
    PathBuf::from(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_kernel_are_read_back() {
        assert_eq!(unescaped(b"/a\\040b\\012\\134040"), Path::new("/a b\n\\040"));
        assert_eq!(unescaped(b"/a\\04"), Path::new("/a\\04"));
    }

    #[test]
    fn places_are_below_the_base() {
        assert_eq!(at(Path::new("/")), Path::new("/proc"));
        assert_eq!(at(Path::new("/usr/x")), Path::new("/proc/usr/x"));
    }
}
