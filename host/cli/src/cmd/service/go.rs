//! `punix service rollback` and `punix service set-current`: another generation that is kept becomes the live one. Only
//! what is on the target is needed.

use super::Stopped;
use super::activate;
use super::commit::{self, Teller};
use super::kept::{self, Remade};
use super::place;
use super::secrets::Vault;
use super::site::{self, Site, Visit};
use super::words::{self, generation};
use crate::args::service::{Going, Rollback, SetCurrent};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::{
    Counts, Decided, Go, Ground, PlanError, Planned, Policy, Refusal, Wish, back_from, kept, plan, question_for,
};
use punix_diag::{Diagnostic, SourceMap, json as diagnostic_json};
use punix_target::{Generation, Payload, Question};
use serde_json::{Value, json};

/// Which way it goes.
#[derive(Debug, Clone, Copy)]
enum To {
    Previous,
    Number(u32),
}

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
    let visit = Visit { command, wait: going.reach.wait, makes: false };
    let teller = Teller { ui, events: going.telling.events };
    let run = Run { teller, stack, to, going, vault: vault.as_ref() };
    site::at(ui, &place, visit, |site| run.on(site))
}

struct Run<'r> {
    teller: Teller<'r>,
    stack: &'r str,
    to: To,
    going: &'r Going,
    vault: Option<&'r Vault>,
}

impl Run<'_> {
    fn on(&self, site: &Site<'_>) -> Result<Exit, Stopped> {
        let ask = Question { stack: self.stack.to_owned(), ..Question::default() };
        let door = site.door;
        let seen = door.look(&ask)?;
        let number = match self.to {
            To::Previous => back_from(self.stack, &seen),
            To::Number(number) => kept(self.stack, &seen, number),
        };
        let number = number.map_err(|error| self.refuse(&error))?;
        let to = door.record(self.stack, number)?;
        let going = self.going;
        let remade = match going.resolve_secrets {
            true => Some(kept::remake(self.teller.ui, door, &to, self.vault)?),
            false => None,
        };
        let seen = door.look(&question_for(&to))?;
        let needs_backend = activate::is_wanted(&going.activating);
        let around = kept::around(self.teller.ui, site, &to, &going.units, needs_backend)?;
        let policy = Policy { adopt: going.adopt, refuse_drift: going.refuse_drift, keep: u32::MAX };
        let marks = remade.as_ref().map(|remade| &remade.marks);
        let wish = Wish::Go(Go { to: &to, policy, rewrite: !going.no_rewrite_config_files, remade: marks });
        let planned = plan(Ground { seen: &seen, boundary: &around.boundary }, wish);
        match planned.map_err(|error| self.refuse(&error))? {
            Planned::Unchanged { number, .. } => Ok(self.unchanged(number)),
            Planned::Change(decided) => self.change(site, &around, &to, *decided, remade),
        }
    }

    /// Says why it cannot go there. Packages that are missing are listed one below the other.
    fn refuse(&self, error: &PlanError) -> Stopped {
        let missing = error.0.iter().find_map(|refusal| match refusal {
            Refusal::StoreMissing { paths, .. } => Some(paths),
            _ => None,
        });
        let mut diagnostics = error.explain(&|_| None);
        let ui = self.teller.ui;
        let (Some(paths), false, [only]) = (missing, ui.json, diagnostics.as_mut_slice()) else {
            return Stopped::By(diagnostics);
        };
        only.notes.clear();
        let help = only.help.take();
        ui.show(&diagnostics, 0, &SourceMap::default());
        paths.iter().for_each(|path| ui.say(&format!("  {}", words::seen(path))));
        help.iter().for_each(|help| ui.say(&format!("help: {help}")));
        Stopped::Told(Exit::Failed)
    }

    fn unchanged(&self, number: u32) -> Exit {
        let stack = self.stack;
        let text = format!("unchanged: stack {stack} at {}\n", generation(number));
        let document = json!({
            "ok": true, "stack": stack, "outcome": "unchanged", "generation": number, "was": number,
            "restored": 0, "removed": 0, "secret_skipped": 0, "changes": [], "units": [], "activation": null,
            "diagnostics": [], "dropped": 0,
        });
        self.teller.result(&text, &document, Exit::Done)
    }

    fn change(
        &self,
        site: &Site<'_>,
        around: &kept::Around,
        to: &Generation,
        decided: Decided,
        remade: Option<Remade>,
    ) -> Result<Exit, Stopped> {
        let teller = self.teller;
        let warnings: Vec<Diagnostic> = decided.warnings.iter().map(Diagnostic::from).collect();
        teller.warn(&warnings, &SourceMap::default());
        let (secrets, redactor) = match remade {
            Some(Remade { files, redactor, .. }) => (files, redactor),
            None => Default::default(),
        };
        let secrets = secrets.into_iter().filter(|(path, _)| decided.secrets.contains(path)).collect();
        let committed = commit::commit(
            teller,
            site.door,
            &around.boundary,
            &decided.plan,
            Payload { blobs: decided.inline.clone(), secrets },
        )?;
        let text = self.line(to.number, committed.from, decided.counts);
        let units = around.units(to).map(|units| activate::Units { redactor: &redactor, ..units });
        let activated = activate::activate(teller, site, &self.going.activating, units, &decided.units)
            .inspect_err(|_| teller.say_done(&text))?;
        let error = activated.error(self.stack, Some(to.number));
        let Counts { written, removed, same, secret_skipped } = decided.counts;
        let document = json!({
            "ok": error.is_none(), "stack": self.stack, "outcome": self.outcome(), "generation": to.number,
            "was": committed.from, "restored": written + same, "removed": removed, "secret_skipped": secret_skipped,
            "changes": decided.plan.changes.iter().map(words::change_json).collect::<Vec<Value>>(),
            "units": decided.units.iter().map(words::step_json).collect::<Vec<Value>>(),
            "activation": activated.json(),
            "diagnostics": warnings.iter().map(|warning| diagnostic_json(warning, &SourceMap::default())).collect::<Vec<Value>>(),
            "dropped": 0,
        });
        Ok(teller.end(&(text + &activated.text), &document, error.as_deref()))
    }

    fn outcome(&self) -> &'static str {
        match self.to {
            To::Previous => "rolled back",
            To::Number(_) => "set current",
        }
    }

    fn line(&self, to: u32, was: Option<u32>, counts: Counts) -> String {
        let was = was.map_or_else(|| "none".to_owned(), generation);
        let Counts { written, removed, same, secret_skipped } = counts;
        let restored = written + same;
        let skipped = match secret_skipped {
            0 => String::new(),
            skipped => format!(", {skipped} secret-skipped"),
        };
        let (outcome, stack, to) = (self.outcome(), self.stack, generation(to));
        format!(
            "{outcome}: stack {stack} → {to} (was {was}) [{restored} config file(s) byte-restored, {removed} removed{skipped}]\n"
        )
    }
}
