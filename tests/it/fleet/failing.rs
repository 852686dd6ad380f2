//! Hosts that fail, those that wait for them, and those whose turn never comes.

use super::{Fleet, gives, stack_of};

#[test]
fn one_host_that_fails_keeps_nobody_from_going_on() {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "one"), ("Bad", "ssh://bad", "x"), ("Db", "ssh://db", "two")]);
    fleet.write(
        "Bad.pcl",
        "module Bad { backend = \"systemd\"  configFiles = [ { path = \"/home/u/x\" content = \"x\" } ] }",
    );
    let outcome = fleet.fleet("apply", &[]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stdout, "  ✓ Web → ssh://web\n  ✓ Db → ssh://db\nfleet: 2/3 host(s) deployed\n");
    assert!(outcome.stderr.starts_with("  ✗ Bad → ssh://bad: Bad.pcl:1:"), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    assert!(!fleet.has("hosts/ssh___bad/etc") && !fleet.has("hosts/ssh___bad/deploy/Bad"));
}

#[test]
fn what_is_wrong_with_a_program_is_said_at_its_place() {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "one"), ("Bad", "ssh://bad", "x")]);
    fleet.write("Bad.pcl", "module Bad {\n  backend = \"systemd\"\n  x = nope\n  y = none\n}\n");
    gives(
        &fleet.fleet("apply", &[]),
        1,
        "  ✓ Web → ssh://web\nfleet: 1/2 host(s) deployed\n",
        "  ✗ Bad → ssh://bad: Bad.pcl:3:7: error: [E2] the module `Bad` has no member `nope`\n      \
         Bad.pcl:4:7: error: [E2] the module `Bad` has no member `none`\n",
    );
    let explained = fleet.fleet("apply", &["--explain"]);
    assert!(explained.stderr.contains("x = nope"), "{}", explained.stderr);
}

#[test]
fn a_file_that_is_not_there_or_absolute_fails_its_host_alone() {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "one"), ("Gone", "ssh://gone", "x")]);
    std::fs::remove_file(fleet.path("Gone.pcl")).expect("it was there");
    gives(
        &fleet.fleet("apply", &[]),
        1,
        "  ✓ Web → ssh://web\nfleet: 1/2 host(s) deployed\n",
        "  ✗ Gone → ssh://gone: cannot read `Gone.pcl`: there is no such file or directory\n",
    );
    let text = fleet.read("fleet.pcl").replace("\"Gone.pcl\"", "\"/Gone.pcl\"");
    fleet.write("fleet.pcl", &text);
    gives(
        &fleet.fleet("apply", &[]),
        1,
        "  ✓ Web → ssh://web\nfleet: 1/2 host(s) deployed\n",
        "  ✗ Gone → ssh://gone: host file '/Gone.pcl' must be relative to the fleet file\n",
    );
}

#[test]
fn with_fail_fast_nobody_begins_behind_the_first_that_fails() {
    let fleet = Fleet::simple(&[
        ("Web", "ssh://web", "one"),
        ("Bad", "ssh://bad", "x"),
        ("Db", "ssh://db", "two"),
        ("Mail", "ssh://mail", "three"),
    ]);
    fleet.write("Bad.pcl", "module Bad { backend = \"none\" }");
    let outcome = fleet.fleet("apply", &["--fail-fast"]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stdout, "  ✓ Web → ssh://web\nfleet: 1/4 host(s) deployed\n");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let [failed, db, mail] = lines.as_slice() else { panic!("{}", outcome.stderr) };
    assert!(failed.starts_with("  ✗ Bad → ssh://bad: "), "{failed}");
    assert_eq!(*db, "  ⊘ Db → ssh://db: not attempted (fail-fast)");
    assert_eq!(*mail, "  ⊘ Mail → ssh://mail: not attempted (fail-fast)");
    assert!(!fleet.has("hosts/ssh___db"));
}

#[test]
fn two_targets_with_one_directory_are_refused_before_anything() {
    let fleet = Fleet::simple(&[("Web", "ssh://u@a:1", "one"), ("Db", "ssh://u@a_1", "two")]);
    for verb in ["apply", "rollback", "plan", "status", "verify"] {
        let outcome = fleet.fleet(verb, &[]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{verb}: {outcome:?}");
        let error = "error: fleet targets 'ssh://u@a:1' and 'ssh://u@a_1' both map to transport subdir 'ssh___u_a_1'\n";
        assert!(outcome.stderr.starts_with(error), "{verb}: {}", outcome.stderr);
    }
    assert!(!fleet.has("hosts"));
}

#[test]
fn two_stacks_share_a_target() {
    let fleet = Fleet::simple(&[("Web", "ssh://a", "one"), ("Db", "ssh://a", "two")]);
    gives(&fleet.fleet("apply", &[]), 0, "  ✓ Web → ssh://a\n  ✓ Db → ssh://a\nfleet: 2/2 host(s) deployed\n", "");
    assert_eq!(fleet.read("hosts/ssh___a/etc/Web.conf") + &fleet.read("hosts/ssh___a/etc/Db.conf"), "one\ntwo\n");
}

#[test]
fn one_stack_on_one_target_twice_is_refused() {
    let fleet = Fleet::simple(&[("Web", "ssh://a", "one"), ("Web", "ssh://a", "one")]);
    for verb in ["apply", "status", "rollback"] {
        gives(
            &fleet.fleet(verb, &[]),
            1,
            "",
            "fleet.pcl:4:5: error: [E6] the stack `Web` is on the target `ssh://a` twice\n\
             fleet.pcl:3:5: note: it is here first\nhelp: take one of the two out\n",
        );
    }
    assert!(!fleet.has("hosts"));
}

#[test]
fn a_fleet_that_is_none_is_refused() {
    let fleet = Fleet::of(&[("fleet.pcl", "module Fleet { hosts = [] }"), ("web.pcl", &stack_of("Web", "x"))]);
    let outcome = fleet.fleet("apply", &[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    let outcome = fleet.punix(["fleet", "apply", "web.pcl"].iter().chain(&super::ROOT));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    let outcome = fleet.punix(["fleet", "apply", "none.pcl"].iter().chain(&super::ROOT));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{outcome:?}");
}

/// Three hosts: the third gives to the second, and that one to the first.
const CHAIN: &[(&str, &str)] = &[
    (
        "fleet.pcl",
        "module Fleet {\n  hosts = [\n\
         {file = \"c.pcl\" stack = \"C\" target = \"ssh://c\" machine = \"c\"}\n\
         {file = \"b.pcl\" stack = \"B\" target = \"ssh://b\" machine = \"b\"}\n\
         {file = \"a.pcl\" stack = \"A\" target = \"ssh://a\" machine = \"a\"}\n\
         {file = \"d.pcl\" stack = \"D\" target = \"ssh://d\"}\n  ]\n}\n",
    ),
    (
        "a.pcl",
        "module A {\n  backend = \"systemd\"\n  configFiles = [ { path = \"/etc/a\" content = \"a\" } ]\n  \
         producesArtifacts = [ { name = \"x\" kind = \"literal\" value = \"XV\" } ]\n}\n",
    ),
    (
        "b.pcl",
        "module T { recipe = \"std.shell\" pname = \"t\" version = \"1\" recipeArgs = { command = \"mkdir -p $OUTPUT/bin\" } }\n\
         module B {\n  backend = \"systemd\"\n  services = [ { name = \"b\" package = \"T\" binary = \"t\"\n    \
         environment = { X = { artifact = { host = \"a\" name = \"x\" } } } } ]\n  \
         producesArtifacts = [ { name = \"y\" kind = \"literal\" value = \"YV\" } ]\n}\n",
    ),
    (
        "c.pcl",
        "module T { recipe = \"std.shell\" pname = \"t\" version = \"1\" recipeArgs = { command = \"mkdir -p $OUTPUT/bin\" } }\n\
         module C {\n  backend = \"systemd\"\n  services = [ { name = \"c\" package = \"T\" binary = \"t\"\n    \
         environment = { Y = { artifact = { host = \"b\" name = \"y\" } } } } ]\n}\n",
    ),
    ("d.pcl", "module D { backend = \"systemd\" configFiles = [ { path = \"/etc/d\" content = \"d\" } ] }\n"),
];

#[test]
fn who_gives_goes_before_who_takes() {
    let fleet = Fleet::of(CHAIN);
    gives(
        &fleet.fleet("apply", &["--dry-run"]),
        0,
        "  ✓ A → ssh://a\n  ✓ B → ssh://b\n  ✓ C → ssh://c\n  ✓ D → ssh://d\nfleet: 4/4 host(s) deployed\n",
        "",
    );
    let unit = fleet.read("hosts/ssh___c/etc/systemd/system/c.service");
    assert!(unit.contains("YV"), "{unit}");
}

#[test]
fn who_takes_from_one_that_failed_is_blocked_and_so_is_who_takes_from_that() {
    let fleet = Fleet::of(CHAIN);
    fleet.write("a.pcl", &fleet.read("a.pcl").replace("/etc/a", "/home/u/a"));
    let outcome = fleet.fleet("apply", &["--dry-run"]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stdout, "  ✓ D → ssh://d\nfleet: 1/4 host(s) deployed\n");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let [failed, one, other] = lines.as_slice() else { panic!("{}", outcome.stderr) };
    assert!(failed.starts_with("  ✗ A → ssh://a: a.pcl:3:"), "{failed}");
    assert_eq!(*one, "  ⊘ B → ssh://b: blocked — upstream a:x unavailable");
    assert_eq!(*other, "  ⊘ C → ssh://c: blocked — upstream b:y unavailable");
    assert!(!fleet.has("hosts/ssh___b") && !fleet.has("hosts/ssh___c"));
}

#[test]
fn a_circle_of_givers_touches_nobody() {
    let fleet = Fleet::of(CHAIN);
    let a = "module T { recipe = \"std.shell\" pname = \"t\" version = \"1\" recipeArgs = { command = \"mkdir -p $OUTPUT/bin\" } }\n\
             module A { backend = \"systemd\" services = [ { name = \"a\" package = \"T\" binary = \"t\"\n    \
             environment = { Y = { artifact = { host = \"b\" name = \"y\" } } } } ]\n  \
             producesArtifacts = [ { name = \"x\" kind = \"literal\" value = \"XV\" } ]\n}\n";
    fleet.write("a.pcl", a);
    let outcome = fleet.fleet("apply", &["--dry-run"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    assert!(outcome.stderr.contains("ARTIFACT-CYCLE"), "{}", outcome.stderr);
    assert!(!fleet.has("hosts"));
}
