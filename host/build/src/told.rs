//! What another machine says of a build that failed there. It is outside text, and bounded.

use crate::border::Part;
use crate::build::BuildError;
use crate::limits::{TOLD_LINES_MAX, TOLD_TEXT_BYTES_MAX};
use punix_diag::{Code, Diagnostic, visible};
use serde::{Deserialize, Serialize};

/// Why a package was not built, in the words of whoever tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    code: String,
    pub(crate) message: String,
    notes: Vec<String>,
    help: Option<String>,
    part: ToldPart,
    is_stop: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToldPart {
    Source,
    Arguments,
    Machine,
}

impl Told {
    /// Says of an error what there is to say.
    pub(crate) fn of(error: BuildError) -> Told {
        let (part, is_stop) = (error.part(), error.is_stop());
        Told::diagnostic(error.into(), part, is_stop)
    }

    /// The same for what is about no package.
    pub(crate) fn of_machine(diagnostic: Diagnostic) -> Told {
        Told::diagnostic(diagnostic, Part::Machine, false)
    }

    fn diagnostic(diagnostic: Diagnostic, part: Part, is_stop: bool) -> Told {
        let part = match part {
            Part::Source => ToldPart::Source,
            Part::Arguments => ToldPart::Arguments,
            Part::Machine => ToldPart::Machine,
        };
        Told {
            code: diagnostic.code.unwrap_or(Code::E8).as_str().to_owned(),
            message: diagnostic.message,
            notes: diagnostic.notes.into_iter().map(|note| note.message).collect(),
            help: diagnostic.help,
            part,
            is_stop,
        }
        .cut()
    }

    /// Returns what is known when no more than a sentence was said.
    pub(crate) fn sentence(message: &str, is_stop: bool) -> Told {
        let (code, help) = (Code::E8.as_str().to_owned(), None);
        Told { code, message: shown(message), notes: Vec::new(), help, part: ToldPart::Arguments, is_stop }
    }

    /// Adds a fact, such as where this was said.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Makes it as it may be shown. What is longer than it can be is cut.
    pub(crate) fn cut(mut self) -> Told {
        self.message = shown(&self.message);
        self.notes.truncate(TOLD_LINES_MAX);
        self.notes.iter_mut().for_each(|note| *note = shown(note));
        self.help = self.help.as_deref().map(shown);
        self
    }

    pub(crate) fn part(&self) -> Part {
        match self.part {
            ToldPart::Source => Part::Source,
            ToldPart::Arguments => Part::Arguments,
            ToldPart::Machine => Part::Machine,
        }
    }

    pub(crate) fn is_stop(&self) -> bool {
        self.is_stop
    }
}

impl From<Told> for Diagnostic {
    fn from(told: Told) -> Diagnostic {
        let start = Diagnostic::error(Code::parse(&told.code).unwrap_or(Code::E8), told.message);
        let start = told.notes.into_iter().fold(start, Diagnostic::note);
        told.help.into_iter().fold(start, Diagnostic::help)
    }
}

/// Returns a text as it can be shown, and not all of it if it is long.
pub(crate) fn shown(text: &str) -> String {
    let mut end = text.len().min(TOLD_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut clean = String::new();
    visible(&text[..end], &mut clean);
    clean
}
