//! Going back, and to chosen generations, on many hosts.

use super::{Fleet, gives, stack_of};

/// Two hosts at their second generation.
fn at_two() -> Fleet {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "one"), ("Db", "ssh://db", "one")]);
    assert_eq!(fleet.fleet("apply", &[]).code, Some(0));
    for stack in ["Web", "Db"] {
        fleet.write(&format!("{stack}.pcl"), &stack_of(stack, "two"));
    }
    assert_eq!(fleet.fleet("apply", &[]).code, Some(0));
    fleet
}

#[test]
fn hosts_go_back_in_the_reverse_order_of_the_file() {
    let fleet = at_two();
    gives(
        &fleet.fleet("rollback", &[]),
        0,
        "  ↩ Db → gen-001 (was gen-002); 1 restored, 0 removed\n  \
         ↩ Web → gen-001 (was gen-002); 1 restored, 0 removed\nfleet: 2/2 host(s) rolled back\n",
        "",
    );
    assert_eq!(fleet.read("hosts/ssh___web/etc/Web.conf") + &fleet.read("hosts/ssh___db/etc/Db.conf"), "one\none\n");
}

#[test]
fn what_the_fleet_says_of_its_machines_by_now_keeps_nobody_from_going_back() {
    let fleet = at_two();
    let text = fleet.read("fleet.pcl");
    let model = "  machines = { a = { ip = \"1\" } b = { ip = \"1\" } }\n  uniqueFields = [\"ip\"]\n}\n";
    fleet.write("fleet.pcl", &(text.trim_end().trim_end_matches('}').to_owned() + model));
    assert_eq!(fleet.fleet("apply", &[]).code, Some(1));
    assert_eq!(fleet.fleet("status", &[]).code, Some(0));
    let outcome = fleet.fleet("rollback", &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(files(&fleet), "one\none\n");
}

fn files(fleet: &Fleet) -> String {
    fleet.read("hosts/ssh___web/etc/Web.conf") + &fleet.read("hosts/ssh___db/etc/Db.conf")
}

#[test]
fn one_host_that_cannot_go_back_keeps_nobody_else_from_it() {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "one"), ("Db", "ssh://db", "one")]);
    assert_eq!(fleet.fleet("apply", &[]).code, Some(0));
    fleet.write("Web.pcl", &stack_of("Web", "two"));
    assert_eq!(fleet.fleet("apply", &[]).code, Some(0));
    let outcome = fleet.fleet("rollback", &[]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(
        outcome.stdout,
        "  ↩ Web → gen-001 (was gen-002); 1 restored, 0 removed\nfleet: 1/2 host(s) rolled back\n"
    );
    assert!(outcome.stderr.starts_with("  ✗ Db → ssh://db: [E12] "), "{}", outcome.stderr);
    let outcome = fleet.fleet("rollback", &["--fail-fast"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), "fleet: 0/2 host(s) rolled back\n"));
    assert!(outcome.stderr.ends_with("  ⊘ Web → ssh://web: not attempted (fail-fast)\n"), "{}", outcome.stderr);
}

#[test]
fn files_with_secrets_are_counted_when_they_are_passed_over() {
    let program = |value: &str| {
        format!(
            "module Web {{ backend = \"systemd\" dataFiles = [\"S\"] configFiles = [ {{ path = \"/etc/plain\" content = \"{value}\" }} ] }}\n\
             module S {{ path = \"/etc/s.json\" format = \"json\" data = {{ a = {{ from_env = \"TOKEN\" }} v = \"{value}\" }} }}\n"
        )
    };
    let fleet = Fleet::simple(&[("Web", "ssh://web", "x")]);
    for value in ["one", "two"] {
        fleet.write("Web.pcl", &program(value));
        let words = ["fleet", "apply", "fleet.pcl"].iter().chain(&super::ROOT);
        assert_eq!(fleet.with(words, &[("TOKEN", "t-0123456789")]).code, Some(0));
    }
    let outcome = fleet.fleet("rollback", &[]);
    assert_eq!(
        outcome.stdout,
        "  ↩ Web → gen-001 (was gen-002); 1 restored, 0 removed, 1 secret-skipped\nfleet: 1/1 host(s) rolled back\n",
        "{outcome:?}"
    );
}

#[test]
fn chosen_generations_are_named_by_stack_or_for_all() {
    let fleet = at_two();
    gives(
        &fleet.fleet("set-current", &["Web=1"]),
        0,
        "  ↩ Web → gen-001 (was gen-002); 1 restored, 0 removed\nfleet: 1/1 host(s) set\n",
        "",
    );
    assert_eq!(fleet.read("hosts/ssh___db/etc/Db.conf"), "two\n");
    gives(
        &fleet.fleet("set-current", &["--to", "1"]),
        0,
        "  ↩ Db → gen-001 (was gen-002); 1 restored, 0 removed\n  ✓ Web → gen-001, as it was\nfleet: 2/2 host(s) set\n",
        "",
    );
    gives(
        &fleet.fleet("set-current", &["Web=2", "Db=2"]),
        0,
        "  ↩ Db → gen-002 (was gen-001); 1 restored, 0 removed\n  \
         ↩ Web → gen-002 (was gen-001); 1 restored, 0 removed\nfleet: 2/2 host(s) set\n",
        "",
    );
    let outcome = fleet.fleet("set-current", &["--to", "7"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), "fleet: 0/2 host(s) set\n"), "{outcome:?}");
    for words in [&["Mail=1"][..], &["Web"], &["Web=0"], &[], &["Web=1", "--to", "1"]] {
        let outcome = fleet.fleet("set-current", words);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{words:?}: {outcome:?}");
    }
}

/// The second block of output that the manual of the fleet shows, byte for byte.
#[test]
fn a_rollback_is_told_as_the_manual_has_it() {
    let fleet = Fleet::of(&[(
        "fleet.pcl",
        "module Fleet {\n  hosts = [\n\
         { file = \"hosts/web.pcl\" stack = \"WebStack\" target = \"ssh://deploy@web.example.com\" machine = \"web\" }\n\
         { file = \"hosts/db.pcl\" stack = \"DbStack\" target = \"ssh://deploy@db.example.com\" machine = \"db\" }\n]\n}\n",
    )]);
    let files = |names: &[&str], value: &str| -> String {
        names.iter().map(|name| format!("    {{ path = \"/etc/x/{name}\"  content = \"{value}\\n\" }}\n")).collect()
    };
    for value in ["one", "two", "three", "four"] {
        let web = format!(
            "module WebStack {{\n  backend = \"systemd\"\n  dataFiles = [\"S\"]\n  configFiles = [\n{}  ]\n}}\n\
             module S {{ path = \"/etc/x/s.json\"  format = \"json\"  data = {{ a = {{ from_env = \"TOKEN\" }}  v = \"{value}\" }} }}\n",
            files(&["a", "b", "c", "d", "e"], value)
        );
        fleet.write("hosts/web.pcl", &web);
        let names: &[&str] = if value == "one" { &["a", "b", "c"] } else { &["a", "b", "c", "d"] };
        let db = if value == "one" { "one" } else { "two" };
        let db =
            format!("module DbStack {{\n  backend = \"systemd\"\n  configFiles = [\n{}  ]\n}}\n", files(names, db));
        fleet.write("hosts/db.pcl", &db);
        let words = ["fleet", "apply", "fleet.pcl"].iter().chain(&super::ROOT);
        assert_eq!(fleet.with(words, &[("TOKEN", "t-0123456789")]).code, Some(0));
    }
    let outcome = fleet.fleet("rollback", &[]);
    let stdout = "  ↩ DbStack → gen-001 (was gen-002); 3 restored, 1 removed\n  \
                  ↩ WebStack → gen-003 (was gen-004); 5 restored, 0 removed, 1 secret-skipped\n\
                  fleet: 2/2 host(s) rolled back\n";
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), stdout), "{outcome:?}");
}

/// A file with a secret and an artifact in it can be made by a deploy alone.
#[test]
fn files_with_artifacts_that_cannot_be_made_are_counted_by_themselves() {
    let fleet = Fleet::of(&[(
        "fleet.pcl",
        "module Fleet {\n  hosts = [\n\
         { file = \"a.pcl\" stack = \"A\" target = \"ssh://a\" machine = \"a\" }\n\
         { file = \"b.pcl\" stack = \"B\" target = \"ssh://b\" machine = \"b\" }\n]\n}\n",
    )]);
    for value in ["one", "two"] {
        fleet.write(
            "a.pcl",
            &format!(
                "module A {{ backend = \"systemd\"  configFiles = [ {{ path = \"/etc/a\"  content = \"{value}\\n\" }} ]\n  \
                 producesArtifacts = [ {{ name = \"x\"  kind = \"literal\"  value = \"{value}\" }} ] }}\n"
            ),
        );
        fleet.write(
            "b.pcl",
            &format!(
                "module B {{ backend = \"systemd\"  dataFiles = [\"Both\", \"Secret\"] }}\n\
                 module Both {{ path = \"/etc/both.json\"  format = \"json\"\n  \
                 data = {{ a = {{ from_env = \"TOKEN\" }}  x = {{ artifact = {{ host = \"a\"  name = \"x\" }} }}  v = \"{value}\" }} }}\n\
                 module Secret {{ path = \"/etc/secret.json\"  format = \"json\"  data = {{ a = {{ from_env = \"TOKEN\" }}  v = \"{value}\" }} }}\n"
            ),
        );
        let words = ["fleet", "apply", "fleet.pcl"].iter().chain(&super::ROOT);
        assert_eq!(fleet.with(words, &[("TOKEN", "t-0123456789")]).code, Some(0));
    }
    let outcome = fleet.fleet("rollback", &[]);
    let stdout = "  ↩ B → gen-001 (was gen-002); 0 restored, 0 removed, 1 secret-skipped, 1 artifact-skipped\n  \
                  ↩ A → gen-001 (was gen-002); 1 restored, 0 removed\nfleet: 2/2 host(s) rolled back\n";
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), stdout), "{outcome:?}");
    assert!(
        outcome.stderr.contains("⚠ ssh://b: warning: artifact-skipped: 1 file(s)")
            || outcome.stderr.contains("⚠ ssh://b: artifact-skipped: 1 file(s)"),
        "{}",
        outcome.stderr
    );
}
