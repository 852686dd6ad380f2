//! The inner process of a sandbox, which is process 1 inside: it builds what the command sees, starts it, and reaps. It
//! must not wait for anything but the command, and it must not let the command see what it was told.

use super::answer::{self, Action, Fault, fault, fault_at};
use super::order::{LENGTH_BYTES, Order, length};
use super::outer::{is_hung_up, read_exactly};
use super::{Ending, Network, limit, mounts, watch};
use nix::sys::signal::{SigSet, Signal as Kind};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, set_parent_process_death_signal, setsid};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// What the machine is called inside.
const HOST_NAME: &[u8] = b"punix";

/// Is the inner process, to its end, which is the end of all processes inside.
pub(super) fn enter() -> ExitCode {
    answer::send(&live());
    ExitCode::SUCCESS
}

fn live() -> Result<Ending, Fault> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(fault(Action::FollowCaller))?;
    setsid().map_err(fault(Action::LeaveSession))?;
    let order = receive().map_err(fault(Action::Receive))?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    mounts::detach()?;
    limit::before_mounting(&order);
    mounts::build(&order.steps)?;
    if order.network == Network::None {
        raise_loopback().map_err(fault(Action::RaiseLoopback))?;
    }
    rustix::system::sethostname(HOST_NAME).map_err(fault(Action::NameHost))?;
    mounts::enter()?;
    std::env::set_current_dir(&order.directory).map_err(fault_at(Action::EnterDirectory, &order.directory))?;
    // Keys of the caller's session are nobody else's. Where there are no keyrings, there is nothing to be kept from.
    let _ = keyutils::Keyring::join_anonymous_session();
    limit::drop_privileges().map_err(fault(Action::DropPrivileges))?;
    limit::set(&order).map_err(fault(Action::Limit))?;
    if is_hung_up().map_err(fault(Action::Receive))? {
        return Err(fault(Action::Receive)(io::Error::from(ErrorKind::BrokenPipe)));
    }
    match start(&order)? {
        Some(command) => wait_for(command, &order).map_err(fault(Action::Wait)),
        None => Ok(Ending::Success),
    }
}

fn receive() -> io::Result<Order> {
    let mut head = [0; LENGTH_BYTES];
    read_exactly(&mut head)?;
    let mut body = vec![0; length(head)?];
    read_exactly(&mut body)?;
    Order::decode(&body)
}

/// Starts the interface that every network namespace has, by the one message that the kernel needs for it.
fn raise_loopback() -> io::Result<()> {
    const NEW_LINK: u16 = 16;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
    const LOOPBACK: u32 = 1;
    const UP: u32 = 1;
    let mut message = Vec::with_capacity(32);
    message.extend_from_slice(&32_u32.to_ne_bytes());
    message.extend_from_slice(&NEW_LINK.to_ne_bytes());
    message.extend_from_slice(&REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    // Number of the message, sender, then the family and the kind of the interface: any.
    message.extend_from_slice(&[0; 12]);
    message.extend_from_slice(&LOOPBACK.to_ne_bytes());
    message.extend_from_slice(&UP.to_ne_bytes());
    message.extend_from_slice(&UP.to_ne_bytes());
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    rustix::net::send(&socket, &message, rustix::net::SendFlags::empty())?;
    let mut reply = [0_u8; 64];
    let (length, _) = rustix::net::recv(&socket, &mut reply[..], rustix::net::RecvFlags::empty())?;
    // An error message: after its head of 16 bytes, the number of the error, which is 0 for none.
    match reply[..length].get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(ErrorKind::InvalidData.into()),
    }
}

/// Starts the command, if there is one.
fn start(order: &Order) -> Result<Option<Pid>, Fault> {
    let Some((program, arguments)) = order.argv.split_first() else {
        return Ok(None);
    };
    let failed = || fault_at(Action::StartCommand, Path::new(program));
    let printed = io::stdout().as_fd().try_clone_to_owned().map_err(failed())?;
    let errors = printed.try_clone().map_err(failed())?;
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(order.environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .stdout(printed)
        .stderr(errors)
        // A signal to the command's own group must not go to process 1's.
        .process_group(0)
        .spawn()
        .map_err(failed())?;
    Ok(Some(Pid::from_child(&child)))
}

/// Reaps until the command has ended, somebody wants an end, or it takes more than it may.
fn wait_for(command: Pid, order: &Order) -> io::Result<Ending> {
    // Only now: the command would inherit this. What ended before is reaped before the first wait.
    let mut ended = SigSet::empty();
    ended.add(Kind::SIGCHLD);
    ended.thread_block()?;
    let signals = SignalFd::with_flags(&ended, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let stdin = io::stdin();
    let mut watch = (!order.counted).then(|| watch::Watch::new(order.limits));
    loop {
        if let Some(ending) = reap(command)? {
            return Ok(ending);
        }
        let pause = match watch.as_mut().map(watch::Watch::look) {
            Some(watch::Look::Exceeded(ending)) => return Ok(ending),
            Some(watch::Look::Fine { pause }) => Some(pause),
            None => None,
        };
        let mut polled = [PollFd::new(&signals, PollFlags::IN), PollFd::new(&stdin, PollFlags::empty())];
        match poll(&mut polled, pause.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if polled[1].revents().contains(PollFlags::HUP) {
            // Nobody may be there to hear why.
            return Ok(Ending::Stopped);
        }
        while signals.read_signal()?.is_some() {}
    }
}

/// Takes notice of all that ended, which is also what a process 1 owes to orphans.
fn reap(command: Pid) -> io::Result<Option<Ending>> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((process, status))) if process == command => return Ok(Some(ending(status))),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Says how a process ended.
pub(super) fn ending(status: WaitStatus) -> Ending {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => Ending::Success,
        (Some(code), _) => Ending::Failed { code },
        (None, Some(signal)) => Ending::Killed { signal },
        (None, None) => Ending::Failed { code: -1 },
    }
}
