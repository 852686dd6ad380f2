//! `punix fleet rollback` and `punix fleet set-current`: hosts go to generations that they keep. Only what is on them is needed;
//! so hosts go in the plain reverse order of the file, whatever the programs say now. What was made of another host's
//! certificate is made of the one that this host has by now: certificates do not go back.

use super::super::Stopped;
use super::super::back::{self, To, Way, Went};
use super::super::commit::Teller;
use super::super::go::skipped;
use super::super::one::Changed;
use super::super::site::{self, Rootless, Visit};
use super::super::words::{self, generation, seen};
use super::apply::warnings;
use super::crew::{Crew, Purpose};
use super::failure::Failure;
use super::jobs;
use super::present::Asking;
use super::report::{Report, Well};
use super::running::{Turns, all};
use crate::args::fleet::{Choosing, FleetReach, FleetTelling, Generations, Rollback, SetCurrent};
use crate::args::service::reach::{Activating, Units};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::{Order, Rules, Run};
use punix_diag::{SourceMap, json as diagnostic_json};
use punix_target::Generation;
use serde_json::{Value, json};

pub(super) fn rollback(ui: &Ui, args: &Rollback) -> Result<Exit, Stopped> {
    let crew = Crew::read(ui, args.file.path(), &args.choosing, Purpose::Asks)?;
    let activating = Activating { activate: false, enable: false, restart: None, systemctl: None };
    let going = Going {
        ui,
        crew: &crew,
        command: "punix fleet rollback",
        label: "rolled back",
        choosing: &args.choosing,
        fail_fast: args.fail_fast,
        jobs: args.jobs,
        activating: &activating,
        reach: &args.reach,
        telling: &args.telling,
        to: None,
        resolves: args.resolve_secrets,
        asking: &Asking::new(&crew, &args.reach, "punix fleet rollback"),
    };
    going.all()
}

pub(super) fn set_current(ui: &Ui, args: &SetCurrent) -> Result<Exit, Stopped> {
    let example = "write STACK=NUMBER, such as Web=3; `punix service history` lists the generations of a stack";
    let to = args.to.read().map_err(|message| Stopped::usage(message, example))?;
    let mut crew = Crew::read(ui, args.file.path(), &args.choosing, Purpose::Asks)?;
    if let Generations::Some(pairs) = &to {
        if let Some((stack, _)) = pairs.iter().find(|(stack, _)| !crew.has_stack(stack)) {
            let message = format!("no host of this fleet has the stack `{}`", seen(stack));
            return Err(Stopped::usage(message, example));
        }
        crew.keep(|host| pairs.iter().any(|(stack, _)| *stack == host.stack));
    }
    let going = Going {
        ui,
        crew: &crew,
        command: "punix fleet set-current",
        label: "set",
        choosing: &args.choosing,
        fail_fast: args.fail_fast,
        jobs: args.jobs,
        activating: &args.activating,
        reach: &args.reach,
        telling: &args.telling,
        to: Some(&to),
        resolves: args.resolve_secrets,
        asking: &Asking::new(&crew, &args.reach, "punix fleet set-current"),
    };
    going.all()
}

/// How hosts go to generations.
struct Going<'g> {
    ui: &'g Ui,
    crew: &'g Crew,
    command: &'g str,
    label: &'g str,
    choosing: &'g Choosing,
    fail_fast: bool,
    jobs: Option<u16>,
    activating: &'g Activating,
    reach: &'g FleetReach,
    telling: &'g FleetTelling,
    /// Nothing for the generation before.
    to: Option<&'g Generations>,
    /// Whether files with secrets are made anew.
    resolves: bool,
    /// Who knows what hosts give to each other by now.
    asking: &'g Asking<'g>,
}

impl Going<'_> {
    fn all(&self) -> Result<Exit, Stopped> {
        self.crew.can_be_below(self.ui, self.reach)?;
        let places = self.crew.meant((0..self.crew.len()).rev(), self.choosing.limit);
        let rules = Rules { fail_fast: self.fail_fast, ..Rules::at_once(jobs(self.jobs, 1)) };
        let run = Run::new(&Order::free(places.len()), rules);
        let mut report = Report::new(self.ui, self.crew, self.telling, self.command, places.len())?;
        let turns = Turns { run, places, crew: self.crew, skips: false, why: "fail-fast" };
        let work = |place: usize, ui: &Ui| self.one(place, ui);
        all(
            self.ui,
            turns,
            &mut report,
            work,
            |_| true,
            |report, place, told, ended| {
                report.tell(place, &told, ended, |report, went| self.well(report, place, went));
            },
        );
        Ok(report.finish(self.label, json!({})))
    }

    fn to(&self, stack: &str) -> To {
        match self.to {
            None => To::Previous,
            Some(Generations::All(number)) => To::Number(*number),
            Some(Generations::Some(pairs)) => {
                let found = pairs.iter().find(|(named, _)| named == stack);
                found.map_or(To::Previous, |(_, number)| To::Number(*number))
            }
        }
    }

    fn one(&self, place: usize, ui: &Ui) -> Result<Went, Failure> {
        self.go(place, ui).map_err(|stopped| Failure::of(ui, stopped, &SourceMap::default()))
    }

    fn go(&self, place: usize, ui: &Ui) -> Result<Went, Stopped> {
        let stack = self.crew.host(place).stack.as_str();
        let at = self.crew.place(place, self.reach, false)?;
        let visit = Visit { command: self.command, wait: self.reach.wait, without: Rootless::Refused };
        let units = Units { unit_dir: None };
        let present = |generation: &Generation| self.asking.present(ui, generation);
        let way = Way {
            stack,
            to: self.to(stack),
            resolves: self.resolves,
            vault: None,
            tls_certs: None,
            rewrites: true,
            adopt: false,
            refuse_drift: false,
            units: &units,
            activating: self.activating,
            present: Some(&present),
        };
        ui.doing("reaching");
        site::at(ui, &at, visit, |site| {
            ui.doing("going");
            back::go(Teller { ui, events: false }, site, way)
        })
    }

    fn well(&self, report: &mut Report<'_>, place: usize, went: &Went) -> Well {
        let Went { number, was, counts, changed } = went;
        let stack = seen(&self.crew.host(place).stack);
        let (restored, removed) = (counts.written + counts.same, counts.removed);
        let before = was.map_or_else(|| "none".to_owned(), generation);
        let skipped = skipped(*counts);
        let to = generation(*number);
        let line = match changed {
            Some(_) => format!("  ↩ {stack} → {to} (was {before}); {restored} restored, {removed} removed{skipped}\n"),
            None => format!("  ✓ {stack} → {to}, as it was\n"),
        };
        let outcome = if changed.is_some() { self.label } else { "unchanged" };
        let mut facts = json!({
            "outcome": outcome, "generation": number, "was": was, "restored": restored, "removed": removed,
            "secret_skipped": counts.secret_skipped, "artifact_skipped": counts.artifact_skipped,
            "artifact_renewed": counts.artifact_renewed,
            "changes": [], "units": [], "activation": null,
        });
        if let Some(changed) = changed {
            let sources = SourceMap::default();
            let warnings = warnings(changed, &sources);
            warnings.iter().for_each(|warning| report.warn(place, warning));
            let Changed { changes, units, activated, .. } = changed;
            facts["changes"] = changes.iter().map(words::change_json).collect::<Vec<Value>>().into();
            facts["units"] = units.iter().map(words::step_json).collect::<Vec<Value>>().into();
            facts["activation"] = activated.json();
            facts["warnings"] = json!(warnings);
            let diagnostics = changed.warnings.iter().map(|it| diagnostic_json(it, &sources));
            facts["diagnostics"] = diagnostics.collect::<Vec<Value>>().into();
        }
        Well::done(line, facts)
    }
}
