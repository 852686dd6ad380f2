//! A process that has all secrets in its memory, held there: nobody looks into it, it leaves no core when it is killed, and
//! its memory stays where it is.

use super::{Cage, DEADLINE};
use crate::support::{punix, scrubbed, skip};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A user who is nobody.
const NOBODY: u32 = 65_534;

/// A command that waits for a download, with its secrets in memory. It goes with its owner.
struct Held {
    child: Child,
    number: usize,
}

impl Cage {
    /// Starts a deploy by another command, and waits until it has found all that it looks for.
    fn held(&self, mut command: Command, number: usize) -> Held {
        self.source.hold(true);
        let output = |name: &str| fs::File::create(self.place.path(name)).expect("it can be made");
        command.stdin(Stdio::null()).stdout(output("said")).stderr(output("whispered"));
        let child = command.spawn().expect("it can be started");
        self.source.wait_for(number);
        Held { child, number }
    }

    /// Returns a deploy that builds without a sandbox, which not everybody may have, as another program starts it.
    fn deploying(&self, program: &str, words: &[&str], more: &[&str]) -> Command {
        let root = ["service", "deploy", "Web", "--file", "web/p.pcl", "--no-sandbox", "--transport-root", "host"];
        let inner = self.place.command(root.iter().chain(more));
        let mut command = scrubbed(program);
        command.args(words).arg(inner.get_program()).args(inner.get_args()).current_dir(self.place.path(""));
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }
}

impl Held {
    /// Returns its number and those of all that it has started.
    fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let mut at = 0;
        while let Some(number) = all.get(at) {
            let tasks = fs::read_dir(format!("/proc/{number}/task")).map(|tasks| tasks.flatten().collect::<Vec<_>>());
            let children = tasks.unwrap_or_default().into_iter().flat_map(|task| {
                let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                text.split_whitespace().filter_map(|number| number.parse().ok()).collect::<Vec<u32>>()
            });
            all.extend(children.collect::<Vec<u32>>());
            at += 1;
        }
        all
    }

    /// Ends it by a signal, and returns how it ended.
    fn end(mut self, signal: &str) -> ExitStatus {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|sent| sent.success()), "{} cannot be ended", self.number);
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return status;
            }
            assert!(begun.elapsed() < DEADLINE, "it does not end by {signal}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0)
}

/// Returns the words before a program that nobody starts, or those that change nothing where this is not root.
fn as_nobody() -> (&'static str, Vec<&'static str>) {
    match is_root() {
        true => ("setpriv", vec!["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--"]),
        false => ("env", Vec::new()),
    }
}

/// Tells whether a file can be read by the user who also has the processes.
fn is_read(path: &str) -> bool {
    let (program, words) = as_nobody();
    let mut command = scrubbed(program);
    // A file of memory is nothing at its beginning; that it is opened at all is what matters.
    command.args(words).args(["sh", "-c", "exec 3<\"$0\"", path]).env("PATH", "/usr/bin:/bin");
    command.output().expect("it can be started").status.success()
}

/// Gives all that a test has to nobody.
fn give(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).expect("it can be given away");
    if path.symlink_metadata().expect("it is there").is_dir() {
        fs::read_dir(path).expect("it can be listed").flatten().for_each(|entry| give(&entry.path()));
    }
}

#[test]
fn nobody_looks_into_a_process_that_has_them() {
    let cage = Cage::new();
    let program = cage.place.write("punix-target", super::target_program());
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    if is_root() {
        give(&cage.place.path(""));
    }
    // The machine may keep its programs from others.
    let (by, words) = as_nobody();
    let mut tried = scrubbed(by);
    tried.args(&words).arg(punix().get_program()).arg("--version");
    if !tried.output().is_ok_and(|output| output.status.success()) {
        return skip("nobody but root may start the program that is tested");
    }
    // A process of the same user that keeps nothing from him can be looked into.
    let mut other = scrubbed(by);
    let mut other =
        other.args(&words).args(["sleep", "1000"]).env("PATH", "/usr/bin:/bin").spawn().expect("it can sleep");
    let begun = Instant::now();
    let environ = format!("/proc/{}/environ", other.id());
    while !is_read(&environ) && begun.elapsed() < DEADLINE {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(is_read(&environ) && is_read(&format!("/proc/{}/mem", other.id())), "nothing can be looked into here");
    other.kill().and_then(|()| other.wait()).expect("it is ours");
    // With the engine in the same process, and in one of its own.
    for (number, more) in [(1, &[][..]), (2, &["--target-bin", "./punix-target"])] {
        let held = cage.held(cage.deploying(by, &words, more), number);
        let processes = held.processes();
        assert!(processes.len() >= number, "{processes:?}");
        for process in processes {
            for file in ["mem", "environ", "maps", "auxv"] {
                assert!(!is_read(&format!("/proc/{process}/{file}")), "{file} of {process} can be read");
            }
            // It is root's, whoever runs it.
            let owner = fs::metadata(format!("/proc/{process}/mem")).map(|about| about.uid());
            assert_eq!(owner.ok(), Some(0), "{process}");
        }
        held.end("KILL");
        cage.source.hold(false);
    }
    assert_eq!(cage.kept("held"), 0);
}

#[test]
fn a_signal_leaves_no_core_with_one() {
    let cage = Cage::new();
    // Whoever runs this beside something else may have made it deaf to one of the signals.
    let whatever_the_size = ["-c", "ulimit -c unlimited; exec env --default-signal \"$0\" \"$@\""];
    // Whether anybody leaves a core here.
    let mut control = scrubbed("sh");
    fs::create_dir(cage.place.path("control")).expect("it can be made");
    control.args(["-c", "ulimit -c unlimited && kill -ABRT $$"]).current_dir(cage.place.path("control"));
    let control = control.output().expect("a shell can be started").status;
    if !control.core_dumped() {
        skip("nobody leaves a core on this machine");
    }
    fs::remove_dir_all(cage.place.path("control")).expect("it is there");
    // Of those that say that memory was misused there are handlers, which see that it was not.
    for (number, signal, name) in [(1, 6, "ABRT"), (2, 3, "QUIT"), (3, 31, "SYS"), (4, 5, "TRAP"), (5, 24, "XCPU")] {
        let held = cage.held(cage.deploying("sh", &whatever_the_size, &[]), number);
        let ended = held.end(name);
        assert_eq!((ended.signal(), ended.core_dumped()), (Some(signal), false), "{name}");
        cage.source.hold(false);
        // If there is one all the same, it is looked through.
        assert_eq!(cage.kept(name), 0);
    }
}

#[test]
fn memory_with_one_stays_out_of_swap_where_that_is_allowed() {
    let cage = Cage::new();
    let held = cage.held(cage.deploying("env", &[], &[]), 1);
    let process = held.child.id();
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("it says so");
    let locked: u64 = locked.trim().trim_end_matches(" kB").parse().expect("it is a number");
    if !is_root() {
        // A limit that is reached would break a deploy off in its midst, so nothing is locked.
        assert_eq!(locked, 0, "{status}");
        return;
    }
    assert!(locked > 0, "{status}");
    let maps = fs::read_to_string(format!("/proc/{process}/smaps")).expect("root may read it");
    let mut heading = "";
    let mut heaps = 0;
    for line in maps.lines() {
        let first = line.split(' ').next().unwrap_or_default();
        match line.strip_prefix("VmFlags:") {
            // What is written to and comes from no file: heaps and stacks.
            Some(flags) if heading.contains(" rw-p ") && heading.split_whitespace().nth(4) == Some("0") => {
                heaps += 1;
                assert!(flags.split(' ').any(|flag| flag == "lo"), "{heading}: {flags}");
            }
            Some(_) => {}
            None if first.contains('-') => heading = line,
            None => {}
        }
    }
    assert!(heaps > 2, "{maps}");
    held.end("KILL");
    cage.source.hold(false);
}
