//! One line: who did what from where, and what became of it.

use punix_store::Digest;
use serde::{Deserialize, Serialize};
use std::io;

/// Who changed something, and by what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// As whom it was done on the target.
    pub user: String,
    /// As whom he came in who then became that user.
    pub login: Option<String>,
    /// The address from where; nothing if he was there.
    pub from: Option<String>,
    /// Who he says that he is, where he comes from.
    pub operator: Option<String>,
    pub command: String,
    /// The digest of the plan that was carried out.
    pub plan: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    Done,
    /// It was interrupted when it was live already, and finished by somebody else.
    Finished,
    /// It did not come about, and what had been begun of it was undone.
    Undone,
}

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Seconds since the epoch.
    pub time: u64,
    pub id: String,
    pub by: Origin,
    pub stack: String,
    /// The generations that were live before it and after it.
    pub parent: Option<u32>,
    pub child: Option<u32>,
    /// Generations that are no longer kept.
    pub trimmed: Vec<u32>,
    pub result: AuditResult,
    /// Whether a torn line was cut off before this one.
    pub cut: bool,
    /// The digest of the line before it.
    pub previous: Option<String>,
}

impl AuditLine {
    pub(super) fn parse(line: &[u8]) -> Option<AuditLine> {
        serde_json::from_slice(line).ok()
    }

    /// Returns the generation that is live after it.
    pub(super) fn live(&self) -> Option<u32> {
        match self.result {
            AuditResult::Done | AuditResult::Finished => self.child,
            AuditResult::Undone => self.parent,
        }
    }
}

/// What is to be said.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) origin: Origin,
    pub(super) stack: String,
    pub(super) parent: Option<u32>,
    pub(super) child: Option<u32>,
    pub(super) trimmed: Vec<u32>,
    pub(super) result: AuditResult,
}

impl Entry {
    pub(super) fn is_said_by(&self, line: &[u8]) -> bool {
        AuditLine::parse(line).is_some_and(|line| line.id == self.id)
    }

    /// Returns the line, with its end.
    pub(super) fn line(self, time: u64, previous: Option<Digest>, cut: bool) -> io::Result<Vec<u8>> {
        let Entry { id, origin: by, stack, parent, child, trimmed, result } = self;
        let previous = previous.map(|digest| digest.to_string());
        let mut line =
            serde_json::to_vec(&AuditLine { time, id, by, stack, parent, child, trimmed, result, cut, previous })?;
        line.push(b'\n');
        Ok(line)
    }
}

/// Returns the lines that were written in full, each with its end, and whether there is a torn one behind them.
pub(super) fn whole_lines(held: &[u8]) -> (&[u8], bool) {
    let end = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut whole = held.get(..end(held)).unwrap_or_default();
    // What a power cut leaves of a line may be as long as the line, and full of zeros.
    if last_line(whole).is_some_and(|last| last.contains(&0)) {
        let before = whole.strip_suffix(b"\n").unwrap_or_default();
        whole = whole.get(..end(before)).unwrap_or_default();
    }
    (whole, whole.len() < held.len())
}

/// Returns the last of some lines, without its end.
pub(super) fn last_line(whole: &[u8]) -> Option<&[u8]> {
    whole.strip_suffix(b"\n")?.rsplit(|byte| *byte == b'\n').next()
}
