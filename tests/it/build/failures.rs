//! What goes wrong, to whom it is told and where, and what is left of it: nothing but a log.

use super::{Home, copy, has, isolation, list, make_directory, namespaces, paths, sandboxed, shell, text};
use crate::support::{Outcome, punix, run, scrubbed, skip};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// D20: a package that fails takes with it those that need it, and no others.
#[test]
fn a_failure_takes_only_its_dependents_with_it() {
    let home = Home::of(
        &(shell("Lib", "echo no; exit 7", "")
            + &shell("App", "touch $OUTPUT/x", "deps = [Lib.pname]")
            + &shell("Top", "touch $OUTPUT/x", "deps = [App.pname]")
            + &shell("Other", "touch $OUTPUT/x", "")
            + &shell("User", "touch $OUTPUT/x", "deps = [Other.pname]")),
    );
    let outcome = home.fails(&[]);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines[0].starts_with("ok\tOther\t") && lines[1].starts_with("ok\tUser\t"), "{lines:?}");
    assert_eq!(lines[2], "5 packages: 2 ok, 3 failed");
    has(&outcome.stderr, "\nFAIL\tLib\tthe build ended with exit code 7\n");
    has(&outcome.stderr, "\nFAIL\tApp\tnot built: it needs `Lib`, which failed\n");
    has(&outcome.stderr, "\nFAIL\tTop\tnot built: it needs `Lib`, which failed\n");
    assert_eq!(outcome.stderr.matches("error: ").count(), 1, "{}", outcome.stderr);
    assert_eq!(home.entries().len(), 2);
    // What was built is there, what failed is tried again.
    let again = home.fails(&[]);
    assert_eq!(again.stderr.matches("] building").count(), 1, "{}", again.stderr);
    has(&again.stderr, "[1/3] building Lib-0 (Lib)");
}

/// D19: the error stands where the arguments are, and shows the end of the log; the whole log is kept.
#[test]
fn a_failed_build_shows_the_end_of_its_log() {
    let home =
        Home::of(&format!("# first line\n{}", shell("P", "for n in $(seq 100); do echo line $n; done; exit 3", "")));
    let outcome = home.fails(&[]);
    has(&outcome.stderr, "p.pcl:4:");
    has(&outcome.stderr, ": error: [E8] `P`: the build ended with exit code 3\n");
    let notes: Vec<&str> =
        outcome.stderr.lines().filter_map(|line| line.split_once("note: ").map(|(_, note)| note)).collect();
    let shown: Vec<&&str> = notes.iter().filter(|note| note.starts_with("| line ")).collect();
    assert!((5..=20).contains(&shown.len()), "{notes:?}");
    assert_eq!(**shown.last().expect("there are some"), "| line 100");
    let log = notes.last().and_then(|note| note.strip_prefix("the whole log: ")).expect("it says where");
    assert!(Path::new(log).starts_with(home.store().join(".logs")), "{log}");
    let log = text(Path::new(log));
    assert!((1..=100).all(|number| log.lines().any(|line| line == format!("line {number}"))), "{log}");
}

/// D19, D30: each entry has its log, good or bad, and those of the same module in other programs are others.
#[test]
fn logs_of_entries_do_not_meet() {
    let home = Home::of(&shell("P", "echo first; touch $OUTPUT/x", ""));
    let first = home.entry();
    home.write("p.pcl", shell("P", "echo second; touch $OUTPUT/x", ""));
    let second = home.entry();
    home.write("p.pcl", shell("P", "echo third; exit 1", ""));
    home.fails(&[]);
    has(&String::from_utf8_lossy(&home.log(&first)), "\nfirst\n");
    has(&String::from_utf8_lossy(&home.log(&second)), "\nsecond\n");
    let logs = list(&home.store().join(".logs"));
    assert_eq!(logs.len(), 3, "{logs:?}");
    assert!(logs.iter().any(|log| text(&home.store().join(".logs").join(log)).contains("\nthird\n")));
}

/// D18: whatever a build prints is no reason to fail.
#[test]
fn anything_can_be_printed() {
    let home = Home::of(&shell("P", "printf '\\xff\\xfe\\0\\033[2J\\r%s\\n' no text; seq 300000; touch $OUTPUT/x", ""));
    let log = home.log(&home.entry());
    assert!(log.windows(7).any(|window| window == b"\xff\xfe\0\x1b[2J") && log.len() > 1_900_000);
    home.write("p.pcl", shell("P", "printf 'bad \\xff\\xfe\\0\\033[2J \\342\\200\\256\\n'; exit 1", ""));
    let outcome = home.fails(&[]);
    assert!(!outcome.stderr.contains(['\0', '\u{1b}', '\u{202e}']), "{outcome:#?}");
    has(&outcome.stderr, "bad ");
}

/// What cannot become an entry is refused, and the place says whose it is.
#[test]
fn outputs_that_are_none_are_refused() {
    for (command, reason) in [
        ("true", "$OUTPUT"),
        ("exit 0", "$OUTPUT"),
        ("mkfifo $OUTPUT/pipe", "`pipe` is neither file nor link nor directory"),
        ("echo x > $OUTPUT/built", "the output has a `built` at its top"),
        ("mkdir $OUTPUT/derivation.json", "the output has a `derivation.json` at its top"),
        ("ln -s x $OUTPUT/manifest.json", "the output has a `manifest.json` at its top"),
        ("kill -9 $$", "the build was killed by signal 9"),
    ] {
        let home = Home::of(&shell("P", command, ""));
        let outcome = home.fails(&[]);
        has(&outcome.stderr, "p.pcl:3:");
        has(&outcome.stderr, ": error: [E8] `P`: ");
        has(&outcome.stderr, reason);
        assert!(home.entries().is_empty() && home.leftovers().is_empty(), "{command}");
    }
}

/// Directories that nobody may list or change are no obstacle, neither for an entry nor for cleaning up.
#[test]
fn what_a_build_locks_is_opened() {
    let lock = "mkdir -p locked/deep; touch locked/deep/file; chmod 000 locked/deep/file locked/deep; chmod 555 locked";
    let home = Home::of(&shell("P", &format!("{lock}; cd $OUTPUT; {lock}; cd $TMPDIR; {lock}"), ""));
    let entry = home.entry();
    assert_eq!(text(&entry.join("locked/deep/file")), "");
    home.write("p.pcl", shell("P", &format!("{lock}; cd $OUTPUT; {lock}; exit 1"), ""));
    home.fails(&[]);
    assert_eq!(home.leftovers(), [""; 0]);
}

/// D17: there are the recipes that there are.
#[test]
fn recipes_are_names_and_no_paths() {
    for recipe in
        ["std.shel", ".x", "/etc/x", "../x", "std/shell", "std.shell.sh", "..std.shell", "", "shell", "STD.SHELL"]
    {
        let home = Home::new();
        let program = format!("module P {{\n  recipe = \"{recipe}\"\n  recipeArgs = {{ command = \"true\" }}\n}}\n");
        let outcome = home.refuses(&program, "2:", "E2");
        has(&outcome.stderr, "help: ");
    }
}

/// D18: what is wrong with a program is told at its place, all of it at once, and nothing is built.
#[test]
fn every_mistake_is_told_where_it_is() {
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let source = |fields: &str| format!("module P {{\n  recipe = \"std.copy_tree\"\n  source = {{ {fields} }}\n}}\n");
    let url =
        |more: &str| source(&format!("type = \"url\"  url = \"https://example.org/a\"  hash = \"{hash}\"  {more}"));
    let recipe = |text: &str| format!("module P {{\n  recipe = {text}\n}}\n");
    for (program, place, code) in [
        (source("path = \"absent\""), "3:21", "E9"),
        (source("path = \"p.pcl/x\""), "3:21", "E9"),
        (source("path = \"\""), "3:21", "E1"),
        (source("type = \"tar\""), "3:21", "E1"),
        (source("type = \"local\""), "3:", "E3"),
        (source("path = \".\"  pth = \".\""), "3:", "E2"),
        (source("type = \"url\"  url = \"https://example.org/a\""), "3:", "E3"),
        (source(&format!("type = \"url\"  url = \"mirror://nowhere/a\"  hash = \"{hash}\"")), "3:", "E1"),
        (source(&format!("type = \"url\"  url = \"gopher://x/a\"  hash = \"{hash}\"")), "3:", "E1"),
        (source(&format!("type = \"url\"  url = \"https://example.org/\"  hash = \"{hash}\"")), "3:", "E1"),
        (url("hashType = \"md5\""), "3:", "E1"),
        (url("mirrors = [\"x\"]"), "3:", "E1"),
        (url("maxBytes = \"x\""), "3:", "E1"),
        (source("type = \"url\"  url = \"https://example.org/a\"  hash = \"xyz\""), "3:", "E1"),
        (source("type = \"fixed_output\"  command = \" \""), "3:", "E1"),
        (source("path = \".\"  patches = [{ path = \"absent.patch\" }]"), "3:", "E9"),
        (recipe("\"std.shell\""), "", "E3"),
        (recipe("\"std.shell\"  recipeArgs = { command = \"\" }"), "2:", "E1"),
        (recipe("\"std.shell\"  recipeArgs = { command = 7 }"), "2:", "E1"),
        (recipe("\"std.shell\"  recipeArgs = { comand = \"x\" }"), "2:", "E2"),
        (recipe("\"std.make\"  recipeArgs = { env = { T = { from_env = \"T\" } } }"), "2:", "E1"),
        (recipe("\"std.make\"  pname = \"../x\""), "2:", "E1"),
        (recipe("\"std.make\"  version = \"1/2\""), "2:", "E1"),
        (recipe("\"std.make\"  s = { from_env = \"S\" }  version = f\"{s}\""), "2:", "E1"),
        (recipe("\"std.make\"  deps = [\"absent\"]"), "2:", "E2"),
    ] {
        Home::new().refuses(&program, place, code);
    }
    // Several at once.
    let home = Home::of(
        &(source("path = \"absent\"")
            + "module Q { recipe = \"nope\" }\nmodule R { recipe = \"std.make\" version = \"/\" }\n"),
    );
    let outcome = home.build(["p.pcl"]);
    for place in ["p.pcl:3:21: error: [E9]", "p.pcl:5:12: error: [E2]", "p.pcl:6:42: error: [E1]", "3 errors"] {
        has(&outcome.stderr, place);
    }
}

/// A store in the directory of a source would be copied into itself, and the source would be another one each time.
#[test]
fn a_source_that_holds_the_store_is_refused() {
    let home = Home::of(&copy("P", "path = \".\"", ""));
    for store in ["store", "deep/er/store"] {
        let outcome = home.punix([&["build", "p.pcl", "--store-root", store], isolation()].concat());
        assert_eq!(outcome.code, Some(3), "{outcome:#?}");
        has(&outcome.stderr, "p.pcl:1:");
        has(&outcome.stderr, "[E9] `P`: `.` cannot be a source: the store lies in it");
        let left = list(&home.path(store));
        assert!(!left.iter().any(|name| name.contains("-P-0")), "{left:?}");
    }
}

/// D18: neither long lists nor long chains end a run.
#[test]
fn long_lists_and_chains_are_built() {
    let patterns = "\"a\", ".repeat(2_000);
    let home = Home::of(&copy("P", "path = \"src\"", &format!("recipeArgs = {{ patterns = [{patterns}] }}")));
    home.write("src/a", "a");
    assert_eq!(text(&home.entry().join("a")), "a");
    let count = 160;
    let link = |number: usize| match number {
        0 => shell("P0", "touch $OUTPUT/x", ""),
        _ => shell(&format!("P{number}"), "cp $DEP_0/x $OUTPUT/x", &format!("deps = [P{}.pname]", number - 1)),
    };
    home.write("p.pcl", (0..count).map(link).collect::<String>());
    // In two runs, since each has to end within a minute wherever this runs.
    for last in [count / 2, count - 1] {
        assert_eq!(home.built(["p.pcl", "--only", &format!("P{last}")]).len(), 1);
    }
    assert_eq!(home.entries().len(), count + 1);
}

#[test]
fn what_a_failed_build_worked_in_is_kept_when_asked_for() {
    let home = Home::of(&shell("P", "echo here > trace; exit 1", "source = { path = \"src\" }"));
    home.write("src/file", "x");
    home.fails(&[]);
    assert_eq!(home.leftovers(), [""; 0]);
    let outcome = home.fails(&["--keep-failed"]);
    let kept = outcome.stderr.split("what it worked in is kept: ").nth(1).and_then(|rest| rest.lines().next());
    let kept = Path::new(kept.expect("it says where"));
    assert_eq!(text(&kept.join("source/trace")), "here\n");
    assert_eq!(text(&kept.join("source/file")), "x");
    // It is in the way of nobody, and goes with what nobody needs.
    home.fails(&[]);
    let collected = home.punix(["store", "gc", "--store-root", "store"]);
    assert_eq!(collected.code, Some(0), "{collected:#?}");
    assert_eq!(home.leftovers(), [""; 0]);
}

/// Starts a build that runs until it is stopped, and waits until it has begun.
fn start(home: &Home, long: &str) -> std::process::Child {
    home.write("p.pcl", shell("P", &format!("echo begun; sleep {long}"), "") + &shell("Q", "touch $OUTPUT/x", ""));
    let mut command = home.building(["p.pcl", "--events", "--jobs", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
    let begun = lines.by_ref().map_while(Result::ok).any(|line| line.contains("\"begun\""));
    assert!(begun, "{:?}", child.wait_with_output());
    // The rest is read so that nothing waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

#[test]
fn a_stopped_run_ends_its_builds_and_leaves_nothing() {
    let home = Home::new();
    let long = format!("92.{}", std::process::id());
    let child = start(&home, &long);
    let mut kill = scrubbed("/bin/kill");
    kill.args(["-TERM", &child.id().to_string()]);
    assert_eq!(run(kill).code, Some(0));
    let begun = Instant::now();
    let output = child.wait_with_output().expect("it ends");
    assert!(begun.elapsed() < Duration::from_secs(40));
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(home.entries().is_empty() && home.leftovers().is_empty());
    assert!(!still_runs(&long));
}

fn still_runs(argument: &str) -> bool {
    list(Path::new("/proc")).iter().any(|process| {
        fs::read_to_string(format!("/proc/{process}/cmdline"))
            .is_ok_and(|line| line.split('\0').any(|one| one == argument))
    })
}

/// D1: whoever builds the same at the same time gets the same, and it is built once.
#[test]
fn one_package_is_built_by_one_process() {
    let home = Home::of(&shell("P", "head -c 3000000 /dev/urandom > $OUTPUT/x", ""));
    let commands: Vec<Command> = (0..4).map(|_| home.building(["p.pcl"])).collect();
    let threads: Vec<_> = commands.into_iter().map(|command| std::thread::spawn(move || run(command))).collect();
    let outcomes: Vec<Outcome> = threads.into_iter().map(|thread| thread.join().expect("it ran")).collect();
    let first = paths(&outcomes[0]);
    assert!(outcomes.iter().all(|outcome| paths(outcome) == first), "{outcomes:#?}");
    let built: usize = outcomes.iter().map(|outcome| outcome.stderr.matches("] building").count()).sum();
    assert_eq!(built, 1, "{outcomes:#?}");
    assert!(first["P"].join("built").exists() && home.leftovers().is_empty());
}

/// What is no store is left alone, and what cannot be one is said to be so.
#[test]
fn places_that_are_no_store_are_refused() {
    let home = Home::of(&shell("P", "touch $OUTPUT/x", ""));
    home.write("full/of/things", "");
    home.write("file", "");
    let build = |root: &str| home.punix([&["build", "p.pcl", "--store-root", root], isolation()].concat());
    for (root, code, exit) in
        [("full", "E21", 1), (".", "E21", 1), ("file", "E21", 1), ("file/store", "E21", 1), ("/proc/store", "E23", 3)]
    {
        let outcome = build(root);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(exit), ""), "{root}: {outcome:#?}");
        has(&outcome.stderr, &format!("[{code}]"));
    }
    assert_eq!(list(&home.path("full")), ["of"]);
    let mut homeless = punix();
    homeless.args(["build", "p.pcl"]).current_dir(home.path(""));
    let outcome = run(homeless);
    assert_eq!(outcome.code, Some(2), "{outcome:#?}");
    has(&outcome.stderr, "HOME");
}

/// A store may lie anywhere. Only shell text cannot hold any path as it is, and says so.
#[test]
fn a_store_lies_wherever_somebody_wants_it() {
    let deps = "deps = [Lib.pname]";
    let program = copy("Lib", "path = \"src\"", "recipeArgs = { dest = \"bin\" }")
        + &shell("App", "tool > \"$OUTPUT/said\"; cat \"$DEP_0/bin/tool\" >> \"$OUTPUT/said\"", deps);
    let woven =
        "module App { recipe = \"std.shell\"  recipeArgs = { command = f\"cp {Lib.out}/bin/tool $OUTPUT/x\" } }\n";
    let home = Home::of(&program);
    let tool = home.write("src/tool", "#!/bin/sh\necho tool\n");
    fs::set_permissions(tool, fs::Permissions::from_mode(0o755)).expect("it is there");
    home.write("woven.pcl", copy("Lib", "path = \"src\"", "recipeArgs = { dest = \"bin\" }") + woven);
    for root in ["a blank", "it's $HOME `x` \"q\"", "-rf", "back\\slash", "*[x]?", "ünï", "two\nlines"] {
        let build = |program: &str| {
            home.punix([&["build", program, "--store-root", &format!("./{root}")], isolation()].concat())
        };
        let outcome = build("p.pcl");
        assert_eq!(outcome.code, Some(0), "{root} {outcome:#?}");
        let entry = list(&home.path(root)).into_iter().find(|name| name.ends_with("-App-0")).expect("it was built");
        assert_eq!(text(&home.path(root).join(entry).join("said")), "tool\n#!/bin/sh\necho tool\n", "{root}");
        let outcome = build("woven.pcl");
        if outcome.code != Some(0) {
            has(&outcome.stderr, "woven.pcl:2:");
            has(&outcome.stderr, "which cannot hold the path");
        }
    }
}

/// A full disk is told as that, the store stays whole, and room is all that is needed.
#[test]
fn a_full_disk_is_told() {
    if !sandboxed() {
        return;
    }
    let unshare = ["/usr/bin/unshare", "/bin/unshare"].into_iter().find(|path| Path::new(path).exists());
    let Some(unshare) = unshare.filter(|_| namespaces()) else {
        return skip("no `unshare` to mount a small disk with");
    };
    let home = Home::of(&shell("P", "head -c 6000000 /dev/zero > $OUTPUT/x", ""));
    make_directory(&home.path("small"));
    let mut command = scrubbed(unshare);
    let script = "mount -t tmpfs -o size=4m small small || exit 99
        \"$0\" build p.pcl --store-root small/store; code=$?; ls -A small/store; exit $code";
    command.args(["--user", "--map-root-user", "--mount", "/bin/sh", "-c", script]).arg(punix().get_program());
    command.current_dir(home.path("")).env("HOME", home.path("home")).env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    let outcome = run(command);
    if outcome.code == Some(99) {
        return skip("a small disk cannot be mounted");
    }
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    has(&outcome.stderr, "error: [E");
    has(&outcome.stderr, "No space left on device");
    assert!(!outcome.stdout.contains("-P-0\n") && !outcome.stdout.contains(".tmp-"), "{outcome:#?}");
}
