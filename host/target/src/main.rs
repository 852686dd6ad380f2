//! The engine as a program of its own: `punix-target serve` does what comes in on its input, until that closes. It has no
//! other verb, reads no configuration, and says nothing but the protocol.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = punix_target::enter_guard_if_asked() {
        return code;
    }
    let mut words = std::env::args_os().skip(1);
    let (verb, more) = (words.next(), words.next());
    if verb.is_none_or(|verb| verb != "serve") || more.is_some() {
        return ExitCode::from(USAGE);
    }
    // Not buffered: secrets come in here, and a buffer would keep them.
    let Ok(input) = std::io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    match punix_target::serve(&mut File::from(input), &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The exit code of whoever was asked for something else.
const USAGE: u8 = 2;
