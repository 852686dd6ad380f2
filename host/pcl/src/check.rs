//! Everything that is known about a program before it is used: names, types, what evaluates to what in the base
//! program and under each scenario. All errors of a run are found; what only follows from another is not told.

mod build_cycle;
mod coherence;
mod contribute;
mod declare;
mod field;
mod infer;
mod schema;
mod special;

use crate::ast::Ast;
use crate::eval::{Evaluator, Reason};
use crate::limits;
use crate::parser::{Source, parse};
use crate::program::{MemberId, Program, ScenarioId};
use punix_diag::{Code, Diagnostic, Note, Span};
use std::collections::HashSet;

pub use field::{FieldSpec, Kind, Shape};

/// What a check has to know of the installation.
#[derive(Debug, Clone)]
pub struct World {
    /// Names that a secret reference may have: `from_env` and so on.
    pub resolvers: Vec<String>,
    /// What each backend plugin adds to the fields of a stack and of its services.
    pub backends: Vec<BackendFields>,
    /// Names of config recipes that are registered.
    pub config_recipes: Vec<String>,
}

/// Fields that a backend plugin declares beside the language's own.
#[derive(Debug, Clone, Default)]
pub struct BackendFields {
    pub backend: String,
    pub stack: Vec<FieldSpec>,
    pub service: Vec<FieldSpec>,
}

impl Default for World {
    /// Knows what every installation has: the bundled plugins.
    fn default() -> World {
        World {
            resolvers: ["from_env", "from_file", "from_vault"].map(str::to_owned).to_vec(),
            backends: vec![BackendFields { backend: "systemd".to_owned(), ..BackendFields::default() }],
            config_recipes: Vec::new(),
        }
    }
}

/// A checked program, with all that was found. It can be evaluated if there is no error.
#[derive(Debug)]
pub struct Checked {
    pub program: Program,
    /// Errors and warnings by file and position.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there were than are kept.
    pub dropped: usize,
}

impl Checked {
    /// Tells whether anything was found that is more than a warning.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Finds a scenario by name; an unknown one is an `[E2]` that names the nearest.
    pub fn scenario(&self, name: &str) -> Result<ScenarioId, Diagnostic> {
        self.program.scenario_named(name).ok_or_else(|| {
            let names: Vec<&str> = self.program.scenarios().map(|(_, s)| self.program.ast.text(s.name)).collect();
            let error = Diagnostic::error(Code::E2, format!("there is no scenario `{name}`"));
            match punix_diag::closest(name, names.iter().copied()) {
                Some((near, _)) => error.help(format!("did you mean `{near}`?")),
                None if names.is_empty() => error.help("the program declares no scenario"),
                None => error.help(format!("the program has: {}", listed(&names))),
            }
        })
    }
}

/// Reads and checks a program.
pub fn check(files: Vec<Source>, world: &World) -> Checked {
    let (ast, syntax) = parse(files);
    check_ast(ast, syntax, world)
}

/// Checks a program that has been read; `syntax` is what reading found.
pub fn check_ast(ast: Ast, syntax: Vec<Diagnostic>, world: &World) -> Checked {
    punix_diag::drill("check");
    let mut findings = Findings { list: syntax, dropped: 0 };
    let readable = findings.list.is_empty() && !ast.damaged;
    let mut program = declare::declare(ast, &mut findings);
    contribute::attach(&mut program, &mut findings);
    infer::infer(&mut program, &mut findings);
    if readable {
        contribute::required(&program, &mut findings);
    }
    special::check(&program, world, &mut findings);
    evaluate_roots(&program, world, readable, &mut findings);
    let Findings { mut list, dropped } = findings;
    list.sort_by_key(|diagnostic| diagnostic.span);
    list.dedup();
    Checked { program, diagnostics: list, dropped }
}

/// Evaluates the base program and what each scenario changes, and checks what only values show.
fn evaluate_roots(program: &Program, world: &World, readable: bool, findings: &mut Findings) {
    let mut evaluator = Evaluator::new(program);
    evaluator.evaluate_all();
    let by_scenarios = contribute::filled_by_scenarios(program);
    report(program, &mut evaluator, &by_scenarios, None, findings);
    let mut coherence = coherence::Coherence::new(program);
    coherence.names(&evaluator, None, findings);
    coherence.versions(&evaluator, None, findings);
    build_cycle::check(program, None, findings);
    let schemas = schema::Schemas::new(program, world);
    schemas.check(&evaluator, readable, findings);
    schemas.helpers(&evaluator, readable, findings);
    if program.scenarios.is_empty() {
        return;
    }
    evaluator.know_dependents();
    for (id, _) in program.scenarios() {
        let affected = evaluator.enter_scenario(id);
        evaluator.evaluate_members(&affected);
        report(program, &mut evaluator, &by_scenarios, Some(id), findings);
        if affected.iter().any(|&member| program.is_package_name(member)) {
            coherence.names(&evaluator, Some(id), findings);
        }
        coherence.versions(&evaluator, Some(id), findings);
        build_cycle::check(program, Some(id), findings);
        let before = findings.list.len();
        schemas.check_members(&evaluator, &affected, readable, findings);
        for diagnostic in findings.list.iter_mut().skip(before) {
            diagnostic.notes.push(Note { span: None, message: program.under(id) });
        }
        evaluator.leave_scenario();
    }
}

/// Takes over what an evaluation met. An option that nothing fills is a warning where some scenario fills it.
fn report(
    program: &Program,
    evaluator: &mut Evaluator<'_>,
    by_scenarios: &HashSet<MemberId>,
    scenario: Option<ScenarioId>,
    findings: &mut Findings,
) {
    for fault in evaluator.take_faults(&mut findings.dropped) {
        let mut diagnostic = match fault.reason {
            Reason::Error => fault.diagnostic,
            Reason::Unfilled(_) if scenario.is_some() => continue,
            Reason::Unfilled(option) if !by_scenarios.contains(&option) => continue, // E3 says it
            Reason::Unfilled(_) => {
                let mut warning = Diagnostic::warning(fault.diagnostic.message);
                (warning.span, warning.notes) = (fault.diagnostic.span, fault.diagnostic.notes);
                warning.help("give it a default, or evaluate with `--scenario`")
            }
        };
        if let Some(id) = scenario {
            if findings.list.iter().any(|known| known.span == diagnostic.span && known.code == diagnostic.code) {
                continue; // the base program has it too
            }
            diagnostic = diagnostic.note(program.under(id));
        }
        findings.add(diagnostic);
    }
}

/// Collects diagnostics up to a limit.
pub(crate) struct Findings {
    pub(crate) list: Vec<Diagnostic>,
    pub(crate) dropped: usize,
}

impl Findings {
    pub(crate) fn add(&mut self, mut diagnostic: Diagnostic) {
        if self.is_full() {
            self.dropped += 1;
            let warning =
                if diagnostic.is_error() { self.list.iter().rposition(|known| !known.is_error()) } else { None };
            let Some(warning) = warning else { return };
            self.list.swap_remove(warning); // an error is worth more than a warning
        }
        shorten(&mut diagnostic.message);
        diagnostic.notes.iter_mut().for_each(|note| shorten(&mut note.message));
        diagnostic.help.iter_mut().for_each(shorten);
        self.list.push(diagnostic);
    }

    /// Takes back an unknown name at a place where something better is about to be said.
    pub(crate) fn forget_echo(&mut self, at: Span) {
        const FEW: usize = 3;
        let recent = self.list.len().saturating_sub(FEW);
        let echo = |known: &Diagnostic| known.code == Some(Code::E2) && known.span == Some(at);
        if let Some(echo) = self.list[recent..].iter().position(echo) {
            self.list.remove(recent + echo);
        }
    }

    /// Tells whether nothing can be added any more, errors included.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_full() && self.list.iter().all(Diagnostic::is_error)
    }

    /// Tells whether further warnings are only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= limits::DIAGNOSTICS_MAX
    }

    /// Finds the name that was probably meant. Looking through many names is worth it for the first errors only.
    pub(crate) fn closest<'a>(&self, name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let looked = self.list.len() < limits::SUGGESTIONS_MAX;
        let names = names.into_iter().take(if looked { limits::SUGGESTION_NAMES_MAX } else { 0 });
        punix_diag::closest(name, names).map(|(near, _)| near)
    }
}

/// Cuts what would bury the rest: a name in it may be as long as a file.
fn shorten(text: &mut String) {
    if text.len() > limits::MESSAGE_BYTES_MAX {
        let cut = (0..=limits::MESSAGE_BYTES_MAX).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(cut);
        text.push('…');
    }
}

/// Joins names for a sentence, in backticks; a long list is cut.
pub(crate) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    const NAMES_MAX: usize = 12;
    let mut out: Vec<String> = names.iter().take(NAMES_MAX).map(|name| format!("`{}`", name.as_ref())).collect();
    if names.len() > NAMES_MAX {
        out.push(format!("and {} more", names.len() - NAMES_MAX));
    }
    out.join(", ")
}
