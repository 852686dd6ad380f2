//! `punix service` as a user meets it: its words, its documents, how it refuses, and what it does with units. Everything
//! happens below a root of the test; what a deploy does to files is shown by `deploys`, and by the recorded cases.

mod artifacts;
mod documents;
mod engine;
mod going;
mod health;
mod looking;
mod places;
mod planning;
mod quiet;
mod refusing;
mod tls;
mod units;

use crate::build::namespaces;
use crate::support::{Folder, Outcome, punix, run, scrubbed};
use expect_test::{Expect, expect};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files alone: nothing is built.
const FILES: &str = r#"module Web {
  backend = "systemd"
  option greeting : Str = "hello"
  configFiles = [
    { path = "/etc/web/greeting"  content = f"{greeting}\n" }
    { path = "/etc/web/mode"  content = "x\n"  mode = "0640" }
  ]
}
scenario loud { Web.greeting = "HELLO" }
"#;

/// A service with a package and a secret.
const SERVICE: &str = r#"module Tool {
  recipe = "std.shell"
  pname = "tool"
  version = "1.0"
  source = { type = "local"  path = "src" }
  recipeArgs = { command = "mkdir -p $OUTPUT/bin && cp tool $OUTPUT/bin/tool && chmod 755 $OUTPUT/bin/tool" }
}
module Web {
  backend = "systemd"
  option level : Str = "info"
  services = [
    { name = "web"  package = "Tool"  binary = "tool"
      environment = { LEVEL = level  TOKEN = { from_env = "TOKEN" } } }
    { name = "side"  package = "Tool"  binary = "tool" }
  ]
  configFiles = [ { path = "/etc/web/a.conf"  content = "a\n"  restarts = ["web"] } ]
}
scenario loud { Web.level = "debug" }
"#;

/// A directory with a program, a home, a store and a target.
struct Scene {
    folder: Folder,
}

impl Scene {
    fn of(program: &str) -> Scene {
        let folder = Folder::with(&[("p.pcl", program), ("src/tool", "#!/bin/sh\necho tool\n"), ("home/.keep", "")]);
        Scene { folder }
    }

    /// Returns a path in it, without links on the way.
    fn path(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the folder is there").join(path)
    }

    fn write(&self, name: &str, text: &str) {
        self.folder.write(name, text);
    }

    fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Runs a verb on the target.
    fn punix<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Outcome {
        self.with(words, &[("TOKEN", "hunter2-hunter2")])
    }

    fn with<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>, variables: &[(&str, &str)]) -> Outcome {
        let mut outcome = run(self.command(words, variables));
        outcome.stdout = self.masked(&outcome.stdout);
        outcome.stderr = self.masked(&outcome.stderr);
        outcome
    }

    fn command<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>, variables: &[(&str, &str)]) -> Command {
        let mut command = punix();
        command.args(words).current_dir(self.path("")).env("HOME", self.path("home")).env("USER", "op");
        command.env("PUNIX_STORE_DIR", self.path("store")).env("PUNIX_DEPLOYMENTS_DIR", "/deploy");
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        for (name, value) in variables {
            command.env(name, value);
        }
        command
    }

    /// Deploys the program.
    fn deploy(&self, more: &[&str]) -> Outcome {
        self.punix(["service", "deploy", "Web", "--file", "p.pcl"].iter().chain(&ROOT).chain(sandbox()).chain(more))
    }

    /// Runs a verb about the stack on the target.
    fn web(&self, verb: &str, more: &[&str]) -> Outcome {
        self.punix(["service", verb, "Web"].iter().chain(more).chain(&ROOT))
    }

    /// Masks what differs from run to run.
    fn masked(&self, text: &str) -> String {
        let text = text.replace(&*self.path("").to_string_lossy().trim_end_matches('/').to_owned(), "{W}");
        let mut out = String::new();
        for piece in text.split_inclusive(|c: char| " \n\"`/\t".contains(c)) {
            let word = piece.trim_end_matches(|c: char| " \n\"`/\t".contains(c));
            let rest = piece.strip_prefix(word).unwrap_or_default();
            out.push_str(&masked_word(word));
            out.push_str(rest);
        }
        out
    }
}

impl Drop for Scene {
    /// Entries of a store are read-only.
    fn drop(&mut self) {
        let mut command = scrubbed("chmod");
        command.env("PATH", "/usr/bin:/bin").args(["-R", "u+rwX"]).arg(self.folder.path());
        let _ = run(command);
    }
}

/// Below which root, in words.
const ROOT: [&str; 2] = ["--transport-root", "host"];

pub(crate) fn sandbox() -> &'static [&'static str] {
    if namespaces() { &[] } else { &["--no-sandbox"] }
}

fn masked_word(word: &str) -> String {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if word.ends_with("+00:00") && word.starts_with("20") {
        return "{TIME}".to_owned();
    }
    if word.starts_with("op@") {
        return "op@{HOST}".to_owned();
    }
    match word.split_at_checked(32) {
        Some((hash, rest)) if is_hex(hash) && rest.starts_with('-') => format!("{{H}}{rest}"),
        Some((hash, rest)) if is_hex(hash) && rest.len() == 32 && is_hex(rest) => "{SHA256}".to_owned(),
        _ => word.to_owned(),
    }
}

/// Shows all that a run gave.
#[track_caller]
fn gives(outcome: &Outcome, expected: &Expect) {
    let code = outcome.code.map_or("killed".to_owned(), |code| code.to_string());
    let stream = |name: &str, text: &str| if text.is_empty() { String::new() } else { format!("{name}:\n{text}") };
    let shown = format!("exit {code}\n{}{}", stream("stdout", &outcome.stdout), stream("stderr", &outcome.stderr));
    expected.assert_eq(&shown);
}

#[track_caller]
fn fine(outcome: Outcome) -> Outcome {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    metadata.permissions().mode() & 0o7777
}

#[test]
fn a_deploy_says_what_is_live_now() {
    let scene = Scene::of(FILES);
    gives(
        &scene.deploy(&[]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-001 (2 config file(s), 0 store path(s) pinned)
    "#]],
    );
    gives(
        &scene.deploy(&[]),
        &expect![[r#"
        exit 0
        stdout:
        unchanged: stack Web at gen-001
    "#]],
    );
    gives(
        &scene.deploy(&["--scenario", "loud"]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-002 (2 config file(s), 0 store path(s) pinned)
    "#]],
    );
    gives(
        &scene.deploy(&["--scenario", "loud", "--force-generation"]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-003 (2 config file(s), 0 store path(s) pinned)
    "#]],
    );
    assert_eq!(scene.read("host/etc/web/greeting"), "HELLO\n");
    assert_eq!(mode(&scene.path("host/etc/web/mode")), 0o640);
    assert_eq!(fs::read_link(scene.path("host/deploy/Web/current")).unwrap(), Path::new("gen-003.json"));
}

#[test]
fn a_deploy_with_packages_says_what_was_pushed() {
    let scene = Scene::of(SERVICE);
    gives(
        &scene.deploy(&[]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-001 (4 config file(s), 1 store path(s) pinned, 1 pushed/0 cached)
        stderr:
        [1/1] building tool-1.0 (Tool)
    "#]],
    );
    gives(
        &scene.deploy(&["--scenario", "loud"]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-002 (4 config file(s), 1 store path(s) pinned, 0 pushed/1 cached)
    "#]],
    );
    let environment = scene.path("host/etc/punix/env/Web/web.env");
    assert_eq!(scene.read("host/etc/punix/env/Web/web.env"), "LEVEL=\"debug\"\nTOKEN=\"hunter2-hunter2\"\n");
    assert_eq!(mode(&environment), 0o600);
}

#[test]
fn a_rehearsal_is_below_a_root_of_its_own() {
    let scene = Scene::of(SERVICE);
    let words = ["service", "deploy", "Web", "--file", "p.pcl", "--dry-run"];
    let rehearsed = scene.with(words, &[("TOKEN", "hunter2-hunter2"), ("PUNIX_DEPLOYMENTS_DIR", "dep")]);
    gives(
        &rehearsed,
        &expect![[r#"
        exit 0
        stdout:
        dry-run: stack Web → gen-001 (4 config file(s), 1 store path(s) pinned)
          scratch: dep/.dry-run/
    "#]],
    );
    assert!(scene.path("dep/.dry-run/dep/Web/gen-001.json").is_file());
    assert!(!scene.path("store").exists(), "a rehearsal builds nothing");
    gives(
        &scene.deploy(&["--dry-run"]),
        &expect![[r#"
        exit 0
        stdout:
        dry-run: stack Web → gen-001 (4 config file(s), 1 store path(s) pinned)
          scratch: host/
    "#]],
    );
}

#[test]
fn what_somebody_changed_is_told_and_kept() {
    let scene = Scene::of(FILES);
    fine(scene.deploy(&[]));
    scene.write("host/etc/web/greeting", "by hand\n");
    gives(
        &scene.deploy(&["--refuse-drift"]),
        &expect![[r#"
        exit 1
        stderr:
        p.pcl:5:14: error: [E18] somebody changed `/etc/web/greeting` since it was written: its content is another
        help: without `--refuse-drift` it is overwritten, and what is there now is kept
    "#]],
    );
    gives(
        &scene.deploy(&[]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-002 (2 config file(s), 0 store path(s) pinned)
        stderr:
        warning: `/etc/web/greeting` was changed since it was written (its content is another); it is overwritten
    "#]],
    );
    let history = fine(scene.web("history", &[])).stdout;
    assert!(history.contains("/etc/web/greeting had been changed when gen-002 came"), "{history}");
}

#[test]
fn a_foreign_file_is_overwritten_only_when_asked_for() {
    let scene = Scene::of(FILES);
    scene.write("host/etc/web/mode", "mine\n");
    gives(
        &scene.deploy(&[]),
        &expect![[r#"
            exit 1
            stderr:
            p.pcl:6:14: error: [E18] at `/etc/web/mode` there is a file already, and it is not this stack's
            help: `--adopt` makes it the stack's; what it holds now is kept, and `service history` names it
        "#]],
    );
    assert_eq!(scene.read("host/etc/web/mode"), "mine\n");
    assert!(!scene.path("host/etc/web/greeting").exists());
    gives(
        &scene.deploy(&["--adopt"]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-001 (2 config file(s), 0 store path(s) pinned)
        stderr:
        warning: `/etc/web/mode` was not this stack's; from now on it is
    "#]],
    );
}
