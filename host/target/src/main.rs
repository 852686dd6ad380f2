//! The engine as a program of its own: `punix-target serve` does what comes in on its input, until that closes;
//! `punix-target recover-all` mends this machine; `punix-target digest` says its own SHA-256, where nothing else can. It reads
//! no configuration, and says nothing else.

use punix_store::Digest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = punix_target::enter_guard_if_asked() {
        return code;
    }
    punix_target::leave_no_dump();
    punix_target::arm_drill_if_asked();
    let mut words = std::env::args_os().skip(1);
    let (verb, more) = (words.next(), words.next());
    match verb.as_deref().and_then(OsStr::to_str) {
        Some("serve") if more.is_none() => {}
        Some("digest") if more.is_none() => return digest(),
        Some("recover-all") if more.is_none() => return punix_target::recover_all(&[]),
        Some(_) | None => return ExitCode::from(USAGE),
    }
    punix_target::stay_in_memory();
    // Not buffered: secrets come in here, and a buffer would keep them.
    let Ok(input) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    match punix_target::serve(&mut Patient(File::from(input)), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Says what it is, for whoever received it.
fn digest() -> ExitCode {
    let bytes = std::fs::read("/proc/self/exe").or_else(|_| std::fs::read(std::env::current_exe()?));
    match bytes.and_then(|bytes| writeln!(io::stdout(), "{}", Digest::of(&bytes))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The exit code of whoever was asked for something else.
const USAGE: u8 = 2;

/// The input. It is not waited for without end: whoever went away and could not close it may have locks here. Mostly sshd notices
/// that first, after some two hours.
struct Patient(File);

/// Longer than a build takes: nothing is asked meanwhile.
const IDLE_SECONDS_MAX: i64 = 24 * 3_600;

impl Read for Patient {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let pause = Timespec { tv_sec: IDLE_SECONDS_MAX, tv_nsec: 0 };
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&pause))? {
            0 => Err(io::Error::new(ErrorKind::TimedOut, "nothing was asked for")),
            _ => self.0.read(bytes),
        }
    }
}
