//! `punix secrets check Fleet`: the secrets of all hosts of a fleet, looked for as an apply does it. No host is asked.

use super::super::Stopped;
use super::super::secrets::{Looked, Needs, Vault, look_all};
use super::super::words::seen;
use super::crew::{Crew, Purpose};
use super::failure::Failure;
use super::ready::{How, programs};
use crate::args::fleet::Choosing;
use crate::exit::Exit;
use crate::ui::Ui;
use serde_json::{Value, json};
use std::path::Path;

/// Looks for the secrets of all hosts of a fleet.
pub(in crate::cmd::service) fn check(
    ui: &Ui,
    file: &Path,
    scenario: Option<&str>,
    vault: Option<&Vault>,
) -> Result<Exit, Stopped> {
    let crew = Crew::read(ui, file, &Choosing { only: Vec::new(), limit: None }, Purpose::Deploys)?;
    let (kept_ui, _) = ui.keeping();
    let kept_ui = kept_ui.into_data();
    let programs = programs(&kept_ui, &crew, How { scenario, store_root: None, is_rehearsal: true })?;
    let mut needs: Vec<Result<Needs, Failure>> = Vec::new();
    for place in 0..crew.len() {
        let of = programs.with(place, |program| {
            let needs = Needs::of(&kept_ui, program, &crew.host(place).stack);
            needs.map_err(|stopped| Failure::of(ui, stopped, program.sources()))
        });
        needs.push(of.and_then(|needs| needs));
    }
    let asked: Vec<&Needs> = needs.iter().filter_map(|needs| needs.as_ref().ok()).collect();
    let mut looked = look_all(vault, &asked).into_iter();
    let (mut text, mut hosts, mut well) = (String::new(), Vec::new(), 0);
    for (place, needs) in needs.iter().enumerate() {
        let host = crew.host(place);
        let name = format!("{} → {}", seen(&host.stack), seen(&host.target));
        let mut failure = needs.as_ref().err().cloned();
        let mut secrets: Vec<Value> = Vec::new();
        if let (Ok(needs), Some(Looked { answers, errors })) = (needs, needs.as_ref().ok().and_then(|_| looked.next()))
        {
            text.push_str(&format!("{name}\n"));
            needs.text(&host.stack, &answers).lines().for_each(|line| text.push_str(&format!("  {line}\n")));
            let told = programs.with(place, |program| {
                let failure = match errors.is_empty() {
                    true => None,
                    false => Some(Failure::from_diagnostics(ui, &errors, 0, program.sources())),
                };
                (failure, needs.rows_json(&answers, program.sources()))
            });
            (failure, secrets) = told.unwrap_or_else(|failure| (Some(failure), Vec::new()));
        }
        well += usize::from(failure.is_none());
        if let Some(failure) = failure.as_ref().filter(|_| !ui.json) {
            ui.say(&format!("  ✗ {name}: {}", failure.headline));
            failure.others.iter().chain(&failure.more).for_each(|line| ui.say(&format!("    {line}")));
        }
        hosts.push(json!({
            "stack": host.stack, "target": host.target, "machine": host.machine, "ok": failure.is_none(),
            "secrets": secrets, "diagnostics": failure.map(|failure| failure.diagnostics).unwrap_or_default(),
        }));
    }
    let exit = if well == crew.len() { Exit::Done } else { Exit::Failed };
    if ui.json {
        let document = json!({ "ok": exit == Exit::Done, "hosts": hosts, "diagnostics": [], "dropped": 0 });
        return Ok(ui.result(&format!("{document:#}\n"), exit));
    }
    text.push_str(&format!("fleet: {well}/{} host(s) have their secrets\n", crew.len()));
    Ok(ui.result(&text, exit))
}
