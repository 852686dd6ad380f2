//! Secrets as handles.

use super::{Answer, sum};
use crate::ability::secrets::{self, Document, SecretError};
use crate::runtime::bindings::cap::punix::cap::secrets::{Host, HostSecret};
use crate::runtime::resource::{Blob, HeldSecret, Origin};
use crate::runtime::state::State;
use crate::world::Kind;
use punix_model::Secret;
use wasmtime::component::Resource;
use zeroize::Zeroizing;

impl Blob {
    fn document(&self) -> Document<'_> {
        Document { bytes: &self.bytes, sealed: self.sealed, made: self.made, public: &self.public }
    }
}

impl State {
    fn may(&self, kind: Kind) -> bool {
        self.effective.flags.contains(&kind)
    }

    /// Gives the plugin a handle of what was taken out of a document.
    fn taken(
        &mut self,
        found: Result<Secret, SecretError>,
        label: &str,
        origin: Origin,
    ) -> Answer<Resource<HeldSecret>> {
        match found {
            Ok(secret) => Ok(Ok(self.hold(secret, super::label(label), origin)?)),
            Err(error) => self.tell(error.kind(), error),
        }
    }
}

impl HostSecret for State {
    fn label(&mut self, this: Resource<HeldSecret>) -> wasmtime::Result<String> {
        Ok(self.table.get(&this)?.label.clone())
    }

    fn reveal(&mut self, this: Resource<HeldSecret>) -> Answer<Vec<u8>> {
        let bytes = self.table.get(&this)?.value.expose().to_vec();
        if self.may(Kind::Reveal) {
            self.used(Kind::Reveal);
            return Ok(Ok(bytes));
        }
        drop(Zeroizing::new(bytes));
        self.tell(Some(Kind::Reveal), SecretError::NotGranted { kind: Kind::Reveal })
    }

    fn drop(&mut self, this: Resource<HeldSecret>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl Host for State {
    fn seal(&mut self, label: String, bytes: Vec<u8>) -> Answer<Resource<HeldSecret>> {
        let secret = Secret::new(bytes);
        self.passes(label.len().saturating_add(secret.length()))?;
        if !self.may(Kind::Seal) {
            return self.tell(Some(Kind::Seal), SecretError::NotGranted { kind: Kind::Seal });
        }
        self.used(Kind::Seal);
        Ok(Ok(self.hold(secret, secrets::label(&label), Origin::Plugin)?))
    }

    fn extract_json(&mut self, doc: Resource<Blob>, pointer: String) -> Answer<Resource<HeldSecret>> {
        self.passes(sum(&[&pointer]))?;
        let blob = self.table.get(&doc)?;
        let found = secrets::extract(blob.document(), &pointer, self.may(Kind::Seal));
        let (label, origin) = (format!("{}#{pointer}", blob.origin.label()), blob.origin.clone());
        self.taken(found, &label, origin)
    }

    fn public_json(&mut self, doc: Resource<Blob>, pointer: String) -> Answer<Option<String>> {
        self.passes(sum(&[&pointer]))?;
        match secrets::public(self.table.get(&doc)?.document(), &pointer) {
            Ok(found) => Ok(Ok(found)),
            Err(error) => self.tell(error.kind(), error),
        }
    }

    fn from_blob(&mut self, doc: Resource<Blob>, trim_newline: bool) -> Answer<Resource<HeldSecret>> {
        let blob = self.table.get(&doc)?;
        let found = secrets::whole(blob.document(), trim_newline, self.may(Kind::Seal));
        let (label, origin) = (blob.origin.label(), blob.origin.clone());
        self.taken(found, &label, origin)
    }
}

#[cfg(test)]
mod tests;
