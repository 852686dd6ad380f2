//! A file as the words and comments that a layout is made of. Separators are gone: the layout sets its own.

use crate::lexer::{Kind, Lexer};
use crate::symbol::Interner;
use punix_diag::Span;

/// A token that is printed, and how it stood to what is before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) kind: Kind,
    pub(super) span: Span,
    /// Columns that it takes; of a string of several lines, those of its first line.
    pub(super) width: u32,
    /// Whether it is a string of several lines.
    pub(super) multiline: bool,
    /// Whether a line ended since the word before.
    pub(super) on_new_line: bool,
    /// Whether an empty line stood right before it.
    pub(super) after_blank: bool,
}

/// A comment, and the word before which it is printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comment {
    pub(super) span: Span,
    pub(super) before: usize,
    /// Whether it stood at the end of a line, behind a word.
    pub(super) trailing: bool,
    /// Whether an empty line stood right before it.
    pub(super) after_blank: bool,
}

/// Splits a text that the parser accepted. The last word is the empty one at the end of input.
pub(super) fn split(text: &str, symbols: &mut Interner) -> (Vec<Word>, Vec<Comment>) {
    let mut lexer = Lexer::new(text, 0);
    lexer.comments = Some(Vec::new());
    let mut words: Vec<Word> = Vec::with_capacity(text.len() / 6);
    let mut comments: Vec<Comment> = Vec::new();
    let mut end = 0;
    let (mut on_new_line, mut after_blank) = (false, false);
    loop {
        let token = lexer.next(symbols);
        for span in lexer.comments.iter_mut().flat_map(std::mem::take) {
            let lines = line_ends(text, end, span.start);
            let first = comments.last().is_none_or(|comment| comment.before < words.len());
            comments.push(Comment {
                span,
                before: words.len(),
                trailing: lines == 0 && first && !words.is_empty(),
                after_blank: after_blank || lines > 1,
            });
            end = span.end;
            after_blank = false;
        }
        let lines = line_ends(text, end, token.span.start);
        end = token.span.end;
        on_new_line |= lines > 0;
        after_blank |= lines > 1;
        if matches!(token.kind, Kind::Comma | Kind::Semicolon) {
            continue;
        }
        let shown = slice(text, token.span);
        let first_line = shown.split('\n').next().unwrap_or_default();
        words.push(Word {
            kind: token.kind,
            span: token.span,
            width: columns(first_line),
            multiline: first_line.len() < shown.len(),
            on_new_line,
            after_blank,
        });
        if token.kind == Kind::End {
            return (words, comments);
        }
        (on_new_line, after_blank) = (false, false);
    }
}

/// Returns the text that a span covers.
pub(super) fn slice(text: &str, span: Span) -> &str {
    text.get(span.start as usize..span.end as usize).unwrap_or_default()
}

/// Counts code points, as columns in messages do.
pub(super) fn columns(text: &str) -> u32 {
    if text.is_ascii() { text.len() as u32 } else { text.chars().count() as u32 }
}

fn line_ends(text: &str, from: u32, until: u32) -> usize {
    slice(text, Span::new(from, until)).bytes().filter(|&byte| byte == b'\n').count()
}
