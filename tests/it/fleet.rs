//! `punix fleet` as a user meets it: which host gets what, in which order that is told, on which stream, and how it ends. All
//! hosts are directories of the test.

mod asking;
mod choosing;
mod documents;
mod examples;
mod failing;
mod going;
mod killed;
mod many;
mod renewing;
mod scenarios;
mod secrets;
mod staging;

use crate::support::{Folder, Outcome, punix, run, scrubbed};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// Below which root, in words.
const ROOT: [&str; 2] = ["--transport-root", "hosts"];

/// A directory with a fleet, a home, and hosts.
struct Fleet {
    folder: Folder,
}

impl Fleet {
    fn of(files: &[(&str, &str)]) -> Fleet {
        let folder = Folder::with(files);
        folder.write("home/.keep", "");
        Fleet { folder }
    }

    /// Returns a fleet of these hosts, each with a stack that is one file: name, target, and what the file holds.
    fn simple(hosts: &[(&str, &str, &str)]) -> Fleet {
        let mut rows = String::new();
        let fleet = Fleet::of(&[]);
        for (stack, target, content) in hosts {
            rows.push_str(&format!("    {{ file = \"{stack}.pcl\" stack = \"{stack}\" target = \"{target}\" }}\n"));
            fleet.write(&format!("{stack}.pcl"), &stack_of(stack, content));
        }
        fleet.write("fleet.pcl", &format!("module Fleet {{\n  hosts = [\n{rows}  ]\n}}\n"));
        fleet
    }

    /// Returns a path in it, without links on the way.
    fn path(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the folder is there").join(path)
    }

    fn write(&self, name: &str, text: &str) {
        self.folder.write(name, text);
    }

    /// Writes a file that nobody else reads.
    fn hide(&self, name: &str, text: &str) {
        let path = self.folder.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }

    fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// Runs a verb.
    fn punix<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Outcome {
        self.with(words, &[])
    }

    /// Prepares a verb.
    fn command<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Command {
        let mut command = punix();
        command.args(words).current_dir(self.path("")).env("HOME", self.path("home")).env("USER", "op");
        command.env("PUNIX_STORE_DIR", self.path("store")).env("PUNIX_DEPLOYMENTS_DIR", "/deploy");
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command
    }

    fn with<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>, variables: &[(&str, &str)]) -> Outcome {
        let mut command = self.command(words);
        for (name, value) in variables {
            command.env(name, value);
        }
        let mut outcome = run(command);
        let here = self.path("").to_string_lossy().trim_end_matches('/').to_owned();
        outcome.stdout = outcome.stdout.replace(&here, "{W}");
        outcome.stderr = outcome.stderr.replace(&here, "{W}");
        outcome
    }

    /// Runs a verb about the fleet, with its hosts as directories.
    fn fleet(&self, verb: &str, more: &[&str]) -> Outcome {
        self.punix(["fleet", verb, "fleet.pcl"].iter().chain(&ROOT).chain(more))
    }
}

impl Drop for Fleet {
    /// Entries of a store are read-only.
    fn drop(&mut self) {
        let mut command = scrubbed("chmod");
        command.env("PATH", "/usr/bin:/bin").args(["-R", "u+rwX"]).arg(self.folder.path());
        let _ = run(command);
    }
}

/// Returns a program with one stack that is one file.
fn stack_of(stack: &str, content: &str) -> String {
    format!(
        "module {stack} {{\n  backend = \"systemd\"\n  configFiles = [ {{ path = \"/etc/{stack}.conf\"  content = \"{content}\\n\" }} ]\n}}\n"
    )
}

/// Compares all that a run gave.
#[track_caller]
fn gives(outcome: &Outcome, code: i32, stdout: &str, stderr: &str) {
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), (stdout, stderr), "{outcome:?}");
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
}

#[test]
fn a_fleet_alone_shows_its_verbs() {
    let fleet = Fleet::of(&[]);
    let outcome = fleet.punix(["fleet"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    for verb in ["apply", "rollback", "plan", "status", "verify", "set-current"] {
        assert!(outcome.stdout.contains(&format!("  {verb} ")), "{verb}: {}", outcome.stdout);
    }
}

#[test]
fn going_back_takes_no_options_of_deploys() {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "one")]);
    for option in [
        "--dry-run",
        "--activate",
        "--enable",
        "--tls-certs=x",
        "--vault-secrets=x",
        "--scenario=x",
        "--target=ssh://x",
    ] {
        let outcome = fleet.fleet("rollback", &[option]);
        assert_eq!(outcome.code, Some(2), "{option}: {outcome:?}");
    }
    assert_eq!(fleet.fleet("apply", &["--target=ssh://x"]).code, Some(2));
}

#[test]
fn every_host_is_told_of_in_the_order_of_the_file() {
    let fleet = Fleet::simple(&[("Web", "ssh://op@web:22", "one"), ("Db", "ssh://op@db", "two")]);
    gives(
        &fleet.fleet("apply", &[]),
        0,
        "  ✓ Web → ssh://op@web:22\n  ✓ Db → ssh://op@db\nfleet: 2/2 host(s) deployed\n",
        "",
    );
    assert_eq!(fleet.read("hosts/ssh___op_web_22/etc/Web.conf"), "one\n");
    assert_eq!(fleet.read("hosts/ssh___op_db/etc/Db.conf"), "two\n");
    let record = fleet.read("hosts/ssh___op_db/deploy/Db/gen-001.json");
    assert!(record.contains("\"generation\": 1"), "{record}");
    // Nothing changed, so nothing is written, and every host is where it should be.
    assert_eq!(fleet.fleet("apply", &[]).code, Some(0));
    assert!(!fleet.has("hosts/ssh___op_db/deploy/Db/gen-002.json"));
}

#[test]
fn files_are_found_from_the_fleet_and_not_from_where_somebody_is() {
    let fleet = Fleet::of(&[
        (
            "f/fleet.pcl",
            "module Fleet { hosts = [ { file = [\"hosts/web.pcl\", \"../shared.pcl\"] stack = \"Web\" target = \"ssh://w\" } ] }",
        ),
        (
            "f/hosts/web.pcl",
            "module Web { backend = \"systemd\" configFiles = [ { path = \"/etc/w\" source = \"w.txt\" }, { path = \"/etc/d\" content = f\"{Common.domain}\\n\" } ] }",
        ),
        ("f/hosts/w.txt", "from beside the first file\n"),
        ("shared.pcl", "module Common { domain = \"example.org\" }"),
    ]);
    let outcome = fleet.punix(["fleet", "apply", "f/fleet.pcl"].iter().chain(&ROOT));
    gives(&outcome, 0, "  ✓ Web → ssh://w\nfleet: 1/1 host(s) deployed\n", "");
    assert_eq!(fleet.read("hosts/ssh___w/etc/w"), "from beside the first file\n");
    assert_eq!(fleet.read("hosts/ssh___w/etc/d"), "example.org\n");
}
