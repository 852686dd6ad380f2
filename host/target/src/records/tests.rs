use super::*;
use crate::planted::{disk, generation, record as plant, row, target, write};
use punix_disk::Disk;
use std::path::Path;

#[test]
fn stacks_are_directories_with_a_record() {
    let disk = disk();
    let target = target(&disk);
    assert_eq!(stacks(&target).unwrap(), Vec::<String>::new());
    plant(&target, &generation(1, Vec::new()));
    for directory in ["d/Empty", "d/.journal", "d/a-b"] {
        disk.create_directory(Path::new(directory), 0o755).unwrap();
    }
    write(&disk, "d/a-b/gen-001.json", 0o644, b"{}");
    write(&disk, "d/File", 0o644, b"");
    assert_eq!(stacks(&target).unwrap(), ["S"]);
    let elsewhere = Target::alone(&disk, crate::Layout::new(Path::new("/gone")).unwrap());
    assert_eq!(stacks(&elsewhere).unwrap(), Vec::<String>::new());
}

#[test]
fn what_is_wrong_with_a_record_is_said_beside_the_others() {
    let disk = disk();
    let target = target(&disk);
    let good = generation(2, vec![row("/etc/app/a", b"a")]);
    plant(&target, &good);
    write(&disk, "d/S/gen-001.json", 0o644, b"{\"generation\": 1}");
    write(&disk, "d/S/gen-1000.json", 0o644, &good.to_bytes());
    disk.create_directory(Path::new("d/S/gen-003.json"), 0o755).unwrap();
    write(&disk, "d/S/gen-4.json", 0o644, b"no name of a record");
    let shown: Vec<_> = records(&target, "S")
        .unwrap()
        .into_iter()
        .map(|(number, read)| (number, read.map_or_else(|issue| issue.to_string(), |it| it.stack)))
        .collect();
    assert_eq!(
        shown.iter().map(|(number, text)| (*number, text.as_str())).collect::<Vec<_>>(),
        [
            (1, "it has no `stack_name`"),
            (2, "S"),
            (3, "it cannot be read: cannot read `d/S/gen-003.json`: Is a directory (os error 21)"),
            (1000, "S"),
        ]
    );
    assert_eq!(record(&target, "S", 2).unwrap(), good);
    let error = |number| record(&target, "S", number).unwrap_err().to_string();
    assert_eq!(error(1), "the record `/d/S/gen-001.json` cannot be understood: it has no `stack_name`");
    assert_eq!(error(9), "gen-009 of the stack `S` is not kept");
}

#[test]
fn current_is_a_link_to_a_record_or_stops_everybody() {
    let disk = disk();
    let target = target(&disk);
    assert_eq!((current(&target, "S").unwrap(), current_record(&target, "S").unwrap()), (None, None));
    plant(&target, &generation(3, Vec::new()));
    assert_eq!(current(&target, "S").unwrap(), Some(3));
    assert_eq!(current_record(&target, "S").unwrap().unwrap().number, 3);
    let becomes = |to: Option<&str>| {
        let at = Path::new("d/S/current");
        disk.remove(at).unwrap();
        match to {
            Some(to) => disk.create_link(at, Path::new(to)).unwrap(),
            None => write(&disk, "d/S/current", 0o644, b"gen-003.json"),
        }
        let error = current(&target, "S").unwrap_err();
        assert!(matches!(error, TargetError::Damaged { .. }), "{error}");
        error.to_string()
    };
    let said = "`/d/S/current` cannot be understood: it";
    assert_eq!(becomes(Some("nowhere")), format!("{said} points at `nowhere`, which is no record"));
    assert_eq!(becomes(Some("/d/S/gen-003.json")), format!("{said} points at `/d/S/gen-003.json`, which is no record"));
    assert_eq!(becomes(Some("gen-004.json")), format!("{said} points at `gen-004.json`, which is not there"));
    assert_eq!(becomes(None), format!("{said} is no link"));
}

#[test]
fn the_name_of_a_stack_leads_nowhere_else() {
    let disk = disk();
    for name in ["../etc", "", "a/b"] {
        assert!(matches!(records(&target(&disk), name), Err(TargetError::StackName { .. })), "{name}");
    }
}

/// What was understood once is another record as soon as its bytes are others.
#[test]
fn a_record_is_what_it_says_now() {
    let disk = disk();
    let target = target(&disk);
    for content in [&b"a"[..], b"b", b"a", b"c"] {
        let _ = disk.remove(Path::new("d/S/gen-001.json"));
        let written = generation(1, vec![row("/etc/app/x", content)]);
        plant(&target, &written);
        for _ in 0..2 {
            assert_eq!(record(&target, "S", 1).unwrap(), written);
        }
        // Under another number it is another generation.
        write(&disk, "d/S/gen-002.json", 0o644, &written.to_bytes());
        assert_eq!(record(&target, "S", 2).unwrap().number, 2);
        disk.remove(Path::new("d/S/gen-002.json")).unwrap();
    }
    disk.remove(Path::new("d/S/gen-001.json")).unwrap();
    assert!(record(&target, "S", 1).is_err());
}
