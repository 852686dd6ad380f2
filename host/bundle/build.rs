//! Compiles the bundled plugins: a cargo inside of cargo makes modules of them, these become components with their
//! manifests, are looked at as any plugin is, and compiled to machine code by the engine that will load it.
//!
//! It runs again only when what goes into the plugins changes. It writes below the target directory and nowhere else, but
//! for adding the target to the toolchain, which it says.

#[path = "build/cargo.rs"]
mod cargo;
#[path = "build/embed.rs"]
mod embed;
#[path = "build/member.rs"]
mod member;
#[path = "build/toolchain.rs"]
mod toolchain;

use member::Member;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Names a directory with components that are ready: `from-env.wasm` and so on. Then nothing is compiled but these.
const PREBUILT: &str = "PUNIX_PREBUILT_DIR";

#[allow(clippy::print_stderr, reason = "what a build script prints is how cargo tells why it failed")]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the bundled plugins cannot be built: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let top = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    let members = member::all(&top.join("plugins"))?;
    watch(&top, &members);
    let components = match std::env::var_os(PREBUILT) {
        Some(folder) => ready(&members, Path::new(&folder))?,
        None => compiled(&top, &out, &members)?,
    };
    embed::write(&out, &components)
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
    toolchain::require_target()?;
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
