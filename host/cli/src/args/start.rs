//! How somebody begins: `punix demo` and `punix init`.

use clap::Args;
use std::path::PathBuf;

/// Show in some seconds what punix does: build, deploy, change, compare, roll back
///
/// All of it happens below a new directory: no root, no network, nothing else is touched. Every command is shown as you would
/// type it, with what it says.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix demo\n  punix demo --keep look-around")]
pub(crate) struct Demo {
    /// Use this directory, which has to be new or empty, and leave it as it is in the end
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// Begin a project: a small program with comments that checks, plans and deploys as it is
///
/// Nothing that is there is overwritten.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix init shop\n  punix init --fleet farm")]
pub(crate) struct Init {
    /// Where; it is made if it is not there
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,

    /// One stack on two hosts, each with values of its own
    #[arg(long)]
    pub(crate) fleet: bool,
}
