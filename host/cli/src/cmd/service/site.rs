//! A target that is at hand: in this process, behind a program of this machine, or behind a way to another one. Verbs ask
//! its door and do not know which.

use super::Stopped;
use super::home::Home;
use super::place::{By, Place};
use crate::cmd::build::waiting;
use crate::ui::Ui;
use crate::way::Way;
use punix_bundle::Program as Bundled;
use punix_diag::{Code, Diagnostic};
use punix_disk::{RealDisk, SimulatedDisk};
use punix_store::{Asking, Holder};
use punix_target::{Client, Door, Generation, Guarding, Inside, Layout, Machine, Opening, Target, TargetError};
use std::path::Path;
use std::time::Duration;

/// Who works on a target, and how long he waits for others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit<'v> {
    /// As others see it who wait: `punix service deploy`.
    pub(super) command: &'v str,
    pub(super) wait: u64,
    pub(super) without: Rootless,
}

/// What is done where there is no directory at the root that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rootless {
    /// It is made: a scratch root may be new.
    Made,
    /// It is refused: somebody knows that something was there.
    Refused,
    /// Nothing is deployed there, and that is found. For whoever changes nothing but what is deployed.
    Nothing,
}

/// A target, and what is known of it.
pub(super) struct Site<'s> {
    pub(super) door: &'s dyn Door,
    pub(super) place: &'s Place,
    /// Of whoever acts there.
    pub(super) home: Home,
    /// Of another machine.
    pub(super) machine: Option<Machine>,
    /// To another machine.
    pub(super) way: Option<&'s Way>,
}

/// Opens a target and works on it.
pub(super) fn at<R>(
    ui: &Ui,
    place: &Place,
    visit: Visit<'_>,
    work: impl FnOnce(&Site<'_>) -> Result<R, Stopped>,
) -> Result<R, Stopped> {
    let opening = Opening {
        root: &place.root,
        deployments: place.deployments.as_deref(),
        command: visit.command,
        wait: Duration::from_secs(visit.wait),
    };
    match &place.by {
        By::Hand | By::Program(_) if visit.without == Rootless::Nothing && place.is_nowhere() => {
            on_nothing(place, work)
        }
        By::Hand => by_hand(ui, place, visit, work),
        By::Program(program) => {
            drop(root(place, visit)?);
            let client = Client::start(program, &opening)?;
            work(&Site { door: &client, place, home: Home::of_this_user(), machine: None, way: None })
        }
        By::Way(remote, options) => {
            let way = crate::way::open(ui, remote, options, &opening)?;
            let machine = way.door().machine()?;
            work(&Site { door: way.door(), place, home: Home::of(&machine), machine: Some(machine), way: Some(&way) })
        }
    }
}

fn by_hand<R>(
    ui: &Ui,
    place: &Place,
    visit: Visit<'_>,
    work: impl FnOnce(&Site<'_>) -> Result<R, Stopped>,
) -> Result<R, Stopped> {
    let layout = layout(place)?;
    let disk = root(place, visit)?;
    let tell = |holders: &[Holder]| ui.say(&waiting(holders));
    let asking = Asking { command: visit.command, wait: Duration::from_secs(visit.wait), tell: &tell };
    let guard = Guarding::myself().map(|guarding| match ours() {
        Some(program) => guarding.recovering_by(program.sha256, ours_in_bytes),
        None => guarding,
    });
    let target = Target::at(&disk, &layout, punix_target::Place { root: place.root.clone(), asking, guard })?;
    let door = Inside::new(target);
    work(&Site { door: &door, place, home: Home::of_this_user(), machine: None, way: None })
}

/// Works on a target that is not there, as on one to which nothing was deployed yet.
fn on_nothing<R>(place: &Place, work: impl FnOnce(&Site<'_>) -> Result<R, Stopped>) -> Result<R, Stopped> {
    let disk = SimulatedDisk::new();
    let door = Inside::new(Target::alone(&disk, layout(place)?));
    let site = Site { door: &door, place, home: Home::of_this_user(), machine: None, way: None };
    work(&site).map_err(|stopped| match stopped {
        Stopped::By(refusals) => {
            // Maybe it was misspelt.
            let noted = refusals.into_iter().map(|refusal| refusal.note(place.nowhere()));
            Stopped::By(noted.collect())
        }
        Stopped::World(_) | Stopped::Unreachable(_) | Stopped::Usage { .. } | Stopped::Told(_) => stopped,
    })
}

fn layout(place: &Place) -> Result<Layout, Stopped> {
    // On this machine it is always known.
    let deployments = place.deployments.as_deref().unwrap_or(Path::new(""));
    Layout::new(deployments).map_err(|issue| {
        let message = format!("`{}` is no place for deployments: {issue}", deployments.display());
        Stopped::usage(message, "name a directory with `--deployments-root`")
    })
}

fn root(place: &Place, visit: Visit<'_>) -> Result<RealDisk, Stopped> {
    match visit.without {
        Rootless::Made => place.open_or_make(),
        Rootless::Refused | Rootless::Nothing => place.open(),
    }
}

/// Returns the program for targets that runs on this machine: it mends it at boot.
fn ours() -> Option<&'static Bundled> {
    let system = crate::machine::system();
    punix_bundle::targets().iter().find(|program| program.system == system)
}

fn ours_in_bytes() -> Vec<u8> {
    ours().map(Bundled::bytes).unwrap_or_default()
}

/// Returns the live generation of a stack, which has to be there.
pub(super) fn live(current: Option<Generation>, stack: &str) -> Result<Generation, Stopped> {
    current.ok_or_else(|| not_deployed(stack))
}

pub(super) fn not_deployed(stack: &str) -> Stopped {
    let mut name = String::new();
    punix_diag::visible(stack, &mut name);
    Diagnostic::error(Code::E12, format!("no current generation for stack '{name}'"))
        .help("`punix service list` names the stacks that are deployed there")
        .into()
}

impl From<TargetError> for Stopped {
    fn from(error: TargetError) -> Stopped {
        match error.is_the_worlds() {
            true => Stopped::World(vec![error.into()]),
            false => Diagnostic::from(error).into(),
        }
    }
}
