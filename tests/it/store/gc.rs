//! `punix store gc`: what goes and what it says.

use super::{Home, add, tamper};
use expect_test::expect;
use punix_store::{Keeper, Store, StoreName};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

/// Lists all that is below a folder, with modes and times, so that nothing can change unseen.
fn tree(folder: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            let about = fs::symlink_metadata(&path).expect("it is there");
            found.push(format!("{} {:o} {} {}", path.display(), about.mode(), about.mtime_nsec(), about.len()));
            if about.is_dir() {
                waiting.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Promise 28: whatever any generation of any stack needs stays, also if two stacks share a store.
#[test]
fn nothing_that_a_generation_of_any_stack_needs_goes() {
    let home = Home::new();
    let [web1, web2, mail, shared, dead] =
        ["web1", "web2", "mail", "shared", "dead"].map(|name| home.add(name, "1", &[]));
    home.generation("Web", 1, &[&web1, &shared]);
    home.generation("Web", 2, &[&web2, &shared]);
    home.generation("Mail", 1, &[&mail, &shared]);
    home.gives(
        ["gc"],
        &expect![[r#"
            exit 0
            stdout:
            removed …/home/.punix/store/#-dead-1
            collected 1 artifact(s), freed SIZE; pinned 4 path(s)
        "#]],
    );
    assert!([&web1, &web2, &mail, &shared].iter().all(|name| home.has(name)) && !home.has(&dead));
    // A wrong deployments root keeps nothing less.
    fs::create_dir(home.path("wrong")).expect("a directory can be made");
    home.gives(
        ["gc", "--deployments-root", "wrong"],
        &expect![[r#"
            exit 0
            stdout:
            collected 0 artifact(s), freed SIZE; pinned 4 path(s)
        "#]],
    );
    home.gives(
        ["gc", "--deployments-root", "absent"],
        &expect![[r#"
        exit 1
        stderr:
        error: [E22] the deployments root `…/absent` is not there
        note: nothing was removed
        help: name the directory that was meant
    "#]],
    );
    fs::remove_dir_all(home.path("home/.punix/deployments/Mail")).expect("it can be removed");
    home.gives(
        ["gc"],
        &expect![[r#"
            exit 0
            stdout:
            removed …/home/.punix/store/#-mail-1
            collected 1 artifact(s), freed SIZE; pinned 3 path(s)
        "#]],
    );
    assert!(home.has(&shared) && !home.has(&mail));
    home.gives(
        ["verify"],
        &expect![[r#"
        exit 0
        stdout:
        3 ok
    "#]],
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let home = Home::new();
    let app = home.add("app", "1", &[]);
    home.add("dead", "1", &[]);
    home.generation("Web", 1, &[&app]);
    fs::create_dir(home.path("d")).expect("a directory can be made");
    home.folder.write("d/.lock", "");
    home.register(Keeper::Deployments, "d");
    home.register(Keeper::Link, "result");
    let leftover = format!(".tmp-{app}.0123456789abcdef");
    fs::create_dir(home.store.root().join(&leftover)).expect("a directory can be made");
    // The lock files are there from here on.
    home.punix(["info"]);
    let mut before = tree(&home.path("home"));
    home.gives(
        ["gc", "--dry-run", "--forget", "d"],
        &expect![[r#"
            exit 0
            stdout:
            would remove …/home/.punix/store/#-dead-1
            would collect 1 artifact(s), freeing about 28.0 KiB; pinned 1 path(s)
            stderr:
            would forget …/d: as asked
            would forget …/result: it is gone, or leads elsewhere
        "#]],
    );
    home.gives(
        ["gc", "--dry-run", "--json"],
        &expect![[r#"
            exit 0
            stdout:
            {
              "diagnostics": [],
              "dry_run": true,
              "forgotten": [],
              "freed": 28672,
              "kept": 1,
              "missing": [],
              "pinned": 1,
              "removed": [
                "…/home/.punix/store/#-dead-1"
              ],
              "store": "…/home/.punix/store",
              "swept": [],
              "swept_freed": 0,
              "void": [
                "…/result"
              ]
            }
        "#]],
    );
    let mut after = tree(&home.path("home"));
    // Who looked is noted in the directory of the locks for as long as that takes.
    before.retain(|line| !line.contains("/.locks"));
    after.retain(|line| !line.contains("/.locks"));
    assert_eq!(before, after);
    home.gives(
        ["gc", "--forget", "d"],
        &expect![[r#"
            exit 0
            stdout:
            removed …/home/.punix/store/#-dead-1
            swept 1 leftover(s), freed SIZE
            collected 1 artifact(s), freed SIZE; pinned 1 path(s)
            stderr:
            forgot …/d: as asked
            forgot …/result: it is gone, or leads elsewhere
        "#]],
    );
    home.gives(
        ["gc", "--json"],
        &expect![[r#"
        exit 0
        stdout:
        {
          "diagnostics": [],
          "dry_run": false,
          "forgotten": [],
          "freed": 0,
          "kept": 1,
          "missing": [],
          "pinned": 1,
          "removed": [],
          "store": "…/home/.punix/store",
          "swept": [],
          "swept_freed": 0,
          "void": []
        }
    "#]],
    );
    assert!(!home.store.root().join(leftover).exists());
    assert_eq!(home.store.registrations().expect("they can be read"), []);
}

/// D3: what is kept keeps what it was built from.
#[test]
fn what_is_kept_keeps_its_closure() {
    let home = Home::new();
    let base = home.add("base", "1", &[]);
    let lib = home.add("lib", "1", &[&base]);
    let app = home.add("app", "1", &[&lib]);
    home.add("dead", "1", &[&lib]);
    home.generation("Web", 1, &[&app]);
    assert_eq!(home.punix(["gc"]).code, Some(0));
    assert!([&base, &lib, &app].iter().all(|name| home.has(name)));
    assert_eq!(home.entries(), 3);
    // What is not there cannot be kept, and says so.
    tamper(&home.entry(&base), |entry| fs::rename(entry, home.path("away")).expect("it can be moved"));
    home.gives(
        ["gc"],
        &expect![[r#"
            exit 0
            stdout:
            collected 0 artifact(s), freed SIZE; pinned 1 path(s)
            stderr:
            warning: `#-lib-1` needs `#-base-1`, which is not here
            help: build it, or what needs it
        "#]],
    );
    assert_eq!(home.entries(), 2);
}

/// D4: however the store is named, and whatever root the records name.
#[test]
fn a_store_may_be_named_in_any_way() {
    let home = Home::new();
    let names: Vec<StoreName> = (0..5).map(|number| home.add(&format!("p{number}"), "1", &[])).collect();
    std::os::unix::fs::symlink(home.path("home/.punix"), home.path("way")).expect("a link can be made");
    let roots = ["home/.punix/store", "./home/../way/store", "/elsewhere/store", "", "/"];
    for (number, (name, root)) in names.iter().zip(roots).enumerate() {
        let path = Path::new(root).join(name.as_str());
        let record = format!("{{\"store_paths\": [\"{}\"]}}", path.display());
        home.folder.write(&format!("home/.punix/deployments/Web/gen-{number}.json"), record);
    }
    let ways = ["home/.punix/store", "way/store", "./way/../.punix/store/", "home/.punix/store/."];
    for way in ways {
        let dead = home.add("dead", "1", &[]);
        let outcome = home.punix(["gc", "--store-root", way]);
        assert_eq!(outcome.code, Some(0), "{way}: {outcome:?}");
        assert!(names.iter().all(|name| home.has(name)) && !home.has(&dead), "{way}: {outcome:?}");
    }
}

/// D5: what is no store is left alone, whatever lies in it.
#[test]
fn what_is_no_store_is_refused() {
    let home = Home::new();
    home.folder.write("home/photos/1.jpg", "");
    let lookalike = "0123456789abcdef0123456789abcdef-a-1";
    home.folder.write(&format!("home/{lookalike}/data"), "");
    fs::create_dir(home.path("empty")).expect("a directory can be made");
    let before = (tree(&home.path("home")), tree(&home.path("empty")));
    for root in [home.path("home"), "home".into(), "/".into(), "empty".into(), "home/photos/1.jpg".into()] {
        let arguments: [&OsStr; 3] = ["gc".as_ref(), "--store-root".as_ref(), root.as_os_str()];
        for more in [&[] as &[&str], &["--dry-run"], &["--wait", "0"]] {
            let outcome = home.punix(arguments.iter().map(OsString::from).chain(more.iter().map(OsString::from)));
            assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
            assert!(outcome.stderr.starts_with("error: [E21] "), "{outcome:?}");
        }
    }
    home.gives(
        ["gc", "--store-root", "home"],
        &expect![[r#"
        exit 1
        stderr:
        error: [E21] `…/home` is not a store: it holds `.punix`
        help: name a store, or a directory that is empty or does not exist yet
    "#]],
    );
    home.gives(["gc", "--store-root", "home/photos/1.jpg"], &expect![[r#"
        exit 1
        stderr:
        error: [E21] cannot open the store `home/photos/1.jpg`: cannot open `…/home/photos/1.jpg`: Not a directory (os error 20)
        help: name a store, or a directory that is empty or does not exist yet
    "#]]);
    home.gives(
        ["gc", "--store-root", "empty"],
        &expect![[r#"
        exit 1
        stderr:
        error: [E21] there is no store at `…/empty`
        help: name the store that was meant; a build makes a new one
    "#]],
    );
    assert_eq!((tree(&home.path("home")), tree(&home.path("empty"))), before);
}

/// What does not have an entry's name is somebody else's, even in a store.
#[test]
fn foreign_names_are_never_removed() {
    let home = Home::new();
    let dead = home.add("dead", "1", &[]);
    let strangers = ["notes", ".tmp-x", ".gc-", ".punix-store.x", "0123456789abcdef0123456789abcdef", "lost+found"];
    for stranger in strangers {
        home.folder.write(&format!("home/.punix/store/{stranger}/data"), "");
    }
    let file = dead.as_str().replace("dead", "file");
    home.folder.write(&format!("home/.punix/store/{file}"), "not a directory");
    let link = dead.as_str().replace("dead", "link");
    std::os::unix::fs::symlink("notes", home.store.root().join(&link)).expect("a link can be made");
    assert_eq!(home.punix(["gc"]).code, Some(0));
    assert!(!home.has(&dead));
    for stranger in strangers {
        assert!(home.store.root().join(stranger).join("data").exists(), "{stranger}");
    }
    assert!(home.store.root().join(&file).exists() && home.store.root().join(&link).is_symlink());
}

/// Entries of one store do not keep those of another, and records may name both.
#[test]
fn two_stores_share_a_deployments_root() {
    let home = Home::new();
    let other = Store::open(&home.path("other")).expect("a store can be made");
    let (here, there) = (home.add("here", "1", &[]), add(&other, "there", "1", &[]));
    home.generation("Web", 1, &[&here, &there]);
    home.gives(
        ["gc"],
        &expect![[r#"
            exit 0
            stdout:
            collected 0 artifact(s), freed SIZE; pinned 2 path(s)
        "#]],
    );
    home.gives(
        ["gc", "--store-root", "other"],
        &expect![[r#"
            exit 0
            stdout:
            collected 0 artifact(s), freed SIZE; pinned 2 path(s)
        "#]],
    );
    assert!(home.has(&here) && other.path(&there).exists());
}

/// What is kept and damaged may need more than can be known.
#[test]
fn a_kept_entry_that_cannot_be_read_stops_it() {
    let home = Home::new();
    let lib = home.add("lib", "1", &[]);
    let app = home.add("app", "1", &[&lib]);
    home.generation("Web", 1, &[&app]);
    tamper(&home.entry(&app).join("derivation.json"), |file| fs::write(file, "{}").expect("it can be written"));
    home.gives(
        ["gc"],
        &expect![[r#"
        exit 1
        stderr:
        error: [E22] `#-app-1` is needed, but what it depends on cannot be read: `bootstrapMode` is not what it must be
        note: nothing was removed
        help: repair `#-app-1`, or remove what refers to it
    "#]],
    );
    assert_eq!(home.entries(), 2);
}

#[test]
fn a_dry_run_knows_what_will_be_freed() {
    let home = Home::new();
    let lib = home.add("lib", "1", &[]);
    home.add("app", "1", &[&lib]);
    let would = home.punix(["gc", "--dry-run", "--json"]).json();
    let did = home.punix(["gc", "--json"]).json();
    assert!(did["freed"].number() > Some(4_000), "{did:?}");
    for field in ["removed", "freed", "kept", "pinned"] {
        assert_eq!(would[field], did[field], "{field}");
    }
}

#[test]
fn what_cannot_be_forgotten_is_said() {
    let home = Home::new();
    home.gives(
        ["gc", "--forget", "d"],
        &expect![[r#"
        exit 2
        stderr:
        error: `d` is not registered in the store `…/home/.punix/store`
        help: `punix store info` lists what is
    "#]],
    );
    for wait in ["forever", "-1", "1.5", "99999999"] {
        assert_eq!(home.punix(["gc", "--wait", wait]).code, Some(2), "{wait}");
    }
}
