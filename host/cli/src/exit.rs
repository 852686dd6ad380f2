//! How the process ends. The numbers are a contract; they stand in `docs/reference/exit-codes.md`.

use crate::ui::hidden::without_now;
use punix_diag::{Code, Diagnostic};
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
    /// A disk, a lock or somebody else's program failed; we are not at fault, and nor is the input.
    World,
    /// What was deployed did not work, and what was there before is back.
    RolledBack,
    /// A signal stopped it.
    Interrupted,
    /// The reader of our output went away.
    Unheard,
    /// We are at fault.
    Bug,
}

impl Exit {
    /// Returns how a command ends that has this to say.
    pub(crate) fn of(diagnostics: &[Diagnostic]) -> Exit {
        let mut errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).peekable();
        if errors.peek().is_none() {
            return Exit::Done;
        }
        match errors.all(|error| error.code == Some(Code::E23)) {
            true => Exit::World,
            false => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Done => ExitCode::SUCCESS,
            Exit::Failed => ExitCode::from(1),
            Exit::Usage => ExitCode::from(2),
            Exit::World => ExitCode::from(3),
            Exit::RolledBack => ExitCode::from(4),
            Exit::Interrupted => ExitCode::from(130), // as if SIGINT had ended us
            Exit::Unheard => ExitCode::from(141),     // as if SIGPIPE had ended us
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
        // What was to be done may have been about a secret.
        let (panic, version) = (panic.to_string(), env!("CARGO_PKG_VERSION"));
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: this is a bug in punix {version}: {}", without_now(&panic));
        let _ = writeln!(stderr, "help: please report it, with what you ran and the input");
    }));
}
