use super::*;
use crate::fuzzing::{damaged, damages, fuzz};
use crate::layout::Layout;
use expect_test::expect;
use proptest::prelude::*;
use punix_disk::SimulatedDisk;
use std::path::Path;

fn path(text: &str) -> TargetPath {
    TargetPath::parse(text).unwrap()
}

fn note(stack: &str, generation: u32, content: &str) -> Note {
    Note {
        stack: stack.to_owned(),
        path: path("/etc/app/a"),
        generation,
        blob: Digest::of(content.as_bytes()),
        mode: 0o644,
        secret: false,
        removed: false,
    }
}

fn filled() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.set("Web", &path("/etc/app/a"), Holding::Have(Some(Mark::Sha256(Digest::of(b"a")))));
    ledger.set("Mine", &path("/home/u/b"), Holding::Have(None));
    ledger.set_live("Web", 3, true);
    ledger.set_live("Mine", 1, false);
    ledger.add_directories(&[path("/etc/app")], &[]);
    ledger.note("Web", 1, vec![note("Web", 2, "by hand")]);
    ledger
}

fn on_disk(bytes: &[u8]) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    disk.create_directory(Path::new("d"), 0o755).unwrap();
    disk.create(Path::new("d/ledger.json"), 0o644).unwrap().write_all(bytes).unwrap();
    disk
}

fn read(disk: &SimulatedDisk) -> Result<Ledger, TargetError> {
    Ledger::read(&Target::alone(disk, Layout::new(Path::new("/d")).unwrap()))
}

#[test]
fn it_is_read_as_it_was_written() {
    let bytes = filled().to_bytes().unwrap();
    expect![[r#"
        {
          "schema": 1,
          "paths": {
            "/etc/app/a": {
              "stack": "Web",
              "mark": {
                "sha256": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
              }
            },
            "/home/u/b": {
              "stack": "Mine",
              "mark": null
            }
          },
          "directories": [
            "/etc/app"
          ],
          "numbers": {
            "Mine": 1,
            "Web": 3
          },
          "system": {
            "Mine": false,
            "Web": true
          },
          "notes": [
            {
              "stack": "Web",
              "path": "/etc/app/a",
              "generation": 2,
              "blob": "c9616cb59d02c9ee41e1bd3f02c60ee7ca83b44ecf5719ced43f1a14e0391ed9",
              "mode": 420,
              "secret": false
            }
          ]
        }
    "#]]
    .assert_eq(std::str::from_utf8(&bytes).unwrap());
    assert_eq!(read(&on_disk(&bytes)).unwrap(), filled());
    assert_eq!(read(&SimulatedDisk::new()).unwrap(), Ledger::default());
}

#[test]
fn what_is_not_understood_is_refused() {
    for (text, says) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        (r#"{"schema": 1, "paths": {}}"#, "missing field `directories` at line 1 column 26"),
        (r#"{"schema": 2, "new": true}"#, "its form is 2, and this one reads 1"),
        (r#"{"schema": 1, "paths": {"etc": {"stack": "a", "mark": null}}}"#, "`etc` is no path here"),
    ] {
        let error = read(&on_disk(text.as_bytes())).unwrap_err().to_string();
        assert!(error.starts_with("`/d/ledger.json` ") && error.contains(says), "{error}");
    }
}

#[test]
fn a_path_has_one_stack_and_only_that_gives_it_back() {
    let mut ledger = filled();
    ledger.set("Other", &path("/etc/app/a"), Holding::Leave);
    assert_eq!(ledger.stack_of(&path("/etc/app/a")), Some("Web"));
    let system: Vec<_> = ledger.system_paths().map(|(path, stack)| (path.as_str(), stack)).collect();
    assert_eq!(system, [("/etc/app/a", "Web")]);
    ledger.set("Web", &path("/etc/app/a"), Holding::Leave);
    assert!(ledger.claims_nothing());
}

#[test]
fn numbers_outlive_their_stack() {
    let mut ledger = filled();
    ledger.set_live("Web", 2, true);
    assert_eq!(ledger.highest("Web"), Some(3));
    ledger.forget("Web");
    assert_eq!((ledger.highest("Web"), ledger.is_system("Web"), ledger.notes().len()), (Some(3), None, 1));
    assert_eq!(ledger.stack_of(&path("/home/u/b")), Some("Mine"));
}

#[test]
fn notes_go_with_their_generations_and_are_not_too_many() {
    let mut ledger = filled();
    let many = (0..NOTES_MAX + 5).map(|at| note("Web", 5, &at.to_string())).collect();
    ledger.note("Other", 1, vec![note("Other", 1, "x")]);
    ledger.note("Web", 3, many);
    let of_web: Vec<_> = ledger.notes().iter().filter(|note| note.stack == "Web").collect();
    assert_eq!((of_web.len(), ledger.notes().len()), (NOTES_MAX, NOTES_MAX + 1));
    assert_eq!(of_web.first().map(|note| note.blob), Some(Digest::of(b"5")));
}

/// By its digest, what was in a secret file could be guessed.
#[test]
fn a_note_about_a_secret_file_is_for_nobody_else() {
    let mut ledger = filled();
    assert_eq!(ledger.mode(), 0o644);
    ledger.note("Web", 1, vec![Note { secret: true, ..note("Web", 3, "x") }]);
    assert_eq!(ledger.mode(), 0o600);
}

fuzz! {
    256;

    /// What was damaged is refused, or it is another ledger that is written as it is read.
    #[test]
    fn damage_does_no_harm(damages in damages()) {
        let bytes = damaged(&filled().to_bytes().unwrap(), &damages);
        if let Ok(ledger) = read(&on_disk(&bytes)) {
            prop_assert_eq!(read(&on_disk(&ledger.to_bytes().unwrap())).unwrap(), ledger);
        }
    }
}
