//! Many hosts at once: each in a thread of its own, begun when its turn comes, told of when all before it are.

use super::crew::Crew;
use super::failure::Failure;
use super::report::Report;
use crate::ui::{Said, Ui};
use punix_deploy::{Run, Status};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// What a thread may use of the stack: as much as the first one has.
pub(super) const STACK_BYTES: usize = 8 << 20;

/// What became of one host.
pub(super) struct Ended<T> {
    pub(super) result: Result<T, Failure>,
    /// What was said meanwhile.
    pub(super) said: Said,
    pub(super) took: Duration,
}

/// What a host came to, as it is told.
pub(super) enum Told<'t, T> {
    Ok(&'t T),
    Failed(&'t Failure),
    /// It cannot be reached, and that is to be passed over.
    Skipped(&'t Failure),
    Blocked {
        machine: String,
        artifact: String,
    },
    NotAttempted {
        why: &'static str,
    },
}

/// Whose turn it is. A run knows hosts by their numbers in a sequence, and this one knows their places in the file.
pub(super) struct Turns<'t> {
    pub(super) run: Run,
    /// The places of hosts by number.
    pub(super) places: Vec<usize>,
    pub(super) crew: &'t Crew,
    /// Whether hosts are passed over that cannot be reached.
    pub(super) skips: bool,
    /// Why hosts are not attempted that are not.
    pub(super) why: &'static str,
}

/// Works on all hosts. `work` does it for one; what it says on its streams is kept. `tell` is called for each in the one
/// order. `is_well` says whether others may go on after it.
pub(super) fn all<T: Send>(
    ui: &Ui,
    turns: Turns<'_>,
    report: &mut Report<'_>,
    work: impl Fn(usize, &Ui) -> Result<T, Failure> + Sync,
    is_well: impl Fn(&T) -> bool,
    mut tell: impl FnMut(&mut Report<'_>, usize, Told<'_, T>, Option<&Ended<T>>),
) {
    let Turns { mut run, places, crew, skips, why } = turns;
    let locks = Locks::of(crew);
    let (sender, receiver) = mpsc::channel::<(usize, Ended<T>)>();
    let mut ended: HashMap<usize, Ended<T>> = HashMap::new();
    thread::scope(|scope| {
        let (work, locks) = (&work, &locks);
        let mut running = 0_usize;
        loop {
            while let Some(number) = run.next() {
                let Some(&place) = places.get(number) else { break };
                let watcher = report.begin(place);
                let (kept_ui, kept) = ui.keeping();
                // What is to be told is taken as it is, and said once, here.
                let kept_ui = kept_ui.into_data().watched_by(watcher);
                let sender = sender.clone();
                let task = move || {
                    let begun = Instant::now();
                    let _alone = locks.take(place);
                    let result = catch_unwind(AssertUnwindSafe(|| work(place, &kept_ui)));
                    let result = result.unwrap_or_else(|_| Err(Failure::bug()));
                    let ended = Ended { result, said: kept.take(), took: begun.elapsed() };
                    let _ = sender.send((number, ended));
                };
                match thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, task) {
                    Ok(_) => running += 1,
                    Err(error) => {
                        let failure = Failure::plain(format!("no thread can be started: {error}"));
                        let none = Ended { result: Err(failure), said: Said::default(), took: Duration::ZERO };
                        ended.insert(number, none);
                        run.ended(number, false);
                    }
                }
            }
            for (number, status) in run.settled() {
                let Some(&place) = places.get(number) else { continue };
                let end = ended.remove(&number);
                let told = match (status, end.as_ref().map(|end| &end.result)) {
                    (Status::Blocked { machine, artifact }, _) => Told::Blocked { machine, artifact },
                    (Status::NotAttempted, _) | (_, None) => Told::NotAttempted { why },
                    (_, Some(Ok(done))) => Told::Ok(done),
                    (_, Some(Err(failure))) if skips && failure.is_unreachable => Told::Skipped(failure),
                    (_, Some(Err(failure))) => Told::Failed(failure),
                };
                tell(report, place, told, end.as_ref());
            }
            if running == 0 {
                // Whoever has not begun by now never will.
                break;
            }
            let Ok((number, end)) = receiver.recv() else { break };
            running -= 1;
            if let Some(&place) = places.get(number) {
                report.end(place);
            }
            let goes_on = match &end.result {
                Ok(done) => is_well(done),
                Err(_) => false,
            };
            ended.insert(number, end);
            run.ended(number, goes_on);
        }
    });
}

/// Hosts with one target are worked on one after the other.
struct Locks {
    /// By place in the file.
    of: Vec<Arc<Mutex<()>>>,
}

impl Locks {
    fn of(crew: &Crew) -> Locks {
        let mut known: HashMap<&str, Arc<Mutex<()>>> = HashMap::new();
        let of = (0..crew.len()).map(|place| Arc::clone(known.entry(crew.host(place).target.as_str()).or_default()));
        Locks { of: of.collect() }
    }

    fn take(&self, place: usize) -> Option<MutexGuard<'_, ()>> {
        Some(self.of.get(place)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Works on several things at once, and returns what came of each, in their order.
pub(super) fn each<I: Sync, T: Send>(items: &[I], at_once: usize, work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, items.len().max(1)) {
            let task = || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else { break };
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                }
            };
            // Where no thread can be had, this one does it all.
            if thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, task).is_err() {
                task();
            }
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}
