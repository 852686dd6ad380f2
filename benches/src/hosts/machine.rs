//! A machine of the lab: booted, reached and emptied.

use super::text;
use crate::turns::{Before, Way};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What lets us in, in the scratch directory, where everything is run.
pub(super) const KEY: &str = "id";

/// The units of the stack, to a shell.
const UNITS: &str = "/etc/systemd/system/s[0-9].service";

/// A machine that runs as long as this is there.
pub(super) struct Machine {
    script: PathBuf,
    number: u8,
    folder: PathBuf,
    store: PathBuf,
}

impl Machine {
    /// Boots one. Its number says its address.
    pub(super) fn boot(script: &Path, scratch: &Path, number: u8) -> io::Result<Machine> {
        let folder = scratch.join(format!("machine-{number}"));
        let machine = Machine { script: script.to_owned(), number, folder, store: scratch.join("store") };
        // What a bench that was killed left behind goes.
        machine.run("clear", true)?;
        let _ = fs::remove_dir_all(&machine.folder);
        fs::create_dir_all(machine.folder.join("shared"))?;
        let key = scratch.join(KEY);
        if !key.exists() {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status()?;
            if !made.success() {
                return Err(io::Error::other("`ssh-keygen` failed"));
            }
        }
        fs::copy(key.with_extension("pub"), machine.folder.join("id.pub"))?;
        machine.run("make", true)?;
        machine.run("boot", true)?;
        // Its files are those of this machine, but what this one has of Nix was not brought there.
        let words = ["inside", text(&machine.folder)?, "rm", "-rf", "/nix"];
        if !Command::new("bash").arg(script).args(words).status()?.success() {
            return Err(io::Error::other("`rm -rf /nix` failed on a machine of the lab"));
        }
        let key = fs::read_to_string(machine.folder.join("host_key.pub"))?;
        let mut words = key.split(' ');
        let (kind, letters) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        fs::write(machine.known_hosts(), format!("{} {kind} {}\n", machine.address(), letters.trim()))?;
        Ok(machine)
    }

    fn run(&self, verb: &str, numbered: bool) -> io::Result<()> {
        // It leaves processes behind, which must not hold our pipes.
        let log = File::create(self.folder.with_extension("log"))?;
        let mut command = Command::new("bash");
        command.arg(&self.script).arg(verb).arg(&self.folder).stdin(Stdio::null());
        if numbered {
            command.arg(self.number.to_string());
        }
        let status = command.stdout(log.try_clone()?).stderr(log).status()?;
        if status.success() {
            return Ok(());
        }
        let said = fs::read_to_string(self.folder.with_extension("log")).unwrap_or_default();
        Err(io::Error::other(format!("no machine of the lab: `{verb}`: {}", said.trim())))
    }

    pub(super) fn address(&self) -> String {
        format!("10.213.9.{}", self.number)
    }

    pub(super) fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// Returns what is said to reach it.
    pub(super) fn reach(&self) -> Vec<String> {
        let known = self.known_hosts();
        let words = ["--target", &format!("ssh://root@{}", self.address()), "--key", KEY, "--known-hosts"];
        words.iter().map(|&word| word.to_owned()).chain([known.display().to_string()]).collect()
    }

    /// Returns the same for `ssh` itself.
    pub(super) fn options(&self) -> Vec<String> {
        let known = format!("UserKnownHostsFile={}", self.known_hosts().display());
        let words = ["-F", "none", "-i", KEY, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", &known];
        words.iter().map(|&word| word.to_owned()).collect()
    }

    /// Returns the shortest thing that can be done there.
    pub(super) fn bare(&self) -> Way {
        let words = self.options().into_iter().chain([format!("root@{}", self.address()), "true".to_owned()]);
        Way { before: Before::Nothing, program: PathBuf::from("ssh"), arguments: words.collect() }
    }

    /// Has nothing be there that anybody brought.
    pub(super) fn emptied(&self) -> Before {
        let store = self.store.display();
        self.shell(&format!(
            "rm -rf /etc/app {UNITS} ~root/.punix ~root/.cache /var/lib/punix /nix/* {store}*/* {store}*/.[a-z]*"
        ))
    }

    /// Has it lack all packages, and the stack that needs them; what punix sends once stays.
    pub(super) fn without(&self, store: &Path) -> Before {
        let store = store.display();
        self.shell(&format!("chmod -R u+w {store}; rm -rf {store}/* {store}/.[a-z]* ~root/.punix/deployments {UNITS}"))
    }

    fn shell(&self, text: &str) -> Before {
        let words =
            [&self.script.display().to_string(), "inside", &self.folder.display().to_string(), "sh", "-c", text];
        Before::Done {
            program: PathBuf::from("bash"),
            arguments: words.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    /// Returns how `rsync` gets in.
    pub(super) fn remote_shell(&self) -> io::Result<String> {
        let options = self.options();
        options.iter().try_for_each(|option| text(Path::new(option)).map(drop))?;
        Ok(format!("ssh {}", options.join(" ")))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // What stays is cleared when its number is used again.
        let _ = self.run("clear", true);
    }
}
