//! `--json`, `--events`, and a file for each host.

use super::{Fleet, stack_of};
use serde_json::Value;

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn two() -> Fleet {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "one"), ("Bad", "ssh://bad", "x")]);
    fleet.write("Bad.pcl", "module Bad {\n  x = nope\n}\n");
    fleet
}

/// Takes what differs from run to run, and what is said elsewhere, out of a host's row.
fn row(document: &Value, place: usize) -> Value {
    let mut row = document["hosts"][place].clone();
    assert!(row["seconds"].is_number(), "{row}");
    let fields = row.as_object_mut().expect("a row is an object");
    fields.retain(|name, _| {
        ["stack", "target", "machine", "status", "error", "outcome", "generation"].contains(&&**name)
    });
    row
}

#[test]
fn an_apply_has_one_document() {
    let fleet = two();
    let outcome = fleet.fleet("apply", &["--json"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), ""), "{outcome:?}");
    let document = document(&outcome.stdout);
    let head = (&document["ok"], &document["outcome"], &document["done"], &document["of"]);
    assert_eq!(head, (&false.into(), &"deployed".into(), &1.into(), &2.into()));
    assert_eq!(
        row(&document, 0),
        serde_json::json!({
            "stack": "Web", "target": "ssh://web", "machine": null, "status": "ok", "error": null,
            "outcome": "deployed", "generation": 1,
        })
    );
    let bad = &document["hosts"][1];
    assert_eq!(bad["status"], "failed");
    assert_eq!(bad["diagnostics"][0]["code"], "E2");
    assert_eq!(bad["diagnostics"][0]["line"], 2);
}

#[test]
fn every_verb_has_a_document() {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "one")]);
    assert_eq!(document(&fleet.fleet("apply", &["--json"]).stdout)["ok"], true);
    fleet.write("Web.pcl", &stack_of("Web", "two"));
    let plan = document(&fleet.fleet("plan", &["--json"]).stdout);
    assert_eq!((&plan["changes"], &plan["hosts"][0]["to"]), (&1.into(), &2.into()), "{plan}");
    assert_eq!(document(&fleet.fleet("apply", &["--json"]).stdout)["hosts"][0]["generation"], 2);
    let status = document(&fleet.fleet("status", &["--json"]).stdout);
    assert_eq!(status["hosts"][0]["live"]["generation"], 2, "{status}");
    let verify = document(&fleet.fleet("verify", &["--json"]).stdout);
    assert_eq!(verify["hosts"][0]["rows"][0]["state"], "ok", "{verify}");
    let back = document(&fleet.fleet("rollback", &["--json"]).stdout);
    let row = &back["hosts"][0];
    assert_eq!((&row["generation"], &row["was"], &row["restored"]), (&1.into(), &2.into(), &1.into()), "{back}");
    let set = document(&fleet.fleet("set-current", &["--to", "2", "--json"]).stdout);
    assert_eq!(set["hosts"][0]["generation"], 2, "{set}");
    let refused = fleet.punix(["fleet", "apply", "none.pcl", "--json"]);
    assert_eq!((refused.code, &document(&refused.stdout)["ok"]), (Some(2), &false.into()));
}

#[test]
fn events_are_told_line_by_line_and_end_with_the_document() {
    let fleet = two();
    let outcome = fleet.fleet("apply", &["--events"]);
    let lines: Vec<Value> = outcome.stdout.lines().map(document).collect();
    let started = lines.iter().filter(|line| line["event"] == "host" && line["status"] == "started").count();
    assert_eq!(started, 2, "{}", outcome.stdout);
    let ended: Vec<&Value> =
        lines.iter().filter(|line| line["event"] == "host" && line["status"] != "started").collect();
    assert_eq!((&ended[0]["stack"], &ended[0]["status"]), (&"Web".into(), &"ok".into()));
    assert_eq!((&ended[1]["stack"], &ended[1]["status"]), (&"Bad".into(), &"failed".into()));
    let last = lines.last().expect("there are lines");
    assert_eq!((&last["done"], &last["of"]), (&1.into(), &2.into()));
}

#[test]
fn every_host_has_a_file_with_what_was_said_of_it() {
    let fleet = two();
    assert_eq!(fleet.fleet("apply", &["--log-dir", "logs/today"]).code, Some(1));
    let web = fleet.read("logs/today/Web@ssh___web.log");
    assert!(web.starts_with("punix fleet apply: Web → ssh://web\n  ✓ Web → ssh://web\n"), "{web}");
    let bad = fleet.read("logs/today/Bad@ssh___bad.log");
    assert!(bad.contains("Bad.pcl:2:7: error: [E2]"), "{bad}");
}
