//! The side that asks. The other one may hang, die or lie: every wait has an end, and what is said is taken only if it
//! answers what was asked. Reading and writing have a thread each, so that neither a full pipe nor an empty one can hold up
//! whoever asks.

use super::frame::{ANSWER_BYTES_MAX, FrameError, pack, receive};
use super::message::{Answer, Fated, Open, PROTOCOL, Request};
use crate::build::BuildError;
use crate::limits::{ALIVE_SECONDS, HELLO_SECONDS, READING_SECONDS, SILENCE_SECONDS, STEPS_MAX, STOPPING_SECONDS};
use crate::package::Packages;
use crate::schedule::{Event, Fate, Plan, Seen};
use crate::told::{Told, shown};
use punix_diag::{Code, Diagnostic};
use punix_store::{Digest, Holder, StoreName};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// Answers that may lie here unread.
const ANSWERS_MAX: usize = 64;
/// Time between two looks at whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Where and how it is to be built.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'o> {
    /// The store there.
    pub store: &'o Path,
    /// What this process does, for those who wait for it there.
    pub command: &'o str,
    pub wait: Duration,
    /// Builds at the same time, and processors for each; without a number that machine says it.
    pub jobs: Option<u32>,
    pub cores: Option<u32>,
    /// Time that one build may take.
    pub wall: Duration,
    /// Whether builds are kept apart.
    pub is_apart: bool,
    pub keep_failed: bool,
    /// Whether every line that builds print is wanted.
    pub lines: bool,
}

/// Why nothing more is built there.
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    #[error("the way to it failed: {0}")]
    Frame(#[from] FrameError),
    #[error("the other side said nothing for {} seconds", .0.as_secs())]
    Silent(Duration),
    #[error("the other side speaks protocol {theirs} (it is of version {version}), and this one {PROTOCOL}")]
    Protocol { theirs: u32, version: String },
    #[error("the other side answers something else than what it was asked for")]
    Unasked,
    #[error("the path of the store is no text")]
    NoText,
    /// It said so itself.
    #[error("{}", .0.message)]
    Refused(Box<Told>),
}

impl From<PipeError> for Diagnostic {
    fn from(error: PipeError) -> Diagnostic {
        let message = format!("nothing can be built on the target: {error}");
        match error {
            PipeError::Refused(told) => Diagnostic::from(*told).note("this was said on the target"),
            PipeError::Frame(FrameError::Closed | FrameError::Torn | FrameError::Pipe(_)) | PipeError::Silent(_) => {
                Diagnostic::error(Code::E31, message).help("run the command again; what is built there stays")
            }
            PipeError::Frame(FrameError::Alien | FrameError::Large | FrameError::Json(_))
            | PipeError::Protocol { .. }
            | PipeError::Unasked => Diagnostic::error(Code::E31, message).help("use a `punix-build` of this version"),
            PipeError::NoText => Diagnostic::error(Code::E31, message).help("use a store whose path is UTF-8"),
        }
    }
}

/// What became of packages there.
#[derive(Debug)]
pub struct Outcome {
    /// By place, as [`crate::realise`] gives them.
    pub fates: Vec<Option<Fate>>,
    /// Of those that were built now, the digests of their trees.
    pub trees: BTreeMap<usize, Digest>,
}

/// A machine that builds. While this is held, nothing that is there is collected there.
#[derive(Debug)]
pub struct There {
    /// Nothing once something did not fit, or builds are to stop.
    requests: RefCell<Option<Sender<Vec<u8>>>>,
    answers: Receiver<Result<Answer, FrameError>>,
}

/// Returns the bytes that come first, so that a program that is there can begin before it is heard.
pub fn greeting(opening: &Opening<'_>) -> Result<Vec<u8>, PipeError> {
    let hello = Request::Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned() };
    let open = Open {
        store: opening.store.to_str().ok_or(PipeError::NoText)?.to_owned(),
        command: opening.command.to_owned(),
        wait_seconds: opening.wait.as_secs(),
        jobs: opening.jobs,
        cores: opening.cores,
        wall_seconds: opening.wall.as_secs(),
        is_apart: opening.is_apart,
        keep_failed: opening.keep_failed,
        lines: opening.lines,
    };
    let mut bytes = pack(&hello)?;
    bytes.extend(pack(&Request::Open(open))?);
    Ok(bytes)
}

impl There {
    /// Takes the two ends of a pipe to a program that was greeted already. `wait` is how long it was told to wait for locks.
    pub fn greeted(
        mut input: impl Write + Send + 'static,
        mut output: impl Read + Send + 'static,
        wait: Duration,
    ) -> Result<There, PipeError> {
        let (requests, to_send) = mpsc::channel::<Vec<u8>>();
        let (heard, answers) = mpsc::sync_channel(ANSWERS_MAX);
        let start = |error| PipeError::Frame(FrameError::Pipe(error));
        let send = move || {
            while let Ok(bytes) = to_send.recv() {
                // Whoever listens notices that the pipe is closed.
                if input.write_all(&bytes).and_then(|()| input.flush()).is_err() {
                    return;
                }
            }
        };
        let hear = move || {
            loop {
                let answer = receive(&mut output, ANSWER_BYTES_MAX);
                let is_last = answer.is_err();
                if heard.send(answer).is_err() || is_last {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("build-send".to_owned()).spawn(send).map_err(start)?;
        std::thread::Builder::new().name("build-hear".to_owned()).spawn(hear).map_err(start)?;
        let there = There { requests: RefCell::new(Some(requests)), answers };
        match there.next(Duration::from_secs(HELLO_SECONDS))? {
            Answer::Hello { protocol: PROTOCOL, .. } => {}
            Answer::Hello { protocol, version, .. } => {
                return Err(PipeError::Protocol { theirs: protocol, version: shown(&version) });
            }
            _ => return Err(PipeError::Unasked),
        }
        match there.next(wait.saturating_add(Duration::from_secs(SILENCE_SECONDS)))? {
            Answer::Opened => Ok(there),
            _ => Err(PipeError::Unasked),
        }
    }

    /// Asks which of the wanted packages, and of what they need, are lacking there.
    pub fn look(&self, plan: Plan<'_>) -> Result<Seen, PipeError> {
        for package in plan.packages {
            self.ask(&Request::Package(package.derivation.to_json().to_owned()))?;
        }
        self.ask(&Request::Look { wanted: plan.wanted.iter().map(|&place| place as u32).collect() })?;
        let Answer::Seen { missing } = self.next(Duration::from_secs(READING_SECONDS))? else {
            return Err(PipeError::Unasked);
        };
        let missing: BTreeSet<usize> = missing.into_iter().map(|place| place as usize).collect();
        Seen::of(plan, &missing).ok_or(PipeError::Unasked)
    }

    /// Builds what is lacking there, with these sources, which lie there. Returns what became of each, or none that was not
    /// begun, once `stop` is set.
    pub fn realise(
        &self,
        plan: Plan<'_>,
        seen: Seen,
        sources: &BTreeMap<usize, StoreName>,
        told: &dyn Fn(Event<'_>),
        stop: &AtomicBool,
    ) -> Result<Outcome, PipeError> {
        let named = sources.iter().map(|(&place, name)| (place as u32, name.to_string()));
        self.ask(&Request::Build { sources: named.collect() })?;
        let mut building = Building { packages: plan.packages, missing: seen.missing().len(), seen, told };
        let (mut silence, mut stopping) = (Duration::ZERO, None::<Instant>);
        for _ in 0..STEPS_MAX {
            if stop.load(Ordering::Relaxed) && stopping.is_none() {
                // The pipe closes, and so builds there end.
                self.requests.replace(None);
                stopping = Some(Instant::now() + Duration::from_secs(STOPPING_SECONDS));
            }
            let is_late = stopping.is_some_and(|until| Instant::now() >= until);
            match self.answers.recv_timeout(LOOK) {
                _ if is_late => return Ok(building.stopped()),
                Err(RecvTimeoutError::Timeout) => {
                    silence += LOOK;
                    // Reading what was built takes its time, and is told by nobody.
                    let most = if building.missing == 0 { READING_SECONDS } else { SILENCE_SECONDS };
                    if silence > Duration::from_secs(most.max(2 * ALIVE_SECONDS)) {
                        return Err(self.broken(PipeError::Silent(silence)));
                    }
                }
                Err(RecvTimeoutError::Disconnected) | Ok(Err(FrameError::Closed | FrameError::Torn))
                    if stopping.is_some() =>
                {
                    return Ok(building.stopped());
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.broken(FrameError::Closed.into())),
                Ok(Err(error)) => return Err(self.broken(error.into())),
                Ok(Ok(answer)) => {
                    silence = Duration::ZERO;
                    if let Some(trees) = building.hear(answer).map_err(|error| self.broken(error))? {
                        return Ok(Outcome { fates: building.seen.into_fates(), trees });
                    }
                }
            }
        }
        Err(self.broken(PipeError::Unasked))
    }

    fn ask(&self, request: &Request) -> Result<(), PipeError> {
        let bytes = pack(request)?;
        let sent = match &*self.requests.borrow() {
            Some(requests) => requests.send(bytes).is_ok(),
            None => return Err(FrameError::Closed.into()),
        };
        // It may have said why it went away.
        if sent { Ok(()) } else { self.next(LOOK).and(Err(FrameError::Closed.into())) }
    }

    fn next(&self, most: Duration) -> Result<Answer, PipeError> {
        match self.answers.recv_timeout(most) {
            Ok(Ok(Answer::Refused(told))) => Err(self.broken(PipeError::Refused(Box::new(told.cut())))),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.broken(error.into())),
            Err(RecvTimeoutError::Timeout) => Err(self.broken(PipeError::Silent(most))),
            Err(RecvTimeoutError::Disconnected) => Err(self.broken(FrameError::Closed.into())),
        }
    }

    /// Asks nothing more.
    fn broken(&self, error: PipeError) -> PipeError {
        self.requests.replace(None);
        error
    }
}

/// Builds that are under way there.
struct Building<'b> {
    packages: &'b Packages,
    seen: Seen,
    /// Those that have not ended.
    missing: usize,
    told: &'b dyn Fn(Event<'_>),
}

impl Building<'_> {
    /// Takes an answer. Returns the digests with the last one.
    fn hear(&mut self, answer: Answer) -> Result<Option<BTreeMap<usize, Digest>>, PipeError> {
        match answer {
            Answer::Alive => {}
            Answer::Started { place } => (self.told)(Event::Started { place: self.open(place)? }),
            Answer::Says { place, line } => (self.told)(Event::Says { place: self.open(place)?, line: &shown(&line) }),
            Answer::Waits { place, holders } => {
                let holder = |(process, command): (u32, String)| Holder { process, command: shown(&command), since: 0 };
                let holders: Vec<Holder> = holders.into_iter().map(holder).collect();
                (self.told)(Event::Waits { place: self.open(place)?, holders: &holders });
            }
            Answer::Ended { place, fate } => {
                let (place, fate) = (self.open(place)?, self.fate(fate)?);
                (self.told)(Event::Ended { place, fate: &fate });
                self.seen.end(place, fate);
                self.missing -= 1;
            }
            Answer::Failure { place, told } => {
                let mut told = told.cut();
                told.note("this was built on the target, and what is named here is there".to_owned());
                let failed = self.seen.fate_mut(place as usize).ok_or(PipeError::Unasked)?;
                let Fate::Failed { error, .. } = failed else { return Err(PipeError::Unasked) };
                *error = BuildError::Told(Box::new(told));
            }
            Answer::Done { trees } => return self.trees(trees).map(Some),
            Answer::Refused(told) => return Err(PipeError::Refused(Box::new(told.cut()))),
            Answer::Hello { .. } | Answer::Opened | Answer::Seen { .. } => return Err(PipeError::Unasked),
        }
        Ok(None)
    }

    /// Returns a place at which something is to be built and has not ended.
    fn open(&self, place: u32) -> Result<usize, PipeError> {
        let place = place as usize;
        let is_open = self.seen.missing().binary_search(&place).is_ok() && self.seen.fate(place).is_none();
        if is_open { Ok(place) } else { Err(PipeError::Unasked) }
    }

    fn fate(&self, fate: Fated) -> Result<Fate, PipeError> {
        let took = Duration::from_millis;
        Ok(match fate {
            Fated::Cached => Fate::Cached,
            Fated::Built { ms } => Fate::Built { took: took(ms) },
            Fated::Failed { message, is_stop, ms } => {
                Fate::Failed { error: BuildError::Told(Box::new(Told::sentence(&message, is_stop))), took: took(ms) }
            }
            Fated::Blocked { by } if (by as usize) < self.packages.len() => Fate::Blocked { by: by as usize },
            Fated::Blocked { .. } => return Err(PipeError::Unasked),
            Fated::Stopped => Fate::Stopped,
        })
    }

    /// Compares what is said to have been built with what ended so. Nothing may be left.
    fn trees(&self, said: Vec<(u32, String)>) -> Result<BTreeMap<usize, Digest>, PipeError> {
        let digest = |(place, text): (u32, String)| Some((place as usize, Digest::parse(&text)?));
        let trees: Option<BTreeMap<usize, Digest>> = said.into_iter().map(digest).collect();
        let trees = trees.ok_or(PipeError::Unasked)?;
        let built = |place: &usize| matches!(self.seen.fate(*place), Some(Fate::Built { .. }));
        let all: Vec<usize> = self.seen.missing().iter().copied().filter(built).collect();
        let is_all = self.missing == 0 && trees.keys().copied().eq(all);
        if is_all { Ok(trees) } else { Err(PipeError::Unasked) }
    }

    /// Says of all that did not end that they were stopped.
    fn stopped(mut self) -> Outcome {
        for place in self.seen.missing().to_vec() {
            if self.seen.fate(place).is_none() {
                self.seen.end(place, Fate::Stopped);
            }
        }
        Outcome { fates: self.seen.into_fates(), trees: BTreeMap::new() }
    }
}
