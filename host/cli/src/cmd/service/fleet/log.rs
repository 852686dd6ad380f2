//! A file for each host, with all that was said of it. Who wants to know more of one host of many reads there.

use super::super::{Stopped, words::seen};
use crate::ui::{hidden, shown};
use punix_deploy::{FleetHost, fleet_directory};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the files are.
pub(super) struct Logs {
    directory: PathBuf,
    command: String,
    /// One complaint is enough.
    complained: bool,
}

impl Logs {
    pub(super) fn open(directory: &Path, command: &str) -> Result<Logs, Stopped> {
        fs::create_dir_all(directory).map_err(|error| {
            let message = format!("cannot make `{}`: {error}", shown(directory));
            Stopped::usage(message, "name another directory with `--log-dir`")
        })?;
        Ok(Logs { directory: directory.to_owned(), command: command.to_owned(), complained: false })
    }

    /// Writes the file of a host. Returns what is to be said if that does not work.
    pub(super) fn write(
        &mut self,
        host: &FleetHost,
        said: &[String],
        outcome: &str,
        took: Option<Duration>,
    ) -> Option<String> {
        let mut text = format!("{}: {} → {}\n", self.command, seen(&host.stack), seen(&host.target));
        said.iter().for_each(|line| {
            let _ = writeln!(text, "{line}");
        });
        text.push_str(outcome);
        if let Some(took) = took {
            let _ = writeln!(text, "it took {:.1} s", took.as_secs_f64());
        }
        let path = self.directory.join(name(host));
        let text = hidden::without(&text, false);
        let error = fs::write(&path, text.as_bytes()).err().filter(|_| !self.complained)?;
        self.complained = true;
        Some(format!("warning: `{}` cannot be written: {error}", shown(&path)))
    }
}

/// Returns the name of a host's file: its stack and its target, as directories are named after it.
fn name(host: &FleetHost) -> String {
    format!("{}@{}.log", fleet_directory(&host.stack), fleet_directory(&host.target))
}
