//! Measures `punix` on large inputs and prints tables; benches/README.md says how to read them.
//!
//! The programs that are measured run as children. Nothing here links against them, so the same
//! bench measures another build, or the reference, in the same run.

mod instructions;
mod machine;
mod measure;
mod pcl;
mod shapes;
mod table;

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
    /// Write one program to stdout, for a profiler or a look
    Write {
        shape: shapes::Shape,
        n: u64,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().bench {
        Bench::Pcl(options) => pcl::run(&options, &mut std::io::stdout().lock()),
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
