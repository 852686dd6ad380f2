//! Processes that build the same at once: each path is built by one of them, and all of them end well.

use super::place::{PAUSE, Place, Running, WAIT, paths, program, sandboxed, wait_for};
use super::times;
use crate::support::Outcome;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// D1: two processes that build one path do not take it from each other.
#[test]
fn two_builds_of_one_path_do_not_meet() {
    if !sandboxed() {
        return;
    }
    let place = Place::with(&[]);
    let rounds = times(100, 1000);
    let mut all: Vec<PathBuf> = Vec::new();
    for round in 0..rounds {
        let command = format!("mkdir $OUTPUT/bin; echo {round} > $OUTPUT/bin/x");
        place.write("p.pcl", program(&[("P", "", &command)]));
        let both = [0, 1].map(|_| Running::start(place.building(&[])));
        let [first, second] = both.map(|build| paths(&build.end()));
        assert_eq!(first, second, "round {round}");
        let said = std::fs::read_to_string(first[0].join("bin/x"));
        assert_eq!(said.expect("it was built"), format!("{round}\n"));
        all.extend(first);
    }
    assert!(place.temporary().is_empty(), "{:?}", place.temporary());
    assert_eq!(place.entries().len(), rounds);
    place.is_sound(rounds);
    place.collect();
    place.is_tidy(&[]);
}

/// Four processes whose packages overlap share the work: each package is built once.
#[test]
fn builds_of_overlapping_sets_share_the_work() {
    if !sandboxed() {
        return;
    }
    let names: Vec<String> = (0..12).map(|number| format!("P{number}")).collect();
    // Each needs the one before it and the one three before it.
    let needs = |number: usize| {
        let needed = [1, 3].into_iter().filter_map(|back| number.checked_sub(back)).map(|other| names[other].as_str());
        needed.collect::<Vec<_>>().join(" ")
    };
    let needs: Vec<String> = (0..names.len()).map(needs).collect();
    let command = "for at in 0 1; do eval dep=\\${DEP_$at:-}; [ -z \"$dep\" ] || cat $dep/x; done > $OUTPUT/x; echo x >> $OUTPUT/x";
    let packages: Vec<(&str, &str, &str)> =
        names.iter().zip(&needs).map(|(name, needs)| (name.as_str(), needs.as_str(), command)).collect();
    for round in 0..times(2, 20) {
        let place = Place::with(&packages);
        let sets = ["P11", "P7,P10", "P5,P9,P2", "P11,P0"];
        let builds = sets.map(|set| Running::start(place.building(&["--only", set, "--jobs", "2", "--json"])));
        let mut built: BTreeMap<String, usize> = BTreeMap::new();
        for build in builds {
            let outcome = build.end();
            assert_eq!(outcome.code, Some(0), "round {round}: {outcome:#?}");
            for package in outcome.json()["packages"].list() {
                let count = built.entry(package["module"].text().to_owned()).or_default();
                *count += usize::from(package["status"].text() == "built");
            }
        }
        let twice: Vec<_> = built.iter().filter(|(_, count)| **count != 1).collect();
        assert!(twice.is_empty() && built.len() == names.len(), "round {round}: {built:?}");
        assert!(place.temporary().is_empty());
        place.is_sound(names.len());
        assert_eq!(place.names("store/.locks"), ["gate", "store"]);
    }
}

/// What one of them was killed in the midst of, the one that waits for it builds.
#[test]
fn who_waits_for_a_build_that_is_killed_builds_it() {
    if !sandboxed() {
        return;
    }
    let command = format!("{}; echo x > $OUTPUT/x", WAIT);
    let place = Place::with(&[("P", "", &command)]);
    let first = Running::start(place.building(&[]));
    place.begun();
    let second = Running::start(place.building(&[]));
    // It is waiting once it has a badge of its own beside the other's.
    wait_for("the second build", || {
        let badges = place.names("store/.locks").into_iter().filter(|name| name.starts_with("shared-"));
        (badges.count() == 2).then_some(())
    });
    drop(first);
    assert_eq!(paths(&going_on(second, &place)).len(), 1);
    place.is_sound(1);
    assert!(place.temporary().is_empty());
    place.is_deserted();
}

/// Lets whatever begins go on, until the build ends.
fn going_on(build: Running, place: &Place) -> Outcome {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                for name in place.temporary() {
                    let _ = std::fs::write(place.path("store").join(name).join("tmp/go"), "");
                }
                std::thread::sleep(PAUSE);
            }
        });
        let outcome = build.end();
        ended.store(true, Ordering::Relaxed);
        outcome
    })
}
