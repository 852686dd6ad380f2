//! The cargo inside of cargo. It must not be told anything of the build around it: what that one compiles for, with which
//! flags, through which wrapper. What it makes is the same whoever starts it.

use crate::member::Member;
use crate::toolchain::TARGET;
use std::error::Error;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    let cargo = std::env::var_os("CARGO").ok_or("cargo did not say where it is")?;
    let mut command = Command::new(cargo);
    scrub(&mut command);
    command.current_dir(plugins).stdin(Stdio::null()).stdout(Stdio::null());
    command.args(["build", "--lib", "--release", "--locked", "--target", TARGET, "--target-dir"]).arg(folder);
    if is_offline() {
        command.arg("--offline");
    }
    for member in members {
        command.args(["--package", &member.package]);
    }
    let status = command.status()?;
    match status.success() {
        true => Ok(folder.join(TARGET).join("release")),
        false => Err(
            "cargo failed in `plugins`; what it says stands above. If it is not allowed to load what it needs, run \
                      `cargo fetch --locked --manifest-path plugins/Cargo.toml` once"
                .into(),
        ),
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
