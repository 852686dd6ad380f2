//! What one commit does and leaves alone.

use super::*;
use crate::trim::trim;
use punix_disk::Metadata;

fn metadata(disk: &SimulatedDisk, path: &str) -> Metadata {
    disk.metadata(Path::new(path)).unwrap().unwrap()
}

fn read(disk: &SimulatedDisk, path: &str) -> String {
    String::from_utf8(disk.read(Path::new(path), 1 << 20).unwrap()).unwrap()
}

fn names(disk: &SimulatedDisk, path: &str) -> Vec<String> {
    disk.list(Path::new(path)).unwrap().into_iter().map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn a_version_comes_and_the_next_one_too() {
    let disk = machine();
    let done = deploy(&disk, 1, &Wants::new(), &first()).unwrap();
    assert_eq!((done.from, done.to, done.trimmed.len(), done.kept.len()), (None, Some(1), 0, 0));
    assert_eq!(read(&disk, "etc/app/changed"), "the old content");
    assert_eq!(metadata(&disk, "etc/gone/deep/removed").mode, 0o600);
    assert_eq!(disk.read_link(Path::new("d/Web/current")).unwrap(), Path::new("gen-001.json"));
    assert_eq!(names(&disk, "d/Web"), ["current", "gen-001.json"]);
    assert_eq!(names(&disk, "d/.blobs").len(), 5);
    assert_eq!(metadata(&disk, "d/.blobs").mode, 0o700);
    let same = metadata(&disk, "etc/app/same");

    deploy(&disk, 2, &first(), &second()).unwrap();
    assert_eq!(read(&disk, "etc/app/changed"), "the new content");
    assert_eq!(metadata(&disk, "etc/app/mode").mode, 0o755);
    assert_eq!(metadata(&disk, "etc/app/owner").owner, 1234);
    assert_eq!(metadata(&disk, "etc/app/owner").mode, 0o640);
    assert_eq!(read(&disk, "etc/new/deep/added"), "never seen before");
    // What stays is not written; what was made for files that are gone is gone, and nothing else.
    assert_eq!(metadata(&disk, "etc/app/same"), same);
    assert_eq!(names(&disk, "etc"), ["app", "foreign", "new"]);
    assert_eq!(names(&disk, "etc/app"), ["changed", "mode", "owner", "same"]);
    assert!(names(&disk, "d/.journal").is_empty());
    assert_eq!(disk.read_link(Path::new("d/Web/current")).unwrap(), Path::new("gen-002.json"));
}

#[test]
fn it_goes_back_to_what_it_was() {
    let disk = deployed(2);
    let plan = plan(&disk, Some(2), Goal::Kept(1), &second(), &first());
    let done = run(&disk, &plan, Payload::default()).unwrap();
    assert_eq!((done.from, done.to), (Some(2), Some(1)));
    let found = tree(&disk);
    let wanted = tree(&deployed(1));
    let of_files = |tree: &Tree| tree.clone().into_iter().filter(|(path, _)| path.starts_with("etc")).collect::<Tree>();
    assert_same(&of_files(&found), &of_files(&wanted), &"back");
    assert_eq!(names(&disk, "d/Web"), ["current", "gen-001.json", "gen-002.json"]);
    // The number of what was left is not used again.
    assert_eq!(Ledger::read(&target(&disk)).unwrap().highest("Web"), Some(2));
}

#[test]
fn a_stack_goes_with_everything_of_its_own() {
    let disk = deployed(2);
    let plan = plan(&disk, Some(2), Goal::Gone, &second(), &Wants::new());
    let done = run(&disk, &plan, Payload::default()).unwrap();
    assert_eq!((done.to, done.trimmed), (None, vec![1, 2]));
    assert_eq!(names(&disk, "etc"), ["foreign"]);
    assert_eq!(names(&disk, "d"), [".audit", ".blobs", ".journal", "ledger.json"]);
    assert!(names(&disk, "d/.blobs").is_empty());
    assert!(names(&disk, "var/lib/punix/claims/deployments").is_empty());
    // Its numbers go on, even so.
    let ledger = Ledger::read(&target(&disk)).unwrap();
    assert_eq!((ledger.highest("Web"), ledger.claims_nothing()), (Some(2), true));
}

#[test]
fn a_directory_with_something_of_somebody_else_stays() {
    let disk = deployed(1);
    disk.create(Path::new("etc/gone/deep/notes"), 0o644).unwrap();
    deploy(&disk, 2, &first(), &second()).unwrap();
    assert_eq!(names(&disk, "etc/gone/deep"), ["notes"]);
    // It is still ours, and goes when it can.
    assert!(Ledger::read(&target(&disk)).unwrap().is_made(&path("/etc/gone/deep")));
}

#[test]
fn a_directory_whose_last_file_was_removed_by_hand_goes_with_it() {
    for goes in ["the next version", "the stack"] {
        let disk = deployed(1);
        disk.remove(Path::new("etc/gone/deep/removed")).unwrap();
        if goes == "the stack" {
            let plan = plan(&disk, Some(1), Goal::Gone, &first(), &Wants::new());
            run(&disk, &plan, Payload::default()).unwrap();
        } else {
            deploy(&disk, 2, &first(), &second()).unwrap();
        }
        assert!(!names(&disk, "etc").contains(&"gone".to_owned()), "{goes}");
        assert!(!Ledger::read(&target(&disk)).unwrap().is_made(&path("/etc/gone/deep")), "{goes}");
    }
}

#[test]
fn the_bytes_of_a_file_that_was_edited_by_hand_are_kept() {
    let disk = deployed(1);
    disk.remove(Path::new("etc/app/changed")).unwrap();
    disk.create(Path::new("etc/app/changed"), 0o600).unwrap().write_all(b"by hand").unwrap();
    let done = deploy(&disk, 2, &first(), &second()).unwrap();
    let digest = Digest::of(b"by hand");
    let kept: Vec<_> =
        done.kept.iter().map(|note| (note.path.as_str(), note.generation, note.blob, note.mode)).collect();
    assert_eq!(kept, [("/etc/app/changed", 2, digest, 0o600)]);
    assert_eq!(read(&disk, &format!("d/.blobs/{digest}")), "by hand");
    assert_eq!(crate::kept_bytes(&target(&disk), "Web").unwrap(), done.kept);
    // They are kept as long as the generation is that replaced them.
    let new = |number| Goal::New(Box::new(generation(number, Some(number - 1), &second())));
    for (number, is_kept) in [(3, true), (4, false)] {
        let plan = Plan { keep: 2, ..plan(&disk, Some(number - 1), new(number), &second(), &second()) };
        run(&disk, &plan, Payload::default()).unwrap();
        assert_eq!(names(&disk, "d/.blobs").contains(&digest.to_string()), is_kept, "{number}");
    }
}

#[test]
fn generations_are_trimmed_but_for_the_live_one_and_the_one_before() {
    let disk = deployed(2);
    let new = |number, previous| Goal::New(Box::new(generation(number, previous, &second())));
    for number in 3..=5 {
        run(
            &disk,
            &plan(&disk, Some(number - 1), new(number, Some(number - 1)), &second(), &second()),
            Payload::default(),
        )
        .unwrap();
    }
    assert_eq!(trim(&target(&disk), "Web", 4).unwrap(), [1]);
    let plan = Plan { keep: 1, ..plan(&disk, Some(5), Goal::Kept(3), &second(), &second()) };
    let done = run(&disk, &plan, Payload::default()).unwrap();
    assert_eq!(done.trimmed, [4]);
    assert_eq!(names(&disk, "d/Web"), ["current", "gen-002.json", "gen-003.json", "gen-005.json"]);
    // Contents that only the first version had are gone with it.
    let has = |content: &[u8]| names(&disk, "d/.blobs").contains(&Digest::of(content).to_string());
    assert_eq!((has(b"the old content"), has(b"the new content")), (false, true));
}

/// What is gone is, durably, and is told; whoever comes next goes on.
#[test]
fn a_trim_that_breaks_off_says_what_is_gone() {
    let disk = deployed(2);
    let new = |number| Goal::New(Box::new(generation(number, Some(number - 1), &second())));
    for number in 3..=5 {
        run(&disk, &plan(&disk, Some(number - 1), new(number), &second(), &second()), Payload::default()).unwrap();
    }
    let stuck = Path::new("d/Web/gen-002.json");
    disk.rename_new(stuck, Path::new("d/away")).unwrap();
    disk.create_directory(stuck, 0o755).unwrap();
    let error = trim(&target(&disk), "Web", 1).unwrap_err();
    assert!(matches!(&error, TargetError::BrokenOff { gone, .. } if *gone == [1]), "{error}");
    assert!(error.to_string().ends_with("; gen-001 of the stack `Web` had gone before"), "{error}");
    let diagnostic = punix_diag::Diagnostic::from(error);
    assert!(!format!("{diagnostic:?}").contains("nothing was changed"), "{diagnostic:?}");
    for choice in disk.survivals(1) {
        assert!(!names(&disk.after_crash(choice), "d/Web").contains(&"gen-001.json".to_owned()));
    }
    disk.remove_directory(stuck).unwrap();
    assert_eq!(trim(&target(&disk), "Web", 1).unwrap(), [3]);
}

#[test]
fn a_record_that_cannot_be_read_keeps_all_contents() {
    let disk = deployed(2);
    disk.remove(Path::new("d/Web/gen-001.json")).unwrap();
    disk.create(Path::new("d/Web/gen-001.json"), 0o644).unwrap().write_all(b"{").unwrap();
    trim_blobs(&disk);
    assert_eq!(names(&disk, "d/.blobs").len(), 8);
}

fn trim_blobs(disk: &SimulatedDisk) {
    crate::trim::collect(&target(disk)).unwrap();
}

#[test]
fn a_link_at_a_managed_path_is_replaced_and_not_followed() {
    let disk = deployed(1);
    disk.remove(Path::new("etc/app/changed")).unwrap();
    disk.create_link(Path::new("etc/app/changed"), Path::new("/etc/foreign")).unwrap();
    for poor in [false, true] {
        let disk = if poor { copy(&disk).without_rename_flags() } else { copy(&disk) };
        deploy(&disk, 2, &first(), &second()).unwrap();
        assert_eq!(read(&disk, "etc/app/changed"), "the new content");
        assert_eq!(read(&disk, "etc/foreign"), "not ours");
    }
}

/// Nothing is synced twice: a file once, and a directory once for what comes and once for what goes.
#[test]
fn it_takes_few_operations() {
    let disk = machine();
    let many: Wants = (0..20).map(|n| (path(&format!("/etc/app/{n}")), want(&format!("old {n}"), 0o644))).collect();
    let changed: Wants = (0..20).map(|n| (path(&format!("/etc/app/{n}")), want(&format!("new {n}"), 0o644))).collect();
    deploy(&disk, 1, &Wants::new(), &many).unwrap();
    let before = disk.operations();
    deploy(&disk, 2, &many, &changed).unwrap();
    // Of each file: create, write, sync, exchange, remove; of each content: create, write, sync.
    let of_files = 20 * 8;
    let operations = disk.operations() - before;
    assert!(operations <= of_files + 40, "{operations}");
}

#[test]
fn what_was_done_is_told() {
    let disk = deployed(2);
    let back = plan(&disk, Some(2), Goal::Kept(1), &second(), &first());
    run(&disk, &back, Payload::default()).unwrap();
    trim(&target(&disk), "Web", 1).unwrap();
    let told = |disk: &SimulatedDisk| -> Vec<_> {
        let lines = audit::audit(&target(disk)).unwrap();
        lines.into_iter().map(|line| (line.parent, line.child, line.trimmed, line.result)).collect()
    };
    let done = AuditResult::Done;
    let mut wanted = vec![
        (None, Some(1), vec![], done),
        (Some(1), Some(2), vec![], done),
        (Some(2), Some(1), vec![], done),
        (Some(1), Some(1), vec![2], done),
    ];
    let found = told(&disk);
    assert_eq!(found[..3], wanted[..3]);
    // Trimming after going back keeps what is live, whatever its number.
    wanted.truncate(found.len());
    assert_eq!(found, wanted);
    let lines = audit::audit(&target(&disk)).unwrap();
    let digest = plan_digest(&back).to_string();
    assert_eq!(lines[2].by.plan.as_deref(), Some(digest.as_str()));
    assert_eq!(lines[0].by.operator.as_deref(), Some("somebody@somewhere"));
    assert_told(&disk, &"told");

    // Whoever is stopped is spoken of by whoever mends it.
    for (k, wanted) in [(0, AuditResult::Finished), (1, AuditResult::Undone)] {
        let disk = deployed(1);
        let plan = plan(&disk, Some(1), Goal::New(Box::new(generation(2, Some(1), &second()))), &first(), &second());
        let stop = |progress| match (progress, k) {
            (Progress::Live, 0) | (Progress::Published, 1) => disk.crash_after(1),
            _ => {}
        };
        drop(commit(&target(&disk), &plan, payload(&second()), &mut { stop }));
        let found = copy(&disk);
        recover(&target(&found)).unwrap();
        let last = told(&found).pop().unwrap();
        assert_eq!(last, (Some(1), Some(2), vec![], wanted));
        assert_told(&found, &wanted);
    }
}

/// What a rollback made anew is what the generation has from then on, though its record says what it was.
#[test]
fn what_was_made_anew_stands_in_place_of_what_the_record_says() {
    use crate::look::look;
    use crate::seen::Question;
    use crate::verify::{Depth, verify};
    let disk = deployed(2);
    let record = read(&disk, "d/Web/gen-001.json");
    let mut now = first();
    now.insert(path("/etc/app/changed"), want("made anew", 0o644));
    let back = plan(&disk, Some(2), Goal::Kept(1), &second(), &now);
    run(&disk, &back, payload(&now)).unwrap();
    assert_eq!((read(&disk, "d/Web/gen-001.json"), read(&disk, "etc/app/changed")), (record, "made anew".to_owned()));
    let it = target(&disk);
    let one = records::record(&it, "Web", 1).unwrap();
    assert_eq!(verify(&it, &one, Depth::Presence).unwrap(), []);
    let live = || look(&it, &Question { stack: "Web".to_owned(), ..Question::default() }).unwrap().current.unwrap();
    let mark = |of: &Generation| of.files.iter().find(|row| row.path == path("/etc/app/changed")).unwrap().mark;
    let anew = Digest::of(b"made anew");
    assert_eq!(mark(&live()), Mark::Sha256(anew));
    // It is kept as what a record names is.
    trim(&it, "Web", 1).unwrap();
    assert!(names(&disk, "d/.blobs").contains(&anew.to_string()));
    // Somebody changed it, and a repair brings it again.
    disk.remove(Path::new("etc/app/changed")).unwrap();
    disk.create(Path::new("etc/app/changed"), 0o644).unwrap().write_all(b"by hand").unwrap();
    assert_eq!(verify(&it, &one, Depth::Presence).unwrap().len(), 1);
    let repair = plan(&disk, Some(1), Goal::Kept(1), &now, &now);
    run(&disk, &repair, Payload::default()).unwrap();
    assert_eq!(verify(&it, &one, Depth::Presence).unwrap(), []);
    // Of another generation it says nothing, and what the record says is not made anew.
    let same = plan(&disk, Some(1), Goal::Kept(1), &now, &first());
    run(&disk, &same, Payload::default()).unwrap();
    assert_eq!((mark(&live()), verify(&it, &one, Depth::Presence).unwrap()), (mark(&one), vec![]));
    assert!(Ledger::read(&it).unwrap().digests_anew().next().is_none());
}
