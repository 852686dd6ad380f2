//! The manifest: what a plugin says of itself and asks for, in a section of its component. It is read before anything of
//! the plugin runs, so it is all that a decision about it can rest on.
//!
//! It has one form in bytes: JSON without blanks, keys in the order of their code points, ASCII only, nothing written that
//! is not said. What has another form is refused; so no key is there twice, and equal manifests have equal digests.

use crate::digest::Digest;
use crate::limits::{LIST_MAX, MANIFEST_BYTES_MAX, Wishes};
use crate::request::{Key, Requests, is_false};
use crate::word::{Handle, Id, Version, cut_to};
use crate::world::{Kind, World};
use punix_diag::json_string;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub id: Id,
    pub version: Version,
    pub world: World,
    /// What it is found by; at least one.
    pub handles: BTreeSet<Handle>,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub requests: Requests,
    #[serde(default, skip_serializing_if = "Wishes::is_empty")]
    pub limits: Wishes,
    #[serde(default, skip_serializing_if = "Determinism::is_unsaid")]
    pub determinism: Determinism,
}

/// What a plugin promises about its answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Determinism {
    /// The same question has the same answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pure: bool,
}

/// Why bytes are not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("it has {size} bytes, and {MANIFEST_BYTES_MAX} are allowed")]
    TooLarge { size: usize },
    #[error("at byte {at}: {said}")]
    Read { at: usize, said: String },
    #[error("it is not written in the one form that manifests have, from byte {at} on")]
    Form { at: usize },
    #[error("it has more than {LIST_MAX} {what}")]
    TooMany { what: &'static str },
    #[error("it names nothing that it handles")]
    NoHandle,
    #[error("`{handle}` is no key of a secret reference: these begin with `from_`")]
    HandleShape { handle: Handle },
    #[error("it asks twice for `{key}`")]
    Twice { key: Key },
    #[error("it asks for `{key}` without saying for what")]
    Empty { key: Key },
    #[error("it asks for `{key}`, and a {} is never given that", world.noun())]
    NotOffered { key: Key, world: World },
    #[error("its wish `{name} = 0` leaves it nothing")]
    Nothing { name: &'static str },
}

impl Manifest {
    /// Reads the bytes of a manifest section.
    pub fn from_json(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge { size: bytes.len() });
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| {
            let before: usize = bytes
                .split(|&byte| byte == b'\n')
                .take(error.line().saturating_sub(1))
                .map(|line| line.len() + 1)
                .sum();
            ManifestError::Read { at: before + error.column().saturating_sub(1), said: reason(&error) }
        })?;
        manifest.check()?;
        let canonical = manifest.to_json();
        if canonical.as_bytes() != bytes {
            let same = canonical.bytes().zip(bytes).take_while(|(a, b)| a == *b).count();
            return Err(ManifestError::Form { at: same });
        }
        Ok(manifest)
    }

    /// Writes the one form.
    pub fn to_json(&self) -> String {
        canonical(&serde_json::to_value(self).expect("texts, numbers and lists are values"))
    }

    /// Returns the digest of what is asked for, wishes included. It stands in the lock, so that an update which asks for
    /// something else is seen.
    pub fn request_digest(&self) -> Digest {
        let value = serde_json::json!({ "limits": self.limits, "requests": self.requests, "world": self.world });
        Digest::of(canonical(&value).as_bytes())
    }

    /// Returns what is wrong with a manifest that was not read from bytes.
    pub fn check(&self) -> Result<(), ManifestError> {
        if self.handles.is_empty() {
            return Err(ManifestError::NoHandle);
        }
        let odd = |handle: &&Handle| self.world == World::SecretResolver && !handle.as_str().starts_with("from_");
        if let Some(handle) = self.handles.iter().find(odd) {
            return Err(ManifestError::HandleShape { handle: handle.clone() });
        }
        self.check_counts()?;
        let mut seen = BTreeSet::new();
        for (key, _) in self.requests.each() {
            if !self.world.offers(key.kind) {
                return Err(ManifestError::NotOffered { key, world: self.world });
            }
            if !seen.insert(key.clone()) {
                return Err(ManifestError::Twice { key });
            }
        }
        let hollow = self.requests.http.iter().find(|request| request.methods.is_empty() || request.paths.is_empty());
        if let Some(request) = hollow {
            return Err(ManifestError::Empty { key: request.key() });
        }
        if self.requests.secrets.as_ref().is_some_and(|secrets| !secrets.seal && !secrets.reveal) {
            return Err(ManifestError::Empty { key: Key::of(Kind::Seal) });
        }
        match self.limits.each().into_iter().find(|(_, wish)| *wish == Some(0)) {
            Some((name, _)) => Err(ManifestError::Nothing { name }),
            None => Ok(()),
        }
    }

    fn check_counts(&self) -> Result<(), ManifestError> {
        let asked = &self.requests;
        let counts = [
            (self.handles.len(), "names that it handles"),
            (asked.http.len(), "hosts"),
            (asked.env.len(), "variables"),
            (asked.files.len(), "roots"),
            (asked.process.len(), "programs"),
            (asked.spawn.len(), "programs"),
            (asked.http.iter().map(|request| request.paths.len()).max().unwrap_or(0), "paths of one host"),
            (asked.http.iter().map(|request| request.public.len()).max().unwrap_or(0), "public members of one host"),
        ];
        match counts.into_iter().find(|(count, _)| *count > LIST_MAX) {
            Some((_, what)) => Err(ManifestError::TooMany { what }),
            None => Ok(()),
        }
    }
}

impl Determinism {
    fn is_unsaid(&self) -> bool {
        *self == Determinism::default()
    }
}

fn is_nothing(requests: &Requests) -> bool {
    *requests == Requests::default()
}

/// Writes a value in its one form. Our own values are a few levels deep.
fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(text) => json_string(text, out),
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write(value, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            // In whichever order the map is: another crate can switch that.
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                json_string(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

/// Returns what the reader of JSON said, without the place, which is given apart.
fn reason(error: &serde_json::Error) -> String {
    const REASON_CHARACTERS_MAX: usize = 240;
    let said = error.to_string();
    let end = said.rfind(" at line ").unwrap_or(said.len());
    let mut line = String::new();
    punix_diag::visible(&said[..end], &mut line);
    cut_to(&line, REASON_CHARACTERS_MAX)
}

#[cfg(test)]
mod tests;
