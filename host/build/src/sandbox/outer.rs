//! The outer process of a sandbox: it lets go of all that is the caller's, makes the namespaces, starts the inner
//! process in them and waits for it. It has one thread, and it must not touch the order's body, which is the inner one's
//! to read.

use super::Network;
use super::answer::{self, Action, Fault, fault, fault_at};
use super::order::{HELPER_NAME, INNER_NAME, network};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getegid, geteuid, set_parent_process_death_signal};
use rustix::thread::{
    CapabilitySet, CapabilitySets, configure_capability_in_ambient_set, set_capabilities, set_thread_groups,
};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Who the command is inside.
const USER: u32 = 1000;
const GROUP: u32 = 100;
/// The inner process's privileges in the new namespaces. They are given up before the command starts.
pub(super) const PRIVILEGES: [CapabilitySet; 4] =
    [CapabilitySet::SYS_ADMIN, CapabilitySet::SETPCAP, CapabilitySet::NET_ADMIN, CapabilitySet::SYS_RESOURCE];

/// Is the outer process, to its end.
pub(super) fn enter() -> ExitCode {
    match set_up() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            answer::send(&Err(fault));
            ExitCode::FAILURE
        }
    }
}

fn set_up() -> Result<(), Fault> {
    close_files().map_err(fault(Action::CloseFiles))?;
    follow_caller().map_err(fault(Action::FollowCaller))?;
    let network = receive().map_err(fault(Action::Receive))?;
    make_namespaces(network)?;
    keep_privileges().map_err(fault(Action::KeepPrivileges))?;
    // What changes the credentials can take this away.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(fault(Action::FollowCaller))?;
    let mut inner = Command::new("/proc/self/exe")
        .arg0(HELPER_NAME)
        .arg(INNER_NAME)
        .env_clear()
        .spawn()
        .map_err(fault(Action::StartInner))?;
    // How it ended, it has said itself. Only when it is gone are all processes of the command gone.
    inner.wait().map_err(fault(Action::Wait))?;
    Ok(())
}

/// Closes all files of the caller that this program did not ask for.
fn close_files() -> io::Result<()> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // The one that the list was read from is closed already.
        let _ = nix::unistd::close(number);
    }
    Ok(())
}

/// Ends with the caller. The terminal's signals do not come here, as this is a process group of its own; the session is
/// left by the inner process only, because each new one costs a place among those who wait for a processor.
fn follow_caller() -> io::Result<()> {
    SigSet::empty().thread_set_mask()?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if is_hung_up()? {
        // The caller ended before it could be seen to end.
        return Err(ErrorKind::BrokenPipe.into());
    }
    Ok(())
}

/// Tells whether the caller wants an end, or is gone.
pub(super) fn is_hung_up() -> io::Result<bool> {
    let stdin = io::stdin();
    let mut polled = [PollFd::new(&stdin, PollFlags::empty())];
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(polled[0].revents().contains(PollFlags::HUP))
}

/// Reads the first byte of the order. The rest is for the inner process.
fn receive() -> io::Result<Network> {
    let mut bytes = [0];
    read_exactly(&mut bytes)?;
    network(bytes[0])
}

/// Fills a buffer from the standard input without reading further.
pub(super) fn read_exactly(buffer: &mut [u8]) -> io::Result<()> {
    let stdin = io::stdin();
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::io::read(&stdin, &mut buffer[filled..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn make_namespaces(network: Network) -> Result<(), Fault> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    // Only root may, and only root needs to: whoever is in further groups keeps them, but they have no names inside.
    let _ = set_thread_groups(&[]);
    let mut kinds = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    match network {
        Network::None => kinds |= CloneFlags::CLONE_NEWNET,
        Network::Host => {}
    }
    unshare(kinds).map_err(fault(Action::MakeNamespaces))?;
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("{USER} {user} 1"))?;
    write("/proc/self/gid_map", &format!("{GROUP} {group} 1"))
}

fn write(path: &str, text: &str) -> Result<(), Fault> {
    fs::write(path, text).map_err(fault_at(Action::MapUser, Path::new(path)))
}

/// Lets the inner process have the privileges it needs though it is no root inside.
fn keep_privileges() -> io::Result<()> {
    let all = PRIVILEGES.iter().fold(CapabilitySet::empty(), |all, one| all | *one);
    set_capabilities(None, CapabilitySets { effective: all, permitted: all, inheritable: all })?;
    for privilege in PRIVILEGES {
        configure_capability_in_ambient_set(privilege, true)?;
    }
    Ok(())
}
