//! The whole program is killed at any moment, with all that it started: the next command finds the old or the new, wholly.
//! Half of the moments are spread over the whole run, half over the time in which there is a journal.

use super::histories::Random;
use super::operation::{End, Operation, next_command, operations};
use super::site::{Site, has_journal, tree};
use crate::kill::times;
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What one run takes by itself.
struct Lasting {
    whole: Duration,
    /// From the moment at which there is a journal.
    journal: Duration,
}

/// What became of the kills of one operation.
#[derive(Default)]
struct Tally {
    killed: usize,
    /// A journal was left.
    left: usize,
    /// Files were neither the old ones nor the new ones.
    mixed: usize,
    old: usize,
    new: usize,
}

#[test]
fn whenever_it_is_killed_the_next_command_finds_one_generation() {
    let site = Site::new();
    let mut random = Random::seeded(5);
    let mut left = 0;
    for operation in operations() {
        operation.prepare(&site);
        let lasting = lasting(&site, &operation);
        let mut tally = Tally::default();
        for turn in 0..times(4, 72) {
            kill_once(&site, &operation, &lasting, turn, &mut random, &mut tally);
        }
        let Tally { killed, left: of_this, mixed, old, new } = tally;
        println!("{}: {killed} killed, {of_this} left a journal, {mixed} a mix; old {old} new {new}", operation.name);
        assert!(killed > 0, "{}", operation.name);
        left += of_this;
    }
    assert!(left > 0, "no kill met a change in the midst");
}

fn kill_once(
    site: &Site,
    operation: &Operation,
    lasting: &Lasting,
    turn: usize,
    random: &mut Random,
    tally: &mut Tally,
) {
    let host = site.path("host");
    site.copy("before", "host");
    let mut command = site.command("host", &operation.words);
    let guarded = turn % 4 >= 2;
    if guarded {
        command.env_remove("PUNIX_NO_GUARD");
    }
    let late = turn % 2 == 1 && operation.is_commit();
    let span = if late { lasting.journal } else { lasting.whole };
    // A little longer than it takes: the end is met, too.
    let wait = span * u32::try_from(random.below(1100)).expect("it is small") / 1000;
    let mut child = start(command);
    if late {
        until_journal(site, &mut child);
    }
    std::thread::sleep(wait);
    let is_there = child.try_wait().expect("it is ours").is_none();
    if is_there {
        let group = Pid::from_child(&child);
        kill_process_group(group, Signal::KILL).expect("it was not waited for");
    }
    let status = child.wait().expect("it is ours");
    tally.killed += usize::from(status.code().is_none());
    tally.left += usize::from(has_journal(&host));
    let found = tree(&host);
    tally.mixed += usize::from(found != tree(&site.path("before")) && found != tree(&site.path("done")));
    let about = format!("{} killed after {wait:?}, late: {late}, guarded: {guarded}", operation.name);
    next_command(site, "host", &about);
    match operation.end(site, &host, &about) {
        End::Old => {
            assert_ne!(status.code(), Some(0), "{about}: it was said to be done");
            tally.old += 1;
        }
        End::New => tally.new += 1,
    }
    operation.settles(site, &about);
}

/// Measures runs to which nothing happens.
fn lasting(site: &Site, operation: &Operation) -> Lasting {
    let mut runs: Vec<(Duration, Duration)> = (0..3)
        .map(|_| {
            site.copy("before", "host");
            let start_at = Instant::now();
            let mut child = start(site.command("host", &operation.words));
            if operation.is_commit() {
                until_journal(site, &mut child);
            }
            let journal_at = Instant::now();
            assert!(child.wait().expect("it is ours").success(), "{}", operation.name);
            (start_at.elapsed(), journal_at.elapsed())
        })
        .collect();
    runs.sort();
    let (whole, journal) = runs[1];
    Lasting { whole, journal }
}

fn start(mut command: Command) -> Child {
    command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it can be run")
}

/// Waits until a change has begun, or is over.
fn until_journal(site: &Site, child: &mut Child) {
    let host = site.path("host");
    while !has_journal(&host) && child.try_wait().expect("it is ours").is_none() {
        std::thread::sleep(Duration::from_micros(50));
    }
}
