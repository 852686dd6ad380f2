//! Holds deploys against cases recorded from the reference: what is on the target after each step, and how each step ends;
//! never the wording. `except.txt` lists the steps in which we differ, and why.
//!
//! A case is a folder with its inputs, `steps.json` and `expected.json`. Each runs in a directory of its own, where it finds
//! nothing of this machine but its programs.

mod record;
mod tree;

use crate::build::namespaces;
use crate::support::{Folder, punix, root, run, scrubbed};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tree::Snapshot;

/// How an exception's reason may begin.
const REASONS: &[&str] = &["decisions ", "reference defect D", "generator plugin: ", "recorded without "];
/// What a reason ends with where the step ends like the reference's.
const TREE_ALONE: &str = "(tree alone)";
/// The cases that were recorded; fewer mean that the checkout is not whole.
const CASES_MIN: usize = 98;
/// What of a case's folder is not an input.
const NO_INPUT: [&str; 2] = ["steps.json", "expected.json"];
/// Where programs are that the steps run.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

#[test]
fn recorded_deploys_end_like_the_reference() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "only {} cases", cases.len());
    let exceptions = exceptions();
    let mut problems = Vec::new();
    let mut met: BTreeSet<String> = BTreeSet::new();
    for (name, wrong) in run_all(&cases) {
        for (step, why) in wrong {
            let one = format!("{name}#{step}");
            match exceptions.get(&one) {
                Some(reason) if why.is_tree_alone || !reason.ends_with(TREE_ALONE) => drop(met.insert(one)),
                Some(_) | None => problems.push(format!("{one}: {}", why.said)),
            }
        }
    }
    let idle = exceptions.keys().filter(|name| !met.contains(*name));
    problems.extend(idle.map(|name| format!("{name} agrees, or is no step: take it out of except.txt")));
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_exception_has_a_reason() {
    for (name, reason) in exceptions() {
        let known = REASONS.iter().any(|start| reason.starts_with(start));
        assert!(known, "except.txt: {name}: `{reason}` is no reason; begin with one of {REASONS:?}");
    }
}

fn folder() -> PathBuf {
    root().join("tests/conformance/deploy/cases")
}

fn cases() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the cases are part of the checkout").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Reads the cases and steps in which we differ, with the reasons.
fn exceptions() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("tests/conformance/deploy/except.txt")).expect("except.txt is there");
    let mut exceptions = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let (name, reason) = line.split_once(" # ").unwrap_or((line, ""));
        let old = exceptions.insert(name.trim().to_owned(), reason.trim().to_owned());
        assert!(old.is_none(), "except.txt: {} is listed twice", name.trim());
    }
    exceptions
}

/// What is wrong in a case, by step.
type Wrong = BTreeMap<usize, Difference>;

/// In what a step is not as it was recorded.
#[derive(Debug)]
struct Difference {
    said: String,
    /// It ended as it should; only what is on the target differs.
    is_tree_alone: bool,
}

/// Runs every case, two at a time.
fn run_all(cases: &[String]) -> BTreeMap<String, Wrong> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(name) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let wrong = run_case(name);
                    verdicts.lock().expect("no case panics").insert(name.clone(), wrong);
                }
            });
        }
    });
    verdicts.into_inner().expect("no case panics")
}

fn run_case(name: &str) -> Wrong {
    let case = folder().join(name);
    let (spec, expected) = (json(&case.join("steps.json")), json(&case.join("expected.json")));
    let work = Folder::new();
    let here = fs::canonicalize(work.path()).expect("the folder is there");
    copy_inputs(&case, &here);
    fs::create_dir_all(here.join("home")).expect("a home can be made");
    let roots: Vec<&str> = match spec["roots"].as_array() {
        Some(roots) => roots.iter().filter_map(Value::as_str).collect(),
        None => vec!["host"],
    };
    let mut wrong = Wrong::new();
    let mut tree = Value::Object(serde_json::Map::new());
    let pairs = spec["steps"].as_array().into_iter().flatten().zip(expected["steps"].as_array().into_iter().flatten());
    for (number, (step, expected)) in pairs.enumerate() {
        // "unchanged" stands for the one before.
        if expected["tree"].is_object() {
            tree = expected["tree"].clone();
        }
        if step["argv"].is_null() {
            let done = run(shell(step, &here));
            assert_eq!(done.code, Some(0), "{name}#{number}: {done:?}");
        } else if let Some(why) = judge(step, expected, &tree, &here, &roots) {
            wrong.insert(number, why);
        }
    }
    // Entries of a store are read-only, and so are some of the places that cases make.
    let _ = run(with_path(scrubbed("chmod"), &["-R", "u+rwX"], &here));
    wrong
}

/// Runs one step of ours, and says what is not as it was recorded.
fn judge(step: &Value, expected: &Value, tree: &Value, here: &Path, roots: &[&str]) -> Option<Difference> {
    let ended = |said| Some(Difference { said, is_tree_alone: false });
    let outcome = run(ours(step, here));
    let Some(code) = outcome.code.filter(|code| *code != 70 && !outcome.stderr.contains("panicked")) else {
        return ended(format!("crashed: {}", outcome.stderr.trim()));
    };
    if Some(i64::from(code)) != expected["exit"].as_i64() {
        return ended(format!("exit {code}, wanted {}: {}", expected["exit"], outcome.stderr.trim()));
    }
    let (found, wanted) = (Snapshot::take(here, roots), Snapshot::recorded(tree));
    found.difference(&wanted).map(|said| Difference { said, is_tree_alone: true })
}

fn ours(step: &Value, here: &Path) -> Command {
    let words = step["argv"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut command = scrubbed("sh");
    command.args(["-c", "umask 022; exec \"$0\" \"$@\""]).arg(punix().get_program());
    let words: Vec<String> = words.skip(1).map(|word| filled(word, here)).collect();
    let builds = words.get(1).is_some_and(|verb| verb == "deploy" || verb == "apply");
    command.args(words);
    if builds && !namespaces() {
        command.arg("--no-sandbox");
    }
    environment(command, step, here)
}

fn shell(step: &Value, here: &Path) -> Command {
    let script = step["sh"].as_str().unwrap_or_default();
    let mut command = scrubbed("sh");
    command.arg("-c").arg(format!("umask 022; {}", filled(script, here))).stdout(Stdio::null());
    environment(command, step, here)
}

fn environment(mut command: Command, step: &Value, here: &Path) -> Command {
    command.current_dir(here).env("PATH", PATH).env("HOME", here.join("home")).env("USER", "tester");
    command.env("LANG", "C.UTF-8").env("NO_COLOR", "1").env("TERM", "dumb").env("COLUMNS", "80");
    for (name, value) in step["env"].as_object().into_iter().flatten() {
        command.env(name, filled(value.as_str().unwrap_or_default(), here));
    }
    command
}

/// Puts the directory of the case where its steps name it.
fn filled(text: &str, here: &Path) -> String {
    text.replace("{W}", &here.to_string_lossy())
}

fn with_path(mut command: Command, words: &[&str], path: &Path) -> Command {
    command.env("PATH", PATH).args(words).arg(path);
    command
}

fn copy_inputs(case: &Path, here: &Path) {
    for entry in fs::read_dir(case).expect("the case is a folder").flatten() {
        if NO_INPUT.iter().all(|name| entry.file_name() != *name) {
            let mut command = with_path(scrubbed("cp"), &["-R", "-P"], &entry.path());
            command.arg(here);
            let copied = run(command);
            assert_eq!(copied.code, Some(0), "{copied:?}");
        }
    }
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
