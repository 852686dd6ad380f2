//! The program is killed in the midst of `--stage-first`. Each host recovers by itself, so some may be new and some old by then;
//! the next command brings all of them to one side.

#![allow(clippy::print_stdout, reason = "how often each end was met is for whoever reads the run")]

use super::{Fleet, ROOT};
use crate::kill::{is_long, times};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

const HOSTS: usize = 4;
const FILES: usize = 8;

/// When it is killed.
#[derive(Debug)]
enum Moment {
    /// After a part of the time that all of it takes.
    After(Duration),
    /// When so many hosts are live.
    Live(usize),
}

fn fleet() -> Fleet {
    let fleet = Fleet::simple(&[
        ("S0", "ssh://h0", "x"),
        ("S1", "ssh://h1", "x"),
        ("S2", "ssh://h2", "x"),
        ("S3", "ssh://h3", "x"),
    ]);
    write(&fleet, 0);
    fleet
}

fn write(fleet: &Fleet, value: usize) {
    for host in 0..HOSTS {
        let file = |at: usize| format!("    {{ path = \"/etc/s/{at}\"  content = \"{value}\\n\" }}\n");
        let files: String = (0..FILES).map(file).collect();
        let program = format!("module S{host} {{\n  backend = \"systemd\"\n  configFiles = [\n{files}  ]\n}}\n");
        fleet.write(&format!("S{host}.pcl"), &program);
    }
}

/// Returns what each host has. All files of one have to be of one generation, and nothing else may be there.
#[track_caller]
fn standing(fleet: &Fleet) -> Vec<usize> {
    let of = |host: usize| {
        let directory = fleet.path(&format!("hosts/ssh___h{host}/etc/s"));
        let files: Vec<_> = fs::read_dir(directory).expect("it is there").flatten().map(|entry| entry.path()).collect();
        let mut found: Vec<String> = files.iter().map(|file| fs::read_to_string(file).expect("it is a text")).collect();
        assert_eq!(found.len(), FILES, "{files:?}");
        found.dedup();
        assert_eq!(found.len(), 1, "host {host} has files of several generations: {found:?}");
        found[0].trim().parse().expect("it is a number")
    };
    (0..HOSTS).map(of).collect()
}

/// Returns how many hosts have another generation than this one.
fn gone_live(fleet: &Fleet, before: &str) -> usize {
    let current = |host: usize| fs::read_link(fleet.path(&format!("hosts/ssh___h{host}/deploy/S{host}/current")));
    (0..HOSTS).filter(|host| current(*host).is_ok_and(|to| to.to_str() != Some(before))).count()
}

/// Deploys, and kills that.
fn kill(fleet: &Fleet, moment: &Moment) {
    let words = ["fleet", "apply", "fleet.pcl", "--stage-first", "--jobs", "1"];
    let mut command = fleet.command(words.iter().chain(&ROOT));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    match moment {
        Moment::After(time) => std::thread::sleep(*time),
        Moment::Live(hosts) => {
            while gone_live(fleet, "gen-001.json") < *hosts && child.try_wait().expect("it is ours").is_none() {
                std::hint::spin_loop();
            }
        }
    }
    let _ = child.kill();
    child.wait().expect("it is ours");
}

#[test]
fn wherever_it_is_killed_the_next_command_brings_all_hosts_to_one_side() {
    let fleet = fleet();
    assert_eq!(fleet.fleet("apply", &["--stage-first"]).code, Some(0));
    write(&fleet, 1);
    let begun = Instant::now();
    assert_eq!(fleet.fleet("apply", &["--stage-first", "--jobs", "1"]).code, Some(0));
    let whole = begun.elapsed();
    assert_eq!(fleet.fleet("rollback", &[]).code, Some(0));
    let rounds = times(4, 30);
    let (mut old, mut new, mut mixed) = (0, 0, 0);
    for round in 0..rounds {
        let value = round + 2;
        write(&fleet, value);
        let moment = match round % 4 {
            1 => Moment::Live(1 + round / 4 % HOSTS),
            3 => Moment::Live(HOSTS - 1 - round / 4 % (HOSTS - 1)),
            _ => Moment::After(whole.mul_f64((round * 7 % 13) as f64 / 13.0)),
        };
        kill(&fleet, &moment);
        // A guard may be at it; whoever comes next waits for it. Rounds take turns in which way they go on.
        let (verb, more): (&str, &[&str]) = match round / 2 % 2 {
            0 => ("apply", &["--stage-first"]),
            _ => ("rollback", &[]),
        };
        let looked = fleet.fleet("status", &[]);
        assert!(!looked.stderr.contains('✗'), "{moment:?}: {looked:?}");
        let found = standing(&fleet);
        assert!(found.iter().all(|found| [0, value].contains(found)), "{moment:?}: {found:?}");
        match (found.contains(&0), found.contains(&value)) {
            (true, false) => old += 1,
            (false, true) => new += 1,
            _ => mixed += 1,
        }
        let outcome = fleet.fleet(verb, more);
        match verb {
            "apply" => {
                assert_eq!(outcome.code, Some(0), "{moment:?}: {outcome:?}");
                assert_eq!(standing(&fleet), [value; HOSTS], "{moment:?}");
            }
            // Hosts that are where they were have nothing to go back to.
            _ => {
                let refused = outcome.stderr.lines().filter(|line| line.contains("[E12]")).count();
                let stayed = found.iter().filter(|found| **found == 0).count();
                assert_eq!(refused, stayed, "{moment:?}: {outcome:?}");
                assert_eq!(standing(&fleet), [0; HOSTS], "{moment:?}");
            }
        }
        let outcome = fleet.fleet("verify", &[]);
        assert_eq!(outcome.code, Some(0), "{moment:?}: {outcome:?}");
        assert_eq!(fleet.fleet("set-current", &["--to", "1"]).code, Some(0));
        assert_eq!(standing(&fleet), [0; HOSTS], "{moment:?}");
    }
    println!("killed {rounds} times in the midst of a fleet: {old} old, {new} new, {mixed} some of each");
    assert!(!is_long() || mixed > 0, "none was met between two hosts");
}
