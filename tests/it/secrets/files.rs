//! `from_file`: what counts as a file, and that one which is replaced meanwhile is the old or the new.

use super::{Place, fine, program};
use crate::support::{Outcome, run, scrubbed};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// Returns what a program with one secret from a file says of it.
fn said(place: &Place) -> String {
    heard(&place.check(&[]))
}

fn heard(outcome: &Outcome) -> String {
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let error = outcome.stderr.lines().find(|line| line.contains("error: ")).unwrap_or_default().to_owned();
    error.split_once("error: ").map_or(error.clone(), |(_, rest)| rest.to_owned())
}

fn place() -> Place {
    Place::of(&program(&[("from_file", "secret")]))
}

#[test]
fn only_a_regular_file_is_one() {
    let place = place();
    let file = place.path("web/secret");
    assert_eq!(said(&place), "[E11] secret(s) not set: from_file:secret");
    symlink("nowhere", &file).expect("it can be made");
    assert_eq!(said(&place), "[E11] secret(s) not set: from_file:secret");
    let cannot = |why: &str| format!("[E34] the secret `from_file:secret` cannot be read: `secret` {why}");
    let again = |target: &str| {
        fs::remove_file(&file).expect("it is there");
        symlink(target, &file).expect("it can be made");
    };
    again("/dev/zero");
    assert_eq!(said(&place), cannot("is a device"));
    again("/proc/self/environ");
    assert_eq!(said(&place), cannot("is one of the files in which the system shows itself or its devices"));
    again("secret");
    assert_eq!(said(&place), cannot("leads through too many links"));
    again(".");
    assert_eq!(said(&place), cannot("is a directory"));
    fs::remove_file(&file).expect("it is there");
    let socket = UnixListener::bind(&file).expect("it can be made");
    assert_eq!(said(&place), cannot("is a socket"));
    drop(socket);
    fs::remove_file(&file).expect("it is there");
    let made = Command::new("mkfifo").arg(&file).status().expect("mkfifo can be started");
    assert!(made.success());
    assert_eq!(said(&place), cannot("is a pipe"));
    fs::remove_file(&file).expect("it is there");
    fs::write(&file, vec![b'x'; (1 << 20) + 1]).expect("it can be written");
    assert_eq!(said(&place), cannot("is larger than 1024 KiB"));
}

#[test]
fn bytes_that_are_no_text_are_refused_where_text_is_needed() {
    let place = place();
    fs::write(place.path("web/secret"), b"swordfish\xff\xfe").expect("it can be written");
    assert_eq!(place.check(&[]).code, Some(0), "it is there, and it can be read");
    let refused = place.deploy(&[]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("error: [E33] the secret `from_file:secret`"), "{refused:?}");
    assert!(!refused.stderr.contains("swordfish"), "{refused:?}");
}

#[test]
fn one_newline_goes_and_links_lead_anywhere() {
    let place = place();
    for (bytes, expected) in [("v\n", "v"), ("v\n\n", "v\\n"), ("v", "v"), ("\n", ""), ("", ""), ("v\r\n", "v\\r")] {
        fs::write(place.path("web/secret"), bytes).expect("it can be written");
        fine(place.deploy(&[]));
        let conf = place.read("host/etc/web/conf.json");
        assert!(conf.contains(&format!("\"s0\": \"{expected}\"")), "{bytes:?}: {conf}");
    }
    // As agents do it: a link to a directory that is swapped.
    place.write("agent/..1/secret", "of the agent\n");
    symlink("..1", place.path("agent/..data")).expect("it can be made");
    symlink("..data/secret", place.path("agent/secret")).expect("it can be made");
    fs::remove_file(place.path("web/secret")).expect("it is there");
    symlink("../agent/secret", place.path("web/secret")).expect("it can be made");
    fine(place.deploy(&[]));
    assert!(place.read("host/etc/web/conf.json").contains("of the agent"));
}

/// A writer replaces the file as fast as it can, in one step each time, as agents do; sizes differ, so that a mix would show.
#[test]
fn a_file_that_is_replaced_meanwhile_is_the_old_or_the_new() {
    let place = place();
    let file = place.path("web/secret");
    let value = |letter: char, length: usize| letter.to_string().repeat(length);
    let all = [value('a', 40_000), value('b', 9), value('c', 60_000), value('d', 4_097)];
    fs::write(&file, &all[0]).expect("it can be written");
    let over = AtomicBool::new(false);
    let replaced = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let draft = place.path("web/.draft");
            let mut count = 0_usize;
            while !over.load(Ordering::SeqCst) {
                fs::write(&draft, &all[count % all.len()]).expect("it can be written");
                fs::rename(&draft, &file).expect("it can be replaced");
                count += 1;
            }
            count
        });
        for _ in 0..25 {
            fine(place.deploy(&[]));
            let conf = place.read("host/etc/web/conf.json");
            let found = conf.split("\"s0\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            assert!(all.iter().any(|value| value == found), "a mix of {} bytes: {:.20}", found.len(), found);
        }
        over.store(true, Ordering::SeqCst);
        writer.join().expect("the writer goes on to the end")
    });
    assert!(replaced > 25, "it was replaced only {replaced} times");
}

#[test]
fn who_may_not_read_it_is_told_so() {
    let place = place();
    let file = place.path("web/secret");
    fs::write(&file, "x").expect("it can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).expect("it is ours");
    let asking = place.command(["secrets", "check", "Web", "--file", "web/p.pcl"]);
    // Whoever may read everything asks as somebody who may not.
    let outcome = if fs::read(&file).is_ok() { run(without_privilege(&asking)) } else { run(asking) };
    assert_eq!(heard(&outcome), "[E34] the secret `from_file:secret` cannot be read: `secret` is not for this user");
}

/// Returns a command that is kept from files as everybody is.
fn without_privilege(command: &Command) -> Command {
    let mut kept = scrubbed("setpriv");
    kept.args(["--bounding-set", "-dac_override,-dac_read_search"]).arg(command.get_program()).args(command.get_args());
    kept.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(directory) = command.get_current_dir() {
        kept.current_dir(directory);
    }
    kept
}
