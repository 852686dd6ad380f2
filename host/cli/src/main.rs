//! The binary `punix`: argv to a command, a command to an exit code.

#[cfg(all(feature = "sealed", feature = "compiler"))]
compile_error!("a sealed `punix` has no compiler: build it with `--no-default-features --features sealed`");
#[cfg(not(any(feature = "sealed", feature = "compiler")))]
compile_error!("without a compiler `punix` is sealed: say so with `--no-default-features --features sealed`");

mod args;
mod cmd;
mod drill;
mod exit;
mod load;
mod machine;
mod places;
mod ui;
mod way;

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: a build's sandbox is made by this binary, started anew, before it has threads or open files.
    if let Some(code) = punix_build::sandbox::enter_if_asked() {
        return code;
    }
    // Likewise the guard of a commit, which mends what a killed one leaves.
    if let Some(code) = punix_target::enter_guard_if_asked() {
        return code;
    }
    punix_target::leave_no_dump();
    exit::install_panic_hook();
    punix_target::arm_drill_if_asked();
    let arguments = match args::Arguments::read() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    let ui = ui::Ui::new(arguments.color, arguments.json);
    let run = || match arguments.command {
        args::Command::Check(args) => cmd::check::run(&ui, &args),
        args::Command::Eval(args) => cmd::eval::run(&ui, &args),
        args::Command::Why(args) => cmd::why::run(&ui, &args),
        args::Command::Fmt(args) => cmd::fmt::run(&ui, &args),
        args::Command::Build(args) => cmd::build::run(&ui, &args),
        args::Command::Store(args) => cmd::store::run(&ui, &args),
        args::Command::Service(args) => cmd::service::run(&ui, &args),
        args::Command::Fleet(args) => cmd::service::fleet(&ui, &args),
        args::Command::Verify(args) => cmd::service::verify(&ui, &args),
        args::Command::Secrets(args) => cmd::service::secrets(&ui, &args),
        args::Command::Plugin(args) => cmd::plugin::run(&ui, &args),
        args::Command::Init(args) => cmd::init::run(&ui, &args),
        args::Command::Demo(args) => cmd::demo::run(&ui, &args),
        args::Command::Doctor(args) => cmd::doctor::run(&ui, &args),
        args::Command::Explain(args) => cmd::explain::run(&ui, &args),
        args::Command::Help(args) => cmd::help::run(&ui, &args),
        args::Command::Completions(args) => cmd::help::completions(&ui, &args),
        args::Command::Man(args) => cmd::help::man(&ui, &args),
    };
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    // Statics are not dropped, and this one is as secret as what it was made of.
    ui::hidden::forget();
    outcome.unwrap_or(exit::Exit::Bug).into()
}
