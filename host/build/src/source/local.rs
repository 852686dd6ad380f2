//! What identifies a local source: what is there now.

use crate::limits::BUFFER_BYTES;
use punix_disk::RealDisk;
use punix_store::{Digest, Entry, Hasher, Manifest, Node, TreeError, content_digest};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Why a local source has no digest.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("there is no `{}`", .path.display())]
    Absent { path: PathBuf },
    #[error("`{}` is neither file nor directory", .path.display())]
    Kind { path: PathBuf },
    #[error("cannot read `{}`: {error}", .path.display())]
    Io { path: PathBuf, error: std::io::Error },
    #[error("`{}` cannot be a source: {error}", .path.display())]
    Tree { path: PathBuf, error: TreeError },
}

/// Returns the digest of a file or directory. A link at the very path is followed, none below it; what git ignores
/// counts as anything else does.
pub fn local_digest(path: &Path, threads: usize) -> Result<Digest, LocalError> {
    let io = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => LocalError::Absent { path: path.to_owned() },
        _ => LocalError::Io { path: path.to_owned(), error },
    };
    let metadata = std::fs::metadata(path).map_err(io)?;
    let name = path.file_name().filter(|_| metadata.is_file());
    match (metadata.is_dir(), name) {
        (true, _) => {
            let disk = RealDisk::open(path).map_err(io)?;
            content_digest(&disk, Path::new(""), threads)
                .map_err(|error| LocalError::Tree { path: path.to_owned(), error })
        }
        (false, Some(name)) => file_digest(path, Path::new(name)).map_err(io),
        (false, None) => Err(LocalError::Kind { path: path.to_owned() }),
    }
}

/// Returns the digest of the tree in which a file is all there is, by the name that it has here.
fn file_digest(path: &Path, name: &Path) -> std::io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.add(&buffer[..count]);
        size += count as u64;
    }
    let executable = file.metadata()?.mode() & 0o111 != 0;
    let node = Node::File { executable, size, sha256: hasher.finish() };
    Ok(Manifest::new(vec![Entry { path: name.to_owned(), node }]).tree_hash())
}
