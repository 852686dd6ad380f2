//! Members to values. The nodes of an expression are run as a program with a stack of values; a reference to a
//! member that has no value yet puts that member on top of the work and comes back. Nothing recurses; steps, values
//! and texts are counted against [`crate::limits`].

mod run;
mod settle;
#[cfg(test)]
mod tests;

use crate::ast::{DeclId, NodeId};
use crate::program::{FastMap, Grouped, MemberId, MemberKind, Program, ScenarioId};
use crate::value::{FAILED, Mark, Value, ValueId, Values};
use punix_diag::Diagnostic;

pub use settle::{Provenance, Site};

/// Evaluates members on demand and keeps what they came to.
#[derive(Debug)]
pub struct Evaluator<'p> {
    program: &'p Program,
    pub values: Values<'p>,
    members: Vec<Slot>,
    decls: Vec<Slot>,
    /// Contributions of the scenario that is in force.
    selected: FastMap<u32, Vec<DeclId>>,
    faults: Vec<Fault>,
    faults_dropped: usize,
    steps: u64,
    exhausted: bool,
    tasks: Vec<Task>,
    stack: Vec<ValueId>,
    loops: Vec<Loop>,
    results: Vec<ValueId>,
    /// Text that is being joined; kept to be used again.
    scratch: String,
    /// Members by what they refer to; made when scenarios need it.
    dependents: Grouped<MemberId>,
    journal: Journal,
}

/// What is known of a member or a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    New,
    Running,
    /// An option that nothing fills here.
    Unfilled,
    Done(ValueId),
}

/// Something that went wrong while evaluating.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) diagnostic: Diagnostic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Error,
    /// This option is needed and has no value in this scenario.
    Unfilled(MemberId),
}

#[derive(Debug)]
enum Task {
    /// Bring a member to a value: evaluate its candidates from `next` on, then choose.
    Settle { member: MemberId, next: usize },
    /// Run an expression; `only` is the member whose one candidate it is.
    Run { decl: DeclId, position: u32, end: u32, only: Option<MemberId> },
}

/// A comprehension that is being run.
#[derive(Debug)]
struct Loop {
    source: ValueId,
    index: usize,
    first_result: usize,
    each: u32,
}

/// What a scenario changed, to be put back.
#[derive(Debug, Default)]
struct Journal {
    members: Vec<(u32, Slot)>,
    decls: Vec<(u32, Slot)>,
    mark: Option<Mark>,
}

impl<'p> Evaluator<'p> {
    /// Starts on the base program.
    pub fn new(program: &'p Program) -> Evaluator<'p> {
        Evaluator {
            program,
            values: Values::new(program),
            members: vec![Slot::New; program.members.len()],
            decls: vec![Slot::New; program.ast.decls.len()],
            selected: FastMap::default(),
            faults: Vec::new(),
            faults_dropped: 0,
            steps: 0,
            exhausted: false,
            tasks: Vec::new(),
            stack: Vec::new(),
            loops: Vec::new(),
            results: Vec::new(),
            scratch: String::new(),
            dependents: Grouped::default(),
            journal: Journal::default(),
        }
    }

    /// Starts on the program under a scenario.
    pub fn under(program: &'p Program, scenario: Option<ScenarioId>) -> Evaluator<'p> {
        let mut evaluator = Evaluator::new(program);
        if let Some(id) = scenario {
            evaluator.select(id);
        }
        evaluator
    }

    /// Evaluates every member.
    pub fn evaluate_all(&mut self) {
        for index in 0..self.members.len() as u32 {
            self.evaluate(MemberId(index));
        }
    }

    /// Evaluates some members.
    pub(crate) fn evaluate_members(&mut self, members: &[MemberId]) {
        for member in members {
            self.evaluate(*member);
        }
    }

    /// Returns a member's value, if it was evaluated and did not fail. `None` also for an option that nothing fills.
    pub fn value(&self, member: MemberId) -> Option<ValueId> {
        match self.members[member.0 as usize] {
            Slot::Done(value) if value != FAILED => Some(value),
            _ => None,
        }
    }

    /// Returns what a declaration's expression came to, if it was evaluated and did not fail.
    pub(crate) fn decl_result(&self, decl: DeclId) -> Option<ValueId> {
        match self.decls[decl.0 as usize] {
            Slot::Done(value) if value != FAILED => Some(value),
            _ => None,
        }
    }

    /// Tells whether a member is an option that nothing fills here.
    pub fn is_unfilled(&self, member: MemberId) -> bool {
        self.members[member.0 as usize] == Slot::Unfilled
    }

    /// Returns the errors so far: what stops a use of the values.
    pub fn errors(&mut self) -> Vec<Diagnostic> {
        let mut errors: Vec<Diagnostic> = self.take_faults(&mut 0).into_iter().map(|fault| fault.diagnostic).collect();
        errors.sort_by_key(|diagnostic| diagnostic.span);
        errors.dedup();
        errors
    }

    /// Hands over what went wrong since the last time; `dropped` grows by what was too much to keep.
    pub(crate) fn take_faults(&mut self, dropped: &mut usize) -> Vec<Fault> {
        *dropped += std::mem::take(&mut self.faults_dropped);
        std::mem::take(&mut self.faults)
    }

    fn select(&mut self, scenario: ScenarioId) {
        for &(member, decl) in &self.program.scenario(scenario).contributions {
            self.selected.entry(member.0).or_default().push(decl);
        }
    }

    /// Lists what may give a member its value: its own expression, then contributions.
    fn candidates(&self, member: MemberId) -> impl Iterator<Item = DeclId> {
        let own = self.program.own_expression(member).map(|(decl, _)| decl);
        let option = matches!(self.program.member(member).kind, MemberKind::Option(_));
        let contributions = if option { self.program.contributions.get(member.0) } else { &[] };
        let selected = self.selected.get(&member.0).map_or(&[][..], Vec::as_slice);
        own.into_iter().chain(contributions.iter().copied()).chain(selected.iter().copied())
    }

    /// Finds out which members refer to which, so that a scenario touches only what it changes.
    pub(crate) fn know_dependents(&mut self) {
        let program = self.program;
        let mut pairs: Vec<(u32, MemberId)> = Vec::new();
        let mut add = |member: MemberId, decl: DeclId| {
            let code = program.ast.decl(decl).code.clone();
            pairs.extend(program.references(code).map(|(_, target)| (target.0, member)));
        };
        for index in 0..program.members.len() as u32 {
            let member = MemberId(index);
            for decl in self.candidates(member) {
                add(member, decl);
            }
        }
        for scenario in &program.scenarios {
            for &(member, decl) in &scenario.contributions {
                add(member, decl);
            }
        }
        self.dependents = Grouped::new(program.members.len(), &pairs);
    }

    /// Puts a scenario in force and forgets what it may change; returns those members.
    pub(crate) fn enter_scenario(&mut self, scenario: ScenarioId) -> Vec<MemberId> {
        self.select(scenario);
        let mut todo: Vec<MemberId> = self.selected.keys().map(|&member| MemberId(member)).collect();
        todo.sort_unstable();
        let mut affected = Vec::new();
        while let Some(member) = todo.pop() {
            let slot = &mut self.members[member.0 as usize];
            if *slot == Slot::New {
                continue;
            }
            self.journal.members.push((member.0, std::mem::replace(slot, Slot::New)));
            affected.push(member);
            todo.extend_from_slice(self.dependents.get(member.0));
            let candidates: Vec<DeclId> = self.candidates(member).collect();
            self.steps += candidates.len() as u64;
            for decl in candidates {
                let slot = &mut self.decls[decl.0 as usize];
                self.journal.decls.push((decl.0, std::mem::replace(slot, Slot::New)));
            }
        }
        affected.sort_unstable();
        self.journal.mark = Some(self.values.mark());
        affected
    }

    /// Puts everything back as [`Evaluator::enter_scenario`] found it.
    pub(crate) fn leave_scenario(&mut self) {
        self.selected.clear();
        for (member, slot) in self.journal.members.drain(..) {
            self.members[member as usize] = slot;
        }
        for (decl, slot) in self.journal.decls.drain(..) {
            self.decls[decl as usize] = slot;
        }
        if let Some(mark) = self.journal.mark.take() {
            self.values.reset(mark);
        }
    }

    /// Keeps an error, once for each place: a comprehension may come by for every element.
    fn fault(&mut self, diagnostic: Diagnostic) -> ValueId {
        let place = (diagnostic.span, diagnostic.code);
        if !self.faults.iter().any(|known| (known.diagnostic.span, known.diagnostic.code) == place) {
            self.add_fault(Fault { reason: Reason::Error, diagnostic });
        }
        FAILED
    }

    fn add_fault(&mut self, fault: Fault) {
        if self.faults.len() < crate::limits::DIAGNOSTICS_MAX {
            self.faults.push(fault);
            return;
        }
        self.faults_dropped += 1;
        let minor = |known: &Fault| known.reason != Reason::Error;
        if fault.reason == Reason::Error
            && let Some(minor) = self.faults.iter().rposition(minor)
        {
            self.faults[minor] = fault; // an error is worth more than what may become a warning
        }
    }

    fn place(&self, node: u32) -> punix_diag::Span {
        self.program.ast.span(NodeId(node))
    }

    /// Returns the text of a text value.
    pub fn text_of(&self, value: ValueId) -> Option<&str> {
        match self.values.get(value) {
            Value::Text(symbol) => Some(self.values.text(symbol)),
            _ => None,
        }
    }
}
