//! Everything that is done on a target, whichever way it is reached: look at it, stage beside what is live, commit in one
//! step that survives being killed, recover, verify. It runs in one thread, on one disk, and knows nothing of programs,
//! plugins or networks.

mod generation;
mod path;
mod plan;
mod seen;

pub use generation::{FileRow, Generation, Mark, PluginRow, RecordedChunk, SCHEMA, ServiceRow, UnitRow};
pub use path::{PathIssue, TargetPath};
pub use plan::{After, Change, Goal, Payload, Plan};
pub use seen::{FileSeen, PathSeen, Question, Seen, There};
