//! A change that is taken back unless somebody confirms it in time: also if whoever made it, his machine or the way to it
//! died. It is armed before the change is made; a process of its own waits here for the time to be over, and what is armed
//! stands in a file besides, so that the next command does what that process did not live to do, and so does the boot.
//!
//! Whoever takes back says so in the file first, under the lock: from then on it is too late to confirm.

mod back;
mod decide;
mod file;
#[cfg(test)]
mod tests;

pub(crate) use decide::Moment;

use crate::boundary::Boundary;
use crate::commit::commit;
use crate::failure::TargetError;
use crate::hands::{Running, run};
use crate::journal::Intent;
use crate::limits::CONFIRM_SECONDS_MAX;
use crate::live::live;
use crate::plan::{Goal, Plan};
use crate::recover::recover_locked;
use crate::target::Target;
use crate::watchdog;
use decide::{Decision, decide};
use file::Armed;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What happens unless it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    pub stack: String,
    /// The generation that is live now, and will be again; nothing if the stack is not there, and will not be.
    pub back_to: Option<u32>,
    /// The one that is to be confirmed.
    pub child: u32,
    /// How long it is waited for that, from now.
    pub seconds: u32,
    /// What is run when it was taken back.
    pub after: Running,
}

/// A change that waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    pub id: String,
    pub stack: String,
    pub back_to: Option<u32>,
    pub child: u32,
    pub seconds_left: u64,
}

/// Arms a change that is about to be made by whoever calls this, and starts the process that waits. Returns by what name it
/// is confirmed.
pub fn arm(target: &Target<'_>, confirm: &Confirm) -> Result<String, TargetError> {
    let id = Intent::new_id();
    {
        let _lock = target.exclude()?;
        recover_locked(target)?;
        let found = live(target, &confirm.stack)?.number;
        if found != confirm.back_to || Some(confirm.child) == confirm.back_to {
            return Err(TargetError::Stale { stack: confirm.stack.clone(), planned: confirm.back_to, found });
        }
        file::sweep(target)?;
        let until = Moment::now().after(u64::from(confirm.seconds.min(CONFIRM_SECONDS_MAX)));
        file::write_new(target, &id, confirm, until)?;
    }
    if let Err(error) = watchdog::start(target, &id) {
        let _lock = target.exclude()?;
        file::remove(target, &id)?;
        return Err(error.into());
    }
    Ok(id)
}

/// Waits longer, or less long, for a confirmation: so many seconds from now.
pub fn rearm(target: &Target<'_>, id: &str, seconds: u32) -> Result<(), TargetError> {
    let _lock = target.exclude()?;
    let mut armed = waiting(target, id)?;
    armed.until = Moment::now().after(u64::from(seconds.min(CONFIRM_SECONDS_MAX)));
    Ok(file::write(target, &armed)?)
}

/// Confirms a change: it stays.
pub fn confirm(target: &Target<'_>, id: &str) -> Result<(), TargetError> {
    let _lock = target.exclude()?;
    recover_locked(target)?;
    let armed = waiting(target, id)?;
    let found = live(target, &armed.stack)?.number;
    if found != Some(armed.child) {
        return Err(TargetError::NotArmed { id: id.to_owned() });
    }
    Ok(file::remove(target, id)?)
}

/// Returns what waits to be confirmed.
pub fn armed(target: &Target<'_>) -> Result<Vec<Pending>, TargetError> {
    let now = Moment::now();
    let pending = |armed: Armed| Pending {
        seconds_left: armed.until.left(&now).unwrap_or(0),
        id: armed.id,
        stack: armed.stack,
        back_to: armed.back_to,
        child: armed.child,
    };
    let mut found = Vec::new();
    for id in file::ids(target)? {
        found.extend(file::read(target, &id)?.filter(|armed| !armed.firing).map(pending));
    }
    Ok(found)
}

/// Refuses a change that was to be armed and is not, or is another one than was armed. The caller has the lock.
pub(crate) fn admit(target: &Target<'_>, plan: &Plan) -> Result<(), TargetError> {
    let to = match &plan.goal {
        Goal::New(generation) => Some(generation.number),
        Goal::Kept(number) => Some(*number),
        Goal::Gone => None,
    };
    admit_change(target, &plan.stack, plan.parent, to)
}

/// The same, of a change that is staged: its time may be over by now.
pub(crate) fn admit_staged(target: &Target<'_>, intent: &Intent) -> Result<(), TargetError> {
    admit_change(target, &intent.stack, intent.from, intent.to)
}

fn admit_change(target: &Target<'_>, stack: &str, from: Option<u32>, to: Option<u32>) -> Result<(), TargetError> {
    let Pledge::Armed(id) = &target.pledge else { return Ok(()) };
    let armed = waiting(target, id)?;
    let fits = armed.stack == stack && Some(armed.child) == to && armed.back_to == from;
    match armed.until.left(&Moment::now()) {
        Some(_) if fits => Ok(()),
        Some(_) | None => Err(TargetError::NotArmed { id: id.clone() }),
    }
}

/// Takes back what was not confirmed in time, if nobody did that yet. What cannot be done stays for the next one who comes.
pub(crate) fn settle(target: &Target<'_>) {
    // Who makes a change that is armed has just looked, and who takes back is not to begin that again.
    if target.pledge == Pledge::Nothing {
        settle_at(target, &Moment::now(), Asked::ByCommand);
    }
}

/// Does the same, if nobody else is there. Whoever only looks waits for nobody, least of all for himself.
pub(crate) fn settle_if_free(target: &Target<'_>) {
    let mut hasty = target.clone();
    if let Some(place) = &mut hasty.place {
        place.asking.wait = Duration::ZERO;
    }
    settle(&hasty);
}

/// Tells whether a generation may be needed to go back to.
pub(crate) fn is_needed(target: &Target<'_>, stack: &str, number: u32) -> Result<bool, TargetError> {
    Ok(armed(target)?.iter().any(|pending| pending.stack == stack && pending.back_to == Some(number)))
}

/// What whoever works on a target is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pledge {
    Nothing,
    /// A change that was armed by this name.
    Armed(String),
    TakingBack,
}

/// Takes back all that was not confirmed: the machine was started anew, and nothing of it runs yet. Tells whether there was
/// anything.
pub(crate) fn settle_at_boot(target: &Target<'_>) -> bool {
    settle_at(target, &Moment::now(), Asked::AtBoot)
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    ByCommand,
    /// Then it is waited for nothing, and nothing is run.
    AtBoot,
}

fn settle_at(target: &Target<'_>, now: &Moment, asked: Asked) -> bool {
    let mut any = false;
    for id in file::ids(target).unwrap_or_default() {
        any |= matches!(step(target, &id, now, asked), Ok(Step::Done { went_back: true }));
    }
    // Secrets of one whose name went just before whoever removed it was stopped.
    if file::has_strays(target)
        && let Ok(_lock) = target.exclude()
    {
        let _ = file::sweep(target);
    }
    any
}

/// How far it is with one that is armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many seconds are left.
    Waits(u64),
    /// There is nothing left to be done.
    Done { went_back: bool },
}

/// Does what is to be done now about one that is armed.
pub(crate) fn step(target: &Target<'_>, id: &str, now: &Moment, asked: Asked) -> Result<Step, TargetError> {
    let Some(armed) = file::read(target, id)? else { return Ok(Step::Done { went_back: false }) };
    if let Decision::Wait(seconds) = decide(&armed, now, live(target, &armed.stack)?.number, asked) {
        return Ok(Step::Waits(seconds));
    }
    // Once more, where nobody can change it meanwhile.
    let armed = {
        let _lock = target.exclude()?;
        recover_locked(target)?;
        let Some(mut armed) = file::read(target, id)? else { return Ok(Step::Done { went_back: false }) };
        match decide(&armed, now, live(target, &armed.stack)?.number, asked) {
            Decision::Wait(seconds) => return Ok(Step::Waits(seconds)),
            Decision::Drop => {
                file::remove(target, id)?;
                return Ok(Step::Done { went_back: false });
            }
            Decision::Back if !armed.firing => {
                armed.firing = true;
                file::write(target, &armed)?;
            }
            Decision::Back | Decision::Finish => {}
        }
        armed
    };
    go_back(target, &armed)?;
    if asked == Asked::ByCommand {
        run(target, &armed.after, &mut || {});
    }
    let _lock = target.exclude()?;
    file::remove(target, id)?;
    Ok(Step::Done { went_back: true })
}

/// Makes the generation live that was live before, unless it is that already.
fn go_back(target: &Target<'_>, armed: &Armed) -> Result<(), TargetError> {
    if live(target, &armed.stack)?.number == armed.back_to {
        return Ok(());
    }
    let boundary: Option<Boundary> = armed.boundary.clone();
    let within = Target { boundary, pledge: Pledge::TakingBack, ..target.clone() };
    let (plan, payload) = back::plan(&within, armed)?;
    commit(&within, &plan, payload, &mut |_| {}).map(drop)
}

fn waiting(target: &Target<'_>, id: &str) -> Result<Armed, TargetError> {
    let gone = || TargetError::NotArmed { id: id.escape_debug().to_string() };
    file::read(target, id)?.filter(|armed| !armed.firing).ok_or_else(gone)
}
