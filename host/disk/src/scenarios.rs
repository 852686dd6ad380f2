//! What every disk must do alike: each scenario runs on a real disk, on a real one with the means of an old kernel and
//! a poor file system, and on a simulated one.

mod agreement;
mod swapped;

use crate::{Disk, Kind};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use swapped::{what_a_link_says_and_whose_it_is, what_is_set_on_an_open_file_is_its_own};

/// A directory for one test, which goes with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("punix-disk-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::fs::remove_dir_all(&self.0).is_err() {
            open_up(&self.0);
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Gives the owner back what a test took from him.
fn open_up(directory: &Path) {
    let _ = std::fs::set_permissions(directory, PermissionsExt::from_mode(0o700));
    for entry in directory.read_dir().into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

macro_rules! on_every_disk {
    ($($name:ident),* $(,)?) => {
        mod real {
            $(#[test] fn $name() {
                let scratch = super::Scratch::new();
                super::$name(&crate::RealDisk::open(scratch.path()).unwrap());
            })*
        }
        mod poor {
            $(#[test] fn $name() {
                let scratch = super::Scratch::new();
                super::$name(&crate::real::tests::poor(scratch.path()));
            })*
        }
        mod simulated {
            $(#[test] fn $name() {
                super::$name(&crate::SimulatedDisk::new());
            })*
        }
    };
}

on_every_disk! {
    files_are_created_once_and_read_whole,
    a_file_takes_many_writes,
    what_is_appended_comes_behind,
    directories_hold_what_was_put_there,
    links_are_never_followed,
    a_hard_link_is_one_more_name,
    rename_new_takes_free_names_only,
    replace_moves_over_what_fits,
    removing_asks_what_it_removes,
    modes_and_times_are_set_as_given,
    owners_are_set_as_given,
    what_is_set_on_an_open_file_is_its_own,
    what_a_link_says_and_whose_it_is,
    syncs_ask_what_they_sync,
    paths_that_lead_elsewhere_are_refused_by_all,
    names_are_bytes,
}

pub(crate) fn p(path: &str) -> &Path {
    Path::new(path)
}

pub(crate) fn put(disk: &dyn Disk, path: &str, content: &[u8]) {
    let mut file = disk.create(p(path), 0o644).unwrap();
    file.write_all(content).unwrap();
    file.flush().unwrap();
}

pub(crate) fn get(disk: &dyn Disk, path: &str) -> Vec<u8> {
    disk.read(p(path), 1 << 20).unwrap()
}

#[track_caller]
pub(crate) fn fails<T>(result: io::Result<T>, kind: ErrorKind) {
    match result {
        Ok(_) => panic!("this should have failed as {kind:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{error}"),
    }
}

fn exists(disk: &dyn Disk, path: &str) -> bool {
    disk.metadata(p(path)).unwrap().is_some()
}

fn kind(disk: &dyn Disk, path: &str) -> Kind {
    disk.metadata(p(path)).unwrap().unwrap().kind
}

fn files_are_created_once_and_read_whole(disk: &dyn Disk) {
    assert!(disk.metadata(p("a")).unwrap().is_none());
    fails(disk.read(p("a"), 10), ErrorKind::NotFound);
    fails(disk.open(p("a")), ErrorKind::NotFound);
    put(disk, "a", b"hello");
    let found = disk.metadata(p("a")).unwrap().unwrap();
    assert_eq!((found.kind, found.mode, found.size, found.links), (Kind::File, 0o644, 5, 1));
    assert_eq!(disk.read(p("a"), 5).unwrap(), b"hello");
    fails(disk.read(p("a"), 4), ErrorKind::FileTooLarge);
    assert_eq!(disk.read(p("a"), u64::MAX).unwrap(), b"hello");
    let mut text = String::new();
    disk.open(p("a")).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");

    fails(disk.create(p("a"), 0o600), ErrorKind::AlreadyExists);
    assert_eq!(get(disk, "a"), b"hello");
    fails(disk.create(p("none/a"), 0o600), ErrorKind::NotFound);
    fails(disk.create(p("a/b"), 0o600), ErrorKind::NotADirectory);
    fails(disk.metadata(p("a/b")), ErrorKind::NotADirectory);
    fails(disk.read(p("a/b"), 1), ErrorKind::NotADirectory);
    assert!(disk.metadata(p("none/a")).unwrap().is_none());
    fails(disk.create(p("b"), 0o100_644), ErrorKind::InvalidInput);
    assert!(!exists(disk, "b"));
    fails(disk.open(p("")), ErrorKind::IsADirectory);
}

fn a_file_takes_many_writes(disk: &dyn Disk) {
    let mut wanted = Vec::new();
    let mut file = disk.create(p("f"), 0o600).unwrap();
    for size in [0, 1, 7, 65_535, 65_536, 65_537, 3, 200_000, 1] {
        let part: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        file.write_all(&part).unwrap();
        wanted.extend(part);
    }
    file.sync().unwrap();
    assert!(get(disk, "f") == wanted);
    file.write_all(b"after the sync").unwrap();
    wanted.extend(b"after the sync");
    drop(file);
    assert!(get(disk, "f") == wanted);
}

fn what_is_appended_comes_behind(disk: &dyn Disk) {
    put(disk, "file", b"first");
    for more in [&b" second"[..], b" third"] {
        let mut file = disk.append(p("file")).unwrap();
        file.write_all(more).unwrap();
        file.sync().unwrap();
    }
    assert_eq!(get(disk, "file"), b"first second third");
    disk.create_directory(p("directory"), 0o755).unwrap();
    disk.create_link(p("link"), p("file")).unwrap();
    fails(disk.append(p("nothing")), ErrorKind::NotFound);
    fails(disk.append(p("directory")), ErrorKind::IsADirectory);
    fails(disk.append(p("link")), ErrorKind::InvalidInput);
}

fn directories_hold_what_was_put_there(disk: &dyn Disk) {
    assert!(disk.list(p("")).unwrap().is_empty());
    disk.create_directory(p("d"), 0o755).unwrap();
    fails(disk.create_directory(p("d"), 0o755), ErrorKind::AlreadyExists);
    fails(disk.create_directory(p("x/y"), 0o755), ErrorKind::NotFound);
    fails(disk.create_directory(p("e"), 0o40_755), ErrorKind::InvalidInput);
    for name in ["d/z", "d/a", "d/A", "d/10", "d/9"] {
        put(disk, name, b"");
    }
    assert_eq!(disk.list(p("d")).unwrap(), ["10", "9", "A", "a", "z"]);
    assert_eq!(disk.list(p("")).unwrap(), ["d"]);
    assert!(disk.list_directories(p("d")).unwrap().is_empty());
    for directory in ["d/y", "d/B"] {
        disk.create_directory(p(directory), 0o700).unwrap();
    }
    disk.create_link(p("d/x"), p("y")).unwrap();
    assert_eq!(disk.list_directories(p("d")).unwrap(), ["B", "y"]);
    assert_eq!(disk.list_directories(p("")).unwrap(), ["d"]);
    for list in [Disk::list, Disk::list_directories] {
        fails(list(disk, p("d/a")), ErrorKind::NotADirectory);
        fails(list(disk, p("e")), ErrorKind::NotFound);
    }
    fails(disk.open(p("d")), ErrorKind::IsADirectory);
    fails(disk.read(p("d"), 1), ErrorKind::IsADirectory);
    assert_eq!(kind(disk, "d"), Kind::Directory);
    assert_eq!(kind(disk, ""), Kind::Directory);
    let mut deep = PathBuf::new();
    for _ in 0..30 {
        deep.push("n".repeat(200));
        disk.create_directory(&deep, 0o700).unwrap();
    }
    assert_eq!(disk.metadata(&deep).unwrap().unwrap().kind, Kind::Directory);
}

fn links_are_never_followed(disk: &dyn Disk) {
    disk.create_directory(p("d"), 0o755).unwrap();
    put(disk, "d/f", b"content");
    disk.create_link(p("to-d"), p("d")).unwrap();
    disk.create_link(p("to-f"), p("d/f")).unwrap();
    disk.create_link(p("to-nothing"), p("/no/where")).unwrap();
    assert_eq!(disk.read_link(p("to-nothing")).unwrap(), p("/no/where"));
    assert_eq!(disk.metadata(p("to-f")).unwrap().unwrap().size, 3);
    fails(disk.create_link(p("to-d"), p("x")), ErrorKind::AlreadyExists);
    fails(disk.create_link(p("empty"), p("")), ErrorKind::NotFound);
    fails(disk.create_link(p("nul"), p("a\0b")), ErrorKind::InvalidInput);
    fails(disk.create_link(p("long"), p(&"x".repeat(4096))), ErrorKind::InvalidFilename);
    fails(disk.read_link(p("d")), ErrorKind::InvalidInput);
    fails(disk.read_link(p("")), ErrorKind::InvalidInput);
    fails(disk.read_link(p("d/f")), ErrorKind::InvalidInput);
    fails(disk.read_link(p("none")), ErrorKind::NotFound);

    for path in ["to-d", "to-f", "to-nothing"] {
        assert_eq!(kind(disk, path), Kind::Link);
        fails(disk.open(p(path)), ErrorKind::InvalidInput);
        fails(disk.read(p(path), 9), ErrorKind::InvalidInput);
        fails(disk.list(p(path)), ErrorKind::NotADirectory);
        fails(disk.create(p(path), 0o644), ErrorKind::AlreadyExists);
        fails(disk.create_directory(p(path), 0o755), ErrorKind::AlreadyExists);
        fails(disk.set_mode(p(path), 0o600), ErrorKind::InvalidInput);
        fails(disk.sync_file(p(path)), ErrorKind::InvalidInput);
        fails(disk.sync_directory(p(path)), ErrorKind::NotADirectory);
        fails(disk.remove_directory(p(path)), ErrorKind::NotADirectory);
    }
    for path in ["to-d/f", "to-d/new", "to-f/x", "to-nothing/x"] {
        fails(disk.metadata(p(path)), ErrorKind::NotADirectory);
        fails(disk.read(p(path), 9), ErrorKind::NotADirectory);
        fails(disk.create(p(path), 0o644), ErrorKind::NotADirectory);
        fails(disk.remove(p(path)), ErrorKind::NotADirectory);
        fails(disk.hard_link(p("d/f"), p(path)), ErrorKind::NotADirectory);
        fails(disk.replace(p("d/f"), p(path)), ErrorKind::NotADirectory);
        fails(disk.rename_new(p(path), p("moved")), ErrorKind::NotADirectory);
    }
    disk.replace(p("to-nothing"), p("to-f")).unwrap();
    assert_eq!(disk.read_link(p("to-f")).unwrap(), p("/no/where"));
    disk.remove(p("to-d")).unwrap();
    assert_eq!(get(disk, "d/f"), b"content");
}

fn a_hard_link_is_one_more_name(disk: &dyn Disk) {
    put(disk, "a", b"one");
    disk.create_directory(p("d"), 0o755).unwrap();
    disk.create_link(p("l"), p("a")).unwrap();
    disk.hard_link(p("a"), p("d/b")).unwrap();
    let (one, other) = (disk.metadata(p("a")).unwrap().unwrap(), disk.metadata(p("d/b")).unwrap().unwrap());
    assert_eq!((one.links, one.inode, one.device), (2, other.inode, other.device));
    disk.hard_link(p("l"), p("m")).unwrap();
    assert_eq!(kind(disk, "m"), Kind::Link);
    fails(disk.hard_link(p("a"), p("d/b")), ErrorKind::AlreadyExists);
    fails(disk.hard_link(p("none"), p("c")), ErrorKind::NotFound);
    fails(disk.hard_link(p("a"), p("none/c")), ErrorKind::NotFound);
    fails(disk.hard_link(p("d"), p("e")), ErrorKind::PermissionDenied);
    // Two names of one file: POSIX wants this to do nothing.
    disk.replace(p("a"), p("d/b")).unwrap();
    assert!(exists(disk, "a") && exists(disk, "d/b"));
    fails(disk.rename_new(p("a"), p("d/b")), ErrorKind::AlreadyExists);
    disk.remove(p("a")).unwrap();
    assert_eq!(disk.metadata(p("d/b")).unwrap().unwrap().links, 1);
    assert_eq!(get(disk, "d/b"), b"one");
}

fn rename_new_takes_free_names_only(disk: &dyn Disk) {
    put(disk, "a", b"a");
    put(disk, "b", b"b");
    disk.create_directory(p("d"), 0o755).unwrap();
    disk.create_directory(p("d/e"), 0o755).unwrap();
    disk.create_link(p("l"), p("nothing")).unwrap();
    for taken in ["b", "d", "d/e", "l", "a"] {
        fails(disk.rename_new(p("a"), p(taken)), ErrorKind::AlreadyExists);
        fails(disk.rename_new(p("d/e"), p(taken)), ErrorKind::AlreadyExists);
    }
    disk.rename_new(p("a"), p("d/e/c")).unwrap();
    assert!(!exists(disk, "a"));
    assert_eq!(get(disk, "d/e/c"), b"a");
    disk.rename_new(p("d/e"), p("f")).unwrap();
    assert_eq!(get(disk, "f/c"), b"a");
    disk.rename_new(p("l"), p("d/l")).unwrap();
    assert_eq!(kind(disk, "d/l"), Kind::Link);
    fails(disk.rename_new(p("none"), p("g")), ErrorKind::NotFound);
    fails(disk.rename_new(p("none"), p("b")), ErrorKind::NotFound);
    fails(disk.rename_new(p("b"), p("none/g")), ErrorKind::NotFound);
    fails(disk.rename_new(p("b"), p("f/c/g")), ErrorKind::NotADirectory);
    fails(disk.rename_new(p("f"), p("f/g")), ErrorKind::InvalidInput);
    assert_eq!(disk.list(p("f")).unwrap(), ["c"]);
}

fn replace_moves_over_what_fits(disk: &dyn Disk) {
    put(disk, "a", b"a");
    put(disk, "b", b"b");
    for path in ["d", "d/in", "empty"] {
        disk.create_directory(p(path), 0o755).unwrap();
    }
    disk.replace(p("a"), p("b")).unwrap();
    assert!(!exists(disk, "a"));
    assert_eq!(get(disk, "b"), b"a");
    disk.replace(p("b"), p("b")).unwrap();
    fails(disk.replace(p("b"), p("empty")), ErrorKind::IsADirectory);
    fails(disk.replace(p("empty"), p("b")), ErrorKind::NotADirectory);
    fails(disk.replace(p("empty"), p("d")), ErrorKind::DirectoryNotEmpty);
    fails(disk.replace(p("d/in"), p("d")), ErrorKind::DirectoryNotEmpty);
    fails(disk.replace(p("d"), p("d/in")), ErrorKind::InvalidInput);
    fails(disk.replace(p("d"), p("d/in/x")), ErrorKind::InvalidInput);
    fails(disk.replace(p("none"), p("b")), ErrorKind::NotFound);
    disk.replace(p("d"), p("empty")).unwrap();
    assert_eq!(disk.list(p("empty")).unwrap(), ["in"]);
    disk.replace(p("b"), p("empty/in/b")).unwrap();
    assert_eq!(disk.list(p("")).unwrap(), ["empty"]);
}

fn removing_asks_what_it_removes(disk: &dyn Disk) {
    put(disk, "f", b"");
    disk.create_directory(p("d"), 0o755).unwrap();
    put(disk, "d/f", b"");
    fails(disk.remove(p("d")), ErrorKind::IsADirectory);
    fails(disk.remove(p("none")), ErrorKind::NotFound);
    fails(disk.remove_directory(p("none")), ErrorKind::NotFound);
    fails(disk.remove_directory(p("f")), ErrorKind::NotADirectory);
    fails(disk.remove_directory(p("d")), ErrorKind::DirectoryNotEmpty);
    disk.remove(p("d/f")).unwrap();
    disk.remove_directory(p("d")).unwrap();
    disk.remove(p("f")).unwrap();
    assert!(disk.list(p("")).unwrap().is_empty());
}

fn modes_and_times_are_set_as_given(disk: &dyn Disk) {
    let mode = |path: &str| disk.metadata(p(path)).unwrap().unwrap().mode;
    for (at, wanted) in [0o666, 0o777, 0o400, 0o000, 0o4755, 0o222].into_iter().enumerate() {
        let (file, directory) = (format!("f{at}"), format!("d{at}"));
        drop(disk.create(p(&file), wanted).unwrap());
        disk.create_directory(p(&directory), wanted).unwrap();
        assert_eq!((mode(&file), mode(&directory)), (wanted, wanted));
    }
    for wanted in [0o000, 0o200, 0o111, 0o1777, 0o2750, 0o644] {
        disk.set_mode(p("f0"), wanted).unwrap();
        disk.set_mode(p("d0"), wanted).unwrap();
        assert_eq!((mode("f0"), mode("d0")), (wanted, wanted));
    }
    fails(disk.set_mode(p("f0"), 0o10_000), ErrorKind::InvalidInput);
    fails(disk.set_mode(p("none"), 0o644), ErrorKind::NotFound);
    fails(disk.set_modified(p("none"), 1), ErrorKind::NotFound);

    disk.create_link(p("l"), p("f0")).unwrap();
    for path in ["f0", "d0", "l", "f3", "d3", ""] {
        disk.set_modified(p(path), 1).unwrap();
        assert_eq!(disk.metadata(p(path)).unwrap().unwrap().modified, 1, "{path}");
    }
    disk.set_modified(p("f0"), 86_400).unwrap();
    assert_eq!(disk.metadata(p("l")).unwrap().unwrap().modified, 1);
    put(disk, "another", b"");
    assert_ne!(disk.metadata(p("")).unwrap().unwrap().modified, 1);
}

/// Only root can give something away; anybody can give it to himself.
fn owners_are_set_as_given(disk: &dyn Disk) {
    put(disk, "f", b"content");
    disk.create_directory(p("d"), 0o755).unwrap();
    disk.create_link(p("l"), p("f")).unwrap();
    let owner = |path: &str| {
        let found = disk.metadata(p(path)).unwrap().unwrap();
        (found.owner, found.group)
    };
    let (user, group) = owner("f");
    let other = if user == 0 { (1234, 4321) } else { (user, group) };
    for path in ["f", "d", "l"] {
        disk.set_owner(p(path), other.0, other.1).unwrap();
        assert_eq!(owner(path), other, "{path}");
    }
    disk.set_owner(p("l"), user, group).unwrap();
    assert_eq!((owner("l"), owner("f")), ((user, group), other));

    for (before, after) in [(0o6755, 0o755), (0o6644, 0o2644), (0o4640, 0o640), (0o640, 0o640)] {
        disk.set_mode(p("f"), before).unwrap();
        let mode = disk.metadata(p("f")).unwrap().unwrap().mode;
        disk.set_owner(p("f"), other.0, other.1).unwrap();
        // Who is not of the group could not set it in the first place.
        let after = if mode == before { after } else { after & mode };
        assert_eq!(disk.metadata(p("f")).unwrap().unwrap().mode, after);
    }
    disk.set_mode(p("d"), 0o2755).unwrap();
    disk.set_owner(p("d"), other.0, other.1).unwrap();
    assert_eq!(disk.metadata(p("d")).unwrap().unwrap().mode, 0o2755);
    assert_eq!(get(disk, "f"), b"content");
    fails(disk.set_owner(p("none"), user, group), ErrorKind::NotFound);
    fails(disk.set_owner(p("f/x"), user, group), ErrorKind::NotADirectory);
    fails(disk.set_owner(p("f"), u32::MAX, group), ErrorKind::InvalidInput);
    fails(disk.set_owner(p("f"), user, u32::MAX), ErrorKind::InvalidInput);
    fails(disk.set_owner(p("d/.."), user, group), ErrorKind::InvalidInput);
}

fn syncs_ask_what_they_sync(disk: &dyn Disk) {
    disk.create_directory(p("d"), 0o755).unwrap();
    put(disk, "d/f", b"x");
    disk.sync_file(p("d/f")).unwrap();
    disk.sync_directory(p("d")).unwrap();
    disk.sync_directory(p("")).unwrap();
    for mode in [0o000, 0o400, 0o200] {
        disk.set_mode(p("d/f"), mode).unwrap();
        disk.sync_file(p("d/f")).unwrap();
    }
    disk.set_mode(p("d"), 0o300).unwrap();
    disk.sync_directory(p("d")).unwrap();
    disk.sync_all().unwrap();
    fails(disk.sync_file(p("d")), ErrorKind::IsADirectory);
    fails(disk.sync_file(p("none")), ErrorKind::NotFound);
    fails(disk.sync_directory(p("d/f")), ErrorKind::NotADirectory);
    fails(disk.sync_directory(p("none")), ErrorKind::NotFound);
}

fn paths_that_lead_elsewhere_are_refused_by_all(disk: &dyn Disk) {
    let invalid = ErrorKind::InvalidInput;
    disk.create_directory(p("d"), 0o755).unwrap();
    put(disk, "f", b"");
    for path in ["/", "/etc", "..", "d/..", "d/../f", "d//f", "d/", ".", "./f", "f\0"].map(p) {
        fails(disk.metadata(path), invalid);
        fails(disk.open(path), invalid);
        fails(disk.read(path, 1), invalid);
        fails(disk.read_link(path), invalid);
        fails(disk.list(path), invalid);
        fails(disk.set_mode(path, 0o600), invalid);
        fails(disk.set_modified(path, 1), invalid);
        fails(disk.sync_file(path), invalid);
        fails(disk.sync_directory(path), invalid);
    }
    // What names an entry cannot name the root.
    for path in ["/etc", "..", "d/..", "d//f", "d/", ".", "f\0", ""].map(p) {
        fails(disk.create(path, 0o600), invalid);
        fails(disk.create_directory(path, 0o700), invalid);
        fails(disk.create_link(path, p("x")), invalid);
        fails(disk.remove(path), invalid);
        fails(disk.remove_directory(path), invalid);
        for (from, to) in [(path, p("new")), (p("f"), path)] {
            fails(disk.hard_link(from, to), invalid);
            fails(disk.rename_new(from, to), invalid);
            fails(disk.replace(from, to), invalid);
            fails(disk.exchange(from, to), invalid);
        }
    }
    let error = disk.remove(p("d/../f")).unwrap_err().to_string();
    assert!(error.contains("d/../f`: the path has a part `..`"), "{error}");
    let error = disk.rename_new(p("none"), p("new")).unwrap_err().to_string();
    assert!(error.contains("none` to `") && error.contains("new`: No such file"), "{error}");
}

fn names_are_bytes(disk: &dyn Disk) {
    let odd = OsStr::from_bytes(b"\xff\xfe \n\t\"\\'`$*");
    disk.create_directory(Path::new(odd), 0o755).unwrap();
    let inner = Path::new(odd).join(OsStr::from_bytes(b"\x80"));
    disk.create(&inner, 0o644).unwrap().write_all(b"x").unwrap();
    assert_eq!(disk.list(p("")).unwrap(), [odd]);
    assert_eq!(disk.list(Path::new(odd)).unwrap(), [OsString::from(OsStr::from_bytes(b"\x80"))]);
    disk.create_link(p("l"), &inner).unwrap();
    assert_eq!(disk.read_link(p("l")).unwrap(), inner);
    disk.rename_new(&inner, p("...")).unwrap();
    disk.create_directory(p(&"x".repeat(255)), 0o755).unwrap();
    let long = "x".repeat(256);
    fails(disk.create(p(&long), 0o644), ErrorKind::InvalidFilename);
    fails(disk.metadata(p(&long)), ErrorKind::InvalidFilename);
    fails(disk.create(p(&format!("{long}/y")), 0o644), ErrorKind::InvalidFilename);
    fails(disk.rename_new(p("l"), p(&long)), ErrorKind::InvalidFilename);
}
