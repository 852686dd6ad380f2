//! One Huffman code: symbols are numbered in the order of their code words' lengths.

use super::bits::Bits;
use super::invalid;
use std::io::{self, Read};

pub(super) const CODE_BITS_MAX: u32 = 20;
/// Code words of at most so many bits are found in one step.
const FAST_BITS: u32 = 10;
/// The low bits of a fast entry, which hold the length.
const LENGTH_BITS: u32 = 5;

pub(super) struct Codes {
    /// For the next bits: the symbol and the length of its code word, or 0 if it is longer.
    fast: Box<[u16]>,
    /// For each length: the number after the last code word of it, with all bits that follow.
    limits: [u32; CODE_BITS_MAX as usize + 1],
    /// For each length: what to take from a code word to have its place in `symbols`.
    offsets: [i32; CODE_BITS_MAX as usize + 1],
    symbols: Vec<u16>,
}

impl Codes {
    /// Makes the code whose words have these lengths, each from 1 to [`CODE_BITS_MAX`]; `None` if there is no such code.
    pub(super) fn new(lengths: &[u32]) -> Option<Codes> {
        let mut codes = Codes {
            fast: vec![0; 1 << FAST_BITS].into_boxed_slice(),
            limits: [0; CODE_BITS_MAX as usize + 1],
            offsets: [0; CODE_BITS_MAX as usize + 1],
            symbols: Vec::with_capacity(lengths.len()),
        };
        let mut word = 0u32;
        for length in 1..=CODE_BITS_MAX {
            codes.offsets[length as usize] = word as i32 - codes.symbols.len() as i32;
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, own)| **own == length) {
                if word >> length != 0 {
                    return None;
                }
                let symbol = u16::try_from(symbol).ok()?;
                if length <= FAST_BITS {
                    let first = (word << (FAST_BITS - length)) as usize;
                    let entry = symbol << LENGTH_BITS | length as u16;
                    codes.fast[first..first + (1 << (FAST_BITS - length))].fill(entry);
                }
                codes.symbols.push(symbol);
                word += 1;
            }
            codes.limits[length as usize] = word << (CODE_BITS_MAX - length);
            word <<= 1;
        }
        Some(codes)
    }

    /// Reads one symbol. What follows the last symbol of a block is always longer than the longest code word.
    #[inline]
    pub(super) fn decode<R: Read>(&self, bits: &mut Bits<R>) -> io::Result<usize> {
        let next = bits.peek(CODE_BITS_MAX)?;
        let entry = self.fast[(next >> (CODE_BITS_MAX - FAST_BITS)) as usize];
        if entry != 0 {
            bits.drop(u32::from(entry) & ((1 << LENGTH_BITS) - 1));
            return Ok(usize::from(entry >> LENGTH_BITS));
        }
        for length in FAST_BITS + 1..=CODE_BITS_MAX {
            if next < self.limits[length as usize] {
                let word = (next >> (CODE_BITS_MAX - length)) as i32;
                let at = usize::try_from(word - self.offsets[length as usize]).ok();
                if let Some(symbol) = at.and_then(|at| self.symbols.get(at)) {
                    bits.drop(length);
                    return Ok(usize::from(*symbol));
                }
            }
        }
        Err(invalid("a code word means nothing"))
    }
}
