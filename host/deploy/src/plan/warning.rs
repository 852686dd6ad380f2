//! What people should know of a plan before it is carried out.

use super::refusal::{Drift, Standing, generation};
use punix_diag::Diagnostic;
use punix_target::{Closed, TargetPath};
use std::fmt;

/// Something that a plan does, or does not do, and that somebody may not expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Somebody changed a file of the stack; it is overwritten, or removed.
    Drifted { path: TargetPath, drift: Drift, removed: bool },
    /// Somebody else's file becomes the stack's.
    Adopted { path: TargetPath },
    /// Where a file of the stack was there is something else now, which stays.
    LeftThere { path: TargetPath, standing: Standing },
    /// Directories with data that the stack does not declare any more.
    Orphaned { stack: String, state_dirs: Vec<String>, from: u32 },
    /// Directories with data of a stack that goes.
    DataStays { stack: String, state_dirs: Vec<String> },
    /// Data does not go back with its program.
    Stateful { stack: String, from: u32, to: u32, state_dirs: Vec<String> },
    /// Files with secrets that stay as they are, though another generation is current.
    SecretSkipped { files: usize, number: u32 },
    /// Files with artifacts of other hosts that stay as they are, though another generation is current.
    ArtifactSkipped { files: usize },
    /// A file that is as it was, with what was made of other hosts' certificates then.
    ArtifactsAsThen { path: TargetPath, hosts: Vec<String>, number: u32 },
    /// Only the pointer moves.
    NotRewritten { number: u32 },
    /// Services of other users cannot be started, for what they are is where these users may not go.
    Closed { services: Vec<String>, closed: Closed },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Drifted { path, drift, removed } => {
                let then = if *removed { "removed" } else { "overwritten" };
                write!(f, "`{path}` was changed since it was written ({drift}); it is {then}")
            }
            Warning::Adopted { path } => write!(f, "`{path}` was not this stack's; from now on it is"),
            Warning::LeftThere { path, standing } => {
                write!(f, "`{path}` stays: {standing} is there now, which the stack did not write")
            }
            Warning::Orphaned { stack, state_dirs, from } => write!(
                f,
                "stack {stack}: state dir(s) {} were managed by {} but are gone from this deploy — existing data there \
                 is ORPHANED, not deleted; move/remove it deliberately",
                state_dirs.join(", "),
                generation(*from)
            ),
            Warning::DataStays { stack, state_dirs } => {
                write!(f, "the data of {stack} stays: {}; remove it by hand if nobody needs it", state_dirs.join(", "))
            }
            Warning::Stateful { stack, from, to, state_dirs } => {
                write!(
                    f,
                    "stack {stack} crosses a stateful generation ({} → {}): the binary + config were reverted, but DATA \
                     is NOT reverted",
                    generation(*from),
                    generation(*to)
                )?;
                if !state_dirs.is_empty() {
                    write!(f, " (data in {})", state_dirs.join(", "))?;
                }
                write!(
                    f,
                    ". If a schema migration ran under {}, the older binary may be incompatible — restore from backup if \
                     needed.",
                    generation(*from)
                )
            }
            Warning::SecretSkipped { files, number } => write!(
                f,
                "secret-skipped: {files} file(s) with secrets stay as they are and are not what {} had; \
                 `--resolve-secrets` makes them again",
                generation(*number)
            ),
            Warning::ArtifactSkipped { files } => write!(
                f,
                "artifact-skipped: {files} file(s) with artifacts of other hosts stay as they are; `punix fleet apply` writes \
                 them with what these hosts give"
            ),
            Warning::ArtifactsAsThen { path, hosts, number } => write!(
                f,
                "`{path}` is as it was in {}, with what the certificate of {} was then; if it is another one by now, \
                 `punix fleet apply` writes that",
                generation(*number),
                hosts.join(", ")
            ),
            Warning::Closed { services, closed: Closed { directory, mode } } => write!(
                f,
                "{} will not start: others than root may not pass `{directory}` (its mode is {mode:04o}), and what is to be run \
                 is in a store below it; choose another place for all commands, such as `--store-root /var/lib/punix/store` \
                 or PUNIX_STORE_DIR, or let others pass with `chmod o+x {directory}`",
                services.join(", ")
            ),
            Warning::NotRewritten { number } => {
                write!(f, "no file was touched: until the next deploy, files are not what {} says", generation(*number))
            }
        }
    }
}

impl From<&Warning> for Diagnostic {
    fn from(warning: &Warning) -> Diagnostic {
        Diagnostic::warning(warning.to_string())
    }
}
