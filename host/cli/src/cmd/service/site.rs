//! A target that is at hand: opened, and locked in the way that its verbs need.

use super::Stopped;
use super::place::Place;
use crate::cmd::build::waiting;
use crate::ui::Ui;
use punix_diag::{Code, Diagnostic};
use punix_store::{Asking, Holder};
use punix_target::{Generation, Guarding, Layout, Target, TargetError};
use std::time::Duration;

/// Who works on a target, and how long he waits for others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit<'v> {
    /// As others see it who wait: `punix service deploy`.
    pub(super) command: &'v str,
    pub(super) wait: u64,
    /// Whether the root is made if there is none.
    pub(super) makes: bool,
}

/// Opens a target and works on it.
pub(super) fn at<R>(
    ui: &Ui,
    place: &Place,
    visit: Visit<'_>,
    work: impl FnOnce(&Target<'_>) -> Result<R, Stopped>,
) -> Result<R, Stopped> {
    let layout = Layout::new(&place.deployments).map_err(|issue| {
        let message = format!("`{}` is no place for deployments: {issue}", place.deployments.display());
        Stopped::usage(message, "name a directory with `--deployments-root`")
    })?;
    let disk = if visit.makes { place.open_or_make()? } else { place.open()? };
    let tell = |holders: &[Holder]| ui.say(&waiting(holders));
    let asking = Asking { command: visit.command, wait: Duration::from_secs(visit.wait), tell: &tell };
    let guard = Guarding::myself();
    let target = Target::at(&disk, &layout, punix_target::Place { root: place.root.clone(), asking, guard })?;
    work(&target)
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
