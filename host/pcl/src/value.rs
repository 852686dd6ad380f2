//! Values as evaluation makes them: shared, immutable, each knowing the expression that made it.

use crate::ast::{Label, NodeId};
use crate::limits;
use crate::program::{ModuleId, Program};
use crate::symbol::{Interner, Symbol};
use punix_diag::Span;
use std::collections::HashSet;

/// Index of a value. Two values may be equal without being the same index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) u32);

/// What an expression has become that failed; whatever holds it has failed too.
pub(crate) const FAILED: ValueId = ValueId(0);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// It was reported why.
    Failed,
    Bool(bool),
    /// Decimal digits.
    Int(Symbol),
    Text(Symbol),
    Secret {
        kind: Symbol,
        name: Symbol,
    },
    Artifact {
        host: Symbol,
        name: Symbol,
    },
    /// A package's path in the store, known once the package is.
    Out(ModuleId),
    /// Text with store paths in it.
    Woven(Items),
    List(Items),
    /// Fields in the order in which they were written.
    Record(Items),
}

/// A stretch of the item or field table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Items {
    first: u32,
    count: u32,
}

/// Holds the values of one evaluation. Texts of the program are shared with it; computed ones are added.
#[derive(Debug)]
pub struct Values<'p> {
    pub(crate) program: &'p Program,
    texts: Interner,
    values: Vec<Value>,
    origins: Vec<u32>,
    depths: Vec<u16>,
    items: Vec<ValueId>,
    fields: Vec<(Symbol, ValueId)>,
}

/// A length to return to, when a scenario's values are dropped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    values: usize,
    items: usize,
    fields: usize,
}

impl<'p> Values<'p> {
    pub(crate) fn new(program: &'p Program) -> Values<'p> {
        let mut values = Values {
            program,
            texts: Interner::bare(),
            values: Vec::new(),
            origins: Vec::new(),
            depths: Vec::new(),
            items: Vec::new(),
            fields: Vec::new(),
        };
        // Most nodes are run once and make one value.
        let nodes = program.ast.nodes.len() + 1;
        values.values.reserve(nodes);
        values.origins.reserve(nodes);
        values.depths.reserve(nodes);
        values.push(Value::Failed, u32::MAX);
        values
    }

    /// Returns a value.
    pub fn get(&self, id: ValueId) -> Value {
        self.values[id.0 as usize]
    }

    /// Returns the text of a symbol, from the program or computed.
    pub fn text(&self, symbol: Symbol) -> &str {
        let shared = self.program.ast.symbols.len() as u32;
        match symbol.0.checked_sub(shared) {
            None => self.program.ast.symbols.text(symbol),
            Some(own) => self.texts.text(Symbol(own)),
        }
    }

    /// Returns the elements of a list, or the pieces of woven text.
    pub fn items(&self, items: Items) -> &[ValueId] {
        &self.items[items.first as usize..(items.first + items.count) as usize]
    }

    /// Returns the fields of a record in the order in which they were written.
    pub fn fields(&self, items: Items) -> &[(Symbol, ValueId)] {
        &self.fields[items.first as usize..(items.first + items.count) as usize]
    }

    /// Returns a field of a record.
    pub fn field(&self, record: ValueId, name: Symbol) -> Option<ValueId> {
        match self.get(record) {
            Value::Record(items) => self.fields(items).iter().find(|field| field.0 == name).map(|field| field.1),
            _ => None,
        }
    }

    /// Returns where the expression stands that made a value.
    pub fn origin(&self, id: ValueId) -> Option<Span> {
        let origin = self.origins[id.0 as usize];
        (origin != u32::MAX).then(|| self.program.ast.span(NodeId(origin)))
    }

    /// Returns the labels of the record literal that made a value, where they stand.
    pub fn labels(&self, id: ValueId) -> &[Label] {
        let origin = self.origins[id.0 as usize];
        if origin == u32::MAX { &[] } else { self.program.ast.labels_of(NodeId(origin)) }
    }

    /// Tells whether a value is nested deeper than the language allows.
    pub(crate) fn is_too_deep(&self, id: ValueId) -> bool {
        u32::from(self.depths[id.0 as usize]) > limits::VALUE_DEPTH_MAX
    }

    /// Returns how many values there are, for the limit.
    pub(crate) fn len(&self) -> usize {
        self.values.len() + self.items.len() + self.fields.len()
    }

    /// Returns how many bytes of text were computed, for the limit.
    pub(crate) fn computed_bytes(&self) -> usize {
        self.texts.bytes()
    }

    pub(crate) fn intern(&mut self, text: &str) -> Symbol {
        let shared = &self.program.ast.symbols;
        match shared.get_or_intern_in(&mut self.texts, text) {
            (Some(symbol), _) => symbol,
            (None, own) => Symbol(own.0 + shared.len() as u32),
        }
    }

    pub(crate) fn push(&mut self, value: Value, origin: u32) -> ValueId {
        self.push_deep(value, origin, 0)
    }

    /// Takes back a plain value that was pushed last and that nothing holds.
    pub(crate) fn forget(&mut self, id: ValueId) {
        if id.0 as usize + 1 == self.values.len() && id != FAILED && self.depths[id.0 as usize] == 0 {
            self.values.pop();
            self.origins.pop();
            self.depths.pop();
        }
    }

    fn push_deep(&mut self, value: Value, origin: u32, depth: u16) -> ValueId {
        self.values.push(value);
        self.origins.push(origin);
        self.depths.push(depth);
        ValueId(self.values.len() as u32 - 1)
    }

    pub(crate) fn list(&mut self, elements: &[ValueId], origin: u32) -> ValueId {
        if elements.contains(&FAILED) {
            return FAILED;
        }
        let depth = self.depth_above(elements.iter().copied());
        let items = self.add_items(elements);
        self.push_deep(Value::List(items), origin, depth)
    }

    pub(crate) fn woven(&mut self, pieces: &[ValueId], origin: u32) -> ValueId {
        let items = self.add_items(pieces);
        self.push(Value::Woven(items), origin)
    }

    pub(crate) fn record(&mut self, labels: &[Label], values: &[ValueId], origin: u32) -> ValueId {
        if values.contains(&FAILED) {
            return FAILED;
        }
        let depth = self.depth_above(values.iter().copied());
        let first = self.fields.len() as u32;
        self.fields.extend(labels.iter().map(|label| label.name).zip(values.iter().copied()));
        self.push_deep(Value::Record(Items { first, count: values.len() as u32 }), origin, depth)
    }

    fn add_items(&mut self, items: &[ValueId]) -> Items {
        let first = self.items.len() as u32;
        self.items.extend_from_slice(items);
        Items { first, count: items.len() as u32 }
    }

    fn depth_above(&self, parts: impl Iterator<Item = ValueId>) -> u16 {
        parts.map(|part| self.depths[part.0 as usize]).max().unwrap_or(0).saturating_add(1)
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { values: self.values.len(), items: self.items.len(), fields: self.fields.len() }
    }

    pub(crate) fn reset(&mut self, mark: Mark) {
        self.values.truncate(mark.values);
        self.origins.truncate(mark.values);
        self.depths.truncate(mark.values);
        self.items.truncate(mark.items);
        self.fields.truncate(mark.fields);
    }

    /// Tells whether two values are equal: records whatever the order of their fields, lists in order. A pair that
    /// was compared is not compared again, so shared structure costs no more than its own size.
    pub fn equal(&self, a: ValueId, b: ValueId) -> bool {
        let mut todo = vec![(a, b)];
        let mut seen: HashSet<(ValueId, ValueId)> = HashSet::new();
        while let Some((a, b)) = todo.pop() {
            if a == b {
                continue;
            }
            match (self.get(a), self.get(b)) {
                (Value::List(x), Value::List(y)) | (Value::Woven(x), Value::Woven(y)) => {
                    if x.count != y.count {
                        return false;
                    }
                    if seen.insert((a, b)) {
                        todo.extend(self.items(x).iter().copied().zip(self.items(y).iter().copied()));
                    }
                }
                (Value::Record(x), Value::Record(y)) => {
                    if x.count != y.count {
                        return false;
                    }
                    if seen.insert((a, b)) {
                        let sorted = |items| {
                            let mut fields = self.fields(items).to_vec();
                            fields.sort_unstable_by_key(|field| field.0);
                            fields
                        };
                        for (left, right) in sorted(x).into_iter().zip(sorted(y)) {
                            if left.0 != right.0 {
                                return false;
                            }
                            todo.push((left.1, right.1));
                        }
                    }
                }
                (left, right) if left == right => {}
                _ => return false,
            }
        }
        true
    }
}
