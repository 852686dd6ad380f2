//! Killing a build at its steps.

use super::place::{CHAIN, Place, Running, sandboxed, wait_for};
use super::times;
use super::tracer::{Step, can_trace, choice, killed_at, steps};
use crate::support::run;
use std::path::PathBuf;

/// How many kills there is time for.
const KILLS: usize = 32;
const ONE: [&str; 6] = ["--only", "Top", "--link", "result", "--jobs", "1"];

/// D19, D21: wherever it is killed, a build leaves no half entry, nobody who goes on, and nothing for good.
#[test]
fn a_build_that_is_killed_anywhere_is_made_good() {
    if !sandboxed() || !can_trace() {
        return;
    }
    let place = Place::with(&CHAIN);
    let all = steps(place.building(&ONE), &place.path("trace"));
    let expected = place.built(&["--jobs", "1"]);
    let mut killed = 0;
    for step in choice(all, KILLS) {
        for name in ["store", "home"] {
            place.remove(name);
        }
        let _ = std::fs::remove_file(place.path("result"));
        std::fs::create_dir(place.path("home")).expect("it was removed");
        let outcome = run(killed_at(&step, place.building(&ONE)));
        killed += usize::from(outcome.code.is_none());
        place.is_deserted();
        made_good(&place, &step, &expected);
    }
    assert!(killed >= KILLS / 2, "only {killed} runs were killed");
}

/// Asserts that what is there is whole, and that one more run sets everything right.
#[track_caller]
fn made_good(place: &Place, step: &Step, expected: &[PathBuf]) {
    if place.path("store/.punix-store").exists() {
        let verified = run(place.tending("verify"));
        assert_eq!(verified.code, Some(0), "{step:?}: {verified:#?}");
    }
    let again = run(place.building(&ONE));
    assert_eq!(again.code, Some(0), "{step:?}: {again:#?}");
    assert!(again.stdout.contains(&format!("ok\tTop\t{}\n", expected[1].display())), "{step:?}: {again:#?}");
    place.is_sound(2);
    place.collect();
    place.is_tidy(&[&expected[0], &expected[1]]);
    assert_eq!(place.names("store/.roots").len(), 1, "{step:?}");
    assert_eq!(place.names("store/.logs").len(), 2, "{step:?}");
    // Nothing is left beside the store, either.
    assert_eq!(place.names(""), ["home", "p.pcl", "result", "store"], "{step:?}");
    let link = std::fs::read_link(place.path("result")).expect("it is a link");
    assert_eq!(link, expected[1], "{step:?}");
}

/// Several builds at once, killed when so many things are in the store.
#[test]
fn builds_at_once_that_are_killed_are_made_good() {
    if !sandboxed() {
        return;
    }
    let names: Vec<String> = (0..10).map(|number| format!("P{number}")).collect();
    let packages: Vec<(&str, &str, &str)> =
        names.iter().map(|name| (name.as_str(), "", "mkdir $OUTPUT/bin; echo x > $OUTPUT/bin/x")).collect();
    let place = Place::with(&packages);
    let mut met = 0;
    for round in 0..times(4, 60) {
        let goal = 3 + round % 12;
        let build = Running::start(place.building(&["--jobs", "4"]));
        wait_for("things in the store", || (place.names("store").len() >= goal).then_some(()));
        drop(build);
        place.is_deserted();
        met += usize::from(!place.temporary().is_empty());
        place.is_sound(place.entries().len());
        let all = place.built(&["--jobs", "4"]);
        assert_eq!(all.len(), names.len());
        place.is_sound(names.len());
        // Nothing keeps them.
        place.collect();
        place.is_tidy(&[]);
    }
    assert!(met > 0, "no build was met in its midst");
}
