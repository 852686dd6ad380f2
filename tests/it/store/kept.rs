//! What keeps artifacts, and what happens if it cannot be read.

use super::Home;
use crate::support::run;
use expect_test::{Expect, expect};
use punix_store::Keeper;
use std::fs;
use std::os::unix::fs::symlink;

/// D2: profiles keep what they installed, in every generation.
#[test]
fn profiles_keep_what_they_installed() {
    let home = Home::new();
    let [old, new, far, dead] = ["old", "new", "far", "dead"].map(|name| home.add(name, "1", &[]));
    home.record("home/.punix/profiles/gen-001/profile.json", &[&old]);
    home.record("home/.punix/profiles/gen-002/profile.json", &[&new]);
    home.record("far/profiles/gen-001/profile.json", &[&far]);
    home.gives(
        ["gc", "--profile-root", "far"],
        &expect![[r#"
            exit 0
            stdout:
            removed …/home/.punix/store/#-dead-1
            collected 1 artifact(s), freed SIZE; pinned 3 path(s)
        "#]],
    );
    assert!(home.has(&old) && home.has(&new) && home.has(&far) && !home.has(&dead));
    home.gives(
        ["why-alive", old.as_str()],
        &expect![[r#"
        exit 0
        stdout:
        gen-001 of the profile in …/home/.punix
        → …/home/.punix/store/#-old-1
    "#]],
    );
    home.gives(
        ["gc"],
        &expect![[r#"
            exit 0
            stdout:
            removed …/home/.punix/store/#-far-1
            collected 1 artifact(s), freed SIZE; pinned 2 path(s)
        "#]],
    );
    assert!(!home.has(&far));
    // The link of a profile is not the directory that it is in.
    home.gives(
        ["gc", "--profile-root", "far/profiles/gen-001"],
        &expect![[r#"
        exit 1
        stderr:
        error: [E22] the profile directory `…/far/profiles/gen-001/profiles` is not there
        note: nothing was removed
        help: name the directory that was meant
    "#]],
    );
}

/// D6: what cannot be understood never unpins, and says which file it is.
#[test]
fn a_record_that_cannot_be_understood_stops_it() {
    let home = Home::new();
    let app = home.add("app", "1", &[]);
    home.generation("Web", 1, &[&app]);
    let file = "home/.punix/deployments/Web/gen-002.json";
    let check = |content: &str, expected: Expect| {
        home.folder.write(file, content);
        home.gives(["gc"], &expected);
        assert_eq!(home.punix(["gc", "--dry-run"]).code, Some(1));
        assert_eq!(home.entries(), 1);
    };
    check(
        "",
        expect![[r#"
        exit 1
        stderr:
        error: [E22] `…/home/.punix/deployments/Web/gen-002.json` cannot be read: it is not JSON: EOF while parsing a value at line 1 column 0
        note: nothing was removed
        help: mend it; or remove it, if nothing needs what it keeps
    "#]],
    );
    check(
        "{\"store_paths\": \"/s\"}",
        expect![[r#"
        exit 1
        stderr:
        error: [E22] `…/home/.punix/deployments/Web/gen-002.json` cannot be read: its `store_paths` is not a list of texts
        note: nothing was removed
        help: mend it; or remove it, if nothing needs what it keeps
    "#]],
    );
    check(
        "{\"schema\": 2, \"store_paths\": []}",
        expect![[r#"
        exit 1
        stderr:
        error: [E22] `…/home/.punix/deployments/Web/gen-002.json` cannot be read: it has schema 2, and this version of punix knows none above 1
        note: nothing was removed
        help: use the version that wrote it
    "#]],
    );
    fs::remove_file(home.path(file)).expect("it can be removed");
    fs::create_dir(home.path(file)).expect("a directory can be made");
    home.gives(
        ["gc"],
        &expect![[r#"
        exit 1
        stderr:
        error: [E22] `…/home/.punix/deployments/Web/gen-002.json` cannot be read: it is a directory
        note: nothing was removed
        help: mend it; or remove it, if nothing needs what it keeps
    "#]],
    );
    home.gives(
        ["gc", "--json"],
        &expect![[r#"
        exit 1
        stdout:
        {
          "diagnostics": [
            {
              "code": "E22",
              "help": "mend it; or remove it, if nothing needs what it keeps",
              "message": "`…/home/.punix/deployments/Web/gen-002.json` cannot be read: it is a directory",
              "notes": [
                {
                  "message": "nothing was removed"
                }
              ],
              "severity": "error"
            }
          ],
          "dropped": 0,
          "ok": false
        }
    "#]],
    );
    fs::remove_dir(home.path(file)).expect("it can be removed");
    // What lies there and is no record, does not disturb.
    for stray in ["README", ".key", ".blobs/x", ".journal/gen-1.json", "ledger.json", "Web/gen-2.json~"] {
        home.folder.write(&format!("home/.punix/deployments/{stray}"), "{");
    }
    assert_eq!(home.punix(["gc"]).code, Some(0));
    assert_eq!(home.entries(), 1);
}

/// A disk that is not mounted does not unpin what is deployed from it.
#[test]
fn a_registered_place_that_is_gone_stops_it() {
    let home = Home::new();
    let app = home.add("app", "1", &[]);
    home.record("mnt/d/Web/gen-001.json", &[&app]);
    home.register(Keeper::Deployments, "mnt/d");
    home.gives(
        ["gc"],
        &expect![[r#"
            exit 0
            stdout:
            collected 0 artifact(s), freed SIZE; pinned 1 path(s)
        "#]],
    );
    fs::rename(home.path("mnt/d"), home.path("away")).expect("it can be moved");
    home.gives(
        ["gc"],
        &expect![[r#"
        exit 1
        stderr:
        error: [E22] the deployments root `…/mnt/d` kept something of this store, and is gone or empty
        note: nothing was removed
        help: mount the disk that it is on; if it is gone for good, `--forget …/mnt/d`
    "#]],
    );
    fs::create_dir(home.path("mnt/d")).expect("a directory can be made");
    assert_eq!(home.punix(["gc"]).code, Some(1));
    assert!(home.has(&app));
    fs::remove_dir(home.path("mnt/d")).expect("it can be removed");
    home.gives(
        ["gc", "--forget", "mnt/d"],
        &expect![[r#"
            exit 0
            stdout:
            removed …/home/.punix/store/#-app-1
            collected 1 artifact(s), freed SIZE; pinned 0 path(s)
            stderr:
            forgot …/mnt/d: as asked
        "#]],
    );
    assert!(!home.has(&app));
    home.gives(
        ["gc"],
        &expect![[r#"
            exit 0
            stdout:
            collected 0 artifact(s), freed SIZE; pinned 0 path(s)
        "#]],
    );
}

#[test]
fn a_registered_link_keeps_its_artifact_until_it_is_gone() {
    let home = Home::new();
    let app = home.add("app", "1", &[]);
    symlink(home.entry(&app), home.path("result")).expect("a link can be made");
    home.register(Keeper::Link, "result");
    home.gives(
        ["gc"],
        &expect![[r#"
            exit 0
            stdout:
            collected 0 artifact(s), freed SIZE; pinned 1 path(s)
        "#]],
    );
    fs::remove_file(home.path("result")).expect("it can be removed");
    home.gives(
        ["gc", "--dry-run"],
        &expect![[r#"
            exit 0
            stdout:
            would remove …/home/.punix/store/#-app-1
            would collect 1 artifact(s), freeing about 28.0 KiB; pinned 0 path(s)
            stderr:
            would forget …/result: it is gone, or leads elsewhere
        "#]],
    );
    assert_eq!(home.store.registrations().expect("they can be read").len(), 1);
    home.gives(
        ["gc"],
        &expect![[r#"
            exit 0
            stdout:
            removed …/home/.punix/store/#-app-1
            collected 1 artifact(s), freed SIZE; pinned 0 path(s)
            stderr:
            forgot …/result: it is gone, or leads elsewhere
        "#]],
    );
    assert_eq!(home.store.registrations().expect("they can be read"), []);
    assert!(!home.has(&app));
}

/// The flag and the variable name other places, and the usual one counts beside the flag.
#[test]
fn every_named_place_counts() {
    let home = Home::new();
    let [usual, one, two, variable] = ["usual", "one", "two", "variable"].map(|name| home.add(name, "1", &[]));
    home.generation("Web", 1, &[&usual]);
    home.record("1/Web/gen-1.json", &[&one]);
    home.record("2/Web/gen-1.json", &[&two]);
    home.record("3/Web/gen-1.json", &[&variable]);
    let first = home.punix(["gc", "--dry-run", "--json"]).json();
    assert_eq!(first["removed"].list().len(), 3);
    let both = home.punix(["gc", "--dry-run", "--deployments-root", "1", "--deployments-root", "2", "--json"]).json();
    assert_eq!(both["removed"].list().len(), 1);
    let mut command = home.command(["gc", "--json", "--deployments-root", "1", "--deployments-root", "2"]);
    command.env("PUNIX_DEPLOYMENTS_DIR", "3");
    assert_eq!(run(command).json()["removed"].list(), []);
    assert!([&usual, &one, &two, &variable].iter().all(|name| home.has(name)));
}

/// Whoever tends somebody else's store, as root does, does not look in his own home only.
#[test]
fn what_its_owner_keeps_counts_for_everybody() {
    let home = Home::new();
    let [deployed, installed, dead] = ["deployed", "installed", "dead"].map(|name| home.add(name, "1", &[]));
    home.generation("Web", 1, &[&deployed]);
    home.record("home/.punix/profiles/gen-001/profile.json", &[&installed]);
    let mut command = home.command(["gc", "--store-root", "home/.punix/store"]);
    command.env("HOME", "/nowhere").env("PUNIX_DEPLOYMENTS_DIR", "nowhere");
    assert_eq!(run(command).code, Some(0));
    assert!(home.has(&deployed) && home.has(&installed) && !home.has(&dead));
}
