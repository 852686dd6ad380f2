//! Compiled code, kept for the next run. It is only ever loaded with the tag that this user's key made over it, from bytes
//! that were read once; whatever is wrong with an entry, it is simply not there. Nothing about the cache is an error.

use crate::digest::Digest;
use punix_engine::{Key, TAG_BYTES, Trusted, tag};
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Where compiled code is kept.
pub struct Cache {
    directory: PathBuf,
    key: Key,
}

/// Where a plugin's machine code came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheState {
    /// It is part of this binary.
    Bundled,
    /// The cache had it.
    Hit,
    /// It was compiled, and is in the cache now.
    Compiled,
    /// It was compiled, and is not kept.
    NotKept,
}

/// What is kept of a plugin's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing, for this `punix` and this machine.
    Absent,
    /// Something that was not made here, or was changed since. It is not used, and compiled anew.
    Changed,
    Sound,
}

const ENTRY_BYTES_MAX: u64 = 512 << 20;
const ENTRIES_MAX: usize = 10_000;
/// What nobody used for so long goes.
const UNUSED_DAYS_MAX: u64 = 90;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const ENDING: &str = "aot";

impl Cache {
    /// Opens a cache, and makes it where there is none yet. Where that cannot be done safely, there is none: a directory
    /// or a key that others could write to.
    pub fn open(directory: &Path, key: &Path) -> Option<Cache> {
        private_directory(directory)?;
        private_directory(key.parent()?)?;
        let key = read_key(key).or_else(|| make_key(key))?;
        Some(Cache { directory: directory.to_owned(), key })
    }

    /// Finds a cache that is there, and neither makes nor mends anything.
    pub fn existing(directory: &Path, key: &Path) -> Option<Cache> {
        is_private(directory)?;
        is_private(key.parent()?)?;
        Some(Cache { directory: directory.to_owned(), key: read_key(key)? })
    }

    /// Tells what is kept of the code of a component, without loading it.
    pub fn kept(&self, digest: Digest) -> Kept {
        let name = name(digest);
        match self.read(&name) {
            Ok(bytes) => match sound(&self.key, &name, &bytes) {
                Some(_) => Kept::Sound,
                None => Kept::Changed,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::Absent,
            Err(_) => Kept::Changed,
        }
    }

    /// Returns the code of a component, if it is there and as it was kept.
    pub(crate) fn find(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let name = name(digest);
        let mut file = open(&self.path(&name)).ok()?;
        let about = file.metadata().ok()?;
        let bytes = read_all(&mut file, about.len())?;
        let component = sound(&self.key, &name, &bytes)?.load(engine).ok()?;
        let stale = about.modified().ok().and_then(|then| then.elapsed().ok()).is_some_and(|age| age > DAY);
        if stale {
            let _ = file.set_modified(SystemTime::now());
        }
        Some(component)
    }

    /// Keeps the code of a component, and tells whether that worked.
    #[cfg_attr(not(feature = "compiler"), expect(dead_code, reason = "only a compiler has something to keep"))]
    pub(crate) fn keep(&self, digest: Digest, code: &[u8]) -> bool {
        let name = name(digest);
        let kept = self.write(&name, code).is_ok();
        self.sweep();
        kept
    }

    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let draft = self.directory.join(format!(".{name}.{}", std::process::id()));
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            file.write_all(&tag(&self.key, name, code))?;
            file.write_all(code)?;
            file.sync_all()?;
            fs::rename(&draft, self.path(name))
        })();
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut file = open(&self.path(name))?;
        let length = file.metadata()?.len();
        read_all(&mut file, length).ok_or_else(|| io::ErrorKind::FileTooLarge.into())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.{ENDING}"))
    }

    /// Removes what nobody used for long, drafts of the dead among it.
    fn sweep(&self) {
        let Ok(listed) = fs::read_dir(&self.directory) else { return };
        for entry in listed.take(ENTRIES_MAX).flatten() {
            let old = entry.metadata().ok().and_then(|about| about.modified().ok()?.elapsed().ok());
            let name = entry.file_name();
            let draft = name.as_encoded_bytes().starts_with(b".");
            let ours = draft || Path::new(&name).extension().is_some_and(|end| end == ENDING);
            let most = if draft { DAY } else { DAY * u32::try_from(UNUSED_DAYS_MAX).unwrap_or(u32::MAX) };
            if ours && old.is_some_and(|age| age > most) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Takes an entry apart, if its tag is right.
fn sound<'a>(key: &Key, name: &str, bytes: &'a [u8]) -> Option<Trusted<'a>> {
    let (mark, code) = bytes.split_at_checked(TAG_BYTES)?;
    Trusted::tagged(key, name, code, mark)
}

/// Names the entry of a component: by its bytes, and by everything that its code depends on.
fn name(digest: Digest) -> String {
    let text = format!("{digest} {}", punix_engine::compatibility());
    Digest::of(text.as_bytes()).to_string()
}

/// Opens a regular file that only its owner can write, and that is ours.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    match about.is_file() && about.uid() == me() && about.mode() & 0o077 == 0 {
        true => Ok(file),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

fn read_all(file: &mut File, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(ENTRY_BYTES_MAX)).ok()?.saturating_add(1));
    file.take(ENTRY_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= ENTRY_BYTES_MAX).then_some(bytes)
}

fn read_key(path: &Path) -> Option<Key> {
    let mut bytes = zeroize::Zeroizing::new([0; 33]);
    let mut file = open(path).ok()?;
    let mut length = 0;
    loop {
        match file.read(bytes.get_mut(length..)?) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    let key: [u8; 32] = bytes.get(..length)?.try_into().ok()?;
    Some(Key::new(key))
}

/// Makes the key. Two who do it at once use the one that came first.
fn make_key(path: &Path) -> Option<Key> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    File::open("/dev/urandom").ok()?.read_exact(bytes.as_mut_slice()).ok()?;
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).ok()?;
    let written = file.write_all(bytes.as_slice()).and_then(|()| file.sync_all());
    // A link, unlike a rename, does not replace what somebody else has put there.
    let _ = written.and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    read_key(path)
}

/// Makes sure of a directory that is ours alone, in directories that nobody else can change.
fn private_directory(path: &Path) -> Option<()> {
    if !path.is_absolute() {
        return None;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).ok()?;
    let about = own_directory(path)?;
    if about.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700)).ok()?;
    }
    is_private(path)
}

/// Looks whether it is a directory of ours.
fn own_directory(path: &Path) -> Option<fs::Metadata> {
    fs::symlink_metadata(path).ok().filter(|about| about.is_dir() && about.uid() == me())
}

/// Looks whether a directory is ours, in directories that nobody else can change. Its own permissions are made right when
/// it is used.
fn is_private(path: &Path) -> Option<()> {
    own_directory(path).filter(|_| path.is_absolute())?;
    // The sticky bit keeps others from replacing what is ours, as in /tmp.
    let safe = |about: &fs::Metadata| {
        let sticky = about.mode() & 0o1000 != 0;
        (about.uid() == me() || about.uid() == 0) && (about.mode() & 0o022 == 0 || sticky)
    };
    let above = fs::canonicalize(path.parent()?).ok()?;
    above.ancestors().all(|parent| fs::metadata(parent).is_ok_and(|about| safe(&about))).then_some(())
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}
