//! The documentation is tested: every example does what its fence says, every relative link leads somewhere, and
//! the tables of the reference name what the code names.
//!
//! What a fence in `docs/` or README.md says of its block:
//!
//! | fence | the block |
//! |---|---|
//! | `pcl` | is a program without errors and warnings |
//! | `pcl error E4 2` | has the error E4 at line 2 and no other; more pairs, more errors |
//! | `pcl warning 2` | has a warning at line 2, and no error |
//! | `pcl eval` | is evaluated; `json` blocks behind it hold what comes out, `json scenario=s`, `json target=M.x` |
//! | `pcl fragment` | is no program by itself |
//! | `text`, right behind `error` or `warning` | is what `punix check` prints |
//! | `console` | holds commands `$ punix …`, `$ cat FILE` and `$ echo $?`, with all that they print |
//! | `console builds` | the same, of somebody who has a home, `~`; it builds packages, and how long that took is not compared |
//! | `console one` | one command; what looks like more of them is what it prints |
//! | `ebnf`, `rust`, `sh`, `toml`, none, other `text` | is not looked at here |
//!
//! `file=web.pcl` in a `pcl` fence names the file; a console block finds it there. Every page has a folder of its
//! own, which is removed. `UPDATE_EXPECT=1` writes `text` and `console` blocks anew.

mod markdown;
mod page;

use crate::support::{Folder, root};
use markdown::{Block, blocks};
use page::{Page, errors_of, said};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_example_does_what_its_fence_says() {
    let pages = files_below(&root().join("docs"), "md").into_iter();
    let mut problems = Vec::new();
    for file in pages.chain([root().join("README.md")]) {
        let mut page = Page::open(&file);
        page.run();
        problems.append(&mut page.problems);
    }
    report(&problems);
}

#[test]
fn every_relative_link_leads_somewhere() {
    let book = root().join("docs").canonicalize().expect("the pages are there");
    let is_in_book = |path: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(&book));
    let mut problems = Vec::new();
    for file in files_below(root(), "md") {
        let page = read(&file);
        for (line, target) in markdown::links(&page) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target.as_str(), ""));
            let beside = file.parent().expect("a file is in a folder").join(path);
            let goal = if path.is_empty() { file.clone() } else { beside };
            let known = |anchor: &str| markdown::anchors(&read(&goal)).iter().any(|a| a == anchor);
            if !goal.exists() {
                problems.push(format!("{}:{line}: nothing is at `{target}`", shown(&file)));
            } else if is_in_book(&file) && !(is_in_book(&goal) && goal.is_file()) {
                problems.push(format!("{}:{line}: `{target}` is no page of the book", shown(&file)));
            } else if !anchor.is_empty() && !known(anchor) {
                problems.push(format!("{}:{line}: no heading `#{anchor}`", shown(&file)));
            }
        }
    }
    report(&problems);
}

#[test]
fn every_verb_has_a_section_with_its_help() {
    let help = Folder::new().punix(["--help"]).stdout;
    let commands = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    let names = commands.expect("the help lists commands").lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?;
        (!name.starts_with(' ')).then(|| name.split(' ').next().unwrap_or(name))
    });
    let page = read(&root().join("docs/reference/cli.md"));
    let problems: Vec<String> = names
        .filter(|name| {
            !page.contains(&format!("\n## punix {name}\n")) || !page.contains(&format!("\n$ punix {name} --help\n"))
        })
        .map(|name| format!("docs/reference/cli.md: write `## punix {name}` with `$ punix {name} --help`"))
        .collect();
    report(&problems);
}

#[test]
fn every_verb_of_a_verb_stands_in_the_reference_with_its_help() {
    let pages: String = files_below(&root().join("docs/reference"), "md").iter().map(|page| read(page)).collect();
    let missing =
        crate::start::verbs().into_iter().filter(|verb| !pages.contains(&format!("\n$ punix {verb} --help\n")));
    report(&missing.map(|verb| format!("docs/reference: no page has `$ punix {verb} --help`")).collect::<Vec<_>>());
}

#[test]
fn every_page_has_its_place_in_the_book() {
    let docs = root().join("docs");
    let summary = read(&docs.join("SUMMARY.md"));
    let listed: Vec<String> = markdown::links(&summary).into_iter().map(|(_, target)| target).collect();
    let mut problems = Vec::new();
    for page in files_below(&docs, "md") {
        let name = page.strip_prefix(&docs).expect("it is below").display().to_string();
        let times = listed.iter().filter(|listed| **listed == name).count();
        if name != "SUMMARY.md" && times != 1 {
            problems.push(format!("docs/SUMMARY.md: `{name}` stands there {times} times"));
        }
    }
    report(&problems);
}

#[test]
fn every_code_has_a_page_worth_reading() {
    let mut problems = Vec::new();
    for code in punix_diag::Code::ALL {
        let name = format!("docs/errors/{code}.md");
        let page = read(&root().join(&name));
        let heading = format!("# {code}: {}", code.title());
        if page.lines().next() != Some(&heading) {
            problems.push(format!("{name}: the first line is not `{heading}`"));
        }
        let lines = page.lines().count();
        if !(15..=40).contains(&lines) {
            problems.push(format!("{name}: {lines} lines; a page has 15 to 40"));
        }
        let shown = |pair: &[Block]| {
            pair[0].info.get(1).is_some_and(|word| word == "error")
                && pair[0].info.get(2).is_some_and(|found| found == code.as_str())
                && pair[1].language() == "text"
        };
        let ours = code.room() == punix_diag::Room::Language;
        if ours && !blocks(&page).windows(2).any(shown) {
            problems.push(format!("{name}: no example of it with its message"));
        }
        // What needs a store or a target cannot be run here; the tests of the verbs show it.
        let told = page.contains(&format!(" error: [{code}] ")) || page.contains(&format!("\nerror: [{code}] "));
        if !ours && !told && !page.contains("which this version does not do yet") {
            problems.push(format!("{name}: neither shows its message nor says that nothing raises it yet"));
        }
    }
    report(&problems);
}

#[test]
fn the_reference_names_every_field_and_every_limit() {
    let page = read(&root().join("docs/reference/fields.md"));
    let mut problems = Vec::new();
    let tables = read(&root().join("host/pcl/src/check/schema/tables.rs"));
    let fields = ["must(\"", "may(\""]
        .into_iter()
        .flat_map(|opening| tables.split(opening).skip(1).filter_map(|rest| rest.split('"').next()));
    for field in fields {
        if !page.contains(&format!("`{field}`")) {
            problems.push(format!("docs/reference/fields.md: the field `{field}` is not there"));
        }
    }
    let page = read(&root().join("docs/reference/pcl.md"));
    let (_, section) = page.split_once("\n## Limits\n").expect("a section on limits");
    let section = section.split("\n## ").next().unwrap_or(section);
    use punix_pcl::limits as at;
    for (limit, unit) in [
        (at::PROGRAM_BYTES_MAX as u64 >> 20, " MiB"),
        (at::NESTING_MAX as u64, ""),
        (at::INTEGER_DIGITS_MAX as u64, ""),
        (at::TYPE_DEPTH_MAX as u64, ""),
        (u64::from(at::VALUE_DEPTH_MAX), ""),
        (at::EVALUATION_STEPS_MAX, ""),
        (at::VALUES_MAX as u64, ""),
        (at::STRING_BYTES_MAX as u64 >> 20, " MiB"),
        (at::COMPUTED_BYTES_MAX as u64 >> 20, " MiB"),
        (at::SORT_BYTES_MAX as u64 >> 20, " MiB"),
        (at::DOCUMENT_BYTES_MAX as u64 >> 20, " MiB"),
        (at::DIAGNOSTICS_MAX as u64, ""),
    ] {
        let cell = format!("| {}{unit} |", grouped(limit));
        if !section.contains(&cell) {
            problems.push(format!("docs/reference/pcl.md: no limit `{cell}`"));
        }
    }
    report(&problems);
}

/// The rows D2 to D8, C1 and C3 of `docs/reference/differences.md`: what cannot be written there.
#[test]
fn what_was_too_much_for_the_reference_is_not_for_us() {
    let folder = Folder::new();
    for (name, program, wanted) in programs_too_much_for_the_reference() {
        let file = format!("{name}.pcl");
        folder.write(&file, program);
        let found = errors_of(&folder.punix(["check", "--json", &file]).stdout);
        let found: Vec<&str> = found.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!(found, wanted, "{name}");
        if wanted.is_empty() && name != "doubling" {
            let ran = folder.punix(["eval", &file]);
            assert_eq!(ran.code, Some(0), "{name}: {}", said(&ran));
        }
    }
}

/// Lists programs, and the codes that `check` answers with.
fn programs_too_much_for_the_reference() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    const LINKS: usize = 20_000;
    let member = |text: String| format!("module A {{ x = {text} }}\n").into_bytes();
    let nested =
        |depth: usize, open: &str, close: &str| member(format!("{}1{}", open.repeat(depth), close.repeat(depth)));
    let module = |count: usize, first: &str, line: &dyn Fn(usize) -> String, last: &str| {
        let lines: String = (0..count).map(|index| line(index) + "\n").collect();
        format!("module A {{\n{first}\n{lines}{last}\n}}\n").into_bytes()
    };
    let forward = |i| format!("x{i} = x{}", i + 1);
    let backward = |i| format!("x{} = x{i}", i + 1);
    let doubled = |i| format!("a{} = {{ l = a{i} r = a{i} }}", i + 1);
    let option = |i| format!("option x{i} : Int = {i}");
    let package = |i| format!("module P{i} {{ recipe = \"r\" deps = [P{}.pname] }}\n", i + 1);
    let packages: String = (0..2_000).map(package).collect();
    vec![
        ("digits", member("9".repeat(4_300)), &[]),
        ("more-digits", member("9".repeat(4_301)), &["E20"]),
        ("latin", b"module A {\n  # caf\xe9\n}\n".to_vec(), &["E0"]),
        ("parens", nested(493, "(", ")"), &[]),
        ("lists", nested(400, "[", "]"), &[]),
        ("records", nested(400, "{ r = ", "}"), &[]),
        ("deeper", nested(100_000, "[", "]"), &["E20"]),
        ("else-if", member("if false then 1 else ".repeat(LINKS) + "2"), &[]),
        ("forward", module(LINKS, "", &forward, &format!("x{LINKS} = 1")), &[]),
        ("backward", module(LINKS, "x0 = 1", &backward, ""), &[]),
        ("list", member(format!("[{}]", "1, ".repeat(100_000))), &[]),
        ("packages", (packages + "module P2000 { recipe = \"r\" }\n").into_bytes(), &[]),
        ("doubling", module(64, "a0 = 1", &doubled, "b = if true then a64 else a64"), &[]),
        ("wide", module(50_000, "", &option, ""), &[]),
    ]
}

/// Writes a number as people do: `200 000 000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// Lists the files below a folder whose names end so, in a fixed order; build output and git's own left out.
fn files_below(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let outside = entry.file_name() == "target" && !entry.path().join("Cargo.toml").exists();
            let skipped = outside || entry.file_name() == ".git";
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !skipped => waiting.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.retain(|file| file.extension().is_some_and(|found| found == end));
    found.sort();
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", shown(file)))
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

#[track_caller]
fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
