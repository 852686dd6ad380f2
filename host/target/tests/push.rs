//! Entries that are pushed to the program `punix-target`: over a pipe, as to another machine, where it is killed in the midst.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use punix_store::{Asking, Derivation, Digest, PackageName, Parts, Record, Store, StoreName, Value, Version};
use punix_target::{Brought, Client, Door, Opening, PushError, PushStep, Pushing, TargetError, TargetPath};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_punix-target");
/// Where a collection of what is there shall find nobody else's.
const TO: &str = "/srv/store";

/// A store here, and a root that is to be a target.
struct Both {
    folder: tempfile::TempDir,
    from: Store,
    names: BTreeSet<StoreName>,
    root: PathBuf,
}

fn asking() -> Asking<'static> {
    Asking { command: "punix test", wait: Duration::from_secs(60), tell: &|_| {} }
}

impl Both {
    /// Makes a store of packages, each of which is made by a function.
    fn new(packages: usize, make: impl Fn(usize, &Path)) -> Both {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("host");
        fs::create_dir(&root).unwrap();
        let from = Store::open(&folder.path().join("store")).unwrap();
        let names = (0..packages).map(|number| add(&from, number, &|top| make(number, top))).collect();
        Both { folder, from, names, root }
    }

    /// From now on another root, in which nothing is, is the target.
    fn another_root(&mut self) {
        let number = fs::read_dir(self.folder.path()).unwrap().count();
        self.root = self.folder.path().join(format!("host-{number}"));
        fs::create_dir(&self.root).unwrap();
    }

    fn start(&self) -> Client {
        let wait = Duration::from_secs(60);
        let opening = Opening { root: &self.root, deployments: Some(Path::new("/d")), command: "punix test", wait };
        Client::start(Path::new(PROGRAM), &opening).unwrap()
    }

    fn pushing(&self) -> Pushing {
        let to = TargetPath::parse(TO).unwrap();
        Pushing { to, names: self.names.clone(), again: BTreeSet::new() }
    }

    fn there(&self) -> Store {
        Store::open(&self.root.join(TO.trim_start_matches('/'))).unwrap()
    }

    /// Asserts that what has a name there is whole. Returns these names.
    fn sound(&self) -> BTreeSet<StoreName> {
        let there = self.there();
        let names = there.list().unwrap();
        for found in there.verify_all(&names) {
            assert!(found.unwrap().is_empty());
        }
        names.into_iter().collect()
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        unlock(self.folder.path());
    }
}

fn unlock(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

fn add(store: &Store, number: usize, make: &dyn Fn(&Path)) -> StoreName {
    let parts = Parts {
        package: PackageName::parse(&format!("package-{number}")).unwrap(),
        version: Version::parse("1.0").unwrap(),
        recipe: "std.shell".to_owned(),
        recipe_digest: Digest::of(b"recipe"),
        args: Record::from([("command".to_owned(), Value::text("true"))]),
        source: Record::new(),
        system: "x86_64-linux".to_owned(),
        inputs: BTreeSet::new(),
    };
    let derivation = Derivation::new(parts).unwrap();
    let shared = store.share(asking()).unwrap();
    let lock = store.claim(&shared, derivation.name(), asking()).unwrap().unwrap();
    let staged = store.stage(&lock).unwrap();
    make(&store.staged_path(&staged));
    store.add(staged, &derivation).unwrap();
    derivation.name().clone()
}

/// Bytes that differ by number, and pack badly.
fn noise(number: usize, length: usize) -> Vec<u8> {
    let mut state = number as u64 + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn packages_of_all_shapes_arrive_and_are_held() {
    let both = Both::new(70, |number, top| {
        fs::create_dir(top.join("bin")).unwrap();
        fs::write(top.join("bin/tool"), format!("#!/bin/sh\necho {number}\n")).unwrap();
        // Around the size of a message, and nothing at all.
        if number < 5 {
            fs::write(top.join("data"), noise(number, (256 << 10) - 2 + number)).unwrap();
        }
        fs::write(top.join("empty"), "").unwrap();
        std::os::unix::fs::symlink("bin/tool", top.join("link")).unwrap();
    });
    let client = both.start();
    let mut steps = Vec::new();
    let brought = client.push(&both.from, &both.pushing(), &mut |step| steps.push(step)).unwrap();
    assert_eq!(brought, Brought { pushed: 70, cached: 0 });
    assert_eq!(both.sound(), both.names);
    for name in &both.names {
        assert_eq!(both.there().manifest(name).unwrap(), both.from.manifest(name).unwrap());
    }
    let done = steps.iter().filter(|step| matches!(step, PushStep::Done { .. })).count();
    let sent: u64 = steps.iter().map(|step| if let PushStep::Bytes { more } = step { *more } else { 0 }).sum();
    let Some(PushStep::Begin { entries, bytes }) = steps.first() else { panic!("{:?}", steps.first()) };
    assert_eq!((done, *entries, sent), (70, 70, *bytes));
    // Nobody collects there before it is let go of, and a second push needs nothing.
    let alone = Asking { wait: Duration::ZERO, ..asking() };
    assert!(both.there().exclude(alone).is_err());
    let brought = client.push(&both.from, &both.pushing(), &mut |_| {}).unwrap();
    assert_eq!(brought, Brought { pushed: 0, cached: 70 });
    client.release().unwrap();
    drop(both.there().exclude(alone).unwrap());
}

/// One byte of a package changes: it is all that is sent.
#[test]
fn only_what_changed_is_sent() {
    let mut both = Both::new(5, |number, top| fs::write(top.join("data"), noise(number, 300_000)).unwrap());
    let client = both.start();
    client.push(&both.from, &both.pushing(), &mut |_| {}).unwrap();
    both.names.insert(add(&both.from, 99, &|top| fs::write(top.join("data"), b"1").unwrap()));
    let mut sent = 0;
    let mut step = |step: PushStep| sent += if let PushStep::Bytes { more } = step { more } else { 0 };
    let brought = client.push(&both.from, &both.pushing(), &mut step).unwrap();
    assert_eq!((brought, sent), (Brought { pushed: 1, cached: 5 }, 1));
}

/// The program is killed at many points of a push: what has its name is whole each time, what was said to be there is there,
/// and the next push brings the rest and nothing else.
#[test]
fn killed_in_the_midst_it_leaves_what_arrived_and_the_next_goes_on() {
    const PACKAGES: usize = 150;
    const KILLS: u32 = 20;
    let mut both = Both::new(PACKAGES, |number, top| {
        let length = if number % 30 == 0 { 3 << 20 } else { 3_000 };
        fs::write(top.join("data"), noise(number, length)).unwrap();
        fs::write(top.join("more"), noise(number + PACKAGES, 10)).unwrap();
    });
    let began = Instant::now();
    both.start().push(&both.from, &both.pushing(), &mut |_| {}).unwrap();
    let whole = began.elapsed();
    let mut cut = 0;
    for kill in 0..KILLS {
        both.another_root();
        let client = both.start();
        let process = client.process().unwrap().to_string();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(whole * kill / KILLS);
            Command::new("/bin/kill").arg("-9").arg(process).status().unwrap();
        });
        let mut done = BTreeSet::new();
        let result = client.push(&both.from, &both.pushing(), &mut |step| {
            if let PushStep::Done { name } = step {
                done.insert(name);
            }
        });
        killer.join().unwrap();
        drop(client);
        match result {
            Ok(_) => assert_eq!(done, both.names),
            Err(PushError::Lost(lost)) => {
                assert_eq!((lost.pushed, lost.missing), (done.len(), PACKAGES));
                cut += 1;
            }
            // It was gone before it was asked.
            Err(PushError::Target(TargetError::Way(_))) => assert!(done.is_empty()),
            Err(error) => panic!("{error:?}"),
        }
        let there = both.sound();
        assert!(there.is_superset(&done));
        let client = both.start();
        let brought = client.push(&both.from, &both.pushing(), &mut |_| {}).unwrap();
        assert_eq!(brought, Brought { pushed: PACKAGES - there.len(), cached: there.len() });
        assert_eq!(both.sound(), both.names);
    }
    assert!(cut > 0);
}

/// Two push the same at once: both get it, and it is there once.
#[test]
fn two_who_push_the_same_do_not_hurt_each_other() {
    let both = Both::new(100, |number, top| fs::write(top.join("data"), noise(number, 20_000)).unwrap());
    std::thread::scope(|scope| {
        let push = || both.start().push(&both.from, &both.pushing(), &mut |_| {}).unwrap();
        let others: Vec<_> = (0..3).map(|_| scope.spawn(push)).collect();
        for other in others {
            let brought = other.join().unwrap();
            assert_eq!(brought.pushed + brought.cached, 100);
        }
    });
    assert_eq!(both.sound(), both.names);
}
