//! What was seen of a target: facts without judgement, from which a plan is made.

use crate::generation::{FileRow, Generation, Mark};
use crate::path::TargetPath;
use crate::resolve::StrangeLink;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a look is to be had at.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Question {
    pub stack: String,
    /// Paths that will be written, each with whether there are secrets in the file. What the current generation has is
    /// looked at besides.
    pub paths: BTreeMap<TargetPath, bool>,
    /// Paths of store entries that will be needed.
    pub store_paths: BTreeSet<String>,
    /// Whether others than whoever acts have to get to the store's entries.
    pub for_others: bool,
    /// Names of owners and groups that files will have. Those that the current generation has are looked up besides.
    pub users: BTreeSet<String>,
    pub groups: BTreeSet<String>,
}

/// A target, as far as one stack is concerned.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub current: Option<Generation>,
    /// Files that are this stack's and that the current generation does not have: its record, or which one it is, was lost.
    pub orphans: Vec<FileRow>,
    /// The numbers of all generations that are kept, ascending.
    pub numbers: Vec<u32>,
    /// The number that the next one gets: no number is used twice, whatever became of its generation.
    pub next: u32,
    pub paths: BTreeMap<TargetPath, PathSeen>,
    /// Store entries that are not there, or not whole.
    pub missing: BTreeSet<String>,
    /// The first directory on the way to the store that keeps others out, if it was asked for.
    pub closed: Option<Closed>,
    /// User and group of whoever acts there.
    pub acting: (u32, u32),
    /// User and group that have the record of the current generation: whoever deployed it. A file for which nobody was
    /// named may be theirs.
    pub deployed_as: Option<(u32, u32)>,
    /// The users and groups that were asked for and are known there.
    pub users: BTreeMap<String, u32>,
    pub groups: BTreeMap<String, u32>,
}

/// A directory that others may not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    pub directory: TargetPath,
    pub mode: u32,
}

/// A path on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathSeen {
    pub there: There,
    /// Where it really is: links in the directories above it are followed, its own name is not.
    pub real: TargetPath,
    /// Who has it, if that is not this stack in this deployments root: shown as it is.
    pub claimed_by: Option<String>,
    /// A link on the way that is not followed: then it is not known where it really is.
    pub behind: Option<StrangeLink>,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum There {
    Nothing,
    File(FileSeen),
    Link {
        to: String,
    },
    Directory,
    /// A device, a pipe or a socket.
    Other,
    /// It cannot be looked at, for this reason: something on the way is no directory, or it may not be read.
    Unreachable {
        why: String,
    },
}

/// A file on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSeen {
    pub mode: u32,
    pub owner: u32,
    pub group: u32,
    pub size: u64,
    /// Device and inode.
    pub identity: (u64, u64),
    /// Both where a file without secrets becomes one with, or the other way round.
    pub marks: Vec<Mark>,
}
