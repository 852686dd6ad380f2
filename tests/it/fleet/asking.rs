//! What hosts are asked: how they are, whether they are as deployed, what a deploy would change. Nothing changes by that.

use super::{Fleet, stack_of};

fn two() -> Fleet {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "one"), ("Db", "ssh://db", "one")]);
    assert_eq!(fleet.fleet("apply", &[]).code, Some(0));
    fleet
}

#[test]
fn the_table_has_a_row_for_each_host() {
    let fleet = two();
    let outcome = fleet.fleet("status", &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let [head, web, db, summary] = lines.as_slice() else { panic!("{}", outcome.stdout) };
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(head), ["STACK", "TARGET", "GENERATION", "SINCE", "DRIFT", "FAILED"]);
    let row = words(web);
    assert_eq!([&*row[0], &*row[1], &*row[2], &*row[4], &*row[5]], ["Web", "ssh://web", "gen-001", "none", "none"]);
    assert!(db.starts_with("Db "), "{db}");
    assert_eq!(*summary, "fleet: 2/2 host(s) as deployed");
}

#[test]
fn what_was_changed_by_hand_is_found_and_so_is_a_host_that_cannot_be_asked() {
    let fleet = two();
    fleet.write("hosts/ssh___web/etc/Web.conf", "by hand\n");
    let outcome = fleet.fleet("status", &[]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("1 file(s)") && outcome.stdout.ends_with("fleet: 1/2 host(s) as deployed\n"));
    let outcome = fleet.fleet("verify", &[]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.starts_with("  ✗ Web → ssh://web: Web gen-001: "), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("\n      MODIFIED\t/etc/Web.conf"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("\n  ✓ Db → ssh://db: Db gen-001: 1 checked, 1 clean\n"), "{}", outcome.stdout);
    std::fs::remove_dir_all(fleet.path("hosts/ssh___db")).expect("it was there");
    let outcome = fleet.fleet("verify", &[]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.starts_with("  ✗ Db → ssh://db: [E31] "), "{}", outcome.stderr);
    assert!(!fleet.has("hosts/ssh___db"));
}

#[test]
fn a_plan_shows_what_would_change_and_changes_nothing() {
    let fleet = two();
    fleet.write("Web.pcl", &stack_of("Web", "two"));
    let before = fleet.read("hosts/ssh___web/deploy/Web/gen-001.json");
    let outcome = fleet.fleet("plan", &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    let text = &outcome.stdout;
    assert!(text.starts_with("  ± Web → ssh://web\n    plan: stack Web gen-001 → gen-002\n"), "{text}");
    assert!(text.contains("one") && text.contains("two"), "{text}");
    assert!(text.contains("  ✓ Db → ssh://db\n    unchanged: stack Db at gen-001\n"), "{text}");
    assert!(text.ends_with("fleet: 1 host(s) would change\nfleet: 2/2 host(s) planned\n"), "{text}");
    assert_eq!(fleet.read("hosts/ssh___web/deploy/Web/gen-001.json"), before);
    assert_eq!(fleet.read("hosts/ssh___web/etc/Web.conf"), "one\n");
}
