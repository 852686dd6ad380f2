//! A stack goes, with all its generations, on one target. What came of it is returned; who shows it, and how, is not known
//! here.

use super::Stopped;
use super::activate::{self, Activated};
use super::commit::{self, Teller};
use super::kept;
use super::site::{Site, live};
use crate::args::service::reach::{Activating, Units};
use punix_deploy::{Decided, Ground, Planned, Wish, plan, question_for};
use punix_diag::Diagnostic;
use punix_target::Payload;

/// What became of it.
#[derive(Debug)]
pub(crate) struct Gone {
    /// The generation that was live.
    pub(crate) was: u32,
    pub(crate) decided: Decided,
    pub(crate) warnings: Vec<Diagnostic>,
    /// What came of its units. The stack is gone all the same.
    pub(crate) activated: Result<Activated, Stopped>,
}

/// Takes a stack away.
pub(super) fn take(
    teller: Teller<'_>,
    site: &Site<'_>,
    stack: &str,
    refuse_drift: bool,
    (units, activating): (&Units, &Activating),
) -> Result<Gone, Stopped> {
    let door = site.door;
    let live = live(door.current_record(stack)?, stack)?;
    let seen = door.look(&question_for(&live))?;
    let around = kept::around(teller.ui, site, &live, units, activate::is_wanted(activating))?;
    let planned = plan(Ground { seen: &seen, boundary: &around.boundary }, Wish::Remove { stack, refuse_drift });
    let decided = match planned.map_err(|error| error.explain(&|_| None))? {
        Planned::Change(decided) => *decided,
        // Whatever is live can go.
        Planned::Unchanged { .. } => return Err(super::site::not_deployed(stack)),
    };
    let warnings: Vec<Diagnostic> = decided.warnings.iter().map(Diagnostic::from).collect();
    teller.warn(&warnings, &punix_diag::SourceMap::default());
    commit::commit(teller, door, &around.boundary, &decided.plan, Payload::default())?;
    let activated = activate::activate(teller, site, activating, around.units(&live), &decided.units);
    Ok(Gone { was: live.number, decided, warnings, activated })
}
