//! Whoever was started by `nohup` does not hear that somebody hangs up, and hands that on to all that he starts. `ssh` ends
//! those that it started on the way by hanging up; deaf ones would stay. So it hears again, whoever started us.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What gives a program its hearing back, before it becomes that program.
const ENV: &str = "env";
const HEARS: &str = "--default-signal=HUP";

/// Returns `ssh` as it is to be started.
pub(super) fn program(ssh: &Path) -> Command {
    // What is not there shall be missed by its own name; and this one takes a word with `=` for a variable.
    let is_plain = ssh.is_file() && !ssh.to_string_lossy().contains('=');
    if !is_plain || !is_deaf() || !can_mend() {
        return Command::new(ssh);
    }
    let mut command = Command::new(ENV);
    command.arg(HEARS).arg(ssh);
    command
}

/// Tells whether this process, and so all that it starts, ignores SIGHUP.
fn is_deaf() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set & 1 != 0)
}

/// Tells whether there is one that knows how; older ones do not.
fn can_mend() -> bool {
    let mut tried = Command::new(ENV);
    tried.args([HEARS, "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    tried.status().is_ok_and(|status| status.success())
}
