//! A plan: all that a commit will do, decided. Whoever carries it out has nothing left to decide, and refuses it when the
//! target is no longer what the plan was made for.

use crate::body::Body;
use crate::generation::{Generation, Mark};
use crate::path::TargetPath;
use crate::seen::There;
use punix_model::Secret;
use punix_store::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a commit will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub stack: String,
    /// The generation that was current when this was decided. If another one is by then, the plan is refused.
    pub parent: Option<u32>,
    pub goal: Goal,
    /// Every managed path, in the order in which they are published; what stays as it is has a change too, that says so.
    pub changes: Vec<Change>,
    /// How many generations are kept at most. The live one and its `previous` always are.
    pub keep: u32,
}

/// What will be current.
#[derive(Debug, Clone, PartialEq)]
pub enum Goal {
    /// A new generation; its number is the one that was `next`.
    New(Box<Generation>),
    /// One that is kept: rollback, going to a number, and repair, where it is the parent itself.
    Kept(u32),
    /// None: the stack goes, with all its generations.
    Gone,
}

/// What becomes of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub path: TargetPath,
    /// Where it really is.
    pub real: TargetPath,
    /// What the plan saw there. If something else is there by then, nothing is changed.
    pub before: There,
    pub after: After,
}

/// What will stand at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// What is there.
    Same,
    File {
        mark: Mark,
        mode: u32,
        owner: Option<String>,
        group: Option<String>,
    },
    Nothing,
}

/// The bytes that go with a plan. What a target has in its blobs already need not be here.
#[derive(Debug, Default)]
pub struct Payload {
    pub blobs: BTreeMap<Digest, Body>,
    /// Files with secrets, by path.
    pub secrets: BTreeMap<TargetPath, Secret>,
}
