//! A host with three stacks on which things happen by chance for as long as one likes: deploys, ways back, trims, removals,
//! drift and repairs, builds and collections, and kills in the midst of each. After every step the host is exactly what a
//! model of it says, and in the end nothing is left that need not be.
//!
//! `PUNIX_SOAK` says for how many seconds, `PUNIX_SOAK_SEED` with which chance; a failure names its seed. The choices are
//! the same with the same seed, the moments of kills only nearly so.

#![allow(clippy::print_stdout, reason = "how often each end was met is for whoever reads the run")]

mod ground;
mod model;
mod tally;
mod turns;

use crate::deploys::histories::Random;
use ground::Ground;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use turns::Soak;

/// How long it takes among the other tests.
const SECONDS: u64 = 8;
/// So many steps are taken, however slow the machine is.
const STEPS_MIN: usize = 40;

#[test]
fn whatever_happens_to_three_stacks_all_is_consistent() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let asked = number("PUNIX_SOAK");
    let seed = number("PUNIX_SOAK_SEED").unwrap_or_else(|| if asked.is_some() { by_the_clock() } else { 1 });
    println!("PUNIX_SOAK_SEED={seed}");
    let length = Duration::from_secs(asked.unwrap_or(SECONDS));
    let mut soak = Soak::new(Ground::new(), Random::seeded(seed), seed);
    let start_at = Instant::now();
    let mut told = 0;
    let mut steps = 0;
    while steps < STEPS_MIN || start_at.elapsed() < length {
        soak.turn(steps);
        steps += 1;
        let minutes = start_at.elapsed().as_secs() / 60;
        if minutes > told {
            told = minutes;
            println!("after {minutes} min: {steps} steps");
        }
    }
    let tallies = soak.end();
    println!("{steps} steps in {} s, all consistent; by operation:\n{tallies}", start_at.elapsed().as_secs());
    assert!(tallies.killed() > 0, "nothing was killed");
}

fn by_the_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}
