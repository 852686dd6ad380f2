//! What is done with units once a generation is live, when somebody asked for it. What fails here is said; the generation
//! stays.

use super::Stopped;
use super::commit::Teller;
use super::hands::Hands;
use super::health::Closed;
use super::site::Site;
use super::words::{self, generation, reasons, seen};
use crate::args::service::reach::{Activating, Restart};
use punix_deploy::{Activation, Deed, UnitStep, wishes};
use punix_diag::Diagnostic;
use punix_model::{Action, Backend, Facts, Redactor, RunState, Stack, Status, Wish};
use serde_json::{Value, json};
use std::path::Path;

/// Whose units they are, and who knows how to handle them.
pub(super) struct Units<'u> {
    pub(super) backend: &'u dyn Backend,
    pub(super) stack: Stack,
    pub(super) facts: &'u Facts,
    pub(super) redactor: &'u Redactor,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Activated {
    /// For stdout, below the result.
    pub(super) text: String,
    pub(super) statuses: Vec<Status>,
    /// What could not be brought to where it should be.
    pub(super) failed: Vec<String>,
    /// What runs and does not do what it is for.
    pub(super) closed: Vec<Closed>,
    /// What would have been done, where nothing may be.
    pub(super) listed: bool,
}

impl Activated {
    pub(super) fn json(&self) -> Value {
        let statuses: Vec<Value> = self.statuses.iter().map(words::status_json).collect();
        let closed: Vec<Value> = self.closed.iter().map(Closed::json).collect();
        json!({ "done": !self.listed && !self.statuses.is_empty(), "listed": self.listed, "units": statuses, "closed": closed })
    }

    /// Returns the error that ends a run in which units failed.
    pub(super) fn error(&self, stack: &str, number: Option<u32>) -> Option<String> {
        if let (true, Some(number)) = (self.failed.is_empty(), number) {
            return self.unhealthy(stack, number);
        }
        if self.failed.is_empty() {
            return None;
        }
        let (count, units) = (self.failed.len(), self.failed.join(", "));
        Some(match number {
            Some(number) => format!(
                "stack {stack} is deployed (current → {}) but {count} unit(s) did not (re)start: {units} — investigate and \
                 re-activate; this was NOT rolled back",
                generation(number)
            ),
            None => format!("stack {stack} is removed but {count} unit(s) did not stop: {units} — stop them by hand"),
        })
    }
}

impl Activated {
    /// Tells whether everything is where it should be, and works.
    pub(super) fn is_well(&self) -> bool {
        self.failed.is_empty() && self.closed.is_empty()
    }

    /// Returns the error that ends a restart in which units failed.
    pub(super) fn restart_error(&self, stack: &str) -> Option<String> {
        let (count, units) = (self.failed.len(), self.failed.join(", "));
        (count > 0).then(|| format!("{count} unit(s) of stack {stack} did not (re)start: {units}"))
    }

    fn unhealthy(&self, stack: &str, number: u32) -> Option<String> {
        let first = self.closed.first()?;
        let gates: Vec<String> = self.closed.iter().map(Closed::name).collect();
        let (count, gates, number) = (self.closed.len(), gates.join(", "), generation(number));
        Some(format!(
            "stack {stack} is deployed (current → {number}) but {count} health gate(s) did not pass: {gates} — the last \
             try of the first said: {}; this was NOT rolled back",
            first.said
        ))
    }
}

/// Returns what is asked for with units.
pub(super) fn activation(args: &Activating) -> Activation {
    Activation { activate: args.activate, restart_all: args.restart == Some(Restart::All), enable: args.enable }
}

/// Does with units what was asked for, if anything was, and tells it.
pub(super) fn activate(
    teller: Teller<'_>,
    site: &Site<'_>,
    args: &Activating,
    units: Option<Units<'_>>,
    steps: &[UnitStep],
) -> Result<Activated, Stopped> {
    let begun = Begun { systemctl: args.systemctl.as_deref(), steps };
    fulfil(teller, site, begun, units, wishes(steps, activation(args)))
}

/// What units are handled with, and why.
#[derive(Clone, Copy)]
pub(super) struct Begun<'b> {
    pub(super) systemctl: Option<&'b Path>,
    pub(super) steps: &'b [UnitStep],
}

/// Does what is wished, if anything is, and tells it.
pub(super) fn fulfil(
    teller: Teller<'_>,
    site: &Site<'_>,
    begun: Begun<'_>,
    units: Option<Units<'_>>,
    wishes: Vec<Wish>,
) -> Result<Activated, Stopped> {
    let (Some(units), false) = (units, wishes.is_empty()) else { return Ok(Activated::default()) };
    let hands = Hands::new(site, begun.systemctl, units.redactor);
    if !hands.can_act() {
        return Ok(listed(begun.steps, &wishes));
    }
    teller.ui.doing("activating");
    punix_diag::drill("activate");
    let session = units.backend.session(&units.stack, &wishes, units.facts)?;
    let statuses = hands.fulfil(session)?;
    let mut activated = Activated::default();
    for status in &statuses {
        teller.event(&json!({ "event": "unit", "unit": status.unit, "state": words::state(status.state) }));
        let actions: Vec<Action> =
            wishes.iter().filter(|wish| wish.unit == status.unit).map(|wish| wish.action).collect();
        tell(teller, status, &actions, &mut activated);
    }
    activated.statuses = statuses;
    Ok(activated)
}

/// Tells how one unit is now.
fn tell(teller: Teller<'_>, status: &Status, actions: &[Action], activated: &mut Activated) {
    let unit = seen(&status.unit);
    let starts = |action: &Action| matches!(action, Action::Start | Action::Restart);
    if status.state == RunState::Failed {
        let detail = seen(&status.detail);
        let did = match actions.first() {
            Some(Action::Reload) => "did not reload",
            Some(Action::Remove | Action::Stop) => "did not stop",
            Some(Action::Enable) => "is not enabled",
            Some(_) | None => "did not (re)start",
        };
        if !teller.ui.json {
            teller.ui.say(&format!("  ⚠ {unit} {did}: {detail}"));
        }
        activated.failed.push(unit);
        return;
    }
    let boot = match actions.contains(&Action::Enable) || status.enabled == Some(true) {
        true => "enabled for boot",
        false => "not enabled for boot",
    };
    let line = match actions.first() {
        Some(action) if starts(action) => format!("  ✓ (re)started {unit} ({boot})\n"),
        Some(Action::Reload) => format!("  ✓ reloaded {unit} ({boot})\n"),
        Some(Action::Remove | Action::Stop) => format!("  ✓ stopped {unit}\n"),
        Some(Action::Enable) => format!("  ✓ {unit} is enabled for boot\n"),
        Some(_) | None => return,
    };
    activated.text.push_str(&line);
}

/// Lists what would be done.
fn listed(steps: &[UnitStep], wishes: &[Wish]) -> Activated {
    let mut text =
        String::from("  units are not touched below another root; on the machine itself this would be done:\n");
    for wish in wishes {
        let why = steps.iter().find(|step| step.unit == wish.unit && step.deed != Deed::Nothing).map(reasons);
        let why = why.filter(|why| !why.is_empty() && wish.action != Action::Enable);
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        text.push_str(&format!("  – {} {}{why}\n", action(wish.action), seen(&wish.unit)));
    }
    Activated { text, listed: true, ..Activated::default() }
}

/// Returns the word for an action.
fn action(action: Action) -> &'static str {
    match action {
        Action::Start => "start",
        Action::Stop => "stop",
        Action::Restart => "restart",
        Action::Reload => "reload",
        Action::Enable => "enable",
        Action::Disable => "disable",
        Action::Remove => "stop and disable",
        Action::Status => "look at",
        Action::Logs => "show what is said by",
    }
}

/// Asks how units are.
pub(super) fn statuses(
    units: &Units<'_>,
    hands: &Hands<'_>,
    names: impl Iterator<Item = String>,
) -> Result<Vec<Status>, Stopped> {
    let wishes: Vec<Wish> = names.map(|unit| Wish { unit, action: Action::Status }).collect();
    if wishes.is_empty() || !hands.can_act() {
        return Ok(Vec::new());
    }
    let session = units.backend.session(&units.stack, &wishes, units.facts).map_err(Diagnostic::from)?;
    hands.fulfil(session)
}

/// Tells whether anything is to be done with units.
pub(super) fn is_wanted(args: &Activating) -> bool {
    args.activate || args.enable
}
