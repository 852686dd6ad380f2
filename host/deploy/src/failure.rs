//! Why a package could not be built, at the place where it is written.

use crate::compose::Spans;
use punix_build::{BuildError, Part};
use punix_diag::Diagnostic;

/// Returns what happened to a package as a diagnostic. `None` says that it is not written anywhere that is known.
pub fn explain(label: &str, spans: Option<Spans>, error: BuildError) -> Diagnostic {
    let at = spans.map(|spans| match error.part() {
        Part::Source => spans.source,
        Part::Arguments => spans.arguments,
        Part::Machine => spans.module,
    });
    let diagnostic = Diagnostic::from(error);
    let message = format!("`{label}`: {}", diagnostic.message);
    Diagnostic { message, span: at, ..diagnostic }
}
