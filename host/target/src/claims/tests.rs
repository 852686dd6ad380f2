use super::*;
use crate::ledger::Holding;
use punix_disk::{SimulatedDisk, every_crash};

fn path(text: &str) -> TargetPath {
    TargetPath::parse(text).unwrap()
}

fn target<'d>(disk: &'d SimulatedDisk, root: &str) -> Target<'d> {
    Target::alone(disk, Layout::new(Path::new(root)).unwrap())
}

/// Two deployments roots, of which the first has something.
fn machine() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    for root in ["one", "two"] {
        disk.create_directory(Path::new(root), 0o755).unwrap();
        assert!(prepare(&target(&disk, root)).unwrap());
        register(&target(&disk, root)).unwrap();
    }
    let mut ledger = Ledger::default();
    for (stack, path, system) in [("Web", "/etc/web", true), ("Mine", "/home/mine", false)] {
        ledger.set(stack, &self::path(path), Holding::Have(None));
        ledger.set_live(stack, 1, system);
    }
    disk.create(Path::new("one/ledger.json"), 0o644).unwrap().write_all(&ledger.to_bytes().unwrap()).unwrap();
    disk.sync_all().unwrap();
    disk
}

#[test]
fn a_path_of_the_machine_has_one_owner() {
    let disk = machine();
    let owner = |root: &str, stack: &str, at: &str, system| {
        Claims::read(&target(&disk, root), system).unwrap().owner_of(&path(at), stack)
    };
    assert_eq!(owner("one", "Web", "/etc/web", true), None);
    assert_eq!(owner("one", "Other", "/etc/web", true).as_deref(), Some("the stack `Web`"));
    let elsewhere = "the stack `Web` of the deployments root `/one`";
    assert_eq!(owner("two", "Web", "/etc/web", true).as_deref(), Some(elsewhere));
    assert_eq!(owner("two", "Web", "/etc/web", false), None);
    assert_eq!(owner("two", "Web", "/home/mine", true), None);
    assert_eq!(owner("one", "Other", "/home/mine", false).as_deref(), Some("the stack `Mine`"));
    unregister(&target(&disk, "one")).unwrap();
    assert_eq!(owner("two", "Web", "/etc/web", true), None);
}

#[test]
fn a_root_that_is_gone_has_nothing() {
    let disk = machine();
    disk.remove(Path::new("one/ledger.json")).unwrap();
    disk.remove_directory(Path::new("one")).unwrap();
    assert_eq!(Claims::read(&target(&disk, "two"), true).unwrap().owner_of(&path("/etc/web"), "Web"), None);
}

#[test]
fn a_registration_that_is_not_understood_is_refused() {
    let disk = machine();
    let name = format!("var/lib/punix/claims/deployments/{}.json", Digest::of(b"x"));
    disk.create(Path::new(&name), 0o644).unwrap().write_all(br#"{"schema":2,"root":"/x"}"#).unwrap();
    let error = Claims::read(&target(&disk, "two"), true).unwrap_err().to_string();
    assert!(error.ends_with("was written by a newer version: its form is 2, and this one reads 1"), "{error}");
    // What is none does not matter.
    disk.remove(Path::new(&name)).unwrap();
    disk.create(Path::new("var/lib/punix/claims/deployments/notes.json"), 0o644).unwrap();
    assert_eq!(registered(&disk).unwrap().len(), 2);
}

#[test]
fn a_registration_is_whole_or_absent() {
    let start = || {
        let disk = SimulatedDisk::new();
        prepare(&target(&disk, "one")).unwrap();
        disk
    };
    every_crash(
        start,
        |disk| register(&target(disk, "one")),
        20,
        |found, outcome, end| {
            let roots = registered(found).unwrap();
            assert!(roots == [path("/one")] || (roots.is_empty() && outcome.is_err()), "{end:?}: {roots:?}");
            register(&target(found, "one")).unwrap();
            assert_eq!(registered(found).unwrap(), [path("/one")]);
            assert_eq!(found.list(claims().on_disk()).unwrap().len(), 1);
        },
    );
}
