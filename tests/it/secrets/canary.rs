//! Secrets that nothing else looks like go through everything that is done with a stack, and come out nowhere but in the
//! files that are meant for them, which nobody else can read. Looked at is all that is said, all that is kept, and the
//! arguments of every program that is started.

mod forms;
mod held;
mod memories;
mod panics;
mod processes;

use super::{Place, ROOT, fine};
use crate::bundled::vault::Vault;
use crate::kill::tracer::can_trace;
use crate::support::{Outcome, run, scrubbed};
use forms::{Canary, Search};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A stack with a secret of each kind in each place, and a package whose source needs one.
const PROGRAM: &str = r#"module Tool {
  recipe = "std.copy_tree"
  pname = "tool"
  version = "1.0"
  source = { type = "url"  url = "{URL}"  hash = "{HASH}"  token = { from_env = "FETCH" } }
}
module Web {
  backend = "systemd"
  services = [
    { name = "file"  package = "Tool"  binary = "a"  environment = {
      ENV = { from_env = "ENV" }  FILE = { from_file = "{HERE}/secret" }  VAULT = { from_vault = "kv/web#password" }  OPEN = "open" } }
    { name = "cred"  package = "Tool"  binary = "a"  secretDelivery = "credential"  environment = {
      ENV = { from_env = "ENV" }  FILE = { from_file = "{HERE}/secret" } } }
    { name = "unit"  package = "Tool"  binary = "a"  secretDelivery = "inline"  environment = { ENV = { from_env = "ENV" } } }
  ]
  dataFiles = ["Conf"]
}
module Conf {
  path = "/etc/web/conf.json"
  format = "json"
  data = { vault = { from_vault = "kv/web#password" }  env = { from_env = "ENV" }  open = "open" }
}
"#;

/// Where secrets may be.
const MEANT: [&str; 4] = [
    "etc/punix/env/Web/file.env",
    "etc/punix/env/Web/cred.credentials/",
    "etc/systemd/system/unit.service",
    "etc/web/conf.json",
];

/// What a test itself wrote them into.
const OURS: [&str; 3] = ["web/secret", "export.json", "words"];

/// A stack, its secrets, and whom they are asked of.
struct Cage {
    place: Place,
    /// By what they are.
    canaries: RefCell<BTreeMap<String, Canary>>,
    /// They end with the cage.
    _vault: Vault,
    source: Source,
}

/// A server with one file, for whoever shows any token. It can be told to let whoever asks wait: he has found all his
/// secrets by then.
struct Source {
    url: String,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<Queue>,
    changed: Condvar,
}

/// Who came so far, by number.
#[derive(Default)]
struct Queue {
    /// Whether those who come now have to wait.
    holds: bool,
    came: usize,
    /// Up to whom all may go on.
    let_go: usize,
}

impl Gate {
    fn wait(&self, until: impl Fn(&Queue) -> bool) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(state, DEADLINE, |state| !until(state));
        assert!(!waited.unwrap_or_else(PoisonError::into_inner).1.timed_out(), "nobody came");
    }

    fn change<R>(&self, change: impl FnOnce(&mut Queue) -> R) -> R {
        let changed = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
        changed
    }
}

/// How long a test waits for what has to happen.
const DEADLINE: Duration = Duration::from_secs(60);

impl Source {
    fn new() -> Source {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let gate = Arc::<Gate>::default();
        let its = Arc::clone(&gate);
        // It serves as long as the tests run; it has nothing to lose.
        std::thread::spawn(move || {
            listener.incoming().flatten().for_each(|stream| {
                let number = its.change(|queue| {
                    queue.came += 1;
                    queue.came
                });
                its.wait(|queue| !queue.holds || number <= queue.let_go);
                drop(serve(stream));
            });
        });
        Source { url: format!("http://{address}/a"), gate }
    }

    /// Lets whoever comes wait, or lets all go on.
    fn hold(&self, holds: bool) {
        self.gate.change(|queue| {
            queue.holds = holds;
            queue.let_go = queue.came;
        });
    }

    /// Waits for somebody to come, who is the how many-th.
    fn wait_for(&self, number: usize) {
        self.gate.wait(|queue| queue.came >= number);
    }
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    let (status, body) =
        match String::from_utf8_lossy(&head).to_ascii_lowercase().contains("\r\nauthorization: bearer ") {
            true => ("200 OK", "content"),
            false => ("401 Unauthorized", ""),
        };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

impl Cage {
    fn new() -> Cage {
        let kinds = ["env", "file", "vault", "login", "fetch"];
        let canaries: BTreeMap<String, Canary> = kinds.map(|kind| (kind.to_owned(), Canary::random())).into();
        let body = |canary: &Canary| {
            let field = serde_json::Value::from(canary.text());
            format!(r#"{{"lease_duration":0,"data":{{"data":{{"password":{field}}},"metadata":{{"version":3}}}}}}"#)
        };
        let vault = Vault::new(canaries["login"].text()).mount("kv/web", "kv", "kv", r#"{"version":"2"}"#).answer(
            "GET kv/data/web",
            200,
            &body(&canaries["vault"]),
        );
        let source = Source::new();
        let hash = punix_store::Digest::of(b"content").to_string();
        let place = Place::of("");
        // Whoever goes back has no program, beside which a relative path would begin.
        let here = place.path("web").to_string_lossy().into_owned();
        place.write(
            "web/p.pcl",
            PROGRAM.replace("{URL}", &source.url).replace("{HASH}", &hash).replace("{HERE}", &here),
        );
        place.hide("web/secret", format!("{}\n", canaries["file"].text()));
        let place = place
            .set("VAULT_ADDR", &vault.address)
            .set("VAULT_TOKEN", canaries["login"].text())
            .set("ENV", canaries["env"].text())
            .set("FETCH", canaries["fetch"].text())
            .set("RUST_BACKTRACE", "1");
        Cage { place, canaries: RefCell::new(canaries), _vault: vault, source }
    }

    fn text(&self, kind: &str) -> String {
        self.canaries.borrow()[kind].text().to_owned()
    }

    /// Has one more looked for.
    fn add(&self, kind: &str, canary: Canary) {
        self.canaries.borrow_mut().insert(kind.to_owned(), canary);
    }

    /// Replaces a secret by another one; the old one is still looked for.
    fn rotate(mut self) -> Cage {
        let (env, file) = (Canary::random(), Canary::random());
        self.place.hide("web/secret", format!("{}\n", file.text()));
        self.place = self.place.set("ENV", env.text());
        self.add("new env", env);
        self.add("new file", file);
        self
    }

    fn command(&self, words: &[&str]) -> Command {
        self.place.command(words)
    }

    fn deploy(&self, more: &[&str]) -> Vec<OsString> {
        let words = ["service", "deploy", "Web", "--file", "web/p.pcl"];
        words.iter().chain(&ROOT).chain(super::rotated::sandbox()).chain(more).map(OsString::from).collect()
    }

    /// Looks at what was said.
    #[track_caller]
    fn silent(&self, outcome: &Outcome) {
        for (stream, text) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
            self.absent(stream, text.as_bytes());
        }
    }

    #[track_caller]
    fn absent(&self, place: &str, bytes: &[u8]) {
        nothing_in(&self.search(), place, bytes);
    }

    /// Returns what looks for all of them.
    fn search(&self) -> Search {
        Search::of(self.canaries.borrow().iter().map(|(kind, canary)| (kind.as_str(), canary)))
    }

    /// Looks at all that is kept. Returns how many files have a secret that may.
    #[track_caller]
    fn kept(&self, when: &str) -> usize {
        let (top, search) = (self.place.path(""), self.search());
        let mut meant = 0;
        each(&top, &mut |path| {
            let name = path.strip_prefix(&top).expect("it is below").to_string_lossy().into_owned();
            if OURS.contains(&&*name) {
                return;
            }
            let (Ok(about), Ok(bytes)) = (path.symlink_metadata(), fs::read(path)) else { return };
            if self.is_meant(&name) && search.find(&bytes).is_some() {
                assert_eq!(about.permissions().mode() & 0o7777, 0o600, "{when}: {name}");
                meant += 1;
                return;
            }
            nothing_in(&search, &format!("`{name}` ({when})"), &bytes);
        });
        meant
    }

    /// Says whether a file is one that may have secrets, or is about to become one or was one until now.
    fn is_meant(&self, name: &str) -> bool {
        // The root of a stack by itself, and that of the host of a fleet.
        let below =
            name.strip_prefix("host/").or_else(|| name.strip_prefix("hosts/")?.split_once('/').map(|(_, rest)| rest));
        let Some(name) = below else { return false };
        let is_one = |name: &str| {
            MEANT
                .iter()
                .any(|meant| name.strip_prefix(meant).is_some_and(|rest| rest.is_empty() || meant.ends_with('/')))
        };
        if is_one(name) {
            return true;
        }
        let (directory, file) = name.rsplit_once('/').unwrap_or(("", name));
        let neighbours = MEANT.iter().any(|meant| {
            meant.trim_end_matches('/').starts_with(directory) || directory.starts_with(meant.trim_end_matches('/'))
        });
        file.starts_with(".punix-") && neighbours
    }
}

/// Returns the program that other machines are given, for this one.
fn target_program() -> Vec<u8> {
    let system = format!("{}-linux", std::env::consts::ARCH);
    let program = punix_bundle::targets().iter().find(|target| target.system == system);
    program.expect("there is one for this machine").bytes().to_vec()
}

#[track_caller]
fn nothing_in(search: &Search, place: &str, bytes: &[u8]) {
    if let Some((kind, form)) = search.find(bytes) {
        panic!("the secret of kind `{kind}` is in {place}, as {form}");
    }
}

fn each(directory: &Path, look: &mut dyn FnMut(&Path)) {
    // A guard may still be clearing up after what was killed: what is gone meanwhile holds nothing.
    let mut all: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    all.sort();
    for path in all {
        let Ok(about) = path.symlink_metadata() else { continue };
        if about.is_dir() {
            each(&path, look);
        } else if about.is_file() {
            look(&path);
        }
    }
}

#[test]
fn no_verb_says_or_keeps_one() {
    let cage = Cage::new();
    let run = |cage: &Cage, words: &[&str], code: i32| {
        let outcome = run(cage.command(words));
        assert_eq!(outcome.code, Some(code), "{words:?}: {outcome:#?}");
        cage.silent(&outcome);
        outcome
    };
    let deploying = |cage: &Cage, more: &[&str]| {
        let outcome = super::run(cage.place.command(cage.deploy(more)));
        cage.silent(&outcome);
        outcome
    };
    let plan = |more: &'static [&'static str]| {
        [
            &["service", "plan", "Web", "--file", "web/p.pcl", "--transport-root", "host"],
            super::rotated::sandbox(),
            more,
        ]
        .concat()
    };
    let web = |verb: &'static str, more: &[&'static str]| [&["service", verb, "Web"], more, &ROOT[..]].concat();
    run(&cage, &["check", "web/p.pcl"], 0);
    run(&cage, &["eval", "web/p.pcl"], 0);
    run(&cage, &["why", "web/p.pcl", "Web.services"], 0);
    for more in [&[][..], &["--json"]] {
        run(&cage, &[&["secrets", "check", "Web", "--file", "web/p.pcl"], more].concat(), 0);
        run(&cage, &plan(&[]), 0);
    }
    run(&cage, &plan(&["--json"]), 0);
    run(&cage, &plan(&["--out", "kept.plan"]), 0);
    assert_eq!(cage.kept("planned"), 0);
    fine(deploying(&cage, &["--events"]));
    // Three deliveries and a file of data: one file, two credentials, one unit, one document.
    assert_eq!(cage.kept("deployed"), 5);
    fine(deploying(&cage, &["--json"]));
    fine(deploying(&cage, &["--force-generation"]));
    let cage = cage.rotate();
    run(&cage, &plan(&[]), 0);
    fine(deploying(&cage, &["--json"]));
    assert_eq!(cage.kept("rotated"), 5);
    for json in [&[][..], &["--json"]] {
        for words in [
            web("status", json),
            web("history", json),
            web("verify", json),
            web("diff", &[&["1", "2"], json].concat()),
            web("why", &[&["/etc/web/conf.json"], json].concat()),
            [&["service", "audit"], json, &ROOT[..]].concat(),
        ] {
            let outcome = super::run(cage.command(&words));
            assert!(matches!(outcome.code, Some(0 | 1)), "{words:?}: {outcome:#?}");
            cage.silent(&outcome);
        }
    }
    run(&cage, &web("rollback", &[]), 0);
    run(&cage, &web("set-current", &["3", "--json"]), 0);
    run(&cage, &web("rollback", &["--resolve-secrets", "--json"]), 0);
    assert_eq!(cage.kept("rolled back"), 5);
    // Edited by hand: what is kept of it is kept from others, and nothing is shown.
    fs::write(cage.place.path("host/etc/web/conf.json"), "{}").expect("it is ours");
    let drifted = super::run(cage.command(&web("verify", &["--json"])));
    assert_eq!(drifted.code, Some(1), "{drifted:?}");
    cage.silent(&drifted);
    run(&cage, &web("repair", &["--resolve-secrets"]), 0);
    assert_eq!(cage.kept("repaired"), 5);
    failing(&cage);
    assert_eq!(cage.kept("after failures"), 5);
    run(&cage, &web("remove", &[]), 0);
    assert_eq!(cage.kept("removed"), 0, "what goes takes its secrets with it");
    let fleet =
        "module Fleet { hosts = [ { file = \"p.pcl\"  stack = \"Web\"  target = \"ssh://op@one.example\" } ] }\n";
    cage.place.write("web/fleet.pcl", fleet);
    let fleet = |verb: &'static str, more: &[&'static str]| {
        [&["fleet", verb, "web/fleet.pcl", "--transport-root", "hosts"], more].concat()
    };
    for json in [&[][..], &["--json"]] {
        run(&cage, &[&["secrets", "check", "Fleet", "--file", "web/fleet.pcl"], json].concat(), 0);
        run(&cage, &fleet("plan", &[super::rotated::sandbox(), json].concat()), 0);
        run(&cage, &fleet("apply", &[super::rotated::sandbox(), json].concat()), 0);
        assert_eq!(cage.kept("deployed in a fleet"), 5);
        run(&cage, &fleet("status", json), 0);
        run(&cage, &fleet("verify", json), 0);
    }
}

/// Whatever goes wrong, values are not in what is said of it.
fn failing(cage: &Cage) {
    let text = |kind: &str| cage.text(kind);
    let export = |name: &str, content: String| cage.place.hide(name, content);
    export("export.json", format!("{{\"kv/web#password\": [\"{}\"]}}", text("vault").replace(['"', '\\'], "")));
    let deploy = |more: &[&str], variables: &[(&str, &str)]| {
        let mut command = cage.place.command(cage.deploy(more));
        command.envs(variables.iter().copied());
        let outcome = run(command);
        assert!(matches!(outcome.code, Some(1..=3)), "{more:?}: {outcome:#?}");
        cage.silent(&outcome);
    };
    for json in [&[][..], &["--json"]] {
        // A server that refuses, one that is not there, an address that is the token.
        deploy(json, &[("VAULT_TOKEN", &text("fetch")[..20])]);
        deploy(json, &[("VAULT_ADDR", "http://127.0.0.1:1")]);
        // The file instead of a server is no file of texts, and no JSON at all.
        deploy(&[json, &["--vault-secrets", "export.json"]].concat(), &[]);
    }
    export("export.json", text("vault"));
    deploy(&["--vault-secrets", "export.json"], &[]);
    let file = cage.place.path("web/secret");
    let kept = fs::read(&file).expect("it is ours");
    // Values that fit nowhere: one is no text, and one is longer than any variable.
    for end in [&b"\0\xff"[..], &[b'x'; 200_000]] {
        fs::write(&file, [&kept[..], end].concat()).expect("it is ours");
        deploy(&[], &[]);
        deploy(&["--json"], &[]);
    }
    fs::write(&file, kept).expect("it is ours");
    // Missing ones beside others that are there.
    let mut missing = cage.place.command(cage.deploy(&["--json"]));
    missing.env_remove("ENV");
    let missing = run(missing);
    assert!(missing.code == Some(1) && missing.stdout.contains("from_env:ENV"), "{missing:?}");
    cage.silent(&missing);
}

/// Killed anywhere, a deploy leaves secrets in no file but those that are meant for them, or were about to be.
#[test]
fn whoever_is_killed_leaves_none_behind() {
    if !can_trace() {
        return;
    }
    let cage = Cage::new();
    fine(run(cage.place.command(cage.deploy(&[]))));
    let mut killed = 0;
    for (call, number) in [
        ("renameat2", 1),
        ("renameat2", 3),
        ("fsync", 2),
        ("fsync", 6),
        ("fsync", 10),
        ("syncfs", 1),
        ("renameat", 1),
        ("unlinkat", 1),
        ("unlinkat", 3),
        ("fchmod", 4),
        ("write", 12),
        ("write", 30),
    ] {
        let env = Canary::random();
        let mut command = scrubbed("strace");
        let inject = format!("inject={call}:signal=KILL:when={number}");
        command.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
        let inner = cage.place.command(cage.deploy(&[]));
        command.arg(inner.get_program()).args(inner.get_args()).current_dir(cage.place.path(""));
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("ENV", env.text()).env("PUNIX_NO_GUARD", "1");
        let outcome = run(command);
        killed += usize::from(outcome.code.is_none());
        cage.add(&format!("killed at {call} {number}"), env);
        cage.silent(&outcome);
        cage.kept(&format!("killed at {call} {number}"));
        // The next one mends it.
        let mended = run(cage.place.command(cage.deploy(&[])));
        cage.silent(&mended);
        assert_eq!(mended.code, Some(0), "{mended:?}");
        assert_eq!(cage.kept(&format!("mended after {call} {number}")), 5);
    }
    assert!(killed >= 4, "only {killed} were killed");
}
