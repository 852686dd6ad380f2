//! Decodes bzip2: streams of blocks, each of which is sorted text, packed with a few Huffman codes.
//!
//! Nothing here may trust a number that it read: every length is compared with the size of the block, and every block
//! and stream with its checksum. Blocks that were scrambled, as no program has done since 1999, are refused.

mod bits;
mod codes;

use bits::Bits;
use codes::{CODE_BITS_MAX, Codes};
use std::io::{self, Read};

pub(super) const MAGIC: &[u8] = b"BZh";

const LEVEL_BYTES: usize = 100_000;
const BLOCK_START: u64 = 0x3141_5926_5359;
const STREAM_END: u64 = 0x1772_4538_5090;
/// Symbols after which the next selector chooses the code.
const SYMBOLS_PER_SELECTOR: usize = 50;
/// Equal bytes after which a count of further ones follows.
const RUN: u8 = 4;

/// Reads what was packed. Streams may follow each other, and zeros may follow the last one.
pub(super) struct Bzip2<R> {
    bits: Bits<R>,
    state: State,
    /// Bytes that a block of this stream may have; not less than what is allocated in `text`.
    block_bytes: usize,
    /// The bytes of the block in their sorted order (low 8 bits), each with the place of the one that follows it.
    text: Vec<u32>,
    place: u32,
    left: usize,
    /// The byte that was written last, how often in a row, and how often it is still to be written.
    last: u8,
    run: u8,
    repeat: u8,
    checksum: u32,
    block_checksum: u32,
    stream_checksum: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first stream.
    Start,
    /// In a stream, before a block or in it.
    Stream,
    End,
}

impl<R: Read> Bzip2<R> {
    pub(super) fn new(source: R) -> Bzip2<R> {
        Bzip2 {
            bits: Bits::new(source),
            state: State::Start,
            block_bytes: 0,
            text: Vec::new(),
            place: 0,
            left: 0,
            last: 0,
            run: 0,
            repeat: 0,
            checksum: 0,
            block_checksum: 0,
            stream_checksum: 0,
        }
    }

    /// Goes on to the next block that has something to write. Returns whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            match self.state {
                State::End => return Ok(false),
                State::Start => self.start_stream()?,
                State::Stream => match self.bits.take_long(48)? {
                    BLOCK_START => {
                        self.read_block()?;
                        return Ok(true);
                    }
                    STREAM_END => self.end_stream()?,
                    _ => return Err(invalid("no block begins where one should")),
                },
            }
        }
    }

    fn start_stream(&mut self) -> io::Result<()> {
        let level = match self.bits.take_long(32)?.to_be_bytes() {
            [0, 0, 0, 0, b'B', b'Z', b'h', digit @ b'1'..=b'9'] => digit - b'0',
            _ => return Err(invalid("no stream begins where one should")),
        };
        self.block_bytes = usize::from(level) * LEVEL_BYTES;
        self.stream_checksum = 0;
        self.state = State::Stream;
        Ok(())
    }

    fn end_stream(&mut self) -> io::Result<()> {
        if self.bits.take_long(32)? != u64::from(self.stream_checksum) {
            return Err(invalid("the checksum of a stream is wrong"));
        }
        self.bits.align();
        self.state = if self.bits.only_zeros_left()? { State::End } else { State::Start };
        Ok(())
    }

    fn read_block(&mut self) -> io::Result<()> {
        self.block_checksum = self.bits.take(32)?;
        if self.bits.take(1)? == 1 {
            return Err(invalid("a block is scrambled, which is not supported"));
        }
        let origin = self.bits.take(24)?;
        let used = self.read_used()?;
        let symbols = used.len() + 2;
        let count = self.bits.take(3)? as usize;
        if !(2..=6).contains(&count) {
            return Err(invalid("a block has an impossible number of codes"));
        }
        let selectors = self.read_selectors(count)?;
        let mut codes = Vec::with_capacity(count);
        for _ in 0..count {
            codes.push(self.read_code(symbols)?);
        }
        self.read_text(used, &selectors, &codes)?;
        self.unsort(origin)
    }

    /// Reads which bytes the block has.
    fn read_used(&mut self) -> io::Result<Vec<u8>> {
        let rows = self.bits.take(16)?;
        let mut used = Vec::with_capacity(256);
        for row in (0u8..16).filter(|row| rows >> (15 - row) & 1 == 1) {
            let columns = self.bits.take(16)?;
            used.extend((0u8..16).filter(|column| columns >> (15 - column) & 1 == 1).map(|column| row * 16 + column));
        }
        if used.is_empty() {
            return Err(invalid("a block has no bytes"));
        }
        Ok(used)
    }

    fn read_selectors(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let number = self.bits.take(15)? as usize;
        let mut order = [0u8, 1, 2, 3, 4, 5];
        let mut selectors = Vec::with_capacity(number);
        for _ in 0..number {
            let mut at = 0;
            while self.bits.take(1)? == 1 {
                at += 1;
                if at >= count {
                    return Err(invalid("a block chooses a code that it does not have"));
                }
            }
            order[..=at].rotate_right(1);
            selectors.push(order[0]);
        }
        Ok(selectors)
    }

    fn read_code(&mut self, symbols: usize) -> io::Result<Codes> {
        let mut lengths = Vec::with_capacity(symbols);
        let mut length = self.bits.take(5)?;
        for _ in 0..symbols {
            loop {
                if !(1..=CODE_BITS_MAX).contains(&length) {
                    return Err(invalid("a code is of an impossible length"));
                }
                if self.bits.take(1)? == 0 {
                    break;
                }
                length = if self.bits.take(1)? == 0 { length + 1 } else { length - 1 };
            }
            lengths.push(length);
        }
        Codes::new(&lengths).ok_or_else(|| invalid("a code is ambiguous"))
    }

    /// Reads the symbols of a block: runs of the byte that came last, or the number of bytes that came since another.
    fn read_text(&mut self, used: Vec<u8>, selectors: &[u8], codes: &[Codes]) -> io::Result<()> {
        let end = used.len() + 1;
        let mut recent = [0u8; 256];
        recent[..used.len()].copy_from_slice(&used);
        self.text.clear();
        self.text.reserve(self.block_bytes);
        let (mut run, mut weight) = (0usize, 1usize);
        for selector in selectors {
            let code = &codes[usize::from(*selector)];
            for _ in 0..SYMBOLS_PER_SELECTOR {
                let symbol = code.decode(&mut self.bits)?;
                if symbol < 2 {
                    // The length of a run, in digits 1 and 2 of base 2, the lowest first.
                    run += weight << symbol;
                    weight <<= 1;
                    if run > self.block_bytes {
                        return Err(too_long());
                    }
                    continue;
                }
                if run > 0 {
                    self.push(recent[0], run)?;
                    (run, weight) = (0, 1);
                }
                if symbol == end {
                    return Ok(());
                }
                let byte = recent[symbol - 1];
                recent.copy_within(..symbol - 1, 1);
                recent[0] = byte;
                self.push(byte, 1)?;
            }
        }
        Err(invalid("a block has no end"))
    }

    fn push(&mut self, byte: u8, count: usize) -> io::Result<()> {
        if self.text.len() + count > self.block_bytes {
            return Err(too_long());
        }
        if count == 1 {
            self.text.push(u32::from(byte));
        } else {
            self.text.resize(self.text.len() + count, u32::from(byte));
        }
        Ok(())
    }

    /// Finds for each byte the place of the one that follows it in the block as it was before it was sorted.
    fn unsort(&mut self, origin: u32) -> io::Result<()> {
        let mut next = [0u32; 256];
        for entry in &self.text {
            next[(entry & 0xff) as usize] += 1;
        }
        let mut sum = 0;
        for count in &mut next {
            sum += std::mem::replace(count, sum);
        }
        for at in 0..self.text.len() {
            let slot = &mut next[(self.text[at] & 0xff) as usize];
            self.text[*slot as usize] |= (at as u32) << 8;
            *slot += 1;
        }
        let Some(first) = self.text.get(origin as usize) else {
            return Err(invalid("a block begins outside of itself"));
        };
        self.place = first >> 8;
        self.left = self.text.len();
        (self.run, self.repeat) = (0, 0);
        self.checksum = u32::MAX;
        Ok(())
    }

    /// Writes bytes of the block, and returns how many.
    fn write(&mut self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < out.len() {
            if self.repeat > 0 {
                let count = usize::from(self.repeat).min(out.len() - filled);
                out[filled..filled + count].fill(self.last);
                filled += count;
                self.repeat -= count as u8;
                continue;
            }
            if self.left == 0 {
                break;
            }
            let entry = self.text[self.place as usize];
            let byte = entry as u8;
            self.place = entry >> 8;
            self.left -= 1;
            if self.run == RUN {
                (self.repeat, self.run) = (byte, 0);
                continue;
            }
            self.run = if byte == self.last { self.run + 1 } else { 1 };
            self.last = byte;
            out[filled] = byte;
            filled += 1;
        }
        self.checksum = checksum(self.checksum, &out[..filled]);
        filled
    }

    fn end_block(&mut self) -> io::Result<()> {
        if !self.checksum != self.block_checksum {
            return Err(invalid("the checksum of a block is wrong"));
        }
        self.stream_checksum = self.stream_checksum.rotate_left(1) ^ self.block_checksum;
        // Checked once.
        self.text.clear();
        Ok(())
    }
}

impl<R: Read> Read for Bzip2<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.write(out);
            if count > 0 || out.is_empty() {
                return Ok(count);
            }
            if !self.text.is_empty() {
                self.end_block()?;
            }
            if !self.advance()? {
                return Ok(0);
            }
        }
    }
}

const CHECKSUMS: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            value = if value >> 31 == 1 { (value << 1) ^ 0x04c1_1db7 } else { value << 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

/// Adds bytes to a checksum: that of zip, with its bits the other way round.
fn checksum(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |sum, byte| (sum << 8) ^ CHECKSUMS[usize::from((sum >> 24) as u8 ^ byte)])
}

fn too_long() -> io::Error {
    invalid("a block is longer than its stream allows")
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
