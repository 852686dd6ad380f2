//! The files of a project that say which plugins are used and what these may do. They are read strictly, and written one at
//! a time, each in one step. Who changes them holds the project, so that no change is lost; who only looks does not wait.

use super::{Stopped, by, disk, homeless};
use crate::args::plugin::Places;
use crate::places;
use crate::ui::{Ui, shown};
use punix_diag::{Code, Diagnostic};
use punix_disk::{Disk, Kind, RealDisk};
use punix_plugin::limits::POLICY_BYTES_MAX;
use punix_plugin::{CEILINGS, Ceiling, Id, Lock, Policy, PolicyError, Rules, SiteError, Table, ceilings};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) const POLICY: &str = "punix.plugins.toml";
pub(crate) const LOCK: &str = "punix.lock";

/// Who may write ceilings.
const ROOT: u32 = 0;
const NEW_FILE_MODE: u32 = 0o644;

/// What a project says of plugins, and what bounds it here.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) policy: Policy,
    pub(crate) lock: Lock,
    pub(crate) ceilings: Vec<Ceiling>,
    /// Where components are kept.
    pub(crate) components: PathBuf,
    pub(crate) directory: PathBuf,
    policy_file: Page,
    lock_file: Page,
}

/// One of the files, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    /// For people.
    name: PathBuf,
    /// Where it is, or will be; no link.
    place: PathBuf,
    /// `None` if there is none.
    text: Option<String>,
    mode: u32,
}

/// The right to change a directory's files. It ends with its owner, however that ends.
#[derive(Debug)]
pub(crate) struct Hold {
    _directory: File,
}

impl Project {
    /// Reads everything.
    pub(crate) fn read(places: &Places) -> Result<Project, Stopped> {
        let directory = places.project.clone();
        must_be_there(&directory)?;
        let components = places::plugins(places.plugin_dir.as_deref()).map_err(homeless)?;
        let (policy_file, lock_file) = (Page::read(&directory, POLICY)?, Page::read(&directory, LOCK)?);
        let policy = match &policy_file.text {
            Some(text) => Policy::parse(&policy_file.name(), text).map_err(SiteError::from)?,
            None => Policy::default(),
        };
        let lock = match &lock_file.text {
            Some(text) => Lock::parse(&lock_file.name(), text).map_err(SiteError::from)?,
            None => Lock::default(),
        };
        let ceilings = ceilings(Path::new(CEILINGS), ROOT)?;
        Ok(Project { policy, lock, ceilings, components, directory, policy_file, lock_file })
    }

    /// Returns the same for the door.
    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules { lock: &self.lock, policy: &self.policy, ceilings: &self.ceilings }
    }

    /// Returns what the policy says of a plugin.
    pub(crate) fn table(&self, id: &Id) -> Option<&Table> {
        self.policy.plugin.get(id)
    }

    /// Returns the policy's text; that of a file which is not there is empty.
    pub(crate) fn policy_text(&self) -> &str {
        self.policy_file.text.as_deref().unwrap_or_default()
    }

    /// Returns what the policy is called in messages.
    pub(crate) fn policy_name(&self) -> String {
        self.policy_file.name()
    }

    /// Tells whether somebody else has changed the files since they were read.
    pub(crate) fn is_as(&self, earlier: &Project) -> bool {
        self.policy_file == earlier.policy_file && self.lock_file == earlier.lock_file
    }

    /// Puts a policy in place of the one that was read.
    pub(crate) fn write_policy(&mut self, text: String) -> Result<(), Stopped> {
        // What is written is what can be read.
        self.policy = Policy::parse(&self.policy_file.name(), &text).map_err(SiteError::from)?;
        self.policy_file.replace(text)
    }

    /// Puts a lock in place of the one that was read.
    pub(crate) fn write_lock(&mut self, lock: Lock) -> Result<(), Stopped> {
        let text = lock.to_text();
        self.lock = lock;
        if self.lock_file.text.as_deref() == Some(text.as_str()) {
            return Ok(());
        }
        self.lock_file.replace(text)
    }
}

impl Page {
    fn read(directory: &Path, name: &str) -> Result<Page, Stopped> {
        let here = directory == Path::new(".");
        let path = directory.join(name);
        let name = if here { PathBuf::from(name) } else { path.clone() };
        let failed = |error| SiteError::Io { path: name.clone(), error };
        let is_link = match path.symlink_metadata() {
            Ok(metadata) => metadata.is_symlink(),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(failed(error).into()),
        };
        // A link stays one; what it leads to is read, and replaced.
        let place = if is_link { std::fs::canonicalize(&path).map_err(failed)? } else { path.clone() };
        let (text, mode) = match read(&place, &name)? {
            Some((text, mode)) => (Some(text), mode),
            None => (None, NEW_FILE_MODE),
        };
        Ok(Page { name, place, text, mode })
    }

    fn name(&self) -> String {
        self.name.display().to_string()
    }

    /// Replaces what was read, unless it has changed since: an editor holds nothing.
    fn replace(&mut self, text: String) -> Result<(), Stopped> {
        let now = read(&self.place, &self.name)?.map(|(text, _)| text);
        if now != self.text {
            return Err(changed(&self.name));
        }
        let (parent, name) = parts(&self.place);
        let written = RealDisk::open(parent).and_then(|disk| put(&disk, Path::new(name), text.as_bytes(), self.mode));
        let failed = |error| disk(io::Error::other(format!("`{}` cannot be written: {error}", self.name())));
        written.map_err(failed)?;
        self.text = Some(text);
        Ok(())
    }
}

impl Hold {
    /// Waits for whoever changes files of this directory, and keeps others out.
    pub(crate) fn take(ui: &Ui, directory: &Path) -> Result<Hold, Stopped> {
        const WAIT: Duration = Duration::from_secs(30);
        const PAUSE: Duration = Duration::from_millis(10);
        must_be_there(directory)?;
        let place = shown(directory);
        let failed = |error: io::Error| disk(io::Error::other(format!("`{place}` cannot be locked: {error}")));
        // The directory itself: a file of its own would lie about in the repository, and one that is replaced cannot
        // be locked.
        let file = File::open(directory).map_err(failed)?;
        let start = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Hold { _directory: file }),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if start.elapsed() > WAIT => {
                    let message = format!("somebody else changes the plugins of `{place}`, for more than 30 seconds");
                    return Err(by(Diagnostic::error(Code::E23, message).help("try it again")));
                }
                Err(TryLockError::WouldBlock) => {
                    if !told {
                        ui.say(&format!("waiting for somebody else who changes the plugins of {place}"));
                    }
                    told = true;
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }
}

/// Puts bytes under a name in one step: whoever reads it finds the old or the new, also after a power cut.
pub(super) fn put(disk: &dyn Disk, name: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let parent = name.parent().unwrap_or(Path::new(""));
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name.file_name().unwrap_or_default());
    hidden.push(".draft");
    let draft = parent.join(hidden);
    // The one that a killed process left; whoever writes holds the directory.
    if disk.metadata(&draft)?.is_some() {
        disk.remove(&draft)?;
    }
    let written = || -> io::Result<()> {
        let mut file = disk.create(&draft, mode)?;
        file.write_all(bytes)?;
        file.sync()?;
        drop(file);
        disk.replace(&draft, name)
    };
    if let Err(error) = written() {
        let _ = disk.remove(&draft); // what went wrong first is what is told
        return Err(error);
    }
    disk.sync_directory(parent)
}

/// Says that somebody else was quicker.
pub(super) fn changed(name: &Path) -> Stopped {
    let message = format!("`{}` was changed meanwhile, and nothing more was written", name.display());
    by(Diagnostic::error(Code::E23, message).help("look at it, and run this again"))
}

fn must_be_there(directory: &Path) -> Result<(), Stopped> {
    if directory.is_dir() {
        return Ok(());
    }
    let message = format!("there is no directory `{}`", shown(directory));
    Err(Stopped::usage(message, "name the project's directory with `--project`"))
}

/// Reads a text file with its mode; `None` if nothing is there.
fn read(place: &Path, name: &Path) -> Result<Option<(String, u32)>, SiteError> {
    let failed = |error| SiteError::Io { path: name.to_owned(), error };
    let (parent, file) = parts(place);
    let disk = RealDisk::open(parent).map_err(failed)?;
    let file = Path::new(file);
    let mode = match disk.metadata(file).map_err(failed)? {
        None => return Ok(None),
        Some(metadata) if metadata.kind == Kind::File => metadata.mode & 0o777,
        Some(_) => return Err(SiteError::Kind { path: name.to_owned() }),
    };
    let bytes = disk.read(file, POLICY_BYTES_MAX).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => PolicyError::TooLarge { file: name.display().to_string() }.into(),
        _ => failed(error),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| SiteError::Text { path: name.to_owned() })?;
    Ok(Some((text, mode)))
}

/// Cuts a path into its directory and the name in it.
fn parts(path: &Path) -> (&Path, &std::ffi::OsStr) {
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    (parent, path.file_name().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_disk::{Crash, SimulatedDisk, every_crash};

    const NAME: &str = "d/punix.lock";

    fn start(old: Option<&str>) -> SimulatedDisk {
        let disk = SimulatedDisk::new();
        disk.create_directory(Path::new("d"), 0o755).unwrap();
        disk.sync_directory(Path::new("")).unwrap();
        if let Some(old) = old {
            put(&disk, Path::new(NAME), old.as_bytes(), 0o644).unwrap();
        }
        disk
    }

    /// After a power cut a reader finds the old or the new text, and the new one once it was said to be there.
    #[test]
    fn a_file_is_replaced_in_one_step_whenever_the_power_fails() {
        for old in [None, Some("old")] {
            let run = |disk: &SimulatedDisk| put(disk, Path::new(NAME), b"new text", 0o640);
            let operations = every_crash(
                || start(old),
                run,
                40,
                |found, outcome, end| {
                    let text = found.read(Path::new(NAME), 100).ok();
                    let text = text.as_deref().map(|bytes| std::str::from_utf8(bytes).unwrap());
                    assert!(text == old || text == Some("new text"), "{end:?}: {text:?}");
                    match outcome {
                        Ok(()) => assert_eq!(text, Some("new text"), "{end:?}"),
                        Err(error) => assert!(Crash::is(error), "{error}"),
                    }
                    // Whatever was left is no hindrance.
                    run(found).unwrap();
                    assert_eq!(found.list(Path::new("d")).unwrap(), ["punix.lock"], "{end:?}");
                },
            );
            assert!(operations > 4);
        }
    }
}
