//! Many packages at once: each after what it needs, as many at a time as asked for, each path by one builder.
//!
//! A package that fails takes those with it that need it, and no others.

use crate::build::{BuildError, Needs, Workshop, build};
use crate::limits::{JOBS_MAX, PATH_LOCK_LOOK, PATH_LOCK_WAIT};
use crate::package::Packages;
use crate::system;
use punix_store::{Asking, Holder, LockError, PathLock, SharedLock, Store};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What became of a package.
#[derive(Debug)]
pub enum Fate {
    /// Its entry was there.
    Cached,
    Built {
        took: Duration,
    },
    Failed {
        error: BuildError,
        took: Duration,
    },
    /// It needs one that failed: the place of the first that did.
    Blocked {
        by: usize,
    },
    /// Nobody began it, because the run was stopped.
    Stopped,
}

/// What happens meanwhile, and to which package.
#[derive(Debug)]
pub enum Event<'e> {
    Started {
        place: usize,
    },
    /// What is done for it now, or what it says.
    Says {
        place: usize,
        line: &'e str,
    },
    /// Somebody else builds it.
    Waits {
        place: usize,
        holders: &'e [Holder],
    },
    Ended {
        place: usize,
        fate: &'e Fate,
    },
}

/// How packages are realised.
#[derive(Clone, Copy)]
pub struct Plan<'p> {
    pub packages: &'p Packages,
    /// Those that are wanted, and so all that these need.
    pub wanted: &'p [usize],
    /// Those that are built though their entries seem to be there.
    pub again: &'p BTreeSet<usize>,
    pub jobs: usize,
    /// What this process does, for those who wait for it.
    pub command: &'p str,
}

/// What of the wanted packages is there.
#[derive(Debug)]
pub struct Seen {
    fates: Vec<Option<Fate>>,
    missing: Vec<usize>,
}

impl Seen {
    /// Returns the places of those that are to be built.
    pub fn missing(&self) -> &[usize] {
        &self.missing
    }

    /// Returns the places of those that are there.
    pub fn there(&self) -> impl Iterator<Item = usize> {
        (0..self.fates.len()).filter(|&place| self.fates[place].is_some())
    }

    /// Takes what somebody else saw. `None` says that it cannot be so: what is lacking must be wanted.
    pub(crate) fn of(plan: Plan<'_>, missing: &BTreeSet<usize>) -> Option<Seen> {
        let wanted = wanted(plan);
        let is_wanted = |place: &usize| wanted.get(*place).copied().unwrap_or(false);
        if !missing.iter().all(is_wanted) {
            return None;
        }
        let fate = |place: usize| (is_wanted(&place) && !missing.contains(&place)).then_some(Fate::Cached);
        let fates = (0..plan.packages.len()).map(fate).collect();
        Some(Seen { fates, missing: missing.iter().copied().collect() })
    }

    /// Returns what is known of one.
    pub(crate) fn fate(&self, place: usize) -> Option<&Fate> {
        self.fates.get(place)?.as_ref()
    }

    pub(crate) fn fate_mut(&mut self, place: usize) -> Option<&mut Fate> {
        self.fates.get_mut(place)?.as_mut()
    }

    /// Notes what became of one.
    pub(crate) fn end(&mut self, place: usize, fate: Fate) {
        if let Some(known) = self.fates.get_mut(place) {
            *known = Some(fate);
        }
    }

    /// Returns the fate of each package, if none is to be built.
    pub fn into_fates(self) -> Vec<Option<Fate>> {
        self.fates
    }
}

/// Looks which of the wanted packages, and of what they need, are there. What is said to be there stays while the store's lock
/// is held; that it is durable is for [`settle`].
pub fn look(store: &Store, plan: Plan<'_>, _shared: &SharedLock) -> Result<Seen, BuildError> {
    let mut seen = Seen { fates: Vec::with_capacity(plan.packages.len()), missing: Vec::new() };
    for (place, wanted) in wanted(plan).into_iter().enumerate() {
        let name = plan.packages.get(place).name();
        let valid = || store.is_valid(name).map_err(|error| BuildError::Work { path: store.path(name), error });
        let there = wanted && !plan.again.contains(&place) && valid()?;
        seen.fates.push(there.then_some(Fate::Cached));
        if wanted && !there {
            seen.missing.push(place);
        }
    }
    Ok(seen)
}

/// Makes durable what was seen to be there, before it is told: whoever moved an entry to its name may have been killed before.
/// A push does the same, so a deploy has no need of it, and waits for no disk where nothing is to be done.
pub fn settle(store: &Store, seen: &Seen) -> Result<(), BuildError> {
    match seen.there().next() {
        Some(_) => store.sync_names().map_err(|error| BuildError::Work { path: store.root().to_owned(), error }),
        None => Ok(()),
    }
}

/// Builds what is missing. Returns the fate of each package, by its place; `None` for those that nobody asked for.
pub fn realise(
    workshop: Workshop<'_>,
    plan: Plan<'_>,
    seen: Seen,
    shared: &SharedLock,
    told: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Vec<Option<Fate>>, BuildError> {
    punix_diag::drill("build");
    let root = workshop.store.root();
    system::prepare(root).map_err(|error| BuildError::Work { path: root.to_owned(), error })?;
    let workers = plan.jobs.clamp(1, JOBS_MAX).min(seen.missing.len());
    let queue = SharedQueue { state: Mutex::new(Queue::new(plan, seen)), changed: Condvar::new() };
    let worker = || work(workshop, plan, shared, &queue, told);
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(worker);
        }
        worker();
    });
    Ok(queue.state.into_inner().unwrap_or_else(PoisonError::into_inner).fates)
}

/// Returns by place whether a package is wanted, or needed by one that is.
fn wanted(plan: Plan<'_>) -> Vec<bool> {
    let mut wanted = vec![false; plan.packages.len()];
    let mut todo = plan.wanted.to_vec();
    while let Some(place) = todo.pop() {
        if !std::mem::replace(&mut wanted[place], true) {
            todo.extend(plan.packages.inputs(place));
        }
    }
    wanted
}

/// What is left to do.
struct Queue {
    /// Those that nobody began though all they need is there, by place.
    ready: BTreeSet<usize>,
    /// By place: how many of those that it needs are not there yet.
    waiting: Vec<usize>,
    /// By place: which ones need it.
    dependents: Vec<Vec<usize>>,
    fates: Vec<Option<Fate>>,
    left: usize,
}

struct SharedQueue {
    state: Mutex<Queue>,
    changed: Condvar,
}

impl SharedQueue {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn new(plan: Plan<'_>, seen: Seen) -> Queue {
        let count = plan.packages.len();
        let left = seen.missing.len();
        let mut is_missing = vec![false; count];
        seen.missing.iter().for_each(|&place| is_missing[place] = true);
        let (mut ready, mut waiting, mut dependents) = (BTreeSet::new(), vec![0; count], vec![Vec::new(); count]);
        for place in seen.missing {
            for &input in plan.packages.inputs(place).iter().filter(|&&input| is_missing[input]) {
                dependents[input].push(place);
                waiting[place] += 1;
            }
            if waiting[place] == 0 {
                ready.insert(place);
            }
        }
        Queue { ready, waiting, dependents, fates: seen.fates, left }
    }

    /// Notes what became of a package. Returns those that it takes with it.
    fn end(&mut self, place: usize, fate: Fate) -> Vec<usize> {
        let well = matches!(fate, Fate::Cached | Fate::Built { .. });
        self.fates[place] = Some(fate);
        self.left -= 1;
        let mut blocked = Vec::new();
        if well {
            for dependent in self.dependents[place].clone() {
                self.waiting[dependent] -= 1;
                if self.waiting[dependent] == 0 && self.fates[dependent].is_none() {
                    self.ready.insert(dependent);
                }
            }
            return blocked;
        }
        let mut todo = self.dependents[place].clone();
        while let Some(dependent) = todo.pop() {
            if self.fates[dependent].is_none() {
                self.fates[dependent] = Some(Fate::Blocked { by: place });
                self.left -= 1;
                blocked.push(dependent);
                todo.extend(&self.dependents[dependent]);
            }
        }
        blocked.sort_unstable();
        blocked
    }
}

/// Takes one package after the other until none is left.
fn work(
    workshop: Workshop<'_>,
    plan: Plan<'_>,
    shared: &SharedLock,
    queue: &SharedQueue,
    told: &(dyn Fn(Event<'_>) + Sync),
) {
    loop {
        let place = {
            let mut state = queue.lock();
            loop {
                if state.left == 0 {
                    return;
                }
                if let Some(place) = state.ready.pop_first() {
                    break place;
                }
                state = queue.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        };
        let fate = match workshop.stop.load(Ordering::Relaxed) {
            true => Fate::Stopped,
            false => one(workshop, plan, shared, place, told),
        };
        told(Event::Ended { place, fate: &fate });
        let blocked = queue.lock().end(place, fate);
        for dependent in blocked {
            told(Event::Ended { place: dependent, fate: &Fate::Blocked { by: place } });
        }
        queue.changed.notify_all();
    }
}

fn one(
    workshop: Workshop<'_>,
    plan: Plan<'_>,
    shared: &SharedLock,
    place: usize,
    told: &(dyn Fn(Event<'_>) + Sync),
) -> Fate {
    let package = plan.packages.get(place);
    let again = plan.again.contains(&place);
    let claimed = claim(workshop, plan, shared, place, told);
    let start = Instant::now();
    let failed = |error: LockError| Fate::Failed { error: error.into(), took: Duration::ZERO };
    let lock = match claimed {
        Err(error) => return failed(error),
        Ok(Claim::There) => return cached_meanwhile(workshop),
        Ok(Claim::Stopped) => return Fate::Stopped,
        Ok(Claim::Ours(lock)) => lock,
    };
    told(Event::Started { place });
    let direct = plan.packages.inputs(place).iter().map(|&input| plan.packages.get(input)).collect();
    let closure = plan.packages.closure(place).into_iter().map(|input| plan.packages.get(input)).collect();
    let says = |line: &str| told(Event::Says { place, line });
    match build(workshop, package, &Needs { direct, closure }, &lock, again, &says) {
        Ok(_) => Fate::Built { took: start.elapsed() },
        Err(error) => Fate::Failed { error, took: start.elapsed() },
    }
}

/// Who builds a package.
enum Claim<'s> {
    Ours(PathLock<'s>),
    /// Somebody did.
    There,
    /// We were stopped while somebody else did.
    Stopped,
}

/// Waits until it is known who builds a package. Whether to stop is looked at again and again.
fn claim<'s>(
    workshop: Workshop<'_>,
    plan: Plan<'_>,
    shared: &'s SharedLock,
    place: usize,
    told: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Claim<'s>, LockError> {
    let name = plan.packages.get(place).name();
    let (start, said) = (Instant::now(), AtomicBool::new(false));
    let tell = |holders: &[Holder]| {
        if !said.swap(true, Ordering::Relaxed) {
            told(Event::Waits { place, holders });
        }
    };
    let asking = Asking { command: plan.command, wait: PATH_LOCK_LOOK, tell: &tell };
    loop {
        let claimed = match plan.again.contains(&place) {
            true => workshop.store.lock_path(shared, name, asking).map(Some),
            false => workshop.store.claim(shared, name, asking),
        };
        match claimed {
            Ok(Some(lock)) => return Ok(Claim::Ours(lock)),
            Ok(None) => return Ok(Claim::There),
            Err(LockError::Held { .. }) if workshop.stop.load(Ordering::Relaxed) => return Ok(Claim::Stopped),
            Err(LockError::Held { .. }) if start.elapsed() < PATH_LOCK_WAIT => {}
            Err(error) => return Err(error),
        }
    }
}

/// Somebody else built it while this waited.
fn cached_meanwhile(workshop: Workshop<'_>) -> Fate {
    match workshop.store.sync_names() {
        Ok(()) => Fate::Cached,
        Err(error) => {
            let path = workshop.store.root().to_owned();
            Fate::Failed { error: BuildError::Work { path, error }, took: Duration::ZERO }
        }
    }
}

#[cfg(test)]
mod tests;
