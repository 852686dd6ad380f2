//! Which target, what is said while it is worked on, and what is done with units.

use clap::Args;
use std::path::PathBuf;

/// Which target, and which deployments on it.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// Where generations are recorded on the target; $PUNIX_DEPLOYMENTS_DIR, else ~/.punix/deployments
    #[arg(long, value_name = "DIR")]
    pub(crate) deployments_root: Option<PathBuf>,

    /// Take this directory for the target's `/`; nothing outside of it is written, and no unit is touched
    #[arg(long, value_name = "DIR")]
    pub(crate) transport_root: Option<PathBuf>,

    // As an attribute: in a comment it would be a link.
    #[arg(long, value_name = "URL", help = "Another machine: ssh://user@host[:port]")]
    pub(crate) target: Option<String>,

    #[command(flatten)]
    pub(crate) way: Way,

    /// How long to wait for whoever works on the same deployments
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) wait: u64,
}

/// How a target is reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct Way {
    /// The private key for `--target`
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// The only file with known hosts that is used for `--target`
    #[arg(long, value_name = "FILE")]
    pub(crate) known_hosts: Option<PathBuf>,

    /// The `punix-target` that does the work there, instead of the one that is part of punix
    #[arg(long, value_name = "PATH")]
    pub(crate) target_bin: Option<PathBuf>,

    /// Become root on another machine by this, without a password
    #[arg(long = "become", value_name = "HOW", value_enum)]
    pub(crate) becomes: Option<Become>,
}

/// Where packages are built.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct BuildingPlace {
    /// Build packages on the target, for its kind of machine; their sources are fetched here and brought there
    #[arg(long, requires = "target")]
    pub(crate) build_on_target: bool,
}

/// How somebody becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Become {
    /// `sudo`, which must not ask
    Sudo,
}

/// Where units are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Units {
    /// Where units are written, if not where systemd looks by itself; `~/…` begins at your home
    #[arg(long, value_name = "DIR")]
    pub(crate) unit_dir: Option<String>,
}

/// What is done with units. Without any of it they are left alone.
#[derive(Debug, Args)]
pub(crate) struct Activating {
    /// Restart or reload exactly what changed, start what is new, stop what is gone
    #[arg(long)]
    pub(crate) activate: bool,

    /// Have the units started at boot
    #[arg(long)]
    pub(crate) enable: bool,

    /// With --activate: restart more than what changed
    #[arg(long, value_name = "WHICH", value_enum, requires = "activate")]
    pub(crate) restart: Option<Restart>,

    /// The `systemctl` that is used; below another root units are touched only if it is named
    #[arg(long, value_name = "PATH")]
    pub(crate) systemctl: Option<PathBuf>,
}

/// Which units are restarted, whether or not they changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Restart {
    /// Every unit of the stack
    All,
}

/// What is said while something is done.
#[derive(Debug, Args)]
pub(crate) struct Telling {
    /// Print what happens as JSON, one object a line
    #[arg(long)]
    pub(crate) events: bool,
}
