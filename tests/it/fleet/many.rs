//! Many hosts at once: whatever order they end in, they are told of in one, and there is room for all of them.

#![allow(clippy::print_stdout, reason = "what it took is for whoever reads the run")]

use super::{Fleet, ROOT};
use crate::kill::times;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

const HOSTS: usize = 40;

fn of(count: usize) -> Fleet {
    let hosts: Vec<(String, String)> = (0..count).map(|n| (format!("S{n}"), format!("ssh://h{n}"))).collect();
    let rows: Vec<(&str, &str, &str)> =
        hosts.iter().map(|(stack, target)| (stack.as_str(), target.as_str(), "x")).collect();
    Fleet::simple(&rows)
}

#[test]
fn forty_hosts_are_told_of_in_one_order_in_every_run() {
    let fleet = of(HOSTS);
    fleet.write("S7.pcl", "module S7 { backend = \"none\" }");
    fleet.write("S23.pcl", "module S23 { x = nope }");
    let mut first = None;
    for jobs in ["16", "3", "1", "40", "7"] {
        let outcome = fleet.fleet("apply", &["--jobs", jobs, "--force-generation"]);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let expected: Vec<String> = (0..HOSTS).filter(|n| ![7, 23].contains(n)).map(|n| format!("S{n}")).collect();
        let told: Vec<String> = outcome
            .stdout
            .lines()
            .filter_map(|line| Some(line.strip_prefix("  ✓ ")?.split_once(' ')?.0.to_owned()))
            .collect();
        assert_eq!(told, expected);
        let both = (outcome.stdout, outcome.stderr);
        assert_eq!(first.get_or_insert_with(|| both.clone()), &both, "with {jobs} jobs");
    }
}

/// What a run took.
struct Took {
    text: String,
    wall: Duration,
    /// The most memory that it had at one time, as far as somebody looked.
    megabytes: u64,
}

/// Runs a deploy and looks at its memory all the while.
fn watched(fleet: &Fleet, more: &[&str]) -> Took {
    let out = fleet.path("out");
    let mut command = fleet.command(["fleet", "apply", "fleet.pcl"].iter().chain(&ROOT).chain(more));
    let to = |name: &str| fs::File::create(fleet.path(name)).expect("it can be made");
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(to("out")).stderr(to("err")).spawn().expect("it starts");
    let (status, mut kilobytes) = (format!("/proc/{}/status", child.id()), 0);
    let end = loop {
        let said = fs::read_to_string(&status).unwrap_or_default();
        let most = said.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        kilobytes = kilobytes.max(most.unwrap_or(0_u64));
        if let Some(end) = child.try_wait().expect("it is ours") {
            break end;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let wall = begun.elapsed();
    assert!(end.success(), "{}", fs::read_to_string(fleet.path("err")).unwrap_or_default());
    let text = fs::read_to_string(out).expect("it was written");
    Took { text, wall, megabytes: kilobytes * 1_024 / 1_000_000 }
}

#[test]
fn two_hundred_hosts_have_room_and_one_order() {
    const COUNT: usize = 200;
    let fleet = of(COUNT);
    let expected: String = (0..COUNT).map(|n| format!("  ✓ S{n} → ssh://h{n}\n")).collect();
    let expected = format!("{expected}fleet: {COUNT}/{COUNT} host(s) deployed\n");
    let ways: [&[&str]; 4] = [&[], &["--stage-first", "--force-generation"], &["--jobs", "7"], &["--force-generation"]];
    for round in 0..times(2, 20) {
        let way = ways[round % ways.len()];
        let took = watched(&fleet, way);
        println!("{COUNT} hosts {way:?}: {} ms, {} MB", took.wall.as_millis(), took.megabytes);
        assert_eq!(took.text, expected, "{way:?}");
        assert!(took.megabytes < 150, "{way:?}: {} MB", took.megabytes);
    }
}

#[test]
fn a_thousand_hosts_have_room() {
    let count = times(300, 1_000);
    let fleet = of(count);
    let took = watched(&fleet, &[]);
    println!("{count} hosts: {} ms, {} MB", took.wall.as_millis(), took.megabytes);
    assert!(took.text.ends_with(&format!("fleet: {count}/{count} host(s) deployed\n")));
    assert!(took.megabytes < 400, "{} MB", took.megabytes);
}
