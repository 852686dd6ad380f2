//! A change that is staged and waits: nobody sees it, it becomes live as if it had not waited, or it was never there.

use super::*;
use crate::protocol::{Door, Inside};
use punix_disk::every_crash;

/// Torn disks for each stop.
const TORN: u64 = 4;

fn stage<'d>(disk: &'d SimulatedDisk, trial: &Trial) -> Result<Inside<'d>, TargetError> {
    let door = Inside::new(target(disk));
    door.stage(&trial.plan, (trial.payload)(), &mut |_| {})?;
    Ok(door)
}

/// All files and links but our temporaries. Directories in which nothing is may be there early.
fn seen(disk: &SimulatedDisk) -> Tree {
    let is_seen = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with(".punix-") && !path.starts_with("d/.journal/") && !path.starts_with("d/.blobs/")
    };
    tree(disk).into_iter().filter(|(path, entry)| !matches!(entry, Entry::Directory { .. }) && is_seen(path)).collect()
}

#[test]
fn nobody_sees_what_waits_and_then_it_is_live_as_ever() {
    for trial in trials() {
        let (_, after) = trial.ends();
        let disk = trial.start(false);
        let before = seen(&disk);
        let door = stage(&disk, &trial).unwrap();
        assert_same(&seen(&disk), &before, &trial.name);
        let mut told = Vec::new();
        let done = door.publish(&mut |progress| told.push(progress)).unwrap();
        assert_eq!((done.from, told), (trial.plan.parent, vec![Progress::Published, Progress::Live]));
        assert_same(&tree(&disk), &after, &trial.name);
        assert!(matches!(door.publish(&mut |_| {}), Err(TargetError::NotStaged)));
        assert_told(&disk, &trial.name);
    }
}

#[test]
fn what_is_let_go_leaves_nothing() {
    for trial in trials() {
        for is_said in [true, false] {
            let disk = trial.start(false);
            let before = tree(&disk);
            let door = stage(&disk, &trial).unwrap();
            if is_said {
                door.let_go().unwrap();
                door.let_go().unwrap();
                assert!(matches!(door.publish(&mut |_| {}), Err(TargetError::NotStaged)));
            }
            // Else whoever had it only went away.
            drop(door);
            assert_same(&tree(&disk), &before, &trial.name);
            assert_told(&disk, &trial.name);
            // It is as good a plan as it was.
            trial.run(&disk).unwrap();
        }
    }
}

/// Stopped before any operation of both ways, and after the last one: what waited is gone with whoever had it.
#[test]
fn stopped_while_it_is_staged_or_let_go_it_was_never_there() {
    for trial in trials() {
        for goes_itself in [true, false] {
            let before = tree(&trial.start(false));
            let operations = every_crash(
                || trial.start(false),
                |disk| {
                    let door = stage(disk, &trial)?;
                    if goes_itself {
                        return door.let_go();
                    }
                    std::mem::forget(door);
                    Ok(())
                },
                TORN,
                |found, _, end| {
                    recover(&target(found)).unwrap();
                    assert_same(&tree(found), &before, &(trial.name, goes_itself, end));
                    assert_told(found, &(trial.name, end));
                },
            );
            assert!(operations > 8, "{}: {operations}", trial.name);
        }
    }
}

/// Stopped while it becomes live late, it is of one generation, as it is when it does not wait.
#[test]
fn stopped_while_it_becomes_live_late_it_is_one_generation() {
    for trial in trials() {
        let (before, after) = trial.ends();
        every_crash(
            || trial.start(false),
            |disk| stage(disk, &trial)?.publish(&mut |_| {}),
            1,
            |found, outcome, end| {
                recover(&target(found)).unwrap();
                let tree = tree(found);
                let is_one = tree == after || (outcome.is_err() && tree == before);
                if !is_one {
                    assert_same(&tree, if outcome.is_ok() { &after } else { &before }, &(trial.name, end));
                }
                assert_told(found, &(trial.name, end));
            },
        );
    }
}

#[test]
fn what_changes_while_it_waits_is_found_when_it_becomes_live() {
    let trial = &trials()[1];
    let disk = trial.start(false);
    let door = stage(&disk, trial).unwrap();
    let at = Path::new("etc/app/changed");
    disk.remove(at).unwrap();
    disk.create(at, 0o644).unwrap().write_all(b"by hand").unwrap();
    let wanted = seen(&disk);
    let error = door.publish(&mut |_| {}).unwrap_err();
    assert!(matches!(error, TargetError::Moved { .. }), "{error}");
    assert_same(&seen(&disk), &wanted, &"what was written by hand stays");
    assert!(tree(&disk).keys().all(|path| !path.to_string_lossy().contains(".punix-")));
}

/// Whoever would wait for a lock here would wait for himself.
#[test]
fn while_something_waits_nothing_else_is_begun() {
    let trial = &trials()[1];
    let disk = trial.start(false);
    let door = stage(&disk, trial).unwrap();
    let generation = generation(1, None, &first());
    let refused = [
        door.share(),
        door.look(&crate::seen::Question::default()).map(drop),
        door.commit(&trial.plan, Payload::default(), &mut |_| {}).map(drop),
        door.stage(&trial.plan, Payload::default(), &mut |_| {}),
        door.recover().map(drop),
        door.verify(&generation, crate::verify::Depth::Content).map(drop),
        door.trim("Web", 1).map(drop),
        door.mend("Web").map(drop),
        door.confirm("0123456789abcdef"),
    ];
    for refused in refused {
        assert!(matches!(&refused, Err(TargetError::Undecided { stack }) if stack == "Web"), "{refused:?}");
    }
    assert_eq!(door.current("Web").unwrap(), Some(1));
    assert_eq!(door.records("Web").unwrap().len(), 1);
    door.publish(&mut |_| {}).unwrap();
    assert_eq!(door.current("Web").unwrap(), Some(2));
    door.share().unwrap();
}
