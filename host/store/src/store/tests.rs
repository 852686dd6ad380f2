use super::*;
use crate::object::Outcome;
use crate::testing::{Scratch, asking, derivation, sample};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::mpsc;

mod processes;

/// Makes the entry if it is not there, as a build does. Returns what became of it.
fn make(store: &Store, shared: &SharedLock, derivation: &Derivation) -> Outcome {
    let name = derivation.name();
    let Some(lock) = store.claim(shared, name, asking()).unwrap() else { return Outcome::Kept };
    let staged = store.stage(&lock).unwrap();
    fs::create_dir(store.staged_path(&staged).join("bin")).unwrap();
    for number in 0..3 {
        let path = store.staged_path(&staged).join(format!("bin/file {number}"));
        fs::write(path, number.to_string()).unwrap();
    }
    store.add(staged, derivation).unwrap().outcome
}

fn assert_sound(store: &Store, name: &StoreName) {
    let damages = store.verify(name).unwrap();
    assert!(damages.is_empty(), "{name}: {damages:?}");
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn root(name: &StoreName) -> Root {
    Root { name: name.clone(), reason: "test".into() }
}

#[test]
fn a_store_is_made_where_nothing_is() {
    let scratch = Scratch::new();
    let root = scratch.join("a/b/store");
    assert!(matches!(Store::find(&root), Err(StoreError::Absent { .. })));
    assert!(!scratch.join("a").exists(), "looking makes nothing");
    let store = Store::open(&root).unwrap();
    assert_eq!(store.root(), root);
    assert_eq!(names(&root), [".punix-store"]);
    assert_eq!(fs::metadata(&root).unwrap().mode() & 0o777, 0o755);
    Store::open(&root).unwrap();
    Store::find(&root).unwrap();
}

/// Whatever way leads to it, a store is one store.
#[test]
fn one_store_has_one_root() {
    let scratch = Scratch::new();
    let root = scratch.join("store");
    let store = Store::open(&root).unwrap();
    let derivation = derivation("hello", &[]);
    let shared = store.share(asking()).unwrap();
    make(&store, &shared, &derivation);
    drop(shared);
    symlink(&root, scratch.join("link")).unwrap();
    fs::create_dir(scratch.join("d")).unwrap();
    let mut relative = PathBuf::new();
    let here = std::env::current_dir().unwrap();
    relative.extend(here.components().skip(1).map(|_| ".."));
    relative.push(root.strip_prefix("/").unwrap());
    for way in [scratch.join("link"), scratch.join("d/../store"), scratch.join("store/"), relative] {
        let store = Store::find(&way).unwrap();
        assert_eq!(store.root(), root, "{}", way.display());
        let alone = store.exclude(asking()).unwrap();
        let roots = [self::root(derivation.name())];
        let (_, collected) = store.collect(&alone, &roots).unwrap();
        assert_eq!(collected.removed, []);
        assert_sound(&store, derivation.name());
    }
}

/// A home is not a store, and nothing in it is touched.
#[test]
fn somebody_elses_directory_is_refused() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("photos")).unwrap();
    let entry = format!("{}-a-1", "0".repeat(32));
    for content in [None, Some(entry)] {
        if let Some(entry) = content {
            fs::create_dir(scratch.join(&entry)).unwrap();
        }
        let before = names(scratch.path());
        for open in [Store::open, Store::find] {
            let error = open(scratch.path()).unwrap_err();
            let path = scratch.path().display();
            assert_eq!(error.to_string(), format!("`{path}` is not a store: it holds `photos`"));
        }
        assert_eq!(names(scratch.path()), before);
    }
}

#[test]
fn a_store_without_its_mark_is_still_one() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let shared = store.share(asking()).unwrap();
    make(&store, &shared, &derivation("hello", &[]));
    fs::remove_file(scratch.join(".punix-store")).unwrap();
    Store::find(scratch.path()).unwrap();
    assert!(!scratch.join(".punix-store").exists());
    Store::open(scratch.path()).unwrap();
    assert!(scratch.join(".punix-store").exists());
}

#[test]
fn a_newer_store_is_refused() {
    let scratch = Scratch::new();
    fs::write(scratch.join(".punix-store"), "punix store 2\n").unwrap();
    for open in [Store::open, Store::find] {
        let error = open(scratch.path()).unwrap_err();
        assert!(matches!(error, StoreError::Strange { mark, .. } if mark == "punix store 2"));
    }
}

#[test]
fn a_root_that_is_a_file_is_an_error() {
    let scratch = Scratch::new();
    fs::write(scratch.join("file"), "").unwrap();
    for path in ["file", "file/below"] {
        let error = Store::open(&scratch.join(path)).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
    }
}

#[test]
fn entries_are_listed_and_measured() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    assert_eq!(store.size().unwrap(), Size::default());
    let shared = store.share(asking()).unwrap();
    let derivations = ["a", "b"].map(|package| derivation(package, &[]));
    let mut expected: Vec<&StoreName> = derivations.iter().map(Derivation::name).collect();
    expected.sort();
    for derivation in &derivations {
        assert_eq!(make(&store, &shared, derivation), Outcome::New);
        assert_eq!(make(&store, &shared, derivation), Outcome::Kept);
    }
    fs::write(scratch.join("stranger"), "").unwrap();
    assert_eq!(store.list().unwrap().iter().collect::<Vec<_>>(), expected);
    fs::remove_file(store.path(expected[0]).join("built")).unwrap();
    let size = store.size().unwrap();
    assert_eq!((size.entries, size.damaged), (2, 1));
    assert!((700..2_000).contains(&size.bytes), "{size:?}");
    // What has the name of an entry and is none is damage, and what it leads to is not looked at.
    symlink("/", scratch.join(derivation("c", &[]).name().as_str())).unwrap();
    let with_link = store.size().unwrap();
    assert_eq!((with_link.entries, with_link.damaged, with_link.bytes), (3, 2, size.bytes));
}

#[test]
fn an_output_is_added_only_under_its_own_lock() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let shared = store.share(asking()).unwrap();
    let (one, other) = (derivation("one", &[]), derivation("other", &[]));
    let lock = store.lock_path(&shared, one.name(), asking()).unwrap();
    let staged = store.stage(&lock).unwrap();
    assert!(matches!(store.add(staged, &other), Err(AddError::OtherLock { .. })));
    assert_eq!(store.list().unwrap(), []);
}

/// Damage that does not show at once is found, and mended in place.
#[test]
fn what_looks_whole_and_is_not_can_be_replaced() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let shared = store.share(asking()).unwrap();
    let derivation = derivation("hello", &[]);
    make(&store, &shared, &derivation);
    let file = store.path(derivation.name()).join("bin/file 1");
    fs::remove_file(&file).unwrap();
    fs::write(&file, "2").unwrap();
    assert_eq!(store.verify(derivation.name()).unwrap().len(), 2);
    assert!(store.claim(&shared, derivation.name(), asking()).unwrap().is_none());
    let lock = store.lock_path(&shared, derivation.name(), asking()).unwrap();
    for replace in [Store::add, Store::replace] {
        let staged = store.stage(&lock).unwrap();
        fs::write(store.staged_path(&staged).join("file"), "").unwrap();
        replace(&store, staged, &derivation).unwrap();
    }
    assert_sound(&store, derivation.name());
    assert!(store.path(derivation.name()).join("file").exists());
}

#[test]
fn many_make_one_store() {
    let scratch = Scratch::new();
    let root = scratch.join("a/store");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Store::open(&root).unwrap());
        }
    });
    assert_eq!(names(&root), [".punix-store"]);
}

#[test]
fn what_was_refused_or_given_up_is_removed() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let before = names(scratch.path());
    let shared = store.share(asking()).unwrap();
    let derivation = derivation("hello", &[]);
    let lock = store.lock_path(&shared, derivation.name(), asking()).unwrap();
    let staged = store.stage(&lock).unwrap();
    assert!(matches!(store.add(staged, &derivation), Err(AddError::Empty)));
    let staged = store.stage(&lock).unwrap();
    fs::write(store.staged_path(&staged).join("file"), "").unwrap();
    store.discard(staged).unwrap();
    drop(lock);
    drop(shared);
    let mut after = names(scratch.path());
    after.retain(|name| name != ".locks");
    assert_eq!(after, before);
}

/// What killed builds leave goes with the next build of that entry, or with a sweep.
#[test]
fn what_stopped_builds_left_is_swept() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let (one, other) = (derivation("one", &[]), derivation("other", &[]));
    let left = |derivation: &Derivation, purpose, number| {
        let name = TemporaryName::new(purpose, derivation.name(), number);
        sample(&store.disk, name.as_ref());
        store.disk.set_mode(name.as_ref(), 0).unwrap();
        name.to_string()
    };
    let ours = left(&one, Purpose::Staging, 0);
    let mut others = [
        ".punix-store.0123456789abcdef".to_owned(),
        left(&one, Purpose::Removal, 0),
        left(&one, Purpose::Staging, 7),
        left(&other, Purpose::Staging, 0),
    ];
    fs::write(scratch.join(&others[0]), "").unwrap();
    others.sort();
    for stranger in [".tmp-x", ".punix-store.x", ".gc-"] {
        fs::write(scratch.join(stranger), "").unwrap();
    }
    let shared = store.share(asking()).unwrap();
    let lock = store.lock_path(&shared, one.name(), asking()).unwrap();
    let staged = store.stage(&lock).unwrap();
    assert_eq!(store.staged_path(&staged), scratch.join(&ours));
    assert_eq!(names(&store.staged_path(&staged)), [""; 0]);
    store.discard(staged).unwrap();
    drop(lock);
    drop(shared);
    let swept = store.sweep(&store.exclude(asking()).unwrap()).unwrap();
    assert_eq!(swept.removed, others.iter().map(OsString::from).collect::<Vec<_>>());
    assert!(swept.failed.is_empty() && swept.freed > 0);
    assert_eq!(names(scratch.path()), [".gc-", ".locks", ".punix-store", ".punix-store.x", ".tmp-x"]);
}

/// Everything works for somebody who is not root, for whom read-only directories are really so.
#[test]
fn no_privilege_is_needed() {
    use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
    const NOBODY: u32 = 65_534;
    let scratch = Scratch::new();
    std::os::unix::fs::chown(scratch.path(), Some(NOBODY), Some(NOBODY)).ok();
    let work = || {
        // Who is not root already is somebody without privileges; this thread is enough.
        let _ = set_thread_groups(&[]);
        let _ = set_thread_gid(rustix::fs::Gid::from_raw(NOBODY));
        let _ = set_thread_uid(rustix::fs::Uid::from_raw(NOBODY));
        let store = Store::open(&scratch.join("store")).unwrap();
        let shared = store.share(asking()).unwrap();
        let derivation = derivation("hello", &[]);
        let lock = store.lock_path(&shared, derivation.name(), asking()).unwrap();
        let staged = store.stage(&lock).unwrap();
        let file = store.staged_path(&staged).join("d/file");
        fs::create_dir(file.parent().unwrap()).unwrap();
        fs::write(&file, "").unwrap();
        for path in [&*file, file.parent().unwrap()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        }
        assert!(fs::read(&file).is_err(), "this is about somebody who may not do everything");
        store.add(staged, &derivation).unwrap();
        assert_sound(&store, derivation.name());
        assert!(fs::write(store.path(derivation.name()).join("x"), "").is_err());
        drop(lock);
        drop(shared);
        let (_, collected) = store.collect(&store.exclude(asking()).unwrap(), &[]).unwrap();
        assert!(collected.failed.is_empty(), "{collected:?}");
        assert_eq!(names(store.root()), [".locks", ".punix-store"]);
    };
    std::thread::scope(|scope| scope.spawn(work).join().unwrap());
}

/// Paths that no system call takes in one piece.
#[test]
fn trees_of_any_depth_are_removed() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let top = TemporaryName::new(Purpose::Staging, derivation("deep", &[]).name(), 1);
    let disk = RealDisk::open(scratch.path()).unwrap();
    let part = "d".repeat(200);
    // Built from the bottom: each time, what is there moves into a new directory.
    disk.create_directory(Path::new("0"), 0o755).unwrap();
    for number in 1..60 {
        let (old, new) = (format!("{}", number - 1), number.to_string());
        disk.create_directory(Path::new(&new), 0o755).unwrap();
        disk.rename_new(Path::new(&old), &Path::new(&new).join(&part)).unwrap();
    }
    disk.rename_new(Path::new("59"), top.as_ref()).unwrap();
    let swept = store.sweep(&store.exclude(asking()).unwrap()).unwrap();
    assert_eq!(swept.removed, [top.as_str()]);
    assert_eq!(names(scratch.path()), [".locks", ".punix-store"]);
}

/// The closure of a root is kept; a missing root is told, and is no reason to remove less or more.
#[test]
fn a_collection_keeps_what_roots_need() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let shared = store.share(asking()).unwrap();
    let lib = derivation("lib", &[]);
    let app = derivation("app", &[lib.name()]);
    let dead = derivation("dead", &[lib.name()]);
    for derivation in [&lib, &app, &dead] {
        make(&store, &shared, derivation);
    }
    let roots = [root(app.name()), root(derivation("gone", &[]).name())];
    let planned = store.plan_collection(&roots).unwrap();
    assert_eq!(store.list().unwrap().len(), 3, "planning removes nothing");
    assert!(matches!(
        store.exclude(Asking { wait: std::time::Duration::ZERO, ..asking() }),
        Err(LockError::Held { .. })
    ));
    drop(shared);
    let alone = store.exclude(asking()).unwrap();
    let (done, collected) = store.collect(&alone, &roots).unwrap();
    assert_eq!(done, planned);
    assert_eq!(collected.removed, [dead.name().clone()]);
    assert!(collected.freed > 0);
    assert_eq!(done.missing().len(), 1);
    assert_sound(&store, lib.name());
    assert_sound(&store, app.name());
}

/// What cannot be read never unpins.
#[test]
fn a_damaged_root_stops_a_collection() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let shared = store.share(asking()).unwrap();
    let lib = derivation("lib", &[]);
    let app = derivation("app", &[lib.name()]);
    make(&store, &shared, &lib);
    make(&store, &shared, &app);
    drop(shared);
    fs::remove_file(store.path(app.name()).join("derivation.json")).unwrap();
    let alone = store.exclude(asking()).unwrap();
    let error = store.collect(&alone, &[root(app.name())]).unwrap_err();
    assert!(matches!(error, CollectError::Unreadable { name, .. } if name == *app.name()));
    assert_eq!(store.list().unwrap().len(), 2);
}

/// While a build runs, none of what it found or made goes.
#[test]
fn a_collection_beside_builds_takes_nothing_from_them() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let (begun, beginnings) = mpsc::channel();
    std::thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let mut removed = 0;
            for () in beginnings {
                let alone = store.exclude(asking()).unwrap();
                removed += store.collect(&alone, &[]).unwrap().1.removed.len();
                store.sweep(&alone).unwrap();
            }
            removed
        });
        for _ in 0..30 {
            let shared = store.share(asking()).unwrap();
            begun.send(()).unwrap();
            let lib = derivation("lib", &[]);
            make(&store, &shared, &lib);
            make(&store, &shared, &derivation("app", &[lib.name()]));
            for name in store.list().unwrap() {
                assert_sound(&store, &name);
            }
            assert_eq!(store.list().unwrap().len(), 2);
        }
        drop(begun);
        assert!(collector.join().unwrap() > 0);
    });
    assert_eq!(store.list().unwrap(), []);
}

#[test]
fn two_threads_make_one_entry() {
    let scratch = Scratch::new();
    let stores = [(); 2].map(|()| Store::open(scratch.path()).unwrap());
    for round in 0..100 {
        let derivation = derivation(&format!("p{round}"), &[]);
        let outcomes = std::thread::scope(|scope| {
            let threads = stores.each_ref().map(|store| {
                scope.spawn(|| {
                    let shared = store.share(asking()).unwrap();
                    let outcome = make(store, &shared, &derivation);
                    assert_sound(store, derivation.name());
                    outcome
                })
            });
            threads.map(|thread| thread.join().unwrap())
        });
        let new = outcomes.iter().filter(|outcome| **outcome == Outcome::New).count();
        assert_eq!(new, 1, "{outcomes:?}");
    }
    assert_eq!(stores[0].list().unwrap().len(), 100);
}
