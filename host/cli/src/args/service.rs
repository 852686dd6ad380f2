//! The command line of `punix service`. What a stack or a target is called is read by the verbs; here stand words only.

mod handling;
mod making;
pub(crate) mod reach;
pub(crate) mod words;

use super::build::Building;
use clap::{Args, Subcommand};
pub(crate) use handling::{Audit, Auditing, Logs, Restart};
pub(crate) use making::Making;
use reach::{Activating, BuildingPlace, Reach, Telling, Units};
use std::path::PathBuf;
use words::{Stack, StackAndNumber, StackAndPath, StackAndTwo};

/// Deploy stacks as numbered generations, and go back to earlier ones
///
/// Without `--transport-root` or `--target` it is this machine that is changed. Each deploy that changes something makes one
/// more generation; a deploy that is killed or fails leaves what was there.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Service {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Deploy(Box<Deploy>),
    Plan(Box<Plan>),
    Apply(Apply),
    Rollback(Rollback),
    SetCurrent(SetCurrent),
    List(List),
    History(History),
    Status(Status),
    Diff(Diff),
    Why(Why),
    Verify(Verify),
    Repair(Repair),
    Trim(Trim),
    Remove(Remove),
    Logs(Logs),
    Restart(Restart),
    Audit(Audit),
}

/// Which stack of which program, and what it is made with.
#[derive(Debug, Args)]
pub(crate) struct Source {
    #[command(flatten)]
    pub(crate) stack: Stack,

    /// The program: a PCL file, or a directory whose `*.pcl` files form one
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) making: Making,
}

impl Source {
    /// Returns a stack whose program is found elsewhere.
    pub(crate) fn of(stack: &str, making: &Making) -> Source {
        Source { stack: Stack::named(stack), file: None, making: making.clone() }
    }
}

/// Where secrets come from that are in neither environment nor file.
#[derive(Debug, Clone, Args)]
pub(crate) struct Secrets {
    /// What `from_vault` finds: a JSON object from references to texts, readable by you alone
    #[arg(long, value_name = "FILE")]
    pub(crate) vault_secrets: Option<PathBuf>,

    /// Refuse a file of --vault-secrets that others can read, instead of warning
    #[arg(long)]
    pub(crate) strict: bool,

    // As an attribute: in a comment it would be a link.
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "vault_secrets",
        help = "The server of `from_vault`: https://host[:port]; else $VAULT_ADDR, else what punix.toml says"
    )]
    pub(crate) vault_address: Option<String>,

    /// Its namespace; else $VAULT_NAMESPACE, else what punix.toml says
    #[arg(long, value_name = "PATH")]
    pub(crate) vault_namespace: Option<String>,

    /// The only certificate authorities that it is believed by, in PEM; else $VAULT_CACERT, else what punix.toml says
    #[arg(long, value_name = "FILE")]
    pub(crate) vault_ca: Option<PathBuf>,
}

/// Deploy a stack: build what it needs, put it in place, and make it the live generation
///
/// Prints the generation that is live then, or `unchanged` if there was nothing to do. Units are restarted only with
/// `--activate`. A file at a path that the stack newly manages is not overwritten unless `--adopt` says so.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix service deploy Web --file web.pcl\n  \
                        punix service deploy Web --file web.pcl --transport-root ./scratch\n  \
                        punix service deploy Web --file web.pcl --activate --enable")]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub(crate) source: Source,

    // As an attribute: in a comment it would be a tag of HTML.
    #[arg(
        long,
        help = "Build, push and start nothing, and write below --transport-root or <deployments-root>/.dry-run only"
    )]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) activating: Activating,

    /// With --activate: go back to the generation before if a unit does not start or a health gate does not pass
    #[arg(long, requires = "activate")]
    pub(crate) rollback_on_failure: bool,

    /// Have the target go back by itself unless it can be reached once more, within so many seconds, when all is done
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) confirm: Option<u32>,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) building_place: BuildingPlace,

    #[command(flatten)]
    pub(crate) building: Building,
}

/// Show what a deploy would change, and change nothing
///
/// Files are compared line by line, but for those with secrets; units are listed with what happens to them and why. With
/// `--out` what is missing is built, and the plan is kept for `punix service apply`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix service plan Web --file web.pcl\n  \
                        punix service plan Web --file web.pcl --out web.plan\n  punix service apply web.plan")]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) source: Source,

    /// Keep the plan in this file
    #[arg(long, short, value_name = "FILE", conflicts_with = "build_on_target")]
    pub(crate) out: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) activating: Activating,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) building_place: BuildingPlace,

    #[command(flatten)]
    pub(crate) building: Building,
}

/// Do what a plan says, exactly that, or refuse
///
/// The plan names its target and the generation that it was made against; if another one is live by now, or a file is no
/// longer as the plan saw it, nothing is changed. Secrets are not in it and are looked up again.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix service apply web.plan --activate")]
pub(crate) struct Apply {
    /// What `punix service plan --out` wrote
    #[arg(value_name = "FILE", required_unless_present = "file")]
    pub(crate) plan: Option<PathBuf>,

    /// The same by name
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "plan")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) secrets: Secrets,

    /// Where the plan's keys lie: DIR/DOMAIN/privkey.pem, beside its fullchain.pem
    #[arg(long, value_name = "DIR")]
    pub(crate) tls_certs: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) activating: Activating,

    #[command(flatten)]
    pub(crate) way: reach::Way,

    /// How long to wait for whoever works on the same deployments
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) wait: u64,

    #[command(flatten)]
    pub(crate) store: super::store::Root,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// What is said of going to a generation that is kept.
#[derive(Debug, Args)]
pub(crate) struct Going {
    /// Make files with secrets anew, from the values that the secrets have now
    #[arg(long)]
    pub(crate) resolve_secrets: bool,

    #[command(flatten)]
    pub(crate) secrets: Secrets,

    /// With --resolve-secrets: where certificates and keys lie for the stack's `tls`: DIR/DOMAIN/fullchain.pem and privkey.pem
    #[arg(long, value_name = "DIR", requires = "resolve_secrets")]
    pub(crate) tls_certs: Option<PathBuf>,

    /// Move the pointer only, and leave all files as they are; without it they become those of the generation
    #[arg(long)]
    pub(crate) no_rewrite_config_files: bool,

    /// Take over files that nobody manages yet where the generation has some
    #[arg(long)]
    pub(crate) adopt: bool,

    /// Stop where a managed file was changed by hand, instead of overwriting it with a warning
    #[arg(long)]
    pub(crate) refuse_drift: bool,

    #[command(flatten)]
    pub(crate) units: Units,

    #[command(flatten)]
    pub(crate) activating: Activating,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) store: super::store::Root,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Go back to the generation that was live before this one
///
/// Files get the bytes, mode and owner that they had then. Neither the program nor the machine that deployed it is needed;
/// nothing is built. Files with secrets are left as they are unless `--resolve-secrets` makes them anew.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix service rollback Web")]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) stack: Stack,

    #[command(flatten)]
    pub(crate) going: Going,
}

/// Go to any generation that is kept, back or forward
///
/// `punix service history` lists them.
#[derive(Debug, Args)]
#[command(
    override_usage = "punix service set-current [OPTIONS] <STACK> <NUMBER>",
    after_help = "Example:\n  punix service set-current Web 3"
)]
pub(crate) struct SetCurrent {
    #[command(flatten)]
    pub(crate) words: StackAndNumber,

    #[command(flatten)]
    pub(crate) going: Going,
}

/// List the stacks that are deployed, each with its live generation
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix service list")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// List the generations of a stack: when each was deployed, by whom, and from what
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix service history Web")]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) stack: Stack,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Say how a stack is: its generation, its units, and what was changed by hand
///
/// Exits 1 if something is not as it was deployed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix service status Web")]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) stack: Stack,

    /// The `systemctl` that is asked; below another root it is asked only if it is named
    #[arg(long, value_name = "PATH")]
    pub(crate) systemctl: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Say what differs between two generations: files, units, packages, secrets by name
#[derive(Debug, Args)]
#[command(
    override_usage = "punix service diff [OPTIONS] <STACK> <FROM> <TO>",
    after_help = "Example:\n  punix service diff Web 2 3"
)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub(crate) words: StackAndTwo,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Say where a managed file comes from
#[derive(Debug, Args)]
#[command(
    override_usage = "punix service why [OPTIONS] <STACK> <PATH>",
    after_help = "Example:\n  punix service why Web /etc/web/site.conf"
)]
pub(crate) struct Why {
    #[command(flatten)]
    pub(crate) words: StackAndPath,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Compare what is there with what was deployed
///
/// Reads every managed file and every pinned package of the live generation, and exits 1 if anything differs.
/// `punix verify` is the same.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix service verify Web")]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) stack: Stack,

    /// The `systemctl` that is asked for failed units; below another root it is asked only if it is named
    #[arg(long, value_name = "PATH")]
    pub(crate) systemctl: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Put back what differs from the live generation
///
/// Recovers what an interrupted deploy left, then restores bytes, modes and owners. What somebody wrote over a managed file
/// is kept; `punix service history` names it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix service repair Web")]
pub(crate) struct Repair {
    #[command(flatten)]
    pub(crate) stack: Stack,

    /// Make files with secrets anew, from the values that the secrets have now
    #[arg(long)]
    pub(crate) resolve_secrets: bool,

    #[command(flatten)]
    pub(crate) secrets: Secrets,

    /// With --resolve-secrets: where certificates and keys lie for the stack's `tls`: DIR/DOMAIN/fullchain.pem and privkey.pem
    #[arg(long, value_name = "DIR", requires = "resolve_secrets")]
    pub(crate) tls_certs: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) units: Units,

    #[command(flatten)]
    pub(crate) activating: Activating,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) store: super::store::Root,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Remove old generations
///
/// The live one and the one before it stay, whatever `--keep` says. Deploys trim by themselves.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix service trim Web --keep 3")]
pub(crate) struct Trim {
    #[command(flatten)]
    pub(crate) stack: Stack,

    /// Generations that are kept
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: u32,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Remove a stack: every file that it manages, and all of its generations
///
/// Works from what is recorded on the target; the program is not needed. Packages stay until `punix store gc`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix service remove Web --activate")]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) stack: Stack,

    /// Stop where a managed file was changed by hand, instead of removing it with a warning
    #[arg(long)]
    pub(crate) refuse_drift: bool,

    #[command(flatten)]
    pub(crate) units: Units,

    #[command(flatten)]
    pub(crate) activating: Activating,

    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) telling: Telling,
}
