//! Draws diagnostics as text. The first line of each is always `file:line:col: error: [E4] message`, so that
//! editors and scripts can read it; on a terminal an excerpt of the source stands below it.

use crate::{Diagnostic, Severity, SourceMap, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt::Write;

/// Says how much is drawn below the first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Notes and help only.
    Lines,
    /// The source too.
    Excerpt,
}

/// Says how diagnostics are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub detail: Detail,
    pub color: bool,
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[1;36m";
const PLAIN: &str = "\x1b[0m";

/// Returns the text of all diagnostics, each ended by a newline.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap, look: Look) -> String {
    let mut out = String::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        if index > 0 && look.detail == Detail::Excerpt {
            out.push('\n');
        }
        one(diagnostic, sources, look, &mut out);
    }
    out
}

/// Returns a closing line such as `3 errors, 1 warning`, or nothing if there is nothing to count.
pub fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => None,
        (0, w) => Some(count(w, "warning")),
        (e, 0) => Some(count(e, "error")),
        (e, w) => Some(format!("{}, {}", count(e, "error"), count(w, "warning"))),
    }
}

fn one(diagnostic: &Diagnostic, sources: &SourceMap, look: Look, out: &mut String) {
    let (word, color) = match diagnostic.severity {
        Severity::Error => ("error", RED),
        Severity::Warning => ("warning", YELLOW),
    };
    let code = diagnostic.code.map(|code| format!("[{code}] ")).unwrap_or_default();
    let word = paint(word, color, look);
    line(diagnostic.span, &word, &format!("{code}{}", diagnostic.message), sources, out);
    if look.detail == Detail::Excerpt
        && let Some(span) = diagnostic.span
    {
        excerpt(diagnostic, span, sources, look, out);
    }
    for note in &diagnostic.notes {
        line(note.span, &paint("note", CYAN, look), &note.message, sources, out);
    }
    if let Some(help) = &diagnostic.help {
        line(None, &paint("help", CYAN, look), help, sources, out);
    }
}

fn paint(word: &str, color: &str, look: Look) -> String {
    if look.color { format!("{color}{word}{PLAIN}") } else { word.to_owned() }
}

/// Writes one line. What the user wrote may hold anything, so control characters are shown escaped: a message
/// never moves the cursor and never breaks the one-line form.
fn line(span: Option<Span>, word: &str, message: &str, sources: &SourceMap, out: &mut String) {
    if let Some(span) = span {
        let place = sources.locate(span.start);
        visible(place.file, out);
        let _ = write!(out, ":{}:{}: ", place.line, place.column);
    }
    let _ = write!(out, "{word}: ");
    visible(message, out);
    out.push('\n');
}

/// Appends text with control characters escaped, also those that turn the direction of writing.
pub fn visible(text: &str, out: &mut String) {
    for character in text.chars() {
        if character.is_control()
            || matches!(character, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
}

fn excerpt(diagnostic: &Diagnostic, span: Span, sources: &SourceMap, look: Look, out: &mut String) {
    const LINE_BYTES_MAX: usize = 2_000;
    let Some(cut) = sources.excerpt(span, 0) else { return };
    if cut.text.len() > LINE_BYTES_MAX {
        return; // a machine wrote this; its line would bury the message
    }
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut snippet = Snippet::source(cut.text)
        .line_start(cut.first_line)
        .annotation(AnnotationKind::Primary.span(cut.range.clone()));
    for note in &diagnostic.notes {
        // A second place on the same lines is drawn beside the first.
        if let Some(place) = note.span
            && let Some(other) = sources.excerpt(place, 0)
            && other.file == cut.file
            && other.first_line == cut.first_line
            && other.text == cut.text
            && other.range != cut.range
        {
            snippet = snippet.annotation(AnnotationKind::Context.span(other.range).label(note.message.as_str()));
        }
    }
    let renderer = if look.color { Renderer::styled() } else { Renderer::plain() };
    out.push_str(&renderer.render(&[Group::with_level(level).element(snippet)]));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use expect_test::expect;

    fn sample() -> (SourceMap, Diagnostic) {
        let mut sources = SourceMap::default();
        let start = sources.add("a.pcl", "module A {\n  x = nope\n}\n");
        let diagnostic = Diagnostic::error(Code::E2, "`A` has no member `nope`")
            .at(Span::new(start + 17, start + 21))
            .note_at(Span::new(start + 7, start + 8), "`A` starts here")
            .help("declare it");
        (sources, diagnostic)
    }

    #[test]
    fn lines_are_one_line_each() {
        let (sources, diagnostic) = sample();
        expect![[r#"
            a.pcl:2:7: error: [E2] `A` has no member `nope`
            a.pcl:1:8: note: `A` starts here
            help: declare it
        "#]]
        .assert_eq(&render(&[diagnostic], &sources, Look { detail: Detail::Lines, color: false }));
    }

    #[test]
    fn an_excerpt_shows_the_source() {
        let (sources, diagnostic) = sample();
        expect![[r#"
            a.pcl:2:7: error: [E2] `A` has no member `nope`
              |
            2 |   x = nope
              |       ^^^^
            a.pcl:1:8: note: `A` starts here
            help: declare it
        "#]]
        .assert_eq(&render(&[diagnostic], &sources, Look { detail: Detail::Excerpt, color: false }));
    }

    #[test]
    fn control_characters_cannot_reach_the_terminal() {
        let mut sources = SourceMap::default();
        sources.add("a\x1b[2J.pcl", "");
        let diagnostic = Diagnostic::error(Code::E0, "unexpected `\u{202e}\x07`").at(Span::new(0, 0));
        expect![[r#"
            a\u{1b}[2J.pcl:1:1: error: [E0] unexpected `\u{202e}\u{7}`
        "#]]
        .assert_eq(&render(&[diagnostic], &sources, Look { detail: Detail::Lines, color: false }));
    }

    #[test]
    fn the_summary_counts() {
        let (_, diagnostic) = sample();
        let warning = Diagnostic::warning("w");
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(std::slice::from_ref(&diagnostic)).as_deref(), Some("1 error"));
        assert_eq!(summary(&[diagnostic.clone(), diagnostic, warning]).as_deref(), Some("2 errors, 1 warning"));
    }
}
