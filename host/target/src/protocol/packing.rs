//! Compressing contents on their way: where the pipe is slower than both ends, and where it makes them smaller. Each message
//! is packed by itself.

use crate::limits::CONTENT_BYTES;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use ruzstd::encoding::{CompressionLevel, FrameCompressor};
use std::io::{self, Cursor, Read};

/// What is packed must have at most so many sixteenths of its size.
const WORTH: usize = 14;
/// Messages that go as they are after one that was not worth it; each time more, up to the second.
const PAUSE: u32 = 4;
const PAUSE_MAX: u32 = 256;
/// What the window of the other side may be: a whole message.
const WINDOW_BYTES_MAX: u64 = 4 << 20;

/// Packs, or finds that it is not worth it.
pub(super) struct Packer {
    compressor: FrameCompressor<Cursor<Vec<u8>>, Vec<u8>, ruzstd::encoding::MatchGeneratorDriver>,
    left_alone: u32,
    pause: u32,
}

impl Packer {
    pub(super) fn new() -> Packer {
        Packer { compressor: FrameCompressor::new(CompressionLevel::Fastest), left_alone: 0, pause: PAUSE }
    }

    /// Returns the bytes packed, or as they were if that would not make them much smaller.
    pub(super) fn pack(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, Vec<u8>> {
        if self.left_alone > 0 {
            self.left_alone -= 1;
            return Err(bytes);
        }
        self.compressor.set_source(Cursor::new(bytes));
        self.compressor.set_drain(Vec::with_capacity(CONTENT_BYTES));
        self.compressor.compress();
        let bytes = self.compressor.take_source().map(Cursor::into_inner).unwrap_or_default();
        let packed = self.compressor.take_drain().unwrap_or_default();
        if packed.len().saturating_mul(16) <= bytes.len().saturating_mul(WORTH) {
            self.pause = PAUSE;
            return Ok(packed);
        }
        self.left_alone = self.pause;
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
        Err(bytes)
    }
}

/// Unpacks, message by message.
pub(super) struct Unpacker(FrameDecoder);

impl Unpacker {
    pub(super) fn new() -> Unpacker {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        Unpacker(decoder)
    }

    /// Returns what the bytes of one message are when they are unpacked.
    pub(super) fn unpack<'u, R: Read + 'u>(&'u mut self, packed: R) -> io::Result<impl Read + 'u> {
        StreamingDecoder::new_with_decoder(packed, &mut self.0).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::fuzz;
    use proptest::prelude::*;

    fn unpacked(packed: &[u8], most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Unpacker::new().unpack(packed)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let (mut packer, mut unpacker) = (Packer::new(), Unpacker::new());
        for size in [1_000, CONTENT_BYTES - 1, CONTENT_BYTES, 3_000] {
            let bytes: Vec<u8> = (0..size).map(|at| (at / 7 % 50) as u8).collect();
            let packed = packer.pack(bytes.clone()).unwrap();
            assert!(packed.len() < size);
            let mut found = Vec::new();
            unpacker.unpack(packed.as_slice()).unwrap().read_to_end(&mut found).unwrap();
            assert!(found == bytes, "{size}");
        }
    }

    /// What was packed before is not packed again, and is soon left alone.
    #[test]
    fn what_does_not_become_smaller_goes_as_it_is() {
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let bytes: Vec<u8> = (0..CONTENT_BYTES).map(|_| noise()).collect();
        let text = vec![b'a'; CONTENT_BYTES];
        let mut packer = Packer::new();
        assert_eq!(packer.pack(bytes.clone()), Err(bytes));
        for _ in 0..PAUSE {
            assert!(packer.pack(text.clone()).is_err());
        }
        assert!(packer.pack(text).is_ok());
    }

    fuzz! {
        400;

        #[test]
        fn no_bytes_do_harm(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            ours in any::<bool>(),
        ) {
            let mut bytes = noise;
            if ours {
                bytes = Packer::new().pack((0..5_000_u32).map(|at| (at / 9) as u8).collect()).unwrap();
                for (at, byte) in changes {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            if let Ok(found) = unpacked(&bytes, 10_000) {
                prop_assert!(found.len() <= 10_000);
            }
        }
    }
}
