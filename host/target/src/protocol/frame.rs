//! One message of the protocol: a head of JSON, and pieces of bytes that belong to it. What comes in is not believed:
//! everything has a cap, and what is secret lies nowhere but in a [`Secret`].
//!
//! ```text
//! "PXT1"  head length u32  number of pieces u32  { kind u8  length u64 } …  head  piece …      all little-endian
//! ```

use crate::body::Body;
use punix_model::{Secret, SecretBuffer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};

const MAGIC: [u8; 4] = *b"PXT1";
/// A head holds records and lists of paths.
const HEAD_BYTES_MAX: u32 = 64 << 20;
const PIECES_MAX: u32 = 1 << 17;
/// A file of a stack, at most.
const PIECE_BYTES_MAX: u64 = 1 << 30;
const PIECES_BYTES_MAX: u64 = 4 << 30;

/// The kinds of pieces.
pub(crate) const PLAIN: u8 = 0;
const SECRET: u8 = 1;

/// Bytes that go with a head.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Plain(Vec<u8>),
    Secret(Secret),
    /// What is only sent: at the other side it is plain.
    Brought(Body),
}

impl Piece {
    fn size(&self) -> u64 {
        match self {
            Piece::Plain(bytes) => bytes.len() as u64,
            Piece::Secret(secret) => secret.length() as u64,
            Piece::Brought(body) => body.size(),
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Piece::Plain(bytes) => out.write_all(bytes),
            // The way to the target is the one place behind the splice where a secret is needed.
            Piece::Secret(secret) => out.write_all(secret.expose()),
            Piece::Brought(body) => body.each_piece(|piece| out.write_all(piece)),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Piece::Plain(_) | Piece::Brought(_) => PLAIN,
            Piece::Secret(_) => SECRET,
        }
    }
}

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
    Head(serde_json::Error),
    #[error("{0}")]
    Pipe(io::Error),
}

/// Sends a message.
pub(crate) fn send<T: Serialize>(out: &mut dyn Write, head: &T, pieces: &[Piece]) -> Result<(), FrameError> {
    let head = serde_json::to_vec(head).map_err(FrameError::Head)?;
    let length = u32::try_from(head.len()).ok().filter(|&length| length <= HEAD_BYTES_MAX);
    let count = u32::try_from(pieces.len()).ok().filter(|&count| count <= PIECES_MAX);
    let (Some(length), Some(count)) = (length, count) else { return Err(FrameError::Large) };
    let mut start = Vec::with_capacity(12 + 9 * pieces.len() + head.len());
    start.extend(MAGIC);
    start.extend(length.to_le_bytes());
    start.extend(count.to_le_bytes());
    for piece in pieces {
        start.push(piece.kind());
        start.extend(piece.size().to_le_bytes());
    }
    start.extend(head);
    let write = |out: &mut dyn Write| {
        out.write_all(&start)?;
        pieces.iter().try_for_each(|piece| piece.write(out))?;
        out.flush()
    };
    write(out).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => FrameError::Closed,
        _ => FrameError::Pipe(error),
    })
}

/// How long the pieces of a message are, and of which kind.
pub(crate) type Sizes = Vec<(u8, u64)>;

/// Waits for a message.
pub(crate) fn receive<T: DeserializeOwned>(from: &mut dyn Read) -> Result<(T, Vec<Piece>), FrameError> {
    let (head, sizes) = begin(from)?;
    Ok((head, pieces(from, sizes)?))
}

/// Waits for the head of a message. Its pieces are to be read next.
pub(crate) fn begin<T: DeserializeOwned>(from: &mut dyn Read) -> Result<(T, Sizes), FrameError> {
    let mut start = [0; 12];
    let first = read_some(from, &mut start)?;
    if first == 0 {
        return Err(FrameError::Closed);
    }
    // Something else may be shorter than a message of ours, and then it is not one that was torn.
    if MAGIC.iter().zip(&start[..first]).any(|(ours, theirs)| ours != theirs) {
        return Err(FrameError::Alien);
    }
    fill(from, &mut start[first..])?;
    let (magic, numbers) = start.split_at(4);
    let (length, count) = numbers.split_at(4);
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes were cut off"));
    let (length, count) = (number(length), number(count));
    if magic != MAGIC {
        return Err(FrameError::Alien);
    }
    if length > HEAD_BYTES_MAX || count > PIECES_MAX {
        return Err(FrameError::Large);
    }
    let sizes = sizes(from, count)?;
    let head = plain(from, u64::from(length))?;
    let head = serde_json::from_slice(&head).map_err(FrameError::Head)?;
    Ok((head, sizes))
}

/// Reads the pieces of a message.
pub(crate) fn pieces(from: &mut dyn Read, sizes: Sizes) -> Result<Vec<Piece>, FrameError> {
    let pieces = sizes.into_iter().map(|(kind, size)| match kind {
        PLAIN => plain(from, size).map(Piece::Plain),
        SECRET => secret(from, size).map(Piece::Secret),
        _ => Err(FrameError::Alien),
    });
    pieces.collect()
}

fn sizes(from: &mut dyn Read, count: u32) -> Result<Sizes, FrameError> {
    let mut sizes = Vec::new();
    let mut left = PIECES_BYTES_MAX;
    for _ in 0..count {
        let mut row = [0; 9];
        fill(from, &mut row)?;
        let [kind, size @ ..] = row;
        let size = u64::from_le_bytes(size);
        if size > PIECE_BYTES_MAX {
            return Err(FrameError::Large);
        }
        left = left.checked_sub(size).ok_or(FrameError::Large)?;
        sizes.push((kind, size));
    }
    Ok(sizes)
}

/// Reads so many bytes. Room is made for what came, not for what was announced.
fn plain(from: &mut dyn Read, size: u64) -> Result<Vec<u8>, FrameError> {
    let mut bytes = Vec::new();
    let read = from.take(size).read_to_end(&mut bytes).map_err(FrameError::Pipe)?;
    if read as u64 == size { Ok(bytes) } else { Err(FrameError::Torn) }
}

fn secret(from: &mut dyn Read, size: u64) -> Result<Secret, FrameError> {
    // A buffer that grows would leave copies behind; so secrets have a smaller cap.
    const SECRET_BYTES_MAX: u64 = 64 << 20;
    let room = usize::try_from(size).ok().filter(|_| size <= SECRET_BYTES_MAX).ok_or(FrameError::Large)?;
    let mut buffer = SecretBuffer::with_room(room);
    let whole = buffer.fill_from(&mut from.take(size)).map_err(FrameError::Pipe)?;
    if whole && buffer.bytes().len() == room { Ok(buffer.into_secret()) } else { Err(FrameError::Torn) }
}

fn fill(from: &mut dyn Read, bytes: &mut [u8]) -> Result<(), FrameError> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => FrameError::Torn,
        _ => FrameError::Pipe(error),
    })
}

fn read_some(from: &mut dyn Read, bytes: &mut [u8]) -> Result<usize, FrameError> {
    loop {
        match from.read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map_err(FrameError::Pipe),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::fuzz;
    use proptest::prelude::*;

    fn sent(head: &Vec<String>, pieces: &[Piece]) -> Vec<u8> {
        let mut bytes = Vec::new();
        send(&mut bytes, head, pieces).unwrap();
        bytes
    }

    fn received(bytes: &[u8]) -> Result<(Vec<String>, Vec<Piece>), FrameError> {
        receive(&mut &bytes[..])
    }

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let pieces =
            [Piece::Plain(b"one".to_vec()), Piece::Secret(Secret::new(b"two".to_vec())), Piece::Brought(vec![].into())];
        let bytes = sent(&vec!["head".to_owned()], &pieces);
        let (head, found) = received(&bytes).unwrap();
        assert_eq!(head, ["head"]);
        let bytes_of = |piece: &Piece| {
            let mut bytes = Vec::new();
            piece.write(&mut bytes).unwrap();
            bytes
        };
        let found: Vec<(u8, Vec<u8>)> = found.iter().map(|piece| (piece.kind(), bytes_of(piece))).collect();
        assert_eq!(found, [(0, b"one".to_vec()), (1, b"two".to_vec()), (0, vec![])]);
        assert!(matches!(received(&[]), Err(FrameError::Closed)));
        for end in 1..bytes.len() {
            assert!(matches!(received(&bytes[..end]), Err(FrameError::Torn)), "{end}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_read() {
        let start = |length: u32, count: u32, rows: &[(u8, u64)]| {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(length.to_le_bytes());
            bytes.extend(count.to_le_bytes());
            for (kind, size) in rows {
                bytes.push(*kind);
                bytes.extend(size.to_le_bytes());
            }
            bytes
        };
        for bytes in [
            start(HEAD_BYTES_MAX + 1, 0, &[]),
            start(2, PIECES_MAX + 1, &[]),
            start(2, 1, &[(0, PIECE_BYTES_MAX + 1)]),
            start(2, 5, &[(0, PIECE_BYTES_MAX); 5]),
        ] {
            assert!(matches!(received(&bytes), Err(FrameError::Large)));
        }
        let mut secret = start(2, 1, &[(1, PIECE_BYTES_MAX)]);
        secret.extend(b"[]");
        assert!(matches!(received(&secret), Err(FrameError::Large)));
    }

    fuzz! {
        256;

        #[test]
        fn no_bytes_do_harm(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
            if ours {
                bytes.splice(0..4.min(bytes.len()), MAGIC);
            }
            let _ = received(&bytes);
        }
    }
}
