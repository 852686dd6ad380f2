//! `punix service plan`: what a deploy would change. Nothing is changed; with `--out` the plan is kept.

use super::activate;
use super::build;
use super::commit::Teller;
use super::draw::Brush;
use super::place::{self, Place};
use super::prepare::{self, Program, Wanted, prepare};
use super::site::{self, Visit};
use super::texts::Texts;
use super::words::{change_json, generation, seen, step_json};
use super::{Stopped, pins};
use crate::args::service::Plan as Arguments;
use crate::exit::Exit;
use crate::ui::{Ui, shown};
use punix_deploy::{
    Content, Decided, Deed, Deploy, FileDiff, Ground, KeptPlan, Planned, Policy, Wish, plan, plan_diff, question,
    wishes, write_plan,
};
use punix_diag::{Code, Diagnostic, SourceMap, json as diagnostic_json};
use punix_store::Digest;
use punix_target::{Goal, Mark, Seen, Target, look, peek, tag};
use serde_json::{Value, json};
use std::path::Path;

const COMMAND: &str = "punix service plan";

pub(super) fn run(ui: &Ui, args: &Arguments) -> Exit {
    let program = match begin(ui, args) {
        Ok(program) => program,
        Err(stopped) => return stopped.tell(ui, &SourceMap::default()),
    };
    show(ui, args, &program).unwrap_or_else(|stopped| stopped.tell(ui, program.sources()))
}

fn begin(ui: &Ui, args: &Arguments) -> Result<Program, Stopped> {
    prepare::file(&args.source)?;
    place::exclusive(&args.reach)?;
    pins::check(&args.source)?;
    prepare::read(ui, &args.source, args.building.root.store_root.as_deref(), false)
}

fn show(ui: &Ui, args: &Arguments, program: &Program) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let wanted = prepare(ui, &args.source, program, &place)?;
    // Whoever applies it has no program to build from.
    let _built = match args.out {
        Some(_) => build::build(ui, &args.building, program, COMMAND)?,
        None => None,
    };
    let visit = Visit { command: COMMAND, wait: args.reach.wait, makes: !place.is_here() };
    let teller = Teller { ui, events: args.building.events };
    let run = Run { teller, args, place: &place, program };
    site::at(ui, &place, visit, |target| run.on(target, wanted))
}

struct Run<'r> {
    teller: Teller<'r>,
    args: &'r Arguments,
    place: &'r Place,
    program: &'r Program,
}

impl Run<'_> {
    fn on(&self, target: &Target<'_>, wanted: Wanted) -> Result<Exit, Stopped> {
        let source = &self.args.source;
        let draft = wanted.draft(self.program, source, |secret| match self.args.out {
            Some(_) => tag(target, secret),
            // Where there is no key, no file has this mark, whatever it is.
            None => Ok(peek(target, secret)?.unwrap_or(Mark::HmacSha256(Digest::of(b"")))),
        })?;
        let seen = look(target, &question(&wanted.design.name, &wanted.rendered, &draft.store_paths))?;
        let policy = Policy { adopt: source.adopt, refuse_drift: source.refuse_drift, keep: source.keep };
        let wish = Wish::Deploy(Deploy { draft, policy, force_generation: source.force_generation });
        let planned = plan(Ground { seen: &seen, boundary: &wanted.boundary }, wish);
        match planned.map_err(|error| error.explain(&|path| wanted.place_of(path)))? {
            Planned::Unchanged { number, .. } => Ok(self.unchanged(number)),
            Planned::Change(decided) => self.change(target, wanted, &seen, *decided),
        }
    }

    fn unchanged(&self, number: u32) -> Exit {
        let stack = self.args.source.stack.name();
        let text = format!("unchanged: stack {stack} at {}\n", generation(number));
        let document = json!({
            "ok": true, "stack": stack, "outcome": "unchanged", "from": number, "to": number, "files": [], "changes": [],
            "units": [], "push": [], "kept": null, "diagnostics": [], "dropped": 0,
        });
        self.teller.result(&text, &document, Exit::Done)
    }

    fn change(&self, target: &Target<'_>, wanted: Wanted, seen: &Seen, decided: Decided) -> Result<Exit, Stopped> {
        let blobs = wanted.contents.0.values().filter_map(|content| match content {
            Content::Plain(bytes) => Some((Digest::of(bytes), bytes.clone())),
            Content::Secret(_) => None,
        });
        let mut texts = Texts::of(blobs);
        if let Some(live) = &seen.current {
            let new = match &decided.plan.goal {
                Goal::New(new) => Some(&**new),
                Goal::Kept(_) | Goal::Gone => None,
            };
            texts.read(target, live, new)?;
        }
        let files = plan_diff(seen, &decided, None, &|mark| texts.find(mark));
        if let Some(path) = &self.args.out {
            self.keep(path, &wanted, &decided)?;
        }
        let warnings: Vec<Diagnostic> = decided.warnings.iter().map(Diagnostic::from).collect();
        self.teller.warn(&warnings, self.program.sources());
        let (from, to) = (seen.current.as_ref().map(|live| live.number), seen.next);
        let document = json!({
            "ok": true, "stack": wanted.design.name, "outcome": "planned", "from": from, "to": to, "files": files,
            "changes": decided.plan.changes.iter().map(change_json).collect::<Vec<Value>>(),
            "units": decided.units.iter().map(step_json).collect::<Vec<Value>>(),
            "push": decided.push, "kept": self.args.out.as_ref().map(|path| path.to_string_lossy()),
            "diagnostics": warnings.iter().map(|it| diagnostic_json(it, self.program.sources())).collect::<Vec<Value>>(),
            "dropped": 0,
        });
        Ok(self.teller.result(&self.text(from, to, &files, &decided), &document, Exit::Done))
    }

    fn text(&self, from: Option<u32>, to: u32, files: &[FileDiff], decided: &Decided) -> String {
        let brush = Brush { color: self.teller.ui.paints() };
        let from = from.map_or_else(|| "nothing".to_owned(), generation);
        let mut text = format!("plan: stack {} {from} → {}\n", self.args.source.stack.name(), generation(to));
        text.push_str(&brush.files(files));
        let active = decided.units.iter().any(|step| step.deed != Deed::Nothing);
        if active {
            let done = !wishes(&decided.units, activate::activation(&self.args.activating)).is_empty();
            text.push_str(if done { "units:\n" } else { "units, with --activate:\n" });
            text.push_str(&brush.units(&decided.units));
        }
        if !decided.push.is_empty() {
            text.push_str("packages to bring:\n");
            decided.push.iter().for_each(|path| text.push_str(&format!("  + {}\n", seen(path))));
        }
        let counts = decided.counts;
        let (written, removed, same) = (counts.written, counts.removed, counts.same);
        text.push_str(&format!("{written} file(s) to write, {removed} to remove, {same} as they are\n"));
        if let Some(path) = &self.args.out {
            text.push_str(&format!("kept: `punix service apply {}` does this\n", shown(path)));
        }
        text
    }

    /// Writes the plan to a file.
    fn keep(&self, path: &Path, wanted: &Wanted, decided: &Decided) -> Result<(), Stopped> {
        let blobs = wanted.contents.0.values().filter_map(|content| match content {
            Content::Plain(bytes) => Some((Digest::of(bytes), bytes.clone())),
            Content::Secret(_) => None,
        });
        let kept = KeptPlan {
            target: self.place.root.to_string_lossy().into_owned(),
            deployments: self.place.deployments.to_string_lossy().into_owned(),
            plan: decided.plan.clone(),
            blobs: blobs.filter(|(digest, _)| decided.blobs.contains(digest)).collect(),
            push: decided.push.clone(),
            units: decided.units.clone(),
        };
        let bytes = write_plan(&kept).map_err(|issue| Diagnostic::from(&issue))?;
        std::fs::write(path, bytes).map_err(|error| {
            let message = format!("`{}` cannot be written: {error}", shown(path));
            Stopped::World(vec![Diagnostic::error(Code::E23, message)])
        })
    }
}
