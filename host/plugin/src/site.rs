//! Reading policies from where they lie. What is not there says nothing; what is there and cannot be read, or could have
//! been written by somebody who has no say, stops everything: a bound that is skipped is none.

use crate::grant::{Ceiling, Policy, PolicyError};
use crate::limits::{CEILING_FILES_MAX, POLICY_BYTES_MAX};
use crate::lock::Lock;
use rustix::fs::OFlags;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a site's ceilings lie.
pub const CEILINGS: &str = "/etc/punix/plugins.d";

/// Why a policy, a ceiling or a lock was not read.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("`{}` cannot be read: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("`{}` is not UTF-8", path.display())]
    Text { path: PathBuf },
    #[error("`{}` is not a regular file", path.display())]
    Kind { path: PathBuf },
    #[error("`{}` could be changed by others than root", path.display())]
    Writable { path: PathBuf },
    #[error("`{}` holds more than {CEILING_FILES_MAX} policies", path.display())]
    TooMany { path: PathBuf },
}

/// Reads what operators grant; where there is no file, that is nothing.
pub fn policy(path: &Path) -> Result<Policy, SiteError> {
    match open(path)? {
        Some(file) => Ok(Policy::parse(&path.display().to_string(), &text(path, file)?)?),
        None => Ok(Policy::default()),
    }
}

/// Reads which components are locked; where there is no file, none is.
pub fn lock(path: &Path) -> Result<Lock, SiteError> {
    match open(path)? {
        Some(file) => Ok(Lock::parse(&path.display().to_string(), &text(path, file)?)?),
        None => Ok(Lock::default()),
    }
}

/// Reads every `*.toml` of a directory in the order of their names; where there is no directory, nothing is bounded.
/// `owner` is who may have written them: root.
pub fn ceilings(directory: &Path, owner: u32) -> Result<Vec<Ceiling>, SiteError> {
    let failed = |error| SiteError::Io { path: directory.to_owned(), error };
    let listed = match std::fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    require_owner(directory, &std::fs::metadata(directory).map_err(failed)?, owner)?;
    let mut paths = Vec::new();
    for entry in listed {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            paths.push(path);
        }
        if paths.len() > CEILING_FILES_MAX {
            return Err(SiteError::TooMany { path: directory.to_owned() });
        }
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        // A name that is listed and not there is a dangling link, and not "nothing".
        let absent = || SiteError::Io { path: path.clone(), error: ErrorKind::NotFound.into() };
        let file = open(&path)?.ok_or_else(absent)?;
        let about = file.metadata().map_err(|error| SiteError::Io { path: path.clone(), error })?;
        require_owner(&path, &about, owner)?;
        found.push(Ceiling::parse(&path.display().to_string(), &text(&path, file)?)?);
    }
    Ok(found)
}

/// Opens a regular file; a pipe is not waited for.
fn open(path: &Path) -> Result<Option<File>, SiteError> {
    let failed = |error| SiteError::Io { path: path.to_owned(), error };
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        // A link to nowhere is more than nothing.
        Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    match file.metadata().map_err(failed)?.is_file() {
        true => Ok(Some(file)),
        false => Err(SiteError::Kind { path: path.to_owned() }),
    }
}

fn text(path: &Path, file: File) -> Result<String, SiteError> {
    let mut bytes = Vec::new();
    let read = file.take(POLICY_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| SiteError::Io { path: path.to_owned(), error })?;
    if bytes.len() as u64 > POLICY_BYTES_MAX {
        return Err(PolicyError::TooLarge { file: path.display().to_string() }.into());
    }
    String::from_utf8(bytes).map_err(|_| SiteError::Text { path: path.to_owned() })
}

fn require_owner(path: &Path, about: &Metadata, owner: u32) -> Result<(), SiteError> {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    match about.uid() == owner && about.mode() & WRITABLE_BY_OTHERS == 0 {
        true => Ok(()),
        false => Err(SiteError::Writable { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn write(folder: &Folder, name: &str, text: &[u8]) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    fn site(name: &str) -> (Folder, u32) {
        let folder = Folder::new(name);
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let owner = fs::metadata(folder.path()).unwrap().uid();
        (folder, owner)
    }

    #[test]
    fn what_is_not_there_says_nothing() {
        let (folder, owner) = site("nothing");
        let absent = folder.path().join("absent");
        assert_eq!(policy(&absent).unwrap(), Policy::default());
        assert_eq!(lock(&absent).unwrap(), Lock::default());
        assert!(ceilings(&absent, owner).unwrap().is_empty());
        assert!(ceilings(folder.path(), owner).unwrap().is_empty());
    }

    #[test]
    fn ceilings_are_read_in_order_and_other_files_left() {
        let (folder, owner) = site("order");
        write(&folder, "20-b.toml", b"[all]\nclock = false");
        write(&folder, "10-a.toml", b"");
        write(&folder, "10-a.toml.bak", b"not TOML");
        let found = ceilings(folder.path(), owner).unwrap();
        let names: Vec<&str> = found.iter().map(|ceiling| ceiling.source.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["10-a.toml", "20-b.toml"]);
    }

    #[test]
    fn a_ceiling_that_cannot_be_trusted_or_read_stops() {
        let (folder, owner) = site("trust");
        assert!(matches!(ceilings(folder.path(), owner + 1), Err(SiteError::Writable { .. })));
        let path = write(&folder, "a.toml", b"[all]");
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        assert!(matches!(ceilings(folder.path(), owner), Err(SiteError::Writable { .. })));
        write(&folder, "a.toml", b"[al]");
        assert!(matches!(ceilings(folder.path(), owner), Err(SiteError::Policy(_))));
        write(&folder, "a.toml", b"\xff");
        assert!(matches!(ceilings(folder.path(), owner), Err(SiteError::Text { .. })));
        fs::remove_file(&path).unwrap();
        symlink("nowhere", &path).unwrap();
        assert!(matches!(ceilings(folder.path(), owner), Err(SiteError::Io { .. })));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(ceilings(folder.path(), owner), Err(SiteError::Kind { .. })));
        fs::remove_dir(&path).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(ceilings(folder.path(), owner), Err(SiteError::Writable { .. })));
    }

    #[test]
    fn a_policy_larger_than_any_is_refused_before_it_is_parsed() {
        let (folder, _) = site("large");
        let path = write(&folder, "punix.plugins.toml", b"");
        File::options().write(true).open(&path).unwrap().set_len(POLICY_BYTES_MAX + 1).unwrap();
        assert!(matches!(policy(&path), Err(SiteError::Policy(PolicyError::TooLarge { .. }))));
    }
}
