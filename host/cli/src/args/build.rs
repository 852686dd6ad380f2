//! The arguments of verbs that build.

use super::service::Secrets;
use super::store::Root;
use clap::Args;
use std::path::PathBuf;

/// Build the packages of a program into the store
///
/// Builds what is missing, several at a time, and prints one line for each wanted package: `ok`, its module and its
/// path. A package that fails takes with it only those that need it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix build web.pcl\n  punix build web.pcl --only Caddy --link result\n  \
                        punix build web.pcl --dry-run")]
pub(crate) struct Build {
    /// A PCL file, or a directory whose `*.pcl` files form one program
    pub(crate) path: PathBuf,

    /// Build these packages and what they need: names of modules, with commas between
    #[arg(long, value_name = "MODULES", value_delimiter = ',', num_args = 1)]
    pub(crate) only: Vec<String>,

    /// Build under this scenario
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,

    /// Print the paths and build nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Make a link to the one package that is built; while it is there, the package is not collected
    #[arg(long, value_name = "PATH")]
    pub(crate) link: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) secrets: Secrets,

    #[command(flatten)]
    pub(crate) building: Building,
}

/// How things are built.
#[derive(Debug, Args)]
pub(crate) struct Building {
    #[command(flatten)]
    pub(crate) root: Root,

    /// Where downloads are kept; $PUNIX_CACHE_DIR, else ~/.punix/cache
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Builds at the same time; without it one for each processor
    #[arg(long, short, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) jobs: Option<u16>,

    /// Processors that each build is told to use; without it they are shared out among the jobs
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=4_096))]
    pub(crate) cores: Option<u16>,

    /// Time that one build may take
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    /// Build without a sandbox: builds can then read your files, use the network and leave traces
    #[arg(long)]
    pub(crate) no_sandbox: bool,

    /// Keep what a failed build worked in, and say where
    #[arg(long)]
    pub(crate) keep_failed: bool,

    /// Print what happens as JSON, one object a line
    #[arg(long)]
    pub(crate) events: bool,
}
