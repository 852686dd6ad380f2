//! What will be done on a target: what was seen there and what is wished, in; all that a commit does, out. Pure, so that
//! it can be shown, kept and compared; whoever carries it out decides nothing.

mod judge;
mod question;
mod refusal;
#[cfg(test)]
pub(crate) mod tests;
mod warning;

pub use question::{as_others, question, question_for};
pub use refusal::{Drift, PlanError, Refusal, Standing, Turn};
pub use warning::Warning;

use crate::artifacts::Artifacts;
use crate::units::{UnitStep, unit_steps};
use judge::{Judge, Secrets};
use punix_store::Digest;
use punix_target::{After, Body, Boundary, Change, FileRow, Generation, Goal, Mark, Plan, Seen, TargetPath};
use std::collections::{BTreeMap, BTreeSet};

/// How many generations are kept if nobody says otherwise.
pub const KEEP: u32 = 10;

/// What is wished of a stack.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one wish at a time")]
pub enum Wish<'w> {
    /// A new generation.
    Deploy(Deploy),
    /// One that is kept.
    Go(Go<'w>),
    /// What the current generation says, where the target differs from it.
    Repair(Repair<'w>),
    /// Nothing of it, with all its generations.
    Remove { stack: &'w str, refuse_drift: bool },
}

/// How careful it is with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Files that somebody else put where the stack writes become the stack's.
    pub adopt: bool,
    /// Files of the stack that somebody changed stop it.
    pub refuse_drift: bool,
    /// How many generations are kept.
    pub keep: u32,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { adopt: false, refuse_drift: false, keep: KEEP }
    }
}

/// A wish for a new generation.
#[derive(Debug)]
pub struct Deploy {
    /// As `draft` wrote it.
    pub draft: Generation,
    pub policy: Policy,
    /// It is made even if nothing would be different.
    pub force_generation: bool,
    /// Files that stay as they are, whatever that is: nothing is at hand to write them.
    pub kept: BTreeSet<TargetPath>,
    /// The services that are run as somebody else, as [`as_others`] has them.
    pub as_others: Vec<String>,
}

/// A wish for a generation that is kept.
#[derive(Debug)]
pub struct Go<'w> {
    pub to: &'w Generation,
    pub policy: Policy,
    /// Whether files become what it says; otherwise only the pointer moves.
    pub rewrite: bool,
    /// By what files with secrets are recognised that were made again with fresh values; nothing if they were not.
    pub remade: Option<&'w BTreeMap<TargetPath, Mark>>,
    pub anew: &'w Anew,
}

/// Files without secrets that were made anew, with what other hosts give by now.
#[derive(Debug, Clone, Default)]
pub struct Anew {
    /// By what they are recognised.
    pub marks: BTreeMap<TargetPath, Mark>,
    /// What is known of what others give.
    pub artifacts: Artifacts,
}

/// A wish for what the current generation says.
#[derive(Debug)]
pub struct Repair<'w> {
    pub stack: &'w str,
    pub policy: Policy,
    pub remade: Option<&'w BTreeMap<TargetPath, Mark>>,
}

/// What a wish comes to.
#[derive(Debug)]
pub enum Planned {
    /// All is as it should be. Store entries may still be missing on the target.
    Unchanged {
        number: u32,
        push: BTreeSet<String>,
    },
    Change(Box<Decided>),
}

/// What will be done, and what it means.
#[derive(Debug)]
pub struct Decided {
    pub plan: Plan,
    /// The digests of all contents that have to be in the payload or in the target's blobs.
    pub blobs: BTreeSet<Digest>,
    /// Contents of which a record of the old form has the bytes, and the target's blobs have not: they belong in the
    /// payload.
    pub inline: BTreeMap<Digest, Body>,
    /// Files of which the payload has to have the bytes, for there are secrets in them.
    pub secrets: BTreeSet<TargetPath>,
    /// Store entries that the target lacks.
    pub push: BTreeSet<String>,
    /// What becomes of each unit, in the order in which it is done.
    pub units: Vec<UnitStep>,
    pub warnings: Vec<Warning>,
    pub counts: Counts,
}

/// How much is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub written: usize,
    pub removed: usize,
    /// Files of the generation that already are what they should be.
    pub same: usize,
    /// Files with secrets that stay as they are, though they are not what the generation says.
    pub secret_skipped: usize,
    /// The same of files with artifacts of other hosts that cannot be made from the record.
    pub artifact_skipped: usize,
    /// Files that are not what the generation had, but for what other hosts give by now.
    pub artifact_renewed: usize,
}

impl Counts {
    /// Returns how many files stay as they are.
    fn skipped(&self) -> usize {
        self.secret_skipped + self.artifact_skipped
    }
}

/// A target, for whoever judges: what was seen of it, and where files may lie there.
#[derive(Clone, Copy)]
pub struct Ground<'g> {
    pub seen: &'g Seen,
    pub boundary: &'g Boundary,
}

/// Makes a plan.
pub fn plan(ground: Ground<'_>, wish: Wish<'_>) -> Result<Planned, PlanError> {
    punix_diag::drill("plan");
    match wish {
        Wish::Deploy(deploy) => deploy_plan(ground, deploy),
        Wish::Go(go) => go_plan(ground, &go),
        Wish::Repair(repair) => repair_plan(ground, &repair),
        Wish::Remove { stack, refuse_drift } => remove_plan(ground, stack, refuse_drift),
    }
}

/// Returns the number that a rollback goes to.
pub fn back_from(stack: &str, seen: &Seen) -> Result<u32, PlanError> {
    let none =
        || Refusal::NoPrevious { stack: stack.to_owned(), current: seen.current.as_ref().map(|live| live.number) };
    let previous = seen.current.as_ref().and_then(|live| live.previous).ok_or_else(none)?;
    kept(stack, seen, previous)
}

/// Returns a number if its generation is kept.
pub fn kept(stack: &str, seen: &Seen, number: u32) -> Result<u32, PlanError> {
    if seen.numbers.contains(&number) {
        return Ok(number);
    }
    Err(Refusal::NotKept { stack: stack.to_owned(), number, kept: seen.numbers.clone() }.into())
}

/// Checks that files with secrets that were made again are those of a plan that was kept: their values are not in it.
pub fn same_secrets(plan: &Plan, remade: &BTreeMap<TargetPath, Mark>) -> Result<(), PlanError> {
    let other = plan.changes.iter().filter(|change| match change.after {
        After::File { mark: mark @ Mark::HmacSha256(_), .. } => remade.get(&change.path) != Some(&mark),
        After::File { mark: Mark::Sha256(_), .. } | After::Same | After::Nothing => false,
    });
    let refusals: Vec<Refusal> = other.map(|change| Refusal::OtherSecret { path: change.path.clone() }).collect();
    if refusals.is_empty() { Ok(()) } else { Err(PlanError(refusals)) }
}

fn deploy_plan(ground: Ground<'_>, deploy: Deploy) -> Result<Planned, PlanError> {
    let seen = ground.seen;
    let Deploy { mut draft, policy, force_generation, kept, as_others } = deploy;
    draft.number = seen.next;
    draft.previous = seen.current.as_ref().map(|live| live.number);
    let mut judge = Judge::new(ground, policy, Secrets::Given);
    for row in &draft.files {
        match kept.contains(&row.path) {
            true => judge.left(&row.path),
            false => judge.wanted(row),
        }
    }
    judge.removed(&draft.files);
    let judged = judge.end()?;
    let same = seen.current.as_ref().filter(|live| is_same(live, &draft) && !force_generation);
    let push = missing(seen, &draft);
    if let Some(live) = same.filter(|_| judged.is_still()) {
        return Ok(Planned::Unchanged { number: live.number, push });
    }
    let orphaned: Vec<String> = seen.current.iter().flat_map(|live| &live.state_dirs).cloned().collect();
    let orphaned: Vec<String> = orphaned.into_iter().filter(|dir| !draft.state_dirs.contains(dir)).collect();
    let mut warnings = Vec::new();
    if let (false, Some(previous)) = (orphaned.is_empty(), draft.previous) {
        warnings.push(Warning::Orphaned { stack: draft.stack.clone(), state_dirs: orphaned, from: previous });
    }
    if let (false, Some(closed)) = (as_others.is_empty(), &seen.closed) {
        warnings.push(Warning::Closed { services: as_others, closed: closed.clone() });
    }
    let units = unit_steps(seen.current.as_ref(), Some(&draft), &judged.changes);
    let stack = draft.stack.clone();
    let blobs = draft.files.iter().filter_map(blob).collect();
    let goal = Goal::New(Box::new(draft));
    Ok(judged.decided(stack, seen, goal, policy.keep, Rest { push, units, warnings, blobs }))
}

fn go_plan(ground: Ground<'_>, go: &Go<'_>) -> Result<Planned, PlanError> {
    let seen = ground.seen;
    let Go { to, policy, rewrite, remade, anew } = *go;
    kept(&to.stack, seen, to.number)?;
    let missing = missing(seen, to);
    if !missing.is_empty() {
        let paths = missing.into_iter().collect();
        return Err(Refusal::StoreMissing { stack: to.stack.clone(), number: to.number, paths }.into());
    }
    let secrets = match remade {
        Some(marks) => Secrets::Remade(marks),
        None => Secrets::Skipped { number: to.number },
    };
    let mut judge = Judge::new(ground, policy, secrets).with(&anew.marks, to.number);
    if rewrite {
        to.files.iter().for_each(|row| judge.wanted(row));
        judge.removed(&to.files);
    } else {
        to.files.iter().for_each(|row| judge.left(&row.path));
        let kept: BTreeSet<&TargetPath> = to.files.iter().map(|row| &row.path).collect();
        let gone = seen.current.iter().flat_map(|live| &live.files);
        gone.filter(|row| !kept.contains(&row.path)).for_each(|row| judge.left(&row.path));
    }
    let mut judged = judge.end()?;
    if rewrite {
        judged.counts.artifact_renewed = renewed(to, &judged);
    }
    if judged.is_still() && seen.current.as_ref().is_some_and(|live| live.number == to.number) {
        return Ok(Planned::Unchanged { number: to.number, push: BTreeSet::new() });
    }
    let units = unit_steps(seen.current.as_ref(), Some(&judged.written(to)), &judged.noticed());
    let units = if rewrite { units } else { units.into_iter().map(UnitStep::left).collect() };
    let warnings = going_warnings(seen, to, &judged, (rewrite, anew));
    let rest = Rest { push: BTreeSet::new(), units, warnings, blobs: judged.blobs() };
    Ok(judged.decided(to.stack.clone(), seen, Goal::Kept(to.number), policy.keep, rest))
}

fn going_warnings(
    seen: &Seen,
    to: &Generation,
    judged: &judge::Judged,
    (rewrite, anew): (bool, &Anew),
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let counts = judged.counts;
    if counts.secret_skipped > 0 {
        warnings.push(Warning::SecretSkipped { files: counts.secret_skipped, number: to.number });
    }
    if counts.artifact_skipped > 0 {
        warnings.push(Warning::ArtifactSkipped { files: counts.artifact_skipped });
    }
    warnings.extend(as_then(to, judged, anew));
    let other = seen.current.as_ref().filter(|live| live.number != to.number);
    if let Some(live) = other.filter(|live| live.stateful || to.stateful) {
        let state_dirs: BTreeSet<&String> = live.state_dirs.iter().chain(&to.state_dirs).collect();
        warnings.push(Warning::Stateful {
            stack: to.stack.clone(),
            from: live.number,
            to: to.number,
            state_dirs: state_dirs.into_iter().cloned().collect(),
        });
    }
    if !rewrite {
        warnings.push(Warning::NotRewritten { number: to.number });
    }
    warnings
}

/// Counts files that have become what other hosts give by now, in place of what the generation had.
fn renewed(to: &Generation, judged: &judge::Judged) -> usize {
    let paths: BTreeSet<&TargetPath> = to.artifacts.iter().map(|artifact| &artifact.path).collect();
    let marks: BTreeMap<&TargetPath, Mark> = to.files.iter().map(|row| (&row.path, row.mark)).collect();
    let is_renewed = |change: &&Change| match &change.after {
        // Of a file with secrets nobody knows which of both is another one.
        After::File { mark: mark @ Mark::Sha256(_), .. } => {
            paths.contains(&change.path) && marks.get(&change.path).is_some_and(|recorded| recorded != mark)
        }
        After::File { mark: Mark::HmacSha256(_), .. } | After::Same | After::Nothing => false,
    };
    judged.changes.iter().filter(is_renewed).count()
}

/// Names files that are written as they were, with what was made of another host's certificate then. That host may have
/// another one by now, which does not go back.
fn as_then(to: &Generation, judged: &judge::Judged, anew: &Anew) -> Vec<Warning> {
    const LITERAL: &str = "literal";
    let mut warnings = Vec::new();
    for change in judged.changes.iter().filter(|change| matches!(change.after, After::File { .. })) {
        let is_known = |host: &str, name: &str| {
            anew.artifacts.find(host, name).is_some()
                && (anew.marks.contains_key(&change.path) || writes_secret(change))
        };
        let of_file = to.artifacts.iter().filter(|row| row.path == change.path && row.kind != LITERAL);
        let hosts: BTreeSet<&String> =
            of_file.filter(|row| !is_known(&row.host, &row.name)).map(|row| &row.host).collect();
        if !hosts.is_empty() {
            let hosts = hosts.into_iter().cloned().collect();
            warnings.push(Warning::ArtifactsAsThen { path: change.path.clone(), hosts, number: to.number });
        }
    }
    warnings
}

fn repair_plan(ground: Ground<'_>, repair: &Repair<'_>) -> Result<Planned, PlanError> {
    let seen = ground.seen;
    let Repair { stack, policy, remade } = *repair;
    let Some(live) = &seen.current else { return Err(Refusal::NotDeployed { stack: stack.to_owned() }.into()) };
    let secrets = match remade {
        Some(marks) => Secrets::Remade(marks),
        None => Secrets::Skipped { number: live.number },
    };
    let mut judge = Judge::new(ground, policy, secrets);
    live.files.iter().for_each(|row| judge.wanted(row));
    let judged = judge.end()?;
    let push = missing(seen, live);
    if judged.is_still() && judged.counts.skipped() == 0 {
        return Ok(Planned::Unchanged { number: live.number, push });
    }
    let units = unit_steps(Some(live), Some(live), &judged.changes);
    // What was made anew is what is repaired.
    let warnings = going_warnings(seen, live, &judged, (true, &Anew::default()));
    let rest = Rest { push, units, warnings, blobs: judged.blobs() };
    Ok(judged.decided(live.stack.clone(), seen, Goal::Kept(live.number), policy.keep, rest))
}

fn remove_plan(ground: Ground<'_>, stack: &str, refuse_drift: bool) -> Result<Planned, PlanError> {
    let seen = ground.seen;
    let Some(live) = &seen.current else { return Err(Refusal::NotDeployed { stack: stack.to_owned() }.into()) };
    let policy = Policy { refuse_drift, ..Policy::default() };
    let mut judge = Judge::new(ground, policy, Secrets::Given);
    judge.removed(&[]);
    let judged = judge.end()?;
    let mut warnings = Vec::new();
    if !live.state_dirs.is_empty() {
        warnings.push(Warning::DataStays { stack: live.stack.clone(), state_dirs: live.state_dirs.clone() });
    }
    let units = unit_steps(Some(live), None, &judged.changes);
    let rest = Rest { push: BTreeSet::new(), units, warnings, blobs: BTreeSet::new() };
    Ok(judged.decided(live.stack.clone(), seen, Goal::Gone, policy.keep, rest))
}

/// What else belongs to a decision.
struct Rest {
    push: BTreeSet<String>,
    units: Vec<UnitStep>,
    warnings: Vec<Warning>,
    blobs: BTreeSet<Digest>,
}

impl judge::Judged {
    fn decided(self, stack: String, seen: &Seen, goal: Goal, keep: u32, rest: Rest) -> Planned {
        let Rest { push, units, warnings, blobs } = rest;
        let parent = seen.current.as_ref().map(|live| live.number);
        let secrets = self.changes.iter().filter(|change| writes_secret(change)).map(|change| change.path.clone());
        let secrets = secrets.collect();
        let warnings = self.warnings.into_iter().chain(warnings).collect();
        let inline = self.inline;
        let plan = Plan { stack, parent, goal, changes: self.changes, keep };
        Planned::Change(Box::new(Decided { plan, blobs, inline, secrets, push, units, warnings, counts: self.counts }))
    }
}

fn writes_secret(change: &Change) -> bool {
    matches!(change.after, After::File { mark: Mark::HmacSha256(_), .. })
}

/// Returns the digest under which a file's bytes are among the blobs.
fn blob(row: &FileRow) -> Option<Digest> {
    match row.mark {
        Mark::Sha256(digest) => Some(digest),
        Mark::HmacSha256(_) => None,
    }
}

fn missing(seen: &Seen, generation: &Generation) -> BTreeSet<String> {
    generation.store_paths.iter().filter(|path| seen.missing.contains(*path)).cloned().collect()
}

/// Tells whether two generations are the same on a target. Who made one when, from which text and with which versions of
/// plugins, is nothing that can be seen there.
fn is_same(live: &Generation, draft: &Generation) -> bool {
    live.backend == draft.backend
        && live.scope == draft.scope
        && live.store_paths == draft.store_paths
        && live.services == draft.services
        && live.units == draft.units
        && live.state_dirs == draft.state_dirs
        && live.stateful == draft.stateful
        && live.files == draft.files
}
