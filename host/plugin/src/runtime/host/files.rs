//! Files below granted roots, and those that the stack refers to.

use super::{Answer, sum};
use crate::ability::files::{self, Granted, REFERENCE, References, Wish};
use crate::ability::secrets::Made;
use crate::limits::FILE_NAMES_MAX;
use crate::outside::{FileFault, FilePlace};
use crate::runtime::bindings::cap::punix::cap::files::{Host, Stat};
use crate::runtime::resource::{Blob, Origin};
use crate::runtime::state::State;
use crate::word::RootName;
use crate::world::Kind;
use punix_model::PluginError;
use std::collections::BTreeSet;
use wasmtime::component::Resource;

impl State {
    fn place(&self, at: (&str, &str), wish: Wish) -> Result<Granted, PluginError> {
        let references = References { all: &self.subject.references, base: &self.subject.base };
        Ok(files::place(&self.effective.files, references, at, wish)?)
    }

    /// Does something at a place, if the plugin may, and tells it by its own name for the place if that did not work.
    fn at<T>(
        &mut self,
        (root, path): (&str, &str),
        wish: Wish,
        act: impl FnOnce(&State, &FilePlace) -> Result<T, FileFault>,
    ) -> Result<(T, Granted), PluginError> {
        let granted = self.place((root, path), wish)?;
        self.used(Kind::Files);
        match act(self, &granted.place) {
            Ok(done) => Ok((done, granted)),
            Err(fault) => Err(files::failed(root, path, &fault)),
        }
    }

    /// Returns the largest file that is read or written.
    fn file_bytes_max(&self) -> usize {
        usize::try_from(self.limits.response_kib).unwrap_or(0).saturating_mul(1 << 10)
    }
}

impl Host for State {
    fn open(&mut self, root: String, path: String) -> Answer<Resource<Blob>> {
        self.passes(sum(&[&root, &path]))?;
        let read =
            |state: &State, place: &FilePlace| state.outside.files.read(place, state.file_bytes_max(), state.deadline);
        let (bytes, granted) = match self.at((&root, &path), Wish::Open, read) {
            Ok(found) => found,
            Err(error) => return self.tell(Some(Kind::Files), error),
        };
        let origin = match RootName::parse(&root) {
            Ok(root) if root.as_str() != REFERENCE => Origin::File(root, path),
            Ok(_) | Err(_) => Origin::Reference(path),
        };
        // What the plugin can write, it may have written: by that way it would see into what it has put together.
        let made = if granted.write { Made::Written } else { Made::Whole };
        let blob = Blob { bytes, read: 0, sealed: true, made, origin, public: BTreeSet::new() };
        Ok(Ok(self.push_blob(blob)?))
    }

    fn stat_file(&mut self, root: String, path: String) -> Answer<Stat> {
        self.passes(sum(&[&root, &path]))?;
        match self.at((&root, &path), Wish::Look, |state, place| state.outside.files.look(place)) {
            Ok((look, _)) => Ok(Ok(Stat { mode: look.mode, uid: look.uid, gid: look.gid, is_dir: look.directory })),
            Err(error) => self.tell(Some(Kind::Files), error),
        }
    }

    fn list_dir(&mut self, root: String, path: String) -> Answer<Vec<String>> {
        self.passes(sum(&[&root, &path]))?;
        let list = |state: &State, place: &FilePlace| state.outside.files.list(place, FILE_NAMES_MAX);
        match self.at((&root, &path), Wish::List, list) {
            Ok((names, _)) => Ok(Ok(names)),
            Err(error) => self.tell(Some(Kind::Files), error),
        }
    }

    fn replace(&mut self, root: String, path: String, mode: u32, body: Resource<Blob>) -> Answer<()> {
        self.passes(sum(&[&root, &path]))?;
        let length = self.table.get(&body)?.bytes.len();
        if length > self.file_bytes_max() {
            // Not an answer: by it a plugin would learn how long something sealed is.
            self.meter.reached("response_kib");
            wasmtime::bail!("the file is too large");
        }
        let mode = match files::mode(mode) {
            Ok(mode) => mode,
            Err(error) => return self.tell(Some(Kind::Files), error),
        };
        let write = |state: &State, place: &FilePlace| match state.table.get(&body) {
            Ok(body) => state.outside.files.replace(place, mode, &body.bytes),
            Err(error) => Err(FileFault::Io { said: error.to_string() }),
        };
        match self.at((&root, &path), Wish::Replace, write) {
            Ok(((), _)) => Ok(Ok(())),
            Err(error) => self.tell(Some(Kind::Files), error),
        }
    }
}

#[cfg(test)]
mod tests;
