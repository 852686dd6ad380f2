//! `hosts`: what deploys to other machines cost, over SSH, beside what others do the same with. The machines are those of the
//! lab: systemd and a real sshd in namespaces of their own, on a bridge of this machine.
//!
//! Each tool has a machine of its own, so that none finds what another left.

mod machine;
mod peers;

use crate::machine as here;
use crate::measure::{self, Scratch};
use crate::service::site;
use crate::turns::{Before, Cost, Way, patient_turns};
use clap::Args;
use machine::{KEY, Machine};
use peers::{Peers, Stack};
use punix_benches::{Findings, Table, Target as Judged};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measure deploys to other machines
///
/// Needs root, and boots machines of the lab. Prints one table. Exits 0 unless a program cannot be started.
#[derive(Debug, Args)]
pub(crate) struct Hosts {
    /// The program to measure [default: the `punix` beside this one]
    #[arg(long, value_name = "PATH")]
    pub(crate) punix: Option<PathBuf>,

    /// Another program with the same command line, to be measured too
    #[arg(long, value_name = "PATH")]
    pub(crate) reference: Option<PathBuf>,

    /// What boots machines
    #[arg(long, value_name = "PATH", default_value = "tests/lab/host.sh")]
    pub(crate) lab: PathBuf,

    /// `ansible-playbook`, to be measured too
    #[arg(long, value_name = "PATH")]
    pub(crate) ansible: Option<PathBuf>,

    /// `pyinfra`, to be measured too
    #[arg(long, value_name = "PATH")]
    pub(crate) pyinfra: Option<PathBuf>,

    /// `deploy` of deploy-rs, to be measured too; needs `nix`
    #[arg(long, value_name = "PATH")]
    pub(crate) deploy_rs: Option<PathBuf>,

    /// Fewer rounds, and one of what takes long
    #[arg(long)]
    pub(crate) quick: bool,

    /// Exit 1 when a target is missed
    #[arg(long)]
    pub(crate) assert: bool,

    /// Measure only the rows whose names hold this
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
}

const FILES: u64 = 20;
const ROUNDS: usize = 9;
const ROUNDS_QUICK: usize = 3;
/// What takes longer in a quick run is done once.
const PATIENCE_QUICK: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(300);
/// What others are compared with.
const OURS: &str = "punix";
/// The machines of a fleet.
const FLEET: u8 = 10;
/// Of a package that is one file, and of one that is many.
const LARGE_BYTES: u64 = 500_000_000;
const SMALL_FILES: u64 = 10_000;
const SMALL_FILES_BYTES: u64 = 20_000_000;

/// What a row of ours has to stay under.
#[derive(Clone, Copy)]
enum Target {
    Free,
    /// So many times what the row before it took, and so many milliseconds.
    Times(f64, u64),
}

/// One thing that is done, by ours first.
struct Section {
    name: &'static str,
    target: Target,
    /// What the target is measured by: the tool of another row of this section.
    beside: &'static str,
    ways: Vec<(&'static str, Way)>,
}

/// One row.
struct Row {
    name: &'static str,
    tool: &'static str,
    cost: Cost,
    /// Of ours: the most that it may take.
    most: Option<Duration>,
    ours: Duration,
}

pub(crate) fn run(options: &Hosts, findings: &mut Findings<'_>) -> io::Result<()> {
    let own = std::env::current_exe()?;
    let punix = options.punix.clone().unwrap_or_else(|| own.with_file_name("punix"));
    let scratch = Scratch::new()?;
    let lab = fs::canonicalize(&options.lab)
        .map_err(|error| io::Error::other(format!("{}: {error}; run it where it is", options.lab.display())))?;
    let bench = Bench { options, punix: fs::canonicalize(punix)?, lab, scratch };
    bench.heading(findings)?;
    let mut rows = Vec::new();
    rows.extend(bench.small()?);
    rows.extend(bench.many()?);
    rows.extend(bench.packages()?);
    show(&rows, findings)
}

/// Everything that stays the same during one bench.
struct Bench<'a> {
    options: &'a Hosts,
    punix: PathBuf,
    lab: PathBuf,
    scratch: Scratch,
}

impl Bench<'_> {
    fn wants(&self, name: &str) -> bool {
        self.options.only.as_ref().is_none_or(|only| name.contains(only))
    }

    fn rounds(&self) -> usize {
        if self.options.quick { ROUNDS_QUICK } else { ROUNDS }
    }

    fn heading(&self, findings: &mut Findings<'_>) -> io::Result<()> {
        let mut lines = vec![format!("measured: {}", measure::version(&self.scratch, &self.punix)?)];
        for peer in self.peers().all() {
            lines.push(format!("{}: {}", peer.name(), measure::version(&self.scratch, peer.program())?));
        }
        let rounds = self.rounds();
        lines.push(format!("times: middle of up to {rounds} rounds in turns; the machines have their disks in memory"));
        here::heading(findings, &lines)
    }

    fn peers(&self) -> Peers<'_> {
        let Hosts { reference, ansible, pyinfra, deploy_rs, .. } = self.options;
        Peers::new(reference.as_deref(), ansible.as_deref(), pyinfra.as_deref()).with_deploy_rs(deploy_rs.as_deref())
    }

    fn boot(&self, number: u8) -> io::Result<Machine> {
        Machine::boot(&self.lab, self.scratch.path(), number)
    }

    fn way(&self, before: Before, words: Vec<String>) -> Way {
        Way { before, program: self.punix.clone(), arguments: words }
    }

    /// Returns the words of a deploy. Packages are in a store of the scratch directory, which the machines do not have.
    fn deploy(&self, machine: &Machine, program: &Path) -> io::Result<Vec<String>> {
        let store = self.scratch.path().join("store");
        let words = ["service", "deploy", site::STACK, "--file", text(program)?, "--store-root", text(&store)?];
        Ok(words.iter().map(|&word| word.to_owned()).chain(machine.reach()).collect())
    }

    fn done(&self, words: &[String]) -> io::Result<()> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let run = measure::run(&self.scratch, &self.punix, &words, DEADLINE)?;
        if run.end.is_success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("`{}`: {}", words.join(" "), run.said)))
        }
    }

    fn measure(&self, sections: Vec<Section>) -> io::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for Section { name, target, beside, ways } in sections.into_iter().filter(|section| self.wants(section.name)) {
            // The table comes at the end, and some of this takes long.
            writeln!(io::stderr(), "{}: {name}", here::date())?;
            let (tools, ways): (Vec<&str>, Vec<Way>) = ways.into_iter().unzip();
            let patience = if self.options.quick { PATIENCE_QUICK } else { Duration::MAX };
            let costs = patient_turns(&self.scratch, self.rounds(), patience, DEADLINE, &ways)?;
            let of = |tool: &str| tools.iter().position(|&one| one == tool).and_then(|at| costs.get(at));
            let most = match target {
                Target::Free => None,
                Target::Times(times, more) => {
                    of(beside).map(|cost| cost.wall.mul_f64(times) + Duration::from_millis(more))
                }
            };
            let ours = costs.first().map(|cost| cost.wall).unwrap_or_default();
            let row = |(at, (tool, cost))| Row { name, tool, cost, most: most.filter(|_| at == 0), ours };
            rows.extend(tools.into_iter().zip(costs).enumerate().map(row));
        }
        Ok(rows)
    }

    /// Measures 20 files and 5 units: new, unchanged, and one file of them changed.
    fn small(&self) -> io::Result<Vec<Row>> {
        let names = ["nothing changed", "one file changed", "first deploy"];
        if !names.iter().any(|name| self.wants(name)) {
            return Ok(Vec::new());
        }
        let one = site::program(self.scratch.path(), FILES, 1)?;
        let other = site::changed(&one)?;
        let machine = self.boot(240)?;
        self.done(&self.deploy(&machine, &one)?)?;
        let peers = self.peers();
        let mut others = Vec::new();
        for (number, peer) in (241..).zip(peers.all()) {
            others.push((peer, self.boot(number)?));
        }
        let stack = |name, program: &Path| -> io::Result<Stack> {
            Ok(Stack { program: program.to_owned(), tree: self.tree(name, program)? })
        };
        let stacks = [stack("one", &one)?, stack("other", &other)?];
        let mut same = vec![(OURS, self.way(Before::Nothing, self.deploy(&machine, &one)?))];
        same.push(("ssh HOST true", machine.bare()));
        let back = Before::Done { program: self.punix.clone(), arguments: self.deploy(&machine, &one)? };
        let mut changed = vec![(OURS, self.way(back, self.deploy(&machine, &other)?))];
        let mut first = vec![(OURS, self.way(machine.emptied(), self.deploy(&machine, &one)?))];
        for (peer, machine) in &others {
            let words = |stack: &Stack| peer.way(self.scratch.path(), machine, stack);
            let once = words(&stacks[0])?;
            same.push((peer.name(), words(&stacks[0])?));
            let back = Before::Done { program: once.program.clone(), arguments: once.arguments.clone() };
            changed.push((peer.name(), Way { before: back, ..words(&stacks[1])? }));
            first.push((peer.name(), Way { before: machine.emptied(), ..once }));
        }
        let section = |name, target, ways| Section { name, target, beside: "ssh HOST true", ways };
        self.measure(vec![
            section(names[2], Target::Free, first),
            section(names[1], Target::Free, changed),
            section(names[0], Target::Times(1.2, 60), same),
        ])
    }

    /// Returns the files of a program as others are given them.
    fn tree(&self, name: &str, program: &Path) -> io::Result<PathBuf> {
        let root = self.scratch.path().join(name);
        let store = self.scratch.path().join("store");
        let words = ["service", "deploy", site::STACK, "--file", text(program)?, "--store-root", text(&store)?];
        let place = ["--transport-root", text(&root)?, "--deployments-root", site::DEPLOYMENTS];
        self.done(&words.iter().chain(&place).map(|&word| word.to_owned()).collect::<Vec<_>>())?;
        Ok(root.join("etc"))
    }

    /// Measures a fleet of ten beside one of one, neither of which has anything new.
    fn many(&self) -> io::Result<Vec<Row>> {
        let name = "ten machines, nothing changed";
        if !self.wants(name) {
            return Ok(Vec::new());
        }
        let machines = (240..240 + FLEET).map(|number| self.boot(number)).collect::<io::Result<Vec<Machine>>>()?;
        let program = site::program(self.scratch.path(), FILES, 1)?;
        let ten = peers::fleet(self.scratch.path(), "ten", &program, &machines)?;
        let one = peers::fleet(self.scratch.path(), "one", &program, machines.get(..1).unwrap_or_default())?;
        let known = peers::known_hosts(self.scratch.path(), &machines)?;
        let words = |file: &Path| -> io::Result<Vec<String>> {
            let store = self.scratch.path().join("store");
            let words = ["fleet", "apply", text(file)?, "--jobs", "10", "--store-root", text(&store)?];
            let reach = ["--known-hosts", text(&known)?, "--key", KEY];
            Ok(words.iter().chain(&reach).map(|&word| word.to_owned()).collect())
        };
        self.done(&words(&ten)?)?;
        let ways = vec![
            ("punix, ten", self.way(Before::Nothing, words(&ten)?)),
            ("punix, one", self.way(Before::Nothing, words(&one)?)),
        ];
        self.measure(vec![Section { name, target: Target::Times(1.6, 0), beside: "punix, one", ways }])
    }

    /// Measures packages that a machine lacks.
    fn packages(&self) -> io::Result<Vec<Row>> {
        let names = ["a package of 500 MB", "a package of 10000 files"];
        if !names.iter().any(|name| self.wants(name)) {
            return Ok(Vec::new());
        }
        let mut sections = Vec::new();
        let machines = [self.boot(240)?, self.boot(241)?];
        for (name, bytes, files) in [(names[0], LARGE_BYTES, 1), (names[1], SMALL_FILES_BYTES, SMALL_FILES)] {
            if !self.wants(name) {
                continue;
            }
            let program = site::package(self.scratch.path(), bytes, files)?;
            // Built before, and what else a first deploy brings is there.
            self.done(&self.deploy(&machines[0], &program)?)?;
            let entry = site::entry(&self.scratch.path().join("store"), &format!("content-{files}"))?;
            let lacking = |machine: &Machine| machine.without(&self.scratch.path().join("store"));
            let ours = self.way(lacking(&machines[0]), self.deploy(&machines[0], &program)?);
            let theirs = peers::copy(&machines[1], &entry, lacking(&machines[1]))?;
            let ways = vec![(OURS, ours), ("rsync", theirs)];
            sections.push(Section { name, target: Target::Times(1.3, 0), beside: "rsync", ways });
        }
        self.measure(sections)
    }
}

fn show(rows: &[Row], findings: &mut Findings<'_>) -> io::Result<()> {
    let mut table = Table::new(2, &["what", "with", "wall ms", "CPU ms", "MB", "exit", "rounds", "times ours"]);
    let milliseconds = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e3);
    for row in rows {
        let succeeds = row.cost.last.end.is_success();
        let target = row.most.map(|most| Judged {
            wanted: format!("{} ms", milliseconds(most)),
            found: format!("{} ms", milliseconds(row.cost.wall)),
            met: Some(row.cost.wall <= most && succeeds),
        });
        let cells = vec![
            row.name.to_owned(),
            row.tool.to_owned(),
            milliseconds(row.cost.wall),
            milliseconds(row.cost.cpu),
            format!("{:.1}", row.cost.peak_bytes as f64 / 1e6),
            row.cost.last.end.show(),
            row.cost.rounds.to_string(),
            // What failed was not slower or faster.
            if succeeds {
                format!("{:.2}", row.cost.wall.as_secs_f64() / row.ours.as_secs_f64())
            } else {
                "-".to_owned()
            },
        ];
        table.push(cells, target);
    }
    findings.table(&table)?;
    findings.text("The same beside each other, in milliseconds on the clock:")?;
    findings.brief(&beside(rows))?;
    let failed = rows.iter().filter(|row| !row.cost.last.end.is_success());
    let said: String = failed.map(|row| format!("- {}, {}: `{}`\n", row.name, row.tool, row.cost.last.said)).collect();
    if said.is_empty() { Ok(()) } else { findings.text(&said) }
}

/// Draws a column for each tool, as far as `punix` itself is one.
fn beside(rows: &[Row]) -> Table {
    let ours = rows.iter().filter(|row| row.tool == OURS).map(|row| row.name);
    let names: Vec<&str> = ours.collect();
    let compared = || rows.iter().filter(|row| names.contains(&row.name));
    let mut tools: Vec<&str> = Vec::new();
    for row in compared() {
        if !tools.contains(&row.tool) {
            tools.push(row.tool);
        }
    }
    let mut table = Table::new(1, &[&["what"], &tools[..]].concat());
    for name in &names {
        let cell = |tool: &&str| match compared().find(|row| row.name == *name && row.tool == *tool) {
            Some(row) if row.cost.last.end.is_success() => format!("{:.0}", row.cost.wall.as_secs_f64() * 1e3),
            Some(_) => "failed".to_owned(),
            None => "-".to_owned(),
        };
        table.push(std::iter::once((*name).to_owned()).chain(tools.iter().map(cell)).collect(), None);
    }
    table
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))
}
