//! The cable is cut, and programs and machines are killed, in the midst of things: what is there is one generation, and
//! the next command goes on.

#![allow(clippy::print_stdout, reason = "how often each end was met is for whoever reads the run")]

use super::{Host, good, host};
use crate::support::run;
use std::process::{Child, Stdio};
use std::time::Duration;

const FILES: usize = 20;

/// What happens in the midst of a deploy.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    /// The cable is out for a moment longer than the deploy waits.
    Cut,
    /// `punix` is killed, with its `ssh`.
    Here,
    /// The program on the other machine is killed.
    There,
    /// The other machine loses its power.
    Power,
}

fn program(number: usize) -> String {
    let file = |at: usize| format!("    {{ path = \"/etc/web/{at:02}\"  content = \"{number}\\n\" }}\n");
    let files: String = (0..FILES).map(file).collect();
    format!("module Web {{\n  backend = \"systemd\"\n  configFiles = [\n{files}  ]\n}}\n")
}

fn start(host: &Host, number: usize) -> Child {
    let name = format!("{number}.pcl");
    std::fs::write(host.shared(&name), program(number)).unwrap();
    let mut command = host.service("root", ["deploy", "Web", "--file", &name]);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn kill_group(child: &Child) {
    let mut command = crate::support::scrubbed("kill");
    command.env("PATH", super::PATH).args(["-9", "--", &format!("-{}", child.id())]);
    let _ = run(command);
}

/// Returns which generation the files on the machine are of; all have to be of one.
#[track_caller]
fn standing(host: &Host) -> usize {
    let found = host.shell("sort -u /etc/web/*");
    found.parse().unwrap_or_else(|_| panic!("files of several generations: {found:?}"))
}

#[test]
fn whatever_is_cut_is_wholly_old_or_wholly_new() {
    let Some(host) = host() else { return };
    let rounds = if std::env::var_os("PUNIX_LONG").is_some() { 100 } else { 8 };
    let mishaps = [Mishap::Here, Mishap::There, Mishap::Cut, Mishap::Power];
    assert!(start(&host, 1).wait().unwrap().success());
    let mut live = 1;
    let (mut old, mut new) = (0, 0);
    for round in 0..rounds {
        let mishap = mishaps[round % mishaps.len()];
        let number = round + 2;
        let mut child = start(&host, number);
        // All of a deploy, and a little more.
        std::thread::sleep(Duration::from_millis((round as u64 * 37) % 400));
        match mishap {
            Mishap::Here => kill_group(&child),
            Mishap::There => drop(host.exec(["pkill", "-9", "-f", "punix-target-.* serve"])),
            Mishap::Cut => {
                host.cut();
                kill_group(&child);
                std::thread::sleep(Duration::from_millis(200));
                host.heal();
            }
            Mishap::Power => {
                host.kill();
                kill_group(&child);
                host.boot();
            }
        }
        let _ = child.wait();
        // Whoever looks mends what was left over.
        good(run(host.service("root", ["list"])));
        let found = standing(&host);
        match found {
            _ if found == live => old += 1,
            _ if found == number => new += 1,
            _ => panic!("{mishap:?}: {found} is neither {live} nor {number}"),
        }
        good(run(host.service("root", ["verify", "Web"])));
        assert!(start(&host, number).wait().unwrap().success(), "{mishap:?}: the retry fails");
        assert_eq!(standing(&host), number);
        live = number;
    }
    println!("cut {rounds} times: {old} old, {new} new");
    let left = host.shell("find / -xdev -name '.punix-*' -not -path '/proc/*' 2>/dev/null | head");
    assert_eq!(left, "");
}
