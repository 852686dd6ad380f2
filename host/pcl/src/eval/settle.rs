//! Which candidate gives a member its value, and where it came from.

use super::{Evaluator, Slot, Task};
use crate::ast::{DeclId, Priority};
use crate::program::MemberId;
use crate::value::{FAILED, ValueId};
use punix_diag::{Code, Diagnostic, Span};

/// A candidate for a member's value.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    pub decl: DeclId,
    pub at: Span,
    pub priority: Priority,
    pub value: ValueId,
}

/// Where a member's value comes from.
#[derive(Debug, Clone)]
pub struct Provenance {
    pub value: ValueId,
    /// `None` where the value is implied: a package's `pname` and `out`.
    pub winner: Option<Site>,
    /// Others of the same strength that say the same.
    pub co_winners: Vec<Site>,
    /// Weaker ones, strongest first.
    pub overridden: Vec<Site>,
}

impl Evaluator<'_> {
    /// Goes on with a member: evaluates its next candidate, or chooses when all have been.
    pub(super) fn settle(&mut self, member: MemberId, next: usize) {
        let candidate = self.candidates(member).nth(next);
        if let Some(decl) = candidate {
            if let Some(Task::Settle { next, .. }) = self.tasks.last_mut() {
                *next += 1;
            }
            if self.decls[decl.0 as usize] == Slot::New {
                self.run(decl, None);
            }
            return;
        }
        self.tasks.pop();
        self.members[member.0 as usize] = if next == 0 {
            match self.implied(member) {
                Some(value) => Slot::Done(value),
                None => Slot::Unfilled,
            }
        } else {
            Slot::Done(self.choose(member))
        };
    }

    /// Chooses among evaluated candidates: the strongest, if they agree.
    fn choose(&mut self, member: MemberId) -> ValueId {
        let sites = self.sites(member);
        const STEPS_A_SITE: u64 = 8; // they are sorted and compared
        self.steps += sites.len() as u64 * STEPS_A_SITE;
        let Some(first) = sites.first() else { return FAILED };
        let top: Vec<&Site> = sites.iter().take_while(|site| site.priority == first.priority).collect();
        if top.iter().any(|site| site.value == FAILED) {
            return FAILED;
        }
        if top.iter().all(|site| self.values.equal(site.value, first.value)) {
            return first.value;
        }
        let shown = self.program.show(member);
        let mut error = Diagnostic::error(Code::E4, format!("contributions to `{shown}` of equal strength disagree"))
            .at(first.at)
            .help("remove all but one, or mark the one that counts with `force`");
        for (index, site) in top.iter().enumerate() {
            const SHOWN_MAX: usize = 10;
            if index > SHOWN_MAX {
                error = error.note(format!("and {} more", top.len() - index));
                break;
            }
            let mut value = String::new();
            crate::canon::pcl(&self.values, site.value, 60, &mut value);
            let also = if index == 0 { "this says" } else { "and this says" };
            error = error.note_at(site.at, format!("{also} `{value}`"));
        }
        self.fault(error)
    }

    pub(super) fn only_candidate(&self, member: MemberId) -> Option<DeclId> {
        if self.selected.is_empty() && self.program.contributions.get(member.0).is_empty() {
            return self.program.own_expression(member).map(|(decl, _)| decl);
        }
        let mut candidates = self.candidates(member);
        let first = candidates.next();
        if candidates.next().is_none() { first } else { None }
    }

    fn decl_value(&self, decl: DeclId) -> ValueId {
        match self.decls[decl.0 as usize] {
            Slot::Done(value) => value,
            Slot::New | Slot::Running | Slot::Unfilled => FAILED,
        }
    }

    /// Lists a member's candidates, strongest first, then by file and position.
    fn sites(&self, member: MemberId) -> Vec<Site> {
        let site = |decl: DeclId| {
            let found = self.program.ast.decl(decl);
            Site { decl, at: found.at, priority: found.priority(), value: self.decl_value(decl) }
        };
        let mut sites: Vec<Site> = self.candidates(member).map(site).collect();
        sites.sort_by_key(|site| (std::cmp::Reverse(site.priority), site.at));
        sites
    }

    /// Returns where a member's value comes from; `None` if it has no value.
    pub fn provenance(&self, member: MemberId) -> Option<Provenance> {
        let value = self.value(member)?;
        let mut sites = self.sites(member).into_iter();
        let winner = sites.next();
        let strength = winner.map(|site| site.priority);
        let (co_winners, overridden) = sites.partition(|site| Some(site.priority) == strength);
        Some(Provenance { value, winner, co_winners, overridden })
    }
}
