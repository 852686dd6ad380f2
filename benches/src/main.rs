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
mod service;
mod shapes;
mod store;
mod table;
mod turns;

use clap::{Parser, Subcommand};
use std::io::Write;
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
    let outcome = match Arguments::parse().bench {
        Bench::Pcl(options) => pcl::run(&options, &mut std::io::stdout().lock()),
        Bench::Store(options) => store::run(&options, &mut std::io::stdout().lock()),
        Bench::Service(options) => service::run(&options, &mut std::io::stdout().lock()),
        Bench::Fleet(options) => fleet::run(&options, &mut std::io::stdout().lock()),
        Bench::Hosts(options) => hosts::run(&options, &mut std::io::stdout().lock()),
        Bench::Add(add) => store::add(&add, &mut std::io::stdout().lock()).map(|()| ExitCode::SUCCESS),
        Bench::Scripts(scripts) => store::run_scripts(&scripts).map(|()| ExitCode::SUCCESS),
        Bench::Plugins(options) => plugins::run(&options, &mut std::io::stdout().lock()),
        Bench::RenderOnce(once) => plugins::once(&once, &mut std::io::stdout().lock()).map(|()| ExitCode::SUCCESS),
        Bench::CallWarm(warm) => plugins::warm(&warm, &mut std::io::stdout().lock()).map(|()| ExitCode::SUCCESS),
        Bench::Write { shape, n } => write(shape, n).map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell when stderr is gone.
            let _ = writeln!(std::io::stderr(), "punix-benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(shape: shapes::Shape, n: u64) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    shape.write(n, &mut out)?;
    out.flush()
}
