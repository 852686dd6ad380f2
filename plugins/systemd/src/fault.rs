//! Refusals. What is refused is told with its place and in words of our own: no value is ever repeated.

use crate::quote::Unfit;
use punix_sdk::Error;

/// Makes a refusal of what was given.
#[cold]
#[inline(never)]
pub(crate) fn refuse(at: &str, code: &str, message: &str) -> Error {
    Error::invalid(code, message).at(at)
}

/// Makes a refusal of a text that cannot be written where it should be. `what` is the subject of the sentence.
#[cold]
#[inline(never)]
pub(crate) fn unfit(at: &str, code: &str, what: &str, unfit: Unfit) -> Error {
    refuse(at, code, &format!("{what} {}", unfit.words()))
}
