//! What plugins call, one file for each interface: thin, since what is decided is decided in `ability`, and what is done
//! is done in `outside`. A denial is an answer; what ends a call is a misuse, or a limit, which the meter remembers.

mod blobs;
mod clock;
mod env;
mod files;
mod here;
mod http;
mod log;
mod pipes;
mod secrets;
mod spawn;
mod ssh;

use crate::runtime::bindings::cap::punix::base::types::{self, Error, ErrorClass};
use crate::runtime::resource::Blob;
use crate::runtime::state::State;
use crate::word::cut;
use crate::world::Kind;
use punix_model::{Class, PluginError};
use wasmtime::component::Resource;

/// What a plugin is answered, or the end of its call.
type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl types::Host for State {}

impl State {
    /// Ends the call if a plugin passes more at one time than it may.
    fn passes(&mut self, bytes: usize) -> wasmtime::Result<()> {
        if bytes as u64 <= u64::from(self.limits.call_kib) << 10 {
            return Ok(());
        }
        self.meter.reached("call_kib");
        wasmtime::bail!("too much is passed at one time")
    }

    /// Tells a plugin that something was not done. What is denied is counted.
    fn tell<T>(&mut self, kind: Option<Kind>, error: impl Into<PluginError>) -> Answer<T> {
        let PluginError { class, code, message, at, retry_after_ms } = error.into();
        if let (Some(kind), Class::Denied) = (kind, class) {
            self.refused(kind);
        }
        Ok(Err(Error { class: class_to(class), code, message, at, retry_after_ms }))
    }

    /// Gives the plugin a handle of a blob, whose bytes are counted as long as it has it.
    fn push_blob(&mut self, blob: Blob) -> wasmtime::Result<Resource<Blob>> {
        self.keep(blob.bytes.len())?;
        self.push(blob)
    }
}

/// Adds up what is passed.
fn sum(texts: &[&str]) -> usize {
    texts.iter().fold(0, |total, text| total.saturating_add(text.len()))
}

/// Returns a label that can be shown.
fn label(text: &str) -> String {
    cut(&crate::runtime::log::shown(text))
}

fn class_to(class: Class) -> ErrorClass {
    match class {
        Class::InvalidInput => ErrorClass::InvalidInput,
        Class::NotFound => ErrorClass::NotFound,
        Class::Denied => ErrorClass::Denied,
        Class::Transient => ErrorClass::Transient,
        Class::Permanent => ErrorClass::Permanent,
        Class::Unsupported => ErrorClass::Unsupported,
    }
}
