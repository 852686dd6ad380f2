//! `store`: what builds cost beyond what they run, what a build costs of which all is there, adding trees, collecting.

mod child;
mod inputs;

pub(crate) use child::{Add, Scripts, add, run_scripts};

use crate::machine;
use crate::measure::{self, MemoryLimit, Scratch};
use crate::turns::{Before, Cost, Way, turns};
use clap::Args;
use inputs::Packages;
use punix_benches::{Findings, Table, Target as Judged};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measure builds and the store
///
/// Prints one table: time and memory, beside plain tools that do the same work. Exits 0 unless a program cannot be
/// started.
#[derive(Debug, Args)]
pub(crate) struct Store {
    /// The program to measure [default: the `punix` beside this one]
    #[arg(long, value_name = "PATH")]
    pub(crate) punix: Option<PathBuf>,

    /// Another program with the same command line, measured in turns
    #[arg(long, value_name = "PATH")]
    pub(crate) reference: Option<PathBuf>,

    /// A tenth of the sizes, and fewer rounds; targets are for the whole sizes
    #[arg(long)]
    pub(crate) quick: bool,

    /// Exit 1 when a target is missed
    #[arg(long)]
    pub(crate) assert: bool,

    /// Measure only the rows whose names hold this
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
}

/// What something may cost. Ratios are to the plain tools in the same row.
#[derive(Clone, Copy, Default)]
struct Target {
    cpu_ms: Option<u64>,
    wall_ms: Option<u64>,
    cpu_ratio: Option<f64>,
    wall_ratio: Option<f64>,
}

/// Peak memory of everything here.
const PEAK_MB: u64 = 64;
const CACHED: Target = Target { cpu_ms: Some(50), wall_ms: None, cpu_ratio: None, wall_ratio: None };
const COLD: Target = Target { cpu_ms: None, wall_ms: None, cpu_ratio: None, wall_ratio: Some(1.3) };
const ADD: Target = Target { cpu_ms: None, wall_ms: None, cpu_ratio: Some(1.5), wall_ratio: Some(1.5) };
const COLLECT: Target = Target { cpu_ms: None, wall_ms: Some(1_000), cpu_ratio: None, wall_ratio: None };

const CACHED_PACKAGES: u64 = 1_000;
const COLD_PACKAGES: u64 = 100;
const JOBS: &str = "2";
const MANY_FILES: u64 = 10_000;
const MANY_FILES_BYTES_EACH: u64 = 4_000;
const LARGE_FILES: u64 = 100;
const LARGE_FILES_BYTES_EACH: u64 = 5_000_000;
const ROUNDS: usize = 5;
const ROUNDS_QUICK: usize = 3;
const DEADLINE: Duration = Duration::from_secs(300);
/// For building what is needed first, which is not measured.
const PREPARATION_DEADLINE: Duration = Duration::from_secs(600);

/// Everything that stays the same during one bench.
struct Context<'a> {
    options: &'a Store,
    scratch: Scratch,
    punix: PathBuf,
    reference: Option<PathBuf>,
    /// This program, for what has no verb.
    own: PathBuf,
}

/// One row: the thing itself, plain tools that do the same, and the reference.
struct Row {
    name: &'static str,
    n: u64,
    target: Target,
    ours: Cost,
    plain: Option<Cost>,
    reference: Option<Cost>,
}

pub(crate) fn run(options: &Store, findings: &mut Findings<'_>) -> io::Result<()> {
    let own = std::env::current_exe()?;
    let punix = options.punix.clone().unwrap_or_else(|| own.with_file_name("punix"));
    let reference = options.reference.as_deref().map(absolute).transpose()?;
    let context = Context { options, scratch: Scratch::new()?, punix: absolute(&punix)?, reference, own };
    let _limit = MemoryLimit::new()?;
    heading(&context, findings)?;

    let mut rows = Vec::new();
    if context.wants(&[CACHED_ROW, COLLECT_ROW]) {
        rows.extend(of_many_packages(&context)?);
    }
    if context.wants(&[COLD_ROW, BARE_ROW]) {
        rows.extend(cold(&context)?);
    }
    for (name, files, bytes_each) in ADD_ROWS {
        if context.wants(&[name]) {
            rows.push(adding(&context, name, files, bytes_each)?);
        }
    }
    show(&context, &rows, findings)
}

const CACHED_ROW: &str = "build, all there";
const COLLECT_ROW: &str = "store gc, all dead";
const COLD_ROW: &str = "build, nothing there";
const BARE_ROW: &str = "the same, --no-sandbox";
const ADD_ROWS: [(&str, u64, u64); 2] =
    [("add 10 000 files", MANY_FILES, MANY_FILES_BYTES_EACH), ("add 500 MB", LARGE_FILES, LARGE_FILES_BYTES_EACH)];

impl Context<'_> {
    fn wants(&self, names: &[&str]) -> bool {
        self.options.only.as_ref().is_none_or(|only| names.iter().any(|name| name.contains(only)))
    }

    fn size(&self, whole: u64) -> u64 {
        if self.options.quick { whole / 10 } else { whole }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn turns(&self, ways: &[Way]) -> io::Result<Vec<Cost>> {
        turns(&self.scratch, rounds(self.options), DEADLINE, ways)
    }

    /// Ours and, if there is one, the reference, each with a store of its own.
    fn programs(&self) -> impl Iterator<Item = (&Path, &'static str)> {
        std::iter::once(self.punix.as_path()).chain(self.reference.as_deref()).zip(["ours", "theirs"])
    }
}

/// Measures a build of which all is there, and a collection of which nothing is needed.
fn of_many_packages(context: &Context<'_>) -> io::Result<Vec<Row>> {
    let packages = inputs::small_packages(context.scratch.path(), context.size(CACHED_PACKAGES))?;
    let program = text(&packages.program)?;
    let mut cached = Vec::new();
    let mut collecting = Vec::new();
    for (punix, store) in context.programs() {
        let (root, copy) = (context.path(store), context.path(&format!("{store}-copy")));
        let build = ["build", program, "--store-root", text(&root)?];
        // Which entries there are does not depend on how they are built.
        let quickly: &[&str] = if store == "ours" { &["--no-sandbox"] } else { &[] };
        let built = measure::run(&context.scratch, punix, &[&build, quickly].concat(), PREPARATION_DEADLINE)?;
        match (built.end.is_success(), store) {
            (true, _) => {}
            // Its columns stay empty.
            (false, "theirs") => break,
            (false, _) => return Err(io::Error::other(format!("{program} was not built: {}", built.said))),
        }
        cached.push(Way::new(Before::Nothing, punix, &build));
        let gc = ["store", "gc", "--store-root", text(&copy)?];
        collecting.push(Way::new(Before::Copy { of: root, at: copy.clone() }, punix, &gc));
    }
    let row = |name, target, costs: Vec<Cost>| -> io::Result<Row> {
        let mut costs = costs.into_iter();
        let ours = costs.next().ok_or_else(nothing)?;
        Ok(Row { name, n: packages.count, target, ours, plain: None, reference: costs.next() })
    };
    let rows = vec![
        row(CACHED_ROW, CACHED, context.turns(&cached)?)?,
        row(COLLECT_ROW, COLLECT, context.turns(&collecting)?)?,
    ];
    for (_, store) in context.programs() {
        measure::remove(&context.path(store))?;
    }
    Ok(rows)
}

/// Measures builds of which nothing is there, in a sandbox and without one, beside the same scripts run by `bash`.
fn cold(context: &Context<'_>) -> io::Result<Vec<Row>> {
    let scripts = context.path("scripts");
    fs::create_dir(&scripts)?;
    let packages = inputs::busy_packages(context.scratch.path(), &scripts, context.size(COLD_PACKAGES))?;
    let Packages { program, count } = &packages;
    let store = |name: &str| context.path(name);
    let (ours, bare, plain, theirs) = (store("cold"), store("cold-bare"), store("cold-plain"), store("cold-theirs"));
    let build = ["build", text(program)?, "--store-root"];
    let ways = |root: &Path, more: &[&str]| -> io::Result<Way> {
        let arguments = [&build, &[text(root)?][..], &["--jobs", JOBS], more].concat();
        Ok(Way::new(Before::Absent(root.to_owned()), &context.punix, &arguments))
    };
    let number = count.to_string();
    let scripts = ["scripts", text(&scripts)?, &number, text(&plain)?];
    let scripts = || Way::new(Before::Absent(plain.clone()), &context.own, &scripts);
    let mut all = vec![ways(&ours, &[])?, scripts(), ways(&bare, &["--no-sandbox"])?, scripts()];
    if let Some(reference) = &context.reference {
        let arguments = [&build, &[text(&theirs)?][..]].concat();
        all.push(Way::new(Before::Absent(theirs.clone()), reference, &arguments));
    }
    let mut costs = context.turns(&all)?.into_iter();
    let mut next = || costs.next().ok_or_else(nothing);
    let (ours, plain, bare, plain_again) = (next()?, next()?, next()?, next()?);
    Ok(vec![
        Row { name: COLD_ROW, n: *count, target: COLD, ours, plain: Some(plain), reference: next().ok() },
        Row {
            name: BARE_ROW,
            n: *count,
            target: Target::default(),
            ours: bare,
            plain: Some(plain_again),
            reference: None,
        },
    ])
}

/// Measures adding a tree, beside copying it and computing the digests of its files.
fn adding(context: &Context<'_>, name: &'static str, files: u64, bytes_each: u64) -> io::Result<Row> {
    let (tree, store, plain) = (context.path("tree"), context.path("added"), context.path("copied"));
    let files = context.size(files);
    inputs::tree(&tree, files, bytes_each)?;
    let (from, to) = (text(&tree)?, text(&plain)?);
    let tools = format!("cp -a '{from}' '{to}' && find '{to}' -type f -print0 | xargs -0 sha256sum > '{to}.sums'");
    let ways = [
        Way::new(Before::Absent(store.clone()), &context.own, &["add", from, text(&store)?]),
        Way::new(Before::Absent(plain.clone()), Path::new("/bin/sh"), &["-c", &tools]),
    ];
    let mut costs = context.turns(&ways)?.into_iter();
    let mut next = || costs.next().ok_or_else(nothing);
    let (ours, plain) = (next()?, next()?);
    measure::remove(&tree)?;
    Ok(Row { name, n: files, target: ADD, ours, plain: Some(plain), reference: None })
}

fn heading(context: &Context<'_>, findings: &mut Findings<'_>) -> io::Result<()> {
    let mut lines = Vec::new();
    for ((program, _), role) in context.programs().zip(["measured", "reference"]) {
        lines.push(format!("{role}: {}", measure::version(&context.scratch, program)?));
    }
    let rounds = rounds(context.options);
    lines.push(format!("times: middle of {rounds} rounds in turns; what is read was read before"));
    machine::heading(findings, &lines)
}

fn show(context: &Context<'_>, rows: &[Row], findings: &mut Findings<'_>) -> io::Result<()> {
    let mut head = vec!["what", "N", "wall ms", "CPU ms", "MB", "exit"];
    head.extend(["plain wall ms", "plain CPU ms", "wall ratio", "CPU ratio"]);
    let compared = context.reference.is_some();
    if compared {
        head.extend(["ref wall ms", "ref CPU ms", "ref MB", "ref exit", "ref wall ratio"]);
    }
    let mut table = Table::new(2, &head);
    for row in rows {
        let mut cells = vec![row.name.to_owned(), row.n.to_string()];
        cells.extend(columns(&row.ours));
        let plain = row.plain.as_ref();
        let cell = |text: Option<String>| text.unwrap_or_default();
        cells.push(cell(plain.map(|plain| milliseconds(plain.wall))));
        cells.push(cell(plain.map(|plain| milliseconds(plain.cpu))));
        cells.push(cell(plain.map(|plain| format!("{:.2}", ratio(row.ours.wall, plain.wall)))));
        cells.push(cell(plain.map(|plain| format!("{:.2}", ratio(row.ours.cpu, plain.cpu)))));
        if compared {
            cells.extend(row.reference.as_ref().map_or_else(Default::default, columns));
            let reference = row.reference.as_ref().filter(|reference| reference.last.end.is_success());
            cells.push(cell(reference.map(|reference| format!("{:.0}", ratio(reference.wall, row.ours.wall)))));
        }
        let mut target = row.target.judge(row);
        // It is for the whole size.
        target.met = target.met.filter(|_| !context.options.quick);
        table.push(cells, Some(target));
    }
    findings.table(&table)?;
    // What a build says is known; an addition says what took how long.
    let telling = |row: &&Row| !row.ours.last.end.is_success() || ADD_ROWS.iter().any(|(name, ..)| *name == row.name);
    let said: String =
        rows.iter().filter(telling).map(|row| format!("- {}: `{}`\n", row.name, row.ours.last.said)).collect();
    if said.is_empty() {
        return Ok(());
    }
    findings.text("What they said last:")?;
    findings.text(&said)
}

impl Target {
    fn show(self) -> String {
        let times = [(self.cpu_ms, "CPU"), (self.wall_ms, "wall")];
        let ratios = [(self.cpu_ratio, "CPU"), (self.wall_ratio, "wall")];
        let times = times.into_iter().filter_map(|(most, what)| Some(format!("{} ms {what}, ", most?)));
        let ratios = ratios.into_iter().filter_map(|(most, what)| Some(format!("{} × {what}, ", most?)));
        times.chain(ratios).chain([format!("{PEAK_MB} MB")]).collect()
    }

    /// Says of what has a target how much of it there was.
    fn judge(self, row: &Row) -> Judged {
        let ours = &row.ours;
        let plain = row.plain.as_ref();
        let times = [(self.cpu_ms, ours.cpu, "CPU"), (self.wall_ms, ours.wall, "wall")];
        let times = times
            .into_iter()
            .filter_map(|(most, time, what)| most.map(|_| format!("{} ms {what}", milliseconds(time))));
        let ratios = [
            (self.cpu_ratio, plain.map(|plain| ratio(ours.cpu, plain.cpu)), "CPU"),
            (self.wall_ratio, plain.map(|plain| ratio(ours.wall, plain.wall)), "wall"),
        ];
        let ratios = ratios
            .into_iter()
            .filter_map(|(most, ratio, what)| most.and(ratio).map(|ratio| format!("{ratio:.2} × {what}")));
        let memory = format!("{:.1} MB", ours.peak_bytes as f64 / 1e6);
        let found: Vec<String> = times.chain(ratios).chain([memory]).collect();
        Judged { wanted: self.show(), found: found.join(", "), met: Some(self.is_met(row)) }
    }

    fn is_met(self, row: &Row) -> bool {
        let ours = &row.ours;
        let within = |time: Duration, most: Option<u64>| most.is_none_or(|most| time < Duration::from_millis(most));
        let below = |of: fn(&Cost) -> Duration, most: Option<f64>| match (most, &row.plain) {
            (Some(most), Some(plain)) => ratio(of(ours), of(plain)) <= most,
            (Some(_), None) => false,
            (None, _) => true,
        };
        ours.last.end.is_success()
            && ours.peak_bytes < PEAK_MB * 1_000_000
            && within(ours.cpu, self.cpu_ms)
            && within(ours.wall, self.wall_ms)
            && below(|cost| cost.cpu, self.cpu_ratio)
            && below(|cost| cost.wall, self.wall_ratio)
    }
}

fn columns(cost: &Cost) -> [String; 4] {
    let peak = cost.peak_bytes as f64 / 1e6;
    [milliseconds(cost.wall), milliseconds(cost.cpu), format!("{peak:.1}"), cost.last.end.show()]
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn rounds(options: &Store) -> usize {
    if options.quick { ROUNDS_QUICK } else { ROUNDS }
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    // A link stays one: a program in a virtual environment finds its home through its own name.
    let path = std::path::absolute(path)?;
    fs::metadata(&path)
        .map_err(|error| io::Error::other(format!("{}: {error}; build it or say where it is", path.display())))?;
    Ok(path)
}

fn nothing() -> io::Error {
    io::Error::other("nothing was measured")
}
