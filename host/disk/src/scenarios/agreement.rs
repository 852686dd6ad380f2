//! Real and simulated disks do the same things in any order, and must agree on each result. A real disk is the oracle
//! for what an operation does; the simulated one is then right about what it does not say.

use super::{Scratch, p};
use crate::simulated::random::Random;
use crate::{Disk, Entry, Kind, RealDisk, SimulatedDisk};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const PATHS: [&str; 12] = ["a", "b", "c", "a/b", "a/c", "b/a", "b/c", "a/b/c", "b/a/c", "a/b/c/a", "c/a", ""];
/// All of them leave the owner what he needs, so that this holds for any user.
const MODES: [u32; 4] = [0o700, 0o755, 0o1777, 0o744];
const ROUNDS: u64 = 350;
const STEPS: u64 = 50;

/// An operation on paths by number.
#[derive(Debug, Clone, Copy)]
struct Action {
    what: u64,
    path: &'static str,
    other: &'static str,
    mode: u32,
}

impl Action {
    fn random(random: &mut Random) -> Action {
        let mut any = || PATHS[random.at_most(PATHS.len() - 1)];
        let (path, other) = (any(), any());
        Action { what: random.below(19), path, other, mode: MODES[random.at_most(3)] }
    }

    /// Does it, and returns what can be seen of it.
    fn run(self, disk: &dyn Disk) -> io::Result<String> {
        let (path, other) = (p(self.path), p(self.other));
        let done = |()| String::new();
        match self.what {
            0 | 1 => disk.create_directory(path, self.mode).map(done),
            2 | 3 => {
                let mut file = disk.create(path, self.mode)?;
                file.write_all(self.other.as_bytes()).map(done)
            }
            4 => disk.create_link(path, other).map(done),
            5 => disk.hard_link(path, other).map(done),
            6 | 7 => disk.rename_new(path, other).map(done),
            8 | 9 => disk.replace(path, other).map(done),
            10 => disk.exchange(path, other).map(done),
            11 => disk.remove(path).map(done),
            12 => disk.remove_directory(path).map(done),
            13 => disk.set_mode(path, self.mode).map(done),
            14 => disk.metadata(path).map(|found| {
                let of_files = |found: crate::Metadata| (found.size, found.links);
                let seen = found.map(|found| {
                    let more = (found.kind != Kind::Directory).then(|| of_files(found));
                    (found.kind, found.mode, more)
                });
                format!("{seen:?}")
            }),
            15 => disk.read(path, 3).map(|content| format!("{content:?}")),
            18 => {
                let mut file = disk.append(path)?;
                file.write_all(self.other.as_bytes()).map(done)
            }
            16 => disk.read_link(path).map(|target| format!("{target:?}")),
            _ => disk.list(path).map(|names| format!("{names:?}")),
        }
    }
}

/// Reads a whole tree through the trait.
fn tree(disk: &dyn Disk) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    let mut open = vec![PathBuf::new()];
    while let Some(directory) = open.pop() {
        for name in disk.list(&directory).unwrap() {
            let path = directory.join(name);
            let seen = disk.metadata(&path).unwrap().unwrap();
            let entry = match seen.kind {
                Kind::File => Entry::File { mode: seen.mode, owner: (0, 0), content: disk.read(&path, 99).unwrap() },
                Kind::Link => Entry::Link { target: disk.read_link(&path).unwrap() },
                Kind::Directory => {
                    open.push(path.clone());
                    Entry::Directory { mode: seen.mode, owner: (0, 0) }
                }
                Kind::Other => panic!("{path:?} is something else"),
            };
            found.insert(path, entry);
        }
    }
    found
}

fn agree(make: impl Fn(&Path) -> RealDisk, allowed: impl Fn(Action) -> bool) {
    let (mut worked, mut failed) = (0, 0);
    for seed in 0..ROUNDS {
        let scratch = Scratch::new();
        let (real, simulated) = (make(scratch.path()), SimulatedDisk::new());
        let mut random = Random(seed);
        for step in 0..STEPS {
            let action = Action::random(&mut random);
            if !allowed(action) {
                continue;
            }
            let (one, other) = (action.run(&real), action.run(&simulated));
            if one.is_ok() {
                worked += 1
            } else {
                failed += 1
            }
            assert_eq!(
                one.as_ref().map_err(io::Error::kind),
                other.as_ref().map_err(io::Error::kind),
                "seed {seed}, step {step}: {action:?}\nreal: {one:?}\nsimulated: {other:?}"
            );
        }
        let snapshot = simulated.snapshot();
        assert_eq!(tree(&real), snapshot, "seed {seed}");
        assert_eq!(tree(&simulated), snapshot, "seed {seed}");
    }
    assert!(worked > 2000 && failed > 2000, "{worked} worked, {failed} failed");
}

#[test]
fn a_simulated_disk_does_what_a_real_one_does() {
    agree(|root| RealDisk::open(root).unwrap(), |_| true);
}

#[test]
fn so_does_one_with_less_to_ask_for() {
    agree(crate::real::tests::poor, |action| action.what != 10);
}
