//! Lines that follow each other, and what is seen when they do not.

use super::check::check;
use super::*;
use crate::planted;
use punix_disk::SimulatedDisk;
use std::collections::BTreeMap;
use std::path::Path;

const NOW: &str = "d/.audit";

fn entry(id: &str, parent: Option<u32>, child: Option<u32>) -> Entry {
    Entry {
        id: id.to_owned(),
        origin: Origin { command: "punix service deploy".to_owned(), ..Origin::default() },
        stack: "S".to_owned(),
        parent,
        child,
        trimmed: Vec::new(),
        result: AuditResult::Done,
    }
}

fn told(disk: &SimulatedDisk, count: u32) {
    for number in 1..=count {
        let parent = Some(number - 1).filter(|&parent| parent > 0);
        add(&planted::target(disk), entry(&format!("id{number}"), parent, Some(number))).unwrap();
    }
}

fn held(disk: &SimulatedDisk) -> Vec<u8> {
    disk.read(Path::new(NOW), 1 << 20).unwrap()
}

fn put(disk: &SimulatedDisk, bytes: &[u8]) {
    let _ = disk.remove(Path::new(NOW));
    planted::write(disk, NOW, MODE, bytes);
}

fn lines(disk: &SimulatedDisk) -> Vec<AuditLine> {
    audit(&planted::target(disk)).unwrap()
}

/// Checks, with this generation live.
fn faults(bytes: &[u8], live: u32) -> Vec<String> {
    let found = BTreeMap::from([("S".to_owned(), Some(live))]);
    check(None, bytes, &found).iter().map(ToString::to_string).collect()
}

#[test]
fn each_line_follows_the_one_before() {
    let disk = planted::disk();
    disk.sync_all().unwrap();
    assert!(lines(&disk).is_empty());
    told(&disk, 3);
    let found = lines(&disk);
    assert_eq!(found.iter().map(|line| line.child).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
    assert_eq!(found[0].previous, None);
    let bytes = held(&disk);
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap();
    assert_eq!(found[1].previous.as_deref(), Some(Digest::of(first).to_string().as_str()));
    assert!(faults(&bytes, 3).is_empty());
    assert_eq!(disk.metadata(Path::new(NOW)).unwrap().unwrap().mode, 0o600);
    // It outlives anything.
    let after = disk.after_crash(punix_disk::Survival::Nothing);
    assert_eq!(held(&after), bytes);
}

#[test]
fn what_is_said_is_not_said_again() {
    let disk = planted::disk();
    told(&disk, 2);
    let before = held(&disk);
    add(&planted::target(&disk), entry("id2", Some(1), Some(2))).unwrap();
    assert_eq!(held(&disk), before);
}

#[test]
fn no_line_is_changed_put_in_or_taken_out_unseen() {
    let disk = planted::disk();
    told(&disk, 4);
    let bytes = held(&disk);
    let all: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let without =
        |out: usize| all.iter().enumerate().filter(|(at, _)| *at != out).map(|(_, it)| *it).collect::<Vec<_>>();
    let broken = |line| format!("line {line} does not follow the one before it: one was changed, put in or taken out");
    assert_eq!(faults(&without(1).concat(), 4), [broken(2)]);
    assert_eq!(faults(&without(0).concat(), 4), ["the first line follows another one, which is not there"]);
    let behind = "the last line about the stack `S` leaves gen-003 live, and it is gen-004";
    assert_eq!(faults(&without(3).concat(), 4), [behind]);
    assert_eq!(faults(&[all[0], all[1], all[1], all[2], all[3]].concat(), 4), [broken(3)]);
    let changed = String::from_utf8(all[1].to_vec()).unwrap().replace("service deploy", "service remove");
    assert_eq!(faults(&[all[0], changed.as_bytes(), all[2], all[3]].concat(), 4), [broken(3)]);
    let noise = [all[0], b"noise\n", all[2], all[3]].concat();
    assert_eq!(faults(&noise, 4), ["line 2 cannot be understood".to_owned(), broken(3)]);
    assert_eq!(faults(b"", 4), ["no line speaks of the stack `S`, of which gen-004 is live"]);
    let gone = check(None, &bytes, &BTreeMap::new());
    assert_eq!(gone, [AuditFault::Behind { stack: "S".to_owned(), said: Some(4), found: None }]);
}

#[test]
fn a_torn_line_is_cut_and_that_is_said() {
    let disk = planted::disk();
    told(&disk, 3);
    let bytes = held(&disk);
    let second = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    let mut zeros = bytes.clone();
    zeros[second + 20..bytes.len() - 1].fill(0);
    let all_zeros = [&bytes[..second], &vec![0; bytes.len() - second]].concat();
    for torn in [&bytes[..bytes.len() - 1], &bytes[..second + 1], &zeros, &all_zeros] {
        put(&disk, torn);
        let found = faults(torn, 2);
        assert_eq!(found, ["the last line is torn; the next command cuts it off"]);
        told_after(&disk);
        let found = lines(&disk);
        assert_eq!(found.len(), 3);
        assert!(found[2].cut && !found[1].cut);
        assert!(faults(&held(&disk), 3).is_empty());
    }
    // The very first line.
    put(&disk, b"{\"time\":");
    add(&planted::target(&disk), entry("id9", None, Some(3))).unwrap();
    assert!(lines(&disk)[0].cut && lines(&disk)[0].previous.is_none());
}

fn told_after(disk: &SimulatedDisk) {
    add(&planted::target(disk), entry("id3", Some(2), Some(3))).unwrap();
}

#[test]
fn a_new_file_goes_on_where_the_old_one_ends() {
    let disk = planted::disk();
    told(&disk, 2);
    // So much that the next one begins anew; as if many lines had been written.
    let mut old = held(&disk);
    let last = last_line(&old).unwrap().to_vec();
    while old.len() < AUDIT_TURN_BYTES {
        old.extend([last.as_slice(), b"\n"].concat().repeat(10_000));
    }
    put(&disk, &old);
    told_after(&disk);
    let bytes = held(&disk);
    assert_eq!(bytes.split(|byte| *byte == b'\n').count(), 2);
    assert_eq!(disk.metadata(Path::new("d/.audit.old")).unwrap().unwrap().size, old.len() as u64);
    let found = BTreeMap::from([("S".to_owned(), Some(3))]);
    assert!(check(Some(&old), &bytes, &found).is_empty());
    assert_eq!(check(None, &bytes, &found), [AuditFault::Beginning]);
    assert_eq!(lines(&disk).len(), AUDIT_LINES_MAX);
    // Stopped between the two: the next one goes on behind the old one.
    disk.remove(Path::new(NOW)).unwrap();
    told_after(&disk);
    assert_eq!(lines(&disk).last().unwrap().previous, Some(Digest::of(&last).to_string()));
}

#[test]
fn who_changes_what_is_said() {
    let disk = planted::disk();
    let target = planted::target(&disk);
    let generation = Generation { deployed_by: "ann@desk".to_owned(), ..planted::generation(8, vec![]) };
    let goal = Goal::New(Box::new(generation));
    let plan = Plan { stack: "S".to_owned(), parent: None, goal, changes: Vec::new(), keep: 3 };
    let found = origin(&target, Some((&plan, Digest::of(b"plan"))));
    assert_eq!(found.operator.as_deref(), Some("ann@desk"));
    assert_eq!(found.plan, Some(Digest::of(b"plan").to_string()));
    assert_eq!(origin(&target, None), Origin::default());
}
