//! `report`: runs all benches, with the peers that are there, and writes the page of what they found.

use crate::measure::{self, Scratch};
use crate::{fleet, hosts, machine, measured, pcl, plugins, service, store};
use clap::{Args, ValueEnum};
use punix_benches::{Findings, Page, Section, replaced, without};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Run all benches and write docs/benchmarks.md
///
/// Peers are looked for in PATH. A bench that cannot run here is named on the page, with the reason. Exits 0 unless the page
/// cannot be written.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The program to measure [default: the `punix` beside this one]
    #[arg(long, value_name = "PATH")]
    punix: Option<PathBuf>,

    /// Another program with the same command line, measured in turns [default: what PUNIX_REFERENCE says]
    #[arg(long, value_name = "PATH")]
    reference: Option<PathBuf>,

    /// `ansible-playbook` [default: that of PATH]
    #[arg(long, value_name = "PATH")]
    ansible: Option<PathBuf>,

    /// `pyinfra` [default: that of PATH]
    #[arg(long, value_name = "PATH")]
    pyinfra: Option<PathBuf>,

    /// `deploy` of deploy-rs, which needs `nix` [default: that of PATH]
    #[arg(long, value_name = "PATH")]
    deploy_rs: Option<PathBuf>,

    /// A sealed build of the program, whose size is told too
    #[arg(long, value_name = "PATH")]
    sealed: Option<PathBuf>,

    /// What boots machines
    #[arg(long, value_name = "PATH", default_value = "tests/lab/host.sh")]
    lab: PathBuf,

    /// Run only these; what the page says of the others stays
    #[arg(long, value_name = "BENCHES", value_delimiter = ',')]
    only: Vec<Name>,

    /// What `--quick` is to each bench
    #[arg(long)]
    quick: bool,

    /// Exit 1 when a target is missed by what ran
    #[arg(long)]
    assert: bool,

    /// The page
    #[arg(long, value_name = "PATH", default_value = "docs/benchmarks.md")]
    output: PathBuf,

    /// A page that has a place for the short table of `hosts`, which is put there
    #[arg(long, value_name = "PATH")]
    readme: Option<PathBuf>,
}

/// The benches, in the order of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    Pcl,
    Store,
    Plugins,
    Service,
    Fleet,
    Hosts,
}

impl Name {
    fn word(self) -> &'static str {
        match self {
            Name::Pcl => "pcl",
            Name::Store => "store",
            Name::Plugins => "plugins",
            Name::Service => "service",
            Name::Fleet => "fleet",
            Name::Hosts => "hosts",
        }
    }

    /// Says what is measured.
    fn about(self) -> &'static str {
        match self {
            Name::Pcl => {
                "Checking large programs, whether the work grows with them and no faster, and what would grow without end."
            }
            Name::Store => "Building, adding to the store and collecting, beside plain tools that do the same.",
            Name::Plugins => "Loading and calling plugins, and how large the binaries are that carry them.",
            Name::Service => {
                "Deploys and rollbacks of 20 files and 5 units on this machine, as whole processes, with all of it durable."
            }
            Name::Fleet => {
                "Deploys of many hosts, all of them directories, as many at the same time as there are jobs."
            }
            Name::Hosts => {
                "Deploys of 20 files and 5 units to other machines over SSH, beside others that lay down the same files. The machines \
                 are on this one, with systemd and sshd of their own."
            }
        }
    }
}

/// What is compared with, as far as it is there.
struct Peers {
    punix: PathBuf,
    reference: Option<PathBuf>,
    rsync: Option<PathBuf>,
    ansible: Option<PathBuf>,
    pyinfra: Option<PathBuf>,
    deploy_rs: Option<PathBuf>,
}

pub(crate) fn run(options: &Report, out: &mut dyn Write) -> io::Result<ExitCode> {
    let peers = find(options)?;
    let names: Vec<&str> = Name::value_variants().iter().map(|name| name.word()).collect();
    let wanted = |name: &&Name| options.only.is_empty() || options.only.contains(name);
    let wanted: Vec<Name> = Name::value_variants().iter().filter(wanted).copied().collect();
    let mut page = match fs::read_to_string(&options.output) {
        Ok(text) => Page::parse(&text, &names),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Page::default(),
        Err(error) => return Err(about(&options.output, &error)),
    };
    let start = format!("date: {}; load average at the start: {}", machine::date(), machine::load());
    let mut fails = false;
    for &name in &wanted {
        writeln!(out, "\n## {}\n", name.word())?;
        let mut findings = Findings::new(out);
        findings.text(name.about())?;
        let ran = measured(&mut findings, |findings| bench(name, options, &peers, findings));
        let mut missed = findings.missed().to_vec();
        if let Err(error) = ran {
            // What was found before stays.
            findings.text(&format!("Not measured to its end: {error}."))?;
            missed.push(format!("not measured to its end: {error}"));
        }
        if let (Some(readme), Some(block)) = (&options.readme, findings.in_brief()) {
            put_in(readme, name, block)?;
        }
        fails |= !missed.is_empty();
        let missed = missed.iter().map(|line| without_places(line)).collect();
        page.put(name.word(), Section { missed, text: without_places(findings.markdown()) });
        // Written after each: what comes next may be interrupted.
        let head = without_places(&head(options, &peers, &wanted, &start)?);
        fs::write(&options.output, page.render(&head, &names)).map_err(|error| about(&options.output, &error))?;
    }
    writeln!(out, "\nwrote {}", options.output.display())?;
    Ok(if options.assert && fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn bench(name: Name, options: &Report, peers: &Peers, findings: &mut Findings<'_>) -> io::Result<()> {
    let (punix, reference) = (Some(peers.punix.clone()), peers.reference.clone());
    let (quick, assert, only) = (options.quick, false, None);
    match name {
        Name::Pcl => pcl::run(&pcl::Pcl { punix, reference, quick, assert }, findings),
        Name::Store => store::run(&store::Store { punix, reference, quick, assert, only }, findings),
        Name::Plugins => {
            let sealed = options.sealed.clone();
            plugins::run(&plugins::Plugins { punix, sealed, quick, assert }, findings)
        }
        Name::Service => service::run(&service::Service { punix, reference, quick, assert, only }, findings),
        Name::Fleet => fleet::run(&fleet::Fleet { punix, reference, hosts: None, quick, assert }, findings),
        Name::Hosts => {
            if peers.rsync.is_none() {
                return Err(io::Error::other("there is no `rsync`"));
            }
            let (lab, deploy_rs) = (options.lab.clone(), peers.deploy_rs.clone());
            let (ansible, pyinfra) = (peers.ansible.clone(), peers.pyinfra.clone());
            hosts::run(
                &hosts::Hosts { punix, reference, lab, ansible, pyinfra, deploy_rs, quick, assert, only },
                findings,
            )
        }
    }
}

/// Puts a table where a page has a place for it.
fn put_in(page: &Path, name: Name, block: &str) -> io::Result<()> {
    let text = fs::read_to_string(page).map_err(|error| about(page, &error))?;
    let day = machine::date();
    let day = day.split(' ').next().unwrap_or_default();
    let block = format!("{block}\nMeasured on {day}: {}; load average {}.", machine::kind(), machine::load());
    let text = replaced(&text, name.word(), &block)
        .ok_or_else(|| io::Error::other(format!("{} has no place for `{}`", page.display(), name.word())))?;
    fs::write(page, text).map_err(|error| about(page, &error))
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

/// Finds out what is there.
fn find(options: &Report) -> io::Result<Peers> {
    let beside = std::env::current_exe()?.with_file_name("punix");
    let reference = options.reference.clone().or_else(|| std::env::var_os("PUNIX_REFERENCE").map(PathBuf::from));
    Ok(Peers {
        punix: options.punix.clone().unwrap_or(beside),
        reference,
        rsync: in_path("rsync"),
        ansible: options.ansible.clone().or_else(|| in_path("ansible-playbook")),
        pyinfra: options.pyinfra.clone().or_else(|| in_path("pyinfra")),
        deploy_rs: options.deploy_rs.clone().or_else(|| in_path("nix").and_then(|_| in_path("deploy"))),
    })
}

fn in_path(name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(is_program)
}

/// Returns what the page begins with.
fn head(options: &Report, peers: &Peers, ran: &[Name], start: &str) -> io::Result<String> {
    let scratch = Scratch::new()?;
    let known = [
        ("punix", Some(&peers.punix), ""),
        ("the reference", peers.reference.as_ref(), " (`--reference PATH` or `PUNIX_REFERENCE`)"),
        ("rsync", peers.rsync.as_ref(), ""),
        ("ansible", peers.ansible.as_ref(), " (`--ansible PATH`)"),
        ("pyinfra", peers.pyinfra.as_ref(), " (`--pyinfra PATH`)"),
        ("deploy-rs", peers.deploy_rs.as_ref(), " (`--deploy-rs PATH`, and `nix`)"),
    ];
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (name, path, how) in known {
        match path {
            Some(path) => {
                let said = measure::version(&scratch, path)?;
                let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
                found.push(if said.starts_with(name) { said } else { format!("{name}: {said}") });
            }
            None => missing.push(format!("{name}{how}")),
        }
    }
    let missing = if missing.is_empty() { "nothing".to_owned() } else { missing.join(", ") };
    let ran = ran.iter().map(|name| name.word()).collect::<Vec<_>>().join(", ");
    let quick = if options.quick { ", with `--quick`" } else { "" };
    Ok(format!(
        "# Benchmarks

What `punix` costs, measured, beside others that do the same. `benches/report` runs all benches with the peers that it finds
installed, and writes this page. `benches/report --only pcl,store` writes these sections anew and keeps the others; so each of
them says when it was measured, and what else the machine did then.

The last run was of {ran}{quick}:

{start}; at the end: {}  
machine: {}  
{}  
not found, so not compared with: {missing}

How to read it:

- Times are the middle of several rounds, in which all that are compared take turns. **wall** is time on the clock, **CPU** the
  processor's, in the program and in the kernel; **MB** is the highest peak of memory, in millions of bytes.
- **target** is what was asked for before anything was measured, **met** whether it holds here. What is missed stands at the top of
  the page too. A target is for the whole size; where `--quick` makes it smaller, nothing is said.
- A **ratio** is another's time over ours where it is named so, and ours over the plain tools' in `store`.
- Only what was measured in one section can be compared. A machine with neighbours does the same work in twice the time on another
  day. `benches/README.md` says what each row does.
",
        machine::load(),
        machine::kind(),
        found.join("  \n"),
    ))
}

/// Takes out where this machine keeps things.
fn without_places(text: &str) -> String {
    let places = [
        (std::env::current_dir().ok(), ""),
        (std::env::var_os("HOME").map(PathBuf::from), "~/"),
        (Some(std::env::temp_dir()), ""),
    ];
    let places = places.into_iter().filter_map(|(place, instead)| Some((place?, instead)));
    without(text, &places.collect::<Vec<_>>())
}
