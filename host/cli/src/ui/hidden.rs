//! The last filter of all that is said. Rooms and verbs do not say secrets, and what comes from others is cleaned where it
//! comes in; this is for what nobody thought of, such as the message of a panic. It knows every secret that was found in
//! this process, so it is one for the process.

use punix_model::{HIDDEN, Redactor, Secret};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::{LazyLock, PoisonError, RwLock, RwLockWriteGuard, TryLockError};

/// Shorter values stay: they are often words that mean something else, and a mark in their place would tell what they are.
const BYTES_MIN: usize = 8;

static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

/// What texts are searched for.
#[derive(Default)]
struct Known {
    secrets: Vec<Secret>,
    /// Made of so many of them: the others came since.
    redactor: Redactor,
    made_of: usize,
}

impl Known {
    fn is_whole(&self) -> bool {
        self.made_of == self.secrets.len()
    }

    /// Returns what finds all of them.
    fn whole(&mut self) -> &Redactor {
        if !self.is_whole() {
            self.redactor = Redactor::new(&self.secrets);
            self.made_of = self.secrets.len();
        }
        &self.redactor
    }
}

/// Has secrets left out of all that is said from here on.
pub(crate) fn hide<'s>(secrets: impl IntoIterator<Item = &'s Secret>) {
    let mut secrets = secrets.into_iter().filter(|secret| secret.length() >= BYTES_MIN).peekable();
    if secrets.peek().is_some() {
        known().secrets.extend(secrets.cloned());
    }
}

/// Overwrites what texts are searched for. Whatever is said from here on is not searched any more, so nothing may be.
pub(crate) fn forget() {
    *known() = Known::default();
}

fn known() -> RwLockWriteGuard<'static, Known> {
    KNOWN.write().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a text of several lines without them. Where it is JSON it stays that.
pub(crate) fn without(text: &str, is_json: bool) -> Cow<'_, str> {
    let shared = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if shared.is_whole() {
        return clean(&shared.redactor, text, is_json);
    }
    drop(shared);
    clean(known().whole(), text, is_json)
}

/// Returns what a panic says without them. It may have come in the midst of anything, so nothing is waited for.
pub(crate) fn without_now(text: &str) -> Cow<'_, str> {
    match KNOWN.try_write() {
        Ok(mut known) => clean(known.whole(), text, false),
        Err(TryLockError::Poisoned(poisoned)) => clean(poisoned.into_inner().whole(), text, false),
        Err(TryLockError::WouldBlock) => Cow::Borrowed(HIDDEN),
    }
}

fn clean<'t>(redactor: &Redactor, text: &'t str, is_json: bool) -> Cow<'t, str> {
    if !redactor.finds_in(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    if is_json && let Ok(mut document) = serde_json::from_str::<Value>(text) {
        clean_json(redactor, &mut document);
        let is_spread = text.trim_end().contains('\n');
        return Cow::Owned(if is_spread { format!("{document:#}\n") } else { format!("{document}\n") });
    }
    // Line by line, so that a piece of a long one takes no more with it than its line.
    Cow::Owned(text.split_inclusive('\n').map(|line| clean_line(redactor, line)).collect())
}

fn clean_line(redactor: &Redactor, line: &str) -> String {
    let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
    redactor.clean(line).into_owned() + end
}

fn clean_json(redactor: &Redactor, value: &mut Value) {
    match value {
        Value::String(text) => *text = clean_line(redactor, text),
        Value::Array(values) => values.iter_mut().for_each(|value| clean_json(redactor, value)),
        Value::Object(members) => members.values_mut().for_each(|value| clean_json(redactor, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(secrets: &[&str]) -> Redactor {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(secret.as_bytes().to_vec())).collect();
        Redactor::new(&secrets)
    }

    #[test]
    fn a_text_is_cleaned_line_by_line_and_a_document_stays_one() {
        let long = "0123456789abcdef".repeat(20);
        let redactor = filter(&["n sword\"fish", &long]);
        let text = format!("one n sword\"fish two\nthree {} four\nfive\n", &long[40..90]);
        assert_eq!(clean(&redactor, &text, false), "one [secret] two\n[secret]\nfive\n");
        // In JSON the value begins in the midst of an escape, which has to stay whole.
        let document = serde_json::json!({ "ok": true, "bytes": [1, "a\nn sword\"fish b"] });
        let expected = serde_json::json!({ "ok": true, "bytes": [1, "a\n[secret] b"] });
        assert_eq!(clean(&redactor, &format!("{document:#}\n"), true), format!("{expected:#}\n"));
        assert_eq!(clean(&redactor, &format!("{document}\n"), true), format!("{expected}\n"));
        assert_eq!(clean(&redactor, "innocent", true), "innocent");
    }

    #[test]
    fn what_was_found_is_hidden_from_then_on() {
        let secrets = ["of this test alone", "short"].map(|text| Secret::new(text.as_bytes().to_vec()));
        assert_eq!(without("of this test alone, short", false), "of this test alone, short");
        hide(&secrets);
        assert_eq!(without("of this test alone, short", false), "[secret], short");
        assert_eq!(without_now("of this test alone, short"), "[secret], short");
        // Those that come later count, too, whoever speaks first.
        hide(&[Secret::new(b"and this one".to_vec())]);
        assert_eq!(without_now("of this test alone, and this one"), "[secret], [secret]");
        forget();
        assert_eq!(without("of this test alone, and this one", false), "of this test alone, and this one");
    }
}
