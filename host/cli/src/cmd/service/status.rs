//! `punix service status`: how a stack is, on one screen.

use super::Stopped;
use super::activate;
use super::commit::Teller;
use super::hands::Hands;
use super::kept;
use super::place;
use super::site::{self, Rootless, Site, Visit, live};
use super::verify::{Row, rows};
use super::words::{self, generation, seen, table};
use crate::args::service::Status as Arguments;
use crate::args::service::reach::Units;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_model::{Redactor, RunState, Status};
use punix_target::{Depth, Generation};
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn run(ui: &Ui, args: &Arguments) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service status", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    site::at(ui, &place, visit, |site| {
        let found = look(ui, site, args.stack.name(), args.systemctl.as_deref())?;
        let exit = if found.is_well() { Exit::Done } else { Exit::Failed };
        Ok(teller.result(&text(&found), &found.document(), exit))
    })
}

/// How a stack is.
pub(super) struct Found {
    pub(super) live: Generation,
    pub(super) units: Vec<Status>,
    /// Whether units were asked about.
    asked: bool,
    /// What is not as it was deployed.
    pub(super) drifted: Vec<Row>,
}

/// Looks how a stack is.
pub(super) fn look(ui: &Ui, site: &Site<'_>, stack: &str, systemctl: Option<&Path>) -> Result<Found, Stopped> {
    let live = live(site.door.current_record(stack)?, stack)?;
    let rows = rows(site.door, &live, Depth::Presence)?;
    let redactor = Redactor::default();
    let hands = Hands::new(site, systemctl, &redactor);
    let asked = hands.can_act() && !live.units.is_empty();
    let around = kept::around(ui, site, &live, &Units { unit_dir: None }, asked)?;
    let names = live.units.iter().map(|unit| unit.name.clone());
    let units = match around.units(&live) {
        Some(units) => activate::statuses(&units, &hands, names)?,
        None => Vec::new(),
    };
    let drifted = rows.into_iter().filter(|row| !row.is_clean()).collect();
    Ok(Found { live, units, asked, drifted })
}

impl Found {
    pub(super) fn is_well(&self) -> bool {
        self.drifted.is_empty() && self.failed().next().is_none()
    }

    /// Returns the units that failed.
    pub(super) fn failed(&self) -> impl Iterator<Item = &Status> {
        self.units.iter().filter(|unit| unit.state == RunState::Failed)
    }

    pub(super) fn document(&self) -> Value {
        let live = &self.live;
        json!({
            "ok": self.is_well(), "stack": live.stack, "live": words::generation_json(live, Some(live.number)),
            "units": self.units.iter().map(words::status_json).collect::<Vec<Value>>(),
            "drift": self.drifted.iter().map(Row::json).collect::<Vec<Value>>(),
            "store_paths": live.store_paths, "diagnostics": [], "dropped": 0,
        })
    }
}

fn text(found: &Found) -> String {
    let Found { live, units, asked, drifted } = found;
    let by = if live.deployed_by.is_empty() { String::new() } else { format!(" by {}", seen(&live.deployed_by)) };
    let mut text = format!("{} {}, deployed {}{by}\n", live.stack, generation(live.number), seen(&live.deployed_at));
    let after = live.previous.map_or_else(|| "none".to_owned(), generation);
    let scenario = live.scenario.as_deref().map_or_else(|| "none".to_owned(), seen);
    let scope = seen(&live.scope);
    text.push_str(&format!("backend {} ({scope}), scenario {scenario}, before it {after}\n", seen(&live.backend)));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for unit in &live.units {
        let found = units.iter().find(|status| status.unit == unit.name);
        let state = match (found, *asked) {
            (Some(status), _) => words::state(status.state),
            (None, true) => "unknown",
            (None, false) => "not asked",
        };
        let boot = match found.and_then(|status| status.enabled) {
            Some(true) => "enabled",
            Some(false) => "not enabled",
            None => "",
        };
        let detail = found.map_or_else(String::new, |status| seen(&status.detail));
        rows.push(vec![format!("  {}", seen(&unit.name)), state.to_owned(), boot.to_owned(), detail]);
    }
    if !rows.is_empty() {
        text.push_str(&format!("units:\n{}", table(&rows)));
    }
    for path in &live.store_paths {
        text.push_str(&format!("pinned: {}\n", seen(path)));
    }
    match drifted.len() {
        0 => text.push_str(&format!("{} file(s), all as deployed\n", live.files.len())),
        _ => drifted.iter().for_each(|row| text.push_str(&row.line())),
    }
    text
}
