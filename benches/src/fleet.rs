//! `fleet`: what deploying many hosts costs on this machine, all of them directories. How much of it is done at the same time
//! shows beside one host at a time.

use crate::machine;
use crate::measure::{self, MemoryLimit, Scratch};
use crate::turns::{Before, Cost, Way, turns};
use clap::Args;
use punix_benches::{Findings, Table, Target};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measure deploys of fleets
///
/// Prints one table: time and memory. Exits 0 unless a program cannot be started.
#[derive(Debug, Args)]
pub(crate) struct Fleet {
    /// The program to measure [default: the `punix` beside this one]
    #[arg(long, value_name = "PATH")]
    pub(crate) punix: Option<PathBuf>,

    /// Another program with the same command line, measured in turns
    #[arg(long, value_name = "PATH")]
    pub(crate) reference: Option<PathBuf>,

    /// One fleet of so many hosts, deployed, looked at and deployed again, with what each host costs
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["quick", "assert", "reference"])]
    pub(crate) hosts: Option<usize>,

    /// Fewer hosts and rounds
    #[arg(long)]
    pub(crate) quick: bool,

    /// Exit 1 when a target is missed
    #[arg(long)]
    pub(crate) assert: bool,
}

/// Hosts of each fleet, with the peak of memory that it may have.
const SIZES: [(usize, u64); 2] = [(200, 150), (1_000, 400)];
/// How much longer all of it may take than one host at a time would on so many cores as there are.
const PARALLEL_RATIO_MAX: f64 = 2.2;
const ROUNDS: usize = 3;
const DEADLINE: Duration = Duration::from_secs(1_200);
/// Files of each host.
const FILES: usize = 3;

/// One fleet, deployed by one program: all at once, and one host at a time.
struct Row {
    hosts: usize,
    peak_mb: u64,
    at_once: Cost,
    /// Nothing for the reference, which knows no other way.
    in_turn: Option<Cost>,
    reference: Option<Cost>,
}

pub(crate) fn run(options: &Fleet, findings: &mut Findings<'_>) -> io::Result<()> {
    let own = std::env::current_exe()?;
    let punix = options.punix.clone().unwrap_or_else(|| own.with_file_name("punix"));
    let punix = std::path::absolute(punix)?;
    let reference = options.reference.as_deref().map(std::path::absolute).transpose()?;
    let scratch = Scratch::new()?;
    let _limit = MemoryLimit::new()?;
    let mut lines = vec![format!("measured: {}", measure::version(&scratch, &punix)?)];
    if let Some(reference) = &reference {
        lines.push(format!("reference: {}", measure::version(&scratch, reference)?));
    }
    if let Some(hosts) = options.hosts {
        lines.push(format!("{hosts} hosts, once"));
        machine::heading(findings, &lines)?;
        return alone(&scratch, &punix, hosts, findings);
    }
    let rounds = if options.quick { 1 } else { ROUNDS };
    let times = if options.quick { "of one round".to_owned() } else { format!("middle of {rounds} rounds in turns") };
    lines.push(format!("times: {times}, to hosts on which nothing is"));
    machine::heading(findings, &lines)?;
    let sizes = if options.quick { &SIZES[..1] } else { &SIZES[..] };
    let mut rows = Vec::new();
    for &(hosts, peak_mb) in sizes {
        rows.push(measured(&scratch, &punix, reference.as_deref(), (hosts, peak_mb), rounds)?);
    }
    show(&rows, reference.is_some(), findings)
}

fn measured(
    scratch: &Scratch,
    punix: &Path,
    reference: Option<&Path>,
    (hosts, peak_mb): (usize, u64),
    rounds: usize,
) -> io::Result<Row> {
    let directory = scratch.path().join(format!("fleet-{hosts}"));
    let fleet = write(&directory, hosts)?;
    let nothing = directory.join("nothing");
    fs::create_dir_all(&nothing)?;
    let way = |program: &Path, name: &str, more: &[&str]| -> io::Result<Way> {
        let at = directory.join(name);
        let words = ["fleet", "apply", text(&fleet)?, "--transport-root", text(&at)?, "--deployments-root", "/deploy"];
        let store = ["--store-root", text(scratch.path())?];
        let words = [&words[..], &store, more].concat();
        Ok(Way::new(Before::Afresh { of: nothing.clone(), at: at.clone() }, program, &words))
    };
    let mut ways = vec![way(punix, "at-once", &[])?, way(punix, "in-turn", &["--jobs", "1"])?];
    if let Some(reference) = reference {
        ways.push(way(reference, "theirs", &[])?);
    }
    let mut costs = turns(scratch, rounds, DEADLINE, &ways)?.into_iter();
    let at_once = costs.next().ok_or_else(|| io::Error::other("nothing was measured"))?;
    Ok(Row { hosts, peak_mb, at_once, in_turn: costs.next(), reference: costs.next() })
}

/// Measures what is done with one fleet, once each: a deploy to hosts on which nothing is, one that changes nothing, and a look.
fn alone(scratch: &Scratch, punix: &Path, hosts: usize, findings: &mut Findings<'_>) -> io::Result<()> {
    let directory = scratch.path().join("fleet");
    let fleet = write(&directory, hosts)?;
    let at = directory.join("at");
    let mut table =
        Table::new(1, &["what", "wall s", "CPU s", "MB", "exit", "wall ms a host", "CPU ms a host", "kB a host"]);
    for (what, verb) in [("deploy", "apply"), ("nothing to do", "apply"), ("look", "status")] {
        let mut words = vec!["fleet", verb, text(&fleet)?];
        words.extend(["--transport-root", text(&at)?, "--deployments-root", "/deploy"]);
        if verb == "apply" {
            words.extend(["--store-root", text(scratch.path())?]);
        }
        let run = measure::run(scratch, punix, &words, DEADLINE)?;
        let each = |amount: f64| format!("{:.2}", amount / hosts.max(1) as f64);
        let cells = vec![
            what.to_owned(),
            format!("{:.1}", run.wall.as_secs_f64()),
            format!("{:.1}", run.cpu.as_secs_f64()),
            format!("{:.0}", run.peak_bytes as f64 / 1e6),
            run.end.show(),
            each(run.wall.as_secs_f64() * 1e3),
            each(run.cpu.as_secs_f64() * 1e3),
            each(run.peak_bytes as f64 / 1e3),
        ];
        table.push(cells, None);
    }
    findings.table(&table)
}

/// Writes a fleet, each host with a program of its own.
fn write(directory: &Path, hosts: usize) -> io::Result<PathBuf> {
    fs::create_dir_all(directory.join("hosts"))?;
    let path = directory.join("fleet.pcl");
    let mut out = BufWriter::new(File::create(&path)?);
    writeln!(out, "module Fleet {{\n  hosts = [")?;
    for host in 0..hosts {
        let comma = if host + 1 < hosts { "," } else { "" };
        writeln!(
            out,
            "    {{ file = \"hosts/h{host}.pcl\" stack = \"H{host}\" target = \"ssh://op@h{host}\" }}{comma}"
        )?;
        let mut program = BufWriter::new(File::create(directory.join(format!("hosts/h{host}.pcl")))?);
        writeln!(program, "module H{host} {{\n  backend = \"systemd\"\n  configFiles = [")?;
        for file in 0..FILES {
            let comma = if file + 1 < FILES { "," } else { "" };
            writeln!(program, "    {{ path = \"/etc/app/{file}.conf\" content = \"host = {host}\\n\" }}{comma}")?;
        }
        writeln!(program, "  ]\n}}")?;
        program.flush()?;
    }
    writeln!(out, "  ]\n}}")?;
    out.flush()?;
    Ok(path)
}

fn show(rows: &[Row], compared: bool, findings: &mut Findings<'_>) -> io::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut head = vec!["hosts", "wall ms", "CPU ms", "MB", "exit", "one at a time, wall ms"];
    if compared {
        head.extend(["ref wall ms", "ref CPU ms", "ref MB", "ref exit", "ref wall ratio"]);
    }
    let mut table = Table::new(1, &head);
    for row in rows {
        let in_turn = row.in_turn.as_ref().map_or(Duration::MAX, |cost| cost.wall);
        let most = in_turn.div_f64(cores as f64).mul_f64(PARALLEL_RATIO_MAX);
        let is_met = row.at_once.last.end.is_success()
            && row.at_once.wall <= most
            && row.at_once.peak_bytes <= row.peak_mb * 1_000_000;
        let mut cells = vec![row.hosts.to_string()];
        cells.extend(columns(&row.at_once));
        cells.push(milliseconds(in_turn));
        if compared {
            let nothing = || std::array::from_fn(|_| "-".to_owned());
            cells.extend(row.reference.as_ref().map_or_else(nothing, columns));
            let ratio = row.reference.as_ref().filter(|other| other.last.end.is_success());
            let ratio = ratio.map(|other| other.wall.as_secs_f64() / row.at_once.wall.as_secs_f64());
            cells.push(ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1}")));
        }
        let peak = row.at_once.peak_bytes as f64 / 1e6;
        let target = Target {
            wanted: format!("{} ms, {} MB", milliseconds(most), row.peak_mb),
            found: format!("{} ms, {peak:.1} MB", milliseconds(row.at_once.wall)),
            met: Some(is_met),
        };
        table.push(cells, Some(target));
    }
    findings.table(&table)?;
    let failed = rows.iter().filter(|row| !row.at_once.last.end.is_success());
    let said: String = failed.map(|row| format!("- {} hosts: `{}`\n", row.hosts, row.at_once.last.said)).collect();
    if said.is_empty() { Ok(()) } else { findings.text(&said) }
}

fn columns(cost: &Cost) -> [String; 4] {
    let peak = cost.peak_bytes as f64 / 1e6;
    [milliseconds(cost.wall), milliseconds(cost.cpu), format!("{peak:.1}"), cost.last.end.show()]
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other("a path is no text"))
}
