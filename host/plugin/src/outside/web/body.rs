//! The body of an answer. It is sealed from its first byte: it lies in memory that is overwritten when it goes, also when
//! it has to move to a larger place.

use super::answer::field;
use super::error::{Doing, ProtocolFault, WebError};
use super::incoming::Incoming;
use crate::limits::CHUNK_FRAME_BYTES_MAX;
use zeroize::Zeroizing;

/// How a body says where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Nothing,
    Length(usize),
    Chunked,
    /// With the connection.
    ToTheEnd,
}

/// Bytes that were received.
struct Received {
    bytes: Zeroizing<Vec<u8>>,
    most: usize,
}

/// Reads a body of at most so many bytes. What follows its last chunk counts against the budget of the head.
pub(super) fn body(
    incoming: &mut Incoming<'_>,
    framing: Framing,
    budget: &mut usize,
    most: usize,
) -> Result<Zeroizing<Vec<u8>>, WebError> {
    let too_large = WebError::TooLarge { host: incoming.host().to_owned(), most };
    let mut received = Received { bytes: Zeroizing::default(), most };
    match framing {
        Framing::Nothing => {}
        Framing::Length(length) if length > most => return Err(too_large),
        Framing::Length(length) => {
            received.bytes = Zeroizing::new(Vec::with_capacity(length));
            received.exactly(incoming, length)?;
        }
        Framing::Chunked => received.chunks(incoming, budget)?,
        Framing::ToTheEnd => loop {
            let piece = incoming.take(usize::MAX)?;
            if piece.is_empty() {
                break;
            }
            if !received.push(piece) {
                return Err(too_large);
            }
        },
    }
    Ok(received.bytes)
}

impl Received {
    /// Appends bytes, if there may be so many.
    #[must_use]
    fn push(&mut self, piece: &[u8]) -> bool {
        let length = self.bytes.len() + piece.len();
        if length > self.most {
            return false;
        }
        if length > self.bytes.capacity() {
            // A vector that grows by itself would leave its bytes where they were.
            let room = length.max(self.bytes.capacity().saturating_mul(2)).min(self.most);
            let mut larger = Zeroizing::new(Vec::with_capacity(room));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(piece);
        true
    }

    fn exactly(&mut self, incoming: &mut Incoming<'_>, length: usize) -> Result<(), WebError> {
        let host = incoming.host();
        let mut left = length;
        while left > 0 {
            let piece = incoming.take(left)?;
            if piece.is_empty() {
                return Err(WebError::Closed { host: host.to_owned(), doing: Doing::Reading });
            }
            left -= piece.len();
            if !self.push(piece) {
                return Err(WebError::TooLarge { host: host.to_owned(), most: self.most });
            }
        }
        Ok(())
    }

    fn chunks(&mut self, incoming: &mut Incoming<'_>, budget: &mut usize) -> Result<(), WebError> {
        let host = incoming.host();
        let mut frames = CHUNK_FRAME_BYTES_MAX.saturating_add(self.most / 8);
        let framed = |error| match error {
            WebError::Protocol { host, fault: ProtocolFault::TooMuch } => {
                WebError::Protocol { host, fault: ProtocolFault::Frames }
            }
            other => other,
        };
        loop {
            let line = incoming.line(Doing::Reading, &mut frames).map_err(framed)?;
            let Some(length) = chunk_length(line) else { return Err(incoming.wrong(ProtocolFault::Chunk)) };
            if length == 0 {
                break;
            }
            if length > self.most - self.bytes.len() {
                return Err(WebError::TooLarge { host: host.to_owned(), most: self.most });
            }
            self.exactly(incoming, length)?;
            if !incoming.line(Doing::Reading, &mut frames).map_err(framed)?.is_empty() {
                return Err(incoming.wrong(ProtocolFault::Chunk));
            }
        }
        // Trailers say nothing that is wanted, but they have to end.
        loop {
            let line = incoming.line(Doing::Reading, budget)?;
            if line.is_empty() {
                return Ok(());
            }
            if field(line).is_none() {
                return Err(incoming.wrong(ProtocolFault::Header));
            }
        }
    }
}

/// Reads the line before a chunk: hexadecimal digits, perhaps `;` and what nobody needs.
fn chunk_length(line: &[u8]) -> Option<usize> {
    const DIGITS_MAX: usize = 8;
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii_end();
    let sound = (1..=DIGITS_MAX).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| sound)?;
    usize::from_str_radix(digits, 16).ok()
}
