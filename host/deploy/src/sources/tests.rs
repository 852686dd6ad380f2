use super::*;
use crate::testing::{design, lines, source};
use expect_test::{Expect, expect};
use std::os::unix::fs::symlink;
use tempfile::TempDir;

/// A directory with a stack's files, as one has them.
fn tree() -> TempDir {
    let dir = TempDir::new().unwrap();
    let base = dir.path().join("stack");
    for (path, text) in [
        ("files/one.txt", "one\n"),
        ("files/sub/two.txt", "two\n"),
        ("files/sub-a", "a\n"),
        ("files/old.bak", "old\n"),
        ("files/sub/deep/old.bak", "old\n"),
        ("beside.txt", "beside\n"),
    ] {
        let path = base.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(base.join("files/run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(base.join("files/run.sh"), fs::Permissions::from_mode(0o764)).unwrap();
    fs::create_dir(base.join("empty")).unwrap();
    fs::write(base.join("binary"), b"\xff\xfe").unwrap();
    fs::write(dir.path().join("outside"), "outside\n").unwrap();
    dir
}

fn read(dir: &TempDir, from: &str, exclude: &[&str]) -> Result<Vec<SourceFile>, String> {
    let mut design = design();
    design.files = vec![source("/etc/app/t", from, exclude)];
    let found = read_sources(&design, &dir.path().join("stack"));
    let real = fs::canonicalize(dir.path()).unwrap().display().to_string();
    found.map(|sources| sources.0.into_iter().next().unwrap()).map_err(|errors| lines(&errors).replace(&real, "DIR"))
}

#[track_caller]
fn text(file: &SourceFile) -> &str {
    let SourceHeld::Text(text) = &file.held else { panic!("{file:?}") };
    text
}

#[track_caller]
fn check(from: &str, exclude: &[&str], expected: &[(&str, &str, bool)]) {
    let found = read(&tree(), from, exclude).unwrap();
    let found: Vec<(&str, &str, bool)> =
        found.iter().map(|file| (file.below.as_deref().unwrap_or_default(), text(file), file.executable)).collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn check_err(from: &str, exclude: &[&str], expected: Expect) {
    expected.assert_eq(&read(&tree(), from, exclude).unwrap_err());
}

#[test]
fn a_file_is_the_file_and_a_directory_all_that_is_in_it() {
    check("files/one.txt", &[], &[("", "one\n", false)]);
    check("./files/../beside.txt", &[], &[("", "beside\n", false)]);
    check(
        "files/",
        &[],
        &[
            ("old.bak", "old\n", false),
            ("one.txt", "one\n", false),
            ("run.sh", "#!/bin/sh\n", true),
            ("sub/deep/old.bak", "old\n", false),
            ("sub/two.txt", "two\n", false),
            ("sub-a", "a\n", false),
        ],
    );
    check(
        "files",
        &["*.bak", "sub/*"],
        &[("one.txt", "one\n", false), ("run.sh", "#!/bin/sh\n", true), ("sub-a", "a\n", false)],
    );
}

#[test]
fn what_cannot_be_had_is_told_where_it_is_written() {
    check_err(
        "nope",
        &[],
        expect![[r#"
            11: [E9] config file `/etc/app/t`: cannot read the source `DIR/stack/nope`: No such file or directory (os error 2)
        "#]],
    );
    check_err(
        "binary",
        &[],
        expect![[r#"
            11: [E9] config file `/etc/app/t`: the source `DIR/stack/binary` is not valid UTF-8
              help: config files are text; bring other files in a package
        "#]],
    );
    check_err(
        "empty",
        &[],
        expect![[r#"
            11: [E9] config file `/etc/app/t`: the source directory `DIR/stack/empty` holds no files
        "#]],
    );
    check_err(
        "files",
        &["*"],
        expect![[r#"
            11: [E9] config file `/etc/app/t`: `exclude` leaves out all 6 files of `DIR/stack/files` (`*`)
              help: a stack that wants none of these files does not name the directory: look for a slip in a pattern
        "#]],
    );
    check_err(
        "files/one.txt",
        &["*"],
        expect![[r#"
            11: [E9] config file `/etc/app/t`: the source `DIR/stack/files/one.txt` is a file, and `exclude` is for what is in a directory
              help: leave `exclude` out
        "#]],
    );
    check_err(
        "files",
        &["", "*.bak"],
        expect![[r#"
            11: [E9] config file `/etc/app/t`: `` in `exclude` matches nothing
              help: write a name, such as `*.bak` or `sub/*`
        "#]],
    );
}

#[test]
fn nothing_leads_out_of_the_directory_of_the_stack() {
    check_err(
        "../outside",
        &[],
        expect![[r#"
            11: [E9] config file `/etc/app/t`: the source `../outside` leads out of the directory of the stack, `DIR/stack`
              help: a relative source stays below the directory of the stack's file; an absolute path to a file may be anywhere
        "#]],
    );
    let dir = tree();
    let outside = dir.path().join("outside");
    assert_eq!(text(&read(&dir, outside.to_str().unwrap(), &[]).unwrap()[0]), "outside\n");

    symlink("../beside.txt", dir.path().join("stack/files/in")).unwrap();
    symlink("sub", dir.path().join("stack/files/directory")).unwrap();
    let found = read(&dir, "files", &["sub/*", "*.bak", "*.txt", "run.sh", "sub-a"]).unwrap();
    assert_eq!(
        found,
        [SourceFile { below: Some("in".to_owned()), held: SourceHeld::Text("beside\n".to_owned()), executable: false }]
    );

    symlink("../../outside", dir.path().join("stack/files/out")).unwrap();
    expect![[r#"
        11: [E9] config file `/etc/app/t`: `out` leads to `DIR/outside`, which is outside of the directory of the stack, `DIR/stack`
          help: a link in a source directory stays below the directory of the stack: copy the file, or leave it out with `exclude`
    "#]]
    .assert_eq(&read(&dir, "files", &[]).unwrap_err());
    assert!(read(&dir, "files", &["out"]).is_ok());

    symlink("../outside", dir.path().join("stack/link")).unwrap();
    assert!(read(&dir, "link", &[]).unwrap_err().contains("leads out of"));
    symlink("nowhere", dir.path().join("stack/files/dangling")).unwrap();
    assert!(read(&dir, "files", &["out"]).unwrap_err().contains("cannot read the source"));
}

#[test]
fn a_large_file_stays_where_it_is_unless_it_is_a_secret() {
    let dir = tree();
    let path = dir.path().join("stack/large");
    // No power of two is a multiple of three.
    let text = "äö€\n".repeat(200_000);
    fs::write(&path, &text).unwrap();
    let held = |is_secret| {
        let mut design = design();
        design.files = vec![source("/etc/app/t", "large", &[])];
        design.files[0].secret = is_secret;
        let sources = read_sources(&design, &dir.path().join("stack")).map_err(|errors| lines(&errors))?;
        Ok::<_, String>(sources.0[0][0].held.clone())
    };
    assert_eq!(held(true), Ok(SourceHeld::Text(text.clone())));
    let SourceHeld::Large(body) = held(false).unwrap() else { panic!("it is in memory") };
    assert_eq!(body, Body::from(text.clone().into_bytes()));
    for end in ["\u{e4}".as_bytes().split_at(1).0, b"\xff", b"\xff and more"] {
        fs::write(&path, [text.as_bytes(), end].concat()).unwrap();
        assert!(held(false).unwrap_err().contains("is not valid UTF-8"), "{end:?}");
    }
    fs::File::create(&path).unwrap().set_len(SOURCE_BYTES_MAX + 1).unwrap();
    assert!(held(false).unwrap_err().contains("is too large"));
}

#[test]
fn what_is_text_is_text_in_any_pieces() {
    let all = "a\u{e4}\u{20ac}\u{1f600}z".as_bytes();
    for bad in [None, Some(2), Some(4), Some(8)] {
        let mut bytes = all.to_vec();
        if let Some(at) = bad {
            bytes[at] = 0xff;
        }
        for size in 1..=bytes.len() {
            let mut text = Text::default();
            bytes.chunks(size).for_each(|piece| text.add(piece));
            assert_eq!(text.is_whole(), bad.is_none(), "{size} {bad:?}");
        }
        let mut text = Text::default();
        text.add(&bytes[..bytes.len() - 2]);
        assert!(!text.is_whole());
    }
}

#[test]
fn a_pipe_is_not_waited_for() {
    let dir = tree();
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("stack/pipe")).status();
    assert!(made.is_ok_and(|status| status.success()));
    assert!(read(&dir, "pipe", &[]).unwrap_err().contains("is neither a file nor a directory"));
}

#[test]
fn all_sources_are_looked_at_before_anything_is_refused() {
    let dir = tree();
    let mut design = design();
    design.files = vec![source("/etc/a", "nope", &[]), source("/etc/b", "files", &[]), source("/etc/c", "empty", &[])];
    assert_eq!(read_sources(&design, &dir.path().join("stack")).unwrap_err().len(), 2);
    design.files.clear();
    assert_eq!(read_sources(&design, Path::new("/nowhere/at/all")), Ok(Sources::default()));
}
