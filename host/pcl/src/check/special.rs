//! Modules that mean something by the names of their members: config modules and data files.

use super::{Findings, World, listed};
use crate::ast::Node;
use crate::program::{MemberId, MemberKind, ModuleId, Program};
use crate::symbol::{Symbol, known};
use crate::types::TypeId;
use punix_diag::{Code, Diagnostic, closest};
use std::collections::HashSet;

pub(super) fn check(program: &Program, world: &World, findings: &mut Findings) {
    for (id, _) in program.modules() {
        config_module(program, world, id, findings);
        data_file(program, id, findings);
    }
    unclaimed_secrets(program, world, findings);
}

/// A module with a derived `configRecipe` is rendered by that recipe.
fn config_module(program: &Program, world: &World, module: ModuleId, findings: &mut Findings) {
    let Some(member) = program.member_by(module, known::CONFIG_RECIPE) else { return };
    if program.member(member).kind != MemberKind::Derived {
        return;
    }
    let Some((_, decl)) = program.own_expression(member) else { return };
    let at = decl.at;
    let code = &program.ast.nodes[decl.code.start as usize..decl.code.end as usize];
    let shown = program.show(member);
    let [Node::Str(name)] = code else {
        if code != [Node::Broken] {
            let error = Diagnostic::error(Code::E6, format!("`{shown}` is not a string literal")).at(at);
            findings.add(error.help("name the recipe literally, so that it is known without evaluating"));
        }
        return;
    };
    let name = program.ast.text(*name);
    if !world.config_recipes.iter().any(|known| known == name) {
        let error = Diagnostic::error(Code::E2, format!("there is no config recipe `{name}`")).at(at);
        findings.add(match closest(name, world.config_recipes.iter().map(String::as_str)) {
            Some((near, _)) => error.help(format!("did you mean `{near}`?")),
            None if world.config_recipes.is_empty() => error.help("no config recipe is registered"),
            None => error.help(format!("registered: {}", listed(&world.config_recipes))),
        });
    }
}

/// A module with a value for both `path` and `format` is a data file.
fn data_file(program: &Program, module: ModuleId, findings: &mut Findings) {
    let provided = |name: Symbol| {
        let member = program.member_by(module, name)?;
        program.own_expression(member).is_some().then_some(member)
    };
    let (Some(path), Some(format)) = (provided(known::DATA_PATH), provided(known::FORMAT)) else { return };
    for member in [path, format] {
        let ty = program.type_of(member);
        if !is_text(program, member, ty) {
            let found = program.ast.types.show(ty, &program.ast.symbols);
            let message = format!("`{}` of a data file is `{found}`, not `Str`", program.show(member));
            findings.add(Diagnostic::error(Code::E1, message).at(program.place(member)));
        }
    }
    if provided(known::DATA).is_none() && !program.module(module).damaged {
        let name = program.ast.text(program.module(module).name);
        let error = Diagnostic::error(Code::E3, format!("the data file `{name}` has no `data`"));
        let error = error.at(program.place(format));
        findings.add(error.help(
            "a module with `path` and `format` is a data file; give it `data = { … }`, or rename one of the two",
        ));
    }
}

fn is_text(program: &Program, member: MemberId, ty: TypeId) -> bool {
    let path = program.member(member).name == known::DATA_PATH && ty == TypeId::PATH;
    ty == TypeId::STR || ty == TypeId::UNKNOWN || path
}

/// Warns of secret references that no installed resolver answers; once for each kind and place.
fn unclaimed_secrets(program: &Program, world: &World, findings: &mut Findings) {
    let claimed: HashSet<Symbol> = world.resolvers.iter().filter_map(|name| program.ast.symbols.get(name)).collect();
    for (index, node) in program.ast.nodes.iter().enumerate() {
        let Node::Secret { kind, .. } = node else { continue };
        if !claimed.contains(kind) && !findings.is_full() {
            let kind = program.ast.text(*kind);
            let warning = Diagnostic::warning(format!("no installed resolver answers `{kind}`"));
            let warning = warning.at(program.ast.spans[index]);
            findings.add(match closest(kind, world.resolvers.iter().map(String::as_str)) {
                Some((near, _)) => warning.help(format!("did you mean `{near}`?")),
                None => warning
                    .help(format!("`{{ {kind} = \"…\" }}` is a secret reference; rename the field if it is no secret")),
            });
        }
    }
}
