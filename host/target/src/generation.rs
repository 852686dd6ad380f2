//! The record of a generation: what a deploy did, complete enough to do it again without the program that it came from.
//! No value of a secret is in it, and nothing by which one could be guessed.
//!
//! Fields that the format had before keep their names and forms; a record without `schema` is one of those, and is read.

mod base64;
mod old;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::RecordIssue;

use crate::path::TargetPath;
use punix_store::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The number of this form. A store that collects must know it, so it does not grow alone.
pub const SCHEMA: u64 = punix_store::RECORD_SCHEMA_MAX;

/// A generation of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    pub number: u32,
    pub stack: String,
    /// UTC, `2026-05-21T14:23:34+00:00`.
    pub deployed_at: String,
    /// Who deployed it: `user@machine`, or empty.
    pub deployed_by: String,
    /// Of the bytes of the program.
    pub source_hash: String,
    pub backend: String,
    /// `system` or `user`.
    pub scope: String,
    /// What it is for, such as `x86_64-linux`; empty in old records.
    pub system: String,
    pub scenario: Option<String>,
    /// Paths of all store entries that it needs, sorted.
    pub store_paths: Vec<String>,
    pub services: Vec<ServiceRow>,
    pub files: Vec<FileRow>,
    /// What can be started, in the order in which it is started.
    pub units: Vec<UnitRow>,
    pub state_dirs: Vec<String>,
    pub stateful: bool,
    /// The generation that was live when this one was made.
    pub previous: Option<u32>,
    pub plugins: Vec<PluginRow>,
    /// Which files hold artifacts of other hosts, sorted. What these are is nowhere in the record.
    pub artifacts: Vec<ArtifactRow>,
    /// Of all that was rendered: equal hashes, nothing to do.
    pub render_hash: String,
}

/// A service, with exactly the keys that such rows always had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRow {
    pub name: String,
    pub package: String,
    pub package_path: String,
    pub binary: String,
    pub exec_path: String,
    pub args: Vec<String>,
    pub depends_on: Vec<String>,
    /// `{key kind value}` for what is literal, `{key kind name}` for secrets, `{key kind host name}` for artifacts.
    pub environment: Vec<BTreeMap<String, String>>,
}

/// A file that is managed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    pub path: TargetPath,
    pub mark: Mark,
    /// What the file holds, if there are secrets in it: text, and references in their encodings. What is only to be kept
    /// from others, without a reference in it, is nowhere in the record.
    pub chunks: Option<Vec<RecordedChunk>>,
    /// What the file holds, in a record of the old form. Everything else is in the blobs, under its digest.
    pub inline: Option<Vec<u8>>,
    pub mode: u32,
    /// As the program says: nothing means whoever deploys.
    pub owner: Option<String>,
    pub group: Option<String>,
    /// What made it: `raw`, or the id of a plugin, or `std.datafile`.
    pub made_by: String,
    /// The units that are restarted, or reloaded, when this file alone differs.
    pub restarts: Vec<String>,
    pub reloads: Vec<String>,
    /// Why its bytes cannot be had from here, in a record of the old form. Nothing in ours.
    pub withheld: Option<Withheld>,
}

/// What an old record left out of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// There were secrets in the file.
    Secret,
    /// The digest of another host's artifact was in it.
    Artifact,
}

impl Generation {
    /// Returns the mode that its record has. What is in a file that somebody wants to be kept from others stands in it
    /// as far as it is text.
    pub fn record_mode(&self) -> u32 {
        if self.files.iter().any(FileRow::is_secret) { 0o600 } else { 0o644 }
    }
}

impl FileRow {
    /// Makes what is left to be said of a file whose record was lost. A backend may have made it.
    pub(crate) fn orphan(path: TargetPath, mark: Mark, mode: u32) -> FileRow {
        FileRow {
            path,
            mark,
            chunks: None,
            inline: None,
            mode,
            owner: None,
            group: None,
            made_by: String::new(),
            restarts: Vec::new(),
            reloads: Vec::new(),
            withheld: None,
        }
    }

    /// Tells whether the file is to be kept from others.
    pub fn is_secret(&self) -> bool {
        matches!(self.mark, Mark::HmacSha256(_)) || self.withheld == Some(Withheld::Secret)
    }

    /// Tells whether a backend made it, and not the stack itself.
    pub fn is_rendered(&self) -> bool {
        !STACKS_OWN.contains(&self.made_by.as_str())
    }
}

/// What made the files that a stack brings itself: as they are, and of data.
const STACKS_OWN: [&str; 2] = ["raw", "std.datafile"];

/// By what a file's bytes are recognised: in the record as `sha256` or `hmac_sha256`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Of a file without secrets.
    Sha256(#[serde(with = "hex")] Digest),
    /// Of a file with secrets: under the target's key, so nobody who reads it can try guesses.
    HmacSha256(#[serde(with = "hex")] Digest),
}

/// A piece of a file that has secrets in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedChunk {
    Text(String),
    /// `{"secret": {"reference": "from_env:DB_PASSWORD", "encoding": "systemd.environment-file"}}`
    Secret {
        reference: String,
        encoding: String,
    },
    /// Text with artifacts of other hosts in it, by their references. What was written is not known from here.
    Artifact(String),
}

/// A file with an artifact of another host in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArtifactRow {
    pub path: TargetPath,
    /// The machine that gives it.
    pub host: String,
    pub name: String,
    /// What it is made of: `literal`, `tlsa`, `sha256-file`.
    pub kind: String,
    /// Of whose certificate the host made it. Nothing if it was made of none, or an older version wrote this.
    pub domain: Option<String>,
    /// At which bytes of the file it begins, ascending, if it is a digest and stands there as it is. So the file can be
    /// made with another one.
    pub at: Vec<u64>,
}

impl ArtifactRow {
    /// Returns what stands in a text in place of the artifact.
    pub fn token(&self) -> String {
        format!("{{artifact:{}/{}}}", self.host, self.name)
    }
}

/// Something that can be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRow {
    pub name: String,
    pub service: String,
    pub starts_at_boot: bool,
}

/// A plugin that had a part in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRow {
    pub id: String,
    pub version: String,
    pub sha256: String,
}

mod hex {
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
