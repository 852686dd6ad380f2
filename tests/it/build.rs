//! `punix build`, `punix store path` and `punix store repair` as a user meets them: what a name follows from, what a
//! build sees, how it fails, what is said and what is left. Each test has a folder of its own, with a home and a store.
//!
//! Where the system gives no namespaces, builds run with `--no-sandbox`, and tests about the sandbox count as skipped.

mod failures;
mod names;
mod offer;
mod output;
mod repair;
mod sandbox;
mod secrets;
mod sources;

use crate::support::{Folder, Outcome, punix, run, scrubbed, skip};
use punix_store::Digest;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of a test. Commands run in it; `home` and `store` are what they say.
struct Home {
    folder: Folder,
}

impl Home {
    fn new() -> Home {
        let folder = Folder::new();
        make_directory(&folder.path().join("home"));
        Home { folder }
    }

    /// Returns a home with one program in it, `p.pcl`.
    fn of(program: &str) -> Home {
        let home = Home::new();
        home.write("p.pcl", program);
        home
    }

    /// Returns a path in the folder, without links on the way.
    fn path(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the folder is there").join(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        self.folder.write(name, bytes)
    }

    fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// Returns what is in the store and begins with a digest.
    fn entries(&self) -> Vec<String> {
        let all = list(&self.store());
        all.into_iter().filter(|name| !name.starts_with('.')).collect()
    }

    /// Returns what builds left in the store, beside entries and their logs.
    fn leftovers(&self) -> Vec<String> {
        let all = list(&self.store());
        all.into_iter().filter(|name| name.starts_with(".tmp") || name.starts_with(".gc")).collect()
    }

    fn log(&self, entry: &Path) -> Vec<u8> {
        let name = entry.file_name().expect("an entry has a name");
        let mut log = name.to_owned();
        log.push(".log");
        fs::read(self.store().join(".logs").join(log)).unwrap_or_else(|error| panic!("{name:?}: {error}"))
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = punix();
        command.args(arguments).current_dir(self.path("")).env("HOME", self.path("home"));
        command
    }

    fn punix<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        run(self.command(arguments))
    }

    /// Prepares `punix build` into the store of this folder.
    fn building<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command(["build", "--store-root", "store"]);
        command.args(isolation()).args(arguments);
        command
    }

    fn build<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        run(self.building(arguments))
    }

    /// Builds what has to be built without an error. Returns the paths by module.
    #[track_caller]
    fn built<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> BTreeMap<String, PathBuf> {
        paths(&self.build(arguments))
    }

    /// Builds `p.pcl`, which has one package, and returns its entry.
    #[track_caller]
    fn entry(&self) -> PathBuf {
        only(self.built(["p.pcl"]))
    }

    /// Builds a program of one package, and returns what it wrote into `$OUTPUT/said`.
    #[track_caller]
    fn says(&self, program: &str) -> String {
        self.write("p.pcl", program);
        text(&self.entry().join("said"))
    }

    /// Builds `p.pcl`, which cannot be built.
    #[track_caller]
    fn fails(&self, options: &[&str]) -> Outcome {
        let outcome = self.build([&["p.pcl"], options].concat());
        assert_eq!(outcome.code, Some(3), "{outcome:#?}");
        outcome
    }

    /// Asserts that a program is refused at a place, such as `2:12` or `2:`, and that nothing comes of it.
    #[track_caller]
    fn refuses(&self, program: &str, place: &str, code: &str) -> Outcome {
        self.write("p.pcl", program);
        let before = list(&self.store());
        let outcome = self.build(["p.pcl"]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{program}\n{outcome:#?}");
        let (start, error) = (format!("p.pcl:{place}"), format!(": error: [{code}] "));
        let told = outcome.stderr.lines().any(|line| line.starts_with(&start) && line.contains(&error));
        assert!(told, "{start}…{error}…\n{program}\n{outcome:#?}");
        assert_eq!(list(&self.store()), before, "{program}");
        outcome
    }
}

impl Drop for Home {
    /// Only root can remove what lies in read-only directories.
    fn drop(&mut self) {
        unlock(self.folder.path());
    }
}

pub(crate) fn unlock(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

/// Tells whether builds can be kept apart here, and counts the test as skipped if not.
fn sandboxed() -> bool {
    if !namespaces() {
        skip("no user namespaces for builds");
    }
    namespaces()
}

pub(crate) fn namespaces() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let folder = Folder::with(&[("p.pcl", &shell("P", "touch $OUTPUT/x", ""))]);
        let mut command = punix();
        command.args(["build", "--store-root", "store", "p.pcl"]).current_dir(folder.path());
        command.env("HOME", folder.path());
        let outcome = run(command);
        unlock(folder.path());
        !outcome.stderr.contains("builds cannot be kept apart here")
    })
}

fn isolation() -> &'static [&'static str] {
    if namespaces() { &[] } else { &["--no-sandbox"] }
}

/// Writes a package that a shell command makes.
fn shell(module: &str, command: &str, more: &str) -> String {
    format!(
        "module {module} {{\n  recipe = \"std.shell\"\n  recipeArgs = {{ command = \"\"\"\n{command}\n\"\"\" }}\n  {more}\n}}\n"
    )
}

/// Writes a package that copies its source.
fn copy(module: &str, source: &str, more: &str) -> String {
    format!("module {module} {{ recipe = \"std.copy_tree\"  source = {{ {source} }}  {more} }}\n")
}

/// Returns the paths that a run tells of, which has to have ended well.
#[track_caller]
fn paths(outcome: &Outcome) -> BTreeMap<String, PathBuf> {
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let rows = outcome.stdout.lines().filter_map(|line| line.strip_prefix("ok\t")?.split_once('\t'));
    rows.map(|(module, path)| (module.to_owned(), PathBuf::from(path))).collect()
}

#[track_caller]
fn only(paths: BTreeMap<String, PathBuf>) -> PathBuf {
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths.into_values().next().expect("there is one")
}

/// Asserts that a text holds another one.
#[track_caller]
fn has(text: &str, part: &str) {
    assert!(text.contains(part), "this is not in it: {part}\n{text}");
}

#[track_caller]
fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn make_directory(path: &Path) {
    fs::create_dir_all(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[track_caller]
fn link(target: impl AsRef<Path>, path: &Path) {
    std::os::unix::fs::symlink(target, path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[track_caller]
fn set_mode(path: &Path, mode: u32) {
    let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[track_caller]
fn mode(path: &Path) -> u32 {
    about(path).mode() & 0o7777
}

#[track_caller]
fn about(path: &Path) -> Metadata {
    fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the names in a directory, in order; none if there is no directory.
fn list(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Visits everything below a directory, and itself.
fn each(top: &Path, visit: &mut dyn FnMut(&Path, &Metadata)) {
    let metadata = about(top);
    visit(top, &metadata);
    if metadata.is_dir() {
        for entry in fs::read_dir(top).unwrap_or_else(|error| panic!("{}: {error}", top.display())) {
            each(&entry.expect("a directory can be listed").path(), visit);
        }
    }
}

/// Lists a tree: a line for each path with its mode, time and content. Trees with the same lines are the same.
#[track_caller]
fn tree(top: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    each(top, &mut |path, metadata| {
        let content = match (metadata.is_file(), metadata.is_symlink()) {
            (true, _) => Digest::of(&fs::read(path).expect("a file can be read")).to_string(),
            (_, true) => format!("{:?}", fs::read_link(path).expect("a link can be read")),
            (false, false) => String::new(),
        };
        let name = path.strip_prefix(top).expect("it is below").as_os_str().as_bytes().escape_ascii();
        let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
        lines.push(format!("{name} {:o} {seconds}.{nanoseconds} {content}", metadata.mode()));
    });
    lines.sort();
    lines
}

/// Lists what would change if anything were written, moved or only touched. Lock files hold no state.
fn footprint(top: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    each(top, &mut |path, metadata| {
        if !path.components().any(|part| part.as_os_str() == ".locks") {
            let (inode, size) = (metadata.ino(), metadata.size());
            let changed = (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
            lines.push(format!("{} {inode} {size} {changed:?}", path.display()));
        }
    });
    lines.sort();
    lines
}

/// Makes `punix` run under a umask.
fn under_umask(command: Command, umask: &str) -> Command {
    let mut shell = scrubbed("/bin/sh");
    shell
        .arg("-c")
        .arg(format!("umask {umask}; exec \"$0\" \"$@\""))
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell
}

/// Changes a file that is read-only, in directories that are.
#[track_caller]
fn tamper(path: &Path, change: impl FnOnce(&Path)) {
    let parent = path.parent().expect("a file is in a directory");
    let before = mode(parent);
    set_mode(parent, 0o755);
    change(path);
    set_mode(parent, before);
}
