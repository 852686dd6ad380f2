//! `punix service deploy`: a program's stack, on a target, as its live generation.

use super::commit::Teller;
use super::one::{self, Changed, Deployed, Job};
use super::place::{self, Place};
use super::prepare::{self, Packages, Program, prepare};
use super::secrets::{Vault, resolve};
use super::site::{self, Rootless, Visit};
use super::there::{self, There};
use super::words::{self, counted, generation};
use super::{Stopped, build, pins};
use crate::args::service::Deploy as Arguments;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::Artifacts;
use punix_diag::{SourceMap, json as diagnostic_json};
use serde_json::{Value, json};

const COMMAND: &str = "punix service deploy";

pub(super) fn run(ui: &Ui, args: &Arguments) -> Exit {
    let program = match begin(ui, args) {
        Ok(program) => program,
        Err(stopped) => return stopped.tell(ui, &SourceMap::default()),
    };
    deploy(ui, args, &program).unwrap_or_else(|stopped| stopped.tell(ui, program.sources()))
}

fn begin(ui: &Ui, args: &Arguments) -> Result<Program, Stopped> {
    prepare::file(&args.source)?;
    place::exclusive(&args.reach)?;
    pins::check(&args.source.making)?;
    // What the packages are for is known when the target is.
    let packages = if args.building_place.build_on_target { Packages::Later } else { Packages::Ours };
    prepare::read(ui, &args.source, args.building.root.store_root.as_deref(), args.dry_run, packages)
}

fn deploy(ui: &Ui, args: &Arguments, program: &Program) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, args.dry_run)?;
    if args.dry_run && place.is_elsewhere() {
        // Another machine is not touched for a rehearsal.
        return super::plan::rehearse(ui, args, program, &place);
    }
    let teller = Teller { ui, events: args.building.events };
    let vault = Vault::read(ui, &args.source.making.secrets)?;
    let visit = Visit { command: COMMAND, wait: args.reach.wait, without: Rootless::Made };
    let none = Artifacts::default();
    let job = Job {
        source: &args.source,
        activating: &args.activating,
        is_rehearsal: args.dry_run,
        goes_back: args.rollback_on_failure,
        removes: false,
        confirm: args.confirm,
        command: COMMAND,
        wait: args.reach.wait,
        vault: vault.as_ref(),
        artifacts: &none,
        consent: None,
    };
    // A target that cannot be had is found out before anything is built.
    let there =
        There { teller, building: &args.building, vault: vault.as_ref(), command: COMMAND, wait: args.reach.wait };
    let builds_there = args.building_place.build_on_target;
    site::at(ui, &place, visit, |site| {
        let theirs = if builds_there { Some(there::read(there, &args.source, site, args.dry_run)?) } else { None };
        let program = theirs.as_ref().unwrap_or(program);
        site.can_run(program)?;
        let wanted = prepare(ui, &args.source, program, site, &Artifacts::default(), &|plugins, design| {
            resolve(plugins, vault.as_ref(), &design.slots, &design.slot_places)
        })?;
        site.can_activate(&wanted.design, &args.activating)?;
        let built = match (args.dry_run, builds_there) {
            (true, _) => None,
            (false, true) => there::build(there, program, site)?,
            (false, false) => build::build(ui, &args.building, program, vault.as_ref(), COMMAND)?,
        };
        let deployed = one::deploy(teller, job, site, program, wanted, built.as_ref())?;
        let shown = Shown { teller, args, place: &place, program };
        match deployed.changed {
            None => Ok(shown.unchanged(&deployed)),
            Some(_) => shown.changed(deployed),
        }
    })
}

/// What a deploy is shown with.
struct Shown<'s> {
    teller: Teller<'s>,
    args: &'s Arguments,
    place: &'s Place,
    program: &'s Program,
}

impl Shown<'_> {
    fn unchanged(&self, deployed: &Deployed) -> Exit {
        if self.args.activating.activate && !self.teller.ui.json {
            self.teller
                .ui
                .say("note: nothing changed, so no unit is touched; `--force-generation --restart all` restarts all");
        }
        let Deployed { stack, number, files, store_paths, pushed, .. } = deployed;
        let text = format!("unchanged: stack {stack} at {}\n", generation(*number)) + &self.scratch();
        let document = json!({
            "ok": true, "stack": stack, "outcome": "unchanged", "generation": number, "previous": null,
            "config_files": files, "store_paths": store_paths, "pushed": pushed,
            "root": self.place.root.to_string_lossy(), "changes": [], "units": [], "activation": null,
            "diagnostics": [], "dropped": 0,
        });
        self.teller.result(&text, &document, Exit::Done)
    }

    fn changed(&self, deployed: Deployed) -> Result<Exit, Stopped> {
        let Deployed { stack, number, files, store_paths, pushed, changed } = deployed;
        let Some(Changed { previous, changes, units, warnings, activated, broke, undone }) = changed else {
            return Ok(Exit::Done);
        };
        let label = if self.args.dry_run { "dry-run" } else { "deployed" };
        let shown = counted(files, store_paths, pushed);
        let line = format!("{label}: stack {stack} → {} {shown}\n", generation(number)) + &self.scratch();
        let back = undone.as_ref().map(|undone| words::undone(&stack, number, &activated, undone));
        if let Some(stopped) = broke {
            // What is deployed is said, whatever comes of its units.
            self.teller.say_done(&line);
            back.iter().for_each(|(_, back)| self.teller.ui.say(&format!("note: {back}")));
            return Err(stopped);
        }
        let (exit, error) = match back {
            Some((exit, error)) => (exit, Some(error)),
            None => (Exit::Failed, activated.error(&stack, Some(number))),
        };
        let document = json!({
            "ok": error.is_none(), "stack": stack, "outcome": label, "generation": number,
            "previous": previous, "config_files": files, "store_paths": store_paths, "pushed": pushed,
            "root": self.place.root.to_string_lossy(),
            "changes": changes.iter().map(words::change_json).collect::<Vec<Value>>(),
            "units": units.iter().map(words::step_json).collect::<Vec<Value>>(),
            "activation": activated.json(),
            "rolled_back_to": if exit == Exit::RolledBack { json!(previous) } else { json!(null) },
            "diagnostics": warnings.iter().map(|warning| diagnostic_json(warning, self.program.sources())).collect::<Vec<Value>>(),
            "dropped": 0,
        });
        Ok(self.teller.end_as(exit, &(line + &activated.text), &document, error.as_deref()))
    }

    fn scratch(&self) -> String {
        match (&self.place.named, self.args.dry_run) {
            (Some(root), true) => words::scratch(root),
            (_, _) => String::new(),
        }
    }
}
