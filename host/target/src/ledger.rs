//! Who has what below one deployments root: `ledger.json`. Every path that a stack has, the directories that were made
//! for them, the highest number that each stack ever gave to a generation, and where the bytes of hand-edited files are
//! kept.
//!
//! It is changed by a commit only, together with the files that it speaks of, and undone with them. Without one (it was
//! lost, or what stands there comes from an older version) nothing is ours but what the records name.

use crate::failure::TargetError;
use crate::generation::{Generation, Mark};
use crate::limits::{LEDGER_BYTES_MAX, NOTES_MAX};
use crate::path::TargetPath;
use crate::target::Target;
use punix_disk::Disk;
use punix_store::Digest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

/// The number of this form.
const SCHEMA: u64 = 1;

/// What `ledger.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ledger {
    schema: u64,
    /// By where they really are.
    paths: BTreeMap<TargetPath, Row>,
    /// Directories that we made. They go when nothing is in them any more.
    directories: BTreeSet<TargetPath>,
    /// By stack; of stacks that are gone too.
    numbers: BTreeMap<String, u32>,
    /// By stack: whether it is the whole machine's business what its paths are.
    system: BTreeMap<String, bool>,
    notes: Vec<Note>,
}

/// A path that a stack has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) stack: String,
    /// By what the bytes are recognised that we put there, if we know.
    pub(crate) mark: Option<Mark>,
    /// The generation for which they were made anew: they stand in place of what its record says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) anew: Option<u32>,
}

/// That a file was not what we had put there when it was overwritten or removed, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    pub stack: String,
    pub path: TargetPath,
    /// The generation that became live when it was overwritten.
    pub generation: u32,
    #[serde(with = "digest")]
    pub blob: Digest,
    pub mode: u32,
    /// Whether a file with secrets was to be there.
    pub secret: bool,
    /// Whether it went with its stack; then the generation is the one that was live before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

mod digest {
    //! Digests as hexadecimal digits.
    use punix_store::Digest;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        Digest::parse(&text).ok_or_else(|| serde::de::Error::custom("a digest is 64 hexadecimal digits"))
    }
}

#[derive(Deserialize)]
struct Form {
    schema: u64,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            schema: SCHEMA,
            paths: BTreeMap::new(),
            directories: BTreeSet::new(),
            numbers: BTreeMap::new(),
            system: BTreeMap::new(),
            notes: Vec::new(),
        }
    }
}

/// What a commit makes of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holding {
    Have(Option<Mark>),
    /// What was made anew for a generation, in place of what its record says.
    Anew(Mark, u32),
    Leave,
}

impl Ledger {
    /// Returns the mode of the file: by the digest of a secret file, guesses could be tried.
    pub(crate) fn mode(&self) -> u32 {
        if self.notes.iter().any(|note| note.secret) { 0o600 } else { 0o644 }
    }

    /// Reads the ledger of a target; one that is not there is empty.
    pub(crate) fn read(target: &Target<'_>) -> Result<Ledger, TargetError> {
        Ledger::read_at(target.disk, &target.layout.ledger())
    }

    pub(crate) fn read_at(disk: &dyn Disk, path: &TargetPath) -> Result<Ledger, TargetError> {
        let bytes = match disk.read(path.on_disk(), LEDGER_BYTES_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Ledger::default()),
            read => read?,
        };
        let damaged = |error: serde_json::Error| TargetError::Damaged { path: path.clone(), why: error.to_string() };
        let form: Form = serde_json::from_slice(&bytes).map_err(damaged)?;
        if form.schema > SCHEMA {
            return Err(TargetError::Newer { path: path.clone(), schema: form.schema, known: SCHEMA });
        }
        serde_json::from_slice(&bytes).map_err(damaged)
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, TargetError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(std::io::Error::other)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Returns the stack that has a path.
    pub(crate) fn stack_of(&self, real: &TargetPath) -> Option<&str> {
        self.row(real).map(|row| row.stack.as_str())
    }

    pub(crate) fn row(&self, real: &TargetPath) -> Option<&Row> {
        self.paths.get(real)
    }

    /// Returns by what the bytes of a file are recognised that were made anew for a generation, if they were.
    pub(crate) fn anew(&self, real: &TargetPath, generation: &Generation) -> Option<Mark> {
        let row = self.row(real).filter(|row| row.stack == generation.stack)?;
        row.mark.filter(|_| row.anew == Some(generation.number))
    }

    /// Returns the digests of all that was made anew: no record has them.
    pub(crate) fn digests_anew(&self) -> impl Iterator<Item = Digest> {
        self.paths.values().filter(|row| row.anew.is_some()).filter_map(|row| match row.mark {
            Some(Mark::Sha256(digest)) => Some(digest),
            Some(Mark::HmacSha256(_)) | None => None,
        })
    }

    /// Returns the paths of a stack, ascending.
    pub(crate) fn rows_of(&self, stack: &str) -> impl Iterator<Item = (&TargetPath, &Row)> {
        self.paths.iter().filter(move |(_, row)| row.stack == stack)
    }

    /// Returns the highest number that a stack ever gave to a generation that was live.
    pub(crate) fn highest(&self, stack: &str) -> Option<u32> {
        self.numbers.get(stack).copied()
    }

    /// Returns the paths that concern the whole machine, with their stacks.
    pub(crate) fn system_paths(&self) -> impl Iterator<Item = (&TargetPath, &str)> {
        let concerns = |row: &Row| self.is_system(&row.stack).unwrap_or(true);
        self.paths.iter().filter(move |(_, row)| concerns(row)).map(|(path, row)| (path, row.stack.as_str()))
    }

    /// Returns whether the paths of a stack are the whole machine's business, if the stack is known.
    pub(crate) fn is_system(&self, stack: &str) -> Option<bool> {
        self.system.get(stack).copied()
    }

    pub(crate) fn is_made(&self, directory: &TargetPath) -> bool {
        self.directories.contains(directory)
    }

    pub(crate) fn directories(&self) -> impl DoubleEndedIterator<Item = &TargetPath> {
        self.directories.iter()
    }

    /// Returns where the bytes of hand-edited files are.
    pub(crate) fn notes(&self) -> &[Note] {
        &self.notes
    }

    // Changing. The ledger is then written by a commit.

    pub(crate) fn set(&mut self, stack: &str, real: &TargetPath, holding: Holding) {
        match holding {
            Holding::Have(mark) => {
                self.paths.insert(real.clone(), Row { stack: stack.to_owned(), mark, anew: None });
            }
            Holding::Anew(mark, number) => {
                let row = Row { stack: stack.to_owned(), mark: Some(mark), anew: Some(number) };
                self.paths.insert(real.clone(), row);
            }
            Holding::Leave => {
                if self.stack_of(real) == Some(stack) {
                    self.paths.remove(real);
                }
            }
        }
    }

    pub(crate) fn set_live(&mut self, stack: &str, number: u32, system: bool) {
        let highest = self.highest(stack).map_or(number, |highest| highest.max(number));
        self.numbers.insert(stack.to_owned(), highest);
        self.system.insert(stack.to_owned(), system);
    }

    /// Forgets a stack, but for its highest number, and for where the bytes of hand-edited files are: they are nobody
    /// else's, and go as they would have gone with newer generations.
    pub(crate) fn forget(&mut self, stack: &str) {
        self.paths.retain(|_, row| row.stack != stack);
        self.system.remove(stack);
    }

    pub(crate) fn add_directories(&mut self, made: &[TargetPath], emptied: &[TargetPath]) {
        self.directories.extend(made.iter().cloned());
        self.directories.retain(|directory| !emptied.contains(directory));
    }

    /// Adds notes, and drops those of generations before the oldest that is kept.
    pub(crate) fn note(&mut self, stack: &str, oldest: u32, new: Vec<Note>) {
        self.notes.retain(|note| note.stack != stack || note.generation >= oldest);
        self.notes.extend(new);
        let of_stack = self.notes.iter().filter(|note| note.stack == stack).count();
        let mut excess = of_stack.saturating_sub(NOTES_MAX);
        self.notes.retain(|note| {
            let dropped = excess > 0 && note.stack == stack;
            excess -= usize::from(dropped);
            !dropped
        });
    }

    /// Tells whether no stack has anything.
    pub(crate) fn has_nothing(&self) -> bool {
        self.paths.is_empty() && self.system.is_empty()
    }

    /// Tells whether nothing on the machine is claimed by it.
    pub(crate) fn claims_nothing(&self) -> bool {
        self.system_paths().next().is_none()
    }
}

/// Returns where the bytes are that hand-edited files of a stack had, oldest first.
pub fn kept_bytes(target: &Target<'_>, stack: &str) -> Result<Vec<Note>, TargetError> {
    let ledger = Ledger::read(target)?;
    Ok(ledger.notes.into_iter().filter(|note| note.stack == stack).collect())
}

#[cfg(test)]
mod tests;
