//! `punix service trim` and `punix service remove`: generations, or a whole stack, go.

use super::Stopped;
use super::away::{self, Gone};
use super::commit::Teller;
use super::place;
use super::site::{self, Rootless, Visit, live};
use super::words::{self, generation};
use crate::args::service::{Remove, Trim};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::{SourceMap, json as diagnostic_json};
use serde_json::{Value, json};

pub(super) fn trim(ui: &Ui, args: &Trim) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service trim", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    let stack = args.stack.name();
    site::at(ui, &place, visit, |site| {
        let door = site.door;
        live(door.current_record(stack)?, stack)?;
        let gone = door.trim(stack, args.keep)?;
        let names: Vec<String> = gone.iter().copied().map(generation).collect();
        let text = match names.is_empty() {
            true => format!("trimmed: stack {stack}, nothing to remove\n"),
            false => format!("trimmed: stack {stack}, {} generation(s) removed: {}\n", names.len(), names.join(", ")),
        };
        let document = json!({ "ok": true, "stack": stack, "removed": gone, "diagnostics": [], "dropped": 0 });
        Ok(teller.result(&text, &document, Exit::Done))
    })
}

pub(super) fn remove(ui: &Ui, args: &Remove) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service remove", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    let stack = args.stack.name();
    site::at(ui, &place, visit, |site| {
        let going = (&args.units, &args.activating);
        let Gone { was, decided, warnings, activated } = away::take(teller, site, stack, args.refuse_drift, going)?;
        let text = format!(
            "removed: stack {stack} (was {}) [{} config file(s) removed]\n",
            generation(was),
            decided.counts.removed
        );
        let activated = activated.inspect_err(|_| teller.say_done(&text))?;
        let error = activated.error(stack, None);
        let document = json!({
            "ok": error.is_none(), "stack": stack, "outcome": "removed", "was": was,
            "changes": decided.plan.changes.iter().map(words::change_json).collect::<Vec<Value>>(),
            "units": decided.units.iter().map(words::step_json).collect::<Vec<Value>>(),
            "activation": activated.json(),
            "diagnostics": warnings.iter().map(|it| diagnostic_json(it, &SourceMap::default())).collect::<Vec<Value>>(),
            "dropped": 0,
        });
        Ok(teller.end(&(text + &activated.text), &document, error.as_deref()))
    })
}
