//! Another generation becomes live: admitted, staged, published, flipped, finished. Whoever is stopped anywhere leaves a
//! journal, from which [`recover`](crate::recover) makes the one generation or the other.

use crate::admit::{USER_SCOPE, Work, admit};
use crate::audit::{self, AuditResult};
use crate::boot;
use crate::claims::{self, Claims};
use crate::confirm::{self, Pledge};
use crate::failure::TargetError;
use crate::finish::{Collect, finish};
use crate::flip::{flip, has_flipped, unflip};
use crate::generation::Generation;
use crate::guard;
use crate::journal::{self, Journal, Staged, Writing};
use crate::ledger::{Ledger, Note};
use crate::lock;
use crate::plan::{Goal, Payload, Plan};
use crate::protocol::plan_digest;
use crate::publish::publish;
use crate::records;
use crate::recover::recover_locked;
use crate::room;
use crate::stage::stage;
use crate::target::{PRIVATE_MODE, ROOT_MODE, Target, make_directories};
use crate::undo::undo;
use serde::{Deserialize, Serialize};

/// How far a commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// So many of so many files are written, and nobody sees them.
    Staging { done: usize, of: usize },
    /// The files are in their places.
    Published,
    /// The new generation is live, durably.
    Live,
}

/// What a commit did.
#[derive(Debug)]
pub struct Committed {
    pub stack: String,
    pub from: Option<u32>,
    pub to: Option<u32>,
    /// Generations that are no longer kept.
    pub trimmed: Vec<u32>,
    /// Files that somebody had changed, and where their bytes are.
    pub kept: Vec<Note>,
    /// Why it was not cleared away what is no longer needed. The next command does it.
    pub unfinished: Option<TargetError>,
}

/// Carries out a plan. When it returns, the new generation is live, durably; after an error the old one is, as it was.
pub fn commit(
    target: &Target<'_>,
    plan: &Plan,
    payload: Payload,
    progress: &mut dyn FnMut(Progress),
) -> Result<Committed, TargetError> {
    confirm::settle(target);
    let wanted = wanted(target, plan)?;
    let system = match &wanted {
        Some(generation) => generation.scope != USER_SCOPE,
        None => Ledger::read(target)?.is_system(&plan.stack).unwrap_or(true),
    };
    let is_registry = system && claims::prepare(target)?;
    let _claims_lock = if is_registry { Some(lock::claims(target)?) } else { None };
    let _lock = target.exclude()?;
    recover_locked(target)?;
    confirm::admit(target, plan)?;
    let digest = plan_digest(plan);
    // What may have to come back stays for now.
    let untrimmed = matches!(target.pledge, Pledge::Armed(_)).then(|| Plan { keep: u32::MAX, ..plan.clone() });
    let plan = untrimmed.as_ref().unwrap_or(plan);
    let claims = Claims::read(target, system)?;
    let mut work = admit(target, plan, payload, &claims, wanted.as_ref())?;
    work.intent.origin = Some(audit::origin(target, Some((plan, digest))));
    audit::prepare(target)?;
    room::check(target, &work)?;
    // Everybody may see that something was interrupted, and nobody what.
    make_directories(target.disk, &target.layout.journal(), ROOT_MODE)?;
    make_directories(target.disk, &target.layout.blobs(), PRIVATE_MODE)?;
    if is_registry {
        claims::register(target)?;
    }
    if wanted.is_some() && (is_registry || !system) {
        boot::install(target, system)?;
    }
    carry_out(target, work, progress)
}

/// Returns the generation that will be live.
fn wanted(target: &Target<'_>, plan: &Plan) -> Result<Option<Generation>, TargetError> {
    match &plan.goal {
        Goal::New(generation) => Ok(Some(Generation::clone(generation))),
        Goal::Kept(number) => records::record(target, &plan.stack, *number).map(Some),
        Goal::Gone => Ok(None),
    }
}

fn carry_out(target: &Target<'_>, work: Work, progress: &mut dyn FnMut(Progress)) -> Result<Committed, TargetError> {
    let writing = journal::begin(target, &work.intent)?;
    let mut staged = None;
    let mut guard = None;
    let done = go(target, &work, writing, &mut staged, &mut guard, progress);
    let Work { intent, notes, .. } = work;
    if let Err(error) = done {
        let journal = Journal { intent, staged };
        return Err(match take_back(target, &journal) {
            Ok(()) => {
                guard::dismiss(guard);
                error
            }
            Err(undo) => TargetError::Unfinished { error: Box::new(error), undo: Box::new(undo) },
        });
    }
    let finished = finish(target, &intent, Collect::IfTrimmed, AuditResult::Done)
        .and_then(|()| Ok(journal::end(target, &intent.id)?));
    if finished.is_ok() {
        guard::dismiss(guard);
    }
    Ok(Committed {
        stack: intent.stack,
        from: intent.from,
        to: intent.to,
        trimmed: intent.trimmed,
        kept: notes,
        unfinished: finished.err(),
    })
}

/// Does everything up to the flip.
fn go(
    target: &Target<'_>,
    work: &Work,
    writing: Writing<'_>,
    staged: &mut Option<Staged>,
    guard: &mut Option<guard::Guard>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), TargetError> {
    let of = work.intent.items.len();
    let new = stage(target, work, &mut |done| progress(Progress::Staging { done, of }))?;
    writing.finish(&new)?;
    *staged = Some(new);
    *guard = guard::start(target);
    publish(target, work)?;
    progress(Progress::Published);
    flip(target, &work.intent)?;
    progress(Progress::Live);
    Ok(())
}

/// Undoes what was begun, and says so by removing the journal.
fn take_back(target: &Target<'_>, journal: &Journal) -> Result<(), TargetError> {
    if has_flipped(target, journal)? {
        unflip(target, &journal.intent)?;
    }
    undo(target, journal)?;
    if journal.staged.is_some() {
        // Nothing has changed in the end; that this cannot be said is no reason to leave it half undone.
        let _ = audit::tell(target, &journal.intent, AuditResult::Undone);
    }
    Ok(journal::end(target, &journal.intent.id)?)
}

#[cfg(test)]
mod tests;
