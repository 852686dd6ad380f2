//! Runs several ways of doing one thing in turns, so that what else the machine does meets all of them alike.

use crate::measure::{self, Run, Scratch, median};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// One way of doing it.
pub(super) struct Way {
    /// What has to be so before each round; that is not measured.
    pub(super) before: Before,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

pub(super) enum Before {
    /// It only reads.
    Nothing,
    /// This is not there.
    Absent(PathBuf),
    /// `at` is a copy of `of`.
    Copy { of: PathBuf, at: PathBuf },
}

/// What it costs, over all rounds.
pub(super) struct Cost {
    /// The values in the middle.
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    /// The highest.
    pub(super) peak_bytes: u64,
    pub(super) last: Run,
}

impl Way {
    pub(super) fn new(before: Before, program: &Path, arguments: &[&str]) -> Way {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Way { before, program: program.to_owned(), arguments }
    }
}

/// Measures all ways, each once a round.
pub(super) fn turns(scratch: &Scratch, rounds: usize, deadline: Duration, ways: &[Way]) -> io::Result<Vec<Cost>> {
    let mut runs: Vec<Vec<Run>> = ways.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (way, runs) in ways.iter().zip(&mut runs) {
            way.before.bring_about()?;
            let arguments: Vec<&str> = way.arguments.iter().map(String::as_str).collect();
            runs.push(measure::run(scratch, &way.program, &arguments, deadline)?);
        }
    }
    for way in ways {
        way.before.clear()?;
    }
    Ok(runs.into_iter().map(cost).collect())
}

fn cost(mut runs: Vec<Run>) -> Cost {
    Cost {
        wall: median(runs.iter().map(|run| run.wall)).unwrap_or_default(),
        cpu: median(runs.iter().map(|run| run.cpu)).unwrap_or_default(),
        peak_bytes: runs.iter().map(|run| run.peak_bytes).max().unwrap_or_default(),
        last: runs.pop().expect("there is at least one round"),
    }
}

impl Before {
    fn bring_about(&self) -> io::Result<()> {
        match self {
            Before::Nothing => return Ok(()),
            Before::Absent(path) => measure::remove(path)?,
            Before::Copy { of, at } => {
                measure::remove(at)?;
                copy(of, at)?;
            }
        }
        // What was written or removed until now is not to be paid for by who is measured.
        let status = Command::new("sync").status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other("`sync` failed")) }
    }

    /// Removes what the last round left.
    fn clear(&self) -> io::Result<()> {
        match self {
            Before::Nothing => Ok(()),
            Before::Absent(path) | Before::Copy { at: path, .. } => measure::remove(path),
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let status = Command::new("cp").arg("-a").arg("--").arg(from).arg(to).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("`cp -a` failed")) }
}
