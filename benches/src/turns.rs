//! Runs several ways of doing one thing in turns, so that what else the machine does meets all of them alike.

use crate::measure::{self, Run, Scratch, median};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// For what has to be so before a round.
const DEADLINE: Duration = Duration::from_secs(300);

/// One way of doing it.
pub(crate) struct Way {
    /// What has to be so before each round; that is not measured.
    pub(crate) before: Before,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

pub(crate) enum Before {
    /// It only reads.
    Nothing,
    /// This is not there.
    Absent(PathBuf),
    /// `at` is a copy of `of`.
    Copy { of: PathBuf, at: PathBuf },
    /// `at` is a copy of `of`, and what was there before was moved aside until the end. ext4 takes a long time to make files
    /// where many were removed in the last minutes, which is not to be paid for by who is measured either.
    Afresh { of: PathBuf, at: PathBuf },
    /// This program was run. It has to end well; what is there at the end stays.
    Done { program: PathBuf, arguments: Vec<String> },
}

/// What it costs, over all rounds.
pub(crate) struct Cost {
    /// The values in the middle.
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// The highest.
    pub(crate) peak_bytes: u64,
    pub(crate) rounds: usize,
    pub(crate) last: Run,
}

impl Way {
    pub(crate) fn new(before: Before, program: &Path, arguments: &[&str]) -> Way {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Way { before, program: program.to_owned(), arguments }
    }
}

/// Measures all ways, each once a round.
pub(crate) fn turns(scratch: &Scratch, rounds: usize, deadline: Duration, ways: &[Way]) -> io::Result<Vec<Cost>> {
    patient_turns(scratch, rounds, Duration::MAX, deadline, ways)
}

/// Does the same, and leaves out of further rounds what took longer than `patience`.
pub(crate) fn patient_turns(
    scratch: &Scratch,
    rounds: usize,
    patience: Duration,
    deadline: Duration,
    ways: &[Way],
) -> io::Result<Vec<Cost>> {
    let mut runs: Vec<Vec<Run>> = ways.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (way, runs) in ways.iter().zip(&mut runs) {
            if runs.last().is_some_and(|run| run.wall > patience) {
                continue;
            }
            way.before.bring_about(scratch)?;
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
        rounds: runs.len(),
        wall: median(runs.iter().map(|run| run.wall)).unwrap_or_default(),
        cpu: median(runs.iter().map(|run| run.cpu)).unwrap_or_default(),
        peak_bytes: runs.iter().map(|run| run.peak_bytes).max().unwrap_or_default(),
        last: runs.pop().expect("there is at least one round"),
    }
}

impl Before {
    fn bring_about(&self, scratch: &Scratch) -> io::Result<()> {
        match self {
            Before::Nothing => return Ok(()),
            Before::Absent(path) => measure::remove(path)?,
            Before::Copy { of, at } => {
                measure::remove(at)?;
                copy(of, at)?;
            }
            Before::Afresh { of, at } => {
                move_aside(at)?;
                copy(of, at)?;
            }
            Before::Done { program, arguments } => {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let run = measure::run(scratch, program, &arguments, DEADLINE)?;
                if !run.end.is_success() {
                    return Err(io::Error::other(format!("`{}` failed: {}", arguments.join(" "), run.said)));
                }
            }
        }
        // What was written or removed until now is not to be paid for by who is measured.
        let status = Command::new("sync").status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other("`sync` failed")) }
    }

    /// Removes what the last round left.
    fn clear(&self) -> io::Result<()> {
        match self {
            Before::Nothing | Before::Done { .. } | Before::Afresh { .. } => Ok(()),
            Before::Absent(path) | Before::Copy { at: path, .. } => measure::remove(path),
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let status = Command::new("cp").arg("-a").arg("--").arg(from).arg(to).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("`cp -a` failed")) }
}

/// Gives what is there another name. It goes with the directory for inputs and outputs.
fn move_aside(path: &Path) -> io::Result<()> {
    let aside = (0_u32..).map(|number| path.with_extension(format!("{number}.aside")));
    match aside.into_iter().find(|aside| fs::symlink_metadata(aside).is_err()) {
        Some(aside) if fs::symlink_metadata(path).is_ok() => fs::rename(path, aside),
        Some(_) | None => Ok(()),
    }
}
