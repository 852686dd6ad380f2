//! One deploy of one stack on one target: looked at, planned, brought, committed, activated. What came of it is returned;
//! who shows it, and how, is not known here.

use super::activate::{self, Activated, Units};
use super::away::{self, Gone};
use super::back::{self, To, Way, Went};
use super::commit::{self, Consent, Teller};
use super::confirm::{self, Armed};
use super::hands::Hands;
use super::prepare::{Program, Wanted};
use super::secrets::Vault;
use super::site::Site;
use super::{Stopped, build, health};
use crate::args::service::Source;
use crate::args::service::reach::Activating;
use punix_deploy::{
    Artifacts, Decided, Deploy, Design, Gate, Ground, Planned, Policy, Rendered, UnitStep, Wish, as_others, plan,
    question, stack_of,
};
use punix_diag::Diagnostic;
use punix_target::{Change, Generation, Goal};
use std::collections::BTreeSet;

/// What is wanted of a deploy, beside its program.
#[derive(Clone, Copy)]
pub(crate) struct Job<'j> {
    pub(crate) source: &'j Source,
    pub(crate) activating: &'j Activating,
    /// Whether nothing is brought and no unit touched.
    pub(crate) is_rehearsal: bool,
    /// Whether the generation before comes back if this one does not work.
    pub(crate) goes_back: bool,
    /// And whether the stack goes then, if nothing was there before.
    pub(crate) removes: bool,
    /// How many seconds it has to be confirmed in, or it is taken back.
    pub(crate) confirm: Option<u32>,
    /// As others see it who wait, and how long it waits for them.
    pub(crate) command: &'j str,
    pub(crate) wait: u64,
    /// What secrets are found in beside the resolvers, should it come to that.
    pub(crate) vault: Option<&'j Vault>,
    /// What other hosts give, should it come to that.
    pub(crate) artifacts: &'j Artifacts,
    /// What is waited for when all is ready and nothing is live.
    pub(super) consent: Option<Consent<'j>>,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) stack: String,
    pub(crate) number: u32,
    pub(crate) files: usize,
    pub(crate) store_paths: usize,
    /// Packages that were brought. Nothing where none may be.
    pub(crate) pushed: Option<usize>,
    /// Nothing where everything was as it should be.
    pub(crate) changed: Option<Changed>,
}

/// What a deploy changed.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) previous: Option<u32>,
    pub(crate) changes: Vec<Change>,
    pub(crate) units: Vec<UnitStep>,
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) activated: Activated,
    /// Why units could not be brought to where they should be. The generation is live all the same.
    pub(crate) broke: Option<Stopped>,
    /// What became of going back, where that was wanted and had to be.
    pub(crate) undone: Option<Result<Undone, Stopped>>,
}

/// What going back came to.
#[derive(Debug)]
pub(crate) enum Undone {
    /// The generation before is live again.
    Back(Box<Went>),
    /// There was none, and the stack is gone.
    Gone(Box<Gone>),
}

/// Deploys what was prepared. `built` holds the packages, if there are any and they may be brought.
pub(super) fn deploy(
    teller: Teller<'_>,
    job: Job<'_>,
    site: &Site<'_>,
    program: &Program,
    wanted: Wanted,
    built: Option<&build::Built>,
) -> Result<Deployed, Stopped> {
    let one = One { teller, job, site, program, built };
    one.deploy(wanted)
}

struct One<'o> {
    teller: Teller<'o>,
    job: Job<'o>,
    site: &'o Site<'o>,
    program: &'o Program,
    built: Option<&'o build::Built>,
}

impl One<'_> {
    fn deploy(&self, wanted: Wanted) -> Result<Deployed, Stopped> {
        let (door, source) = (self.site.door, self.job.source);
        let mut draft = wanted.draft(self.program, |secrets| door.tag_all(secrets))?;
        let seen = door.look(&question(&wanted.design, &wanted.rendered, &draft.store_paths))?;
        let kept = wanted.keep(&mut draft, seen.current.as_ref());
        let (files, store_paths) = (draft.files.len(), draft.store_paths.len());
        let policy =
            Policy { adopt: source.making.adopt, refuse_drift: source.making.refuse_drift, keep: source.making.keep };
        let force_generation = source.making.force_generation;
        let wish = Wish::Deploy(Deploy { draft, policy, force_generation, kept, as_others: as_others(&wanted.design) });
        let ground = Ground { seen: &seen, boundary: &wanted.boundary };
        let planned = plan(ground, wish).map_err(|error| error.explain(&|path| wanted.place_of(path)))?;
        let stack = wanted.design.name.clone();
        match planned {
            Planned::Unchanged { number, push } => {
                let pushed = if push.is_empty() { Some(0) } else { self.push()? };
                Ok(Deployed { stack, number, files, store_paths, pushed: pushed.or(Some(0)), changed: None })
            }
            Planned::Change(decided) => {
                let number = number_of(&decided);
                let (pushed, changed) = self.change(wanted, *decided, seen.current.as_ref())?;
                Ok(Deployed { stack, number, files, store_paths, pushed, changed: Some(changed) })
            }
        }
    }

    fn change(
        &self,
        wanted: Wanted,
        decided: Decided,
        live: Option<&Generation>,
    ) -> Result<(Option<usize>, Changed), Stopped> {
        let warnings: Vec<Diagnostic> = decided.warnings.iter().map(Diagnostic::from).collect();
        self.teller.warn(&warnings, self.program.sources());
        let pushed = self.push()?;
        let units = || Units {
            backend: &wanted.backend,
            stack: stack_of(&wanted.design, wanted.unit_dir.as_ref()),
            facts: &wanted.facts,
            redactor: &wanted.redactor,
        };
        let armed = self.arm(&wanted.design.name, &decided, live)?;
        let payload = wanted.contents.into_payload();
        let (boundary, consent) = (&wanted.boundary, self.job.consent);
        commit::commit_with(self.teller, self.site.door, boundary, &decided.plan, payload, consent)?;
        if pushed.is_some_and(|pushed| pushed > 0) {
            self.site.door.release()?;
        }
        let done = match self.job.is_rehearsal {
            true => Ok(Activated::default()),
            false => self.activate(&wanted.design, &wanted.rendered, &units, &decided),
        };
        let (activated, mut broke) = match done {
            Ok(activated) => (activated, None),
            Err(stopped) => (Activated::default(), Some(stopped)),
        };
        let previous = previous_of(&decided);
        match &armed {
            Some(armed) if activated.is_well() && broke.is_none() => {
                broke = armed.confirm(self.teller.ui, self.site, self.job.command, self.job.wait).err();
            }
            Some(armed) if !self.job.goes_back => self.teller.ui.say(&format!("note: {}", armed.warning())),
            Some(_) | None => {}
        }
        let undone = match (self.job.goes_back && !(activated.is_well() && broke.is_none()), previous) {
            (true, Some(number)) => Some(self.go_back(&wanted.design.name, number)),
            (true, None) if self.job.removes => Some(self.take_away(&wanted.design.name)),
            (true, None) | (false, _) => None,
        };
        let Decided { plan, units, .. } = decided;
        Ok((pushed, Changed { previous, changes: plan.changes, units, warnings, activated, broke, undone }))
    }

    /// Does with units what was asked for, and watches those that were started.
    fn activate<'u>(
        &self,
        design: &Design,
        rendered: &Rendered,
        units: &dyn Fn() -> Units<'u>,
        decided: &Decided,
    ) -> Result<Activated, Stopped> {
        let args = self.job.activating;
        let mut activated = activate::activate(self.teller, self.site, args, Some(units()), &decided.units)?;
        let gates: Vec<Gate> = design.services.iter().flat_map(|service| service.health.clone()).collect();
        let units = units();
        let hands = Hands::new(self.site, args.systemctl.as_deref(), units.redactor);
        if args.activate && activated.failed.is_empty() && !gates.is_empty() && hands.can_act() {
            activated.closed = health::watch(self.teller, self.site, &hands, &units, &rendered.units, &gates)?;
        }
        Ok(activated)
    }

    /// Sees to it that the target goes back unless this is confirmed, where that is wanted.
    fn arm(&self, stack: &str, decided: &Decided, live: Option<&Generation>) -> Result<Option<Armed>, Stopped> {
        let (Some(seconds), false) = (self.job.confirm, self.job.is_rehearsal) else { return Ok(None) };
        let child = number_of(decided);
        let wanted = confirm::Wanted { stack, decided, child, live, seconds, activating: self.job.activating };
        confirm::arm(self.teller.ui, self.site, &wanted).map(Some)
    }

    /// Makes the generation before live again, with its units.
    fn go_back(&self, stack: &str, number: u32) -> Result<Undone, Stopped> {
        let to = self.site.door.record(stack, number)?;
        let present = |_: &Generation| self.job.artifacts.clone();
        let way = Way {
            stack,
            to: To::Number(number),
            resolves: to.files.iter().any(|file| file.chunks.is_some()),
            vault: self.job.vault,
            tls_certs: self.job.source.making.tls_certs.as_deref(),
            rewrites: true,
            adopt: false,
            refuse_drift: false,
            units: &self.job.source.making.units,
            activating: self.job.activating,
            present: Some(&present),
        };
        back::go(self.teller, self.site, way).map(|went| Undone::Back(Box::new(went)))
    }

    /// Takes a stack away that was not there before.
    fn take_away(&self, stack: &str) -> Result<Undone, Stopped> {
        let how = (&self.job.source.making.units, self.job.activating);
        away::take(self.teller, self.site, stack, false, how).map(|gone| Undone::Gone(Box::new(gone)))
    }

    /// Sees to it that packages are on the target. A rehearsal brings none.
    fn push(&self) -> Result<Option<usize>, Stopped> {
        if self.job.is_rehearsal {
            return Ok(None);
        }
        let Some(built) = self.built else { return Ok(Some(0)) };
        let paths = self.program.closure();
        let brought = commit::push(self.teller, self.site.door, &built.store, &paths, &BTreeSet::new())?;
        Ok(Some(brought.pushed))
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
