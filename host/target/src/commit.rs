//! Another generation becomes live: admitted, staged, published, flipped, finished. Whoever is stopped anywhere leaves a
//! journal, from which [`recover`](crate::recover) makes the one generation or the other.
//!
//! It can wait between being staged and being published, for others that are to become live with it or not at all.

use crate::admit::{USER_SCOPE, Work, admit};
use crate::audit::{self, AuditResult};
use crate::boot;
use crate::claims::{self, Claims};
use crate::confirm::{self, Pledge};
use crate::failure::TargetError;
use crate::finish::{Collect, finish};
use crate::flip::{self, flip, unflip};
use crate::generation::Generation;
use crate::guard::{self, Guard, Nameless};
use crate::journal::{self, Journal, Staged, Writing};
use crate::ledger::{Ledger, Note};
use crate::lock::{self, ClaimsLock, Exclusive};
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

/// A change of which everything is there, and nothing can be seen. Nobody else writes or reads while it waits. If whoever
/// has it dies, it is undone by its guard, or by the next command.
pub(crate) struct Ready {
    work: Work,
    staged: Staged,
    guard: Option<Guard>,
    _claims_lock: Option<ClaimsLock>,
    _lock: Exclusive,
}

impl Ready {
    pub(crate) fn stack(&self) -> &str {
        &self.work.intent.stack
    }
}

/// Carries out a plan. When it returns, the new generation is live, durably; after an error the old one is, as it was.
pub fn commit(
    target: &Target<'_>,
    plan: &Plan,
    payload: Payload,
    progress: &mut dyn FnMut(Progress),
) -> Result<Committed, TargetError> {
    let ready = make_ready(target, plan, payload, progress)?;
    go_live(target, ready, progress)
}

/// Does all of a plan that nobody sees. After an error nothing of it is left.
pub(crate) fn make_ready(
    target: &Target<'_>,
    plan: &Plan,
    payload: Payload,
    progress: &mut dyn FnMut(Progress),
) -> Result<Ready, TargetError> {
    confirm::settle(target);
    let wanted = wanted(target, plan)?;
    let system = match &wanted {
        Some(generation) => generation.scope != USER_SCOPE,
        None => Ledger::read(target)?.is_system(&plan.stack).unwrap_or(true),
    };
    let is_registry = system && claims::prepare(target)?;
    let claims_lock = if is_registry { Some(lock::claims(target)?) } else { None };
    let lock = target.exclude()?;
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
        // Its unit lies where units of the stack do, so directories that were lacking may be there by now.
        for directory in std::mem::take(&mut work.intent.directories) {
            if target.disk.metadata(directory.on_disk())?.is_none() {
                work.intent.directories.push(directory);
            }
        }
    }
    let writing = journal::begin(target, &work.intent)?;
    match write_all(target, &work, writing, progress) {
        Ok(staged) => {
            // They are on the disk.
            work.pieces.iter_mut().for_each(|piece| piece.bytes = None);
            work.blobs.clear();
            Ok(Ready { work, staged, guard: guard::start(target), _claims_lock: claims_lock, _lock: lock })
        }
        Err(error) => Err(taken_back(target, Journal { intent: work.intent, staged: None }, None, error)),
    }
}

/// Writes everything beside where it will be, and into the journal that it is there.
fn write_all(
    target: &Target<'_>,
    work: &Work,
    writing: Writing<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Staged, TargetError> {
    let of = work.intent.items.len();
    let staged = stage(target, work, &mut |done| progress(Progress::Staging { done, of }))?;
    writing.finish(&staged)?;
    Ok(staged)
}

/// Makes live what waits. When it returns, it is, durably; after an error the old generation is, as it was.
pub(crate) fn go_live(
    target: &Target<'_>,
    ready: Ready,
    progress: &mut dyn FnMut(Progress),
) -> Result<Committed, TargetError> {
    // The locks go last.
    let Ready { work, staged, guard, _claims_lock, _lock } = ready;
    let mut go = || -> Result<(), TargetError> {
        publish(target, &work, &staged)?;
        progress(Progress::Published);
        flip(target, &work.intent)?;
        progress(Progress::Live);
        Ok(())
    };
    let done = go();
    let Work { intent, notes, .. } = work;
    if let Err(error) = done {
        return Err(taken_back(target, Journal { intent, staged: Some(staged) }, guard, error));
    }
    let mut nameless = Nameless::default();
    let finished = finish(target, &intent, Collect::IfTrimmed, AuditResult::Done, &mut nameless)
        .and_then(|()| Ok(journal::end(target, &intent.id)?));
    if finished.is_ok() {
        guard::dismiss(guard, nameless);
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

/// Makes live what was staged some time ago. If it is too late for that, it is undone.
pub(crate) fn go_live_late(
    target: &Target<'_>,
    ready: Ready,
    progress: &mut dyn FnMut(Progress),
) -> Result<Committed, TargetError> {
    match confirm::admit_staged(target, &ready.work.intent) {
        Ok(()) => go_live(target, ready, progress),
        Err(error) => {
            let_go(target, ready)?;
            Err(error)
        }
    }
}

/// Undoes what waits: nothing of it is left.
pub(crate) fn let_go(target: &Target<'_>, ready: Ready) -> Result<(), TargetError> {
    let Ready { work, staged, guard, _claims_lock, _lock } = ready;
    take_back(target, &Journal { intent: work.intent, staged: Some(staged) })?;
    guard::dismiss(guard, Nameless::default());
    Ok(())
}

/// Returns the generation that will be live.
fn wanted(target: &Target<'_>, plan: &Plan) -> Result<Option<Generation>, TargetError> {
    match &plan.goal {
        Goal::New(generation) => Ok(Some(Generation::clone(generation))),
        Goal::Kept(number) => records::record(target, &plan.stack, *number).map(Some),
        Goal::Gone => Ok(None),
    }
}

/// Undoes what was begun, and returns what to say of it.
fn taken_back(target: &Target<'_>, journal: Journal, guard: Option<Guard>, error: TargetError) -> TargetError {
    match take_back(target, &journal) {
        Ok(()) => {
            guard::dismiss(guard, Nameless::default());
            error
        }
        Err(undo) => TargetError::Unfinished { error: Box::new(error), undo: Box::new(undo) },
    }
}

/// Undoes what was begun, and says so by removing the journal.
fn take_back(target: &Target<'_>, journal: &Journal) -> Result<(), TargetError> {
    if flip::settle(target, journal)? {
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
