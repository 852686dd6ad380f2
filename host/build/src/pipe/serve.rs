//! The side that builds. It does what is asked with what its user may do, and with nothing else; what is no request ends the
//! session. Everything that it makes goes through the store and the sandbox, as if it was asked for here.

use super::frame::{FrameError, REQUEST_BYTES_MAX, receive, send};
use super::message::{Answer, Fated, Open, PROTOCOL, Request};
use crate::build::{BuildError, Sources, Workshop};
use crate::limits::{ALIVE_SECONDS, BUILD_WALL_SECONDS_MAX, PACKAGES_MAX, WAIT_SECONDS_MAX};
use crate::package::{Package, Packages};
use crate::recipe;
use crate::sandbox::{Isolation, probe};
use crate::schedule::{Event, Fate, Plan, Seen, look, realise, settle};
use crate::source;
use crate::told::{Told, shown};
use punix_diag::{Code, Diagnostic};
use punix_store::{Asking, Derivation, Holder, SharedLock, Store, StoreName, damaged};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Does what is asked for on the input. `helper` is the program that enters sandboxes.
pub fn serve(
    mut input: impl Read + Send + 'static,
    output: &mut (dyn Write + Send),
    helper: &Path,
) -> Result<(), FrameError> {
    let Request::Hello { protocol, .. } = next(&mut input)? else { return Err(FrameError::Alien) };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    send(output, &Answer::Hello { protocol: PROTOCOL, version, system: system() })?;
    if protocol != PROTOCOL {
        return Ok(());
    }
    let Request::Open(open) = next(&mut input)? else { return Err(FrameError::Alien) };
    let (store, shared, isolation) = match begin(&open, helper) {
        Ok(begun) => begun,
        Err(refusal) => return send(output, &Answer::Refused(Told::of_machine(*refusal))),
    };
    send(output, &Answer::Opened)?;
    let (packages, wanted) = match packages(&mut input)? {
        Ok(all) => all,
        Err(refusal) => return send(output, &Answer::Refused(Told::of_machine(*refusal))),
    };
    let jobs = open.jobs.map_or_else(processors, |jobs| jobs as usize);
    let again = BTreeSet::new();
    let plan = Plan { packages: &packages, wanted: &wanted, again: &again, jobs, command: &open.command };
    let looked = look(&store, plan, &shared).and_then(|seen| settle(&store, &seen).map(|()| seen));
    let seen = match looked {
        Ok(seen) => seen,
        Err(error) => return send(output, &Answer::Refused(Told::of(error))),
    };
    send(output, &Answer::Seen { missing: seen.missing().iter().map(|&place| place as u32).collect() })?;
    let sources = match next(&mut input) {
        Err(FrameError::Closed) => return Ok(()),
        request => sources(request?, &packages)?,
    };
    let session = Session { open: &open, store: &store, shared: &shared, isolation: &isolation };
    session.build(plan, seen, &sources, input, output)
}

fn next(input: &mut dyn Read) -> Result<Request, FrameError> {
    receive(input, REQUEST_BYTES_MAX)
}

/// Returns which kind of machine this is.
fn system() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

type Refusal = Box<Diagnostic>;

/// Opens the store, keeps it from being collected, and tries whether builds can be kept apart.
fn begin(open: &Open, helper: &Path) -> Result<(Store, SharedLock, Isolation), Refusal> {
    let root = PathBuf::from(&open.store);
    if !root.is_absolute() {
        let message = format!("`{}` is no place for a store", shown(&open.store));
        return Err(Box::new(Diagnostic::error(Code::E31, message)));
    }
    let store = Store::open(&root).map_err(|error| Box::new(error.into()))?;
    let wait = Duration::from_secs(open.wait_seconds.min(WAIT_SECONDS_MAX));
    let shared = store.share(Asking { command: &open.command, wait, tell: &|_| {} });
    let shared = shared.map_err(|error| Box::new(error.into()))?;
    let isolation = match open.is_apart {
        true => {
            probe(helper).map_err(|error| Box::new(error.into()))?;
            Isolation::Namespaces { helper: helper.to_owned() }
        }
        false => Isolation::None,
    };
    Ok((store, shared, isolation))
}

/// Hears of packages, until it is asked which of them are lacking.
fn packages(input: &mut dyn Read) -> Result<Result<(Packages, Vec<usize>), Refusal>, FrameError> {
    let mut packages = Packages::default();
    for _ in 0..=PACKAGES_MAX {
        match next(input)? {
            Request::Package(json) => {
                let package = match package(&json) {
                    Ok(package) => package,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let place = packages.len();
                if packages.add(package) != Some(place) {
                    return Err(FrameError::Alien);
                }
            }
            Request::Look { wanted } => {
                let wanted: Vec<usize> = wanted.into_iter().map(|place| place as usize).collect();
                let are_here = wanted.iter().all(|&place| place < packages.len());
                return if are_here { Ok(Ok((packages, wanted))) } else { Err(FrameError::Alien) };
            }
            Request::Hello { .. } | Request::Open(_) | Request::Build { .. } => return Err(FrameError::Alien),
        }
    }
    Err(FrameError::Large)
}

/// Reads a package. That it can be built here is decided now, not when all that it needs was built.
fn package(json: &str) -> Result<Package, Refusal> {
    let refuse = |code, message: String| Box::new(Diagnostic::error(code, message));
    let derivation = Derivation::from_json(json.as_bytes())
        .map_err(|error| refuse(Code::E1, format!("what is to be built cannot be read: {error}")))?;
    let (name, parts) = (derivation.name().to_string(), derivation.parts());
    let ours = system();
    if parts.system != ours {
        return Err(refuse(Code::E17, format!("`{name}` is for {}, and this is {ours}", shown(&parts.system))));
    }
    let known = recipe::find(&parts.recipe).filter(|recipe| recipe.digest() == parts.recipe_digest);
    let Some(recipe) = known else {
        let message = format!("`{name}` is built by a recipe `{}` that is not known here", shown(&parts.recipe));
        return Err(refuse(Code::E9, message));
    };
    let nowhere = |_: &[String], path: &Path| path.to_owned();
    let source = source::parse(&parts.source, &parts.system, &nowhere).map_err(|issues| {
        let what = issues.first().map_or_else(String::new, |issue| shown(&issue.message));
        refuse(Code::E9, format!("the source of `{name}` is not understood: {what}"))
    })?;
    Ok(Package { label: name, derivation, recipe, source })
}

fn sources(request: Request, packages: &Packages) -> Result<BTreeMap<StoreName, StoreName>, FrameError> {
    let Request::Build { sources } = request else { return Err(FrameError::Alien) };
    let named = sources.into_iter().map(|(place, name)| {
        let place = Some(place as usize).filter(|&place| place < packages.len()).ok_or(FrameError::Alien)?;
        let package = packages.get(place);
        let source = StoreName::parse(&name).map_err(|_| FrameError::Alien)?;
        Ok((package.name().clone(), source))
    });
    named.collect()
}

struct Session<'s> {
    open: &'s Open,
    store: &'s Store,
    shared: &'s SharedLock,
    isolation: &'s Isolation,
}

impl Session<'_> {
    /// Builds, and waits until what was built is not to be kept any more: then the input closes.
    fn build(
        &self,
        plan: Plan<'_>,
        seen: Seen,
        sources: &BTreeMap<StoreName, StoreName>,
        mut input: impl Read + Send + 'static,
        output: &mut (dyn Write + Send),
    ) -> Result<(), FrameError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (closed, closes) = channel::<()>();
        let stops = Arc::clone(&stop);
        // Nothing more is asked for, so whatever comes is the end.
        let watch = move || {
            let _ = input.read(&mut [0]);
            stops.store(true, Ordering::Relaxed);
            drop(closed);
        };
        thread::Builder::new().name("watch".to_owned()).spawn(watch).map_err(FrameError::Pipe)?;
        let at_once = plan.jobs.min(seen.missing().len()).max(1);
        let workshop = Workshop {
            store: self.store,
            isolation: self.isolation,
            sources: Sources::Kept(sources),
            cores: self.open.cores.map_or_else(|| processors().div_ceil(at_once), |cores| cores as usize),
            wall: Duration::from_secs(self.open.wall_seconds.clamp(1, BUILD_WALL_SECONDS_MAX)),
            keep_failed: self.open.keep_failed,
            stop: &stop,
        };
        let out = Mutex::new(output);
        let say = |answer: Answer| {
            // Whoever does not listen any more does not want it any more.
            if send(&mut **out.lock().unwrap_or_else(PoisonError::into_inner), &answer).is_err() {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let done = thread::scope(|scope| {
            let (ended, ends) = channel::<()>();
            scope.spawn(|| {
                let ends = ends;
                while let Err(RecvTimeoutError::Timeout) = ends.recv_timeout(Duration::from_secs(ALIVE_SECONDS)) {
                    say(Answer::Alive);
                }
            });
            let told = |event: Event<'_>| answer(event, self.open.lines).into_iter().for_each(&say);
            let fates = realise(workshop, plan, seen, self.shared, &told);
            let done = fates.and_then(|fates| Ok((self.trees(plan, &fates)?, fates)));
            drop(ended);
            done
        });
        match done {
            Ok((trees, fates)) => {
                for (place, fate) in fates.into_iter().enumerate() {
                    if let Some(Fate::Failed { error, .. }) = fate {
                        say(Answer::Failure { place: place as u32, told: Told::of(error) });
                    }
                }
                say(Answer::Done { trees });
            }
            Err(error) => say(Answer::Refused(Told::of(error))),
        }
        let _ = closes.recv_timeout(Duration::from_secs(WAIT_SECONDS_MAX));
        Ok(())
    }

    /// Reads what was built again, whole: what is told is what is on the disk.
    fn trees(&self, plan: Plan<'_>, fates: &[Option<Fate>]) -> Result<Vec<(u32, String)>, BuildError> {
        let built = fates.iter().enumerate().filter(|(_, fate)| matches!(fate, Some(Fate::Built { .. })));
        let mut trees = Vec::new();
        for (place, _) in built {
            let name = plan.packages.get(place).name();
            let unsound = |diagnostic| BuildError::Told(Box::new(Told::of_machine(diagnostic)));
            let damages = self.store.verify(name).map_err(|error| unsound(error.into()))?;
            if let Some(diagnostic) = damaged(name, &damages) {
                return Err(unsound(diagnostic));
            }
            let manifest = self.store.manifest(name).map_err(|issue| {
                unsound(Diagnostic::error(Code::E21, format!("what is in `{name}` cannot be read: {issue}")))
            })?;
            trees.push((place as u32, manifest.tree_hash().to_string()));
        }
        Ok(trees)
    }
}

/// Returns what is said of an event, if anybody wants to know.
fn answer(event: Event<'_>, lines: bool) -> Option<Answer> {
    Some(match event {
        Event::Started { place } => Answer::Started { place: place as u32 },
        Event::Says { place, line } => match lines {
            true => Answer::Says { place: place as u32, line: shown(line) },
            false => return None,
        },
        Event::Waits { place, holders } => {
            let holders = holders.iter().map(|Holder { process, command, .. }| (*process, shown(command)));
            Answer::Waits { place: place as u32, holders: holders.take(HOLDERS_MAX).collect() }
        }
        Event::Ended { place, fate } => Answer::Ended { place: place as u32, fate: fated(fate) },
    })
}

/// Those who hold a lock, as far as they are told of.
const HOLDERS_MAX: usize = 16;

fn fated(fate: &Fate) -> Fated {
    let ms = |took: &Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match fate {
        Fate::Cached => Fated::Cached,
        Fate::Built { took } => Fated::Built { ms: ms(took) },
        Fate::Failed { error, took } => {
            Fated::Failed { message: shown(&error.to_string()), is_stop: error.is_stop(), ms: ms(took) }
        }
        Fate::Blocked { by } => Fated::Blocked { by: *by as u32 },
        Fate::Stopped => Fated::Stopped,
    }
}
