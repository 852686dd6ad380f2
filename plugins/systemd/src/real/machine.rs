//! For tests: a machine with a real systemd as PID 1, in namespaces of its own, on an overlay of this machine's files.
//! What happens there changes nothing here, and it goes away with its owner.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Makes the root of the machine, and becomes its PID 1. Services have no usual dependencies there: nothing else is
/// started.
const BOOT: &str = r#"
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"; mkdir "$1/upper" "$1/work" "$1/root"; r=$1/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$r"
mount -t proc proc "$r/proc"; mount -t sysfs sysfs "$r/sys"; mount -t cgroup2 cgroup2 "$r/sys/fs/cgroup"
mount -t tmpfs tmpfs "$r/dev" -o mode=755
for d in null zero full random urandom tty; do touch "$r/dev/$d"; mount --bind "/dev/$d" "$r/dev/$d"; done
mkdir -p "$r/dev/pts" "$r/dev/shm"
mount -t tmpfs tmpfs "$r/run" -o mode=755; mount -t tmpfs tmpfs "$r/tmp" -o mode=1777
mkdir -p "$r/run/systemd/system/service.d" "$r/run/systemd/system/timer.d"
printf '[Unit]\nDefaultDependencies=no\n' | tee "$r/run/systemd/system/service.d/a.conf" "$r/run/systemd/system/timer.d/a.conf" \
  >"$r/run/systemd/system/idle.target"
rm -rf "$r"/etc/systemd/system/*.wants
cd "$r"; mkdir -p .old; pivot_root . .old; umount -l /.old
# As on a real machine; credentials are mounted by a process of its own.
mount --make-rshared /
export container=other
exec /lib/systemd/systemd --system --unit=idle.target --log-target=console --show-status=false
"#;

const COMES_UP_WITHIN: Duration = Duration::from_secs(30);

/// A running machine.
pub(super) struct Machine {
    unshare: Child,
    init: u32,
    folder: PathBuf,
}

impl Machine {
    /// Starts a machine, if that can be done here; otherwise this is counted as a test that did not run.
    pub(super) fn boot() -> Option<Machine> {
        let missing = |reason: &str| {
            skip(&format!("no machine with systemd: {reason}"));
            None
        };
        let tools = ["/lib/systemd/systemd", "/usr/bin/unshare", "/usr/bin/nsenter", "/usr/bin/systemctl"];
        if let Some(tool) = tools.into_iter().find(|tool| !Path::new(tool).exists()) {
            return missing(&format!("{tool} is not there"));
        }
        let folder = new_folder();
        let kinds = ["--pid", "--mount", "--uts", "--ipc", "--cgroup", "--net", "--fork", "--kill-child"];
        let log = fs::File::create(folder.join("console")).unwrap();
        let mut command = Command::new("unshare");
        // What systemd sees first is what a test may write; its own folder is in the file system of the machine, too.
        command.args(kinds).args(["bash", "-c", BOOT, "boot"]).arg(&folder);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
        let unshare = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut machine = Machine { unshare, init: 0, folder };
        let begun = Instant::now();
        while begun.elapsed() < COMES_UP_WITHIN {
            if machine.unshare.try_wait().unwrap().is_some() {
                return missing(machine.console().lines().last().unwrap_or("it stopped at once"));
            }
            machine.init = child_of(machine.unshare.id()).unwrap_or(0);
            if machine.init != 0 && machine.run(&["systemctl", "is-active", "idle.target"]).status.success() {
                return Some(machine);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        missing(&format!("it does not come up: {}", machine.console()))
    }

    /// Runs a command there.
    pub(super) fn run(&self, argv: &[&str]) -> Output {
        let mut command = self.enter();
        command.args(argv).stdin(Stdio::null()).output().unwrap()
    }

    /// Writes a file there, with the directories that it needs.
    pub(super) fn write(&self, path: &str, mode: u32, bytes: &[u8]) {
        let script =
            r#"umask 077; mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1" && chmod 755 "$(dirname "$1")""#;
        let mut command = self.enter();
        command.args(["sh", "-c", script, "write", path, &format!("{mode:o}")]).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        assert!(child.wait().unwrap().success(), "{path}");
    }

    /// Reads a file there.
    pub(super) fn read(&self, path: &str) -> Vec<u8> {
        let output = self.run(&["cat", path]);
        assert!(output.status.success(), "{path}: {}\n{}", String::from_utf8_lossy(&output.stderr), self.console());
        output.stdout
    }

    /// Returns what systemd complained about.
    pub(super) fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("console")).unwrap_or_default()).into_owned()
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init.to_string(), "-a", "--"]);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a folder of one test.
pub(super) fn new_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("punix-systemd-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Counts a test that cannot run here.
pub(super) fn skip(reason: &str) {
    if let Some(log) = std::env::var_os("PUNIX_SKIP_LOG")
        && let Ok(mut log) = fs::OpenOptions::new().append(true).create(true).open(log)
    {
        let _ = writeln!(log, "SKIP: {reason}");
    }
}

/// Finds the one process that another has started.
fn child_of(parent: u32) -> Option<u32> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let process: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent_of: u32 = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        (parent_of == parent).then_some(process)
    })
}
