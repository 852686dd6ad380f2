//! What stacks of a fleet give each other: texts that one host publishes and others write into their files. They are
//! public, and they are never part of what a stack is: a record has the reference, and the text may change without it.

mod anew;
mod holes;
#[cfg(test)]
mod tests;

pub use anew::{asked_of, made_anew, present};
pub(crate) use holes::{Hole, holes};

use crate::certificate::{AS_PEM, CHAIN, Certificate, path, read_chain};
use punix_diag::{Code, Diagnostic, Span};
use punix_store::Digest;
use std::collections::BTreeMap;
use std::path::Path;

/// What a stack gives to other hosts, and takes from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// In the order of the program; no name is there twice.
    pub produces: Vec<Produced>,
    /// Each once, by machine and name.
    pub consumes: Vec<Consumed>,
}

/// An artifact that a stack gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produced {
    pub name: String,
    pub kind: Production,
    pub at: Span,
}

/// What an artifact is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Production {
    /// What the program says.
    Literal(String),
    /// The association that a TLSA record `3 1 1` has: the SHA-256 digest of the public key of a domain's certificate.
    Tlsa { domain: String },
    /// The SHA-256 digest of the file with a domain's certificates, as it is.
    Sha256File { domain: String },
}

/// An artifact that a stack takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    pub machine: String,
    pub name: String,
    /// Where it is first referred to.
    pub at: Span,
}

/// A text that a host publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// As the program calls what it is made of.
    pub kind: String,
    /// Of whose certificate it was made, if of one.
    pub domain: Option<String>,
    pub text: String,
}

/// Artifacts that are at hand, by machine and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Artifacts(BTreeMap<(String, String), Artifact>);

/// What stands in a stack's files where it refers to artifacts.
#[derive(Debug, Clone, Copy)]
pub enum Filling<'f> {
    /// The reference itself, as records have it.
    References,
    /// What the artifacts are; one that is not there is an error.
    Texts(&'f Artifacts),
}

impl Production {
    pub(crate) const KINDS: &'static [&'static str] = &["literal", "tlsa", "sha256-file"];

    /// Returns what the program calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Production::Literal(_) => "literal",
            Production::Tlsa { .. } => "tlsa",
            Production::Sha256File { .. } => "sha256-file",
        }
    }

    fn domain(&self) -> Option<&String> {
        match self {
            Production::Literal(_) => None,
            Production::Tlsa { domain } | Production::Sha256File { domain } => Some(domain),
        }
    }
}

impl Artifacts {
    /// Adds what a machine published.
    pub fn add(&mut self, machine: &str, published: BTreeMap<String, Artifact>) {
        self.0.extend(published.into_iter().map(|(name, artifact)| ((machine.to_owned(), name), artifact)));
    }

    pub fn find(&self, machine: &str, name: &str) -> Option<&Artifact> {
        self.0.get(&(machine.to_owned(), name.to_owned()))
    }
}

/// Returns the reference to an artifact as files and records have it.
pub fn artifact_token(machine: &str, name: &str) -> String {
    format!("{{artifact:{machine}/{name}}}")
}

/// Tells whether this can be the name of an artifact, or of the machine that gives it: it is a part of a reference.
pub(crate) fn is_artifact_name(name: &str) -> bool {
    const BYTES_MAX: usize = 253;
    !name.is_empty()
        && name.len() <= BYTES_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Finds out what the artifacts of a stack are, on this machine: nobody else has to be asked. `certificates` is where the
/// certificates of domains lie.
pub fn artifact_values(
    links: &Links,
    certificates: Option<&Path>,
) -> Result<BTreeMap<String, Artifact>, Vec<Diagnostic>> {
    let (mut values, mut errors) = (BTreeMap::new(), Vec::new());
    for produced in &links.produces {
        match value(produced, certificates) {
            Ok(text) => {
                let (kind, domain) = (produced.kind.kind().to_owned(), produced.kind.domain().cloned());
                values.insert(produced.name.clone(), Artifact { kind, domain, text });
            }
            Err(error) => errors.push(error.at(produced.at)),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

fn value(produced: &Produced, certificates: Option<&Path>) -> Result<String, Diagnostic> {
    let domain = match &produced.kind {
        Production::Literal(text) => return Ok(text.clone()),
        Production::Tlsa { domain } | Production::Sha256File { domain } => domain,
    };
    let (name, kind) = (&produced.name, produced.kind.kind());
    let Some(directory) = certificates else {
        let message = format!("the {kind} artifact `{name}` needs the certificate of `{domain}`, and none is at hand");
        let help = "name the directory with `--tls-certs DIR`: the certificate is read on the machine that runs punix";
        return Err(Diagnostic::error(Code::E9, message).help(help));
    };
    let chain = read_chain(directory, domain)
        .map_err(|why| Diagnostic::error(Code::E9, format!("the {kind} artifact `{name}`: {why}")))?;
    match &produced.kind {
        Production::Tlsa { .. } => association(&chain).map_err(|why| {
            let file = path(directory, domain, CHAIN);
            Diagnostic::error(Code::E9, format!("the {kind} artifact `{name}`: `{}` {why}", file.display()))
                .help(AS_PEM)
        }),
        Production::Literal(_) | Production::Sha256File { .. } => Ok(Digest::of(&chain).to_string()),
    }
}

/// Returns the digest of the public key of the first of some certificates.
fn association(chain: &[u8]) -> Result<String, &'static str> {
    Ok(Digest::of(&Certificate::first_of(chain)?.public_key).to_string())
}
