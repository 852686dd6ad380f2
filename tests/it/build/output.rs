//! What is said, in text and as JSON; which packages are built; links that keep them.

use super::{Home, footprint, has, only, paths, shell, text};
use crate::exact::Json;
use crate::support::Outcome;
use expect_test::{Expect, expect};
use std::fs;
use std::path::Path;

/// Compares all that a run gave. `…` is the folder of the test, `#` a digest, `T` a time.
#[track_caller]
fn gave(home: &Home, outcome: &Outcome, expected: &Expect) {
    let code = outcome.code.map_or("killed".to_owned(), |code| code.to_string());
    let stream = |name: &str, text: &str| if text.is_empty() { String::new() } else { format!("{name}:\n{text}") };
    let text = format!("exit {code}\n{}{}", stream("stdout", &outcome.stdout), stream("stderr", &outcome.stderr));
    let text = text.replace(&home.path("").display().to_string(), "…/");
    let mut shown = String::new();
    for line in text.split_inclusive('\n') {
        match line.split_once("wall time: ") {
            Some((before, time)) => {
                let rest = time.trim_end().split_once(' ').map_or(String::new(), |(_, rest)| format!(" {rest}"));
                shown.push_str(&format!("{before}wall time: T{rest}\n"));
            }
            None => shown.push_str(&without_digests(line)),
        }
    }
    // The warning is said where there are no namespaces.
    expected.assert_eq(
        &shown
            .lines()
            .filter(|line| !line.starts_with("warning: builds run without"))
            .fold(String::new(), |text, line| text + line + "\n"),
    );
}

fn without_digests(line: &str) -> String {
    let mut parts = line.split('/');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let is_entry = part.len() > 33 && part.bytes().take(32).all(|byte| byte.is_ascii_hexdigit());
        format!("{text}/{}", if is_entry { format!("#{}", &part[32..]) } else { part.to_owned() })
    })
}

fn program() -> String {
    shell("Zoo", "touch $OUTPUT/x", "pname = \"zoo\"  version = \"1.2\"")
        + &shell("App", "touch $OUTPUT/x", "deps = [Lib.pname]")
        + &shell("Lib", "echo made; touch $OUTPUT/x", "")
}

#[test]
fn a_run_says_what_it_does_and_what_is_where() {
    let home = Home::of(&program());
    gave(
        &home,
        &home.build(["p.pcl", "--jobs", "1"]),
        &expect![[r#"
            exit 0
            stdout:
            ok	App	…/store/#-App-0
            ok	Lib	…/store/#-Lib-0
            ok	Zoo	…/store/#-zoo-1.2
            3 packages: 3 ok, 0 failed
            build wall time: T
            stderr:
            → building 3 package(s) into …/store
            [1/3] building Lib-0 (Lib)
            [2/3] building App-0 (App)
            [3/3] building zoo-1.2 (Zoo)
        "#]],
    );
    gave(
        &home,
        &home.build(["p.pcl", "-j4"]),
        &expect![[r#"
            exit 0
            stdout:
            ok	App	…/store/#-App-0
            ok	Lib	…/store/#-Lib-0
            ok	Zoo	…/store/#-zoo-1.2
            3 packages: 3 ok, 0 failed
            build wall time: T (all cached)
            stderr:
            → building 3 package(s) into …/store
        "#]],
    );
    home.write("p.pcl", shell("Bad", "echo oh no; exit 1", "") + &shell("Good", "touch $OUTPUT/x", ""));
    gave(
        &home,
        &home.build(["p.pcl", "--jobs", "1"]),
        &expect![[r#"
            exit 3
            stdout:
            ok	Good	…/store/#-Good-0
            2 packages: 1 ok, 1 failed
            build wall time: T
            stderr:
            → building 2 package(s) into …/store
            [1/2] building Bad-0 (Bad)
            FAIL	Bad	the build ended with exit code 1
            [2/2] building Good-0 (Good)
            p.pcl:3:3: error: [E8] `Bad`: the build ended with exit code 1
            note: its log ends with these lines
            note: | ==> command
            note: | ++ echo oh no
            note: | oh no
            note: | ++ exit 1
            note: the whole log: …/store/.logs/#-Bad-0.log
        "#]],
    );
}

#[test]
fn the_lines_stand_in_the_order_of_the_modules() {
    let names = ["A", "B", "C", "D", "E", "F", "G", "H"];
    let program: String = names.iter().rev().map(|name| shell(name, "touch $OUTPUT/x", "")).collect();
    let home = Home::of(&program);
    let outcome = home.build(["p.pcl", "--jobs", "8"]);
    let order: Vec<&str> =
        outcome.stdout.lines().filter_map(|line| line.strip_prefix("ok\t")?.split('\t').next()).collect();
    assert_eq!(order, names, "{outcome:#?}");
}

#[test]
fn one_document_tells_all() {
    let home = Home::of(
        &(program()
            + &shell("Bad", "echo oh no; exit 1", "deps = [Lib.pname]")
            + &shell("Worse", "true", "deps = [Bad.pname]")),
    );
    let outcome = home.build(["p.pcl", "--json"]);
    assert_eq!(outcome.code, Some(3));
    let document = outcome.json();
    let keys = |json: &Json| json.fields().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&document), "diagnostics dropped ok packages seconds store");
    assert_eq!((document["ok"].to_string().as_str(), document["dropped"].number()), ("false", Some(0)));
    assert_eq!(Path::new(document["store"].text()), home.store());
    for package in document["packages"].list() {
        assert_eq!(keys(package), "log module package path seconds status version wanted");
        let built = Path::new(package["path"].text()).join("built").exists();
        let expected = match package["module"].text() {
            "Bad" => ("failed", false),
            "Worse" => ("blocked", false),
            _ => ("built", true),
        };
        assert_eq!((package["status"].text(), built), expected, "{package}");
        let begun = Path::new(package["log"].text()).exists() && package["seconds"] != Json::Null;
        assert_eq!(begun, package["status"].text() != "blocked", "{package}");
    }
    let zoo =
        document["packages"].list().iter().find(|package| package["module"].text() == "Zoo").expect("it is there");
    assert_eq!((zoo["package"].text(), zoo["version"].text()), ("zoo", "1.2"));
    let [diagnostic] = document["diagnostics"].list() else { panic!("{document}") };
    assert_eq!((diagnostic["code"].text(), diagnostic["file"].text()), ("E8", "p.pcl"));
    assert!(diagnostic["line"].number() > Some(10), "{diagnostic}");
    assert!(diagnostic["notes"].list().iter().any(|note| note["message"].text() == "| oh no"), "{diagnostic}");
    // What somebody did not ask for is told as well, but as that; what is there has neither time nor log.
    let again = home.build(["p.pcl", "--json", "--only", "App"]).json();
    let rows: Vec<(&str, String, &str, &Json)> = again["packages"]
        .list()
        .iter()
        .map(|row| (row["module"].text(), row["wanted"].to_string(), row["status"].text(), &row["seconds"]))
        .collect();
    assert_eq!(again["ok"].to_string(), "true");
    assert!(rows.contains(&("App", "true".to_owned(), "cached", &Json::Null)), "{rows:?}");
    assert!(rows.contains(&("Lib", "false".to_owned(), "cached", &Json::Null)), "{rows:?}");
    // Whatever stops a run is one document, too.
    for (program, arguments, code) in
        [("module P { recipe = \"no\" }", &[][..], 1), (&shell("P", "true", ""), &["--only", "Q"], 2)]
    {
        home.write("p.pcl", program);
        let outcome = home.build([&["p.pcl", "--json"], arguments].concat());
        assert_eq!((outcome.code, outcome.json()["ok"].to_string().as_str()), (Some(code), "false"), "{outcome:#?}");
        assert_eq!(outcome.json()["diagnostics"].list().len(), 1);
    }
}

#[test]
fn events_are_a_document_a_line() {
    let home = Home::of(&program());
    let outcome = home.build(["p.pcl", "--events", "--jobs", "1"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let lines: Vec<Json> = outcome.stdout.lines().map(|line| Json::parse(line).expect("each line is JSON")).collect();
    let (last, events) = lines.split_last().expect("there are some");
    assert_eq!((last["ok"].to_string().as_str(), last["packages"].list().len()), ("true", 3));
    let of = |package: &str| -> Vec<&str> {
        let own = events.iter().filter(|event| event["package"].text() == package);
        own.map(|event| event["event"].text()).filter(|event| *event != "says").collect()
    };
    assert_eq!((of("Lib"), of("App")), (vec!["started", "built"], vec!["started", "built"]));
    let says = |event: &&Json| event["event"].text() == "says" && event["line"].text() == "made";
    assert_eq!(events.iter().filter(says).count(), 1, "{}", outcome.stdout);
    assert!(events.iter().all(|event| Path::new(event["path"].text()).starts_with(home.store())));
    let again = home.build(["p.pcl", "--events"]).stdout;
    assert_eq!(again.matches("\"event\":\"cached\"").count(), 3, "{again}");
}

#[test]
fn some_of_the_packages_can_be_chosen() {
    let home = Home::of(&(program() + "module Stack { backend = \"systemd\" }\n"));
    let built = home.built(["p.pcl", "--only", "App"]);
    assert_eq!(built.keys().collect::<Vec<_>>(), ["App"]);
    assert_eq!(home.entries().len(), 2);
    let two = home.built(["p.pcl", "--only", "Zoo,App"]);
    assert_eq!(two.keys().collect::<Vec<_>>(), ["App", "Zoo"]);
    // What nobody asked for may be broken.
    let broken = program() + "module No { recipe = \"std.make\"  source = { path = \"absent\" } }\n";
    home.write("broken.pcl", broken);
    assert_eq!(home.built(["broken.pcl", "--only", "Zoo"])["Zoo"], two["Zoo"]);
    let twice = home.build(["p.pcl", "--only", "Zoo", "--only", "Zoo,Zoo"]);
    has(&twice.stdout, "1 packages: 1 ok, 0 failed\n");
    for (only, words) in [
        ("Ap", "error: there is no package `Ap` in this program\nhelp: did you mean `App`?\n"),
        ("Stack", "error: `Stack` is not a package: it has no `recipe`\n"),
        ("App,", ""),
    ] {
        let outcome = home.build(["p.pcl", "--only", only]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{outcome:#?}");
        has(&outcome.stderr, words);
        let path = home.punix(["store", "path", "p.pcl", only]);
        assert_eq!(path.code, Some(2), "{path:#?}");
    }
}

#[test]
fn scenarios_are_chosen_as_everywhere() {
    let home = Home::of(
        "module P { recipe = \"std.shell\"  option what : Str = \"plain\"\n\
         recipeArgs = { command = f\"echo {what} > $OUTPUT/said\" } }\nscenario test { P.what = \"tested\" }\n",
    );
    let plain = home.entry();
    let tested = only(home.built(["p.pcl", "--scenario", "test"]));
    assert_eq!((text(&plain.join("said")), text(&tested.join("said"))), ("plain\n".into(), "tested\n".into()));
    let path = home.punix(["store", "path", "p.pcl", "P", "--scenario", "test", "--store-root", "store"]);
    assert_eq!(path.stdout, format!("{}\n", tested.display()));
    let outcome = home.build(["p.pcl", "--scenario", "tset"]);
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    has(&outcome.stderr, "help: did you mean `test`?");
}

#[test]
fn command_lines_and_programs_that_cannot_be_are_refused() {
    let home = Home::of("module Stack { backend = \"systemd\" }\n");
    let outcome = home.build(["p.pcl"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:#?}");
    has(&outcome.stderr, "no package");
    home.write("p.pcl", shell("P", "true", ""));
    for (arguments, words) in [
        (&["absent.pcl"][..], "absent.pcl"),
        (&[], "Usage"),
        (&["p.pcl", "--jobs", "0"], "--jobs"),
        (&["p.pcl", "--timeout", "0"], "--timeout"),
        (&["p.pcl", "--cores", "many"], "--cores"),
        (&["p.pcl", "p.pcl"], "Usage"),
    ] {
        let outcome = home.build(arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{arguments:?} {outcome:#?}");
        has(&outcome.stderr, words);
    }
    home.write("p.pcl", "module P { recipe = \"std.shell\" recipeArgs = { command = nope } }");
    let outcome = home.build(["p.pcl"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:#?}");
    has(&outcome.stderr, "p.pcl:1:58: error: [E2]");
    assert!(!home.store().exists());
}

#[test]
fn a_dry_run_writes_nothing() {
    let home = Home::of(&program());
    let before = footprint(&home.path(""));
    gave(
        &home,
        &home.build(["p.pcl", "--dry-run"]),
        &expect![[r#"
            exit 0
            stdout:
            ok	App	…/store/#-App-0
            ok	Lib	…/store/#-Lib-0
            ok	Zoo	…/store/#-zoo-1.2
            3 packages: 3 ok, 0 failed
            stderr:
            → dry-run (paths only) 3 package(s) into …/store
        "#]],
    );
    let document = home.build(["p.pcl", "--dry-run", "--json", "--only", "Zoo"]).json();
    assert_eq!(document["packages"].list()[0]["status"].text(), "planned");
    assert_eq!(footprint(&home.path("")), before);
}

#[test]
fn builds_that_took_long_are_listed() {
    let home = Home::of(&(shell("Slow", "sleep 1.1; touch $OUTPUT/x", "") + &shell("Fast", "touch $OUTPUT/x", "")));
    let outcome = home.build(["p.pcl"]);
    let lines: Vec<&str> = outcome.stdout.lines().skip(2).collect();
    assert_eq!(lines[..2], ["2 packages: 2 ok, 0 failed", "slowest builds (top 1 of 2 non-cached):"], "{outcome:#?}");
    assert!(lines[2].ends_with("s  ok    Slow") && lines[3].starts_with("  … and 1 more (<1."), "{lines:?}");
    assert!(lines[4].starts_with("build wall time: "), "{lines:?}");
}

#[test]
fn a_link_keeps_what_it_leads_to() {
    let home = Home::of(&program());
    let build = |only: &str, link: &str| home.build(["p.pcl", "--only", only, "--link", link]);
    let collect = || {
        let outcome = home.punix(["store", "gc", "--store-root", "store"]);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        home.entries()
    };
    let app = only(paths(&build("App", "result")));
    assert_eq!(fs::read_link(home.path("result")).expect("it is a link"), app);
    home.built(["p.pcl"]);
    let kept = collect();
    assert_eq!(kept.len(), 2, "`Lib` is needed by `App`: {kept:?}");
    // It is moved in one step, and keeps the other one then.
    let zoo = only(paths(&build("Zoo", "./result")));
    assert_eq!(fs::read_link(home.path("result")).expect("it is a link"), zoo);
    assert_eq!(collect(), [zoo.file_name().expect("a name").to_string_lossy().into_owned()]);
    // A link that is there already is one that keeps, whether anything was built or not.
    assert_eq!(only(paths(&build("Zoo", "result"))), zoo);
    fs::remove_file(home.path("result")).expect("it is there");
    assert_eq!(collect(), [""; 0]);
}

#[test]
fn a_link_replaces_nothing_but_a_link() {
    let home = Home::of(&program());
    home.write("file", "mine");
    home.write("directory/file", "mine");
    for place in ["file", "directory", "absent/link", "file/link"] {
        let outcome = home.build(["p.pcl", "--only", "Zoo", "--link", place]);
        assert_eq!(outcome.code, Some(3), "{place} {outcome:#?}");
        has(&outcome.stderr, "[E23]");
        has(&outcome.stderr, &format!("`{place}`"));
    }
    assert_eq!((text(&home.path("file")), text(&home.path("directory/file"))), ("mine".into(), "mine".into()));
    let outcome = home.build(["p.pcl", "--link", "result"]);
    assert_eq!(outcome.code, Some(2), "{outcome:#?}");
    has(&outcome.stderr, "`--link` is for one package");
    home.write("p.pcl", shell("P", "exit 1", ""));
    home.fails(&["--link", "result"]);
    assert!(!home.path("result").exists());
}
