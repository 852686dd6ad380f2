//! What files hold, while a commit is made: in memory where that is little, otherwise where it lies. What lies somewhere is
//! read when it is written, and has to be then what it is now.

use crate::blobs::each_piece;
use crate::body::{Body, each_piece_of};
use crate::failure::TargetError;
use crate::generation::Mark;
use crate::key::Key;
use crate::limits::{FILE_BYTES_MAX, HELD_BYTES_MAX};
use crate::path::TargetPath;
use crate::target::Target;
use punix_disk::Disk;
use punix_model::Secret;
use punix_store::{Digest, Hasher};
use std::io::{self, ErrorKind, Write};

/// What a file holds.
#[derive(Clone)]
pub(crate) enum Bytes {
    Brought(Body),
    Secret(Secret),
    There(Lying),
}

/// A large file on the target.
#[derive(Clone)]
pub(crate) struct Lying {
    at: TargetPath,
    size: u64,
    digest: Digest,
}

impl Bytes {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Bytes::Brought(body) => body.size(),
            Bytes::Secret(secret) => secret.length() as u64,
            Bytes::There(lying) => lying.size,
        }
    }

    /// Writes all of it. What is not what it was by now is an error, after something of it was written.
    pub(crate) fn write(&self, disk: &dyn Disk, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Bytes::Brought(body) => body.each_piece(|piece| out.write_all(piece)),
            // The file is the place for which it is meant.
            Bytes::Secret(secret) => out.write_all(secret.expose()),
            Bytes::There(Lying { at, size, digest }) => {
                let mut from = disk.open(at.on_disk())?;
                match each_piece_of(&mut *from, *size, digest, |piece| out.write_all(piece))? {
                    true => Ok(()),
                    false => Err(io::Error::new(ErrorKind::InvalidData, format!("`{at}` was changed just now"))),
                }
            }
        }
    }
}

/// What a file holds that is there now.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    pub(super) digest: Digest,
    /// What it is by the key, if that was asked for and there is one.
    tag: Option<Mark>,
}

impl Held {
    /// Reads a file. With one of these marks it may be recognised.
    pub(super) fn read(target: &Target<'_>, at: &TargetPath, marks: &[Mark]) -> Result<Held, TargetError> {
        let needs_key = marks.iter().any(|mark| matches!(mark, Mark::HmacSha256(_)));
        let key = if needs_key { Key::read(target)? } else { None };
        match target.disk.read(at.on_disk(), HELD_BYTES_MAX) {
            Ok(bytes) => {
                let secret = Secret::new(bytes);
                // It is looked at without being shown: nothing but its marks comes of it.
                let bytes = secret.expose();
                let (digest, tag) = (Digest::of(bytes), key.map(|key| key.mark(bytes)));
                Ok(Held { bytes: Bytes::Secret(secret), digest, tag })
            }
            Err(error) if error.kind() == ErrorKind::FileTooLarge => Held::look_through(target, at, key.as_ref()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a large file piece by piece.
    fn look_through(target: &Target<'_>, at: &TargetPath, key: Option<&Key>) -> Result<Held, TargetError> {
        let (mut hasher, mut tagging) = (Hasher::new(), key.map(Key::start));
        let mut from = target.disk.open(at.on_disk())?;
        let size = each_piece(&mut *from, HELD_BYTES_MAX, FILE_BYTES_MAX, |piece| {
            hasher.add(piece);
            if let Some(tagging) = &mut tagging {
                tagging.add(piece);
            }
            Ok(())
        })?;
        let digest = hasher.finish();
        let bytes = Bytes::There(Lying { at: at.clone(), size, digest });
        Ok(Held { bytes, digest, tag: tagging.map(|tagging| tagging.finish()) })
    }

    /// Tells whether it has a mark.
    pub(super) fn has(&self, mark: Mark) -> bool {
        match mark {
            Mark::Sha256(digest) => self.digest == digest,
            Mark::HmacSha256(_) => self.tag == Some(mark),
        }
    }
}
