use super::*;
use crate::fuzzing::{damaged, damages, fuzz};
use proptest::prelude::*;
use punix_disk::{SimulatedDisk, Survival};
use std::path::Path;

fn path(text: &str) -> TargetPath {
    TargetPath::parse(text).unwrap()
}

fn trace(inode: u64) -> Trace {
    Trace { device: 1, inode, link: false, size: 3, mode: 0o644, owner: 0, group: 0 }
}

fn intent() -> Intent {
    let mark = Mark::Sha256(Digest::of(b"new"));
    Intent {
        schema: Intent::SCHEMA,
        id: "0123456789abcdef".to_owned(),
        stack: "Web".to_owned(),
        from: Some(1),
        to: Some(2),
        items: vec![Item {
            path: path("/etc/a"),
            before: Some(trace(7)),
            staged: Some(path("/etc/.punix-0123456789abcdef-0")),
            displaced: Some(path("/etc/.punix-0123456789abcdef-1")),
            after: Some(Wanted { mark, mode: 0o644, owner: None, group: Some(5) }),
        }],
        directories: vec![path("/etc/new")],
        blobs: Vec::new(),
        flip: path("/d/Web/.punix-0123456789abcdef-2"),
        emptied: Vec::new(),
        trimmed: vec![1],
        origin: Some(Origin { command: "punix service deploy".to_owned(), ..Origin::default() }),
    }
}

fn staged() -> Staged {
    Staged { items: vec![Some(trace(8))], flip: Some(Trace { link: true, ..trace(9) }) }
}

fn disk() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    disk.create_directory(Path::new("d"), 0o755).unwrap();
    disk.create_directory(Path::new("d/.journal"), 0o700).unwrap();
    disk.sync_all().unwrap();
    disk
}

fn target(disk: &SimulatedDisk) -> Target<'_> {
    Target::alone(disk, Layout::new(Path::new("/d")).unwrap())
}

fn only(disk: &SimulatedDisk) -> Result<Journal, TargetError> {
    let found = found(disk, &Layout::new(Path::new("/d")).unwrap()).unwrap();
    assert_eq!(found.len(), 1);
    read(disk, &found[0])
}

#[test]
fn it_is_read_as_it_was_written() {
    let disk = disk();
    let writing = begin(&target(&disk), &intent()).unwrap();
    assert_eq!(only(&disk).unwrap(), Journal { intent: intent(), staged: None });
    assert_eq!(only(&disk.after_crash(Survival::Nothing)).unwrap().intent, intent());
    writing.finish(&staged()).unwrap();
    assert_eq!(
        only(&disk.after_crash(Survival::Nothing)).unwrap(),
        Journal { intent: intent(), staged: Some(staged()) }
    );
    let stack = interrupted(&target(&disk)).unwrap().and_then(|interrupted| interrupted.stack);
    assert_eq!(stack.as_deref(), Some("Web"));
    let claimed = claimed(&disk, &Layout::new(Path::new("/d")).unwrap()).unwrap();
    assert_eq!(claimed, [("Web".to_owned(), path("/etc/a"))]);
    end(&target(&disk), &intent().id).unwrap();
    assert_eq!(interrupted(&target(&disk.after_crash(Survival::Nothing))).unwrap(), None);
}

/// Of a second line that is not all there nothing is taken: then nothing was published.
#[test]
fn a_line_is_there_or_not() {
    let disk = disk();
    begin(&target(&disk), &intent()).unwrap().finish(&staged()).unwrap();
    let whole = disk.read(Path::new("d/.journal/0123456789abcdef"), 1 << 20).unwrap();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for cut in 0..whole.len() {
        let disk = self::disk();
        let mut file = disk.create(Path::new("d/.journal/x"), 0o600).unwrap();
        file.write_all(&whole[..cut]).unwrap();
        match only(&disk) {
            Ok(journal) => {
                assert!(cut + 1 >= first, "{cut}");
                assert_eq!(journal, Journal { intent: intent(), staged: None });
            }
            Err(error) => assert!(cut + 1 < first && error.to_string().ends_with("its digest is another"), "{error}"),
        }
    }
}

#[test]
fn one_of_a_newer_version_is_not_touched() {
    let disk = disk();
    let newer = serde_json::json!({ "schema": 3, "what": "ever" });
    disk.create(Path::new("d/.journal/x"), 0o600).unwrap().write_all(&line(&newer).unwrap()).unwrap();
    let error = crate::recover(&target(&disk)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/d/.journal/x` was written by a newer version: its form is 3, and this one reads 2"
    );
    assert_eq!(error.code(), punix_diag::Code::E32);
    assert!(disk.metadata(Path::new("d/.journal/x")).unwrap().is_some());
}

#[test]
fn one_that_was_not_begun_is_swept_away() {
    let disk = disk();
    disk.create(Path::new("d/.journal/0123456789abcdef.new"), 0o600).unwrap();
    assert_eq!(interrupted(&target(&disk)).unwrap(), None);
    assert_eq!(crate::recover(&target(&disk)).unwrap(), crate::Recovered::Nothing);
    assert!(disk.list(Path::new("d/.journal")).unwrap().is_empty());
}

#[test]
fn a_file_is_recognised_after_a_boot() {
    let disk = disk();
    disk.create(Path::new("f"), 0o644).unwrap().write_all(b"abc").unwrap();
    let found = disk.metadata(Path::new("f")).unwrap().unwrap();
    let seen = Trace::of(&found);
    assert!(seen.is(&found) && seen.is_exactly(&found));
    // The disk has another number.
    let other = Trace { device: 99, ..seen };
    assert!(other.is(&found) && other.is_exactly(&found));
    // It was written to since, or given another mode.
    let written = Metadata { size: 9, mode: 0o600, ..found };
    assert!(seen.is(&written) && !seen.is_exactly(&written));
    assert!(!other.is(&written));
    assert!(!seen.is(&Metadata { inode: 1000, ..found }));
    assert!(!seen.is(&Metadata { kind: Kind::Link, ..found }));
}

fuzz! {
    256;

    /// What was damaged is refused, also by who made its digests right, or it is another journal, whole.
    #[test]
    fn damage_does_no_harm(first in damages(), second in damages(), both in any::<bool>(), summed in any::<bool>()) {
        let line = |text: Vec<u8>| [Digest::of(&text).to_string().as_bytes(), b" ", &text[..], b"\n"].concat();
        let (intent, staged) = (serde_json::to_vec(&intent()).unwrap(), serde_json::to_vec(&staged()).unwrap());
        let whole = [line(intent.clone()), line(staged.clone())].concat();
        let bytes = match (summed, both) {
            (false, _) => damaged(&whole, &first),
            (true, false) => [line(damaged(&intent, &first)), line(staged)].concat(),
            (true, true) => [line(intent), line(damaged(&staged, &second))].concat(),
        };
        let disk = disk();
        disk.create(Path::new("d/.journal/0123456789abcdef"), 0o600).unwrap().write_all(&bytes).unwrap();
        if let Ok(journal) = only(&disk) {
            prop_assert!(journal.staged.is_none_or(|staged| staged.items.len() == journal.intent.items.len()));
        }
    }
}
