//! Compiled code that somebody changed, swapped or put there: it is as if it were not there. Nobody is told, and the plugin
//! runs as ever.

use crate::modules::Module;
use crate::room::{Folder, Guest, Terms, World, admitted};
use punix_plugin::runtime::{Cache, CacheState, Meta, Runtime, Setup};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

struct Kept {
    folder: Folder,
}

impl Kept {
    fn new() -> Kept {
        Kept { folder: Folder::new() }
    }

    fn code(&self) -> PathBuf {
        self.folder.path().join("cache/code")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("state/cache.key")
    }

    fn open(&self) -> Option<Cache> {
        Cache::open(&self.code(), &self.key())
    }

    /// Loads a plugin, sees that it runs, and returns where its code came from.
    fn load(&self, guest: &Guest) -> CacheState {
        let runtime = Runtime::new(Setup { cache: self.open(), watcher: None });
        let terms = Terms { table: crate::running::PATIENT, ..Terms::default() };
        let admitted = admitted(guest, &terms).unwrap_or_else(|fault| panic!("{fault}"));
        let loaded = runtime.load(admitted, None).unwrap_or_else(|fault| panic!("{fault}"));
        let state = loaded.cache_state();
        let around = crate::room::Plugin::surroundings(&World::default());
        let info = Meta::new(loaded, around).describe().unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(info.license, "");
        state
    }

    fn entries(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(self.code()).expect("the cache is a directory");
        let mut paths: Vec<PathBuf> = listed.map(|entry| entry.expect("it can be read").path()).collect();
        paths.sort();
        paths
    }

    fn entry(&self) -> PathBuf {
        let [only] = <[PathBuf; 1]>::try_from(self.entries()).expect("there is one entry");
        only
    }
}

fn small() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| Module { describe: "i32.const 1024", ..Module::default() }.guest())
}

/// Another one, which would break off.
fn other() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| Module::default().guest())
}

/// Changes the entry in some way, and sees that it is not taken, and replaced.
#[track_caller]
fn check_miss(kept: &Kept, how: &str, change: impl FnOnce(&Path)) {
    change(&kept.entry());
    assert_eq!(kept.load(small()), CacheState::Compiled, "{how}");
    assert_eq!(kept.load(small()), CacheState::Hit, "{how}, and then");
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("the entry can be read");
    change(&mut bytes);
    fs::write(path, bytes).expect("the entry can be written");
}

#[test]
fn an_honest_entry_for_comparison() {
    let kept = Kept::new();
    assert_eq!(kept.load(small()), CacheState::Compiled);
    assert_eq!(kept.load(small()), CacheState::Hit);
    assert_eq!(kept.entry().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(kept.code().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(kept.key().metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_bit_anywhere() {
    let kept = Kept::new();
    kept.load(small());
    let length = fs::metadata(kept.entry()).unwrap().len() as usize;
    let places = (0..32).step_by(5).chain((32..length).step_by(length / 24)).chain([31, 32, length - 1]);
    for at in places {
        check_miss(&kept, &format!("bit in byte {at}"), |path| rewrite(path, |bytes| bytes[at] ^= 1));
    }
}

#[test]
fn bytes_that_are_missing_or_too_many() {
    let kept = Kept::new();
    kept.load(small());
    for length in [0, 1, 31, 32, 33, 1_000] {
        check_miss(&kept, &format!("cut to {length}"), |path| rewrite(path, |bytes| bytes.truncate(length)));
    }
    check_miss(&kept, "one byte less", |path| rewrite(path, |bytes| bytes.truncate(bytes.len() - 1)));
    check_miss(&kept, "one byte more", |path| rewrite(path, |bytes| bytes.push(0)));
    check_miss(&kept, "no tag", |path| rewrite(path, |bytes| drop(bytes.drain(..32))));
    check_miss(&kept, "zeros", |path| rewrite(path, |bytes| bytes.fill(0)));
    check_miss(&kept, "text", |path| fs::write(path, "#!/bin/sh\n").expect("it can be written"));
}

#[test]
fn the_entry_of_another_plugin() {
    let kept = Kept::new();
    kept.load(small());
    let name = kept.entry();
    let elsewhere = Kept::new();
    // The same key made both, so each has a tag that is right for its own name.
    fs::create_dir_all(elsewhere.key().parent().unwrap()).unwrap();
    fs::copy(kept.key(), elsewhere.key()).unwrap();
    let runtime = Runtime::new(Setup { cache: elsewhere.open(), watcher: None });
    let evil = admitted(other(), &Terms::default()).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(runtime.load(evil, None).unwrap().cache_state(), CacheState::Compiled);
    let code = fs::read(elsewhere.entry()).unwrap();
    check_miss(&kept, "another plugin's code", |path| fs::write(path, &code).unwrap());
    assert_eq!(kept.entry(), name);
}

#[test]
fn code_under_another_key() {
    let kept = Kept::new();
    kept.load(small());
    check_miss(&kept, "the key of today", |_| fs::remove_file(kept.key()).unwrap());
    check_miss(&kept, "a key of zeros", |_| fs::write(kept.key(), [0; 32]).unwrap());
}

#[test]
fn an_entry_that_is_no_private_file() {
    let kept = Kept::new();
    kept.load(small());
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    check_miss(&kept, "for the group to read", |path| mode(path, 0o640));
    check_miss(&kept, "for everybody to write", |path| mode(path, 0o602));
    let good = fs::read(kept.entry()).unwrap();
    let beside = kept.folder.write("beside", &good);
    mode(&beside, 0o600);
    check_miss(&kept, "a link to good code", |path| {
        fs::remove_file(path).unwrap();
        symlink(&beside, path).unwrap();
    });
    let name = kept.entry();
    fs::remove_file(&name).unwrap();
    fs::create_dir(&name).unwrap();
    assert_eq!(kept.load(small()), CacheState::NotKept, "a directory");
    fs::remove_dir(&name).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &name, rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600), 0)
        .unwrap();
    assert_eq!(kept.load(small()), CacheState::Compiled, "a pipe");
}

#[test]
fn places_that_others_could_write_to() {
    let kept = Kept::new();
    kept.load(small());
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    // Its own directory is made right again.
    mode(&kept.code(), 0o770);
    assert!(kept.open().is_some());
    assert_eq!(kept.code().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    // One above it is somebody else's to make right.
    for above in [kept.code().parent().unwrap().to_owned(), kept.key().parent().unwrap().join("../cache")] {
        mode(&above, 0o770);
        assert!(kept.open().is_none(), "{}", above.display());
        mode(&above, 0o700);
    }
    mode(kept.folder.path(), 0o777);
    assert!(kept.open().is_none());
    assert_eq!(kept.load(small()), CacheState::NotKept);
    mode(kept.folder.path(), 0o700);
    mode(&kept.key(), 0o644);
    assert!(kept.open().is_none(), "a key that others read");
    mode(&kept.key(), 0o600);
    assert_eq!(kept.load(small()), CacheState::Hit);
}

#[test]
fn places_that_are_links() {
    let kept = Kept::new();
    kept.load(small());
    let real = kept.folder.path().join("cache/real");
    fs::rename(kept.code(), &real).unwrap();
    symlink(&real, kept.code()).unwrap();
    assert!(kept.open().is_none(), "a directory");
    fs::remove_file(kept.code()).unwrap();
    fs::rename(&real, kept.code()).unwrap();
    let real = kept.folder.path().join("state/real.key");
    fs::rename(kept.key(), &real).unwrap();
    symlink(&real, kept.key()).unwrap();
    assert!(kept.open().is_none(), "a key");
    let relative = Cache::open(Path::new("cache"), &kept.key());
    assert!(relative.is_none() && !Path::new("cache").exists());
}

#[test]
fn a_key_that_is_too_short_or_too_long() {
    let kept = Kept::new();
    kept.load(small());
    for length in [0, 31, 33, 1_000] {
        fs::write(kept.key(), vec![7; length]).unwrap();
        assert!(kept.open().is_none(), "{length}");
    }
}

/// Two plugins that do the same have an entry each: a digest is of all bytes.
#[test]
fn every_digest_has_an_entry_of_its_own() {
    let kept = Kept::new();
    kept.load(small());
    let mut bytes = small().bytes.clone();
    bytes.extend_from_slice(b"\0\x02\x01x");
    assert_eq!(kept.load(&Guest { bytes }), CacheState::Compiled);
    assert_eq!(kept.entries().len(), 2);
}
