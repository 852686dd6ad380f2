//! `punix fmt`: words, exit codes and files; and that no program of this repository is harmed by it.
//!
//! The layout itself has its tests beside the code, in `host/pcl/src/print/tests`.

use crate::support::{Folder, punix, root, run_with_input};
use expect_test::{Expect, expect};
use punix_pcl::{Ast, Source, format, parse};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

const UGLY: &str = "module A{x=1;y = [1,2]}\n";
const NEAT: &str = "module A { x = 1  y = [1, 2] }\n";
const WRONG: &str = "module A { x = }\n";

/// Runs `punix fmt` in a folder; returns its exit code, its result and its conversation as one text.
fn fmt(folder: &Folder, arguments: &[&str], input: &str) -> String {
    let mut command = punix();
    command.arg("fmt").args(arguments).current_dir(folder.path());
    let outcome = run_with_input(command, Some(input.as_bytes()));
    let code = outcome.code.expect("it is not killed");
    format!("exit {code}\n{}---\n{}", outcome.stdout, outcome.stderr)
}

fn check(folder: &Folder, arguments: &[&str], want: Expect) {
    want.assert_eq(&fmt(folder, arguments, ""));
}

fn text_of(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).expect("files can be read")
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("the folder is there");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("it can be listed"))).collect();
    names.sort();
    names
}

#[test]
fn files_are_rewritten_in_place_once() {
    let folder = Folder::new();
    let path = folder.write("a.pcl", UGLY);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&path).unwrap();
    check(
        &folder,
        &["a.pcl"],
        expect![[r#"
        exit 0
        ---
        formatted: a.pcl
    "#]],
    );
    assert_eq!(text_of(&folder, "a.pcl"), NEAT);
    let after = fs::metadata(&path).unwrap();
    assert_eq!(after.mode() & 0o7777, 0o640);
    assert_ne!(after.ino(), before.ino(), "it was replaced, not overwritten");
    check(
        &folder,
        &["a.pcl"],
        expect![[r#"
        exit 0
        ---
    "#]],
    );
    assert_eq!(fs::metadata(&path).unwrap().ino(), after.ino(), "what is neat is left alone");
    assert_eq!(names(&folder), ["a.pcl"]);
}

#[test]
fn directories_stand_for_the_programs_below_them() {
    let folder = Folder::new();
    folder.write("a.pcl", UGLY);
    folder.write("b.txt", UGLY);
    folder.write("c/d.pcl", UGLY);
    folder.write("c/e.pcl", NEAT);
    check(
        &folder,
        &["--check", "."],
        expect![[r#"
            exit 1
            a.pcl
            c/d.pcl
            ---
        "#]],
    );
    assert_eq!(text_of(&folder, "a.pcl"), UGLY);
    check(
        &folder,
        &["c", "./a.pcl", "."],
        expect![[r#"
        exit 0
        ---
        formatted: c/d.pcl
        formatted: ./a.pcl
    "#]],
    );
    assert_eq!((text_of(&folder, "a.pcl"), text_of(&folder, "c/d.pcl")), (NEAT.to_owned(), NEAT.to_owned()));
    assert_eq!(text_of(&folder, "b.txt"), UGLY);
    check(
        &folder,
        &["--check", "."],
        expect![[r#"
        exit 0
        ---
    "#]],
    );
}

#[test]
fn a_file_with_errors_is_left_alone_and_the_others_are_done() {
    let folder = Folder::new();
    folder.write("a.pcl", WRONG);
    folder.write("b.pcl", UGLY);
    check(
        &folder,
        &["."],
        expect![[r#"
            exit 1
            ---
            a.pcl:1:16: error: [E0] expected an expression, found `}`
            formatted: b.pcl
        "#]],
    );
    assert_eq!((text_of(&folder, "a.pcl"), text_of(&folder, "b.pcl")), (WRONG.to_owned(), NEAT.to_owned()));
    check(
        &folder,
        &["--check", "."],
        expect![[r#"
            exit 1
            ---
            a.pcl:1:16: error: [E0] expected an expression, found `}`
        "#]],
    );
}

#[test]
fn an_unreadable_path_stops_before_anything_is_touched() {
    let folder = Folder::new();
    folder.write("a.pcl", UGLY);
    check(
        &folder,
        &["a.pcl", "absent.pcl"],
        expect![[r#"
            exit 2
            ---
            error: cannot read `absent.pcl`: there is no such file or directory
        "#]],
    );
    assert_eq!(text_of(&folder, "a.pcl"), UGLY);
    fs::create_dir(folder.path().join("b.pcl")).unwrap();
    check(
        &folder,
        &["."],
        expect![[r#"
            exit 2
            ---
            formatted: a.pcl
            error: cannot read `b.pcl`: it is a directory
        "#]],
    );
    assert_eq!(text_of(&folder, "a.pcl"), NEAT);
}

#[test]
fn a_link_stays_one_and_leads_to_the_new_text() {
    let folder = Folder::new();
    folder.write("real/a.txt", UGLY);
    symlink("real/a.txt", folder.path().join("a.pcl")).unwrap();
    check(
        &folder,
        &["."],
        expect![[r#"
            exit 0
            ---
            formatted: a.pcl
        "#]],
    );
    assert!(fs::symlink_metadata(folder.path().join("a.pcl")).unwrap().is_symlink());
    assert_eq!(text_of(&folder, "real/a.txt"), NEAT);
    assert_eq!(names(&folder), ["a.pcl", "real"]);
}

#[test]
fn stdin_goes_to_stdout() {
    let folder = Folder::new();
    let check = |arguments: &[&str], input: &str, want: Expect| want.assert_eq(&fmt(&folder, arguments, input));
    check(
        &["-"],
        UGLY,
        expect![[r#"
        exit 0
        module A { x = 1  y = [1, 2] }
        ---
    "#]],
    );
    check(
        &["-"],
        WRONG,
        expect![[r#"
        exit 1
        ---
        <stdin>:1:16: error: [E0] expected an expression, found `}`
    "#]],
    );
    check(
        &["-", "--check"],
        UGLY,
        expect![[r#"
        exit 1
        <stdin>
        ---
    "#]],
    );
    check(
        &["-", "--check"],
        NEAT,
        expect![[r#"
        exit 0
        ---
    "#]],
    );
    check(
        &["-", "--json"],
        UGLY,
        expect![[r#"
        exit 0
        {
          "changed": [
            "<stdin>"
          ],
          "diagnostics": [],
          "failed": [],
          "text": "module A { x = 1  y = [1, 2] }\n",
          "unchanged": 0
        }
        ---
    "#]],
    );
    check(
        &["-", "a.pcl"],
        UGLY,
        expect![[r#"
        exit 2
        ---
        error: `-` stands alone
        help: format stdin and files one after the other
    "#]],
    );
}

#[test]
fn json_is_one_document() {
    let folder = Folder::new();
    folder.write("a.pcl", WRONG);
    folder.write("b.pcl", UGLY);
    folder.write("c.pcl", NEAT);
    check(
        &folder,
        &["--json", "."],
        expect![[r#"
            exit 1
            {
              "changed": [
                "b.pcl"
              ],
              "diagnostics": [
                {
                  "code": "E0",
                  "column": 16,
                  "end_column": 17,
                  "end_line": 1,
                  "file": "a.pcl",
                  "help": null,
                  "line": 1,
                  "message": "expected an expression, found `}`",
                  "notes": [],
                  "severity": "error"
                }
              ],
              "failed": [
                "a.pcl"
              ],
              "unchanged": 1
            }
            ---
        "#]],
    );
}

#[test]
fn no_program_here_is_harmed() {
    let (mut formatted, mut refused) = (0, 0);
    for folder in ["tests/conformance/pcl/cases", "examples"] {
        for file in programs_below(&root().join(folder)) {
            let bytes = fs::read(&file).unwrap();
            match format(source(&bytes)) {
                Ok(out) => {
                    harmless(&String::from_utf8(bytes).unwrap(), &out);
                    formatted += 1;
                }
                Err(_) => {
                    let (_, diagnostics) = parse(vec![source(&bytes)]);
                    assert!(!diagnostics.is_empty(), "{}", file.display());
                    refused += 1;
                }
            }
        }
    }
    assert!(formatted > 0, "there are programs; {refused} have errors");
}

fn harmless(text: &str, out: &str) {
    assert_eq!(format(source(out.as_bytes())).expect("it is a program"), out, "once more, from\n{text}");
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    assert_eq!(comments(&text), comments(out), "\n{text}\n{out}");
    assert_eq!(meaning(&text), meaning(out), "\n{text}\n{out}");
}

fn source(bytes: &[u8]) -> Source {
    Source { name: "test.pcl".to_owned(), bytes: bytes.to_vec() }
}

/// Returns all of a program but its places.
fn meaning(text: &str) -> Vec<String> {
    let (ast, diagnostics) = parse(vec![source(text.as_bytes())]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    let declared = ast.decls.iter().map(|decl| {
        let kind = without_spans(&format!("{:?}", decl.kind));
        format!("{} {} {kind} {:?}", block(&ast, decl.block), ast.text(decl.name), decl.code)
    });
    let nodes = ast.nodes.iter().map(|node| format!("{node:?}"));
    let labels = ast.labels.iter().map(|label| ast.text(label.name).to_owned());
    let blocks = (0..ast.blocks.len() as u32).map(|index| block(&ast, index));
    blocks.chain(declared).chain(nodes).chain(labels).collect()
}

fn block(ast: &Ast, index: u32) -> String {
    let block = &ast.blocks[index as usize];
    format!("{:?} {} {:?}", block.kind, ast.text(block.name), block.decls)
}

/// Takes `Span { … }` out of what `Debug` prints.
fn without_spans(text: &str) -> String {
    let mut parts = text.split("Span {");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + part.split_once('}').map_or("", |(_, rest)| rest))
}

/// Finds comments in a way of its own, so that an error of the lexer does not hide here.
fn comments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['#', '"']) {
        rest = &rest[at..];
        if rest.starts_with('#') {
            let (comment, after) = rest.split_at(rest.find('\n').unwrap_or(rest.len()));
            found.push(comment.trim_end());
            rest = after;
        } else if let Some(body) = rest.strip_prefix("\"\"\"") {
            rest = body.split_once("\"\"\"").map_or("", |(_, after)| after);
        } else {
            let mut escaped = false;
            let end = rest[1..].find(|character| {
                let ends = character == '"' && !escaped;
                escaped = character == '\\' && !escaped;
                ends
            });
            rest = &rest[end.map_or(rest.len(), |end| end + 2)..];
        }
    }
    found
}

fn programs_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|end| end == "pcl") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn json_is_one_document_also_when_a_file_cannot_be_read() {
    let folder = Folder::with(&[("good.pcl", "module A {x=1}\n"), ("x.pcl/inside.txt", "")]);
    let outcome = folder.punix(["fmt", "--json", "."]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(2), ""));
    let document = outcome.json();
    assert_eq!(document["changed"].list().len(), 1);
    assert_eq!(document["failed"].list()[0].text(), "x.pcl");
    assert_eq!(document["diagnostics"].list()[0]["message"].text(), "cannot read `x.pcl`: it is a directory");
}
