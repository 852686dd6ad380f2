//! Building on another machine. Sources are had here, brought there as entries, and built with there; what is said on the way
//! is said as if it were built here.

use super::progress::Progress;
use super::report::Report;
use super::{Realised, Run, SHARED_LOCK_WAIT, fail_world, stop_on_signals, waiting};
use crate::exit::Exit;
use crate::machine::network;
use crate::places;
use punix_build::fetch::{Fetcher, Options};
use punix_build::pipe::{Opening, Outcome, PipeError, There};
use punix_build::sandbox::Isolation;
use punix_build::{Event, Fate, Fetching, Plan, Seen, Sources, Workshop, keep_source};
use punix_deploy::explain;
use punix_diag::Diagnostic;
use punix_store::{Asking, Digest, Holder, SharedLock, StoreName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Brings entries of the store here to the store there.
type Bring<'b> = &'b dyn Fn(&BTreeSet<StoreName>) -> Result<(), Exit>;

impl Run<'_> {
    /// Returns how it is to be built there.
    pub(crate) fn opening(&self, wait: u64) -> Opening<'_> {
        if self.building.no_sandbox {
            self.ui.say(
                "warning: builds run there without a sandbox: they can read files, use the network and leave traces",
            );
        }
        Opening {
            store: self.store.root(),
            command: self.command,
            wait: Duration::from_secs(wait),
            jobs: self.building.jobs.map(u32::from),
            cores: self.building.cores.map(u32::from),
            wall: Duration::from_secs(self.building.timeout),
            is_apart: !self.building.no_sandbox,
            keep_failed: self.building.keep_failed,
            lines: self.building.events || self.ui.is_watched(),
        }
    }

    /// Builds there what is missing there of the wanted packages.
    pub(crate) fn realise_there(&self, there: &There, wanted: &[usize], bring: Bring<'_>) -> Result<Realised, Exit> {
        let start = Instant::now();
        let tell = |holders: &[Holder]| self.ui.say(&waiting(holders));
        let asking = Asking { command: self.command, wait: SHARED_LOCK_WAIT, tell: &tell };
        let shared = self.store.share(asking).map_err(|error| self.fail(error))?;
        let none = BTreeSet::new();
        let plan = Plan { packages: &self.composed.packages, wanted, again: &none, jobs: 1, command: self.command };
        let seen = there.look(plan).map_err(|error| self.lost(error))?;
        let order = self.order(wanted);
        let progress = Progress::new(self.ui, self.composed, &[], self.store, self.building.events);
        progress.seen(&seen);
        let stop = stop_on_signals();
        let fates = match seen.missing().is_empty() {
            true => seen.into_fates(),
            false => {
                let sources = self.keep_sources(&seen, &shared, &progress, &stop)?;
                bring(&sources.values().cloned().collect())?;
                let told = |event: Event<'_>| progress.event(&event);
                let built = there.realise(plan, seen, &sources, &told, &stop);
                let Outcome { fates, trees } = built.map_err(|error| self.lost(error))?;
                self.compare(&trees);
                fates
            }
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

    /// Has the sources of what is missing there, as entries of the store here. Returns these by the places of the packages.
    fn keep_sources(
        &self,
        seen: &Seen,
        shared: &SharedLock,
        progress: &Progress<'_>,
        stop: &AtomicBool,
    ) -> Result<BTreeMap<usize, StoreName>, Exit> {
        let missing = seen.missing().iter().map(|&place| self.composed.packages.get(place));
        let secrets = self.secrets_of(missing)?;
        // A command that makes a source is kept apart here, whatever is done there.
        let makes = seen.missing().iter().any(|&place| self.composed.packages.get(place).source.is_made());
        let isolation = match makes {
            true => self.isolation()?,
            false => Isolation::Namespaces { helper: PathBuf::from("/proc/self/exe") },
        };
        let cache = places::cache(self.building.cache_dir.as_deref()).map_err(|homeless| homeless.refuse(self.ui))?;
        let fetcher = Fetcher::new(&cache, Options::of(network())).map_err(|error| self.fail(error))?;
        let network = network();
        let workshop = Workshop {
            store: self.store,
            isolation: &isolation,
            sources: Sources::Fetched(Fetching { fetcher: &fetcher, network: &network, secrets: &secrets }),
            cores: crate::machine::processors(),
            wall: Duration::from_secs(self.building.timeout),
            keep_failed: self.building.keep_failed,
            stop,
        };
        let tell = |holders: &[Holder]| self.ui.say(&waiting(holders));
        let asking = Asking { command: self.command, wait: SHARED_LOCK_WAIT, tell: &tell };
        let mut sources = BTreeMap::new();
        for &place in seen.missing() {
            let package = self.composed.packages.get(place);
            let told = |line: &str| progress.event(&Event::Says { place, line });
            match keep_source(workshop, package, shared, asking, &told) {
                Ok(source) => drop(source.map(|name| sources.insert(place, name))),
                Err(error) if error.is_stop() => return Err(Exit::Interrupted),
                Err(error) => {
                    let spans = self.composed.spans.get(place).copied();
                    return Err(fail_world(self.ui, &[explain(&package.label, spans, error)], self.sources));
                }
            }
        }
        Ok(sources)
    }

    /// Says what came out otherwise there than it did here once: who relies on its being the same wants to know.
    fn compare(&self, trees: &BTreeMap<usize, Digest>) {
        for (&place, tree) in trees {
            let name = self.composed.packages.get(place).name();
            let ours = self.store.manifest(name).map(|manifest| manifest.tree_hash());
            if ours.is_ok_and(|ours| ours != *tree) {
                let what = "was built there with another content than it has in the store here";
                self.ui.say(&format!("warning: `{name}` {what}"));
            }
        }
    }

    fn lost(&self, error: PipeError) -> Exit {
        fail_world(self.ui, &[Diagnostic::from(error)], self.sources)
    }
}
