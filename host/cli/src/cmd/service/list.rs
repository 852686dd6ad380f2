//! `punix service list`: the stacks of a target.

use super::Stopped;
use super::commit::Teller;
use super::place;
use super::site::{self, Rootless, Visit};
use super::words::{self, generation, seen, table};
use crate::args::service::List;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::{Diagnostic, SourceMap, json as diagnostic_json};
use punix_target::{Generation, TargetError};
use serde_json::{Value, json};

pub(super) fn run(ui: &Ui, args: &List) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service list", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    site::at(ui, &place, visit, |site| {
        site.door.share()?;
        let mut rows = vec![["STACK", "LIVE", "DEPLOYED", "BY", "BACKEND"].map(str::to_owned).to_vec()];
        let (mut documents, mut diagnostics) = (Vec::new(), Vec::new());
        for stack in site.door.stacks()? {
            match site.door.current_record(&stack) {
                Ok(found) => {
                    rows.push(row(&stack, found.as_ref()));
                    documents.push(document(&stack, found.as_ref()));
                }
                Err(error @ TargetError::Disk(_)) => return Err(error.into()),
                Err(error) => {
                    rows.push(vec![seen(&stack), "?".to_owned()]);
                    documents.push(json!({ "stack": stack, "live": null }));
                    diagnostics.push(Diagnostic::from(error));
                }
            }
        }
        let exit = if diagnostics.is_empty() { Exit::Done } else { Exit::Failed };
        documents.iter().for_each(|document| teller.event(document));
        let text = if rows.len() > 1 { table(&rows) } else { String::new() };
        let shown: Vec<Value> =
            diagnostics.iter().map(|diagnostic| diagnostic_json(diagnostic, &SourceMap::default())).collect();
        teller.warn(&diagnostics, &SourceMap::default());
        let document = json!({ "ok": exit == Exit::Done, "stacks": documents, "diagnostics": shown, "dropped": 0 });
        Ok(teller.result(&text, &document, exit))
    })
}

fn row(stack: &str, live: Option<&Generation>) -> Vec<String> {
    match live {
        Some(live) => {
            vec![
                seen(stack),
                generation(live.number),
                seen(&live.deployed_at),
                seen(&live.deployed_by),
                seen(&live.backend),
            ]
        }
        None => vec![seen(stack), "-".to_owned()],
    }
}

fn document(stack: &str, live: Option<&Generation>) -> Value {
    let found = live.map(|live| words::generation_json(live, Some(live.number)));
    json!({ "stack": stack, "live": found })
}
