//! A change that nobody confirms goes, whoever is stopped where; one that is confirmed stays.

use super::*;
use crate::audit::{AuditFault, verify_audit};
use crate::commit::{go_live_late, make_ready};
use crate::generation::{Generation, Mark};
use crate::key;
use crate::look::look;
use crate::plan::{After, Change, Payload};
use crate::planted::{self, path};
use crate::recover::{Recovered, recover};
use crate::seen::Question;
use punix_disk::{Disk, Entry, SimulatedDisk, Survival, every_crash};
use punix_model::Secret;
use punix_store::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const SECRET: &str = "/etc/app/secret";

type Files = BTreeMap<&'static str, &'static str>;

fn files<const N: usize>(files: [(&'static str, &'static str); N]) -> Files {
    files.into_iter().collect()
}

fn first() -> Files {
    files([("/etc/app/a", "one"), ("/etc/app/gone", "soon"), ("/etc/app/same", "same"), (SECRET, "hunter22")])
}

fn second() -> Files {
    files([("/etc/app/a", "two"), ("/etc/app/deep/new", "more"), ("/etc/app/same", "same"), (SECRET, "hunter33")])
}

fn target(disk: &SimulatedDisk) -> Target<'_> {
    planted::target(disk)
}

fn mark(target: &Target<'_>, at: &str, content: &str) -> Mark {
    match at {
        SECRET => key::mark(target, content.as_bytes()).unwrap().unwrap(),
        _ => Mark::Sha256(Digest::of(content.as_bytes())),
    }
}

/// Makes a generation live, as a plan that is made now.
fn deploy(target: &Target<'_>, number: u32, wanted: &Files) -> Result<(), TargetError> {
    let (plan, payload) = planned(target, number, wanted)?;
    commit(target, &plan, payload, &mut |_| {}).map(drop)
}

fn planned(target: &Target<'_>, number: u32, wanted: &Files) -> Result<(Plan, Payload), TargetError> {
    let parent = live(target, "S")?.number;
    let rows = wanted.iter().map(|(at, content)| {
        let mut row = planted::row(at, content.as_bytes());
        row.mark = mark(target, at, content);
        row
    });
    let generation = Generation { previous: parent, ..planted::generation(number, rows.collect()) };
    let paths = wanted.keys().map(|at| (path(at), *at == SECRET)).collect();
    let seen = look(target, &Question { stack: "S".to_owned(), paths, ..Question::default() })?;
    let all: BTreeSet<String> = seen.paths.keys().map(ToString::to_string).collect();
    let change = |at: &String| {
        let place = &seen.paths[&path(at)];
        let after = wanted.get(at.as_str()).map_or(After::Nothing, |content| After::File {
            mark: mark(target, at, content),
            mode: 0o644,
            owner: None,
            group: None,
        });
        Change { path: path(at), real: place.real.clone(), before: place.there.clone(), after }
    };
    let changes = all.iter().map(change).collect();
    let mut payload = Payload::default();
    for (at, content) in wanted {
        match *at {
            SECRET => drop(payload.secrets.insert(path(at), Secret::new(content.as_bytes().to_vec()))),
            _ => drop(payload.blobs.insert(Digest::of(content.as_bytes()), content.as_bytes().to_vec().into())),
        }
    }
    let goal = Goal::New(Box::new(generation));
    Ok((Plan { stack: "S".to_owned(), parent, goal, changes, keep: 1 }, payload))
}

/// A machine with the first version, or without any.
fn machine(versions: u32) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    for directory in ["d", "etc", "var", "var/lib"] {
        disk.create_directory(Path::new(directory), 0o755).unwrap();
    }
    key::make(&target(&disk), &[7; 32]).unwrap();
    if versions > 0 {
        deploy(&target(&disk), 1, &first()).unwrap();
    }
    disk.sync_all().unwrap();
    disk
}

fn wanting(back_to: Option<u32>, child: u32) -> Confirm {
    let after = Running { commands: Vec::new(), stops: false, systemctl: None };
    Confirm { stack: "S".to_owned(), back_to, child, seconds: 30, after }
}

/// A machine on which the second version is live and waits.
fn waiting_machine() -> (SimulatedDisk, String) {
    let disk = machine(1);
    let id = arm(&target(&disk), &wanting(Some(1), 2)).unwrap();
    deploy(&target(&disk).pledged(Pledge::Armed(id.clone())), 2, &second()).unwrap();
    disk.sync_all().unwrap();
    (disk, id)
}

/// Everything that is not ours, and what is live.
fn of_stack(disk: &SimulatedDisk) -> BTreeMap<PathBuf, Entry> {
    let kept = |path: &Path| path.starts_with("etc") || path.ends_with("current");
    disk.snapshot().into_iter().filter(|(path, _)| kept(path)).collect()
}

fn is_armed(disk: &SimulatedDisk) -> bool {
    !disk.list(Path::new("d/.armed")).unwrap_or_default().is_empty()
}

fn later() -> Moment {
    Moment::now().after(31)
}

#[test]
fn what_is_to_be_done_follows_from_what_is_live() {
    let until = Moment::of("one", 100);
    let (soon, over, started_anew) = (Moment::of("one", 90), Moment::of("one", 100), Moment::of("two", 1));
    let of = |firing| {
        let Confirm { stack, back_to, child, after, .. } = wanting(Some(1), 2);
        let secrets = BTreeMap::new();
        Armed { id: String::new(), stack, back_to, child, until: until.clone(), boundary: None, after, secrets, firing }
    };
    use Decision::{Back, Drop, Finish, Wait};
    for (firing, live, wanted) in [
        (false, Some(2), [Wait(10), Back, Back, Back]),
        // It is not there yet, or was undone.
        (false, Some(1), [Wait(10), Drop, Drop, Drop]),
        // Something else came.
        (false, Some(3), [Drop; 4]),
        (false, None, [Drop; 4]),
        (true, Some(2), [Back; 4]),
        (true, Some(1), [Finish; 4]),
        (true, Some(3), [Drop; 4]),
    ] {
        let armed = of(firing);
        let decide = |now, asked| decide(&armed, now, live, asked);
        let found = [
            decide(&soon, Asked::ByCommand),
            decide(&over, Asked::ByCommand),
            decide(&started_anew, Asked::ByCommand),
            decide(&soon, Asked::AtBoot),
        ];
        assert_eq!(found, wanted, "{firing} {live:?}");
    }
}

#[test]
fn what_nobody_confirms_is_taken_back_with_its_secrets() {
    let before = of_stack(&machine(1));
    let (disk, id) = waiting_machine();
    assert_eq!(armed(&target(&disk)).unwrap()[0].id, id);
    // Keeping one generation would have trimmed nothing that may be needed.
    assert_eq!(crate::trim::trim(&target(&disk), "S", 1).unwrap(), [0; 0]);
    assert!(!settle_at(&target(&disk), &Moment::now(), Asked::ByCommand));
    assert_ne!(of_stack(&disk), before);
    assert!(settle_at(&target(&disk), &later(), Asked::ByCommand));
    assert_eq!(of_stack(&disk), before);
    assert!(!is_armed(&disk));
    assert!(matches!(confirm(&target(&disk), &id), Err(TargetError::NotArmed { .. })));
    assert!(verify_audit(&target(&disk)).unwrap().is_empty());
    // It can be made again.
    deploy(&target(&disk), 3, &second()).unwrap();
}

#[test]
fn what_is_confirmed_stays() {
    let (disk, id) = waiting_machine();
    let after = of_stack(&disk);
    rearm(&target(&disk), &id, 300).unwrap();
    assert!(!settle_at(&target(&disk), &later(), Asked::ByCommand));
    confirm(&target(&disk), &id).unwrap();
    assert!(!is_armed(&disk));
    assert!(!settle_at(&target(&disk), &later().after(1_000), Asked::AtBoot));
    assert_eq!(of_stack(&disk), after);
    for id in [id.as_str(), "", "../../etc/app/a", "0123456789abcdeg"] {
        assert!(matches!(confirm(&target(&disk), id), Err(TargetError::NotArmed { .. })), "{id}");
    }
}

#[test]
fn a_stack_that_was_not_there_goes() {
    let disk = machine(0);
    let id = arm(&target(&disk), &wanting(None, 1)).unwrap();
    deploy(&target(&disk).pledged(Pledge::Armed(id)), 1, &first()).unwrap();
    assert!(settle_at_boot(&target(&disk)));
    assert!(!disk.snapshot().contains_key(Path::new("etc/app")));
    assert!(!is_armed(&disk));
}

#[test]
fn what_comes_after_it_stays() {
    let (disk, _) = waiting_machine();
    deploy(&target(&disk), 3, &first()).unwrap();
    let after = of_stack(&disk);
    settle_at(&target(&disk), &later(), Asked::ByCommand);
    assert!(!is_armed(&disk));
    assert_eq!(of_stack(&disk), after);
}

#[test]
fn a_change_is_made_as_it_was_armed_or_not_at_all() {
    let disk = machine(1);
    let stale = arm(&target(&disk), &wanting(None, 2));
    assert!(matches!(stale, Err(TargetError::Stale { found: Some(1), .. })), "{stale:?}");
    assert!(arm(&target(&disk), &wanting(Some(1), 1)).is_err());
    let id = arm(&target(&disk), &wanting(Some(1), 2)).unwrap();
    let pledged = |id: &str| target(&disk).pledged(Pledge::Armed(id.to_owned()));
    for (id, number) in [(id.as_str(), 3), ("0123456789abcdef", 2)] {
        let error = deploy(&pledged(id), number, &second()).unwrap_err();
        assert!(matches!(error, TargetError::NotArmed { .. }), "{error:?}");
    }
    // The time is over before it is made.
    rearm(&target(&disk), &id, 0).unwrap();
    assert!(matches!(deploy(&pledged(&id), 2, &second()), Err(TargetError::NotArmed { .. })));
    assert_eq!(live(&target(&disk), "S").unwrap().number, Some(1));
    settle(&target(&disk));
    assert!(!is_armed(&disk));
}

/// The others of a fleet may have taken longer than anybody waits for a confirmation.
#[test]
fn what_is_staged_until_it_is_too_late_is_undone() {
    let disk = machine(1);
    let before = of_stack(&disk);
    let id = arm(&target(&disk), &wanting(Some(1), 2)).unwrap();
    let pledged = target(&disk).pledged(Pledge::Armed(id.clone()));
    let (plan, payload) = planned(&pledged, 2, &second()).unwrap();
    let ready = make_ready(&pledged, &plan, payload, &mut |_| {}).unwrap();
    assert_ne!(of_stack(&disk), before, "it is there beside");
    rearm(&target(&disk), &id, 0).unwrap();
    let error = go_live_late(&pledged, ready, &mut |_| {}).unwrap_err();
    assert!(matches!(error, TargetError::NotArmed { .. }), "{error:?}");
    assert_eq!(of_stack(&disk), before);
    assert_eq!(recover(&target(&disk)).unwrap(), Recovered::Nothing, "nothing is left to be undone");
}

#[test]
fn what_cannot_be_found_stays_as_it_is() {
    let disk = machine(1);
    // It was not what the record says when this was armed.
    disk.remove(Path::new("etc/app/secret")).unwrap();
    planted::write(&disk, SECRET, 0o644, b"by hand");
    let id = arm(&target(&disk), &wanting(Some(1), 2)).unwrap();
    deploy(&target(&disk).pledged(Pledge::Armed(id)), 2, &second()).unwrap();
    assert!(settle_at(&target(&disk), &later(), Asked::ByCommand));
    assert_eq!(live(&target(&disk), "S").unwrap().number, Some(1));
    let read = |at: &str| disk.read(Path::new(at), 100).unwrap();
    assert_eq!((read("etc/app/secret"), read("etc/app/a")), (b"hunter33".to_vec(), b"one".to_vec()));
}

/// Stopped anywhere while it is taken back, the next one who comes goes on.
#[test]
fn stopped_anywhere_it_is_taken_back_in_the_end() {
    let wanted = of_stack(&machine(1));
    let (start, _) = waiting_machine();
    let operations = every_crash(
        || start.after_crash(Survival::Everything),
        |disk| {
            settle_at(&target(disk), &later(), Asked::AtBoot);
            Ok::<(), TargetError>(())
        },
        2,
        |found, _, end| {
            recover(&target(found)).unwrap();
            settle_at(&target(found), &later(), Asked::ByCommand);
            assert_eq!(of_stack(found), wanted, "{end:?}");
            assert!(!is_armed(found), "{end:?}: {:?}", found.list(Path::new("d/.armed")));
            let mut faults = verify_audit(&target(found)).unwrap();
            faults.retain(|fault| *fault != AuditFault::Torn);
            assert!(faults.is_empty(), "{end:?}: {faults:?}");
        },
    );
    assert!(operations > 30, "{operations}");
}

/// Stopped anywhere while it is armed and made: it is there and waits, or it is not there.
#[test]
fn stopped_anywhere_it_is_armed_before_it_is_there() {
    let before = of_stack(&machine(1));
    every_crash(
        || machine(1),
        |disk| {
            let id = arm(&target(disk), &wanting(Some(1), 2))?;
            deploy(&target(disk).pledged(Pledge::Armed(id)), 2, &second())
        },
        1,
        |found, _, end| {
            recover(&target(found)).unwrap();
            settle_at(&target(found), &Moment::now(), Asked::AtBoot);
            assert_eq!(of_stack(found), before, "{end:?}");
            assert!(armed(&target(found)).unwrap().is_empty(), "{end:?}");
        },
    );
}
