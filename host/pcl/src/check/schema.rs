//! Package, stack and fleet modules hold what their readers expect: known fields (E2) of the right type (E1), none
//! missing (E3). The tables stand in [`tables`]; this file holds values against them.

mod tables;

use super::field::{FieldSpec, Kind, Shape};
use super::{Findings, World};
use crate::eval::Evaluator;
use crate::program::{FastMap, MemberId, MemberKind, ModuleId, NO_MEMBER, Program};
use crate::symbol::{Symbol, known};
use crate::value::{Value, ValueId};
use punix_diag::{Code, Diagnostic, Span, closest};
use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;

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
    package: Table,
    stack: Table,
    fleet: Table,
    told: RefCell<HashSet<(Span, String)>>,
}

/// A role's fields, found by the symbols of their names: most members are looked up and are fine.
struct Table {
    shape: Shape,
    by_name: FastMap<u32, usize>,
}

impl Table {
    fn new(program: &Program, shape: Shape) -> Table {
        let symbol = |(index, name)| Some((program.ast.symbols.get(name)?.0, index));
        let by_name = shape.names().enumerate().filter_map(symbol).collect();
        Table { shape, by_name }
    }

    fn field(&self, name: Symbol) -> Option<&FieldSpec> {
        self.by_name.get(&name.0).map(|index| &self.shape.fields[*index])
    }
}

impl<'p> Schemas<'p> {
    pub(super) fn new(program: &'p Program, world: &World) -> Schemas<'p> {
        Schemas {
            program,
            package: Table::new(program, tables::package()),
            stack: Table::new(program, tables::stack(world)),
            fleet: Table::new(program, tables::fleet()),
            told: RefCell::default(),
        }
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
    pub(super) fn check_members(
        &self,
        values: &Evaluator<'_>,
        members: &[MemberId],
        readable: bool,
        findings: &mut Findings,
    ) {
        for &member in members {
            if let Some(role) = self.role(values, self.program.member(member).module) {
                self.member(values, role, member, readable, findings);
            }
        }
    }

    fn table(&self, role: Role) -> &Table {
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
        let Some(field) = self.table(role).field(self.program.member(member).name) else { return };
        let Some(value) = values.value(member) else { return };
        let mut walk = Walk { schemas: self, values, readable, member, path: Vec::new(), findings };
        walk.value(&field.kind, value, None);
    }

    /// Looks at members that are no field: a slip of the hand is an error, one that nothing reads a warning.
    pub(super) fn helpers(&self, values: &Evaluator<'_>, readable: bool, findings: &mut Findings) {
        if !readable || findings.is_closed() {
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
            let meant = if role.is_none() { self.meant(module.members.clone()) } else { None };
            if role.is_none() && meant.is_none() {
                continue;
            }
            for index in module.members.clone() {
                let declared = self.program.members[index as usize].decl.is_some();
                let used = read[index as usize] || !self.program.contributions.get(index).is_empty();
                let name = self.program.members[index as usize].name;
                let field = role.is_some_and(|role| self.table(role).field(name).is_some());
                if !declared || used || field {
                    continue;
                }
                match (role, meant) {
                    (Some(role), _) => self.helper(id, role, MemberId(index), findings),
                    (None, Some(meant)) => self.mark(meant, MemberId(index), findings),
                    (None, None) => {}
                }
            }
        }
    }

    fn helper(&self, module: ModuleId, role: Role, member: MemberId, findings: &mut Findings) {
        let name = self.program.ast.text(self.program.member(member).name);
        let shown = self.program.show(member);
        let at = self.program.place(member);
        let shape = &self.table(role).shape;
        if shape.open || self.program.member(member).kind == MemberKind::Out {
            return;
        }
        let what = role.as_str();
        match slip(name, shape.names().filter(|field| self.program.member_named(module, field).is_none())) {
            Some(near) => {
                let error = Diagnostic::error(Code::E2, format!("`{shown}` is not a field of a {what}")).at(at);
                findings.add(error.help(format!("did you mean `{near}`?")));
            }
            None if findings.is_full() => findings.dropped += 1,
            None => {
                let message = format!("nothing reads `{shown}`, and it is not a field of a {what}");
                let fields: Vec<&str> = shape.names().collect();
                let warning = Diagnostic::warning(message).at(at);
                let free = fields.iter().copied().filter(|field| self.program.member_named(module, field).is_none());
                let help = match findings.closest(name, free) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the fields of a {what} are {}", super::listed(&fields)),
                };
                findings.add(warning.help(help));
            }
        }
    }

    /// Tells what a module without a role was probably meant to be, by the company its members keep.
    fn meant(&self, members: Range<u32>) -> Option<Role> {
        const COMPANIONS_MIN: usize = 2;
        let field = |role, index| self.table(role).field(self.program.members[index as usize].name).is_some();
        let is =
            |role| members.clone().filter(|&index| field(role, index)).take(COMPANIONS_MIN).count() == COMPANIONS_MIN;
        [Role::Package, Role::Stack].into_iter().find(|&role| is(role))
    }

    /// Recognises the member that would make a module what it was meant to be, but is misspelt.
    fn mark(&self, meant: Role, member: MemberId, findings: &mut Findings) {
        let mark = if meant == Role::Package { "recipe" } else { "backend" };
        let name = self.program.ast.text(self.program.member(member).name);
        if slip(name, [mark].into_iter()).is_some() {
            let (what, shown) = (meant.as_str(), self.program.show(member));
            let error = Diagnostic::error(Code::E2, format!("`{shown}` is not a field of a {what}"));
            let error = error.at(self.program.place(member));
            findings.add(error.help(format!("did you mean `{mark}`? without it the module is no {what}")));
        }
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

/// A step from a value into it.
#[derive(Clone, Copy)]
enum Step {
    Index(usize),
    Label(Symbol),
}

/// Goes through one member's value.
struct Walk<'w, 'p> {
    schemas: &'w Schemas<'p>,
    values: &'w Evaluator<'p>,
    readable: bool,
    member: MemberId,
    path: Vec<Step>,
    findings: &'w mut Findings,
}

impl Walk<'_, '_> {
    /// Holds a value against its kind. `at` is the nearest label or element; without one the member itself. Recursion
    /// is bounded by the tables.
    fn value(&mut self, kind: &Kind, value: ValueId, at: Option<Span>) {
        let found = self.values.values.get(value);
        if !self.accepts(kind, found) {
            return self.wrong(kind, value, at);
        }
        match (kind, found) {
            (Kind::List(element), Value::List(items)) => {
                for (index, &item) in self.values.values.items(items).iter().enumerate() {
                    let at = self.values.values.origin(item).or(at);
                    self.inside(Step::Index(index), |walk| walk.value(element, item, at));
                }
            }
            (Kind::Map(each), Value::Record(items)) if !matches!(**each, Kind::Any) => {
                for (index, &(label, inner)) in self.values.values.fields(items).iter().enumerate() {
                    let at = self.label(value, index).or(at);
                    self.inside(Step::Label(label), |walk| walk.value(each, inner, at));
                }
            }
            (Kind::Record(shape), Value::Record(_)) => self.record(shape, value, at),
            (Kind::Either(kinds), _) => {
                if let Some(kind) = kinds.iter().find(|kind| self.accepts(kind, found)) {
                    self.value(kind, value, at);
                }
            }
            _ => {}
        }
    }

    fn inside(&mut self, step: Step, go: impl FnOnce(&mut Self)) {
        self.path.push(step);
        go(self);
        self.path.pop();
    }

    /// Returns where the value stands in its member, such as `Web.services[0].args`.
    fn shown(&self) -> String {
        let mut shown = self.schemas.program.show(self.member);
        for step in &self.path {
            match step {
                Step::Index(index) => shown.push_str(&format!("[{index}]")),
                Step::Label(label) => shown.push_str(&format!(".{}", self.values.values.text(*label))),
            }
        }
        shown
    }

    /// Returns where the member's value comes from, for a value without a nearer place.
    fn place(&self, at: Option<Span>) -> Span {
        at.unwrap_or_else(|| {
            let winner = self.values.provenance(self.member).and_then(|provenance| provenance.winner);
            winner.map_or(self.schemas.program.place(self.member), |site| site.at)
        })
    }

    /// Tells whether a value is of a kind, without looking inside.
    fn accepts(&self, kind: &Kind, value: Value) -> bool {
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
            Kind::Either(kinds) => kinds.iter().any(|kind| self.accepts(kind, value)),
        }
    }

    fn record(&mut self, shape: &Shape, value: ValueId, at: Option<Span>) {
        let Value::Record(items) = self.values.values.get(value) else { return };
        let fields = self.values.values.fields(items);
        let mut misspelt: Vec<&str> = Vec::new(); // told already, as what they were meant to be
        for (index, &(label, inner)) in fields.iter().enumerate() {
            let place = self.label(value, index).or(at);
            match shape.field(self.values.values.text(label)) {
                Some(field) => self.inside(Step::Label(label), |walk| walk.value(&field.kind, inner, place)),
                None if shape.open => {}
                None => misspelt.extend(self.unknown(shape, label, place)),
            }
        }
        let present =
            |field: &&FieldSpec| fields.iter().any(|(label, _)| self.values.values.text(*label) == field.name);
        let missing = shape.fields.iter().filter(|field| field.required && !present(field));
        let missing: Vec<&FieldSpec> = missing.filter(|field| !misspelt.contains(&field.name.as_str())).collect();
        for field in missing {
            let at = self.values.values.origin(value).unwrap_or_else(|| self.place(at));
            let message = format!("`{}` lacks the required field `{}`", self.shown(), field.name);
            let help = format!("add `{} = …` ({})", field.name, field.kind.wanted());
            self.tell(Diagnostic::error(Code::E3, message).at(Span::new(at.start, at.start + 1)).help(help));
        }
    }

    /// Reports a field that is none, and returns the one that was probably meant.
    fn unknown<'s>(&mut self, shape: &'s Shape, label: Symbol, at: Option<Span>) -> Option<&'s str> {
        let name = self.values.values.text(label);
        let error = Diagnostic::error(Code::E2, format!("`{}` has no field `{name}`", self.shown())).at(self.place(at));
        let names: Vec<&str> = shape.names().collect();
        let near = closest(name, names.iter().copied()).map(|(near, _)| near);
        self.tell(match near {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help(format!("its fields are {}", super::listed(&names))),
        });
        near
    }

    fn wrong(&mut self, kind: &Kind, value: ValueId, at: Option<Span>) {
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
        let at = self.place(at);
        let message = format!("`{}` is {found}, it takes {}", self.shown(), kind.wanted());
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

    /// Returns where a record's label stands; labels and fields are in one order.
    fn label(&self, record: ValueId, index: usize) -> Option<Span> {
        self.values.values.labels(record).get(index).map(|label| label.span)
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
