//! All hosts or none: `--stage-first`, and going back together.

use super::{Fleet, gives, stack_of};
use crate::service::sandbox;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Fails for `start` and `restart` of a unit that the test names, and knows all units. Those that were stopped are so.
const SYSTEMCTL: &str = r#"#!/bin/sh
for word in "$@"; do case "$1-$word" in
  show-*.service)
    state='ActiveState=active\nSubState=running'
    [ -e "$0.$word" ] && state='ActiveState=inactive\nSubState=dead'
    printf "Id=%s\nLoadState=loaded\n$state\nUnitFileState=disabled\n\n" "$word" ;;
  stop-*.service) : > "$0.$word" ;;
  *start-*.service) rm -f "$0.$word"; case "$word" in "${BAD:-none}") echo "Job for $BAD failed." >&2; exit 1 ;; esac ;;
esac; done
"#;

fn two() -> Fleet {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "one"), ("Db", "ssh://db", "one")]);
    assert_eq!(fleet.fleet("apply", &["--stage-first"]).code, Some(0));
    for stack in ["Web", "Db"] {
        fleet.write(&format!("{stack}.pcl"), &stack_of(stack, "two"));
    }
    fleet
}

fn files(fleet: &Fleet) -> String {
    fleet.read("hosts/ssh___web/etc/Web.conf") + &fleet.read("hosts/ssh___db/etc/Db.conf")
}

/// Returns the names of all that is in a host's directory for configuration.
fn names(fleet: &Fleet, host: &str) -> Vec<String> {
    let entries = fs::read_dir(fleet.path(&format!("hosts/{host}/etc"))).expect("it is there").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn hosts_that_are_all_ready_go_live_in_their_order() {
    let fleet = two();
    gives(
        &fleet.fleet("apply", &["--stage-first", "--jobs", "1"]),
        0,
        "  ✓ Web → ssh://web\n  ✓ Db → ssh://db\nfleet: 2/2 host(s) deployed\n",
        "",
    );
    assert_eq!(files(&fleet), "two\ntwo\n");
    // Who is as he should be needs to wait for nobody.
    fleet.write("Web.pcl", &stack_of("Web", "three"));
    assert_eq!(fleet.fleet("apply", &["--stage-first"]).code, Some(0));
    assert_eq!(files(&fleet), "three\ntwo\n");
    assert!(!fleet.has("hosts/ssh___db/deploy/Db/gen-003.json"));
}

#[test]
fn one_that_cannot_be_made_ready_keeps_all_others_as_they_are() {
    let fleet = two();
    // A directory where the file should be.
    fs::remove_file(fleet.path("hosts/ssh___db/etc/Db.conf")).expect("it was there");
    fs::create_dir(fleet.path("hosts/ssh___db/etc/Db.conf")).expect("it can be made");
    let outcome = fleet.fleet("apply", &["--stage-first"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), "fleet: 0/2 host(s) deployed\n"), "{outcome:?}");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let [web, db] = lines.as_slice() else { panic!("{}", outcome.stderr) };
    assert_eq!(*web, "  ⊘ Web → ssh://web: not attempted (a host could not be made ready)");
    assert!(db.starts_with("  ✗ Db → ssh://db: "), "{db}");
    assert_eq!(fleet.read("hosts/ssh___web/etc/Web.conf"), "one\n");
    assert_eq!(names(&fleet, "ssh___web"), ["Web.conf"], "nothing that was made ready is left");
    assert!(!fleet.has("hosts/ssh___web/deploy/Web/gen-002.json"));
    // It goes on as if nothing had been.
    fs::remove_dir(fleet.path("hosts/ssh___db/etc/Db.conf")).expect("it is empty");
    assert_eq!(fleet.fleet("apply", &["--stage-first"]).code, Some(0));
    assert_eq!(files(&fleet), "two\ntwo\n");
}

#[test]
fn two_stacks_of_one_target_would_wait_for_each_other() {
    let fleet = Fleet::simple(&[("Web", "ssh://a", "one"), ("Db", "ssh://a", "two")]);
    let outcome = fleet.fleet("apply", &["--stage-first"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{outcome:?}");
    assert!(!fleet.has("hosts"));
}

#[test]
fn going_back_is_for_units_or_for_hosts_together() {
    let fleet = two();
    let outcome = fleet.fleet("apply", &["--rollback-on-failure"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{outcome:?}");
}

#[test]
fn who_went_live_goes_back_when_another_one_fails() {
    let program = |stack: &str, value: &str| {
        format!(
            "module Tool {{ recipe = \"std.shell\" pname = \"tool\" version = \"1\" recipeArgs = {{ command = \"mkdir -p $OUTPUT/bin && echo x > $OUTPUT/bin/tool\" }} }}\n\
             module {stack} {{ backend = \"systemd\" services = [ {{ name = \"{}\" package = \"Tool\" binary = \"tool\" environment = {{ V = \"{value}\" }} }} ] }}\n",
            stack.to_lowercase()
        )
    };
    let fleet = Fleet::simple(&[("Good", "ssh://good", "x"), ("Bad", "ssh://bad", "x")]);
    fleet.write("systemctl", SYSTEMCTL);
    fs::set_permissions(fleet.path("systemctl"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let apply = |more: &[&str], bad: &str| {
        let words = ["fleet", "apply", "fleet.pcl", "--activate", "--systemctl", "./systemctl"];
        let words = words.iter().chain(&super::ROOT).chain(sandbox()).chain(more);
        fleet.with(words, &[("BAD", bad)])
    };
    let write = |value: &str| {
        for stack in ["Good", "Bad"] {
            fleet.write(&format!("{stack}.pcl"), &program(stack, value));
        }
    };
    write("one");
    let first = apply(&[], "none");
    assert_eq!(first.code, Some(0), "{first:?}");
    // Without more words a unit that does not start is no more than a warning.
    write("two");
    let warned = apply(&[], "bad.service");
    assert_eq!(warned.code, Some(0), "{warned:?}");
    assert_eq!(warned.stdout, "  ✓ Good → ssh://good\n  ✓ Bad → ssh://bad\nfleet: 2/2 host(s) deployed\n");
    assert_eq!(warned.stderr, "    ⚠ ssh://bad: bad.service did not (re)start: Job for bad.service failed.\n");
    // Alone it goes back alone.
    write("three");
    let alone = apply(&["--rollback-on-failure"], "bad.service");
    assert_eq!(alone.code, Some(1), "{alone:?}");
    assert_eq!(alone.stdout, "  ✓ Good → ssh://good\nfleet: 1/2 host(s) deployed\n");
    assert!(
        alone.stderr.contains("  ✗ Bad → ssh://bad: stack Bad gen-003 was rolled back to gen-002"),
        "{}",
        alone.stderr
    );
    let unit =
        |host: &str, service: &str| fleet.read(&format!("hosts/ssh___{host}/etc/systemd/system/{service}.service"));
    assert!(unit("good", "good").contains("three") && unit("bad", "bad").contains("two"));
    // Together all of them go back.
    write("four");
    let together = apply(&["--stage-first", "--rollback-on-failure", "--jobs", "1"], "bad.service");
    assert_eq!((together.code, together.stdout.as_str()), (Some(1), "fleet: 0/2 host(s) deployed\n"), "{together:?}");
    assert!(together.stderr.contains("  ✗ Good → ssh://good: "), "{}", together.stderr);
    assert!(unit("good", "good").contains("three") && unit("bad", "bad").contains("two"), "{together:?}");
}

/// Returns a fleet of which one stack has nothing to go back to, and the other one cannot go live: what it waits for is
/// found out when the first one is live already.
fn first_of_two() -> (Fleet, impl Fn(&Fleet, &[&str]) -> crate::support::Outcome) {
    let program = |stack: &str| {
        format!(
            "module Tool {{ recipe = \"std.shell\" pname = \"tool\" version = \"1\" recipeArgs = {{ command = \"mkdir -p $OUTPUT/bin && echo x > $OUTPUT/bin/tool\" }} }}\n\
             module {stack} {{ backend = \"systemd\" services = [ {{ name = \"{}\" package = \"Tool\" binary = \"tool\" }} ] }}\n",
            stack.to_lowercase()
        )
    };
    let fleet = Fleet::simple(&[("Good", "ssh://good", "x"), ("Bad", "ssh://bad", "x")]);
    for stack in ["Good", "Bad"] {
        fleet.write(&format!("{stack}.pcl"), &program(stack));
    }
    fleet.write("systemctl", SYSTEMCTL);
    fs::set_permissions(fleet.path("systemctl"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let apply = |fleet: &Fleet, more: &[&str]| {
        let words =
            ["fleet", "apply", "fleet.pcl", "--activate", "--systemctl", "./systemctl", "--rollback-on-failure"];
        fleet.with(words.iter().chain(&super::ROOT).chain(sandbox()).chain(more), &[("BAD", "bad.service")])
    };
    (fleet, apply)
}

#[test]
fn a_host_on_which_nothing_was_before_has_nothing_again() {
    let (fleet, apply) = first_of_two();
    let together = apply(&fleet, &["--stage-first", "--jobs", "1"]);
    let stderr: Vec<&str> = together.stderr.lines().filter(|line| !line.starts_with('[')).collect();
    assert_eq!((together.code, together.stdout.as_str()), (Some(1), "fleet: 0/2 host(s) deployed\n"), "{together:?}");
    assert_eq!(
        stderr.join("\n"),
        "  ✗ Good → ssh://good: stack Good gen-001 was removed again, as nothing was there before: another host failed\n    \
         ⚠ ssh://bad: bad.service did not (re)start: Job for bad.service failed.\n  \
         ✗ Bad → ssh://bad: stack Bad gen-001 was removed again, as nothing was there before: 1 unit(s) did not (re)start: bad.service",
    );
    let is_empty = |stack: &str| {
        let host = stack.to_lowercase();
        assert!(!fleet.has(&format!("hosts/ssh___{host}/deploy/{stack}")), "{stack}");
        assert!(!fleet.has(&format!("hosts/ssh___{host}/etc/systemd/system/{host}.service")), "{stack}");
    };
    for stack in ["Good", "Bad"] {
        is_empty(stack);
    }
    // Alone it goes alone.
    let alone = apply(&fleet, &["--json"]);
    assert_eq!(alone.code, Some(1), "{alone:?}");
    let document: serde_json::Value = serde_json::from_str(&alone.stdout).expect("it is a document");
    let told =
        |place: usize| ["status", "outcome"].map(|field| document["hosts"][place][field].as_str().map(str::to_owned));
    assert_eq!(told(0), [Some("ok".to_owned()), Some("deployed".to_owned())], "{document:#}");
    assert_eq!(told(1), [Some("failed".to_owned()), Some("removed".to_owned())], "{document:#}");
    is_empty("Bad");
    assert!(fleet.has("hosts/ssh___good/etc/systemd/system/good.service"));
}
