//! What a panic says. A component that panics stops without a word; with this hook the host hears file, line and message
//! before it does, and takes secrets out of them.

use crate::cap::log;
use std::sync::Once;

/// Makes panics say what they are, from the first call on.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let message = panic.payload_as_str().unwrap_or("it gave no reason");
            match panic.location() {
                Some(place) => log::error(&format!("panicked at {}:{}: {message}", place.file(), place.line())),
                None => log::error(&format!("panicked: {message}")),
            }
        }));
    });
}
