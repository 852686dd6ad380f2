//! Looking at a tree on a disk: what is where, and what is in it.

use crate::digest::{Digest, Hasher};
use crate::limits::{BUFFER_BYTES, PATH_BYTES_MAX, TREE_DEPTH_MAX, TREE_ENTRIES_MAX};
use crate::manifest::{Entry, Manifest, Node, bytes};
use crate::parallel;
use punix_disk::{Disk, Kind, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Why a tree cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error("`{}` is neither file nor link nor directory", .path.display())]
    Kind { path: PathBuf },
    #[error("there are more than {TREE_ENTRIES_MAX} files, links and directories")]
    TooMany,
    #[error("`{}` is more than {TREE_DEPTH_MAX} directories deep", .path.display())]
    TooDeep { path: PathBuf },
    #[error("`{}` is a path of more than {PATH_BYTES_MAX} bytes", .path.display())]
    PathTooLong { path: PathBuf },
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Lists and reads a tree, with at most `threads` threads. Links are not followed.
pub fn walk(disk: &dyn Disk, top: &Path, threads: usize) -> Result<Manifest, TreeError> {
    let found = survey(disk, top, Locked::Leave)?;
    refuse_others(&found)?;
    let entries = parallel::map(&found, threads, buffer, |buffer, found| -> io::Result<Entry> {
        let node = node(disk, top, found, is_executable(found), buffer)?;
        Ok(Entry { path: found.path.clone(), node })
    });
    Ok(Manifest::new(entries?))
}

/// Returns what identifies a local source: the digest of a directory's tree, or of the tree in which a file, by its
/// name, is all there is.
pub fn content_digest(disk: &dyn Disk, path: &Path, threads: usize) -> Result<Digest, TreeError> {
    let is_file = disk.metadata(path)?.is_some_and(|metadata| metadata.kind == Kind::File);
    let (true, Some(name), Some(parent)) = (is_file, path.file_name(), path.parent()) else {
        return Ok(walk(disk, path, threads)?.tree_hash());
    };
    let found = look(disk, parent, name.into())?;
    let node = node(disk, parent, &found, is_executable(&found), &mut buffer())?;
    Ok(Manifest::new(vec![Entry { path: name.into(), node }]).tree_hash())
}

/// What was found at one path, relative to the top.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) metadata: Metadata,
}

/// What to do about directories that their owner cannot list or change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    Leave,
    Open,
}

/// Lists a tree without reading files, in the order of the paths' bytes. The top is not in the list.
pub(crate) fn survey(disk: &dyn Disk, top: &Path, locked: Locked) -> Result<Vec<Found>, TreeError> {
    let mut all: Vec<Found> = Vec::new();
    let mut open = vec![(look(disk, top, PathBuf::new())?, 0)];
    while let Some((directory, depth)) = open.pop() {
        if depth > TREE_DEPTH_MAX {
            return Err(TreeError::TooDeep { path: directory.path });
        }
        let place = below(top, &directory.path);
        let mode = directory.metadata.mode;
        if locked == Locked::Open && mode & 0o700 != 0o700 {
            disk.set_mode(&place, mode | 0o700)?;
        }
        for name in disk.list(&place)? {
            let path = directory.path.join(name);
            if bytes(&path).len() > PATH_BYTES_MAX {
                return Err(TreeError::PathTooLong { path });
            }
            let found = look(disk, top, path)?;
            match found.metadata.kind {
                Kind::Directory => open.push((found, depth + 1)),
                Kind::File | Kind::Link | Kind::Other => all.push(found),
            }
            if all.len() + open.len() > TREE_ENTRIES_MAX {
                return Err(TreeError::TooMany);
            }
        }
        if depth > 0 {
            all.push(directory);
        }
    }
    all.sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
    Ok(all)
}

/// Refuses what no manifest can hold.
pub(crate) fn refuse_others(found: &[Found]) -> Result<(), TreeError> {
    match found.iter().find(|found| found.metadata.kind == Kind::Other) {
        Some(found) => Err(TreeError::Kind { path: found.path.clone() }),
        None => Ok(()),
    }
}

/// Makes a manifest's node of what was found, which for a file means to read it.
pub(crate) fn node(
    disk: &dyn Disk,
    top: &Path,
    found: &Found,
    executable: bool,
    buffer: &mut [u8],
) -> io::Result<Node> {
    let place = below(top, &found.path);
    match found.metadata.kind {
        Kind::File => {
            let (size, sha256) = read(disk, &place, buffer)?;
            Ok(Node::File { executable, size, sha256 })
        }
        Kind::Link => Ok(Node::Link { target: disk.read_link(&place)? }),
        Kind::Directory => Ok(Node::Directory),
        Kind::Other => Err(io::Error::new(ErrorKind::InvalidInput, "it is no file")),
    }
}

/// Reads a file to its end. Returns its size and digest.
fn read(disk: &dyn Disk, path: &Path, buffer: &mut [u8]) -> io::Result<(u64, Digest)> {
    let mut file = disk.open(path)?;
    let mut hasher = Hasher::new();
    let mut size = 0;
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok((size, hasher.finish())),
            Ok(count) => {
                hasher.add(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Returns what [`node`] needs to read with.
pub(crate) fn buffer() -> Vec<u8> {
    vec![0; BUFFER_BYTES]
}

pub(crate) fn is_executable(found: &Found) -> bool {
    found.metadata.mode & 0o111 != 0
}

/// Joins two paths, of which each may be empty.
pub(crate) fn below(top: &Path, path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { top.to_owned() } else { top.join(path) }
}

fn look(disk: &dyn Disk, top: &Path, path: PathBuf) -> io::Result<Found> {
    let place = below(top, &path);
    match disk.metadata(&place)? {
        Some(metadata) => Ok(Found { path, metadata }),
        None => {
            let what = format!("`{}` is not there", place.display());
            Err(io::Error::new(ErrorKind::NotFound, what))
        }
    }
}

#[cfg(test)]
mod tests;
