//! `service`: what deploys, rollbacks and deploys of nothing new cost on this machine, from the start of the process to
//! its end, everything durable.

pub(crate) mod site;

use crate::machine;
use crate::measure::{self, MemoryLimit, Scratch};
use crate::turns::{Before, Cost, Way, turns};
use clap::Args;
use punix_benches::{Findings, Table, Target};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measure deploys and rollbacks
///
/// Prints one table: time and memory. Exits 0 unless a program cannot be started.
#[derive(Debug, Args)]
pub(crate) struct Service {
    /// The program to measure [default: the `punix` beside this one]
    #[arg(long, value_name = "PATH")]
    pub(crate) punix: Option<PathBuf>,

    /// Another program with the same command line, measured in turns
    #[arg(long, value_name = "PATH")]
    pub(crate) reference: Option<PathBuf>,

    /// Fewer rounds
    #[arg(long)]
    pub(crate) quick: bool,

    /// Exit 1 when a target is missed
    #[arg(long)]
    pub(crate) assert: bool,

    /// Measure only the rows whose names hold this
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
}

/// Peak memory of everything here.
const PEAK_MB: u64 = 40;
/// How much longer a rollback may take with any number of packages than with the fewest.
const CLOSURE_RATIO_MAX: f64 = 2.0;
const FILES: u64 = 20;
const MANY_FILES: u64 = 1_000;
const LARGE_BYTES: u64 = 58_000_000;
const CLOSURES: [u64; 3] = [10, 1_000, 10_000];
const ROUNDS: usize = 15;
const ROUNDS_QUICK: usize = 5;
const DEADLINE: Duration = Duration::from_secs(300);

const NEW: Kind = Kind { name: "deploy, nothing there", wall_ms: 25 };
const CHANGED: Kind = Kind { name: "deploy, all changed", wall_ms: 25 };
const SAME: Kind = Kind { name: "deploy, nothing changed", wall_ms: 12 };
const BACK: Kind = Kind { name: "rollback", wall_ms: 15 };
const CLOSURE: Kind = Kind { name: "rollback, N packages", wall_ms: 15 };
const MANY: Kind = Kind { name: "deploy, N files", wall_ms: 300 };
const LARGE: Kind = Kind { name: "deploy, a file of N MB", wall_ms: u64::MAX };

/// What is done, and how long it may take.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    wall_ms: u64,
}

/// Everything that stays the same during one bench.
struct Context<'a> {
    options: &'a Service,
    scratch: Scratch,
    programs: Vec<Program>,
}

/// What is measured, with a store of its own.
struct Program {
    path: PathBuf,
    role: &'static str,
    store: PathBuf,
}

/// One row: the thing itself, and the reference if that can do it.
struct Row {
    kind: Kind,
    n: u64,
    ours: Cost,
    reference: Option<Cost>,
    /// The time with the fewest packages, if that is a measure for this row.
    fewest: Option<Duration>,
}

pub(crate) fn run(options: &Service, findings: &mut Findings<'_>) -> io::Result<()> {
    let own = std::env::current_exe()?;
    let punix = options.punix.clone().unwrap_or_else(|| own.with_file_name("punix"));
    let scratch = Scratch::new()?;
    let programs = std::iter::once(&punix).chain(&options.reference).zip(["ours", "theirs"]);
    let programs = programs
        .map(|(path, role)| {
            Ok(Program { path: absolute(path)?, role, store: scratch.path().join(format!("{role}-store")) })
        })
        .collect::<io::Result<_>>()?;
    let context = Context { options, scratch, programs };
    let _limit = MemoryLimit::new()?;
    heading(&context, findings)?;

    let mut rows = Vec::new();
    rows.extend(small(&context)?);
    rows.extend(closures(&context)?);
    rows.extend(many(&context)?);
    rows.extend(large(&context)?);
    show(&context, &rows, findings)
}

impl Context<'_> {
    fn wants(&self, kind: Kind) -> bool {
        self.options.only.as_ref().is_none_or(|only| kind.name.contains(only))
    }

    fn rounds(&self) -> usize {
        if self.options.quick { ROUNDS_QUICK } else { ROUNDS }
    }

    fn host(&self, program: &Program, name: &str) -> PathBuf {
        self.scratch.path().join(format!("{}-{name}", program.role))
    }

    /// Does something that is not measured. What the reference cannot do leaves its columns empty.
    fn done(&self, program: &Program, words: &[String]) -> io::Result<bool> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let run = measure::run(&self.scratch, &program.path, &words, DEADLINE)?;
        match (run.end.is_success(), program.role) {
            (true, _) => Ok(true),
            (false, "theirs") => Ok(false),
            (false, _) => Err(io::Error::other(format!("`{}` failed: {}", words.join(" "), run.said))),
        }
    }

    /// Measures ways in turns and makes rows of them: those of one program follow those of the other.
    fn rows(&self, kinds: &[(Kind, u64)], ways: Vec<Way>) -> io::Result<Vec<Row>> {
        let mut costs = turns(&self.scratch, self.rounds(), DEADLINE, &ways)?;
        let mut theirs = costs.split_off(kinds.len().min(costs.len())).into_iter();
        let row = |(&(kind, n), ours)| Row { kind, n, ours, reference: theirs.next(), fewest: None };
        Ok(kinds.iter().zip(costs).map(row).collect())
    }
}

impl Program {
    fn words(&self, verb: &[&str], host: &Path) -> io::Result<Vec<String>> {
        let host = ["--transport-root", text(host)?, "--deployments-root", site::DEPLOYMENTS];
        Ok(["service"].iter().chain(verb).chain(&host).map(|&word| word.to_owned()).collect())
    }

    fn deploy(&self, program: &Path, host: &Path) -> io::Result<Vec<String>> {
        let store = ["--store-root", text(&self.store)?];
        self.words(&[&["deploy", site::STACK, "--file", text(program)?][..], &store].concat(), host)
    }

    fn way(&self, before: Before, words: &[String]) -> Way {
        Way { before, program: self.path.clone(), arguments: words.to_vec() }
    }

    /// Returns a rollback, before which the second generation is made the live one.
    fn rollback(&self, host: &Path) -> io::Result<Way> {
        let forth = self.words(&["set-current", site::STACK, "2"], host)?;
        let before = Before::Done { program: self.path.clone(), arguments: forth };
        Ok(self.way(before, &self.words(&["rollback", site::STACK], host)?))
    }
}

/// Measures 20 files and 5 units: new, changed, unchanged, and back.
fn small(context: &Context<'_>) -> io::Result<Vec<Row>> {
    let kinds = [NEW, CHANGED, SAME, BACK];
    if !kinds.iter().any(|kind| context.wants(*kind)) {
        return Ok(Vec::new());
    }
    let one = site::program(context.scratch.path(), FILES, 1)?;
    let two = site::program(context.scratch.path(), FILES, 2)?;
    let mut ways = Vec::new();
    for program in &context.programs {
        let host = |name: &str| context.host(program, name);
        let (nothing, first, second) = (host("nothing"), host("first"), host("second"));
        site::empty(&nothing)?;
        // The package is built here, and its entry copied to the host with the first deploy.
        if !context.done(program, &program.deploy(&one, &first)?)?
            || !context.done(program, &program.deploy(&one, &second)?)?
            || !context.done(program, &program.deploy(&two, &second)?)?
        {
            break;
        }
        let (fresh, changing) = (host("fresh"), host("changing"));
        let copy = |of: &Path, at: &Path| Before::Afresh { of: of.to_owned(), at: at.to_owned() };
        ways.push(program.way(copy(&nothing, &fresh), &program.deploy(&one, &fresh)?));
        ways.push(program.way(copy(&first, &changing), &program.deploy(&two, &changing)?));
        ways.push(program.way(Before::Nothing, &program.deploy(&one, &first)?));
        ways.push(program.rollback(&second)?);
    }
    let rows = context.rows(&kinds.map(|kind| (kind, FILES)), ways)?;
    Ok(rows.into_iter().filter(|row| context.wants(row.kind)).collect())
}

/// Measures rollbacks between generations that need few or many packages.
fn closures(context: &Context<'_>) -> io::Result<Vec<Row>> {
    if !context.wants(CLOSURE) {
        return Ok(Vec::new());
    }
    let one = site::program(context.scratch.path(), FILES, 1)?;
    let two = site::program(context.scratch.path(), FILES, 2)?;
    let mut ways = Vec::new();
    'programs: for program in &context.programs {
        for packages in CLOSURES {
            let host = context.host(program, &format!("closure-{packages}"));
            for version in [&one, &two] {
                if !context.done(program, &program.deploy(version, &host)?)? {
                    break 'programs;
                }
            }
            site::plant(&host, &program.store, packages)?;
            ways.push(program.rollback(&host)?);
        }
    }
    let mut rows = context.rows(&CLOSURES.map(|packages| (CLOSURE, packages)), ways)?;
    let fewest = rows.first().map(|row| row.ours.wall);
    rows.iter_mut().skip(1).for_each(|row| row.fewest = fewest);
    Ok(rows)
}

/// Measures very many files.
fn many(context: &Context<'_>) -> io::Result<Vec<Row>> {
    let file = site::program(context.scratch.path(), MANY_FILES, 1)?;
    alone(context, MANY, MANY_FILES, &file)
}

/// Measures a very large file.
fn large(context: &Context<'_>) -> io::Result<Vec<Row>> {
    let file = site::large_program(context.scratch.path(), LARGE_BYTES)?;
    alone(context, LARGE, LARGE_BYTES / 1_000_000, &file)
}

/// Measures one deploy to a host on which nothing is.
fn alone(context: &Context<'_>, kind: Kind, n: u64, file: &Path) -> io::Result<Vec<Row>> {
    if !context.wants(kind) {
        return Ok(Vec::new());
    }
    let mut ways = Vec::new();
    for program in &context.programs {
        let (nothing, fresh) = (context.host(program, "nothing"), context.host(program, "fresh"));
        site::empty(&nothing)?;
        // Packages are built before.
        let deploy = program.deploy(file, &fresh)?;
        if !context.done(program, &deploy)? {
            break;
        }
        ways.push(program.way(Before::Afresh { of: nothing, at: fresh }, &deploy));
    }
    context.rows(&[(kind, n)], ways)
}

fn heading(context: &Context<'_>, findings: &mut Findings<'_>) -> io::Result<()> {
    let mut lines = Vec::new();
    for (program, role) in context.programs.iter().zip(["measured", "reference"]) {
        lines.push(format!("{role}: {}", measure::version(&context.scratch, &program.path)?));
    }
    let rounds = context.rounds();
    lines.push(format!("times: middle of {rounds} rounds in turns; what is read was read before"));
    machine::heading(findings, &lines)
}

fn show(context: &Context<'_>, rows: &[Row], findings: &mut Findings<'_>) -> io::Result<()> {
    let compared = context.programs.len() > 1;
    let mut head = vec!["what", "N", "wall ms", "CPU ms", "MB", "exit"];
    if compared {
        head.extend(["ref wall ms", "ref CPU ms", "ref MB", "ref exit", "ref wall ratio"]);
    }
    let mut table = Table::new(2, &head);
    for row in rows {
        let mut cells = vec![row.kind.name.to_owned(), row.n.to_string()];
        cells.extend(columns(&row.ours));
        if compared {
            let nothing = || "-".to_owned();
            cells.extend(row.reference.as_ref().map_or_else(|| std::array::from_fn(|_| nothing()), columns));
            let other = row.reference.as_ref().filter(|reference| reference.last.end.is_success());
            cells.push(other.map_or_else(nothing, |other| format!("{:.0}", ratio(other.wall, row.ours.wall))));
        }
        table.push(cells, Some(row.judge()));
    }
    findings.table(&table)?;
    let failed = rows.iter().filter(|row| !row.ours.last.end.is_success());
    let said: String = failed.map(|row| format!("- {}: `{}`\n", row.kind.name, row.ours.last.said)).collect();
    if said.is_empty() { Ok(()) } else { findings.text(&said) }
}

impl Row {
    fn target(&self) -> String {
        let time = match self.kind.wall_ms {
            u64::MAX => String::new(),
            most => format!("{most} ms wall, "),
        };
        let closure = self.fewest.map(|_| format!("{CLOSURE_RATIO_MAX} × the fewest, "));
        format!("{time}{}{PEAK_MB} MB", closure.unwrap_or_default())
    }

    /// Says of what has a target how much of it there was.
    fn judge(&self) -> Target {
        let wall = self.ours.wall;
        let time = (self.kind.wall_ms != u64::MAX).then(|| format!("{:.1} ms wall, ", wall.as_secs_f64() * 1e3));
        let closure = self.fewest.map(|fewest| format!("{:.1} × the fewest, ", ratio(wall, fewest)));
        let memory = format!("{:.1} MB", self.ours.peak_bytes as f64 / 1e6);
        let found = format!("{}{}{memory}", time.unwrap_or_default(), closure.unwrap_or_default());
        Target { wanted: self.target(), found, met: Some(self.is_met()) }
    }

    fn is_met(&self) -> bool {
        let ours = &self.ours;
        ours.last.end.is_success()
            && ours.peak_bytes < PEAK_MB * 1_000_000
            && ours.wall < Duration::from_millis(self.kind.wall_ms)
            && self.fewest.is_none_or(|fewest| ratio(ours.wall, fewest) <= CLOSURE_RATIO_MAX)
    }
}

fn columns(cost: &Cost) -> [String; 4] {
    let milliseconds = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    let peak = cost.peak_bytes as f64 / 1e6;
    [milliseconds(cost.wall), milliseconds(cost.cpu), format!("{peak:.1}"), cost.last.end.show()]
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    // A link stays one: a program in a virtual environment finds its home through its own name.
    let path = std::path::absolute(path)?;
    std::fs::metadata(&path)
        .map_err(|error| io::Error::other(format!("{}: {error}; build it or say where it is", path.display())))?;
    Ok(path)
}
