//! How hosts are reached, what is built for them, and what is said of it.

use crate::args::build::Building;
use crate::args::service::reach::{Become, Reach, Way};
use crate::args::store::Root;
use clap::Args;
use std::path::PathBuf;

/// How the hosts are reached.
#[derive(Debug, Args)]
pub(crate) struct FleetReach {
    /// Where generations are recorded on each host; $PUNIX_DEPLOYMENTS_DIR, else ~/.punix/deployments
    #[arg(long, value_name = "DIR")]
    pub(crate) deployments_root: Option<PathBuf>,

    /// Take a directory below this one for each host, named after its target; nobody is reached over ssh
    #[arg(long, value_name = "DIR")]
    pub(crate) transport_root: Option<PathBuf>,

    /// The private key for targets of ssh; without it your agent and what your configuration says
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// The only file with known hosts that is used for targets of ssh
    #[arg(long, value_name = "FILE")]
    pub(crate) known_hosts: Option<PathBuf>,

    /// The `punix-target` that does the work on each host, instead of the one that is part of punix
    #[arg(long, value_name = "PATH")]
    pub(crate) target_bin: Option<PathBuf>,

    /// Become root on each host by this, without a password
    #[arg(long = "become", value_name = "HOW", value_enum)]
    pub(crate) becomes: Option<Become>,

    /// How long to wait for whoever works on the same deployments
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) wait: u64,
}

impl FleetReach {
    /// Returns what `punix service` would be told of a host: of a machine, or of a directory.
    pub(crate) fn reach(&self, target: Option<&str>, directory: Option<PathBuf>) -> Reach {
        let way = match target {
            Some(_) => Way {
                key: self.key.clone(),
                known_hosts: self.known_hosts.clone(),
                target_bin: self.target_bin.clone(),
                becomes: self.becomes,
            },
            None => Way { key: None, known_hosts: None, target_bin: self.target_bin.clone(), becomes: None },
        };
        Reach {
            deployments_root: self.deployments_root.clone(),
            transport_root: directory,
            target: target.map(str::to_owned),
            way,
            wait: self.wait,
        }
    }

    /// Returns the option that has no meaning where nobody is reached over ssh.
    pub(crate) fn idle(&self) -> Option<&'static str> {
        let given = [
            ("--key", self.key.is_some()),
            ("--known-hosts", self.known_hosts.is_some()),
            ("--become", self.becomes.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }
}

/// How packages are built.
#[derive(Debug, Args)]
pub(crate) struct FleetBuilding {
    #[command(flatten)]
    pub(crate) root: Root,

    /// Where downloads are kept; $PUNIX_CACHE_DIR, else ~/.punix/cache
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Builds at the same time; without it one for each processor
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    build_jobs: Option<u16>,

    /// Processors that each build is told to use; without it they are shared out among the jobs
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=4_096))]
    cores: Option<u16>,

    /// Time that one build may take
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,

    /// Build without a sandbox: builds can then read your files, use the network and leave traces
    #[arg(long)]
    no_sandbox: bool,

    /// Keep what a failed build worked in, and say where
    #[arg(long)]
    keep_failed: bool,
}

impl FleetBuilding {
    /// Returns what `punix build` would be told.
    pub(crate) fn building(&self, events: bool) -> Building {
        Building {
            root: Root { store_root: self.root.store_root.clone() },
            cache_dir: self.cache_dir.clone(),
            jobs: self.build_jobs,
            cores: self.cores,
            timeout: self.timeout,
            no_sandbox: self.no_sandbox,
            keep_failed: self.keep_failed,
            events,
        }
    }
}

/// What is said while hosts are worked on.
#[derive(Debug, Args)]
pub(crate) struct FleetTelling {
    /// Write a file for each host into this directory, with all that was said of it
    #[arg(long, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,

    /// Show notes, help and source below each failure, also when stderr is no terminal
    #[arg(long)]
    pub(crate) explain: bool,

    /// Print what happens as JSON, one object a line
    #[arg(long)]
    pub(crate) events: bool,
}
