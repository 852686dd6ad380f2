//! Where words go: stdout is the result, stderr the conversation.

use crate::exit::Exit;
use punix_diag::{Detail, Diagnostic, Look, SourceMap, render, summary, visible};
use std::io::{IsTerminal, Write};
use std::path::Path;

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
}

impl Ui {
    pub(crate) fn new(color: Color, json: bool) -> Ui {
        let terminal = std::io::stderr().is_terminal();
        let wanted = |terminal: bool| match color {
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            Color::Always => true,
            Color::Never => false,
        };
        let detail = if terminal || color == Color::Always { Detail::Excerpt } else { Detail::Lines };
        let paints = wanted(std::io::stdout().is_terminal());
        Ui { json, look: Look { detail, color: wanted(terminal) }, paints }
    }

    /// Returns the same streams with source excerpts drawn.
    pub(crate) fn explaining(&self, explain: bool) -> Ui {
        let detail = if explain { Detail::Excerpt } else { self.look.detail };
        Ui { json: self.json, look: Look { detail, ..self.look }, paints: self.paints }
    }

    /// Tells whether the result may have colours.
    pub(crate) fn paints(&self) -> bool {
        self.paints && !self.json
    }

    /// Writes the result. When nobody reads it any more, the command ends quietly.
    pub(crate) fn result(&self, text: &str, exit: Exit) -> Exit {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => exit,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Unheard,
            Err(error) => self.refuse(&format!("cannot write the result: {error}"), None),
        }
    }

    /// Says one line of the conversation.
    pub(crate) fn say(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Says what is wrong with the command line or a file that it names, and ends the command.
    pub(crate) fn refuse(&self, message: &str, help: Option<&str>) -> Exit {
        if self.json {
            let refusal = serde_json::json!({
                "severity": "error", "code": null, "message": message, "notes": [], "help": help,
            });
            let document = serde_json::json!({ "ok": false, "diagnostics": [refusal], "dropped": 0 });
            let _ = writeln!(std::io::stdout().lock(), "{document:#}");
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
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
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
