//! How the process ends. The numbers are a contract; they stand in `docs/reference/exit-codes.md`.

use std::io::Write;
use std::process::ExitCode;

/// The outcome of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or unchanged.
    Done,
    /// Refused or failed, with an error that says where.
    Failed,
    /// The command line, or a file that it names, is at fault.
    Usage,
    /// The reader of our output went away.
    Unheard,
    /// We are at fault.
    Bug,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Done => ExitCode::SUCCESS,
            Exit::Failed => ExitCode::from(1),
            Exit::Usage => ExitCode::from(2),
            Exit::Unheard => ExitCode::from(141), // as if SIGPIPE had ended us
            Exit::Bug => ExitCode::from(70),
        }
    }
}

/// Ends a run whose arguments cannot be understood; help and version are no errors.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Makes a panic say that it is our fault and what to do.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: this is a bug in punix {}: {panic}", env!("CARGO_PKG_VERSION"));
        let _ = writeln!(stderr, "help: nothing was changed by this command; please report it with the input");
    }));
}
