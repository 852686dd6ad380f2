//! `punix eval`

use super::check::{checked, fail};
use crate::args::Eval;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::{Code, Diagnostic, closest};
use punix_pcl::limits::DOCUMENT_BYTES_MAX;
use punix_pcl::{Checked, Evaluator, MemberId, ModuleId, ScenarioId, TooLong, json};

/// What is printed.
enum Wanted {
    Program,
    Module(ModuleId),
    Member(MemberId),
}

pub(crate) fn run(ui: &Ui, args: &Eval) -> Exit {
    let checked = match checked(ui, &args.path) {
        Ok(checked) => checked,
        Err(exit) => return exit,
    };
    let sources = &checked.program.ast.sources;
    if checked.has_errors() {
        return fail(ui, &checked.diagnostics, checked.dropped, sources);
    }
    let (scenario, wanted) = match choose(&checked, args) {
        Ok(choice) => choice,
        Err(error) => return fail(ui, &[error], 0, sources),
    };
    let mut evaluator = Evaluator::under(&checked.program, scenario);
    match wanted {
        Wanted::Program => evaluator.evaluate_all(),
        Wanted::Module(module) => evaluate_module(&mut evaluator, &checked, module),
        Wanted::Member(member) => evaluator.evaluate(member),
    }
    let mut errors = evaluator.errors();
    if let Wanted::Member(member) = wanted
        && evaluator.is_unfilled(member)
    {
        errors.push(unfilled(&checked, member));
    }
    if !errors.is_empty() {
        return fail(ui, &errors, 0, sources);
    }
    let mut out = String::new();
    let written = match wanted {
        Wanted::Program => program(&checked, &evaluator, &mut out),
        Wanted::Module(id) => module(&checked, &evaluator, id, "", &mut out),
        Wanted::Member(member) => value(&evaluator, member, &mut out),
    };
    out.push('\n');
    match written {
        Ok(()) => ui.result(&out, Exit::Done),
        Err(TooLong) => {
            let message = format!("the values are longer than {} MiB when written out", DOCUMENT_BYTES_MAX >> 20);
            let error = Diagnostic::error(Code::E20, message);
            fail(ui, &[error.help("print one module or one member")], 0, sources)
        }
    }
}

fn choose(checked: &Checked, args: &Eval) -> Result<(Option<ScenarioId>, Wanted), Diagnostic> {
    let scenario = args.scenario.as_deref().map(|name| checked.scenario(name)).transpose()?;
    let wanted = match args.target.as_deref().map(|target| target.split_once('.').ok_or(target)) {
        None => Wanted::Program,
        Some(Err(module)) => Wanted::Module(find_module(checked, module)?),
        Some(Ok((module, member))) => Wanted::Member(find_member(checked, module, member)?),
    };
    Ok((scenario, wanted))
}

fn find_module(checked: &Checked, name: &str) -> Result<ModuleId, Diagnostic> {
    let program = &checked.program;
    program.module_named(name).ok_or_else(|| {
        let names = program.modules().map(|(_, module)| program.ast.text(module.name));
        let error = Diagnostic::error(Code::E2, format!("there is no module `{name}` in this program"));
        match closest(name, names) {
            Some((near, _)) => error.help(format!("did you mean `{near}`?")),
            None => error,
        }
    })
}

/// Finds `module.member`, or says which of the two is not there.
pub(crate) fn find_member(checked: &Checked, module: &str, name: &str) -> Result<MemberId, Diagnostic> {
    let program = &checked.program;
    let id = find_module(checked, module)?;
    program.member_named(id, name).ok_or_else(|| {
        let names = program.members_of(id).map(|(_, member)| program.ast.text(member.name));
        let error = Diagnostic::error(Code::E2, format!("the module `{module}` has no member `{name}`"));
        match closest(name, names) {
            Some((near, _)) => error.help(format!("did you mean `{near}`?")),
            None => error,
        }
    })
}

/// Says that nothing gives an option a value here.
pub(crate) fn unfilled(checked: &Checked, member: MemberId) -> Diagnostic {
    let message = format!("nothing fills the option `{}` here", checked.program.show(member));
    Diagnostic::error(Code::E3, message)
        .at(checked.program.place(member))
        .help("choose a scenario that fills it with `--scenario`, or give it a default")
}

fn evaluate_module(evaluator: &mut Evaluator<'_>, checked: &Checked, module: ModuleId) {
    let members: Vec<MemberId> = checked.program.members_of(module).map(|(id, _)| id).collect();
    for member in members {
        evaluator.evaluate(member);
    }
}

fn program(checked: &Checked, evaluator: &Evaluator<'_>, out: &mut String) -> Result<(), TooLong> {
    out.push('{');
    for (index, (id, found)) in checked.program.modules().enumerate() {
        out.push_str(if index == 0 { "\n  " } else { ",\n  " });
        out.push_str(&format!("\"{}\": ", checked.program.ast.text(found.name)));
        module(checked, evaluator, id, "  ", out)?;
    }
    out.push_str("\n}");
    Ok(())
}

/// Writes one module, a member a line. A package's `out` is left out: its path is the store's to say.
fn module(
    checked: &Checked,
    evaluator: &Evaluator<'_>,
    id: ModuleId,
    indent: &str,
    out: &mut String,
) -> Result<(), TooLong> {
    out.push('{');
    let mut separator = "\n";
    for (member, found) in checked.program.members_of(id) {
        if found.kind == punix_pcl::MemberKind::Out {
            continue;
        }
        out.push_str(&format!("{separator}{indent}  \"{}\": ", checked.program.ast.text(found.name)));
        separator = ",\n";
        value(evaluator, member, out)?;
    }
    out.push_str(&if separator == "\n" { "}".to_owned() } else { format!("\n{indent}}}") });
    Ok(())
}

fn value(evaluator: &Evaluator<'_>, member: MemberId, out: &mut String) -> Result<(), TooLong> {
    match evaluator.value(member) {
        Some(value) => json(&evaluator.values, value, DOCUMENT_BYTES_MAX, out),
        None => {
            out.push_str("{\"$unbound\": true}");
            Ok(())
        }
    }
}
