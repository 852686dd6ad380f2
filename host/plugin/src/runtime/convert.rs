//! Between the words of the interfaces and our own. What comes from a plugin is cleaned here, once.

use crate::runtime::bindings::cap::punix::base::types;
use crate::runtime::log::shown;
use crate::runtime::meta::{Advice, Severity};
use punix_model::{Class, PluginError, Redactor};

const MESSAGE_BYTES_MAX: usize = 4 << 10;
const CODE_BYTES_MAX: usize = 128;
const AT_BYTES_MAX: usize = 1 << 10;

/// Takes an error from a plugin.
pub(crate) fn error(error: types::Error, redactor: &Redactor) -> PluginError {
    let types::Error { class, code, message, at, retry_after_ms } = error;
    let clean = |text: String, most: usize| shown(&cut(&redactor.clean(&text), most));
    PluginError {
        class: class_of(class),
        code: clean(code, CODE_BYTES_MAX),
        message: clean(message, MESSAGE_BYTES_MAX),
        at: at.map(|at| clean(at, AT_BYTES_MAX)),
        retry_after_ms,
    }
}

/// Takes what a plugin says of a configuration.
pub(crate) fn advice(advice: types::Diagnostic, redactor: &Redactor) -> Advice {
    let severity = match advice.severity {
        types::Severity::Note => Severity::Note,
        types::Severity::Warning => Severity::Warning,
        types::Severity::Error => Severity::Error,
    };
    Advice { severity, error: error(advice.error, redactor) }
}

fn class_of(class: types::ErrorClass) -> Class {
    match class {
        types::ErrorClass::InvalidInput => Class::InvalidInput,
        types::ErrorClass::NotFound => Class::NotFound,
        types::ErrorClass::Denied => Class::Denied,
        types::ErrorClass::Transient => Class::Transient,
        types::ErrorClass::Permanent => Class::Permanent,
        types::ErrorClass::Unsupported => Class::Unsupported,
    }
}

/// Cuts a text where a character ends.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}
