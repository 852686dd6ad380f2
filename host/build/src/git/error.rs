//! Why a commit cannot be had, and how that is told.

use super::commit::{Commit, CommitError};
use super::url::GitUrlError;
use crate::limits::{GIT_ENTRIES_MAX, GIT_TREE_BYTES_MAX, SUBMODULE_DEPTH_MAX, SUBMODULES_MAX};
use punix_diag::{Code, Diagnostic};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// Why a commit cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("the program `git` is needed, but not in {places}")]
    NoGit { places: &'static str },
    #[error("cannot run `git`: {error}")]
    Program { error: io::Error },
    #[error("cannot {task}: `git` gave up")]
    Failed { task: String, complaint: String },
    #[error("cannot {task}: it took too long")]
    TimedOut { task: String },
    #[error("the checkout was stopped")]
    Stopped,
    #[error("there is no commit `{commit}` in `{url}`")]
    Missing { url: String, commit: Commit },
    #[error("a token is only sent over `https` or `http`, not to `{url}`")]
    Token { url: String },
    #[error("the commit cannot be written out: `{path}` {why}")]
    Tree { path: String, why: &'static str },
    #[error("the repository says nothing that can be understood: {why}")]
    Answer { why: &'static str },
    #[error("the commit has more than {GIT_ENTRIES_MAX} files or {GIT_TREE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the submodule `{path}` has no url")]
    SubmoduleWithoutUrl { path: String },
    #[error("the submodule `{path}` cannot be fetched: {error}")]
    Submodule { path: String, error: GitUrlError },
    #[error("there are more than {SUBMODULES_MAX} submodules, or {SUBMODULE_DEPTH_MAX} inside each other")]
    TooManySubmodules,
    #[error("`{}` is not empty", .path.display())]
    NotEmpty { path: PathBuf },
    #[error("cannot use `{}`: {error}", .path.display())]
    Disk { path: PathBuf, error: io::Error },
}

impl From<CommitError> for Diagnostic {
    fn from(error: CommitError) -> Diagnostic {
        let help = "give the full id, of 40 or 64 hexadecimal digits; `git rev-parse` shows it";
        Diagnostic::error(Code::E1, error.to_string()).help(help)
    }
}

impl From<GitUrlError> for Diagnostic {
    fn from(error: GitUrlError) -> Diagnostic {
        Diagnostic::error(Code::E1, error.to_string())
    }
}

impl From<GitError> for Diagnostic {
    fn from(error: GitError) -> Diagnostic {
        let message = error.to_string();
        let unavailable = |message| Diagnostic::error(Code::E9, message);
        match error {
            GitError::NoGit { .. } => unavailable(message).help("install the package `git` of your system"),
            GitError::Failed { complaint, .. } => complaint
                .lines()
                .fold(unavailable(message), |diagnostic, line| diagnostic.note(line))
                .help("check the url, the network, and whether a `token` is needed"),
            GitError::TimedOut { .. } => unavailable(message).help("check the network and try again"),
            GitError::Missing { .. } => {
                unavailable(message).help("check that the commit was pushed, and that it is on a branch or a tag")
            }
            GitError::Token { .. } => {
                Diagnostic::error(Code::E1, message).help("name the `https` url, or leave out `token`")
            }
            GitError::TooLarge | GitError::TooManySubmodules => Diagnostic::error(Code::E20, message),
            GitError::Stopped
            | GitError::Program { .. }
            | GitError::Tree { .. }
            | GitError::Answer { .. }
            | GitError::SubmoduleWithoutUrl { .. }
            | GitError::Submodule { .. } => unavailable(message),
            GitError::NotEmpty { .. } => Diagnostic::error(Code::E23, message),
            GitError::Disk { error, .. } => {
                let diagnostic = Diagnostic::error(Code::E23, message);
                match error.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded => diagnostic.help("make room on the disk"),
                    _ => diagnostic,
                }
            }
        }
    }
}
