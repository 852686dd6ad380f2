//! `punix plugin test`: a plugin in the real host, with nothing real around it.

use super::build::made;
use super::{Stopped, by, disk};
use crate::args::plugin::make::Test;
use crate::exit::Exit;
use crate::ui::{Ui, shown, size};
use punix_diag::{Code, Diagnostic};
use punix_plugin::read;
use punix_sdk_test::kit::{self, Check, Findings};
use punix_sdk_test::{CaseError, Outcome, TestHostError, cases};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};

/// Where a project has its cases.
const CASES: &str = "tests/cases";

pub(super) fn run(ui: &Ui, args: &Test) -> Result<Exit, Stopped> {
    let (component, directory) = match args.path.is_dir() {
        true => (made(ui, &args.path)?.1, Some(args.path.join(CASES))),
        false => (read(&args.path)?.bytes().to_vec(), None),
    };
    let findings = kit::run(&component).map_err(untried)?;
    let outcomes = match &directory {
        Some(directory) => cases(&component, &absolute(directory)?).map_err(unread)?,
        None => Vec::new(),
    };
    if args.bless {
        bless(&outcomes)?;
    }
    let right = |outcome: &Outcome| args.bless || outcome.is_as_expected();
    let passed = findings.passed() && outcomes.iter().all(right);
    let exit = if passed { Exit::Done } else { Exit::Failed };
    if ui.json {
        return Ok(ui.result(&format!("{:#}\n", document(&findings, &outcomes, passed, right)), exit));
    }
    let mut text: String = findings.checks.iter().map(line).collect();
    for outcome in &outcomes {
        let name = shown(&name(&outcome.path));
        match (right(outcome), &outcome.expected) {
            (true, _) => text.push_str(&format!("ok      case {name}\n")),
            (false, None) => {
                text.push_str(&format!("FAILED  case {name}: nothing is expected yet, this came out:\n"));
                text.push_str(&indented("+", &outcome.found));
            }
            (false, Some(expected)) => {
                text.push_str(&format!(
                    "FAILED  case {name}: expected -, came out +\n{}",
                    compared(expected, &outcome.found)
                ));
            }
        }
    }
    let report = &findings.report;
    let slowest = report.longest.as_secs_f64() * 1e3;
    let memory = size(report.memory_bytes);
    text.push_str(&format!(
        "{}, longest call {slowest:.1} ms, most memory {memory}\n",
        count(&findings, &outcomes, right)
    ));
    Ok(ui.result(&text, exit))
}

fn line(check: &Check) -> String {
    match &check.wrong {
        None => format!("ok      {}\n", check.name),
        Some(wrong) => format!("FAILED  {}: {wrong}\n", check.name),
    }
}

fn count(findings: &Findings, outcomes: &[Outcome], right: impl Fn(&Outcome) -> bool) -> String {
    let failed = findings.checks.iter().filter(|check| check.wrong.is_some()).count()
        + outcomes.iter().filter(|outcome| !right(outcome)).count();
    let all = findings.checks.len() + outcomes.len();
    format!("{} passed, {failed} failed", all - failed)
}

/// Returns what is only in one of two texts, line by line from the first that differs to the last.
fn compared(expected: &str, found: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - same;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let middle = |lines: &[&str]| lines.get(same..lines.len() - end).unwrap_or_default().join("\n");
    indented("-", &middle(&old)) + &indented("+", &middle(&new))
}

fn indented(mark: &str, text: &str) -> String {
    text.lines().map(|line| format!("    {mark} {}\n", line.escape_debug())).collect()
}

fn bless(outcomes: &[Outcome]) -> Result<(), Stopped> {
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_as_expected()) {
        let path = outcome.expected_path();
        std::fs::write(&path, &outcome.found)
            .map_err(|error| disk(io::Error::other(format!("`{}` cannot be written: {error}", shown(&path)))))?;
    }
    Ok(())
}

fn document(
    findings: &Findings,
    outcomes: &[Outcome],
    passed: bool,
    right: impl Fn(&Outcome) -> bool,
) -> serde_json::Value {
    let checks: Vec<_> =
        findings.checks.iter().map(|check| json!({ "name": check.name, "wrong": check.wrong })).collect();
    let cases: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            let name = name(&outcome.path);
            json!({ "name": name.to_string_lossy(), "ok": right(outcome), "found": outcome.found })
        })
        .collect();
    json!({
        "ok": passed,
        "checks": checks,
        "cases": cases,
        "longest_ms": findings.report.longest.as_secs_f64() * 1e3,
        "memory_bytes": findings.report.memory_bytes,
    })
}

fn name(path: &Path) -> PathBuf {
    path.file_stem().map(PathBuf::from).unwrap_or_default()
}

fn absolute(path: &Path) -> Result<PathBuf, Stopped> {
    std::path::absolute(path).map_err(disk)
}

fn untried(error: TestHostError) -> Stopped {
    match error {
        TestHostError::Refused(fault) => Stopped::By(fault.into_diagnostics()),
        TestHostError::Unloadable(fault) => by(fault.into()),
    }
}

fn unread(error: CaseError) -> Stopped {
    match error {
        CaseError::Host(error) => untried(error),
        CaseError::Read { .. } | CaseError::Form { .. } => {
            by(Diagnostic::error(Code::E24, error.to_string()).help("the guide for plugin authors shows a case"))
        }
    }
}
