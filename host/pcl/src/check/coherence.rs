//! Packages that contradict each other or themselves: one name for two of them (E15), a version whose source stays
//! behind (E16). Both look at values, in the base program and under each scenario.

use super::Findings;
use crate::ast::{DeclId, Node};
use crate::eval::Evaluator;
use crate::program::{FastMap, MemberId, MemberKind, ModuleId, Program, ScenarioId};
use crate::symbol::{Symbol, known};
use crate::value::Value;
use punix_diag::{Code, Diagnostic, Span};
use std::collections::{BTreeMap, HashSet};

pub(super) struct Coherence<'p> {
    program: &'p Program,
    /// Modules with a version whose source does not read it.
    detached: Vec<Detached>,
    /// Their places in that list, by version.
    by_version: FastMap<u32, usize>,
    told: HashSet<Span>,
}

/// A module whose `source` does not depend on its `version`.
struct Detached {
    version: MemberId,
    source: MemberId,
    /// What `source` reads, itself included.
    read: Vec<MemberId>,
}

impl<'p> Coherence<'p> {
    pub(super) fn new(program: &'p Program) -> Coherence<'p> {
        let detached: Vec<Detached> = program.modules().filter_map(|(id, _)| detached(program, id)).collect();
        let by_version = detached.iter().enumerate().map(|(index, found)| (found.version.0, index)).collect();
        Coherence { program, detached, by_version, told: HashSet::new() }
    }

    /// Checks that no two packages have one name, in the base program or a scenario that is in force.
    pub(super) fn names(&mut self, values: &Evaluator<'_>, scenario: Option<ScenarioId>, findings: &mut Findings) {
        let mut first_of: FastMap<u32, ModuleId> = FastMap::default();
        let mut shared: BTreeMap<Symbol, Vec<ModuleId>> = BTreeMap::new();
        for (id, module) in self.program.modules().filter(|(_, module)| module.package) {
            let pname = module.members.clone().rev().map(MemberId);
            let pname = pname.into_iter().find(|&member| self.program.member(member).name == known::PNAME);
            let Some(value) = pname.and_then(|pname| values.value(pname)) else { continue };
            if let Value::Text(name) = values.values.get(value) {
                let first = *first_of.entry(name.0).or_insert(id);
                if first != id {
                    shared.entry(name).or_insert_with(|| vec![first]).push(id);
                }
            }
        }
        for (name, modules) in shared {
            let sites: Vec<(ModuleId, Span)> = modules.into_iter().map(|id| (id, self.name_site(values, id))).collect();
            let (first, at) = sites[0];
            if !self.told.insert(at) {
                continue;
            }
            let module = |id: ModuleId| self.program.ast.text(self.program.module(id).name);
            let message = format!("{} packages have the name `{}`", sites.len(), values.values.text(name));
            let mut error = Diagnostic::error(Code::E15, message).at(at);
            error = error.note(format!("one of them is `{}`", module(first)));
            for &(id, at) in sites.iter().skip(1).take(10) {
                error = error.note_at(at, format!("another is `{}`", module(id)));
            }
            error = error.help("give each package a `pname` of its own");
            findings.add(under(self.program, error, scenario));
        }
    }

    /// Returns where a package's name comes from; an implied one from its first member.
    fn name_site(&self, values: &Evaluator<'_>, module: ModuleId) -> Span {
        let pname = self.program.member_by(module, known::PNAME);
        if let Some(winner) = pname.and_then(|pname| values.provenance(pname)).and_then(|provenance| provenance.winner)
        {
            return winner.at;
        }
        let declared = |(_, member): &(MemberId, &crate::program::Member)| member.kind == MemberKind::Derived;
        let first = self.program.members_of(module).find(declared).or_else(|| self.program.members_of(module).next());
        first.map_or(self.program.module(module).at, |(id, _)| self.program.place(id))
    }

    /// Checks that sources follow their versions, in the base program or a scenario that is in force.
    pub(super) fn versions(&mut self, values: &Evaluator<'_>, scenario: Option<ScenarioId>, findings: &mut Findings) {
        let selected = scenario.map_or(&[][..], |id| &self.program.scenario(id).contributions);
        let set: HashSet<MemberId> = selected.iter().map(|(member, _)| *member).collect();
        let concerned: Vec<usize> = match scenario {
            None => (0..self.detached.len()).collect(),
            Some(_) => set.iter().filter_map(|version| self.by_version.get(&version.0).copied()).collect(),
        };
        for index in concerned {
            let detached = &self.detached[index];
            let from_modules = self.program.contributions.get(detached.version.0).iter().copied();
            let from_scenario =
                selected.iter().filter(|(member, _)| *member == detached.version).map(|(_, decl)| *decl);
            let Some(first) = from_modules.chain(from_scenario).next() else { continue };
            let set_too =
                |member: &MemberId| set.contains(member) || !self.program.contributions.get(member.0).is_empty();
            if detached.read.iter().any(set_too) || self.keeps_its_version(values, detached.version) {
                continue;
            }
            let at = self.program.ast.decl(first).at;
            let error = under(self.program, self.stale(detached, first), scenario);
            if self.told.insert(at) {
                findings.add(error);
            }
        }
    }

    /// Tells whether the contributions leave a version at what its own default says.
    fn keeps_its_version(&self, values: &Evaluator<'_>, version: MemberId) -> bool {
        let Some((own, _)) = self.program.own_expression(version) else { return false };
        match (values.value(version), values.decl_result(own)) {
            (Some(value), Some(own)) => values.values.equal(value, own),
            _ => false,
        }
    }

    fn stale(&self, detached: &Detached, contribution: DeclId) -> Diagnostic {
        let module = self.program.ast.text(self.program.module(self.program.member(detached.version).module).name);
        let mut settable: Vec<&str> = detached
            .read
            .iter()
            .filter(|member| matches!(self.program.member(**member).kind, MemberKind::Option(_)))
            .map(|member| self.program.ast.text(self.program.member(*member).name))
            .filter(|name| *name != "source")
            .collect();
        settable.sort_unstable();
        let names: Vec<String> = settable.iter().map(|name| format!("{module}.{name}")).collect();
        let what = if names.is_empty() { "the source".to_owned() } else { super::listed(&names) };
        Diagnostic::error(Code::E16, format!("`{module}.version` is overridden but its source is not"))
            .at(self.program.ast.decl(contribution).at)
            .note_at(self.program.place(detached.source), "the source stands here and does not read `version`")
            .help(format!("set {what} too, or let the source follow with f\"…{{version}}…\""))
    }
}

fn under(program: &Program, error: Diagnostic, scenario: Option<ScenarioId>) -> Diagnostic {
    match scenario {
        None => error,
        Some(id) => error.note(program.under(id)),
    }
}

/// Follows what a module's `source` reads inside the module; `None` if that includes its version.
fn detached(program: &Program, module: ModuleId) -> Option<Detached> {
    let version = program.member_by(module, known::VERSION)?;
    let source = program.member_by(module, known::SOURCE)?;
    program.own_expression(source)?;
    const FEW: usize = 16;
    let mut read = vec![source];
    let mut seen: HashSet<MemberId> = HashSet::new(); // what was read, once that is too much to look through
    let mut next = 0;
    while let Some(&member) = read.get(next) {
        next += 1;
        let Some((_, decl)) = program.own_expression(member) else { continue };
        for (node, target) in program.references(decl.code.clone()) {
            let inside = program.member(target).module == module;
            let bare = matches!(program.ast.node(node), Node::Name(_));
            if !inside && !bare {
                continue;
            }
            if target == version {
                return None;
            }
            let new = if read.len() <= FEW { !read.contains(&target) } else { seen.insert(target) };
            if new {
                read.push(target);
            }
            if read.len() == FEW + 1 {
                seen.extend(&read);
            }
        }
    }
    Some(Detached { version, source, read })
}
