//! File systems in files: mounted as one machine's disks, and shut down as if the power went.

use crate::support::{Folder, run, scrubbed, skip};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Sandboxes of other tests hold mounts for a while.
const DEADLINE: Duration = Duration::from_secs(90);

/// A file system in a file, and where it is mounted.
struct Volume {
    image: PathBuf,
    kind: &'static str,
    point: PathBuf,
}

/// A host on one file system, or on two of which the second is its `/etc`.
pub(super) struct Machine {
    folder: Folder,
    volumes: Vec<Volume>,
}

impl Machine {
    /// Makes a host on one file system, or counts the test as skipped where that cannot be done.
    pub(super) fn whole(kind: &'static str, megabytes: u64) -> Option<Machine> {
        let mut machine = Machine { folder: Folder::new(), volumes: Vec::new() };
        let point = machine.folder.path().join("disk");
        machine.add(kind, megabytes, &point)?;
        fs::create_dir(machine.host()).expect("the file system is new");
        Some(machine)
    }

    /// Makes a host whose `/etc` is another file system.
    pub(super) fn split(kind: &'static str, megabytes: u64) -> Option<Machine> {
        let mut machine = Machine::whole(kind, megabytes)?;
        let point = machine.host().join("etc");
        machine.add(kind, megabytes, &point)?;
        // Some file systems are born with a directory.
        let _ = fs::remove_dir(point.join("lost+found"));
        machine.sync();
        Some(machine)
    }

    fn add(&mut self, kind: &'static str, megabytes: u64, point: &Path) -> Option<()> {
        let image = self.folder.path().join(format!("image-{}", self.volumes.len()));
        let volume = Volume { image, kind, point: point.to_owned() };
        let made = volume.make(megabytes);
        if !made {
            skip(&format!("no {kind} on a loop device can be made and mounted here"));
        }
        self.volumes.push(volume);
        made.then_some(())
    }

    pub(super) fn host(&self) -> PathBuf {
        self.folder.path().join("disk/host")
    }

    /// Makes the host like another one.
    #[track_caller]
    pub(super) fn fill(&self, from: &Path) {
        clear(&self.host());
        let mut command = scrubbed("cp");
        command.arg("-a").arg(from.join(".")).arg(self.host()).env("PATH", "/usr/bin:/bin");
        let outcome = run(command);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    }

    #[track_caller]
    pub(super) fn sync(&self) {
        for volume in &self.volumes {
            assert!(tool("sync", &["-f".as_ref(), volume.point.as_os_str()]), "{} is synced", volume.kind);
        }
    }

    /// Turns the power of some file systems off: nothing that was not synced is written any more.
    #[track_caller]
    pub(super) fn cut(&self, which: &[usize]) {
        for &at in which {
            let volume = &self.volumes[at];
            let off = tool("xfs_io", &["-x".as_ref(), "-c".as_ref(), "shutdown".as_ref(), volume.point.as_os_str()]);
            assert!(off, "{} is shut down", volume.kind);
        }
    }

    /// Turns everything on again.
    #[track_caller]
    pub(super) fn restart(&self) {
        for volume in self.volumes.iter().rev() {
            assert!(tool("umount", &[volume.point.as_os_str()]), "{} is unmounted", volume.kind);
        }
        for volume in &self.volumes {
            // A sandbox of another test has a copy of all mounts, and lets go of this one when it ends. Until then a new
            // mount would be the old one, without power.
            let start = Instant::now();
            while volume.is_attached() {
                assert!(start.elapsed() < DEADLINE, "somebody does not let go of {}", volume.kind);
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(volume.mount(), "{} is mounted again", volume.kind);
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for volume in self.volumes.iter().rev() {
            let _ = tool("umount", &["-q".as_ref(), volume.point.as_os_str()]);
        }
    }
}

impl Volume {
    fn make(&self, megabytes: u64) -> bool {
        let image = fs::File::create(&self.image).and_then(|file| file.set_len(megabytes << 20));
        image.expect("the folder is writable");
        fs::create_dir(&self.point).expect("nothing is there");
        tool(&format!("mkfs.{}", self.kind), &["-q".as_ref(), self.image.as_os_str()]) && self.mount()
    }

    fn mount(&self) -> bool {
        tool("mount", &["-o".as_ref(), "loop".as_ref(), self.image.as_os_str(), self.point.as_os_str()])
    }

    fn is_attached(&self) -> bool {
        let mut command = scrubbed("losetup");
        command.arg("--associated").arg(&self.image).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
        command.output().is_ok_and(|output| !output.stdout.is_empty())
    }
}

/// Empties a host. Its `/etc` stays where a file system is mounted on it.
fn clear(host: &Path) {
    for entry in fs::read_dir(host).expect("it is there").flatten() {
        let path = entry.path();
        let removed = match (entry.file_type().is_ok_and(|kind| kind.is_dir()), path.ends_with("host/etc")) {
            (true, true) => {
                clear(&path);
                match fs::remove_dir(&path) {
                    Err(error) if error.kind() == ErrorKind::ResourceBusy => Ok(()),
                    removed => removed,
                }
            }
            (true, false) => fs::remove_dir_all(&path),
            (false, _) => fs::remove_file(&path),
        };
        removed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

pub(super) fn tool(name: &str, words: &[&OsStr]) -> bool {
    let mut command = scrubbed(name);
    command.args(words).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
