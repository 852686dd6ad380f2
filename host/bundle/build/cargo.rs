//! The cargo inside of cargo. It must not be told anything of the build around it: what that one compiles for, with which
//! flags, through which wrapper. What it makes is the same whoever starts it.

use crate::member::Member;
use std::error::Error;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What plugins are compiled for.
pub(crate) const PLUGINS_FOR: &str = "wasm32-unknown-unknown";

/// Returns where it builds: one directory for all profiles and for clippy, so that it is done once for all of them. It is
/// in the target directory, under a name for this checkout, since several can share one.
pub(crate) fn folder(top: &Path, out: &Path) -> PathBuf {
    // TARGET/PROFILE/build/PACKAGE/out
    let usual = out.parent().and_then(Path::parent).filter(|build| build.file_name() == Some(OsStr::new("build")));
    let Some(target) = usual.and_then(Path::parent).and_then(Path::parent) else { return out.join("guests") };
    let mut hasher = DefaultHasher::new();
    top.hash(&mut hasher);
    target.join("punix-guests").join(format!("{:016x}", hasher.finish()))
}

/// Builds the members, and returns the directory with their modules.
pub(crate) fn build(plugins: &Path, folder: &Path, members: &[Member]) -> Result<PathBuf, Box<dyn Error>> {
    let mut command = building(plugins, folder)?;
    command.args(["--lib", "--release", "--target", PLUGINS_FOR]);
    for member in members {
        command.args(["--package", &member.package]);
    }
    run(command, "plugins", "cargo fetch --locked --manifest-path plugins/Cargo.toml")?;
    Ok(folder.join(PLUGINS_FOR).join("release"))
}

/// A program that is built without any linker of the machine it is for.
pub(crate) struct Linked<'l> {
    pub(crate) package: &'l str,
    pub(crate) profile: &'l str,
    pub(crate) targets: &'l [&'l str],
}

/// Builds a program of this workspace, statically linked by the linker that comes with the compiler. It lies in a directory
/// for each target, and in that in one for the profile.
pub(crate) fn link(top: &Path, folder: &Path, wanted: &Linked<'_>) -> Result<(), Box<dyn Error>> {
    let mut command = building(top, folder)?;
    // Nothing of it that is only for machines on which somebody works.
    command.args(["--bins", "--no-default-features", "--package", wanted.package, "--profile", wanted.profile]);
    for target in wanted.targets {
        command.args(["--target", target, "--config", &format!("target.{target}.linker=\"rust-lld\"")]);
    }
    // Where it was built is nobody's business on other machines, and so the same sources give the same bytes.
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let places = [(Some(top.display().to_string()), "punix"), (home.ok(), "cargo")];
    let flags = places.into_iter().filter_map(|(from, to)| Some(format!("--remap-path-prefix={}={to}", from?)));
    // Nothing that a path can hold stands between them.
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.collect::<Vec<_>>().join("\u{1f}"));
    run(command, wanted.package, "cargo fetch --locked")
}

fn building(workspace: &Path, folder: &Path) -> Result<Command, Box<dyn Error>> {
    let mut command = Command::new(std::env::var_os("CARGO").ok_or("cargo did not say where it is")?);
    scrub(&mut command);
    command.current_dir(workspace).stdin(Stdio::null()).stdout(Stdio::null());
    command.args(["build", "--locked", "--target-dir"]).arg(folder);
    if is_offline() {
        command.arg("--offline");
    }
    Ok(command)
}

fn run(mut command: Command, what: &str, fetch: &str) -> Result<(), Box<dyn Error>> {
    match command.status()?.success() {
        true => Ok(()),
        false => Err(format!(
            "cargo failed for `{what}`; what it says stands above. If it is not allowed to load what it needs, run `{fetch}` \
             once"
        )
        .into()),
    }
}

/// Takes away what the build around this one says to those inside of it.
pub(crate) fn scrub(command: &mut Command) {
    let own = |name: &str| {
        let cargo = name.starts_with("CARGO") && name != "CARGO_HOME";
        let beginnings = ["RUSTC", "RUSTFLAGS", "RUSTDOC", "DEP_"];
        let words = ["TARGET", "HOST", "PROFILE", "OPT_LEVEL", "DEBUG", "OUT_DIR", "NUM_JOBS", "MAKEFLAGS", "MFLAGS"];
        cargo || beginnings.iter().any(|beginning| name.starts_with(beginning)) || words.contains(&name)
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(own) {
            command.env_remove(name);
        }
    }
    // Empty means none, whatever a configuration says.
    command.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
    if is_offline() {
        command.env("CARGO_NET_OFFLINE", "true");
    }
}

fn is_offline() -> bool {
    std::env::var_os("CARGO_NET_OFFLINE").is_some_and(|value| value == "true")
}
