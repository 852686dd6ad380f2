use super::*;
use crate::planted::{self, disk, generation, record, row, target, write};
use crate::recover::recover;
use expect_test::{Expect, expect};
use punix_disk::SimulatedDisk;

/// Two generations, of which the second is live.
fn planted() -> SimulatedDisk {
    let disk = disk();
    let it = target(&disk);
    record(&it, &generation(1, vec![row("/etc/app/a", b"one")]));
    record(&it, &generation(2, vec![row("/etc/app/a", b"two")]));
    write(&disk, "etc/app/a", 0o644, b"two");
    disk
}

#[track_caller]
fn mends(disk: &SimulatedDisk, expected: &Expect) {
    let it = target(disk);
    let mended = mend(&it, "S").unwrap();
    let lines: String = mended.iter().map(|it| format!("{}: {}\n", it.path, it.fault)).collect();
    expected.assert_eq(&lines);
    assert_eq!(mend(&it, "S").unwrap(), [], "it is mended");
    assert!(records::current(&it, "S").unwrap().is_some());
}

fn point(disk: &SimulatedDisk, to: &str) {
    disk.remove(Path::new("d/S/current")).unwrap();
    disk.create_link(Path::new("d/S/current"), Path::new(to)).unwrap();
}

#[test]
fn what_is_as_it_was_is_left() {
    mends(&planted(), &expect![""]);
    assert_eq!(mend(&target(&disk()), "Other").unwrap(), []);
}

#[test]
fn a_pointer_that_leads_nowhere_leads_to_the_newest() {
    let disk = planted();
    point(&disk, "gen-007.json");
    mends(
        &disk,
        &expect![[r#"
        /d/S/current: it points at `gen-007.json`, which is not there; now it points at `gen-002.json`, the newest that can be read
    "#]],
    );
    point(&disk, "elsewhere");
    mends(
        &disk,
        &expect![[r#"
        /d/S/current: it points at `elsewhere`, which is no record; now it points at `gen-002.json`, the newest that can be read
    "#]],
    );
    disk.remove(Path::new("d/S/current")).unwrap();
    mends(
        &disk,
        &expect![[r#"
        /d/S/current: it was not there; now it points at `gen-002.json`, the newest that can be read
    "#]],
    );
}

#[test]
fn a_pointer_that_is_a_copy_leads_to_what_it_is_a_copy_of() {
    let disk = planted();
    disk.remove(Path::new("d/S/current")).unwrap();
    write(&disk, "d/S/current", 0o644, &generation(1, vec![row("/etc/app/a", b"one")]).to_bytes());
    mends(
        &disk,
        &expect![[r#"
        /d/S/current: it is no link; now it points at `gen-001.json`, of which it was a copy
    "#]],
    );
}

#[test]
fn what_the_ledger_knows_says_which_one_was_live() {
    let disk = planted();
    let it = target(&disk);
    let mut ledger = Ledger::default();
    let mark = row("/etc/app/a", b"one").mark;
    ledger.set("S", &planted::path("/etc/app/a"), crate::ledger::Holding::Have(Some(mark)));
    write(&disk, it.layout.ledger().as_str(), 0o644, &ledger.to_bytes().unwrap());
    point(&disk, "gen-003.json");
    mends(
        &disk,
        &expect![[r#"
        /d/S/current: it points at `gen-003.json`, which is not there; now it points at `gen-001.json`, whose files are those that the ledger knows
    "#]],
    );
}

fn intent(from: Option<u32>, to: Option<u32>) -> Intent {
    Intent {
        schema: Intent::SCHEMA,
        id: "0123456789abcdef".to_owned(),
        stack: "S".to_owned(),
        from,
        to,
        items: Vec::new(),
        directories: Vec::new(),
        blobs: Vec::new(),
        flip: planted::path("/d/S/.punix-0123456789abcdef-0"),
        emptied: Vec::new(),
        trimmed: Vec::new(),
        origin: None,
    }
}

fn interrupt(disk: &SimulatedDisk, from: Option<u32>, to: Option<u32>) {
    let it = target(disk);
    let _ = disk.create_directory(Path::new("d/.journal"), 0o755);
    let writing = journal::begin(&it, &intent(from, to)).unwrap();
    writing.finish(&journal::Staged { items: Vec::new(), flip: None }).unwrap();
}

#[test]
fn a_journal_of_another_time_is_forgotten() {
    let disk = planted();
    interrupt(&disk, Some(7), Some(8));
    let it = target(&disk);
    assert!(matches!(recover(&it), Err(TargetError::Astray { .. })));
    mends(
        &disk,
        &expect![[r#"
        /d/.journal/0123456789abcdef: an interrupted change from gen-007 to gen-008 is of another time than gen-002, which is live; it is forgotten
    "#]],
    );
    assert_eq!(recover(&it).unwrap(), crate::recover::Recovered::Nothing);
}

#[test]
fn a_change_that_was_interrupted_here_is_not_mended_but_recovered() {
    let disk = planted();
    interrupt(&disk, Some(2), Some(3));
    mends(&disk, &expect![""]);
    // Where it started is known.
    interrupt(&disk, Some(1), Some(3));
    point(&disk, "gen-009.json");
    mends(
        &disk,
        &expect![[r#"
        /d/S/current: it points at `gen-009.json`, which is not there; now it points at `gen-001.json`, from which an interrupted change started
    "#]],
    );
}

#[test]
fn what_is_ours_belongs_to_whom_the_files_belong() {
    let disk = planted();
    let it = target(&disk);
    planted::key(&it);
    for path in ["d", "d/S", "d/S/gen-001.json", "d/S/gen-002.json", "d/.blobs", "d/.key"] {
        disk.set_owner(Path::new(path), 4242, 4242).unwrap();
    }
    disk.set_mode(Path::new("d/.key"), 0o644).unwrap();
    let live = records::current_record(&it, "S").unwrap().unwrap();
    let findings = crate::verify(&it, &live, crate::Depth::Presence).unwrap();
    assert_eq!(findings.len(), 7, "{findings:?}");
    mends(
        &disk,
        &expect![[r#"
        /d: it belonged to the user 4242, and the files of the stack to 0; now it does too
        /d/.blobs: it belonged to the user 4242, and the files of the stack to 0; now it does too
        /d/.key: it belonged to the user 4242, and the files of the stack to 0; now it does too
        /d/S: it belonged to the user 4242, and the files of the stack to 0; now it does too
        /d/S/gen-001.json: it belonged to the user 4242, and the files of the stack to 0; now it does too
        /d/S/gen-002.json: it belonged to the user 4242, and the files of the stack to 0; now it does too
        /d/.key: with the mode 0644 others could read the key; now they cannot
    "#]],
    );
    assert_eq!(crate::verify(&it, &live, crate::Depth::Presence).unwrap(), []);
    // Where the files are somebody else's too, he has deployed them.
    for path in ["d/S/gen-002.json", "etc/app/a"] {
        disk.set_owner(Path::new(path), 4242, 4242).unwrap();
    }
    mends(&disk, &expect![""]);
}
