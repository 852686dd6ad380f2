//! `punix plugin`: what its verbs share. Of those that are about plugins of others, `add` compiles them and `test` runs them.

mod add;
mod ahead;
mod amend;
mod ask;
mod audit;
mod build;
mod diff;
mod given;
mod grant;
mod inspect;
pub(crate) mod kept;
pub(crate) mod known;
mod layout;
mod list;
mod new;
mod outcome;
mod pack;
pub(crate) mod project;
mod remove;
mod requests;
mod revoke;
pub(crate) mod shipped;
mod steps;
#[cfg(feature = "compiler")]
mod test;
#[cfg(not(feature = "compiler"))]
#[path = "plugin/sealed.rs"]
mod test;
pub(crate) mod used;
mod words;

use crate::args::plugin::{Plugin as Arguments, Verb};
use crate::cmd::check::fail;
use crate::exit::Exit;
use crate::places::Homeless;
use crate::ui::Ui;
use punix_diag::{Code, Diagnostic, SourceMap};
use punix_plugin::Fault;
use std::io;

pub(crate) fn run(ui: &Ui, args: &Arguments) -> Exit {
    let done = match &args.verb {
        Verb::List(args) => list::run(ui, args),
        Verb::Inspect(args) => inspect::run(ui, args),
        Verb::Add(args) => add::run(ui, args),
        Verb::Remove(args) => remove::run(ui, args),
        Verb::Grant(args) => grant::run(ui, args),
        Verb::Revoke(args) => revoke::run(ui, args),
        Verb::Diff(args) => diff::run(ui, args),
        Verb::Audit(args) => audit::run(ui, args),
        Verb::New(args) => new::run(ui, args),
        Verb::Build(args) => build::run(ui, args),
        Verb::Pack(args) => pack::run(ui, args),
        Verb::Test(args) => test::run(ui, args),
    };
    done.unwrap_or_else(|stopped| stopped.tell(ui))
}

/// What keeps a verb from its result.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A plugin, a policy, a lock, or a disk.
    By(Vec<Diagnostic>),
    /// The command line.
    Usage { message: String, help: Option<String> },
    /// It was told already.
    Told(Exit),
}

impl Stopped {
    fn tell(self, ui: &Ui) -> Exit {
        match self {
            Stopped::By(diagnostics) => fail(ui, &diagnostics, 0, &SourceMap::default()),
            Stopped::Usage { message, help } => ui.refuse(&message, help.as_deref()),
            Stopped::Told(exit) => exit,
        }
    }

    fn usage(message: impl Into<String>, help: impl Into<String>) -> Stopped {
        Stopped::Usage { message: message.into(), help: Some(help.into()) }
    }
}

impl<E: Into<Fault>> From<E> for Stopped {
    fn from(error: E) -> Stopped {
        Stopped::By(error.into().into_diagnostics())
    }
}

fn by(diagnostic: Diagnostic) -> Stopped {
    Stopped::By(vec![diagnostic])
}

fn homeless(homeless: Homeless) -> Stopped {
    Stopped::usage(homeless.message(), homeless.help())
}

/// A disk failed us.
fn disk(error: io::Error) -> Stopped {
    by(Diagnostic::error(Code::E23, error.to_string()))
}
