//! `punix service repair`: the live generation, as it was deployed. What was interrupted is mended first.

use super::Stopped;
use super::activate;
use super::commit::{self, Teller};
use super::kept::{self, Remade};
use super::place;
use super::prepare::{now, who};
use super::secrets::Vault;
use super::site::{self, Rootless, Visit, live};
use super::words::{self, generation, seen};
use crate::args::service::Repair as Arguments;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::{Artifacts, Deploy, Ground, Planned, Policy, Repair, Wish, plan, question_for, timestamp};
use punix_diag::{Code, Diagnostic, SourceMap};
use punix_model::Secret;
use punix_target::{
    Depth, Door, Drift, Finding, Generation, Goal, Mark, Mended, Payload, Recovered, Seen, Spot, TargetPath, There,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn run(ui: &Ui, args: &Arguments) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let vault = Vault::read(ui, &args.secrets)?;
    let visit = Visit { command: "punix service repair", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    site::at(ui, &place, visit, |site| {
        let door = site.door;
        let stack = args.stack.name();
        let of_ours = own(teller, &door.mend(stack)?);
        let mended = of_ours + mended(teller, &door.recover()?);
        let current = door.current_record(stack)?;
        if of_ours > 0 && current.is_none() {
            return Err(nothing_left(stack).into());
        }
        let live = live(current, stack)?;
        let findings = door.verify(&live, Depth::Content)?;
        let packages = packages(teller, args, door, &live, &findings)?;
        let is_keyless = findings.iter().any(|finding| finding.drift == Drift::KeyGone);
        if is_keyless {
            // Whoever asks for a tag makes the key.
            door.tag(&Secret::new(Vec::new()))?;
        }
        let remade = match args.resolve_secrets {
            true => {
                let from = (vault.as_ref(), args.tls_certs.as_deref());
                Some(kept::remake(ui, door, &live, from, &Artifacts::default())?)
            }
            false => None,
        };
        let seen = door.look(&question_for(&live))?;
        let around = kept::around(ui, site, &live, &args.units, activate::is_wanted(&args.activating))?;
        let policy = Policy { keep: u32::MAX, ..Policy::default() };
        let marks = remade.as_ref().map(|remade| &remade.marks);
        let wish = match is_keyless {
            true => keyed(teller, &live, &seen, marks, policy)?,
            false => Wish::Repair(Repair { stack, policy, remade: marks }),
        };
        let planned = plan(Ground { seen: &seen, boundary: &around.boundary }, wish);
        let decided = match planned.map_err(|error| error.explain(&|_| None))? {
            Planned::Unchanged { number, .. } => {
                let outcome = if packages + mended == 0 { "unchanged" } else { "repaired" };
                let text = format!("{outcome}: stack {stack} at {}\n", generation(number));
                return Ok(teller.result(
                    &text,
                    &document(stack, outcome, number, packages, &[], &Value::Null),
                    Exit::Done,
                ));
            }
            Planned::Change(decided) => *decided,
        };
        let warnings: Vec<Diagnostic> = decided.warnings.iter().map(Diagnostic::from).collect();
        teller.warn(&warnings, &SourceMap::default());
        let Remade { files, redactor, blobs, .. } = remade.unwrap_or_default();
        let secrets = files.into_iter().filter(|(path, _)| decided.secrets.contains(path)).collect();
        commit::commit(
            teller,
            door,
            &around.boundary,
            &decided.plan,
            Payload { blobs: decided.inline.clone().into_iter().chain(blobs).collect(), secrets },
        )?;
        let counts = decided.counts;
        let number = match &decided.plan.goal {
            Goal::New(new) => new.number,
            Goal::Kept(_) | Goal::Gone => live.number,
        };
        let text = format!(
            "repaired: stack {stack} at {} [{} config file(s) restored, {packages} package(s) brought]\n",
            generation(number),
            counts.written,
        );
        let units = around.units_to_bring_up(door, &live).map(|units| activate::Units { redactor: &redactor, ..units });
        let activated = activate::activate(teller, site, &args.activating, units, &decided.units)
            .inspect_err(|_| teller.say_done(&text))?;
        let error = activated.error(stack, Some(number));
        let changes: Vec<Value> = decided.plan.changes.iter().map(words::change_json).collect();
        let document = document(stack, "repaired", number, packages, &changes, &activated.json());
        Ok(teller.end(&(text + &activated.text), &document, error.as_deref()))
    })
}

fn nothing_left(stack: &str) -> Diagnostic {
    Diagnostic::error(Code::E12, format!("there is no record of the stack `{}` that could be live", seen(stack)))
        .help("`punix service deploy` makes a new generation; what the ledger says of the stack's files still holds")
}

/// Says what was done about what is ours, and counts it.
fn own(teller: Teller<'_>, mended: &[Mended]) -> usize {
    for Mended { path, fault } in mended {
        note(teller, "mended", &format!("`{}`: {}", seen(path.as_str()), seen(&fault.to_string())));
    }
    mended.len()
}

fn note(teller: Teller<'_>, event: &str, line: &str) {
    teller.event(&json!({ "event": event, "what": line }));
    if !teller.ui.json {
        teller.ui.say(&format!("note: {line}"));
    }
}

/// Wishes for a generation that is the live one with other marks: what knew its files with secrets is lost. Nobody can tell
/// any more whether somebody changed them.
fn keyed<'w>(
    teller: Teller<'_>,
    live: &Generation,
    seen: &Seen,
    remade: Option<&BTreeMap<TargetPath, Mark>>,
    policy: Policy,
) -> Result<Wish<'w>, Stopped> {
    let mut draft = Generation { deployed_at: timestamp(now()), deployed_by: who(), ..live.clone() };
    let mut lost = Vec::new();
    for row in draft.files.iter_mut().filter(|row| row.is_secret()) {
        let fresh = remade.and_then(|marks| marks.get(&row.path)).copied();
        let there = seen.paths.get(&row.path).and_then(|place| match &place.there {
            There::File(file) => file.marks.iter().find(|mark| matches!(mark, Mark::HmacSha256(_))).copied(),
            There::Nothing | There::Link { .. } | There::Directory | There::Other | There::Unreachable { .. } => None,
        });
        match fresh.or(there) {
            Some(mark) => row.mark = mark,
            None => lost.push(words::seen(row.path.as_str())),
        }
    }
    if !lost.is_empty() {
        let message =
            format!("the key by which secrets are known is lost, and files with secrets are gone: {}", lost.join(", "));
        return Err(Diagnostic::error(Code::E12, message)
            .help("`--resolve-secrets` makes them again from their references, or deploy the program again")
            .into());
    }
    let line =
        "the key by which secrets are known was lost: files with secrets are taken as they are, and known by a new one";
    note(teller, "mended", line);
    Ok(Wish::Deploy(Deploy { draft, policy, force_generation: true, kept: BTreeSet::new(), as_others: Vec::new() }))
}

/// Says what was done about what was interrupted, and counts it.
fn mended(teller: Teller<'_>, recovered: &Recovered) -> usize {
    let name = |number: &Option<u32>| number.map_or_else(|| "nothing".to_owned(), generation);
    let line = match recovered {
        Recovered::Nothing => return 0,
        Recovered::Undone { stack, from, to, left } => {
            let left: Vec<String> = left.iter().map(|path| seen(path.as_str())).collect();
            let left = if left.is_empty() { String::new() } else { format!("; left alone: {}", left.join(", ")) };
            format!("an interrupted change of stack {stack} from {} to {} is undone{left}", name(from), name(to))
        }
        Recovered::Finished { stack, from, to } => {
            format!("an interrupted change of stack {stack} from {} to {} is finished", name(from), name(to))
        }
    };
    note(teller, "recovered", &line);
    1
}

/// Brings packages again that are missing or damaged on the target, from the store of this machine. Counts them.
fn packages(
    teller: Teller<'_>,
    args: &Arguments,
    door: &dyn Door,
    live: &Generation,
    findings: &[Finding],
) -> Result<usize, Stopped> {
    let of_store = |finding: &Finding| match (&finding.at, &finding.drift) {
        (Spot::Store(path), drift) => Some((path.clone(), matches!(drift, Drift::Damaged { .. }))),
        (Spot::File(_) | Spot::Own(_), _) => None,
    };
    let bad: Vec<(String, bool)> = findings.iter().filter_map(of_store).collect();
    if bad.is_empty() {
        return Ok(0);
    }
    let again: BTreeSet<String> = bad.iter().filter(|(_, damaged)| *damaged).map(|(path, _)| path.clone()).collect();
    let Some(store) = kept::store(&args.store) else {
        let names: Vec<String> = bad.iter().map(|(path, _)| seen(path)).collect();
        let message = format!("packages are missing or damaged on the target: {}", names.join(", "));
        return Err(Diagnostic::error(Code::E12, message)
            .help("there is no store here to bring them from: deploy again")
            .into());
    };
    commit::push(teller, door, &store, &live.store_paths, &again)?;
    Ok(bad.len())
}

fn document(stack: &str, outcome: &str, number: u32, packages: usize, changes: &[Value], activation: &Value) -> Value {
    json!({
        "ok": true, "stack": stack, "outcome": outcome, "generation": number, "packages": packages, "changes": changes,
        "activation": activation, "diagnostics": [], "dropped": 0,
    })
}
