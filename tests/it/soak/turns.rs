//! What happens in one step, to the host and to the model, and what has to hold after it.

use super::ground::{Ground, PACKAGES, Recorded, STACKS};
use super::model::{Stack, Wanted};
use super::tally::Tallies;
use crate::deploys::histories::Random;
use crate::deploys::site::{Standing, Tree, has_journal, standing};
use crate::support::{Outcome, run};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Of so many commands one is killed.
const KILLED_OF: usize = 3;
/// A command that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// What somebody wrote over: the path below the host, and what stands there now.
type Drift = (PathBuf, Option<Standing>);

pub(super) struct Soak {
    ground: Ground,
    random: Random,
    seed: u64,
    stacks: Vec<Stack>,
    tallies: Tallies,
    /// How long each operation takes, as far as that is known.
    lengths: BTreeMap<&'static str, Duration>,
}

/// How a command ended.
enum Ended {
    Itself(Outcome),
    Killed,
}

impl Soak {
    pub(super) fn new(ground: Ground, random: Random, seed: u64) -> Soak {
        let stacks = STACKS.iter().map(|&name| Stack { name, ..Stack::default() }).collect();
        Soak { ground, random, seed, stacks, tallies: Tallies::default(), lengths: BTreeMap::new() }
    }

    /// Does one thing.
    pub(super) fn turn(&mut self, step: usize) {
        let at = self.random.below(STACKS.len());
        let before = self.stacks[at].clone();
        let stack = before.name;
        let about = format!("PUNIX_SOAK_SEED={}, step {step}, {stack}", self.seed);
        let Some(current) = before.current else {
            return match self.random.below(6) {
                0 => self.tend(&about),
                1 => self.build(&about),
                _ => self.deploy(at, None, &about),
            };
        };
        match self.random.below(24) {
            0..8 => {
                let drift = if self.random.below(6) == 0 { self.spoil(at, 3) } else { None };
                self.deploy(at, drift, &about);
            }
            8..11 => {
                let drift = if self.random.below(4) == 0 { self.spoil(at, 3) } else { None };
                let command = self.ground.serving(&["rollback", stack]);
                match before.way_back() {
                    Some(number) => self.change("rollback", at, command, before.at(number), drift, &about),
                    None => {
                        self.refused("rollback", command, "[E12]", &about);
                        self.settle(at, drift, &about);
                    }
                }
            }
            11..13 => {
                let numbers: Vec<usize> = before.numbers().into_iter().collect();
                let number = numbers[self.random.below(numbers.len())];
                let drift = if number != current && self.random.below(4) == 0 { self.spoil(at, 3) } else { None };
                let command = self.ground.serving(&["set-current", stack, &number.to_string()]);
                self.change("set-current", at, command, before.at(number), drift, &about);
            }
            13 => {
                let keep = 1 + self.random.below(4);
                let command = self.ground.serving(&["trim", stack, "--keep", &keep.to_string()]);
                self.change("trim", at, command, before.clone().trimmed(keep), None, &about);
            }
            14 => {
                let drift = if self.random.below(4) == 0 { self.spoil(at, 3) } else { None };
                let command = self.ground.serving(&["remove", stack]);
                self.change("remove", at, command, before.removed(), drift, &about);
            }
            15..17 => {
                let command = self.ground.serving(&["verify", stack]);
                self.change("verify", at, command, before, None, &about);
            }
            17..20 => {
                let drift = self.spoil(at, 4);
                if drift.is_some() {
                    self.refused("verify", self.ground.serving(&["verify", stack]), "", &about);
                }
                let command = self.ground.serving(&["repair", stack]);
                self.change("repair", at, command, before, drift, &about);
            }
            20..23 => self.tend(&about),
            _ => self.build(&about),
        }
    }

    fn deploy(&mut self, at: usize, drift: Option<Drift>, about: &str) {
        let before = &self.stacks[at];
        let wanted = Wanted::random(before.live(), &mut self.random);
        self.ground.write_program(before.name, &wanted.module(before.name));
        let after = before.deployed(wanted, drift.is_some());
        let command = self.ground.deploying(before.name);
        self.change("deploy", at, command, after, drift, about);
    }

    /// Collects in one of the stores.
    fn tend(&mut self, about: &str) {
        let there = self.random.below(2) == 0 && self.ground.store_there().exists();
        let name = if there { "gc there" } else { "gc here" };
        let ended = self.perform(name, self.ground.storing("gc", there), false, about);
        if let Ended::Itself(outcome) = ended {
            assert_eq!(outcome.code, Some(0), "{about}, {name}: {outcome:#?}");
            self.tallies.of(name).done += 1;
            self.is_collected(there, about);
        }
        self.check(None, about);
    }

    /// Builds a package in the store here.
    fn build(&mut self, about: &str) {
        let package = format!("P{}", self.random.below(PACKAGES));
        let command = self.ground.building("packages.pcl", &["--only", &package]);
        if let Ended::Itself(outcome) = self.perform("build", command, false, about) {
            assert_eq!(outcome.code, Some(0), "{about}, build: {outcome:#?}");
            self.tallies.of("build").done += 1;
        }
        self.ground.done(self.ground.storing("verify", false), about);
        self.check(None, about);
    }

    /// Runs what makes another of a stack. Killed or not: it is wholly the one or the other.
    fn change(
        &mut self,
        name: &'static str,
        at: usize,
        command: Command,
        after: Stack,
        drift: Option<Drift>,
        about: &str,
    ) {
        let about = format!("{about}, {name}");
        let is_journaled = !["trim", "verify"].contains(&name);
        match self.perform(name, command, is_journaled, &about) {
            Ended::Itself(outcome) => {
                assert_eq!(outcome.code, Some(0), "{about}: {outcome:#?}");
                self.tallies.of(name).done += 1;
                self.stacks[at] = after;
                self.check(None, &about);
            }
            Ended::Killed => {
                let found = self.ground.recorded(after.name);
                let before = &self.stacks[at];
                let (old, new) = (is_old(&found, before), is_new(&found, before, &after));
                assert!(
                    old || new,
                    "{about}, killed: at {:?} of {:?}\nbefore: {:?} of {:?}\nafter: {:?} of {:?}",
                    found.current,
                    found.numbers,
                    before.current,
                    before.numbers(),
                    after.current,
                    after.numbers()
                );
                let tally = self.tallies.of(name);
                // Where both are the same, what stands there says which it is.
                let healed = drift.is_some() && self.ground.found() == self.ground.expected(&self.stacks);
                let is_new = if old { healed } else { true };
                tally.old += usize::from(!is_new);
                tally.new += usize::from(is_new);
                if !old {
                    let mut known = before.kept.clone();
                    known.extend(after.kept.clone());
                    known.retain(|number, _| found.numbers.contains(number));
                    self.stacks[at] = Stack { kept: known, ..after };
                }
                self.settle(at, if is_new { None } else { drift }, &about);
            }
        }
    }

    /// Checks that all is as it should be but for what was spoiled, and mends that.
    fn settle(&mut self, at: usize, drift: Option<Drift>, about: &str) {
        self.check(drift.as_ref(), about);
        if drift.is_some() {
            self.ground.done(self.ground.serving(&["repair", self.stacks[at].name]), about);
            self.check(None, about);
        }
    }

    /// Runs what cannot be done.
    fn refused(&mut self, name: &'static str, command: Command, code: &str, about: &str) {
        let outcome = run(command);
        assert_eq!(outcome.code, Some(1), "{about}, {name}: {outcome:#?}");
        assert!(outcome.stderr.contains(code), "{about}, {name}: {outcome:#?}");
        self.tallies.of(name).refused += 1;
    }

    /// Spoils a file of a stack in one of so many ways; not if there is none. The last way is a link in its place, which
    /// stays where the file would go, since the stack did not write it.
    fn spoil(&mut self, at: usize, ways: usize) -> Option<Drift> {
        let stack = &self.stacks[at];
        let names: Vec<&String> = stack.live()?.files.keys().collect();
        if names.is_empty() {
            return None;
        }
        let name = PathBuf::from("etc").join(stack.name).join(names[self.random.below(names.len())]);
        let path = self.ground.host().join(&name);
        match self.random.below(ways) {
            0 => fs::write(&path, "spoiled").expect("it is there"),
            1 => fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).expect("it is there"),
            2 => fs::remove_file(&path).expect("it is there"),
            _ => {
                fs::remove_file(&path).expect("it is there");
                std::os::unix::fs::symlink("/etc/hostname", &path).expect("it is gone");
            }
        }
        Some((name, standing(&path)))
    }

    /// Runs a command, and kills it or lets it end. After a kill a command that only looks has to find things whole, or
    /// to make them so.
    fn perform(&mut self, name: &'static str, mut command: Command, is_journaled: bool, about: &str) -> Ended {
        let wait = match self.lengths.get(name) {
            // A little longer than it takes: the end is met, too.
            Some(length) if self.random.below(KILLED_OF) == 0 => {
                Some(*length * u32::try_from(self.random.below(1100)).expect("it is small") / 1000)
            }
            _ => None,
        };
        let late = is_journaled && self.random.below(2) == 0;
        // Whoever watches over a change recovers at once when it is killed; without, the next command has to.
        let is_guarded = self.random.below(3) == 0;
        if is_guarded {
            command.env_remove("PUNIX_NO_GUARD");
        }
        let (stdout_path, stdout) = self.ground.said("stdout");
        let (stderr_path, stderr) = self.ground.said("stderr");
        let start_at = Instant::now();
        let mut child = command.process_group(0).stdout(stdout).stderr(stderr).spawn().expect("it can be run");
        let mut is_sent = false;
        if let Some(wait) = wait {
            let mut until = start_at + wait;
            if late {
                let host = self.ground.host();
                while !has_journal(&host) && child.try_wait().expect("it is ours").is_none() {
                    std::thread::sleep(Duration::from_micros(50));
                }
                // What is left takes a part of the whole, sooner or later after the point from which there is no way back.
                until = Instant::now() + wait / [2, 4, 16][self.random.below(3)];
            }
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            is_sent = child.try_wait().expect("it is ours").is_none();
            if is_sent {
                kill_process_group(Pid::from_child(&child), Signal::KILL).expect("it was not waited for");
            }
        }
        let status = loop {
            if let Some(status) = child.try_wait().expect("it is ours") {
                break status;
            }
            if start_at.elapsed() > DEADLINE {
                let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                panic!("{about}, {name}: it does not end");
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let read = |path: &PathBuf| String::from_utf8_lossy(&fs::read(path).expect("it was written")).into_owned();
        let outcome = Outcome { code: status.code(), stdout: read(&stdout_path), stderr: read(&stderr_path) };
        if outcome.code.is_some() {
            if wait.is_none() {
                self.lengths.insert(name, start_at.elapsed());
            }
            return Ended::Itself(outcome);
        }
        assert!(is_sent, "{about}, {name}: it died by itself: {status}: {outcome:#?}");
        let tally = self.tallies.of(name);
        tally.killed += 1;
        tally.halves += usize::from(has_journal(&self.ground.host()));
        let about = format!("{about}, killed after {wait:?}, late: {late}, guarded: {is_guarded}");
        self.ground.done(self.ground.serving(&["list"]), &about);
        Ended::Killed
    }

    /// Checks that the host is what the model says.
    #[track_caller]
    fn check(&self, drift: Option<&Drift>, about: &str) {
        let mut expected = self.ground.expected(&self.stacks);
        if let Some((path, standing)) = drift {
            match standing {
                Some(standing) => drop(expected.insert(path.clone(), standing.clone())),
                None => drop(expected.remove(path)),
            }
        }
        let found = self.ground.found();
        let differs = differing(&expected, &found);
        assert!(differs.is_empty(), "{about}: these differ from what they should be: {differs:#?}");
        let (there, _) = self.ground.store(true);
        for stack in &self.stacks {
            let recorded = self.ground.recorded(stack.name);
            let expected = (stack.current, stack.numbers());
            assert_eq!((recorded.current, recorded.numbers), expected, "{about}: generations of {}", stack.name);
            let lacking: Vec<&String> = recorded.needed.difference(&there).collect();
            assert!(lacking.is_empty(), "{about}: {} needs what is not there: {lacking:#?}", stack.name);
        }
        // A directory whose only file somebody removed is empty, and not ours to remove.
        let parent = drift.and_then(|(path, _)| Some(self.ground.host().join(path.parent()?)));
        let strays: Vec<PathBuf> =
            self.ground.strays().into_iter().filter(|path| Some(path) != parent.as_ref()).collect();
        assert!(strays.is_empty(), "{about}: left over: {strays:#?}");
        assert!(self.ground.foreign_is_untouched(), "{about}: a foreign file was touched");
    }

    /// Checks that nothing is in a store that nobody needs.
    #[track_caller]
    fn is_collected(&self, there: bool, about: &str) {
        let (entries, left) = self.ground.store(there);
        assert!(left.is_empty(), "{about}: left over in the store: {left:#?}");
        let needed: BTreeSet<String> = if there {
            self.stacks.iter().flat_map(|stack| self.ground.recorded(stack.name).needed).collect()
        } else {
            BTreeSet::new()
        };
        assert_eq!(entries, self.ground.with_needs(&needed), "{about}: what is kept");
    }

    /// Ends it: everything is verified, and collected.
    pub(super) fn end(self) -> Tallies {
        let about = format!("PUNIX_SOAK_SEED={}, at the end", self.seed);
        let has_store = self.ground.store_there().exists();
        for there in [false, true] {
            if !there || has_store {
                self.ground.done(self.ground.storing("verify", there), &about);
                self.ground.done(self.ground.storing("gc", there), &about);
                self.is_collected(there, &about);
                self.ground.done(self.ground.storing("verify", there), &about);
            }
        }
        for stack in self.stacks.iter().filter(|stack| stack.current.is_some()) {
            let verified = self.ground.done(self.ground.serving(&["verify", stack.name]), &about);
            assert!(!verified.stdout.contains("drift"), "{about}: {verified:#?}");
            self.ground.done(self.ground.serving(&["history", stack.name]), &about);
            let repaired = self.ground.done(self.ground.serving(&["repair", stack.name]), &about);
            assert!(repaired.stdout.starts_with("unchanged: "), "{about}: {repaired:#?}");
        }
        self.ground.done(self.ground.serving(&["audit", "verify"]), &about);
        self.check(None, &about);
        self.tallies
    }
}

/// Tells whether a stack is as it was.
fn is_old(found: &Recorded, before: &Stack) -> bool {
    (found.current, &found.numbers) == (before.current, &before.numbers())
}

/// Tells whether a stack is what it was to become; old generations may be there yet, since they go one by one.
fn is_new(found: &Recorded, before: &Stack, after: &Stack) -> bool {
    let (old, new) = (before.numbers(), after.numbers());
    found.current == after.current
        && found.numbers.is_superset(&new)
        && found.numbers.iter().all(|number| old.contains(number) || new.contains(number))
}

fn differing(expected: &Tree, found: &Tree) -> BTreeSet<String> {
    let row = |path: &PathBuf| {
        let shown = |tree: &Tree| {
            tree.get(path).map(|(mode, _, _, bytes)| format!("{mode:o} {}", String::from_utf8_lossy(bytes)))
        };
        format!("{}: {:?} instead of {:?}", path.display(), shown(found), shown(expected))
    };
    let differs = |path: &&PathBuf| expected.get(*path) != found.get(*path);
    expected.keys().chain(found.keys()).filter(differs).map(row).collect()
}
