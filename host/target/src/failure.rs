//! What can go wrong on a target, as facts. Here they become diagnostics; whoever reports them knows the host.
//!
//! Until a flip is durable every error means that nothing has changed, but for [`TargetError::Unfinished`]: then a
//! journal is left, and the next command recovers first. [`TargetError::BrokenOff`] says what of old generations went.

use crate::boundary::{Crossing, Reason};
use crate::generation::RecordIssue;
use crate::layout::CURRENT;
use crate::path::TargetPath;
use crate::protocol::{Told, WayError};
use crate::resolve::ResolveIssue;
use crate::trust::Stranger;
use punix_diag::{Code, Diagnostic};
use punix_store::{Digest, Holder};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why something could not be done on a target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// Somebody else writes, or reads, and did not end in time.
    #[error("the lock `{}` was not free within {} seconds", .path.display(), .waited.as_secs())]
    Busy { path: PathBuf, waited: Duration, holders: Vec<Holder> },
    /// A journal is left over, and whoever asks may not write.
    #[error("a change{} is being made, or was interrupted and is not yet mended", of_stack(.stack.as_deref()))]
    Interrupted {
        /// Unknown if the journal may not even be read.
        stack: Option<String>,
    },
    #[error("`{place}` has room for {has} more {what}, and {needs} are needed")]
    NoRoom { place: String, what: &'static str, needs: u64, has: u64 },
    #[error("`{name}` is no name of a stack")]
    StackName { name: String },
    /// Another generation is current than the one that the plan was made for.
    #[error("the plan for the stack `{stack}` was made for {}, and current is {}", shown(*.planned), shown(*.found))]
    Stale { stack: String, planned: Option<u32>, found: Option<u32> },
    /// Its time was over, it was confirmed, or another change came.
    #[error("nothing waits to be confirmed as `{id}`")]
    NotArmed { id: String },
    #[error("a change of the stack `{stack}` is staged here, and waits to be published")]
    Undecided { stack: String },
    #[error("nothing is staged that could be published")]
    NotStaged,
    /// What a path holds is not what the plan saw there.
    #[error("`{path}` is not what it was when the plan was made: {found}")]
    Moved { path: TargetPath, found: String },
    /// Whoever owns a directory can do that to every file in it.
    #[error("what waited at `{staged}` to become `{path}` is not there any more, or something else is")]
    Supplanted { path: TargetPath, staged: TargetPath },
    #[error("`{path}` belongs to {owner}")]
    Owned { path: TargetPath, owner: String },
    #[error("`{path}` cannot be a file: {found}")]
    Occupied { path: TargetPath, found: String },
    #[error("there is no user or group `{name}` on the target, as `{path}` needs it")]
    NoSuchOwner { path: TargetPath, name: String },
    /// The bytes of a file are neither on the target nor with the plan.
    #[error("the bytes of `{path}` are not there to be written")]
    NoBytes { path: TargetPath },
    #[error("gen-{number:03} of the stack `{stack}` is not kept")]
    NotKept { stack: String, number: u32 },
    #[error("the record `{path}` cannot be understood: {issue}")]
    Record { path: TargetPath, issue: RecordIssue },
    #[error("the record of the new generation has {size} bytes, more than {most}")]
    RecordTooLarge { size: u64, most: u64 },
    #[error("`{path}` cannot be understood: {why}")]
    Damaged { path: TargetPath, why: String },
    #[error("`{path}` was written by a newer version: its form is {schema}, and this one reads {known}")]
    Newer { path: TargetPath, schema: u64, known: u64 },
    /// A journal speaks of two generations, and `current` is neither.
    #[error("`{path}` is {found}, and an interrupted change wants it to be {one} or {other}")]
    Astray { path: TargetPath, found: String, one: String, other: String },
    /// What was begun could not be undone. The journal is still there.
    #[error("{error}; and what was begun could not be undone: {undo}")]
    Unfinished { error: Box<TargetError>, undo: Box<TargetError> },
    /// Some generations were removed, and not the others.
    #[error("{error}; {} of the stack `{stack}` had gone before", all_shown(.gone))]
    BrokenOff { stack: String, gone: Vec<u32>, error: Box<TargetError> },
    #[error("the target is `{found}`, and the stack is for `{wanted}`")]
    OtherMachine { wanted: String, found: String },
    #[error("`{path}` cannot be found: {issue}")]
    Nowhere { path: TargetPath, issue: ResolveIssue },
    /// Somebody else could have written what lies in the deployments root, and that is obeyed.
    #[error("the deployments root `{path}` is not used: {stranger}")]
    Stranger { path: TargetPath, stranger: Stranger },
    /// A file may not lie where it would.
    #[error(transparent)]
    Crossing(#[from] Crossing),
    #[error("`{path}` does not hold what its name says: it is `{found}`")]
    WrongBlob { path: TargetPath, found: Digest },
    /// What the other side of a pipe says went wrong there.
    #[error("{}", .0.message)]
    Told(Box<Told>),
    /// The way to the other side failed.
    #[error(transparent)]
    Way(#[from] WayError),
}

/// Returns how a generation is spoken of.
pub(crate) fn shown(number: Option<u32>) -> String {
    number.map_or_else(|| "none".to_owned(), |number| format!("gen-{number:03}"))
}

fn all_shown(numbers: &[u32]) -> String {
    numbers.iter().map(|&number| shown(Some(number))).collect::<Vec<_>>().join(", ")
}

fn of_stack(stack: Option<&str>) -> String {
    stack.map_or_else(String::new, |stack| format!(" of the stack `{stack}`"))
}

impl TargetError {
    /// Tells whether the world failed, not what was asked for: such errors end a run with another exit code.
    pub fn is_the_worlds(&self) -> bool {
        match self {
            TargetError::Disk(_)
            | TargetError::Busy { .. }
            | TargetError::NoRoom { .. }
            | TargetError::Nowhere { .. }
            | TargetError::Way(_) => true,
            TargetError::Told(told) => told.is_the_worlds,
            TargetError::Unfinished { error, .. } | TargetError::BrokenOff { error, .. } => error.is_the_worlds(),
            TargetError::Interrupted { .. }
            | TargetError::StackName { .. }
            | TargetError::Stale { .. }
            | TargetError::NotArmed { .. }
            | TargetError::Undecided { .. }
            | TargetError::NotStaged
            | TargetError::Moved { .. }
            | TargetError::Supplanted { .. }
            | TargetError::Owned { .. }
            | TargetError::Occupied { .. }
            | TargetError::NoSuchOwner { .. }
            | TargetError::NoBytes { .. }
            | TargetError::NotKept { .. }
            | TargetError::Record { .. }
            | TargetError::RecordTooLarge { .. }
            | TargetError::Damaged { .. }
            | TargetError::Newer { .. }
            | TargetError::Astray { .. }
            | TargetError::OtherMachine { .. }
            | TargetError::Stranger { .. }
            | TargetError::Crossing(_)
            | TargetError::WrongBlob { .. } => false,
        }
    }

    /// Returns the code of this kind of error.
    pub fn code(&self) -> Code {
        match self {
            TargetError::Disk(_)
            | TargetError::Busy { .. }
            | TargetError::Interrupted { .. }
            | TargetError::NoRoom { .. }
            | TargetError::Nowhere { .. }
            | TargetError::Way(_) => Code::E31,
            TargetError::Told(told) => told.code(),
            TargetError::Unfinished { error, .. } | TargetError::BrokenOff { error, .. } => error.code(),
            TargetError::StackName { .. } => Code::E2,
            TargetError::Stale { .. }
            | TargetError::NotArmed { .. }
            | TargetError::Undecided { .. }
            | TargetError::NotStaged
            | TargetError::Moved { .. }
            | TargetError::Supplanted { .. } => Code::E19,
            TargetError::Owned { .. } | TargetError::Occupied { .. } => Code::E18,
            TargetError::NoSuchOwner { .. } | TargetError::Stranger { .. } | TargetError::Crossing(_) => Code::E30,
            TargetError::NoBytes { .. } | TargetError::NotKept { .. } => Code::E12,
            TargetError::Record { .. }
            | TargetError::RecordTooLarge { .. }
            | TargetError::Damaged { .. }
            | TargetError::Newer { .. }
            | TargetError::Astray { .. }
            | TargetError::WrongBlob { .. } => Code::E32,
            TargetError::OtherMachine { .. } => Code::E17,
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            TargetError::Disk(error) => return help_of_disk(error).map(str::to_owned),
            TargetError::Busy { .. } => "wait for it to end, or let `--wait` do it",
            TargetError::Interrupted { .. } => {
                "try again; if it stays, run a command as a user who may write there, which recovers first"
            }
            TargetError::NoRoom { .. } => "make room there, and try again",
            TargetError::StackName { .. } => "name a stack as the program does: letters, digits and `_`",
            TargetError::Stale { .. } | TargetError::Moved { .. } => "make a new plan, and look at it",
            TargetError::Supplanted { .. } => "find out who moves files in that directory, and deploy again",
            TargetError::NotArmed { .. } => "`service history` shows what is live; it may have been taken back by now",
            TargetError::Undecided { .. } => "publish it first, or let it go",
            TargetError::NotStaged => "stage it anew; what was staged may have been let go",
            TargetError::Owned { .. } => "let one of them have the path; `service remove` frees what a stack has",
            TargetError::Occupied { .. } => "move it away, or choose another path",
            TargetError::NoSuchOwner { .. } => "make the user or group first, or name another",
            TargetError::NoBytes { .. } => "deploy the wanted version again; its bytes are made anew",
            TargetError::NotKept { .. } => "`service history` shows the ones that are kept",
            TargetError::Damaged { path, .. } if path.name() == CURRENT => {
                "`punix service repair` makes it point at the generation that fits what is there"
            }
            TargetError::Record { .. } | TargetError::Damaged { .. } | TargetError::WrongBlob { .. } => {
                "restore it from a backup, or remove it if nothing needs it"
            }
            TargetError::RecordTooLarge { .. } => "make two stacks of it",
            TargetError::Newer { .. } => "use the version of `punix` that wrote it",
            TargetError::Astray { one, other, path, .. } => {
                return Some(format!("make `{path}` a link to one of them again ({one} or {other}); it recovers then"));
            }
            TargetError::BrokenOff { .. } => "mend what the error names, and trim again",
            TargetError::Unfinished { .. } => {
                "mend what the second error names; the next command for this target undoes the rest"
            }
            TargetError::Nowhere { .. } => "name a place that is a directory, or can become one",
            TargetError::Stranger { stranger, .. } => return Some(stranger.help()),
            TargetError::Crossing(Crossing { reason: Reason::Link(link), .. }) => return Some(link.help()),
            TargetError::Crossing(_) => "choose a path that is allowed; docs/errors/E30.md lists them",
            TargetError::OtherMachine { .. } => "choose another target, or build for this one",
            TargetError::Told(told) => return told.help.clone(),
            TargetError::Way(error) => error.help(),
        };
        Some(help.to_owned())
    }
}

fn help_of_disk(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some("make room there, and try again"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("act as a user who may write there, or choose places that you may write to")
        }
        _ => None,
    }
}

impl From<TargetError> for Diagnostic {
    fn from(error: TargetError) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(error.code(), error.to_string());
        if let TargetError::Busy { holders, .. } = &error {
            diagnostic = holders.iter().fold(diagnostic, |diagnostic, holder| {
                diagnostic.note(format!("process {} holds it: `{}`", holder.process, holder.command))
            });
        }
        match &error {
            TargetError::Told(told) => {
                diagnostic = told.notes.iter().fold(diagnostic, Diagnostic::note);
            }
            // Nobody here knows how far it was.
            TargetError::Way(_) => {
                diagnostic = diagnostic.note("what was begun there is undone or finished before anything else is done");
            }
            TargetError::Unfinished { .. } | TargetError::BrokenOff { .. } => {}
            error if error.is_the_worlds() => diagnostic = diagnostic.note("nothing was changed"),
            _ => {}
        }
        match error.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

#[cfg(test)]
mod tests;
