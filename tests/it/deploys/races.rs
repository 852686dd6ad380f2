//! Many at once on one stack: each change is either wholly there or was refused, numbers are dense, and whoever only
//! reads never meets anything half.

use super::site::{Site, deploying, standing};
use crate::exact::Json;
use crate::kill::times;
use crate::support::run;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many run at the same time.
fn at_once() -> usize {
    times(5, 50)
}

/// How often somebody looks meanwhile.
fn looks() -> usize {
    times(100, 100_000)
}

#[test]
fn deploys_rollbacks_and_trims_at_once_lose_nothing() {
    let site = Site::new();
    site.copy("nowhere", "host");
    site.deploy("host", 1);
    let done = AtomicUsize::new(0);
    let ended = AtomicBool::new(false);
    let (made, seen) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_on(&site, &ended));
        let workers: Vec<_> = (0..at_once())
            .map(|worker| {
                let (site, done) = (&site, &done);
                scope.spawn(move || (0..times(3, 5)).filter_map(|round| change(site, done, worker + round)).collect())
            })
            .collect();
        let made: Vec<Vec<usize>> = workers.into_iter().map(|worker| worker.join().expect("it ended")).collect();
        ended.store(true, Ordering::Relaxed);
        (made.concat(), reader.join().expect("it read on"))
    });
    let count = done.load(Ordering::Relaxed);
    println!("{count} ended well, {} made a generation, {seen} looks between", made.len());
    // Each number was given once, and none was left out.
    let numbers: BTreeSet<usize> = made.iter().copied().collect();
    let expected: BTreeSet<usize> = (2..=made.len() + 1).collect();
    assert_eq!(numbers, expected, "{made:?}");
    let kept = kept(&site);
    assert!(kept.contains(&current(&site)) && kept.iter().all(|number| *number == 1 || numbers.contains(number)));
    assert_eq!(kept.last(), expected.last().or(Some(&1)), "the newest one is kept");
    // Every record is one, and what is live is there.
    site.done("host", &["history", "App"]);
    site.done("host", &["verify", "App"]);
    assert!(seen >= looks());
}

/// Changes something. Returns the number of the generation that was made.
fn change(site: &Site, done: &AtomicUsize, turn: usize) -> Option<usize> {
    let words: Vec<&str> = match turn % 5 {
        3 => vec!["rollback", "App"],
        4 => vec!["trim", "App", "--keep", "3"],
        version => deploying(1 + version % 2).to_vec(),
    };
    let outcome = run(site.command("host", &[&words[..], &["--wait", "60"]].concat()));
    let says = |text: &str| outcome.stdout.contains(text) || outcome.stderr.contains(text);
    match outcome.code {
        Some(0) => {
            done.fetch_add(1, Ordering::Relaxed);
            let (_, number) = outcome.stdout.split_once("deployed: stack App → gen-")?;
            Some(number.split(' ').next()?.parse().expect("it is a number"))
        }
        // Somebody else was quicker: the plan is old, there is nothing to go back to, or it is trimmed.
        Some(1) if says("[E19]") || says("[E12]") => None,
        _ => panic!("{words:?}: {outcome:#?}"),
    }
}

/// Reads what is current, and the files, over and over, as anybody may.
fn read_on(site: &Site, ended: &AtomicBool) -> usize {
    let stack = site.path("host/deployments/App");
    let files: Vec<PathBuf> = site.trees[1].keys().filter(|path| site.trees[2].contains_key(*path)).cloned().collect();
    let mut last = String::new();
    let mut seen = 0;
    while !ended.load(Ordering::Relaxed) || seen < looks() {
        let name = fs::read_link(stack.join("current")).expect("there is always one that is current");
        // A generation can be trimmed between the two; then another one is current.
        match fs::read_to_string(stack.join(&name)) {
            Ok(record) => {
                if record != last {
                    Json::parse(&record).unwrap_or_else(|error| panic!("{}: {error}: {record}", name.display()));
                    last = record;
                }
            }
            Err(_) => assert_ne!(fs::read_link(stack.join("current")).expect("it is there"), name),
        }
        // A file is of the one or the other, whole.
        let path = &files[seen % files.len()];
        let found = standing(&site.path("host").join(path));
        let is_whole = site.trees[1..].iter().any(|tree| tree.get(path) == found.as_ref());
        assert!(is_whole, "{}: {found:?}", path.display());
        seen += 1;
    }
    seen
}

fn kept(site: &Site) -> Vec<usize> {
    let names = fs::read_dir(site.path("host/deployments/App")).expect("it is there").flatten();
    let number = |name: String| name.strip_prefix("gen-")?.strip_suffix(".json")?.parse().ok();
    let mut numbers: Vec<usize> =
        names.filter_map(|entry| number(entry.file_name().to_string_lossy().into_owned())).collect();
    numbers.sort_unstable();
    numbers
}

fn current(site: &Site) -> usize {
    let name = fs::read_link(site.path("host/deployments/App/current")).expect("it is there");
    let name = name.to_string_lossy().into_owned();
    name.trim_start_matches("gen-").trim_end_matches(".json").parse().expect("it has a number")
}
