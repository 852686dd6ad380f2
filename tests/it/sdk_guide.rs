//! `docs/guide/write-a-plugin.md` is done as it says: its `sh` blocks are run in their order, in one shell and one empty
//! directory, and blocks with `file=` are written where the shell is by then.

use crate::sdk::{ends_well, rust_is_here, scratch, with_compilers};
use crate::support::{root, scrubbed};
use std::fs;
use std::path::Path;

/// Makes one script of a page. What is written to files lies in `pages`.
fn script(page: &str, pages: &Path) -> String {
    let mut script = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if info == "sh" {
            script.push_str(&format!("{}\n", body.join("\n")));
        } else if let Some((_, file)) = info.split_once(" file=") {
            let number = script.len();
            fs::write(pages.join(number.to_string()), format!("{}\n", body.join("\n"))).unwrap();
            script.push_str(&format!("mkdir -p \"$(dirname {file})\"\ncp \"$PAGES/{number}\" {file}\n"));
        }
    }
    script
}

#[test]
fn the_guide_ends_with_a_working_resolver() {
    if !rust_is_here() {
        return;
    }
    let (directory, pages) = (scratch("guide"), scratch("guide-pages"));
    for empty in [&directory, &pages] {
        let _ = fs::remove_dir_all(empty);
        fs::create_dir_all(empty).unwrap();
    }
    let page = fs::read_to_string(root().join("docs/guide/write-a-plugin.md")).unwrap();
    let mut shell = with_compilers(scrubbed("sh"));
    let binary = Path::new(env!("CARGO_BIN_EXE_punix")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([binary].into_iter().chain(std::env::split_paths(&path))).unwrap();
    shell.args(["-eu", "-c", &script(&page, &pages)]).current_dir(&directory).env("PATH", path).env("PAGES", &pages);
    let output = ends_well(shell);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(directory.join("from-box/from-box.wasm").is_file(), "{said}");
    assert!(said.contains("com.example.from-box 0.1.0\n"), "{said}");
    assert!(
        said.contains("test reference::tests::names_are_read_and_others_refused_where_they_stand ... ok"),
        "{said}"
    );
}
