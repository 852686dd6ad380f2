//! All hosts or none: each is made ready as far as nobody sees it, and waits there; none goes live unless all are ready. Then
//! they go live in their order. A host that waits keeps others away from its target, and lets go by itself if this process
//! dies.

use super::super::Stopped;
use super::super::commit::Consent;
use super::crew::Crew;
use super::failure::Failure;
use super::order::Ordered;
use super::report::Report;
use super::running::{Ended, STACK_BYTES, Told, Turns};
use crate::exit::Exit;
use crate::ui::{Said, Ui};
use punix_deploy::{Order, Rules, Run, Status};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Why a host did not go live that was ready.
const NOT_ALL: &str = "a host could not be made ready";

/// What a thread says of its host.
enum News<T> {
    Ready,
    Ended(Ended<T>),
}

/// How far a host has come.
enum Stage<T> {
    Waiting,
    Ready,
    /// It was ready, and was let go.
    LetGo,
    Ended(Ended<T>),
}

/// What a host is told that waits.
#[derive(Default)]
struct Signal {
    goes: Mutex<Option<bool>>,
    changed: Condvar,
}

impl Signal {
    fn tell(&self, goes: bool) {
        *self.goes.lock().unwrap_or_else(PoisonError::into_inner) = Some(goes);
        self.changed.notify_all();
    }

    /// Waits until somebody says something.
    fn wait(&self) -> bool {
        let mut said = self.goes.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(goes) = *said {
                return goes;
            }
            said = self.changed.wait(said).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Each host waits for its own: a word to one wakes nobody else.
struct Signals(Vec<Signal>);

impl Signals {
    fn tell(&self, number: usize, goes: bool) {
        self.0.get(number).iter().for_each(|signal| signal.tell(goes));
    }

    fn wait(&self, number: usize) -> bool {
        self.0.get(number).is_some_and(Signal::wait)
    }
}

/// Refuses a fleet of which two hosts would wait for each other.
pub(super) fn can_be_staged(crew: &Crew, places: &[usize]) -> Result<(), Stopped> {
    let mut known = BTreeSet::new();
    match places.iter().find(|place| !known.insert(crew.host(**place).target.as_str())) {
        None => Ok(()),
        Some(&place) => {
            let target = super::super::words::seen(&crew.host(place).target);
            let message =
                format!("two hosts have the target `{target}`, and with --stage-first they would wait for each other");
            Err(Stopped::usage(message, "deploy them without --stage-first, or one after the other with --only"))
        }
    }
}

/// What became of all hosts, by their numbers.
pub(super) struct Outcome<T> {
    pub(super) ended: Vec<Option<Ended<T>>>,
    pub(super) statuses: Vec<(usize, Status)>,
    pub(super) why: &'static str,
}

/// Works on all hosts, and returns what became of them in the order in which that is told.
pub(super) fn all<T: Send>(
    ui: &Ui,
    turns: Turns<'_>,
    (ordered, jobs): (&Ordered, usize),
    report: &mut Report<'_>,
    work: impl Fn(usize, &Ui, Consent<'_>) -> Result<T, Failure> + Sync,
    is_well: impl Fn(&T) -> bool,
) -> Outcome<T> {
    let Turns { mut run, places, skips, why, .. } = turns;
    let signals = Signals(places.iter().map(|_| Signal::default()).collect());
    let (sender, receiver) = mpsc::channel::<(usize, News<T>)>();
    let mut stages: Vec<Stage<T>> = places.iter().map(|_| Stage::Waiting).collect();
    let mut statuses = Vec::new();
    let mut reason = why;
    thread::scope(|scope| {
        let (work, signals) = (&work, &signals);
        let mut stage = Run::new(&Order::free(places.len()), Rules::at_once(jobs));
        let mut busy = 0_usize;
        loop {
            while let Some(number) = stage.next() {
                let Some(&place) = places.get(number) else { break };
                let (kept_ui, kept) = ui.keeping();
                let kept_ui = kept_ui.into_data().watched_by(report.begin(place));
                let sender = sender.clone();
                let task = move || {
                    let begun = Instant::now();
                    let ready = sender.clone();
                    let consent = || {
                        kept_ui.doing("ready");
                        let _ = ready.send((number, News::Ready));
                        match signals.wait(number) {
                            true => Ok(()),
                            false => Err(Stopped::Told(Exit::Failed)),
                        }
                    };
                    let result = catch_unwind(AssertUnwindSafe(|| work(place, &kept_ui, &consent)));
                    let result = result.unwrap_or_else(|_| Err(Failure::bug()));
                    let ended = Ended { result, said: kept.take(), took: begun.elapsed() };
                    let _ = sender.send((number, News::Ended(ended)));
                };
                match thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, task) {
                    Ok(_) => busy += 1,
                    Err(error) => {
                        let failure = Failure::plain(format!("no thread can be started: {error}"));
                        let none = Ended { result: Err(failure), said: Said::default(), took: Duration::ZERO };
                        put(&mut stages, number, Stage::Ended(none));
                        stage.ended(number, true);
                    }
                }
            }
            if busy == 0 {
                break;
            }
            let Ok((number, news)) = receiver.recv() else { break };
            busy -= 1;
            stage.ended(number, true);
            match news {
                News::Ready => put(&mut stages, number, Stage::Ready),
                News::Ended(ended) => {
                    places.get(number).iter().for_each(|place| report.end(**place));
                    put(&mut stages, number, Stage::Ended(ended));
                }
            }
        }
        let is_ready = |stage: &Stage<T>| match stage {
            Stage::Ready => true,
            Stage::Ended(ended) => match &ended.result {
                Ok(done) => is_well(done),
                Err(failure) => skips && failure.is_unreachable,
            },
            Stage::Waiting | Stage::LetGo => false,
        };
        if stages.iter().all(is_ready) {
            statuses = publish(&mut run, &mut stages, signals, &receiver, &is_well, |number| {
                places.get(number).iter().for_each(|place| report.end(**place));
            });
        } else {
            reason = NOT_ALL;
            statuses = none_goes(ordered, &places, &stages);
        }
        // Whoever still waits lets go. The scope ends when all have.
        for (number, stage) in stages.iter_mut().enumerate() {
            if matches!(stage, Stage::Ready) {
                signals.tell(number, false);
                *stage = Stage::LetGo;
                places.get(number).iter().for_each(|place| report.end(**place));
            }
        }
    });
    let ended = stages.into_iter().map(|stage| match stage {
        Stage::Ended(ended) => Some(ended),
        Stage::Waiting | Stage::Ready | Stage::LetGo => None,
    });
    Outcome { ended: ended.collect(), statuses, why: reason }
}

fn put<T>(stages: &mut [Stage<T>], number: usize, stage: Stage<T>) {
    if let Some(slot) = stages.get_mut(number) {
        *slot = stage;
    }
}

/// Lets hosts go live, each in its turn.
fn publish<T>(
    run: &mut Run,
    stages: &mut [Stage<T>],
    signals: &Signals,
    receiver: &mpsc::Receiver<(usize, News<T>)>,
    is_well: &impl Fn(&T) -> bool,
    mut ends: impl FnMut(usize),
) -> Vec<(usize, Status)> {
    let mut statuses = Vec::new();
    let mut busy = 0_usize;
    loop {
        while let Some(number) = run.next() {
            match stages.get(number) {
                Some(Stage::Ready) => {
                    busy += 1;
                    signals.tell(number, true);
                }
                // It was as it should be, or could not be reached.
                Some(Stage::Ended(ended)) => run.ended(number, ended.result.as_ref().is_ok_and(is_well)),
                Some(Stage::Waiting | Stage::LetGo) | None => run.ended(number, false),
            }
        }
        statuses.extend(run.settled());
        if busy == 0 {
            return statuses;
        }
        let Ok((number, news)) = receiver.recv() else { return statuses };
        let News::Ended(ended) = news else { continue };
        busy -= 1;
        ends(number);
        run.ended(number, ended.result.as_ref().is_ok_and(is_well));
        put(stages, number, Stage::Ended(ended));
    }
}

/// Returns what becomes of hosts of which none goes live: those that failed, those that wait for them, and all others.
fn none_goes<T>(ordered: &Ordered, places: &[usize], stages: &[Stage<T>]) -> Vec<(usize, Status)> {
    let mut lost: BTreeSet<usize> = BTreeSet::new();
    let mut statuses = Vec::new();
    for (number, &place) in places.iter().enumerate() {
        let status = match stages.get(number) {
            Some(Stage::Ended(Ended { result: Ok(_), .. })) => Status::Ok,
            Some(Stage::Ended(Ended { result: Err(_), .. })) => Status::Failed,
            Some(Stage::Waiting | Stage::Ready | Stage::LetGo) | None => {
                let upstream = ordered.upstream(place).iter().find(|it| lost.contains(&it.host));
                match upstream {
                    Some(it) => Status::Blocked { machine: it.machine.clone(), artifact: it.artifact.clone() },
                    None => Status::NotAttempted,
                }
            }
        };
        if matches!(status, Status::Failed | Status::Blocked { .. }) {
            lost.insert(place);
        }
        statuses.push((number, status));
    }
    statuses
}

/// Returns what a host came to, as it is told.
pub(super) fn told<'t, T>(status: Status, ended: Option<&'t Ended<T>>, skips: bool, why: &'static str) -> Told<'t, T> {
    match (status, ended.map(|ended| &ended.result)) {
        (Status::Blocked { machine, artifact }, _) => Told::Blocked { machine, artifact },
        (Status::NotAttempted, _) | (_, None) => Told::NotAttempted { why },
        (_, Some(Ok(done))) => Told::Ok(done),
        (_, Some(Err(failure))) if skips && failure.is_unreachable => Told::Skipped(failure),
        (_, Some(Err(failure))) => Told::Failed(failure),
    }
}
