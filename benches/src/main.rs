//! Measures `punix` on large inputs and prints tables; benches/README.md says how to read them.
//!
//! What is measured runs as a child. Nothing here links against `punix`, so the same bench measures another build, or the
//! reference, in the same run; only what has no verb, adding a tree and calling plugins, is done by the library, in a child
//! that is this program again.

mod fleet;
mod hosts;
mod instructions;
mod machine;
mod measure;
mod pcl;
mod plugins;
mod report;
mod service;
mod shapes;
mod store;
mod turns;

use clap::{Parser, Subcommand};
use punix_benches::Findings;
use std::io::{self, Write};
use std::process::ExitCode;

/// Measure punix on large inputs and print tables.
#[derive(Debug, Parser)]
#[command(max_term_width = 100, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    Pcl(pcl::Pcl),
    Store(store::Store),
    Service(service::Service),
    Fleet(fleet::Fleet),
    Hosts(hosts::Hosts),
    Plugins(plugins::Plugins),
    Report(report::Report),
    /// Write one program to stdout, for a profiler or a look
    Write {
        shape: shapes::Shape,
        n: u64,
    },
    #[command(hide = true)]
    Add(store::Add),
    #[command(hide = true)]
    Scripts(store::Scripts),
    #[command(hide = true)]
    RenderOnce(plugins::Once),
    #[command(hide = true)]
    CallWarm(plugins::Warm),
}

fn main() -> ExitCode {
    let mut out = io::stdout();
    let outcome = match Arguments::parse().bench {
        Bench::Pcl(options) => alone(options.assert, |findings| pcl::run(&options, findings)),
        Bench::Store(options) => alone(options.assert, |findings| store::run(&options, findings)),
        Bench::Service(options) => alone(options.assert, |findings| service::run(&options, findings)),
        Bench::Fleet(options) => alone(options.assert, |findings| fleet::run(&options, findings)),
        Bench::Hosts(options) => alone(options.assert, |findings| hosts::run(&options, findings)),
        Bench::Plugins(options) => alone(options.assert, |findings| plugins::run(&options, findings)),
        Bench::Report(options) => report::run(&options, &mut out),
        Bench::Add(add) => store::add(&add, &mut out).map(|()| ExitCode::SUCCESS),
        Bench::Scripts(scripts) => store::run_scripts(&scripts).map(|()| ExitCode::SUCCESS),
        Bench::RenderOnce(once) => plugins::once(&once, &mut out).map(|()| ExitCode::SUCCESS),
        Bench::CallWarm(warm) => plugins::warm(&warm, &mut out).map(|()| ExitCode::SUCCESS),
        Bench::Write { shape, n } => write(shape, n).map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell when stderr is gone.
            let _ = writeln!(io::stderr(), "punix-benches: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one bench; with `assert` it fails when a target is missed.
fn alone(assert: bool, bench: impl FnOnce(&mut Findings<'_>) -> io::Result<()>) -> io::Result<ExitCode> {
    let mut out = io::stdout();
    let mut findings = Findings::new(&mut out);
    measured(&mut findings, bench)?;
    let fails = assert && !findings.missed().is_empty();
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs one bench, and tells what it left.
fn measured(findings: &mut Findings<'_>, bench: impl FnOnce(&mut Findings<'_>) -> io::Result<()>) -> io::Result<()> {
    bench(findings)?;
    let missed = findings.missed().len();
    findings.text(&format!("load average at the end: {}; targets missed: {missed}", machine::load()))
}

fn write(shape: shapes::Shape, n: u64) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    shape.write(n, &mut out)?;
    out.flush()
}
