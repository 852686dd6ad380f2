//! Protocols that are known to be right, proved over every crash; and each of them without one of its syncs, which the
//! simulation must find to be wrong. If it cannot, it proves nothing about ours.

use super::super::crash::{Crash, End, every_crash};
use super::super::*;
use crate::scenarios::{p, put};

const TORN: u64 = 60;

/// Leaves out one sync, or none.
struct Syncs {
    next: usize,
    forgotten: Option<usize>,
}

impl Syncs {
    fn all_but(forgotten: Option<usize>) -> Syncs {
        Syncs { next: 0, forgotten }
    }

    fn run(&mut self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let at = self.next;
        self.next += 1;
        if Some(at) == self.forgotten { Ok(()) } else { sync() }
    }
}

/// Runs a protocol against every crash and returns the ends that are not fine.
fn wrong_ends(
    start: fn() -> SimulatedDisk,
    protocol: impl Fn(&dyn Disk) -> io::Result<()>,
    fine: fn(&SimulatedDisk, bool) -> bool,
) -> Vec<End> {
    let mut wrong = Vec::new();
    let operations = every_crash(
        start,
        |disk| protocol(disk),
        TORN,
        |found, outcome, end| {
            if let Err(error) = outcome {
                assert!(Crash::is(error), "{error}");
            }
            if !fine(found, outcome.is_ok()) {
                wrong.push(end);
            }
        },
    );
    assert!(operations > 3);
    wrong
}

/// Checks that a protocol is right, and wrong without any one of its syncs.
fn check(
    start: fn() -> SimulatedDisk,
    protocol: fn(&dyn Disk, &mut Syncs) -> io::Result<()>,
    fine: fn(&SimulatedDisk, bool) -> bool,
) {
    let mut count = Syncs::all_but(None);
    protocol(&start(), &mut count).unwrap();
    let right = wrong_ends(start, |disk| protocol(disk, &mut Syncs::all_but(None)), fine);
    assert_eq!(right, [], "the protocol is wrong");
    for forgotten in 0..count.next {
        let syncs = || Syncs::all_but(Some(forgotten));
        let wrong = wrong_ends(start, |disk| protocol(disk, &mut syncs()), fine);
        assert!(!wrong.is_empty(), "nobody misses sync {forgotten}");
    }
}

fn with_old_file() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    put(&disk, "x", b"the old content");
    disk.create_directory(p("tmp"), 0o700).unwrap();
    disk.sync_all().unwrap();
    disk
}

fn is_old_or_new(disk: &SimulatedDisk, finished: bool) -> bool {
    match disk.read(p("x"), 99).ok().as_deref() {
        Some(b"the new content") => true,
        Some(b"the old content") => !finished,
        Some(_) | None => false,
    }
}

#[test]
fn write_sync_replace_sync() {
    check(
        with_old_file,
        |disk, syncs| {
            let mut file = disk.create(p(".x"), 0o644)?;
            file.write_all(b"the new ")?;
            file.write_all(b"content")?;
            syncs.run(|| file.sync())?;
            disk.replace(p(".x"), p("x"))?;
            syncs.run(|| disk.sync_directory(p("")))
        },
        is_old_or_new,
    );
}

#[test]
fn replacing_from_another_directory_takes_a_sync_more() {
    check(
        with_old_file,
        |disk, syncs| {
            disk.create(p("tmp/x"), 0o644)?.write_all(b"the new content")?;
            syncs.run(|| disk.sync_file(p("tmp/x")))?;
            disk.replace(p("tmp/x"), p("x"))?;
            syncs.run(|| disk.sync_directory(p("tmp")))?;
            syncs.run(|| disk.sync_directory(p("")))
        },
        is_old_or_new,
    );
}

#[test]
fn exchange_then_remove_the_old() {
    check(
        with_old_file,
        |disk, syncs| {
            disk.create(p(".x"), 0o644)?.write_all(b"the new content")?;
            syncs.run(|| disk.sync_file(p(".x")))?;
            disk.exchange(p(".x"), p("x"))?;
            disk.remove(p(".x"))?;
            syncs.run(|| disk.sync_directory(p("")))
        },
        is_old_or_new,
    );
}

#[test]
fn removing_before_writing_is_never_right() {
    let protocol = |disk: &dyn Disk| {
        disk.remove(p("x"))?;
        let mut file = disk.create(p("x"), 0o644)?;
        file.write_all(b"the new content")?;
        file.sync()?;
        disk.sync_directory(p(""))
    };
    assert!(!wrong_ends(with_old_file, protocol, is_old_or_new).is_empty());
}

/// A backup by link must be durable before the old name goes.
#[test]
fn a_second_name_comes_before_the_first_one_goes() {
    check(
        with_old_file,
        |disk, syncs| {
            disk.hard_link(p("x"), p("backup"))?;
            syncs.run(|| disk.sync_directory(p("")))?;
            disk.remove(p("x"))?;
            syncs.run(|| disk.sync_directory(p("")))
        },
        |disk, finished| {
            let reads = |path| disk.read(p(path), 99).is_ok_and(|text| text == b"the old content");
            (reads("x") || reads("backup")) && !(finished && reads("x"))
        },
    );
}

fn with_store() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    disk.create_directory(p("tmp"), 0o700).unwrap();
    disk.create_directory(p("store"), 0o755).unwrap();
    disk.sync_all().unwrap();
    disk
}

const OBJECT: [(&str, &[u8]); 2] = [("bin", b"#!/bin/sh"), ("sub/lib", b"a library")];

fn add_object(disk: &dyn Disk, syncs: &mut Syncs) -> io::Result<()> {
    disk.create_directory(p("tmp/o"), 0o755)?;
    disk.create_directory(p("tmp/o/sub"), 0o755)?;
    for (name, content) in OBJECT {
        let path = p("tmp/o").join(name);
        let mut file = disk.create(&path, 0o444)?;
        file.write_all(content)?;
        disk.set_modified(&path, 1)?;
        syncs.run(|| file.sync())?;
    }
    disk.set_modified(p("tmp/o/sub"), 1)?;
    disk.set_modified(p("tmp/o"), 1)?;
    syncs.run(|| disk.sync_directory(p("tmp/o/sub")))?;
    syncs.run(|| disk.sync_directory(p("tmp/o")))?;
    disk.rename_new(p("tmp/o"), p("store/o"))?;
    syncs.run(|| disk.sync_directory(p("tmp")))?;
    syncs.run(|| disk.sync_directory(p("store")))
}

fn is_whole_or_absent(disk: &SimulatedDisk, finished: bool) -> bool {
    let mtime_and_mode = |path: &Path| {
        disk.metadata(path).unwrap().is_some_and(|found| {
            let mode = if found.kind == crate::Kind::File { 0o444 } else { 0o755 };
            (found.modified, found.mode) == (1, mode)
        })
    };
    if disk.metadata(p("store/o")).unwrap().is_none() {
        return !finished;
    }
    mtime_and_mode(p("store/o"))
        && mtime_and_mode(p("store/o/sub"))
        && OBJECT.iter().all(|(name, content)| {
            let path = p("store/o").join(name);
            mtime_and_mode(&path) && disk.read(&path, 99).unwrap() == *content
        })
}

#[test]
fn an_object_is_whole_or_absent() {
    check(with_store, add_object, is_whole_or_absent);
}

/// To delete an object, it must durably be none before its first file goes.
#[test]
fn a_deleted_object_is_never_half() {
    fn start() -> SimulatedDisk {
        let disk = with_store();
        add_object(&disk, &mut Syncs::all_but(None)).unwrap();
        disk.after_crash(Survival::Nothing)
    }
    fn delete(disk: &dyn Disk, syncs: &mut Syncs) -> io::Result<()> {
        disk.rename_new(p("store/o"), p("tmp/o"))?;
        syncs.run(|| disk.sync_directory(p("tmp")))?;
        syncs.run(|| disk.sync_directory(p("store")))?;
        disk.remove(p("tmp/o/bin"))?;
        disk.remove(p("tmp/o/sub/lib"))?;
        disk.remove_directory(p("tmp/o/sub"))?;
        disk.remove_directory(p("tmp/o"))
    }
    check(start, delete, |disk, finished| {
        let gone = disk.metadata(p("store/o")).unwrap().is_none();
        if gone { true } else { !finished && is_whole_or_absent(disk, false) }
    });
}

/// One sync of everything does for many.
#[test]
fn syncing_everything_is_as_good() {
    check(
        with_store,
        |disk, syncs| {
            disk.create_directory(p("tmp/o"), 0o755)?;
            disk.create_directory(p("tmp/o/sub"), 0o755)?;
            for (name, content) in OBJECT {
                let path = p("tmp/o").join(name);
                disk.create(&path, 0o444)?.write_all(content)?;
                disk.set_modified(&path, 1)?;
            }
            disk.set_modified(p("tmp/o/sub"), 1)?;
            disk.set_modified(p("tmp/o"), 1)?;
            syncs.run(|| disk.sync_all())?;
            disk.rename_new(p("tmp/o"), p("store/o"))?;
            syncs.run(|| disk.sync_directory(p("store")))?;
            syncs.run(|| disk.sync_directory(p("tmp")))
        },
        is_whole_or_absent,
    );
}
