//! Real machines: systemd as process 1, a real sshd, an address of their own on a bridge that leads nowhere else. Each test
//! boots what it needs; what a killed test run left behind goes away when its number is used again.
//!
//! `tests/lab/host.sh` has the mounts and namespaces; here a machine is something to be asked, cut off and killed.

mod booting;
mod building;
mod cutting;
mod deploying;
mod fleets;
mod moments;
mod refusing;
mod secrets;
mod slow;
mod trips;

use crate::support::{Folder, Outcome, punix, root, run, scrubbed, skip};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where numbers are reserved. Each is a file whose lock is held while the machine is there; it says where its disk is.
const NUMBERS: &str = "/run/lock/punix-lab";
/// Addresses of the bridge's network that machines can have.
const FIRST: u8 = 2;
const LAST: u8 = 250;

/// A machine that runs.
pub(crate) struct Host {
    number: u8,
    folder: Folder,
    /// Held as long as the number is ours.
    _reserved: File,
}

/// Boots a machine; nothing where that cannot be done, which is counted.
pub(crate) fn host() -> Option<Host> {
    match can() {
        Ok(()) => Some(Host::boot_new()),
        Err(why) => {
            skip(&format!("no machine of the lab: {why}"));
            None
        }
    }
}

/// Tells what is lacking for machines, once.
fn can() -> Result<(), String> {
    static CAN: OnceLock<Result<(), String>> = OnceLock::new();
    let look = || {
        if !fs::metadata("/proc/self").is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0) {
            return Err("this is not root".to_owned());
        }
        let needed =
            ["/usr/sbin/sshd", "/lib/systemd/systemd", "/usr/bin/nsenter", "/usr/bin/unshare", "/usr/bin/ssh-keygen"];
        if let Some(lacking) = needed.iter().find(|path| !Path::new(path).exists()) {
            return Err(format!("there is no `{lacking}`"));
        }
        let mut command = scrubbed("unshare");
        command.env("PATH", PATH).args(["--net", "--pid", "--mount", "--cgroup", "--fork", "true"]);
        if !command.output().is_ok_and(|output| output.status.success()) {
            return Err("namespaces cannot be made".to_owned());
        }
        // `.ci/run` tries the same with `host.sh can`, and accepts no skips where one boots.
        std::panic::catch_unwind(Host::boot_new).map(drop).map_err(|_| "none boots here".to_owned())
    };
    CAN.get_or_init(look).clone()
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Host {
    fn boot_new() -> Host {
        let (number, reserved) = reserve();
        let folder = Folder::new();
        fs::write(Path::new(NUMBERS).join(number.to_string()), folder.path().as_os_str().as_encoded_bytes()).unwrap();
        fs::create_dir(folder.path().join("shared")).unwrap();
        let mut keygen = scrubbed("ssh-keygen");
        keygen.env("PATH", PATH).args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.path().join("id"));
        good(run(keygen));
        let host = Host { number, folder, _reserved: reserved };
        host.script(&["make"], &[&host.name()]);
        host.boot();
        let key = fs::read_to_string(host.folder.path().join("host_key.pub")).unwrap();
        let mut words = key.split(' ');
        let names = format!("{},{}", host.address(), host.address_6());
        let key = format!("{names} {} {}\n", words.next().unwrap(), words.next().unwrap());
        fs::write(host.folder.path().join("known_hosts"), key).unwrap();
        host
    }

    fn name(&self) -> String {
        self.number.to_string()
    }

    fn script(&self, verb: &[&str], rest: &[&str]) -> Outcome {
        good(run(script(self.folder.path(), verb, rest)))
    }

    pub(crate) fn address(&self) -> String {
        format!("10.213.9.{}", self.number)
    }

    /// Returns its other address, which it has where this machine's kernel knows IPv6.
    fn address_6(&self) -> String {
        format!("fd13:9::{}", self.number)
    }

    /// Returns the target as a user names it.
    pub(crate) fn target(&self, user: &str) -> String {
        format!("ssh://{user}@{}", self.address())
    }

    /// Returns a path that this machine and the other one both have. Programs can be there.
    pub(crate) fn shared(&self, name: &str) -> PathBuf {
        self.folder.path().join("shared").join(name)
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("id")
    }

    /// Runs a program there, as root.
    pub(crate) fn exec<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Outcome {
        let mut command = script(self.folder.path(), &["inside"], &[]);
        command.args(words);
        run(command)
    }

    /// Runs a shell's text there, which has to end well; returns what it prints.
    #[track_caller]
    pub(crate) fn shell(&self, text: &str) -> String {
        good(self.exec(["sh", "-c", text])).stdout.trim_end().to_owned()
    }

    /// Makes a user whose units run while he is not there, and who can log in with the same key.
    pub(crate) fn add_user(&self, name: &str) {
        self.shell(&format!(
            "useradd -m -s /bin/sh {name} && install -d -m 700 -o {name} -g {name} /home/{name}/.ssh \
             && install -m 600 -o {name} -g {name} ~root/.ssh/authorized_keys /home/{name}/.ssh/authorized_keys \
             && loginctl enable-linger {name}"
        ));
    }

    /// Takes its cable out.
    pub(crate) fn cut(&self) {
        self.cable("down");
    }

    /// Puts it back.
    pub(crate) fn heal(&self) {
        self.cable("up");
    }

    fn cable(&self, state: &str) {
        let mut command = scrubbed("ip");
        command.env("PATH", PATH).args(["-n", &format!("punixlab{}", self.number), "link", "set", "eth0", state]);
        good(run(command));
    }

    /// Cuts its power.
    pub(crate) fn kill(&self) {
        self.script(&["stop"], &[]);
    }

    /// Starts it again on the same disk.
    pub(crate) fn boot(&self) {
        let mut command = script(self.folder.path(), &["boot"], &[&self.name()]);
        // It leaves a process behind that must not hold our pipes.
        let log = File::create(self.folder.path().join("boot")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let status = command.status().unwrap();
        let said = || fs::read_to_string(self.folder.path().join("boot")).unwrap_or_default();
        assert!(status.success(), "{}", said());
    }

    /// Starts it on the same disk as one without systemd.
    fn boot_without_systemd(&self) {
        self.kill();
        fs::write(self.folder.path().join("plain"), "").unwrap();
        self.boot();
    }

    /// Prepares a verb of `punix service` of this machine for that one.
    pub(crate) fn service<A: AsRef<OsStr>>(&self, user: &str, words: impl IntoIterator<Item = A>) -> Command {
        self.service_of(&self.target(user), words)
    }

    /// The same, where another target leads to it.
    fn service_of<A: AsRef<OsStr>>(&self, target: &str, words: impl IntoIterator<Item = A>) -> Command {
        let mut command = punix();
        command.arg("service").args(words).current_dir(self.shared("")).env("HOME", self.shared("")).env("USER", "op");
        command.env("PUNIX_STORE_DIR", self.store()).env("PATH", PATH);
        command.args(["--target", target, "--key"]).arg(self.key());
        command.arg("--known-hosts").arg(self.known_hosts());
        command
    }

    /// Returns where packages are, here and there. It is not shared: packages have to be brought.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Returns how often somebody logged in there.
    pub(crate) fn logins(&self) -> usize {
        let log = self.shell("journalctl -u ssh.service --no-pager -o cat; true");
        log.lines().filter(|line| line.starts_with("Accepted publickey")).count()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = run(script(self.folder.path(), &["clear"], &[&self.number.to_string()]));
        // Entries of a store are read-only.
        let mut command = scrubbed("chmod");
        command.env("PATH", PATH).args(["-R", "u+rwX"]).arg(self.folder.path());
        let _ = run(command);
        let _ = fs::remove_file(Path::new(NUMBERS).join(self.number.to_string()));
    }
}

fn script(folder: &Path, verb: &[&str], rest: &[&str]) -> Command {
    let mut command = scrubbed("bash");
    command.env("PATH", PATH).arg(root().join("tests/lab/host.sh")).args(verb).arg(folder).args(rest);
    command
}

/// Takes a number that nobody has, and clears away what somebody who was killed left there.
fn reserve() -> (u8, File) {
    fs::create_dir_all(NUMBERS).unwrap();
    for number in FIRST..=LAST {
        let path = Path::new(NUMBERS).join(number.to_string());
        let file = File::options().create(true).read(true).write(true).truncate(false).open(&path).unwrap();
        if file.try_lock().is_err() {
            continue;
        }
        // Whoever had it may have removed the file between our opening and locking it.
        let is_there = fs::metadata(&path).is_ok_and(|found| {
            use std::os::unix::fs::MetadataExt;
            file.metadata().is_ok_and(|held| held.ino() == found.ino())
        });
        if !is_there {
            continue;
        }
        let left = fs::read_to_string(&path).unwrap_or_default();
        if !left.is_empty() {
            let _ = run(script(Path::new(&left), &["clear"], &[&number.to_string()]));
        }
        return (number, file);
    }
    panic!("there is no free number for a machine of the lab");
}

#[track_caller]
pub(crate) fn good(outcome: Outcome) -> Outcome {
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    outcome
}

/// Writes a program that can be run.
pub(crate) fn write_program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_machine_boots_is_cut_off_and_boots_again() {
    let (Some(one), Some(other)) = (host(), host()) else { return };
    assert_ne!(one.address(), other.address());
    // Nobody minds a unit of this machine that cannot run there.
    let state = one.shell("systemctl is-system-running --wait || true");
    assert!(["running", "degraded"].contains(&state.as_str()), "{state}");
    assert!(other.shell("hostname").ends_with(&other.number.to_string()));
    one.shell("echo kept > /etc/kept; echo gone > /run/gone");
    let reaches = || {
        let mut command = scrubbed("ssh");
        command.env("PATH", PATH).args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=2", "-o"]);
        command.arg(format!("UserKnownHostsFile={}", one.known_hosts().display())).arg("-i").arg(one.key());
        run({
            command.args([&format!("root@{}", one.address()), "true"]);
            command
        })
        .code
            == Some(0)
    };
    assert!(reaches());
    one.cut();
    assert!(!reaches());
    one.heal();
    assert!(reaches());
    one.kill();
    one.boot();
    assert_eq!(one.shell("cat /etc/kept; ls /run/gone 2>/dev/null || true"), "kept");
    assert!(reaches());
    assert_eq!(one.logins(), 3, "what was said before the boot is kept");
}
