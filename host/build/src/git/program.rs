//! Runs the program `git`, apart from whoever calls us: nothing of the caller's environment or settings reaches it, it
//! asks nobody, and it ends with all that it started.

use super::error::GitError;
use crate::fetch::Network;
use crate::limits::{GIT_ANSWER_BYTES_MAX, GIT_COMPLAINT_BYTES_MAX, GIT_DRAIN_MS, GIT_TIMEOUT_MS, LOOK_PAUSE_MS};
use crate::secret::Secret;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Where programs are looked for, whatever the caller's `PATH` is.
const PROGRAMS: &str = "/usr/local/bin:/usr/bin:/bin";
/// Asks nothing, keeps nothing running, and shows nobody our keys. Keys and known hosts are the user's own.
const SSH: &str = "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=30 -oServerAliveInterval=15 \
                   -oServerAliveCountMax=4 -oControlMaster=no -oControlPath=none -oForwardAgent=no \
                   -oPermitLocalCommand=no";

/// The program, and how it is run.
pub(super) struct Git<'a> {
    program: PathBuf,
    network: &'a Network,
    home: &'a Path,
    stop: &'a AtomicBool,
}

/// One run.
pub(super) struct Run<'a> {
    /// For an error: `fetch …`.
    pub(super) task: &'a str,
    /// The repository.
    pub(super) repository: &'a Path,
    /// What `git` may speak.
    pub(super) protocols: &'a str,
    /// A setting that must not be seen, under a name that may.
    pub(super) secret: Option<(String, &'a Secret)>,
    /// All that must not be in an error.
    pub(super) hidden: Vec<&'a Secret>,
}

impl<'a> Git<'a> {
    /// Finds the program.
    pub(super) fn find(network: &'a Network, home: &'a Path, stop: &'a AtomicBool) -> Result<Git<'a>, GitError> {
        let is_program = |path: &PathBuf| {
            let found = std::fs::metadata(path);
            found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        };
        let mut places = PROGRAMS.split(':').map(|directory| Path::new(directory).join("git"));
        let program = places.find(is_program).ok_or(GitError::NoGit { places: PROGRAMS })?;
        Ok(Git { program, network, home, stop })
    }

    /// Tells whether to stop.
    pub(super) fn check_stop(&self) -> Result<(), GitError> {
        if self.stop.load(Ordering::Relaxed) { Err(GitError::Stopped) } else { Ok(()) }
    }

    /// Runs `git` to its end, and returns what it wrote.
    pub(super) fn run(&self, run: &Run<'_>, arguments: &[&OsStr]) -> Result<Vec<u8>, GitError> {
        let mut command = self.command(run, arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running(command.spawn().map_err(|error| GitError::Program { error })?);
        let answer = drain(child.0.stdout.take(), |pipe| {
            let mut bytes = Vec::new();
            pipe.take(GIT_ANSWER_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        })?;
        let complaint = drain(child.0.stderr.take(), read_tail)?;
        let deadline = Instant::now() + Duration::from_millis(GIT_TIMEOUT_MS);
        let mut pause = Duration::from_millis(1);
        let status = loop {
            if let Some(status) = child.0.try_wait().map_err(|error| GitError::Program { error })? {
                break status;
            }
            self.check_stop()?;
            if Instant::now() >= deadline {
                return Err(GitError::TimedOut { task: run.task.to_owned() });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(LOOK_PAUSE_MS));
        };
        let collect = |pipe: Receiver<io::Result<Vec<u8>>>| {
            let received = pipe.recv_timeout(Duration::from_millis(GIT_DRAIN_MS));
            received.map_err(|_| GitError::Answer { why: "something still writes to it" })
        };
        if !status.success() {
            let said = collect(complaint)?.unwrap_or_default();
            return Err(GitError::Failed { task: run.task.to_owned(), complaint: self.show(&said, &run.hidden) });
        }
        let bytes = collect(answer)?.map_err(|error| GitError::Program { error })?;
        match bytes.len() > GIT_ANSWER_BYTES_MAX {
            true => Err(GitError::TooLarge),
            false => Ok(bytes),
        }
    }

    /// Prepares a run with the environment that it gets, and no other.
    pub(super) fn command(&self, run: &Run<'_>, arguments: &[&OsStr]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.home)
            .process_group(0)
            .env_clear()
            .env("PATH", PROGRAMS)
            .env("HOME", self.home)
            .env("LC_ALL", "C")
            .env("GIT_DIR", run.repository)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "/bin/false")
            .env("GIT_SSH_COMMAND", SSH)
            .env("GIT_SSH_VARIANT", "ssh")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_ALLOW_PROTOCOL", run.protocols);
        let Network { http_proxy, https_proxy, no_proxy, ca_file, ca_directory } = self.network;
        for (name, proxy) in [("http_proxy", http_proxy), ("https_proxy", https_proxy)] {
            if let Some(proxy) = proxy {
                command.env(name, proxy.expose());
            }
        }
        if !no_proxy.is_empty() {
            command.env("no_proxy", no_proxy);
        }
        for (name, path) in [("GIT_SSL_CAINFO", ca_file), ("GIT_SSL_CAPATH", ca_directory)] {
            if let Some(path) = path {
                command.env(name, path);
            }
        }
        if let Some((name, value)) = &run.secret {
            // Not among the arguments: those everybody can see.
            command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", name);
            command.env("GIT_CONFIG_VALUE_0", value.expose());
        }
        command
    }
}

impl Git<'_> {
    /// Makes what `git` said safe to show.
    fn show(&self, said: &[u8], hidden: &[&Secret]) -> String {
        let text = String::from_utf8_lossy(said);
        let lines = text.lines().map(|line| {
            let plain: String = line.chars().filter(|character| !character.is_control()).collect();
            plain.trim().to_owned()
        });
        let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
        let proxies = self.network.http_proxy.iter().chain(&self.network.https_proxy);
        let all = hidden.iter().copied().chain(proxies);
        all.fold(lines.join("\n"), |text, secret| secret.hide_in(text))
    }
}

/// A child that does not outlive us, nor do those that it started.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Until it is waited for, its number belongs to nobody else.
        if matches!(self.0.try_wait(), Ok(None)) {
            if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = self.0.wait();
        }
    }
}

/// Reads a pipe on a thread of its own.
fn drain<P: Read + Send + 'static>(
    pipe: Option<P>,
    read: impl FnOnce(P) -> io::Result<Vec<u8>> + Send + 'static,
) -> Result<Receiver<io::Result<Vec<u8>>>, GitError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    if let Some(pipe) = pipe {
        let thread = std::thread::Builder::new().name("git-output".to_owned());
        let spawned = thread.spawn(move || {
            let _ = sender.send(read(pipe));
        });
        spawned.map_err(|error| GitError::Program { error })?;
    }
    Ok(receiver)
}

/// Reads all, and keeps the end.
fn read_tail(mut pipe: impl Read) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let length = pipe.read(&mut chunk)?;
        if length == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&chunk[..length]);
        let excess = kept.len().saturating_sub(GIT_COMPLAINT_BYTES_MAX);
        kept.drain(..excess);
    }
}
