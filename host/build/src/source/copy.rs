//! Copying a local source. Links stay links; modes and times become those that every source has.

use crate::limits::{SOURCE_DEPTH_MAX, SOURCE_ENTRIES_MAX, SOURCE_MODIFIED};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, utimensat};
use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Why something cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("there is no `{}`", .path.display())]
    Absent { path: PathBuf },
    #[error("`{}` is neither file nor link nor directory", .path.display())]
    Kind { path: PathBuf },
    #[error("`{}` cannot be a source: the store lies in it", .path.display())]
    Itself { path: PathBuf },
    #[error("`{}` has more than {SOURCE_ENTRIES_MAX} files, or more than {SOURCE_DEPTH_MAX} directories inside each other", .path.display())]
    TooMany { path: PathBuf },
    #[error("cannot read `{}`: {error}", .path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("cannot copy to `{}`: {error}", .path.display())]
    Write { path: PathBuf, error: io::Error },
}

/// Copies a file into a directory, or what is in a directory. A link at the very path is followed, none below it.
pub(crate) fn copy(from: &Path, into: &Path) -> Result<(), CopyError> {
    let reading = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| match error.kind() {
            ErrorKind::NotFound => CopyError::Absent { path },
            _ => CopyError::Read { path, error },
        }
    };
    let metadata = fs::metadata(from).map_err(reading(from))?;
    if metadata.is_file() {
        let name = from.file_name().ok_or_else(|| CopyError::Kind { path: from.to_owned() })?;
        return copy_file(from, &into.join(name), Links::Follow);
    }
    if !metadata.is_dir() {
        return Err(CopyError::Kind { path: from.to_owned() });
    }
    // Otherwise it would be copied into its copy, over and over.
    let whole = |path: &Path| fs::canonicalize(path).map_err(reading(path));
    if whole(into)?.starts_with(whole(from)?) {
        return Err(CopyError::Itself { path: from.to_owned() });
    }
    let mut todo = vec![(from.to_owned(), into.to_owned(), 0)];
    let mut count = 0;
    while let Some((from, to, depth)) = todo.pop() {
        for entry in fs::read_dir(&from).map_err(reading(&from))? {
            let entry = entry.map_err(reading(&from))?;
            let (path, place) = (entry.path(), to.join(entry.file_name()));
            count += 1;
            if count > SOURCE_ENTRIES_MAX || depth > SOURCE_DEPTH_MAX {
                return Err(CopyError::TooMany { path });
            }
            let metadata = entry.metadata().map_err(reading(&path))?;
            let writing = |error| CopyError::Write { path: place.clone(), error };
            if metadata.is_dir() {
                fs::create_dir(&place).map_err(writing)?;
                todo.push((path, place, depth + 1));
            } else if metadata.is_symlink() {
                let target = fs::read_link(&path).map_err(reading(&path))?;
                symlink(target, &place).map_err(writing)?;
            } else if metadata.is_file() {
                copy_file(&path, &place, Links::Refuse)?;
            } else {
                return Err(CopyError::Kind { path });
            }
        }
    }
    settle_directories(into)
}

#[derive(Clone, Copy)]
enum Links {
    Follow,
    Refuse,
}

/// Copies what was seen to be a file. It may have become something else since: a link that leads elsewhere, or a pipe,
/// which would be waited for without end.
fn copy_file(from: &Path, to: &Path, links: Links) -> Result<(), CopyError> {
    let reading = |error: io::Error| CopyError::Read { path: from.to_owned(), error };
    let flags = match links {
        Links::Follow => OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK,
        Links::Refuse => OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW,
    };
    let file = rustix::fs::open(from, flags, Mode::empty()).map_err(|error| reading(error.into()))?;
    let mut file = File::from(file);
    let metadata = file.metadata().map_err(reading)?;
    if !metadata.is_file() {
        return Err(CopyError::Kind { path: from.to_owned() });
    }
    let writing = |error: io::Error| CopyError::Write { path: to.to_owned(), error };
    let mut new = File::create_new(to).map_err(writing)?;
    // The system copies within the kernel, and shares blocks where the file system can.
    io::copy(&mut file, &mut new).map_err(writing)?;
    settle_file(to, metadata.mode()).map_err(writing)
}

/// Gives all that is in a directory the modes and times that every source has.
pub(crate) fn settle(top: &Path) -> Result<(), CopyError> {
    each(top, &mut |path, metadata| match metadata.is_file() {
        true => settle_file(path, metadata.mode()),
        false => Ok(()),
    })?;
    settle_directories(top)?;
    settle_directory(top).map_err(|error| CopyError::Write { path: top.to_owned(), error })
}

/// Gives one directory the mode and time that every source has.
pub(crate) fn settle_directory(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o755))?;
    File::open(path)?.set_times(times())
}

/// Gives one link the time that every source has. Modes of links mean nothing.
fn settle_link(path: &Path) -> io::Result<()> {
    let time = Timespec { tv_sec: SOURCE_MODIFIED.cast_signed(), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Gives one file the mode and time that every source has.
pub(crate) fn settle_file(path: &Path, mode: u32) -> io::Result<()> {
    let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    File::open(path)?.set_times(times())
}

/// Directories last: whatever is made in one changes its time. That of the top is for whoever puts nothing more into it.
fn settle_directories(top: &Path) -> Result<(), CopyError> {
    each(top, &mut |path, metadata| match (metadata.is_dir(), metadata.is_symlink()) {
        (true, _) => settle_directory(path),
        (_, true) => settle_link(path),
        (false, false) => Ok(()),
    })
}

fn each(top: &Path, work: &mut dyn FnMut(&Path, &Metadata) -> io::Result<()>) -> Result<(), CopyError> {
    let mut todo = vec![top.to_owned()];
    while let Some(directory) = todo.pop() {
        let failed = |path: &Path, error| CopyError::Write { path: path.to_owned(), error };
        for entry in fs::read_dir(&directory).map_err(|error| failed(&directory, error))? {
            let entry = entry.map_err(|error| failed(&directory, error))?;
            let path = entry.path();
            let metadata = entry.metadata().map_err(|error| failed(&path, error))?;
            work(&path, &metadata).map_err(|error| failed(&path, error))?;
            if metadata.is_dir() {
                todo.push(path);
            }
        }
    }
    Ok(())
}

fn times() -> FileTimes {
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(SOURCE_MODIFIED);
    FileTimes::new().set_modified(time).set_accessed(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn what_is_no_file_any_more_is_neither_followed_nor_waited_for() {
        let scratch = Scratch::new();
        let (pipe, link, to) = (scratch.join("pipe"), scratch.join("link"), scratch.join("to"));
        rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        fs::write(scratch.join("file"), "x").unwrap();
        symlink(scratch.join("file"), &link).unwrap();
        assert!(matches!(copy_file(&pipe, &to, Links::Refuse), Err(CopyError::Kind { .. })));
        assert!(matches!(copy_file(&link, &to, Links::Refuse), Err(CopyError::Read { .. })));
        assert!(!to.exists());
        copy_file(&link, &to, Links::Follow).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"x");
    }
}
