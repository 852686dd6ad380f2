//! Archives made by the system's programs, and compared with what the system's `tar` makes of them.

use super::*;
use crate::testing::skip;
use std::os::unix::fs::{FileExt, symlink};
use std::process::Command;

/// Makes a tree with something of everything, and returns where it is.
fn tree(scratch: &Scratch) -> PathBuf {
    let top = scratch.join("tree");
    let long = format!("{}/{}", "l".repeat(120), "m".repeat(130));
    for directory in ["bin", "empty", "deep/er/est", &long] {
        fs::create_dir_all(top.join(directory)).unwrap();
    }
    let write = |name: &[u8], content: &[u8], mode: u32| {
        let path = top.join(raw(name));
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    write(b"bin/tool", b"#!/bin/sh\n", 0o755);
    write(b"bin/plain", &[b'p'; 70_000], 0o644);
    write(b"deep/er/est/none", b"", 0o644);
    write(b"blank name\nand line", b"1", 0o644);
    write(b"\xff\xfe", b"2", 0o644);
    write(format!("{long}/{}", "n".repeat(140)).as_bytes(), b"3", 0o644);
    fs::hard_link(top.join("bin/tool"), top.join("deep/second")).unwrap();
    symlink("../bin/tool", top.join("deep/link")).unwrap();
    symlink("nowhere", top.join("dangling")).unwrap();
    symlink(long, top.join("far")).unwrap();
    let holes = File::create(top.join("holes")).unwrap();
    // More pieces than a header or the block after it holds.
    for piece in 1..40 {
        holes.write_all_at(b"piece", piece * 100_000).unwrap();
    }
    holes.set_len(4_000_000).unwrap();
    top
}

fn run(program: &str, arguments: &[&str], directory: &Path) {
    let output = Command::new(program).args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_missing(program: &str) -> bool {
    let missing = Command::new(program).arg("--version").output().is_err();
    if missing {
        skip(&format!("`{program}` is not installed"));
    }
    missing
}

#[test]
fn a_tree_is_what_the_system_makes_of_it() {
    if is_missing("tar") {
        return;
    }
    let scratch = Scratch::new();
    tree(&scratch);
    for form in ["gnu", "oldgnu", "posix"] {
        for sparse in
            [&[][..], &["--sparse", "--sparse-version=0.0"], &["--sparse", "--sparse-version=0.1"], &["--sparse"]]
        {
            let theirs = scratch.join("theirs");
            fs::create_dir(&theirs).unwrap();
            let form = format!("--format={form}");
            run("tar", &[&["-cf", "tree.tar", &form][..], sparse, &["tree"]].concat(), scratch.path());
            run("tar", &["-xf", "../tree.tar"], &theirs);
            let place = Place::new();
            let archive = fs::read(scratch.join("tree.tar")).unwrap();
            place.unpack(PLAIN, &archive, &Limits::default()).unwrap();
            assert!(found(&place.top()) == found(&theirs), "{form} {sparse:?}");
            let inode = |name: &str| fs::metadata(place.top().join(name)).unwrap().ino();
            assert_eq!(inode("tree/bin/tool"), inode("tree/deep/second"));
            fs::remove_dir_all(theirs).unwrap();
        }
    }
}

#[test]
fn a_zip_archive_is_what_it_was_made_from() {
    if is_missing("zip") {
        return;
    }
    let scratch = Scratch::new();
    let top = tree(&scratch);
    let wanted: BTreeMap<_, _> = found(&top).into_iter().map(|(path, found)| (path, without_time(found))).collect();
    let archive = scratch.join("tree.zip");
    for arguments in [&["-qry"][..], &["-qry0X", "-fz"]] {
        run("zip", &[arguments, &["../tree.zip", "."]].concat(), &top);
        let found = accepted(Format::Zip, &fs::read(&archive).unwrap());
        let found: BTreeMap<_, _> = found.into_iter().map(|(path, found)| (path, without_time(found))).collect();
        assert!(found == wanted, "{arguments:?}");
        fs::remove_file(&archive).unwrap();
    }
}

/// Without extra fields, times in zip archives are those of an unknown zone.
fn without_time(found: Found) -> Found {
    match found {
        Found::File { content, mode, .. } => Found::File { content, mode, modified: 0 },
        other => other,
    }
}
