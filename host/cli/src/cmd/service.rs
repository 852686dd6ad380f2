//! `punix service`: what its verbs share. Rooms decide and do; here they are put in their order, and what came of them is
//! said.

mod activate;
mod apply;
mod audit;
mod away;
mod back;
mod build;
mod certificates;
mod commit;
mod confirm;
mod deploy;
mod diff;
mod draw;
mod fleet;
mod go;
mod hands;
mod health;
mod history;
mod home;
mod kept;
mod list;
mod logs;
mod one;
mod pins;
mod place;
mod plan;
mod plugins;
mod preflight;
mod prepare;
mod remove;
mod repair;
mod restart;
mod secrets;
mod settings;
mod site;
mod status;
mod texts;
mod there;
mod vault;
mod verify;
mod why;
mod words;

use crate::args::service::words::Unclear;
use crate::args::service::{Service, Verb, Verify};
use crate::cmd::build::fail_world;
use crate::cmd::check::fail;
use crate::exit::Exit;
use crate::places::Homeless;
use crate::ui::Ui;
use punix_diag::{Code, Diagnostic, SourceMap, Span};
use punix_model::CallFault;
use punix_pcl::World;
use punix_plugin::runtime::TransportPlugin;
use punix_plugin::{Fault, SiteError};
use serde_json::Value;
use std::path::Path;

pub(crate) use prepare::base_of;
pub(crate) use secrets::{Sourcing, resolve_sources};
pub(crate) use vault::Vault;

pub(crate) fn run(ui: &Ui, args: &Service) -> Exit {
    let Some(verb) = &args.verb else { return help(ui) };
    let done = match verb {
        Verb::Deploy(args) => Ok(deploy::run(ui, args)),
        Verb::Plan(args) => Ok(plan::run(ui, args)),
        Verb::Apply(args) => apply::run(ui, args),
        Verb::Rollback(args) => go::rollback(ui, args),
        Verb::SetCurrent(args) => go::set_current(ui, args),
        Verb::List(args) => list::run(ui, args),
        Verb::History(args) => history::run(ui, args),
        Verb::Status(args) => status::run(ui, args),
        Verb::Diff(args) => diff::run(ui, args),
        Verb::Why(args) => why::run(ui, args),
        Verb::Verify(args) => verify::run(ui, args),
        Verb::Repair(args) => repair::run(ui, args),
        Verb::Trim(args) => remove::trim(ui, args),
        Verb::Audit(args) => audit::run(ui, args),
        Verb::Logs(args) => logs::run(ui, args),
        Verb::Restart(args) => restart::run(ui, args),
        Verb::Remove(args) => remove::remove(ui, args),
    };
    done.unwrap_or_else(|stopped| stopped.tell(ui, &SourceMap::default()))
}

/// Runs `punix verify`, which is `punix service verify`.
pub(crate) fn verify(ui: &Ui, args: &Verify) -> Exit {
    verify::run(ui, args).unwrap_or_else(|stopped| stopped.tell(ui, &SourceMap::default()))
}

/// Runs `punix fleet`.
pub(crate) fn fleet(ui: &Ui, args: &crate::args::fleet::Fleet) -> Exit {
    fleet::run(ui, args)
}

/// Runs `punix secrets`.
pub(crate) fn secrets(ui: &Ui, args: &crate::args::secrets::Secrets) -> Exit {
    match &args.verb {
        Some(crate::args::secrets::Verb::Check(args)) => secrets::check::run(ui, args),
        None => help_of(ui, "secrets"),
    }
}

/// Returns what a program may refer to. A project whose plugins cannot be looked at is told of by the verbs that deploy.
pub(crate) fn world_of(ui: &Ui, program: &Path) -> World {
    plugins::world(ui, Path::new("."), base_of(program)).unwrap_or_default()
}

/// Adds to a document where something stands.
fn place_json(mut facts: Value, at: Option<Span>, sources: &SourceMap) -> Value {
    if let Some(at) = at {
        let place = sources.locate(at.start);
        facts["file"] = place.file.into();
        facts["line"] = place.line.into();
        facts["column"] = place.column.into();
    }
    facts
}

/// Returns who reaches targets of a kind.
pub(crate) fn transport(ui: &Ui, name: &str) -> Result<TransportPlugin, Stopped> {
    plugins::Plugins::read(ui, Path::new("."), Path::new(""))?.transport(name)
}

/// Shows the verbs.
fn help(ui: &Ui) -> Exit {
    help_of(ui, "service")
}

fn help_of(ui: &Ui, name: &str) -> Exit {
    let mut command = crate::args::command();
    command.build();
    let text = command.find_subcommand_mut(name).map(|command| command.render_help().to_string());
    ui.result(&text.unwrap_or_default(), Exit::Done)
}

/// What keeps a verb from its result.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Whatever has a code.
    By(Vec<Diagnostic>),
    /// The same, where the world failed and nobody is at fault.
    World(Vec<Diagnostic>),
    /// The same, where another machine could not be reached at all: nobody there has answered.
    Unreachable(Vec<Diagnostic>),
    /// The command line.
    Usage { message: String, help: Option<String> },
    /// It was told already.
    Told(Exit),
}

impl Stopped {
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Stopped {
        Stopped::Usage { message: message.into(), help: Some(help.into()) }
    }

    /// Returns what is said of it, where it is one of several things to say.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        match self {
            Stopped::By(diagnostics) | Stopped::World(diagnostics) | Stopped::Unreachable(diagnostics) => diagnostics,
            Stopped::Usage { message, help } => {
                let error = Diagnostic::error(Code::E34, message);
                vec![match help {
                    Some(help) => error.help(help),
                    None => error,
                }]
            }
            Stopped::Told(_) => Vec::new(),
        }
    }

    pub(crate) fn tell(self, ui: &Ui, sources: &SourceMap) -> Exit {
        match self {
            Stopped::By(diagnostics) => fail(ui, &diagnostics, 0, sources),
            Stopped::World(diagnostics) | Stopped::Unreachable(diagnostics) => fail_world(ui, &diagnostics, sources),
            Stopped::Usage { message, help } => ui.refuse(&message, help.as_deref()),
            Stopped::Told(exit) => exit,
        }
    }
}

impl From<Unclear> for Stopped {
    fn from(unclear: Unclear) -> Stopped {
        Stopped::usage(unclear.message, unclear.help)
    }
}

impl From<Homeless> for Stopped {
    fn from(homeless: Homeless) -> Stopped {
        Stopped::usage(homeless.message(), homeless.help())
    }
}

impl From<Vec<Diagnostic>> for Stopped {
    fn from(diagnostics: Vec<Diagnostic>) -> Stopped {
        Stopped::By(diagnostics)
    }
}

impl From<Diagnostic> for Stopped {
    fn from(diagnostic: Diagnostic) -> Stopped {
        Stopped::By(vec![diagnostic])
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Stopped {
        Stopped::By(fault.into_diagnostics())
    }
}

impl From<SiteError> for Stopped {
    fn from(error: SiteError) -> Stopped {
        Fault::from(error).into()
    }
}

impl From<CallFault> for Stopped {
    fn from(fault: CallFault) -> Stopped {
        Diagnostic::from(fault).into()
    }
}
