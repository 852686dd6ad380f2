//! Why there is no plan, as facts; each becomes a diagnostic, at the place where the file is declared if that is known.

use crate::tls;
use punix_diag::{Code, Diagnostic, Span};
use punix_target::{Crossing, Reason, TargetPath};
use std::fmt;

/// Why there is no plan: everything that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError(pub Vec<Refusal>);

/// Something that is in the way of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Another stack has the path.
    Claimed {
        path: TargetPath,
        by: String,
    },
    /// Something stands there that is not this stack's.
    InTheWay {
        path: TargetPath,
        standing: Standing,
    },
    /// A path of the stack would become a file where it is a directory, or the other way round.
    Turned {
        path: TargetPath,
        /// What lies in the directory, or would.
        inside: TargetPath,
        into: Turn,
    },
    /// It may not be written, or not where links lead.
    Crossing(Crossing),
    /// Somebody changed a file of the stack, and that was to stop it.
    Drifted {
        path: TargetPath,
        drift: Drift,
    },
    /// Two files lead to one place.
    OnePlace {
        first: TargetPath,
        path: TargetPath,
        real: TargetPath,
    },
    NobodyOfThatName {
        path: TargetPath,
        kind: &'static str,
        name: String,
    },
    NotDeployed {
        stack: String,
    },
    /// There is nothing that the live generation followed.
    NoPrevious {
        stack: String,
        current: Option<u32>,
    },
    NotKept {
        stack: String,
        number: u32,
        kept: Vec<u32>,
    },
    StoreMissing {
        stack: String,
        number: u32,
        paths: Vec<String>,
    },
    /// Files with secrets are not there, and values are not at hand.
    SecretsNeeded {
        stack: String,
        number: u32,
        paths: Vec<TargetPath>,
    },
    /// A file whose bytes no record has.
    NotRecorded {
        path: TargetPath,
    },
    /// A secret is not the one that a plan was made with.
    OtherSecret {
        path: TargetPath,
    },
    /// The target was not asked about the path.
    Unseen {
        path: TargetPath,
    },
}

/// What stands where it should not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    File,
    Link,
    Directory,
    Other,
    Unreachable { why: String },
}

/// What a path would become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    File,
    Directory,
}

/// In what a file is no longer what its generation left there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    Gone,
    Bytes,
    Mode { was: u32, is: u32 },
    Owner,
    Link { to: String },
}

impl From<Refusal> for PlanError {
    fn from(refusal: Refusal) -> PlanError {
        PlanError(vec![refusal])
    }
}

impl PlanError {
    /// Returns all of it as diagnostics. `place` knows where a file is declared.
    pub fn explain(&self, place: &dyn Fn(&TargetPath) -> Option<Span>) -> Vec<Diagnostic> {
        self.0.iter().map(|refusal| refusal.explain(place)).collect()
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::File => "a file",
            Standing::Link => "a link",
            Standing::Directory => "a directory",
            Standing::Other => "something that is no file",
            Standing::Unreachable { .. } => "something that cannot be looked at",
        })
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Drift::Gone => f.write_str("it is gone"),
            Drift::Bytes => f.write_str("its content is another"),
            Drift::Mode { was, is } => write!(f, "its mode is {is:04o} and was {was:04o}"),
            Drift::Owner => f.write_str("it has another owner or group"),
            Drift::Link { to } => write!(f, "a link to `{to}` is in its place"),
        }
    }
}

/// Returns the name of a generation's record, as people know it.
pub(super) fn generation(number: u32) -> String {
    format!("gen-{number:03}")
}

impl Refusal {
    fn explain(&self, place: &dyn Fn(&TargetPath) -> Option<Span>) -> Diagnostic {
        let error = match self {
            Refusal::Claimed { .. }
            | Refusal::InTheWay { .. }
            | Refusal::Turned { .. }
            | Refusal::Crossing(_)
            | Refusal::Drifted { .. }
            | Refusal::OnePlace { .. }
            | Refusal::NobodyOfThatName { .. }
            | Refusal::NotRecorded { .. }
            | Refusal::OtherSecret { .. }
            | Refusal::Unseen { .. } => self.of_path(),
            Refusal::NotDeployed { .. }
            | Refusal::NoPrevious { .. }
            | Refusal::NotKept { .. }
            | Refusal::StoreMissing { .. }
            | Refusal::SecretsNeeded { .. } => self.of_generation(),
        };
        match self.path().and_then(place) {
            Some(at) => error.at(at),
            None => error,
        }
    }

    fn path(&self) -> Option<&TargetPath> {
        match self {
            Refusal::Claimed { path, .. }
            | Refusal::InTheWay { path, .. }
            | Refusal::Drifted { path, .. }
            | Refusal::OnePlace { path, .. }
            | Refusal::NobodyOfThatName { path, .. }
            | Refusal::NotRecorded { path }
            | Refusal::OtherSecret { path }
            | Refusal::Unseen { path } => Some(path),
            Refusal::Turned { path, inside, into } => Some(match into {
                Turn::File => path,
                Turn::Directory => inside,
            }),
            Refusal::Crossing(crossing) => Some(&crossing.path),
            Refusal::NotDeployed { .. }
            | Refusal::NoPrevious { .. }
            | Refusal::NotKept { .. }
            | Refusal::StoreMissing { .. }
            | Refusal::SecretsNeeded { .. } => None,
        }
    }

    fn of_path(&self) -> Diagnostic {
        match self {
            Refusal::Claimed { path, by } => Diagnostic::error(Code::E18, format!("`{path}` belongs to {by}"))
                .help("a path belongs to one stack: write to another one, or remove it from the other stack first"),
            Refusal::InTheWay { path, standing: Standing::Unreachable { why } } => {
                Diagnostic::error(Code::E18, format!("`{path}` cannot be looked at: {why}"))
                    .help("see to it that the directories above it are directories, and may be read")
            }
            Refusal::InTheWay { path, standing } => {
                let error = Diagnostic::error(
                    Code::E18,
                    format!("at `{path}` there is {standing} already, and it is not this stack's"),
                );
                error.help(match standing {
                    Standing::File => {
                        "`--adopt` makes it the stack's; what it holds now is kept, and `service history` names it"
                    }
                    Standing::Link => "`--adopt` puts the stack's file in its place",
                    Standing::Directory | Standing::Other | Standing::Unreachable { .. } => {
                        "move it away by hand, or write to another path"
                    }
                })
            }
            Refusal::Turned { path, inside, into: Turn::File } => Diagnostic::error(
                Code::E18,
                format!("`{path}` is the directory of `{inside}`, which is this stack's, and cannot become a file at once"),
            )
            .help(format!(
                "deploy without `{path}` first: what the stack had in it goes, and the directory if nothing else is in it"
            )),
            Refusal::Turned { path, inside, into: Turn::Directory } => Diagnostic::error(
                Code::E18,
                format!("`{path}` is a file of this stack, and cannot become the directory of `{inside}` at once"),
            )
            .help(format!("deploy without what is in `{path}` first: then the file goes, and the next deploy writes the rest")),
            Refusal::Crossing(crossing) => {
                let error = Diagnostic::error(Code::E30, crossing.to_string());
                match &crossing.reason {
                    Reason::Link(link) => error.help(link.help()),
                    Reason::Outside { .. } | Reason::Denied { .. } | Reason::Rendered { .. } => {
                        error.help("a stack writes below the roots that it is given, wherever links lead")
                    }
                }
            }
            Refusal::Drifted { path, drift } => {
                Diagnostic::error(Code::E18, format!("somebody changed `{path}` since it was written: {drift}"))
                    .help("without `--refuse-drift` it is overwritten, and what is there now is kept")
            }
            Refusal::OnePlace { first, path, real } => {
                Diagnostic::error(Code::E30, format!("`{first}` and `{path}` are one file on the target, `{real}`"))
                    .help("leave one of them out")
            }
            Refusal::NobodyOfThatName { path, kind, name } => Diagnostic::error(
                Code::E30,
                format!("`{path}` is to belong to the {kind} `{name}`, and the target has no such {kind}"),
            )
            .help(format!("make the {kind} first, or leave it to whoever deploys")),
            Refusal::NotRecorded { path } => Diagnostic::error(
                Code::E12,
                format!("`{path}` is not there, and what it held is in no record, for it was a secret itself"),
            )
            .help("deploy the program again"),
            Refusal::OtherSecret { path } => Diagnostic::error(
                Code::E19,
                format!("a secret in `{path}` has another value than when the plan was made"),
            )
            .help("make the plan again"),
            Refusal::Unseen { path } => {
                Diagnostic::error(Code::E31, format!("the target was not asked about `{path}`"))
                    .help("this is a fault of punix: report it")
            }
            Refusal::NotDeployed { .. }
            | Refusal::NoPrevious { .. }
            | Refusal::NotKept { .. }
            | Refusal::StoreMissing { .. }
            | Refusal::SecretsNeeded { .. } => self.of_generation(),
        }
    }

    /// Words it as the pages do that people know: names in single quotes, and a full stop where they have one.
    fn of_generation(&self) -> Diagnostic {
        match self {
            Refusal::NotDeployed { stack } => {
                Diagnostic::error(Code::E12, format!("no current generation for stack '{stack}'"))
                    .help("deploy it first")
            }
            Refusal::NoPrevious { stack, current } => {
                let current = current.map_or_else(|| "None".to_owned(), |number| number.to_string());
                let message =
                    format!("stack '{stack}': no previous generation (current = {current}); nothing to roll back to.");
                Diagnostic::error(Code::E12, message)
            }
            Refusal::NotKept { stack, number, kept } => {
                let message = format!("stack '{stack}': {} is not kept", generation(*number));
                let error = Diagnostic::error(Code::E12, message);
                let names: Vec<String> = kept.iter().map(|number| generation(*number)).collect();
                match names.as_slice() {
                    [] => error.note("no generation is kept"),
                    names => error
                        .note(format!("these are kept: {}", names.join(", ")))
                        .help(format!("`punix service set-current {stack} N` goes to one of them")),
                }
            }
            Refusal::StoreMissing { stack, number, paths } => {
                let message = format!("stack '{stack}' {}: pinned store path missing:", generation(*number));
                let error = Diagnostic::error(Code::E12, message);
                paths
                    .iter()
                    .fold(error, |error, path| error.note(path))
                    .help("build the same program again: the same inputs give the same paths")
            }
            Refusal::SecretsNeeded { stack, number, paths } => {
                let names: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
                let message = format!(
                    "stack '{stack}' {} needs files with secrets that are not there: {}",
                    generation(*number),
                    names.join(", ")
                );
                let has_keys = paths.iter().any(|path| path.as_str().contains(tls::DIRECTORY));
                Diagnostic::error(Code::E12, message).help(match has_keys {
                    false => "`--resolve-secrets` makes them again from their references",
                    true => {
                        "`--resolve-secrets --tls-certs DIR` makes them again: keys and certificates are read from there"
                    }
                })
            }
            Refusal::Claimed { .. }
            | Refusal::InTheWay { .. }
            | Refusal::Turned { .. }
            | Refusal::Crossing(_)
            | Refusal::Drifted { .. }
            | Refusal::OnePlace { .. }
            | Refusal::NobodyOfThatName { .. }
            | Refusal::NotRecorded { .. }
            | Refusal::OtherSecret { .. }
            | Refusal::Unseen { .. } => self.of_path(),
        }
    }
}
