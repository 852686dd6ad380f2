//! Verbs about what is deployed that change no file: what its services say, and what was done to a target.

use super::reach::{Reach, Telling};
use super::words::StackAndService;
use clap::Args;
use std::path::PathBuf;

/// Show what was done to a target: when, by whom, from where, and what came of it
///
/// Each line holds the digest of the line before it. `verify` says whether lines were changed, put in or taken out, and
/// whether the last one about each stack is of what is live; then it exits 1.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix service audit\n  punix service audit verify")]
pub(crate) struct Audit {
    /// Check the lines instead
    #[arg(value_name = "WHAT", value_enum)]
    pub(crate) what: Option<Auditing>,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// What is done with the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Auditing {
    /// Check that they are as they were written
    Verify,
}

/// Show what the services of a stack say
///
/// The last lines of each unit; with `--follow`, what comes after them too, until it is stopped.
#[derive(Debug, Args)]
#[command(
    override_usage = "punix service logs [OPTIONS] <STACK> [SERVICE]",
    after_help = "Example:\n  punix service logs Web api --follow"
)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) words: StackAndService,

    /// Go on with what is said from now on
    #[arg(long, short)]
    pub(crate) follow: bool,

    /// The `systemctl` that is asked; below another root nothing is asked without it
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) systemctl: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Restart the services of a stack, as they are deployed
///
/// Nothing else is changed.
#[derive(Debug, Args)]
#[command(
    override_usage = "punix service restart [OPTIONS] <STACK> [SERVICE]",
    after_help = "Example:\n  punix service restart Web api"
)]
pub(crate) struct Restart {
    #[command(flatten)]
    pub(crate) words: StackAndService,

    /// The `systemctl` that is used; below another root units are touched only if it is named
    #[arg(long, value_name = "PATH")]
    pub(crate) systemctl: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}
