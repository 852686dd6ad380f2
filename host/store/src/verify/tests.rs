use super::*;
use crate::testing::{Scratch, add_sample, derivation};
use expect_test::{Expect, expect};
use punix_disk::{RealDisk, SimulatedDisk};
use std::io::Write;
use std::os::unix::net::UnixListener;

/// Shows what is wrong with an entry after something was done to it.
fn check(harm: impl FnOnce(&SimulatedDisk, &dyn Fn(&str) -> PathBuf), expected: Expect) {
    let disk = SimulatedDisk::new();
    let derivation = derivation("hello", &[]);
    add_sample(&disk, &derivation);
    assert!(verify(&disk, derivation.name(), 1).unwrap().is_empty());
    harm(&disk, &|path| name_in(derivation.name(), path));
    let before = disk.snapshot();
    let damages = verify(&disk, derivation.name(), 2).unwrap();
    let shown: String = damages.iter().map(|damage| format!("{damage}\n")).collect();
    expected.assert_eq(&shown);
    assert_eq!(disk.snapshot(), before, "looking changes nothing");
}

fn write(disk: &SimulatedDisk, path: &Path, content: &[u8], mode: u32) {
    let _ = disk.remove(path);
    disk.create(path, mode).unwrap().write_all(content).unwrap();
}

#[test]
fn each_change_of_the_tree_is_named() {
    check(
        |disk, at| {
            write(disk, &at("bin/tool"), b"#!/bin/SH\n", 0o555);
            write(disk, &at("data"), b"longer than it was", 0o444);
            disk.remove(&at("share/two")).unwrap();
            disk.create_directory(&at("share/new"), 0o555).unwrap();
            write(disk, &at("share/new/file"), b"", 0o444);
            disk.remove(&at("lib")).unwrap();
            disk.create_link(&at("lib"), Path::new("/etc")).unwrap();
            disk.set_mode(&at("share/empty"), 0o755).unwrap();
        },
        expect![[r#"
            `share/new` does not belong there
            `share/new/file` does not belong there
            `share/two` is missing
            `bin/tool` has other content
            `data` has other content
            `lib` points elsewhere
            `share/empty` has mode 0755 instead of 0555
        "#]],
    );
}

#[test]
fn another_kind_is_named() {
    check(
        |disk, at| {
            disk.remove(&at("data")).unwrap();
            disk.create_directory(&at("data"), 0o555).unwrap();
            disk.remove_directory(&at("share/empty")).unwrap();
            write(disk, &at("share/empty"), b"", 0o444);
            disk.remove(&at("bin/tool")).unwrap();
            disk.create_link(&at("bin/tool"), Path::new("../data")).unwrap();
        },
        expect![[r#"
            `bin/tool` is of another kind
            `data` is of another kind
            `share/empty` is of another kind
        "#]],
    );
}

#[test]
fn our_own_files_are_looked_at_too() {
    check(
        |disk, at| {
            disk.set_mode(&at("built"), 0o644).unwrap();
            disk.set_mode(Path::new(at("x").parent().unwrap()), 0o755).unwrap();
            write(disk, &at("derivation.json"), b"{}", 0o444);
            disk.remove(&at("manifest.json")).unwrap();
        },
        expect![[r#"
            `derivation.json` cannot be read: `bootstrapMode` is not what it must be
            `.` has mode 0755 instead of 0555
            `built` has mode 0644 instead of 0444
            `manifest.json` cannot be read: cannot read `76410667e5032c1f9ff2030ced65f608-hello-1.0/manifest.json`: No such file or directory (os error 2)
        "#]],
    );
}

#[test]
fn a_marker_without_a_digest_is_none() {
    let none = "`built` is missing or is not a digest\n";
    let long = "0".repeat(64) + "\n\n";
    for text in ["", "\n", "0123\n", &"0".repeat(64), &long] {
        check(
            |disk, at| write(disk, &at("built"), text.as_bytes(), 0o444),
            Expect { position: expect![""].position, data: none, indent: false },
        );
    }
    check(
        |disk, at| disk.remove(&at("built")).unwrap(),
        expect![[r#"
            `built` is missing or is not a digest
        "#]],
    );
}

#[test]
fn a_manifest_that_was_changed_with_its_file_shows() {
    check(
        |disk, at| {
            let manifest = String::from_utf8(disk.read(&at("manifest.json"), 1 << 20).unwrap());
            let (old, new) = (Digest::of(b"some\ndata"), Digest::of(b"SOME\ndata"));
            let manifest = manifest.unwrap().replace(&old.to_string(), &new.to_string());
            write(disk, &at("manifest.json"), manifest.as_bytes(), 0o444);
            write(disk, &at("data"), b"SOME\ndata", 0o444);
        },
        expect![[r#"
            the tree of `manifest.json` has the digest 50d0a02faa85dec540425f0c928d2a84206799b536b5adbaff38c96c3ff767ba, `built` says fe291edd8af5e6617042cda1bdfdf89c8ee781ad2168efb30974ea63d5381896
        "#]],
    );
}

#[test]
fn a_derivation_must_be_that_of_the_entry() {
    check(
        |disk, at| {
            let other = derivation("other", &[]);
            write(disk, &at("derivation.json"), other.to_json().as_bytes(), 0o444);
        },
        expect![[r#"
            `derivation.json` cannot be read: it is that of `7bacca436e136cb1e5118206a4309df5-other-1.0`
        "#]],
    );
}

#[test]
fn what_no_tree_may_hold_is_named_too() {
    let scratch = Scratch::new();
    let disk = RealDisk::open(scratch.path()).unwrap();
    let derivation = derivation("hello", &[]);
    add_sample(&disk, &derivation);
    let entry = scratch.join(derivation.name().as_str());
    std::fs::remove_file(entry.join("data")).unwrap();
    let _sockets = ["data", "share/s"].map(|path| UnixListener::bind(entry.join(path)).unwrap());
    let damages = verify(&disk, derivation.name(), 2).unwrap();
    let shown: Vec<String> = damages.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["`share/s` does not belong there", "`data` is of another kind"]);
}

#[test]
fn what_is_no_entry_is_said_to_be_none() {
    let disk = SimulatedDisk::new();
    let name = derivation("hello", &[]).name().clone();
    let error = verify(&disk, &name, 1).unwrap_err();
    assert_eq!(error.to_string(), format!("`{name}` is not in the store"));
    disk.create_link(name.as_ref(), Path::new("elsewhere")).unwrap();
    let damages = verify(&disk, &name, 1).unwrap();
    assert!(matches!(damages[..], [Damage::NotADirectory]));
}
