//! What a child of the bench does, so that it is measured apart from the bench: adding a tree to a store by the library,
//! and running scripts without a store.

use super::inputs::script_path;
use clap::Args;
use punix_store::{Asking, Derivation, Digest, Holder, PackageName, Parts, Record, Store, Version};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Time to wait for locks that nobody else has.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Copy a tree into a store and make it an entry
#[derive(Debug, Args)]
pub(crate) struct Add {
    tree: PathBuf,
    store: PathBuf,
}

/// Run scripts one after the other, each in directories of its own
#[derive(Debug, Args)]
pub(crate) struct Scripts {
    scripts: PathBuf,
    count: u64,
    outputs: PathBuf,
}

/// Adds a tree, as a build does: it is staged beside the entries, then made one of them.
pub(crate) fn add(add: &Add, out: &mut dyn Write) -> io::Result<()> {
    let start = Instant::now();
    let store = Store::open(&add.store).map_err(other)?;
    let derivation = derivation().map_err(other)?;
    let tell = |_: &[Holder]| {};
    let asking = Asking { command: "punix-benches", wait: LOCK_WAIT, tell: &tell };
    let shared = store.share(asking).map_err(other)?;
    let claimed = store.claim(&shared, derivation.name(), asking).map_err(other)?;
    let lock = claimed.ok_or_else(|| io::Error::other("the entry is there already"))?;
    let staged = store.stage(&lock)?;
    copy(&add.tree, &store.staged_path(&staged))?;
    let copied = start.elapsed();
    store.add(staged, &derivation).map_err(other)?;
    let added = start.elapsed() - copied;
    writeln!(out, "copying took {} ms, adding {} ms", copied.as_millis(), added.as_millis())
}

fn derivation() -> Result<Derivation, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Derivation::new(Parts {
        package: PackageName::parse("tree")?,
        version: Version::parse("1")?,
        recipe: "std.copy_tree".to_owned(),
        recipe_digest: Digest::of(b""),
        args: Record::new(),
        source: Record::new(),
        system: "x86_64-linux".to_owned(),
        inputs: BTreeSet::new(),
    })?)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            fs::create_dir(&to)?;
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Runs every script by `bash`.
pub(crate) fn run_scripts(scripts: &Scripts) -> io::Result<()> {
    for i in 0..scripts.count {
        let output = scripts.outputs.join(i.to_string());
        let work = scripts.outputs.join(format!("{i}.work"));
        fs::create_dir_all(&output)?;
        fs::create_dir_all(&work)?;
        let status = Command::new("bash")
            .arg(script_path(&scripts.scripts, i))
            .current_dir(work)
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C.UTF-8")])
            .env("OUTPUT", output)
            .stdin(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(io::Error::other(format!("the script {i} failed: {status}")));
        }
    }
    Ok(())
}

fn other(error: impl Display) -> io::Error {
    io::Error::other(error.to_string())
}
