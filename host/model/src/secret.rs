//! Bytes that must not be seen. They are overwritten when they go, never grow in place (which would leave copies behind),
//! and have no `Display`, so that they cannot get into a sentence.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// A secret. A clone of it is the same bytes, which are overwritten when the last one goes.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<Box<[u8]>>>);

/// Where a secret is put together. Invariant: it never holds more than it was made for, so it never moves.
pub struct SecretBuffer {
    bytes: Zeroizing<Vec<u8>>,
    most: usize,
}

impl Secret {
    /// Takes bytes as a secret, and overwrites where they were.
    pub fn new(mut bytes: Vec<u8>) -> Secret {
        let exact: Box<[u8]> = Box::from(bytes.as_slice());
        bytes.zeroize();
        Secret(Arc::new(Zeroizing::new(exact)))
    }

    /// Returns the bytes, for whoever writes them where they belong. Each call of this is counted by the tidy test.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns how many bytes there are.
    pub fn length(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl SecretBuffer {
    /// Makes room for `most` bytes.
    pub fn with_room(most: usize) -> SecretBuffer {
        SecretBuffer { bytes: Zeroizing::new(Vec::with_capacity(most)), most }
    }

    /// Appends bytes, or returns `false` if there is no room for all of them.
    #[must_use]
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.most - self.bytes.len();
        if fits {
            self.bytes.extend_from_slice(bytes);
        }
        fits
    }

    /// Reads to the end, or returns `false` if that is behind the room there is.
    pub fn fill_from(&mut self, from: &mut dyn Read) -> io::Result<bool> {
        const PIECE: usize = 4 << 10;
        let mut piece = Zeroizing::new([0; PIECE]);
        loop {
            match from.read(&mut *piece) {
                Ok(0) => return Ok(true),
                Ok(count) if self.push(piece.get(..count).unwrap_or_default()) => {}
                Ok(_) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns what is in it so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns what is in it as a secret.
    pub fn into_secret(self) -> Secret {
        Secret(Arc::new(Zeroizing::new(Box::from(self.bytes.as_slice()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(..)");
    }

    #[test]
    fn a_clone_is_the_same_bytes() {
        let secret = Secret::new(b"hunter2".to_vec());
        assert_eq!(secret.clone().expose().as_ptr(), secret.expose().as_ptr());
    }

    #[test]
    fn a_buffer_takes_what_fits_and_never_moves() {
        let mut buffer = SecretBuffer::with_room(8);
        assert!(buffer.push(b"12345"));
        let place = buffer.bytes().as_ptr();
        assert!(!buffer.push(b"6789"));
        assert!(buffer.push(b"678"));
        assert_eq!((buffer.bytes(), buffer.bytes().as_ptr()), (&b"12345678"[..], place));
        assert_eq!(buffer.into_secret().expose(), b"12345678");
    }

    #[test]
    fn reading_stops_where_the_room_ends() {
        let read = |room, text: &[u8]| SecretBuffer::with_room(room).fill_from(&mut &text[..]).unwrap();
        assert_eq!((read(4, b"1234"), read(3, b"1234"), read(0, b"")), (true, false, true));
        let long = vec![7; 100_000];
        assert_eq!((read(100_000, &long), read(99_999, &long)), (true, false));
    }
}
