//! The cable is cut, and programs and machines are killed, in the midst of things: what is there is one generation, the old
//! or the new, and the next command goes on. Every mishap meets a command that is still at work.
//!
//! A choice of moments is tried; `PUNIX_LONG=1` tries a hundred, and sees to it that both ends are met.

#![allow(clippy::print_stdout, reason = "how often each end was met is for whoever reads the run")]

use super::moments::{Lasting, Moment, is_alive, kill, measure, part, wait};
use super::{Host, good, host};
use crate::kill::{is_long, times};
use crate::support::run;
use rustix::process::{Pid, Signal};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const FILES: usize = 20;
/// How many moments there are for each deed.
const SHORT: usize = 3;
const LONG: usize = 34;
/// How often it is tried to come before a command ends.
const TRIES_MAX: usize = 20;

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Deploy,
    Rollback,
    /// A deploy that has to be confirmed.
    Confirm,
}

/// What happens in the midst of it.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    /// `punix` is killed.
    Here,
    /// The `ssh` that holds the connection is killed.
    Between,
    /// The program on the other machine is killed.
    There,
    /// And so are those that it left there to mend and to take back.
    AllThere,
    /// The cable is out for a moment, and when it is back nobody of this machine is there any more.
    Cut,
    /// The other machine loses its power.
    Power,
}

const MISHAPS: [Mishap; 6] =
    [Mishap::Here, Mishap::Between, Mishap::There, Mishap::AllThere, Mishap::Cut, Mishap::Power];

struct Site {
    host: Host,
    deed: Deed,
    /// Which one is live, and which was the last that anybody tried.
    live: usize,
    last: usize,
    lasting: Lasting,
}

fn program(number: usize) -> String {
    let file = |at: usize| format!("    {{ path = \"/etc/web/{at:02}\"  content = \"{number}\\n\" }}\n");
    let files: String = (0..FILES).map(file).collect();
    format!("module Web {{\n  backend = \"systemd\"\n  configFiles = [\n{files}  ]\n}}\n")
}

impl Site {
    /// Boots a machine on which all has been done once without any mishap.
    fn of(deed: Deed) -> Option<Site> {
        let lasting = Lasting { command: Duration::ZERO, rest: Duration::ZERO, commit: Duration::ZERO };
        let mut site = Site { host: host()?, deed, live: 0, last: 0, lasting };
        site.deploy();
        site.deploy();
        let (_, new) = site.prepare();
        let mut child = site.start(20);
        site.lasting = measure(&site.host, &mut child);
        site.live = new;
        assert_eq!(site.standing(), new);
        Some(site)
    }

    fn command(&self, words: &[&str]) -> Child {
        let mut command = self.host.service("root", words);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Deploys another one.
    fn deploy(&mut self) {
        self.live = self.next();
        good(run(self.host.service("root", ["deploy", "Web", "--file", &self.file()])));
    }

    fn file(&self) -> String {
        format!("{}.pcl", self.last)
    }

    fn next(&mut self) -> usize {
        self.last += 1;
        std::fs::write(self.host.shared(&self.file()), program(self.last)).unwrap();
        self.last
    }

    /// Returns which one is live, and which will be.
    fn prepare(&mut self) -> (usize, usize) {
        match self.deed {
            Deed::Deploy | Deed::Confirm => (self.live, self.next()),
            Deed::Rollback => {
                let before = self.live;
                self.deploy();
                (self.live, before)
            }
        }
    }

    fn start(&self, seconds: u32) -> Child {
        match self.deed {
            Deed::Deploy => self.command(&["deploy", "Web", "--file", &self.file()]),
            Deed::Rollback => self.command(&["rollback", "Web"]),
            Deed::Confirm => {
                let seconds = seconds.to_string();
                self.command(&["deploy", "Web", "--file", &self.file(), "--activate", "--confirm", &seconds])
            }
        }
    }

    /// Returns which one the files on the machine are of; all have to be of one.
    #[track_caller]
    fn standing(&self) -> usize {
        let found = self.host.shell("sort -u /etc/web/*");
        found.parse().unwrap_or_else(|_| panic!("files of several generations: {found:?}"))
    }

    /// Lets something happen. Tells whether it met anybody.
    fn befall(&self, mishap: Mishap, child: &mut Child, moment: Moment) -> bool {
        let host = &self.host;
        if !wait(host, child, moment) {
            return false;
        }
        let here = [Pid::from_raw(child.id().cast_signed()).unwrap()];
        let serves = |words: &[&str]| words[0].contains("/punix-target-") && words.get(1) == Some(&"serve");
        let minds = |words: &[&str]| ["punix-guard", "punix-watchdog"].contains(&words[0]);
        match mishap {
            Mishap::Here => kill(&here) && is_killed(child),
            Mishap::Between => meets(child, || host.connections()),
            Mishap::There => meets(child, || host.processes(serves)),
            Mishap::AllThere => meets(child, || match host.processes(serves) {
                none if none.is_empty() => none,
                _ => host.processes(|words| serves(words) || minds(words)),
            }),
            Mishap::Cut => {
                host.cut();
                kill(&here);
                kill(&host.connections());
                std::thread::sleep(Duration::from_millis(200));
                host.heal();
                is_killed(child)
            }
            Mishap::Power => {
                host.kill_at_once();
                kill(&here);
                kill(&host.connections());
                host.boot();
                // Somebody was at work there at that moment, though he may have noticed.
                true
            }
        }
    }

    /// Has one mishap at one part of the command, or before; returns whether the new one is live afterwards.
    fn round(&mut self, mishap: Mishap, mut at: f64, kind: usize) -> bool {
        for tries in 0..TRIES_MAX {
            let (old, new) = self.prepare();
            let mut child = self.start(2);
            // Some moments are so short that a busy machine lets nobody come in time; by then it is early in the command.
            let moment = match if tries < TRIES_MAX / 2 { kind % 3 } else { 0 } {
                0 => Moment::Command(self.lasting.command.mul_f64(at)),
                1 => Moment::Commit(self.lasting.rest.mul_f64(at)),
                _ => Moment::Done,
            };
            let is_met = self.befall(mishap, &mut child, moment);
            let _ = child.wait();
            let found = self.settled();
            assert!([old, new].contains(&found), "{mishap:?} {moment:?}: {found} is neither {old} nor {new}");
            good(run(self.host.service("root", ["verify", "Web"])));
            self.go_on(found, new);
            if is_met {
                return found == new;
            }
            at *= 0.8;
        }
        panic!("{mishap:?} never met anybody");
    }

    /// Waits until nothing is left to be done, which whoever looks does; returns what is live then.
    fn settled(&self) -> usize {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            good(run(self.host.service("root", ["list"])));
            if !self.host.is_armed() {
                return self.standing();
            }
            assert!(Instant::now() < until, "it still waits to be confirmed");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Does the same again, which has to end well.
    fn go_on(&mut self, found: usize, new: usize) {
        if self.deed != Deed::Rollback {
            good(run(self.host.service("root", ["deploy", "Web", "--file", &self.file()])));
        } else if found != new {
            good(run(self.host.service("root", ["rollback", "Web"])));
        }
        assert_eq!(self.standing(), new);
        self.live = new;
    }
}

/// Tells whether a process ended because it was killed.
fn is_killed(child: &mut Child) -> bool {
    child.wait().unwrap().signal() == Some(Signal::KILL.as_raw())
}

/// Waits until there is somebody to be killed, and kills him.
fn meets(child: &mut Child, find: impl Fn() -> Vec<Pid>) -> bool {
    while is_alive(child) {
        if kill(&find()) {
            return true;
        }
    }
    false
}

/// Has mishaps in the midst of a deed, beginning with one of them.
fn cut(deed: Deed, first: usize) {
    let Some(mut site) = Site::of(deed) else { return };
    let rounds = times(SHORT, LONG);
    let mut new = 0;
    for round in 0..rounds {
        let mishap = MISHAPS[(first + round) % MISHAPS.len()];
        // Each mishap comes at each kind of moment.
        new += usize::from(site.round(mishap, part(round), round + round / MISHAPS.len()));
    }
    println!("{deed:?}: cut {rounds} times, {} old and {new} new", rounds - new);
    assert!(!is_long() || (0 < new && new < rounds), "only one end was met");
    let left = site.host.shell("find / -xdev -name '.punix-*' -not -path '/proc/*' 2>/dev/null | head");
    assert_eq!(left, "");
}

#[test]
fn a_deploy_that_is_cut_is_wholly_old_or_wholly_new() {
    cut(Deed::Deploy, 0);
}

#[test]
fn a_rollback_that_is_cut_is_wholly_old_or_wholly_new() {
    cut(Deed::Rollback, 3);
}

#[test]
fn a_confirmation_that_is_cut_is_wholly_old_or_wholly_new() {
    cut(Deed::Confirm, 5);
}
