//! The binary `punix`: argv to a command, a command to an exit code.

mod args;
mod cmd;
mod exit;
mod load;
mod ui;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    exit::install_panic_hook();
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    let ui = ui::Ui::new(arguments.color, arguments.json);
    let run = || match arguments.command {
        args::Command::Check(args) => cmd::check::run(&ui, &args),
        args::Command::Eval(args) => cmd::eval::run(&ui, &args),
        args::Command::Why(args) => cmd::why::run(&ui, &args),
        args::Command::Fmt(args) => cmd::fmt::run(&ui, &args),
        args::Command::Explain(args) => cmd::explain::run(&ui, &args),
    };
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    outcome.unwrap_or(exit::Exit::Bug).into()
}
