//! What a file holds that goes to a target: in memory, or, where it is large, in a file that is read when it is needed. It
//! has to be then what it was when it was looked at.

use crate::blobs::each_piece;
use punix_store::{Digest, Hasher};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Body {
    Bytes(Arc<Vec<u8>>),
    File(Arc<BodyFile>),
}

/// A file that holds it. It stays open, so that another one at its path is not taken for it.
#[derive(Debug)]
pub struct BodyFile {
    file: File,
    size: u64,
    digest: Digest,
    /// What it is called to the operator.
    shown: String,
}

impl Body {
    /// Reads a file once, piece by piece, and takes what it holds now as what it has to hold. More than `most` bytes are
    /// an error, `FileTooLarge`. Each piece is shown to `look`.
    pub fn file(
        file: File,
        shown: String,
        most: u64,
        mut look: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Body> {
        let mut hasher = Hasher::new();
        let size = each_piece(&mut Reading { file: &file, at: 0 }, most, most, |piece| {
            hasher.add(piece);
            look(piece)
        })?;
        Ok(Body::File(Arc::new(BodyFile { file, size, digest: hasher.finish(), shown })))
    }

    pub fn size(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::File(file) => file.size,
        }
    }

    /// Returns the digest. That of a file is known, and found again whenever it is read.
    pub fn digest(&self) -> Digest {
        match self {
            Body::Bytes(bytes) => Digest::of(bytes),
            Body::File(file) => file.digest,
        }
    }

    /// Hands over all of it, piece by piece. If a file is not what it was, that is an error after the last piece.
    pub fn each_piece(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self {
            Body::Bytes(bytes) => take(bytes),
            Body::File(body) => body.each_piece(take),
        }
    }

    /// Returns all of it at once.
    pub fn bytes(&self) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Body::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Body::File(body) => {
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(usize::try_from(body.size).map_err(io::Error::other)?)?;
                body.each_piece(|piece| {
                    bytes.extend_from_slice(piece);
                    Ok(())
                })?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

impl BodyFile {
    fn each_piece(&self, take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut reading = Reading { file: &self.file, at: 0 };
        match each_piece_of(&mut reading, self.size, &self.digest, take)? {
            true => Ok(()),
            false => {
                Err(io::Error::new(ErrorKind::InvalidData, format!("`{}` was changed after it was read", self.shown)))
            }
        }
    }
}

/// Reads to the end what must have this size and digest, and tells whether it had.
pub(crate) fn each_piece_of(
    from: &mut dyn Read,
    size: u64,
    digest: &Digest,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<bool> {
    let mut hasher = Hasher::new();
    let mut left = Some(size);
    let read = each_piece(from, size, u64::MAX, |piece| {
        left = left.and_then(|left| left.checked_sub(piece.len() as u64));
        if left.is_none() {
            return Err(ErrorKind::FileTooLarge.into());
        }
        hasher.add(piece);
        take(piece)
    });
    match (read, left) {
        (_, None) => Ok(false),
        (Ok(_), Some(left)) => Ok(left == 0 && hasher.finish() == *digest),
        (Err(error), Some(_)) => Err(error),
    }
}

/// Bytes are the same wherever they are.
impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        match (self, other) {
            (Body::Bytes(one), Body::Bytes(other)) => one == other,
            (one, other) => one.size() == other.size() && one.digest() == other.digest(),
        }
    }
}

impl Eq for Body {}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Bytes(Arc::new(bytes))
    }
}

/// A file from its beginning, wherever somebody else is in it.
struct Reading<'f> {
    file: &'f File,
    at: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(bytes, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tempfile::NamedTempFile;

    fn written(bytes: &[u8]) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn body(file: &NamedTempFile) -> io::Result<Body> {
        Body::file(file.reopen().unwrap(), "the file".to_owned(), 300_000, |_| Ok(()))
    }

    #[test]
    fn a_file_is_what_it_holds() {
        let bytes: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        let file = written(&bytes);
        let body = body(&file).unwrap();
        assert_eq!((body.size(), body.digest()), (300_000, Digest::of(&bytes)));
        // Again and again, and whatever happens to its name.
        file.close().unwrap();
        for _ in 0..2 {
            assert_eq!(body.bytes().unwrap(), bytes);
        }
        assert_eq!(body, Body::from(bytes));
        assert_ne!(body, Body::from(b"other".to_vec()));
    }

    #[test]
    fn what_is_too_large_is_not_taken() {
        assert_eq!(body(&written(&[7; 300_001])).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let refused = Body::file(written(b"x").reopen().unwrap(), String::new(), 1, |_| Err(io::Error::other("no")));
        assert_eq!(refused.unwrap_err().to_string(), "no");
    }

    #[test]
    fn a_file_that_is_another_by_now_is_noticed() {
        for change in [&b"other con"[..], b"content is longer", b"cont"] {
            let file = written(b"content..");
            let body = body(&file).unwrap();
            std::fs::write(file.path(), change).unwrap();
            let error = body.bytes().unwrap_err();
            assert_eq!(error.to_string(), "`the file` was changed after it was read", "{change:?}");
        }
    }
}
