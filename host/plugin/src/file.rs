//! Reading a plugin's file. It is read once, and what was read is what is hashed, inspected, compiled and run: a file
//! that is swapped afterwards changes nothing. Nothing here looks at a path twice.

use crate::digest::Digest;
use crate::limits::COMPONENT_BYTES_MAX;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The bytes of a plugin, and their digest. Invariant: the digest is that of the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Component {
    bytes: Cow<'static, [u8]>,
    digest: Digest,
}

/// Why a plugin's file was not read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("`{}` is a link, and links to plugins are not followed", path.display())]
    Link { path: PathBuf },
    #[error("`{}` is not a regular file", path.display())]
    Kind { path: PathBuf },
    #[error("`{}` is larger than {} MiB", path.display(), COMPONENT_BYTES_MAX >> 20)]
    TooLarge { path: PathBuf },
    #[error("`{}` cannot be read: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// Reads a plugin. A link at the end of the path is refused; those before it are the operator's.
pub fn read(path: &Path) -> Result<Component, FileError> {
    let failed = |error: io::Error| match error.raw_os_error() {
        // What a system answers that was told not to follow links.
        Some(code) if code == Errno::LOOP.raw_os_error() => FileError::Link { path: path.to_owned() },
        // A socket cannot be opened at all.
        Some(code) if code == Errno::NXIO.raw_os_error() => FileError::Kind { path: path.to_owned() },
        _ => FileError::Io { path: path.to_owned(), error },
    };
    // A pipe would otherwise be waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(FileError::Kind { path: path.to_owned() });
    }
    match read_up_to(file, COMPONENT_BYTES_MAX).map_err(failed)? {
        Some(bytes) => Ok(Component::new(bytes)),
        None => Err(FileError::TooLarge { path: path.to_owned() }),
    }
}

impl Component {
    /// Takes bytes that are in memory already.
    pub fn new(bytes: Vec<u8>) -> Component {
        Component { digest: Digest::of(&bytes), bytes: bytes.into() }
    }

    /// Takes bytes that are part of this binary, with the digest that its build computed.
    pub(crate) fn part(bytes: &'static [u8], digest: Digest) -> Component {
        Component { digest, bytes: bytes.into() }
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns their digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns how many bytes there are.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Component({} bytes, {})", self.bytes.len(), self.digest)
    }
}

/// Reads to the end, or returns `None` if that is behind `bytes_max`. What the file's length was said to be does not
/// count: it may grow while it is read.
fn read_up_to(file: File, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= bytes_max).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_file_is_read_with_its_digest() {
        let folder = Folder::new("read");
        let path = folder.path().join("a.wasm");
        fs::write(&path, b"bytes").unwrap();
        let component = read(&path).unwrap();
        assert_eq!((component.bytes(), component.size()), (&b"bytes"[..], 5));
        assert_eq!(component.digest(), Digest::of(b"bytes"));
    }

    #[test]
    fn what_was_read_stays_when_the_file_is_swapped() {
        let folder = Folder::new("swap");
        let path = folder.path().join("a.wasm");
        fs::write(&path, b"good").unwrap();
        let component = read(&path).unwrap();
        fs::write(&path, b"evil").unwrap();
        assert_eq!(Digest::of(component.bytes()), Digest::of(b"good"));
    }

    #[test]
    fn links_directories_sockets_and_devices_are_refused() {
        let folder = Folder::new("kinds");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("real"), b"x").unwrap();
        symlink(at("real"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        assert!(matches!(read(&at("link")), Err(FileError::Link { .. })));
        assert!(matches!(read(&at("dangling")), Err(FileError::Link { .. })));
        assert!(matches!(read(folder.path()), Err(FileError::Kind { .. })));
        assert!(matches!(read(&at("socket")), Err(FileError::Kind { .. })));
        assert!(matches!(read(Path::new("/dev/zero")), Err(FileError::Kind { .. })));
        assert!(matches!(read(&at("absent")), Err(FileError::Io { .. })));
    }

    #[test]
    fn a_link_before_the_end_is_the_operators() {
        let folder = Folder::new("before");
        fs::create_dir(folder.path().join("real")).unwrap();
        fs::write(folder.path().join("real/a"), b"x").unwrap();
        symlink("real", folder.path().join("link")).unwrap();
        assert!(read(&folder.path().join("link/a")).is_ok());
    }

    #[test]
    fn too_much_is_refused_at_exactly_one_byte_too_many() {
        let folder = Folder::new("large");
        let path = folder.path().join("a");
        fs::write(&path, [0; 9]).unwrap();
        let limited = |max| read_up_to(File::open(&path).unwrap(), max).unwrap().map(|bytes| bytes.len());
        assert_eq!((limited(8), limited(9)), (None, Some(9)));
        // A hole costs no space, and is refused all the same.
        File::create(&path).unwrap().set_len(COMPONENT_BYTES_MAX + 1).unwrap();
        assert!(matches!(read(&path), Err(FileError::TooLarge { .. })));
    }
}
