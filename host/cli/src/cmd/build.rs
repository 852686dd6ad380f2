//! `punix build`, and what other verbs need that build.

mod link;
mod progress;
mod report;
mod there;

use super::check::{checked, fail};
use super::service::{Sourcing, Vault, base_of, resolve_sources};
use crate::args::build::{Build, Building};
use crate::exit::Exit;
use crate::machine::{network, processors, system};
use crate::places;
use crate::ui::Ui;
use progress::Progress;
use punix_build::fetch::{Fetcher, Options};
use punix_build::sandbox::{Isolation, probe};
use punix_build::source::{Reference, local_digest};
use punix_build::{Fate, Fetching, Package, Plan, Secret, Seen, Sources, Workshop, look, realise, settle};
use punix_deploy::{Choice, Composed, compose_packages};
use punix_diag::{Diagnostic, SourceMap, closest};
use punix_pcl::{Checked, ModuleId};
use punix_store::{Asking, Digest, Holder, SharedLock, Store};
use report::Report;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time to wait for a collection to end.
const SHARED_LOCK_WAIT: Duration = Duration::from_secs(3_600);

pub(crate) fn run(ui: &Ui, args: &Build) -> Exit {
    let program = match compose(ui, &args.path, args.scenario.as_deref(), &args.only) {
        Ok(program) => program,
        Err(exit) => return exit,
    };
    let root = match places::store(args.building.root.store_root.as_deref()) {
        Ok(root) => root,
        Err(homeless) => return homeless.refuse(ui),
    };
    let Program { checked, composed } = &program;
    let sources = &checked.program.ast.sources;
    if args.link.is_some() && composed.wanted.len() != 1 {
        return ui.refuse("`--link` is for one package", Some("choose it with `--only MODULE`"));
    }
    if args.dry_run {
        return match Store::locate(&root) {
            Ok(root) => report::dry_run(ui, composed, &root),
            Err(error) => fail(ui, &[error.into()], 0, sources),
        };
    }
    let store = match Store::open(&root) {
        Ok(store) => store,
        Err(error) => return fail(ui, &[error.into()], 0, sources),
    };
    let wanted: Vec<usize> = composed.wanted.iter().map(|(_, place)| *place).collect();
    let command = "punix build";
    let vault = match Vault::read(ui, &args.secrets) {
        Ok(vault) => vault,
        Err(stopped) => return stopped.tell(ui, sources),
    };
    let sourcing = Sourcing { base: Some(base_of(&args.path)), vault: vault.as_ref() };
    let building = &args.building;
    let run = Run { ui, building, composed, sources, store: &store, command, sourcing, is_part: false };
    let Realised { report, exit, shared } = match run.realise(&wanted, &BTreeSet::new()) {
        Ok(realised) => realised,
        Err(exit) => return exit,
    };
    if let (Some(link), [place], Exit::Done) = (&args.link, wanted.as_slice(), exit) {
        let entry = store.path(composed.packages.get(*place).name());
        if let Err(error) = link::make(&store, &shared, link, &entry) {
            return fail_world(ui, &[error], sources);
        }
    }
    drop(shared);
    report.show(ui, sources, exit, args.building.events)
}

/// A program whose packages can be built.
pub(crate) struct Program {
    pub(crate) checked: Checked,
    pub(crate) composed: Composed,
}

/// Reads and checks a program, and composes the wanted packages of it; all, if none is named.
pub(crate) fn compose(ui: &Ui, path: &Path, scenario: Option<&str>, only: &[String]) -> Result<Program, Exit> {
    let checked = checked(ui, path)?;
    let sources = &checked.program.ast.sources;
    if checked.has_errors() {
        return Err(fail(ui, &checked.diagnostics, checked.dropped, sources));
    }
    let scenario = scenario.map(|name| checked.scenario(name)).transpose();
    let scenario = scenario.map_err(|error| fail(ui, &[error], 0, sources))?;
    let modules = only.iter().map(|name| package_named(ui, &checked, name)).collect::<Result<Vec<_>, _>>()?;
    let system = system();
    let only = if modules.is_empty() { None } else { Some(modules.as_slice()) };
    let choice = Choice { checked: &checked, scenario, system: &system, only };
    match compose_packages(choice, &mut local_digests()) {
        Ok(composed) if composed.wanted.is_empty() => Err(fail_without_packages(ui, path)),
        Ok(composed) => Ok(Program { checked, composed }),
        Err(errors) => Err(fail(ui, &errors, 0, sources)),
    }
}

/// Returns what tells digests of local sources. Packages often share one; each is read once.
pub(crate) fn local_digests() -> impl FnMut(&Path) -> Result<Digest, String> {
    let mut known: HashMap<PathBuf, Result<Digest, String>> = HashMap::new();
    let threads = processors();
    move |path: &Path| match known.get(path) {
        Some(digest) => digest.clone(),
        None => {
            let digest = local_digest(path, threads).map_err(|error| error.to_string());
            known.insert(path.to_owned(), digest.clone());
            digest
        }
    }
}

fn fail_without_packages(ui: &Ui, path: &Path) -> Exit {
    let message = format!("`{}` has no package: no module of it has a `recipe`", path.display());
    let error = Diagnostic::error(punix_diag::Code::E2, message);
    fail(ui, &[error], 0, &SourceMap::default())
}

/// Finds a package by the name of its module; an unknown one is an error of the command line.
pub(crate) fn package_named(ui: &Ui, checked: &Checked, name: &str) -> Result<ModuleId, Exit> {
    let program = &checked.program;
    if let Some(module) = program.module_named(name).filter(|&module| program.is_package(module)) {
        return Ok(module);
    }
    let packages = program.modules().filter(|(id, _)| program.is_package(*id));
    let names: Vec<&str> = packages.map(|(_, module)| program.ast.text(module.name)).collect();
    let message = match program.module_named(name) {
        Some(_) => format!("`{name}` is not a package: it has no `recipe`"),
        None => format!("there is no package `{name}` in this program"),
    };
    let help = closest(name, names).map(|(near, _)| format!("did you mean `{near}`?"));
    Err(ui.refuse(&message, help.as_deref()))
}

/// Shows what stops a command because the world failed, not the program.
pub(crate) fn fail_world(ui: &Ui, diagnostics: &[Diagnostic], sources: &SourceMap) -> Exit {
    match fail(ui, diagnostics, 0, sources) {
        Exit::Failed => Exit::World,
        exit => exit,
    }
}

/// What came of a run.
pub(crate) struct Realised {
    pub(crate) report: Report,
    pub(crate) exit: Exit,
    /// While this is held, nothing of it is collected.
    pub(crate) shared: SharedLock,
}

/// One run that builds.
pub(crate) struct Run<'r> {
    pub(crate) ui: &'r Ui,
    pub(crate) building: &'r Building,
    pub(crate) composed: &'r Composed,
    pub(crate) sources: &'r SourceMap,
    pub(crate) store: &'r Store,
    pub(crate) command: &'r str,
    pub(crate) sourcing: Sourcing<'r>,
    /// Whether it is a part of something bigger, which has a result of its own.
    pub(crate) is_part: bool,
}

impl Run<'_> {
    /// Builds what is missing of the wanted packages, and those that are to be built again.
    pub(crate) fn realise(&self, wanted: &[usize], again: &BTreeSet<usize>) -> Result<Realised, Exit> {
        let start = Instant::now();
        let jobs = self.building.jobs.map_or_else(processors, usize::from);
        let tell = |holders: &[Holder]| self.ui.say(&waiting(holders));
        let asking = Asking { command: self.command, wait: SHARED_LOCK_WAIT, tell: &tell };
        let shared = self.store.share(asking).map_err(|error| self.fail(error))?;
        let plan = Plan { packages: &self.composed.packages, wanted, again, jobs, command: self.command };
        let seen = look(self.store, plan, &shared).map_err(|error| self.fail(error))?;
        if !self.is_part {
            settle(self.store, &seen).map_err(|error| self.fail(error))?;
        }
        let order = self.order(wanted);
        let told: &[(usize, String)] = if self.is_part { &[] } else { &order };
        let progress = Progress::new(self.ui, self.composed, told, self.store, self.building.events);
        progress.seen(&seen);
        let stop = stop_on_signals();
        let fates = match seen.missing().is_empty() {
            true => seen.into_fates(),
            false => self.build(plan, seen, &shared, &progress, &stop)?,
        };
        progress.finish();
        let failed = fates.iter().flatten().any(|fate| !matches!(fate, Fate::Cached | Fate::Built { .. }));
        let report = Report::new(self.composed, self.store, &order, fates, start.elapsed());
        let exit = match (stop.load(Ordering::Relaxed), failed) {
            (true, _) => Exit::Interrupted,
            (false, true) => Exit::World,
            (false, false) => Exit::Done,
        };
        Ok(Realised { report, exit, shared })
    }

    /// Returns the order in which packages are told of, each with what it is called: its module, if it has one.
    fn order(&self, wanted: &[usize]) -> Vec<(usize, String)> {
        let asked: BTreeSet<usize> = wanted.iter().copied().collect();
        let named = self.composed.wanted.iter().filter(|(_, place)| asked.contains(place));
        let mut order: Vec<(usize, String)> = named.map(|(module, place)| (*place, module.clone())).collect();
        let told: BTreeSet<usize> = order.iter().map(|(place, _)| *place).collect();
        let others = asked.difference(&told);
        order.extend(others.map(|&place| (place, self.composed.packages.get(place).label.clone())));
        order
    }

    fn build(
        &self,
        plan: Plan<'_>,
        seen: Seen,
        shared: &SharedLock,
        progress: &Progress<'_>,
        stop: &AtomicBool,
    ) -> Result<Vec<Option<Fate>>, Exit> {
        let missing = seen.missing().iter().map(|&place| self.composed.packages.get(place));
        let secrets = self.secrets_of(missing)?;
        let isolation = self.isolation()?;
        let cache = places::cache(self.building.cache_dir.as_deref()).map_err(|homeless| homeless.refuse(self.ui))?;
        let fetcher = Fetcher::new(&cache, Options::of(network())).map_err(|error| self.fail(error))?;
        let at_once = plan.jobs.min(seen.missing().len()).max(1);
        let workshop = Workshop {
            store: self.store,
            isolation: &isolation,
            sources: Sources::Fetched(Fetching { fetcher: &fetcher, network: &network(), secrets: &secrets }),
            cores: self.building.cores.map_or_else(|| processors().div_ceil(at_once), usize::from),
            wall: Duration::from_secs(self.building.timeout),
            keep_failed: self.building.keep_failed,
            stop,
        };
        realise(workshop, plan, seen, shared, &|event| progress.event(&event)).map_err(|error| self.fail(error))
    }

    /// Finds the secrets with which sources are had.
    fn secrets_of<'p>(&self, packages: impl Iterator<Item = &'p Package>) -> Result<BTreeMap<Reference, Secret>, Exit> {
        resolve_sources(self.ui, self.sourcing, packages).map_err(|stopped| stopped.tell(self.ui, self.sources))
    }

    /// Chooses how builds are kept apart. That it works is tried before the first of them fails.
    fn isolation(&self) -> Result<Isolation, Exit> {
        if self.building.no_sandbox {
            self.ui.say(
                "warning: builds run without a sandbox: they can read your files, use the network and leave traces",
            );
            return Ok(Isolation::None);
        }
        let helper = PathBuf::from("/proc/self/exe");
        probe(&helper).map_err(|error| fail_world(self.ui, &[error.into()], self.sources))?;
        Ok(Isolation::Namespaces { helper })
    }

    fn fail(&self, error: impl Into<Diagnostic>) -> Exit {
        fail(self.ui, &[error.into()], 0, self.sources)
    }
}

/// Says who holds what this waits for.
pub(crate) fn waiting(holders: &[Holder]) -> String {
    match holders.first() {
        Some(holder) => format!("waiting for process {}: `{}`", holder.process, holder.command),
        None => "waiting for another process".to_owned(),
    }
}

/// Returns a flag that the signals set by which people and systems end programs.
pub(crate) fn stop_on_signals() -> Arc<AtomicBool> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // The second time it ends us at once. Where neither can be had, the signal does what it always does.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop));
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    stop
}
