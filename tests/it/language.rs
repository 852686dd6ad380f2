//! The rules of the language, each with a program that shows it. A table is a text file: the lines of a program, then
//! behind `=> ` what it comes to. That is its values, and those that a scenario changes; or its errors by code and
//! place. `UPDATE_EXPECT=1` writes the tables anew.

use crate::exact::Json;
use crate::support::{check_text, root, values};
use punix_pcl::Checked;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

#[test]
fn lexical() {
    hold("lexical");
}

#[test]
fn syntax() {
    hold("syntax");
}

#[test]
fn types() {
    hold("types");
}

#[test]
fn names() {
    hold("names");
}

#[test]
fn values_of_members() {
    hold("values");
}

#[test]
fn packages() {
    hold("packages");
}

const TABLES: &[&str] = &["lexical", "syntax", "types", "names", "values", "packages"];
const ANSWER: &str = "=>";
const TITLE: &str = "### ";

/// Holds a table against the language.
#[track_caller]
fn hold(table: &str) {
    assert!(TABLES.contains(&table), "{table} is not listed");
    let path = path(table);
    let wanted = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let found = answered(&wanted);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, found).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let (wanted, found): (Vec<&str>, Vec<&str>) = (wanted.lines().collect(), found.lines().collect());
    let same = wanted.iter().zip(&found).take_while(|(wanted, found)| wanted == found).count();
    if same < wanted.len().max(found.len()) {
        let around = |lines: &[&str]| lines[same.saturating_sub(4)..lines.len().min(same + 3)].join("\n");
        panic!("{}:{}\nwanted\n{}\nfound\n{}", path.display(), same + 1, around(&wanted), around(&found));
    }
}

/// Returns the programs of all tables, the wrong ones too.
pub(crate) fn programs() -> Vec<String> {
    let mut found = Vec::new();
    for table in TABLES {
        let text = fs::read_to_string(path(table)).unwrap_or_else(|error| panic!("{table}: {error}"));
        let mut program = String::new();
        for line in text.lines().filter(|line| !line.starts_with(TITLE)) {
            if !line.starts_with(ANSWER) {
                program.push_str(line);
                program.push('\n');
            } else if !program.trim().is_empty() {
                found.push(std::mem::take(&mut program));
            }
        }
    }
    found
}

fn path(table: &str) -> PathBuf {
    root().join("tests/it/language").join(table).with_extension("txt")
}

/// Returns the table with the answers that the language gives.
fn answered(table: &str) -> String {
    let mut out = String::new();
    let mut program = String::new();
    for line in table.lines() {
        if line.starts_with(ANSWER) {
            // Its further lines find no program and add nothing.
            if !program.trim().is_empty() {
                said(&check_text(std::mem::take(&mut program)), &mut out);
            }
            continue;
        }
        let _ = writeln!(out, "{line}");
        if line.starts_with(TITLE) || (program.is_empty() && line.is_empty()) {
            continue;
        }
        let _ = writeln!(program, "{line}");
    }
    assert!(program.trim().is_empty(), "a program at the end of the table has no answer:\n{program}");
    out
}

/// Writes what a program comes to.
fn said(checked: &Checked, out: &mut String) {
    for diagnostic in &checked.diagnostics {
        let place = diagnostic.span.map(|span| checked.program.ast.sources.locate(span.start));
        let place = place.map_or(String::new(), |place| format!(" {}:{}", place.line, place.column));
        let word = diagnostic.code.map_or("warning", |code| code.as_str());
        let _ = writeln!(out, "{ANSWER} {word}{place}");
    }
    if checked.has_errors() {
        return;
    }
    let base = values(checked, None);
    match &base {
        Ok(base) => members(base, None, "", out),
        Err(error) => needs_a_scenario(error, out),
    }
    for (id, scenario) in checked.program.scenarios() {
        let prefix = format!("[{}] ", checked.program.ast.text(scenario.name));
        match values(checked, Some(id)) {
            Ok(values) => members(&values, base.as_ref().ok(), &prefix, out),
            Err(error) => needs_a_scenario(&error, out),
        }
    }
    if out.ends_with("}\n") && !out.lines().last().is_some_and(|line| line.starts_with(ANSWER)) {
        let _ = writeln!(out, "{ANSWER} nothing");
    }
}

fn needs_a_scenario(error: &str, out: &mut String) {
    let _ = writeln!(out, "{ANSWER} needs a scenario: {}", error.lines().next().unwrap_or(""));
}

/// Writes the members of a program, or those that differ from the base.
fn members(program: &Json, base: Option<&Json>, prefix: &str, out: &mut String) {
    for (module, members) in program.fields() {
        for (name, value) in members.fields() {
            if base.is_none_or(|base| base[module][name] != *value) {
                let _ = writeln!(out, "{ANSWER} {prefix}{module}.{name} = {value}");
            }
        }
    }
}
