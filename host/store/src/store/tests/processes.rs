//! Several processes at one store. A child is this test binary again, running the one test that is named last here.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

const ROOT: &str = "PUNIX_STORE_TEST_ROOT";
const ENTRIES: usize = 100;

fn start(root: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::processes::child", "--nocapture", "--test-threads=1"])
        .env(ROOT, root)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// Returns the next thing that a child made, or `None` at its end.
fn next(output: &mut BufReader<ChildStdout>) -> Option<String> {
    for line in output.lines() {
        if let Some((_, made)) = line.unwrap().split_once("made ") {
            return Some(made.to_owned());
        }
    }
    None
}

/// 100 times: both end well, the entry is made once and stays.
#[test]
fn two_processes_make_each_entry_once() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let children = [(); 2].map(|()| start(scratch.path()));
    let mut made = Vec::new();
    for (mut child, mut output) in children {
        made.extend(std::iter::from_fn(|| next(&mut output)));
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(made.len(), 2 * ENTRIES);
    let new = made.iter().filter(|made| made.ends_with("New")).count();
    assert_eq!(new, ENTRIES, "{made:?}");
    let entries = store.list().unwrap();
    assert_eq!(entries.len(), ENTRIES);
    entries.iter().for_each(|name| assert_sound(&store, name));
    let left = names(&scratch.join(".locks"));
    assert_eq!(left, ["gate", "store"]);
}

/// Whenever a process is killed, what is there is whole, and nothing is locked any more.
#[test]
fn a_killed_process_leaves_whole_entries_and_no_lock() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    for round in 0..15 {
        let (mut child, mut output) = start(scratch.path());
        for _ in 0..round {
            next(&mut output);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let alone = store.exclude(Asking { wait: std::time::Duration::ZERO, ..asking() }).unwrap();
        assert!(store.sweep(&alone).unwrap().failed.is_empty());
        for name in store.list().unwrap() {
            assert_sound(&store, &name);
        }
        let there = names(scratch.path());
        assert!(there.iter().all(|name| !name.starts_with(".tmp-") && !name.starts_with(".gc-")));
        store.collect(&alone, &[]).unwrap();
    }
}

/// The other process. Does nothing when it is run as a test.
#[test]
fn child() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let store = Store::open(Path::new(&root)).unwrap();
    let mut out = io::stdout();
    for number in 0..ENTRIES {
        let shared = store.share(asking()).unwrap();
        let derivation = derivation(&format!("p{number}"), &[]);
        let outcome = make(&store, &shared, &derivation);
        writeln!(out, "made {number} {outcome:?}").unwrap();
    }
}
