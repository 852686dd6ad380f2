//! Editing a policy: a new text in which only what was meant is different. What is not said in steps stays as somebody wrote
//! it, comments and order too; and a text that would not mean exactly what the steps mean never leaves this file.

use super::layout;
use super::steps::{Step, apply};
use punix_diag::{Code, Diagnostic};
use punix_plugin::{Id, Policy, PolicyError, SiteError};
use toml_edit::DocumentMut;

/// Why a policy was not edited.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AmendError {
    /// What was there, or would be, is not a policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("`{file}` is laid out in a way that punix cannot edit")]
    Layout { file: String },
}

/// What a new policy begins with.
const HEADER: &str = "# What plugins may do. Edit it, or have `punix plugin grant` and `revoke` do so; commit it.\n";

/// Returns a policy's text after some steps for one plugin. `file` names it in messages.
pub(super) fn amended(file: &str, text: &str, id: &Id, steps: &[Step]) -> Result<String, AmendError> {
    if steps.is_empty() {
        return Ok(text.to_owned());
    }
    let text = if text.trim().is_empty() { HEADER } else { text };
    let mut wanted = Policy::parse(file, text)?;
    let table = wanted.plugin.entry(id.clone()).or_default();
    for step in steps {
        apply(table, step);
    }
    edited(file, text, &wanted, |document| layout::write(document, id, steps))
}

/// Returns a policy's text without one plugin.
pub(super) fn without(file: &str, text: &str, id: &Id) -> Result<String, AmendError> {
    let mut wanted = Policy::parse(file, text)?;
    match wanted.plugin.remove(id) {
        Some(_) => edited(file, text, &wanted, |document| layout::forget(document, id)),
        None => Ok(text.to_owned()),
    }
}

fn edited(
    file: &str,
    text: &str,
    wanted: &Policy,
    edit: impl FnOnce(&mut DocumentMut) -> Option<()>,
) -> Result<String, AmendError> {
    let strange = || AmendError::Layout { file: file.to_owned() };
    let mut document: DocumentMut = text.parse().map_err(|_| strange())?;
    edit(&mut document).ok_or_else(strange)?;
    let text = document.to_string();
    // Too much, or granted and denied at once: that is for whoever asked for it.
    let found = Policy::parse(file, &text)?;
    if found == *wanted { Ok(text) } else { Err(strange()) }
}

impl From<AmendError> for super::Stopped {
    fn from(error: AmendError) -> super::Stopped {
        let message = error.to_string();
        match error {
            AmendError::Policy(error) => SiteError::from(error).into(),
            AmendError::Layout { .. } => {
                super::by(Diagnostic::error(Code::E26, message).help("make the change by hand; nothing was written"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
