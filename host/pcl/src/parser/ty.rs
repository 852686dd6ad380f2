//! Types as they are written.

use super::{Parser, Read};
use crate::lexer::{Bracket, Kind};
use crate::limits;
use crate::symbol::{Symbol, known};
use crate::types::{Field, Type, TypeId};
use punix_diag::{Code, Diagnostic, closest};
use std::collections::HashSet;

impl Parser<'_> {
    pub(super) fn ty(&mut self) -> Read<TypeId> {
        self.ty_at(0)
    }

    /// Recursion is bounded by [`limits::NESTING_MAX`].
    fn ty_at(&mut self, depth: usize) -> Read<TypeId> {
        if depth > limits::NESTING_MAX {
            return Err(self.too_deep(self.token.span));
        }
        match self.token.kind {
            Kind::Ident(known::BOOL) => self.base(TypeId::BOOL),
            Kind::Ident(known::INT) => self.base(TypeId::INT),
            Kind::Ident(known::STR) => self.base(TypeId::STR),
            Kind::Ident(known::PATH) => self.base(TypeId::PATH),
            Kind::Ident(known::LIST) => {
                self.advance();
                self.expect(Kind::Open(Bracket::Square), "`[` and the type of the elements")?;
                let element = self.ty_at(depth + 1)?;
                self.expect(Kind::Close(Bracket::Square), "`]`")?;
                Ok(self.ast.types.intern(Type::List(element)))
            }
            Kind::Ident(_) => {
                let message = format!("{} is not a type", self.shown());
                let span = self.token.span;
                let near = closest(self.source(span), ["Bool", "Int", "Str", "Path", "List"]);
                let near = near.map(|(near, _)| format!("did you mean `{near}`? ")).unwrap_or_default();
                let error = Diagnostic::error(Code::E0, message).at(span);
                self.report(error.help(format!(
                    "{near}the types are `Bool`, `Int`, `Str`, `Path`, `List[…]` and `{{name:type …}}`"
                )));
                Err(super::Lost)
            }
            Kind::Open(Bracket::Brace) => {
                self.advance();
                self.record_type(depth)
            }
            _ => Err(self.expected("a type")),
        }
    }

    fn base(&mut self, ty: TypeId) -> Read<TypeId> {
        self.advance();
        Ok(ty)
    }

    fn record_type(&mut self, depth: usize) -> Read<TypeId> {
        let mut fields: Vec<Field> = Vec::new();
        let mut names: HashSet<Symbol> = HashSet::new();
        while !self.take(Kind::Close(Bracket::Brace)) {
            let (name, at) = self.expect_name("a field's name or `}`")?;
            if !names.insert(name) {
                let message = format!("the field `{}` is given twice", self.ast.text(name));
                self.fail(at, message);
            }
            self.expect(Kind::Colon, "`:` and the field's type")?;
            let ty = self.ty_at(depth + 1)?;
            fields.push(Field { name, ty, optional: false });
            self.skip_separator();
        }
        Ok(self.ast.types.record(fields))
    }
}
