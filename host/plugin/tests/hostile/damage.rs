//! Components with bytes that somebody changed. Each is refused, or contained like any other; nothing panics.

use crate::modules::Module;
use crate::room::{Guest, Terms, World, admitted, backend};
use punix_plugin::runtime::{Listener, Meta, Runtime, Setup, Surroundings};
use punix_plugin::{Component, Lock, Policy, Row, Rules, Source, admit, inspect};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many of each; a failure names its number.
const SEEDS: u64 = 10_000;
/// What is compiled takes this long at most; the rest of the damage is inspected only.
const COMPILING: Duration = Duration::from_secs(6);

/// Numbers that look like chance, the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

/// Changes a component in one to three places.
fn damaged(whole: &[u8], seed: u64) -> Vec<u8> {
    let mut dice = Dice(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = whole.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len());
        match dice.below(8) {
            0..=3 => bytes[at] ^= 1 << dice.below(8),
            4 => bytes[at] = dice.below(256) as u8,
            5 => bytes.insert(at, dice.below(256) as u8),
            6 => drop(bytes.remove(at)),
            _ if bytes.len() > 16 => bytes.truncate(at.max(8)),
            _ => {}
        }
    }
    bytes
}

struct Deaf;

impl Listener for Deaf {
    fn hear(&self, _id: &str, _line: &punix_plugin::runtime::Line) {}
}

/// Takes damaged bytes as far as they come. Returns whether they were admitted.
fn through_the_door(bytes: Vec<u8>, runtime: &Runtime, around: &Surroundings, until: Instant) -> bool {
    let component = Component::new(bytes);
    let Ok(inspected) = inspect(component.bytes()) else { return false };
    if Instant::now() > until {
        return true;
    }
    let id = &inspected.manifest.id;
    let text = format!("[plugin.\"{id}\"]\nsha256 = \"{}\"\nlimits.timeout_ms = 50", component.digest());
    let policy = Policy::parse("p.toml", &text).expect("an id can stand between quotes");
    let mut lock = Lock::default();
    lock.insert(Row::of(&component, &inspected, Source::parse("damaged.wasm").expect("it is one")));
    let Ok(admitted) = admit("damaged.wasm", component, Rules { lock: &lock, policy: &policy, ceilings: &[] }) else {
        return true;
    };
    if let Ok(loaded) = runtime.load(admitted, None) {
        let meta = Meta::new(loaded, around.clone());
        let _ = (meta.describe(), meta.check_config("{}"));
    }
    true
}

fn survive(whole: &[u8]) -> usize {
    let runtime = Runtime::new(Setup::default());
    let around = Surroundings { outside: World::default().outside(), listener: Arc::new(Deaf), base: "/".into() };
    let until = Instant::now() + COMPILING;
    let half = |first: u64| {
        let (runtime, around) = (&runtime, &around);
        move || {
            let mut admitted = 0;
            for seed in (first..SEEDS).step_by(2) {
                let outcome =
                    catch_unwind(AssertUnwindSafe(|| through_the_door(damaged(whole, seed), runtime, around, until)));
                admitted += usize::from(outcome.unwrap_or_else(|_| panic!("damage {seed} panics")));
            }
            admitted
        }
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(half(0)), scope.spawn(half(1))];
        threads.into_iter().map(|thread| thread.join().expect("it says which")).sum()
    })
}

#[test]
fn ten_thousand_damaged_copies_of_a_real_plugin() {
    let admitted = survive(&backend().bytes);
    // Otherwise nothing behind the inspection was tried.
    assert!((10..5_000).contains(&admitted), "{admitted} of {SEEDS} were admitted");
}

#[test]
fn ten_thousand_damaged_copies_of_a_small_one() {
    let admitted = survive(&Module { describe: "i32.const 1024", ..Module::default() }.guest().bytes);
    assert!((10..5_000).contains(&admitted), "{admitted} of {SEEDS} were admitted");
}

#[test]
fn every_beginning_of_a_plugin_is_refused() {
    let Guest { bytes } = Module { describe: "i32.const 1024", ..Module::default() }.guest();
    for length in 0..bytes.len() {
        assert!(inspect(&bytes[..length]).is_err(), "{length}");
    }
    assert!(admitted(&Guest { bytes }, &Terms::default()).is_ok());
}
