//! Where it happens: a host, a store on either side, foreign files, and what can be seen of them.

use super::model::Stack;
use crate::build::unlock;
use crate::deploys::site::{Standing, Tree, has_journal, tree};
use crate::service::sandbox;
use crate::support::{Folder, Outcome, punix, run};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many packages there are; the later half need the earlier.
pub(super) const PACKAGES: usize = 6;
pub(super) const STACKS: [&str; 3] = ["Alpha", "Beta", "Gamma"];
/// What is nobody's, also beside what is somebody's.
const FOREIGN: [&str; 3] = ["etc/foreign/kept.conf", "etc/Alpha/0/foreign", "etc/Beta/foreign"];

/// A folder with a host and a builder's store.
pub(super) struct Ground {
    folder: Folder,
    /// Where each package is, by number.
    packages: Vec<PathBuf>,
    foreign: BTreeMap<PathBuf, (u64, i64, i64)>,
}

/// What is recorded of a stack.
pub(super) struct Recorded {
    pub(super) current: Option<usize>,
    pub(super) numbers: BTreeSet<usize>,
    /// Which entries of the store are named.
    pub(super) needed: BTreeSet<String>,
}

impl Ground {
    pub(super) fn new() -> Ground {
        let folder = Folder::with(&[("packages.pcl", &packages()), ("home/.keep", ""), ("host/etc/.keep", "")]);
        for name in FOREIGN {
            folder.write(&format!("host/{name}"), "not ours");
        }
        let mut ground = Ground { folder, packages: Vec::new(), foreign: BTreeMap::new() };
        let outcome = run(ground.building("packages.pcl", &[]));
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        let rows = outcome.stdout.lines().filter_map(|line| line.strip_prefix("ok\t")?.split_once('\t'));
        ground.packages = rows.map(|(_, path)| PathBuf::from(path)).collect();
        assert_eq!(ground.packages.len(), PACKAGES, "{outcome:#?}");
        ground.foreign = ground.foreign_now();
        ground
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the folder is there").join(name)
    }

    pub(super) fn host(&self) -> PathBuf {
        self.path("host")
    }

    /// Returns where the store is that packages are brought to: it has the same path, below the host's root.
    pub(super) fn store_there(&self) -> PathBuf {
        let store = self.path("store");
        self.host().join(store.strip_prefix("/").expect("it begins at the root"))
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        self.folder.write(name, text);
    }

    /// Writes the program of a stack, with all packages.
    pub(super) fn write_program(&self, stack: &str, module: &str) {
        self.write(&format!("{stack}.pcl"), &(packages() + module));
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = punix();
        command.args(words).current_dir(self.path("")).env("HOME", self.path("home")).env("PATH", "/usr/bin:/bin");
        command.env("PUNIX_NO_GUARD", "1");
        command
    }

    /// Prepares a verb of `punix service`.
    pub(super) fn serving(&self, words: &[&str]) -> Command {
        let mut command = self.command(&["service"]);
        command.args(words).args(["--transport-root", "host", "--deployments-root", "/deployments"]);
        command
    }

    /// Prepares a deploy of the program that was written last.
    pub(super) fn deploying(&self, stack: &str) -> Command {
        let mut command = self.serving(&["deploy", stack, "--file", &format!("{stack}.pcl"), "--store-root", "store"]);
        command.args(sandbox());
        command
    }

    pub(super) fn building(&self, file: &str, words: &[&str]) -> Command {
        let mut command = self.command(&["build", file, "--store-root", "store"]);
        command.args(words).args(sandbox());
        command
    }

    /// Prepares a verb of `punix store` about the one store or the other.
    pub(super) fn storing(&self, verb: &str, there: bool) -> Command {
        let mut command = self.command(&["store", verb, "--store-root"]);
        command.arg(if there { self.store_there() } else { self.path("store") });
        command
    }

    /// Returns what should stand on the host.
    pub(super) fn expected(&self, stacks: &[Stack]) -> Tree {
        let (user, group) = {
            let metadata = fs::metadata(self.host()).expect("it is there");
            (metadata.uid(), metadata.gid())
        };
        let standing = |mode, content: &[u8]| -> Standing { (mode, user, group, content.to_vec()) };
        let mut tree = Tree::from([(PathBuf::from("etc/.keep"), standing(0o644, b""))]);
        for name in FOREIGN {
            tree.insert(PathBuf::from(name), standing(0o644, b"not ours"));
        }
        for stack in stacks {
            let Some(wanted) = stack.live() else { continue };
            let folder = Path::new("etc").join(stack.name);
            for (name, (mode, content)) in &wanted.files {
                tree.insert(folder.join(name), standing(*mode, content.as_bytes()));
            }
            for package in &wanted.packages {
                let content = self.packages[*package].as_os_str().as_encoded_bytes();
                tree.insert(folder.join("package").join(package.to_string()), standing(0o644, content));
            }
        }
        tree
    }

    /// Returns what stands on the host and is neither punix's own nor the store's.
    pub(super) fn found(&self) -> Tree {
        let mut tree = tree(&self.host());
        let store = self.store_there();
        let store = store.strip_prefix(self.host()).expect("it is below").to_owned();
        tree.retain(|path, _| !path.starts_with(&store));
        tree
    }

    pub(super) fn recorded(&self, stack: &str) -> Recorded {
        let folder = self.host().join("deployments").join(stack);
        let number = |name: &str| name.strip_prefix("gen-")?.strip_suffix(".json")?.parse::<usize>().ok();
        let current = fs::read_link(folder.join("current")).ok();
        let current = current.map(|name| number(&name.to_string_lossy()).expect("it is our link"));
        let mut recorded = Recorded { current, numbers: BTreeSet::new(), needed: BTreeSet::new() };
        let store = self.path("store").display().to_string() + "/";
        for name in names(&folder) {
            let Some(number) = number(&name) else { continue };
            let record = fs::read_to_string(folder.join(&name)).expect("it is there");
            recorded.numbers.insert(number);
            recorded.needed.extend(record.split('"').filter_map(|text| text.strip_prefix(&store)).map(str::to_owned));
        }
        recorded
    }

    /// Returns the entries of a store, and what else is in it that only work under way has.
    pub(super) fn store(&self, there: bool) -> (BTreeSet<String>, Vec<String>) {
        let root = if there { self.store_there() } else { self.path("store") };
        let (mut entries, mut left) = (BTreeSet::new(), Vec::new());
        for name in names(&root) {
            if [".tmp-", ".gc-", ".punix-store."].iter().any(|start| name.starts_with(start)) {
                left.push(name);
            } else if !name.starts_with('.') {
                entries.insert(name);
            }
        }
        left.extend(names(&root.join(".locks")).into_iter().filter(|name| name != "gate" && name != "store"));
        (entries, left)
    }

    /// Returns these entries with what they need, by name.
    pub(super) fn with_needs(&self, entries: &BTreeSet<String>) -> BTreeSet<String> {
        let name =
            |number: usize| self.packages[number].file_name().expect("it has one").to_string_lossy().into_owned();
        let mut all = entries.clone();
        for number in (PACKAGES / 2..PACKAGES).filter(|number| entries.contains(&name(*number))) {
            all.insert(name(number - PACKAGES / 2));
        }
        all
    }

    /// Returns what only changes under way have: temporary names, journals, and directories that hold nothing.
    pub(super) fn strays(&self) -> Vec<PathBuf> {
        let mut strays = Vec::new();
        if has_journal(&self.host()) {
            strays.extend(names(&self.host().join("deployments/.journal")).into_iter().map(PathBuf::from));
        }
        // What ends so is the draft of a journal, and goes with the next change.
        strays.retain(|name| !name.to_string_lossy().ends_with(".new"));
        let mut waiting = vec![self.host().join("etc"), self.host().join("deployments"), self.host().join("var")];
        while let Some(folder) = waiting.pop() {
            let all = names(&folder);
            if all.is_empty() && folder.starts_with(self.host().join("etc")) {
                strays.push(folder.clone());
            }
            for name in all {
                let path = folder.join(&name);
                if name.starts_with(".punix-") {
                    strays.push(path);
                } else if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
                    waiting.push(path);
                }
            }
        }
        strays
    }

    /// Tells whether nobody wrote to what is nobody's, not even the same.
    pub(super) fn foreign_is_untouched(&self) -> bool {
        self.foreign == self.foreign_now()
    }

    fn foreign_now(&self) -> BTreeMap<PathBuf, (u64, i64, i64)> {
        let stamp = |name: &str| {
            let path = self.host().join(name);
            let found = fs::metadata(&path).ok()?;
            Some((path, (found.ino(), found.mtime(), found.mtime_nsec())))
        };
        FOREIGN.iter().filter_map(|name| stamp(name)).collect()
    }

    /// Opens a file for what a command says, and names it.
    pub(super) fn said(&self, name: &str) -> (PathBuf, fs::File) {
        let path = self.path(name);
        let mut file = fs::File::create(&path).expect("it can be written");
        file.flush().expect("nothing was written");
        (path, file)
    }

    /// Runs a command, which has to end well.
    #[track_caller]
    pub(super) fn done(&self, command: Command, about: &str) -> Outcome {
        let outcome = run(command);
        assert_eq!(outcome.code, Some(0), "{about}: {outcome:#?}");
        outcome
    }
}

impl Drop for Ground {
    /// Entries of a store are read-only.
    fn drop(&mut self) {
        unlock(self.folder.path());
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Writes the packages, which take a moment to build, so that kills meet them.
fn packages() -> String {
    let package = |number: usize| {
        let (deps, look) = match number.checked_sub(PACKAGES / 2) {
            Some(other) => (format!("deps = [P{other}.pname]"), "cat $DEP_0/bin/tool > $OUTPUT/other"),
            None => (String::new(), "true"),
        };
        let command = format!("mkdir -p $OUTPUT/bin; sleep 0.05; echo {number} > $OUTPUT/bin/tool; {look}");
        format!(
            "module P{number} {{\n  recipe = \"std.shell\"\n  pname = \"p{number}\"\n  version = \"1\"\n  {deps}\n  \
             recipeArgs = {{ command = \"{command}\" }}\n}}\n"
        )
    };
    (0..PACKAGES).map(package).collect()
}
