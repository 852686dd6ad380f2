//! What operators and sites write down: `punix.plugins.toml`, which gives, and the ceilings in `/etc/punix/plugins.d`,
//! which bound what can be given. Both are read strictly: what is not understood would otherwise be thought to be in
//! force. What follows from them is computed in `policy.rs`.

use crate::digest::Digest;
use crate::limits::{LIST_MAX, PLUGINS_MAX, POLICY_BYTES_MAX, Wishes};
use crate::pattern::{ArgumentsPattern, HostPattern, PathPattern};
use crate::request::{Key, Method};
use crate::word::{AbsolutePath, AuthorityName, Id, Pointer, RootName, VariableName, WordError, cut, cut_to};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// What is granted to plugins: `punix.plugins.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(default)]
    pub plugin: BTreeMap<Id, Table>,
}

/// What a policy says of one plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The one component that this is said of.
    pub sha256: Option<Digest>,
    /// Where it came from; for people.
    pub source: Option<String>,
    #[serde(default)]
    pub grant: Grant,
    #[serde(default)]
    pub limits: Wishes,
    /// What it asks for and deliberately does not get.
    #[serde(default)]
    pub deny: BTreeSet<Key>,
}

/// What one plugin is given. What is absent or empty is not given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub http: Option<Vec<HttpGrant>>,
    pub env: Option<Vec<EnvGrant>>,
    pub files: Option<Vec<FilesGrant>>,
    pub process: Option<Vec<ProgramGrant>>,
    pub spawn: Option<Vec<ProgramGrant>>,
    pub ssh: Option<bool>,
    pub here: Option<bool>,
    pub clock: Option<bool>,
    #[serde(default)]
    pub secrets: Secrets,
}

/// Hosts that may be asked, and what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    pub host: HostPattern,
    pub methods: BTreeSet<Method>,
    pub paths: BTreeSet<PathPattern>,
    /// Members of answers that may be read.
    #[serde(default)]
    pub public: BTreeSet<Pointer>,
    #[serde(default)]
    pub plain_http: bool,
    /// Also where it has an address of this machine or of a private network.
    #[serde(default)]
    pub private: bool,
    /// The only authority whose certificates count; else those of this machine.
    pub ca: Option<AuthorityName>,
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvGrant {
    pub name: VariableName,
    #[serde(rename = "as", default)]
    pub form: Form,
}

/// How a value is handed out; the first is less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// As a handle.
    #[default]
    Secret,
    /// As text.
    Plain,
}

/// A directory or file under a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesGrant {
    pub root: RootName,
    pub path: AbsolutePath,
    #[serde(default)]
    pub write: bool,
}

/// A program that may be started.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramGrant {
    pub program: AbsolutePath,
    #[serde(default = "ArgumentsPattern::every")]
    pub args: ArgumentsPattern,
    /// Only as long as it is this file.
    pub sha256: Option<Digest>,
}

/// What may be done with secrets beyond passing them on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    pub seal: Option<bool>,
    pub reveal: Option<bool>,
}

/// What a site allows at most: one file of `/etc/punix/plugins.d`. Several files bound together: each can only take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// The file, for messages.
    pub source: String,
    pub(crate) bounds: CeilingFile,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CeilingFile {
    /// Of every plugin.
    #[serde(default)]
    pub(crate) all: Bounds,
    /// Of one, besides.
    #[serde(default)]
    pub(crate) plugin: BTreeMap<Id, Bounds>,
}

/// Bounds of what can be given. A kind that is absent is not bounded; an empty list leaves nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    pub http: Option<Vec<HttpBound>>,
    pub env: Option<Vec<EnvBound>>,
    pub files: Option<Vec<FilesBound>>,
    pub process: Option<Vec<ProgramBound>>,
    pub spawn: Option<Vec<ProgramBound>>,
    pub ssh: Option<bool>,
    pub here: Option<bool>,
    pub clock: Option<bool>,
    pub seal: Option<bool>,
    /// Whether a plugin may read secrets.
    pub plaintext: Option<bool>,
    #[serde(default)]
    pub limits: Wishes,
}

/// What of HTTP is allowed; what is absent is not bounded, but for TLS and private networks, which have to be named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpBound {
    pub host: Option<HostPattern>,
    pub methods: Option<BTreeSet<Method>>,
    pub paths: Option<BTreeSet<PathPattern>>,
    pub public: Option<BTreeSet<Pointer>>,
    #[serde(default)]
    pub plain_http: bool,
    #[serde(default)]
    pub private: bool,
}

/// Which variables are allowed: a name, or its beginning and `*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvBound {
    pub name: NamePattern,
    #[serde(rename = "as", default = "Form::most")]
    pub form: Form,
}

/// Which files are allowed: those at and below a path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesBound {
    pub path: AbsolutePath,
    #[serde(default)]
    pub write: bool,
}

/// Which programs are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramBound {
    pub program: AbsolutePath,
    #[serde(default = "ArgumentsPattern::every")]
    pub args: ArgumentsPattern,
    pub sha256: Option<Digest>,
}

/// A name, or the beginning of names with `*` behind it; `*` alone is every name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NamePattern {
    beginning: String,
    more: bool,
}

/// Why a file is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("{file}:{line}:{column}: {said}")]
    Read { file: String, line: usize, column: usize, said: String },
    #[error("{file} is larger than {} MiB", POLICY_BYTES_MAX >> 20)]
    TooLarge { file: String },
    #[error("{file} has more than {max} {what}")]
    TooMany { file: String, what: &'static str, max: usize },
    #[error("{file} grants `{key}` to `{id}` and denies it")]
    Both { file: String, id: Id, key: Key },
    #[error("{file} names the root `{root}` of `{id}` twice")]
    Roots { file: String, id: Id, root: RootName },
}

impl Policy {
    /// Reads what operators grant. `file` names it in messages.
    pub fn parse(file: &str, text: &str) -> Result<Policy, PolicyError> {
        let policy: Policy = read(file, text)?;
        if policy.plugin.len() > PLUGINS_MAX {
            return Err(PolicyError::TooMany { file: file.to_owned(), what: "plugins", max: PLUGINS_MAX });
        }
        for (id, table) in &policy.plugin {
            if table.grant.longest() > LIST_MAX {
                return Err(PolicyError::TooMany { file: file.to_owned(), what: "entries of one kind", max: LIST_MAX });
            }
            if let Some(key) = table.grant.keys().into_iter().find(|key| table.deny.contains(key)) {
                return Err(PolicyError::Both { file: file.to_owned(), id: id.clone(), key });
            }
            let mut roots = BTreeSet::new();
            let twice = table.grant.files.iter().flatten().find(|files| !roots.insert(&files.root));
            if let Some(files) = twice {
                return Err(PolicyError::Roots { file: file.to_owned(), id: id.clone(), root: files.root.clone() });
            }
        }
        Ok(policy)
    }
}

impl Ceiling {
    /// Reads what a site allows. `file` names it in messages.
    pub fn parse(file: &str, text: &str) -> Result<Ceiling, PolicyError> {
        let bounds: CeilingFile = read(file, text)?;
        if bounds.plugin.len() > PLUGINS_MAX {
            return Err(PolicyError::TooMany { file: file.to_owned(), what: "plugins", max: PLUGINS_MAX });
        }
        if bounds.plugin.values().chain([&bounds.all]).any(|bounds| bounds.longest() > LIST_MAX) {
            return Err(PolicyError::TooMany { file: file.to_owned(), what: "entries of one kind", max: LIST_MAX });
        }
        Ok(Ceiling { source: file.to_owned(), bounds })
    }
}

impl Grant {
    /// Lists what is granted, by the keys that requests of the same thing have.
    pub fn keys(&self) -> Vec<Key> {
        use crate::world::Kind;
        let with = |kind, subject: &str| Key { kind, subject: subject.to_owned() };
        let mut found: Vec<Key> = Vec::new();
        found.extend(self.http.iter().flatten().map(|grant| with(Kind::Http, &grant.host.to_string())));
        found.extend(self.env.iter().flatten().map(|grant| with(Kind::Env, grant.name.as_str())));
        found.extend(self.files.iter().flatten().map(|grant| with(Kind::Files, grant.root.as_str())));
        found.extend(self.process.iter().flatten().map(|grant| with(Kind::Process, grant.program.as_str())));
        found.extend(self.spawn.iter().flatten().map(|grant| with(Kind::Spawn, grant.program.as_str())));
        let flags = [
            (Kind::Ssh, self.ssh),
            (Kind::Here, self.here),
            (Kind::Clock, self.clock),
            (Kind::Seal, self.secrets.seal),
            (Kind::Reveal, self.secrets.reveal),
        ];
        found.extend(flags.into_iter().filter(|(_, given)| *given == Some(true)).map(|(kind, _)| Key::of(kind)));
        found
    }

    fn longest(&self) -> usize {
        let http = self.http.iter().flatten().map(|grant| grant.paths.len().max(grant.public.len()));
        let lists = [len(&self.http), len(&self.env), len(&self.files), len(&self.process), len(&self.spawn)];
        http.chain(lists).max().unwrap_or(0)
    }
}

impl Bounds {
    fn longest(&self) -> usize {
        let paths = self.http.iter().flatten().map(|bound| bound.paths.as_ref().map_or(0, BTreeSet::len));
        let lists = [len(&self.http), len(&self.env), len(&self.files), len(&self.process), len(&self.spawn)];
        paths.chain(lists).max().unwrap_or(0)
    }
}

impl Form {
    pub(crate) fn most() -> Form {
        Form::Plain
    }
}

impl NamePattern {
    /// Returns the pattern of every name.
    pub(crate) fn every() -> NamePattern {
        NamePattern { beginning: String::new(), more: true }
    }

    /// Tells whether a name is meant.
    pub fn matches(&self, name: &VariableName) -> bool {
        match self.more {
            true => name.as_str().starts_with(&self.beginning),
            false => name.as_str() == self.beginning,
        }
    }
}

impl TryFrom<String> for NamePattern {
    type Error = WordError;

    fn try_from(text: String) -> Result<NamePattern, WordError> {
        let (beginning, more) = match text.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (text.as_str(), false),
        };
        let wrong = || WordError { text: cut(&text), what: "the name of a variable, or its beginning and `*`" };
        if !(more && beginning.is_empty()) {
            VariableName::parse(beginning).map_err(|_| wrong())?;
        }
        Ok(NamePattern { beginning: beginning.to_owned(), more })
    }
}

impl From<&VariableName> for NamePattern {
    fn from(name: &VariableName) -> NamePattern {
        NamePattern { beginning: name.as_str().to_owned(), more: false }
    }
}

fn len<T>(list: &Option<Vec<T>>) -> usize {
    list.as_ref().map_or(0, Vec::len)
}

/// Reads TOML into narrow types; the first thing that does not fit is the error, with its place.
pub(crate) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, PolicyError> {
    const SAID_CHARACTERS_MAX: usize = 240;
    if text.len() as u64 > POLICY_BYTES_MAX {
        return Err(PolicyError::TooLarge { file: file.to_owned() });
    }
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let said = cut_to(&error.message().replace('\n', ", "), SAID_CHARACTERS_MAX);
        PolicyError::Read { file: file.to_owned(), line, column, said }
    })
}

#[cfg(test)]
mod tests;
