//! What is different, for people: file by file, line by line. Facts only; how they are drawn is the command line's
//! business. Of secrets there are names here, and whether they changed.

mod lines;
#[cfg(test)]
mod tests;

pub use lines::{Hunk, Line, LineKind};

use crate::limits::{DIFF_BYTES_MAX, DIFF_LINES_MAX};
use crate::plan::Decided;
use punix_target::Body as Held;
use punix_target::{After, Change, FileRow, Generation, Goal, Mark, RecordedChunk, Seen, TargetPath, There};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Finds the bytes that a mark is of. What is edited by hand is had only by whoever looked at the target.
pub type Texts<'t> = &'t dyn Fn(Mark) -> Option<&'t Held>;

/// How one file differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDiff {
    pub path: TargetPath,
    pub fate: Fate,
    pub body: Body,
    /// What it was and what it becomes, where these are not the same.
    pub mode: Option<(u32, u32)>,
    pub owner: Option<(Option<String>, Option<String>)>,
    pub group: Option<(Option<String>, Option<String>)>,
}

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Added,
    Changed,
    Removed,
}

/// How what it holds differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    Same,
    Text {
        hunks: Vec<Hunk>,
        /// How many lines are not shown.
        left_out: usize,
    },
    /// It is no text, or too much of it is different to be shown: so many bytes before and after.
    Sizes {
        before: usize,
        after: usize,
    },
    Secret(SecretDiff),
    /// What it held is not at hand: somebody edited it.
    Unknown,
}

/// How a file with secrets differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SecretDiff {
    pub added: BTreeSet<String>,
    pub removed: BTreeSet<String>,
    pub kept: BTreeSet<String>,
    /// Whether something besides the secrets is different.
    pub text: bool,
    /// Whether any byte is different; if neither references nor text are, a secret has another value.
    pub bytes: bool,
}

/// Returns how each file differs that a plan writes or removes. `to` is the generation that becomes current.
pub fn plan_diff(seen: &Seen, decided: &Decided, to: Option<&Generation>, texts: Texts<'_>) -> Vec<FileDiff> {
    let to = match &decided.plan.goal {
        Goal::New(generation) => Some(&**generation),
        Goal::Kept(_) => to,
        Goal::Gone => None,
    };
    let (before, after) = (rows(seen.current.as_ref()), rows(to));
    let changes = decided.plan.changes.iter().filter(|change| change.after != After::Same);
    let diff = |change: &Change| {
        let (old, new) = (before.get(&change.path).copied(), after.get(&change.path).copied());
        let there = match &change.before {
            There::File(file) => Some(Side { marks: file.marks.clone(), mode: Some(file.mode), row: old }),
            There::Nothing => None,
            // A link, in place of a file of the stack.
            There::Link { .. } | There::Directory | There::Other | There::Unreachable { .. } => {
                Some(Side { marks: Vec::new(), mode: None, row: old })
            }
        };
        let becomes = match &change.after {
            After::File { mark, mode, .. } => Some(Side { marks: vec![*mark], mode: Some(*mode), row: new }),
            After::Same | After::Nothing => None,
        };
        file_diff(&change.path, there, becomes, texts)
    };
    changes.filter_map(diff).collect()
}

/// Returns how each file differs between two generations.
pub fn generation_diff(old: &Generation, new: &Generation, texts: Texts<'_>) -> Vec<FileDiff> {
    let (before, after) = (rows(Some(old)), rows(Some(new)));
    let paths: BTreeSet<&TargetPath> = before.keys().chain(after.keys()).copied().collect();
    let side = |row: &&'_ FileRow| -> (Vec<Mark>, u32) { (vec![row.mark], row.mode) };
    let diffs = paths.into_iter().filter_map(|path| {
        let sides = [&before, &after].map(|rows| {
            let row = rows.get(path).copied()?;
            let (marks, mode) = side(&row);
            Some(Side { marks, mode: Some(mode), row: Some(row) })
        });
        let [old, new] = sides;
        file_diff(path, old, new, texts)
    });
    diffs.filter(FileDiff::is_one).collect()
}

fn rows(generation: Option<&Generation>) -> BTreeMap<&TargetPath, &FileRow> {
    generation.iter().flat_map(|generation| &generation.files).map(|row| (&row.path, row)).collect()
}

/// A file before or after.
struct Side<'s> {
    marks: Vec<Mark>,
    mode: Option<u32>,
    row: Option<&'s FileRow>,
}

impl Side<'_> {
    fn is_secret(&self) -> bool {
        let by_mark = |mark: &Mark| matches!(mark, Mark::HmacSha256(_));
        self.row.is_some_and(|row| row.is_secret()) || (!self.marks.is_empty() && self.marks.iter().all(by_mark))
    }

    fn owner(&self) -> Option<String> {
        self.row.and_then(|row| row.owner.clone())
    }

    fn group(&self) -> Option<String> {
        self.row.and_then(|row| row.group.clone())
    }

    fn held(&self, texts: Texts<'_>) -> Option<Held> {
        let inline = || self.row.filter(|row| self.marks.contains(&row.mark)).and_then(|row| row.inline.clone());
        let given = self.marks.iter().find_map(|mark| texts(*mark));
        given.cloned().or_else(|| inline().map(Held::from))
    }
}

impl FileDiff {
    fn is_one(&self) -> bool {
        self.fate != Fate::Changed
            || self.body != Body::Same
            || self.mode.is_some()
            || self.owner.is_some()
            || self.group.is_some()
    }
}

fn file_diff(path: &TargetPath, old: Option<Side<'_>>, new: Option<Side<'_>>, texts: Texts<'_>) -> Option<FileDiff> {
    let fate = match (&old, &new) {
        (None, None) => return None,
        (None, Some(_)) => Fate::Added,
        (Some(_), None) => Fate::Removed,
        (Some(_), Some(_)) => Fate::Changed,
    };
    let secret = [&old, &new].into_iter().flatten().any(Side::is_secret);
    let body = if secret { secret_body(old.as_ref(), new.as_ref()) } else { body(old.as_ref(), new.as_ref(), texts) };
    let both = old.as_ref().zip(new.as_ref());
    let mode = both.and_then(|(old, new)| Some((old.mode?, new.mode?))).filter(|(old, new)| old != new);
    let owner = both.map(|(old, new)| (old.owner(), new.owner())).filter(|(old, new)| old != new);
    let group = both.map(|(old, new)| (old.group(), new.group())).filter(|(old, new)| old != new);
    Some(FileDiff { path: path.clone(), fate, body, mode, owner, group })
}

fn body(old: Option<&Side<'_>>, new: Option<&Side<'_>>, texts: Texts<'_>) -> Body {
    if let (Some(old), Some(new)) = (old, new)
        && old.marks.iter().any(|mark| new.marks.contains(mark))
    {
        return Body::Same;
    }
    let held = |side: Option<&Side<'_>>| match side {
        Some(side) => side.held(texts),
        None => Some(Held::from(Vec::new())),
    };
    let (Some(before), Some(after)) = (held(old), held(new)) else { return Body::Unknown };
    let [was, is] = [&before, &after].map(|held| usize::try_from(held.size()).unwrap_or(usize::MAX));
    let sizes = Body::Sizes { before: was, after: is };
    if was.max(is) > DIFF_BYTES_MAX {
        return sizes;
    }
    // It may have been changed since it was looked at.
    let (Ok(before), Ok(after)) = (before.bytes(), after.bytes()) else { return Body::Unknown };
    let (Ok(before), Ok(after)) = (str::from_utf8(&before), str::from_utf8(&after)) else { return sizes };
    if before.contains('\0') || after.contains('\0') {
        return sizes;
    }
    match lines::hunks(before, after) {
        Some(hunks) => capped(hunks),
        None => sizes,
    }
}

/// Keeps as many lines as somebody reads.
fn capped(hunks: Vec<Hunk>) -> Body {
    let mut room = DIFF_LINES_MAX;
    let mut left_out = 0;
    let mut kept = Vec::new();
    for mut hunk in hunks {
        let over = hunk.lines.len().saturating_sub(room);
        left_out += over;
        hunk.lines.truncate(room);
        room -= hunk.lines.len();
        if !hunk.lines.is_empty() {
            kept.push(hunk);
        }
    }
    Body::Text { hunks: kept, left_out }
}

fn secret_body(old: Option<&Side<'_>>, new: Option<&Side<'_>>) -> Body {
    let chunks = |side: Option<&Side<'_>>| -> Vec<RecordedChunk> {
        side.and_then(|side| side.row?.chunks.clone()).unwrap_or_default()
    };
    let (before, after) = (chunks(old), chunks(new));
    let (was, is) = (names(&before), names(&after));
    let bytes = match (old, new) {
        (Some(old), Some(new)) => !old.marks.iter().any(|mark| new.marks.contains(mark)),
        (None, _) | (_, None) => true,
    };
    let diff = SecretDiff {
        added: is.difference(&was).cloned().collect(),
        removed: was.difference(&is).cloned().collect(),
        kept: was.intersection(&is).cloned().collect(),
        text: texts_of(&before) != texts_of(&after),
        bytes,
    };
    if !diff.bytes && diff.added.is_empty() && diff.removed.is_empty() && !diff.text {
        return Body::Same;
    }
    Body::Secret(diff)
}

fn names(chunks: &[RecordedChunk]) -> BTreeSet<String> {
    let names = chunks.iter().filter_map(|chunk| match chunk {
        RecordedChunk::Secret { reference, .. } => Some(reference.clone()),
        RecordedChunk::Text(_) | RecordedChunk::Artifact(_) => None,
    });
    names.collect()
}

fn texts_of(chunks: &[RecordedChunk]) -> String {
    let texts = chunks.iter().map(|chunk| match chunk {
        RecordedChunk::Text(text) | RecordedChunk::Artifact(text) => text.as_str(),
        RecordedChunk::Secret { .. } => "\0",
    });
    texts.collect()
}
