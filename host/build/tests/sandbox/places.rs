//! Where things are seen: below other things, behind links, many, with any names.

use crate::world::{World, printed};
use punix_build::sandbox::{PlanError, SandboxError};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

#[test]
fn a_place_in_a_read_only_tree_hides_what_is_beside_it() {
    let mut world = World::new();
    let tree = world.tree("tree", &["other/file", "store/a/file", "store/b/file", "store/c/file"]);
    let new = world.tree("staging", &[]);
    world.show(&tree, "/opt");
    world.show(tree.join("store/a"), "/opt/store/a");
    world.show_writable(&new, "/opt/store/d");
    let outcome = world.sh("cd /opt; echo * store/* */*/*; echo made >store/d/made
         (echo >store/x) 2>/dev/null; (echo >store/a/x) 2>/dev/null; ls store/b 2>/dev/null; ls store");
    assert_eq!(outcome, printed("other store store/a store/d store/a/file\na\nd\n"));
    assert_eq!(fs::read_to_string(new.join("made")).unwrap(), "made\n");
    assert!(!tree.join("store/d").exists());
}

#[test]
fn a_place_in_a_writable_tree_is_made_there() {
    let mut world = World::new();
    let work = world.tree("work", &["script.sh"]);
    let input = world.tree("input", &["file"]);
    world.show_writable(&work, "/build");
    world.show(work.join("script.sh"), "/build/script.sh");
    world.show(&input, "/build/deep/input");
    world.show(&input, "/tmp/store/input");
    let outcome = world
        .sh("cd /build; (echo x >script.sh) 2>/dev/null || echo kept; rm -f script.sh 2>/dev/null || echo still
         cat script.sh deep/input/file /tmp/store/input/file");
    assert_eq!(outcome, printed("kept\nstill\nscript.shfilefile"));
    // Only its top is made outside; the rest is in memory, however many places there are.
    assert!(work.join("deep").is_dir() && !work.join("deep/input").exists());
}

#[test]
fn a_link_stays_one_if_what_it_leads_to_is_seen() {
    let mut world = World::new();
    let tree = world.tree("tree", &["real/file", "elsewhere"]);
    symlink("real", tree.join("inner")).unwrap();
    symlink("../tree/elsewhere", tree.join("outer")).unwrap();
    world.show(tree.join("real"), "/here/real");
    world.show(tree.join("inner"), "/here/inner");
    world.show(tree.join("outer"), "/here/outer");
    let outcome = world.sh("cd /here; readlink inner; cat inner/file; echo; cat outer; [ -L outer ] || echo .");
    assert_eq!(outcome, printed("real\nreal/file\nelsewhere.\n"));
}

#[test]
fn what_is_mounted_below_is_seen_and_read_only() {
    let mut world = World::new();
    world.show("/dev", "/machine");
    let outcome =
        world.sh("[ -d /machine/shm ] && echo there; (echo >/machine/shm/punix) 2>/dev/null || echo not written");
    if !Path::new("/dev/shm").is_dir() {
        return crate::world::skip("nothing is mounted below /dev");
    }
    assert_eq!(outcome, printed("there\nnot written\n"));
}

#[test]
fn names_can_be_anything() {
    let mut world = World::new();
    for name in [&b"a b"[..], b"a\nb\t\\040", b"\xff\xfe", b"'\"$HOME", "grüße".as_bytes()] {
        let name = Path::new(OsStr::from_bytes(name));
        fs::create_dir(world.path("x").join(name)).or_else(|_| fs::create_dir_all(world.path("x").join(name))).unwrap();
        fs::write(world.path("x").join(name).join("file"), "here\n").unwrap();
        world.show(world.path("x").join(name), Path::new("/n").join(name));
    }
    let outcome = world.sh("cat /n/*/file; (echo > $'/n/a\\nb\\t\\\\040/file') 2>/dev/null || echo kept");
    assert_eq!(outcome, printed("here\nhere\nhere\nhere\nhere\nkept\n"));
}

#[test]
fn there_can_be_thousands() {
    let mut world = World::new();
    let entry = world.tree("entry", &["file"]);
    for number in 0..2_000 {
        world.show(&entry, format!("/a/store/{number:032}-entry-1.0"));
    }
    let outcome = world.sh("cd /a/store; set -- */file; echo $#; (echo >$2) 2>/dev/null || echo kept");
    assert_eq!(outcome, printed("2000\nkept\n"));
}

#[test]
fn places_that_cannot_be_are_refused() {
    let world = World::new();
    let tree = world.tree("tree", &["file", "directory/file"]);
    symlink("directory", tree.join("link")).unwrap();
    let refused = |inside: &[&str]| {
        let mut world = World::new();
        for inside in inside {
            world.show(&tree, inside);
        }
        match world.try_sh("true") {
            Err(SandboxError::Plan(error)) => error,
            other => panic!("{inside:?}: {other:?}"),
        }
    };
    for inside in ["/", "relative", "/a/../b", "/proc", "/proc/x", "/dev/null", "/a//b", "/a/"] {
        assert!(matches!(refused(&[inside]), PlanError::Inside { .. }), "{inside}");
    }
    assert!(matches!(refused(&["/a", "/a"]), PlanError::Twice { .. }));
    assert!(matches!(refused(&["/tmp"]), PlanError::Twice { .. }));
    assert!(matches!(refused(&["/a", "/a/link/x"]), PlanError::BelowLink { .. }));
    assert!(matches!(refused(&["/a", "/a/missing"]), PlanError::NoPlace { .. }));
    let mut world = World::new();
    world.show(tree.join("missing"), "/a");
    assert!(matches!(world.try_sh("true"), Err(SandboxError::Plan(PlanError::Outside { .. }))));
    world = World::new();
    world.job.directory = "/nowhere".into();
    let error = world.try_sh("true").unwrap_err().to_string();
    assert_eq!(error, "cannot enter the directory `/nowhere`: No such file or directory (os error 2)");
}
