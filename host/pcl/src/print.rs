//! Programs in the one common layout.
//!
//! ```text
//! text → split → words and comments → shape → gaps and groups → write → text
//! ```
//!
//! Works on the words of the file, not on the tree: whatever the layout, the words come out as they went in, each
//! once and in order, so what a program means cannot change. The tree says only whether there is a program.

mod layout;
mod shape;
#[cfg(test)]
mod tests;
mod tokens;

use crate::ast::Ast;
use crate::canon::TooLong;
use crate::limits;
use crate::parser::{Source, parse};
use punix_diag::{Code, Diagnostic, SourceMap, Span};

/// A file that cannot be formatted: where, and why.
#[derive(Debug)]
pub struct Unformattable {
    pub sources: SourceMap,
    pub diagnostics: Vec<Diagnostic>,
}

/// Returns a file's text in the common layout. A file that is not PCL is refused with all that is wrong with it.
pub fn format(file: Source) -> Result<String, Unformattable> {
    let (Ast { sources, mut symbols, .. }, mut diagnostics) = parse(vec![file]);
    if diagnostics.is_empty() {
        let (_, _, text) = sources.file(0);
        let (mut words, mut comments) = tokens::split(text, &mut symbols);
        let shape = shape::shape(text, &mut words, &mut comments);
        match layout::write(text, &words, &comments, &shape) {
            Ok(text) => return Ok(text),
            Err(TooLong) => {
                let message =
                    format!("the formatted text would be longer than {} MiB", limits::PROGRAM_BYTES_MAX >> 20);
                let error = Diagnostic::error(Code::E20, message).at(Span::new(0, 0));
                diagnostics.push(error.help("split the file"));
            }
        }
    }
    Err(Unformattable { sources, diagnostics })
}
