//! Errors that say what could not be done, and to which path. The kind is that of the cause.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// An operation that failed, with its paths.
#[derive(Debug)]
struct Failed {
    doing: &'static str,
    path: PathBuf,
    other: Option<(&'static str, PathBuf)>,
    cause: io::Error,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failed { doing, path, other, cause } = self;
        write!(f, "cannot {doing} `{}`", path.display())?;
        if let Some((word, path)) = other {
            write!(f, " {word} `{}`", path.display())?;
        }
        write!(f, ": {cause}")
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// Adds to an error what was being done, and to which path.
pub(crate) fn at(doing: &'static str, path: &Path, cause: io::Error) -> io::Error {
    io::Error::new(cause.kind(), Failed { doing, path: path.to_owned(), other: None, cause })
}

/// Adds to an error what was being done, and to which two paths.
pub(crate) fn between(
    doing: &'static str,
    path: &Path,
    word: &'static str,
    other: &Path,
    cause: io::Error,
) -> io::Error {
    let other = Some((word, other.to_owned()));
    io::Error::new(cause.kind(), Failed { doing, path: path.to_owned(), other, cause })
}

pub(crate) fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

pub(crate) fn not_a_file() -> io::Error {
    invalid("it is not a regular file")
}

pub(crate) fn is_a_link() -> io::Error {
    invalid("it is a link, which has no mode of its own")
}

pub(crate) fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than the reader allows")
}

/// Checks that a mode has no bits but permissions, setuid, setgid and sticky.
pub(crate) fn check_mode(mode: u32) -> io::Result<()> {
    if mode > 0o7777 {
        return Err(invalid("the mode has bits that are no permissions"));
    }
    Ok(())
}

/// Checks that an owner is one: the largest number stands for nobody in particular, and would change nothing.
pub(crate) fn check_owner(owner: u32, group: u32) -> io::Result<()> {
    if owner == u32::MAX || group == u32::MAX {
        return Err(invalid("the number stands for no user or group"));
    }
    Ok(())
}
