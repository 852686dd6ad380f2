//! Reads what `systemctl show` says of several units: lines of names and values, a blank line between units. Nothing
//! that is said can make it fail; what is not understood is unknown.

use crate::index::sorted;
use punix_sdk::backend::{RunState, Status};

/// How a unit was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) state: RunState,
    enabled: Option<bool>,
    since_unix_ms: Option<u64>,
    detail: String,
    once: Once,
}

/// What is known of a unit that does one thing and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Once {
    /// It is not such a unit, or it failed.
    No,
    /// It has not failed, as far as systemd remembers.
    Well,
    /// It has run, and well.
    Done,
}

/// What a unit was wished to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wished {
    /// It was told to run, and did not complain.
    Up,
    Down,
    Neither,
}

/// What is asked of units. A block of answers has a place for each.
pub(super) const PROPERTIES: [&str; 10] = [
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "Type",
    "ExecMainExitTimestampMonotonic",
    "ExecMainStatus",
    "NRestarts",
];
/// Asked besides, where it comes as a number.
pub(super) const SINCE: &str = "StateChangeTimestamp";

/// What was said of one unit. What was not said is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Block<'a> {
    values: [&'a str; PROPERTIES.len()],
    since: &'a str,
}

/// Finds each unit's part, in the order of the units. One with several names may answer with another than it was asked
/// by; then its place tells.
pub(super) fn read(units: &[String], shown: &str) -> Vec<Option<Found>> {
    let blocks = blocks(shown);
    let by_name = sorted(blocks.iter().map(|block| block.of("Id")));
    let found = |(place, unit): (usize, &String)| {
        let by_place = || Some(place).filter(|_| blocks.len() == units.len());
        let block = by_name.get(unit.as_str()).copied().or_else(by_place)?;
        blocks.get(block).map(Found::of)
    };
    units.iter().enumerate().map(found).collect()
}

impl<'a> Block<'a> {
    fn of(&self, name: &str) -> &'a str {
        let values = PROPERTIES.iter().zip(self.values);
        values.into_iter().find(|(property, _)| **property == name).map_or("", |(_, value)| value)
    }

    fn set(&mut self, name: &str, value: &'a str) {
        if name == SINCE {
            self.since = value;
        }
        for (property, place) in PROPERTIES.iter().zip(&mut self.values) {
            if *property == name && place.is_empty() {
                *place = value;
            }
        }
    }
}

impl Found {
    fn of(block: &Block<'_>) -> Found {
        let of = |name: &str| block.of(name);
        let (state, detail) = match (of("LoadState"), of("ActiveState")) {
            ("not-found", "inactive") => (RunState::Missing, "not found".to_owned()),
            ("masked", "inactive") => (RunState::Stopped, "masked".to_owned()),
            (load @ ("bad-setting" | "error"), "inactive") => {
                (RunState::Failed, format!("its files are wrong: {load}"))
            }
            (_, "active" | "reloading" | "refreshing") => (RunState::Running, with_sub(block)),
            (_, "activating" | "deactivating") => (RunState::Starting, with_sub(block)),
            (_, "failed") => (RunState::Failed, with_sub(block)),
            (_, "inactive") => (RunState::Stopped, with_sub(block)),
            _ => (RunState::Unknown, with_sub(block)),
        };
        let once = match (of("Type"), of("Result"), of("ExecMainExitTimestampMonotonic")) {
            ("oneshot", "success", "" | "0") => Once::Well,
            ("oneshot", "success", _) => Once::Done,
            _ => Once::No,
        };
        let enabled = match of("UnitFileState") {
            "enabled" | "enabled-runtime" => Some(true),
            "disabled" | "masked" | "masked-runtime" => Some(false),
            _ => None,
        };
        Found { state, enabled, since_unix_ms: since(block.since), detail, once }
    }

    /// Returns how the unit is. What does one thing and ends runs, in this sense, when that went well, even if systemd
    /// has forgotten it since.
    pub(super) fn status(&self, unit: &str, wished: Wished) -> Status {
        let state = match (self.state, wished, self.once) {
            (RunState::Stopped, Wished::Up, Once::Well | Once::Done)
            | (RunState::Stopped, Wished::Neither, Once::Done) => RunState::Running,
            // However it ended: it was to end.
            (RunState::Failed, Wished::Down, _) => RunState::Stopped,
            (state, _, _) => state,
        };
        let detail = self.detail.clone();
        Status { unit: unit.to_owned(), state, enabled: self.enabled, since_unix_ms: self.since_unix_ms, detail }
    }
}

fn blocks(shown: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut block = Block::default();
    for line in shown.lines() {
        match line.split_once('=') {
            Some((name, value)) => block.set(name, value.trim()),
            None if line.is_empty() && block != Block::default() => blocks.push(std::mem::take(&mut block)),
            None => {}
        }
    }
    if block != Block::default() {
        blocks.push(block);
    }
    blocks
}

/// Returns the state in systemd's words: `failed (failed, exit-code, status 1)`.
fn with_sub(block: &Block<'_>) -> String {
    let active = if block.of("ActiveState").is_empty() { "unknown" } else { block.of("ActiveState") };
    let mut more = block.of("SubState").to_owned();
    let mut add = |before: &str, value: &str, after: &str| {
        if !matches!(value, "" | "0") {
            let comma = if more.is_empty() { "" } else { ", " };
            more.push_str(&format!("{comma}{before}{value}{after}"));
        }
    };
    if block.of("Result") != "success" {
        add("", block.of("Result"), "");
        add("status ", block.of("ExecMainStatus"), "");
    }
    add("", block.of("NRestarts"), " restarts");
    if more.is_empty() { active.to_owned() } else { format!("{active} ({more})") }
}

/// Reads a time that was asked for as a number: `@1700000000`.
fn since(text: &str) -> Option<u64> {
    text.strip_prefix('@')?.parse::<u64>().ok()?.checked_mul(1000)
}

#[cfg(test)]
mod tests;
