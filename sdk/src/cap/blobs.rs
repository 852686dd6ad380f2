//! Bytes that live in the host.

use crate::Error;

pub use crate::abi::abilities::punix::cap::blobs::{Blob, Sink};

/// What one call may carry.
const PIECE_BYTES_MAX: u32 = 256 << 10;

/// Makes a blob of the plugin's own bytes.
pub fn of(bytes: &[u8]) -> Result<Blob, Error> {
    let sink = Sink::new();
    for piece in bytes.chunks(PIECE_BYTES_MAX as usize) {
        sink.write(piece)?;
    }
    Sink::finish(sink)
}

impl Blob {
    /// Reads all that is left, and refuses more than `max` bytes. A sealed blob is `denied`.
    pub fn read_all(&self, max: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        loop {
            let piece = self.read(PIECE_BYTES_MAX)?;
            if piece.is_empty() {
                return Ok(bytes);
            }
            if bytes.len() + piece.len() > max {
                return Err(Error::permanent("blob.too-large", format!("there are more than {max} bytes")));
            }
            bytes.extend_from_slice(&piece);
        }
    }
}
