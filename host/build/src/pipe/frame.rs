//! One message: a mark, a length, and so many bytes of JSON. What comes in is not believed.
//!
//! ```text
//! "PXB1"  length u32, little-endian  JSON
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, ErrorKind, Read, Write};

const MAGIC: [u8; 4] = *b"PXB1";
/// A derivation, with what it takes to write it in JSON.
pub(super) const REQUEST_BYTES_MAX: u32 = 64 << 20;
/// A failure with the end of its log, or which of very many packages are there.
pub(super) const ANSWER_BYTES_MAX: u32 = 8 << 20;

/// Why a message cannot be sent or understood.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("the other side is gone")]
    Closed,
    #[error("the other side went away in the middle of a message")]
    Torn,
    #[error("what comes is not of this protocol")]
    Alien,
    #[error("a message is larger than this protocol allows")]
    Large,
    #[error("a message cannot be understood: {0}")]
    Json(serde_json::Error),
    #[error("{0}")]
    Pipe(io::Error),
}

/// Makes the bytes of a message.
pub(super) fn pack<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let json = serde_json::to_vec(message).map_err(FrameError::Json)?;
    let length = u32::try_from(json.len()).ok().filter(|&length| length <= REQUEST_BYTES_MAX);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(length.ok_or(FrameError::Large)?.to_le_bytes());
    bytes.extend(json);
    Ok(bytes)
}

/// Sends a message.
pub(super) fn send<T: Serialize>(out: &mut dyn Write, message: &T) -> Result<(), FrameError> {
    let bytes = pack(message)?;
    out.write_all(&bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => FrameError::Closed,
        _ => FrameError::Pipe(error),
    })
}

/// Waits for a message of at most so many bytes.
pub(super) fn receive<T: DeserializeOwned>(from: &mut dyn Read, most: u32) -> Result<T, FrameError> {
    let mut start = [0; 8];
    let first = read_some(from, &mut start)?;
    if first == 0 {
        return Err(FrameError::Closed);
    }
    // Something else may be shorter than a message of ours, and then it is not one that was torn.
    if MAGIC.iter().zip(&start[..first]).any(|(ours, theirs)| ours != theirs) {
        return Err(FrameError::Alien);
    }
    from.read_exact(&mut start[first..]).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => FrameError::Torn,
        _ => FrameError::Pipe(error),
    })?;
    let (magic, length) = start.split_at(4);
    if magic != MAGIC {
        return Err(FrameError::Alien);
    }
    let length = u32::from_le_bytes(length.try_into().expect("four bytes were cut off"));
    if length > most {
        return Err(FrameError::Large);
    }
    // Room is made for what comes, not for what was announced.
    let mut json = Vec::new();
    let read = from.take(u64::from(length)).read_to_end(&mut json).map_err(FrameError::Pipe)?;
    if read as u64 != u64::from(length) {
        return Err(FrameError::Torn);
    }
    serde_json::from_slice(&json).map_err(FrameError::Json)
}

fn read_some(from: &mut dyn Read, bytes: &mut [u8]) -> Result<usize, FrameError> {
    loop {
        match from.read(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read.map_err(FrameError::Pipe),
        }
    }
}
