//! The verbs that only look: what is there, whether it is sound, why it is kept.

use super::{Home, tamper};
use crate::exact::Json;
use expect_test::expect;
use punix_store::{Keeper, StoreName};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

#[test]
fn info_says_how_much_there_is() {
    let home = Home::new();
    home.gives(
        ["info"],
        &expect![[r#"
        exit 0
        stdout:
        store: …/home/.punix/store
        artifacts: 0
        size: 0 B
    "#]],
    );
    let app = home.add("app", "1.0", &[]);
    home.add("app", "2.0", &[]);
    home.gives(
        ["info"],
        &expect![[r#"
        exit 0
        stdout:
        store: …/home/.punix/store
        artifacts: 2
        size: 5.2 KiB
    "#]],
    );
    tamper(&home.entry(&app).join("built"), |built| fs::remove_file(built).expect("it can be removed"));
    fs::create_dir(home.path("d")).expect("a directory can be made");
    home.register(Keeper::Deployments, "d");
    home.register(Keeper::Link, "result");
    home.gives(
        ["info"],
        &expect![[r#"
        exit 0
        stdout:
        store: …/home/.punix/store
        artifacts: 2 (1 damaged)
        size: 5.2 KiB
        registered: deployments …/d
        registered: link …/result
    "#]],
    );
    home.gives(
        ["info", "--json"],
        &expect![[r#"
        exit 0
        stdout:
        {
          "artifacts": 2,
          "bytes": 5327,
          "damaged": 1,
          "registered": [
            {
              "keeper": "deployments",
              "path": "…/d"
            },
            {
              "keeper": "link",
              "path": "…/result"
            }
          ],
          "store": "…/home/.punix/store"
        }
    "#]],
    );
}

/// What an artifact is, its derivation says: these two names read alike.
#[test]
fn list_tells_packages_apart_that_look_alike() {
    let home = Home::new();
    home.gives(
        ["list"],
        &expect![[r#"
        exit 0
    "#]],
    );
    let one = home.add("a-b", "1", &[]);
    let other = home.add("a", "b-1", &[]);
    assert_eq!(one.as_str()[32..], other.as_str()[32..]);
    home.gives(
        ["list"],
        &expect![[r#"
        exit 0
        stdout:
        a    b-1  2.6 KiB  #-a-b-1
        a-b  1    2.6 KiB  #-a-b-1
    "#]],
    );
    let lost = home.add("lost", "1", &[]);
    let torn = home.add("torn", "1", &[]);
    tamper(&home.entry(&lost).join("derivation.json"), |file| fs::remove_file(file).expect("it can be removed"));
    tamper(&home.entry(&torn).join("built"), |file| fs::remove_file(file).expect("it can be removed"));
    fs::create_dir(home.entry(&one).with_file_name("stranger")).expect("a directory can be made");
    home.gives(
        ["list"],
        &expect![[r#"
        exit 0
        stdout:
        a     b-1  2.6 KiB  #-a-b-1
        a-b   1    2.6 KiB  #-a-b-1
        torn  1    2.5 KiB  #-torn-1  damaged
        ?     ?    2.3 KiB  #-lost-1  damaged
    "#]],
    );
    let document = home.punix(["list", "--json"]).json();
    let found = document["artifacts"].list();
    let fields = |entry: &Json| {
        let keys = ["package", "version", "bytes", "damaged"];
        keys.map(|key| entry[key].to_string()).join(" ")
    };
    assert_eq!(fields(&found[0]), r#""a" "b-1" 2694 false"#);
    assert_eq!(fields(&found[3]), "null null 2455 true");
    assert_eq!(found[3]["path"].text(), home.entry(&lost).display().to_string());
}

#[test]
fn verify_finds_every_kind_of_damage() {
    let home = Home::new();
    home.gives(
        ["verify"],
        &expect![[r#"
        exit 0
        stdout:
        0 ok
    "#]],
    );
    let names: Vec<StoreName> =
        ["sound", "flip", "mode", "more", "less", "link", "built"].map(|name| home.add(name, "1", &[])).into();
    home.gives(
        ["verify"],
        &expect![[r#"
        exit 0
        stdout:
        7 ok
    "#]],
    );
    let at = |index: usize, path: &str| home.entry(&names[index]).join(path);
    let put = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is there");
    tamper(&at(1, "data"), |file| {
        put(file, 0o644);
        fs::write(file, "x".repeat(1_999) + "y").expect("it can be written");
        put(file, 0o444);
    });
    put(&at(2, "bin/tool"), 0o755);
    tamper(&at(3, "new\nline"), |file| fs::write(file, "").expect("it can be written"));
    tamper(&at(4, "data"), |file| fs::remove_file(file).expect("it can be removed"));
    tamper(&at(5, "link"), |file| {
        fs::remove_file(file).expect("it can be removed");
        symlink("bin", file).expect("a link can be made");
    });
    tamper(&at(6, "built"), |file| fs::remove_file(file).expect("it can be removed"));
    let found = home.punix(["verify"]);
    assert_eq!((found.code, found.stdout.as_str()), (Some(1), "1 ok, 6 not\n"));
    let mut lines: Vec<&str> = found.stderr.lines().filter(|line| line.starts_with("error")).collect();
    lines.sort_by_key(|line| line.split('-').nth(1).map(str::to_owned));
    let lines = home.shortened(&lines.join("\n"));
    expect![[r#"
        error: [E21] `#-built-1` is damaged: `built` is missing or is not a digest
        error: [E21] `#-flip-1` is damaged: `data` has other content
        error: [E21] `#-less-1` is damaged: `data` is missing
        error: [E21] `#-link-1` is damaged: `link` points elsewhere
        error: [E21] `#-mode-1` is damaged: `bin/tool` has mode 0755 instead of 0555
        error: [E21] `#-more-1` is damaged: `new\nline` does not belong there"#]]
    .assert_eq(&lines);
    home.gives(
        [OsStr::new("verify"), "--path".as_ref(), at(0, "").as_os_str()],
        &expect![[r#"
        exit 0
        stdout:
        1 ok
    "#]],
    );
    home.gives(
        ["verify", "--path", names[1].as_str(), "--path", names[1].as_str()],
        &expect![[r#"
        exit 1
        stdout:
        0 ok, 1 not
        stderr:
        error: [E21] `#-flip-1` is damaged: `data` has other content
        help: `punix store repair` makes it anew
    "#]],
    );
    home.gives(
        ["verify", "--json", "--path", names[2].as_str()],
        &expect![[r##"
        exit 1
        stdout:
        {
          "damaged": [
            {
              "damages": [
                "`bin/tool` has mode 0755 instead of 0555"
              ],
              "name": "#-mode-1",
              "path": "…/home/.punix/store/#-mode-1"
            }
          ],
          "diagnostics": [
            {
              "code": "E21",
              "help": "`punix store repair` makes it anew",
              "message": "`#-mode-1` is damaged: `bin/tool` has mode 0755 instead of 0555",
              "notes": [],
              "severity": "error"
            }
          ],
          "ok": false,
          "sound": 0,
          "store": "…/home/.punix/store"
        }
    "##]],
    );
}

/// An artifact is named as one likes: by name, by a path to it or into it, by a link.
#[test]
fn an_artifact_has_many_names() {
    let home = Home::new();
    let app = home.add("app", "1", &[]);
    symlink(home.entry(&app), home.path("result")).expect("a link can be made");
    symlink(home.store.root(), home.path("way")).expect("a link can be made");
    let relative = format!("home/.punix/store/{app}");
    for name in [
        app.to_string(),
        relative.clone(),
        format!("{relative}/"),
        format!("./home/../{relative}/bin/tool"),
        format!("way/{app}/nothing/here"),
        "result".to_owned(),
        "result/link".to_owned(),
        home.entry(&app).display().to_string(),
    ] {
        let outcome = home.punix(["verify", "--path", &name]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "1 ok\n"), "{name}: {outcome:?}");
    }
    home.gives(
        ["verify", "--path", "home"],
        &expect![[r#"
        exit 2
        stderr:
        error: `home` leads to no artifact of the store `…/home/.punix/store`
        help: `punix store list` names them
    "#]],
    );
    let absent = app.as_str().replace("app", "gone");
    home.gives(
        ["verify", "--path", &absent],
        &expect![[r#"
        exit 1
        stdout:
        0 ok, 1 not
        stderr:
        error: [E21] `#-gone-1` is not in the store
    "#]],
    );
}

#[test]
fn why_alive_shows_the_way_from_a_root() {
    let home = Home::new();
    let base = home.add("base", "1", &[]);
    let lib = home.add("lib", "1", &[&base]);
    let app = home.add("app", "1", &[&lib]);
    let dead = home.add("dead", "1", &[&base]);
    home.generation("Web", 1, &[&app]);
    home.generation("Web", 2, &[&app]);
    home.gives(
        ["why-alive", base.as_str()],
        &expect![[r#"
        exit 0
        stdout:
        gen-002 of Web in …/home/.punix/deployments
        → …/home/.punix/store/#-app-1
        → …/home/.punix/store/#-lib-1
        → …/home/.punix/store/#-base-1
    "#]],
    );
    home.gives(
        [OsStr::new("why-alive"), home.entry(&app).as_os_str()],
        &expect![[r#"
        exit 0
        stdout:
        gen-002 of Web in …/home/.punix/deployments
        → …/home/.punix/store/#-app-1
    "#]],
    );
    home.gives(
        ["why-alive", dead.as_str()],
        &expect![[r#"
        exit 1
        stdout:
        nothing keeps …/home/.punix/store/#-dead-1
    "#]],
    );
    home.gives(
        ["why-alive", &dead.as_str().replace("dead", "gone")],
        &expect![[r#"
        exit 1
        stderr:
        error: [E21] `#-gone-1` is not in the store
    "#]],
    );
    home.gives(
        ["why-alive", lib.as_str(), "--json"],
        &expect![[r##"
        exit 0
        stdout:
        {
          "alive": true,
          "chain": [
            "…/home/.punix/store/#-app-1",
            "…/home/.punix/store/#-lib-1"
          ],
          "name": "#-lib-1",
          "path": "…/home/.punix/store/#-lib-1",
          "root": "gen-002 of Web in …/home/.punix/deployments"
        }
    "##]],
    );
    home.gives(
        ["why-alive", dead.as_str(), "--json"],
        &expect![[r##"
        exit 1
        stdout:
        {
          "alive": false,
          "chain": [],
          "name": "#-dead-1",
          "path": "…/home/.punix/store/#-dead-1",
          "root": null
        }
    "##]],
    );
    symlink(home.entry(&dead), home.path("result")).expect("a link can be made");
    home.register(Keeper::Link, "result");
    home.gives(
        ["why-alive", "result"],
        &expect![[r#"
        exit 0
        stdout:
        the link …/result
        → …/home/.punix/store/#-dead-1
    "#]],
    );
    home.folder.write("home/.punix/deployments/Web/gen-003.json", "{");
    home.gives(["why-alive", base.as_str()], &expect![[r#"
        exit 1
        stderr:
        error: [E22] `…/home/.punix/deployments/Web/gen-003.json` cannot be read: it is not JSON: EOF while parsing an object at line 1 column 1
        note: nothing was removed
        help: mend it; or remove it, if nothing needs what it keeps
    "#]]);
}
