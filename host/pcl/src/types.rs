//! Types, each held once: equality is one comparison, and a type that doubles with every line stays small.

use crate::limits;
use crate::program::FastMap;
use crate::symbol::{Interner, Symbol};
use std::cell::RefCell;

/// Stands for a type in [`Types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(u32);

impl TypeId {
    pub const BOOL: TypeId = TypeId(0);
    pub const INT: TypeId = TypeId(1);
    pub const STR: TypeId = TypeId(2);
    pub const PATH: TypeId = TypeId(3);
    /// A string literal: a `Str` that may still become a `Path`.
    pub(crate) const LITERAL: TypeId = TypeId(4);
    /// The element of `[]`.
    pub(crate) const NOTHING: TypeId = TypeId(5);
    /// Something that was reported; it fits everywhere.
    pub(crate) const UNKNOWN: TypeId = TypeId(6);
}

/// A field of a record type. It is optional where some records of a list leave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field {
    pub name: Symbol,
    pub ty: TypeId,
    pub optional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    Bool,
    Int,
    Str,
    Path,
    Literal,
    Nothing,
    Unknown,
    List(TypeId),
    /// Fields stand in the table, ordered by symbol.
    Record {
        first: u32,
        count: u32,
    },
}

/// Holds every distinct type once.
#[derive(Debug)]
pub struct Types {
    all: Vec<Type>,
    depths: Vec<u16>,
    fields: Vec<Field>,
    lists: FastMap<TypeId, TypeId>,
    records: FastMap<Box<[Field]>, TypeId>,
    joins: FastMap<(TypeId, TypeId, Join), Option<TypeId>>,
    widened: FastMap<TypeId, TypeId>,
    composites: RefCell<FastMap<TypeId, Option<Field>>>,
}

/// Says how two record types meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Join {
    /// Elements of one list: a field that one record leaves out becomes optional.
    Elements,
    /// Branches, contributions: the labels have to be the same.
    Same,
}

impl Default for Types {
    fn default() -> Types {
        use Type::{Bool, Int, Literal, Nothing, Path, Str, Unknown};
        Types {
            all: vec![Bool, Int, Str, Path, Literal, Nothing, Unknown],
            depths: vec![0; 7],
            fields: Vec::new(),
            lists: FastMap::default(),
            records: FastMap::default(),
            joins: FastMap::default(),
            widened: FastMap::default(),
            composites: RefCell::default(),
        }
    }
}

impl Types {
    /// Returns a type.
    pub fn get(&self, ty: TypeId) -> Type {
        self.all[ty.0 as usize]
    }

    /// Returns a record type's fields, ordered by symbol; none for other types.
    pub fn fields(&self, ty: TypeId) -> &[Field] {
        match self.get(ty) {
            Type::Record { first, count } => &self.fields[first as usize..(first + count) as usize],
            _ => &[],
        }
    }

    /// Tells whether a type is `Bool`, `Int`, `Str` or `Path`.
    pub(crate) fn is_scalar(&self, ty: TypeId) -> bool {
        matches!(self.get(ty), Type::Bool | Type::Int | Type::Str | Type::Path | Type::Literal | Type::Unknown)
    }

    /// Tells whether a type is nested deeper than the language allows.
    pub(crate) fn is_too_deep(&self, ty: TypeId) -> bool {
        usize::from(self.depths[ty.0 as usize]) > limits::TYPE_DEPTH_MAX
    }

    pub(crate) fn intern(&mut self, ty: Type) -> TypeId {
        match ty {
            Type::Bool => TypeId::BOOL,
            Type::Int => TypeId::INT,
            Type::Str => TypeId::STR,
            Type::Path => TypeId::PATH,
            Type::Literal => TypeId::LITERAL,
            Type::Nothing => TypeId::NOTHING,
            Type::Unknown | Type::Record { .. } => TypeId::UNKNOWN,
            Type::List(element) => {
                if let Some(&known) = self.lists.get(&element) {
                    return known;
                }
                let id = self.push(Type::List(element), self.depths[element.0 as usize]);
                self.lists.insert(element, id);
                id
            }
        }
    }

    pub(crate) fn list(&mut self, element: TypeId) -> TypeId {
        self.intern(Type::List(element))
    }

    /// Returns the record type of these fields, in any order.
    pub(crate) fn record(&mut self, mut fields: Vec<Field>) -> TypeId {
        fields.sort_unstable_by_key(|field| field.name);
        fields.dedup_by_key(|field| field.name);
        if let Some(&known) = self.records.get(fields.as_slice()) {
            return known;
        }
        let depth = fields.iter().map(|field| self.depths[field.ty.0 as usize]).max().unwrap_or(0);
        let first = self.fields.len() as u32;
        self.fields.extend_from_slice(&fields);
        let id = self.push(Type::Record { first, count: fields.len() as u32 }, depth);
        self.records.insert(fields.into_boxed_slice(), id);
        id
    }

    fn push(&mut self, ty: Type, inner: u16) -> TypeId {
        self.all.push(ty);
        self.depths.push(inner.saturating_add(1));
        TypeId(self.all.len() as u32 - 1)
    }

    /// Returns the type that holds both, or `None`. Recursion is bounded by the depth of types.
    pub(crate) fn join(&mut self, a: TypeId, b: TypeId, how: Join) -> Option<TypeId> {
        if a == b || b == TypeId::UNKNOWN || b == TypeId::NOTHING {
            return Some(a);
        }
        if a == TypeId::UNKNOWN || a == TypeId::NOTHING {
            return Some(b);
        }
        match (self.get(a), self.get(b)) {
            (Type::Literal, Type::Str | Type::Path) => Some(b),
            (Type::Str | Type::Path, Type::Literal) => Some(a),
            (Type::List(x), Type::List(y)) => {
                let element = self.join(x, y, how)?;
                Some(self.list(element))
            }
            (Type::Record { .. }, Type::Record { .. }) => {
                if let Some(&known) = self.joins.get(&(a, b, how)) {
                    return known;
                }
                let joined = self.join_records(a, b, how);
                self.joins.insert((a, b, how), joined);
                joined
            }
            _ => None,
        }
    }

    /// Returns the type of a list's elements; or the first element that does not fit, and what those before it are.
    pub(crate) fn join_all(&mut self, elements: &[TypeId]) -> Result<TypeId, (usize, TypeId)> {
        if let Some(joined) = self.join_many(elements) {
            return Ok(joined);
        }
        // What does not fit does not come to fit by more elements, so the first is found by halving.
        let (mut good, mut bad) = (0, elements.len());
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            if self.join_many(&elements[..middle]).is_some() { good = middle } else { bad = middle }
        }
        Err((good, self.join_many(&elements[..good]).unwrap_or(TypeId::NOTHING)))
    }

    /// Joins types level by level: a thousand records of a thousand shapes cost their fields, not their square.
    /// Recursion is bounded by the depth of types.
    fn join_many(&mut self, types: &[TypeId]) -> Option<TypeId> {
        let mut distinct: Vec<TypeId> = types.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        distinct.retain(|ty| !matches!(*ty, TypeId::NOTHING | TypeId::UNKNOWN));
        let [first, rest @ ..] = distinct.as_slice() else {
            return Some(types.iter().copied().max().unwrap_or(TypeId::NOTHING));
        };
        if rest.is_empty() {
            return Some(*first);
        }
        let all = |types: &Types, what: fn(Type) -> bool| distinct.iter().all(|&ty| what(types.get(ty)));
        if all(self, |ty| matches!(ty, Type::List(_))) {
            let inner: Vec<TypeId> = distinct
                .iter()
                .map(|&ty| if let Type::List(element) = self.get(ty) { element } else { TypeId::UNKNOWN })
                .collect();
            let element = self.join_many(&inner)?;
            return Some(self.list(element));
        }
        if all(self, |ty| matches!(ty, Type::Record { .. })) {
            let mut fields: Vec<Field> = distinct.iter().flat_map(|&ty| self.fields(ty).iter().copied()).collect();
            fields.sort_by_key(|field| field.name);
            let mut joined = Vec::new();
            for group in fields.chunk_by(|a, b| a.name == b.name) {
                let inner: Vec<TypeId> = group.iter().map(|field| field.ty).collect();
                let optional = group.len() < distinct.len() || group.iter().any(|field| field.optional);
                joined.push(Field { name: group[0].name, ty: self.join_many(&inner)?, optional });
            }
            return Some(self.record(joined));
        }
        rest.iter().try_fold(*first, |joined, &ty| self.join(joined, ty, Join::Elements))
    }

    /// Returns the first field, by symbol, that is no plain value. Remembered, since many comprehensions go over one
    /// type.
    pub(crate) fn first_composite(&self, record: TypeId) -> Option<Field> {
        let known = self.composites.borrow().get(&record).copied();
        known.unwrap_or_else(|| {
            let found = self.fields(record).iter().find(|field| !self.is_scalar(field.ty)).copied();
            self.composites.borrow_mut().insert(record, found);
            found
        })
    }

    fn join_records(&mut self, a: TypeId, b: TypeId, how: Join) -> Option<TypeId> {
        let (left, right) = (self.fields(a).to_vec(), self.fields(b).to_vec());
        let mut joined = Vec::with_capacity(left.len().max(right.len()));
        let (mut i, mut j) = (0, 0);
        while i < left.len() || j < right.len() {
            let (x, y) = (left.get(i), right.get(j));
            let field = match (x, y) {
                (Some(x), Some(y)) if x.name == y.name => {
                    (i, j) = (i + 1, j + 1);
                    Field { name: x.name, ty: self.join(x.ty, y.ty, how)?, optional: x.optional || y.optional }
                }
                _ if how == Join::Same => return None,
                (Some(x), y) if y.is_none_or(|y| x.name < y.name) => {
                    i += 1;
                    Field { optional: true, ..*x }
                }
                (_, Some(y)) => {
                    j += 1;
                    Field { optional: true, ..*y }
                }
                (_, None) => return None,
            };
            joined.push(field);
        }
        Some(self.record(joined))
    }

    /// Tells whether a value of type `actual` may stand where `declared` is wanted.
    pub(crate) fn fits(&mut self, actual: TypeId, declared: TypeId) -> bool {
        if actual == declared {
            return true;
        }
        match (self.get(actual), self.get(declared)) {
            (Type::Unknown | Type::Nothing, _) | (_, Type::Unknown) => true,
            (Type::Literal, Type::Str | Type::Path) => true,
            (Type::List(x), Type::List(y)) => self.fits(x, y),
            (Type::Record { .. }, Type::Record { .. }) => {
                // A declared type never has optional fields, so a join that changes nothing is a fit.
                self.join(actual, declared, Join::Same) == Some(declared)
            }
            _ => false,
        }
    }

    /// Returns the type with every string literal taken for a `Str`: what a name stands for.
    pub(crate) fn widen(&mut self, ty: TypeId) -> TypeId {
        match self.get(ty) {
            Type::Literal => TypeId::STR,
            Type::Bool | Type::Int | Type::Str | Type::Path | Type::Nothing | Type::Unknown => ty,
            Type::List(element) => {
                let wide = self.widen(element);
                if wide == element { ty } else { self.list(wide) }
            }
            Type::Record { .. } => {
                if let Some(&known) = self.widened.get(&ty) {
                    return known;
                }
                let mut fields = self.fields(ty).to_vec();
                for field in &mut fields {
                    field.ty = self.widen(field.ty);
                }
                let wide = self.record(fields);
                self.widened.insert(ty, wide);
                wide
            }
        }
    }

    /// Returns a type as messages show it, fields in the order of their names. A long one is cut.
    pub fn show(&self, ty: TypeId, symbols: &Interner) -> String {
        let mut out = String::new();
        self.show_into(ty, symbols, &mut out);
        if out.len() > limits::TYPE_TEXT_MAX {
            out.truncate(limits::TYPE_TEXT_MAX);
            out.push('…');
        }
        out
    }

    /// Writes until the text is long enough to be cut, so that a shared type costs no more than its text.
    fn show_into(&self, ty: TypeId, symbols: &Interner, out: &mut String) {
        if out.len() > limits::TYPE_TEXT_MAX {
            return;
        }
        match self.get(ty) {
            Type::Bool => out.push_str("Bool"),
            Type::Int => out.push_str("Int"),
            Type::Str | Type::Literal => out.push_str("Str"),
            Type::Path => out.push_str("Path"),
            Type::Nothing | Type::Unknown => out.push('*'),
            Type::List(element) => {
                out.push_str("List[");
                self.show_into(element, symbols, out);
                out.push(']');
            }
            Type::Record { .. } => {
                let mut fields: Vec<&Field> = self.fields(ty).iter().collect();
                fields.sort_by_key(|field| symbols.text(field.name));
                out.push('{');
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(symbols.text(field.name));
                    out.push_str(if field.optional { "?:" } else { ":" });
                    self.show_into(field.ty, symbols, out);
                }
                out.push('}');
            }
        }
    }
}
