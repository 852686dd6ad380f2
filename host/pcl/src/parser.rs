//! Tokens to a tree. Total: it always gives an [`Ast`], and a list of what could not be read.
//!
//! After an error the rest of the declaration is passed over; reading goes on at the next line that begins like a
//! declaration and is not indented deeper, at the block's closing brace, or at the next block.

mod block;
mod expr;
#[cfg(test)]
mod tests;
mod ty;

use crate::ast::{Ast, Node};
use crate::lexer::{Bracket, Kind, Lexer, Token};
use crate::limits;
use crate::symbol::known;
use punix_diag::{Code, Diagnostic, Span};

/// A file's name and its text as it was read.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Reads all files into one program. Errors stand in the order of files and positions.
pub fn parse(files: Vec<Source>) -> (Ast, Vec<Diagnostic>) {
    let mut ast = Ast::default();
    let mut diagnostics = Vec::new();
    let mut total = 0;
    for file in files {
        total += file.bytes.len();
        let text = decode(file.bytes);
        if total > limits::PROGRAM_BYTES_MAX {
            let start = ast.sources.add(file.name, "");
            let message = format!("a program may have {} MiB of source", limits::PROGRAM_BYTES_MAX >> 20);
            diagnostics.push(Diagnostic::error(Code::E20, message).at(Span::new(start, start)));
            ast.damaged = true;
            return (ast, diagnostics);
        }
        let (text, fault) = match text {
            Ok(text) => (text, None),
            Err((text, at)) => (text, Some(at)),
        };
        let start = ast.sources.add(file.name, "");
        let mut found = read(&mut ast, &text, start);
        ast.sources.set_last_text(text);
        if let Some(at) = fault {
            let at = start + at as u32;
            let error = Diagnostic::error(Code::E0, "this byte is not UTF-8").at(Span::new(at, at + 1));
            found.retain(|diagnostic| diagnostic.span.is_none_or(|span| span.end < at)); // the rest is an echo
            found.push(error.help("save the file as UTF-8"));
            ast.damaged = true;
        }
        diagnostics.append(&mut first_of_each_line(&ast, found));
        if diagnostics.len() > limits::DIAGNOSTICS_MAX {
            break;
        }
    }
    (ast, diagnostics)
}

/// Decodes UTF-8 and folds `\r\n` and a lone `\r` into `\n`. Where a byte is no UTF-8, the text before it and its
/// place come back.
fn decode(bytes: Vec<u8>) -> Result<String, (String, usize)> {
    let has_return = bytes.contains(&b'\r');
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(good);
            let text = fold_returns(String::from_utf8(bytes).unwrap_or_default(), has_return);
            let at = text.len();
            return Err((text, at));
        }
    };
    Ok(fold_returns(text, has_return))
}

fn fold_returns(text: String, has_return: bool) -> String {
    if has_return { text.replace("\r\n", "\n").replace('\r', "\n") } else { text }
}

fn read(ast: &mut Ast, text: &str, start: u32) -> Vec<Diagnostic> {
    // A token is some five bytes; growing these arrays step by step would cost more than reading.
    // What is reserved and never touched costs nothing.
    ast.nodes.reserve(text.len() / 8);
    ast.spans.reserve(text.len() / 8);
    ast.decls.reserve(text.len() / 32);
    ast.labels.reserve(text.len() / 32);
    ast.blocks.reserve(text.len() / 128);
    ast.symbols.reserve(text.len() / 2);
    let mut lexer = Lexer::new(text, start);
    let token = lexer.next(&mut ast.symbols);
    let mut parser = Parser {
        ast,
        lexer,
        text,
        start,
        token,
        previous_end: start,
        binders: Vec::new(),
        labels: Vec::new(),
        diagnostics: Vec::new(),
    };
    parser.program();
    let mut found = parser.diagnostics;
    let lexical = parser.lexer.diagnostics;
    for diagnostic in &lexical {
        spoil(ast, start, diagnostic);
    }
    found.extend(lexical);
    found
}

/// Takes the value from the declaration that holds what is no token: what is left of it would only be misread.
fn spoil(ast: &mut Ast, file_start: u32, diagnostic: &Diagnostic) {
    let Some(span) = diagnostic.span else { return };
    let behind = ast.decls.partition_point(|decl| decl.span.start <= span.start);
    let Some(decl) = behind.checked_sub(1).map(|index| &mut ast.decls[index]) else { return };
    if decl.span.start >= file_start && decl.span.end > span.start && !decl.code.is_empty() {
        let root = decl.code.end - 1;
        decl.code = root..decl.code.end;
        ast.nodes[root as usize] = Node::Broken;
    }
}

/// Keeps the first syntax error of each line: what follows it on its line is mostly its echo.
fn first_of_each_line(ast: &Ast, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by_key(|diagnostic| diagnostic.span);
    let line = |diagnostic: &Diagnostic| diagnostic.span.map(|span| ast.sources.line(span.start));
    let mut last = None;
    found.retain(|diagnostic| {
        let this = line(diagnostic);
        let echo = diagnostic.code == Some(Code::E0) && this == last;
        last = this;
        !echo
    });
    found
}

/// Something was reported; the caller gives up what it was reading.
struct Lost;

type Read<T> = Result<T, Lost>;

struct Parser<'a> {
    ast: &'a mut Ast,
    lexer: Lexer<'a>,
    text: &'a str,
    start: u32,
    token: Token,
    previous_end: u32,
    /// Binders of the comprehensions around the current token, innermost last.
    binders: Vec<crate::symbol::Symbol>,
    /// Labels of the records that are still open.
    labels: Vec<crate::ast::Label>,
    diagnostics: Vec<Diagnostic>,
}

impl Parser<'_> {
    /// Moves to the next token and returns the one it leaves.
    fn advance(&mut self) -> Token {
        let token = self.token;
        self.previous_end = token.span.end;
        self.token = self.lexer.next(&mut self.ast.symbols);
        token
    }

    fn at(&self, kind: Kind) -> bool {
        self.token.kind == kind
    }

    fn take(&mut self, kind: Kind) -> bool {
        let found = self.at(kind);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, kind: Kind, what: &str) -> Read<Token> {
        if self.at(kind) { Ok(self.advance()) } else { Err(self.expected(what)) }
    }

    fn expect_name(&mut self, what: &str) -> Read<(crate::symbol::Symbol, Span)> {
        match self.token.kind {
            Kind::Ident(symbol) => Ok((symbol, self.advance().span)),
            _ => Err(self.expected(what)),
        }
    }

    /// Skips one `,` or `;` between fields or members.
    fn skip_separator(&mut self) {
        if matches!(self.token.kind, Kind::Comma | Kind::Semicolon) {
            self.advance();
        }
    }

    /// Reports the current token as not what was wanted.
    fn expected(&mut self, what: &str) -> Lost {
        if self.at(Kind::Broken) || (self.at(Kind::End) && self.lexer.swallowed) {
            return Lost; // the lexer has told
        }
        let message = format!("expected {what}, found {}", self.shown());
        self.fail(self.token.span, message)
    }

    fn fail(&mut self, span: Span, message: impl Into<String>) -> Lost {
        self.report(Diagnostic::error(Code::E0, message).at(span));
        Lost
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() <= limits::DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Adds to what [`Parser::expected`] has just reported of the current token.
    fn explain(&mut self, how: impl FnOnce(Diagnostic) -> Diagnostic) {
        if let Some(error) = self.diagnostics.pop() {
            let this = error.span == Some(self.token.span);
            self.diagnostics.push(if this { how(error) } else { error });
        }
    }

    fn too_deep(&mut self, span: Span) -> Lost {
        let message = format!("nested more than {} deep", limits::NESTING_MAX);
        self.report(Diagnostic::error(Code::E20, message).at(span));
        Lost
    }

    /// Returns the current token as a message shows it.
    fn shown(&self) -> String {
        match self.token.kind {
            Kind::End => "the end of the file".to_owned(),
            Kind::Plain { .. } | Kind::Broken => "a string".to_owned(),
            Kind::Triple => "a `\"\"\"` string".to_owned(),
            Kind::Woven => "an f-string".to_owned(),
            _ => {
                let text = self.source(self.token.span);
                let short: String = text.chars().take(40).collect();
                format!("`{short}{}`", if short.len() < text.len() { "…" } else { "" })
            }
        }
    }

    fn source(&self, span: Span) -> &str {
        &self.text[(span.start - self.start) as usize..(span.end - self.start) as usize]
    }

    /// Counts columns in bytes; good enough to compare indentation.
    fn column(&self, span: Span) -> usize {
        let before = &self.text[..(span.start - self.start) as usize];
        before.len() - before.rfind('\n').map_or(0, |line| line + 1)
    }

    /// Looks past the current token without moving: the kinds of the next three.
    fn peek(&mut self) -> [Kind; 3] {
        let mut ahead = Lexer::new(self.text, self.start);
        ahead.seek((self.token.span.end - self.start) as usize);
        [(); 3].map(|()| ahead.next(&mut self.ast.symbols).kind)
    }

    /// Tells whether the current token begins a module or scenario.
    fn begins_block(&mut self) -> bool {
        matches!(self.token.kind, Kind::Ident(known::MODULE | known::SCENARIO))
            && matches!(self.peek(), [Kind::Ident(_), Kind::Open(Bracket::Brace), _])
    }

    /// Tells whether the current token begins a declaration.
    fn begins_declaration(&mut self) -> bool {
        let Kind::Ident(word) = self.token.kind else { return false };
        match self.peek() {
            [Kind::Equal, ..] | [Kind::Dot, Kind::Ident(_), Kind::Equal] => true,
            [Kind::Ident(_), ..] => word == known::OPTION && self.token.on_new_line,
            _ => false,
        }
    }
}
