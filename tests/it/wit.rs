//! The interfaces between host and plugins: what was published keeps its shape, and the reference is made of the files
//! themselves.
//!
//! `tests/frozen/wit-0.1.0` is what plugins of this generation were built against. It changes with a deliberate copy, and
//! never again once 0.1.0 is published. `tests/guests/frozen-*` are built against it, and run in the real host by
//! `host/plugin/tests/hostile/frozen.rs`.

mod reference;
mod shape;

use crate::support::root;
use expect_test::expect_file;
use shape::Shape;
use std::path::{Path, PathBuf};
use wit_parser::{PackageId, Resolve};

const PACKAGES: &[&str] = &["base", "cap", "backend", "resolver", "transport"];

#[test]
fn what_was_published_keeps_its_shape() {
    let (published, ours) = (shape_of(&frozen()), shape_of(&root().join("wit")));
    let problems = published.broken_by(&ours);
    assert!(
        problems.is_empty(),
        "plugins that exist would break; a change needs a new version of the package beside the old one:\n{}",
        problems.join("\n")
    );
}

#[test]
fn a_changed_shape_is_seen() {
    let ours = shape_of(&root().join("wit"));
    for (from, to) in [
        ("record error {", "record error {\n extra: u32,"),
        ("enum error-class {", "enum error-class { odd,"),
        ("retry-after-ms: option<u32>", "retry-after-ms: option<u64>"),
        ("describe: func() -> info;", "describe: func(x: u32) -> info;"),
        ("check-config: func(config: string) -> list<diagnostic>;", ""),
        ("variant chunk {", "variant chunk { none,"),
        ("next: func(seen: list<observation>) -> step;", "next: func(seen: list<observation>) -> option<step>;"),
        ("import punix:cap/log@0.1.0;\n    export punix:base/meta@0.1.0;\n    export api;", "export api;"),
    ] {
        let folder = crate::support::Folder::new();
        let changed = copy_with(folder.path(), from, to);
        assert!(!ours.broken_by(&shape_of(&changed)).is_empty(), "nobody noticed: {from} -> {to}");
    }
    let folder = crate::support::Folder::new();
    let grown = copy_with(folder.path(), "describe: func() -> info;", "describe: func() -> info;\n more: func();");
    assert_eq!(ours.broken_by(&shape_of(&grown)), Vec::<String>::new(), "a function more breaks nobody");
}

#[test]
fn every_line_of_an_interface_is_explained() {
    let (resolve, packages) = read(&root().join("wit"));
    let problems = reference::unexplained(&resolve, &packages);
    assert!(problems.is_empty(), "write a comment `///` above:\n{}", problems.join("\n"));
}

#[test]
fn the_reference_is_made_of_the_interfaces() {
    let (resolve, packages) = read(&root().join("wit"));
    let text = reference::page(&resolve, &packages);
    expect_file![root().join("docs/reference/wit.md")].assert_eq(&text);
}

fn frozen() -> PathBuf {
    root().join("tests/frozen/wit-0.1.0")
}

fn shape_of(folder: &Path) -> Shape {
    let (resolve, packages) = read(folder);
    Shape::of(&resolve, &packages)
}

fn read(folder: &Path) -> (Resolve, Vec<PackageId>) {
    let mut resolve = Resolve::default();
    let push = |package: &&str| {
        let pushed = resolve.push_path(folder.join(package));
        pushed.unwrap_or_else(|error| panic!("{}: {error:#}", folder.join(package).display())).0
    };
    let packages = PACKAGES.iter().map(push).collect();
    (resolve, packages)
}

/// Copies the interfaces with one text in them replaced.
fn copy_with(folder: &Path, from: &str, to: &str) -> PathBuf {
    let mut replaced = 0;
    for package in PACKAGES {
        let into = folder.join("wit").join(package);
        std::fs::create_dir_all(&into).unwrap();
        for entry in std::fs::read_dir(root().join("wit").join(package)).unwrap() {
            let entry = entry.unwrap();
            let text = std::fs::read_to_string(entry.path()).unwrap();
            replaced += usize::from(text.contains(from));
            std::fs::write(into.join(entry.file_name()), text.replacen(from, to, 1)).unwrap();
        }
    }
    assert!(replaced > 0, "`{from}` is not in the interfaces");
    folder.join("wit")
}
