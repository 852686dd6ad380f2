//! `punix service restart`: units of what is live, started anew. Nothing else is changed.

use super::Stopped;
use super::activate::{self, Begun};
use super::commit::Teller;
use super::kept;
use super::place;
use super::site::{self, Rootless, Visit, live};
use super::words::units_of;
use crate::args::service::Restart;
use crate::args::service::reach::Units as UnitArguments;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::unit_steps;
use punix_model::{Action, Wish};
use serde_json::json;

pub(super) fn run(ui: &Ui, args: &Restart) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service restart", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    let (stack, service) = args.words.read()?;
    site::at(ui, &place, visit, |site| {
        let live = live(site.door.current_record(stack)?, stack)?;
        let names = units_of(&live, service)?;
        let around = kept::around(ui, site, &live, &UnitArguments { unit_dir: None }, true)?;
        let steps = unit_steps(Some(&live), Some(&live), &[]);
        let is_meant = |unit: &String| names.contains(unit);
        let wishes = steps.iter().map(|step| step.unit.clone()).filter(is_meant);
        let wishes: Vec<Wish> = wishes.map(|unit| Wish { unit, action: Action::Restart }).collect();
        let begun = Begun { systemctl: args.systemctl.as_deref(), steps: &steps };
        let activated = activate::fulfil(teller, site, begun, around.units_to_bring_up(site.door, &live), wishes)?;
        let error = activated.restart_error(stack);
        let document = json!({
            "ok": error.is_none(), "stack": stack, "generation": live.number, "activation": activated.json(),
            "diagnostics": [], "dropped": 0,
        });
        Ok(teller.end(&activated.text, &document, error.as_deref()))
    })
}
