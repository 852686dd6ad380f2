//! What a commit is about to do, written down before it does anything: enough to undo it, or to finish it, without the
//! plan that it came from. No secret is in it.
//!
//! A journal is a file of two lines, each with its digest before it. The first says what is intended, and is durable
//! before anything else is written. The second says what was staged, and is durable before anything can be seen. So
//! nothing is half: a first line that is not there in full is under another name, and a second one that is not there in
//! full says that nothing was published.

use crate::audit::Origin;
use crate::failure::TargetError;
use crate::generation::Mark;
use crate::layout::{Layout, own};
use crate::limits::JOURNAL_BYTES_MAX;
use crate::path::TargetPath;
use crate::target::{Target, above, gone_is_fine};
use punix_disk::{Disk, Kind, Metadata, NewFile};
use punix_store::Digest;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};

/// The number of this form.
const SCHEMA: u64 = 2;
/// Of a journal whose first line may not be whole.
const DRAFT_SUFFIX: &str = ".new";

/// What is intended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intent {
    pub(crate) schema: u64,
    pub(crate) id: String,
    pub(crate) stack: String,
    pub(crate) from: Option<u32>,
    pub(crate) to: Option<u32>,
    /// In the order in which they are published.
    pub(crate) items: Vec<Item>,
    /// Directories to be made, outermost first.
    pub(crate) directories: Vec<TargetPath>,
    /// Contents to be added.
    pub(crate) blobs: Vec<TargetPath>,
    /// The new link to what is live, or where the old one goes.
    pub(crate) flip: TargetPath,
    // What is done after the flip, and never undone.
    /// Directories that are then empty, innermost first.
    pub(crate) emptied: Vec<TargetPath>,
    /// Generations that are no longer kept.
    pub(crate) trimmed: Vec<u32>,
    /// Who wanted it. Journals of older versions do not say it.
    #[serde(default)]
    pub(crate) origin: Option<Origin>,
}

/// What becomes of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    pub(crate) path: TargetPath,
    /// What is there now.
    pub(crate) before: Option<Trace>,
    /// Where what will be there waits; after an exchange, what was there.
    pub(crate) staged: Option<TargetPath>,
    /// Where what was there waits, if names cannot be exchanged or nothing comes in its place.
    pub(crate) displaced: Option<TargetPath>,
    /// What will be there.
    pub(crate) after: Option<Wanted>,
}

/// A file as it will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    pub(crate) mark: Mark,
    pub(crate) mode: u32,
    pub(crate) owner: Option<u32>,
    pub(crate) group: Option<u32>,
}

/// By what a file or link is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trace {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) link: bool,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    pub(crate) owner: u32,
    pub(crate) group: u32,
}

/// What was staged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Staged {
    /// For each item, what waits at its `staged`.
    pub(crate) items: Vec<Option<Trace>>,
    /// The link that will be `current`.
    pub(crate) flip: Option<Trace>,
}

/// A journal that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    pub(crate) intent: Intent,
    /// Nothing if nothing was published.
    pub(crate) staged: Option<Staged>,
}

/// A journal that is being written.
pub(crate) struct Writing<'d> {
    file: Box<dyn NewFile + 'd>,
}

#[derive(Deserialize)]
struct Form {
    schema: u64,
}

impl Trace {
    pub(crate) fn of(found: &Metadata) -> Trace {
        Trace {
            device: found.device,
            inode: found.inode,
            link: found.kind == Kind::Link,
            size: found.size,
            mode: found.mode,
            owner: found.owner,
            group: found.group,
        }
    }

    /// Tells whether this is what was seen before. It may have been written to since, or have another mode. A disk may
    /// have another number after a boot; then it must be as it was.
    pub(crate) fn is(&self, found: &Metadata) -> bool {
        let fits = matches!((found.kind, self.link), (Kind::File, false) | (Kind::Link, true));
        fits && self.inode == found.inode && (self.device == found.device || self.is_like(found))
    }

    /// Tells whether this is what was seen before, and nobody changed it.
    pub(crate) fn is_exactly(&self, found: &Metadata) -> bool {
        self.is(found) && self.is_like(found)
    }

    fn is_like(&self, found: &Metadata) -> bool {
        (self.size, self.mode, self.owner, self.group) == (found.size, found.mode, found.owner, found.group)
    }
}

impl Intent {
    pub(crate) const SCHEMA: u64 = SCHEMA;

    /// Returns the name of the `n`-th temporary of this commit. It ends in no suffix that a program would look for.
    pub(crate) fn temporary(id: &str, n: usize) -> String {
        format!(".punix-{id}-{n}")
    }

    /// Returns an id that no other commit has.
    pub(crate) fn new_id() -> String {
        // The keys of a `RandomState` differ by process and by call.
        format!("{:016x}", RandomState::new().build_hasher().finish())
    }
}

/// Writes the first line, durably.
pub(crate) fn begin<'d>(target: &Target<'d>, intent: &Intent) -> io::Result<Writing<'d>> {
    let (draft, path) = names(&target.layout, &intent.id);
    let begun = || -> io::Result<Writing<'d>> {
        let mut file = target.disk.create(draft.on_disk(), 0o600)?;
        file.write_all(&line(intent)?)?;
        file.sync()?;
        target.disk.replace(draft.on_disk(), path.on_disk())?;
        target.disk.sync_directory(&above(&path))?;
        Ok(Writing { file })
    };
    begun().inspect_err(|_| {
        // Nothing else was written, so it may be there or not.
        let _ = target.disk.remove(draft.on_disk());
        let _ = target.disk.remove(path.on_disk());
    })
}

impl Writing<'_> {
    /// Writes the second line, durably. It is the end of the journal.
    pub(crate) fn finish(mut self, staged: &Staged) -> io::Result<()> {
        self.file.write_all(&line(staged)?)?;
        self.file.sync()
    }
}

/// Removes a journal, durably: what it speaks of is done or undone.
pub(crate) fn end(target: &Target<'_>, id: &str) -> io::Result<()> {
    let (_, path) = names(&target.layout, id);
    gone_is_fine(target.disk.remove(path.on_disk()))?;
    target.disk.sync_directory(&above(&path))
}

/// A change that was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interrupted {
    /// Unknown to who may not read journals.
    pub(crate) stack: Option<String>,
}

/// Returns the change that was interrupted, if there is one.
pub(crate) fn interrupted(target: &Target<'_>) -> Result<Option<Interrupted>, TargetError> {
    let Some(path) = found(target.disk, &target.layout)?.into_iter().next() else { return Ok(None) };
    match read(target.disk, &path) {
        Ok(journal) => Ok(Some(Interrupted { stack: Some(journal.intent.stack) })),
        Err(TargetError::Disk(error)) if error.kind() == ErrorKind::PermissionDenied => {
            Ok(Some(Interrupted { stack: None }))
        }
        Err(error) => Err(error),
    }
}

/// Returns what changes that were interrupted would take.
pub(crate) fn claimed(disk: &dyn Disk, layout: &Layout) -> Result<Vec<(String, TargetPath)>, TargetError> {
    let mut claimed = Vec::new();
    for path in found(disk, layout)? {
        let Intent { stack, items, .. } = read(disk, &path)?.intent;
        claimed.extend(items.into_iter().map(|item| (stack.clone(), item.path)));
    }
    Ok(claimed)
}

/// Returns where journals are, oldest names first. There is one, or none.
pub(crate) fn found(disk: &dyn Disk, layout: &Layout) -> io::Result<Vec<TargetPath>> {
    let directory = layout.journal();
    let names = match disk.list(directory.on_disk()) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        names => names?,
    };
    let names = names.iter().filter_map(|name| name.to_str()).filter(|name| !name.ends_with(DRAFT_SUFFIX));
    Ok(names.map(|name| own(&directory, name)).collect())
}

/// Removes journals that were not begun.
pub(crate) fn sweep(target: &Target<'_>) -> io::Result<()> {
    let directory = target.layout.journal();
    let names = match target.disk.list(directory.on_disk()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        names => names?,
    };
    for name in names.iter().filter_map(|name| name.to_str()).filter(|name| name.ends_with(DRAFT_SUFFIX)) {
        gone_is_fine(target.disk.remove(own(&directory, name).on_disk()))?;
    }
    Ok(())
}

/// Reads a journal.
pub(crate) fn read(disk: &dyn Disk, path: &TargetPath) -> Result<Journal, TargetError> {
    let bytes = disk.read(path.on_disk(), JOURNAL_BYTES_MAX)?;
    let damaged = |why: &str| TargetError::Damaged { path: path.clone(), why: why.to_owned() };
    let mut lines = bytes.splitn(2, |&byte| byte == b'\n');
    let first = lines.next().and_then(checked).ok_or_else(|| damaged("its digest is another"))?;
    let form: Form = serde_json::from_slice(first).map_err(|error| damaged(&error.to_string()))?;
    if form.schema > SCHEMA {
        return Err(TargetError::Newer { path: path.clone(), schema: form.schema, known: SCHEMA });
    }
    let intent: Intent = serde_json::from_slice(first).map_err(|error| damaged(&error.to_string()))?;
    let second = lines.next().and_then(|rest| rest.strip_suffix(b"\n")).and_then(checked);
    let staged: Option<Staged> = match second {
        Some(line) => Some(serde_json::from_slice(line).map_err(|error| damaged(&error.to_string()))?),
        None => None,
    };
    if staged.as_ref().is_some_and(|staged| staged.items.len() != intent.items.len()) {
        return Err(damaged("its lines do not fit together"));
    }
    Ok(Journal { intent, staged })
}

fn names(layout: &Layout, id: &str) -> (TargetPath, TargetPath) {
    let directory = layout.journal();
    (own(&directory, &format!("{id}{DRAFT_SUFFIX}")), own(&directory, id))
}

fn line<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let text = serde_json::to_vec(value)?;
    let mut line = Digest::of(&text).to_string().into_bytes();
    line.push(b' ');
    line.extend(text);
    line.push(b'\n');
    Ok(line)
}

/// Returns what stands in a line, if it is all there.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (digest, rest) = line.split_at_checked(64)?;
    let text = rest.strip_prefix(b" ")?;
    let digest = Digest::parse(std::str::from_utf8(digest).ok()?)?;
    (Digest::of(text) == digest).then_some(text)
}

#[cfg(test)]
mod tests;
