//! `punix fleet apply`: every host gets its stack. All that can be known without a host is found out first, and secrets and
//! packages of all of them are there before the first is touched.

use super::super::commit::Teller;
use super::super::one::{self, Changed, Deployed, Job};
use super::super::prepare::{Program, prepare};
use super::super::secrets::{Vault, resolve};
use super::super::site::{self, Visit};
use super::super::words::{self, seen};
use super::super::{Stopped, pins};
use super::build::{AllBuilt, build};
use super::crew::Crew;
use super::failure::{Failure, headline};
use super::order::{self, Ordered};
use super::ready::{How, Programs, programs};
use super::report::{Report, Well};
use super::running::{Turns, all};
use super::{jobs, plan, secrets};
use crate::args::fleet::Apply as Arguments;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::Artifacts;
use super::stub::{Rules, Run};
use punix_diag::{Diagnostic, SourceMap, json as diagnostic_json};
use punix_model::RunState;
use serde_json::{Value, json};
use std::cell::Cell;

const COMMAND: &str = "punix fleet apply";

pub(super) fn run(ui: &Ui, args: &Arguments) -> Result<Exit, Stopped> {
    pins::check(&args.making.source(""))?;
    let crew = Crew::read(ui, args.file.path(), &args.choosing)?;
    crew.can_be_below(ui, &args.reach)?;
    let vault = Vault::read(ui, &args.making.secrets)?;
    let how = How {
        scenario: args.making.scenario.as_deref(),
        store_root: args.building.root.store_root.as_deref(),
        is_rehearsal: args.dry_run,
    };
    let mut programs = programs(ui, &crew, how);
    let ordered = order::of(ui, &crew, &mut programs, args.making.tls_certs.as_deref())?;
    let places = crew.meant(ordered.sequence(), args.choosing.limit);
    secrets::find(ui, &crew, vault.as_ref(), &places, &mut programs);
    if args.dry_run && args.reach.transport_root.is_none() {
        // Other machines are not touched for a rehearsal.
        return plan::rehearse(ui, args, &crew, &places, (&programs, &ordered.artifacts), vault.as_ref());
    }
    let building = args.building.building(args.telling.events);
    let built = match args.dry_run {
        true => AllBuilt::default(),
        false => build(ui, &building, (COMMAND, &crew, vault.as_ref()), &places, &mut programs),
    };
    let (vault, artifacts) = (vault.as_ref(), &ordered.artifacts);
    let applying = Applying { ui, args, crew: &crew, vault, artifacts, programs: &programs, built: &built };
    applying.all(&ordered, places)
}

/// What hosts are deployed with.
struct Applying<'a> {
    ui: &'a Ui,
    args: &'a Arguments,
    crew: &'a Crew,
    vault: Option<&'a Vault>,
    artifacts: &'a Artifacts,
    /// By place in the file.
    programs: &'a Programs,
    built: &'a AllBuilt,
}

impl Applying<'_> {
    fn all(&self, ordered: &Ordered, places: Vec<usize>) -> Result<Exit, Stopped> {
        let waves = &self.args.waves;
        let otherwise = if waves.fail_fast { 1 } else { super::JOBS };
        let rules = Rules {
            jobs: jobs(waves.jobs, otherwise),
            fail_fast: waves.fail_fast,
            canary: waves.canary.map(size),
            wave: waves.wave,
            max_failures: waves.max_failures.map(size),
        };
        let run = Run::new(&ordered.only(&places), rules);
        let mut report = Report::new(self.ui, self.crew, &self.args.telling, COMMAND, places.len())?;
        let why = if waves.fail_fast { "fail-fast" } else { "too many hosts failed before it" };
        let turns = Turns { run, places, crew: self.crew, skips: waves.skip_unreachable, why };
        let work = |place: usize, ui: &Ui| self.one(place, ui);
        let is_well = |deployed: &Deployed| !self.is_taken_back(deployed);
        all(self.ui, turns, &mut report, work, is_well, |report, place, told, ended| {
            report.tell(place, &told, ended, |report, deployed| self.well(report, place, deployed));
        });
        Ok(report.finish("deployed", json!({ "dry_run": self.args.dry_run })))
    }

    /// Deploys one host.
    fn one(&self, place: usize, ui: &Ui) -> Result<Deployed, Failure> {
        self.programs.with(place, |program| {
            let is_reached = Cell::new(false);
            let deployed = self.deploy(place, ui, program, &is_reached);
            deployed.map_err(|stopped| {
                let failure = Failure::of(ui, stopped, program.sources());
                Failure { is_worlds: failure.is_worlds && !is_reached.get(), ..failure }
            })
        })?
    }

    fn deploy(&self, place: usize, ui: &Ui, program: &Program, is_reached: &Cell<bool>) -> Result<Deployed, Stopped> {
        let args = self.args;
        let source = args.making.source(&self.crew.host(place).stack);
        let at = self.crew.place(place, &args.reach, args.dry_run)?;
        let visit = Visit { command: COMMAND, wait: args.reach.wait, makes: true };
        let job = Job {
            source: &source,
            activating: &args.activating,
            is_rehearsal: args.dry_run,
            goes_back: args.rollback_on_failure,
            confirm: None,
            command: COMMAND,
            wait: args.reach.wait,
            vault: self.vault,
        };
        ui.doing("reaching");
        site::at(ui, &at, visit, |site| {
            is_reached.set(true);
            site.can_run(program)?;
            ui.doing("preparing");
            let wanted = prepare(ui, &source, program, site, self.artifacts, &|plugins, design| {
                resolve(plugins, self.vault, &design.slots, &design.slot_places)
            })?;
            let built = self.built.of(program)?;
            let teller = Teller { ui, events: false };
            one::deploy(teller, job, site, program, wanted, built.as_ref())
        })
    }

    /// Tells whether a host went back, or tried to.
    fn is_taken_back(&self, deployed: &Deployed) -> bool {
        deployed.changed.as_ref().is_some_and(|changed| changed.undone.is_some())
    }

    /// Says what became of a host that was deployed.
    fn well(&self, report: &mut Report<'_>, place: usize, deployed: &Deployed) -> Well {
        let name = report.name(place);
        let line = format!("  ✓ {name}\n");
        let Deployed { stack, number, files, store_paths, pushed, changed } = deployed;
        let facts = json!({
            "outcome": "unchanged", "generation": number, "previous": null, "config_files": files,
            "store_paths": store_paths, "pushed": pushed, "changes": [], "units": [], "activation": null,
            "rolled_back_to": null,
        });
        let Some(changed) = changed else { return Well::done(line, facts) };
        let told = self.programs.with(place, |program| {
            let diagnostics = changed.warnings.iter().map(|it| diagnostic_json(it, program.sources()));
            (warnings(changed, program.sources()), diagnostics.collect::<Vec<Value>>())
        });
        let (warnings, diagnostics) = told.unwrap_or_default();
        warnings.iter().for_each(|warning| report.warn(place, warning));
        let label = if self.args.dry_run { "dry-run" } else { "deployed" };
        let Changed { previous, changes, units, activated, undone, .. } = changed;
        let mut facts = json!({
            "outcome": label, "generation": number, "previous": previous, "config_files": files,
            "store_paths": store_paths, "pushed": pushed,
            "changes": changes.iter().map(words::change_json).collect::<Vec<Value>>(),
            "units": units.iter().map(words::step_json).collect::<Vec<Value>>(),
            "activation": activated.json(), "rolled_back_to": null, "warnings": warnings,
            "diagnostics": diagnostics,
        });
        let Some(undone) = undone else { return Well::done(line, facts) };
        let (exit, error) = words::undone(stack, *number, activated, undone);
        if exit == Exit::RolledBack {
            facts["rolled_back_to"] = json!(previous);
        }
        Well { status: "failed", facts, line, error: Some(error), is_done: false }
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Returns what somebody has to know of a host that was deployed: what was overwritten, and which units are not where they
/// should be. None of it takes the host back.
pub(super) fn warnings(changed: &Changed, sources: &SourceMap) -> Vec<String> {
    let mut warnings: Vec<String> = changed.warnings.iter().map(|warning| headline(warning, sources)).collect();
    let activated = &changed.activated;
    for status in activated.statuses.iter().filter(|status| status.state == RunState::Failed) {
        warnings.push(format!("{} did not (re)start: {}", seen(&status.unit), seen(&status.detail)));
    }
    for gate in &activated.closed {
        warnings.push(format!("the health gate {} did not pass: {}", gate.name(), gate.said));
    }
    if let Some(stopped) = &changed.broke {
        let why = match stopped {
            Stopped::By(diagnostics) | Stopped::World(diagnostics) => {
                let lines: Vec<String> = diagnostics.iter().map(|it: &Diagnostic| headline(it, sources)).collect();
                lines.join("; ")
            }
            Stopped::Usage { message, .. } => message.clone(),
            Stopped::Told(_) => "it stopped".to_owned(),
        };
        warnings.push(format!("its units could not be handled: {why}"));
    }
    warnings
}
