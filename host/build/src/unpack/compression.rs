//! The decoders, each as a reader of everything that a file holds: all members of a gzip file, all streams, all frames.
//! What is packed with a window that is too large is an error of the kind `OutOfMemory`, before that memory is taken.

use super::bzip2::{self, Bzip2};
use super::{Compression, Format};
use crate::limits::WINDOW_BYTES_MAX;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use std::io::{self, BufRead, ErrorKind, Read};

const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";
const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
const ZIP_MAGICS: [&[u8]; 3] = [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"];
const TAR_MAGIC: &[u8] = b"ustar";
const TAR_MAGIC_AT: usize = 257;

/// Returns a reader of what is packed in another.
pub(super) fn decoder<'a>(compression: Compression, source: impl BufRead + Send + 'a) -> Box<dyn Read + Send + 'a> {
    match compression {
        Compression::None => Box::new(source),
        Compression::Gzip => Box::new(Gzip { member: Some(GzDecoder::new(source)) }),
        Compression::Bzip2 => Box::new(Bzip2::new(source)),
        Compression::Xz => {
            // What the decoder needs besides the window is little, but it counts it.
            const MORE_KIB: u64 = 1 << 10;
            let limit = u32::try_from((WINDOW_BYTES_MAX >> 10) + MORE_KIB).unwrap_or(u32::MAX);
            Box::new(XzReader::new_mem_limit(source, true, limit))
        }
        Compression::Zstd => Box::new(Zstd::new(source)),
    }
}

/// Returns whether a file can be of this kind, by its first bytes. A tar archive begins with a name, thus in any way.
pub(super) fn begins(compression: Compression, start: &[u8]) -> bool {
    match compression {
        Compression::None => true,
        Compression::Gzip => start.starts_with(GZIP_MAGIC),
        Compression::Bzip2 => start.starts_with(bzip2::MAGIC),
        Compression::Xz => start.starts_with(XZ_MAGIC),
        Compression::Zstd => start.starts_with(ZSTD_MAGIC) || is_skipped(start),
    }
}

/// Tells by its first bytes what a file may be, for those who wonder why it is not what its name says.
pub(super) fn looks_like(start: &[u8]) -> Option<Format> {
    if start.get(TAR_MAGIC_AT..).is_some_and(|rest| rest.starts_with(TAR_MAGIC)) {
        return Some(Format::Tar(Compression::None));
    }
    if ZIP_MAGICS.iter().any(|magic| start.starts_with(magic)) {
        return Some(Format::Zip);
    }
    let packed = [Compression::Gzip, Compression::Bzip2, Compression::Xz, Compression::Zstd];
    packed.into_iter().find(|compression| begins(*compression, start)).map(Format::Tar)
}

/// Returns whether a zstd frame begins that holds nothing to unpack.
fn is_skipped(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Members one after the other, and zeros after the last.
struct Gzip<R> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(out)?;
            if count > 0 || out.is_empty() {
                return Ok(count);
            }
            let Some(done) = self.member.take() else { break };
            let mut source = done.into_inner();
            if !only_zeros_left(&mut source)? {
                self.member = Some(GzDecoder::new(source));
            }
        }
        Ok(0)
    }
}

fn only_zeros_left(source: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return Ok(true);
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let all = zeros == bytes.len();
        source.consume(zeros);
        if !all {
            return Ok(false);
        }
    }
}

/// Frames one after the other.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Zstd<R> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        Zstd { source, decoder, in_frame: false }
    }

    /// Goes on to the next frame, and returns whether there is one.
    fn start_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                    if skipped < length.into() {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(zstd_error(error)),
            }
        }
    }

    fn check(&self) -> io::Result<()> {
        match self.decoder.get_checksum_from_data() {
            Some(_) if self.decoder.get_checksum_from_data() != self.decoder.get_calculated_checksum() => {
                Err(io::Error::new(ErrorKind::InvalidData, "the checksum of a frame is wrong"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBytes;
        loop {
            if !self.in_frame && !self.start_frame()? {
                return Ok(0);
            }
            let count = self.decoder.read(out)?;
            if count > 0 || out.is_empty() {
                return Ok(count);
            }
            if self.decoder.is_finished() {
                self.check()?;
                self.in_frame = false;
                continue;
            }
            self.decoder.decode_blocks(&mut self.source, UptoBytes(out.len())).map_err(zstd_error)?;
        }
    }
}

fn zstd_error(error: FrameDecoderError) -> io::Error {
    match error {
        FrameDecoderError::WindowSizeTooBig { .. } => io::Error::new(ErrorKind::OutOfMemory, error),
        FrameDecoderError::DictNotProvided { .. } => {
            io::Error::new(ErrorKind::InvalidData, "a frame needs a dictionary")
        }
        // Its own words are those of a debugger.
        error => match cause(&error) {
            Some(cause) => io::Error::from(cause),
            None => io::Error::new(ErrorKind::InvalidData, "a frame cannot be decoded"),
        },
    }
}

/// Returns the kind of the error that reading the file had, if that is at the bottom of another one.
fn cause(error: &(dyn std::error::Error + 'static)) -> Option<ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}
