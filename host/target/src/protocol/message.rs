//! What is said over the pipe, as the heads of frames. Secrets and contents are pieces beside them, in the order in which
//! the head names them; no head has the value of a secret.

use super::acting::{WrittenConfirm, WrittenObservation, WrittenRunning};
use crate::audit::{AuditFault, AuditLine};
use crate::boundary::Boundary;
use crate::commit::{Committed, Progress};
use crate::confirm::Pending;
use crate::failure::TargetError;
use crate::generation::{FileRow, Generation, Mark, RecordIssue, Withheld};
use crate::ledger::Note;
use crate::machine::Machine;
use crate::mend::Mended;
use crate::path::TargetPath;
use crate::plan::{Change, Goal, Plan};
use crate::probe::{Answered, Asked};
use crate::push::PushError;
use crate::recover::Recovered;
use crate::seen::{Closed, PathSeen, Question, Seen};
use crate::verify::{Depth, Finding};
use punix_diag::{Code, Diagnostic};
use punix_store::Digest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The number of this protocol. Two sides with different ones do not talk.
pub(super) const PROTOCOL: u32 = 5;
/// What a side says of itself: `0.5.0`.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is asked. The first is `Hello`, the second `Open`, and neither comes again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    Hello {
        protocol: u32,
        version: String,
    },
    Open {
        root: String,
        /// Nothing for the usual place in the home of whoever acts there.
        deployments: Option<String>,
        command: String,
        wait_seconds: u64,
    },
    Share,
    Release,
    Within(Boundary),
    Look(Question),
    /// With one secret.
    Tag,
    /// With one secret.
    Peek,
    /// With a piece for each of `blobs`, then one for each of `secrets`.
    Commit {
        plan: WrittenPlan,
        blobs: Vec<Mark>,
        secrets: Vec<TargetPath>,
    },
    /// The same, without making it live.
    Stage {
        plan: WrittenPlan,
        blobs: Vec<Mark>,
        secrets: Vec<TargetPath>,
    },
    /// Makes live what is staged.
    Publish,
    /// Undoes what is staged.
    LetGo,
    Recover,
    Stacks,
    Records {
        stack: String,
    },
    Record {
        stack: String,
        number: u32,
    },
    Current {
        stack: String,
    },
    Verify {
        generation: Written,
        depth: Depth,
    },
    Blob(Mark),
    KeptBytes {
        stack: String,
    },
    Trim {
        stack: String,
        keep: u32,
    },
    /// Begins a push, if something is lacking: then only the next three come, until it ends.
    Lack {
        to: TargetPath,
        names: BTreeSet<String>,
        again: BTreeSet<String>,
    },
    /// With two pieces for each: what it was built from, and what is listed of it.
    Batch {
        names: Vec<String>,
    },
    /// With one piece: so many bytes of the batch, or what they are when they are packed.
    Content {
        bytes: u64,
        packed: bool,
    },
    EndPush,
    Machine,
    Run(WrittenRunning),
    Probe(Asked),
    Audit,
    VerifyAudit,
    Arm(WrittenConfirm),
    Rearm {
        id: String,
        seconds: u32,
    },
    Confirm {
        id: String,
    },
    Armed,
    Mend {
        stack: String,
    },
}

/// What is answered: any number of steps, then one of the others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Answer {
    Hello {
        protocol: u32,
        version: String,
    },
    Step(Step),
    Refused(Told),
    Opened {
        deployments: TargetPath,
    },
    Done,
    Seen(Box<WrittenSeen>),
    Mark(Option<Mark>),
    Committed {
        stack: String,
        from: Option<u32>,
        to: Option<u32>,
        trimmed: Vec<u32>,
        kept: Vec<Note>,
        unfinished: Option<Told>,
    },
    Recovered(Recovered),
    Stacks(Vec<String>),
    Records(Vec<(u32, Result<Written, String>)>),
    Record(Written),
    Number(Option<u32>),
    Findings(Vec<Finding>),
    /// With one piece if it is there.
    Blob {
        is_kept: bool,
    },
    Notes(Vec<Note>),
    Trimmed(Vec<u32>),
    Lacking(Vec<String>),
    /// Whether more was waited for.
    Taken {
        waits: bool,
    },
    /// What came for the file that is listed at this place is not what is listed.
    Otherwise {
        name: String,
        number: usize,
    },
    Machine(Machine),
    Answered(Answered),
    /// With two pieces for each: what it said to either side.
    Ran(Vec<WrittenObservation>),
    Audit(Vec<AuditLine>),
    AuditFaults(Vec<AuditFault>),
    /// By what name a change was armed.
    Armed(String),
    Pending(Vec<Pending>),
    Mended(Vec<Mended>),
}

/// How far it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Step {
    Commit(Progress),
    /// It still works.
    Alive,
}

/// An error of the other side, as facts: here it becomes the diagnostic that it would have been there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    code: String,
    pub message: String,
    pub notes: Vec<String>,
    pub help: Option<String>,
    /// Whether the world failed there, not what was asked for.
    pub is_the_worlds: bool,
}

impl Told {
    fn of(diagnostic: Diagnostic, is_the_worlds: bool) -> Told {
        Told {
            code: diagnostic.code.unwrap_or(Code::E31).to_string(),
            message: diagnostic.message,
            notes: diagnostic.notes.into_iter().map(|note| note.message).collect(),
            help: diagnostic.help,
            is_the_worlds,
        }
    }

    /// Returns the code. One that is not known here is of a target that is not what it says.
    pub fn code(&self) -> Code {
        Code::parse(&self.code).unwrap_or(Code::E31)
    }
}

impl From<TargetError> for Told {
    fn from(error: TargetError) -> Told {
        let is_the_worlds = error.is_the_worlds();
        Told::of(error.into(), is_the_worlds)
    }
}

impl From<PushError> for Told {
    fn from(error: PushError) -> Told {
        let is_the_worlds = error.is_the_worlds();
        Told::of(error.into(), is_the_worlds)
    }
}

/// A generation: its record, and what only a record of the old form has, by the place of the file in it. It is read as
/// strictly as from a disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    stack: String,
    number: u32,
    record: String,
    inline: BTreeMap<usize, Vec<u8>>,
    withheld: BTreeMap<usize, Withheld>,
}

impl Written {
    pub(super) fn of(generation: &Generation) -> Written {
        let files = || generation.files.iter().enumerate();
        Written {
            stack: generation.stack.clone(),
            number: generation.number,
            // A record is ASCII.
            record: String::from_utf8(generation.to_bytes()).unwrap_or_default(),
            inline: files().filter_map(|(at, row)| Some((at, row.inline.clone()?))).collect(),
            withheld: files().filter_map(|(at, row)| Some((at, row.withheld?))).collect(),
        }
    }

    pub(super) fn read(self) -> Result<Generation, RecordIssue> {
        let mut generation = Generation::from_bytes(self.record.as_bytes(), &self.stack, self.number)?;
        let nowhere = || RecordIssue::Told { why: "it speaks of a file that it has not".to_owned() };
        for (at, bytes) in self.inline {
            let row = generation.files.get_mut(at).ok_or_else(nowhere)?;
            if row.mark != Mark::Sha256(Digest::of(&bytes)) {
                return Err(RecordIssue::Content { path: row.path.clone() });
            }
            row.inline = Some(bytes);
        }
        for (at, withheld) in self.withheld {
            generation.files.get_mut(at).ok_or_else(nowhere)?.withheld = Some(withheld);
        }
        Ok(generation)
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenPlan {
    pub(super) stack: String,
    parent: Option<u32>,
    goal: WrittenGoal,
    changes: Vec<Change>,
    keep: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenGoal {
    New(Box<Written>),
    Kept(u32),
    Gone,
}

/// Returns the digest of a plan, as it goes over a pipe.
pub(crate) fn plan_digest(plan: &Plan) -> Digest {
    Digest::of(&serde_json::to_vec(&WrittenPlan::of(plan)).unwrap_or_default())
}

impl WrittenPlan {
    pub(super) fn of(plan: &Plan) -> WrittenPlan {
        WrittenPlan {
            stack: plan.stack.clone(),
            parent: plan.parent,
            goal: match &plan.goal {
                Goal::New(generation) => WrittenGoal::New(Box::new(Written::of(generation))),
                Goal::Kept(number) => WrittenGoal::Kept(*number),
                Goal::Gone => WrittenGoal::Gone,
            },
            changes: plan.changes.clone(),
            keep: plan.keep,
        }
    }

    pub(super) fn read(self) -> Result<Plan, RecordIssue> {
        let goal = match self.goal {
            WrittenGoal::New(written) => Goal::New(Box::new(written.read()?)),
            WrittenGoal::Kept(number) => Goal::Kept(number),
            WrittenGoal::Gone => Goal::Gone,
        };
        Ok(Plan { stack: self.stack, parent: self.parent, goal, changes: self.changes, keep: self.keep })
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSeen {
    current: Option<Written>,
    /// Path, mark and mode.
    orphans: Vec<(TargetPath, Mark, u32)>,
    numbers: Vec<u32>,
    next: u32,
    paths: BTreeMap<TargetPath, PathSeen>,
    missing: BTreeSet<String>,
    closed: Option<Closed>,
    acting: (u32, u32),
    deployed_as: Option<(u32, u32)>,
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
}

impl WrittenSeen {
    pub(super) fn of(seen: Seen) -> WrittenSeen {
        let Seen { current, orphans, numbers, next, paths, missing, closed, acting, deployed_as, users, groups } = seen;
        let current = current.as_ref().map(Written::of);
        let orphans = orphans.into_iter().map(|row| (row.path, row.mark, row.mode)).collect();
        WrittenSeen { current, orphans, numbers, next, paths, missing, closed, acting, deployed_as, users, groups }
    }

    pub(super) fn read(self) -> Result<Seen, RecordIssue> {
        let WrittenSeen { current, orphans, numbers, next, paths, missing, closed, acting, deployed_as, users, groups } =
            self;
        let current = current.map(Written::read).transpose()?;
        let orphans = orphans.into_iter().map(|(path, mark, mode)| FileRow::orphan(path, mark, mode)).collect();
        Ok(Seen { current, orphans, numbers, next, paths, missing, closed, acting, deployed_as, users, groups })
    }
}

impl From<Committed> for Answer {
    fn from(committed: Committed) -> Answer {
        let Committed { stack, from, to, trimmed, kept, unfinished } = committed;
        Answer::Committed { stack, from, to, trimmed, kept, unfinished: unfinished.map(Told::from) }
    }
}
