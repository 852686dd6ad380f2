//! `punix service history`: the generations of a stack that are kept, and what somebody had written over its files.

use super::Stopped;
use super::commit::Teller;
use super::place;
use super::site::{self, Rootless, Visit, not_deployed};
use super::words::{self, generation, seen, table};
use crate::args::service::History;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_target::{Generation, Note, RecordIssue};
use serde_json::{Value, json};

/// Digits of a digest that are shown.
const DIGITS: usize = 12;

pub(super) fn run(ui: &Ui, args: &History) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service history", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    let stack = args.stack.name();
    site::at(ui, &place, visit, |site| {
        let door = site.door;
        door.share()?;
        let records = door.records(stack)?;
        let notes = door.kept_bytes(stack)?;
        if records.is_empty() && notes.is_empty() {
            return Err(not_deployed(stack));
        }
        let live = door.current(stack)?;
        let head = ["", "GENERATION", "AFTER", "DEPLOYED", "BY", "SCENARIO", "FILES", "PACKAGES", "PROGRAM"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        let mut documents = Vec::new();
        for (number, record) in records.iter().rev() {
            rows.push(row(*number, record.as_ref(), live));
            documents.push(document(*number, record.as_ref(), live));
        }
        documents.iter().for_each(|document| teller.event(document));
        let is_sound = records.iter().all(|(_, record)| record.is_ok());
        let exit = if is_sound { Exit::Done } else { Exit::Failed };
        let document = json!({
            "ok": is_sound, "stack": stack, "live": live, "generations": documents,
            "overwritten": notes.iter().map(note_json).collect::<Vec<Value>>(), "diagnostics": [], "dropped": 0,
        });
        let layout = door.layout();
        let blob = |note: &Note| layout.blob(&note.blob).to_string();
        let lines: String = notes.iter().map(|note| note_line(note, &blob(note))).collect();
        // A stack that is gone has no table.
        let table = if records.is_empty() { String::new() } else { table(&rows) };
        Ok(teller.result(&(table + &lines), &document, exit))
    })
}

fn row(number: u32, record: Result<&Generation, &RecordIssue>, live: Option<u32>) -> Vec<String> {
    let mark = if live == Some(number) { "*" } else { "" };
    let start = vec![mark.to_owned(), generation(number)];
    let rest = match record {
        Ok(record) => vec![
            record.previous.map_or_else(|| "-".to_owned(), generation),
            seen(&record.deployed_at),
            seen(&record.deployed_by),
            record.scenario.as_deref().map_or_else(|| "-".to_owned(), seen),
            record.files.len().to_string(),
            record.store_paths.len().to_string(),
            record.source_hash.chars().take(DIGITS).collect(),
        ],
        Err(issue) => vec!["?".to_owned(), seen(&issue.to_string())],
    };
    start.into_iter().chain(rest).collect()
}

fn document(number: u32, record: Result<&Generation, &RecordIssue>, live: Option<u32>) -> Value {
    match record {
        Ok(record) => words::generation_json(record, live),
        Err(issue) => json!({ "generation": number, "live": live == Some(number), "issue": issue.to_string() }),
    }
}

fn note_line(note: &Note, blob: &str) -> String {
    let (path, number) = (seen(note.path.as_str()), generation(note.generation));
    let then = match note.removed {
        true => format!("the stack was removed (was {number})"),
        false => format!("{number} came"),
    };
    format!("{path} had been changed when {then}; what it held is kept: {}\n", seen(blob))
}

fn note_json(note: &Note) -> Value {
    json!({
        "path": note.path.as_str(), "generation": note.generation, "blob": note.blob.to_string(),
        "mode": format!("{:04o}", note.mode), "removed": note.removed,
    })
}
