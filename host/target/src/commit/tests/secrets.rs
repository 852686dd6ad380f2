//! Files with secrets: their bytes are in these files, and nowhere else on the target, whenever it is stopped.

use super::*;
use punix_disk::every_crash;
use punix_model::Secret;

const OLD: &str = "KEY=correct horse\n";
const NEW: &str = "KEY=battery staple\n";

fn mark(disk: &SimulatedDisk, text: &str) -> Mark {
    crate::key::tag(&target(disk), &Secret::new(text.as_bytes().to_vec())).unwrap()
}

/// Deploys one file that holds a secret.
fn deploy_secret(
    disk: &SimulatedDisk,
    number: u32,
    text: &str,
    before: Option<&str>,
) -> Result<Committed, TargetError> {
    let at = path("/etc/punix/env/web.env");
    let mark = mark(disk, text);
    let mut generation = generation(number, (number > 1).then(|| number - 1), &wants([(at.as_str(), want("", 0o600))]));
    for row in &mut generation.files {
        row.mark = mark;
        row.chunks = Some(Vec::new());
    }
    let mut there = there(disk, &at);
    if let (There::File(seen), Some(before)) = (&mut there, before) {
        seen.marks = vec![self::mark(disk, before)];
    }
    let after = After::File { mark, mode: 0o600, owner: None, group: None };
    let plan = Plan {
        stack: "Web".to_owned(),
        parent: generation.previous,
        goal: Goal::New(Box::new(generation)),
        changes: vec![Change { path: at.clone(), real: at.clone(), before: there, after }],
        keep: 10,
    };
    let secrets = BTreeMap::from([(at, Secret::new(text.as_bytes().to_vec()))]);
    run(disk, &plan, Payload { blobs: BTreeMap::new(), secrets })
}

fn base() -> SimulatedDisk {
    let disk = machine();
    let key = [7; 32];
    crate::key::make(&target(&disk), &key).unwrap();
    deploy_secret(&disk, 1, OLD, None).unwrap();
    disk.sync_all().unwrap();
    disk
}

#[test]
fn their_bytes_are_nowhere_else() {
    let start = base();
    every_crash(
        || copy(&start),
        |disk| deploy_secret(disk, 2, NEW, Some(OLD)),
        4,
        |found, outcome, end| {
            for (path, entry) in tree(found) {
                let Entry::File { content, mode, .. } = entry else { continue };
                let holds = |text: &str| content.windows(12).any(|part| text.as_bytes().windows(12).any(|t| t == part));
                if holds(OLD) || holds(NEW) {
                    assert!(path.starts_with("etc/punix/env"), "{end:?}: {path:?}");
                    assert_eq!(mode & 0o077, 0, "{end:?}: {path:?}");
                }
            }
            recover(&target(found)).unwrap();
            let content = found.read(Path::new("etc/punix/env/web.env"), 99).unwrap();
            assert!(content == NEW.as_bytes() || (content == OLD.as_bytes() && outcome.is_err()), "{end:?}");
        },
    );
}

/// What is in the blobs can be guessed at by its name; what was there as we had put it is not kept.
#[test]
fn only_what_somebody_wrote_into_them_is_kept() {
    let disk = base();
    assert!(deploy_secret(&disk, 2, NEW, Some(OLD)).unwrap().kept.is_empty());
    assert!(disk.list(Path::new("d/.blobs")).unwrap().is_empty());
    disk.remove(Path::new("etc/punix/env/web.env")).unwrap();
    disk.create(Path::new("etc/punix/env/web.env"), 0o600).unwrap().write_all(b"KEY=by hand\n").unwrap();
    let done = deploy_secret(&disk, 3, OLD, Some("KEY=by hand\n")).unwrap();
    assert_eq!(done.kept.iter().map(|note| note.secret).collect::<Vec<_>>(), [true]);
    let ledger = disk.metadata(Path::new("d/ledger.json")).unwrap().unwrap();
    assert_eq!(ledger.mode, 0o600);
}

#[test]
fn a_value_that_is_not_the_one_of_the_plan_is_not_written() {
    let disk = base();
    let at = path("/etc/punix/env/web.env");
    let before = tree(&disk);
    let mut generation = generation(2, Some(1), &Wants::new());
    generation.files.clear();
    let after = After::File { mark: mark(&disk, NEW), mode: 0o600, owner: None, group: None };
    let plan = Plan {
        stack: "Web".to_owned(),
        parent: Some(1),
        goal: Goal::New(Box::new(generation)),
        changes: vec![Change { path: at.clone(), real: at.clone(), before: there(&disk, &at), after }],
        keep: 10,
    };
    let secrets = BTreeMap::from([(at, Secret::new(b"KEY=another\n".to_vec()))]);
    let error = run(&disk, &plan, Payload { blobs: BTreeMap::new(), secrets }).unwrap_err();
    assert!(matches!(error, TargetError::NoBytes { .. }), "{error}");
    assert_same(&tree(&disk), &before, &"refused");
}
