//! For tests: writes encrypted files, right ones and wrong ones. What is random in a real one is given here.

use crate::decrypt::{CHUNK_BYTES, FILE_KEY_BYTES, OF_HEADER, OF_PAYLOAD, OF_SHARE, SALT_BYTES, chunk_nonce, derive};
use crate::identity::Identity;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};

const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(crate) const FILE_KEY: [u8; FILE_KEY_BYTES] = *b"sixteen of bytes";
const SALT: [u8; SALT_BYTES] = *b"salt of sixteen!";

/// Returns an identity of a number.
pub(crate) fn identity(number: u8) -> Identity {
    Identity::new(&[number; 32])
}

/// Encrypts for one recipient.
pub(crate) fn encrypt(plain: &[u8], recipient: &PublicKey) -> Vec<u8> {
    sealed(&[stanza(recipient)], &payload(plain))
}

/// Puts a header and a payload together, the header under its right seal.
pub(crate) fn sealed(stanzas: &[String], payload: &[u8]) -> Vec<u8> {
    let header = format!("age-encryption.org/v1\n{}---", stanzas.concat());
    let mut seal = Hmac::<Sha256>::new_from_slice(derive(&FILE_KEY, &[], OF_HEADER).as_slice()).unwrap();
    seal.update(header.as_bytes());
    let seal = bare(&seal.finalize().into_bytes());
    [format!("{header} {seal}\n").as_bytes(), payload].concat()
}

/// Wraps the file key.
pub(crate) fn stanza(recipient: &PublicKey) -> String {
    let secret = StaticSecret::from([7; 32]);
    let share = PublicKey::from(&secret);
    let salt = [share.to_bytes(), recipient.to_bytes()].concat();
    let key = derive(secret.diffie_hellman(recipient).as_bytes(), &salt, OF_SHARE);
    format!("-> X25519 {}\n{}\n", bare(share.as_bytes()), bare(&close(key.as_slice(), [0; 12], &FILE_KEY)))
}

/// Encrypts the content.
pub(crate) fn payload(plain: &[u8]) -> Vec<u8> {
    let mut chunks: Vec<&[u8]> = plain.chunks(CHUNK_BYTES).collect();
    if chunks.is_empty() {
        chunks.push(b"");
    }
    let last = chunks.len() - 1;
    let chunks: Vec<_> = (0..).zip(chunks).map(|(number, chunk)| (chunk, number as usize == last)).collect();
    payload_of(&chunks)
}

/// Encrypts chunks, each with whether it says that it is the last.
pub(crate) fn payload_of(chunks: &[(&[u8], bool)]) -> Vec<u8> {
    let key = derive(&FILE_KEY, &SALT, OF_PAYLOAD);
    let close =
        |(number, (chunk, is_last)): (u64, &(&[u8], bool))| close(key.as_slice(), chunk_nonce(number, *is_last), chunk);
    [SALT.to_vec()].into_iter().chain((0..).zip(chunks).map(close)).collect::<Vec<_>>().concat()
}

/// Writes base64 without `=`.
pub(crate) fn bare(bytes: &[u8]) -> String {
    let group = |group: &[u8]| {
        let number = (0..3).fold(0_usize, |number, at| number << 8 | usize::from(*group.get(at).unwrap_or(&0)));
        let characters = (0..=group.len()).map(|at| CHARACTERS[number >> (18 - 6 * at) & 63] as char);
        characters.collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// Puts a file into armor.
pub(crate) fn armored(file: &[u8]) -> String {
    let mut text = bare(file);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN AGE ENCRYPTED FILE-----\n{}\n-----END AGE ENCRYPTED FILE-----\n", lines.join("\n"))
}

fn close(key: &[u8], nonce: [u8; 12], plain: &[u8]) -> Vec<u8> {
    let mut bytes = plain.to_vec();
    let cipher = ChaCha20Poly1305::new_from_slice(key).unwrap();
    let tag = cipher.encrypt_inout_detached(&nonce.into(), b"", bytes.as_mut_slice().into()).unwrap();
    [bytes.as_slice(), &tag].concat()
}
