//! A machine loses its power in the midst of a commit, and boots: before any unit of a stack starts, its files, its units
//! and `current` are of one generation.
//!
//! Units say what they find: one that is no part of the stack and comes before all that are, and one of the stack. The disk
//! keeps all that was written to it; what a real one may lose is for the tests of `deploys/power.rs`.

#![allow(clippy::print_stdout, reason = "how often each end was met is for whoever reads the run")]

use super::moments::{DEPLOYMENTS, Lasting, Moment, kill, measure, part, wait};
use super::{Host, good, host, write_program};
use crate::kill::{is_long, times};
use crate::support::run;
use rustix::process::Pid;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Enough that a commit takes its time.
const FILES: usize = 100;
/// How often it is tried to see one.
const TRIES_MAX: usize = 20;

/// Says which files, units and records are there.
const TOOL: &str = r#"#!/bin/sh
mkdir -p /run/seen
{
  echo "files $(echo $(sort -u /etc/web/*))"
  echo "unit $(sed -n 's/^Environment=.*NUMBER=\([0-9]*\).*/\1/p' /etc/systemd/system/web.service)"
  echo "current $(readlink /DEPLOYMENTS/Web/current)"
  echo "started with $NUMBER"
} > "/run/seen/.$1"
mv "/run/seen/.$1" "/run/seen/$1"
if [ "$1" = web ]; then exec sleep 1000000; fi
"#;

/// As early as a unit of a stack can be, and earlier.
const LOOK: &str = "[Unit]\nDefaultDependencies=no\nAfter=sysinit.target\nBefore=basic.target\n\
    [Service]\nType=oneshot\nExecStart=/usr/local/bin/look early\n";

fn program(number: usize, health: &str) -> String {
    let file = |at: usize| format!("    {{ path = \"/etc/web/{at:03}\"  content = \"{number}\\n\" }}\n");
    let files: String = (0..FILES).map(file).collect();
    format!(
        "module Tool {{\n  recipe = \"std.shell\"\n  pname = \"tool\"\n  version = \"1.0\"\n  source = {{ type = \"local\"  \
         path = \"src\" }}\n  recipeArgs = {{ command = \"mkdir -p $OUTPUT/bin && cp tool $OUTPUT/bin/tool && chmod 755 \
         $OUTPUT/bin/tool\" }}\n}}\nmodule Web {{\n  backend = \"systemd\"\n  services = [ {{ name = \"web\"  package = \
         \"Tool\"  binary = \"tool\"  args = [\"web\"]\n      environment = {{ NUMBER = \"{number}\" }} {health} }} ]\n  \
         configFiles = [\n{files}  ]\n}}\n"
    )
}

/// What was found at a boot: all of it has to be of one generation.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    number: usize,
    /// What `current` says.
    current: String,
}

/// Boots a machine with the first generation on it.
fn site() -> Option<Host> {
    let host = host()?;
    let tool = TOOL.replace("DEPLOYMENTS", DEPLOYMENTS);
    write_program(&host.shared("src/tool"), &tool);
    write_program(&host.on_disk("usr/local/bin/look"), &tool);
    host.shell(&format!(
        "mkdir -p /etc/systemd/system/basic.target.wants && printf %s '{LOOK}' > /etc/systemd/system/look.service && \
         ln -s ../look.service /etc/systemd/system/basic.target.wants/"
    ));
    good(run(deploy(&host, 1, "", &[])));
    assert_eq!(found(&host, "web"), Found { number: 1, current: "gen-001.json".to_owned() });
    Some(host)
}

fn deploy(host: &Host, number: usize, health: &str, more: &[&str]) -> Command {
    let name = format!("{number}.pcl");
    std::fs::write(host.shared(&name), program(number, health)).unwrap();
    let words: [&[&str]; 3] =
        [&["deploy", "Web", "--file", &name, "--activate", "--enable"], crate::service::sandbox(), more];
    host.service("root", words.concat())
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Returns what `current` says.
fn current(host: &Host) -> String {
    host.shell(&format!("readlink /{DEPLOYMENTS}/Web/current"))
}

/// Returns what a unit found, which has to be of one generation.
#[track_caller]
fn found(host: &Host, unit: &str) -> Found {
    let said = host.shell(&format!(
        "for i in $(seq 200); do [ -e /run/seen/{unit} ] && break; sleep 0.05; done; cat /run/seen/{unit}"
    ));
    let word = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{unit} says {said:?}")).trim().to_owned()
    };
    let number = word("files ");
    assert_eq!(word("unit "), number, "{unit} says {said:?}");
    let started = word("started with");
    assert!(started.is_empty() || started == number, "{unit} says {said:?}");
    let number = number.parse().unwrap_or_else(|_| panic!("{unit} found files of several generations: {said:?}"));
    Found { number, current: word("current ") }
}

/// Gives the power back, when nobody works on the machine any more; returns what units found then.
#[track_caller]
fn boot_again(host: &Host, child: &mut Child) -> Found {
    kill(&[Pid::from_raw(child.id().cast_signed()).unwrap()]);
    let _ = child.wait();
    host.boot();
    let early = found(host, "early");
    assert_eq!(found(host, "web"), early, "something changed between units");
    let moments = host.shell(
        "systemctl show -P ActiveEnterTimestampMonotonic punix-recover.service; \
         systemctl show -P ExecMainStartTimestampMonotonic look.service web.service | grep .",
    );
    let moments: Vec<u64> = moments.lines().map(|moment| moment.parse().unwrap()).collect();
    assert!(moments.len() == 3 && moments[0] > 0 && moments.is_sorted(), "{moments:?}");
    assert_eq!(host.shell("systemctl is-failed punix-recover.service || true"), "active");
    early
}

#[test]
fn after_a_power_cut_units_find_one_generation() {
    let Some(host) = site() else { return };
    let mut child = start(deploy(&host, 2, "", &[]));
    let lasting: Lasting = measure(&host, &mut child);
    // A little more than the commit.
    let mut span = lasting.commit.mul_f64(1.1);
    let fewest = times(3, 30);
    let mut live = Found { number: 2, current: "gen-002.json".to_owned() };
    let (mut midst, mut new) = (0, 0);
    let mut number = live.number;
    let mut rounds = 0;
    while rounds < fewest || midst == 0 {
        assert!(rounds < fewest + TRIES_MAX, "no commit is met in its midst");
        let round = rounds;
        rounds += 1;
        let mut tries = 0;
        let mut child = loop {
            number += 1;
            let mut child = start(deploy(&host, number, "", &[]));
            if wait(&host, &mut child, Moment::Commit(span.mul_f64(part(round)))) {
                break child;
            }
            // It was over before anybody saw it.
            tries += 1;
            assert!(tries < TRIES_MAX && child.wait().unwrap().success(), "no commit is seen");
            live = Found { number, current: current(&host) };
        };
        host.kill_at_once();
        // The disk is as it was at that moment.
        if host.is_committing() {
            midst += 1;
        } else {
            // The machine is busy, or this commit was a fast one: the next time it is earlier.
            span /= 2;
        }
        let after = boot_again(&host, &mut child);
        assert_eq!(after.number == live.number, after.current == live.current, "{after:?} after {live:?}");
        assert!([live.number, number].contains(&after.number), "{after:?} after {live:?}");
        new += usize::from(after.number == number);
        good(run(host.service("root", ["verify", "Web"])));
        let again = good(run(deploy(&host, number, "", &[])));
        live = Found { number, current: current(&host) };
        assert!(again.stdout.contains(live.current.trim_end_matches(".json")), "{again:?}");
    }
    println!("lost its power {rounds} times, {midst} in a commit: {} old and {new} new", rounds - new);
    assert!(!is_long() || (0 < new && new < rounds), "only one end was met");
}

#[test]
fn what_nobody_confirmed_is_taken_back_at_boot() {
    let Some(host) = site() else { return };
    let waits = "health = { command = [\"/bin/sh\", \"-c\", \": > /run/gate; sleep 100\"]  deadline = 100 }";
    let mut child = start(deploy(&host, 2, waits, &["--confirm", "300"]));
    let until = Instant::now() + Duration::from_secs(30);
    while host.exec(["test", "-e", "/run/gate"]).code != Some(0) {
        assert!(Instant::now() < until, "it is not deployed");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(host.shell(&format!("readlink /{DEPLOYMENTS}/Web/current; cat /etc/web/000")), "gen-002.json\n2");
    assert!(host.is_armed());
    host.kill_at_once();
    assert_eq!(boot_again(&host, &mut child), Found { number: 1, current: "gen-001.json".to_owned() });
    assert!(!host.is_armed());
    assert_eq!(host.shell("systemctl is-active web.service; systemctl is-enabled web.service"), "active\nenabled");
    good(run(host.service("root", ["verify", "Web"])));
    let again = good(run(deploy(&host, 2, "", &["--confirm", "20"])));
    assert!(again.stdout.starts_with("deployed: "), "{again:?}");
}
