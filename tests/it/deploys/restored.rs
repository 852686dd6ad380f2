//! A deployments root that came from a backup, or that somebody had a hand in: `service repair` says what is wrong, each
//! by itself, and mends it. What it cannot know it says.

use super::killed::sample;
use super::operation::some_operations;
use super::site::{Site, deploying, has_journal};
use crate::kill::tracer::{Step, can_trace, killed_at};
use crate::support::{Outcome, run, scrubbed, skip};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Two versions are deployed, and the second is live.
fn deployed() -> Site {
    let site = Site::new();
    site.deploy("host", 1);
    site.deploy("host", 2);
    site
}

/// Checks that nothing works before, what a repair says, and that all is well afterwards.
#[track_caller]
fn mends(site: &Site, about: &str, says: &[&str]) -> Outcome {
    let outcome = site.done("host", &["repair", "App"]);
    for text in says {
        assert!(outcome.stderr.contains(text), "{about}: `{text}` is not in {outcome:#?}");
    }
    site.done("host", &["verify", "App"]);
    site.generation(&site.path("host"), about);
    let again = site.done("host", &["repair", "App"]);
    assert!(again.stdout.starts_with("unchanged: ") && again.stderr.is_empty(), "{about}: {again:#?}");
    outcome
}

#[test]
fn a_pointer_that_says_nothing_is_made_again() {
    type Damage<'d> = (&'d str, &'d dyn Fn(&Path));
    let damages: [Damage<'_>; 3] = [
        ("it points at `gen-009.json`, which is not there", &|current| {
            fs::remove_file(current).unwrap();
            std::os::unix::fs::symlink("gen-009.json", current).unwrap();
        }),
        ("it is no link", &|current| {
            let record = fs::read(current).unwrap();
            fs::remove_file(current).unwrap();
            fs::write(current, record).unwrap();
        }),
        ("it was not there", &|current| fs::remove_file(current).unwrap()),
    ];
    let site = deployed();
    for (says, damage) in damages {
        damage(&site.path("host/deployments/App/current"));
        if !says.contains("was not there") {
            // Nothing is built on what nobody knows.
            let refused = run(site.command("host", &deploying(1)));
            assert_eq!(refused.code, Some(1), "{refused:#?}");
            assert!(refused.stderr.contains("[E32]") && refused.stderr.contains("service repair"), "{refused:#?}");
        }
        mends(&site, says, &[says, "now it points at `gen-002.json`"]);
        site.done("host", &["audit", "verify"]);
    }
}

/// The ledger knows whose files are there, whatever became of the records.
#[test]
fn what_is_left_of_lost_generations_is_still_the_stacks() {
    let site = deployed();
    let stack = site.path("host/deployments/App");
    // No record, no pointer; then a pointer to nowhere, which a repair takes away.
    for (lost, version) in [(&["current", "gen-001.json", "gen-002.json"][..], 1), (&["gen-003.json"], 2)] {
        lost.iter().for_each(|name| fs::remove_file(stack.join(name)).unwrap());
        if !lost.contains(&"current") {
            let refused = run(site.command("host", &deploying(version)));
            assert!(refused.stderr.contains("service repair"), "{refused:#?}");
            let repaired = run(site.command("host", &["repair", "App"]));
            assert_eq!(repaired.code, Some(1), "{repaired:#?}");
            assert!(repaired.stderr.contains("the next deploy begins anew"), "{repaired:#?}");
            assert!(repaired.stderr.contains("`punix service deploy` makes a new generation"), "{repaired:#?}");
        }
        let again = site.deploy("host", version);
        assert!(!again.stderr.contains("warning"), "{again:#?}");
        site.done("host", &["verify", "App"]);
        // What only the lost one had is gone, and no number comes twice.
        assert_eq!(site.generation(&site.path("host"), "lost"), version + 2);
    }
}

#[test]
fn a_root_whose_users_have_other_numbers_is_its_owners_again() {
    let site = deployed();
    let root = site.path("host/deployments");
    if fs::metadata(&root).unwrap().uid() != 0 {
        return skip("only root can give files away");
    }
    let mut command = scrubbed("chown");
    command.args(["-R", "4242:4242"]).arg(&root).env("PATH", "/usr/bin:/bin");
    assert_eq!(run(command).code, Some(0));
    // Who has these can have anything done, so only root says that they are his again.
    for obeyed in [root.clone(), root.join(".journal")] {
        let refused = run(site.command("host", &["repair", "App"]));
        assert_eq!(refused.code, Some(1), "{refused:#?}");
        assert!(refused.stderr.contains("belongs to user 4242") && refused.stderr.contains("`chown`"), "{refused:#?}");
        std::os::unix::fs::chown(&obeyed, Some(0), Some(0)).unwrap();
    }
    let verified = run(site.command("host", &["verify", "App"]));
    assert_eq!(verified.code, Some(1), "{verified:#?}");
    assert!(verified.stdout.contains("it belongs to the user 4242 instead of 0"), "{verified:#?}");
    mends(&site, "chown", &["/deployments/App/gen-001.json`: it belonged to the user 4242", "now it does too"]);
    assert_eq!(fs::metadata(root.join("App/gen-002.json")).unwrap().uid(), 0);
}

#[test]
fn a_root_without_its_key_gets_a_new_one() {
    let site = Site::empty();
    let program = |value: &str| {
        format!(
            "module App {{\n  backend = \"systemd\"\n  configFiles = [\n    {{ path = \"/etc/app/secret\" content = \
             \"{value}\" secret = true }}\n    {{ path = \"/etc/app/plain\" content = \"x\" }}\n  ]\n}}\n"
        )
    };
    fs::write(site.path("one.pcl"), program("hunter2-hunter2")).unwrap();
    site.deploy("host", 1);
    let key = site.path("host/deployments/.key");
    fs::remove_file(&key).unwrap();
    let verified = run(site.command("host", &["verify", "App"]));
    assert_eq!(verified.code, Some(1), "{verified:#?}");
    assert!(verified.stdout.contains("the key is missing"), "{verified:#?}");
    let outcome = site.done("host", &["repair", "App"]);
    assert!(outcome.stdout.starts_with("repaired: stack App at gen-002 [0 config file(s)"), "{outcome:#?}");
    assert!(outcome.stderr.contains("the key by which secrets are known was lost"), "{outcome:#?}");
    assert!(key.is_file());
    site.done("host", &["verify", "App"]);
    // The new mark is known everywhere: the same program is the same, and another value is no hand's work.
    assert!(site.deploy("host", 1).stdout.starts_with("unchanged: "));
    fs::write(site.path("one.pcl"), program("another-another")).unwrap();
    let changed = site.deploy("host", 1);
    assert!(changed.stdout.contains("gen-003") && !changed.stderr.contains("was changed"), "{changed:#?}");
    let history = site.done("host", &["history", "App"]);
    assert!(!history.stdout.contains("had been changed"), "{history:#?}");
    // Without its file and without the key nothing is known of a secret.
    fs::remove_file(&key).unwrap();
    fs::remove_file(site.path("host/etc/app/secret")).unwrap();
    let refused = run(site.command("host", &["repair", "App"]));
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(refused.stderr.contains("files with secrets are gone: /etc/app/secret"), "{refused:#?}");
}

/// A backup that was made in the midst of a change has its journal, and what the change displaced is long gone.
#[test]
fn a_root_with_the_journal_of_another_time_is_mended() {
    if !can_trace() {
        return;
    }
    let site = Site::new();
    let operation = &some_operations(&["redeploy"])[0];
    let placing: Vec<Step> = operation.steps(&site).into_iter().filter(|step| step.is("renameat2")).collect();
    for step in sample(&placing, 3) {
        site.copy("before", "host");
        run(killed_at(&step, site.command("host", &operation.words)));
        if !has_journal(&site.path("host")) {
            continue;
        }
        site.copy("host", "backup");
        site.done("host", &["list"]);
        for version in [2, 1] {
            site.deploy("host", version);
        }
        let about = format!("a backup of {step:?}");
        // First the journal alone comes back, beside newer generations.
        for entry in fs::read_dir(site.path("backup/deployments/.journal")).unwrap().flatten() {
            fs::copy(entry.path(), site.path("host/deployments/.journal").join(entry.file_name())).unwrap();
        }
        let refused = run(site.command("host", &["list"]));
        assert!(refused.code == Some(1) && refused.stderr.contains("[E32]"), "{about}: {refused:#?}");
        mends(&site, &about, &["an interrupted change from gen-001 to gen-002 is of another time than gen-003"]);
        // Then all of the root does.
        fs::remove_dir_all(site.path("host/deployments")).unwrap();
        site.copy("backup", "restored");
        fs::rename(site.path("restored/deployments"), site.path("host/deployments")).unwrap();
        let outcome = site.done("host", &["repair", "App"]);
        let says = "note: an interrupted change of stack App from gen-001 to gen-002 is";
        assert!(outcome.stderr.contains(says), "{about}: {outcome:#?}");
        // What newer generations had besides is nobody's now.
        let verified = run(site.command("host", &["verify", "App"])).stdout;
        assert!(verified.contains("checked") && !verified.contains("MODIFIED"), "{about}: {verified}");
    }
}
