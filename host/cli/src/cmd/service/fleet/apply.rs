//! `punix fleet apply`: every host gets its stack. All that can be known without a host is found out first, and secrets and
//! packages of all of them are there before the first is touched.

use super::super::away;
use super::super::back::{self, To, Way};
use super::super::commit::{Consent, Teller};
use super::super::one::{self, Changed, Deployed, Job, Undone};
use super::super::prepare::{Program, prepare};
use super::super::secrets::{Vault, resolve};
use super::super::site::{self, Rootless, Visit};
use super::super::words::{self, generation, seen};
use super::super::{Stopped, pins};
use super::build::{AllBuilt, build};
use super::crew::{Crew, Purpose};
use super::failure::{Failure, headline};
use super::order::{self, Ordered};
use super::ready::{How, Programs, programs};
use super::report::{Report, Well};
use super::running::{Ended, Turns, all};
use super::{jobs, plan, secrets, staging};
use crate::args::fleet::Apply as Arguments;
use crate::args::service::Source;
use crate::args::service::reach::Activating;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::{Artifacts, Rules, Run};
use punix_diag::{Diagnostic, SourceMap, json as diagnostic_json};
use punix_model::RunState;
use punix_target::Generation;
use serde_json::{Value, json};

const COMMAND: &str = "punix fleet apply";

pub(super) fn run(ui: &Ui, args: &Arguments) -> Result<Exit, Stopped> {
    if args.rollback_on_failure && !args.activating.activate && !args.waves.stage_first {
        let message = "`--rollback-on-failure` is for units that are started, or for hosts that go live together";
        return Err(Stopped::usage(message, "add `--activate` or `--stage-first`"));
    }
    pins::check(&args.making)?;
    let crew = Crew::read(ui, args.file.path(), &args.choosing, Purpose::Deploys)?;
    crew.can_be_below(ui, &args.reach)?;
    let vault = Vault::read(ui, &args.making.secrets)?;
    let how = How {
        scenario: args.making.scenario.as_deref(),
        store_root: args.building.root.store_root.as_deref(),
        is_rehearsal: args.dry_run,
    };
    let mut programs = programs(ui, &crew, how)?;
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
        if waves.stage_first {
            staging::can_be_staged(self.crew, &places)?;
        }
        let mut report = Report::new(self.ui, self.crew, &self.args.telling, COMMAND, places.len())?;
        let why = if waves.fail_fast { "fail-fast" } else { "too many hosts failed before it" };
        let turns = Turns { run, places, crew: self.crew, skips: waves.skip_unreachable, why };
        let is_well = |deployed: &Deployed| !self.is_taken_back(deployed);
        match waves.stage_first {
            true => self.staged(turns, (ordered, rules.jobs), &mut report, is_well),
            false => {
                let work = |place: usize, ui: &Ui| self.one(place, ui, None);
                all(self.ui, turns, &mut report, work, is_well, |report, place, told, ended| {
                    report.tell(place, &told, ended, |report, deployed| self.well(report, place, deployed));
                });
            }
        }
        Ok(report.finish("deployed", json!({ "dry_run": self.args.dry_run })))
    }

    /// Deploys all hosts or none.
    fn staged(
        &self,
        turns: Turns<'_>,
        how: (&Ordered, usize),
        report: &mut Report<'_>,
        is_well: impl Fn(&Deployed) -> bool,
    ) {
        let (places, skips) = (turns.places.clone(), turns.skips);
        let work = |place: usize, ui: &Ui, consent: Consent<'_>| self.one(place, ui, Some(consent));
        let staging::Outcome { mut ended, statuses, why } = staging::all(self.ui, turns, how, report, work, &is_well);
        let failed = |ended: &Option<Ended<Deployed>>| {
            ended.as_ref().is_some_and(|it| match &it.result {
                Ok(deployed) => !is_well(deployed),
                Err(failure) => !(skips && failure.is_unreachable),
            })
        };
        if self.args.rollback_on_failure && ended.iter().any(failed) {
            self.take_back(&places, &mut ended);
        }
        for (number, status) in statuses {
            let Some(&place) = places.get(number) else { continue };
            let end = ended.get(number).and_then(Option::as_ref);
            let told = staging::told(status, end, skips, why);
            report.tell(place, &told, end, |report, deployed| self.well(report, place, deployed));
        }
    }

    /// Takes back, last first, whoever went live before another one failed.
    fn take_back(&self, places: &[usize], ended: &mut [Option<Ended<Deployed>>]) {
        for (&place, end) in places.iter().zip(ended).rev() {
            let Some(Ended { result: Ok(deployed), said, .. }) = end else { continue };
            let Some(changed) = &mut deployed.changed else { continue };
            if changed.undone.is_some() {
                continue;
            }
            let (ui, kept) = self.ui.keeping();
            let ui = ui.into_data();
            let undone = self.undo(place, &ui, changed.previous);
            said.conversation.push_str(&kept.take().conversation);
            changed.undone = Some(undone);
        }
    }

    /// Goes back to a generation, or to nothing if nothing was there.
    fn undo(&self, place: usize, ui: &Ui, previous: Option<u32>) -> Result<Undone, Stopped> {
        let at = self.crew.place(place, &self.args.reach, self.args.dry_run)?;
        let visit = Visit { command: COMMAND, wait: self.args.reach.wait, without: Rootless::Refused };
        let stack = self.crew.host(place).stack.as_str();
        let (units, teller) = (&self.args.making.units, Teller { ui, events: false });
        // A rehearsal started nothing.
        let quiet = Activating { activate: false, enable: false, restart: None, systemctl: None };
        let activating = if self.args.dry_run { &quiet } else { &self.args.activating };
        site::at(ui, &at, visit, |site| {
            let Some(number) = previous else {
                let gone = away::take(teller, site, stack, false, (units, activating))?;
                return Ok(Undone::Gone(Box::new(gone)));
            };
            let to = site.door.record(stack, number)?;
            let present = |_: &Generation| self.artifacts.clone();
            let way = Way {
                stack,
                to: To::Number(number),
                resolves: to.files.iter().any(|file| file.chunks.is_some()),
                vault: self.vault,
                rewrites: true,
                adopt: false,
                refuse_drift: false,
                tls_certs: self.args.making.tls_certs.as_deref(),
                units,
                activating,
                present: Some(&present),
            };
            back::go(teller, site, way).map(|went| Undone::Back(Box::new(went)))
        })
    }

    /// Deploys one host.
    fn one(&self, place: usize, ui: &Ui, consent: Option<Consent<'_>>) -> Result<Deployed, Failure> {
        self.programs.with(place, |program| {
            let deployed = self.deploy(place, ui, (program, consent));
            deployed.map_err(|stopped| Failure::of(ui, stopped, program.sources()))
        })?
    }

    fn deploy(
        &self,
        place: usize,
        ui: &Ui,
        (program, consent): (&Program, Option<Consent<'_>>),
    ) -> Result<Deployed, Stopped> {
        let args = self.args;
        let source = Source::of(&self.crew.host(place).stack, &args.making);
        let at = self.crew.place(place, &args.reach, args.dry_run)?;
        let visit = Visit { command: COMMAND, wait: args.reach.wait, without: Rootless::Made };
        let job = Job {
            source: &source,
            activating: &args.activating,
            is_rehearsal: args.dry_run,
            goes_back: args.rollback_on_failure,
            removes: true,
            confirm: None,
            command: COMMAND,
            wait: args.reach.wait,
            vault: self.vault,
            artifacts: self.artifacts,
            consent,
        };
        ui.doing("reaching");
        site::at(ui, &at, visit, |site| {
            site.can_run(program)?;
            ui.doing("preparing");
            let wanted = prepare(ui, &source, program, site, self.artifacts, &|plugins, design| {
                resolve(plugins, self.vault, &design.slots, &design.slot_places)
            })?;
            site.can_activate(&wanted.design, &args.activating)?;
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
        let is_its_own = !activated.is_well() || changed.broke.is_some();
        let (exit, error) = match is_its_own {
            true => words::undone(stack, *number, activated, undone),
            false => for_another(stack, *number, undone),
        };
        if exit == Exit::RolledBack {
            facts["rolled_back_to"] = json!(previous);
        }
        if matches!(undone, Ok(Undone::Gone(_))) {
            facts["outcome"] = json!("removed");
        }
        Well { status: "failed", facts, line, error: Some(error), is_done: false }
    }
}

/// Why a host went back that is well itself.
const ANOTHER: &str = "another host failed";

/// Says that a host went back, or could not, since another one failed.
fn for_another(stack: &str, number: u32, undone: &Result<Undone, Stopped>) -> (Exit, String) {
    let (stack, number) = (seen(stack), generation(number));
    match undone {
        Ok(Undone::Gone(gone)) => words::gone_again(&stack, &number, gone, ANOTHER),
        Ok(Undone::Back(went)) => {
            let back = generation(went.number);
            (Exit::RolledBack, format!("stack {stack} {number} was rolled back to {back}: {ANOTHER}"))
        }
        Err(_) => {
            let message = format!(
                "stack {stack} is deployed (current → {number}) and could not be rolled back when another host failed — try \
                 `punix service rollback {stack}`"
            );
            (Exit::Failed, message)
        }
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
            Stopped::By(diagnostics) | Stopped::World(diagnostics) | Stopped::Unreachable(diagnostics) => {
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
