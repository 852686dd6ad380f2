//! Files that are larger than what is held in memory: everything becomes of them that becomes of others.

use super::*;
use crate::body::Body;
use crate::limits::HELD_BYTES_MAX;

/// More than is held, in which no two pieces are equal.
fn content(version: u8) -> Vec<u8> {
    (0..HELD_BYTES_MAX + 100_000).map(|n| u8::try_from(n / 131_072).unwrap() ^ version).collect()
}

fn large(version: u8, mode: u32) -> Wants {
    let content = content(version);
    wants([("/etc/app/large", Want { content, mode, owner: None })])
}

fn held(disk: &SimulatedDisk) -> (Vec<u8>, u32) {
    let at = Path::new("etc/app/large");
    (disk.read(at, u64::MAX).unwrap(), disk.metadata(at).unwrap().unwrap().mode)
}

#[test]
fn a_large_file_comes_changes_and_returns() {
    let (one, mode, two) = (large(1, 0o644), large(1, 0o600), large(2, 0o600));
    let disk = machine();
    let versions = [(1, &Wants::new(), &one), (2, &one, &mode), (3, &mode, &two)];
    for (number, had, wanted) in versions {
        let parent = (number > 1).then(|| number - 1);
        let new = Goal::New(Box::new(generation(number, parent, wanted)));
        // What changes its mode only is had from where it lies.
        let brought = if number == 2 { Payload::default() } else { payload(wanted) };
        run(&disk, &plan(&disk, parent, new, had, wanted), brought).unwrap();
        let want = &wanted[&path("/etc/app/large")];
        assert!(held(&disk) == (want.content.clone(), want.mode), "{number}");
    }
    run(&disk, &plan(&disk, Some(3), Goal::Kept(1), &two, &one), Payload::default()).unwrap();
    assert!(held(&disk) == (content(1), 0o644));
    // Somebody edits it, which is kept.
    disk.remove(Path::new("etc/app/large")).unwrap();
    disk.create(Path::new("etc/app/large"), 0o644).unwrap().write_all(&content(9)).unwrap();
    let done = run(&disk, &plan(&disk, Some(1), Goal::Kept(3), &one, &two), Payload::default()).unwrap();
    assert_eq!(done.kept.len(), 1);
    let kept = target(&disk).layout.blob(&Digest::of(&content(9)));
    assert!(disk.read(kept.on_disk(), u64::MAX).unwrap() == content(9));
    assert!(held(&disk) == (content(2), 0o600));
}

#[test]
fn a_source_that_is_changed_meanwhile_changes_nothing() {
    let disk = deployed(1);
    let before = tree(&disk);
    let mut wanted = first();
    wanted.extend(large(1, 0o644));
    for change in [content(2), content(1)[1..].to_vec(), [content(1), b"more".to_vec()].concat()] {
        let source = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(source.path(), content(1)).unwrap();
        let body = Body::file(source.reopen().unwrap(), "the source".to_owned(), u64::MAX, |_| Ok(())).unwrap();
        let mut brought = payload(&wanted);
        *brought.blobs.get_mut(&Digest::of(&content(1))).unwrap() = body;
        let new = Goal::New(Box::new(generation(2, Some(1), &wanted)));
        let plan = plan(&disk, Some(1), new, &first(), &wanted);
        std::fs::write(source.path(), change).unwrap();
        let error = run(&disk, &plan, brought).unwrap_err();
        assert_eq!(error.to_string(), "`the source` was changed after it was read");
        assert_same(&tree(&disk), &before, &"undone");
    }
}

#[test]
fn a_large_file_that_is_edited_at_the_last_moment_is_not_lost() {
    let disk = machine();
    let (one, two) = (large(1, 0o644), large(2, 0o644));
    deploy(&disk, 1, &Wants::new(), &one).unwrap();
    let plan = plan(&disk, Some(1), Goal::New(Box::new(generation(2, Some(1), &two))), &one, &two);
    // As long as before, and in the same file.
    let mut now = content(1);
    now[700_000] ^= 1;
    let before = disk.metadata(Path::new("etc/app/large")).unwrap().unwrap();
    let mut changes = plan.clone();
    let There::File(seen) = &mut changes.changes[0].before else { panic!("a file is there") };
    disk.remove(Path::new("etc/app/large")).unwrap();
    disk.create(Path::new("etc/app/large"), 0o644).unwrap().write_all(&now).unwrap();
    let after = disk.metadata(Path::new("etc/app/large")).unwrap().unwrap();
    assert_eq!(before.size, after.size);
    seen.identity = (after.device, after.inode);
    let error = run(&disk, &changes, payload(&two)).unwrap_err();
    assert!(matches!(error, TargetError::Moved { .. }), "{error}");
    assert!(held(&disk).0 == now);
}
