//! The command line of `punix plugin`. What is said here is read into narrow types at once; what it means together with a
//! plugin and its policy is found out by the verbs.

pub(crate) mod granted;
pub(crate) mod make;

use clap::{Args, Subcommand};
use granted::Granted;
use punix_plugin::{Id, Kind};
use std::path::PathBuf;

/// Choose plugins, and say what they may do
///
/// `punix.plugins.toml` in the project's directory says what is granted, `punix.lock` which components are used. Both belong
/// into the repository. Nothing of a plugin runs before all that it asks for is decided.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(List),
    Inspect(Inspect),
    Add(Add),
    Remove(Remove),
    Grant(Grant),
    Revoke(Revoke),
    Diff(Diff),
    Audit(Audit),
    New(make::New),
    Build(make::Build),
    Pack(make::Pack),
    Test(make::Test),
}

/// Where policy, lock and components are.
#[derive(Debug, Args)]
pub(crate) struct Places {
    /// The directory with punix.plugins.toml and punix.lock
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    pub(crate) project: PathBuf,

    /// Where components are kept; $PUNIX_PLUGIN_DIR, else ~/.punix/plugins
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) plugin_dir: Option<PathBuf>,
}

/// List the plugins: those that are part of punix, then those in the lock
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix plugin list")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) places: Places,
}

/// Say what a plugin is, what it imports and what it asks for
///
/// Nothing of it is compiled or run. For a plugin that is known already, what is decided about each request is said too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix plugin inspect bao.wasm\n  punix plugin inspect org.example.bao")]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) places: Places,

    /// The file of a component, or the id of a plugin that is known
    #[arg(value_name = "FILE_OR_ID")]
    pub(crate) plugin: PathBuf,
}

/// Add a plugin, or an update of one, and decide about what it asks for
///
/// On a terminal it asks about each request that is not decided yet. What was granted before stays, and an update gets
/// nothing more by itself. When all is decided it is compiled, so that nobody waits for that later.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix plugin add bao.wasm\n  punix plugin add bao.wasm --yes")]
pub(crate) struct Add {
    #[command(flatten)]
    pub(crate) places: Places,

    /// The file of a component
    pub(crate) file: PathBuf,

    /// Grant exactly what it asks for; what it leaves open is left to `grant`
    #[arg(long)]
    pub(crate) yes: bool,

    /// Grant nothing; `grant` and `revoke` decide afterwards
    #[arg(long, conflicts_with = "yes")]
    pub(crate) later: bool,

    /// Where it came from, for people; else FILE
    #[arg(long, value_name = "TEXT")]
    pub(crate) source: Option<String>,
}

/// Remove a plugin from the lock, and all that it was granted
///
/// Its component goes too, unless the lock of another project that was given plugins on this machine names it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix plugin remove org.example.bao")]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) places: Places,

    /// The plugin
    #[arg(value_parser = Id::parse)]
    pub(crate) id: Id,
}

/// Grant a plugin something that it asks for
///
/// Adds to punix.plugins.toml, once, and takes a refusal of the same back. What is granted and not asked for gives nothing, so
/// it is refused.
#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    subcommand_value_name = "WHAT",
    subcommand_help_heading = "What",
    after_help = "Examples:\n  punix plugin grant org.example.bao env BAO_TOKEN --as secret\n  \
                  punix plugin grant org.example.bao http vault.internal:8200 --methods get,post --paths '/v1/*'"
)]
pub(crate) struct Grant {
    #[command(flatten)]
    pub(crate) places: Places,

    /// The plugin
    #[arg(value_parser = Id::parse)]
    pub(crate) id: Id,

    #[command(subcommand)]
    pub(crate) what: Granted,
}

/// Take back what a plugin was granted, and refuse it
///
/// A request that is refused is decided: the plugin runs without it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix plugin revoke org.example.bao env BAO_TOKEN\n  \
                        punix plugin revoke org.example.bao clock\n  \
                        punix plugin revoke org.example.bao limits memory_mib")]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) places: Places,

    /// The plugin
    #[arg(value_parser = Id::parse)]
    pub(crate) id: Id,

    /// Of what kind it is
    #[arg(value_name = "WHAT", value_parser = kinds())]
    pub(crate) what: String,

    /// Which one: a host, a variable, a root, a program, the name of a limit
    pub(crate) subject: Option<String>,
}

/// Say what a new version of a plugin asks for that the old one did not
///
/// Exits 1 if it wants anything more.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix plugin diff org.example.bao bao-0.4.0.wasm")]
pub(crate) struct Diff {
    #[command(flatten)]
    pub(crate) places: Places,

    /// The old version: a file, or the id of a plugin that is known
    #[arg(value_name = "FILE_OR_ID")]
    pub(crate) old: PathBuf,

    /// The new version
    #[arg(value_name = "FILE_OR_ID")]
    pub(crate) new: PathBuf,
}

/// Show what every plugin may do and where that is granted
///
/// Exits 1 if something is granted that is not asked for, not decided, or not for the component that is there.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix plugin audit")]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) places: Places,
}

/// The word behind `grant` and `revoke` that is no kind of request.
pub(crate) const LIMITS: &str = "limits";

fn kinds() -> clap::builder::PossibleValuesParser {
    Kind::ALL.iter().map(|kind| kind.as_str()).chain([LIMITS]).into()
}
