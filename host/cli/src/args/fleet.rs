//! The command line of `punix fleet`. A fleet is many deploys, so most of what is said here is said of each of its hosts.

mod choosing;
mod reaching;

use super::service::Making;
use super::service::reach::Activating;
pub(crate) use choosing::{Choosing, FleetFile, Generations, To, Waves};
use clap::{Args, Subcommand};
pub(crate) use reaching::{FleetBuilding, FleetReach, FleetTelling};
use std::path::PathBuf;

/// Deploy stacks to many hosts, and go back on all of them
///
/// A fleet is a module `Fleet` whose `hosts` name a file, a stack and a target each. Every host is deployed and rolled back
/// by itself, as by `punix service`; one that fails keeps nobody else from going on.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Fleet {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Apply(Box<Apply>),
    Rollback(Box<Rollback>),
    Plan(Box<Plan>),
    Status(Box<Status>),
    Verify(Box<Verify>),
    SetCurrent(Box<SetCurrent>),
}

impl Verb {
    /// Returns what is said while it works.
    pub(crate) fn telling(&self) -> &FleetTelling {
        match self {
            Verb::Apply(args) => &args.telling,
            Verb::Rollback(args) => &args.telling,
            Verb::Plan(args) => &args.telling,
            Verb::Status(args) => &args.asked.telling,
            Verb::Verify(args) => &args.asked.telling,
            Verb::SetCurrent(args) => &args.telling,
        }
    }
}

/// Deploy every host of a fleet
///
/// A host whose artifacts others need goes before them; all else goes at the same time, and is told of in one order. Prints a
/// line for each host and a summary, and exits 0 only if every host was deployed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix fleet apply fleet.pcl --dry-run --transport-root ./scratch\n  \
                        punix fleet apply fleet.pcl --key ~/.ssh/deploy --activate --enable\n  \
                        punix fleet apply fleet.pcl --canary 1 --wave 25 --max-failures 1")]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) file: FleetFile,

    #[command(flatten)]
    pub(crate) choosing: Choosing,

    #[command(flatten)]
    pub(crate) making: Making,

    // As an attribute: in a comment it would be a tag of HTML.
    #[arg(
        long,
        help = "Build, push and start nothing: write below --transport-root only, and show the plan for other machines"
    )]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) activating: Activating,

    /// Take a host back whose units do not start or whose health gates do not pass; with --stage-first, all of them
    #[arg(long)]
    pub(crate) rollback_on_failure: bool,

    #[command(flatten)]
    pub(crate) waves: Waves,

    #[command(flatten)]
    pub(crate) reach: FleetReach,

    #[command(flatten)]
    pub(crate) building: FleetBuilding,

    #[command(flatten)]
    pub(crate) telling: FleetTelling,
}

/// Show what a deploy of the fleet would change, and change nothing
///
/// Every host is asked what is there; files are compared line by line, but for those with secrets.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix fleet plan fleet.pcl --only web")]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) file: FleetFile,

    #[command(flatten)]
    pub(crate) choosing: Choosing,

    #[command(flatten)]
    pub(crate) making: Making,

    #[command(flatten)]
    pub(crate) activating: Activating,

    /// Hosts that are looked at at the same time; without it 16
    #[arg(long, short, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) jobs: Option<u16>,

    #[command(flatten)]
    pub(crate) reach: FleetReach,

    #[command(flatten)]
    pub(crate) building: FleetBuilding,

    #[command(flatten)]
    pub(crate) telling: FleetTelling,
}

/// Go back on every host to the generation that was live before
///
/// Hosts go back in the reverse order of the file, one at a time unless `--jobs` says otherwise. Only what is on the hosts is
/// needed; of the programs, the fleet file alone is read.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix fleet rollback fleet.pcl --key ~/.ssh/deploy")]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) file: FleetFile,

    #[command(flatten)]
    pub(crate) choosing: Choosing,

    /// Stop at the first host that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Hosts that are worked on at the same time; without it one
    #[arg(long, short, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) jobs: Option<u16>,

    /// Make files with secrets anew, from the values that the secrets have now
    #[arg(long)]
    pub(crate) resolve_secrets: bool,

    #[command(flatten)]
    pub(crate) reach: FleetReach,

    #[command(flatten)]
    pub(crate) store: super::store::Root,

    #[command(flatten)]
    pub(crate) telling: FleetTelling,
}

/// Go to a generation that is kept, back or forward, on several hosts
///
/// `STACK=NUMBER` names a generation of one stack and leaves out hosts that are not named; `--to` means the same number on
/// every host. Hosts go in the reverse order of the file.
#[derive(Debug, Args)]
#[command(
    override_usage = "punix fleet set-current [OPTIONS] <FILE> <STACK=NUMBER>...",
    after_help = "Examples:\n  punix fleet set-current fleet.pcl Web=3 Db=7\n  punix fleet set-current fleet.pcl --to 3"
)]
pub(crate) struct SetCurrent {
    #[command(flatten)]
    pub(crate) file: FleetFile,

    #[command(flatten)]
    pub(crate) to: To,

    #[command(flatten)]
    pub(crate) choosing: Choosing,

    /// Stop at the first host that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Hosts that are worked on at the same time; without it one
    #[arg(long, short, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) jobs: Option<u16>,

    /// Make files with secrets anew, from the values that the secrets have now
    #[arg(long)]
    pub(crate) resolve_secrets: bool,

    #[command(flatten)]
    pub(crate) activating: Activating,

    #[command(flatten)]
    pub(crate) reach: FleetReach,

    #[command(flatten)]
    pub(crate) store: super::store::Root,

    #[command(flatten)]
    pub(crate) telling: FleetTelling,
}

/// Which hosts are asked how they are.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    #[command(flatten)]
    pub(crate) file: FleetFile,

    #[command(flatten)]
    pub(crate) choosing: Choosing,

    /// Hosts that are asked at the same time; without it 16
    #[arg(long, short, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) jobs: Option<u16>,

    /// The `systemctl` that is asked; below another root it is asked only if it is named
    #[arg(long, value_name = "PATH")]
    pub(crate) systemctl: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) reach: FleetReach,

    #[command(flatten)]
    pub(crate) telling: FleetTelling,
}

/// Say how every host is: its generation, since when, what was changed by hand, which units failed
///
/// Exits 1 if something is not as it was deployed, or a host cannot be asked.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix fleet status fleet.pcl")]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) asked: Asked,
}

/// Compare what is on every host with what was deployed there
///
/// Reads every managed file and every pinned package of the live generations, and exits 1 if anything differs or a host
/// cannot be asked.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix fleet verify fleet.pcl")]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) asked: Asked,
}
