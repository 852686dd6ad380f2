//! Bits of a file, the highest of each byte first.

use std::io::{self, ErrorKind, Read};

const INPUT_BYTES: usize = 64 << 10;

pub(super) struct Bits<R> {
    source: R,
    input: Box<[u8]>,
    /// What of the input is not yet in `buffer`.
    at: usize,
    end: usize,
    /// The next bits; only the lowest `count` are there.
    buffer: u64,
    count: u32,
}

impl<R: Read> Bits<R> {
    pub(super) fn new(source: R) -> Bits<R> {
        Bits { source, input: vec![0; INPUT_BYTES].into_boxed_slice(), at: 0, end: 0, buffer: 0, count: 0 }
    }

    /// Returns the next bits, at most 32.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> io::Result<u32> {
        let bits = self.peek(count)?;
        self.drop(count);
        Ok(bits)
    }

    /// Returns the next bits, at most 64.
    pub(super) fn take_long(&mut self, count: u32) -> io::Result<u64> {
        let high = u64::from(self.take(count / 2)?);
        Ok(high << (count - count / 2) | u64::from(self.take(count - count / 2)?))
    }

    /// Returns the next bits, at most 32, without taking them.
    #[inline]
    pub(super) fn peek(&mut self, count: u32) -> io::Result<u32> {
        if self.count < count {
            self.refill(count)?;
        }
        Ok((self.buffer >> (self.count - count)) as u32 & (u32::MAX >> (32 - count)))
    }

    /// Takes bits that were peeked at.
    #[inline]
    pub(super) fn drop(&mut self, count: u32) {
        self.count -= count;
    }

    /// Goes on to the next whole byte.
    pub(super) fn align(&mut self) {
        self.count -= self.count % 8;
    }

    /// Returns whether nothing but zeros follows, and takes the zeros.
    pub(super) fn only_zeros_left(&mut self) -> io::Result<bool> {
        loop {
            if self.count == 0 && self.at == self.end && !self.read_more()? {
                return Ok(true);
            }
            if self.peek(8)? != 0 {
                return Ok(false);
            }
            self.drop(8);
        }
    }

    #[cold]
    fn refill(&mut self, wanted: u32) -> io::Result<()> {
        while self.count <= 56 {
            if self.at == self.end && !self.read_more()? {
                break;
            }
            self.buffer = self.buffer << 8 | u64::from(self.input[self.at]);
            self.at += 1;
            self.count += 8;
        }
        if self.count < wanted { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn read_more(&mut self) -> io::Result<bool> {
        (self.at, self.end) = (0, 0);
        loop {
            match self.source.read(&mut self.input) {
                Ok(count) => {
                    self.end = count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
