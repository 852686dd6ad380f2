//! What a tree holds, path by path, and the one digest of it all.
//!
//! The digest covers what a package can mean: paths, kinds, content, whether a file is executable, where links point.
//! Owner, times, other mode bits and the order in which a directory lists its names are no part of it.

use crate::canonical::{Integer, ReadError, Reader, Record, Value};
use crate::digest::{Digest, Hasher, hex, unhex};
use crate::limits::TREE_ENTRIES_MAX;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What stands at one path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    File { executable: bool, size: u64, sha256: Digest },
    Link { target: PathBuf },
    Directory,
}

/// One path of a tree, relative to its top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: PathBuf,
    pub node: Node,
}

/// All that is in a tree. Invariant: paths in the order of their bytes, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<Entry>,
}

/// Why bytes are not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("its entry {number} is not one")]
    Entry { number: usize },
    #[error("its entry {number} is not behind the one before it")]
    Order { number: usize },
    #[error("it has more than {TREE_ENTRIES_MAX} entries")]
    TooMany,
}

/// A record inside a list inside an object.
const ENTRY_DEPTH: usize = 2;
const BEGINNING: &str = "{\"entries\":[";
const END: &str = "],\"version\":1}";

impl Manifest {
    /// Makes a manifest of entries in any order, no path twice.
    pub fn new(mut entries: Vec<Entry>) -> Manifest {
        entries.sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
        Manifest { entries }
    }

    /// Returns what the tree holds, by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the bytes of all files.
    pub fn size(&self) -> u64 {
        let size = |entry: &Entry| match entry.node {
            Node::File { size, .. } => size,
            Node::Link { .. } | Node::Directory => 0,
        };
        self.entries.iter().map(size).fold(0, u64::saturating_add)
    }

    /// Returns the digest of the tree. Every part of it has a fixed length or its length before it, so two trees give
    /// the same bytes only if they are the same.
    pub fn tree_hash(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.add(b"punix tree 1\n");
        hasher.add_number(self.entries.len() as u64);
        for entry in &self.entries {
            hasher.add_counted(bytes(&entry.path));
            match &entry.node {
                Node::File { executable, size, sha256 } => {
                    hasher.add(if *executable { b"x" } else { b"f" });
                    hasher.add_number(*size);
                    hasher.add(sha256.as_bytes());
                }
                Node::Link { target } => {
                    hasher.add(b"l");
                    hasher.add_counted(bytes(target));
                }
                Node::Directory => hasher.add(b"d"),
            }
        }
        hasher.finish()
    }

    /// Writes canonical JSON. Returns how many bytes.
    pub(crate) fn write_json(&self, to: &mut dyn Write) -> io::Result<u64> {
        let mut written = 0;
        let mut text = BEGINNING.to_owned();
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            entry.to_value().write(&mut text);
            written += text.len() as u64;
            to.write_all(text.as_bytes())?;
            text.clear();
        }
        text.push_str(END);
        to.write_all(text.as_bytes())?;
        Ok(written + text.len() as u64)
    }

    /// Returns canonical JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::new();
        // Room is all that it needs.
        let _ = self.write_json(&mut json);
        json
    }

    /// Reads what [`Manifest::to_json`] returned, and nothing else.
    pub fn from_json(json: &[u8]) -> Result<Manifest, ManifestError> {
        let mut reader = Reader::new(json);
        reader.take(BEGINNING)?;
        let mut entries: Vec<Entry> = Vec::new();
        while !reader.try_take(END) {
            let number = entries.len() + 1;
            if number > TREE_ENTRIES_MAX {
                return Err(ManifestError::TooMany);
            }
            if number > 1 {
                reader.take(",")?;
            }
            let value = reader.value(ENTRY_DEPTH)?;
            let entry = Entry::from_value(value).ok_or(ManifestError::Entry { number })?;
            if entries.last().is_some_and(|last| bytes(&last.path) >= bytes(&entry.path)) {
                return Err(ManifestError::Order { number });
            }
            entries.push(entry);
        }
        reader.end()?;
        Ok(Manifest { entries })
    }
}

impl Entry {
    fn to_value(&self) -> Value {
        let mut record = Record::new();
        let mut set = |key: &str, value| record.insert(key.to_owned(), value);
        let (key, value) = name_value("path", "pathHex", &self.path);
        set(key, value);
        match &self.node {
            Node::File { executable, size, sha256 } => {
                set("kind", Value::text("file"));
                set("executable", Value::Bool(*executable));
                set("size", Value::Integer(Integer::from(*size)));
                set("sha256", Value::Text(sha256.to_string()));
            }
            Node::Link { target } => {
                set("kind", Value::text("link"));
                let (key, value) = name_value("target", "targetHex", target);
                set(key, value);
            }
            Node::Directory => {
                set("kind", Value::text("directory"));
            }
        }
        Value::Record(record)
    }

    fn from_value(value: Value) -> Option<Entry> {
        let Value::Record(mut record) = value else { return None };
        let path = take_name(&mut record, "path", "pathHex")?;
        let plain = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
        if !bytes(&path).split(|&byte| byte == b'/').all(plain) {
            return None;
        }
        let node = match take_text(&mut record, "kind")?.as_str() {
            "file" => Node::File {
                executable: match record.remove("executable")? {
                    Value::Bool(executable) => executable,
                    _ => return None,
                },
                size: match record.remove("size")? {
                    Value::Integer(size) => size.as_str().parse().ok()?,
                    _ => return None,
                },
                sha256: Digest::parse(&take_text(&mut record, "sha256")?)?,
            },
            "link" => Node::Link { target: take_name(&mut record, "target", "targetHex")? },
            "directory" => Node::Directory,
            _ => return None,
        };
        record.is_empty().then_some(Entry { path, node })
    }
}

/// Returns a name as text where it is UTF-8, and else its bytes in hexadecimal under another key.
pub(crate) fn name_value(key: &'static str, hex_key: &'static str, name: &Path) -> (&'static str, Value) {
    match name.to_str() {
        Some(text) => (key, Value::text(text)),
        None => (hex_key, Value::Text(hex(bytes(name)))),
    }
}

pub(crate) fn take_name(record: &mut Record, key: &str, hex_key: &str) -> Option<PathBuf> {
    if record.contains_key(key) {
        return take_text(record, key).map(PathBuf::from);
    }
    let name = unhex(&take_text(record, hex_key)?)?;
    // What is text must be written as text.
    let is_text = str::from_utf8(&name).is_ok();
    (!is_text).then(|| PathBuf::from(OsString::from_vec(name)))
}

pub(crate) fn take_text(record: &mut Record, key: &str) -> Option<String> {
    match record.remove(key)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Returns the bytes of a path; the order of paths themselves is that of their parts.
pub(crate) fn bytes(path: &Path) -> &[u8] {
    OsStr::as_bytes(path.as_os_str())
}

#[cfg(test)]
mod tests;
