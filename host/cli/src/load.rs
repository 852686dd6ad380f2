//! Reading programs from disk: a file, or a directory of `*.pcl` files.

use punix_pcl::Source;
use punix_pcl::limits::PROGRAM_BYTES_MAX;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// A file that cannot be read: which, and why.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot read `{}`: {}", self.path.display(), self.reason)
    }
}

/// ELOOP on Linux; std has no stable name for it.
const TOO_MANY_LINKS: i32 = 40;
/// Directories inside each other that are looked into.
const DEPTH_MAX: usize = 128;
/// Files of one program.
const FILES_MAX: usize = 100_000;

/// Reads the program at `path`, in the order of the files' paths.
pub(crate) fn load(path: &Path) -> Result<Vec<Source>, Unreadable> {
    let path = normal(path);
    let mut sources = Vec::new();
    let mut bytes = 0;
    for file in files(&path)? {
        let source = read(&file)?;
        bytes += source.bytes.len();
        sources.push(source);
        if bytes > PROGRAM_BYTES_MAX {
            break; // the parser says so, at the file that is too much
        }
    }
    Ok(sources)
}

/// Lists the files of a program: the path itself, or the `*.pcl` files below it.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let kind = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !kind.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    below(path, 0, &mut found)?;
    found.sort_by(|a, b| a.components().cmp(b.components()));
    Ok(found)
}

/// Links to directories are not followed, so there are no loops.
fn below(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Unreadable> {
    if depth > DEPTH_MAX || found.len() > FILES_MAX {
        let reason = format!("more than {DEPTH_MAX} directories deep, or more than {FILES_MAX} files");
        return Err(Unreadable { path: directory.to_owned(), reason });
    }
    for entry in fs::read_dir(directory).map_err(|error| unreadable(directory, &error))? {
        let entry = entry.map_err(|error| unreadable(directory, &error))?;
        let path = inside(directory, &entry.file_name());
        let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
        if entry.file_name().as_encoded_bytes().ends_with(b".pcl") {
            found.push(path); // a directory of that name is found out when it is read
        } else if kind.is_dir() {
            below(&path, depth + 1, found)?;
        }
    }
    Ok(())
}

/// Names a file as users write it: what is in `.` is named without it.
fn inside(directory: &Path, name: &OsStr) -> PathBuf {
    if directory == Path::new(".") { PathBuf::from(name) } else { directory.join(name) }
}

/// Reads one file, and not much more than a program may have.
pub(crate) fn read(path: &Path) -> Result<Source, Unreadable> {
    let kind = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if kind.is_dir() {
        return Err(Unreadable { path: path.to_owned(), reason: "it is a directory".to_owned() });
    }
    if !kind.is_file() && !is_stream(path) {
        let reason = "it is neither a file nor a directory".to_owned();
        return Err(Unreadable { path: path.to_owned(), reason });
    }
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut bytes = Vec::with_capacity(kind.len().min(PROGRAM_BYTES_MAX as u64) as usize + 1);
    file.take(PROGRAM_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(Source { name: path.to_string_lossy().into_owned(), bytes })
}

/// Standard input by name is no file and still meant: `/dev/stdin`, `<(…)`.
fn is_stream(path: &Path) -> bool {
    path.starts_with("/dev/fd") || path == Path::new("/dev/stdin") || path.starts_with("/proc/self/fd")
}

fn unreadable(path: &Path, error: &std::io::Error) -> Unreadable {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::NotADirectory => "a part of the path is not a directory".to_owned(),
        _ if error.raw_os_error() == Some(TOO_MANY_LINKS) => "its links go in a circle".to_owned(),
        _ => error.to_string(),
    };
    Unreadable { path: path.to_owned(), reason }
}

/// Drops `.` and doubled slashes; `..` stays, since links may make it mean something.
fn normal(path: &Path) -> PathBuf {
    let parts: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if parts.as_os_str().is_empty() { PathBuf::from(".") } else { parts }
}
