//! Why a host failed, as it is told: in one line, with the rest for whoever wants it.

use super::super::Stopped;
use crate::cmd::check::diagnostics_json;
use crate::ui::Ui;
use punix_diag::{Detail, Diagnostic, Look, SourceMap, render};
use serde_json::{Value, json};

/// Why a host failed.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// The first error: `[E11] secret(s) not set: …`, or `web.pcl:3:9: error: [E2] …`.
    pub(super) headline: String,
    /// The headlines of the other ones.
    pub(super) others: Vec<String>,
    /// What is said besides, a line each: notes, help, source.
    pub(super) more: Vec<String>,
    pub(super) diagnostics: Vec<Value>,
    /// Whether the host could not be reached. One that was reached and let nobody in is not such a host.
    pub(super) is_unreachable: bool,
}

impl Failure {
    /// Takes what stopped a host.
    pub(super) fn of(ui: &Ui, stopped: Stopped, sources: &SourceMap) -> Failure {
        let is_unreachable = matches!(stopped, Stopped::Unreachable(_));
        match stopped {
            Stopped::By(diagnostics) | Stopped::World(diagnostics) | Stopped::Unreachable(diagnostics) => {
                Failure { is_unreachable, ..Failure::from_diagnostics(ui, &diagnostics, 0, sources) }
            }
            Stopped::Usage { message, help } => Failure {
                diagnostics: vec![json!({
                    "severity": "error", "code": null, "message": message, "notes": [], "help": help,
                })],
                headline: message,
                others: Vec::new(),
                more: help.map(|help| format!("help: {help}")).into_iter().collect(),
                is_unreachable,
            },
            Stopped::Told(_) => Failure::plain("it stopped; what is above says why".to_owned()),
        }
    }

    /// Takes what is wrong with a program, of which some may have been left out.
    pub(super) fn from_diagnostics(
        ui: &Ui,
        diagnostics: &[Diagnostic],
        dropped: usize,
        sources: &SourceMap,
    ) -> Failure {
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
        let mut headlines = errors.map(|error| headline(error, sources));
        let headline = headlines.next().unwrap_or_else(|| "it stopped without a reason".to_owned());
        let mut others: Vec<String> = headlines.collect();
        if dropped > 0 {
            others.push(format!("… and {dropped} more"));
        }
        let mut more: Vec<String> = ui.drawn(diagnostics, sources).lines().map(str::to_owned).collect();
        // The headline stands there already.
        if more.first().is_some_and(|first| first.ends_with(&headline)) {
            more.remove(0);
        }
        Failure { headline, others, more, diagnostics: diagnostics_json(diagnostics, sources), is_unreachable: false }
    }

    /// Takes a reason that has no place and no code.
    pub(super) fn plain(headline: String) -> Failure {
        let diagnostics =
            vec![json!({ "severity": "error", "code": null, "message": headline, "notes": [], "help": null })];
        Failure { headline, others: Vec::new(), more: Vec::new(), diagnostics, is_unreachable: false }
    }

    /// Takes that our own work broke off.
    pub(super) fn bug() -> Failure {
        Failure::plain("this is a bug in punix, and what it was is said above".to_owned())
    }
}

/// Returns the first line of a diagnostic; a place and a code say enough of what it is.
pub(super) fn headline(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let look = Look { detail: Detail::Lines, color: false };
    let text = render(std::slice::from_ref(diagnostic), sources, look);
    let line = text.lines().next().unwrap_or_default();
    let word = if diagnostic.is_error() { "error: " } else { "warning: " };
    line.strip_prefix(word).unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Color;
    use punix_diag::Code;

    #[test]
    fn a_headline_begins_with_the_code_or_the_place() {
        let ui = Ui::new(Color::Never, false);
        let mut sources = SourceMap::default();
        let at = sources.add("web.pcl", "module A { x = y }\n");
        let span = punix_diag::Span::new(at + 15, at + 16);
        let first = Diagnostic::error(Code::E11, "secret(s) not set: from_env:A").help("set it");
        let second = Diagnostic::error(Code::E2, "no `y`").at(span);
        let failure = Failure::of(&ui, Stopped::By(vec![first, second]), &sources);
        assert_eq!(failure.headline, "[E11] secret(s) not set: from_env:A");
        assert_eq!(failure.others, ["web.pcl:1:16: error: [E2] no `y`"]);
        assert_eq!(failure.more.first().map(String::as_str), Some("help: set it"));
        assert!(!failure.is_unreachable);
    }
}
