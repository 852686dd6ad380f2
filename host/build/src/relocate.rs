//! Moving a tree that was built elsewhere than where it will be: without a sandbox a build cannot have its final path.
//!
//! In texts and links the path is replaced. A binary file that holds it cannot be mended safely, so it is refused.

use crate::limits::RELOCATE_BYTES_MAX;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Why a tree cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum RelocateError {
    #[error("`{}` is a binary file that holds the path of the directory that it was built in", .path.display())]
    Binary { path: PathBuf },
    #[error("cannot adapt `{}`: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// Replaces a path by another one in all texts and links below it.
pub(crate) fn relocate(top: &Path, to: &Path) -> Result<(), RelocateError> {
    let (old, new) = (top.as_os_str().as_bytes(), to.as_os_str().as_bytes());
    let failed = |path: &Path, error| RelocateError::Io { path: path.to_owned(), error };
    // A build can put a link in its place, which leads to what is not ours.
    match fs::symlink_metadata(top) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(failed(top, io::ErrorKind::NotADirectory.into())),
        Err(error) => return Err(failed(top, error)),
    }
    let mut todo = vec![top.to_owned()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(&directory).map_err(|error| failed(&directory, error))? {
            let entry = entry.map_err(|error| failed(&directory, error))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|error| failed(&path, error))?;
            if kind.is_dir() {
                todo.push(path);
            } else if kind.is_symlink() {
                relocate_link(&path, old, new).map_err(|error| failed(&path, error))?;
            } else if kind.is_file() {
                relocate_file(&path, old, new)?;
            }
        }
    }
    Ok(())
}

fn relocate_link(path: &Path, old: &[u8], new: &[u8]) -> io::Result<()> {
    let target = fs::read_link(path)?;
    if let Some(moved) = replace(target.as_os_str().as_bytes(), old, new) {
        fs::remove_file(path)?;
        symlink(PathBuf::from(std::ffi::OsString::from_vec(moved)), path)?;
    }
    Ok(())
}

fn relocate_file(path: &Path, old: &[u8], new: &[u8]) -> Result<(), RelocateError> {
    let failed = |error| RelocateError::Io { path: path.to_owned(), error };
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    if metadata.len() > RELOCATE_BYTES_MAX {
        // No text is that long.
        return Ok(());
    }
    let bytes = fs::read(path).map_err(failed)?;
    let Some(moved) = replace(&bytes, old, new) else { return Ok(()) };
    if bytes.contains(&0) {
        return Err(RelocateError::Binary { path: path.to_owned() });
    }
    let mode = metadata.permissions().mode();
    fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o200)).map_err(failed)?;
    fs::write(path, moved).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)
}

/// Returns the bytes with every `old` replaced, or `None` if there is none.
fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(old.len()).position(|window| window == old) {
        places.push(at + found);
        at += found + old.len();
    }
    if places.is_empty() {
        return None;
    }
    let mut moved = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for place in places {
        moved.extend_from_slice(&bytes[from..place]);
        moved.extend_from_slice(new);
        from = place + old.len();
    }
    moved.extend_from_slice(&bytes[from..]);
    Some(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn texts_and_links_are_moved_and_binaries_refused() {
        let scratch = Scratch::new();
        let (old, new) = (scratch.join("old"), scratch.join("the new one"));
        fs::create_dir_all(old.join("bin")).unwrap();
        let text = format!("#!/bin/sh\nexec {0}/bin/y {0}\n", old.display());
        fs::write(old.join("bin/a b\nc"), &text).unwrap();
        fs::set_permissions(old.join("bin/a b\nc"), fs::Permissions::from_mode(0o555)).unwrap();
        fs::write(old.join("other"), b"\0nothing of it").unwrap();
        symlink(old.join("bin/y"), old.join("link")).unwrap();
        symlink("bin/y", old.join("relative")).unwrap();
        relocate(&old, &new).unwrap();
        let moved = fs::read_to_string(old.join("bin/a b\nc")).unwrap();
        assert_eq!(moved, format!("#!/bin/sh\nexec {0}/bin/y {0}\n", new.display()));
        assert_eq!(fs::metadata(old.join("bin/a b\nc")).unwrap().permissions().mode() & 0o777, 0o555);
        assert_eq!(fs::read_link(old.join("link")).unwrap(), new.join("bin/y"));
        assert_eq!(fs::read_link(old.join("relative")).unwrap(), Path::new("bin/y"));
        fs::write(old.join("program"), format!("\0{}\0", old.display())).unwrap();
        let error = relocate(&old, &new).unwrap_err();
        assert!(matches!(error, RelocateError::Binary { path } if path.ends_with("program")));
    }

    #[test]
    fn a_link_at_the_top_is_not_followed() {
        let scratch = Scratch::new();
        let (real, top) = (scratch.join("real"), scratch.join("top"));
        fs::create_dir(&real).unwrap();
        fs::write(real.join("text"), top.display().to_string()).unwrap();
        symlink(&real, &top).unwrap();
        assert!(matches!(relocate(&top, Path::new("/elsewhere")), Err(RelocateError::Io { .. })));
        assert_eq!(fs::read_to_string(real.join("text")).unwrap(), top.display().to_string());
    }
}
