//! The program that builds on other machines: `punix-build serve` does what comes in on its input, until that closes;
//! `punix-build digest` says its own SHA-256, where nothing else can. It sets up sandboxes by starting itself again. It reads
//! no configuration, and says nothing else.

use punix_store::Digest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

/// The exit code of whoever was asked for something else.
const USAGE: u8 = 2;
const IDLE_SECONDS_MAX: i64 = 86_400;

fn main() -> ExitCode {
    if let Some(code) = punix_build::sandbox::enter_if_asked() {
        return code;
    }
    let mut words = std::env::args_os().skip(1);
    let (verb, more) = (words.next(), words.next());
    match verb.as_deref().and_then(OsStr::to_str) {
        Some("serve") if more.is_none() => {}
        Some("digest") if more.is_none() => return digest(),
        Some(_) | None => return ExitCode::from(USAGE),
    }
    let Ok(input) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    match punix_build::pipe::serve(Patient(File::from(input)), &mut io::stdout(), Path::new("/proc/self/exe")) {
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

/// The input. It is not waited for without end: whoever went away and could not close it has a lock here.
struct Patient(File);

impl Read for Patient {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let pause = Timespec { tv_sec: IDLE_SECONDS_MAX, tv_nsec: 0 };
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&pause))? {
            0 => Err(io::Error::new(ErrorKind::TimedOut, "nothing was asked for")),
            _ => self.0.read(bytes),
        }
    }
}
