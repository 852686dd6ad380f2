//! `plugins`: what it costs that backends, resolvers and transports are plugins, from a cold process to a rendered stack,
//! and how large the binaries are that carry them.

mod child;

pub(crate) use child::{Once, Warm, once, warm};

use crate::machine;
use clap::Args;
use punix_benches::{Findings, Table, Target};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Measure plugins: loading, calling, rendering, and the size of the binaries
///
/// Prints one table. Exits 0 unless a program cannot be started.
#[derive(Debug, Args)]
pub(crate) struct Plugins {
    /// The program whose size is told [default: the `punix` beside this one]
    #[arg(long, value_name = "PATH")]
    pub(crate) punix: Option<PathBuf>,

    /// A sealed build of it, whose size is told too
    #[arg(long, value_name = "PATH")]
    pub(crate) sealed: Option<PathBuf>,

    /// Fewer rounds
    #[arg(long)]
    pub(crate) quick: bool,

    /// Exit 1 when a target is missed
    #[arg(long)]
    pub(crate) assert: bool,
}

const ROUNDS: usize = 51;
const ROUNDS_QUICK: usize = 11;

/// One row: what it is, the figure, what it has to stay under.
struct Row {
    name: String,
    found: f64,
    unit: &'static str,
    target: f64,
}

pub(crate) fn run(options: &Plugins, findings: &mut Findings<'_>) -> io::Result<()> {
    let own = std::env::current_exe()?;
    let rounds = if options.quick { ROUNDS_QUICK } else { ROUNDS };
    machine::heading(findings, &[format!("times: middle of {rounds} rounds")])?;
    let mut rows = cold(&own, rounds)?;
    rows.extend(calls(&own, rounds)?);
    let punix = options.punix.clone().unwrap_or_else(|| own.with_file_name("punix"));
    rows.push(size("punix, stripped", &punix, 25.0)?);
    if let Some(sealed) = &options.sealed {
        rows.push(size("sealed punix, stripped", sealed, 14.0)?);
    }
    let mut table = Table::new(1, &["what", "found"]);
    for row in rows {
        let Row { name, found, unit, target } = row;
        let (met, found) = (Some(found < target), format!("{found:.2} {unit}"));
        let target = Target { wanted: format!("< {target} {unit}"), found: found.clone(), met };
        table.push(vec![name, found], Some(target));
    }
    findings.table(&table)
}

/// Processes that do one thing with bundled plugins, and end.
fn cold(own: &Path, rounds: usize) -> io::Result<Vec<Row>> {
    let (mut whole, mut rendered, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        let output = Command::new(own).arg("render-once").output()?;
        whole.push(start.elapsed().as_secs_f64() * 1e3);
        rendered.push(figure(&output.stdout, "done")? / 1e3);
        let output = Command::new(own).args(["render-once", "--all"]).output()?;
        all.push(figure(&output.stdout, "done")? / 1e3);
    }
    let row = |name: &str, found, target| Row { name: name.to_owned(), found: middle(found), unit: "ms", target };
    Ok(vec![
        row("cold process, `render` done", rendered, 1.0),
        row("the same, with the start and end of the process", whole, 10.0),
        row("cold process, all six bundled plugins loaded and called", all, 3.0),
    ])
}

/// Calls in a process that has done each of them before.
fn calls(own: &Path, rounds: usize) -> io::Result<Vec<Row>> {
    let output = Command::new(own).args(["call-warm", &rounds.to_string()]).output()?;
    let row = |name: &str, word: &str, unit, divisor: f64, target| -> io::Result<Row> {
        let found = figure(&output.stdout, word)? / divisor;
        Ok(Row { name: name.to_owned(), found, unit, target })
    };
    Ok(vec![
        row("a call on a fresh instance", "call", "µs", 1.0, 30.0)?,
        row("rendering 200 services", "services", "ms", 1e3, 20.0)?,
    ])
}

fn size(name: &str, binary: &Path, most_mb: f64) -> io::Result<Row> {
    let copy = std::env::temp_dir().join(format!("punix-benches-stripped-{}", std::process::id()));
    let stripped = Command::new("strip").arg("-o").arg(&copy).arg(binary).status()?;
    let length = fs::metadata(&copy).map(|about| about.len());
    let _ = fs::remove_file(&copy);
    if !stripped.success() {
        return Err(io::Error::other(format!("`strip` cannot read {}", binary.display())));
    }
    Ok(Row { name: name.to_owned(), found: length? as f64 / 1e6, unit: "MB", target: most_mb })
}

/// Reads `word number` out of what a child printed; numbers are microseconds.
fn figure(printed: &[u8], word: &str) -> io::Result<f64> {
    let text = String::from_utf8_lossy(printed);
    let found = text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok());
    found.ok_or_else(|| io::Error::other(format!("a child did not say `{word}`: {text}")))
}

fn middle(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
