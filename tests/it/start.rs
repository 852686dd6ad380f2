//! What somebody meets first: `demo`, `init`, `doctor`, `help`, completions and the manual. What the demo prints is compared
//! in README.md.

use crate::build::{namespaces, unlock};
use crate::service::sandbox;
use crate::support::{Folder, Outcome, punix, root, run, skip};
use std::fs;
use std::time::{Duration, Instant};

/// Runs `punix` with a home in the folder.
fn at_home(folder: &Folder, arguments: &[&str]) -> Outcome {
    let place = fs::canonicalize(folder.path()).expect("the folder is there");
    let mut command = punix();
    command.args(arguments).current_dir(&place).env("HOME", place.join("home")).env("TMPDIR", &place);
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    run(command)
}

#[track_caller]
fn fine(outcome: Outcome) -> String {
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stderr, outcome.stdout);
    outcome.stdout
}

/// Lists the verbs that do something, each with its words: `service deploy`.
pub(crate) fn verbs() -> Vec<String> {
    let folder = Folder::new();
    let below = |words: &[&str]| -> Vec<String> {
        let help = folder.punix(words.iter().copied().chain(["--help"])).stdout;
        let Some(rest) = help.split("\nCommands:\n").nth(1) else { return Vec::new() };
        let names = rest.lines().take_while(|line| !line.is_empty());
        let names = names.filter_map(|line| line.strip_prefix("  ").filter(|name| !name.starts_with(' ')));
        names.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    let mut found = Vec::new();
    for verb in below(&[]) {
        let inner = below(&[&verb]);
        match inner.is_empty() {
            true => found.push(verb),
            false => found.extend(inner.into_iter().map(|inner| format!("{verb} {inner}"))),
        }
    }
    found
}

#[test]
fn the_help_of_every_verb_has_an_example() {
    let folder = Folder::new();
    let verbs = verbs();
    assert!(verbs.len() > 50, "{verbs:?}");
    for verb in &verbs {
        let help = fine(folder.punix(verb.split(' ').chain(["--help"])));
        let Some((_, examples)) = help.split_once("\nExample") else { panic!("{verb}: no example in\n{help}") };
        // `punix verify` is `punix service verify`, and has its example.
        assert!(examples.contains("  punix ") && examples.contains(verb.as_str()), "{verb}: {examples}");
    }
}

#[test]
fn the_demo_takes_seconds_and_leaves_nothing() {
    if !namespaces() {
        return skip("no user namespaces for builds");
    }
    let folder = Folder::new();
    let start = Instant::now();
    let shown = fine(at_home(&folder, &["demo"]));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    for line in [
        "$ punix service deploy AppStack --file app.pcl --transport-root try",
        "deployed: stack AppStack → gen-002 (2 config file(s), 1 store path(s) pinned, 0 pushed/1 cached)",
        "AppStack gen-002: 3 checked, 2 clean, 1 MODIFIED",
        "AppStack gen-001: 3 checked, 3 clean",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
}

#[test]
fn the_demo_keeps_what_it_did_where_it_is_told() {
    let folder = Folder::new();
    let document = at_home(&folder, &["demo", "--json", "--keep", "kept"]).json();
    let (steps, ok) = (document["steps"].list().len(), format!("{:?}", document["ok"]));
    let greeting = fs::read_to_string(folder.path().join("kept/try/etc/app/greeting"));
    let again = at_home(&folder, &["demo", "--keep", "kept"]);
    unlock(folder.path());
    assert!(steps > 10 && ok.contains("true"), "{document:?}");
    assert_eq!(greeting.expect("the file of generation 1 is there"), "hello\n");
    assert_eq!((again.code, again.stdout.as_str()), (Some(2), ""));
    assert!(again.stderr.contains("`kept` is not empty"), "{}", again.stderr);
}

#[test]
fn what_init_writes_checks_plans_and_deploys() {
    for (more, files, live) in
        [(&[][..], 2, "deployed: stack AppStack → gen-001"), (&["--fleet"][..], 5, "fleet: 2/2 host(s) deployed")]
    {
        let folder = Folder::new();
        let words: Vec<&str> = ["init", "shop", "--json"].into_iter().chain(more.iter().copied()).collect();
        let document = at_home(&folder, &words).json();
        assert_eq!(document["files"].list().len(), files);
        fine(folder.punix(["fmt", "--check", "shop"]));
        let place = fs::canonicalize(folder.path()).expect("it is there");
        let next = document["next"].list();
        assert_eq!(next.len(), 3);
        let mut said = String::new();
        for line in next {
            let line = line.text();
            let mut command = punix();
            command.args(line.split(' ').skip(1)).current_dir(place.join("shop")).env("HOME", place.join("home"));
            command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
            if line.contains(" deploy ") || line.contains(" apply ") {
                command.args(sandbox());
            }
            said = fine(run(command));
        }
        unlock(folder.path());
        assert!(said.contains(live), "{said}");
    }
}

#[test]
fn init_overwrites_nothing() {
    for (name, told) in [("app.pcl", "`./app.pcl`"), ("app/app.sh", "`./app/app.sh`"), ("app", "`./app`")] {
        let folder = Folder::with(&[(name, "mine")]);
        let outcome = folder.punix(["init"]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{name}");
        assert!(outcome.stderr.contains(&format!("{told} is there already")), "{}", outcome.stderr);
        assert_eq!(fs::read_to_string(folder.path().join(name)).expect("it stays"), "mine");
        assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 1);
    }
    // What is there and not in the way is left alone.
    let folder = Folder::with(&[("readme.txt", "mine")]);
    fine(folder.punix(["init"]));
    assert!(folder.path().join("app/app.sh").is_file() && folder.path().join("readme.txt").is_file());
}

#[test]
fn the_doctor_says_what_is_missing_and_what_to_do() {
    let folder = Folder::with(&[("file", ""), ("home/.keep", "")]);
    let usual = at_home(&folder, &["doctor", "--json"]);
    let document = usual.json();
    let lacks = document["lacks"].number().expect("a number");
    assert_eq!(usual.code, Some(if lacks == 0 { 0 } else { 1 }), "{}", usual.stdout);
    let findings = document["machines"].list()[0]["findings"].list();
    let checks: Vec<&str> = findings.iter().map(|finding| finding["check"].text()).collect();
    for check in ["system", "sandbox", "store", "deployments", "systemd", "clock", "policies", "ssh", "git"] {
        assert!(checks.contains(&check), "{check} is not in {checks:?}");
    }
    for finding in findings {
        let is_well = finding["state"].text() == "ok";
        assert_eq!(finding["fix"].list().is_empty(), is_well, "{finding:?}");
    }

    let lacking = at_home(&folder, &["doctor", "--store-root", "file/store"]);
    assert_eq!((lacking.code, lacking.stderr.as_str()), (Some(1), ""));
    let says = "lacks  store        `file/store` cannot be written to: ";
    assert!(lacking.stdout.contains(says), "{}", lacking.stdout);
    assert!(lacking.stdout.contains("name a place that can be written to with `--store-root`"), "{}", lacking.stdout);
    assert!(lacking.stdout.lines().last().is_some_and(|line| line.contains(" missing")), "{}", lacking.stdout);
    assert_eq!(fs::read_dir(folder.path().join("home")).expect("it is there").count(), 1, "nothing is left");
}

#[test]
fn the_doctor_tells_of_a_machine_that_cannot_be_reached() {
    let folder = Folder::with(&[("home/.keep", ""), ("known", "")]);
    let words = ["doctor", "--target", "ssh://nobody@127.0.0.1:1", "--known-hosts", "known"];
    let outcome = at_home(&folder, &words);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    let (_, there) = outcome.stdout.split_once("\nssh://nobody@127.0.0.1:1\n").expect("a section of its own");
    assert!(there.starts_with("  lacks  way  [E31] there is no way to `ssh://nobody@127.0.0.1:1`: "), "{there}");
    let refused = at_home(&folder, &["doctor", "--target", "127.0.0.1"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
}

#[test]
fn help_has_pages_on_concepts_and_the_help_of_verbs() {
    let folder = Folder::new();
    let list = fine(folder.punix(["help"]));
    for page in fs::read_dir(root().join("docs/concepts")).expect("they are there").flatten() {
        let name = page.file_name().to_string_lossy().trim_end_matches(".md").to_owned();
        assert!(list.lines().any(|line| line.starts_with(&format!("  {name} "))), "{name} is not in\n{list}");
        let text = fs::read_to_string(page.path()).expect("it can be read");
        assert!(fine(folder.punix(["help", &name])).starts_with(&text), "{name}");
    }
    assert_eq!(folder.punix(["help", "Generation"]).stdout, folder.punix(["help", "generations"]).stdout);
    let verb = fine(folder.punix(["help", "service", "deploy"]));
    assert_eq!(verb, folder.punix(["service", "deploy", "--help"]).stdout);
    let unknown = folder.punix(["help", "generatoins"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""));
    assert!(unknown.stderr.contains("help: did you mean `generations`?"), "{}", unknown.stderr);
}

#[test]
fn the_manual_has_a_page_for_every_verb() {
    let folder = Folder::new();
    fine(folder.punix(["man", "man1"]));
    for verb in verbs() {
        let page = folder.path().join(format!("man1/punix-{}.1", verb.replace(' ', "-")));
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        assert!(text.contains(".SH OPTIONS") && text.contains("punix"), "{verb}: {text}");
    }
    assert!(folder.path().join("man1/punix.1").is_file());
}

#[test]
fn shells_get_completions() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = fine(folder.punix(["completions", shell]));
        assert!(script.contains("set-current") && script.contains("transport-root"), "{shell}");
    }
}
