use super::*;
use crate::derivation::Derivation;
use crate::testing::{Scratch, asking, derivation};
use expect_test::{Expect, expect};
use std::os::unix::fs::{PermissionsExt, symlink};

/// A store and a deployments root beside it.
struct World {
    scratch: Scratch,
    store: Store,
    app: StoreName,
    other: StoreName,
}

impl World {
    fn new() -> World {
        let scratch = Scratch::new();
        let store = Store::open(&scratch.join("store")).unwrap();
        let (app, other) = (derivation("app", &[]), derivation("other", &[]));
        let world = World { scratch, store, app: app.name().clone(), other: other.name().clone() };
        world.add(&app);
        world.add(&other);
        world
    }

    fn add(&self, derivation: &Derivation) {
        let shared = self.store.share(asking()).unwrap();
        let lock = self.store.lock_path(&shared, derivation.name(), asking()).unwrap();
        let staged = self.store.stage(&lock).unwrap();
        fs::write(self.store.staged_path(&staged).join("file"), "").unwrap();
        self.store.add(staged, derivation).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.scratch.join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn record(&self, path: &str, name: &StoreName) {
        self.write(path, &format!("{{\"store_paths\": [\"/store/{name}\"]}}"));
    }

    fn register(&self, keeper: Keeper, path: &str) {
        let shared = self.store.share(asking()).unwrap();
        self.store.register(&shared, &Registration::new(keeper, &self.path(path)).unwrap()).unwrap();
    }

    fn deployments(&self, origin: Origin) -> Place {
        Place { keeper: Keeper::Deployments, path: self.path("d"), origin }
    }

    fn profile(&self, origin: Origin) -> Place {
        Place { keeper: Keeper::Profile, path: self.path("p"), origin }
    }

    fn named(&self) -> Vec<Place> {
        vec![self.deployments(Origin::Named)]
    }

    /// Shows what is kept and why, or what stops it.
    #[track_caller]
    fn check(&self, places: &[Place], expected: &Expect) {
        let shown = match self.store.roots(places, &[]) {
            Ok(Roots { roots, void }) => {
                let short = |name: &StoreName| name.as_str()[33..].to_owned();
                let roots = roots.iter().map(|root| format!("{}: {}\n", short(&root.name), root.reason));
                let void = void.iter().map(|void| format!("void: {}\n", void.path().display()));
                let mut lines: Vec<String> = roots.chain(void).collect();
                lines.sort();
                lines.concat()
            }
            Err(error) => format!("{error}\n"),
        };
        expected.assert_eq(&shown.replace(&self.scratch.path().display().to_string(), "…"));
    }
}

#[test]
fn every_generation_of_every_stack_keeps_what_it_names() {
    let world = World::new();
    world.record("d/Web/gen-001.json", &world.app);
    world.record("d/Web/gen-2.json", &world.other);
    world.record("d/Web/gen-0010.json", &world.other);
    world.record("d/Mail/gen-99999999999999999999999.json", &world.app);
    symlink("gen-2.json", world.path("d/Web/current")).unwrap();
    world.check(
        &world.named(),
        &expect![[r#"
            app-1.0: gen-001 of Web in …/d
            app-1.0: gen-99999999999999999999999 of Mail in …/d
            other-1.0: gen-0010 of Web in …/d
        "#]],
    );
}

#[test]
fn what_is_no_stack_and_no_generation_does_not_disturb() {
    let world = World::new();
    for stray in ["README", "ledger.json", ".lock", ".key", "gen-001.json", "Web/notes", "Web/gen-1.json.tmp"] {
        world.write(&format!("d/{stray}"), "{");
    }
    for stray in [".blobs/gen-1.json", ".journal/x", ".dry-run/Web/gen-1.json", "lost+found/gen-1.json"] {
        world.write(&format!("d/{stray}"), "{");
    }
    for stray in ["Web/gen-.json", "Web/gen-x.json", "Web/gen-1", "Web/Gen-1.json", "Web/gen--1.json", "empty/a/b"] {
        world.write(&format!("d/{stray}"), "{");
    }
    fs::create_dir(world.path("d/nothing")).unwrap();
    world.record("d/Web/gen-1.json", &world.app);
    world.check(
        &world.named(),
        &expect![[r#"
        app-1.0: gen-1 of Web in …/d
    "#]],
    );
}

/// Directories and records may be somewhere else.
#[test]
fn links_to_stacks_and_records_are_followed() {
    let world = World::new();
    world.record("elsewhere/stack/gen-1.json", &world.app);
    world.record("elsewhere/record", &world.other);
    fs::create_dir(world.path("d")).unwrap();
    symlink("../elsewhere/stack", world.path("d/Web")).unwrap();
    symlink("../record", world.path("elsewhere/stack/gen-2.json")).unwrap();
    world.check(
        &world.named(),
        &expect![[r#"
            app-1.0: gen-1 of Web in …/d
            other-1.0: gen-2 of Web in …/d
        "#]],
    );
}

#[test]
fn a_generation_that_cannot_be_read_stops_it() {
    let world = World::new();
    world.record("d/Web/gen-1.json", &world.app);
    world.write("d/Web/gen-2.json", "{");
    let refused = |expected| world.check(&world.named(), &expected);
    refused(expect![[r#"
        `…/d/Web/gen-2.json` cannot be read: it is not JSON: EOF while parsing an object at line 1 column 1
    "#]]);
    world.write("d/Web/gen-2.json", r#"{"schema": 2, "store_paths": []}"#);
    refused(expect![[r#"
        `…/d/Web/gen-2.json` cannot be read: it has schema 2, and this version of punix knows none above 1
    "#]]);
    let file = world.path("d/Web/gen-2.json");
    fs::File::create(&file).unwrap().set_len(crate::limits::RECORD_BYTES_MAX + 1).unwrap();
    refused(expect![[r#"
        `…/d/Web/gen-2.json` cannot be read: it is larger than such a file may be
    "#]]);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused(expect![[r#"
        `…/d/Web/gen-2.json` cannot be read: it is a directory
    "#]]);
    fs::remove_dir(&file).unwrap();
    symlink("gen-2.json", &file).unwrap();
    refused(expect![[r#"
        `…/d/Web/gen-2.json` cannot be read: its links go in a circle
    "#]]);
    fs::remove_file(&file).unwrap();
    symlink("../Mail/gen-1.json", &file).unwrap();
    refused(expect![[r#"
        `…/d/Web/gen-2.json` cannot be read: it is a link that leads nowhere
    "#]]);
    fs::remove_file(&file).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    refused(expect![[r#"
        `…/d/Web/gen-2.json` cannot be read: it is not a regular file
    "#]]);
}

/// A stack may be on a disk that is not mounted.
#[test]
fn a_stack_that_leads_nowhere_stops_it() {
    let world = World::new();
    fs::create_dir(world.path("d")).unwrap();
    symlink("/nowhere/Web", world.path("d/Web")).unwrap();
    let nowhere = expect![[r#"
        `…/d/Web` cannot be read: it is a link that leads nowhere
    "#]];
    world.check(&world.named(), &nowhere);
    fs::remove_file(world.path("d/Web")).unwrap();
    symlink("Web", world.path("d/Web")).unwrap();
    let circle = expect![[r#"
        `…/d/Web` cannot be read: its links go in a circle
    "#]];
    world.check(&world.named(), &circle);
}

/// For somebody who is not root, there is more that cannot be read.
#[test]
fn what_one_may_not_read_stops_it() {
    use rustix::thread::set_thread_uid;
    let world = World::new();
    world.record("d/Web/gen-1.json", &world.app);
    fs::set_permissions(world.store.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let deny = |path: &str, mode| fs::set_permissions(world.path(path), fs::Permissions::from_mode(mode)).unwrap();
    let cases = [("d/Web/gen-1.json", 0o000, "d/Web/gen-1.json"), ("d/Web", 0o000, "d/Web"), ("d", 0o000, "d")];
    for (path, mode, named) in cases {
        deny(path, mode);
        let refused = std::thread::scope(|scope| {
            let look = || {
                // Who is not root already is somebody without privileges; this thread is enough.
                let _ = set_thread_uid(rustix::fs::Uid::from_raw(65_534));
                world.store.roots(&world.named(), &[]).unwrap_err().to_string()
            };
            scope.spawn(look).join().unwrap()
        });
        let expected = format!("`{}` cannot be read: permission denied", world.path(named).display());
        assert_eq!(refused, expected);
        deny(path, 0o755);
    }
}

#[test]
fn a_deployments_root_must_be_there_if_somebody_named_it() {
    let world = World::new();
    world.check(&[world.deployments(Origin::Usual), world.profile(Origin::Usual)], &expect![""]);
    let absent = expect![[r#"
        the deployments root `…/d` is not there
    "#]];
    world.check(&world.named(), &absent);
    let absent = expect![[r#"
        the profile directory `…/p` is not there
    "#]];
    world.check(&[world.profile(Origin::Named)], &absent);
    fs::create_dir(world.path("d")).unwrap();
    world.check(&world.named(), &expect![""]);
    fs::create_dir(world.path("p")).unwrap();
    // Somebody may mean a profile's generation.
    let absent = expect![[r#"
        the profile directory `…/p/profiles` is not there
    "#]];
    world.check(&[world.profile(Origin::Named)], &absent);
    world.check(&[world.profile(Origin::Usual)], &expect![""]);
}

#[test]
fn the_usual_place_may_not_lead_nowhere() {
    let world = World::new();
    let usual = |path: &str| Place { path: world.path(path), ..world.deployments(Origin::Usual) };
    symlink("/nowhere", world.path("home")).unwrap();
    let nowhere = expect![[r#"
        `…/home/.punix/deployments` cannot be read: it is a link that leads nowhere
    "#]];
    world.check(&[usual("home/.punix/deployments")], &nowhere);
    world.write("file", "");
    let file = expect![[r#"
        `…/file` cannot be read: it is not a directory
    "#]];
    world.check(&[usual("file")], &file);
    let below = expect![[r#"
        `…/file/d` cannot be read: it is not a directory
    "#]];
    world.check(&[usual("file/d")], &below);
}

/// A disk that is not mounted must not unpin, and where it is mounted is an empty directory without it.
#[test]
fn a_registered_place_must_be_there() {
    let world = World::new();
    world.record("d/Web/gen-1.json", &world.app);
    world.record("p/profiles/gen-1/profile.json", &world.other);
    world.register(Keeper::Deployments, "d");
    world.register(Keeper::Profile, "p");
    // Each is read once, and as what is registered.
    let usual = [world.deployments(Origin::Usual), world.profile(Origin::Usual)];
    for places in [&usual[..], &[]] {
        let both = expect![[r#"
            app-1.0: gen-1 of Web in …/d
            other-1.0: gen-1 of the profile in …/p
        "#]];
        world.check(places, &both);
    }
    let gone = expect![[r#"
        the deployments root `…/d` kept something of this store, and is gone or empty
    "#]];
    fs::rename(world.path("d"), world.path("away")).unwrap();
    world.check(&usual, &gone);
    fs::create_dir_all(world.path("d/lost+found")).unwrap();
    world.check(&usual, &gone);
    fs::remove_dir(world.path("d/lost+found")).unwrap();
    world.check(&usual, &gone);
    let registered = world.store.registrations().unwrap();
    let forgotten: Vec<Registration> =
        registered.into_iter().filter(|found| found.keeper() == Keeper::Deployments).collect();
    assert_eq!(world.store.roots(&usual, &forgotten).unwrap().roots.len(), 1);
    // The last stack was removed; what punix keeps there is not.
    world.write("d/.lock", "");
    let profile = expect![[r#"
        other-1.0: gen-1 of the profile in …/p
    "#]];
    world.check(&usual, &profile);
    let gone = expect![[r#"
        the profile directory `…/p` kept something of this store, and is gone or empty
    "#]];
    fs::rename(world.path("p/profiles"), world.path("p/moved")).unwrap();
    world.check(&usual, &gone);
    let alone = world.store.exclude(asking()).unwrap();
    for registration in world.store.registrations().unwrap() {
        world.store.forget(&alone, &registration).unwrap();
    }
    world.check(&usual, &expect![""]);
}

#[test]
fn every_generation_of_a_profile_keeps_what_it_names() {
    let world = World::new();
    world.record("p/profiles/gen-001/profile.json", &world.app);
    world.record("p/profiles/gen-002/profile.json", &world.other);
    world.write("p/profiles/gen-x/profile.json", "{");
    world.write("p/profiles/README", "{");
    world.write("p/current", "{");
    let places = [world.profile(Origin::Named)];
    let both = expect![[r#"
        app-1.0: gen-001 of the profile in …/p
        other-1.0: gen-002 of the profile in …/p
    "#]];
    world.check(&places, &both);
    fs::create_dir(world.path("p/profiles/gen-003")).unwrap();
    let half = expect![[r#"
        `…/p/profiles/gen-003/profile.json` cannot be read: it is not there
    "#]];
    world.check(&places, &half);
    fs::remove_dir(world.path("p/profiles/gen-003")).unwrap();
    world.write("p/profiles/gen-003", "");
    let file = expect![[r#"
        `…/p/profiles/gen-003/profile.json` cannot be read: it is not a directory
    "#]];
    world.check(&places, &file);
}

#[test]
fn a_link_keeps_what_it_leads_to_for_as_long_as_it_does() {
    let world = World::new();
    let link = world.path("result");
    world.register(Keeper::Link, "result");
    let void = expect![[r#"
        void: …/result
    "#]];
    let kept = expect![[r#"
        app-1.0: the link …/result
    "#]];
    world.check(&[], &void);
    symlink(world.store.root(), world.path("way")).unwrap();
    symlink(world.store.path(&world.app), world.path("another")).unwrap();
    symlink(world.store.path(&world.app).join("file"), world.path("deep")).unwrap();
    fs::create_dir(world.path("empty")).unwrap();
    let app = world.app.as_str();
    let inside = format!("store/{app}/share/{}", world.other);
    for target in [
        world.store.path(&world.app),
        world.store.path(&world.app).join("bin/tool"),
        format!("store/{app}").into(),
        format!("way/{app}/").into(),
        format!("./empty/../way/{app}").into(),
        "another".into(),
        "deep".into(),
        "another/file".into(),
        // What lies in an entry and has an entry's name is none.
        inside.into(),
        // The store was elsewhere when the link was made.
        format!("/nowhere/{app}").into(),
    ] {
        symlink(&target, &link).unwrap();
        world.check(&[], &kept);
        fs::remove_file(&link).unwrap();
    }
    for target in ["/", "nowhere", "store", "empty", &format!("empty/{app}"), "file/x"] {
        symlink(target, &link).unwrap();
        world.check(&[], &void);
        fs::remove_file(&link).unwrap();
    }
    fs::write(&link, "").unwrap();
    world.check(&[], &void);
    fs::remove_file(&link).unwrap();
    fs::create_dir(&link).unwrap();
    world.check(&[], &void);
    fs::remove_dir(&link).unwrap();
    symlink("result", &link).unwrap();
    let circle = expect![[r#"
        `…/result` cannot be read: its links go in a circle
    "#]];
    world.check(&[], &circle);
}

#[test]
fn a_damaged_registration_stops_it() {
    let world = World::new();
    world.write("store/.roots/README", "");
    let foreign = expect![[r#"
        `…/store/.roots/README` cannot be read: it is not a registration as punix writes it
    "#]];
    world.check(&[], &foreign);
}

/// What is registered while somebody builds is there when a collection gets the lock.
#[test]
fn a_registration_is_made_under_the_lock_that_keeps_collections_out() {
    let world = World::new();
    let shared = world.store.share(asking()).unwrap();
    fs::create_dir(world.path("d")).unwrap();
    let registration = Registration::new(Keeper::Deployments, &world.path("d")).unwrap();
    std::thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let alone = world.store.exclude(asking()).unwrap();
            let roots = world.store.roots(&[], &[]).unwrap();
            world.store.collect(&alone, &roots.roots).unwrap().1.removed
        });
        world.record("d/Web/gen-1.json", &world.app);
        world.store.register(&shared, &registration).unwrap();
        drop(shared);
        assert_eq!(collector.join().unwrap(), std::slice::from_ref(&world.other));
    });
}
