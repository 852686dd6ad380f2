//! Counting what all processes inside take together, where no control group does it. Limits of single processes do not
//! stop a hundred that each take a hundredth too much.
//!
//! A look is cheap as long as little is used; only when it seems to be too much, memory is counted exactly, with what
//! is shared counted once. This is for accidents. What it misses (memory that no process has mapped) is what the
//! machine's own last resort is for, which takes builds first.

use super::{Ending, Limits};
use crate::limits::{WATCH_PAUSE_FACTOR, WATCH_PAUSE_MS};
use rustix::event::Timespec;
use std::fs;
use std::time::{Duration, Instant};

/// Processes inside that are not the command's: the inner process.
pub(super) const OWN_PROCESSES: u64 = 1;
/// Bytes of a unit in the kernel's reports.
const KILO: u64 = 1024;

#[derive(Debug)]
pub(super) struct Watch {
    limits: Limits,
    next: Option<Instant>,
    /// Whether the last look found too much. A process that is just being made shares its maker's memory, but is
    /// counted by itself; so one look is not enough.
    suspected: bool,
}

/// What a look has found.
#[derive(Debug)]
pub(super) enum Look {
    Fine { pause: Timespec },
    Exceeded(Ending),
}

impl Watch {
    pub(super) fn new(limits: Limits) -> Watch {
        Watch { limits, next: None, suspected: false }
    }

    /// Looks at all processes, if it is time to.
    pub(super) fn look(&mut self) -> Look {
        let start = Instant::now();
        // A command that ends soon is never looked at.
        let next = *self.next.get_or_insert(start + Duration::from_millis(WATCH_PAUSE_MS));
        if start < next {
            return fine(next - start);
        }
        let (processes, resident) = resident();
        if processes.len() as u64 > u64::from(self.limits.processes).saturating_add(OWN_PROCESSES) {
            return Look::Exceeded(Ending::TooManyProcesses);
        }
        let is_too_much = resident > self.limits.memory_bytes && exact(&processes) > self.limits.memory_bytes;
        if is_too_much && self.suspected {
            return Look::Exceeded(Ending::OutOfMemory);
        }
        self.suspected = is_too_much;
        let base = if is_too_much { WATCH_PAUSE_MS / 10 } else { WATCH_PAUSE_MS };
        let pause = Duration::from_millis(base).max(start.elapsed() * WATCH_PAUSE_FACTOR);
        self.next = Some(Instant::now() + pause);
        fine(pause)
    }
}

fn fine(pause: Duration) -> Look {
    let tv_sec = i64::try_from(pause.as_secs()).unwrap_or(i64::MAX);
    Look::Fine { pause: Timespec { tv_sec, tv_nsec: pause.subsec_nanos().into() } }
}

/// Lists all processes, with a number of bytes that their memory is at most.
fn resident() -> (Vec<String>, u64) {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let processes: Vec<String> = names.filter(|name| name.starts_with(|first: char| first.is_ascii_digit())).collect();
    let page = rustix::param::page_size() as u64;
    let pages = processes.iter().filter_map(|process| {
        let counts = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
        counts.split(' ').nth(1)?.parse::<u64>().ok()
    });
    let sum = pages.fold(0_u64, u64::saturating_add);
    (processes, sum.saturating_mul(page))
}

/// Adds up the memory that would be free without these processes.
fn exact(processes: &[String]) -> u64 {
    processes.iter().map(|process| own(process).unwrap_or(0)).fold(0, u64::saturating_add)
}

fn own(process: &str) -> Option<u64> {
    if let Ok(rollup) = fs::read_to_string(format!("/proc/{process}/smaps_rollup")) {
        return Some(lines(&rollup, &["Pss_Anon:", "Pss_Shmem:"]));
    }
    // It does not let itself be looked at so closely.
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(lines(&status, &["RssAnon:", "RssShmem:"]))
}

/// Adds up the lines of a report that begin with one of these names.
fn lines(report: &str, names: &[&str]) -> u64 {
    let numbers = report.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        names.contains(&words.next()?).then(|| words.next()?.parse::<u64>().ok())?
    });
    numbers.fold(0_u64, u64::saturating_add).saturating_mul(KILO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_added_up() {
        let report = "0-f ---p 0 0:0 0 [rollup]\nRss: 9 kB\nPss_Anon:   10 kB\nPss_File: 7 kB\nPss_Shmem: 2 kB\n";
        assert_eq!(lines(report, &["Pss_Anon:", "Pss_Shmem:"]), 12 << 10);
        assert_eq!(lines("", &["Pss_Anon:"]), 0);
    }

    #[test]
    fn this_process_is_counted() {
        let (processes, resident) = resident();
        assert!(processes.contains(&std::process::id().to_string()));
        let own = own(&std::process::id().to_string()).unwrap();
        assert!(own > 0 && resident > own, "{own} of {resident}");
    }
}
