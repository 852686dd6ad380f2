//! The program that sets up sandboxes for the tests of this crate. It must never do anything else; the real one is
//! `punix` itself.

use std::process::ExitCode;

/// Says that this program was started by somebody who is not a sandbox.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match punix_build::sandbox::enter_if_asked() {
        Some(code) => code,
        None => ExitCode::from(USAGE),
    }
}
