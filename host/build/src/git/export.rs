//! Writes out the files of a commit as they were committed. `git` only hands over the bytes.
//!
//! Links are written last: until then all of the tree is made of our own directories and files, so nothing is written
//! through a link that the commit brought along.

use super::commit::Commit;
use super::error::GitError;
use super::program::{Git, Running};
use super::repository::Repository;
use crate::limits::{FETCH_CHUNK_BYTES, LINK_BYTES_MAX};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};

/// How much may still be written.
pub(super) struct Budget {
    pub(super) entries: usize,
    pub(super) bytes: u64,
}

/// What was found beside files and links.
pub(super) struct Exported {
    /// The submodules with their commits; each is an empty directory now.
    pub(super) submodules: Vec<(PathBuf, Commit)>,
    /// Whether there is a file `.gitmodules`.
    pub(super) declares: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File { executable: bool },
    Link,
    Submodule,
}

struct Entry<'a> {
    kind: Kind,
    id: &'a str,
    path: &'a Path,
}

/// Writes out a commit.
pub(super) fn export(
    git: &Git<'_>,
    repository: &Repository,
    commit: &Commit,
    into: &Path,
    budget: &mut Budget,
) -> Result<Exported, GitError> {
    let run = repository.looking("list the commit");
    let listed = git.run(&run, &["ls-tree", "-r", "-z", "--full-tree", commit.as_str()].map(OsStr::new))?;
    let lines = listed.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    let entries = lines.map(parse).collect::<Result<Vec<_>, _>>()?;
    budget.entries = budget.entries.checked_sub(entries.len()).ok_or(GitError::TooLarge)?;
    let mut blobs = Blobs::open(git, repository, &entries)?;
    let mut directories = Directories { top: into, made: BTreeSet::new() };
    let mut links = Vec::new();
    let mut exported = Exported { submodules: Vec::new(), declares: false };
    for entry in &entries {
        git.check_stop()?;
        directories.make(entry.path.parent().unwrap_or(Path::new("")))?;
        match entry.kind {
            Kind::File { executable } => {
                exported.declares |= entry.path == Path::new(".gitmodules");
                write_file(git, &mut blobs, entry, into, executable, budget)?;
            }
            Kind::Link => links.push((entry.path, read_link(&mut blobs, entry)?)),
            Kind::Submodule => {
                directories.make(entry.path)?;
                let commit = Commit::parse(entry.id).map_err(|_| odd("it names no commit"))?;
                exported.submodules.push((entry.path.to_owned(), commit));
            }
        }
    }
    for (path, target) in links {
        let place = into.join(path);
        std::os::unix::fs::symlink(target, &place).map_err(|error| GitError::Disk { path: place, error })?;
    }
    Ok(exported)
}

fn odd(why: &'static str) -> GitError {
    GitError::Answer { why }
}

/// Reads `100644 blob <id>\t<path>`.
fn parse(line: &[u8]) -> Result<Entry<'_>, GitError> {
    let broken = || odd("the list of the commit has a strange line");
    let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(broken)?;
    let head = std::str::from_utf8(&line[..tab]).map_err(|_| broken())?;
    let path = &line[tab + 1..];
    let mut words = head.split(' ');
    let (Some(mode), Some(_), Some(id), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(broken());
    };
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mode = u32::from_str_radix(mode, 8).ok().filter(|_| is_id).ok_or_else(broken)?;
    let refused = |why| Err(GitError::Tree { path: String::from_utf8_lossy(path).escape_debug().to_string(), why });
    let kind = match mode & 0o170_000 {
        0o100_000 => Kind::File { executable: mode & 0o100 != 0 },
        0o120_000 => Kind::Link,
        0o160_000 => Kind::Submodule,
        _ => return refused("is neither file nor link nor submodule"),
    };
    for part in path.split(|byte| *byte == b'/') {
        if part.is_empty() || part == b"." || part == b".." {
            return refused("is no path below the top");
        }
        if part.eq_ignore_ascii_case(b".git") {
            return refused("is a name that belongs to `git`");
        }
    }
    Ok(Entry { kind, id, path: Path::new(OsStr::from_bytes(path)) })
}

/// The directories that were made so far.
struct Directories<'a> {
    top: &'a Path,
    made: BTreeSet<&'a Path>,
}

impl<'a> Directories<'a> {
    fn make(&mut self, path: &'a Path) -> Result<(), GitError> {
        if path.as_os_str().is_empty() || self.made.contains(path) {
            return Ok(());
        }
        if let Some(above) = path.parent() {
            self.make(above)?;
        }
        let place = self.top.join(path);
        let made = DirBuilder::new().mode(0o755).create(&place);
        // The caller's umask has no say.
        let made = made.and_then(|()| std::fs::set_permissions(&place, Permissions::from_mode(0o755)));
        made.map_err(|error| GitError::Disk { path: place, error })?;
        self.made.insert(path);
        Ok(())
    }
}

fn write_file(
    git: &Git<'_>,
    blobs: &mut Blobs,
    entry: &Entry<'_>,
    into: &Path,
    executable: bool,
    budget: &mut Budget,
) -> Result<(), GitError> {
    let size = blobs.begin(entry.id)?;
    budget.bytes = budget.bytes.checked_sub(size).ok_or(GitError::TooLarge)?;
    let place = into.join(entry.path);
    let disk = |error| GitError::Disk { path: place.clone(), error };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&place).map_err(disk)?;
    let mut left = size;
    while left > 0 {
        git.check_stop()?;
        let bytes = blobs.chunk(left)?;
        file.write_all(bytes).map_err(disk)?;
        left -= bytes.len() as u64;
    }
    blobs.end()?;
    let mode = if executable { 0o755 } else { 0o644 };
    file.set_permissions(Permissions::from_mode(mode)).map_err(disk)
}

fn read_link(blobs: &mut Blobs, entry: &Entry<'_>) -> Result<OsString, GitError> {
    let size = blobs.begin(entry.id)?;
    let refused =
        |why| GitError::Tree { path: entry.path.as_os_str().to_string_lossy().escape_debug().to_string(), why };
    if size == 0 || size > LINK_BYTES_MAX {
        return Err(refused("is a link to nothing, or to too long a path"));
    }
    let mut target = vec![0; usize::try_from(size).map_err(|_| GitError::TooLarge)?];
    blobs.read(&mut target)?;
    blobs.end()?;
    if target.contains(&0) {
        return Err(refused("is a link to what cannot be a path"));
    }
    Ok(OsString::from_vec(target))
}

/// A `git` that hands over the files and links of a list, one after the other.
struct Blobs {
    given: BufReader<ChildStdout>,
    chunk: Vec<u8>,
    _child: Running,
}

impl Blobs {
    fn open(git: &Git<'_>, repository: &Repository, entries: &[Entry<'_>]) -> Result<Blobs, GitError> {
        let run = repository.looking("read the commit");
        let mut command = git.command(&run, &["cat-file", "--batch", "--buffer"].map(OsStr::new));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = Running(command.spawn().map_err(|error| GitError::Program { error })?);
        let (Some(mut pipe), Some(given)) = (child.0.stdin.take(), child.0.stdout.take()) else {
            return Err(odd("it cannot be spoken to"));
        };
        let mut wanted = String::new();
        for entry in entries.iter().filter(|entry| entry.kind != Kind::Submodule) {
            wanted.push_str(entry.id);
            wanted.push('\n');
        }
        // It is asked on a thread of its own, so that neither waits for the other. When it ends, so does the thread.
        let asking = std::thread::Builder::new().name("git-input".to_owned()).spawn(move || {
            let _ = pipe.write_all(wanted.as_bytes());
        });
        asking.map_err(|error| GitError::Program { error })?;
        let given = BufReader::with_capacity(FETCH_CHUNK_BYTES, given);
        Ok(Blobs { given, chunk: vec![0; FETCH_CHUNK_BYTES], _child: child })
    }

    /// Begins the next file, which is this one, and returns its size. So many bytes must be read next.
    fn begin(&mut self, id: &str) -> Result<u64, GitError> {
        let failed = |error| GitError::Program { error };
        let mut head = Vec::new();
        // An id, a word and a number are never longer.
        self.given.by_ref().take(200).read_until(b'\n', &mut head).map_err(failed)?;
        let head = String::from_utf8(head).map_err(|_| odd("it is no text"))?;
        let size = head.trim_end().strip_prefix(id).and_then(|rest| rest.strip_prefix(" blob "));
        size.and_then(|size| size.parse().ok()).ok_or_else(|| odd("a file of the commit is not there"))
    }

    /// Reads of so many bytes as many as are held at once.
    fn chunk(&mut self, left: u64) -> Result<&[u8], GitError> {
        let length = usize::try_from(left).map_or(self.chunk.len(), |left| left.min(self.chunk.len()));
        let read = self.given.read_exact(&mut self.chunk[..length]);
        read.map_err(|error| GitError::Program { error })?;
        Ok(&self.chunk[..length])
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), GitError> {
        self.given.read_exact(bytes).map_err(|error| GitError::Program { error })
    }

    fn end(&mut self) -> Result<(), GitError> {
        let mut end = [0];
        self.read(&mut end)?;
        if end == *b"\n" { Ok(()) } else { Err(GitError::Program { error: io::ErrorKind::InvalidData.into() }) }
    }
}
