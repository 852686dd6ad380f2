//! The same target by a program of its own: whatever does the work, the words are the same.

use super::{SERVICE, Scene};
use crate::support::{Outcome, skip};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Puts the program that machines of a kind are given beside a scene.
fn engine(scene: &Scene, architecture: &str) -> String {
    let system = format!("{architecture}-linux");
    let program = punix_bundle::targets().iter().find(|target| target.system == system);
    let path = scene.path("punix-target");
    fs::write(&path, program.expect("there is one for this machine").bytes()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    "./punix-target".to_owned()
}

/// Does everything that can be done with a stack, with these words besides.
fn all(scene: &Scene, more: &[&str]) -> Vec<(String, Outcome)> {
    let mut done = Vec::new();
    let mut say = |name: &str, outcome: Outcome| done.push((name.to_owned(), outcome));
    let deploy = |words: &[&str]| scene.deploy(&words.iter().chain(more).copied().collect::<Vec<_>>());
    let web = |verb: &str, words: &[&str]| scene.web(verb, &words.iter().chain(more).copied().collect::<Vec<_>>());
    say("deploy", deploy(&[]));
    say("again", deploy(&[]));
    say("loud", deploy(&["--scenario", "loud"]));
    say("history", web("history", &[]));
    say("status", web("status", &[]));
    say("why", web("why", &["/etc/web/a.conf"]));
    fs::write(scene.path("host/etc/web/a.conf"), "by hand\n").unwrap();
    say("verify", web("verify", &[]));
    say("repair", web("repair", &[]));
    say("rollback", web("rollback", &["--resolve-secrets"]));
    say("diff", web("diff", &["1", "2"]));
    say("set-current", web("set-current", &["2"]));
    say("trim", web("trim", &["--keep", "1"]));
    say("remove", web("remove", &[]));
    say("list", scene.punix(["service", "list"].iter().chain(&super::ROOT).chain(more)));
    say("nothing", web("rollback", &[]));
    done
}

/// Does everything in this process and by a program, which have to say the same.
#[track_caller]
fn is_the_same(there: &Scene, engine: &str) {
    let here = Scene::of(SERVICE);
    let (expected, done) = (all(&here, &[]), all(there, &["--target-bin", engine]));
    for ((name, expected), (_, done)) in expected.iter().zip(&done) {
        assert_eq!(done.code, expected.code, "{name}: {}", done.stderr);
        assert_eq!(done.stdout, expected.stdout, "{name}");
        assert_eq!(done.stderr, expected.stderr, "{name}");
    }
}

#[test]
fn a_program_of_its_own_does_the_same() {
    let there = Scene::of(SERVICE);
    is_the_same(&there, &engine(&there, std::env::consts::ARCH));
}

/// As far as an emulator is another kind of machine.
#[test]
fn the_program_for_the_other_architecture_does_the_same() {
    let (other, emulator) = match std::env::consts::ARCH {
        "x86_64" => ("aarch64", "/usr/bin/qemu-aarch64"),
        _ => ("x86_64", "/usr/bin/qemu-x86_64"),
    };
    if !Path::new(emulator).exists() {
        skip(&format!("there is no `{emulator}`, in which the program for other machines runs"));
        return;
    }
    let there = Scene::of(SERVICE);
    let program = there.path(&engine(&there, other));
    there.write("emulated", &format!("#!/bin/sh\nexec {emulator} {} \"$@\"\n", program.display()));
    fs::set_permissions(there.path("emulated"), fs::Permissions::from_mode(0o755)).unwrap();
    is_the_same(&there, "./emulated");
}

#[test]
fn a_program_that_is_none_is_an_error_with_its_name() {
    let scene = Scene::of(SERVICE);
    let outcome = scene.web("history", &["--target-bin", "./nothing"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    let scene = Scene::of(SERVICE);
    scene.deploy(&[]);
    let outcome = scene.web("history", &["--target-bin", "./nothing"]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("`./nothing` cannot be run: No such file or directory"), "{}", outcome.stderr);
    let outcome = scene.web("history", &["--target-bin", "/bin/true"]);
    assert!(outcome.code == Some(3) && outcome.stderr.contains("[E31]"), "{}", outcome.stderr);
}
