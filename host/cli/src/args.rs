//! The command line. Doc comments here are the help texts.

pub(crate) mod build;
pub(crate) mod doctor;
pub(crate) mod fleet;
pub(crate) mod help;
pub(crate) mod plugin;
pub(crate) mod secrets;
pub(crate) mod service;
pub(crate) mod start;
pub(crate) mod store;

use crate::ui::Color;
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::path::PathBuf;

/// Describe service stacks in PCL and know what they mean before anything is touched.
#[derive(Debug, Parser)]
#[command(name = "punix", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Colours: on a terminal, always (with source excerpts), or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", display_order = 900)]
    pub(crate) color: Color,

    /// Print one JSON document instead of text
    #[arg(long, global = true, display_order = 901)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub(crate) enum Command {
    Check(Check),
    Eval(Eval),
    Why(Why),
    Fmt(Fmt),
    Build(build::Build),
    Store(store::Store),
    Service(service::Service),
    Fleet(fleet::Fleet),
    Verify(service::Verify),
    Secrets(secrets::Secrets),
    Plugin(plugin::Plugin),
    Init(start::Init),
    Demo(start::Demo),
    Doctor(doctor::Doctor),
    Explain(Explain),
    Help(help::Help),
    Completions(help::Completions),
    Man(help::Man),
}

/// Check a program: syntax, names, types, conflicts and cycles, in the base program and under every scenario
///
/// Prints `ok` and exits 0, or prints every error as `file:line:col: error: [E4] …` and exits 1.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix check web.pcl")]
pub(crate) struct Check {
    /// A PCL file, or a directory whose `*.pcl` files form one program
    pub(crate) path: PathBuf,

    /// Check that this scenario exists, too
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,

    /// Draw the source below each error, also when stderr is no terminal
    #[arg(long)]
    pub(crate) explain: bool,
}

/// Evaluate a program and print its values as JSON
///
/// Prints all modules, one module, or one member. Secrets are printed as references; they are never resolved here.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix eval web.pcl\n  punix eval web.pcl Web.services --scenario staging")]
pub(crate) struct Eval {
    /// A PCL file, or a directory whose `*.pcl` files form one program
    pub(crate) path: PathBuf,

    /// What to print: a module, or one of its members
    #[arg(value_name = "MODULE[.MEMBER]")]
    pub(crate) target: Option<String>,

    /// Evaluate under this scenario
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
}

/// Say what a member's value is and where it comes from
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix why web.pcl Web.port --scenario staging")]
pub(crate) struct Why {
    /// A PCL file, or a directory whose `*.pcl` files form one program
    pub(crate) path: PathBuf,

    /// The member in question
    #[arg(value_name = "MODULE.MEMBER")]
    pub(crate) target: String,

    /// Evaluate under this scenario
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
}

/// Rewrite PCL files in the one common layout
///
/// Comments and groups of lines stay; the meaning never changes. A file that cannot be read as PCL is left alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix fmt .\n  punix fmt --check .\n  punix fmt - < web.pcl")]
pub(crate) struct Fmt {
    /// PCL files or directories; `-` reads stdin and writes stdout
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,

    /// Change nothing; name the files that would change, and exit 1 if there are any
    #[arg(long)]
    pub(crate) check: bool,
}

/// Explain an error code
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix explain E4")]
pub(crate) struct Explain {
    /// The code, such as E4; without it, all codes are listed
    pub(crate) code: Option<String>,
}

impl Arguments {
    /// Reads what this process was started with.
    pub(crate) fn read() -> Result<Arguments, clap::Error> {
        let mut command = command();
        let matches = command.try_get_matches_from_mut(std::env::args_os());
        // It has a thousand arguments. Taking it apart would take longer than reading what was said.
        std::mem::forget(command);
        Arguments::from_arg_matches(&matches?)
    }
}

/// Returns the whole command line. Switches of verbs that deploy can be taken back: behind `--activate`, `--no-activate`.
pub(crate) fn command() -> clap::Command {
    let command = Arguments::command();
    let command = command.mut_subcommand("verify", with_opposites);
    let command = command.mut_subcommand("secrets", |secrets| secrets.mut_subcommands(with_opposites));
    let command = command.mut_subcommand("fleet", |fleet| fleet.mut_subcommands(with_opposites));
    command.mut_subcommand("service", |service| service.mut_subcommands(with_opposites))
}

fn with_opposites(command: clap::Command) -> clap::Command {
    let mut taking_back = Vec::new();
    let command = command.mut_args(|arg| match opposite(&arg) {
        Some(opposite) => {
            let other = Arg::new(opposite.clone()).long(opposite.clone()).hide(true).action(ArgAction::SetTrue);
            taking_back.push(other.overrides_with(arg.get_id().clone()));
            arg.overrides_with(opposite)
        }
        None => arg,
    });
    command.args(taking_back)
}

/// Returns what takes a switch back.
fn opposite(arg: &Arg) -> Option<String> {
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue) && !arg.is_global_set();
    let long = arg.get_long().filter(|_| is_switch)?;
    Some(long.strip_prefix("no-").map_or_else(|| format!("no-{long}"), str::to_owned))
}
