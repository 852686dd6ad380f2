//! Contributions find their options (E2, E4), and options that have to be filled are (E3).

use super::Findings;
use crate::ast::{BlockKind, DeclId, DeclKind};
use crate::program::{Grouped, MemberId, MemberKind, Program};
use punix_diag::{Code, Diagnostic};
use std::collections::HashSet;

/// Attaches every contribution to its option, or reports why it has none.
pub(super) fn attach(program: &mut Program, findings: &mut Findings) {
    let mut from_modules: Vec<(u32, DeclId)> = Vec::new();
    let blocks: Vec<u32> = program.modules.iter().flat_map(|module| module.blocks.iter().copied()).collect();
    for block in blocks {
        for decl in program.ast.blocks[block as usize].decls.clone().map(DeclId) {
            if let Some(member) = target(program, decl, findings) {
                from_modules.push((member.0, decl));
            }
        }
    }
    program.contributions = Grouped::new(program.members.len(), &from_modules);
    for index in 0..program.ast.blocks.len() {
        let block = &program.ast.blocks[index];
        if block.kind != BlockKind::Scenario {
            continue;
        }
        let Some(scenario) = program.scenario_of.get(&u64::from(block.name.0)).copied() else { continue };
        for decl in block.decls.clone().map(DeclId) {
            if let Some(member) = target(program, decl, findings) {
                program.scenarios[scenario.0 as usize].contributions.push((member, decl));
            }
        }
    }
}

/// Returns the option that a contribution goes to.
fn target(program: &mut Program, id: DeclId, findings: &mut Findings) -> Option<MemberId> {
    let decl = program.ast.decl(id);
    let DeclKind::Contribution { target, .. } = decl.kind else { return None };
    let found = resolve(program, target, decl.name, findings);
    let error = match found {
        Ok(member) => match program.member(member).kind {
            MemberKind::Option(_) => return Some(member),
            MemberKind::Derived => {
                let shown = program.show(member);
                Diagnostic::error(Code::E4, format!("`{shown}` is a derived member and takes no contribution"))
                    .note_at(program.place(member), "derived here")
                    .help(format!("declare it as `option {} : …` to let others set it", program.ast.text(decl.name)))
            }
            MemberKind::ImplicitName => {
                let shown = program.show(member);
                Diagnostic::error(Code::E2, format!("`{shown}` is not an option"))
                    .help("declare `option pname : Str` in the package to let others set it")
            }
            MemberKind::Out => {
                let shown = program.show(member);
                Diagnostic::error(
                    Code::E2,
                    format!("`{shown}` is not an option: it is the package's path in the store"),
                )
            }
        },
        Err(Some(error)) => error,
        Err(None) => {
            program.faulty[id.0 as usize] = true;
            return None;
        }
    };
    let at = decl.at;
    findings.add(error.at(at));
    program.faulty[id.0 as usize] = true;
    None
}

/// Finds `module.name`. The error is `None` where it would only echo a syntax error.
pub(super) fn resolve(
    program: &Program,
    module: crate::symbol::Symbol,
    name: crate::symbol::Symbol,
    findings: &Findings,
) -> Result<MemberId, Option<Diagnostic>> {
    let Some(id) = program.module_by(module) else {
        return Err((!program.ast.damaged).then(|| unknown_module(program, program.ast.text(module), findings)));
    };
    program.member_by(id, name).ok_or_else(|| {
        (!program.module(id).damaged).then(|| unknown_member(program, id, program.ast.text(name), findings))
    })
}

pub(super) fn unknown_module(program: &Program, name: &str, findings: &Findings) -> Diagnostic {
    let error = Diagnostic::error(Code::E2, format!("there is no module `{name}`"));
    let names = program.modules.iter().map(|module| program.ast.text(module.name));
    match findings.closest(name, names) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

pub(super) fn unknown_member(
    program: &Program,
    module: crate::program::ModuleId,
    name: &str,
    findings: &Findings,
) -> Diagnostic {
    let module_name = program.ast.text(program.module(module).name);
    let error = Diagnostic::error(Code::E2, format!("the module `{module_name}` has no member `{name}`"));
    let names = program.members_of(module).map(|(_, member)| program.ast.text(member.name));
    match findings.closest(name, names) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None if program.ast.text(program.module(module).name) == name => error,
        None if program.module_named(name).is_some() => {
            error.help(format!("`{name}` is a module; refer to one of its members as `{name}.member`"))
        }
        None => error,
    }
}

/// Reports options without a default that nothing fills, in any scenario.
pub(super) fn required(program: &Program, findings: &mut Findings) {
    let filled = filled_by_scenarios(program);
    for index in 0..program.members.len() as u32 {
        let id = MemberId(index);
        let member = program.member(id);
        if !matches!(member.kind, MemberKind::Option(_)) || program.own_expression(id).is_some() {
            continue;
        }
        if program.contributions.get(index).is_empty() && !filled.contains(&id) {
            let shown = program.show(id);
            let error = Diagnostic::error(Code::E3, format!("nothing fills the required option `{shown}`"));
            let error = error.at(program.place(id));
            findings.add(error.help(format!("give it a default, or write `{shown} = …` in some module")));
        }
    }
}

/// Returns the options that some scenario contributes to.
pub(super) fn filled_by_scenarios(program: &Program) -> HashSet<MemberId> {
    program.scenarios.iter().flat_map(|scenario| scenario.contributions.iter().map(|(member, _)| *member)).collect()
}
