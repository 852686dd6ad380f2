//! Somebody else writes at the same paths: in the moment of the commit, or between a stop and its mending. What is his
//! stays his.

use super::*;
use crate::recover::Recovered;

/// Does something when everything is staged, and nothing published.
fn just_before(trial: &Trial, poor: bool, act: &dyn Fn(&SimulatedDisk)) -> (SimulatedDisk, TargetError) {
    let disk = trial.start(poor);
    let error = commit(&target(&disk), &trial.plan, (trial.payload)(), &mut |progress| {
        if matches!(progress, Progress::Staging { done, of } if done == of) {
            act(&disk);
        }
    })
    .unwrap_err();
    (disk, error)
}

fn put(disk: &SimulatedDisk, path: &str, content: &[u8]) {
    let _ = disk.remove(Path::new(path));
    disk.create(Path::new(path), 0o644).unwrap().write_all(content).unwrap();
}

#[test]
fn what_comes_in_the_last_moment_is_put_back() {
    let redeploy = trials().remove(1);
    for poor in [false, true] {
        for (path, content) in [
            ("etc/app/changed", "written by somebody"),
            // Of the same size as what was there, in another file.
            ("etc/app/changed", "the old content"),
            ("etc/new/too", "not ours"),
            ("etc/gone/deep/removed", "not for ever"),
        ] {
            let act = |disk: &SimulatedDisk| put(disk, path, content.as_bytes());
            let (disk, error) = just_before(&redeploy, poor, &act);
            let when = (path, poor);
            assert_eq!(
                error.to_string(),
                format!("`/{path}` is not what it was when the plan was made: it was changed just now"),
                "{when:?}"
            );
            // All else is as it was.
            let wanted = redeploy.start(poor);
            if path.starts_with("etc/new") {
                wanted.create_directory(Path::new("etc/new"), 0o755).unwrap();
            }
            act(&wanted);
            assert_same(&tree(&disk), &tree(&wanted), &when);
        }
    }
}

/// The same file, written to: its name alone would not tell.
#[test]
fn what_is_written_into_a_file_in_the_last_moment_stays_in_it() {
    let redeploy = trials().remove(1);
    for poor in [false, true] {
        let start = redeploy.start(poor);
        let inode = |disk: &SimulatedDisk| disk.metadata(Path::new("etc/app/changed")).unwrap().unwrap().inode;
        let before = inode(&start);
        let act = |disk: &SimulatedDisk| disk.set_mode(Path::new("etc/app/changed"), 0o666).unwrap();
        let (disk, error) = just_before(&redeploy, poor, &act);
        assert!(matches!(error, TargetError::Moved { .. }), "{error}");
        assert_eq!(inode(&disk), before);
        assert_eq!(disk.metadata(Path::new("etc/app/changed")).unwrap().unwrap().mode, 0o666);
    }
}

/// Returns a disk on which a redeploy was stopped after everything was published.
fn stopped(poor: bool) -> SimulatedDisk {
    let redeploy = trials().remove(1);
    let disk = redeploy.start(poor);
    let outcome = commit(&target(&disk), &redeploy.plan, (redeploy.payload)(), &mut |progress| {
        if progress == Progress::Published {
            disk.crash_after(1);
        }
    });
    assert!(matches!(outcome, Err(TargetError::Unfinished { .. })));
    let found = copy(&disk);
    if poor { found.without_rename_flags() } else { found }
}

#[test]
fn what_comes_before_it_is_mended_stays() {
    for poor in [false, true] {
        let disk = stopped(poor);
        put(&disk, "etc/app/changed", b"by somebody");
        put(&disk, "etc/new/too", b"by somebody too");
        disk.remove(Path::new("etc/app/mode")).unwrap();
        let recovered = recover(&target(&disk)).unwrap();
        let left = vec![path("/etc/app/changed"), path("/etc/new/too")];
        assert_eq!(recovered, Recovered::Undone { stack: "Web".to_owned(), from: Some(1), to: Some(2), left });
        let wanted = deployed(1);
        put(&wanted, "etc/app/changed", b"by somebody");
        wanted.create_directory(Path::new("etc/new"), 0o755).unwrap();
        put(&wanted, "etc/new/too", b"by somebody too");
        assert_same(&tree(&disk), &tree(&wanted), &poor);
        assert_eq!(recover(&target(&disk)).unwrap(), Recovered::Nothing);
    }
}

#[test]
fn a_current_that_is_neither_is_not_guessed_at() {
    let disk = stopped(false);
    disk.remove(Path::new("d/Web/current")).unwrap();
    disk.create_link(Path::new("d/Web/current"), Path::new("gen-009.json")).unwrap();
    put(&disk, "d/Web/gen-009.json", b"{}");
    let before = tree(&disk);
    let error = recover(&target(&disk)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/d/Web/current` is gen-009, and an interrupted change wants it to be gen-001 or gen-002"
    );
    assert_same(&tree(&disk), &before, &"astray");
}

#[test]
fn who_may_not_write_is_told_that_something_was_interrupted() {
    let disk = stopped(false);
    disk.fail_at(1, std::io::ErrorKind::PermissionDenied);
    let error = target(&disk).share().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a change of the stack `Web` is being made, or was interrupted and is not yet mended"
    );
    assert!(!error.is_the_worlds());
    // Whoever may, mends it.
    target(&disk).share().unwrap();
    assert_eq!(tree(&disk), tree(&deployed(1)));
}

#[test]
fn a_path_that_an_interrupted_change_would_take_is_taken() {
    let disk = stopped(false);
    let elsewhere = Target::alone(&disk, Layout::new(Path::new("/srv/deploy")).unwrap());
    let claims = Claims::read(&elsewhere, true).unwrap();
    let owner = claims.owner_of(&path("/etc/new/too"), "Web");
    assert_eq!(owner.as_deref(), Some("the stack `Web` of the deployments root `/d`"));
}
