//! How generations, files and units are spoken of: in lines that people and scripts know, and in documents.

use super::Stopped;
use super::activate::Activated;
use super::away::Gone;
use super::back::Went;
use super::one::Undone;
use crate::exit::Exit;
use crate::ui::shown;
use punix_deploy::{Deed, UnitStep};
use punix_diag::visible;
use punix_diag::{Code, Diagnostic};
use punix_model::{RunState, Status};
use punix_target::{After, Change, Generation};
use serde_json::{Value, json};
use std::path::Path;

/// Returns the name of a generation: `gen-003`.
pub(super) fn generation(number: u32) -> String {
    format!("gen-{number:03}")
}

/// Returns a text as it can stand in a line.
pub(super) fn seen(text: &str) -> String {
    let mut out = String::new();
    visible(text, &mut out);
    out
}

/// Returns how many files, and how many packages, as deploys tell it.
pub(super) fn counted(files: usize, store_paths: usize, pushed: Option<usize>) -> String {
    let closure = match pushed {
        Some(pushed) if store_paths > 0 => {
            format!(", {pushed} pushed/{} cached", store_paths - pushed.min(store_paths))
        }
        Some(_) | None => String::new(),
    };
    format!("({files} config file(s), {store_paths} store path(s) pinned{closure})")
}

/// Returns the units of a service, or all units of a generation.
pub(super) fn units_of(live: &Generation, service: Option<&str>) -> Result<Vec<String>, Stopped> {
    let is_meant = |of: &str| service.is_none_or(|service| service == of);
    let units = live.units.iter().filter(|unit| is_meant(&unit.service)).map(|unit| unit.name.clone());
    let units: Vec<String> = units.collect();
    match (units.is_empty(), service) {
        (true, Some(service)) => {
            let names: Vec<String> = live.services.iter().map(|row| seen(&row.name)).collect();
            let (service, stack) = (seen(service), seen(&live.stack));
            let message = format!("the stack `{stack}` has no service `{service}` with units");
            Err(Diagnostic::error(Code::E2, message).help(format!("its services are: {}", names.join(", "))).into())
        }
        (_, _) => Ok(units),
    }
}

/// Says that something did not work and what became of going back.
pub(super) fn undone(
    stack: &str,
    number: u32,
    activated: &Activated,
    undone: &Result<Undone, Stopped>,
) -> (Exit, String) {
    let why = match (activated.failed.as_slice(), activated.closed.as_slice()) {
        ([], []) => "its units could not be handled".to_owned(),
        ([], closed) => {
            let gates: Vec<String> = closed.iter().map(|gate| format!("{}: {}", gate.name(), gate.said)).collect();
            format!("{} health gate(s) did not pass: {}", closed.len(), gates.join("; "))
        }
        (failed, _) => format!("{} unit(s) did not (re)start: {}", failed.len(), failed.join(", ")),
    };
    let (stack, number) = (seen(stack), generation(number));
    let broke = |went: &Went| went.changed.as_ref().is_some_and(|it| it.broke.is_some() || !it.activated.is_well());
    match undone {
        Ok(Undone::Gone(gone)) => gone_again(&stack, &number, gone, &why),
        Ok(Undone::Back(went)) if !broke(went) => {
            (Exit::RolledBack, format!("stack {stack} {number} was rolled back to {}: {why}", generation(went.number)))
        }
        Ok(Undone::Back(went)) => {
            let back = generation(went.number);
            (
                Exit::Failed,
                format!("stack {stack} {number} was rolled back to {back}, whose units did not all start: {why}"),
            )
        }
        Err(_) => (
            Exit::Failed,
            format!(
                "stack {stack} is deployed (current → {number}) and could not be rolled back: {why} — try `punix service rollback {stack}`"
            ),
        ),
    }
}

/// Says that a stack was taken away again, before which there was nothing.
pub(super) fn gone_again(stack: &str, number: &str, gone: &Gone, why: &str) -> (Exit, String) {
    match gone.activated.as_ref().is_ok_and(Activated::is_well) {
        true => {
            (Exit::RolledBack, format!("stack {stack} {number} was removed again, as nothing was there before: {why}"))
        }
        false => (
            Exit::Failed,
            format!(
                "stack {stack} {number} was removed again, and not all of its units stopped — stop them by hand: {why}"
            ),
        ),
    }
}

/// Returns the line that says where a rehearsal is.
pub(super) fn scratch(root: &Path) -> String {
    let root = shown(root);
    format!("  scratch: {}/\n", root.trim_end_matches('/'))
}

/// Returns a file's change as documents list it.
pub(super) fn change_json(change: &Change) -> Value {
    let what = match &change.after {
        After::Same => "same",
        After::File { .. } => "written",
        After::Nothing => "removed",
    };
    json!({ "path": change.path.as_str(), "change": what })
}

/// Returns the word for what is done with a unit.
pub(super) fn deed(deed: Deed) -> &'static str {
    match deed {
        Deed::Start => "start",
        Deed::Restart => "restart",
        Deed::Reload => "reload",
        Deed::Remove => "remove",
        Deed::Nothing => "nothing",
    }
}

/// Returns why something is done with a unit: `new`, or `config /etc/a changed, binary changed`.
pub(super) fn reasons(step: &UnitStep) -> String {
    let reasons: Vec<String> = step.reasons.iter().map(|reason| seen(&reason.to_string())).collect();
    reasons.join(", ")
}

pub(super) fn step_json(step: &UnitStep) -> Value {
    let reasons: Vec<String> = step.reasons.iter().map(ToString::to_string).collect();
    json!({ "unit": step.unit, "service": step.service, "deed": deed(step.deed), "reasons": reasons })
}

/// Returns the word for how a unit is.
pub(super) fn state(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Starting => "starting",
        RunState::Stopped => "stopped",
        RunState::Failed => "failed",
        RunState::Missing => "missing",
        RunState::Unknown => "unknown",
    }
}

pub(super) fn status_json(status: &Status) -> Value {
    json!({
        "unit": status.unit,
        "state": state(status.state),
        "enabled": status.enabled,
        "since_unix_ms": status.since_unix_ms,
        "detail": status.detail,
    })
}

/// Returns what documents say of a generation in a list of several.
pub(super) fn generation_json(generation: &Generation, live: Option<u32>) -> Value {
    json!({
        "generation": generation.number,
        "live": live == Some(generation.number),
        "previous": generation.previous,
        "deployed_at": generation.deployed_at,
        "deployed_by": generation.deployed_by,
        "backend": generation.backend,
        "scope": generation.scope,
        "scenario": generation.scenario,
        "source_hash": generation.source_hash,
        "config_files": generation.files.len(),
        "store_paths": generation.store_paths.len(),
    })
}

/// Lays rows out in columns, two spaces apart.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let padding = width.saturating_sub(cell.chars().count());
            format!("{cell}{}", " ".repeat(padding))
        });
        let line: Vec<String> = cells.collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_as_they_always_were() {
        assert_eq!(counted(2, 0, Some(0)), "(2 config file(s), 0 store path(s) pinned)");
        assert_eq!(counted(1, 3, Some(1)), "(1 config file(s), 3 store path(s) pinned, 1 pushed/2 cached)");
        assert_eq!(counted(1, 3, None), "(1 config file(s), 3 store path(s) pinned)");
        assert_eq!((generation(7), generation(1000)), ("gen-007".to_owned(), "gen-1000".to_owned()));
    }

    #[test]
    fn columns_are_as_wide_as_they_have_to_be() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        assert_eq!(table(&[row(&["a", "é", ""]), row(&["bbb", "cc", "d"])]), "a    é\nbbb  cc  d\n");
        assert_eq!(table(&[]), "");
    }
}
