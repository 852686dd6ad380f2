//! `punix store` as a user meets it. Entries are made through the library, as a build makes them; in expected texts `…`
//! is the folder of the test, and an entry's digest is cut down to the end of its name.

mod gc;
mod kept;
mod kills;
mod look;

use crate::build::unlock;
use crate::support::{Folder, Outcome, punix, run};
use expect_test::{Expect, expect};
use punix_store::{
    Asking, Derivation, Digest, Keeper, PackageName, Parts, Record, Registration, Store, StoreName, Value, Version,
};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A home with a store in it, at the usual place.
struct Home {
    folder: Folder,
    store: Store,
}

impl Home {
    fn new() -> Home {
        let folder = Folder::new();
        let store = Store::open(&folder.path().join("home/.punix/store")).expect("a store can be made");
        Home { folder, store }
    }

    /// Returns a path in the test's folder.
    fn path(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the folder is there").join(path)
    }

    /// Makes an entry with two files in it.
    fn add(&self, package: &str, version: &str, inputs: &[&StoreName]) -> StoreName {
        add(&self.store, package, version, inputs)
    }

    fn entry(&self, name: &StoreName) -> PathBuf {
        self.store.path(name)
    }

    fn has(&self, name: &StoreName) -> bool {
        self.entry(name).exists()
    }

    fn entries(&self) -> usize {
        self.store.list().expect("the store can be listed").len()
    }

    /// Writes a record that names these entries.
    fn record(&self, path: &str, names: &[&StoreName]) {
        let paths: Vec<String> = names.iter().map(|name| format!("\"{}\"", self.entry(name).display())).collect();
        self.folder.write(path, format!("{{\"store_paths\": [{}]}}", paths.join(", ")));
    }

    /// Writes a generation of a stack where generations usually are.
    fn generation(&self, stack: &str, number: u32, names: &[&StoreName]) {
        self.record(&format!("home/.punix/deployments/{stack}/gen-{number:03}.json"), names);
    }

    fn register(&self, keeper: Keeper, path: &str) {
        let shared = self.store.share(asking()).expect("nobody collects");
        let registration = Registration::new(keeper, &self.path(path)).expect("it is there");
        self.store.register(&shared, &registration).expect("it can be registered");
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = punix();
        command.arg("store").args(arguments).current_dir(self.folder.path()).env("HOME", self.path("home"));
        command
    }

    /// Runs `punix store`.
    fn punix<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        run(self.command(arguments))
    }

    #[track_caller]
    fn gives<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, expected: &Expect) {
        self.gave(&self.punix(arguments), expected);
    }

    /// Compares all that a run gave.
    #[track_caller]
    fn gave(&self, outcome: &Outcome, expected: &Expect) {
        let stream = |name: &str, text: &str| if text.is_empty() { String::new() } else { format!("{name}:\n{text}") };
        let (stdout, stderr) = (self.shortened(&outcome.stdout), self.shortened(&outcome.stderr));
        let code = outcome.code.map_or("killed".to_owned(), |code| code.to_string());
        expected.assert_eq(&format!("exit {code}\n{}{}", stream("stdout", &stdout), stream("stderr", &stderr)));
    }

    /// Cuts out what differs from run to run, and digests.
    fn shortened(&self, text: &str) -> String {
        let text = text.replace(&self.path("").display().to_string(), "…/");
        let text = text.replace(&format!("process {} ", std::process::id()), "process N ");
        let text = without_storage(&text);
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(|c: char| c.is_ascii_hexdigit()) {
            let (before, from) = rest.split_at(at);
            let digits = from.bytes().take_while(|byte| byte.is_ascii_hexdigit()).count();
            out.push_str(before);
            out.push_str(if digits >= 32 { "#" } else { &from[..digits] });
            rest = &from[digits..];
        }
        out + rest
    }
}

impl Drop for Home {
    /// What is in a store cannot be removed by somebody who is not root, unless it is opened.
    fn drop(&mut self) {
        unlock(self.folder.path());
    }
}

/// Cuts out sizes of storage, which differ by file system.
fn without_storage(text: &str) -> String {
    let mut parts = text.split("freed ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let size = part.find(['B', ';', '\n']).map_or(0, |end| if part[end..].starts_with('B') { end + 1 } else { 0 });
        format!("{text}freed {}{}", if size > 0 { "SIZE" } else { "" }, &part[size..])
    })
}

fn asking() -> Asking<'static> {
    Asking { command: "punix build", wait: Duration::from_secs(60), tell: &|_| {} }
}

fn add(store: &Store, package: &str, version: &str, inputs: &[&StoreName]) -> StoreName {
    let parts = Parts {
        package: PackageName::parse(package).expect("a package's name"),
        version: Version::parse(version).expect("a version"),
        recipe: "std.shell".to_owned(),
        recipe_digest: Digest::of(b"recipe"),
        args: Record::from([("command".to_owned(), Value::text("true"))]),
        source: Record::new(),
        system: "x86_64-linux".to_owned(),
        inputs: inputs.iter().map(|name| (*name).clone()).collect(),
    };
    let derivation = Derivation::new(parts).expect("a derivation");
    let shared = store.share(asking()).expect("nobody collects");
    let lock = store.lock_path(&shared, derivation.name(), asking()).expect("nobody builds");
    let staged = store.stage(&lock).expect("a directory can be made");
    let top = store.staged_path(&staged);
    fs::create_dir(top.join("bin")).expect("a directory can be made");
    fs::write(top.join("bin/tool"), "#!/bin/sh\n").expect("a file can be written");
    fs::write(top.join("data"), "x".repeat(2_000)).expect("a file can be written");
    symlink("data", top.join("link")).expect("a link can be made");
    store.add(staged, &derivation).expect("an entry can be made");
    derivation.name().clone()
}

/// Changes what may not be changed.
fn tamper(path: &Path, change: impl FnOnce(&Path)) {
    let parent = path.parent().expect("a parent");
    let mode = fs::metadata(parent).expect("the parent is there").permissions();
    fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).expect("its mode can be set");
    change(path);
    fs::set_permissions(parent, mode).expect("its mode can be set");
}

/// All verbs mean the same store: the flag wins, then the environment, then the home directory.
#[test]
fn every_verb_finds_the_same_store() {
    let home = Home::new();
    let name = home.add("app", "1", &[]);
    let verbs: [&[&str]; 5] = [&["info"], &["list"], &["verify"], &["gc", "--dry-run"], &["why-alive", name.as_str()]];
    for verb in verbs {
        let usual = home.punix(verb);
        let through = |root: &str, flag: bool| {
            let mut command = home.command(verb);
            match flag {
                true => command.args(["--store-root", root]).env("PUNIX_STORE_DIR", "/nowhere"),
                false => command.env("PUNIX_STORE_DIR", root),
            };
            run(command)
        };
        let root = home.store.root().to_str().expect("text").to_owned();
        symlink(&root, home.path("way")).expect("a link can be made");
        for root in [root.as_str(), "home/.punix/store", "way", "home/../way/"] {
            assert_eq!(through(root, true), usual, "{verb:?} {root}");
            assert_eq!(through(root, false), usual, "{verb:?} {root}");
        }
        fs::remove_file(home.path("way")).expect("it can be removed");
        let mut homeless = home.command(verb);
        homeless.env_remove("HOME");
        let outcome = run(homeless);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains("HOME is not set"), "{outcome:?}");
        let mut empty = home.command(verb);
        empty.env("PUNIX_STORE_DIR", "").env("PUNIX_DEPLOYMENTS_DIR", "");
        assert_eq!(run(empty), usual, "an empty variable says nothing");
        let nowhere = through("nowhere", true);
        assert_eq!(nowhere.code, Some(1));
        assert!(nowhere.stderr.starts_with("error: [E21] there is no store at `nowhere`\n"), "{nowhere:?}");
    }
    assert!(!home.path("nowhere").exists());
}

#[test]
fn without_a_home_it_is_said_what_is_missing() {
    let home = Home::new();
    let without = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env_remove("HOME");
        run(command)
    };
    home.gave(
        &without(&["gc"]),
        &expect![[r#"
        exit 2
        stderr:
        error: it is not known where generations are recorded: HOME is not set
        help: set HOME, or give `--deployments-root` or PUNIX_DEPLOYMENTS_DIR
    "#]],
    );
    home.gave(
        &without(&["gc", "--deployments-root", "d"]),
        &expect![[r#"
        exit 2
        stderr:
        error: it is not known where profiles are: HOME is not set
        help: set HOME, or give `--profile-root`
    "#]],
    );
    home.gave(
        &without(&["gc", "--deployments-root", "d", "--profile-root", "p"]),
        &expect![[r#"
        exit 2
        stderr:
        error: it is not known where the store is: HOME is not set
        help: set HOME, or give `--store-root` or PUNIX_STORE_DIR
    "#]],
    );
    home.gave(
        &without(&["info"]),
        &expect![[r#"
        exit 2
        stderr:
        error: it is not known where the store is: HOME is not set
        help: set HOME, or give `--store-root` or PUNIX_STORE_DIR
    "#]],
    );
}

/// Names may hold anything; a line stays a line.
#[test]
fn odd_names_do_not_break_lines() {
    let home = Home::new();
    let root = home.path("two\nlines \u{202e}");
    let store = Store::open(&root).expect("a store can be made");
    let app = add(&store, "app", "1", &[]);
    let lib = add(&store, "lib", "1", &[]);
    let deployments = home.path("d\ne");
    home.folder.write("d\ne/We\nb/gen-1.json", format!("{{\"store_paths\": [\"{app}\"]}}"));
    let ran = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.arg("--store-root").arg(&root);
        if arguments[0] != "info" {
            command.arg("--deployments-root").arg(&deployments);
        }
        run(command)
    };
    home.gave(
        &ran(&["info"]),
        &expect![[r#"
        exit 0
        stdout:
        store: …/two\nlines \u{202e}
        artifacts: 2
        size: 5.2 KiB
    "#]],
    );
    home.gave(
        &ran(&["why-alive", app.as_str()]),
        &expect![[r#"
        exit 0
        stdout:
        gen-1 of We\nb in …/d\ne
        → …/two\nlines \u{202e}/#-app-1
    "#]],
    );
    home.gave(
        &ran(&["gc"]),
        &expect![[r#"
            exit 0
            stdout:
            removed …/two\nlines \u{202e}/#-lib-1
            collected 1 artifact(s), freed SIZE; pinned 1 path(s)
        "#]],
    );
    assert!(!store.path(&lib).exists());
}

#[test]
fn every_verb_gives_one_document() {
    let home = Home::new();
    let app = home.add("app", "1", &[]);
    let verbs: [&[&str]; 5] = [&["info"], &["list"], &["verify"], &["why-alive", app.as_str()], &["gc", "--dry-run"]];
    for verb in verbs {
        let outcome = home.punix(verb.iter().chain(&["--json"]));
        assert_eq!(outcome.stderr, "", "{verb:?}");
        assert!(outcome.json().fields().count() > 1, "{verb:?}");
        let refused = home.punix(verb.iter().chain(&["--json", "--store-root", "home"]));
        assert_eq!((refused.code, refused.stderr.as_str()), (Some(1), ""), "{verb:?}");
        assert_eq!(refused.json()["diagnostics"].list()[0]["code"].text(), "E21", "{verb:?}");
    }
}
