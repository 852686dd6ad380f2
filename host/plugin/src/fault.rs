//! Everything that can be wrong before a plugin runs, and the one place where it becomes diagnostics. Names and reasons in
//! them are a plugin's own words; whoever draws them escapes what is not text.

use crate::digest::Digest;
use crate::file::FileError;
use crate::inspect::{InspectError, MANIFEST_SECTION};
use crate::lock::LockError;
use crate::policy::{Cause, Denial, Shortfall};
use crate::site::SiteError;
use crate::word::{Id, Version};
use punix_diag::{Code, Diagnostic};
use std::io::ErrorKind;

/// Why a plugin is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("`{name}` is not a plugin that can be used: {error}")]
    Inspect { name: String, error: InspectError },
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("what is granted to `{id}` is not for this component: its digest is {found}")]
    OtherComponent { id: Id, found: Digest, granted: Option<Digest> },
    #[error("the plugin `{id}` {version} asks for more than it was granted")]
    Denied { id: Id, version: Version, denials: Vec<Denial> },
}

impl Fault {
    /// Returns what to tell: one error, or one for each request that stands in the way.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        let message = self.to_string();
        let one = match self {
            Fault::File(error) => file(message, &error),
            Fault::Inspect { error, .. } => inspect(message, &error),
            Fault::Site(error) => site(message, &error),
            Fault::Lock(error) => lock(message, &error),
            Fault::OtherComponent { id, granted, .. } => {
                let start = Diagnostic::error(Code::E27, message);
                let start = match granted {
                    Some(granted) => start.note(format!("it is granted to the component with the digest {granted}")),
                    None => start.note("it does not say to which component"),
                };
                start.help(format!("`punix plugin inspect {id}` shows it; `punix plugin add` asks what to grant"))
            }
            Fault::Denied { id, version, denials } => {
                return denials.into_iter().map(|denial| denied(&id, &version, denial)).collect();
            }
        };
        vec![one]
    }
}

impl Shortfall {
    /// Returns the warning that a plugin may not do with what it gets.
    pub fn to_diagnostic(&self, id: &Id) -> Diagnostic {
        let Shortfall { limit, wished, given, command } = self;
        Diagnostic::warning(format!("the plugin `{id}` wishes `{limit} = {wished}` and gets {given}"))
            .help(format!("if it fails for that, and the site allows it: {command}"))
    }
}

fn file(message: String, error: &FileError) -> Diagnostic {
    match error {
        FileError::Io { error, .. } => match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => {
                Diagnostic::error(Code::E24, message).help("name the file of a component that you may read")
            }
            _ => Diagnostic::error(Code::E23, message),
        },
        FileError::Link { .. } => Diagnostic::error(Code::E24, message).help("name the file that it leads to"),
        FileError::Kind { .. } | FileError::TooLarge { .. } => Diagnostic::error(Code::E24, message),
    }
}

pub(crate) fn inspect(message: String, error: &InspectError) -> Diagnostic {
    let start = Diagnostic::error(Code::E24, message);
    match error {
        InspectError::Wasi { .. } => start
            .note("plugins have no WASI: no files, clocks, environment or output but what is requested and granted")
            .help("build it without WASI, for `wasm32-unknown-unknown`; print by way of `punix:cap/log`"),
        InspectError::CoreModule => start.help("`punix plugin build` makes a component of it"),
        InspectError::Generation { .. } | InspectError::ExportGeneration { .. } => {
            start.help("use a version of the plugin, or of `punix`, that fits")
        }
        InspectError::NoManifest { inside: true } => start
            .note(format!("a module in it has a section `{MANIFEST_SECTION}`, where it is not looked for"))
            .help(PACK),
        InspectError::NoManifest { inside: false } => start.help(PACK),
        InspectError::NotWasm
        | InspectError::Invalid { .. }
        | InspectError::Nested
        | InspectError::TooManyExterns
        | InspectError::Unknown { .. }
        | InspectError::NotInWorld { .. }
        | InspectError::Shape { .. }
        | InspectError::NoWorld
        | InspectError::TwoWorlds { .. }
        | InspectError::NoMeta
        | InspectError::TwoManifests
        | InspectError::Manifest(_)
        | InspectError::OtherWorld { .. } => start,
    }
}

const PACK: &str = "`punix plugin pack` writes it";

fn site(message: String, error: &SiteError) -> Diagnostic {
    let start = Diagnostic::error(Code::E26, message).note("nothing is granted as long as it is so");
    match error {
        SiteError::Writable { path } => {
            start.help(format!("`chown root {0}` and `chmod go-w {0}`, once you know who wrote it", path.display()))
        }
        SiteError::Policy(_)
        | SiteError::Io { .. }
        | SiteError::Text { .. }
        | SiteError::Kind { .. }
        | SiteError::TooMany { .. } => start,
    }
}

fn lock(message: String, error: &LockError) -> Diagnostic {
    let start = Diagnostic::error(Code::E27, message);
    match error {
        LockError::Absent { .. } => start.help("`punix plugin add` inspects it, asks what to grant, and locks it"),
        LockError::Digest { id, .. } => start.help(format!(
            "if it was updated, `punix plugin diff {id} FILE` shows what it asks for now, and `punix plugin add` locks it"
        )),
        LockError::Row { .. } => start.help("`punix plugin add` writes the row anew; find out who edited it"),
    }
}

fn denied(id: &Id, version: &Version, denial: Denial) -> Diagnostic {
    let Denial { key, why, cause } = denial;
    let said = format!("it says what for: {why}");
    match cause {
        Cause::Undecided { grant, revoke } => {
            let message = format!("the plugin `{id}` {version} asks for `{key}`, and nobody decided about that");
            let start = Diagnostic::error(Code::E25, message).note(said);
            start.note(format!("to go on without: {revoke}")).help(format!("to allow it: {grant}"))
        }
        Cause::Site { source, revoke } => {
            let message = format!("the plugin `{id}` {version} asks for `{key}`, which `{source}` does not allow");
            Diagnostic::error(Code::E25, message).note(said).help(format!("to go on without: {revoke}"))
        }
    }
}

#[cfg(test)]
mod tests;
