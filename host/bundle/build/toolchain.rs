//! The targets that are compiled for. Where one is missing it is added, once, and that is said.

use crate::cargo::scrub;
use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes sure that a target is there.
pub(crate) fn require_target(target: &str) -> Result<(), Box<dyn Error>> {
    let library = ask(&["--print", "target-libdir", "--target", target])?;
    if has_library(&library) {
        return Ok(());
    }
    // Others may be doing the same for this toolchain. A lock on its directory leaves nothing behind.
    let toolchain = File::open(ask(&["--print", "sysroot"])?)?;
    toolchain.lock()?;
    if has_library(&library) {
        return Ok(());
    }
    println!("cargo:warning=adding the target {target} to the toolchain, once: rustup target add {target}");
    let added = rustup(target).and_then(|()| match has_library(&library) {
        true => Ok(()),
        false => Err(format!("there is still nothing in `{}`", library.display())),
    });
    added.map_err(|why| {
        format!("the target {target} is missing and was not added ({why}); run: rustup target add {target}").into()
    })
}

fn rustup(target: &str) -> Result<(), String> {
    let mut command = Command::new("rustup");
    scrub(&mut command);
    let ran = command.args(["target", "add", target]).stdin(Stdio::null()).stdout(Stdio::null()).status();
    match ran {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("rustup: {status}")),
        Err(error) => Err(format!("rustup cannot be started: {error}")),
    }
}

/// Asks the compiler that plugins are compiled with for a path.
fn ask(arguments: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let mut command = Command::new("rustc");
    scrub(&mut command);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("rustc cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("rustc: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim_end()))
}

fn has_library(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}
