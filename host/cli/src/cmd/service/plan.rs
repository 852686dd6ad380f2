//! `punix service plan`: what a deploy would change. Nothing is changed; with `--out` the plan is kept.

use super::activate;
use super::build;
use super::commit::Teller;
use super::draw::Brush;
use super::place::{self, By, Place};
use super::prepare::{self, Packages, Program, Wanted, prepare};
use super::secrets::{Vault, resolve};
use super::site::{self, Rootless, Site, Visit};
use super::texts::Texts;
use super::there::{self, There};
use super::words::{change_json, generation, seen, step_json};
use super::{Stopped, pins};
use crate::args::build::Building;
use crate::args::service::reach::Activating;
use crate::args::service::{Deploy, Plan as Arguments, Source};
use crate::exit::Exit;
use crate::ui::{Ui, shown};
use punix_deploy::{
    Artifacts, Content, Decided, Deed, Deploy as DeployWish, FileDiff, Ground, KeptPlan, Planned, Policy, Wish,
    as_others, plan, plan_diff, question, wishes, write_plan,
};
use punix_diag::{Code, Diagnostic, SourceMap, json as diagnostic_json};
use punix_store::Digest;
use punix_target::{Body, Goal, Mark, Seen};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const COMMAND: &str = "punix service plan";

pub(super) fn run(ui: &Ui, args: &Arguments) -> Exit {
    let program = match begin(ui, args) {
        Ok(program) => program,
        Err(stopped) => return stopped.tell(ui, &SourceMap::default()),
    };
    let asked = Asked {
        source: &args.source,
        out: args.out.as_deref(),
        activating: &args.activating,
        wait: args.reach.wait,
        building: &args.building,
        builds_there: args.building_place.build_on_target,
        program: &program,
    };
    let shown = place::place(&args.reach, false).and_then(|place| {
        let vault = Vault::read(ui, &args.source.making.secrets)?;
        show(ui, asked, &place, vault.as_ref())
    });
    shown.unwrap_or_else(|stopped| stopped.tell(ui, program.sources()))
}

/// Shows what a deploy to another machine would do, where it is only rehearsed.
pub(super) fn rehearse(ui: &Ui, args: &Deploy, program: &Program, place: &Place) -> Result<Exit, Stopped> {
    let asked = Asked {
        source: &args.source,
        out: None,
        activating: &args.activating,
        wait: args.reach.wait,
        building: &args.building,
        builds_there: args.building_place.build_on_target,
        program,
    };
    let vault = Vault::read(ui, &args.source.making.secrets)?;
    show(ui, asked, place, vault.as_ref())
}

/// What a plan is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) source: &'a Source,
    /// Where it is kept.
    pub(super) out: Option<&'a Path>,
    pub(super) activating: &'a Activating,
    pub(super) wait: u64,
    pub(super) building: &'a Building,
    /// Whether its packages are for the target, and built there.
    pub(super) builds_there: bool,
    pub(super) program: &'a Program,
}

fn begin(ui: &Ui, args: &Arguments) -> Result<Program, Stopped> {
    prepare::file(&args.source)?;
    place::exclusive(&args.reach)?;
    pins::check(&args.source.making)?;
    let packages = if args.building_place.build_on_target { Packages::Later } else { Packages::Ours };
    prepare::read(ui, &args.source, args.building.root.store_root.as_deref(), false, packages)
}

/// What a plan says, as a text and as a document.
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) document: Value,
}

fn show(ui: &Ui, asked: Asked<'_>, place: &Place, vault: Option<&Vault>) -> Result<Exit, Stopped> {
    let Shown { text, document } = planned(ui, asked, place, &Artifacts::default(), vault)?;
    Ok(Teller { ui, events: asked.building.events }.result(&text, &document, Exit::Done))
}

/// Looks at a target and says what would change there.
pub(super) fn planned(
    ui: &Ui,
    asked: Asked<'_>,
    place: &Place,
    artifacts: &Artifacts,
    vault: Option<&Vault>,
) -> Result<Shown, Stopped> {
    let visit = Visit { command: COMMAND, wait: asked.wait, without: Rootless::Made };
    let teller = Teller { ui, events: asked.building.events };
    let there = There { teller, building: asked.building, vault, command: COMMAND, wait: asked.wait };
    site::at(ui, place, visit, |site| {
        let is_rehearsal = asked.program.is_rehearsal;
        let theirs = asked.builds_there.then(|| there::read(there, asked.source, site, is_rehearsal)).transpose()?;
        let asked = Asked { program: theirs.as_ref().unwrap_or(asked.program), ..asked };
        site.can_run(asked.program)?;
        let wanted = prepare(ui, asked.source, asked.program, site, artifacts, &|plugins, design| {
            resolve(plugins, vault, &design.slots, &design.slot_places)
        })?;
        // Whoever applies it has no program to build from, maybe after the power was gone.
        let built = match asked.out {
            Some(_) => build::build(ui, asked.building, asked.program, vault, COMMAND)?,
            None => None,
        };
        if let Some(built) = &built {
            built.settle()?;
        }
        Run { teller, asked, site }.on(wanted)
    })
}

struct Run<'r> {
    teller: Teller<'r>,
    asked: Asked<'r>,
    site: &'r Site<'r>,
}

impl Run<'_> {
    fn on(&self, wanted: Wanted) -> Result<Shown, Stopped> {
        let (door, source) = (self.site.door, self.asked.source);
        let mut draft = wanted.draft(self.asked.program, |secrets| match self.asked.out {
            Some(_) => door.tag_all(secrets),
            None => {
                // Where there is no key, no file has this mark, whatever it is.
                let unknown = Mark::HmacSha256(Digest::of(b""));
                Ok(door.peek_all(secrets)?.into_iter().map(|mark| mark.unwrap_or(unknown)).collect())
            }
        })?;
        let seen = door.look(&question(&wanted.design, &wanted.rendered, &draft.store_paths))?;
        let kept = wanted.keep(&mut draft, seen.current.as_ref());
        let policy =
            Policy { adopt: source.making.adopt, refuse_drift: source.making.refuse_drift, keep: source.making.keep };
        let force_generation = source.making.force_generation;
        let wish =
            Wish::Deploy(DeployWish { draft, policy, force_generation, kept, as_others: as_others(&wanted.design) });
        let planned = plan(Ground { seen: &seen, boundary: &wanted.boundary }, wish);
        match planned.map_err(|error| error.explain(&|path| wanted.place_of(path)))? {
            Planned::Unchanged { number, .. } => Ok(self.unchanged(number)),
            Planned::Change(decided) => self.change(wanted, &seen, *decided),
        }
    }

    fn unchanged(&self, number: u32) -> Shown {
        let stack = self.asked.source.stack.name();
        let text = format!("unchanged: stack {stack} at {}\n", generation(number));
        let document = json!({
            "ok": true, "stack": stack, "outcome": "unchanged", "from": number, "to": number, "files": [], "changes": [],
            "units": [], "push": [], "kept": null, "diagnostics": [], "dropped": 0,
        });
        Shown { text, document }
    }

    fn change(&self, wanted: Wanted, seen: &Seen, decided: Decided) -> Result<Shown, Stopped> {
        let mut texts = Texts::of(plain(&wanted).map(|(digest, body)| (digest, body.clone())));
        if let Some(live) = &seen.current {
            let new = match &decided.plan.goal {
                Goal::New(new) => Some(&**new),
                Goal::Kept(_) | Goal::Gone => None,
            };
            texts.read(self.site.door, live, new)?;
        }
        let files = plan_diff(seen, &decided, None, &|mark| texts.find(mark));
        if let Some(path) = self.asked.out {
            self.keep(path, &wanted, &decided)?;
        }
        let warnings: Vec<Diagnostic> = decided.warnings.iter().map(Diagnostic::from).collect();
        self.teller.warn(&warnings, self.asked.program.sources());
        let (from, to) = (seen.current.as_ref().map(|live| live.number), seen.next);
        let document = json!({
            "ok": true, "stack": wanted.design.name, "outcome": "planned", "from": from, "to": to, "files": files,
            "changes": decided.plan.changes.iter().map(change_json).collect::<Vec<Value>>(),
            "units": decided.units.iter().map(step_json).collect::<Vec<Value>>(),
            "push": decided.push, "kept": self.asked.out.map(|path| path.to_string_lossy()),
            "diagnostics": warnings.iter().map(|it| diagnostic_json(it, self.asked.program.sources())).collect::<Vec<Value>>(),
            "dropped": 0,
        });
        Ok(Shown { text: self.text(from, to, &files, &decided), document })
    }

    fn text(&self, from: Option<u32>, to: u32, files: &[FileDiff], decided: &Decided) -> String {
        let brush = Brush { color: self.teller.ui.paints() };
        let from = from.map_or_else(|| "nothing".to_owned(), generation);
        let mut text = format!("plan: stack {} {from} → {}\n", self.asked.source.stack.name(), generation(to));
        text.push_str(&brush.files(files));
        let active = decided.units.iter().any(|step| step.deed != Deed::Nothing);
        if active {
            let done = !wishes(&decided.units, activate::activation(self.asked.activating)).is_empty();
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
        if let Some(path) = self.asked.out {
            text.push_str(&format!("kept: `punix service apply {}` does this\n", shown(path)));
        }
        text
    }

    /// Writes the plan to a file.
    fn keep(&self, path: &Path, wanted: &Wanted, decided: &Decided) -> Result<(), Stopped> {
        let mut blobs = BTreeMap::new();
        for (digest, body) in plain(wanted).filter(|(digest, _)| decided.blobs.contains(digest)) {
            let bytes = body.bytes().map_err(|error| {
                Stopped::World(vec![Diagnostic::error(Code::E9, format!("a source cannot be read: {error}"))])
            })?;
            blobs.insert(digest, bytes.into_owned());
        }
        let kept = KeptPlan {
            target: match &self.site.place.by {
                By::Way(remote, _) => remote.to_string(),
                By::Hand | By::Program(_) => self.site.place.root.to_string_lossy().into_owned(),
            },
            deployments: self.site.door.layout().root().to_string(),
            plan: decided.plan.clone(),
            blobs,
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

/// Returns what files hold that are no secrets.
fn plain(wanted: &Wanted) -> impl Iterator<Item = (Digest, &Body)> {
    wanted.contents.0.values().filter_map(|content| match content {
        Content::Plain(body) => Some((body.digest(), body)),
        Content::Secret(_) => None,
    })
}
