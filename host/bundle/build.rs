//! Compiles the bundled plugins: a cargo inside of cargo makes modules of them, these become components with their
//! manifests, are looked at as any plugin is, and compiled to machine code by the engine that will load it. It also compiles
//! the programs that do the work on other machines, once for each kind of them.
//!
//! It runs again only when what goes into these changes. It writes below the target directory and nowhere else, but for
//! adding targets to the toolchain, which it says.

#[path = "build/cargo.rs"]
mod cargo;
#[path = "build/embed.rs"]
mod embed;
#[path = "build/member.rs"]
mod member;
#[path = "build/programs.rs"]
mod programs;
#[path = "build/toolchain.rs"]
mod toolchain;

use member::Member;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Names a directory with what is ready: components such as `from-env.wasm`, and `punix-target-x86_64-linux`,
/// `punix-build-x86_64-linux` and so on. Then nothing is compiled but the components, to machine code.
const PREBUILT: &str = "PUNIX_PREBUILT_DIR";

#[allow(clippy::print_stderr, reason = "what a build script prints is how cargo tells why it failed")]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("what is bundled cannot be built: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let top = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    let members = member::all(&top.join("plugins"))?;
    watch(&top, &members);
    let ready_ones = std::env::var_os(PREBUILT).map(PathBuf::from);
    let components = match &ready_ones {
        Some(folder) => ready(&members, folder)?,
        None => compiled(&top, &out, &members)?,
    };
    embed::write(&out, &components)?;
    let programs = match &ready_ones {
        Some(folder) => programs::ready(folder)?,
        None => programs::compiled(&top, &cargo::folder(&top, &out))?,
    };
    programs::write(&out, &programs)
}

/// Says what has to change for this to run again.
fn watch(top: &Path, members: &[Member]) {
    println!("cargo:rerun-if-env-changed={PREBUILT}");
    // Each member alone: beside them there can be a target directory.
    for member in members {
        println!("cargo:rerun-if-changed={}", member.folder.display());
    }
    for path in ["plugins/Cargo.toml", "plugins/Cargo.lock", "sdk/Cargo.toml", "sdk/src", "wit"] {
        println!("cargo:rerun-if-changed={}", top.join(path).display());
    }
    for path in programs::SOURCES {
        println!("cargo:rerun-if-changed={}", top.join(path).display());
    }
}

/// Takes components from where somebody put them.
fn ready(members: &[Member], folder: &Path) -> Result<Vec<embed::Plugin>, Box<dyn Error>> {
    let take = |member: &Member| {
        let path = folder.join(format!("{}.wasm", member.name));
        println!("cargo:rerun-if-changed={}", path.display());
        let bytes = std::fs::read(&path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        embed::look(member, bytes)
    };
    members.iter().map(take).collect()
}

/// Compiles components.
fn compiled(top: &Path, out: &Path, members: &[Member]) -> Result<Vec<embed::Plugin>, Box<dyn Error>> {
    toolchain::require_target(cargo::PLUGINS_FOR)?;
    let modules = cargo::build(&top.join("plugins"), &cargo::folder(top, out), members)?;
    let take = |member: &Member| {
        let path = modules.join(format!("{}.wasm", member.library));
        let module = std::fs::read(&path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        let component = punix_plugin::pack(&module, &member.manifest)
            .map_err(|error| format!("`{}` is no plugin: {error}", member.name))?;
        embed::look(member, component)
    };
    members.iter().map(take).collect()
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("cargo did not say what `{name}` is"))
}
