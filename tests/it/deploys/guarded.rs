//! With a guard nobody has to come: what a killed deploy left is mended at once. How long others see a mix is measured.

use super::killed::sample;
use super::operation::{Operation, some_operations};
use super::site::{Site, Standing, has_journal, standing};
use crate::kill::times;
use crate::kill::tracer::{Step, can_trace, killed_at};
use crate::support::run;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Within this time it mends, even on a machine that has a lot to do.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a poller sees at most of a mix; the middle one of several, since others use the machine too.
const MIX_MAX: Duration = Duration::from_millis(100);

#[test]
fn a_guard_mends_what_was_killed_before_others_see_much_of_it() {
    if !can_trace() {
        return;
    }
    let site = Site::new();
    for operation in some_operations(&["redeploy", "rollback"]) {
        let placing: Vec<Step> = operation.steps(&site).into_iter().filter(|step| step.is("renameat2")).collect();
        let mut seen: Vec<Duration> = Vec::new();
        for step in sample(&placing, times(8, 40)) {
            site.copy("before", "host");
            let mut command = killed_at(&step, site.command("host", &operation.words));
            command.env_remove("PUNIX_NO_GUARD");
            let about = format!("{} killed at {step:?} under a guard", operation.name);
            let ended = AtomicBool::new(false);
            let mix = std::thread::scope(|scope| {
                let poller = scope.spawn(|| poll(&site, &ended));
                run(command);
                wait(&site, &about);
                ended.store(true, Ordering::Relaxed);
                poller.join().expect("it only looks")
            });
            operation.end(&site, &site.path("host"), &about);
            seen.extend(mix);
        }
        judge(&operation, seen);
    }
}

fn judge(operation: &Operation, mut seen: Vec<Duration>) {
    seen.sort();
    let (Some(most), Some(&middle)) = (seen.last(), seen.get(seen.len() / 2)) else {
        panic!("{}: no kill left a mix that anybody saw", operation.name);
    };
    println!("{}: {} mixes were seen; the middle one for {middle:?}, at most {most:?}", operation.name, seen.len());
    assert!(middle < MIX_MAX, "{}: a mix was to be seen for {middle:?}: {seen:?}", operation.name);
}

/// Waits until nothing is left to be mended.
#[track_caller]
fn wait(site: &Site, about: &str) {
    let start = Instant::now();
    let host = site.path("host");
    while has_journal(&host) {
        assert!(start.elapsed() < PATIENCE, "{about}: nobody recovered");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Looks at all managed paths, over and over. Returns for how long they were of no one generation.
fn poll(site: &Site, ended: &AtomicBool) -> Option<Duration> {
    let host = site.path("host");
    let [_, one, two] = &site.trees;
    let paths: BTreeSet<&PathBuf> = one.keys().chain(two.keys()).collect();
    let mut mix: Option<(Instant, Instant)> = None;
    loop {
        let is_last = ended.load(Ordering::Relaxed);
        let begun = Instant::now();
        let found: Vec<(&PathBuf, Option<Standing>)> =
            paths.iter().map(|&path| (path, standing(&host.join(path)))).collect();
        let is = |tree: &super::site::Tree| found.iter().all(|(path, standing)| tree.get(*path) == standing.as_ref());
        if !is(one) && !is(two) {
            mix = Some((mix.map_or(begun, |(first, _)| first), Instant::now()));
        }
        if is_last {
            return mix.map(|(first, last)| last - first);
        }
    }
}
