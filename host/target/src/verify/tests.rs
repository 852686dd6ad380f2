use super::*;
use crate::planted::{self, disk, generation, record, row, target, write};
use expect_test::{Expect, expect};
use punix_disk::SimulatedDisk;
use punix_store::Digest;

/// A generation that is as it was left: a plain file, a secret one, in a directory that we made.
fn planted() -> (SimulatedDisk, Generation) {
    let disk = disk();
    let it = target(&disk);
    let mut secret = row("/etc/app/secret", b"");
    secret.mark = planted::key(&it).mark(b"hunter2");
    secret.mode = 0o600;
    let generation = generation(1, vec![row("/etc/app/plain", b"plain"), secret]);
    record(&it, &generation);
    planted::ledger(&it, &["/etc/app/plain", "/etc/app/secret"], &["/etc/app"]);
    write(&disk, "etc/app/plain", 0o644, b"plain");
    write(&disk, "etc/app/secret", 0o600, b"hunter2");
    (disk, generation)
}

#[track_caller]
fn finds(disk: &SimulatedDisk, generation: &Generation, expected: &Expect) {
    let findings = verify(&target(disk), generation, Depth::Content).unwrap();
    let line = |finding: &Finding| match &finding.at {
        Spot::File(path) | Spot::Own(path) => format!("{path}: {}\n", finding.drift),
        Spot::Store(path) => format!("{path}: {}\n", finding.drift),
    };
    expected.assert_eq(&findings.iter().map(line).collect::<String>());
}

#[track_caller]
fn after(change: impl FnOnce(&SimulatedDisk, &mut Generation), expected: &Expect) {
    let (disk, mut generation) = planted();
    change(&disk, &mut generation);
    finds(&disk, &generation, expected);
}

fn at(text: &str) -> &Path {
    Path::new(text)
}

#[test]
fn what_is_as_it_was_left_is_not_spoken_of() {
    after(|_, _| {}, &expect![""]);
}

#[test]
fn every_attribute_of_a_file_counts() {
    after(|disk, _| disk.remove(at("etc/app/plain")).unwrap(), &expect!["/etc/app/plain: it is missing\n"]);
    after(
        |disk, _| {
            disk.remove(at("etc/app/plain")).unwrap();
            write(disk, "etc/app/plain", 0o644, b"other");
        },
        &expect!["/etc/app/plain: it holds something else\n"],
    );
    after(
        |disk, _| disk.set_mode(at("etc/app/secret"), 0o644).unwrap(),
        &expect!["/etc/app/secret: its mode is 0644 instead of 0600\n"],
    );
    after(
        |disk, _| {
            disk.remove(at("etc/app/plain")).unwrap();
            disk.create_link(at("etc/app/plain"), at("secret")).unwrap();
        },
        &expect!["/etc/app/plain: it is a link to `secret` instead of a file\n"],
    );
    after(
        |disk, _| {
            disk.remove(at("etc/app/plain")).unwrap();
            disk.create_directory(at("etc/app/plain"), 0o755).unwrap();
        },
        &expect!["/etc/app/plain: it is a directory instead of a file\n"],
    );
}

#[test]
fn whose_a_file_is_counts() {
    after(
        |disk, generation| {
            write(disk, "etc/passwd", 0o644, b"app:x:7:8::/:/\n");
            generation.files[0].owner = Some("app".to_owned());
            generation.files[0].group = Some("gone".to_owned());
        },
        &expect![[r#"
            /etc/app/plain: it belongs to the user 0 instead of `app`
            /etc/app/plain: the user or group `gone`, to which it should belong, is not known there
        "#]],
    );
}

#[test]
fn what_lies_in_our_directories_and_is_nobodys_is_a_stray() {
    after(
        |disk, generation| {
            write(disk, "etc/app/stray", 0o644, b"");
            disk.create_directory(at("etc/app/cache"), 0o755).unwrap();
            disk.create_directory(at("etc/app/state"), 0o755).unwrap();
            write(disk, "etc/foreign", 0o644, b"");
            generation.state_dirs.push("/etc/app/state".to_owned());
        },
        &expect![[r#"
            /etc/app/cache: it does not belong there
            /etc/app/stray: it does not belong there
        "#]],
    );
}

/// A directory above was replaced by a link: what it leads to may look the same, and is not ours.
#[test]
fn where_links_lead_counts() {
    after(
        |disk, _| {
            disk.replace(at("etc/app"), at("elsewhere")).unwrap();
            disk.create_link(at("etc/app"), at("/elsewhere")).unwrap();
        },
        &expect![[r#"
            /etc/app/plain: links above it lead to `/elsewhere/plain` now, which is not ours
            /etc/app/secret: links above it lead to `/elsewhere/secret` now, which is not ours
        "#]],
    );
    after(
        |disk, _| {
            disk.replace(at("etc/app"), at("elsewhere")).unwrap();
            write(disk, "etc/app", 0o644, b"");
        },
        &expect![[r#"
            /etc/app/plain: it cannot be looked at: `/etc/app` is not a directory
            /etc/app/secret: it cannot be looked at: `/etc/app` is not a directory
        "#]],
    );
}

#[test]
fn the_key_is_looked_at() {
    after(
        |disk, _| disk.remove(at("d/.key")).unwrap(),
        &expect!["/d/.key: the key is missing, so files with secrets cannot be compared\n"],
    );
    after(
        |disk, _| disk.set_mode(at("d/.key"), 0o644).unwrap(),
        &expect!["/d/.key: with the mode 0644 others can read the key\n"],
    );
}

#[test]
fn entries_of_the_store_are_looked_at() {
    const ENTRY: &str = "/store/0123456789abcdef0123456789abcdef-a-1";
    after(
        |_, generation| generation.store_paths.push(ENTRY.to_owned()),
        &expect!["/store/0123456789abcdef0123456789abcdef-a-1: the entry is missing, or not whole\n"],
    );
}

/// In an old record is the digest of a secret file; of one with an artifact it is that of another text.
#[test]
fn old_records_are_compared_as_far_as_they_go() {
    let withheld = |why| {
        move |_: &SimulatedDisk, generation: &mut Generation| {
            generation.files[1].mark = Mark::Sha256(Digest::of(b"another"));
            generation.files[1].withheld = Some(why);
        }
    };
    after(withheld(Withheld::Secret), &expect!["/etc/app/secret: it holds something else\n"]);
    after(withheld(Withheld::Artifact), &expect![""]);
}

#[test]
fn a_path_that_another_stack_has_is_no_stray() {
    let (disk, generation) = planted();
    write(&disk, "etc/app/theirs", 0o644, b"");
    finds(&disk, &generation, &expect!["/etc/app/theirs: it does not belong there\n"]);
    disk.remove(at("d/ledger.json")).unwrap();
    planted::ledger(&target(&disk), &["/etc/app/plain", "/etc/app/secret", "/etc/app/theirs"], &["/etc/app"]);
    finds(&disk, &generation, &expect![""]);
}
