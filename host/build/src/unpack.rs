//! Archives: from a file that anybody may have made to a tree beneath one directory.
//!
//! Everything is written through [`RealDisk`], which never leaves its root and never follows a link. On top of that, an
//! archive that names anything else than plain files, directories and links that stay in the tree is refused as a
//! whole; what it had unpacked until then stays in the directory, which the caller throws away.
//!
//! What is kept of an entry is its name (as bytes), its content, whether anybody may execute it, and its time: programs
//! such as `make` compare the times of sources. Times are whole seconds, at least 1, and never in the future, so that
//! what a build makes is newer than its sources. Owners, all other mode bits, extended attributes and the times of
//! directories that only the names of other entries tell of are not kept. Nothing is synced.

mod bzip2;
mod compression;
mod error;
mod place;
mod stream;
mod tar;
mod tree;
mod watched;
mod zip;

pub use error::{Fault, UnpackError};

use crate::limits::{ARCHIVE_BYTES_MAX, ARCHIVE_DEPTH_MAX, ARCHIVE_ENTRIES_MAX, ARCHIVE_PATH_BYTES_MAX};
use punix_disk::RealDisk;
use std::fs::File;
use std::io::Seek;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use tree::Tree;

/// What a file is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Tar(Compression),
    Zip,
}

/// How a tar archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

/// What was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    /// Entries, with directories that only the names of other entries tell of.
    pub entries: u64,
    /// Bytes of all files, each as often as the archive holds it, and holes as if they were zeros.
    pub bytes: u64,
}

/// How much an archive may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub entries: u64,
    pub bytes: u64,
    /// Directories inside each other.
    pub depth: usize,
    pub path_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            entries: ARCHIVE_ENTRIES_MAX,
            bytes: ARCHIVE_BYTES_MAX,
            depth: ARCHIVE_DEPTH_MAX,
            path_bytes: ARCHIVE_PATH_BYTES_MAX,
        }
    }
}

/// Unpacks an archive into a directory that exists, is empty, and is written by nobody else. The file is read from its
/// start. Raising `stop` ends the work soon, with an error.
pub fn unpack(
    format: Format,
    mut file: File,
    into: &Path,
    limits: &Limits,
    stop: &AtomicBool,
) -> Result<Unpacked, UnpackError> {
    file.rewind().map_err(UnpackError::Read)?;
    let disk = RealDisk::open(into).map_err(UnpackError::Write)?;
    let mut tree = Tree::new(&disk, limits, stop);
    match format {
        Format::Tar(compression) => stream::with(compression, file, limits, stop, |stream| {
            tar::unpack(stream, &mut tree, compression != Compression::None)
        })?,
        Format::Zip => zip::unpack(file, &mut tree)?,
    }
    tree.finish()
}

/// Returns which archive a file is by its name, or `None` if it is none. The case of letters does not matter.
pub fn format_of(file_name: &str) -> Option<Format> {
    const SUFFIXES: [(&str, Format); 12] = [
        (".tar", Format::Tar(Compression::None)),
        (".tar.gz", Format::Tar(Compression::Gzip)),
        (".tgz", Format::Tar(Compression::Gzip)),
        (".crate", Format::Tar(Compression::Gzip)),
        (".tar.bz2", Format::Tar(Compression::Bzip2)),
        (".tbz", Format::Tar(Compression::Bzip2)),
        (".tbz2", Format::Tar(Compression::Bzip2)),
        (".tar.xz", Format::Tar(Compression::Xz)),
        (".txz", Format::Tar(Compression::Xz)),
        (".tar.zst", Format::Tar(Compression::Zstd)),
        (".tzst", Format::Tar(Compression::Zstd)),
        (".zip", Format::Zip),
    ];
    let name = file_name.to_ascii_lowercase();
    SUFFIXES.into_iter().find(|(suffix, _)| name.ends_with(suffix)).map(|(_, format)| format)
}

impl Format {
    /// Returns what a file is called that is of this format, with its article.
    pub fn described(self) -> &'static str {
        match self {
            Format::Tar(Compression::None) => "a tar archive",
            Format::Tar(Compression::Gzip) => "a tar archive packed with gzip",
            Format::Tar(Compression::Bzip2) => "a tar archive packed with bzip2",
            Format::Tar(Compression::Xz) => "a tar archive packed with xz",
            Format::Tar(Compression::Zstd) => "a tar archive packed with zstd",
            Format::Zip => "a zip archive",
        }
    }
}

#[cfg(test)]
mod tests;
