//! Types of all expressions (E1, E2, E5). One loop over each expression's nodes with a stack beside it; a
//! reference to a derived member that has no type yet suspends the loop until it has one.

mod forms;

use super::Findings;
use super::contribute::{resolve, unknown_member};
use crate::ast::{DeclId, DeclKind, Node, NodeId};
use crate::limits;
use crate::program::{FastMap, MemberId, MemberKind, Program};
use crate::symbol::Symbol;
use crate::types::{Join, TypeId};
use punix_diag::{Code, Diagnostic, Span};

/// Types every member and every contribution, and resolves every reference.
pub(super) fn infer(program: &mut Program, findings: &mut Findings) {
    let declared = |kind| match kind {
        MemberKind::Option(ty) => Some(ty),
        MemberKind::ImplicitName => Some(TypeId::STR),
        MemberKind::Out => Some(TypeId::PATH),
        MemberKind::Derived => None,
    };
    let mut known = Vec::with_capacity(program.members.len());
    for (member, ty) in program.members.iter().zip(&mut program.types) {
        let declared = declared(member.kind);
        known.push(if declared.is_some() { State::Known } else { State::New });
        *ty = declared.unwrap_or(*ty);
    }
    let mut inference = Inference {
        program,
        findings,
        known,
        stack: Vec::new(),
        tasks: Vec::new(),
        binders: Vec::new(),
        ragged: FastMap::default(),
        told_depth: false,
    };
    // Where a circle of members is reported depends on where it is entered: options first, then derived members, in
    // order of the modules; contributions last.
    for module in 0..inference.program.modules.len() {
        inference.run_all(module, |kind| matches!(kind, DeclKind::Option { .. }));
        inference.run_all(module, |kind| kind == DeclKind::Derived);
    }
    for decl in 0..inference.program.ast.decls.len() {
        if matches!(inference.program.ast.decls[decl].kind, DeclKind::Contribution { .. }) {
            inference.run(DeclId(decl as u32));
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Running,
    Known,
}

/// The type of an expression that has been read, and its root.
#[derive(Clone, Copy)]
struct Typed {
    ty: TypeId,
    root: u32,
}

struct Task {
    decl: DeclId,
    /// The member that this expression defines, if it is a derived one.
    member: Option<MemberId>,
    position: u32,
    end: u32,
}

/// A comprehension whose source has been typed.
#[derive(Clone, Copy)]
struct Binder {
    name: Symbol,
    element: TypeId,
    decl: DeclId,
}

struct Inference<'a> {
    program: &'a mut Program,
    findings: &'a mut Findings,
    known: Vec<State>,
    stack: Vec<Typed>,
    tasks: Vec<Task>,
    /// The comprehensions around the current node, innermost last.
    binders: Vec<Binder>,
    /// Per declaration the root of an element that makes a list's records differ in their fields.
    ragged: FastMap<u32, u32>,
    told_depth: bool,
}

impl Inference<'_> {
    /// Types a module's declarations of one kind.
    fn run_all(&mut self, module: usize, wanted: impl Fn(DeclKind) -> bool) {
        for position in 0..self.program.modules[module].blocks.len() {
            let block = self.program.modules[module].blocks[position];
            for decl in self.program.ast.blocks[block as usize].decls.clone() {
                if wanted(self.program.ast.decls[decl as usize].kind) {
                    self.run(DeclId(decl));
                }
            }
        }
    }

    /// Types one declaration's expression and everything that it needs.
    fn run(&mut self, decl: DeclId) {
        if !self.begin(decl) {
            return;
        }
        while let Some(task) = self.tasks.last_mut() {
            if task.position == task.end {
                let task = self.tasks.pop().expect("the loop has just looked at it");
                self.finish(&task);
                continue;
            }
            let (node, decl) = (task.position, task.decl);
            if let Some(wanted) = self.step(node, decl) {
                self.begin(wanted); // and come back to this node
            } else if let Some(task) = self.tasks.last_mut() {
                task.position += 1;
            }
        }
    }

    /// Starts on an expression, unless it is typed already.
    fn begin(&mut self, id: DeclId) -> bool {
        let decl = self.program.ast.decl(id);
        if decl.code.is_empty() {
            return false;
        }
        let (position, end) = (decl.code.start, decl.code.end);
        let mut member = None;
        if decl.kind == DeclKind::Derived
            && let Some(found) = self.program.member_by(self.program.scope(id), decl.name)
            && self.program.member(found).decl == Some(id)
        {
            if self.known[found.0 as usize] != State::New {
                return false;
            }
            self.known[found.0 as usize] = State::Running;
            member = Some(found);
        }
        self.tasks.push(Task { decl: id, member, position, end });
        true
    }

    fn finish(&mut self, task: &Task) {
        let Some(Typed { ty, .. }) = self.stack.pop() else { return };
        if let Some(member) = task.member {
            self.program.types[member.0 as usize] = self.program.ast.types.widen(ty);
            self.known[member.0 as usize] = State::Known;
            return;
        }
        let decl = self.program.ast.decl(task.decl);
        let root = self.program.ast.spans[decl.code.end as usize - 1];
        let (module, name) = match decl.kind {
            DeclKind::Option { .. } => (self.program.scope(task.decl), decl.name),
            DeclKind::Contribution { target, .. } => match self.program.module_by(target) {
                Some(module) => (module, decl.name),
                None => return,
            },
            DeclKind::Derived => return, // declared twice; the first counts
        };
        let option = matches!(decl.kind, DeclKind::Option { .. });
        let Some(member) = self.program.member_by(module, name) else { return };
        let MemberKind::Option(declared) = self.program.member(member).kind else { return };
        if option && self.program.member(member).decl != Some(task.decl) {
            return; // declared twice; the first counts
        }
        if self.program.ast.types.fits(ty, declared) {
            return;
        }
        self.program.faulty[task.decl.0 as usize] = true;
        let shown = self.program.show(member);
        let declared_at = self.program.place(member);
        if let Some(&odd) = self.ragged.get(&task.decl.0)
            && self.program.ast.types.join(ty, declared, Join::Elements).is_some()
        {
            let message =
                format!("this element has other fields than the first one, `{shown}` takes {}", self.show(declared));
            let error = Diagnostic::error(Code::E1, message).at(self.span(odd));
            self.findings.add(error.note_at(declared_at, "the option is declared here"));
            return;
        }
        let what = if option { "the default of" } else { "this contribution to" };
        let message = format!("{what} `{shown}` is {}, declared is {}", self.show(ty), self.show(declared));
        let error = Diagnostic::error(Code::E1, message).at(root);
        self.findings.add(error.note_at(declared_at, "the option is declared here"));
    }

    /// Types one node; or names the declaration that has to be typed before.
    fn step(&mut self, index: u32, decl: DeclId) -> Option<DeclId> {
        let node = self.program.ast.nodes[index as usize];
        let ty = match node {
            Node::Bool(_) => TypeId::BOOL,
            Node::Int(_) => TypeId::INT,
            Node::Str(_) => TypeId::LITERAL,
            Node::Secret { .. } | Node::Artifact { .. } => TypeId::STR,
            Node::Broken => {
                self.fault(decl);
                TypeId::UNKNOWN
            }
            Node::Name(name) => match self.bare(index, name, decl) {
                Ok(ty) => ty,
                Err(wanted) => return Some(wanted),
            },
            Node::Member { module, member } => match self.qualified(index, module, member, decl) {
                Ok(ty) => ty,
                Err(wanted) => return Some(wanted),
            },
            Node::Field { binder, field } => self.field(index, binder, field, decl),
            Node::Woven { count } => self.woven(count, decl),
            Node::List { count } => self.list(count, decl),
            Node::Record { labels, count } => self.record(labels, count),
            Node::Then { .. } => {
                self.condition(decl);
                return None;
            }
            Node::Else { .. } => return None,
            Node::If => self.branches(index, decl),
            Node::Each { binder, .. } => {
                self.source(binder, decl);
                return None;
            }
            Node::Guard => {
                self.guard(index, decl);
                return None;
            }
            Node::Yield { .. } => {
                self.binders.pop();
                let body = self.pop();
                self.program.ast.types.list(body.ty)
            }
        };
        let ty = if self.program.ast.types.is_too_deep(ty) { self.too_deep(index, decl) } else { ty };
        self.stack.push(Typed { ty, root: index });
        None
    }

    fn pop(&mut self) -> Typed {
        self.stack.pop().unwrap_or(Typed { ty: TypeId::UNKNOWN, root: 0 })
    }

    fn show(&self, ty: TypeId) -> String {
        format!("`{}`", self.program.ast.types.show(ty, &self.program.ast.symbols))
    }

    fn span(&self, index: u32) -> Span {
        self.program.ast.span(NodeId(index))
    }

    fn fault(&mut self, decl: DeclId) {
        self.program.faulty[decl.0 as usize] = true;
    }

    fn error(&mut self, decl: DeclId, diagnostic: Diagnostic) -> TypeId {
        self.findings.add(diagnostic);
        self.fault(decl);
        TypeId::UNKNOWN
    }

    /// Told once: in a long chain it would come back every few hundred members.
    fn too_deep(&mut self, index: u32, decl: DeclId) -> TypeId {
        if std::mem::replace(&mut self.told_depth, true) {
            self.fault(decl);
            return TypeId::UNKNOWN;
        }
        let message = format!("this type is more than {} deep", limits::TYPE_DEPTH_MAX);
        let at = self.span(index);
        self.error(decl, Diagnostic::error(Code::E20, message).at(at))
    }

    fn bare(&mut self, index: u32, name: Symbol, decl: DeclId) -> Result<TypeId, DeclId> {
        let scope = self.program.scope(decl);
        if scope == crate::program::NO_MODULE {
            self.fault(decl); // the contribution's target is unknown, which was told
            return Ok(TypeId::UNKNOWN);
        }
        if let Some(member) = self.program.member_by(scope, name) {
            return self.load(index, member);
        }
        if self.program.module(scope).damaged {
            self.fault(decl);
            return Ok(TypeId::UNKNOWN);
        }
        let mut error = unknown_member(self.program, scope, self.program.ast.text(name), self.findings);
        if error.help.is_none() && self.is_binder(name, decl) {
            let name = self.program.ast.text(name);
            error = error.help(format!("`{name}` stands for an element; write `{name}.field`"));
        }
        let at = self.span(index);
        Ok(self.error(decl, error.at(at)))
    }

    fn qualified(&mut self, index: u32, module: Symbol, name: Symbol, decl: DeclId) -> Result<TypeId, DeclId> {
        match resolve(self.program, module, name, self.findings) {
            Ok(member) => self.load(index, member),
            Err(error) => {
                let at = self.span(index);
                self.fault(decl);
                if let Some(error) = error {
                    let error = self.hint(error, module, decl);
                    self.findings.add(error.at(at));
                }
                Ok(TypeId::UNKNOWN)
            }
        }
    }

    fn is_binder(&self, name: Symbol, decl: DeclId) -> bool {
        self.binders.iter().rev().take_while(|binder| binder.decl == decl).any(|binder| binder.name == name)
    }

    /// Says why what looks like a module here is none.
    fn hint(&self, error: Diagnostic, module: Symbol, decl: DeclId) -> Diagnostic {
        let scope = self.program.scope(decl);
        if error.help.is_some() || self.program.module_by(module).is_some() || scope == crate::program::NO_MODULE {
            return error;
        }
        let name = self.program.ast.text(module);
        if self.is_binder(module, decl) {
            error.help(format!(
                "`{name}` belongs to a comprehension further out; only the innermost one's element can be used"
            ))
        } else if self.program.member_by(scope, module).is_some() {
            error.help(format!("`{name}` is a member; the fields of a record cannot be reached with `.`"))
        } else {
            error
        }
    }

    /// Returns a member's type, or the declaration to type first.
    fn load(&mut self, index: u32, member: MemberId) -> Result<TypeId, DeclId> {
        self.program.targets[index as usize] = member.0;
        match (self.known[member.0 as usize], self.program.member(member).decl) {
            (State::Known, _) => Ok(self.program.type_of(member)),
            (State::New, Some(decl)) => Err(decl),
            (State::New, None) => Ok(TypeId::UNKNOWN),
            (State::Running, decl) => {
                let shown = self.program.show(member);
                let message = format!("`{shown}` refers to itself, so it has no type");
                let error = Diagnostic::error(Code::E2, message)
                    .at(self.program.place(member))
                    .note_at(self.span(index), "the circle closes here")
                    .help("declare one of the members on the way as an option with a type, or break the circle");
                self.findings.add(error);
                if let Some(decl) = decl {
                    self.fault(decl);
                }
                self.known[member.0 as usize] = State::Known;
                Ok(TypeId::UNKNOWN)
            }
        }
    }
}
