//! `punix service verify`, which is `punix verify` too: what is there, beside what was deployed.

use super::Stopped;
use super::activate;
use super::commit::Teller;
use super::hands::Hands;
use super::kept;
use super::place;
use super::site::{self, Rootless, Site, Visit, live};
use super::words::{self, generation, seen};
use crate::args::service::Verify;
use crate::args::service::reach::Units as UnitArguments;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_model::{Redactor, RunState};
use punix_target::{Depth, Door, Drift, Finding, Generation, Mark, Spot, Withheld};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn run(ui: &Ui, args: &Verify) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service verify", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    site::at(ui, &place, visit, |site| {
        let compared = compare(ui, site, args.stack.name(), args.systemctl.as_deref())?;
        let exit = if compared.is_clean() { Exit::Done } else { Exit::Failed };
        let text: String = compared.rows.iter().map(Row::line).collect();
        compared.rows.iter().for_each(|row| teller.event(&row.json()));
        Ok(teller.result(&(text + &compared.summary()), &compared.document(), exit))
    })
}

/// What is there, beside what was deployed.
pub(super) struct Compared {
    pub(super) generation: Generation,
    pub(super) rows: Vec<Row>,
}

/// Compares all that is there with the live generation.
pub(super) fn compare(ui: &Ui, site: &Site<'_>, stack: &str, systemctl: Option<&Path>) -> Result<Compared, Stopped> {
    let generation = live(site.door.current_record(stack)?, stack)?;
    let mut rows = rows(site.door, &generation, Depth::Content)?;
    rows.extend(units(ui, site, &generation, systemctl)?);
    Ok(Compared { generation, rows })
}

impl Compared {
    pub(super) fn is_clean(&self) -> bool {
        self.rows.iter().all(Row::is_clean)
    }

    pub(super) fn summary(&self) -> String {
        summary(&self.generation, &self.rows)
    }

    pub(super) fn document(&self) -> Value {
        json!({
            "ok": self.is_clean(), "stack": self.generation.stack, "generation": self.generation.number,
            "rows": self.rows.iter().map(Row::json).collect::<Vec<Value>>(), "diagnostics": [], "dropped": 0,
        })
    }
}

/// One thing that was compared.
pub(super) struct Row {
    pub(super) state: &'static str,
    pub(super) path: String,
    pub(super) detail: String,
}

impl Row {
    pub(super) fn is_clean(&self) -> bool {
        matches!(self.state, "ok" | "skipped")
    }

    pub(super) fn line(&self) -> String {
        let detail = if self.detail.is_empty() { String::new() } else { format!("  ({})", seen(&self.detail)) };
        format!("{}\t{}{detail}\n", self.state, seen(&self.path))
    }

    pub(super) fn json(&self) -> Value {
        json!({ "state": self.state, "path": self.path, "detail": self.detail })
    }
}

/// Compares everything: files in the order of the record, then packages, then what is besides.
pub(super) fn rows(door: &dyn Door, generation: &Generation, depth: Depth) -> Result<Vec<Row>, Stopped> {
    let findings = door.verify(generation, depth)?;
    let of = |is_it: &dyn Fn(&Spot) -> bool| findings.iter().filter(|finding| is_it(&finding.at)).collect::<Vec<_>>();
    let mut rows = Vec::new();
    for row in &generation.files {
        let found = of(&|spot| matches!(spot, Spot::File(path) if *path == row.path));
        let path = row.path.to_string();
        rows.push(match (found.is_empty(), row.withheld) {
            (true, Some(Withheld::Artifact)) => {
                Row { state: "skipped", path, detail: "artifact-bearing (recorded by reference)".to_owned() }
            }
            (true, Some(Withheld::Secret) | None) => Row { state: "ok", path, detail: String::new() },
            (false, _) => judged(path, &found),
        });
    }
    for entry in &generation.store_paths {
        let found = of(&|spot| matches!(spot, Spot::Store(path) if path == entry));
        rows.push(match found.is_empty() {
            true => Row { state: "ok", path: entry.clone(), detail: String::new() },
            false => judged(entry.clone(), &found),
        });
    }
    let is_known = |spot: &Spot| match spot {
        Spot::File(path) => generation.files.iter().any(|row| row.path == *path),
        Spot::Store(path) => generation.store_paths.contains(path),
        Spot::Own(_) => false,
    };
    for finding in findings.iter().filter(|finding| !is_known(&finding.at)) {
        let path = match &finding.at {
            Spot::File(path) | Spot::Own(path) => path.to_string(),
            Spot::Store(path) => path.clone(),
        };
        rows.push(judged(path, &[finding]));
    }
    Ok(rows)
}

fn judged(path: String, found: &[&Finding]) -> Row {
    let details: Vec<String> = found.iter().map(|finding| detail(&finding.drift)).collect();
    let state = found.first().map_or("ok", |finding| state(&finding.drift));
    Row { state, path, detail: details.join("; ") }
}

fn state(drift: &Drift) -> &'static str {
    match drift {
        Drift::Missing | Drift::Absent | Drift::KeyGone => "missing",
        Drift::Content { .. }
        | Drift::Mode { .. }
        | Drift::Owner { .. }
        | Drift::Group { .. }
        | Drift::Unknown { .. }
        | Drift::Kind { .. }
        | Drift::Elsewhere { .. }
        | Drift::KeyOpen { .. } => "MODIFIED",
        Drift::Unreachable { .. } => "unreadable",
        Drift::Stray => "stray",
        Drift::Damaged { .. } => "damaged",
    }
}

fn detail(drift: &Drift) -> String {
    const DIGITS: usize = 12;
    let cut = |digest: String| digest.chars().take(DIGITS).collect::<String>();
    match drift {
        Drift::Missing => "declared, not on the target".to_owned(),
        Drift::Absent => "pinned store path".to_owned(),
        Drift::Content { recorded: Mark::Sha256(recorded), now: Mark::Sha256(now) } => {
            format!("recorded {}… now {}…", cut(recorded.to_string()), cut(now.to_string()))
        }
        other => other.to_string(),
    }
}

/// Says which units failed, where they can be asked. One that does not run may never have been started.
fn units(ui: &Ui, site: &Site<'_>, generation: &Generation, systemctl: Option<&Path>) -> Result<Vec<Row>, Stopped> {
    let redactor = Redactor::default();
    let hands = Hands::new(site, systemctl, &redactor);
    if !hands.can_act() || generation.units.is_empty() {
        return Ok(Vec::new());
    }
    let around = kept::around(ui, site, generation, &UnitArguments { unit_dir: None }, true)?;
    let Some(units) = around.units(generation) else { return Ok(Vec::new()) };
    let names = generation.units.iter().map(|unit| unit.name.clone());
    let failed = activate::statuses(&units, &hands, names)?.into_iter().filter(|it| it.state == RunState::Failed);
    Ok(failed.map(|it| Row { state: words::state(it.state), path: it.unit, detail: it.detail }).collect())
}

fn summary(live: &Generation, rows: &[Row]) -> String {
    let clean = rows.iter().filter(|row| row.is_clean()).count();
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    rows.iter().filter(|row| !row.is_clean()).for_each(|row| *states.entry(row.state).or_default() += 1);
    let skipped = rows.iter().filter(|row| row.state == "skipped").count();
    let mut text = format!("{} {}: {} checked, {clean} clean", live.stack, generation(live.number), rows.len());
    states.iter().for_each(|(state, count)| text.push_str(&format!(", {count} {state}")));
    if skipped > 0 {
        text.push_str(&format!(", {skipped} unverifiable"));
    }
    text + "\n"
}
