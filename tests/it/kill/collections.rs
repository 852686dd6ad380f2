//! Collections that are killed at their steps, and collections beside builds.

use super::place::{Place, Running, WAIT, paths, program, sandboxed};
use super::times;
use super::tracer::{can_trace, choice, killed_at, steps};
use crate::support::run;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// How many kills there is time for.
const KILLS: usize = 20;

/// `Top` keeps `Base`; nothing keeps the others, which need each other.
const MANY: [(&str, &str, &str); 6] = [
    ("Base", "", "echo base > $OUTPUT/base"),
    ("Dead1", "Base", "mkdir -p $OUTPUT/a/b; echo 1 > $OUTPUT/a/b/c; ln -s b $OUTPUT/a/l"),
    ("Dead2", "Dead1", "mkdir -p $OUTPUT/bin; echo 2 > $OUTPUT/bin/x"),
    ("Dead3", "Dead1 Dead2", "echo 3 > $OUTPUT/x"),
    ("Dead4", "", "echo 4 > $OUTPUT/x"),
    ("Top", "Base", "cat $DEP_0/base > $OUTPUT/top"),
];
/// By place above: which of the dead ones need which.
const NEEDS: [(usize, usize); 3] = [(2, 1), (3, 1), (3, 2)];

/// Wherever it is killed, a collection leaves whole entries, each with all that it needs, and the next one ends well.
#[test]
fn a_collection_that_is_killed_anywhere_is_made_good() {
    if !sandboxed() || !can_trace() {
        return;
    }
    let place = Place::with(&MANY);
    let all = place.built(&[]);
    place.built(&["--only", "Top", "--link", "result"]);
    leave_a_build_behind(&place);
    keep_a_copy(&place);
    let collecting = steps(place.tending("gc"), &place.path("trace"));
    let mut killed = 0;
    for step in choice(collecting, KILLS) {
        place.remove("store");
        copy(&place, "copy", "store");
        let outcome = run(killed_at(&step, place.tending("gc")));
        killed += usize::from(outcome.code.is_none());
        let verified = run(place.tending("verify"));
        assert_eq!(verified.code, Some(0), "{step:?}: {verified:#?}");
        let there: Vec<bool> = all.iter().map(|path| path.exists()).collect();
        assert!(there[0] && there[5], "{step:?}: what is needed went");
        for (needs, needed) in NEEDS {
            assert!(
                !there[needs] || there[needed],
                "{step:?}: {} went before {}",
                all[needed].display(),
                all[needs].display()
            );
        }
        place.collect();
        place.is_tidy(&[&all[0], &all[5]]);
        place.is_sound(2);
    }
    assert!(killed >= KILLS / 2, "only {killed} runs were killed");
}

/// Kills a build that is under way, so that what it worked in stays.
fn leave_a_build_behind(place: &Place) {
    place.write("w.pcl", program(&[("Wait", "", WAIT)]));
    let build = Running::start(place.command(["build", "w.pcl", "--store-root", "store"]));
    place.begun();
    drop(build);
    place.is_deserted();
    assert_eq!(place.temporary().len(), 2);
}

fn keep_a_copy(place: &Place) {
    copy(place, "store", "copy");
}

fn copy(place: &Place, from: &str, to: &str) {
    let status = Command::new("cp").arg("-a").arg(place.path(from)).arg(place.path(to)).status();
    assert!(status.expect("there is a cp").success());
}

/// D7: a collection waits for a build, and what the build made and used is there afterwards.
#[test]
fn a_collection_during_a_build_waits_for_it() {
    if !sandboxed() {
        return;
    }
    let slow = format!("{WAIT}; cat $DEP_0/base > $OUTPUT/top");
    let place = Place::with(&[("Base", "", "echo base > $OUTPUT/base"), ("Top", "Base", &slow)]);
    let base = place.built(&["--only", "Base"]);
    let build = Running::start(place.building(&["--only", "Top", "--link", "result"]));
    let work = place.begun();
    let mut command = place.tending("gc");
    let mut collection = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be started");
    let mut line = String::new();
    let said = collection.stderr.take().expect("a stream");
    BufReader::new(said).read_line(&mut line).expect("it says what it waits for");
    let who = format!("process {} uses it (`punix build`)", build.id());
    assert!(line.starts_with("waiting for the store") && line.contains(&who), "{line}");
    assert!(base[0].exists());
    place.go(&work);
    let top = paths(&build.end());
    let collected = collection.wait_with_output().expect("it ends");
    assert!(collected.status.success(), "{collected:?}");
    place.is_sound(2);
    place.is_tidy(&[&base[0], &top[0]]);
    assert_eq!(std::fs::read_to_string(top[0].join("top")).expect("a file"), "base\n");
}

/// A build waits for a collection, here one that takes its time, and then finds or builds what it needs.
#[test]
fn a_build_during_a_collection_waits_for_it() {
    let place = Place::with(&MANY);
    let store = punix_store::Store::open(&place.path("store")).expect("a store can be made");
    let tell = |_: &[punix_store::Holder]| {};
    let asking =
        punix_store::Asking { command: "punix store gc", wait: std::time::Duration::from_secs(10), tell: &tell };
    let alone = store.exclude(asking).expect("nobody builds");
    let mut command = place.building(&["--only", "Top", "--no-sandbox"]);
    let mut build = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it can be started");
    let mut lines = BufReader::new(build.stderr.take().expect("a stream")).lines();
    let waiting = lines.by_ref().map(|line| line.expect("text")).find(|line| line.starts_with("waiting for"));
    let who = format!("process {}", std::process::id());
    assert!(waiting.as_ref().is_some_and(|line| line.contains(&who)), "{waiting:?}");
    assert!(place.entries().is_empty() && place.temporary().is_empty());
    drop(alone);
    let rest: Vec<String> = lines.map(|line| line.expect("text")).collect();
    assert!(build.wait().expect("it ends").success(), "{rest:?}");
    place.is_sound(2);
}

/// Builds and collections that run as they come: every build ends well and finds what it made.
#[test]
fn builds_and_collections_race() {
    if !sandboxed() {
        return;
    }
    let place = Place::with(&MANY);
    // A collection needs a store that is there, and could be the first to come.
    place.built(&["--only", "Dead3"]);
    for round in 0..times(6, 60) {
        let builds = ["Top", "Dead3", "Dead2"].map(|module| {
            let link = format!("result-{module}");
            let _ = std::fs::remove_file(place.path(&link));
            Running::start(place.building(&["--only", module, "--link", &link, "--jobs", "2"]))
        });
        let collections = [0, 1].map(|_| Running::start(place.tending("gc")));
        let built: Vec<PathBuf> = builds.into_iter().flat_map(|build| paths(&build.end())).collect();
        for collection in collections {
            let outcome = collection.end();
            assert_eq!(outcome.code, Some(0), "round {round}: {outcome:#?}");
        }
        assert!(built.len() == 3 && built.iter().all(|path| path.join("built").exists()), "round {round}");
        place.is_sound(5);
        place.collect();
        place.is_sound(5);
        assert!(place.temporary().is_empty(), "round {round}");
        for module in ["Top", "Dead3", "Dead2"] {
            std::fs::remove_file(place.path(&format!("result-{module}"))).expect("it was linked");
        }
    }
    place.collect();
    place.is_tidy(&[]);
}
