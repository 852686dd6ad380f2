use super::*;
use crate::generation::Mark;
use crate::planted::{self, disk, generation, path, record, row, target, write};
use crate::seen::FileSeen;
use punix_disk::SimulatedDisk;
use punix_store::Digest;
use std::path::Path;

fn question(paths: &[(&str, bool)]) -> Question {
    let paths = paths.iter().map(|(text, secret)| (path(text), *secret)).collect();
    Question { stack: "S".to_owned(), paths, ..Question::default() }
}

#[track_caller]
fn file(seen: &Seen, at: &str) -> FileSeen {
    match &seen.paths[&path(at)].there {
        There::File(file) => file.clone(),
        there => panic!("{there:?}"),
    }
}

fn sha(bytes: &[u8]) -> Mark {
    Mark::Sha256(Digest::of(bytes))
}

#[test]
fn nothing_was_deployed_yet() {
    let disk = SimulatedDisk::new();
    let seen = look(&target(&disk), &question(&[("/etc/app/a", false)])).unwrap();
    assert_eq!((&seen.current, seen.numbers.as_slice(), seen.next), (&None, &[][..], 1));
    assert_eq!(seen.paths[&path("/etc/app/a")].there, There::Nothing);
    assert_eq!(disk.operations(), 0);
}

#[test]
fn what_is_asked_for_and_what_is_recorded_is_looked_at() {
    let disk = disk();
    let target = target(&disk);
    record(&target, &generation(3, vec![row("/etc/app/old", b"old")]));
    write(&disk, "etc/app/old", 0o600, b"edited");
    write(&disk, "etc/app/new", 0o755, b"foreign");
    let seen = look(&target, &question(&[("/etc/app/new", false)])).unwrap();
    assert_eq!((seen.current.unwrap().number, seen.numbers.as_slice(), seen.next), (3, &[3][..], 4));
    let seen = look(&target, &question(&[("/etc/app/new", false)])).unwrap();
    let (old, new) = (file(&seen, "/etc/app/old"), file(&seen, "/etc/app/new"));
    assert_eq!((old.mode, old.size, old.marks), (0o600, 6, vec![sha(b"edited")]));
    assert_eq!((new.mode, new.size, new.marks), (0o755, 7, vec![sha(b"foreign")]));
}

/// A number is given once, whatever became of its generation.
#[test]
fn the_next_number_is_one_that_nobody_had() {
    let disk = disk();
    let target = target(&disk);
    record(&target, &generation(3, Vec::new()));
    planted::ledger(&target, &[], &[]);
    assert_eq!(look(&target, &question(&[])).unwrap().next, 8);
}

/// Others may have put records there, by names that are not ours. They are no generations, but their numbers are taken.
#[test]
fn the_next_number_is_beyond_what_any_name_claims() {
    let disk = disk();
    let target = target(&disk);
    record(&target, &generation(1, Vec::new()));
    for name in ["gen-5.json", "gen-0004.json", "gen-99999999999999999999.json", "gen-x.json", "gen-7.json.bak"] {
        write(&disk, &format!("d/S/{name}"), 0o644, b"{}");
    }
    let seen = look(&target, &question(&[])).unwrap();
    assert_eq!((seen.numbers.as_slice(), seen.next), (&[1][..], 6));
}

/// Where a secret file becomes a plain one, or the other way round, both are comparable.
#[test]
fn marks_are_those_that_somebody_compares() {
    let disk = disk();
    let target = target(&disk);
    write(&disk, "etc/app/a", 0o600, b"x");
    let marks = |secret| file(&look(&target, &question(&[("/etc/app/a", secret)])).unwrap(), "/etc/app/a").marks;
    // There is no key, so nothing there can be a secret of ours.
    assert_eq!((marks(false), marks(true)), (vec![sha(b"x")], vec![sha(b"x")]));
    let tag = planted::key(&target).mark(b"x");
    assert_eq!((marks(false), marks(true)), (vec![sha(b"x")], vec![tag]));
    let mut secret = row("/etc/app/a", b"");
    secret.mark = tag;
    record(&target, &generation(1, vec![secret]));
    assert_eq!((marks(false), marks(true)), (vec![sha(b"x"), tag], vec![tag]));
}

#[test]
fn one_bad_path_does_not_hide_the_others() {
    let disk = disk();
    write(&disk, "etc/file", 0o644, b"");
    disk.create_link(Path::new("etc/loop"), Path::new("loop")).unwrap();
    disk.create_link(Path::new("etc/app/link"), Path::new("/etc/file")).unwrap();
    let all = [("/etc/file/x", false), ("/etc/loop/x", false), ("/etc/app/link", false), ("/etc/app", false)];
    let seen = look(&target(&disk), &question(&all)).unwrap();
    let there = |at: &str| seen.paths[&path(at)].there.clone();
    assert_eq!(there("/etc/file/x"), There::Unreachable { why: "`/etc/file` is not a directory".to_owned() });
    assert!(matches!(there("/etc/loop/x"), There::Unreachable { .. }));
    assert_eq!(there("/etc/app/link"), There::Link { to: "/etc/file".to_owned() });
    assert_eq!(there("/etc/app"), There::Directory);
}

#[test]
fn where_a_path_really_is_and_whose() {
    let disk = disk();
    let target = target(&disk);
    disk.create_directory(Path::new("etc/real"), 0o755).unwrap();
    disk.create_link(Path::new("etc/way"), Path::new("real")).unwrap();
    planted::ledger(&target, &["/etc/real/x"], &[]);
    write(&disk, "etc/real/x", 0o644, b"x");
    let ask = |stack: &str| {
        let question = Question { stack: stack.to_owned(), ..question(&[("/etc/way/x", false)]) };
        look(&target, &question).unwrap().paths[&path("/etc/way/x")].clone()
    };
    assert_eq!((ask("S").real, ask("S").claimed_by), (path("/etc/real/x"), None));
    assert_eq!(ask("Other").claimed_by.as_deref(), Some("the stack `S`"));
}

#[test]
fn a_link_that_is_not_followed_is_named() {
    let disk = disk();
    disk.create_directory(Path::new("srv"), 0o755).unwrap();
    disk.create_link(Path::new("srv/conf"), Path::new("/etc/app")).unwrap();
    disk.set_owner(Path::new("srv/conf"), 7, 7).unwrap();
    write(&disk, "etc/app/x", 0o644, b"not to be seen");
    let seen = look(&target(&disk), &question(&[("/srv/conf/x", false)])).unwrap();
    let found = &seen.paths[&path("/srv/conf/x")];
    let link = found.behind.as_ref().unwrap();
    assert_eq!(
        (link.link.as_str(), link.owner, link.to.as_str(), link.to_owner),
        ("/srv/conf", 7, "/etc/app", Some(0))
    );
    assert!(matches!(found.there, There::Unreachable { .. }));
    assert_eq!(found.real, path("/srv/conf/x"));
    assert_eq!(
        link.help(),
        "replace `/srv/conf` by a directory, or let root own it if it leads where it should: `chown -h root \
                             /srv/conf`"
    );
}

#[test]
fn an_entry_counts_if_it_has_its_mark() {
    const HASH: &str = "0123456789abcdef0123456789abcdef";
    let disk = disk();
    let entry = |name: &str| format!("/store/{HASH}-{name}-1");
    disk.create_directory(Path::new("real"), 0o755).unwrap();
    disk.create_link(Path::new("store"), Path::new("real")).unwrap();
    for name in ["whole", "half"] {
        disk.create_directory(Path::new(&format!("real/{HASH}-{name}-1")), 0o755).unwrap();
    }
    write(&disk, &format!("real/{HASH}-whole-1/built"), 0o444, b"");
    write(&disk, &format!("real/{HASH}-file-1"), 0o444, b"");
    let all = ["whole", "half", "file", "gone"].map(entry);
    let question = Question { store_paths: all.iter().cloned().collect(), ..question(&[]) };
    let seen = look(&target(&disk), &question).unwrap();
    assert_eq!(seen.missing, all[1..].iter().cloned().collect());
}

/// A service of another user cannot start what he cannot get to, however open the store itself is.
#[test]
fn what_keeps_others_from_the_store_is_seen() {
    let disk = disk();
    for (directory, mode) in [("home", 0o755), ("home/op", 0o750), ("home/op/store", 0o755), ("open", 0o711)] {
        disk.create_directory(Path::new(directory), mode).unwrap();
    }
    disk.create_link(Path::new("store"), Path::new("home/op/store")).unwrap();
    let ask = |store: &str, for_others| {
        let store_paths = [format!("{store}/0123456789abcdef0123456789abcdef-x-1")].into();
        look(&target(&disk), &Question { store_paths, for_others, ..question(&[]) }).unwrap().closed
    };
    let closed = Some(Closed { directory: path("/home/op"), mode: 0o750 });
    for (store, found) in [
        ("/home/op/store", &closed),
        ("/home/op/not/there", &closed),
        ("/store", &closed),
        ("/open/store", &None),
        ("/nowhere/store", &None),
    ] {
        assert_eq!(ask(store, true), *found, "{store}");
        assert_eq!(ask(store, false), None, "{store}");
    }
}

/// Of very many, names are enough, as long as they are those of directories; whatever a record asks for.
#[test]
fn of_many_entries_those_are_missing_that_are_not_listed() {
    let disk = disk();
    disk.create_directory(Path::new("store"), 0o755).unwrap();
    let mut all: BTreeSet<String> = (0..FEW_ENTRIES_MAX).map(|n| format!("/store/{n:032}-entry-1")).collect();
    for entry in &all {
        disk.create_directory(Path::new(&entry[1..]), 0o755).unwrap();
    }
    write(&disk, "store/file", 0o444, b"");
    disk.create_link(Path::new("store/link"), Path::new("00000000000000000000000000000000-entry-1")).unwrap();
    let bad = ["/store/.", "/store/..", "/store/", "/store/file", "/store/gone", "/store/link", "/store/\n", "store"];
    all.extend(bad.map(str::to_owned));
    let ask = |store_paths| look(&target(&disk), &Question { store_paths, ..question(&[]) }).unwrap().missing;
    assert_eq!(ask(all.clone()), bad.map(str::to_owned).into());
    let nowhere: BTreeSet<String> = all.iter().map(|entry| format!("/nowhere{entry}")).collect();
    assert_eq!(ask(nowhere.clone()), nowhere);
    // The same by itself: none of them is whole.
    let mut resolver = Resolver::new(&disk);
    assert_eq!(missing(&target(&disk), &mut resolver, &all, Care::Each).unwrap(), all);
}

#[test]
fn owners_are_looked_up() {
    let disk = disk();
    write(&disk, "etc/passwd", 0o644, b"app:x:7:8::/:/\n");
    write(&disk, "etc/group", 0o644, b"app:x:8:\nweb:x:9:\n");
    let target = target(&disk);
    let mut owned = row("/etc/app/a", b"a");
    owned.group = Some("web".to_owned());
    record(&target, &generation(1, vec![owned]));
    let users = ["app", "nobody"].map(str::to_owned).into();
    let seen = look(&target, &Question { users, ..question(&[]) }).unwrap();
    assert_eq!(seen.users, BTreeMap::from([("app".to_owned(), 7)]));
    assert_eq!(seen.groups, BTreeMap::from([("web".to_owned(), 9)]));
}
