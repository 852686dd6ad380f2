//! Names: which modules and members there are, and which declarations compete (E4, E6).

use super::Findings;
use crate::ast::{Ast, BlockKind, DeclId, DeclKind};
use crate::program::{
    FEW_MEMBERS, FastMap, Grouped, Member, MemberId, MemberKind, Module, ModuleId, NO_MODULE, Program, Scenario,
    ScenarioId, key,
};
use crate::symbol::known;
use crate::types::TypeId;
use punix_diag::{Code, Diagnostic};

/// Indexes a program. Contributions are attached later, when their targets are checked.
pub(super) fn declare(ast: Ast, findings: &mut Findings) -> Program {
    let nodes = ast.nodes.len();
    let decls = ast.decls.len();
    let mut program = Program {
        ast,
        modules: Vec::new(),
        members: Vec::with_capacity(decls),
        scenarios: Vec::new(),
        module_of: FastMap::default(),
        member_of: FastMap::default(),
        scenario_of: FastMap::default(),
        contributions: Grouped::default(),
        scopes: vec![NO_MODULE; decls],
        targets: vec![crate::program::NO_MEMBER; nodes],
        faulty: vec![false; decls],
        types: Vec::new(),
    };
    name_blocks(&mut program);
    for module in 0..program.modules.len() as u32 {
        members(&mut program, ModuleId(module), findings);
    }
    set_scopes(&mut program);
    program.types = vec![TypeId::UNKNOWN; program.members.len()];
    program
}

fn name_blocks(program: &mut Program) {
    for (index, block) in program.ast.blocks.iter().enumerate() {
        let name = u64::from(block.name.0);
        match block.kind {
            BlockKind::Module => {
                let next = ModuleId(program.modules.len() as u32);
                let id = *program.module_of.entry(name).or_insert(next);
                if id == next {
                    let (name, at) = (block.name, block.at);
                    let new = Module { name, at, members: 0..0, blocks: Vec::new(), damaged: false, package: false };
                    program.modules.push(new);
                }
                let module = &mut program.modules[id.0 as usize];
                module.blocks.push(index as u32);
                module.damaged |= block.damaged;
            }
            BlockKind::Scenario => {
                let next = ScenarioId(program.scenarios.len() as u32);
                let id = *program.scenario_of.entry(name).or_insert(next);
                if id == next {
                    let new = Scenario { name: block.name, at: block.at, contributions: Vec::new() };
                    program.scenarios.push(new);
                }
            }
        }
    }
}

/// Enters a module's options, then its derived members, then what a package has besides.
fn members(program: &mut Program, id: ModuleId, findings: &mut Findings) {
    let first = program.members.len() as u32;
    program.modules[id.0 as usize].members = first..first;
    let decls = decls_of(program, id);
    for &decl in &decls {
        if let DeclKind::Option { ty, .. } = program.ast.decl(decl).kind {
            enter(program, id, decl, MemberKind::Option(ty), findings);
        }
    }
    for &decl in &decls {
        if program.ast.decl(decl).kind == DeclKind::Derived {
            enter(program, id, decl, MemberKind::Derived, findings);
        }
    }
    if program.member_by(id, known::RECIPE).is_some() {
        program.modules[id.0 as usize].package = true;
        imply(program, id, known::PNAME, MemberKind::ImplicitName, findings);
        imply(program, id, known::OUT, MemberKind::Out, findings);
    }
}

/// Adds a member to a module whose members are being entered; or returns the one that has its name already.
fn add(program: &mut Program, member: Member) -> Option<MemberId> {
    let known = program.member_by(member.module, member.name);
    if known.is_none() {
        let module = member.module;
        program.members.push(member);
        let own = &mut program.modules[module.0 as usize].members;
        own.end += 1;
        let start = if own.len() == FEW_MEMBERS + 1 { own.start } else { own.end - 1 };
        if own.len() > FEW_MEMBERS {
            let new =
                (start..own.end).map(|index| (key(module, program.members[index as usize].name), MemberId(index)));
            program.member_of.extend(new);
        }
    }
    known
}

fn decls_of(program: &Program, id: ModuleId) -> Vec<DeclId> {
    let blocks = &program.module(id).blocks;
    blocks.iter().flat_map(|&block| program.ast.blocks[block as usize].decls.clone()).map(DeclId).collect()
}

fn enter(program: &mut Program, module: ModuleId, id: DeclId, kind: MemberKind, findings: &mut Findings) {
    let decl = program.ast.decl(id);
    let member = Member { module, name: decl.name, kind, decl: Some(id) };
    let Some(old) = add(program, member) else { return };
    let decl = program.ast.decl(id);
    let shown = program.show(old);
    let (error, note) = match (program.member(old).kind, kind) {
        (MemberKind::Option(_), MemberKind::Option(_)) => {
            (Diagnostic::error(Code::E4, format!("the option `{shown}` is declared twice")), "first declared here")
        }
        (MemberKind::Option(_), _) => (
            Diagnostic::error(Code::E4, format!("`{shown}` is both an option and a derived member"))
                .help(format!("drop one of them; to give the option a value, write `{shown} = …` or a default")),
            "the option is declared here",
        ),
        _ => (Diagnostic::error(Code::E6, format!("`{shown}` is defined twice")), "first defined here"),
    };
    findings.add(error.at(decl.at).note_at(program.place(old), note));
    program.faulty[id.0 as usize] = true;
}

fn imply(
    program: &mut Program,
    module: ModuleId,
    name: crate::symbol::Symbol,
    kind: MemberKind,
    findings: &mut Findings,
) {
    let Some(old) = add(program, Member { module, name, kind, decl: None }) else { return };
    if kind == MemberKind::Out {
        let message = format!("`{}` cannot be declared: it is the package's path in the store", program.show(old));
        findings.add(Diagnostic::error(Code::E4, message).at(program.place(old)).help("choose another name"));
        program.members[old.0 as usize].kind = MemberKind::Out;
    }
}

/// In a module, names are its own; in a scenario, those of the module that is contributed to, unless a module has
/// the scenario's name.
fn set_scopes(program: &mut Program) {
    for index in 0..program.ast.decls.len() {
        let decl = &program.ast.decls[index];
        let block = &program.ast.blocks[decl.block as usize];
        let own = program.module_by(block.name);
        let scope = match (block.kind, decl.kind) {
            (BlockKind::Scenario, DeclKind::Contribution { target, .. }) => own.or(program.module_by(target)),
            _ => own,
        };
        program.scopes[index] = scope.unwrap_or(NO_MODULE);
    }
}
