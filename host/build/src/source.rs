//! What a package's `source` says, as narrow types. Reading it touches nothing; `prepare.rs` does. Where nothing can be
//! fetched it is brought as an entry of the store: see `kept.rs`.

mod copy;
mod fields;
#[cfg(feature = "fetch")]
mod gather;
mod kept;
mod local;
mod parse;
mod prepare;
#[cfg(test)]
mod tests;

pub use copy::CopyError;
pub(crate) use copy::settle;
#[cfg(feature = "fetch")]
pub(crate) use kept::{keep, kept_as};
pub use local::{LocalError, local_digest};
pub use parse::{Locate, parse};
pub use prepare::PrepareError;
pub(crate) use prepare::{Having, Prepared, make_directory, prepare};

use crate::fetch::{Expected, Url};
use crate::git::{Commit, GitUrl};
use punix_diag::Code;
use punix_store::{Digest, Value};
use std::path::PathBuf;

/// Where the source of a package comes from, and what is patched in it.
#[derive(Debug, Clone)]
pub struct Source {
    pub origin: Origin,
    pub patches: Vec<Patch>,
}

#[derive(Debug, Clone)]
pub enum Origin {
    /// There is none: the build starts in an empty directory.
    Nothing,
    Local(Local),
    Url(Remote),
    Git(Repository),
    FixedOutput(FixedOutput),
}

/// A file or directory of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    At(PathBuf),
    /// Only what it held is known: it was read from an entry, which does not say where its source lay.
    Unknown,
}

/// A file that is fetched and known by its digest.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Each has the same file; they are tried in this order.
    pub urls: Vec<Url>,
    pub expected: Expected,
    pub bytes_max: Option<u64>,
    pub headers: Vec<HeaderField>,
}

/// A header that is sent with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderField {
    /// A token, sent as `Authorization: Bearer`.
    Token(Word),
    Named {
        name: String,
        value: Word,
    },
}

/// A commit of a repository.
#[derive(Debug, Clone)]
pub struct Repository {
    pub url: GitUrl,
    pub commit: Commit,
    pub submodules: bool,
    pub token: Option<Word>,
}

/// What a command makes, with the network, known by the digest of its tree.
#[derive(Debug, Clone)]
pub struct FixedOutput {
    /// A text, perhaps with store paths in it.
    pub command: Value,
    pub expected: Digest,
}

/// A change to the source.
#[derive(Debug, Clone)]
pub struct Patch {
    pub from: PatchFrom,
    /// Leading parts of the names in it that are dropped.
    pub strip: u32,
}

#[derive(Debug, Clone)]
pub enum PatchFrom {
    Local(Local),
    Url(Remote),
}

/// A text that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    Text(String),
    Secret(Reference),
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub kind: String,
    pub name: String,
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

/// What is wrong with a field, for whoever knows where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The fields on the way to it; an index for an element of a list.
    pub path: Vec<String>,
    pub code: Code,
    pub message: String,
    pub help: Option<String>,
}

impl Source {
    /// Returns every secret that is needed to have it.
    pub fn secrets(&self) -> Vec<&Reference> {
        let mut words: Vec<&Word> = match &self.origin {
            Origin::Url(remote) => remote.words().collect(),
            Origin::Git(repository) => repository.token.iter().collect(),
            Origin::Nothing | Origin::Local(_) | Origin::FixedOutput(_) => Vec::new(),
        };
        for patch in &self.patches {
            if let PatchFrom::Url(remote) = &patch.from {
                words.extend(remote.words());
            }
        }
        let secrets = words.into_iter().filter_map(|word| match word {
            Word::Secret(reference) => Some(reference),
            Word::Text(_) => None,
        });
        secrets.collect()
    }
}

impl Remote {
    fn words(&self) -> impl Iterator<Item = &Word> {
        self.headers.iter().map(|header| match header {
            HeaderField::Token(word) | HeaderField::Named { value: word, .. } => word,
        })
    }
}
