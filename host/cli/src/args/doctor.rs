//! The command line of `punix doctor`.

use crate::args::service::reach::Way;
use crate::args::store::Root;
use clap::Args;
use std::path::PathBuf;

/// Find out what this machine or another one lacks, and what to do about it
///
/// Nothing is changed, apart from the program that another machine gets once. Exits with 1 if something is missing without
/// which nothing is built or deployed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix doctor\n  \
                        punix doctor --target ssh://deploy@web1.example.org --become sudo")]
pub(crate) struct Doctor {
    // As an attribute: in a comment it would be a link.
    #[arg(long, value_name = "URL", help = "Look at another machine, too: ssh://user@host[:port]")]
    pub(crate) target: Option<String>,

    #[command(flatten)]
    pub(crate) way: Way,

    #[command(flatten)]
    pub(crate) root: Root,

    /// Where generations are recorded on the target; $PUNIX_DEPLOYMENTS_DIR, else ~/.punix/deployments
    #[arg(long, value_name = "DIR")]
    pub(crate) deployments_root: Option<PathBuf>,
}
