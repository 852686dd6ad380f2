//! `punix service deploy`: a program's stack, on a target, as its live generation.

use super::activate::{self, Activated, Units};
use super::commit::{self, Teller};
use super::place::{self, Place};
use super::prepare::{self, Program, Wanted, prepare};
use super::site::{self, Visit};
use super::words::{self, counted, generation};
use super::{Stopped, build, pins};
use crate::args::service::Deploy as Arguments;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::{Decided, Deploy, Ground, Planned, Policy, Wish, plan, question, stack_of};
use punix_diag::{Diagnostic, SourceMap, json as diagnostic_json};
use punix_target::{Goal, Pushed, Target, look, tag};
use serde_json::{Value, json};
use std::collections::BTreeSet;

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
    pins::check(&args.source)?;
    prepare::read(ui, &args.source, args.building.root.store_root.as_deref(), args.dry_run)
}

/// One deploy, as far as it is known before the target is looked at.
struct Run<'r> {
    teller: Teller<'r>,
    args: &'r Arguments,
    place: Place,
    program: &'r Program,
    built: Option<build::Built>,
}

fn deploy(ui: &Ui, args: &Arguments, program: &Program) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, args.dry_run)?;
    // A root that cannot be had is found out before anything is built.
    drop(place.open_or_make()?);
    let wanted = prepare(ui, &args.source, program, &place)?;
    let built = match args.dry_run {
        true => None,
        false => build::build(ui, &args.building, program, COMMAND)?,
    };
    let teller = Teller { ui, events: args.building.events };
    let run = Run { teller, args, place, program, built };
    let visit = Visit { command: COMMAND, wait: args.reach.wait, makes: true };
    site::at(ui, &run.place, visit, |target| run.on(target, wanted))
}

impl Run<'_> {
    fn on(&self, target: &Target<'_>, wanted: Wanted) -> Result<Exit, Stopped> {
        let source = &self.args.source;
        let draft = wanted.draft(self.program, source, |secret| tag(target, secret))?;
        let files = draft.files.len();
        let store_paths = draft.store_paths.len();
        let seen = look(target, &question(&wanted.design.name, &wanted.rendered, &draft.store_paths))?;
        let policy = Policy { adopt: source.adopt, refuse_drift: source.refuse_drift, keep: source.keep };
        let wish = Wish::Deploy(Deploy { draft, policy, force_generation: source.force_generation });
        let ground = Ground { seen: &seen, boundary: &wanted.boundary };
        let planned = plan(ground, wish).map_err(|error| error.explain(&|path| wanted.place_of(path)))?;
        let counts = (files, store_paths);
        match planned {
            Planned::Unchanged { number, push } => {
                let pushed = if push.is_empty() { None } else { self.push(target)? };
                let pushed = pushed.map_or(0, |pushed| pushed.pushed);
                self.unchanged(&wanted.design.name, number, counts, pushed)
            }
            Planned::Change(decided) => self.change(target, wanted, *decided, counts),
        }
    }

    /// Sees to it that packages are on the target. A rehearsal brings none.
    fn push(&self, target: &Target<'_>) -> Result<Option<Pushed>, Stopped> {
        let Some(built) = &self.built else { return Ok(None) };
        commit::push(self.teller, target, &built.store, &self.program.closure(), &BTreeSet::new()).map(Some)
    }

    fn unchanged(
        &self,
        stack: &str,
        number: u32,
        (files, store_paths): (usize, usize),
        pushed: usize,
    ) -> Result<Exit, Stopped> {
        if self.args.activating.activate && !self.teller.ui.json {
            self.teller
                .ui
                .say("note: nothing changed, so no unit is touched; `--force-generation --restart all` restarts all");
        }
        let text = format!("unchanged: stack {stack} at {}\n", generation(number)) + &self.scratch();
        let document = json!({
            "ok": true, "stack": stack, "outcome": "unchanged", "generation": number, "previous": null,
            "config_files": files, "store_paths": store_paths, "pushed": pushed,
            "root": self.place.root.to_string_lossy(), "changes": [], "units": [], "activation": null,
            "diagnostics": [], "dropped": 0,
        });
        Ok(self.teller.result(&text, &document, Exit::Done))
    }

    fn change(
        &self,
        target: &Target<'_>,
        wanted: Wanted,
        decided: Decided,
        (files, store_paths): (usize, usize),
    ) -> Result<Exit, Stopped> {
        let teller = self.teller;
        let warnings: Vec<Diagnostic> = decided.warnings.iter().map(Diagnostic::from).collect();
        teller.warn(&warnings, self.program.sources());
        let held = self.push(target)?;
        let pushed = (!self.args.dry_run).then(|| held.as_ref().map_or(0, |pushed| pushed.pushed));
        let stack = wanted.design.name.clone();
        let units = Units {
            backend: &wanted.backend,
            stack: stack_of(&wanted.design, wanted.unit_dir.as_ref()),
            facts: &wanted.facts,
            redactor: &wanted.redactor,
        };
        let payload = wanted.contents.into_payload();
        let target = &target.clone().within(wanted.boundary.clone());
        commit::commit(teller, target, &decided.plan, payload)?;
        drop(held);
        let number = number_of(&decided);
        let label = if self.args.dry_run { "dry-run" } else { "deployed" };
        let shown = counted(files, store_paths, pushed);
        let line = format!("{label}: stack {stack} → {} {shown}\n", generation(number)) + &self.scratch();
        let activated = match self.args.dry_run {
            true => Activated::default(),
            false => {
                let line = line.clone();
                activate::activate(teller, &self.place, &self.args.activating, Some(units), &decided.units)
                    // What is deployed is said, whatever comes of its units.
                    .inspect_err(|_| teller.say_done(&line))?
            }
        };
        let error = activated.error(&stack, Some(number));
        let document = json!({
            "ok": error.is_none(), "stack": stack, "outcome": label, "generation": number,
            "previous": previous_of(&decided), "config_files": files, "store_paths": store_paths, "pushed": pushed,
            "root": self.place.root.to_string_lossy(),
            "changes": decided.plan.changes.iter().map(words::change_json).collect::<Vec<Value>>(),
            "units": decided.units.iter().map(words::step_json).collect::<Vec<Value>>(),
            "activation": activated.json(),
            "diagnostics": warnings.iter().map(|warning| diagnostic_json(warning, self.program.sources())).collect::<Vec<Value>>(),
            "dropped": 0,
        });
        Ok(teller.end(&(line + &activated.text), &document, error.as_deref()))
    }

    fn scratch(&self) -> String {
        match (&self.place.named, self.args.dry_run) {
            (Some(root), true) => words::scratch(root),
            (_, _) => String::new(),
        }
    }
}

/// Returns the number that a plan makes live.
fn number_of(decided: &Decided) -> u32 {
    match &decided.plan.goal {
        Goal::New(generation) => generation.number,
        Goal::Kept(number) => *number,
        Goal::Gone => 0,
    }
}

fn previous_of(decided: &Decided) -> Option<u32> {
    match &decided.plan.goal {
        Goal::New(generation) => generation.previous,
        Goal::Kept(_) | Goal::Gone => decided.plan.parent,
    }
}
