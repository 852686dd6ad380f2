//! The build graph: which package needs which, and that none needs itself (E7).

use super::Findings;
use crate::ast::{DeclId, NodeId};
use crate::program::{MemberId, MemberKind, ModuleId, Program, ScenarioId};
use punix_diag::{Code, Diagnostic};

impl Program {
    /// Lists the packages that a package's own expressions and the contributions to it refer to, with the first
    /// node of each reference, in reading order. A package does not need itself.
    pub fn build_inputs(&self, package: ModuleId, scenario: Option<ScenarioId>) -> Vec<(NodeId, ModuleId)> {
        let mut inputs: Vec<(NodeId, ModuleId)> = Vec::new();
        for index in self.module(package).members.clone() {
            let member = MemberId(index);
            let own = self.own_expression(member).map(|(decl, _)| decl);
            let from_modules = match self.member(member).kind {
                MemberKind::Option(_) => self.contributions.get(index),
                _ => &[],
            };
            for decl in own.into_iter().chain(from_modules.iter().copied()) {
                self.add_inputs(package, decl, &mut inputs);
            }
        }
        if let Some(scenario) = scenario {
            for &(member, decl) in &self.scenario(scenario).contributions {
                if self.member(member).module == package {
                    self.add_inputs(package, decl, &mut inputs);
                }
            }
        }
        inputs
    }

    fn add_inputs(&self, package: ModuleId, decl: DeclId, inputs: &mut Vec<(NodeId, ModuleId)>) {
        for (node, member) in self.references(self.ast.decl(decl).code.clone()) {
            let module = self.member(member).module;
            if module != package && self.is_qualified(node) && self.is_package(module) {
                inputs.push((node, module));
            }
        }
    }
}

/// Walks the graph from the packages in the order of their names and reports each reference that closes a circle.
pub(super) fn check(program: &Program, scenario: Option<ScenarioId>, findings: &mut Findings) {
    if scenario.is_some_and(|scenario| !adds_edges(program, scenario)) {
        return;
    }
    let name = |id: ModuleId| program.ast.text(program.module(id).name);
    let mut roots: Vec<ModuleId> = program.modules().filter(|(_, m)| m.package).map(|(id, _)| id).collect();
    roots.sort_by_key(|&id| name(id));
    let mut state = vec![State::New; program.modules.len()];
    let mut path: Vec<Step> = Vec::new();
    for root in roots {
        if state[root.0 as usize] != State::New {
            continue;
        }
        state[root.0 as usize] = State::Open;
        path.push((root, program.build_inputs(root, scenario), 0));
        while let Some((module, inputs, next)) = path.last_mut() {
            let Some(&(node, input)) = inputs.get(*next) else {
                state[module.0 as usize] = State::Closed;
                path.pop();
                continue;
            };
            *next += 1;
            match state[input.0 as usize] {
                State::Closed => {}
                State::New => {
                    state[input.0 as usize] = State::Open;
                    path.push((input, program.build_inputs(input, scenario), 0));
                }
                State::Open => {
                    let start = path.iter().position(|(on_path, ..)| *on_path == input).unwrap_or(0);
                    let mut names: Vec<&str> = path[start..].iter().map(|(id, ..)| name(*id)).collect();
                    names.push(name(input));
                    report(program, node, &names, scenario, findings);
                }
            }
        }
    }
}

/// A package on the current path, what it needs, and how much of that was looked at.
type Step = (ModuleId, Vec<(NodeId, ModuleId)>, usize);

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Closed,
}

/// Tells whether a scenario makes a package refer to another one.
fn adds_edges(program: &Program, scenario: ScenarioId) -> bool {
    program.scenario(scenario).contributions.iter().any(|&(member, decl)| {
        let package = program.member(member).module;
        let mut inputs = Vec::new();
        program.add_inputs(package, decl, &mut inputs);
        program.is_package(package) && !inputs.is_empty()
    })
}

fn report(program: &Program, node: NodeId, names: &[&str], scenario: Option<ScenarioId>, findings: &mut Findings) {
    const SHOWN_MAX: usize = 12;
    let at = program.ast.span(node);
    if findings.list.iter().any(|known| known.code == Some(Code::E7) && known.span == Some(at)) {
        return; // the base program has it too
    }
    let mut shown = names[..names.len().min(SHOWN_MAX)].join(" → ");
    if names.len() > SHOWN_MAX {
        shown = format!("{shown} → … → {}", names[names.len() - 1]);
    }
    let mut error = Diagnostic::error(Code::E7, format!("packages that need each other to be built: `{shown}`"))
        .at(at)
        .help("a package can only use what is built before it; drop this reference, or split one of the packages");
    if let Some(scenario) = scenario {
        error = error.note(program.under(scenario));
    }
    findings.add(error);
}
