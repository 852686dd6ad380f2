//! The power goes: a file system is shut down without a flush, right after success was printed, or in the midst of a
//! commit. What is on the disk then is what counts.

use super::site::{Site, deploying};
use crate::kill::tracer::{Step, can_trace, choice, steps, stopped_at};
use crate::kill::{is_long, times};
use crate::support::{Folder, run, scrubbed, skip};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Builds of other tests go on for a while.
const DEADLINE: Duration = Duration::from_secs(90);

/// A file system in a file, and where it is mounted.
struct Volume {
    folder: Folder,
    kind: &'static str,
}

impl Volume {
    /// Makes a file system, or counts the test as skipped where that cannot be done.
    fn new(kind: &'static str, megabytes: u64) -> Option<Volume> {
        let volume = Volume { folder: Folder::new(), kind };
        let image = fs::File::create(volume.image()).and_then(|file| file.set_len(megabytes << 20));
        image.expect("the folder is writable");
        fs::create_dir(volume.point()).expect("the folder is new");
        let made = tool(&format!("mkfs.{kind}"), &["-q".as_ref(), volume.image().as_os_str()]) && volume.mount();
        if !made {
            skip(&format!("no {kind} on a loop device can be made and mounted here"));
        }
        made.then_some(volume)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn point(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn mount(&self) -> bool {
        tool("mount", &["-o".as_ref(), "loop".as_ref(), self.image().as_os_str(), self.point().as_os_str()])
    }

    /// Turns the power off and on again: nothing that was not synced is written any more.
    #[track_caller]
    fn cut(&self) {
        let off = tool("xfs_io", &["-x".as_ref(), "-c".as_ref(), "shutdown".as_ref(), self.point().as_os_str()]);
        assert!(off, "{} is shut down", self.kind);
    }

    #[track_caller]
    fn restart(&self) {
        assert!(tool("umount", &[self.point().as_os_str()]), "{} is unmounted", self.kind);
        // A sandbox of another test has a copy of all mounts, and lets go of this one when it ends. Until then a new mount
        // would be the old one, without power.
        let start = Instant::now();
        while self.is_attached() {
            assert!(start.elapsed() < DEADLINE, "somebody does not let go of {}", self.kind);
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(self.mount(), "{} is mounted again", self.kind);
    }
}

impl Volume {
    fn is_attached(&self) -> bool {
        let mut command = scrubbed("losetup");
        command.arg("--associated").arg(self.image()).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
        command.output().is_ok_and(|output| !output.stdout.is_empty())
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = tool("umount", &["-q".as_ref(), self.point().as_os_str()]);
    }
}

fn tool(name: &str, words: &[&std::ffi::OsStr]) -> bool {
    let mut command = scrubbed(name);
    command.args(words).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

const KINDS: [(&str, u64); 2] = [("ext4", 48), ("xfs", 320)];

#[test]
fn what_was_printed_as_done_survives_a_power_cut() {
    for (kind, size) in KINDS {
        let Some(volume) = Volume::new(kind, size) else { return };
        let site = Site::new();
        let host = volume.point().join("host");
        fs::create_dir(&host).unwrap();
        let expected: [(&[&str], usize); 5] = [
            (&deploying(1), 1),
            (&deploying(2), 2),
            (&["rollback", "App"], 1),
            (&["set-current", "App", "2"], 2),
            (&["remove", "App"], 0),
        ];
        for (words, generation) in expected {
            let outcome = run(site.command_at(&host, words));
            assert_eq!(outcome.code, Some(0), "{kind}: {outcome:#?}");
            volume.cut();
            volume.restart();
            assert_eq!(site.generation(&host, &format!("{kind}: {words:?}")), generation, "{kind}: {words:?}");
        }
    }
}

#[test]
fn a_power_cut_in_the_midst_leaves_one_generation() {
    if !can_trace() {
        return;
    }
    for (kind, size) in KINDS {
        let Some(volume) = Volume::new(kind, size) else { return };
        let site = Site::new();
        let host = volume.point().join("host");
        let operations: [(&[&str], usize, usize); 3] =
            [(&deploying(2), 1, 2), (&["rollback", "App"], 2, 1), (&["remove", "App"], 2, 0)];
        for (words, from, to) in operations {
            prepare(&site, &host, from);
            let all = steps(site.command_at(&host, words), &site.path("trace"));
            let mut ends = [0, 0];
            for step in spread(choice(all, times(6, 100)), times(6, 100)) {
                prepare(&site, &host, from);
                assert!(tool("sync", &["-f".as_ref(), host.as_os_str()]));
                stop_and_cut(&volume, &step, site.command_at(&host, words));
                volume.restart();
                let about = format!("{kind}: {words:?} cut off at {step:?}");
                let outcome = run(site.command_at(&host, &["list"]));
                assert_eq!(outcome.code, Some(0), "{about}: {outcome:#?}");
                let end = site.generation(&host, &about);
                assert!(end == from || end == to, "{about}: it is at {end}");
                ends[usize::from(end == to)] += 1;
            }
            println!("{kind}: {words:?}: old {} new {}", ends[0], ends[1]);
        }
    }
}

/// Puts a host at a generation, from nothing.
fn prepare(site: &Site, host: &Path, generation: usize) {
    let _ = fs::remove_dir_all(host);
    fs::create_dir(host).unwrap();
    for version in 1..=generation {
        let outcome = run(site.command_at(host, &deploying(version)));
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    }
}

/// Takes some of many, spread evenly.
fn spread(steps: Vec<Step>, count: usize) -> Vec<Step> {
    let stride = if is_long() { steps.len().div_ceil(count) } else { 1 };
    steps.into_iter().step_by(stride.max(1)).collect()
}

/// Runs a command until a step, turns the power off while it stands there, and ends it.
#[track_caller]
fn stop_and_cut(volume: &Volume, step: &Step, command: Command) {
    let mut command = stopped_at(step, command);
    let mut tracer = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it ran before");
    let start = Instant::now();
    loop {
        if tracer.try_wait().expect("it is ours").is_some() {
            volume.cut();
            return;
        }
        if let Some(child) = child_of(tracer.id()).filter(|&child| is_stopped(child)) {
            volume.cut();
            // If it was not standing for good it was cut off somewhere else, and has ended by now.
            let _ = tool("kill", &["-KILL".as_ref(), child.to_string().as_ref()]);
            let _ = tracer.wait();
            return;
        }
        assert!(start.elapsed() < DEADLINE, "it neither stops nor ends");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns the process that a tracer started.
fn child_of(tracer: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{tracer}/task/{tracer}/children")).ok()?;
    children.split(' ').next()?.trim().parse().ok()
}

fn is_stopped(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // In `T` by the signal, in `t` on its way there under a tracer; the name before it is in brackets.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']) && is_signalled(process))
}

/// Tells a process that stands for good from one that stands at each call for its tracer to look.
fn is_signalled(process: u32) -> bool {
    let first = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    std::thread::sleep(Duration::from_millis(5));
    let second = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !first.is_empty() && first == second
}
