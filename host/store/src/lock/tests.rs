use super::*;
use crate::testing::{Scratch, asking, derivation};
use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const AT_ONCE: Duration = Duration::ZERO;

fn at_once(command: &str) -> Asking<'_> {
    Asking { command, wait: AT_ONCE, tell: &|_| {} }
}

fn commands(error: LockError) -> Vec<String> {
    match error {
        LockError::Held { holders, .. } => {
            assert!(holders.iter().all(|holder| holder.process == std::process::id()));
            assert!(holders.iter().all(|holder| holder.since > 1_700_000_000));
            holders.into_iter().map(|holder| holder.command).collect()
        }
        error @ LockError::Io { .. } => panic!("{error}"),
    }
}

#[test]
fn sharing_excludes_having_alone_and_the_other_way_round() {
    let scratch = Scratch::new();
    let root = scratch.path();
    let one = share(root, at_once("punix build")).unwrap();
    let two = share(root, at_once("punix deploy")).unwrap();
    let mut named = commands(exclude(root, at_once("punix gc")).unwrap_err());
    named.sort();
    assert_eq!(named, ["punix build", "punix deploy"]);
    drop(one);
    assert_eq!(commands(exclude(root, at_once("punix gc")).unwrap_err()), ["punix deploy"]);
    drop(two);
    let alone = exclude(root, at_once("punix gc")).unwrap();
    assert_eq!(commands(share(root, at_once("punix build")).unwrap_err()), ["punix gc"]);
    assert_eq!(commands(exclude(root, at_once("punix gc 2")).unwrap_err()), ["punix gc"]);
    drop(alone);
    share(root, at_once("punix build")).unwrap();
}

/// A process that is started just then has all files open until its program runs.
#[test]
fn what_was_let_go_is_free_whoever_has_its_file_open() {
    let scratch = Scratch::new();
    let root = scratch.path();
    let shared = share(root, at_once("punix build")).unwrap();
    let _open = shared.file.try_clone().unwrap();
    let _badge = shared.badge.as_ref().map(|named| named.file.try_clone().unwrap());
    drop(shared);
    let alone = exclude(root, at_once("punix gc")).unwrap();
    let _open = alone.file.try_clone().unwrap();
    drop(alone);
    share(root, at_once("punix build")).unwrap();
}

#[test]
fn who_waits_is_told_once_and_gets_it_in_the_end() {
    let scratch = Scratch::new();
    let root = scratch.path();
    let shared = Mutex::new(Some(share(root, asking()).unwrap()));
    let told = AtomicU32::new(0);
    let tell = |holders: &[Holder]| {
        assert_eq!(holders.len(), 1);
        told.fetch_add(1, Ordering::Relaxed);
        shared.lock().unwrap().take();
    };
    exclude(root, Asking { tell: &tell, ..asking() }).unwrap();
    assert_eq!(told.into_inner(), 1);
}

#[test]
fn the_wait_has_an_end() {
    let scratch = Scratch::new();
    let _shared = share(scratch.path(), asking()).unwrap();
    let wait = Duration::from_millis(30);
    let error = exclude(scratch.path(), Asking { wait, ..asking() }).unwrap_err();
    let LockError::Held { waited, .. } = error else { panic!("{error}") };
    assert!(waited >= wait);
}

#[test]
fn many_short_sharers_let_one_in_who_wants_to_be_alone() {
    let scratch = Scratch::new();
    let root = scratch.path();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let one = share(root, asking()).unwrap();
                    let two = share(root, asking());
                    drop((two, one));
                }
            });
        }
        for _ in 0..5 {
            exclude(root, Asking { wait: Duration::from_secs(20), ..asking() }).unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn paths_have_locks_of_their_own() {
    let scratch = Scratch::new();
    let shared = share(scratch.path(), asking()).unwrap();
    let [a, b] = ["a", "b"].map(|package| derivation(package, &[]).name().clone());
    let held = path(&shared, &a, at_once("punix build a")).unwrap();
    let _other = path(&shared, &b, at_once("punix build b")).unwrap();
    let other_process = share(scratch.path(), asking()).unwrap();
    let error = path(&other_process, &a, at_once("punix build a")).unwrap_err();
    assert_eq!(commands(error), ["punix build a"]);
    drop(held);
    path(&other_process, &a, at_once("punix build a")).unwrap();
    let left = names(&scratch.join(DIRECTORY)).unwrap();
    assert!(!left.iter().any(|name| name == a.as_str()), "{left:?}");
}

/// The file of a path's lock goes with each holder; still there is never more than one.
#[test]
fn a_lock_whose_file_goes_is_held_by_one_only() {
    let scratch = Scratch::new();
    let name = derivation("a", &[]).name().clone();
    let inside = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let shared = share(scratch.path(), asking()).unwrap();
                for _ in 0..200 {
                    let held = path(&shared, &name, asking()).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(held);
                }
            });
        }
    });
}

#[test]
fn what_the_dead_left_in_the_directory_does_not_matter() {
    let scratch = Scratch::new();
    let root = scratch.path();
    drop(share(root, asking()).unwrap());
    let directory = root.join(DIRECTORY);
    let name = derivation("a", &[]).name().clone();
    let left = ["shared-0123456789abcdef", name.as_str(), STORE_LOCK, GATE, "somebody's"];
    for file in left {
        std::fs::write(directory.join(file), "1\n1700000001\ndead\n").unwrap();
    }
    let shared = share(root, at_once("punix build")).unwrap();
    path(&shared, &name, at_once("punix build")).unwrap();
    assert_eq!(commands(exclude(root, at_once("punix gc")).unwrap_err()), ["punix build"]);
    drop(shared);
    let told = RefCell::new(Vec::new());
    drop(exclude(root, at_once("punix gc")).unwrap());
    told.borrow_mut().extend(names(&directory).unwrap());
    assert_eq!(told.into_inner(), [GATE, "somebody's", STORE_LOCK]);
}

#[test]
fn a_started_program_does_not_hold_the_lock() {
    let scratch = Scratch::new();
    let alone = exclude(scratch.path(), asking()).unwrap();
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    drop(alone);
    let again = exclude(scratch.path(), at_once("punix gc"));
    child.kill().unwrap();
    child.wait().unwrap();
    again.unwrap();
}
