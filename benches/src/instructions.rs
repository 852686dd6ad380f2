//! Counts the instructions of one run: the same number on a busy and on a quiet machine.

use crate::measure::{self, Scratch};
use std::ffi::OsStr;
use std::io;
use std::path::Path;

/// What counts. `perf` asks the processor, which virtual machines often hide; valgrind simulates it.
#[derive(Clone, Copy)]
pub(crate) enum Counter {
    Perf,
    Valgrind,
}

impl Counter {
    /// Returns the first counter that works here, with the reason when none does.
    pub(crate) fn find(scratch: &Scratch, program: &Path) -> Result<Counter, &'static str> {
        let works = |counter: Counter| matches!(counter.count(scratch, program, &["--version"]), Ok(Some(_)));
        if works(Counter::Perf) {
            Ok(Counter::Perf)
        } else if works(Counter::Valgrind) {
            Ok(Counter::Valgrind)
        } else {
            Err("not measured (no valgrind)")
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Counter::Perf => "perf stat",
            Counter::Valgrind => "valgrind --tool=callgrind",
        }
    }

    /// Returns the instructions of one run, or nothing when the tool says no number.
    pub(crate) fn count(self, scratch: &Scratch, program: &Path, arguments: &[&str]) -> io::Result<Option<u64>> {
        let tool: &[&str] = match self {
            Counter::Perf => &["perf", "stat", "-x,", "-e", "instructions:u", "--"],
            Counter::Valgrind => &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--"],
        };
        let output =
            measure::command(scratch, OsStr::new(tool[0])).args(&tool[1..]).arg(program).args(arguments).output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        Ok(text.lines().find_map(|line| self.read(line)))
    }

    /// Reads `1234,,instructions:u,…` or `==1== Collected : 1234`.
    fn read(self, line: &str) -> Option<u64> {
        let number = match self {
            Counter::Perf => line.split_once(",,instructions")?.0,
            Counter::Valgrind => line.split_once("Collected : ")?.1,
        };
        number.trim().parse().ok()
    }
}
