//! What is said over the pipe, in both directions. Packages are named by their places in the order in which they were sent.

use crate::told::Told;
use serde::{Deserialize, Serialize};

/// Goes up with each change after which the two sides do not understand each other any more.
pub(super) const PROTOCOL: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    Hello {
        protocol: u32,
        version: String,
    },
    Open(Open),
    /// One that is wanted, or that another one needs, after all that it needs itself: its derivation.
    Package(String),
    /// Which of these are lacking, with what they need?
    Look {
        wanted: Vec<u32>,
    },
    /// Builds those that are lacking.
    Build {
        /// The entry that holds the source of a package, where it has one.
        sources: Vec<(u32, String)>,
    },
}

/// Where and how it is built.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    pub(super) store: String,
    pub(super) command: String,
    pub(super) wait_seconds: u64,
    /// Without a number it is for the machine to say.
    pub(super) jobs: Option<u32>,
    pub(super) cores: Option<u32>,
    pub(super) wall_seconds: u64,
    pub(super) is_apart: bool,
    pub(super) keep_failed: bool,
    /// Whether every line that builds print is wanted.
    pub(super) lines: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Answer {
    Hello {
        protocol: u32,
        version: String,
        system: String,
    },
    Opened,
    Seen {
        missing: Vec<u32>,
    },
    Started {
        place: u32,
    },
    Says {
        place: u32,
        line: String,
    },
    Waits {
        place: u32,
        holders: Vec<(u32, String)>,
    },
    Ended {
        place: u32,
        fate: Fated,
    },
    /// It is still at it.
    Alive,
    /// Why one of those that ended failed.
    Failure {
        place: u32,
        told: Told,
    },
    /// All have ended. Of those that were built now the digests of their trees, read again from the disk.
    Done {
        trees: Vec<(u32, String)>,
    },
    /// Nothing more will be done.
    Refused(Told),
}

/// What became of a package.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Fated {
    Cached,
    Built { ms: u64 },
    Failed { message: String, is_stop: bool, ms: u64 },
    Blocked { by: u32 },
    Stopped,
}
