//! Holds the language against cases recorded from the reference. What has to agree is the verdict, the place and the
//! code of an error, and every value; never the wording. `except.txt` lists where we differ, and why.

use crate::exact::Json;
use crate::support::{Outcome, punix, root, run};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How an exception's reason may begin.
const REASONS: &[&str] = &["decisions 1.", "reference defect ", "variable ", "command "];

/// The cases that were recorded; fewer mean that the checkout is not whole.
const CASES_MIN: usize = 294;

#[test]
fn recorded_cases_are_answered_like_the_reference() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "only {} cases", cases.len());
    let exceptions = exceptions();
    let mut problems: Vec<String> = exceptions
        .keys()
        .filter(|name| !cases.contains_key(*name))
        .map(|name| format!("except.txt: there is no case {name}"))
        .collect();
    for (name, verdict) in judge_all(&cases, judge) {
        match (verdict, exceptions.contains_key(&name)) {
            (Err(why), false) => problems.push(format!("{name}: {why}")),
            (Ok(()), true) => problems.push(format!("{name} agrees: take it out of except.txt")),
            (Ok(()), false) | (Err(_), true) => {}
        }
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn why_names_the_same_winners() {
    let exceptions = exceptions();
    let mut cases = cases();
    cases.retain(|name, _| !exceptions.contains_key(name));
    let problems: Vec<String> = judge_all(&cases, judge_why)
        .into_iter()
        .filter_map(|(name, verdict)| verdict.err().map(|why| format!("{name}: {why}")))
        .collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_exception_has_a_reason() {
    for (name, reason) in exceptions() {
        let known = REASONS.iter().any(|start| reason.starts_with(start));
        assert!(known, "except.txt: {name}: `{reason}` is no reason; begin with one of {REASONS:?}");
    }
}

/// Line ends and broken text are what these cases are about; a checkout that mends them tests nothing.
#[test]
fn the_bytes_of_the_cases_are_untouched() {
    let bytes = |name: &str| fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(bytes("043-crlf-lines.pcl").windows(2).any(|pair| pair == b"\r\n"));
    let lone = bytes("044-lone-cr-lines.pcl");
    assert!(lone.contains(&b'\r') && !lone.contains(&b'\n'));
    assert!(bytes("040-bom-rejected.pcl").starts_with(b"\xef\xbb\xbf"));
    assert!(String::from_utf8(bytes("042-invalid-utf8-crash.pcl")).is_err());
    assert!(!bytes("055-string-unterminated-eof.pcl").ends_with(b"\n"));
}

fn folder() -> PathBuf {
    root().join("tests/conformance/pcl/cases")
}

/// Reads what was recorded, by the name of the case.
fn cases() -> BTreeMap<String, Json> {
    let mut cases = BTreeMap::new();
    for entry in fs::read_dir(folder()).expect("the cases are part of the checkout").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(case) = name.strip_suffix(".expect.json") else { continue };
        let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let wanted = Json::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        cases.insert(case.to_owned(), wanted);
    }
    cases
}

/// Reads the names of the cases in which we differ, with the reasons.
fn exceptions() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("tests/conformance/pcl/except.txt")).expect("except.txt is there");
    let mut exceptions = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let (name, reason) = line.split_once('#').unwrap_or((line, ""));
        let old = exceptions.insert(name.trim().to_owned(), reason.trim().to_owned());
        assert!(old.is_none(), "except.txt: {} is listed twice", name.trim());
    }
    exceptions
}

type Verdict = Result<(), String>;

/// Judges every case, two at a time.
fn judge_all(cases: &BTreeMap<String, Json>, judge: fn(&Json) -> Verdict) -> BTreeMap<String, Verdict> {
    let list: Vec<(&String, &Json)> = cases.iter().collect();
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((name, case)) = list.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = judge(case);
                    verdicts.lock().expect("no judge panics").insert((*name).clone(), verdict);
                }
            });
        }
    });
    verdicts.into_inner().expect("no judge panics")
}

/// Holds one case against the binary.
fn judge(case: &Json) -> Verdict {
    let command = words(&case["cmd"]);
    let checked = punix_in_cases(&command, &case["env"]);
    let code = checked.code.ok_or("ended by a signal")?;
    if code == 70 || checked.stderr.contains("panicked") {
        return Err(format!("crashed: {}", checked.stderr.trim()));
    }
    if case["peer_crash"] == Json::Bool(true) {
        return expect_code(&checked, &[0, 1, 2]);
    }
    match case["exit"].number() {
        Some(2) => return expect_code(&checked, &[2]),
        Some(1) => {
            expect_code(&checked, &[1])?;
            return same_error(case["stderr"].text(), &checked.stderr);
        }
        _ => {}
    }
    let failures = failures(&case["eval"]);
    if failures.contains("crash") {
        return expect_code(&checked, &[0, 1]);
    }
    if !failures.is_empty() {
        return expect_code(&checked, &[1]);
    }
    expect_code(&checked, &[0])?;
    let path = command.iter().skip(1).find(|word| !word.starts_with('-')).ok_or("no path in the case")?;
    same_values(&["eval", path], case, &case["eval"])?;
    for (scenario, wanted) in case["eval_scenarios"].fields() {
        same_values(&["eval", path, "--scenario", scenario], case, wanted)?;
    }
    Ok(())
}

fn punix_in_cases<T: AsRef<str>>(words: &[T], variables: &Json) -> Outcome {
    let mut command = punix();
    command.args(words.iter().map(AsRef::as_ref)).current_dir(folder()).env("NO_COLOR", "1");
    for (name, value) in variables.fields() {
        command.env(name, value.text());
    }
    run(command)
}

fn expect_code(outcome: &Outcome, wanted: &[i32]) -> Verdict {
    match outcome.code {
        Some(code) if wanted.contains(&code) => Ok(()),
        code => Err(format!("exit {code:?}, wanted {wanted:?}: {}", outcome.stderr.trim())),
    }
}

/// Looks for the reference's error, `file:line: error: [code]`, among ours, which have a column besides.
fn same_error(wanted: &str, found: &str) -> Verdict {
    let Some((place, rest)) = wanted.split_once(": error: [") else { return Ok(()) };
    let code = rest.split(']').next().unwrap_or("");
    let ours = |line: &str| {
        line.strip_prefix(place).is_some_and(|rest| {
            let column = rest.strip_prefix(':').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
            let rest = column.filter(|rest| rest.starts_with(": error")).unwrap_or(rest);
            rest.starts_with(&format!(": error: [{code}]"))
        })
    };
    if found.lines().any(ours) { Ok(()) } else { Err(format!("no {place} [{code}] among\n{found}")) }
}

fn same_values(words: &[&str], case: &Json, wanted: &Json) -> Verdict {
    if *wanted == Json::Null {
        return Ok(());
    }
    let found = punix_in_cases(words, &case["env"]);
    expect_code(&found, &[0])?;
    let found = Json::parse(&found.stdout)?;
    let (found, wanted) = (compared(&found), compared(wanted));
    if found == wanted { Ok(()) } else { Err(format!("{words:?}\n   found {found:?}\n  wanted {wanted:?}")) }
}

/// Leaves out `out`, which only a store can say, and members without a value.
fn compared(program: &Json) -> BTreeMap<(&str, &str), &Json> {
    let members = program.fields().flat_map(|(module, members)| {
        members.fields().map(move |(name, value)| ((module.as_str(), name.as_str()), value))
    });
    members.filter(|((_, name), value)| *name != "out" && value["$unbound"] == Json::Null).collect()
}

/// Lists the kinds of `$error` in recorded values: E4, cycle, crash.
fn failures(value: &Json) -> BTreeSet<&str> {
    let inside = value.fields().map(|(_, value)| value).chain(value.list());
    let own = Some(value["$error"].text()).filter(|kind| !kind.is_empty());
    own.into_iter().chain(inside.flat_map(failures)).collect()
}

/// Compares the winner, co-winners and overridden ones of every recorded `why`.
fn judge_why(case: &Json) -> Verdict {
    if !failures(&case["eval"]).is_empty() {
        return Ok(());
    }
    for extra in case["extra"].list() {
        let command = words(&extra["cmd"]);
        // What is no member has no place: a package's `out` is the store's, `A__b.c` for `A.b__c` a defect (W1).
        let (module, member) = command.get(2).and_then(|target| target.split_once('.')).unwrap_or(("", ""));
        let recorded = case["eval"][module][member] != Json::Null;
        if command.first().is_some_and(|verb| *verb == "why") && extra["exit"].number() == Some(0) && recorded {
            same_sites(&command, extra["stdout"].text()).map_err(|why| format!("{command:?}: {why}"))?;
        }
    }
    Ok(())
}

fn same_sites(command: &[&str], wanted: &str) -> Verdict {
    let found = punix_in_cases(&[command, &["--json"]].concat(), &Json::Null);
    expect_code(&found, &[0])?;
    let found = Json::parse(&found.stdout)?;
    let mut ours = Vec::new();
    for (role, sites) in
        [("winner", &found["winner"]), ("co-winner", &found["co_winners"]), ("overridden", &found["overridden"])]
    {
        let sites = if let Json::Object(_) = sites { std::slice::from_ref(sites) } else { sites.list() };
        ours.extend(sites.iter().map(|site| {
            let (file, line, from) = (site["file"].text(), site["line"].number(), site["from"]["name"].text());
            format!("{role}: {file}:{} [{}] ({from})", line.unwrap_or(0), site["priority"].text())
        }));
    }
    let site = |line: &str| {
        let line = line.strip_prefix("  ")?;
        let role = ["winner: ", "co-winner: ", "overridden: "].iter().any(|role| line.starts_with(role));
        (role && !line.contains("<auto>")).then(|| line[..line.find(')').map_or(line.len(), |end| end + 1)].to_owned())
    };
    let theirs: Vec<String> = wanted.lines().filter_map(site).collect();
    if ours == theirs { Ok(()) } else { Err(format!("\n   found {ours:#?}\n  wanted {theirs:#?}")) }
}

fn words(list: &Json) -> Vec<&str> {
    list.list().iter().map(Json::text).collect()
}
