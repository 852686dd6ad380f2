//! Runs one program once and says what it cost: time on the clock, CPU time (user and system) and peak memory of the
//! child, with all that it started and waited for. CPU time holds best on a busy machine.
//!
//! The kernel counts the memory of this process into the peak of a child until the child's exec, so
//! this process must stay smaller than what it measures. It never holds an input.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// Address space that one child may have. A program that would eat the machine fails instead.
const CHILD_BYTES_MAX: u64 = 4 << 30;
/// How often a running child is asked whether it has ended.
const POLL_MS: u64 = 1;
/// For what only says its version.
const VERSION_DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of a child's output that are read back.
const SAID_BYTES_MAX: u64 = 16 << 20;

/// What one run did.
pub(crate) struct Run {
    pub(crate) cpu: Duration,
    /// Time on the clock, to the millisecond in which the end is noticed.
    pub(crate) wall: Duration,
    pub(crate) peak_bytes: u64,
    pub(crate) end: End,
    /// The first line that names an error, else the first line.
    pub(crate) said: String,
}

/// How a run ended.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Exit(ExitStatus),
    /// It was stopped after this time on the clock.
    Stopped(Duration),
}

impl End {
    pub(crate) fn is_success(self) -> bool {
        match self {
            End::Exit(status) => status.success(),
            End::Stopped(_) => false,
        }
    }

    pub(crate) fn show(self) -> String {
        match self {
            End::Exit(status) => status.code().map_or_else(|| "signal".to_owned(), |code| code.to_string()),
            End::Stopped(after) => format!("stopped after {} s", after.as_secs()),
        }
    }
}

/// A directory for inputs and outputs, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> io::Result<Scratch> {
        let path = std::env::temp_dir().join(format!("punix-benches-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        Ok(Scratch(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's directory for temporary files.
        let _ = remove(&self.0);
    }
}

/// Removes a tree, read-only directories too. What is not there is no error.
pub(crate) fn remove(tree: &Path) -> io::Result<()> {
    if fs::symlink_metadata(tree).is_err() {
        return Ok(());
    }
    unlock(tree);
    fs::remove_dir_all(tree)
}

fn unlock(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

/// Limits the memory of every child that is started while this is there.
pub(crate) struct MemoryLimit {
    former: Rlimit,
}

impl MemoryLimit {
    pub(crate) fn new() -> io::Result<MemoryLimit> {
        let former = getrlimit(Resource::As);
        let mut limit = former;
        limit.current = Some(limit.maximum.map_or(CHILD_BYTES_MAX, |maximum| maximum.min(CHILD_BYTES_MAX)));
        setrlimit(Resource::As, limit)?;
        Ok(MemoryLimit { former })
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        // Only what is not more than before was limited, which is always allowed.
        let _ = setrlimit(Resource::As, self.former);
    }
}

/// Runs `program` in `scratch` with `arguments`, for at most `deadline`. Fails only when it cannot be started.
pub(crate) fn run(scratch: &Scratch, program: &Path, arguments: &[&str], deadline: Duration) -> io::Result<Run> {
    let (out, err) = (scratch.path().join("stdout"), scratch.path().join("stderr"));
    let mut child = command(scratch, program.as_os_str())
        .args(arguments)
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?)
        .spawn()
        .map_err(|error| io::Error::other(format!("cannot start {}: {error}", program.display())))?;
    let start = Instant::now();
    let mut stopped = None;
    let (usage, wall) = loop {
        if let Some(usage) = child.try_wait4()? {
            break (usage, start.elapsed());
        }
        if stopped.is_none() && start.elapsed() >= deadline {
            child.kill()?;
            stopped = Some(deadline);
        }
        std::thread::sleep(Duration::from_millis(POLL_MS));
    };
    Ok(Run {
        cpu: usage.rusage.utime + usage.rusage.stime,
        wall,
        peak_bytes: usage.rusage.maxrss,
        end: stopped.map_or(End::Exit(usage.status), End::Stopped),
        said: said(&err)?.or(said(&out)?).unwrap_or_default(),
    })
}

/// Returns what a program says of its version.
pub(crate) fn version(scratch: &Scratch, program: &Path) -> io::Result<String> {
    Ok(run(scratch, program, &["--version"], VERSION_DEADLINE)?.said)
}

/// Returns a command that reads nothing, speaks English and finds nothing at home.
pub(crate) fn command(scratch: &Scratch, program: &OsStr) -> Command {
    let mut command = Command::new(program);
    command.current_dir(scratch.path()).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8").env("HOME", scratch.path());
    command
}

/// Returns the value in the middle.
pub(crate) fn median<T: Copy + Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Reads line by line: output is not held either.
fn said(file: &Path) -> io::Result<Option<String>> {
    let mut first = None;
    for line in BufReader::new(File::open(file)?).take(SAID_BYTES_MAX).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).trim().to_owned();
        if line.contains("error") || line.contains("Error") {
            return Ok(Some(line));
        }
        first = first.or(Some(line).filter(|line| !line.is_empty()));
    }
    Ok(first)
}
