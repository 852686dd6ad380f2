//! A job to begin with, a directory that goes away, and what the tests ask about processes.

use punix_build::sandbox::{Access, Bind, Ending, Isolation, Job, Limits, Network, SandboxError, run};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) const HELPER: &str = env!("CARGO_BIN_EXE_punix-build");
/// Longer than anything takes that is not stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// What a system's tools need, as far as it has them.
const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];

/// A directory, and a job that has its part `tmp` as `/tmp`.
pub(crate) struct World {
    root: PathBuf,
    pub(crate) job: Job,
}

/// How a command ended, and what it printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) ending: Ending,
    pub(crate) printed: String,
}

impl World {
    pub(crate) fn new() -> World {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("punix-sandbox-{}-{number}", std::process::id());
        let root = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        fs::create_dir_all(root.join("tmp")).unwrap();
        let binds = SYSTEM.iter().filter(|path| Path::new(path).exists()).map(|path| read(path, path)).collect();
        let job = Job {
            argv: Vec::new(),
            environment: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
            directory: "/tmp".into(),
            binds,
            temporary: root.join("tmp"),
            network: Network::None,
            limits: Limits {
                wall: PATIENCE,
                memory_bytes: 1 << 30,
                processes: 200,
                open_files: 1_000,
                file_bytes: 1 << 30,
            },
        };
        World { root, job }
    }

    /// Makes a directory with these files, each of which contains its own path.
    pub(crate) fn tree(&self, name: &str, files: &[&str]) -> PathBuf {
        let top = self.root.join(name);
        fs::create_dir_all(&top).unwrap();
        for file in files {
            let path = top.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file).unwrap();
        }
        top
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn show(&mut self, outside: impl AsRef<Path>, inside: impl AsRef<Path>) {
        self.job.binds.push(read(outside, inside));
    }

    pub(crate) fn show_writable(&mut self, outside: impl AsRef<Path>, inside: impl AsRef<Path>) {
        self.job.binds.push(Bind { access: Access::Write, ..read(outside, inside) });
    }

    /// Runs a script in a sandbox.
    pub(crate) fn sh(&mut self, script: &str) -> Outcome {
        self.try_sh(script).unwrap()
    }

    pub(crate) fn try_sh(&mut self, script: &str) -> Result<Outcome, SandboxError> {
        self.job.argv = vec!["/bin/bash".into(), "-c".into(), script.into()];
        self.go(&namespaces())
    }

    pub(crate) fn go(&self, isolation: &Isolation) -> Result<Outcome, SandboxError> {
        let mut printed = Vec::new();
        let ending = run(isolation, &self.job, &mut |bytes| printed.extend_from_slice(bytes), &AtomicBool::new(false))?;
        Ok(Outcome { ending, printed: String::from_utf8_lossy(&printed).into_owned() })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        unlock(&self.root);
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn unlock(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

pub(crate) fn namespaces() -> Isolation {
    Isolation::Namespaces { helper: HELPER.into() }
}

pub(crate) fn read(outside: impl AsRef<Path>, inside: impl AsRef<Path>) -> Bind {
    Bind { outside: outside.as_ref().into(), inside: inside.as_ref().into(), access: Access::Read }
}

pub(crate) fn printed(text: &str) -> Outcome {
    Outcome { ending: Ending::Success, printed: text.to_owned() }
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lists the processes that have a text in their command line.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let has = |process: &u32| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        line.windows(text.len()).any(|part| part == text.as_bytes())
    };
    processes().into_iter().filter(has).collect()
}

/// Lists the processes that a process has started, and those they have.
pub(crate) fn descendants(of: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> =
        processes().into_iter().filter_map(|process| Some((process, parent(process)?))).collect();
    let mut found = vec![of];
    let mut at = 0;
    while let Some(&process) = found.get(at) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == process).map(|(child, _)| *child));
        at += 1;
    }
    found.split_off(1)
}

/// Tells whether a process still runs. One that is dead but not yet reaped does not.
pub(crate) fn is_running(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z") && !rest.starts_with(" X"))
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Returns a text that no other process has in its command line: seconds to sleep.
pub(crate) fn long_time() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{}{:03}", 1_000_000 + std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Prepares to run one test of this program once more, under other circumstances.
pub(crate) fn again(mut command: Command, test: &str) -> Command {
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
}

/// Notes that a test cannot run here.
pub(crate) fn skip(reason: &str) {
    use std::io::Write;
    if let Some(log) = std::env::var_os("PUNIX_SKIP_LOG") {
        let mut log = fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        writeln!(log, "SKIP: {reason}").unwrap();
    }
}
