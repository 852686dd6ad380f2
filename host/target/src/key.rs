//! The key of a deployments root: by it the bytes of secrets are recognised, on the target alone. Whoever reads a record
//! but not the key cannot try guesses; the key never leaves the target.

use crate::failure::TargetError;
use crate::generation::Mark;
use crate::layout::own;
use crate::target::{Target, above, gone_is_fine};
use hmac::{Hmac, Mac};
use punix_model::Secret;
use punix_store::Digest;
use sha2::Sha256;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
/// Whoever could read it could try guesses.
pub(crate) const KEY_MODE: u32 = 0o600;
/// Where it is written before it has its name. A leftover of a crash is written anew.
const DRAFT: &str = ".key.new";

/// The key of one deployments root.
pub(crate) struct Key(Zeroizing<[u8; KEY_BYTES]>);

/// A tag that is being computed.
pub(crate) struct Tagging(Hmac<Sha256>);

impl Key {
    /// Reads the key, if there is one.
    pub(crate) fn read(target: &Target<'_>) -> Result<Option<Key>, TargetError> {
        let path = target.layout.key();
        let bytes = match target.disk.read(path.on_disk(), KEY_BYTES as u64) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => return Err(damaged(target)),
            Err(error) => return Err(error.into()),
        };
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != key.len() {
            return Err(damaged(target));
        }
        key.copy_from_slice(&bytes);
        Ok(Some(Key(key)))
    }

    /// Begins a tag.
    pub(crate) fn start(&self) -> Tagging {
        Tagging(Hmac::new_from_slice(self.0.as_slice()).expect("a key of any length is taken"))
    }

    /// Returns the tag of some bytes.
    pub(crate) fn mark(&self, bytes: &[u8]) -> Mark {
        let mut tagging = self.start();
        tagging.add(bytes);
        tagging.finish()
    }
}

impl Tagging {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Mark {
        let tag: [u8; KEY_BYTES] = self.0.finalize().into_bytes().into();
        Mark::HmacSha256(Digest::from(tag))
    }
}

fn damaged(target: &Target<'_>) -> TargetError {
    TargetError::Damaged { path: target.layout.key(), why: format!("a key has {KEY_BYTES} bytes") }
}

/// Returns by what the bytes of a secret file are recognised on this target. The first time makes the key.
pub fn tag(target: &Target<'_>, secret: &Secret) -> Result<Mark, TargetError> {
    punix_diag::drill("tag");
    let key = match Key::read(target)? {
        Some(key) => key,
        None => make(target, &*random()?)?,
    };
    // A secret is looked at without being written; nothing but its tag comes of it.
    Ok(key.mark(secret.expose()))
}

/// Returns by what the bytes of a secret file would be recognised, if there is a key yet. Changes nothing.
pub fn peek(target: &Target<'_>, secret: &Secret) -> Result<Option<Mark>, TargetError> {
    mark(target, secret.expose())
}

/// Returns the tag of some bytes, if there is a key.
pub(crate) fn mark(target: &Target<'_>, bytes: &[u8]) -> Result<Option<Mark>, TargetError> {
    Ok(Key::read(target)?.map(|key| key.mark(bytes)))
}

/// Makes the key, durably, of random bytes. One that somebody else made meanwhile is taken.
pub(crate) fn make(target: &Target<'_>, random: &[u8; KEY_BYTES]) -> Result<Key, TargetError> {
    let _lock = target.exclude()?;
    if let Some(key) = Key::read(target)? {
        return Ok(key);
    }
    let disk = target.disk;
    let (path, draft) = (target.layout.key(), own(target.layout.root(), DRAFT));
    gone_is_fine(disk.remove(draft.on_disk()))?;
    let write = || -> io::Result<()> {
        let mut file = disk.create(draft.on_disk(), KEY_MODE)?;
        file.write_all(random)?;
        file.sync()?;
        drop(file);
        disk.rename_new(draft.on_disk(), path.on_disk())?;
        disk.sync_directory(&above(&path))
    };
    write().inspect_err(|_| {
        let _ = disk.remove(draft.on_disk());
    })?;
    Ok(Key(Zeroizing::new(*random)))
}

fn random() -> io::Result<Zeroizing<[u8; KEY_BYTES]>> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    File::open("/dev/urandom")?.read_exact(bytes.as_mut_slice())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use punix_disk::{Disk, SimulatedDisk, every_crash};
    use std::path::Path;

    fn target(disk: &SimulatedDisk) -> Target<'_> {
        Target::alone(disk, Layout::new(Path::new("/d")).unwrap())
    }

    fn with_root() -> SimulatedDisk {
        let disk = SimulatedDisk::new();
        disk.create_directory(Path::new("d"), 0o755).unwrap();
        disk.sync_all().unwrap();
        disk
    }

    #[test]
    fn a_tag_is_the_same_for_the_same_bytes_under_one_key() {
        let disk = with_root();
        let target = target(&disk);
        assert_eq!(mark(&target, b"x").unwrap(), None);
        let secret = Secret::new(b"hunter2".to_vec());
        let one = tag(&target, &secret).unwrap();
        assert_eq!(tag(&target, &secret).unwrap(), one);
        assert_eq!((mark(&target, b"hunter2").unwrap(), peek(&target, &secret).unwrap()), (Some(one), Some(one)));
        assert_ne!(mark(&target, b"hunter3").unwrap(), Some(one));
        let found = disk.metadata(Path::new("d/.key")).unwrap().unwrap();
        assert_eq!((found.mode, found.size), (KEY_MODE, 32));
        let other = with_root();
        assert_ne!(tag(&self::target(&other), &secret).unwrap(), one);
    }

    /// RFC 4231, test case 2, with its key filled up with zeros as HMAC does it.
    #[test]
    fn it_is_the_usual_hmac() {
        let mut key = [0; KEY_BYTES];
        key[..4].copy_from_slice(b"Jefe");
        let Mark::HmacSha256(tag) = Key(Zeroizing::new(key)).mark(b"what do ya want for nothing?") else {
            panic!("a tag is an HMAC");
        };
        assert_eq!(tag.to_string(), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_key_that_is_none_is_not_used() {
        for content in [&b""[..], &[1; 31], &[1; 33]] {
            let disk = with_root();
            disk.create(Path::new("d/.key"), 0o600).unwrap().write_all(content).unwrap();
            let error = mark(&target(&disk), b"x").unwrap_err();
            assert_eq!(error.to_string(), "`/d/.key` cannot be understood: a key has 32 bytes");
        }
    }

    #[test]
    fn a_key_is_whole_or_absent() {
        let check = |disk: &SimulatedDisk, result: &Result<(), TargetError>, _end| {
            let target = target(disk);
            let found = Key::read(&target).unwrap();
            assert!(found.is_some() || result.is_err());
            assert_eq!(make(&target, &[7; 32]).unwrap().0, Zeroizing::new([7; 32]));
        };
        every_crash(with_root, |disk| make(&target(disk), &[7; 32]).map(|_| ()), 10, check);
    }
}
