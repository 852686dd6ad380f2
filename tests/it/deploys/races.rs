//! Many at once on one stack: each change is either wholly there or was refused, numbers are dense, and whoever only
//! reads never meets anything half.

use super::site::{Site, deploying};
use crate::kill::times;
use crate::support::run;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many run at the same time.
const AT_ONCE: usize = 5;

#[test]
fn deploys_and_rollbacks_at_once_lose_nothing() {
    let site = Site::new();
    site.copy("nowhere", "host");
    site.deploy("host", 1);
    let done = AtomicUsize::new(0);
    let ended = AtomicBool::new(false);
    let (made, looks) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_on(&site, &ended));
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|worker| {
                let (site, done) = (&site, &done);
                scope.spawn(move || (0..times(2, 10)).map(|round| change(site, done, worker + round)).sum::<usize>())
            })
            .collect();
        let made: usize = workers.into_iter().map(|worker| worker.join().expect("it ended")).sum();
        ended.store(true, Ordering::Relaxed);
        (made, reader.join().expect("it read on"))
    });
    println!("{} ended well, {made} made a generation, {looks} looks between", done.load(Ordering::Relaxed));
    let numbers = numbers(&site);
    // Those that were trimmed are the oldest; what is kept has no gap.
    let highest = *numbers.last().expect("one was there before");
    assert_eq!(highest, made + 1, "a number was lost, or given twice: {numbers:?}");
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1 || pair[0] == current(&site)), "{numbers:?}");
    assert!(looks > 100);
    site.done("host", &["verify", "App"]);
}

/// Changes something. Returns how many generations that made.
fn change(site: &Site, done: &AtomicUsize, turn: usize) -> usize {
    let words: Vec<&str> = match turn % 4 {
        3 => vec!["rollback", "App"],
        version => [&deploying(1 + version % 2)[..], &["--wait", "60"]].concat(),
    };
    let outcome = run(site.command("host", &words));
    let says = |text: &str| outcome.stdout.contains(text) || outcome.stderr.contains(text);
    match outcome.code {
        Some(0) => {
            done.fetch_add(1, Ordering::Relaxed);
            usize::from(says("deployed: "))
        }
        // Somebody else was quicker: the plan is old, there is nothing to go back to, or the lock is taken.
        Some(1) if says("[E19]") || says("[E12]") => 0,
        _ => panic!("{words:?}: {outcome:#?}"),
    }
}

/// Reads what is current, over and over, as anybody may.
fn read_on(site: &Site, ended: &AtomicBool) -> usize {
    let stack = site.path("host/deployments/App");
    let mut looks = 0;
    while !ended.load(Ordering::Relaxed) {
        let name = fs::read_link(stack.join("current")).expect("there is always one that is current");
        // A generation can be trimmed between the two; then another one is current.
        match fs::read_to_string(stack.join(&name)) {
            Ok(record) => assert!(record.starts_with('{') && record.trim_end().ends_with('}'), "{record}"),
            Err(_) => assert_ne!(fs::read_link(stack.join("current")).expect("it is there"), name),
        }
        looks += 1;
    }
    looks
}

fn numbers(site: &Site) -> Vec<usize> {
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
