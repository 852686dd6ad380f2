//! How long tests by chance go on: each has a few seeds, always the same, and with `PUNIX_FUZZ_SECONDS` new ones until the
//! time is over. `PUNIX_FUZZ_FROM` begins elsewhere, `PUNIX_FUZZ_SEEDS` says how many. Every crate with such tests includes
//! this file, since a crate for it would have to be one of those that they depend on.

#![allow(dead_code, unused_imports, unused_macros, reason = "hardly any crate needs all of it")]
#![allow(clippy::print_stdout, reason = "which seeds were tried is for whoever reads the run")]

use proptest::prelude::any;
use proptest::sample::Index;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The seeds of one test: so many, or as many as there is time for.
pub(crate) struct Seeds {
    next: u64,
    first: u64,
    most: Option<u64>,
    until: Option<(Instant, Duration)>,
}

/// Returns the seeds of one test, which usually has so many.
pub(crate) fn seeds(usual: u64) -> Seeds {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let until = number("PUNIX_FUZZ_SECONDS").map(|seconds| (Instant::now(), Duration::from_secs(seconds)));
    let most = number("PUNIX_FUZZ_SEEDS");
    // Who has time does not want those again that everybody has tried.
    let by_the_clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() << 20);
    let first = number("PUNIX_FUZZ_FROM").unwrap_or_else(|| if until.is_some() { by_the_clock() } else { 0 });
    if until.is_some() {
        println!("PUNIX_FUZZ_FROM={first}");
    }
    Seeds { next: first, first, most: most.or(if until.is_some() { None } else { Some(usual) }), until }
}

impl Iterator for Seeds {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let tried = self.next - self.first;
        let over = self.until.is_some_and(|(start, length)| start.elapsed() >= length);
        if over || self.most.is_some_and(|most| tried >= most) {
            if self.until.is_some() {
                println!("{tried} seeds");
            }
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }
}

/// Tries so many cases for each seed; usually there is one. A failure names its seed.
pub(crate) fn each<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    for seed in seeds(1) {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        if let Err(error) = runner.run(strategy, &test) {
            panic!("PUNIX_FUZZ_FROM={seed}: {error}");
        }
    }
}

/// Changes of bytes: where, to what, and in which way.
pub(crate) fn damages() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    proptest::collection::vec((any::<Index>(), any::<u8>(), 0..6_u8), 1..4)
}

/// What stands in texts: digits, letters and signs.
const TEXT: &[u8] = b"09-.,:[]{}\"\\/aZ \n";

/// Returns bytes with these changes: others in their place, one bit, more, less, or none after them.
pub(crate) fn damaged(whole: &[u8], damages: &[(Index, u8, u8)]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for (at, byte, way) in damages {
        if bytes.is_empty() {
            bytes.push(*byte);
        }
        let at = at.index(bytes.len());
        match way {
            0 => bytes[at] = *byte,
            1 => bytes[at] = TEXT[usize::from(*byte) % TEXT.len()],
            2 => bytes[at] ^= 1 << (byte & 7),
            3 => bytes.insert(at, *byte),
            4 => bytes.truncate(at + 1),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

/// Writes tests as `proptest!` does, each with the number of its cases; they take their seeds from here.
macro_rules! fuzz {
    ($cases:expr; $($(#[$about:meta])* fn $name:ident($($given:pat in $strategy:expr),+ $(,)?) $body:block)+) => {$(
        $(#[$about])*
        fn $name() {
            $crate::fuzzing::each($cases, &($($strategy,)+), |($($given,)+)| {
                $body
                Ok(())
            });
        }
    )+};
}
pub(crate) use fuzz;
