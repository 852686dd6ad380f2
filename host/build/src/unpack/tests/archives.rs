//! Archives made by hand, byte for byte, because no honest program makes those that tests need.

use flate2::Crc;
use flate2::write::{DeflateEncoder, GzEncoder};
use std::io::Write;

/// A header of a tar archive before it is written.
#[derive(Debug, Clone)]
pub(super) struct Header<'a> {
    pub(super) kind: u8,
    pub(super) name: &'a [u8],
    pub(super) link: &'a [u8],
    pub(super) mode: u32,
    pub(super) modified: u64,
    /// What the header says instead of the size of the content.
    pub(super) size: Option<u64>,
}

impl Default for Header<'_> {
    fn default() -> Self {
        Header { kind: b'0', name: b"", link: b"", mode: 0o644, modified: 1_000, size: None }
    }
}

impl Header<'_> {
    pub(super) fn block(&self, content: u64) -> [u8; 512] {
        let mut block = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, self.name);
        put(100, format!("{:07o}", self.mode).as_bytes());
        put(108, b"0001750\x000001750\0");
        match self.size.unwrap_or(content) {
            size if size < 1 << 33 => put(124, format!("{size:011o}").as_bytes()),
            size => put(124, &[&[0x80, 0, 0, 0][..], &size.to_be_bytes()].concat()),
        }
        put(136, format!("{:011o}", self.modified).as_bytes());
        put(156, &[self.kind]);
        put(157, self.link);
        put(257, b"ustar\x0000");
        sum(&mut block);
        block
    }
}

/// Writes the checksum into a header.
pub(super) fn sum(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

/// A tar archive that grows.
pub(super) struct Tar(Vec<u8>);

impl Tar {
    pub(super) fn new() -> Tar {
        Tar(Vec::new())
    }

    pub(super) fn put(self, header: &Header<'_>, content: &[u8]) -> Tar {
        self.block(&header.block(content.len() as u64)).content(content)
    }

    pub(super) fn block(mut self, block: &[u8; 512]) -> Tar {
        self.0.extend_from_slice(block);
        self
    }

    pub(super) fn content(mut self, content: &[u8]) -> Tar {
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn file(self, name: &str, content: &[u8]) -> Tar {
        self.put(&Header { name: name.as_bytes(), ..Header::default() }, content)
    }

    pub(super) fn directory(self, name: &str) -> Tar {
        self.put(&Header { kind: b'5', name: name.as_bytes(), ..Header::default() }, b"")
    }

    pub(super) fn link(self, name: &str, target: &str) -> Tar {
        self.kind(b'2', name, target)
    }

    pub(super) fn hard_link(self, name: &str, target: &str) -> Tar {
        self.kind(b'1', name, target)
    }

    pub(super) fn kind(self, kind: u8, name: &str, link: &str) -> Tar {
        self.put(&Header { kind, name: name.as_bytes(), link: link.as_bytes(), ..Header::default() }, b"")
    }

    /// Adds a header of the kind `x` or `g`.
    pub(super) fn pax(self, kind: u8, pairs: &[(&str, &[u8])]) -> Tar {
        let lines: Vec<u8> = pairs.iter().flat_map(|(key, value)| line(key, value)).collect();
        self.put(&Header { kind, name: b"pax", ..Header::default() }, &lines)
    }

    /// Returns the archive with the zeros that end it.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1_024, 0);
        self.0
    }

    /// Returns the archive without an end.
    pub(super) fn open(self) -> Vec<u8> {
        self.0
    }
}

fn line(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    [length.to_string().as_bytes(), &rest].concat()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An entry of a zip archive before it is written; what is set here is written, be it true or not.
#[derive(Debug, Clone)]
pub(super) struct Zipped {
    pub(super) name: Vec<u8>,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) mode: u32,
    pub(super) checksum: u32,
    pub(super) size: u32,
    pub(super) packed: Vec<u8>,
    pub(super) extra: Vec<u8>,
    /// The name in the header before the content.
    pub(super) local: Vec<u8>,
    /// Where the header is said to be, if not where it is.
    pub(super) offset: Option<u32>,
}

impl Zipped {
    pub(super) fn stored(name: &str, content: &[u8]) -> Zipped {
        Zipped {
            name: name.into(),
            method: 0,
            flags: 0,
            mode: 0o100_644,
            checksum: crc(content),
            size: content.len() as u32,
            packed: content.to_owned(),
            extra: Vec::new(),
            local: name.into(),
            offset: None,
        }
    }

    pub(super) fn deflated(name: &str, content: &[u8]) -> Zipped {
        let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        Zipped { method: 8, packed: encoder.finish().unwrap(), ..Zipped::stored(name, content) }
    }

    pub(super) fn moded(name: &str, mode: u32, content: &[u8]) -> Zipped {
        Zipped { mode, ..Zipped::stored(name, content) }
    }
}

pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

pub(super) fn zip(entries: &[Zipped]) -> Vec<u8> {
    let (mut archive, mut list) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = entry.offset.unwrap_or(archive.len() as u32);
        // Of what both have, the header before the content says nothing true.
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&[0xee; 22]);
        archive.extend_from_slice(&(entry.local.len() as u16).to_le_bytes());
        archive.extend_from_slice(&[0, 0]);
        archive.extend_from_slice(&entry.local);
        archive.extend_from_slice(&entry.packed);
        list.extend_from_slice(b"PK\x01\x02\x14\x03\x14\0");
        list.extend([entry.flags, entry.method, 0, 0x5821].into_iter().flat_map(u16::to_le_bytes));
        list.extend([entry.checksum, entry.packed.len() as u32, entry.size].into_iter().flat_map(u32::to_le_bytes));
        let lengths = [entry.name.len() as u16, entry.extra.len() as u16, 0, 0, 0];
        list.extend(lengths.into_iter().flat_map(u16::to_le_bytes));
        list.extend([entry.mode << 16, offset].into_iter().flat_map(u32::to_le_bytes));
        list.extend_from_slice(&entry.name);
        list.extend_from_slice(&entry.extra);
    }
    let start = archive.len() as u32;
    archive.extend_from_slice(&list);
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    archive.extend([entries.len() as u16; 2].into_iter().flat_map(u16::to_le_bytes));
    archive.extend([list.len() as u32, start].into_iter().flat_map(u32::to_le_bytes));
    archive.extend_from_slice(&[0, 0]);
    archive
}
