//! Bytes that live in the host, and putting them together. Nothing that a plugin is told depends on what is in sealed ones,
//! also not how many there are.

use super::Answer;
use crate::ability::blobs::{BlobError, require_open};
use crate::ability::secrets::Made;
use crate::limits::READ_BYTES_MAX;
use crate::runtime::bindings::cap::punix::cap::blobs::{Host, HostBlob, HostSink};
use crate::runtime::resource::{Blob, Origin, Sink};
use crate::runtime::state::State;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use wasmtime::component::Resource;
use zeroize::Zeroizing;

impl Host for State {}

impl HostBlob for State {
    fn length(&mut self, this: Resource<Blob>) -> Answer<Option<u64>> {
        let blob = self.table.get(&this)?;
        match require_open(blob.sealed) {
            Ok(()) => Ok(Ok(u64::try_from(blob.bytes.len()).ok())),
            Err(error) => self.tell(None, error),
        }
    }

    fn read(&mut self, this: Resource<Blob>, max: u32) -> Answer<Vec<u8>> {
        let most = usize::try_from(max.min(READ_BYTES_MAX)).unwrap_or(0);
        let blob = self.table.get_mut(&this)?;
        match require_open(blob.sealed) {
            Ok(()) => {
                let rest = blob.bytes.get(blob.read..).unwrap_or_default();
                let piece = rest.get(..most).unwrap_or(rest).to_vec();
                blob.read = blob.read.saturating_add(piece.len());
                Ok(Ok(piece))
            }
            Err(error) => self.tell(None, error),
        }
    }

    fn sha256(&mut self, this: Resource<Blob>) -> Answer<Vec<u8>> {
        let blob = self.table.get(&this)?;
        match require_open(blob.sealed) {
            Ok(()) => Ok(Ok(Sha256::digest(&*blob.bytes).to_vec())),
            Err(error) => self.tell(None, error),
        }
    }

    fn drop(&mut self, this: Resource<Blob>) -> wasmtime::Result<()> {
        let blob = self.table.delete(this)?;
        self.meter.let_go(blob.bytes.len());
        Ok(())
    }
}

impl HostSink for State {
    fn new(&mut self) -> wasmtime::Result<Resource<Sink>> {
        self.push(Sink { bytes: Zeroizing::default(), sealed: false, made: Made::Joined, origin: Origin::Plugin })
    }

    fn write(&mut self, this: Resource<Sink>, bytes: Vec<u8>) -> Answer<()> {
        let bytes = Zeroizing::new(bytes);
        self.passes(bytes.len())?;
        self.keep(bytes.len())?;
        let sink = self.table.get_mut(&this)?;
        sink.append(&bytes);
        sink.made = Made::Written;
        Ok(Ok(()))
    }

    fn append(&mut self, this: Resource<Sink>, src: Resource<Blob>) -> Answer<u64> {
        let blob = self.table.get(&src)?;
        let (sealed, made, length) = (blob.sealed, blob.made, blob.bytes.len());
        let Some(origin) = self.table.get(&this)?.origin.with(&blob.origin) else {
            return self.tell(None, BlobError::Mixed);
        };
        self.keep(length)?;
        // Both stand in the table, of which only one can be changed at a time.
        let bytes = self.table.get(&src)?.bytes.clone();
        let sink = self.table.get_mut(&this)?;
        sink.append(&bytes);
        sink.origin = origin;
        sink.made = sink.made.max(made);
        sink.sealed |= sealed;
        Ok(Ok(if sealed { 0 } else { u64::try_from(length).unwrap_or(0) }))
    }

    fn finish(&mut self, this: Resource<Sink>) -> Answer<Resource<Blob>> {
        let Sink { bytes, sealed, made, origin } = self.table.delete(this)?;
        // What is in it was counted when it came.
        let blob = Blob { bytes, read: 0, sealed, made, origin, public: BTreeSet::new() };
        Ok(Ok(self.push(blob)?))
    }

    fn drop(&mut self, this: Resource<Sink>) -> wasmtime::Result<()> {
        let sink = self.table.delete(this)?;
        self.meter.let_go(sink.bytes.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
