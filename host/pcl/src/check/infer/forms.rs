//! Types of the forms that hold other expressions: text, lists, records, conditionals and comprehensions.

use super::{Binder, Inference, Typed};
use crate::ast::{DeclId, Node};
use crate::check::listed;
use crate::symbol::Symbol;
use crate::types::{Field, Join, Type, TypeId};
use punix_diag::{Code, Diagnostic, Span};

impl Inference<'_> {
    pub(super) fn field(&mut self, index: u32, binder: Symbol, name: Symbol, decl: DeclId) -> TypeId {
        let Some(&Binder { element, .. }) = self.binders.last() else { return TypeId::UNKNOWN };
        if element == TypeId::UNKNOWN {
            return TypeId::UNKNOWN;
        }
        let fields = self.program.ast.types.fields(element);
        if let Ok(found) = fields.binary_search_by_key(&name, |field| field.name) {
            return fields[found].ty;
        }
        let text = |symbol| self.program.ast.text(symbol);
        let message = format!("the elements that `{}` stands for have no field `{}`", text(binder), text(name));
        let error = Diagnostic::error(Code::E2, message).at(self.span(index));
        let mut names: Vec<&str> = fields.iter().map(|field| text(field.name)).collect();
        names.sort_unstable();
        let error = match self.findings.closest(text(name), names.iter().copied()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => error,
            None => error.help(format!("they have {}", listed(&names))),
        };
        self.error(decl, error)
    }

    pub(super) fn woven(&mut self, count: u32, decl: DeclId) -> TypeId {
        for Typed { ty, root } in self.stack.split_off(self.stack.len() - count as usize) {
            if !self.program.ast.types.is_scalar(ty) {
                let at = self.span(root);
                let message = format!("this hole is {}; text takes Str, Int, Bool and Path", self.show(ty));
                self.error(decl, Diagnostic::error(Code::E1, message).at(at));
            }
        }
        TypeId::STR
    }

    pub(super) fn list(&mut self, count: u32, decl: DeclId) -> TypeId {
        let first = self.stack.len() - count as usize;
        let elements: Vec<TypeId> = self.stack[first..].iter().map(|typed| typed.ty).collect();
        let element = match self.program.ast.types.join_all(&elements) {
            Ok(element) => {
                self.note_ragged(decl, first, &elements, element);
                element
            }
            Err((odd, before)) => {
                let Typed { ty, root } = self.stack[first + odd];
                let message = format!("this element is {}, those before it are {}", self.show(ty), self.show(before));
                let error = Diagnostic::error(Code::E1, message).at(self.span(root));
                self.error(decl, error.help("all elements of a list have one type"))
            }
        };
        self.stack.truncate(first);
        self.program.ast.types.list(element)
    }

    /// Remembers the first element that has other fields than the first one, in case the declared type wants all.
    pub(super) fn note_ragged(&mut self, decl: DeclId, first: usize, elements: &[TypeId], joined: TypeId) {
        let types = &mut self.program.ast.types;
        if types.fields(joined).iter().any(|field| field.optional)
            && let Some(odd) = elements.iter().position(|&ty| types.join(elements[0], ty, Join::Same).is_none())
        {
            let root = self.stack[first + odd].root;
            self.ragged.entry(decl.0).or_insert(root);
        }
    }

    pub(super) fn record(&mut self, labels: u32, count: u32) -> TypeId {
        let first = self.stack.len() - count as usize;
        let labels = &self.program.ast.labels[labels as usize..(labels + count) as usize];
        let typed = &self.stack[first..];
        let field =
            |(label, typed): (&crate::ast::Label, &Typed)| Field { name: label.name, ty: typed.ty, optional: false };
        let fields: Vec<Field> = labels.iter().zip(typed).map(field).collect();
        self.stack.truncate(first);
        self.program.ast.types.record(fields)
    }

    pub(super) fn condition(&mut self, decl: DeclId) {
        let Typed { ty, root } = self.pop();
        if !self.program.ast.types.fits(ty, TypeId::BOOL) {
            let message = format!("this condition is {}, not `Bool`", self.show(ty));
            let at = self.span(root);
            self.error(decl, Diagnostic::error(Code::E5, message).at(at));
        }
    }

    pub(super) fn branches(&mut self, index: u32, decl: DeclId) -> TypeId {
        let otherwise = self.pop();
        let then = self.pop();
        if let Some(ty) = self.program.ast.types.join(then.ty, otherwise.ty, Join::Same) {
            return ty;
        }
        let message = format!("the branches differ: {} and {}", self.show(then.ty), self.show(otherwise.ty));
        let keyword = self.span(index);
        let error = Diagnostic::error(Code::E5, message)
            .at(Span::new(keyword.start, keyword.start + 2))
            .note_at(self.span(then.root), format!("this is {}", self.show(then.ty)))
            .note_at(self.span(otherwise.root), format!("this is {}", self.show(otherwise.ty)));
        self.error(decl, error)
    }

    pub(super) fn source(&mut self, name: Symbol, decl: DeclId) {
        let Typed { ty, root } = self.pop();
        let types = &self.program.ast.types;
        let element = match types.get(ty) {
            Type::List(element) if matches!(types.get(element), Type::Record { .. } | Type::Unknown) => Ok(element),
            Type::Unknown => Ok(TypeId::UNKNOWN),
            _ => Err(format!("a comprehension goes over a list of records, this is {}", self.show(ty))),
        };
        let element = element.and_then(|element| match types.first_composite(element) {
            None => Ok(element),
            Some(field) => Err(format!(
                "a comprehension goes over records of plain values, the field `{}` is {}",
                self.program.ast.text(field.name),
                self.show(field.ty)
            )),
        });
        let element = match element {
            Ok(element) => element,
            Err(message) => {
                let at = self.span(root);
                let error = Diagnostic::error(Code::E5, message).at(at);
                let empty = ty != TypeId::UNKNOWN && self.program.ast.types.get(ty) == Type::List(TypeId::NOTHING);
                let help = "say what its elements would be: `option l : List[{name:type …}] = []`, and go over that";
                self.error(decl, if empty { error.help(help) } else { error })
            }
        };
        self.binders.push(Binder { name, element, decl });
    }

    pub(super) fn guard(&mut self, index: u32, decl: DeclId) {
        let right = self.pop();
        let left = self.pop();
        let node = |typed: Typed| self.program.ast.nodes[typed.root as usize];
        let literal = matches!(node(right), Node::Int(_) | Node::Bool(_) | Node::Str(_));
        let error = if !matches!(node(left), Node::Field { .. }) {
            let at = self.span(left.root);
            self.findings.forget_echo(at);
            let binder = self.binders.last().map_or("x", |binder| self.program.ast.text(binder.name));
            let message = format!("the left side of a guard is a field of the element: `{binder}.field`");
            Some(Diagnostic::error(Code::E5, message).at(at))
        } else if !literal {
            let message = "the right side of a guard is a literal: text, a number, `true` or `false`";
            let error = Diagnostic::error(Code::E5, message).at(self.span(right.root));
            Some(error.help("a value from elsewhere could be overridden later, and the selection with it"))
        } else if self.program.ast.types.join(left.ty, right.ty, Join::Same).is_none() {
            let message = format!("this guard compares {} with {}", self.show(left.ty), self.show(right.ty));
            Some(Diagnostic::error(Code::E5, message).at(self.span(index)))
        } else {
            None
        };
        if let Some(error) = error {
            self.error(decl, error);
        }
    }
}
