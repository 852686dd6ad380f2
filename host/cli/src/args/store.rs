//! The command line of `punix store`.

use super::build::Building;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Tend the store: what is in it, whether it is sound, what keeps it
///
/// The store is `--store-root`, else $PUNIX_STORE_DIR, else ~/.punix/store.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Path(StorePath),
    Info(Info),
    List(List),
    Verify(Verify),
    Repair(Repair),
    Gc(Gc),
    WhyAlive(WhyAlive),
}

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct Root {
    /// The store; $PUNIX_STORE_DIR, else ~/.punix/store
    #[arg(long, value_name = "DIR")]
    pub(crate) store_root: Option<PathBuf>,
}

/// Where to look for what keeps entries.
#[derive(Debug, Args)]
pub(crate) struct Keepers {
    /// Another deployments root whose generations keep what they need; may be given several times
    ///
    /// Beside these are read $PUNIX_DEPLOYMENTS_DIR, else ~/.punix/deployments, and whatever is registered in the store.
    #[arg(long, value_name = "DIR")]
    pub(crate) deployments_root: Vec<PathBuf>,

    /// Another directory with profiles that keep what they need, beside ~/.punix
    #[arg(long, value_name = "DIR")]
    pub(crate) profile_root: Option<PathBuf>,
}

/// Print the path that a package has, or will have once it is built
///
/// Nothing is built or written; of the disk only the program and local sources are read.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix store path web.pcl Caddy")]
pub(crate) struct StorePath {
    #[command(flatten)]
    pub(crate) root: Root,

    /// A PCL file, or a directory whose `*.pcl` files form one program
    pub(crate) path: PathBuf,

    /// The package: the name of its module
    pub(crate) module: String,

    /// Evaluate under this scenario
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
}

/// Make damaged artifacts anew
///
/// Reads artifacts whole as `verify` does, and builds those that are damaged once more, in place. What an artifact was built
/// from stands in it; if its source is local, or its record is damaged too, its program is needed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix store repair\n  punix store repair --from web.pcl ./result")]
pub(crate) struct Repair {
    /// Repair these artifacts only: names, or paths that lead to them
    #[arg(value_name = "NAME_OR_PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// The program that they are built from
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,

    /// Evaluate it under this scenario
    #[arg(long, value_name = "NAME", requires = "from")]
    pub(crate) scenario: Option<String>,

    #[command(flatten)]
    pub(crate) building: Building,
}

/// Say where the store is and how much it holds
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix store info")]
pub(crate) struct Info {
    #[command(flatten)]
    pub(crate) root: Root,
}

/// List the artifacts: package, version, size and name
///
/// Those that show damage at once are marked; `store verify` reads them whole.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix store list")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) root: Root,
}

/// Read artifacts whole and compare them with what was built
///
/// Names everything that was changed, is missing or was added, and exits 1 if there is any.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix store verify\n  punix store verify --path ./result")]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) root: Root,

    /// Verify this artifact only: its name, or a path that leads to it; may be given several times
    #[arg(long, value_name = "NAME_OR_PATH")]
    pub(crate) path: Vec<PathBuf>,
}

/// Remove what no generation, no profile and no registered link needs
///
/// What a build is using is never touched: this waits until no build runs. If anything that keeps artifacts cannot be
/// read, nothing is removed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix store gc --dry-run\n  punix store gc --deployments-root /srv/deployments")]
pub(crate) struct Gc {
    #[command(flatten)]
    pub(crate) root: Root,

    /// Remove nothing; say what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) keepers: Keepers,

    /// Drop the registration of what was at this path, such as a deployments root that is gone for good; may be given
    /// several times
    #[arg(long, value_name = "PATH")]
    pub(crate) forget: Vec<PathBuf>,

    /// How long to wait for those who use the store
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) wait: u64,
}

/// Say what keeps an artifact from being removed
///
/// Prints the way from a root to it, or that nothing keeps it, and exits 1 then.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix store why-alive ./result")]
pub(crate) struct WhyAlive {
    #[command(flatten)]
    pub(crate) root: Root,

    #[command(flatten)]
    pub(crate) keepers: Keepers,

    /// The artifact: its name, or a path that leads to it
    #[arg(value_name = "NAME_OR_PATH")]
    pub(crate) path: PathBuf,
}
