//! Where words go: stdout is the result, stderr the conversation.

pub(crate) mod hidden;

use crate::exit::Exit;
use punix_diag::{Detail, Diagnostic, Look, SourceMap, render, summary, visible};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// When colours and source excerpts are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// The two streams and how they look.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    pub(crate) json: bool,
    look: Look,
    /// Whether the result is drawn in colours.
    paints: bool,
    /// Where both streams go instead, for one of many that work at once.
    kept: Option<Kept>,
    /// Who is told what this one of many does just now.
    watcher: Option<Watcher>,
}

/// Is told what one of many does just now.
#[derive(Clone)]
pub(crate) struct Watcher(pub(crate) Arc<dyn Fn(&'static str) + Send + Sync>);

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watcher(..)")
    }
}

/// What was said and not shown yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Said>>);

/// The words of both streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) result: String,
    pub(crate) conversation: String,
}

impl Kept {
    /// Takes what was said so far.
    pub(crate) fn take(&self) -> Said {
        std::mem::take(&mut self.said())
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ui {
    pub(crate) fn new(color: Color, json: bool) -> Ui {
        let terminal = io::stderr().is_terminal();
        let wanted = |terminal: bool| match color {
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            Color::Always => true,
            Color::Never => false,
        };
        let detail = if terminal || color == Color::Always { Detail::Excerpt } else { Detail::Lines };
        let paints = wanted(io::stdout().is_terminal());
        Ui { json, look: Look { detail, color: wanted(terminal) }, paints, kept: None, watcher: None }
    }

    /// Returns a pair of streams that nobody sees until somebody takes what was said. No bar is drawn on them.
    pub(crate) fn keeping(&self) -> (Ui, Kept) {
        let kept = Kept::default();
        let ui = Ui { json: self.json, look: self.look, paints: false, kept: Some(kept.clone()), watcher: None };
        (ui, kept)
    }

    /// Has what is to be told returned instead of said, as far as that is possible.
    pub(crate) fn into_data(self) -> Ui {
        Ui { json: true, ..self }
    }

    /// Has somebody told what is done.
    pub(crate) fn watched_by(mut self, watcher: Option<Watcher>) -> Ui {
        self.watcher = watcher;
        self
    }

    /// Tells whoever watches this one of many what it does now.
    pub(crate) fn doing(&self, what: &'static str) {
        if let Some(Watcher(tell)) = &self.watcher {
            tell(what);
        }
    }

    /// Returns diagnostics as they are shown.
    pub(crate) fn drawn(&self, diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
        render(diagnostics, sources, self.look)
    }

    /// Tells whether the source is drawn below errors.
    pub(crate) fn draws(&self) -> bool {
        self.look.detail == Detail::Excerpt
    }

    /// Tells whether somebody watches the conversation as it goes on.
    pub(crate) fn is_watched(&self) -> bool {
        self.kept.is_none() && !self.json && io::stderr().is_terminal()
    }

    /// Returns the same streams with source excerpts drawn.
    pub(crate) fn explaining(&self, explain: bool) -> Ui {
        let detail = if explain { Detail::Excerpt } else { self.look.detail };
        Ui { look: Look { detail, ..self.look }, ..self.clone() }
    }

    /// Tells whether the result may have colours.
    pub(crate) fn paints(&self) -> bool {
        self.paints && !self.json
    }

    /// Writes the result. When nobody reads it any more, the command ends quietly.
    pub(crate) fn result(&self, text: &str, exit: Exit) -> Exit {
        match self.print(text) {
            Ok(()) => exit,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Unheard,
            Err(error) => self.refuse(&format!("cannot write the result: {error}"), None),
        }
    }

    /// Writes to stdout, whoever reads it.
    pub(crate) fn print(&self, text: &str) -> io::Result<()> {
        let text = &*hidden::without(text, self.json);
        if let Some(kept) = &self.kept {
            kept.said().result.push_str(text);
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
    }

    /// Says one line of the conversation.
    pub(crate) fn say(&self, text: &str) {
        self.whisper(&format!("{text}\n"));
    }

    /// Says one line of the conversation that would only be in the way of others where many things are done at once.
    pub(crate) fn say_alone(&self, text: &str) {
        if self.kept.is_none() {
            self.say(text);
        }
    }

    fn whisper(&self, text: &str) {
        let text = &*hidden::without(text, false);
        match &self.kept {
            Some(kept) => kept.said().conversation.push_str(text),
            None => drop(io::stderr().lock().write_all(text.as_bytes())),
        }
    }

    /// Says what is wrong with the command line or a file that it names, and ends the command.
    pub(crate) fn refuse(&self, message: &str, help: Option<&str>) -> Exit {
        if self.json {
            let refusal = serde_json::json!({
                "severity": "error", "code": null, "message": message, "notes": [], "help": help,
            });
            let document = serde_json::json!({ "ok": false, "diagnostics": [refusal], "dropped": 0 });
            let _ = self.print(&format!("{document:#}\n"));
            return Exit::Usage;
        }
        self.say(&format!("error: {message}"));
        if let Some(help) = help {
            self.say(&format!("help: {help}"));
        }
        Exit::Usage
    }

    /// Shows diagnostics in the conversation, with a closing count where there is more than one.
    pub(crate) fn show(&self, diagnostics: &[Diagnostic], dropped: usize, sources: &SourceMap) {
        let mut text = render(diagnostics, sources, self.look);
        if dropped > 0 {
            text.push_str(&format!("… and {dropped} more\n"));
        }
        if diagnostics.len() > 1
            && let Some(count) = summary(diagnostics)
        {
            text.push_str(&format!("{count}\n"));
        }
        self.whisper(&text);
    }
}

/// Returns a path as it can stand in a line: what would break the line or move the cursor is escaped.
pub(crate) fn shown(path: &Path) -> String {
    let mut text = String::new();
    visible(&path.to_string_lossy(), &mut text);
    text
}

/// Returns how many bytes that is, as people say it.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut whole, mut tenths, mut unit) = (bytes, 0, "B");
    for next in UNITS {
        if whole < 1024 {
            break;
        }
        (whole, tenths, unit) = (whole / 1024, whole % 1024 * 10 / 1024, next);
    }
    if unit == "B" { format!("{whole} B") } else { format!("{whole}.{tenths} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_taken_once() {
        let (ui, kept) = Ui::new(Color::Never, false).keeping();
        ui.say("one");
        assert_eq!(ui.result("two\n", Exit::Failed), Exit::Failed);
        assert_eq!(ui.refuse("three", Some("four")), Exit::Usage);
        let said = kept.take();
        assert_eq!((said.result.as_str(), said.conversation.as_str()), ("two\n", "one\nerror: three\nhelp: four\n"));
        assert_eq!(kept.take(), Said::default());
        assert!(!ui.is_watched());
    }

    #[test]
    fn sizes_are_short_and_never_too_large() {
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_535, "1.4 KiB"),
            (1_536, "1.5 KiB"),
            (1_048_575, "1023.9 KiB"),
            (5 << 20, "5.0 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
