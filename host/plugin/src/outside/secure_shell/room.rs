//! The directory of one connection: its configuration and the socket by which programs are started over it. Nobody else may
//! look into it, its name is short, since that of a socket has to be, and it is gone when the connection is.

use super::error::SecureShellError;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The longest name of a socket that every system takes, with the zero behind it.
const SOCKET_BYTES_MAX: usize = 104;
/// What stands behind the directory in which a room is made: its name, that of the socket, and what `ssh` puts behind it
/// while it makes it.
const BEHIND: usize = "/punix-123456/master.1234567890123456".len() + 1;

/// The directory of a connection.
pub(super) struct Room(TempDir);

impl Room {
    /// Makes one in the first of some directories that is fit.
    pub(super) fn make(places: &[PathBuf]) -> Result<Room, SecureShellError> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for place in places {
            match make(place) {
                Ok(directory) => return Ok(Room(directory)),
                Err(error) => failure = error,
            }
        }
        Err(SecureShellError::Room { tried: places.to_vec(), error: failure })
    }

    /// Writes the configuration.
    pub(super) fn configure(&self, text: &str) -> io::Result<()> {
        fs::write(self.config(), text)
    }

    /// Says that something could not be done here.
    pub(super) fn failed(&self, error: io::Error) -> SecureShellError {
        SecureShellError::Room { tried: vec![self.path().to_owned()], error }
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn config(&self) -> PathBuf {
        self.0.path().join("config")
    }

    /// Returns where the socket is. The name is the one that the crate `openssh` looks for.
    pub(super) fn socket(&self) -> PathBuf {
        self.0.path().join("master")
    }

    /// Gives the directory away, to be removed by whoever gets it.
    pub(super) fn into_directory(self) -> TempDir {
        self.0
    }
}

fn make(place: &Path) -> io::Result<TempDir> {
    if !place.is_absolute() || place.as_os_str().len() + BEHIND > SOCKET_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidFilename, "its name is too long, or not absolute"));
    }
    let metadata = fs::metadata(place)?;
    const WRITABLE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    // In a directory that others may write to, they must not be able to replace ours.
    if metadata.mode() & WRITABLE != 0 && metadata.mode() & STICKY == 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "others can write to it"));
    }
    tempfile::Builder::new().prefix("punix-").rand_bytes(6).permissions(Permissions::from_mode(0o700)).tempdir_in(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn a_room_is_ours_alone_and_goes_away() {
        let folder = Folder::new("room");
        let room = Room::make(&[folder.path().to_owned()]).unwrap();
        let path = room.path().to_owned();
        room.configure("x").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
        assert_eq!(room.socket().parent(), Some(path.as_path()));
        drop(room);
        assert!(!path.exists());
    }

    #[test]
    fn the_first_place_that_is_fit_is_taken() {
        let folder = Folder::new("room-places");
        let long = folder.path().join("a".repeat(100));
        let open = folder.path().join("open");
        fs::create_dir(&long).unwrap();
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        let absent = folder.path().join("absent");
        let relative = PathBuf::from("here");
        let unfit = [long, open, absent, relative];
        let room = Room::make(&[&unfit[..], &[folder.path().to_owned()]].concat()).unwrap();
        assert_eq!(room.path().parent(), Some(folder.path()));
        for place in unfit {
            assert!(matches!(Room::make(&[place]), Err(SecureShellError::Room { .. })));
        }
    }
}
