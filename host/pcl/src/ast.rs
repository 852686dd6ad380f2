//! What the parser makes: declarations, and their expressions as one flat array in post-order.
//!
//! A node's children stand directly before it, the last child last, so every later pass is one loop over a
//! range with a stack beside it: nothing recurses, whatever the nesting. Branches and comprehensions carry
//! jumps, which makes the same array the evaluator's program.

use crate::symbol::{Interner, Symbol};
use crate::types::{TypeId, Types};
use punix_diag::{SourceMap, Span};
use std::ops::Range;

/// Index of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

/// Index of a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeclId(pub(crate) u32);

/// One step of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    Bool(bool),
    /// Decimal digits without leading zeros.
    Int(Symbol),
    Str(Symbol),
    Secret {
        kind: Symbol,
        name: Symbol,
    },
    Artifact {
        host: Symbol,
        name: Symbol,
    },
    /// A bare name: a member of the module whose scope applies.
    Name(Symbol),
    /// `Module.member`
    Member {
        module: Symbol,
        member: Symbol,
    },
    /// `x.f` where `x` is the innermost comprehension's binder.
    Field {
        binder: Symbol,
        field: Symbol,
    },
    /// An f-string of `count` pieces, each a node before it; literal text is a [`Node::Str`].
    Woven {
        count: u32,
    },
    List {
        count: u32,
    },
    /// Labels stand in [`Ast::labels`] from `labels` on.
    Record {
        labels: u32,
        count: u32,
    },
    /// Stands behind an `if`'s condition; when it is false, evaluation goes on behind the node at `otherwise`.
    Then {
        otherwise: u32,
    },
    /// Stands behind the first branch; evaluation goes on at the node `end`.
    Else {
        end: u32,
    },
    /// The whole conditional: condition, `Then`, first branch, `Else`, second branch.
    If,
    /// Stands behind a comprehension's source; `end` is its [`Node::Yield`].
    Each {
        binder: Symbol,
        end: u32,
    },
    /// `left = right` of a guard: when it is false, the next element follows.
    Guard,
    /// The whole comprehension: source, `Each`, guards, body.
    Yield {
        each: u32,
        distinct: bool,
    },
    /// Something that was reported; it has any type and no value.
    Broken,
}

/// A record label where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    pub name: Symbol,
    pub span: Span,
}

/// How strongly a contribution is meant, from low to high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    OptionDefault,
    Default,
    Plain,
    Force,
}

impl Priority {
    /// Returns the word that `why` prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::OptionDefault => "optionDefault",
            Priority::Default => "default",
            Priority::Plain => "plain",
            Priority::Force => "force",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclKind {
    /// `option name : type [= expression]`
    Option { ty: TypeId },
    /// `name = expression`
    Derived,
    /// `Module.name = [priority] expression`
    Contribution { target: Symbol, priority: Priority },
}

/// One declaration of a block.
#[derive(Debug, Clone)]
pub struct Decl {
    pub kind: DeclKind,
    pub name: Symbol,
    /// Where messages about it point: the name, or a contribution's target module.
    pub at: Span,
    /// From its first token to its last.
    pub span: Span,
    /// Its expression's nodes; empty for an option without a default.
    pub code: Range<u32>,
    pub block: u32,
}

impl Decl {
    /// Returns the node of the whole expression, if there is one.
    pub fn root(&self) -> Option<NodeId> {
        (!self.code.is_empty()).then(|| NodeId(self.code.end - 1))
    }

    pub(crate) fn priority(&self) -> Priority {
        match self.kind {
            DeclKind::Option { .. } => Priority::OptionDefault,
            DeclKind::Derived => Priority::Plain,
            DeclKind::Contribution { priority, .. } => priority,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    Module,
    Scenario,
}

/// One `module N { … }` or `scenario N { … }`.
#[derive(Debug, Clone)]
pub struct Block {
    pub kind: BlockKind,
    pub name: Symbol,
    pub at: Span,
    /// From its first token to its closing brace.
    pub span: Span,
    pub decls: Range<u32>,
    /// Whether something in it could not be read, so that a declaration may be missing.
    pub damaged: bool,
}

/// A program as read: blocks in reading order over all files.
#[derive(Debug, Default)]
pub struct Ast {
    pub sources: SourceMap,
    pub symbols: Interner,
    pub types: Types,
    pub blocks: Vec<Block>,
    pub decls: Vec<Decl>,
    pub nodes: Vec<Node>,
    pub spans: Vec<Span>,
    pub labels: Vec<Label>,
    /// Whether a whole block may be missing.
    pub damaged: bool,
}

impl Ast {
    /// Returns the place of a node.
    pub fn span(&self, node: NodeId) -> Span {
        self.spans[node.0 as usize]
    }

    /// Returns a node.
    pub fn node(&self, node: NodeId) -> Node {
        self.nodes[node.0 as usize]
    }

    /// Returns a declaration.
    pub fn decl(&self, decl: DeclId) -> &Decl {
        &self.decls[decl.0 as usize]
    }

    /// Returns the text of a symbol.
    pub fn text(&self, symbol: Symbol) -> &str {
        self.symbols.text(symbol)
    }

    /// Returns the block that a declaration stands in.
    pub fn block_of(&self, decl: DeclId) -> &Block {
        &self.blocks[self.decl(decl).block as usize]
    }

    /// Returns a record's labels.
    pub fn labels_of(&self, node: NodeId) -> &[Label] {
        match self.node(node) {
            Node::Record { labels, count } => &self.labels[labels as usize..(labels + count) as usize],
            _ => &[],
        }
    }
}
