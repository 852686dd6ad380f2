//! `punix service audit`: what was done to a target, and whether that is still told as it was.

use super::Stopped;
use super::commit::Teller;
use super::place;
use super::site::{self, Rootless, Visit};
use super::words::{generation, seen, table};
use crate::args::service::{Audit, Auditing};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::timestamp;
use punix_target::{AuditLine, AuditResult, Door};
use serde_json::{Value, json};

pub(super) fn run(ui: &Ui, args: &Audit) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service audit", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    site::at(ui, &place, visit, |site| {
        site.door.share()?;
        match args.what {
            Some(Auditing::Verify) => verify(teller, site.door),
            None => show(teller, site.door),
        }
    })
}

fn show(teller: Teller<'_>, door: &dyn Door) -> Result<Exit, Stopped> {
    let lines = door.audit()?;
    let head = ["TIME", "BY", "FROM", "COMMAND", "STACK", "CHANGE", "RESULT"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(lines.iter().map(row));
    let documents: Vec<Value> = lines.iter().map(document).collect();
    documents.iter().for_each(|document| teller.event(document));
    let text = if lines.is_empty() { String::new() } else { table(&rows) };
    let document = json!({ "ok": true, "lines": documents, "diagnostics": [], "dropped": 0 });
    Ok(teller.result(&text, &document, Exit::Done))
}

fn verify(teller: Teller<'_>, door: &dyn Door) -> Result<Exit, Stopped> {
    let (count, faults) = (door.audit()?.len(), door.verify_audit()?);
    let faults: Vec<String> = faults.iter().map(|fault| seen(&fault.to_string())).collect();
    let is_sound = faults.is_empty();
    let mut text: String = faults.iter().map(|fault| format!("WRONG\t{fault}\n")).collect();
    text.push_str(&format!("audit: {count} line(s), {} wrong\n", faults.len()));
    let document = json!({ "ok": is_sound, "lines": count, "faults": faults, "diagnostics": [], "dropped": 0 });
    Ok(teller.result(&text, &document, if is_sound { Exit::Done } else { Exit::Failed }))
}

fn row(line: &AuditLine) -> Vec<String> {
    let user = seen(&line.by.user);
    let by = match line.by.operator.as_deref().or(line.by.login.as_deref()) {
        Some(who) => format!("{} as {user}", seen(who)),
        None => user,
    };
    let number = |number: Option<u32>| number.map_or_else(|| "none".to_owned(), generation);
    let mut change = format!("{} → {}", number(line.parent), number(line.child));
    if !line.trimmed.is_empty() {
        change.push_str(&format!(", {} trimmed", line.trimmed.len()));
    }
    vec![
        timestamp(line.time),
        by,
        line.by.from.as_deref().map_or_else(|| "here".to_owned(), seen),
        seen(&line.by.command),
        seen(&line.stack),
        change,
        result(line.result).to_owned(),
    ]
}

fn result(result: AuditResult) -> &'static str {
    match result {
        AuditResult::Done => "done",
        AuditResult::Finished => "finished",
        AuditResult::Undone => "undone",
    }
}

fn document(line: &AuditLine) -> Value {
    json!({
        "time": timestamp(line.time), "user": line.by.user, "login": line.by.login, "from": line.by.from,
        "operator": line.by.operator, "command": line.by.command, "plan": line.by.plan, "stack": line.stack,
        "parent": line.parent, "child": line.child, "trimmed": line.trimmed, "result": result(line.result),
        "cut": line.cut,
    })
}
