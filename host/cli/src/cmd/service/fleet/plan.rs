//! `punix fleet plan`: what a deploy would change on every host. It is also what a dry run does with other machines, which are
//! not touched.

use super::super::plan::{self, Asked, Shown};
use super::super::prepare::Program;
use super::super::secrets::Vault;
use super::super::{Stopped, pins};
use super::crew::{Crew, Purpose};
use super::failure::Failure;
use super::order;
use super::ready::{How, Programs, programs};
use super::report::{Report, Well};
use super::running::{Turns, all};
use super::{JOBS, jobs, secrets};
use crate::args::build::Building;
use crate::args::fleet::{Apply, FleetReach, FleetTelling, Plan as Arguments};
use crate::args::service::reach::Activating;
use crate::args::service::{Making, Source};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::{Artifacts, Order, Rules, Run};
use serde_json::json;

pub(super) fn run(ui: &Ui, args: &Arguments) -> Result<Exit, Stopped> {
    pins::check(&args.making)?;
    let crew = Crew::read(ui, args.file.path(), &args.choosing, Purpose::Deploys)?;
    crew.can_be_below(ui, &args.reach)?;
    let vault = Vault::read(ui, &args.making.secrets)?;
    let how = How {
        scenario: args.making.scenario.as_deref(),
        store_root: args.building.root.store_root.as_deref(),
        is_rehearsal: false,
    };
    let mut programs = programs(ui, &crew, how)?;
    let ordered = order::of(ui, &crew, &mut programs, args.making.tls_certs.as_deref())?;
    let places = crew.meant(ordered.sequence(), args.choosing.limit);
    secrets::find(ui, &crew, vault.as_ref(), &places, &mut programs);
    let planning = Planning {
        ui,
        command: "punix fleet plan",
        crew: &crew,
        making: &args.making,
        activating: &args.activating,
        reach: &args.reach,
        telling: &args.telling,
        building: args.building.building(args.telling.events),
        jobs: jobs(args.jobs, JOBS),
        programs: &programs,
        artifacts: &ordered.artifacts,
        vault: vault.as_ref(),
    };
    planning.all(places)
}

/// Shows what a deploy would do that is only rehearsed.
pub(super) fn rehearse(
    ui: &Ui,
    args: &Apply,
    crew: &Crew,
    places: &[usize],
    (programs, artifacts): (&Programs, &Artifacts),
    vault: Option<&Vault>,
) -> Result<Exit, Stopped> {
    let planning = Planning {
        ui,
        command: "punix fleet apply",
        crew,
        making: &args.making,
        activating: &args.activating,
        reach: &args.reach,
        telling: &args.telling,
        building: args.building.building(args.telling.events),
        jobs: jobs(args.waves.jobs, JOBS),
        programs,
        artifacts,
        vault,
    };
    planning.all(places.to_vec())
}

struct Planning<'p> {
    ui: &'p Ui,
    command: &'p str,
    crew: &'p Crew,
    making: &'p Making,
    activating: &'p Activating,
    reach: &'p FleetReach,
    telling: &'p FleetTelling,
    building: Building,
    jobs: usize,
    /// By place in the file.
    programs: &'p Programs,
    artifacts: &'p Artifacts,
    vault: Option<&'p Vault>,
}

impl Planning<'_> {
    fn all(&self, places: Vec<usize>) -> Result<Exit, Stopped> {
        let run = Run::new(&Order::free(places.len()), Rules::at_once(self.jobs));
        let mut report = Report::new(self.ui, self.crew, self.telling, self.command, places.len())?;
        let turns = Turns { run, places, crew: self.crew, skips: false, why: "it was stopped" };
        let work = |place: usize, ui: &Ui| self.one(place, ui);
        let mut changes = 0_usize;
        all(
            self.ui,
            turns,
            &mut report,
            work,
            |_| true,
            |report, place, told, ended| {
                report.tell(place, &told, ended, |report, planned: &Shown| {
                    let is_unchanged = planned.document["outcome"] == "unchanged";
                    changes += usize::from(!is_unchanged);
                    let mark = if is_unchanged { "✓" } else { "±" };
                    let mut line = format!("  {mark} {}\n", report.name(place));
                    planned.text.lines().for_each(|text| line.push_str(&format!("    {text}\n")));
                    Well::done(line, planned.document.clone())
                });
            },
        );
        report.print(&format!("fleet: {changes} host(s) would change\n"));
        Ok(report.finish("planned", json!({ "changes": changes })))
    }

    fn one(&self, place: usize, ui: &Ui) -> Result<Shown, Failure> {
        self.programs.with(place, |program| self.planned(place, ui, program))?
    }

    fn planned(&self, place: usize, ui: &Ui, program: &Program) -> Result<Shown, Failure> {
        let source = Source::of(&self.crew.host(place).stack, self.making);
        let asked = Asked {
            source: &source,
            out: None,
            activating: self.activating,
            wait: self.reach.wait,
            building: &self.building,
            builds_there: false,
            program,
        };
        ui.doing("looking");
        let planned = self.crew.place(place, self.reach, false);
        let planned = planned.and_then(|at| plan::planned(ui, asked, &at, self.artifacts, self.vault));
        planned.map_err(|stopped| Failure::of(ui, stopped, program.sources()))
    }
}
