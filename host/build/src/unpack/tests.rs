//! What the tests of archives share: an archive is unpacked into a directory beside which others must stay as they are.

mod archives;
mod damaged;
mod hostile;
mod packed;
mod plain;
mod property;
mod system;
mod zips;

use super::{Compression, Format, Limits, UnpackError, Unpacked, format_of, unpack, watched};
use crate::testing::Scratch;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

const PLAIN: Format = Format::Tar(Compression::None);

/// What was found at a path: enough to tell whether an archive did what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    File { content: Vec<u8>, mode: u32, modified: i64 },
    Directory { mode: u32 },
    Link(PathBuf),
}

/// A place to unpack into, with a file and a directory beside it that no archive may touch.
struct Place(Scratch);

impl Place {
    fn new() -> Place {
        let scratch = Scratch::new();
        fs::create_dir(scratch.join("into")).unwrap();
        fs::create_dir(scratch.join("beside")).unwrap();
        fs::write(scratch.join("beside/kept"), "kept").unwrap();
        Place(scratch)
    }

    fn top(&self) -> PathBuf {
        self.0.join("into")
    }

    fn unpack(&self, format: Format, archive: &[u8], limits: &Limits) -> Result<Unpacked, UnpackError> {
        let file = self.0.join("archive");
        fs::write(&file, archive).unwrap();
        let unpacked = unpack(format, File::open(file).unwrap(), &self.top(), limits, &AtomicBool::new(false));
        let beside = [b"archive".to_vec(), b"beside".to_vec(), b"beside/kept".to_vec()];
        let outside: Vec<_> = found(self.0.path()).into_keys().filter(|path| !path.starts_with(b"into")).collect();
        assert_eq!(outside, beside);
        assert_eq!(fs::read(self.0.join("beside/kept")).unwrap(), b"kept");
        unpacked
    }
}

/// Returns what is below a directory, and checks that nothing there is of another kind or mode than it may be.
fn found(top: &Path) -> BTreeMap<Vec<u8>, Found> {
    let mut all = BTreeMap::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mode = metadata.permissions().mode() & 0o7777;
            let found = if metadata.is_symlink() {
                Found::Link(fs::read_link(&path).unwrap())
            } else if metadata.is_dir() {
                open.push(path.clone());
                Found::Directory { mode }
            } else {
                assert!(metadata.is_file(), "{path:?}");
                Found::File { content: fs::read(&path).unwrap(), mode, modified: metadata.mtime() }
            };
            all.insert(path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec(), found);
        }
    }
    all
}

/// Unpacks an archive that is sound, and returns what came of it.
fn accepted(format: Format, archive: &[u8]) -> BTreeMap<Vec<u8>, Found> {
    let place = Place::new();
    place.unpack(format, archive, &Limits::default()).unwrap();
    found(&place.top())
}

/// Unpacks an archive that is refused, and returns the error.
fn refused(format: Format, archive: &[u8]) -> String {
    refused_within(format, archive, &Limits::default())
}

fn refused_within(format: Format, archive: &[u8], limits: &Limits) -> String {
    Place::new().unpack(format, archive, limits).unwrap_err().to_string()
}

/// Lists paths, each with what a link says, or `/` for a directory, or the content of a file.
fn listed(found: &BTreeMap<Vec<u8>, Found>) -> Vec<String> {
    let line = |(path, found): (&Vec<u8>, &Found)| {
        let path = String::from_utf8_lossy(path);
        match found {
            Found::File { content, .. } => format!("{path}: {}", String::from_utf8_lossy(content)),
            Found::Directory { .. } => format!("{path}/"),
            Found::Link(target) => format!("{path} -> {}", target.display()),
        }
    };
    found.iter().map(line).collect()
}

fn content_of<'a>(found: &'a BTreeMap<Vec<u8>, Found>, path: &str) -> &'a [u8] {
    match &found[path.as_bytes()] {
        Found::File { content, .. } => content,
        other => panic!("{path}: {other:?}"),
    }
}

fn raw(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

#[test]
fn formats_are_told_by_suffix() {
    let cases = [
        ("a.tar", Some(PLAIN)),
        ("a-1.0.TAR.GZ", Some(Format::Tar(Compression::Gzip))),
        ("a.tgz", Some(Format::Tar(Compression::Gzip))),
        ("serde-1.0.0.crate", Some(Format::Tar(Compression::Gzip))),
        ("a.tar.bz2", Some(Format::Tar(Compression::Bzip2))),
        ("a.tbz", Some(Format::Tar(Compression::Bzip2))),
        ("a.tbz2", Some(Format::Tar(Compression::Bzip2))),
        ("a.Tar.Xz", Some(Format::Tar(Compression::Xz))),
        ("a.txz", Some(Format::Tar(Compression::Xz))),
        ("a.tar.zst", Some(Format::Tar(Compression::Zstd))),
        ("a.tzst", Some(Format::Tar(Compression::Zstd))),
        ("a.zip", Some(Format::Zip)),
    ];
    for (name, wanted) in cases {
        assert_eq!(format_of(name), wanted, "{name}");
    }
    for name in ["", "tar", "zip", "a.gz", "a.whl", "a.gem", "a.jar", "a.tar.gz.sig", "a.zip.txt", "a.tar.lz", "a.7z"] {
        assert_eq!(format_of(name), None, "{name}");
    }
}

#[test]
fn work_that_is_stopped_ends() {
    let stop = AtomicBool::new(true);
    let plain = archives::Tar::new().file("a", b"a").end();
    let zip = archives::zip(&[archives::Zipped::stored("a", b"a")]);
    for (format, archive) in [(PLAIN, &plain), (Format::Zip, &zip)] {
        let place = Place::new();
        let file = place.0.join("archive");
        fs::write(&file, archive).unwrap();
        let stopped = unpack(format, File::open(&file).unwrap(), &place.top(), &Limits::default(), &stop);
        assert!(matches!(stopped, Err(UnpackError::Stopped)), "{stopped:?}");
        assert!(found(&place.top()).is_empty());
        let file = File::open(file).unwrap();
        assert!(watched::Watched { file, stop: &stop }.read(&mut [0]).is_err());
    }
}
