//! Which hosts are meant, and in which portions they go.

use super::{Fleet, gives};

fn four() -> Fleet {
    let hosts: Vec<(String, String)> =
        (1..=4).map(|n| (format!("S{n}"), format!("ssh://op@h{n}.example.org"))).collect();
    let rows: Vec<(&str, &str, &str)> =
        hosts.iter().map(|(stack, target)| (stack.as_str(), target.as_str(), "x")).collect();
    Fleet::simple(&rows)
}

/// Returns the stacks that were told of as deployed.
fn deployed(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("  ✓ "));
    lines.filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
}

#[test]
fn hosts_are_chosen_by_stack_target_or_name() {
    let fleet = four();
    let outcome = fleet.fleet("apply", &["--only", "S3,h1.example.org", "--only=ssh://op@h2.example.org"]);
    assert_eq!(deployed(&outcome.stdout), ["S1", "S2", "S3"], "{outcome:?}");
    assert!(outcome.stdout.ends_with("fleet: 3/3 host(s) deployed\n"));
    assert!(!fleet.has("hosts/ssh___op_h4.example.org"));
    let outcome = fleet.fleet("apply", &["--only", "S9"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{outcome:?}");
    let outcome = fleet.fleet("apply", &["--limit", "2"]);
    assert_eq!(deployed(&outcome.stdout), ["S1", "S2"], "{outcome:?}");
}

#[test]
fn a_canary_that_fails_keeps_the_others_as_they_are() {
    let fleet = four();
    fleet.write("S1.pcl", "module S1 { backend = \"none\" }");
    let outcome = fleet.fleet("apply", &["--canary", "1"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), "fleet: 0/4 host(s) deployed\n"), "{outcome:?}");
    assert_eq!(outcome.stderr.matches("not attempted").count(), 3, "{}", outcome.stderr);
    assert!(!fleet.has("hosts/ssh___op_h2.example.org"));
}

#[test]
fn more_failures_than_are_allowed_stop_the_rest() {
    let fleet = four();
    fleet.write("S1.pcl", "module S1 { backend = \"none\" }");
    fleet.write("S2.pcl", "module S2 { backend = \"none\" }");
    let outcome = fleet.fleet("apply", &["--max-failures", "1", "--jobs", "1"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), "fleet: 0/4 host(s) deployed\n"), "{outcome:?}");
    let outcome = fleet.fleet("apply", &["--max-failures", "2", "--jobs", "1"]);
    assert!(outcome.stdout.ends_with("fleet: 2/4 host(s) deployed\n"), "{outcome:?}");
}

#[test]
fn waves_reach_everybody_in_the_end() {
    let fleet = four();
    let outcome = fleet.fleet("apply", &["--canary", "1", "--wave", "50"]);
    assert_eq!(deployed(&outcome.stdout), ["S1", "S2", "S3", "S4"], "{outcome:?}");
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn a_host_that_cannot_be_reached_is_passed_over_if_somebody_says_so() {
    let fleet = Fleet::simple(&[("Web", "ssh://op@127.0.0.1:1", "x")]);
    let words = ["fleet", "apply", "fleet.pcl"];
    let failed = fleet.punix(words);
    assert_eq!((failed.code, failed.stdout.as_str()), (Some(1), "fleet: 0/1 host(s) deployed\n"), "{failed:?}");
    assert!(failed.stderr.starts_with("  ✗ Web → ssh://op@127.0.0.1:1: "), "{}", failed.stderr);
    let skipped = fleet.punix(words.iter().chain(&["--skip-unreachable"]));
    let summary = "fleet: 0/0 host(s) deployed, 1 unreachable\n";
    assert_eq!((skipped.code, skipped.stdout.as_str()), (Some(0), summary), "{skipped:?}");
    assert!(skipped.stderr.starts_with("  ⊘ Web → ssh://op@127.0.0.1:1: passed over — "), "{}", skipped.stderr);
}

#[test]
fn targets_that_are_none_fail_by_themselves_over_ssh_and_are_names_below_a_root() {
    let fleet = Fleet::simple(&[("Web", "http://x", "x"), ("Db", "ssh://", "x")]);
    gives(
        &fleet.punix(["fleet", "apply", "fleet.pcl"]),
        1,
        "fleet: 0/2 host(s) deployed\n",
        "  ✗ Web → http://x: --target must be ssh://user@host[:port], got `http://x`\n  \
         ✗ Db → ssh://: --target missing host: `ssh://`\n",
    );
    gives(&fleet.fleet("apply", &[]), 0, "  ✓ Web → http://x\n  ✓ Db → ssh://\nfleet: 2/2 host(s) deployed\n", "");
}
