//! What plugins can be given, one file each: may this be done, and what does the plugin get to see of it? Nothing here
//! touches the world; what is decided here is done in `outside`.

pub(crate) mod blobs;
mod document;
pub(crate) mod env;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod secrets;
pub(crate) mod spawn;
pub(crate) mod ssh;

use punix_model::{Class, PluginError};
use std::fmt;

/// Returns what a plugin is told.
pub(crate) fn told(class: Class, code: &str, message: &dyn fmt::Display) -> PluginError {
    PluginError { class, code: code.to_owned(), message: message.to_string(), at: None, retry_after_ms: None }
}
