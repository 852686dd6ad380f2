//! Everything that is done on a target, whichever way it is reached: look at it, stage beside what is live, commit in one
//! step that survives being killed, recover, verify. It runs in one thread, on one disk, and knows nothing of programs,
//! plugins or networks.

mod admit;
mod audit;
mod blobs;
mod body;
mod boot;
mod boundary;
mod claims;
mod commit;
mod confirm;
mod content;
mod drill;
mod durable;
mod failure;
mod finish;
mod flip;
#[cfg(test)]
#[path = "../../../tests/fuzzing.rs"]
mod fuzzing;
mod generation;
mod guard;
mod hands;
mod journal;
mod json;
mod key;
mod layout;
mod ledger;
mod limits;
mod live;
mod lock;
mod look;
mod machine;
mod memory;
mod mend;
mod owners;
mod path;
mod plan;
#[cfg(test)]
mod planted;
mod probe;
mod protocol;
mod publish;
mod push;
mod records;
mod recover;
mod resolve;
mod room;
mod seen;
mod stage;
mod target;
mod trim;
mod trust;
mod undo;
mod verify;
mod watchdog;

pub use audit::{AuditFault, AuditLine, AuditResult, Origin, audit, verify_audit};
pub use blobs::blob;
pub use body::{Body, BodyFile};
pub use boot::recover_all;
pub use boundary::{Boundary, Crossing, Maker, Reason};
pub use commit::{Committed, Progress, commit};
pub use confirm::{Confirm, Pending, arm, armed, confirm, rearm};
pub use drill::arm_drill_if_asked;
pub use failure::TargetError;
pub use generation::{
    ArtifactRow, FileRow, Generation, Mark, PluginRow, RecordIssue, RecordedChunk, SCHEMA, ServiceRow, UnitRow,
    Withheld,
};
pub use guard::{Guarding, enter_guard_if_asked};
pub use hands::{Running, run};
pub use json::FieldIssue;
pub use key::{peek, tag};
pub use layout::Layout;
pub use ledger::{Note, kept_bytes};
pub use lock::{Exclusive, Shared};
pub use look::look;
pub use machine::{Machine, machine};
pub use memory::{leave_no_dump, stay_in_memory};
pub use mend::{Fault, Fit, Mended, mend};
pub use path::{PathIssue, TargetPath};
pub use plan::{After, Change, Goal, Payload, Plan};
pub use probe::{Answered, Asked};
pub use protocol::{Brought, Client, Door, FrameError, Inside, Opening, Told, WayError, greeting, serve};
pub use push::{PushError, PushStep, Pushed, Pushing, closure, push};
pub use records::{Numbered, current, current_record, record, records, stacks};
pub use recover::{Recovered, recover};
pub use resolve::{ResolveIssue, StrangeLink};
pub use seen::{Closed, FileSeen, PathSeen, Question, Seen, There};
pub use target::{Place, Target};
pub use trim::trim;
pub use verify::{Depth, Drift, Finding, Spot, verify};
