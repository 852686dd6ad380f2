//! Expressions, read with a stack of open forms instead of recursion.

use super::{Parser, Read};
use crate::ast::{Label, Node};
use crate::lexer::{Bracket, Kind, Token};
use crate::limits;
use crate::symbol::{Symbol, known};
use crate::text::{Piece, dedent, unescape, weave};
use punix_diag::{Code, Diagnostic, Span};
use std::ops::Range;

/// A form whose end is still to come. `from` is its first token; `start` its first node.
enum Open {
    Round,
    List { from: Span, count: u32 },
    Record { from: Span, start: usize, labels: usize },
    Condition { from: Span },
    First { from: Span, then: usize },
    Second { from: Span, branch: usize },
    Source { from: Span, binder: Symbol },
    GuardLeft { from: Span, each: usize },
    GuardRight { from: Span, each: usize, equal: Span },
    Body { from: Span, each: usize, distinct: bool },
}

/// What the grammar wants next. An atom is no bare `if` or `for`.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    Expression,
    Atom,
    /// A value has just ended.
    Done,
}

impl Parser<'_> {
    /// Reads one expression onto the end of the node array.
    pub(super) fn expression(&mut self) -> Read<()> {
        let mut open: Vec<Open> = Vec::new();
        // What is given twice is so whatever comes behind it.
        self.forms(&mut open).inspect_err(|_| self.report_repeated_in(&open))
    }

    fn forms(&mut self, open: &mut Vec<Open>) -> Read<()> {
        let mut links = 0; // `else if` chains do not nest
        let mut next = Next::Expression;
        loop {
            if open.len() - links > limits::NESTING_MAX {
                return Err(self.too_deep(self.token.span));
            }
            next = match next {
                Next::Done => match open.pop() {
                    None => return Ok(()),
                    Some(form) => {
                        if matches!(form, Open::Second { .. }) {
                            links -= 1;
                        }
                        let next = self.after(form, open)?;
                        if matches!(open.last(), Some(Open::Second { .. })) && next == Next::Expression {
                            links += 1;
                        }
                        next
                    }
                },
                wanted => self.begin(wanted, open)?,
            };
        }
    }

    pub(super) fn push(&mut self, node: Node, span: Span) {
        self.ast.nodes.push(node);
        self.ast.spans.push(span);
    }

    /// Reads an atom, or the opening of a form.
    fn begin(&mut self, wanted: Next, open: &mut Vec<Open>) -> Read<Next> {
        let token = self.token;
        match token.kind {
            Kind::Ident(known::IF) if wanted == Next::Expression => {
                self.advance();
                open.push(Open::Condition { from: token.span });
                return Ok(Next::Expression);
            }
            Kind::Ident(known::FOR) if wanted == Next::Expression => {
                self.advance();
                let (binder, _) = self.expect_name("a name for the element")?;
                self.expect(Kind::Ident(known::IN), "`in`")?;
                open.push(Open::Source { from: token.span, binder });
                return Ok(Next::Expression);
            }
            Kind::Open(Bracket::Round) => {
                self.advance();
                open.push(Open::Round);
                return Ok(Next::Expression);
            }
            Kind::Open(Bracket::Square) => {
                self.advance();
                if self.take(Kind::Close(Bracket::Square)) {
                    self.push(Node::List { count: 0 }, Span::new(token.span.start, self.previous_end));
                    return Ok(Next::Done);
                }
                open.push(Open::List { from: token.span, count: 0 });
                return Ok(Next::Expression);
            }
            Kind::Open(Bracket::Brace) => {
                self.advance();
                let (start, labels) = (self.ast.nodes.len(), self.labels.len());
                return self.field(token.span, start, labels, open);
            }
            Kind::Ident(first) => self.reference(first),
            Kind::Bool(value) => self.literal(Node::Bool(value)),
            Kind::Int(digits) => self.literal(Node::Int(digits)),
            Kind::Plain { .. } | Kind::Triple => {
                let text = self.string(token);
                self.literal(Node::Str(text));
            }
            Kind::Woven => self.woven(token),
            Kind::Broken => self.literal(Node::Broken),
            _ => return Err(self.expected("an expression")),
        }
        Ok(Next::Done)
    }

    fn literal(&mut self, node: Node) {
        let span = self.advance().span;
        self.push(node, span);
    }

    fn reference(&mut self, first: Symbol) {
        let from = self.advance().span;
        if !self.at(Kind::Dot) {
            return self.push(Node::Name(first), from);
        }
        self.advance();
        match self.token.kind {
            Kind::Ident(second) => {
                self.advance();
                let node = self.qualified(first, second);
                self.push(node, Span::new(from.start, self.previous_end));
            }
            _ => {
                self.expected("a member's name after `.`");
                self.push(Node::Broken, from);
            }
        }
    }

    /// Only the innermost binder is visible; it hides a module of its name.
    fn qualified(&self, first: Symbol, second: Symbol) -> Node {
        if self.binders.last() == Some(&first) {
            Node::Field { binder: first, field: second }
        } else {
            Node::Member { module: first, member: second }
        }
    }

    /// Returns the text of a plain or triple-quoted string token.
    fn string(&mut self, token: Token) -> Symbol {
        let body = Span::new(token.span.start, token.span.end);
        let at = |span: Span, cut: u32| {
            let (from, until) = (span.start + cut - self.start, span.end - cut - self.start);
            &self.text[from as usize..until as usize]
        };
        let text = match token.kind {
            Kind::Plain { escaped: true } => unescape(at(body, 1)),
            Kind::Triple => dedent(at(body, 3)),
            _ => at(body, 1).into(),
        };
        self.ast.symbols.intern(&text)
    }

    /// Moves over a token that nothing reads. What is wrong inside it is told all the same.
    pub(super) fn pass(&mut self) {
        let token = self.token;
        if token.kind == Kind::Woven {
            let (base, body) = woven_body(self.text, self.start, token);
            for piece in weave(body) {
                if let Piece::Fault { at, until, open, shell } = piece {
                    self.bad_hole(Span::new(base + at as u32, base + until as u32), open, shell);
                }
            }
        }
        self.advance();
    }

    fn woven(&mut self, token: Token) {
        let (base, body) = woven_body(self.text, self.start, token);
        let mut count = 0;
        for piece in weave(body) {
            let (node, span) = match piece {
                Piece::Text(text) => (Node::Str(self.ast.symbols.intern(&text)), token.span),
                Piece::Hole { at, until, first, second } => {
                    let first = self.ast.symbols.intern(first);
                    let second = second.map(|second| self.ast.symbols.intern(second));
                    let node = second.map_or(Node::Name(first), |second| self.qualified(first, second));
                    (node, Span::new(base + at as u32, base + until as u32))
                }
                Piece::Fault { at, until, open, shell } => {
                    let span = Span::new(base + at as u32, base + until as u32);
                    self.bad_hole(span, open, shell);
                    (Node::Broken, span)
                }
            };
            self.push(node, span);
            count += 1;
        }
        self.push(Node::Woven { count }, token.span);
        self.advance();
    }

    fn bad_hole(&mut self, span: Span, open: bool, shell: bool) {
        let message = if open { "this hole is not closed by `}`" } else { "a hole holds one reference" };
        let mut error =
            Diagnostic::error(Code::E0, message).at(span).help("write `{name}` or `{Module.member}`; `{{` is a brace");
        if shell {
            error = error.note("`${…}` of a shell belongs into a plain string `\"…\"`, where `$` means nothing");
        }
        self.report(error);
    }

    /// Reads a label and `=`, or the end of the record.
    fn field(&mut self, from: Span, start: usize, labels: usize, open: &mut Vec<Open>) -> Read<Next> {
        if self.take(Kind::Close(Bracket::Brace)) {
            self.close_record(Span::new(from.start, self.previous_end), from, start, labels)?;
            return Ok(Next::Done);
        }
        open.push(Open::Record { from, start, labels });
        if self.token.on_new_line && self.begins_block() {
            return Err(self.expected("`}` to close this record"));
        }
        let (name, span) = self.expect_name("a field's name or `}`")?;
        self.labels.push(Label { name, span });
        self.expect(Kind::Equal, "`=`")?;
        Ok(Next::Expression)
    }

    /// Goes on behind the value that has just ended inside `form`.
    fn after(&mut self, form: Open, open: &mut Vec<Open>) -> Read<Next> {
        match form {
            Open::Round => {
                self.expect(Kind::Close(Bracket::Round), "`)`")?;
                Ok(Next::Done)
            }
            Open::List { from, count } => self.element(from, count + 1, open),
            Open::Record { from, start, labels } => {
                self.skip_separator();
                self.field(from, start, labels, open)
            }
            Open::Condition { from } => {
                self.expect(Kind::Ident(known::THEN), "`then`")?;
                open.push(Open::First { from, then: self.ast.nodes.len() });
                self.push(Node::Then { otherwise: 0 }, from);
                Ok(Next::Expression)
            }
            Open::First { from, then } => {
                self.expect(Kind::Ident(known::ELSE), "`else`")?;
                let branch = self.ast.nodes.len();
                self.ast.nodes[then] = Node::Then { otherwise: branch as u32 };
                self.push(Node::Else { end: 0 }, from);
                open.push(Open::Second { from, branch });
                Ok(Next::Expression)
            }
            Open::Second { from, branch } => {
                self.ast.nodes[branch] = Node::Else { end: self.ast.nodes.len() as u32 };
                self.push(Node::If, Span::new(from.start, self.previous_end));
                Ok(Next::Done)
            }
            Open::Source { from, binder } => {
                let each = self.ast.nodes.len();
                self.push(Node::Each { binder, end: 0 }, from);
                self.binders.push(binder);
                if self.take(Kind::Ident(known::WHERE)) {
                    open.push(Open::GuardLeft { from, each });
                    return Ok(Next::Atom);
                }
                self.body(from, each, open)
            }
            Open::GuardLeft { from, each } => {
                let equal = self.expect(Kind::Equal, "`=` (a guard compares a field with a literal)")?.span;
                open.push(Open::GuardRight { from, each, equal });
                Ok(Next::Atom)
            }
            Open::GuardRight { from, each, equal } => {
                self.push(Node::Guard, equal);
                if self.take(Kind::Ident(known::AND)) {
                    open.push(Open::GuardLeft { from, each });
                    return Ok(Next::Atom);
                }
                self.body(from, each, open)
            }
            Open::Body { from, each, distinct } => {
                self.binders.pop();
                let end = self.ast.nodes.len() as u32;
                if let Node::Each { binder, .. } = self.ast.nodes[each] {
                    self.ast.nodes[each] = Node::Each { binder, end };
                }
                let span = Span::new(from.start, self.previous_end);
                self.push(Node::Yield { each: each as u32, distinct }, span);
                Ok(Next::Done)
            }
        }
    }

    fn body(&mut self, from: Span, each: usize, open: &mut Vec<Open>) -> Read<Next> {
        self.expect(Kind::Ident(known::YIELD), "`yield`")?;
        let distinct = self.take(Kind::Ident(known::DISTINCT));
        open.push(Open::Body { from, each, distinct });
        Ok(Next::Expression)
    }

    /// Goes on behind a list's element: a comma, a new line, or both separate it from the next.
    fn element(&mut self, from: Span, count: u32, open: &mut Vec<Open>) -> Read<Next> {
        let comma = self.take(Kind::Comma);
        if self.take(Kind::Close(Bracket::Square)) {
            self.push(Node::List { count }, Span::new(from.start, self.previous_end));
            return Ok(Next::Done);
        }
        if self.token.on_new_line && self.begins_block() {
            return Err(self.expected("`]` to close this list"));
        }
        if comma || (self.token.on_new_line && !self.at(Kind::End)) {
            open.push(Open::List { from, count });
            return Ok(Next::Expression);
        }
        Err(self.expected("`]`, or `,` or a new line before the next element"))
    }

    /// Ends a record: an ordinary one, a secret reference, or an artifact reference.
    fn close_record(&mut self, span: Span, from: Span, start: usize, labels: usize) -> Read<()> {
        let own: Vec<Label> = self.labels.drain(labels..).collect();
        self.report_repeated(&own);
        let builtin = |label: &Label| matches!(label.name, known::FROM_ENV | known::FROM_FILE | known::FROM_VAULT);
        let secret = own.iter().find(|label| builtin(label)).copied();
        let artifact = own.iter().any(|label| label.name == known::ARTIFACT);
        let only_string = match self.ast.nodes[start..] {
            [Node::Str(text)] => Some(text),
            _ => None,
        };
        let node = match (&own[..], only_string) {
            ([label], Some(name)) if self.ast.text(label.name).strip_prefix("from_").is_some_and(|n| !n.is_empty()) => {
                Some(Node::Secret { kind: label.name, name })
            }
            _ if secret.is_some() => self.bad_secret(from, start, &own),
            _ if artifact => self.artifact(from, start, &own),
            _ => None,
        };
        if let Some(node) = node {
            self.ast.nodes.truncate(start);
            self.ast.spans.truncate(start);
            self.push(node, span);
            return Ok(());
        }
        let first = self.ast.labels.len() as u32;
        let count = own.len() as u32;
        self.ast.labels.extend(own);
        self.push(Node::Record { labels: first, count }, span);
        Ok(())
    }

    fn report_repeated(&mut self, labels: &[Label]) {
        if let Some(twice) = repeated(labels) {
            let message = format!("the field `{}` is given twice", self.ast.text(twice.name));
            self.fail(twice.span, message);
        }
    }

    /// Does so for records that were begun and have no end.
    fn report_repeated_in(&mut self, open: &[Open]) {
        for form in open.iter().rev() {
            if let Open::Record { labels, .. } = *form {
                let own: Vec<Label> = self.labels.drain(labels..).collect();
                self.report_repeated(&own);
            }
        }
    }

    fn bad_secret(&mut self, from: Span, start: usize, own: &[Label]) -> Option<Node> {
        if own.len() > 1 {
            self.fail(from, "a secret reference has one field and no other");
        } else {
            let at = self.root_span(start);
            let message = format!("`{}` takes a string literal", self.ast.text(own[0].name));
            let help = format!("write `{{ {} = \"…\" }}`: a secret is named literally", self.ast.text(own[0].name));
            self.report(Diagnostic::error(Code::E0, message).at(at).help(help));
        }
        Some(Node::Broken)
    }

    fn artifact(&mut self, from: Span, start: usize, own: &[Label]) -> Option<Node> {
        if own.len() > 1 {
            self.fail(from, "an artifact reference has the field `artifact` and no other");
            return Some(Node::Broken);
        }
        let at = self.root_span(start);
        let [.., Node::Record { labels, count }] = self.ast.nodes[start..] else {
            self.fail(at, "`artifact` takes a record `{ host = \"…\"  name = \"…\" }`");
            return Some(Node::Broken);
        };
        let labels = self.ast.labels[labels as usize..(labels + count) as usize].to_vec();
        let position = |name| labels.iter().position(|label| label.name == name);
        let (Some(host), Some(name), 2) = (position(known::HOST), position(known::NAME), labels.len()) else {
            self.fail(at, "`artifact` has exactly the fields `host` and `name`");
            return Some(Node::Broken);
        };
        let roots = self.roots(start..self.ast.nodes.len() - 1);
        let text = |position: usize| match roots.get(position).map(|&root| self.ast.nodes[root]) {
            Some(Node::Str(text)) => Some(text),
            _ => None,
        };
        if let (Some(host), Some(name)) = (text(host), text(name)) {
            return Some(Node::Artifact { host, name });
        }
        let wrong = if text(host).is_some() { name } else { host };
        let span = roots.get(wrong).map_or(at, |&root| self.ast.spans[root]);
        self.fail(span, format!("an artifact's `{}` is a string literal", self.ast.text(labels[wrong].name)));
        Some(Node::Broken)
    }

    /// Lists the last nodes of the expressions that stand one behind the other in a stretch of nodes.
    fn roots(&self, nodes: Range<usize>) -> Vec<usize> {
        let mut roots = Vec::new();
        for index in nodes {
            let (takes, gives) = match self.ast.nodes[index] {
                Node::Woven { count } | Node::List { count } | Node::Record { count, .. } => (count as usize, true),
                Node::If => (2, true),
                Node::Yield { .. } => (1, true),
                Node::Guard => (2, false),
                Node::Then { .. } | Node::Each { .. } => (1, false),
                Node::Else { .. } => (0, false),
                Node::Bool(_)
                | Node::Int(_)
                | Node::Str(_)
                | Node::Secret { .. }
                | Node::Artifact { .. }
                | Node::Name(_)
                | Node::Member { .. }
                | Node::Field { .. }
                | Node::Broken => (0, true),
            };
            roots.truncate(roots.len().saturating_sub(takes));
            if gives {
                roots.push(index);
            }
        }
        roots
    }

    /// Returns the place of the expression that reaches from `start` to the last node.
    fn root_span(&self, start: usize) -> Span {
        if self.ast.nodes.len() > start { self.ast.spans[self.ast.spans.len() - 1] } else { self.token.span }
    }
}

/// Returns where the text between an f-string's quotes begins, and that text.
fn woven_body(text: &str, file_start: u32, token: Token) -> (u32, &str) {
    let base = token.span.start + 2;
    (base, &text[(base - file_start) as usize..(token.span.end - 1 - file_start) as usize])
}

/// Returns the first label that repeats an earlier one.
fn repeated(labels: &[Label]) -> Option<Label> {
    const FEW: usize = 12;
    if labels.len() <= FEW {
        let twice = |index: &usize| labels[..*index].iter().any(|label| label.name == labels[*index].name);
        return (1..labels.len()).find(twice).map(|index| labels[index]);
    }
    let mut seen = std::collections::HashSet::with_capacity(labels.len());
    labels.iter().find(|label| !seen.insert(label.name)).copied()
}
