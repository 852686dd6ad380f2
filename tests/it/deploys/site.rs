//! A scratch host, two programs for one stack, and what the tests ask of them.

use crate::support::{Folder, Outcome, punix, run, scrubbed};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What stands at a path: mode, owner, group, and the bytes or where a link leads.
pub(crate) type Standing = (u32, u32, u32, Vec<u8>);
/// All files and links of a host that are not ours, by path.
pub(crate) type Tree = BTreeMap<PathBuf, Standing>;

const FILES: usize = 20;

/// A folder with two programs, and hosts in it.
pub(super) struct Site {
    folder: Folder,
    /// What stands on a host at each generation; nothing before the first.
    pub(super) trees: [Tree; 3],
}

impl Site {
    /// Returns a site with a host on which nothing is.
    pub(super) fn empty() -> Site {
        let folder = Folder::with(&[("one.pcl", &program(1)), ("two.pcl", &program(2))]);
        for name in ["home", "host"] {
            fs::create_dir(folder.path().join(name)).expect("the folder is new");
        }
        Site { folder, trees: Default::default() }
    }

    /// Returns a site that knows what its stack is at each generation.
    pub(super) fn new() -> Site {
        let mut site = Site::empty();
        site.deploy("model", 1);
        site.trees[1] = site.tree("model");
        site.deploy("model", 2);
        site.trees[2] = site.tree("model");
        assert_eq!((site.trees[1].len(), site.trees[2].len()), (FILES, FILES));
        assert_ne!(site.trees[1], site.trees[2]);
        site
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the folder is there").join(name)
    }

    /// Prepares a verb of `punix service` on a host, without a guard.
    pub(super) fn command(&self, host: &str, words: &[&str]) -> Command {
        self.command_at(&self.path(host), words)
    }

    /// Prepares a verb of `punix service` on a host that lies anywhere.
    pub(super) fn command_at(&self, host: &Path, words: &[&str]) -> Command {
        let mut command = punix();
        command
            .arg("service")
            .args(words)
            .arg("--transport-root")
            .arg(host)
            .args(["--deployments-root", "/deployments"]);
        command.current_dir(self.path("")).env("HOME", self.path("home")).env("PUNIX_NO_GUARD", "1");
        command.env("PATH", "/usr/bin:/bin");
        command
    }

    /// Runs a verb, which has to end well.
    #[track_caller]
    pub(super) fn done(&self, host: &str, words: &[&str]) -> Outcome {
        let outcome = run(self.command(host, words));
        assert_eq!(outcome.code, Some(0), "{words:?}: {outcome:#?}");
        outcome
    }

    /// Deploys a program, which has to end well.
    #[track_caller]
    pub(super) fn deploy(&self, host: &str, version: usize) -> Outcome {
        self.done(host, &deploying(version))
    }

    /// Makes a host that is like another.
    pub(super) fn copy(&self, from: &str, to: &str) {
        let _ = fs::remove_dir_all(self.path(to));
        if self.path(from).exists() {
            let mut command = scrubbed("cp");
            command.arg("-a").arg(self.path(from)).arg(self.path(to)).env("PATH", "/usr/bin:/bin");
            assert_eq!(run(command).code, Some(0));
        } else {
            fs::create_dir(self.path(to)).expect("it was removed");
        }
    }

    pub(super) fn tree(&self, host: &str) -> Tree {
        tree(&self.path(host))
    }

    /// Returns what stands on a host at a generation: the two programs take turns.
    pub(super) fn tree_of(&self, number: usize) -> &Tree {
        match number {
            0 => &self.trees[0],
            odd if odd % 2 == 1 => &self.trees[1],
            _ => &self.trees[2],
        }
    }

    /// Returns the generation at which a host is wholly: files, record and `current`. It panics if there is none.
    #[track_caller]
    pub(super) fn generation(&self, host: &Path, about: &str) -> usize {
        self.generation_by(host, &tree(host), about)
    }

    /// Returns the same for a host of which it was seen what stands there.
    #[track_caller]
    pub(super) fn generation_by(&self, host: &Path, found: &Tree, about: &str) -> usize {
        let stack = host.join("deployments/App");
        let current = fs::read_link(stack.join("current")).ok();
        let number = match &current {
            None => 0,
            Some(name) => {
                let name = name.to_str().expect("it is our link");
                let record = fs::read_to_string(stack.join(name)).unwrap_or_else(|error| panic!("{about}: {error}"));
                assert!(record.contains("\"stack_name\": \"App\""), "{about}: {record}");
                name.trim_start_matches("gen-").trim_end_matches(".json").parse().expect("it has a number")
            }
        };
        let expected = self.tree_of(number);
        let differs = |path: &&PathBuf| found.get(*path) != expected.get(*path);
        let mixed: Vec<&PathBuf> = expected.keys().chain(found.keys()).filter(differs).collect();
        assert!(mixed.is_empty(), "{about}: `current` says {number}, and these differ: {mixed:#?}");
        is_tidy(host, about);
        number
    }
}

/// Returns the words that deploy a version.
pub(super) fn deploying(version: usize) -> [&'static str; 4] {
    ["deploy", "App", "--file", if version == 1 { "one.pcl" } else { "two.pcl" }]
}

/// Returns a program: of twenty files some stay, some differ, in bytes or only in mode, some come and some go.
fn program(version: usize) -> String {
    let file = |number: usize| {
        let (name, content, mode) = match number {
            0..6 => (format!("same/{number}"), "the same".to_owned(), "0644"),
            6..12 => (format!("bytes/{number}"), format!("version {version} of {number}"), "0644"),
            12..14 => (format!("mode/{number}"), "mode".to_owned(), if version == 1 { "0600" } else { "0640" }),
            14..16 => (format!("both/{number}"), version.to_string(), if version == 1 { "0644" } else { "0600" }),
            _ => (format!("only-{version}/deep/{number}"), format!("only in {version}"), "0644"),
        };
        format!("    {{ path = \"/etc/app/{name}\" content = \"{content}\\n\" mode = \"{mode}\" }}\n")
    };
    let files: String = (0..FILES).map(file).collect();
    format!("module App {{\n  backend = \"systemd\"\n  configFiles = [\n{files}  ]\n}}\n")
}

/// Returns all files and links of a host that are not ours.
pub(crate) fn tree(host: &Path) -> Tree {
    let mut tree = Tree::new();
    each(host, &mut |path, metadata| {
        let ours = ["deployments", "var/lib/punix"].iter().any(|ours| path.starts_with(host.join(ours)));
        if ours || metadata.is_dir() {
            return;
        }
        // What is under way may be gone by now.
        if let Some(standing) = standing(path) {
            tree.insert(path.strip_prefix(host).expect("it is below").to_owned(), standing);
        }
    });
    tree
}

/// Returns what stands at a path, if a file or a link does.
pub(crate) fn standing(path: &Path) -> Option<Standing> {
    let rights = |found: &fs::Metadata| (found.permissions().mode() & 0o7777, found.uid(), found.gid());
    let metadata = fs::symlink_metadata(path).ok()?;
    if metadata.is_symlink() {
        let (mode, user, group) = rights(&metadata);
        return Some((mode, user, group, fs::read_link(path).ok()?.into_os_string().into_encoded_bytes()));
    }
    // Another file may take its place just now: rights and bytes are of the same one.
    let mut file = fs::File::open(path).ok()?;
    let (mode, user, group) = rights(&file.metadata().ok()?);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some((mode, user, group, bytes))
}

/// Checks that nothing is left of work that was under way.
#[track_caller]
pub(super) fn is_tidy(host: &Path, about: &str) {
    let left = strays(host);
    assert!(left.is_empty(), "{about}: left over: {left:#?}");
}

/// Tells whether a change was begun and neither finished nor undone.
pub(crate) fn has_journal(host: &Path) -> bool {
    fs::read_dir(host.join("deployments/.journal")).is_ok_and(|mut names| names.next().is_some())
}

/// Returns what only work under way has: temporary names, journals, and directories that hold nothing.
fn strays(host: &Path) -> Vec<PathBuf> {
    let mut strays = Vec::new();
    each(host, &mut |path, metadata| {
        let name = path.file_name().expect("it has a name").to_string_lossy();
        // What ends so is the draft of one, and goes with the next change.
        let journal = path.parent().is_some_and(|parent| parent.ends_with(".journal")) && !name.ends_with(".new");
        let empty = metadata.is_dir()
            && path.starts_with(host.join("etc"))
            && fs::read_dir(path).is_ok_and(|mut names| names.next().is_none());
        if name.starts_with(".punix-") || journal || empty {
            strays.push(path.to_owned());
        }
    });
    strays
}

fn each(directory: &Path, found: &mut dyn FnMut(&Path, &fs::Metadata)) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        found(&path, &metadata);
        if metadata.is_dir() {
            each(&path, found);
        }
    }
}
