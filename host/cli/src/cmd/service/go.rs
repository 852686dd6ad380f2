//! `punix service rollback` and `punix service set-current`: another generation that is kept becomes the live one. Only
//! what is on the target is needed.

use super::Stopped;
use super::back::{self, To, Way, Went};
use super::commit::Teller;
use super::one::Changed;
use super::place;
use super::secrets::Vault;
use super::site::{self, Rootless, Visit};
use super::words::{self, generation};
use crate::args::service::{Going, Rollback, SetCurrent};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::Counts;
use punix_diag::{SourceMap, json as diagnostic_json};
use serde_json::{Value, json};

pub(super) fn rollback(ui: &Ui, args: &Rollback) -> Result<Exit, Stopped> {
    run(ui, "punix service rollback", args.stack.name(), To::Previous, &args.going)
}

pub(super) fn set_current(ui: &Ui, args: &SetCurrent) -> Result<Exit, Stopped> {
    let (stack, number) = args.words.read()?;
    run(ui, "punix service set-current", stack, To::Number(number), &args.going)
}

fn run(ui: &Ui, command: &str, stack: &str, to: To, going: &Going) -> Result<Exit, Stopped> {
    let place = place::place(&going.reach, false)?;
    let vault = Vault::read(ui, &going.secrets)?;
    let visit = Visit { command, wait: going.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: going.telling.events };
    let way = Way {
        stack,
        to,
        resolves: going.resolve_secrets,
        vault: vault.as_ref(),
        tls_certs: going.tls_certs.as_deref(),
        rewrites: !going.no_rewrite_config_files,
        adopt: going.adopt,
        refuse_drift: going.refuse_drift,
        units: &going.units,
        activating: &going.activating,
        // Nobody knows here who that is.
        present: None,
    };
    site::at(ui, &place, visit, |site| {
        let Went { number, was, counts, changed } = back::go(teller, site, way)?;
        match changed {
            Some(changed) => show(teller, way, number, was, counts, changed),
            None => Ok(unchanged(teller, stack, number)),
        }
    })
}

fn unchanged(teller: Teller<'_>, stack: &str, number: u32) -> Exit {
    let text = format!("unchanged: stack {stack} at {}\n", generation(number));
    let document = json!({
        "ok": true, "stack": stack, "outcome": "unchanged", "generation": number, "was": number,
        "restored": 0, "removed": 0, "secret_skipped": 0, "artifact_skipped": 0, "artifact_renewed": 0, "changes": [], "units": [], "activation": null,
        "diagnostics": [], "dropped": 0,
    });
    teller.result(&text, &document, Exit::Done)
}

fn show(
    teller: Teller<'_>,
    way: Way<'_>,
    number: u32,
    was: Option<u32>,
    counts: Counts,
    changed: Changed,
) -> Result<Exit, Stopped> {
    let Changed { changes, units, warnings, activated, broke, .. } = changed;
    let text = line(way, number, was, counts);
    if let Some(stopped) = broke {
        // Where it went is said, whatever comes of the units.
        teller.say_done(&text);
        return Err(stopped);
    }
    let error = activated.error(way.stack, Some(number));
    let Counts { written, removed, same, secret_skipped, artifact_skipped, artifact_renewed } = counts;
    let document = json!({
        "ok": error.is_none(), "stack": way.stack, "outcome": outcome(way.to), "generation": number,
        "was": was, "restored": written + same, "removed": removed, "secret_skipped": secret_skipped,
        "artifact_skipped": artifact_skipped, "artifact_renewed": artifact_renewed,
        "changes": changes.iter().map(words::change_json).collect::<Vec<Value>>(),
        "units": units.iter().map(words::step_json).collect::<Vec<Value>>(),
        "activation": activated.json(),
        "diagnostics": warnings.iter().map(|warning| diagnostic_json(warning, &SourceMap::default())).collect::<Vec<Value>>(),
        "dropped": 0,
    });
    Ok(teller.end(&(text + &activated.text), &document, error.as_deref()))
}

fn outcome(to: To) -> &'static str {
    match to {
        To::Previous => "rolled back",
        To::Number(_) => "set current",
    }
}

/// Returns what the line says of files that are not what the generation had.
pub(super) fn skipped(counts: Counts) -> String {
    let counted = [
        (counts.secret_skipped, "secret-skipped"),
        (counts.artifact_skipped, "artifact-skipped"),
        (counts.artifact_renewed, "artifact-renewed"),
    ];
    counted.iter().filter(|(files, _)| *files > 0).map(|(files, word)| format!(", {files} {word}")).collect()
}

/// Returns the line that says where it went.
pub(crate) fn line(way: Way<'_>, to: u32, was: Option<u32>, counts: Counts) -> String {
    let was = was.map_or_else(|| "none".to_owned(), generation);
    let Counts { written, removed, same, .. } = counts;
    let restored = written + same;
    let skipped = skipped(counts);
    let (outcome, stack, to) = (outcome(way.to), way.stack, generation(to));
    format!(
        "{outcome}: stack {stack} → {to} (was {was}) [{restored} config file(s) byte-restored, {removed} removed{skipped}]\n"
    )
}
