//! What stacks are made with, be it one or those of a fleet.

use super::Secrets;
use super::reach::Units;
use clap::Args;
use std::path::PathBuf;

/// What a stack is made with.
#[derive(Debug, Clone, Args)]
pub(crate) struct Making {
    /// Deploy under this scenario
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,

    #[command(flatten)]
    pub(crate) units: Units,

    /// Take over files that nobody manages yet where a stack writes
    #[arg(long)]
    pub(crate) adopt: bool,

    /// Refuse where a managed file was changed by hand, instead of overwriting it with a warning
    #[arg(long)]
    pub(crate) refuse_drift: bool,

    /// Make a new generation even if nothing changed
    #[arg(long)]
    pub(crate) force_generation: bool,

    /// Generations that are kept; the live one and the one before it always are
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: u32,

    #[command(flatten)]
    pub(crate) secrets: Secrets,

    /// Where certificates lie for `tls` and `fromCert`: DIR/DOMAIN/fullchain.pem and privkey.pem
    #[arg(long, value_name = "DIR")]
    pub(crate) tls_certs: Option<PathBuf>,

    /// A file with pinned recipes; only one that pins none is taken: plugins are chosen with `punix plugin add`
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe_pins: Option<PathBuf>,
}
