//! Package, stack and fleet modules hold what their readers expect: known fields (E2) of the right type (E1), none
//! missing (E3). The tables stand in [`tables`]; this file holds values against them.

mod tables;

use super::field::{FieldSpec, Kind, Shape};
use super::{Findings, World};
use crate::eval::Evaluator;
use crate::program::{MemberId, MemberKind, ModuleId, NO_MEMBER, Program};
use crate::symbol::known;
use crate::value::{Value, ValueId};
use punix_diag::{Code, Diagnostic, Span, closest};
use std::cell::RefCell;
use std::collections::HashSet;

/// What a module is to its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Package,
    Stack,
    Fleet,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Role::Package => "package",
            Role::Stack => "stack",
            Role::Fleet => "fleet",
        }
    }
}

pub(super) struct Schemas<'p> {
    program: &'p Program,
    package: Shape,
    stack: Shape,
    fleet: Shape,
    told: RefCell<HashSet<(Span, String)>>,
}

impl<'p> Schemas<'p> {
    pub(super) fn new(program: &'p Program, world: &World) -> Schemas<'p> {
        let told = RefCell::default();
        Schemas { program, package: tables::package(), stack: tables::stack(world), fleet: tables::fleet(), told }
    }

    /// Checks every module that has a role.
    pub(super) fn check(&self, values: &Evaluator<'_>, readable: bool, findings: &mut Findings) {
        for (id, module) in self.program.modules() {
            let Some(role) = self.role(values, id) else { continue };
            for index in module.members.clone() {
                self.member(values, role, MemberId(index), readable, findings);
            }
        }
    }

    /// Checks some members only: those that a scenario changes.
    pub(super) fn check_members(&self, values: &Evaluator<'_>, members: &[MemberId], readable: bool, findings: &mut Findings) {
        for &member in members {
            if let Some(role) = self.role(values, self.program.member(member).module) {
                self.member(values, role, member, readable, findings);
            }
        }
    }

    fn shape(&self, role: Role) -> &Shape {
        match role {
            Role::Package => &self.package,
            Role::Stack => &self.stack,
            Role::Fleet => &self.fleet,
        }
    }

    fn role(&self, values: &Evaluator<'_>, module: ModuleId) -> Option<Role> {
        if self.program.is_package(module) {
            return Some(Role::Package);
        }
        if self.program.member_by(module, known::BACKEND).is_some() {
            return Some(Role::Stack);
        }
        (self.program.module(module).name == known::FLEET && self.is_fleet(values, module)).then_some(Role::Fleet)
    }

    /// A module called `Fleet` is one if its hosts say where to deploy what; others only share the name.
    fn is_fleet(&self, values: &Evaluator<'_>, module: ModuleId) -> bool {
        let hosts = self.program.member_by(module, known::HOSTS).and_then(|member| values.value(member));
        let Some(Value::List(items)) = hosts.map(|hosts| values.values.get(hosts)) else { return false };
        let has = |host: ValueId, name| values.values.field(host, name).is_some();
        let marked = |host: &ValueId| [known::FILE, known::STACK, known::TARGET].iter().any(|&name| has(*host, name));
        values.values.items(items).iter().any(marked)
    }

    fn member(&self, values: &Evaluator<'_>, role: Role, member: MemberId, readable: bool, findings: &mut Findings) {
        let name = self.program.ast.text(self.program.member(member).name);
        let Some(field) = self.shape(role).field(name) else { return };
        let Some(provenance) = values.provenance(member) else { return };
        let Some(winner) = provenance.winner else { return };
        let mut walk = Walk {
            schemas: self,
            values,
            readable,
            path: self.program.show(member),
            findings,
        };
        walk.value(&field.kind, provenance.value, winner.at);
    }

    /// Looks at members that are no field: a slip of the hand is an error, one that nothing reads a warning.
    pub(super) fn helpers(&self, values: &Evaluator<'_>, readable: bool, findings: &mut Findings) {
        if !readable {
            return;
        }
        let mut read = vec![false; self.program.members.len()];
        for &target in self.program.targets.iter().filter(|target| **target != NO_MEMBER) {
            read[target as usize] = true;
        }
        for scenario in &self.program.scenarios {
            for (member, _) in &scenario.contributions {
                read[member.0 as usize] = true;
            }
        }
        for (id, module) in self.program.modules() {
            let role = self.role(values, id);
            for index in module.members.clone() {
                let declared = self.program.members[index as usize].decl.is_some();
                let used = read[index as usize] || !self.program.contributions.get(index).is_empty();
                if declared && !used {
                    self.helper(id, role, MemberId(index), findings);
                }
            }
        }
    }

    fn helper(&self, module: ModuleId, role: Option<Role>, member: MemberId, findings: &mut Findings) {
        let name = self.program.ast.text(self.program.member(member).name);
        let shown = self.program.show(member);
        let at = self.program.place(member);
        let Some(role) = role else {
            if let Some((role, field)) = self.misspelt_mark(module, name) {
                let what = role.as_str();
                let error = Diagnostic::error(Code::E2, format!("`{shown}` is not a field of a {what}")).at(at);
                findings.add(error.help(format!("did you mean `{field}`? without it the module is no {what}")));
            }
            return;
        };
        let shape = self.shape(role);
        if shape.open || shape.field(name).is_some() || matches!(self.program.member(member).kind, MemberKind::Out) {
            return;
        }
        let what = role.as_str();
        match slip(name, shape.names().filter(|field| self.program.member_named(module, field).is_none())) {
            Some(near) => {
                let error = Diagnostic::error(Code::E2, format!("`{shown}` is not a field of a {what}")).at(at);
                findings.add(error.help(format!("did you mean `{near}`?")));
            }
            None => {
                let message = format!("nothing reads `{shown}`, and it is not a field of a {what}");
                let fields: Vec<&str> = shape.names().collect();
                let warning = Diagnostic::warning(message).at(at);
                findings.add(warning.help(format!("the fields of a {what} are {}", super::listed(&fields))));
            }
        }
    }

    /// Recognises a package or stack whose telling member is misspelt, by the company it keeps.
    fn misspelt_mark(&self, module: ModuleId, name: &str) -> Option<(Role, &'static str)> {
        const COMPANIONS_MIN: usize = 2;
        [(Role::Package, "recipe"), (Role::Stack, "backend")].into_iter().find(|(role, mark)| {
            let own = |field: &&str| self.program.member_named(module, field).is_some();
            slip(name, [*mark].into_iter()).is_some() && self.shape(*role).names().filter(own).count() >= COMPANIONS_MIN
        })
    }
}

/// Returns the field that a name is a slip of: one wrong letter in five, two in eight.
fn slip<'a>(name: &str, fields: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (near, distance) = closest(name, fields)?;
    let allowed = match name.chars().count() {
        0..=4 => 0,
        5..=7 => 1,
        _ => 2,
    };
    (distance <= allowed).then_some(near)
}

/// Goes through one value.
struct Walk<'w, 'p> {
    schemas: &'w Schemas<'p>,
    values: &'w Evaluator<'p>,
    readable: bool,
    path: String,
    findings: &'w mut Findings,
}

impl Walk<'_, '_> {
    /// Holds a value against its kind. Recursion is bounded by the tables.
    fn value(&mut self, kind: &Kind, value: ValueId, at: Span) {
        if !self.accepts(kind, value) {
            return self.wrong(kind, value, at);
        }
        match (kind, self.values.values.get(value)) {
            (Kind::List(element), Value::List(items)) => {
                for (index, item) in self.values.values.items(items).iter().enumerate() {
                    let at = self.values.values.origin(*item).unwrap_or(at);
                    self.inside(&format!("[{index}]"), |walk| walk.value(element, *item, at));
                }
            }
            (Kind::Map(each), Value::Record(items)) => {
                for (label, inner) in self.values.values.fields(items).to_vec() {
                    let at = self.label(value, label).unwrap_or(at);
                    let name = self.values.values.text(label).to_owned();
                    self.inside(&format!(".{name}"), |walk| walk.value(each, inner, at));
                }
            }
            (Kind::Record(shape), Value::Record(_)) => self.record(shape, value, at),
            (Kind::Either(kinds), _) => {
                let found = kinds.iter().find(|kind| self.accepts(kind, value));
                if let Some(kind) = found {
                    self.value(kind, value, at);
                }
            }
            _ => {}
        }
    }

    fn inside(&mut self, step: &str, go: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        go(self);
        self.path.truncate(length);
    }

    /// Tells whether a value is of a kind, without looking inside.
    fn accepts(&self, kind: &Kind, value: ValueId) -> bool {
        self.accepts_value(kind, self.values.values.get(value))
    }

    fn accepts_value(&self, kind: &Kind, value: Value) -> bool {
        match kind {
            Kind::Any => true,
            Kind::Bool => matches!(value, Value::Bool(_)),
            Kind::Int => matches!(value, Value::Int(_)),
            Kind::Text => matches!(value, Value::Text(_) | Value::Woven(_) | Value::Out(_)),
            Kind::Reference => !matches!(value, Value::Bool(_) | Value::Int(_) | Value::List(_) | Value::Record(_)),
            Kind::OneOf(words) => match value {
                Value::Text(text) => words.iter().any(|word| word == self.values.values.text(text)),
                _ => false,
            },
            Kind::List(_) => matches!(value, Value::List(_)),
            Kind::Map(_) | Kind::Record(_) => matches!(value, Value::Record(_)),
            Kind::Either(kinds) => kinds.iter().any(|kind| self.accepts_value(kind, value)),
        }
    }

    fn record(&mut self, shape: &Shape, value: ValueId, at: Span) {
        let Value::Record(items) = self.values.values.get(value) else { return };
        let fields = self.values.values.fields(items).to_vec();
        for (label, inner) in &fields {
            let name = self.values.values.text(*label).to_owned();
            let place = self.label(value, *label).unwrap_or(at);
            match shape.field(&name) {
                Some(field) => self.inside(&format!(".{name}"), |walk| walk.value(&field.kind, *inner, place)),
                None if shape.open => {}
                None => self.unknown(shape, &name, place),
            }
        }
        let present = |field: &&FieldSpec| fields.iter().any(|(label, _)| self.values.values.text(*label) == field.name);
        let missing: Vec<&FieldSpec> = shape.fields.iter().filter(|field| field.required && !present(field)).collect();
        for field in missing {
            let at = self.values.values.origin(value).unwrap_or(at);
            let message = format!("`{}` lacks the required field `{}`", self.path, field.name);
            let help = format!("add `{} = …`: {}", field.name, field.kind.wanted());
            self.tell(Diagnostic::error(Code::E3, message).at(Span::new(at.start, at.start + 1)).help(help));
        }
    }

    fn unknown(&mut self, shape: &Shape, name: &str, at: Span) {
        let error = Diagnostic::error(Code::E2, format!("`{}` has no field `{name}`", self.path)).at(at);
        let names: Vec<&str> = shape.names().collect();
        self.tell(match closest(name, names.iter().copied()) {
            Some((near, _)) => error.help(format!("did you mean `{near}`?")),
            None => error.help(format!("its fields are {}", super::listed(&names))),
        });
    }

    fn wrong(&mut self, kind: &Kind, value: ValueId, at: Span) {
        let found = match self.values.values.get(value) {
            Value::Failed => return,
            Value::Bool(_) => "a boolean".to_owned(),
            Value::Int(_) => "a number".to_owned(),
            Value::Text(text) => {
                let short: String = self.values.values.text(text).chars().take(40).collect();
                format!("\"{short}\"")
            }
            Value::Woven(_) | Value::Out(_) => "a string".to_owned(),
            Value::Secret { .. } => "a secret reference".to_owned(),
            Value::Artifact { .. } => "an artifact reference".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Record(_) => "a record".to_owned(),
        };
        let message = format!("`{}` is {found}, it takes {}", self.path, kind.wanted());
        let mut error = Diagnostic::error(Code::E1, message).at(at);
        if let Some(origin) = self.values.values.origin(value)
            && !self.near(origin, at)
        {
            error = error.note_at(origin, "the value comes from here");
        }
        self.tell(error);
    }

    /// Tells whether a value stands right behind its label, where pointing at it says nothing more.
    fn near(&self, origin: Span, at: Span) -> bool {
        let program = self.schemas.program;
        let (here, there) = (program.ast.sources.locate(at.start), program.ast.sources.locate(origin.start));
        here.file == there.file && here.line == there.line
    }

    fn label(&self, record: ValueId, label: crate::symbol::Symbol) -> Option<Span> {
        self.values.values.labels(record).iter().find(|found| found.name == label).map(|found| found.span)
    }

    /// Reports once, though a value may be reached from several places.
    fn tell(&mut self, diagnostic: Diagnostic) {
        let Some(span) = diagnostic.span else { return };
        let code = diagnostic.code.map_or("", |code| code.as_str());
        let key = (span, format!("{code}{}", diagnostic.help.as_deref().unwrap_or("")));
        if self.readable && self.schemas.told.borrow_mut().insert(key) {
            self.findings.add(diagnostic);
        }
    }
}
