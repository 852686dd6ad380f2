//! From an encrypted file to its content: `age-encryption.org/v1`, for recipients of the kind X25519. Nothing is returned
//! before all of it was found to be what the sender wrote.

use crate::armor;
use crate::base64;
use crate::fault::{Fault, Part};
use crate::header::{self, Header, Stanza};
use crate::identity::Identity;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Tag};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use x25519_dalek::PublicKey;
use zeroize::Zeroizing;

pub(crate) const CHUNK_BYTES: usize = 64 << 10;
pub(crate) const TAG_BYTES: usize = 16;
pub(crate) const FILE_KEY_BYTES: usize = 16;
pub(crate) const SALT_BYTES: usize = 16;
const WRAPPED_BYTES: usize = FILE_KEY_BYTES + TAG_BYTES;

/// How keys that are made of others are called.
pub(crate) const OF_SHARE: &[u8] = b"age-encryption.org/v1/X25519";
pub(crate) const OF_HEADER: &[u8] = b"header";
pub(crate) const OF_PAYLOAD: &[u8] = b"payload";

type Key = Zeroizing<[u8; 32]>;

/// The file key as one recipient is given it.
struct Wrapped {
    share: PublicKey,
    body: [u8; WRAPPED_BYTES],
}

/// Decrypts a file with the one of the identities that it is for.
pub(crate) fn decrypt(file: &[u8], identities: &[Identity]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let file = armor::take_off(file)?;
    let header = header::read(&file)?;
    for wrapped in all_wrapped(&header)? {
        for identity in identities {
            let Some(file_key) = wrapped.open(identity)? else { continue };
            check_seal(&header, &file_key)?;
            return content(header.payload, &file_key).ok_or(Fault::Damaged { part: Part::Payload });
        }
    }
    Err(Fault::NoIdentity { tried: identities.len() })
}

/// Reads the stanzas of our kind, every one of them before the first is tried.
fn all_wrapped(header: &Header<'_>) -> Result<Vec<Wrapped>, Fault> {
    let passphrases = header.stanzas.iter().filter(|stanza| stanza.kind == b"scrypt").count();
    match (passphrases, header.stanzas.len()) {
        (0, _) => {}
        (1, 1) => return Err(Fault::Passphrase),
        // Who knows the passphrase of such a file could have written it, whoever it says that it is from.
        _ => return Err(Fault::Damaged { part: Part::Recipient }),
    }
    let ours = header.stanzas.iter().filter(|stanza| stanza.kind == b"X25519");
    ours.map(|stanza| Wrapped::of(stanza).ok_or(Fault::Damaged { part: Part::Recipient })).collect()
}

impl Wrapped {
    fn of(stanza: &Stanza<'_>) -> Option<Wrapped> {
        let [share] = stanza.arguments.as_slice() else { return None };
        let share: [u8; 32] = base64::bare(share)?.try_into().ok()?;
        // A body of another length could be one that more than one key opens.
        let body = stanza.body.as_slice().try_into().ok()?;
        Some(Wrapped { share: PublicKey::from(share), body })
    }

    /// Returns the file key if this identity is meant.
    fn open(&self, identity: &Identity) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        let shared = identity.secret.diffie_hellman(&self.share);
        if !shared.was_contributory() {
            return Err(Fault::Damaged { part: Part::Recipient });
        }
        let salt = [self.share.to_bytes(), identity.public.to_bytes()].concat();
        let key = derive(shared.as_bytes(), &salt, OF_SHARE);
        let mut file_key = Zeroizing::new(Vec::with_capacity(FILE_KEY_BYTES));
        Ok(open(&key, &[0; 12], &self.body, &mut file_key).map(|()| file_key))
    }
}

/// Finds out whether the header is as it was written.
fn check_seal(header: &Header<'_>, file_key: &[u8]) -> Result<(), Fault> {
    let key = derive(file_key, &[], OF_HEADER);
    let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_slice());
    let mut seal = keyed.expect("a key of any length will do");
    seal.update(header.sealed);
    seal.verify_slice(&header.seal).map_err(|_| Fault::Damaged { part: Part::Seal })
}

/// Decrypts what follows the header, chunk by chunk.
fn content(payload: &[u8], file_key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (salt, mut left) = payload.split_at_checked(SALT_BYTES)?;
    let key = derive(file_key, salt, OF_PAYLOAD);
    // It never grows: that would leave a copy behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(left.len()));
    for number in 0_u64.. {
        let at = left.len().min(CHUNK_BYTES + TAG_BYTES);
        let (chunk, rest) = left.split_at_checked(at)?;
        let is_last = rest.is_empty();
        // Only nothing at all is written as a chunk of nothing.
        if number > 0 && chunk.len() <= TAG_BYTES {
            return None;
        }
        open(&key, &chunk_nonce(number, is_last), chunk, &mut plain)?;
        if is_last {
            return Some(plain);
        }
        left = rest;
    }
    None
}

/// Returns the nonce of a chunk: eleven bytes of its number, and whether it is the last one.
pub(crate) fn chunk_nonce(number: u64, is_last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    let [before @ .., last] = &mut nonce;
    for (place, byte) in before.iter_mut().rev().zip(number.to_le_bytes()) {
        *place = byte;
    }
    *last = u8::from(is_last);
    nonce
}

/// Decrypts to the end of `plain`, or leaves it as it was.
fn open(key: &Key, nonce: &[u8; 12], sealed: &[u8], plain: &mut Vec<u8>) -> Option<()> {
    let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
    let start = plain.len();
    plain.extend_from_slice(body);
    let cipher = ChaCha20Poly1305::new((&**key).into());
    let place = plain.get_mut(start..)?;
    let opened = cipher.decrypt_inout_detached(nonce.into(), b"", place.into(), &Tag::from(*tag));
    if opened.is_err() {
        plain.truncate(start);
    }
    opened.ok()
}

/// Makes a key of another.
pub(crate) fn derive(key: &[u8], salt: &[u8], name: &[u8]) -> Key {
    let mut made = Zeroizing::new([0; 32]);
    let expanded = Hkdf::<Sha256>::new(Some(salt), key).expand(name, made.as_mut_slice());
    expanded.expect("32 bytes are less than the 8160 that can be made");
    made
}

#[cfg(test)]
mod tests;
