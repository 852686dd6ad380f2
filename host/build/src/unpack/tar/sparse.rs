//! Sparse files: the archive has only the pieces that are not zeros. What is between them is written as zeros and
//! counts like any other content, so nothing can be larger than the limit allows.

use super::header::{BLOCK_BYTES, Block, number};
use super::pax;
use crate::limits::SPARSE_PIECES_MAX;
use crate::unpack::stream::Stream;
use crate::unpack::{Fault, UnpackError};
use std::io::Write;

/// A piece of a file that the archive has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) size: u64,
}

pub(super) enum ReadError {
    Fault(Fault),
    Unpack(UnpackError),
}

impl From<UnpackError> for ReadError {
    fn from(error: UnpackError) -> ReadError {
        ReadError::Unpack(error)
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> ReadError {
        ReadError::Fault(fault)
    }
}

/// Bytes of one piece in a header of the old kind, and where the lists are.
const PIECE_BYTES: usize = 24;
const IN_HEADER: std::ops::Range<usize> = 386..482;
const MORE_AFTER_HEADER: usize = 482;
const IN_BLOCK: std::ops::Range<usize> = 0..504;
const MORE_AFTER_BLOCK: usize = 504;

/// Reads the pieces of a file of the old kind: some are in its header, more in blocks after it.
pub(super) fn old(stream: &mut Stream<'_>, header: &Block) -> Result<Vec<Piece>, ReadError> {
    let mut pieces = Vec::new();
    add_old(&mut pieces, &header[IN_HEADER])?;
    let mut more = header[MORE_AFTER_HEADER] != 0;
    while more {
        let mut block = [0; BLOCK_BYTES];
        stream.fill(&mut block)?;
        add_old(&mut pieces, &block[IN_BLOCK])?;
        more = block[MORE_AFTER_BLOCK] != 0;
    }
    Ok(pieces)
}

fn add_old(pieces: &mut Vec<Piece>, list: &[u8]) -> Result<(), Fault> {
    for piece in list.chunks_exact(PIECE_BYTES) {
        let (offset, size) = piece.split_at(PIECE_BYTES / 2);
        // What is not used is empty.
        if size[0] == 0 {
            break;
        }
        let read = |field| number(field).and_then(|number| u64::try_from(number).ok()).ok_or(Fault::Sparse);
        push(pieces, Piece { offset: read(offset)?, size: read(size)? })?;
    }
    Ok(())
}

/// Reads the pieces from the start of the content, and takes what they need of it from `stored`. They are decimal
/// numbers, each in a line: how many pieces there are, then offset and size of each.
pub(super) fn in_content(stream: &mut Stream<'_>, stored: &mut u64) -> Result<Vec<Piece>, ReadError> {
    let mut numbers = Numbers { block: [0; BLOCK_BYTES], at: BLOCK_BYTES };
    let count = numbers.next(stream, stored)?;
    let mut pieces = Vec::new();
    for _ in 0..count {
        let offset = numbers.next(stream, stored)?;
        push(&mut pieces, Piece { offset, size: numbers.next(stream, stored)? })?;
    }
    Ok(pieces)
}

struct Numbers {
    block: Block,
    at: usize,
}

impl Numbers {
    fn next(&mut self, stream: &mut Stream<'_>, stored: &mut u64) -> Result<u64, ReadError> {
        const DIGITS_MAX: usize = 20;
        let mut digits = Vec::with_capacity(DIGITS_MAX);
        loop {
            if self.at == BLOCK_BYTES {
                *stored = stored.checked_sub(BLOCK_BYTES as u64).ok_or(Fault::Sparse)?;
                stream.fill(&mut self.block)?;
                self.at = 0;
            }
            let byte = self.block[self.at];
            self.at += 1;
            match byte {
                b'\n' => return Ok(pax::number(&digits)?),
                _ if digits.len() == DIGITS_MAX => return Err(Fault::Sparse.into()),
                byte => digits.push(byte),
            }
        }
    }
}

fn push(pieces: &mut Vec<Piece>, piece: Piece) -> Result<(), Fault> {
    if pieces.len() >= SPARSE_PIECES_MAX {
        return Err(Fault::Pieces);
    }
    pieces.push(piece);
    Ok(())
}

/// Checks that pieces follow each other, end within the file, and are together what the archive has.
pub(super) fn check(pieces: &[Piece], stored: u64, size: u64) -> Result<(), Fault> {
    let (mut end, mut sum) = (0, 0u64);
    for piece in pieces {
        if piece.offset < end {
            return Err(Fault::Sparse);
        }
        end = piece.offset.checked_add(piece.size).ok_or(Fault::Sparse)?;
        sum += piece.size;
    }
    if end > size || sum != stored { Err(Fault::Sparse) } else { Ok(()) }
}

/// Writes a whole file from pieces that were checked.
pub(super) fn write(
    stream: &mut Stream<'_>,
    pieces: &[Piece],
    size: u64,
    to: &mut dyn Write,
) -> Result<(), UnpackError> {
    let mut at = 0;
    for piece in pieces {
        zeros(stream, piece.offset - at, to)?;
        stream.copy(piece.size, to)?;
        at = piece.offset + piece.size;
    }
    zeros(stream, size - at, to)
}

fn zeros(stream: &Stream<'_>, mut count: u64, to: &mut dyn Write) -> Result<(), UnpackError> {
    /// They are part of the program.
    const ZEROS: &[u8] = &[0; 16 << 10];
    while count > 0 {
        stream.go_on()?;
        let most = usize::try_from(count).unwrap_or(usize::MAX).min(ZEROS.len());
        to.write_all(&ZEROS[..most]).map_err(UnpackError::Write)?;
        count -= most as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_must_fit_together() {
        let check = |pieces: &[(u64, u64)], stored, size| {
            let pieces: Vec<_> = pieces.iter().map(|(offset, size)| Piece { offset: *offset, size: *size }).collect();
            check(&pieces, stored, size).is_ok()
        };
        assert!(check(&[], 0, 0) && check(&[], 0, 9) && check(&[(0, 3), (3, 2), (9, 0)], 5, 9));
        assert!(!check(&[(0, 3), (2, 2)], 5, 9));
        assert!(!check(&[(5, 5)], 5, 9));
        assert!(!check(&[(0, 5)], 4, 9));
        assert!(!check(&[(u64::MAX, 2)], 2, u64::MAX));
        assert!(!check(&[(3, 1), (0, 1)], 2, 9));
    }
}
