//! An operation fails, and the machine goes on: what was begun is undone before the error is told.

use super::*;
use std::io::ErrorKind;

fn try_every_failure(kind: ErrorKind, poor: bool) {
    for trial in trials() {
        let (before, after) = trial.ends();
        let (mut undone, mut done) = (0, 0);
        for k in 1.. {
            let disk = trial.start(poor);
            disk.fail_at(k, kind);
            let outcome = trial.run(&disk);
            let when = (trial.name, k, &outcome);
            if !disk.has_failed() {
                assert!(outcome.is_ok(), "{when:?}");
                break;
            }
            match &outcome {
                Err(TargetError::Unfinished { .. }) => panic!("{when:?}"),
                Err(_) => {
                    undone += 1;
                    assert_same(&tree(&disk), &before, &when);
                    // It is undone for good, and can be tried again.
                    let again = disk.after_crash(Survival::Nothing);
                    recover(&target(&again)).unwrap();
                    assert_same(&tree(&again), &before, &when);
                    let plan = &trial.plan;
                    commit(&target(&disk), plan, (trial.payload)(), &mut |_| {}).unwrap();
                    assert_same(&tree(&disk), &after, &when);
                }
                Ok(committed) => {
                    done += 1;
                    if committed.unfinished.is_some() {
                        recover(&target(&disk)).unwrap();
                    }
                    assert_same(&tree(&disk), &after, &when);
                }
            }
        }
        assert!(undone > 10 && done > 1, "{}: {undone} undone, {done} done", trial.name);
    }
}

#[test]
fn a_full_disk_changes_nothing() {
    try_every_failure(ErrorKind::StorageFull, false);
    try_every_failure(ErrorKind::StorageFull, true);
}

#[test]
fn a_refusal_changes_nothing() {
    try_every_failure(ErrorKind::PermissionDenied, false);
    try_every_failure(ErrorKind::PermissionDenied, true);
}

/// Two failures: what cannot be undone is undone by the next command.
#[test]
fn what_cannot_be_undone_is_undone_later() {
    let trial = trials().remove(1);
    let (before, after) = trial.ends();
    let mut left = 0;
    for k in 1..200 {
        let disk = trial.start(false);
        disk.crash_after(k);
        let outcome = trial.run(&disk);
        let Err(error) = outcome else { break };
        if let TargetError::Unfinished { .. } = error {
            left += 1;
            assert!(error.to_string().contains("could not be undone"), "{error}");
            assert_eq!(error.code(), punix_diag::Code::E31);
            assert!(journal::interrupted(&target(&disk)).unwrap().is_some());
        }
        let again = copy(&disk);
        // Any command that looks mends first.
        target(&again).share().unwrap();
        assert!(journal::interrupted(&target(&again)).unwrap().is_none());
        // A journal that was not begun says nothing, and is swept by who writes.
        journal::sweep(&target(&again)).unwrap();
        let tree = tree(&again);
        assert!(tree == before || tree == after);
    }
    assert!(left > 20, "{left}");
}
