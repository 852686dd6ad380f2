//! Zip archives. What holds is the list at the end of the file; of the header before each content only its length is
//! used. Names are bytes, in which a backslash is like any other; whether they are said to be UTF-8 does not matter.

mod list;
mod time;

use super::compression::{decoder, looks_like};
use super::tree::{Attributes, Tree};
use super::watched::{Watched, go_on};
use super::{Compression, Fault, Format, UnpackError};
use crate::limits::{ARCHIVE_LINK_BYTES_MAX, UNPACK_CHUNK_BYTES};
use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use list::{LOCAL_BYTES, Listed};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

const LOCAL_MAGIC: &[u8] = b"PK\x03\x04";
const KIND: u32 = 0o170_000;

/// Does what a decoder may give up with a panic when what it reads is damaged. It is not used again after that.
fn guarded<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let gave_up = |_| Err(io::Error::new(ErrorKind::InvalidData, "the decoder cannot go on"));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(gave_up)
}

/// Unpacks a file.
pub(super) fn unpack(file: File, tree: &mut Tree<'_>) -> Result<(), UnpackError> {
    let Some(list) = list::read(&file, tree.limits())? else {
        return Err(other(&file)?);
    };
    let mut buffer = vec![0; UNPACK_CHUNK_BYTES].into_boxed_slice();
    let source = BufReader::with_capacity(UNPACK_CHUNK_BYTES, Watched { file, stop: tree.stop() });
    let mut source = Source { source, at: None };
    for listed in &list {
        let done = Entry(listed).unpack(&mut source, tree, &mut buffer);
        // A decoder that was kept from reading says so in words of its own.
        go_on(tree.stop())?;
        done.map_err(|error| error.in_entry(&listed.name))?;
    }
    Ok(())
}

/// Tells what a file is that is no zip archive.
fn other(file: &File) -> Result<UnpackError, UnpackError> {
    let mut start = [0; 512];
    let count = file.read_at(&mut start, 0).map_err(UnpackError::Read)?;
    Ok(match looks_like(&start[..count]) {
        _ if count == 0 => UnpackError::Empty,
        Some(Format::Zip) => UnpackError::damaged("it has no list of entries at its end"),
        found => UnpackError::Other { wanted: Format::Zip, found },
    })
}

struct Source<'a> {
    source: BufReader<Watched<'a>>,
    /// Where it is, if that is known.
    at: Option<u64>,
}

impl<'a> Source<'a> {
    /// Goes to a place; what was read ahead is kept if it is near.
    fn seek(&mut self, to: u64) -> io::Result<()> {
        let near = self.at.and_then(|at| i64::try_from(i128::from(to) - i128::from(at)).ok());
        self.at = None;
        match near {
            Some(distance) => self.source.seek_relative(distance)?,
            None => {
                self.source.seek(SeekFrom::Start(to))?;
            }
        }
        self.at = Some(to);
        Ok(())
    }

    /// Goes to the content of an entry, and returns a reader of its bytes as they are in the archive.
    fn content(&mut self, listed: &Listed) -> Result<Content<'_, 'a>, UnpackError> {
        self.seek(listed.offset).map_err(UnpackError::Read)?;
        let mut local = [0; LOCAL_BYTES];
        self.read(&mut local)?;
        if !local.starts_with(LOCAL_MAGIC) {
            return Err(UnpackError::damaged("its content is not where it should be"));
        }
        let skipped =
            [[local[26], local[27]], [local[28], local[29]]].map(|field| u64::from(u16::from_le_bytes(field)));
        let start = listed.offset + LOCAL_BYTES as u64 + skipped[0] + skipped[1];
        self.seek(start).map_err(UnpackError::Read)?;
        Ok(Content { source: self, left: listed.packed })
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), UnpackError> {
        self.at = self.at.map(|at| at + into.len() as u64);
        self.source.read_exact(into).map_err(UnpackError::decoding)
    }
}

/// The bytes of one entry.
struct Content<'a, 'b> {
    source: &'a mut Source<'b>,
    left: u64,
}

impl Read for Content<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(out.len());
        out[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Content<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let bytes = self.source.source.fill_buf()?;
        if bytes.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        Ok(&bytes[..most])
    }

    fn consume(&mut self, count: usize) {
        self.left -= count as u64;
        self.source.at = self.source.at.map(|at| at + count as u64);
        self.source.source.consume(count);
    }
}

/// An entry that is being unpacked.
struct Entry<'a>(&'a Listed);

impl Entry<'_> {
    fn unpack(&self, source: &mut Source<'_>, tree: &mut Tree<'_>, buffer: &mut [u8]) -> Result<(), UnpackError> {
        let Listed { name, modified, mode, size, .. } = self.0;
        if self.0.encrypted {
            return Err(Fault::Encrypted.of(name));
        }
        let fault = match mode & KIND {
            _ if name.ends_with(b"/") || self.0.directory => return tree.directory(name, *modified),
            0o040_000 => return tree.directory(name, *modified),
            0o120_000 => {
                let mut target = Vec::new();
                if *size > ARCHIVE_LINK_BYTES_MAX as u64 {
                    return Err(Fault::LinkTooLong.of(name));
                }
                self.copy(source, &mut target, buffer)?;
                return tree.link(name, &target, *modified);
            }
            0 | 0o100_000 => {
                let attributes = Attributes { executable: mode & 0o111 != 0, modified: *modified, size: *size };
                return tree.file(name, attributes, |to| self.copy(source, to, buffer));
            }
            0o020_000 | 0o060_000 => Fault::Kind("a device"),
            0o010_000 => Fault::Kind("a pipe"),
            0o140_000 => Fault::Kind("a socket"),
            _ => Fault::Kind("neither file nor link nor directory"),
        };
        Err(fault.of(name))
    }

    /// Writes the content. What comes must be of the size and the checksum that the list says.
    fn copy(&self, source: &mut Source<'_>, to: &mut dyn Write, buffer: &mut [u8]) -> Result<(), UnpackError> {
        let stop = source.source.get_ref().stop;
        let content = source.content(self.0)?;
        let mut reader: Box<dyn Read + '_> = match self.0.method {
            0 => Box::new(content),
            8 => Box::new(DeflateDecoder::new(content)),
            12 => decoder(Compression::Bzip2, content),
            93 => decoder(Compression::Zstd, content),
            95 => decoder(Compression::Xz, content),
            method => return Err(Fault::Method(method).of(&self.0.name)),
        };
        let mut left = self.0.size;
        let mut sum = Crc::new();
        loop {
            go_on(stop)?;
            let count = match guarded(|| reader.read(buffer)) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(UnpackError::decoding(error)),
            };
            let wrong = || UnpackError::damaged("its size is not what the list of entries says");
            left = left.checked_sub(count as u64).ok_or_else(wrong)?;
            sum.update(&buffer[..count]);
            to.write_all(&buffer[..count]).map_err(UnpackError::Write)?;
        }
        if left > 0 {
            return Err(UnpackError::damaged("its size is not what the list of entries says"));
        }
        if sum.sum() != self.0.checksum {
            return Err(UnpackError::damaged("its checksum is wrong"));
        }
        Ok(())
    }
}
