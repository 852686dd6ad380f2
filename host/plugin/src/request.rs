//! What a plugin asks for. A request names a thing and says why; nothing in it gives anything.

use crate::pattern::{ArgumentsPattern, HostPattern, PathPattern};
use crate::word::{AbsolutePath, Handle, Pointer, ProgramName, RootName, VariableName, Why, WordError, cut};
use crate::world::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// All that a plugin asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpRequest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvRequest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FilesRequest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub process: Vec<ProgramRequest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spawn: Vec<ProgramRequest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<Ask>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<Ask>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Ask>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<SecretsRequest>,
}

/// Hosts that the plugin wants to ask something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    pub host: HostWanted,
    pub methods: BTreeSet<Method>,
    pub paths: BTreeSet<PathPattern>,
    /// Members of answers that the plugin may read, although answers are sealed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub public: BTreeSet<Pointer>,
    /// Without TLS.
    #[serde(default, skip_serializing_if = "is_false")]
    pub plain_http: bool,
    pub why: Why,
}

/// A variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvRequest {
    pub name: Referred<VariableName>,
    /// Only as a handle.
    #[serde(default, skip_serializing_if = "is_false")]
    pub secret: bool,
    pub why: Why,
}

/// A directory, by a name; where it is, the operator says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesRequest {
    pub root: Referred<RootName>,
    /// The plugin wants nothing outside of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<AbsolutePath>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub write: bool,
    pub why: Why,
}

/// A program of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramRequest {
    pub program: ProgramWanted,
    #[serde(default = "ArgumentsPattern::every", skip_serializing_if = "ArgumentsPattern::is_every")]
    pub args: ArgumentsPattern,
    pub why: Why,
}

/// Something that is either given or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub why: Why,
}

/// What the plugin wants to do with secrets beyond passing them on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretsRequest {
    /// To make a secret of bytes that it computed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub seal: bool,
    /// To read secrets.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reveal: bool,
    pub why: Why,
}

/// A method of HTTP; `vault-list` is what Vault calls `LIST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    VaultList,
}

/// A host that is known, or one that the plugin's configuration names: `{config.address}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostWanted {
    Known(HostPattern),
    Configured(Handle),
}

/// Something with a name, or whatever the stack refers to: `{reference}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "T: Clone + TryFrom<String, Error = WordError> + Into<String>")]
pub enum Referred<T> {
    Named(T),
    Reference,
}

/// A program at its place, or its name, which the operator places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ProgramWanted {
    At(AbsolutePath),
    Named(ProgramName),
}

/// Names one request, and the grant or refusal of it: `env:HOME`, `http:vault.internal:8200`, `ssh`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    pub kind: Kind,
    /// Empty for what is either given or not.
    pub subject: String,
}

impl Requests {
    /// Lists every request in one order.
    pub fn each(&self) -> Vec<(Key, &Why)> {
        let mut found: Vec<(Key, &Why)> = Vec::new();
        found.extend(self.http.iter().map(|request| (request.key(), &request.why)));
        found.extend(self.env.iter().map(|request| (request.key(), &request.why)));
        found.extend(self.files.iter().map(|request| (request.key(), &request.why)));
        found.extend(self.process.iter().map(|request| (request.key(Kind::Process), &request.why)));
        found.extend(self.spawn.iter().map(|request| (request.key(Kind::Spawn), &request.why)));
        found.extend(self.flags().into_iter().map(|(kind, why)| (Key::of(kind), why)));
        found
    }

    /// Lists what is either given or not.
    pub(crate) fn flags(&self) -> Vec<(Kind, &Why)> {
        let ask = |kind, ask: &'_ Option<Ask>| ask.as_ref().map(|_| kind);
        let asked = [ask(Kind::Ssh, &self.ssh), ask(Kind::Here, &self.here), ask(Kind::Clock, &self.clock)];
        let whys = [&self.ssh, &self.here, &self.clock];
        let mut found: Vec<(Kind, &Why)> =
            asked.into_iter().zip(whys).filter_map(|(kind, ask)| Some((kind?, &ask.as_ref()?.why))).collect();
        if let Some(secrets) = &self.secrets {
            found.extend(secrets.seal.then_some((Kind::Seal, &secrets.why)));
            found.extend(secrets.reveal.then_some((Kind::Reveal, &secrets.why)));
        }
        found
    }
}

impl HttpRequest {
    pub(crate) fn key(&self) -> Key {
        Key { kind: Kind::Http, subject: self.host.to_string() }
    }
}

impl EnvRequest {
    pub(crate) fn key(&self) -> Key {
        Key { kind: Kind::Env, subject: self.name.to_string() }
    }
}

impl FilesRequest {
    pub(crate) fn key(&self) -> Key {
        Key { kind: Kind::Files, subject: self.root.to_string() }
    }
}

impl ProgramRequest {
    pub(crate) fn key(&self, kind: Kind) -> Key {
        Key { kind, subject: self.program.to_string() }
    }
}

impl Method {
    pub const ALL: &[Method] =
        &[Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete, Method::VaultList];

    /// Returns its word in manifests and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "get",
            Method::Head => "head",
            Method::Post => "post",
            Method::Put => "put",
            Method::Delete => "delete",
            Method::VaultList => "vault-list",
        }
    }
}

impl ProgramWanted {
    /// Tells whether a program at a place is meant.
    pub(crate) fn is(&self, path: &AbsolutePath) -> bool {
        match self {
            ProgramWanted::At(wanted) => wanted == path,
            ProgramWanted::Named(name) => name.as_str() == path.file_name(),
        }
    }
}

impl Key {
    /// Makes the key of what is either given or not.
    pub fn of(kind: Kind) -> Key {
        Key { kind, subject: String::new() }
    }

    /// Reads a key.
    pub fn parse(text: &str) -> Result<Key, WordError> {
        let wrong = || WordError { text: cut(text), what: "a request, such as `env:HOME`, `spawn:docker` or `ssh`" };
        let (word, subject) = text.split_once(':').unwrap_or((text, ""));
        let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == word).ok_or_else(wrong)?;
        // Another spelling of a host would refuse nothing.
        let subject = match kind {
            Kind::Http => HostWanted::try_from(subject.to_owned())?.to_string(),
            Kind::Env => Referred::<VariableName>::try_from(subject.to_owned())?.to_string(),
            Kind::Files => Referred::<RootName>::try_from(subject.to_owned())?.to_string(),
            Kind::Process | Kind::Spawn => ProgramWanted::try_from(subject.to_owned())?.to_string(),
            Kind::Ssh | Kind::Here | Kind::Clock | Kind::Seal | Kind::Reveal => match text == kind.as_str() {
                true => String::new(),
                false => return Err(wrong()),
            },
        };
        Ok(Key { kind, subject })
    }
}

impl TryFrom<String> for HostWanted {
    type Error = WordError;

    fn try_from(text: String) -> Result<HostWanted, WordError> {
        match text.strip_prefix("{config.").and_then(|rest| rest.strip_suffix('}')) {
            Some(field) => Handle::parse(field).map(HostWanted::Configured),
            None => HostPattern::parse(&text).map(HostWanted::Known),
        }
    }
}

impl<T: TryFrom<String, Error = WordError>> TryFrom<String> for Referred<T> {
    type Error = WordError;

    fn try_from(text: String) -> Result<Referred<T>, WordError> {
        if text == REFERENCE { Ok(Referred::Reference) } else { T::try_from(text).map(Referred::Named) }
    }
}

impl TryFrom<String> for ProgramWanted {
    type Error = WordError;

    fn try_from(text: String) -> Result<ProgramWanted, WordError> {
        match text.starts_with('/') {
            true => AbsolutePath::parse(&text).map(ProgramWanted::At),
            false => ProgramName::parse(&text).map(ProgramWanted::Named),
        }
    }
}

impl TryFrom<String> for Key {
    type Error = WordError;

    fn try_from(text: String) -> Result<Key, WordError> {
        Key::parse(&text)
    }
}

impl fmt::Display for HostWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostWanted::Known(host) => host.fmt(f),
            HostWanted::Configured(field) => write!(f, "{{config.{field}}}"),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Referred<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Referred::Named(name) => name.fmt(f),
            Referred::Reference => f.write_str(REFERENCE),
        }
    }
}

impl fmt::Display for ProgramWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramWanted::At(path) => path.fmt(f),
            ProgramWanted::Named(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject.as_str() {
            "" => self.kind.fmt(f),
            subject => write!(f, "{}:{subject}", self.kind),
        }
    }
}

impl From<HostWanted> for String {
    fn from(host: HostWanted) -> String {
        host.to_string()
    }
}

impl<T: Into<String>> From<Referred<T>> for String {
    fn from(referred: Referred<T>) -> String {
        match referred {
            Referred::Named(name) => name.into(),
            Referred::Reference => REFERENCE.to_owned(),
        }
    }
}

impl From<ProgramWanted> for String {
    fn from(program: ProgramWanted) -> String {
        program.to_string()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.to_string()
    }
}

const REFERENCE: &str = "{reference}";

pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_spelling() {
        for text in
            ["env:HOME", "env:{reference}", "http:{config.address}", "files:etc", "spawn:docker", "spawn:/b/d", "ssh"]
        {
            assert_eq!(Key::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Key::parse("http:vault.internal").unwrap(), Key::parse("http:vault.internal:443").unwrap());
        for wrong in ["", "env", "env:", "ssh:", "ssh:x", "HOME", "ENV:HOME", "http:", "spawn:a/b", "random"] {
            assert!(Key::parse(wrong).is_err(), "{wrong}");
        }
    }
}
