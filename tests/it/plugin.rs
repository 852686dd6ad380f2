//! `punix plugin` as a user meets it. Components are made here, of text; nothing of them is run. In expected texts `…` is the
//! folder of the test, and `#` a digest.

mod adding;
mod asking;
mod auditing;
mod canary;
mod code;
mod deciding;
mod looking;
mod removing;
mod site;
mod together;

use crate::exact::Json;
use crate::support::{Folder, Outcome, punix, run, scrubbed};
use expect_test::Expect;
use punix_plugin::{Manifest, attach};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A project, beside it a directory of kept components, and a home.
struct Shop {
    folder: Folder,
}

/// A resolver that asks for a host, a variable and the clock.
const BAO: &str = concat!(
    r#"{"handles":["from_bao"],"id":"org.example.bao","limits":{"memory_mib":32,"timeout_ms":5000},"#,
    r#""requests":{"clock":{"why":"leases end"},"env":[{"name":"BAO_TOKEN","secret":true,"why":"login"}],"#,
    r#""http":[{"host":"vault.internal:8200","methods":["get","post"],"paths":["/v1/*"],"#,
    r#""public":["/lease_duration"],"why":"read KV"}]},"#,
    r#""version":"0.3.1","world":"punix:resolver/secret-resolver@0.1.0"}"#
);
const RESOLVER: &[&str] =
    &["punix:cap/log@0.1.0", "punix:cap/http@0.1.0", "punix:cap/env@0.1.0", "punix:cap/clock@0.1.0"];

/// A backend, which asks for nothing.
const RUNIT: &str =
    r#"{"handles":["runit"],"id":"org.example.runit","version":"1.0.0","world":"punix:backend/backend@0.1.0"}"#;

impl Shop {
    fn new() -> Shop {
        let shop = Shop { folder: Folder::new() };
        fs::create_dir(shop.path("project")).expect("a folder can be made");
        shop
    }

    /// Returns a shop with a resolver in a file, not added yet.
    fn with_bao() -> Shop {
        let shop = Shop::new();
        shop.component("bao.wasm", RESOLVER, BAO);
        shop
    }

    /// Returns a path in the test's folder.
    fn path(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the folder is there").join(path)
    }

    /// Makes a component that imports these interfaces, and has this manifest.
    fn component(&self, name: &str, imports: &[&str], manifest: &str) -> Vec<u8> {
        let bytes = component(imports, manifest);
        self.folder.write(&format!("project/{name}"), &bytes);
        bytes
    }

    fn write(&self, name: &str, text: &str) {
        self.folder.write(&format!("project/{name}"), text);
    }

    /// Returns a file of the project; an absent one is empty.
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path("project").join(name)).unwrap_or_default()
    }

    fn policy(&self) -> String {
        self.read("punix.plugins.toml")
    }

    fn set(&self, command: &mut Command) {
        command.current_dir(self.path("project")).env("HOME", self.path("home"));
        command.env("PUNIX_PLUGIN_DIR", self.path("plugins"));
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = punix();
        command.arg("plugin").args(arguments);
        self.set(&mut command);
        command
    }

    /// Runs `punix plugin`.
    fn punix<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        run(self.command(arguments))
    }

    /// Runs it, and it has to be done.
    #[track_caller]
    fn done<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        let outcome = self.punix(arguments);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        outcome
    }

    /// Has a shell run a command, as somebody who pastes it.
    fn paste(&self, line: &str) -> Outcome {
        let program = punix();
        let directory = Path::new(program.get_program()).parent().expect("a program is in a directory");
        let mut command = scrubbed("/bin/sh");
        command.args(["-c", line]);
        self.set(&mut command);
        command.env("PATH", directory);
        run(command)
    }

    /// Shows all that a run gave.
    #[track_caller]
    fn gives(&self, outcome: &Outcome, expected: &Expect) {
        let code = outcome.code.map_or("killed".to_owned(), |code| code.to_string());
        let stream = |name: &str, text: &str| match text.is_empty() {
            true => String::new(),
            false => format!("{name}:\n{}", self.cut(text)),
        };
        let (stdout, stderr) = (stream("stdout", &outcome.stdout), stream("stderr", &outcome.stderr));
        expected.assert_eq(&format!("exit {code}\n{stdout}{stderr}"));
    }

    #[track_caller]
    fn check<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, expected: Expect) {
        self.gives(&self.punix(arguments), &expected);
    }

    /// Leaves out what is another in each run.
    fn cut(&self, text: &str) -> String {
        let text = text.replace(&self.path("").display().to_string(), "…/");
        let mut out = String::new();
        let mut digits = String::new();
        for character in text.chars().chain(['\n']) {
            if matches!(character, '0'..='9' | 'a'..='f') {
                digits.push(character);
                continue;
            }
            out.push_str(if digits.len() >= 12 { "#" } else { &digits });
            digits.clear();
            out.push(character);
        }
        out.pop();
        out
    }

    /// Returns what a verb with `--json` says of plugins that are not part of punix.
    fn foreign(&self, verb: &str) -> Vec<Json> {
        let json = self.done([verb, "--json"]).json();
        let foreign = json["plugins"].list().iter().filter(|plugin| !plugin["id"].text().starts_with("punix."));
        foreign.cloned().collect()
    }

    /// Lists the components that are kept.
    fn kept(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(self.path("plugins")).into_iter().flatten();
        let paths = listed.map(|entry| entry.expect("it can be read").path());
        paths.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect()
    }

    /// Returns the state that `list` shows of the only plugin.
    fn state(&self) -> String {
        self.foreign("list").first().map(|plugin| plugin["state"].text().to_owned()).unwrap_or_default()
    }
}

/// Makes a component of which nothing can be run.
fn component(imports: &[&str], manifest: &str) -> Vec<u8> {
    let manifest = Manifest::from_json(manifest.as_bytes()).expect("a manifest of a test is sound");
    let imports: String = imports.iter().map(|name| format!(r#"(import "{name}" (instance))"#)).collect();
    let api = match manifest.world {
        punix_plugin::World::Backend => "punix:backend/api@0.1.0",
        punix_plugin::World::SecretResolver => "punix:resolver/api@0.1.0",
        punix_plugin::World::Transport => "punix:transport/api@0.1.0",
    };
    let text = format!(
        r#"(component {imports}
            (instance $empty)
            (export "punix:base/meta@0.1.0" (instance $empty))
            (export "{api}" (instance $empty)))"#
    );
    attach(&wat::parse_str(&text).expect("the text of a test is sound"), &manifest)
}
