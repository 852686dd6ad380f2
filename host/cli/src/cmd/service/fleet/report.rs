//! What is said of a fleet: a line for each host and a summary, or the one document; a table of those that are worked on,
//! where somebody watches; and a file for each host, where somebody wants that.

use super::super::{Stopped, words::seen};
use super::crew::Crew;
use super::failure::Failure;
use super::log::Logs;
use super::running::{Ended, Told};
use super::table::Table;
use crate::args::fleet::FleetTelling;
use crate::exit::Exit;
use crate::ui::{Ui, Watcher};
use serde_json::{Map, Value, json};

/// Where a fleet is told of.
pub(super) struct Report<'r> {
    pub(super) ui: &'r Ui,
    crew: &'r Crew,
    events: bool,
    /// Whether everything is shown that is known of a failure.
    explains: bool,
    table: Option<Table>,
    logs: Option<Logs>,
    rows: Vec<Value>,
    /// How many hosts are where they should be, and how many were passed over.
    done: usize,
    skipped: usize,
    of: usize,
}

impl<'r> Report<'r> {
    /// Begins to tell of so many hosts. `command` is what somebody called.
    pub(super) fn new(
        ui: &'r Ui,
        crew: &'r Crew,
        telling: &FleetTelling,
        command: &str,
        of: usize,
    ) -> Result<Report<'r>, Stopped> {
        let table = (!telling.events && ui.is_watched()).then(|| Table::new(of));
        let logs = telling.log_dir.as_deref().map(|directory| Logs::open(directory, command)).transpose()?;
        let explains = telling.explain || ui.draws();
        let events = telling.events;
        Ok(Report { ui, crew, events, explains, table, logs, rows: Vec::new(), done: 0, skipped: 0, of })
    }

    /// Tells that a host's turn has come. Returns who is told what is done with it.
    pub(super) fn begin(&mut self, place: usize) -> Option<Watcher> {
        if self.events {
            let host = self.crew.host(place);
            self.event(json!({ "event": "host", "stack": host.stack, "target": host.target, "status": "started" }));
        }
        let name = self.name(place);
        self.table.as_mut().map(|table| table.begin(place, name))
    }

    /// Tells that nothing is done with a host any more.
    pub(super) fn end(&mut self, place: usize) {
        if let Some(table) = &mut self.table {
            table.end(place);
        }
    }

    /// Returns what a host is called in lines: `Web → ssh://web`.
    pub(super) fn name(&self, place: usize) -> String {
        let host = self.crew.host(place);
        format!("{} → {}", seen(&host.stack), seen(&host.target))
    }

    pub(super) fn target(&self, place: usize) -> String {
        seen(&self.crew.host(place).target)
    }

    /// Says a line of the conversation.
    pub(super) fn say(&self, line: &str) {
        if self.ui.json || self.events {
            return;
        }
        match &self.table {
            Some(table) => table.aside(|| self.ui.say(line)),
            None => self.ui.say(line),
        }
    }

    /// Says a part of the result.
    pub(super) fn print(&self, text: &str) {
        if self.ui.json || self.events {
            return;
        }
        let print = || drop(self.ui.print(text));
        match &self.table {
            Some(table) => table.aside(print),
            None => print(),
        }
    }

    /// Says what somebody has to know of a host that is well.
    pub(super) fn warn(&self, place: usize, warning: &str) {
        self.say(&format!("    ⚠ {}: {warning}", self.target(place)));
    }

    /// Tells what a host came to whose line and row are known, if it is well; all else is the same for every verb.
    /// `is_done` says whether it counts.
    pub(super) fn tell<T>(
        &mut self,
        place: usize,
        told: &Told<'_, T>,
        ended: Option<&Ended<T>>,
        well: impl FnOnce(&mut Report<'r>, &T) -> Well,
    ) {
        let said: Vec<String> = match ended {
            Some(ended) => ended.said.conversation.lines().map(str::to_owned).collect(),
            None => Vec::new(),
        };
        for line in said.iter().filter(|line| !line.is_empty()) {
            self.say(&format!("    {}: {line}", self.target(place)));
        }
        let name = self.name(place);
        let (status, facts, text) = match told {
            Told::Ok(done) => {
                let Well { status, facts, line, error, is_done } = well(self, done);
                self.done += usize::from(is_done);
                match &error {
                    Some(error) => self.say(&format!("  ✗ {name}: {error}")),
                    None => self.print(&line),
                }
                let text = error.clone().map_or(line, |error| format!("  ✗ {name}: {error}\n"));
                (status, with(facts, "error", json!(error)), text)
            }
            Told::Failed(failure) => {
                let text = self.failed(&format!("  ✗ {name}: {}", failure.headline), failure);
                ("failed", of_failure(failure), text)
            }
            Told::Skipped(failure) => {
                self.skipped += 1;
                let text = self.failed(&format!("  ⊘ {name}: passed over — {}", failure.headline), failure);
                ("skipped", of_failure(failure), text)
            }
            Told::Blocked { machine, artifact } => {
                let (by, what) = (seen(machine), seen(artifact));
                let line = format!("  ⊘ {name}: blocked — upstream {by}:{what} unavailable");
                self.say(&line);
                let facts = json!({ "blocked_by": { "machine": machine, "artifact": artifact } });
                ("blocked", facts, line + "\n")
            }
            Told::NotAttempted { why } => {
                let line = format!("  ⊘ {name}: not attempted ({why})");
                self.say(&line);
                ("not-attempted", json!({ "why": why }), line + "\n")
            }
        };
        if let Some(logs) = &mut self.logs
            && let Some(warning) = logs.write(self.crew.host(place), &said, &text, ended.map(|ended| ended.took))
        {
            self.say(&warning);
        }
        let host = self.crew.host(place);
        let mut row = json!({
            "stack": host.stack, "target": host.target, "machine": host.machine, "status": status,
            "seconds": ended.map(|ended| ended.took.as_secs_f64()), "said": said, "error": null, "diagnostics": [],
        });
        if let (Value::Object(row), Value::Object(facts)) = (&mut row, facts) {
            row.extend(facts);
        }
        if self.events {
            self.event(with(row.clone(), "event", json!("host")));
        }
        self.rows.push(row);
    }

    /// Says why a host failed. Returns all that there is to say.
    fn failed(&self, line: &str, failure: &Failure) -> String {
        self.say(line);
        let mut whole = format!("{line}\n");
        for line in &failure.more {
            whole.push_str(&format!("      {line}\n"));
        }
        match self.explains {
            true => failure.more.iter().for_each(|line| self.say(&format!("      {line}"))),
            false => failure.others.iter().for_each(|line| self.say(&format!("      {line}"))),
        }
        whole
    }

    fn event(&self, event: Value) {
        let _ = self.ui.print(&format!("{event}\n"));
    }

    /// Tells how many hosts are where they should be: `deployed`, `rolled back`. `more` is for the document.
    pub(super) fn finish(self, label: &str, more: Value) -> Exit {
        let Report { ui, events, table, rows, done, skipped, of, .. } = self;
        if let Some(table) = table {
            table.finish();
        }
        let counted = of - skipped.min(of);
        let ok = done == counted;
        let exit = if ok { Exit::Done } else { Exit::Failed };
        if !events && !ui.json {
            let passed = if skipped > 0 { format!(", {skipped} unreachable") } else { String::new() };
            return ui.result(&format!("fleet: {done}/{counted} host(s) {label}{passed}\n"), exit);
        }
        let document = json!({
            "ok": ok, "outcome": label, "done": done, "of": counted, "skipped": skipped, "hosts": rows,
            "diagnostics": [], "dropped": 0,
        });
        let document = match (document, more) {
            (Value::Object(mut document), Value::Object(more)) => {
                document.extend(more);
                Value::Object(document)
            }
            (document, _) => document,
        };
        match events {
            true => ui.result(&format!("{document}\n"), exit),
            false => ui.result(&format!("{document:#}\n"), exit),
        }
    }
}

/// What there is to say of a host on which a verb did its work.
pub(super) struct Well {
    pub(super) status: &'static str,
    /// For its row in the document.
    pub(super) facts: Value,
    /// For stdout.
    pub(super) line: String,
    /// In place of the line, if it did not come to a good end.
    pub(super) error: Option<String>,
    /// Whether it counts among those that are where they should be.
    pub(super) is_done: bool,
}

impl Well {
    /// Says that a host is where it should be.
    pub(super) fn done(line: String, facts: Value) -> Well {
        Well { status: "ok", facts, line, error: None, is_done: true }
    }
}

fn of_failure(failure: &Failure) -> Value {
    json!({ "error": failure.headline, "diagnostics": failure.diagnostics })
}

fn with(object: Value, name: &str, value: Value) -> Value {
    let mut object = match object {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    object.insert(name.to_owned(), value);
    Value::Object(object)
}
