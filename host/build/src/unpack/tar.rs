//! Tar archives: ustar, those of GNU with long names and sparse files, and those with PAX headers.
//!
//! Where the formats leave a choice, the stricter reading is taken. What says that it is a link has no content; a
//! header that would then not be one makes the archive damaged.

mod header;
mod pax;
mod sparse;

use super::compression::looks_like;
use super::stream::Stream;
use super::tree::{Attributes, Tree};
use super::{Compression, Fault, Format, UnpackError};
use crate::limits::TAR_EXTENDED_BYTES_MAX;
use header::{BLOCK_BYTES, Block, Header};
use pax::{Extended, Sparse};
use sparse::Piece;

/// What a stream is once it is decoded.
const WANTED: Format = Format::Tar(Compression::None);

/// Unpacks a stream. If it is `framed`, whoever packed it made sure that it is whole, and the archive may do without the
/// zeros that mark its end.
pub(super) fn unpack(stream: &mut Stream<'_>, tree: &mut Tree<'_>, framed: bool) -> Result<(), UnpackError> {
    let mut global = Extended::default();
    let mut own = Extended::default();
    let mut first = true;
    while let Some(block) = next(stream, framed)? {
        let header = match Header::parse(&block) {
            Ok(header) => header,
            Err(_) if first => {
                let found = looks_like(&block).filter(|found| *found != WANTED);
                return Err(UnpackError::Other { wanted: WANTED, found });
            }
            Err(why) => return Err(UnpackError::damaged(why)),
        };
        first = false;
        match header.kind {
            b'x' | b'X' => own.add(&extended(stream, &header)?).map_err(|fault| fault.of(&header.name))?,
            b'g' => global.add(&extended(stream, &header)?).map_err(|fault| fault.of(&header.name))?,
            b'L' => own.path = Some(long_name(stream, &header)?),
            b'K' => own.link = Some(long_name(stream, &header)?),
            // The label of a volume, and access lists of Solaris.
            b'V' | b'A' => pass(stream, header.size)?,
            _ => entry(stream, tree, header, std::mem::take(&mut own), &global, &block)?,
        }
    }
    stream.finish()
}

/// Returns the next header, or `None` at the end of the archive.
fn next(stream: &mut Stream<'_>, framed: bool) -> Result<Option<Block>, UnpackError> {
    if framed && stream.peek()?.is_empty() {
        return Ok(None);
    }
    let mut block = [0; BLOCK_BYTES];
    stream.fill(&mut block)?;
    Ok((block != [0; BLOCK_BYTES]).then_some(block))
}

fn entry(
    stream: &mut Stream<'_>,
    tree: &mut Tree<'_>,
    header: Header,
    own: Extended,
    all: &Extended,
    block: &Block,
) -> Result<(), UnpackError> {
    let name = own.path.as_ref().or(all.path.as_ref()).unwrap_or(&header.name);
    let link = own.link.as_ref().or(all.link.as_ref()).unwrap_or(&header.link);
    let modified = own.modified.or(all.modified).unwrap_or(header.modified);
    let size = own.size.or(all.size).unwrap_or(header.size);
    let refuse = |fault: Fault| Err(fault.of(name));
    match header.kind {
        // Before there were kinds, a directory was what ends like one.
        b'0' | 0 | b'7' if name.ends_with(b"/") => {
            tree.directory(name, modified)?;
            pass(stream, size)
        }
        b'0' | 0 | b'7' | b'S' => {
            let file = File { name: own.sparse.name.as_deref().unwrap_or(name), size, modified, header: &header };
            file.unpack(stream, tree, &own.sparse, block).map_err(|error| error.in_entry(file.name))
        }
        b'1' => tree.hard_link(name, link),
        b'2' => tree.link(name, link, modified),
        b'5' | b'D' => {
            tree.directory(name, modified)?;
            pass(stream, size)
        }
        b'3' => refuse(Fault::Kind("a device")),
        b'4' => refuse(Fault::Kind("a device")),
        b'6' => refuse(Fault::Kind("a pipe")),
        b'M' => refuse(Fault::Kind("a part of a file that began in another archive")),
        kind => refuse(Fault::UnknownKind(kind)),
    }
}

/// A regular file as its headers have it.
struct File<'a> {
    name: &'a [u8],
    /// Bytes in the archive.
    size: u64,
    modified: i64,
    header: &'a Header,
}

impl File<'_> {
    fn unpack(
        &self,
        stream: &mut Stream<'_>,
        tree: &mut Tree<'_>,
        said: &Sparse,
        block: &Block,
    ) -> Result<(), UnpackError> {
        let mut stored = self.size;
        let sparse = match said {
            _ if self.header.kind == b'S' => Some(sparse::old(stream, block)),
            sparse if sparse.is_in_content() => Some(sparse::in_content(stream, &mut stored)),
            sparse => sparse.pieces().map(Ok),
        };
        let attributes = |size| Attributes { executable: self.header.mode & 0o111 != 0, modified: self.modified, size };
        match sparse {
            None => tree.file(self.name, attributes(stored), |to| stream.copy(stored, to))?,
            Some(pieces) => {
                let pieces: Vec<Piece> = pieces.map_err(|error| self.blame(error))?;
                let size = said.real_size.or(self.header.real_size).unwrap_or(self.size);
                sparse::check(&pieces, stored, size).map_err(|fault| fault.of(self.name))?;
                tree.file(self.name, attributes(size), |to| sparse::write(stream, &pieces, size, to))?;
            }
        }
        stream.skip(padding(stored))
    }

    fn blame(&self, error: sparse::ReadError) -> UnpackError {
        match error {
            sparse::ReadError::Fault(fault) => fault.of(self.name),
            sparse::ReadError::Unpack(error) => error,
        }
    }
}

/// Reads the content of headers that extend another.
fn extended(stream: &mut Stream<'_>, header: &Header) -> Result<Vec<u8>, UnpackError> {
    if header.size > TAR_EXTENDED_BYTES_MAX {
        return Err(Fault::Headers.of(&header.name));
    }
    let mut content = Vec::new();
    stream.take(header.size, |bytes| {
        content.extend_from_slice(bytes);
        Ok(())
    })?;
    stream.skip(padding(header.size))?;
    Ok(content)
}

fn long_name(stream: &mut Stream<'_>, header: &Header) -> Result<Vec<u8>, UnpackError> {
    let mut name = extended(stream, header)?;
    name.truncate(header::until_nul(&name).len());
    Ok(name)
}

fn pass(stream: &mut Stream<'_>, size: u64) -> Result<(), UnpackError> {
    stream.skip(size)?;
    stream.skip(padding(size))
}

/// Returns how many bytes fill the last block of a content.
fn padding(size: u64) -> u64 {
    (BLOCK_BYTES as u64 - size % BLOCK_BYTES as u64) % BLOCK_BYTES as u64
}
