//! What can go wrong with a sandbox, and how users are told.

use super::answer::Action;
use super::plan::PlanError;
use punix_diag::{Code, Diagnostic};
use std::io;
use std::path::{Path, PathBuf};

/// Why a command was not run, or was lost. How a command that was run ended is no error.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("cannot {}{}: {error}", .action.words(), named(.path.as_deref()))]
    Setup { action: Action, path: Option<PathBuf>, error: io::Error },
    #[error("cannot start `{}`: {error}", .program.display())]
    Start { program: PathBuf, error: io::Error },
    /// The helper ended without an answer: it was killed from outside, it panicked, or it is no helper.
    #[error("the sandbox was lost before the command's end{}", quoted(.said))]
    Lost { said: String },
    #[error("some processes of the command cannot be killed")]
    Unkillable,
    #[error("cannot talk to the sandbox: {0}")]
    Io(#[from] io::Error),
}

impl From<SandboxError> for Diagnostic {
    fn from(error: SandboxError) -> Diagnostic {
        let start = Diagnostic::error(Code::E8, error.to_string());
        match error {
            SandboxError::Plan(_) | SandboxError::Io(_) | SandboxError::Start { .. } => start,
            SandboxError::Setup { action, error, .. } => match (action, error.kind()) {
                (Action::Show, io::ErrorKind::PermissionDenied) => start.help(
                    "let its owner, or everybody, read it and enter each directory above it: inside, nobody has the \
                     privileges of root",
                ),
                (Action::StartCommand, io::ErrorKind::NotFound) => {
                    start.help("give the path of a program that is seen inside; a script's interpreter must be, too")
                }
                _ => start,
            },
            SandboxError::Lost { .. } => start.help("look whether the machine was out of memory, and try again"),
            SandboxError::Unkillable => start.help("look at what they wait for; a disk or a network share may be gone"),
        }
    }
}

fn named(path: Option<&Path>) -> String {
    path.map(|path| format!(" `{}`", path.display())).unwrap_or_default()
}

fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": `{said}`") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use punix_diag::{Detail, Look, SourceMap, render};

    fn check(error: SandboxError, expected: Expect) {
        let look = Look { color: false, detail: Detail::Lines };
        expected.assert_eq(&render(&[error.into()], &SourceMap::default(), look));
    }

    #[test]
    fn steps_are_named_with_what_they_failed_at() {
        let setup = |action, path: Option<&str>, error: io::ErrorKind| SandboxError::Setup {
            action,
            path: path.map(PathBuf::from),
            error: error.into(),
        };
        check(
            setup(Action::Show, Some("/home/me/x"), io::ErrorKind::PermissionDenied),
            expect![[r#"
            error: [E8] cannot show `/home/me/x`: permission denied
            help: let its owner, or everybody, read it and enter each directory above it: inside, nobody has the privileges of root
        "#]],
        );
        check(
            setup(Action::StartCommand, Some("/bin/x"), io::ErrorKind::NotFound),
            expect![[r#"
            error: [E8] cannot start `/bin/x`: entity not found
            help: give the path of a program that is seen inside; a script's interpreter must be, too
        "#]],
        );
        check(
            setup(Action::MakeNamespaces, None, io::ErrorKind::PermissionDenied),
            expect![[r#"
            error: [E8] cannot make namespaces: permission denied
        "#]],
        );
    }

    #[test]
    fn a_sandbox_that_was_lost() {
        check(
            SandboxError::Lost { said: String::new() },
            expect![[r#"
            error: [E8] the sandbox was lost before the command's end
            help: look whether the machine was out of memory, and try again
        "#]],
        );
        check(
            SandboxError::Lost { said: "thread panicked".into() },
            expect![[r#"
            error: [E8] the sandbox was lost before the command's end: `thread panicked`
            help: look whether the machine was out of memory, and try again
        "#]],
        );
        check(
            SandboxError::Unkillable,
            expect![[r#"
            error: [E8] some processes of the command cannot be killed
            help: look at what they wait for; a disk or a network share may be gone
        "#]],
        );
    }
}
