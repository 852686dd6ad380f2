//! A target that is a map: what is there, whose it is, and which generations are kept. It carries plans out as they say,
//! and complains of every plan that does not fit.

use super::super::{Decided, Ground, Planned, Wish, plan, question_for};
use crate::plan::PlanError;
use punix_target::{
    After, Boundary, Closed, FileRow, FileSeen, Generation, Goal, Mark, PathSeen, Question, Seen, TargetPath, There,
};
use std::collections::{BTreeMap, BTreeSet};

/// Who acts in all tests.
pub(crate) const ACTING: (u32, u32) = (0, 0);

#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) files: BTreeMap<TargetPath, There>,
    pub(crate) stacks: BTreeMap<String, Kept>,
    pub(crate) missing: BTreeSet<String>,
    pub(crate) users: BTreeMap<String, u32>,
    pub(crate) closed: Option<Closed>,
    /// Who deployed what is there, if it was somebody else.
    pub(crate) deployed_as: Option<(u32, u32)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) generations: BTreeMap<u32, Generation>,
    pub(crate) current: Option<u32>,
    /// No number is used twice.
    pub(crate) last: u32,
}

/// Returns a file as it stands after a plan wrote it.
pub(crate) fn standing(mark: Mark, mode: u32) -> There {
    let (owner, group) = ACTING;
    There::File(FileSeen { mode, owner, group, size: 1, identity: (1, 1), marks: vec![mark] })
}

impl World {
    pub(crate) fn current(&self, stack: &str) -> Option<&Generation> {
        let kept = self.stacks.get(stack)?;
        kept.generations.get(&kept.current?)
    }

    /// Looks at what is asked about, and what the current generation has.
    pub(crate) fn look(&self, question: &Question) -> Seen {
        let stack = question.stack.as_str();
        let current = self.current(stack).cloned();
        let kept = self.stacks.get(stack).cloned().unwrap_or_default();
        // Where nothing is current, the ledger still knows what the last one had.
        let lost = kept.generations.values().next_back().filter(|_| current.is_none());
        let orphans: Vec<FileRow> = lost.iter().flat_map(|lost| &lost.files).cloned().collect();
        let ours = current.iter().flat_map(|live| &live.files).chain(&orphans).map(|row| row.path.clone());
        let paths: BTreeSet<TargetPath> = question.paths.keys().cloned().chain(ours).collect();
        Seen {
            numbers: kept.generations.keys().copied().collect(),
            next: kept.last + 1,
            paths: paths.into_iter().map(|path| (path.clone(), self.seen(stack, &path))).collect(),
            missing: question.store_paths.intersection(&self.missing).cloned().collect(),
            closed: self.closed.clone(),
            acting: ACTING,
            deployed_as: current.as_ref().map(|_| self.deployed_as.unwrap_or(ACTING)),
            users: self.users.clone(),
            groups: BTreeMap::new(),
            current,
            orphans,
        }
    }

    fn seen(&self, stack: &str, path: &TargetPath) -> PathSeen {
        let claims = self.stacks.iter().filter(|(name, _)| *name != stack);
        let claimed_by = claims
            .filter(|(name, _)| self.current(name).is_some_and(|live| live.files.iter().any(|row| row.path == *path)))
            .map(|(name, _)| format!("the stack `{name}`"))
            .next();
        let there = self.files.get(path).cloned().unwrap_or(There::Nothing);
        PathSeen { there, real: path.clone(), claimed_by, behind: None }
    }

    pub(crate) fn plan(&self, question: &Question, wish: Wish<'_>) -> Result<Planned, PlanError> {
        let seen = self.look(question);
        let boundary = Boundary::system(&question.stack, None).unwrap();
        plan(Ground { seen: &seen, boundary: &boundary }, wish)
    }

    /// Does what a plan says, for the wish that it was made for.
    pub(crate) fn carry_out(&mut self, decided: &Decided) {
        let plan = &decided.plan;
        assert_eq!(plan.parent, self.stacks.get(&plan.stack).and_then(|kept| kept.current), "the plan is old");
        let mut touched = BTreeSet::new();
        for change in &plan.changes {
            assert!(touched.insert(&change.path), "`{}` is in the plan twice", change.path);
            let there = self.files.get(&change.path).cloned().unwrap_or(There::Nothing);
            assert_eq!(change.before, there, "the plan did not see `{}`", change.path);
            match &change.after {
                After::Same => {}
                After::Nothing => {
                    self.files.remove(&change.path);
                }
                After::File { mark, mode, owner, .. } => {
                    let mut file = standing(*mark, *mode);
                    if let (There::File(file), Some(name)) = (&mut file, owner) {
                        file.owner = self.users[name];
                    }
                    self.files.insert(change.path.clone(), file);
                }
            }
        }
        let kept = self.stacks.entry(plan.stack.clone()).or_default();
        match &plan.goal {
            Goal::New(generation) => {
                assert_eq!(generation.number, kept.last + 1);
                kept.last = generation.number;
                kept.current = Some(generation.number);
                kept.generations.insert(generation.number, (**generation).clone());
            }
            Goal::Kept(number) => {
                assert!(kept.generations.contains_key(number));
                kept.current = Some(*number);
            }
            Goal::Gone => {
                kept.generations.clear();
                kept.current = None;
            }
        }
    }

    /// Tells in what the files of a generation are not what it says.
    pub(crate) fn differences(&self, generation: &Generation) -> Vec<TargetPath> {
        let differs = |row: &&FileRow| match self.files.get(&row.path) {
            Some(There::File(file)) => !file.marks.contains(&row.mark) || file.mode != row.mode,
            Some(_) | None => true,
        };
        generation.files.iter().filter(differs).map(|row| row.path.clone()).collect()
    }
}

/// Asks about a generation, kept or not yet.
pub(crate) fn ask(generation: &Generation) -> Question {
    question_for(generation)
}
