//! What a plugin says. It is kept until its call ends, since only then it is known which secrets it came across; then it is
//! cleaned and handed on.

use crate::limits::Limits;
use crate::runtime::Usage;
use crate::runtime::convert::cut;
use punix_diag::visible;
use punix_model::{Redactor, Secret};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// A line that a plugin said, without secrets and without anything that moves a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub level: Level,
    pub text: String,
}

/// Where lines go.
pub trait Listener: Send + Sync {
    /// Takes a line of the plugin with this id.
    fn hear(&self, id: &str, line: &Line);

    /// Learns of a secret that one of its calls came across, before the plugin has a handle of it.
    fn learn(&self, secret: &Secret) {
        let _ = secret;
    }

    /// Takes what one of its calls used.
    fn count(&self, id: &str, usage: &Usage) {
        let _ = (id, usage);
    }
}

/// The lines of one call so far.
#[derive(Debug)]
pub(crate) struct LogBook {
    lines_max: usize,
    bytes_max: usize,
    lines: Vec<Line>,
    dropped: u32,
}

impl LogBook {
    pub(crate) fn new(limits: &Limits) -> LogBook {
        let (lines_max, bytes_max) = (limits.log_lines as usize, limits.log_line_bytes as usize);
        LogBook { lines_max, bytes_max, lines: Vec::new(), dropped: 0 }
    }

    /// Notes a line, or that there was one.
    pub(crate) fn add(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        if self.lines.len() >= self.lines_max {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        // It is cut when it is clean: half a secret would not be recognised.
        let most = self.bytes_max.saturating_mul(2);
        let mut text = String::new();
        push_within(&mut text, message, most);
        for (name, value) in fields {
            if text.len() >= most {
                break;
            }
            for part in [" ", name, "=", value] {
                push_within(&mut text, part, most);
            }
        }
        self.lines.push(Line { level, text });
    }

    /// Returns the lines as they can be shown, with one more where some were dropped.
    pub(crate) fn finish(self, redactor: &Redactor) -> Vec<Line> {
        let LogBook { lines, dropped, lines_max, bytes_max } = self;
        let clean = |line: Line| Line { level: line.level, text: shown(&cut(&redactor.clean(&line.text), bytes_max)) };
        let mut lines: Vec<Line> = lines.into_iter().map(clean).collect();
        if dropped > 0 {
            let text = format!("{dropped} more lines were dropped: `log_lines` is {lines_max}");
            lines.push(Line { level: Level::Warn, text });
        }
        lines
    }
}

/// Returns a foreign text in a form that can stand in a line.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    visible(text, &mut out);
    out
}

/// Appends as much as there is room for, and never half a character.
fn push_within(text: &mut String, more: &str, bytes_max: usize) {
    let room = bytes_max.saturating_sub(text.len());
    let end = (0..=room.min(more.len())).rev().find(|end| more.is_char_boundary(*end)).unwrap_or(0);
    text.push_str(more.get(..end).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;
    use punix_model::Secret;

    fn book(log_lines: u32, log_line_bytes: u32) -> LogBook {
        LogBook::new(&Limits { log_lines, log_line_bytes, ..Limits::of(World::Backend) })
    }

    fn texts(book: LogBook, secret: &str) -> Vec<String> {
        let secret = Secret::new(secret.as_bytes().to_vec());
        book.finish(&Redactor::new([&secret])).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn secrets_and_control_characters_do_not_come_out() {
        let mut book = book(10, 100);
        book.add(Level::Info, "the password is hunter22\u{1b}[2J", &[("again".to_owned(), "aHVudGVyMjI=".to_owned())]);
        assert_eq!(texts(book, "hunter22"), [r"the password is [secret]\u{1b}[2J again=[secret]I="]);
    }

    #[test]
    fn lines_are_cut_and_counted() {
        let mut book = book(2, 9);
        for _ in 0..1_000_000 {
            book.add(Level::Debug, "1234567ä9", &[("a".to_owned(), "b".to_owned())]);
        }
        assert_eq!(texts(book, ""), ["1234567ä", "1234567ä", "999998 more lines were dropped: `log_lines` is 2"]);
    }
}
