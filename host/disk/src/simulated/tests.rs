mod protocols;

use super::crash::Crash;
use super::random::Random;
use super::*;
use crate::scenarios::{fails, get, p, put};
use std::collections::BTreeSet;
use std::io::ErrorKind;

fn after(disk: &SimulatedDisk, choice: Survival) -> BTreeMap<PathBuf, Entry> {
    disk.after_crash(choice).snapshot()
}

/// Returns every content that a path may have after a crash, `None` for its absence.
fn contents(disk: &SimulatedDisk, path: &str) -> BTreeSet<Option<Vec<u8>>> {
    let read = |choice| disk.after_crash(choice).read(p(path), 1 << 20).ok();
    disk.survivals(400).into_iter().map(read).collect()
}

fn some(content: &[u8]) -> Option<Vec<u8>> {
    Some(content.to_vec())
}

#[test]
fn a_crash_stops_all_that_changes_something() {
    let disk = SimulatedDisk::new();
    put(&disk, "a", b"1");
    assert_eq!(disk.operations(), 2);
    disk.crash_after(3);
    disk.create_directory(p("d"), 0o755).unwrap();
    let mut file = disk.create(p("d/b"), 0o600).unwrap();
    let error = file.write(b"x").unwrap_err();
    assert!(Crash::is(&error), "{error}");
    assert!(Crash::is(&file.sync().unwrap_err()));
    drop(file);
    for error in [
        disk.remove(p("a")).unwrap_err(),
        disk.remove(p("none")).unwrap_err(),
        disk.sync_all().unwrap_err(),
        disk.replace(p("a"), p("c")).unwrap_err(),
        io::Error::other(disk.sync_file(p("a")).unwrap_err()),
    ] {
        assert!(Crash::is(&error), "{error}");
    }
    assert_eq!(disk.operations(), 4);
    assert_eq!(get(&disk, "a"), b"1");
    assert_eq!(get(&disk, "d/b"), b"");
    let error = disk.remove(p("a")).unwrap_err().to_string();
    assert_eq!(error, "cannot remove `a`: the simulated machine stopped");
    assert!(!Crash::is(&disk.read(p("none"), 1).unwrap_err()));
    assert!(!Crash::is(&io::Error::other("something else")));

    let again = disk.after_crash(Survival::Everything);
    assert_eq!((again.operations(), again.unsynced()), (0, 0));
    again.remove(p("a")).unwrap();
}

#[test]
fn one_operation_fails_and_the_rest_goes_on() {
    let disk = SimulatedDisk::new();
    disk.fail_at(2, ErrorKind::StorageFull);
    let mut file = disk.create(p("a"), 0o600).unwrap();
    assert!(!disk.has_failed());
    fails(file.write(b"abcd"), ErrorKind::StorageFull);
    assert!(disk.has_failed());
    assert_eq!(get(&disk, "a"), b"ab");
    disk.fail_at(1, ErrorKind::PermissionDenied);
    let error = disk.replace(p("a"), p("b")).unwrap_err();
    assert!(error.kind() == ErrorKind::PermissionDenied && !Crash::is(&error), "{error}");
    disk.replace(p("a"), p("b")).unwrap();
}

#[test]
fn a_poor_disk_moves_in_steps() {
    let disk = SimulatedDisk::new().without_rename_flags();
    put(&disk, "a", b"a");
    put(&disk, "b", b"b");
    disk.sync_all().unwrap();
    fails(disk.exchange(p("a"), p("b")), ErrorKind::Unsupported);
    fails(disk.rename_new(p("a"), p("b")), ErrorKind::AlreadyExists);
    disk.crash_after(2);
    assert!(Crash::is(&disk.rename_new(p("a"), p("c")).unwrap_err()));
    assert_eq!((get(&disk, "a"), get(&disk, "c")), (b"a".to_vec(), b"a".to_vec()));
    let again = disk.after_crash(Survival::Nothing);
    fails(again.exchange(p("a"), p("b")), ErrorKind::Unsupported);
    again.rename_new(p("a"), p("c")).unwrap();
    assert_eq!(again.list(p("")).unwrap(), ["b", "c"]);
}

/// A new owner is durable with the file, as its mode is.
#[test]
fn owners_survive_after_a_sync() {
    let disk = SimulatedDisk::new();
    put(&disk, "f", b"");
    disk.sync_all().unwrap();
    disk.set_owner(p("f"), 7, 8).unwrap();
    let owner = |choice| {
        let found = disk.after_crash(choice).metadata(p("f")).unwrap().unwrap();
        (found.owner, found.group)
    };
    assert_eq!((owner(Survival::Nothing), owner(Survival::Prefix(1))), ((0, 0), (7, 8)));
    disk.sync_file(p("f")).unwrap();
    assert_eq!((owner(Survival::Nothing), disk.unsynced()), ((7, 8), 0));
}

#[test]
fn what_is_set_on_an_open_file_waits_for_its_sync() {
    let disk = SimulatedDisk::new();
    put(&disk, "f", b"");
    disk.sync_all().unwrap();
    let mut file = disk.append(p("f")).unwrap();
    let operations = disk.operations();
    file.set_owner(7, 8).unwrap();
    file.set_mode(0o751).unwrap();
    assert_eq!((disk.operations() - operations, disk.unsynced()), (2, 2));
    let seen = |choice| {
        let found = disk.after_crash(choice).metadata(p("f")).unwrap().unwrap();
        (found.owner, found.group, found.mode)
    };
    let before = seen(Survival::Nothing);
    assert_eq!(before, (0, 0, 0o644));
    assert_eq!((seen(Survival::Prefix(1)), seen(Survival::Prefix(2))), ((7, 8, 0o644), (7, 8, 0o751)));
    file.sync().unwrap();
    assert_eq!((seen(Survival::Nothing), disk.unsynced()), ((7, 8, 0o751), 0));
    disk.crash_after(1);
    assert!(file.set_mode(0o600).is_err() && file.set_owner(1, 1).is_err());
    assert_eq!(seen(Survival::Everything), (7, 8, 0o751));
}

#[test]
fn nothing_is_durable_before_its_sync() {
    let disk = SimulatedDisk::new();
    disk.create_directory(p("d"), 0o755).unwrap();
    put(&disk, "d/f", b"content");
    disk.create_link(p("l"), p("d/f")).unwrap();
    assert!(after(&disk, Survival::Nothing).is_empty());
    assert_eq!(after(&disk, Survival::Everything), disk.snapshot());

    // What is in a directory is not there before the directory is.
    disk.sync_file(p("d/f")).unwrap();
    disk.sync_directory(p("d")).unwrap();
    assert!(after(&disk, Survival::Nothing).is_empty());
    disk.sync_directory(p("")).unwrap();
    assert_eq!(after(&disk, Survival::Nothing), disk.snapshot());
    assert_eq!(disk.unsynced(), 0);
}

#[test]
fn a_name_without_content_and_content_without_a_name() {
    let disk = SimulatedDisk::new();
    put(&disk, "named", b"abc");
    disk.sync_directory(p("")).unwrap();
    put(&disk, "filled", b"abc");
    disk.sync_file(p("filled")).unwrap();
    assert_eq!(get(&disk.after_crash(Survival::Nothing), "named"), b"");
    assert_eq!(contents(&disk, "filled"), [None, some(b"abc")].into());
    let named = contents(&disk, "named");
    for possible in [&b""[..], b"abc", b"a", b"\0\0\0", b"a\0\0", b"a\0c"] {
        assert!(named.contains(&some(possible)), "{possible:?}");
    }
    assert!(!named.contains(&None));
}

#[test]
fn synced_content_stays_when_more_is_written() {
    let disk = SimulatedDisk::new();
    let mut file = disk.create(p("f"), 0o644).unwrap();
    file.write_all(b"safe").unwrap();
    file.sync().unwrap();
    disk.sync_directory(p("")).unwrap();
    file.write_all(b"unsafe").unwrap();
    let found = contents(&disk, "f");
    assert!(found.iter().all(|content| content.as_ref().unwrap().starts_with(b"safe")));
    assert!(found.contains(&some(b"safe")) && found.len() > 5);
}

#[test]
fn a_replaced_name_is_the_old_or_the_new_file() {
    let disk = SimulatedDisk::new();
    put(&disk, "x", b"old");
    put(&disk, "tmp", b"new");
    disk.sync_all().unwrap();
    disk.replace(p("tmp"), p("x")).unwrap();
    assert_eq!(contents(&disk, "x"), [some(b"old"), some(b"new")].into());
    disk.sync_directory(p("")).unwrap();
    assert_eq!(contents(&disk, "x"), [some(b"new")].into());
    assert_eq!(contents(&disk, "tmp"), [None].into());
}

#[test]
fn a_move_between_directories_needs_both_syncs() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        let disk = SimulatedDisk::new();
        disk.create_directory(p("a"), 0o755).unwrap();
        disk.create_directory(p("b"), 0o755).unwrap();
        put(&disk, "a/f", b"f");
        disk.sync_all().unwrap();
        let before = disk.snapshot();
        disk.rename_new(p("a/f"), p("b/g")).unwrap();
        let both: BTreeSet<_> = contents(&disk, "a/f").into_iter().collect();
        assert_eq!(both, [None, some(b"f")].into());
        disk.sync_directory(p(first)).unwrap();
        assert_eq!(after(&disk, Survival::Nothing), before);
        disk.sync_directory(p(second)).unwrap();
        assert_eq!(after(&disk, Survival::Nothing), disk.snapshot());
    }
}

#[test]
fn a_move_into_a_directory_that_may_vanish_is_not_durable() {
    let disk = SimulatedDisk::new();
    disk.create_directory(p("a"), 0o700).unwrap();
    put(&disk, "a/f", b"f");
    disk.sync_all().unwrap();
    disk.create_directory(p("new"), 0o700).unwrap();
    disk.rename_new(p("a/f"), p("new/f")).unwrap();
    disk.sync_directory(p("a")).unwrap();
    disk.sync_directory(p("new")).unwrap();
    assert_eq!(get(&disk.after_crash(Survival::Nothing), "a/f"), b"f");
    disk.sync_directory(p("")).unwrap();
    assert_eq!(after(&disk, Survival::Nothing), disk.snapshot());
}

#[test]
fn a_directory_that_was_removed_needs_no_sync_of_its_own() {
    let disk = SimulatedDisk::new();
    for path in ["a", "a/b", "c"] {
        disk.create_directory(p(path), 0o700).unwrap();
    }
    put(&disk, "a/b/f", b"f");
    disk.sync_all().unwrap();
    disk.rename_new(p("a/b/f"), p("c/f")).unwrap();
    disk.remove_directory(p("a/b")).unwrap();
    disk.remove_directory(p("a")).unwrap();
    disk.sync_directory(p("")).unwrap();
    assert_eq!(get(&disk.after_crash(Survival::Nothing), "a/b/f"), b"f");
    disk.sync_directory(p("c")).unwrap();
    assert_eq!(after(&disk, Survival::Nothing), disk.snapshot());
}

#[test]
fn nor_does_one_that_another_was_moved_over() {
    let disk = SimulatedDisk::new();
    for path in ["old", "new", "c"] {
        disk.create_directory(p(path), 0o700).unwrap();
    }
    put(&disk, "old/f", b"f");
    disk.sync_all().unwrap();
    disk.rename_new(p("old/f"), p("c/f")).unwrap();
    disk.replace(p("new"), p("old")).unwrap();
    disk.sync_directory(p("")).unwrap();
    for choice in disk.survivals(100) {
        let found = disk.after_crash(choice);
        let reads = |path| found.read(p(path), 9).is_ok();
        assert!(reads("old/f") != reads("c/f"), "{choice:?}");
    }
    disk.sync_directory(p("c")).unwrap();
    assert_eq!(after(&disk, Survival::Nothing), disk.snapshot());
}

#[test]
fn modes_and_times_wait_for_the_sync_of_their_inode() {
    let disk = SimulatedDisk::new();
    drop(disk.create(p("f"), 0o644).unwrap());
    disk.create_directory(p("d"), 0o755).unwrap();
    disk.sync_directory(p("")).unwrap();
    let found = |disk: &SimulatedDisk, path| {
        let found = disk.metadata(p(path)).unwrap().unwrap();
        (found.mode, found.modified)
    };
    // The umask of whoever created them was perhaps all that the disk had heard of.
    let crashed = disk.after_crash(Survival::Nothing);
    assert_eq!((found(&crashed, "f").0, found(&crashed, "d").0), (0o600, 0o700));
    disk.set_mode(p("f"), 0o444).unwrap();
    disk.set_modified(p("f"), 1).unwrap();
    let modes = disk.survivals(100).into_iter().map(|s| found(&disk.after_crash(s), "f").0);
    assert_eq!(modes.collect::<BTreeSet<_>>(), [0o600, 0o644, 0o444].into());
    assert_ne!(found(&disk.after_crash(Survival::Nothing), "f").1, 1);
    disk.sync_file(p("f")).unwrap();
    disk.set_modified(p("d"), 7).unwrap();
    disk.sync_directory(p("d")).unwrap();
    let crashed = disk.after_crash(Survival::Nothing);
    assert_eq!((found(&crashed, "f"), found(&crashed, "d")), ((0o444, 1), (0o755, 7)));
}

#[test]
fn a_prefix_is_what_an_ordered_journal_has() {
    let disk = SimulatedDisk::new();
    for name in ["a", "b", "c"] {
        disk.create_link(p(name), p("x")).unwrap();
    }
    assert_eq!(disk.unsynced(), 3);
    let names = |count| disk.after_crash(Survival::Prefix(count)).list(p("")).unwrap();
    assert_eq!(names(0), [""; 0]);
    assert_eq!(names(2), ["a", "b"]);
    assert_eq!(names(9), ["a", "b", "c"]);
}

#[test]
fn a_torn_disk_can_miss_any_name_and_is_the_same_each_time() {
    let disk = SimulatedDisk::new();
    for name in ["a", "b", "c"] {
        disk.create_link(p(name), p("x")).unwrap();
    }
    let torn = |seed| after(&disk, Survival::Torn { seed });
    let found: BTreeSet<Vec<PathBuf>> = (0..100).map(|seed| torn(seed).into_keys().collect()).collect();
    assert_eq!(found.len(), 8);
    assert!((0..100).all(|seed| torn(seed) == torn(seed)));
}

#[test]
fn names_are_counted_anew_after_a_crash() {
    let disk = SimulatedDisk::new();
    put(&disk, "a", b"");
    disk.sync_all().unwrap();
    disk.hard_link(p("a"), p("b")).unwrap();
    let links = |choice| disk.after_crash(choice).metadata(p("a")).unwrap().unwrap().links;
    assert_eq!((links(Survival::Nothing), links(Survival::Everything)), (1, 2));
}

/// Moves things about at random, and syncs a directory now and then.
fn stir(disk: &SimulatedDisk, random: &mut Random, steps: u64) {
    let names = ["a", "b", "c", "a/a", "a/b", "b/a", "b/c", "a/b/c", "b/a/c", "c/a/b", ""];
    for _ in 0..steps {
        let mut any = || p(names[random.at_most(names.len() - 1)]);
        let (path, other) = (any(), any());
        let _ = match random.below(8) {
            0 => disk.create_directory(path, 0o700),
            1 => disk.remove_directory(path),
            2 => disk.exchange(path, other),
            3 => disk.sync_directory(path),
            // Over an empty directory, if over anything.
            4 if disk.list(path).is_ok() => disk.replace(path, other),
            _ => disk.rename_new(path, other),
        };
    }
}

#[test]
fn what_only_moves_is_never_lost_nor_doubled() {
    let mut moved = 0;
    for seed in 0..400 {
        let disk = SimulatedDisk::new();
        for name in ["a", "b", "a/b"] {
            disk.create_directory(p(name), 0o700).unwrap();
        }
        for name in ["a/1", "b/2", "a/b/3", "4"] {
            put(&disk, name, name.as_bytes());
        }
        disk.rename_new(p("4"), p("c")).unwrap();
        disk.rename_new(p("a/1"), p("a/a")).unwrap();
        disk.rename_new(p("a/b/3"), p("a/b/c")).unwrap();
        disk.sync_all().unwrap();
        let before = disk.snapshot();
        stir(&disk, &mut Random(seed), 25);
        for choice in disk.survivals(40) {
            let snapshot = after(&disk, choice);
            moved += u64::from(snapshot != before);
            let mut found: Vec<_> = snapshot
                .into_values()
                .filter_map(|entry| match entry {
                    Entry::File { content, .. } => Some(content),
                    Entry::Directory { .. } | Entry::Link { .. } => None,
                })
                .collect();
            found.sort();
            assert_eq!(found, [&b"4"[..], b"a/1", b"a/b/3", b"b/2"], "seed {seed}, {choice:?}");
        }
    }
    assert!(moved > 1000, "{moved}");
}

#[test]
fn when_all_that_is_there_was_synced_nothing_can_be_lost() {
    for seed in 0..400 {
        let disk = SimulatedDisk::new();
        stir(&disk, &mut Random(seed), 30);
        put(&disk, "f", b"f");
        let mut random = Random(seed);
        let mut paths: Vec<_> = disk.snapshot().into_iter().collect();
        paths.push((PathBuf::new(), Entry::Directory { mode: 0, owner: (0, 0) }));
        while !paths.is_empty() {
            let (path, entry) = paths.swap_remove(random.at_most(paths.len() - 1));
            match entry {
                Entry::File { .. } => disk.sync_file(&path).unwrap(),
                Entry::Directory { .. } => disk.sync_directory(&path).unwrap(),
                Entry::Link { .. } => {}
            }
        }
        for choice in disk.survivals(5) {
            assert_eq!(after(&disk, choice), disk.snapshot(), "seed {seed}, {choice:?}");
        }
    }
}

#[test]
fn a_path_that_is_refused_counts_like_any_other_failure() {
    let disk = SimulatedDisk::new();
    fails(disk.remove(p("..")), ErrorKind::InvalidInput);
    assert_eq!((disk.operations(), disk.unsynced()), (1, 0));
}
