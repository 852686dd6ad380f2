//! Secrets as a user meets them: who finds them, what is said of those that are not found, and where values are. Programs
//! here are files alone, so that nothing has to be built; the servers are of the tests, but for the real one in `server`.

mod audited;
mod canary;
mod checked;
mod configured;
mod files;
mod found;
mod rotated;
mod server;

use crate::support::{Folder, Outcome, punix, run};
use expect_test::Expect;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory with a program, a home and a target.
pub(crate) struct Place {
    folder: Folder,
    variables: Vec<(String, String)>,
}

/// Below which root, in words.
const ROOT: [&str; 2] = ["--transport-root", "host"];

impl Place {
    fn of(program: &str) -> Place {
        let folder = Folder::with(&[("web/p.pcl", program), ("home/.keep", "")]);
        Place { folder, variables: Vec::new() }
    }

    /// Sets a variable of every command from here on.
    fn set(mut self, name: &str, value: &str) -> Place {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns a path in it, without links on the way.
    fn path(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the folder is there").join(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        self.folder.write(name, bytes)
    }

    /// Writes a file that nobody else reads.
    fn hide(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(name, bytes);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        path
    }

    fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn command<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Command {
        let mut command = punix();
        command.args(words).current_dir(self.path("")).env("HOME", self.path("home")).env("USER", "op");
        command.env("PUNIX_STORE_DIR", self.path("store")).env("PUNIX_DEPLOYMENTS_DIR", "/deploy");
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").envs(self.variables.iter().cloned());
        command
    }

    fn punix<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Outcome {
        let mut outcome = run(self.command(words));
        let mask = |text: &str| text.replace(&*self.path("").to_string_lossy(), "{W}/").replace("{W}//", "{W}/");
        outcome.stdout = mask(&outcome.stdout);
        outcome.stderr = mask(&outcome.stderr);
        outcome
    }

    fn deploy(&self, more: &[&str]) -> Outcome {
        self.punix(["service", "deploy", "Web", "--file", "web/p.pcl"].iter().chain(&ROOT).chain(more))
    }

    /// Runs a verb about the stack on the target.
    fn web(&self, verb: &str, more: &[&str]) -> Outcome {
        self.punix(["service", verb, "Web"].iter().chain(more).chain(&ROOT))
    }

    fn check(&self, more: &[&str]) -> Outcome {
        self.punix(["secrets", "check", "Web", "--file", "web/p.pcl"].iter().chain(more))
    }
}

/// Returns a program with one file, in which these secrets stand as JSON.
fn program(secrets: &[(&str, &str)]) -> String {
    let members: Vec<String> = secrets
        .iter()
        .enumerate()
        .map(|(index, (kind, name))| format!("    s{index} = {{ {kind} = \"{name}\" }}\n"))
        .collect();
    format!(
        "module Web {{\n  backend = \"systemd\"\n  dataFiles = [\"Conf\"]\n}}\nmodule Conf {{\n  path = \
         \"/etc/web/conf.json\"\n  format = \"json\"\n  data = {{\n{}  }}\n}}\n",
        members.concat()
    )
}

/// Shows all that a run gave.
#[track_caller]
fn gives(outcome: &Outcome, expected: &Expect) {
    let code = outcome.code.map_or("killed".to_owned(), |code| code.to_string());
    let stream = |name: &str, text: &str| if text.is_empty() { String::new() } else { format!("{name}:\n{text}") };
    let shown = format!("exit {code}\n{}{}", stream("stdout", &outcome.stdout), stream("stderr", &outcome.stderr));
    expected.assert_eq(&shown);
}

#[track_caller]
fn fine(outcome: Outcome) -> Outcome {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    metadata.permissions().mode() & 0o7777
}
