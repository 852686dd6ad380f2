//! Damage: who sees it, who does not, and how it is made good.

use super::offer::{Item, Server, gzip, tar};
use super::{Home, copy, footprint, has, isolation, only, paths, set_mode, shell, tamper, text, tree};
use crate::support::Outcome;
use punix_store::Digest;
use std::fs;
use std::path::{Path, PathBuf};

fn repair(home: &Home, arguments: &[&str]) -> Outcome {
    home.punix([&["store", "repair", "--store-root", "store"], isolation(), arguments].concat())
}

fn verify(home: &Home) -> Outcome {
    home.punix(["store", "verify", "--store-root", "store"])
}

/// A library and what needs it, both with local sources.
fn two() -> (Home, PathBuf, PathBuf) {
    let home = Home::of(
        &(copy("Lib", "path = \"lib\"", "pname = \"lib\"")
            + &shell("App", "mkdir $OUTPUT/lib; cp -R $DEP_0/bin $DEP_0/share $OUTPUT/lib", "deps = [Lib.pname]")),
    );
    home.write("lib/bin/tool", "#!/bin/sh\n");
    home.write("lib/share/text", "text\n");
    let built = home.built(["p.pcl"]);
    let (lib, app) = (built["Lib"].clone(), built["App"].clone());
    (home, lib, app)
}

fn append(path: &Path) {
    set_mode(path, 0o644);
    fs::write(path, "other text\n").expect("it can be written");
    set_mode(path, 0o444);
}

/// Does something to a path.
type Damage = fn(&Path);

fn damages(lib: &Path) -> Vec<(PathBuf, Damage)> {
    let remove: Damage = |path| fs::remove_file(path).expect("it is there");
    let add: Damage = |path| fs::write(path, "x").expect("it can be written");
    let flip: Damage = |path| {
        let mut bytes = fs::read(path).expect("it can be read");
        bytes[2] ^= 1;
        set_mode(path, 0o644);
        fs::write(path, bytes).expect("it can be written");
        set_mode(path, 0o444);
    };
    let point: Damage = |path| {
        fs::remove_file(path).expect("it is there");
        super::link("elsewhere", path);
    };
    vec![
        (lib.join("share/text"), append),
        (lib.join("share/text"), flip),
        (lib.join("share/text"), remove),
        (lib.join("share/text"), point),
        (lib.join("share/more"), add),
        (lib.join("bin/tool"), |path| set_mode(path, 0o444)),
        (lib.join("share"), |path| set_mode(path, 0o755)),
        (lib.join("manifest.json"), append),
        (lib.join("derivation.json"), append),
        (lib.join("built"), append),
        (lib.join("manifest.json"), remove),
        (lib.join("built"), remove),
    ]
}

/// D20: whatever happened to an entry is found, and undone.
#[test]
fn every_damage_is_found_and_repaired() {
    let (home, lib, app) = two();
    let (whole, whole_app) = (tree(&lib), tree(&app));
    for (index, (path, damage)) in damages(&lib).into_iter().enumerate() {
        tamper(&path, damage);
        assert_ne!(tree(&lib), whole, "{index}");
        let found = verify(&home);
        assert_eq!(found.code, Some(1), "{index}: {found:#?}");
        has(&found.stderr, "[E21]");
        has(&found.stderr, "-lib-0` is damaged");
        let outcome = repair(&home, &["--from", "p.pcl"]);
        assert_eq!(paths(&outcome).len(), 1, "{index}: {outcome:#?}");
        assert_eq!((tree(&lib), tree(&app)), (whole.clone(), whole_app.clone()), "{index}: {}", path.display());
        assert_eq!(verify(&home).code, Some(0), "{index}");
        assert_eq!(home.leftovers(), [""; 0], "{index}");
    }
}

/// What `built` says is believed until somebody verifies: reading everything would make every run slow.
#[test]
fn a_damaged_entry_is_a_hit_until_it_is_verified() {
    let (home, lib, _) = two();
    tamper(&lib.join("share/text"), append);
    let outcome = home.build(["p.pcl"]);
    assert_eq!(paths(&outcome)["Lib"], lib);
    has(&outcome.stdout, "(all cached)");
    assert_eq!(text(&lib.join("share/text")), "other text\n");
}

#[test]
fn where_nothing_is_damaged_nothing_is_touched() {
    let (home, lib, _) = two();
    let before = footprint(&home.store());
    for arguments in [&[][..], &["--from", "p.pcl"], &[lib.to_str().expect("it is text")]] {
        let outcome = repair(&home, arguments);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:#?}");
        assert!(!outcome.stdout.is_empty(), "{outcome:#?}");
        let mut json = vec!["--json"];
        json.extend(arguments);
        assert_eq!(repair(&home, &json).json()["ok"].to_string(), "true");
    }
    assert_eq!(footprint(&home.store()), before);
}

/// An entry that was downloaded knows where from; what was local has to be shown.
#[test]
fn a_local_source_has_to_be_named() {
    let (home, lib, app) = two();
    let whole = tree(&lib);
    tamper(&lib.join("share/text"), append);
    let damaged = tree(&lib);
    let outcome = repair(&home, &[]);
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    has(&outcome.stderr, "-lib-0` is damaged: `share/text` has other content");
    has(&outcome.stderr, "it was built from a local directory or file");
    has(&outcome.stderr, "help: name the program that it is built from: `punix store repair --from FILE`");
    assert_eq!(tree(&lib), damaged);
    // `App` itself has no source, so it needs nothing but `Lib`, which has to be sound.
    tamper(&app.join("lib/share/text"), append);
    let outcome = repair(&home, &["--from", "p.pcl"]);
    assert_eq!(paths(&outcome).len(), 2, "{outcome:#?}");
    assert_eq!(tree(&lib), whole);
    assert_eq!(text(&app.join("lib/share/text")), "text\n");
}

/// A changed local source is another package, and does not repair this one.
#[test]
fn another_content_does_not_repair() {
    let (home, lib, _) = two();
    tamper(&lib.join("share/text"), append);
    home.write("lib/share/text", "new\n");
    let outcome = repair(&home, &["--from", "p.pcl"]);
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    has(&outcome.stderr, "-lib-0` is damaged");
    assert_eq!(text(&lib.join("share/text")), "other text\n");
}

/// What is made of something damaged would be damaged, too, and every digest would say that it is right.
#[test]
fn nothing_is_made_of_something_damaged() {
    let (home, lib, app) = two();
    let (whole_lib, whole_app) = (tree(&lib), tree(&app));
    tamper(&lib.join("share/text"), append);
    tamper(&app.join("lib/share/text"), append);
    let damaged = [tree(&lib), tree(&app)];
    // `App` could be made anew, but `Lib` cannot without its program.
    for arguments in [&[][..], &[app.to_str().expect("it is text")]] {
        let outcome = repair(&home, arguments);
        assert_eq!(outcome.code, Some(1), "{outcome:#?}");
        has(&outcome.stderr, "-App-0` is damaged");
        has(&outcome.stderr, "-lib-0` is, which it needs");
        assert_eq!([tree(&lib), tree(&app)], damaged, "{arguments:?}");
    }
    // Whoever names one has what it needs repaired with it.
    let outcome = repair(&home, &["--from", "p.pcl", app.to_str().expect("it is text")]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!((tree(&lib), tree(&app)), (whole_lib, whole_app));
}

#[test]
fn only_what_is_named_is_repaired() {
    let (home, lib, app) = two();
    let whole = tree(&lib);
    tamper(&lib.join("share/text"), append);
    tamper(&app.join("lib/share/text"), append);
    let before = footprint(&app);
    let outcome = repair(&home, &["--from", "p.pcl", lib.to_str().expect("it is text")]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(tree(&lib), whole);
    assert_eq!(footprint(&app), before);
    let outcome = repair(&home, &["nonsense"]);
    assert_eq!(outcome.code, Some(2), "{outcome:#?}");
}

#[test]
fn a_download_is_repaired_without_its_program() {
    let home = Home::new();
    let archive = gzip(&tar(&[Item::File("a/file", 0o644, b"content"), Item::File("a/run", 0o755, b"#!/bin/sh\n")]));
    let source = home.write("a.tar.gz", &archive);
    let served = tar(&[Item::File("file", 0o644, b"served"), Item::Link("link", "file")]);
    let server = Server::of("/b.tar", served.clone());
    let program = |module: &str, url: &str, bytes: &[u8]| {
        copy(module, &format!("type = \"url\"  url = \"{url}\"  hash = \"{}\"", Digest::of(bytes)), "")
    };
    let local = program("A", &format!("file://{}", source.display()), &archive);
    home.write("p.pcl", local + &program("B", &server.url("/b.tar"), &served));
    let built = home.built(["p.pcl"]);
    fs::remove_file(home.path("p.pcl")).expect("it is there");
    for clear in [false, true] {
        if clear {
            fs::remove_dir_all(home.path("home/.punix/cache")).expect("it is there");
        }
        for entry in built.values() {
            let whole = tree(entry);
            tamper(&entry.join("file"), append);
            let outcome = repair(&home, &[]);
            assert_eq!(outcome.code, Some(0), "{outcome:#?}");
            assert_eq!(tree(entry), whole);
        }
    }
    assert_eq!(server.heads().len(), 2, "once it was in the cache");
}

/// What cannot be made anew now is left as it is.
#[test]
fn a_repair_that_fails_takes_nothing_away() {
    let home = Home::new();
    let source = home.write("file.txt", "content");
    let hash = Digest::of(b"content");
    let url = format!("file://{}", source.display());
    home.write("p.pcl", copy("P", &format!("type = \"url\" url = \"{url}\" hash = \"{hash}\""), ""));
    let entry = only(home.built(["p.pcl"]));
    let whole = tree(&entry);
    tamper(&entry.join("file.txt"), append);
    let damaged = tree(&entry);
    fs::remove_file(&source).expect("it is there");
    fs::remove_dir_all(home.path("home/.punix/cache")).expect("it is there");
    let outcome = repair(&home, &["--from", "p.pcl"]);
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    has(&outcome.stderr, "[E9]");
    assert_eq!(tree(&entry), damaged);
    home.write("file.txt", "content");
    assert_eq!(repair(&home, &[]).code, Some(0));
    assert_eq!(tree(&entry), whole);
}
