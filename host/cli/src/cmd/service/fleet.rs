//! `punix fleet`: what `punix service` does, on many hosts. What a fleet is, in which order its hosts go and who may begin is
//! decided elsewhere; here every host gets a thread, and what came of it is said in an order that is always the same.

mod apply;
mod asking;
mod build;
mod checking;
mod crew;
mod failure;
mod going;
mod log;
mod order;
mod plan;
mod present;
mod ready;
mod report;
mod running;
mod scenario;
mod secrets;
mod staging;
mod table;

pub(super) use checking::check;

use super::help_of;
use crate::args::fleet::{Fleet, Verb};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::SourceMap;

/// Hosts that are worked on at the same time, if nobody says it.
const JOBS: usize = 16;

pub(super) fn run(ui: &Ui, args: &Fleet) -> Exit {
    let Some(verb) = &args.verb else { return help_of(ui, "fleet") };
    let ui = &ui.explaining(verb.telling().explain);
    let done = match verb {
        Verb::Apply(args) => apply::run(ui, args),
        Verb::Plan(args) => plan::run(ui, args),
        Verb::Rollback(args) => going::rollback(ui, args),
        Verb::SetCurrent(args) => going::set_current(ui, args),
        Verb::Status(args) => asking::status(ui, &args.asked),
        Verb::Verify(args) => asking::verify(ui, &args.asked),
    };
    told(done.unwrap_or_else(|stopped| stopped.tell(ui, &SourceMap::default())))
}

/// Returns how a fleet's verb ends: whatever failed has one number.
fn told(exit: Exit) -> Exit {
    match exit {
        Exit::World | Exit::RolledBack => Exit::Failed,
        Exit::Done | Exit::Failed | Exit::Usage | Exit::Interrupted | Exit::Unheard | Exit::Bug => exit,
    }
}

/// Returns how many hosts are worked on at the same time.
fn jobs(given: Option<u16>, otherwise: usize) -> usize {
    given.map_or(otherwise, usize::from)
}
