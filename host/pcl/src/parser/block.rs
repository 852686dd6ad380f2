//! Modules, scenarios and their declarations.

use super::{Lost, Parser, Read};
use crate::ast::{Block, BlockKind, Decl, DeclKind, Node, Priority};
use crate::lexer::{Bracket, Kind};
use crate::limits;
use crate::symbol::{Symbol, known};
use punix_diag::{Code, Diagnostic, Span, closest};

const OPEN: Kind = Kind::Open(Bracket::Brace);
const CLOSE: Kind = Kind::Close(Bracket::Brace);

impl Parser<'_> {
    pub(super) fn program(&mut self) {
        while !self.at(Kind::End) && self.diagnostics.len() < limits::DIAGNOSTICS_MAX {
            if self.block().is_err() {
                self.ast.damaged = true;
                while !self.at(Kind::End) && !self.begins_block() {
                    self.pass();
                }
            }
        }
    }

    fn block(&mut self) -> Read<()> {
        let kind = match self.token.kind {
            Kind::Ident(known::MODULE) => BlockKind::Module,
            Kind::Ident(known::SCENARIO) => BlockKind::Scenario,
            _ => return Err(self.no_block()),
        };
        let word = if kind == BlockKind::Module { "module" } else { "scenario" };
        let from = self.advance().span;
        let (name, at) = self.expect_name(&format!("the name of the {word}"))?;
        self.expect(OPEN, "`{`")?;
        let block = self.ast.blocks.len() as u32;
        let first = self.ast.decls.len() as u32;
        self.ast.blocks.push(Block { kind, name, at, span: from, decls: first..first, damaged: false });
        let mut damaged = false;
        loop {
            if self.at(CLOSE) {
                self.advance();
                break;
            }
            if self.diagnostics.len() >= limits::DIAGNOSTICS_MAX {
                damaged = true;
                break; // whatever this is, more of it helps nobody
            }
            if self.at(Kind::End) || (self.token.on_new_line && self.begins_block()) {
                damaged = true;
                self.expected(&format!("`}}` to close this {word}"));
                let begins = format!("the {word} `{}` begins here", self.ast.text(name));
                self.explain(|error| error.note_at(at, begins));
                break;
            }
            let begins = self.token.span;
            if self.declaration(kind, block).is_err() {
                damaged = true;
                self.recover(self.column(begins));
            }
            self.skip_separator();
        }
        let last = self.ast.decls.len() as u32;
        let end = self.previous_end;
        let open = &mut self.ast.blocks[block as usize];
        open.decls = first..last;
        open.span = Span::new(from.start, end);
        open.damaged = damaged;
        Ok(())
    }

    fn declaration(&mut self, kind: BlockKind, block: u32) -> Read<()> {
        let Kind::Ident(first) = self.token.kind else {
            return Err(match kind {
                BlockKind::Module => self.no_member(),
                BlockKind::Scenario => self.expected("a contribution (`Module.option = …`)"),
            });
        };
        if kind == BlockKind::Module && first == known::OPTION {
            return self.option(block);
        }
        let at = self.advance().span;
        if kind == BlockKind::Module && self.take(Kind::Equal) {
            return self.finish(block, DeclKind::Derived, first, at, at);
        }
        if !self.at(Kind::Dot) {
            return Err(match kind {
                BlockKind::Module => self.no_declaration(first, at),
                BlockKind::Scenario => self.expected("`.` (a scenario holds contributions: `Module.option = …`)"),
            });
        }
        self.advance();
        let (name, _) = self.expect_name("the name of an option")?;
        self.expect(Kind::Equal, "`=`")?;
        let priority = match self.token.kind {
            Kind::Ident(known::FORCE) => Priority::Force,
            Kind::Ident(known::DEFAULT) => Priority::Default,
            _ => Priority::Plain,
        };
        if priority != Priority::Plain {
            self.advance();
        }
        self.finish(block, DeclKind::Contribution { target: first, priority }, name, at, at)
    }

    /// Reports a name in a module that nothing follows which would make it a declaration.
    fn no_declaration(&mut self, name: Symbol, at: Span) -> Lost {
        if self.at(Kind::Broken) {
            return Lost; // the lexer has told
        }
        let name = self.ast.text(name);
        let mut error =
            Diagnostic::error(Code::E0, format!("expected `=` or `.` after `{name}`, found {}", self.shown()));
        if self.at(Kind::Colon) {
            error = error.help(format!("an option is declared as `option {name} : …`"));
        }
        self.report(error.at(at));
        Lost
    }

    /// Reports what begins no declaration, with what the token before it may have been meant for.
    fn no_member(&mut self) -> Lost {
        let lost = self.expected("an option, a member or a contribution");
        let value = self.ast.decls.last().filter(|decl| decl.span.end == self.previous_end).and_then(Decl::root);
        let Some(value) = value.map(|root| self.ast.node(root)) else { return lost };
        let help = match (self.token.kind, value) {
            (Kind::Equal, Node::Name(name)) => {
                let (name, before) = (self.ast.text(name), self.ast.decls.last().map(|decl| decl.name));
                let before = before.map_or("", |before| self.ast.text(before));
                format!("`{name}` was read as the value of `{before}`, which has none of its own")
            }
            (Kind::Dot, Node::Int(_)) => "numbers are whole; write `\"…\"` for any other".to_owned(),
            (Kind::Dot, Node::Member { .. } | Node::Field { .. }) => {
                "a reference is `name` or `Module.member`; it cannot reach into a record".to_owned()
            }
            _ => return lost,
        };
        self.explain(|error| error.help(help));
        lost
    }

    /// Reports what begins no block.
    fn no_block(&mut self) -> Lost {
        let lost = self.expected("`module` or `scenario`");
        if let Kind::Ident(word) = self.token.kind {
            let near = closest(self.ast.text(word), ["module", "scenario"]).map(|(near, _)| near);
            let help = match (self.ast.text(word), near) {
                (_, Some(near)) => format!("did you mean `{near}`?"),
                ("import" | "include" | "use", None) => {
                    "all files of a folder are one program; name the folder".to_owned()
                }
                _ => return lost,
            };
            self.explain(|error| error.help(help));
        }
        lost
    }

    fn option(&mut self, block: u32) -> Read<()> {
        let from = self.advance().span;
        let reserved = self.at(Kind::Equal);
        let (name, at) = self.expect_name("the name of the option").inspect_err(|_| {
            if reserved {
                self.explain(|error| error.help("`option` begins an option; a member cannot be called so"));
            }
        })?;
        self.expect(Kind::Colon, "`:` and the option's type")?;
        let ty = self.ty()?;
        let kind = DeclKind::Option { ty };
        if self.take(Kind::Equal) {
            return self.finish(block, kind, name, at, from);
        }
        let here = self.ast.nodes.len() as u32;
        let span = Span::new(from.start, self.previous_end);
        self.ast.decls.push(Decl { kind, name, at, span, code: here..here, block });
        Ok(())
    }

    /// Reads the expression and keeps the declaration, even if the expression cannot be read: that the name
    /// exists is known all the same.
    fn finish(&mut self, block: u32, kind: DeclKind, name: Symbol, at: Span, from: Span) -> Read<()> {
        let start = self.ast.nodes.len();
        let outcome = self.expression();
        if outcome.is_err() {
            self.ast.nodes.truncate(start);
            self.ast.spans.truncate(start);
            self.push(Node::Broken, Span::new(from.start, self.previous_end));
        }
        let code = start as u32..self.ast.nodes.len() as u32;
        let span = Span::new(from.start, self.previous_end);
        self.ast.decls.push(Decl { kind, name, at, span, code, block });
        outcome
    }

    /// Tells whether a declaration stands behind the current token: then a `}` here closes no block.
    fn declaration_follows(&mut self) -> bool {
        matches!(
            self.peek(),
            [Kind::Ident(_), Kind::Equal, _]
                | [Kind::Ident(_), Kind::Dot, Kind::Ident(_)]
                | [Kind::Ident(known::OPTION), Kind::Ident(_), _]
        )
    }

    /// Goes on to where the next declaration, or the end of the block, seems to be.
    fn recover(&mut self, column: usize) {
        self.binders.clear();
        self.labels.clear();
        let mut depth = 0usize;
        loop {
            match self.token.kind {
                Kind::End => return,
                Kind::Ident(_) => {
                    let outdented = self.token.on_new_line && self.column(self.token.span) <= column;
                    if self.token.on_new_line && self.begins_block() {
                        return;
                    }
                    if outdented && self.begins_declaration() {
                        return;
                    }
                }
                OPEN => depth += 1,
                CLOSE => {
                    let outdented = self.token.on_new_line && self.column(self.token.span) < column;
                    if (depth == 0 && !self.declaration_follows()) || outdented {
                        return;
                    }
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
            self.pass();
        }
    }
}
