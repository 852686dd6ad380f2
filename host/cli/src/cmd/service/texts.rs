//! What files hold, for whoever compares them.

use super::Stopped;
use punix_store::Digest;
use punix_target::{Body, Door, Generation, Mark};
use std::collections::BTreeMap;

/// Contents by digest.
#[derive(Debug, Default)]
pub(super) struct Texts(BTreeMap<Digest, Body>);

impl Texts {
    /// Takes contents that are at hand.
    pub(super) fn of(blobs: impl Iterator<Item = (Digest, Body)>) -> Texts {
        Texts(blobs.collect())
    }

    /// Reads the files of a generation that are kept, but for those that another has too: these do not differ.
    pub(super) fn read(
        &mut self,
        door: &dyn Door,
        generation: &Generation,
        other: Option<&Generation>,
    ) -> Result<(), Stopped> {
        let same = |path, mark| {
            let mut rows = other.iter().flat_map(|other| &other.files);
            rows.any(|row| row.path == path && row.mark == mark)
        };
        for row in &generation.files {
            let Mark::Sha256(digest) = row.mark else { continue };
            if self.0.contains_key(&digest) || same(row.path.clone(), row.mark) {
                continue;
            }
            if let Some(bytes) = door.blob(&digest)? {
                self.0.insert(digest, bytes.into());
            }
        }
        Ok(())
    }

    pub(super) fn find(&self, mark: Mark) -> Option<&Body> {
        match mark {
            Mark::Sha256(digest) => self.0.get(&digest),
            Mark::HmacSha256(_) => None,
        }
    }
}
