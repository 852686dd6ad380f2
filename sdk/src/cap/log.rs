//! Lines for people. On the author's machine they go nowhere.

pub use crate::abi::abilities::punix::cap::log::{Level, emit};

/// Says something to the plugin's author.
pub fn debug(message: &str) {
    say(Level::Debug, message, &[]);
}

/// Says something to whoever wants to know.
pub fn info(message: &str) {
    say(Level::Info, message, &[]);
}

/// Says that somebody should look.
pub fn warn(message: &str) {
    say(Level::Warn, message, &[]);
}

/// Says that something failed.
pub fn error(message: &str) {
    say(Level::Error, message, &[]);
}

/// Says something with names and values beside it.
pub fn say(level: Level, message: &str, fields: &[(String, String)]) {
    if cfg!(target_arch = "wasm32") {
        emit(level, message, fields);
    }
}
