//! A deploy that is taken back unless it is confirmed: armed on the target before the change, confirmed over a way of its own
//! once all of it is well. A target that nobody reaches any more goes back by itself.

use super::activate::{self, Units};
use super::hands::Hands;
use super::site::{self, Rootless, Site, Visit};
use super::words::generation;
use super::{Stopped, kept};
use crate::args::service::reach::Activating;
use crate::ui::Ui;
use punix_deploy::{Decided, stack_for_units, unit_steps, wishes};
use punix_diag::{Code, Diagnostic};
use punix_target::{Confirm, Generation, Running};

/// A change that is armed.
pub(super) struct Armed {
    id: String,
    seconds: u32,
    back_to: Option<u32>,
    child: u32,
}

/// What is to be confirmed.
pub(super) struct Wanted<'w> {
    pub(super) stack: &'w str,
    pub(super) decided: &'w Decided,
    /// The one that comes.
    pub(super) child: u32,
    /// The one that is live.
    pub(super) live: Option<&'w Generation>,
    pub(super) seconds: u32,
    pub(super) activating: &'w Activating,
}

/// Arms a change that is about to be made.
pub(super) fn arm(ui: &Ui, site: &Site<'_>, wanted: &Wanted<'_>) -> Result<Armed, Stopped> {
    let back_to = wanted.live.map(|live| live.number);
    let after = after(ui, site, wanted)?;
    let confirm =
        Confirm { stack: wanted.stack.to_owned(), back_to, child: wanted.child, seconds: wanted.seconds, after };
    let id = site.door.arm(&confirm)?;
    Ok(Armed { id, seconds: wanted.seconds, back_to, child: wanted.child })
}

/// Returns what is done with units when it was taken back: what is done at once, for nobody is there to see and to choose.
fn after(ui: &Ui, site: &Site<'_>, wanted: &Wanted<'_>) -> Result<Running, Stopped> {
    let nothing = Running { commands: Vec::new(), stops: false, systemctl: None };
    if !activate::is_wanted(wanted.activating) {
        return Ok(nothing);
    }
    let punix_target::Goal::New(new) = &wanted.decided.plan.goal else { return Ok(nothing) };
    // Where nothing was before, what was started is stopped.
    let steps = unit_steps(Some(new), wanted.live, &wanted.decided.plan.changes);
    let wishes = wishes(&steps, activate::activation(wanted.activating));
    let known = wanted.live.unwrap_or(new);
    let units = crate::args::service::reach::Units { unit_dir: stack_for_units(known).unit_dir };
    let around = kept::around(ui, site, known, &units, true)?;
    let (Some(units), false) = (around.units(known), wishes.is_empty()) else { return Ok(nothing) };
    let Units { backend, stack, facts, redactor } = units;
    let hands = Hands::new(site, wanted.activating.systemctl.as_deref(), redactor);
    hands.first_commands(backend.session(&stack, &wishes, facts)?)
}

impl Armed {
    /// Confirms it over a way of its own.
    pub(super) fn confirm(&self, ui: &Ui, site: &Site<'_>, command: &str, wait: u64) -> Result<(), Stopped> {
        let visit = Visit { command, wait, without: Rootless::Refused };
        let confirmed = site
            .door
            // What units took must not be taken from the time for this.
            .rearm(&self.id, self.seconds)
            .map_err(Stopped::from)
            .and_then(|()| site::at(ui, site.place, visit, |fresh| Ok(fresh.door.confirm(&self.id)?)));
        confirmed.map_err(|stopped| self.unconfirmed(stopped))
    }

    /// Says what happens now that it is not confirmed.
    pub(super) fn warning(&self) -> String {
        let back = self.back_to.map_or_else(|| "what was there before: nothing".to_owned(), generation);
        format!(
            "{} is not confirmed, so the target goes back to {back} within {} s",
            generation(self.child),
            self.seconds
        )
    }

    /// Says that it is not confirmed, and why. Whatever kept it from that was told as if nothing had been changed.
    fn unconfirmed(&self, stopped: Stopped) -> Stopped {
        let first = match stopped {
            Stopped::By(diagnostics) | Stopped::World(diagnostics) | Stopped::Unreachable(diagnostics) => {
                diagnostics.into_iter().next()
            }
            other @ (Stopped::Usage { .. } | Stopped::Told(_)) => return other,
        };
        let told = Diagnostic::error(Code::E31, self.warning());
        let Some(first) = first else { return told.into() };
        let told = told.note(first.message);
        first.help.into_iter().fold(told, Diagnostic::help).into()
    }
}
