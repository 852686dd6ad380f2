//! Errors of building as diagnostics. Where the package is written that they are about, the caller knows.

use crate::build::BuildError;
#[cfg(feature = "fetch")]
use crate::fetch::FetchError;
#[cfg(feature = "fetch")]
use crate::git::GitError;
use crate::recipe::{self, Problem, ScriptError};
use crate::relocate::RelocateError;
use crate::sandbox::Ending;
use crate::source::{self, CopyError, PrepareError};
#[cfg(feature = "fetch")]
use crate::unpack::UnpackError;
use punix_diag::{Code, Diagnostic};
use punix_store::TreeError;
use std::io;

/// Which part of a package an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Source,
    Arguments,
    /// Not the package, but the store or this machine.
    Machine,
}

impl BuildError {
    /// Returns which part of the package it is about.
    pub fn part(&self) -> Part {
        match self {
            BuildError::Source(PrepareError::Work { .. }) => Part::Machine,
            BuildError::Source(_) | BuildError::FixedOutput { .. } => Part::Source,
            BuildError::Script(_)
            | BuildError::Ended { .. }
            | BuildError::Relocate(_)
            | BuildError::Add(_)
            | BuildError::Tree(_) => Part::Arguments,
            BuildError::Sandbox(_) | BuildError::Work { .. } | BuildError::Lock(_) => Part::Machine,
            BuildError::Told(told) => told.part(),
        }
    }

    /// Tells whether somebody stopped it, which is nobody's fault.
    pub fn is_stop(&self) -> bool {
        match self {
            BuildError::Ended { ending: Ending::Stopped, .. } => true,
            BuildError::Told(told) => told.is_stop(),
            #[cfg(feature = "fetch")]
            BuildError::Source(
                PrepareError::Fetch(FetchError::Stopped)
                | PrepareError::Git(GitError::Stopped)
                | PrepareError::Unpack { error: UnpackError::Stopped, .. },
            ) => true,
            _ => false,
        }
    }
}

impl From<BuildError> for Diagnostic {
    fn from(error: BuildError) -> Diagnostic {
        let message = error.to_string();
        match error {
            BuildError::Source(error) => error.into(),
            BuildError::Script(error) => error.into(),
            BuildError::Sandbox(error) => error.into(),
            BuildError::Ended { ending, log, last, kept, .. } => {
                let mut diagnostic = Diagnostic::error(Code::E8, message);
                if !last.is_empty() {
                    diagnostic = diagnostic.note("its log ends with these lines");
                }
                for line in last {
                    diagnostic = diagnostic.note(format!("| {line}"));
                }
                diagnostic = diagnostic.note(format!("the whole log: {}", log.display()));
                if let Some(kept) = kept {
                    diagnostic = diagnostic.note(format!("what it worked in is kept: {}", kept.display()));
                }
                match ending {
                    Ending::TimedOut => diagnostic.help("give it more time with `--timeout SECONDS`"),
                    Ending::Success
                    | Ending::Failed { .. }
                    | Ending::Killed { .. }
                    | Ending::Stopped
                    | Ending::OutOfMemory
                    | Ending::TooManyProcesses
                    | Ending::PrintedTooMuch => diagnostic,
                }
            }
            BuildError::FixedOutput { .. } => Diagnostic::error(Code::E13, message)
                .help("find out why it differs; if the new one is wanted, write its hash"),
            BuildError::Relocate(RelocateError::Binary { .. }) => Diagnostic::error(Code::E8, message)
                .help("build it in the sandbox, where it is built at its final path: leave out `--no-sandbox`"),
            BuildError::Relocate(RelocateError::Io { error, .. }) => world(message, &error),
            BuildError::Add(error) => error.into(),
            BuildError::Tree(TreeError::Disk(error)) => world(message, &error),
            BuildError::Tree(_) => Diagnostic::error(Code::E8, message),
            BuildError::Work { error, .. } => world(message, &error),
            BuildError::Lock(error) => error.into(),
            BuildError::Told(told) => (*told).into(),
        }
    }
}

impl From<PrepareError> for Diagnostic {
    fn from(error: PrepareError) -> Diagnostic {
        let message = error.to_string();
        match error {
            PrepareError::Copy(CopyError::Write { error, .. }) | PrepareError::Work { error, .. } => {
                world(message, &error)
            }
            PrepareError::Copy(_) | PrepareError::Tree(_) => Diagnostic::error(Code::E9, message),
            PrepareError::Changed { .. } => {
                Diagnostic::error(Code::E9, message).help("let nothing write there, and build again")
            }
            PrepareError::Unknown => {
                Diagnostic::error(Code::E9, message).help("name the program that it is built from: `--from FILE`")
            }
            #[cfg(feature = "fetch")]
            PrepareError::Fetch(error) => error.into(),
            PrepareError::Url(_) => Diagnostic::error(Code::E1, message),
            #[cfg(feature = "fetch")]
            PrepareError::Unpack { name, url, error } => {
                Diagnostic::from(error).note(format!("in `{name}`, from {url}"))
            }
            #[cfg(feature = "fetch")]
            PrepareError::Git(error) => error.into(),
            PrepareError::PatchTooLarge { .. } => Diagnostic::error(Code::E20, message),
            PrepareError::Secret { .. } => Diagnostic::error(Code::E11, message),
            PrepareError::NotBrought | PrepareError::NoSource { .. } => Diagnostic::error(Code::E9, message),
            PrepareError::Elsewhere => Diagnostic::error(Code::E17, message)
                .help("deploy from a machine of the target's kind, and leave out `--build-on-target`"),
        }
    }
}

impl From<recipe::Issue> for source::Issue {
    fn from(issue: recipe::Issue) -> source::Issue {
        let code = match &issue.problem {
            Problem::Unknown { .. }
            | Problem::NoDependency { .. }
            | Problem::Twice { .. }
            | Problem::NoSuchNumber { .. } => Code::E2,
            Problem::Missing => Code::E3,
            Problem::TooLong { .. } => Code::E20,
            Problem::Secret
            | Problem::Empty
            | Problem::Type { .. }
            | Problem::Artifact
            | Problem::Nul
            | Problem::Outside
            | Problem::VariableName
            | Problem::VariableReserved
            | Problem::Unquotable { .. } => Code::E1,
        };
        let (message, help) = (issue.to_string(), issue.help());
        source::Issue { path: issue.path, code, message, help }
    }
}

impl From<ScriptError> for Diagnostic {
    fn from(error: ScriptError) -> Diagnostic {
        let message = error.to_string();
        match error {
            ScriptError::Arguments { issues } => {
                let issues: Vec<source::Issue> = issues.into_iter().map(source::Issue::from).collect();
                let code = issues.first().map_or(Code::E8, |issue| issue.code);
                let mut start = Diagnostic::error(code, message);
                start.help = issues.iter().find_map(|issue| issue.help.clone());
                let mut messages: Vec<String> = issues.into_iter().map(|issue| issue.message).collect();
                // One text can have the same path in it many times.
                messages.dedup();
                messages.into_iter().fold(start, Diagnostic::note)
            }
            ScriptError::Colon { .. } => Diagnostic::error(Code::E8, message).help("use a store whose path has no `:`"),
            ScriptError::Path { .. } => Diagnostic::error(Code::E8, message).help("use a store whose path is UTF-8"),
            ScriptError::TooLong { .. } => Diagnostic::error(Code::E20, message),
        }
    }
}

fn world(message: String, error: &io::Error) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::E23, message);
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            diagnostic.help("`punix store gc` removes what nothing needs any more")
        }
        _ => diagnostic,
    }
}
