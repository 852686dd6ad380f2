//! Collections beside others, and collections that are killed.

use super::{Home, asking};
use expect_test::expect;
use punix_store::StoreName;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

/// A build that goes on shares the store's lock; nothing of its goes.
#[test]
fn a_build_that_goes_on_is_not_disturbed() {
    let home = Home::new();
    let fresh = home.add("fresh", "1", &[]);
    let building = home.store.share(asking()).expect("nobody collects");
    let refused = home.punix(["gc", "--wait", "0"]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    home.gave(
        &refused,
        &expect![[r#"
            exit 3
            stderr:
            error: [E23] the lock `…/home/.punix/store/.locks/store` was not free within 0 seconds
            note: process N holds it: `punix build`
            help: wait for it to end, and try again
        "#]],
    );
    assert!(home.has(&fresh));
    // Who only looks need not wait, and neither does a dry run.
    assert_eq!(home.punix(["verify"]).code, Some(0));
    assert_eq!(home.punix(["gc", "--dry-run"]).code, Some(0));
    let document = home.punix(["gc", "--wait", "0", "--json"]);
    assert_eq!((document.code, document.stderr.as_str()), (Some(3), ""));
    assert_eq!(document.json()["diagnostics"].list()[0]["code"].text(), "E23");
    drop(building);
    assert_eq!(home.punix(["gc", "--wait", "0"]).code, Some(0));
    assert!(!home.has(&fresh));
}

#[test]
fn who_waits_for_a_build_says_so_and_goes_on_after_it() {
    let home = Home::new();
    let dead = home.add("dead", "1", &[]);
    let building = home.store.share(asking()).expect("nobody collects");
    let mut child = start(&home);
    let mut said = BufReader::new(child.stderr.take().expect("a stream"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a line comes before the wait is over");
    expect![[r#"
        waiting for the store …/home/.punix/store: process N uses it (`punix build`)
    "#]]
    .assert_eq(&home.shortened(&line));
    assert!(home.has(&dead));
    drop(building);
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("it says no more");
    assert_eq!(rest, "");
    assert!(child.wait().expect("it ends").success());
    assert!(!home.has(&dead));
}

#[test]
fn who_looks_waits_for_a_collection() {
    let home = Home::new();
    home.add("app", "1", &[]);
    let alone = home.store.exclude(asking()).expect("nobody builds");
    let mut command = home.command(["verify"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be started");
    let mut line = String::new();
    BufReader::new(child.stderr.take().expect("a stream")).read_line(&mut line).expect("a line");
    assert!(line.starts_with("waiting for the store"), "{line}");
    drop(alone);
    let mut out = String::new();
    child.stdout.take().expect("a stream").read_to_string(&mut out).expect("text");
    assert_eq!(out, "1 ok\n");
    child.wait().expect("it ends");
}

/// Whenever a collection is killed, what is there is whole, what is needed is there, and the next one ends well.
#[test]
fn a_killed_collection_harms_nothing() {
    const DEAD: usize = 12;
    let mut midway = 0;
    for goal in 0..=DEAD {
        let home = Home::new();
        let lib = home.add("lib", "1", &[]);
        let app = home.add("app", "1", &[&lib]);
        home.generation("Web", 1, &[&app]);
        let dead: Vec<StoreName> = (0..DEAD).map(|number| home.add(&format!("dead{number}"), "1", &[&lib])).collect();
        let mut child = start(&home);
        // Entries disappear one by one; it is killed at another of them each time.
        let there = || dead.iter().filter(|name| home.has(name)).count();
        while there() > DEAD - goal && child.try_wait().expect("it can be asked").is_none() {
            std::thread::yield_now();
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        midway += usize::from(names(&home).iter().any(|name| name.starts_with(".gc-")));
        assert!(home.has(&lib) && home.has(&app));
        let verified = home.punix(["verify"]);
        assert_eq!(verified.code, Some(0), "killed at {goal}: {verified:?}");
        let again = home.punix(["gc", "--wait", "0"]);
        assert_eq!(again.code, Some(0), "killed at {goal}: {again:?}");
        let mut expected = [".locks", ".punix-store", lib.as_str(), app.as_str()];
        expected.sort();
        assert_eq!(names(&home), expected, "killed at {goal}");
        assert_eq!(home.punix(["verify"]).stdout, "2 ok\n");
    }
    assert!(midway > 0, "no collection was met in its midst");
}

/// Lists what is in the store's root.
fn names(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.store.root()).expect("it can be listed");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("it can be listed").file_name();
    let mut names: Vec<String> = entries.map(|entry| name(entry).into_string().expect("text")).collect();
    names.sort();
    names
}

fn start(home: &Home) -> Child {
    let mut command = home.command(["gc"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it can be started")
}
