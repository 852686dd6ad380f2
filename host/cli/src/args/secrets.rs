//! The command line of `punix secrets`.

use super::service::Secrets as Sources;
use super::service::words::Stack;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Look at the secrets that a program refers to
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Secrets {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Check(Check),
}

/// Say which secrets of a stack, or of all hosts of a fleet, can be found, and where
///
/// Everything is looked up as a deploy does it. A fleet is called `Fleet`, as its module is. No value is shown or written; exits 1 if any is missing or cannot be read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix secrets check Web --file web.pcl\n  \
                        punix secrets check Web --file web.pcl --vault-address https://vault.internal:8200")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) stack: Stack,

    /// The program: a PCL file, or a directory whose `*.pcl` files form one
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,

    /// Look at it under this scenario
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,

    #[command(flatten)]
    pub(crate) secrets: Sources,
}
