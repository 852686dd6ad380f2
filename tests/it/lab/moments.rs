//! The moment at which something befalls a machine, or whoever works on it. Processes are found and killed, also those of
//! another machine; how far a commit is there is seen on its disk, from outside, so that nothing has to be asked of it.

use super::Host;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// Where generations of root are recorded there.
pub(super) const DEPLOYMENTS: &str = "root/.punix/deployments";
/// How often it is looked.
const PAUSE: Duration = Duration::from_micros(200);

/// A moment of a command that changes a machine.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// So long after it was started.
    Command(Duration),
    /// So long after something of it was written there.
    Commit(Duration),
    /// As soon as all of it is done there, and nothing waits to be confirmed; whoever asked for it does not know yet.
    Done,
}

/// How long a command takes when nothing befalls it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lasting {
    pub(super) command: Duration,
    /// From when something was written to its end.
    pub(super) rest: Duration,
    /// While there was a journal.
    pub(super) commit: Duration,
}

/// Returns the part of a whole at which the so-manieth of many things happens: all over it, and the same each time.
pub(super) fn part(number: usize) -> f64 {
    ((number + 1) as f64 * 0.618_033_988_75).fract()
}

/// Waits until a command is as far. Tells whether it still runs then.
pub(super) fn wait(host: &Host, child: &mut Child, moment: Moment) -> bool {
    let mut until = |is_so: &dyn Fn() -> bool| {
        while !is_so() && is_alive(child) {
            std::thread::sleep(PAUSE);
        }
    };
    match moment {
        Moment::Command(pause) => std::thread::sleep(pause),
        Moment::Commit(pause) => {
            until(&|| host.is_committing());
            std::thread::sleep(pause);
        }
        Moment::Done => {
            until(&|| host.is_committing());
            until(&|| !host.is_committing() && !host.is_armed());
        }
    }
    is_alive(child)
}

/// Lets a command end, and returns how long it took.
pub(super) fn measure(host: &Host, child: &mut Child) -> Lasting {
    let began = Instant::now();
    let (mut first, mut last) = (None, None);
    while is_alive(child) {
        if host.is_committing() {
            last = Some(Instant::now());
            first = first.or(last);
        }
        std::thread::sleep(PAUSE);
    }
    assert!(child.wait().unwrap().success(), "it should have ended well");
    // A commit that nobody saw was a short one.
    let rest = first.map_or(Duration::ZERO, |first| first.elapsed());
    let commit = first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first);
    Lasting { command: began.elapsed(), rest, commit }
}

pub(super) fn is_alive(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_none()
}

/// Kills processes. Tells whether there was one.
pub(super) fn kill(processes: &[Pid]) -> bool {
    // All of them get it, whatever becomes of the first.
    processes.iter().filter(|process| kill_process(**process, Signal::KILL).is_ok()).count() > 0
}

impl Host {
    /// Returns where a file of that machine is here. What is on its disk is as it came there, and may go at any time.
    pub(super) fn on_disk(&self, path: &str) -> PathBuf {
        self.folder.path().join("disk/upper").join(path)
    }

    /// Tells whether a commit is under way there, or was interrupted.
    pub(super) fn is_committing(&self) -> bool {
        has_entries(&self.on_disk(DEPLOYMENTS).join(".journal"))
    }

    /// Tells whether something waits there to be confirmed.
    pub(super) fn is_armed(&self) -> bool {
        has_entries(&self.on_disk(DEPLOYMENTS).join(".armed"))
    }

    /// Returns the processes of that machine that were started with such words.
    pub(super) fn processes(&self, is_it: impl Fn(&[&str]) -> bool) -> Vec<Pid> {
        let space = |process: &Path| fs::read_link(process.join("ns/pid")).ok();
        let theirs = space(&Path::new("/proc").join(self.first().to_string()));
        processes(|process, words| is_it(words) && space(process) == theirs)
    }

    /// Returns the processes of this machine that hold the connections to that one.
    pub(super) fn connections(&self) -> Vec<Pid> {
        let address = self.address();
        processes(|_, words| {
            let is_ssh = words.first().is_some_and(|program| program.ends_with("ssh") || program.starts_with("ssh:"));
            is_ssh && words.iter().any(|word| *word == address)
        })
    }

    /// Cuts its power at this very moment.
    pub(super) fn kill_at_once(&self) {
        kill(&[Pid::from_raw(self.first()).unwrap()]);
        self.kill();
    }

    /// Returns what its first process is called here.
    fn first(&self) -> i32 {
        fs::read_to_string(self.folder.path().join("inner")).unwrap().trim().parse().unwrap()
    }
}

fn has_entries(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

/// Finds processes. Whoever ended meanwhile, or has only not been buried, is none.
fn processes(is_it: impl Fn(&Path, &[&str]) -> bool) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        let words: Vec<&str> = line.split_terminator('\0').collect();
        if !words.is_empty() && is_it(&entry.path(), &words) {
            found.push(pid);
        }
    }
    found
}
