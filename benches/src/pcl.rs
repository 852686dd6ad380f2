//! `pcl`: what `punix check` costs on large programs, whether the work grows with the input and no
//! faster, and what happens to programs that would grow without end.

use crate::instructions::Counter;
use crate::machine;
use crate::measure::{self, End, MemoryLimit, Run, Scratch};
use crate::shapes::Shape;
use clap::Args;
use punix_benches::{Findings, Table, Target as Judged};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measure `punix check` on large programs
///
/// Prints three tables: cost of each shape, growth of the work, first messages. Exits 0 unless a program cannot be
/// started.
#[derive(Debug, Args)]
pub(crate) struct Pcl {
    /// The program to measure [default: the `punix` beside this one]
    #[arg(long, value_name = "PATH")]
    pub(crate) punix: Option<PathBuf>,

    /// Another program with the same command line, measured in turns
    #[arg(long, value_name = "PATH")]
    pub(crate) reference: Option<PathBuf>,

    /// A tenth of the size where there is no target, and fewer rounds
    #[arg(long)]
    pub(crate) quick: bool,

    /// Exit 1 when a target is missed
    #[arg(long)]
    pub(crate) assert: bool,
}

/// What one command may cost.
#[derive(Clone, Copy)]
struct Target {
    cpu_ms: u64,
    peak_mb: Option<u64>,
}

impl Target {
    fn show(self) -> String {
        let memory = self.peak_mb.map(|mb| format!(" {mb} MB")).unwrap_or_default();
        format!("{} ms{memory}", self.cpu_ms)
    }

    fn judge(self, cost: &Cost) -> Judged {
        let memory = self.peak_mb.map(|_| format!(", {:.1} MB", cost.peak_bytes as f64 / 1e6)).unwrap_or_default();
        let found = format!("{:.1} ms{memory}", milliseconds(cost.cpu));
        Judged { wanted: self.show(), found, met: Some(self.is_met(cost)) }
    }

    fn is_met(self, cost: &Cost) -> bool {
        cost.cpu < Duration::from_millis(self.cpu_ms) && self.peak_mb.is_none_or(|mb| cost.peak_bytes < mb * 1_000_000)
    }
}

const CHECK: Option<Target> = Some(Target { cpu_ms: 60, peak_mb: Some(80) });
const VERSION: Target = Target { cpu_ms: 5, peak_mb: None };

/// Every shape with its size, in the order of the table.
const CASES: &[(Shape, u64, Option<Target>)] = &[
    (Shape::Refs, 10_000, CHECK),
    (Shape::Corpus, 10_000, CHECK),
    (Shape::Wide, 8_000, None),
    (Shape::Contrib, 8_000, None),
    (Shape::Rungs, 4_000, None),
    (Shape::Fwd, 100_000, None),
    (Shape::Back, 100_000, None),
    (Shape::Mods, 100_000, None),
    (Shape::List, 100_000, None),
    (Shape::Reclist, 10_000, None),
    (Shape::Blocks, 10_000, None),
    (Shape::Scen, 10_000, None),
    (Shape::Elseif, 10_000, None),
    (Shape::Paren, 100_000, None),
    (Shape::Nestlist, 100_000, None),
    (Shape::Nestrec, 100_000, None),
    (Shape::Doubling, 64, None),
    (Shape::Strdouble, 64, None),
];

/// Shapes whose work must be linear, with the smaller of the two sizes that are compared.
const LINEAR: &[(Shape, u64)] = &[(Shape::Wide, 8_000), (Shape::Contrib, 8_000), (Shape::Rungs, 4_000)];
/// Twice the size may cost this many times the instructions.
const GROWTH_MAX: f64 = 2.3;

/// Sizes below this are exponents and stay as they are in a quick run.
const SHRINKABLE_N_MIN: u64 = 100;
const ROUNDS: usize = 7;
const ROUNDS_QUICK: usize = 3;
const DEADLINE: Duration = Duration::from_secs(60);
const DEADLINE_QUICK: Duration = Duration::from_secs(10);

/// Everything that stays the same during one bench.
struct Context<'a> {
    options: &'a Pcl,
    scratch: Scratch,
    /// What is measured, then the reference if there is one.
    programs: Vec<PathBuf>,
}

/// What one command costs, over all rounds.
struct Cost {
    /// The value in the middle.
    cpu: Duration,
    /// The highest.
    peak_bytes: u64,
    last: Run,
}

pub(crate) fn run(options: &Pcl, findings: &mut Findings<'_>) -> io::Result<()> {
    let punix = match &options.punix {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("punix"),
    };
    let programs = std::iter::once(&punix).chain(&options.reference).map(|path| absolute(path));
    let programs = programs.collect::<io::Result<Vec<PathBuf>>>()?;
    let context = Context { options, scratch: Scratch::new()?, programs };
    let _limit = MemoryLimit::new()?;

    heading(&context, findings)?;
    costs(&context, findings)?;
    growth(&context, findings)
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    // A link stays one: a program in a virtual environment finds its home through its own name.
    let path = std::path::absolute(path)?;
    fs::metadata(&path)
        .map_err(|error| io::Error::other(format!("{}: {error}; build it or say where it is", path.display())))?;
    Ok(path)
}

fn heading(context: &Context<'_>, findings: &mut Findings<'_>) -> io::Result<()> {
    let mut lines = Vec::new();
    for (program, role) in context.programs.iter().zip(["measured", "reference"]) {
        lines.push(format!("{role}: {}", measure::version(&context.scratch, program)?));
    }
    lines.push(format!("CPU: user and system time of the child, middle of {} rounds", rounds(context)));
    machine::heading(findings, &lines)
}

/// Measures every shape, a row each.
fn costs(context: &Context<'_>, findings: &mut Findings<'_>) -> io::Result<()> {
    let compared = context.programs.len() > 1;
    let mut head = vec!["shape", "N", "bytes", "CPU ms", "MB", "exit"];
    if compared {
        head.extend(["ref CPU ms", "ref MB", "ref exit", "ratio"]);
    }
    let (mut table, mut said) = (Table::new(2, &head), Vec::new());
    let mut add = |what: [String; 3], target: Option<Target>, costs: &[Cost]| {
        let mut row = what.to_vec();
        row.extend(columns(&costs[0]));
        if let Some(reference) = costs.get(1) {
            row.extend(columns(reference));
            row.push(ratio(&costs[0], reference));
        }
        table.push(row, target.map(|target| target.judge(&costs[0])));
    };
    let empty = String::new;
    add(["--version".to_owned(), empty(), empty()], Some(VERSION), &turns(context, &["--version"])?);
    for &(shape, n, target) in CASES {
        let shrinks = context.options.quick && target.is_none() && n >= SHRINKABLE_N_MIN;
        let n = if shrinks { n / 10 } else { n };
        let (file, bytes) = write_program(&context.scratch, shape, n)?;
        let costs = turns(context, &["check", &file])?;
        add([shape.name().to_owned(), n.to_string(), bytes.to_string()], target, &costs);
        let grows = matches!(shape, Shape::Doubling | Shape::Strdouble);
        if grows || costs.iter().any(|cost| !cost.last.end.is_success()) {
            let lines = costs.iter().map(|cost| match cost.last.said.as_str() {
                "" => "nothing".to_owned(),
                line => format!("`{line}`"),
            });
            said.push((format!("{}:{n}", shape.name()), lines.collect::<Vec<_>>().join(" / ")));
        }
    }
    findings.table(&table)?;
    let both = if compared { "measured / reference" } else { "measured" };
    findings.text(&format!("What they said first, where a run failed or a value could explode ({both}):"))?;
    findings.text(&said.iter().map(|(name, lines)| format!("- {name}: {lines}\n")).collect::<String>())
}

/// Counts instructions at n and 2n, a row for each.
fn growth(context: &Context<'_>, findings: &mut Findings<'_>) -> io::Result<()> {
    let program = &context.programs[0];
    let counter = Counter::find(&context.scratch, program);
    let head = ["linear", "N", "instructions", "2N", "instructions", "ratio"];
    let mut table = Table::new(2, &head);
    for &(shape, n) in LINEAR {
        let count = |n: u64| -> io::Result<Option<u64>> {
            let Ok(counter) = counter else { return Ok(None) };
            let (file, _) = write_program(&context.scratch, shape, n)?;
            counter.count(&context.scratch, program, &["check", &file])
        };
        let (one, two) = (count(n)?, count(2 * n)?);
        let ratio = one.zip(two).map(|(one, two)| two as f64 / one as f64);
        let show = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let found = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let target = Judged {
            wanted: format!("{GROWTH_MAX}"),
            found: format!("twice the size takes {found} times the instructions"),
            met: ratio.map(|ratio| ratio <= GROWTH_MAX),
        };
        let cells = vec![shape.name().to_owned(), n.to_string(), show(one), (2 * n).to_string(), show(two), found];
        table.push(cells, Some(target));
    }
    findings.text(&format!("Instructions: {}", counter.map_or_else(|reason| reason, Counter::name)))?;
    findings.table(&table)
}

/// Runs all programs in turns, so that what else the machine does meets all of them alike.
fn turns(context: &Context<'_>, arguments: &[&str]) -> io::Result<Vec<Cost>> {
    let mut runs: Vec<Vec<Run>> = context.programs.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds(context) {
        for (program, runs) in context.programs.iter().zip(&mut runs) {
            // Waiting for the deadline once says enough.
            if !matches!(runs.last(), Some(Run { end: End::Stopped(_), .. })) {
                runs.push(measure::run(&context.scratch, program, arguments, deadline(context))?);
            }
        }
    }
    Ok(runs.into_iter().map(cost).collect())
}

fn cost(mut runs: Vec<Run>) -> Cost {
    Cost {
        cpu: measure::median(runs.iter().map(|run| run.cpu)).unwrap_or_default(),
        peak_bytes: runs.iter().map(|run| run.peak_bytes).max().unwrap_or_default(),
        last: runs.pop().expect("there is at least one round"),
    }
}

fn write_program(scratch: &Scratch, shape: Shape, n: u64) -> io::Result<(String, u64)> {
    let name = format!("{}-{n}.pcl", shape.name());
    let path = scratch.path().join(&name);
    let mut file = BufWriter::new(File::create(&path)?);
    shape.write(n, &mut file)?;
    file.flush()?;
    Ok((name, fs::metadata(&path)?.len()))
}

fn columns(cost: &Cost) -> [String; 3] {
    let peak = cost.peak_bytes as f64 / 1e6;
    [format!("{:.1}", milliseconds(cost.cpu)), format!("{peak:.1}"), cost.last.end.show()]
}

/// Returns how many times longer the reference takes, where both did the work.
fn ratio(measured: &Cost, reference: &Cost) -> String {
    let ratio = milliseconds(reference.cpu) / milliseconds(measured.cpu);
    match (measured.last.end, reference.last.end) {
        (End::Exit(ours), End::Exit(theirs)) if ours.success() && theirs.success() => {
            format!("{ratio:.0}")
        }
        (End::Exit(ours), End::Stopped(_)) if ours.success() => format!("> {ratio:.0}"),
        (End::Exit(_) | End::Stopped(_), _) => "-".to_owned(),
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn rounds(context: &Context<'_>) -> usize {
    if context.options.quick { ROUNDS_QUICK } else { ROUNDS }
}

fn deadline(context: &Context<'_>) -> Duration {
    if context.options.quick { DEADLINE_QUICK } else { DEADLINE }
}
