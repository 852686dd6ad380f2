//! One try of one url: bytes go into the partial download until its hash is the expected one. Every wait ends by
//! itself, and soon after somebody asks to stop.

use super::cache::read_chunks;
use super::error::FetchError;
use super::expected::Expected;
use super::failure::{self, Failure};
use super::network::{Agents, Ready, open_regular};
use super::partial::Partial;
use super::url::{Reach, Url, UrlError, Web};
use super::web::{Answer, Offer, Refused, Request, Version, ask, basic};
use super::{Event, Header, Limits};
use crate::limits::{FETCH_CHUNK_BYTES, LOOK_PAUSE_MS, PROGRESS_PAUSE_MS};
use crate::secret::Secret;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// What all tries of one download share.
pub(super) struct Job<'a> {
    pub(super) ready: &'a Ready,
    pub(super) limits: &'a Limits,
    pub(super) expected: &'a Expected,
    pub(super) headers: &'a [Header],
    pub(super) bytes_max: u64,
    pub(super) deadline: Instant,
    pub(super) told: &'a dyn Fn(Event<'_>),
    pub(super) stop: &'a AtomicBool,
}

/// One url that is tried, perhaps several times.
pub(super) struct Candidate<'a> {
    pub(super) url: &'a Url,
    pub(super) reach: Reach<'a>,
    /// Whether what is secret may be sent there. A mirror was not named with it in mind.
    pub(super) trusted: bool,
    /// The version of the file that the partial download holds, if it came from here.
    pub(super) version: Option<Version>,
}

/// Why a try did not give the file.
pub(super) enum Broken {
    /// The url is to blame; another one may do.
    Here(Refused),
    /// There is no use in any other try.
    Off(FetchError),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Broken {
        Broken::Here(failure.into())
    }
}

impl From<Refused> for Broken {
    fn from(refused: Refused) -> Broken {
        Broken::Here(refused)
    }
}

impl From<FetchError> for Broken {
    fn from(error: FetchError) -> Broken {
        Broken::Off(error)
    }
}

/// Tries one url. Afterwards the partial download is what it must be, or holds what may be continued.
pub(super) fn attempt(job: &Job<'_>, candidate: &mut Candidate<'_>, partial: &mut Partial) -> Result<(), Broken> {
    // The second time nothing is there to be continued, and the outcome counts.
    loop {
        let resumed = match candidate.reach {
            Reach::File(path) => {
                partial.restart(job.expected)?;
                copy(job, path, partial)?;
                false
            }
            Reach::Web(web) => {
                let resumed = partial.length() > 0;
                let agents = job.ready.agents(job.limits);
                let result = watched(&agents, job.stop, || download(job, &agents, web, candidate, partial));
                if job.stop.load(Ordering::Relaxed) {
                    return Err(FetchError::Stopped.into());
                }
                match result {
                    // What came is the file, however the server ended.
                    Err(Broken::Here(_)) if partial.hex() == job.expected.hex() => return Ok(()),
                    Err(broken) => return Err(clean(broken, job, web)),
                    Ok(began) => began == Began::Middle && resumed,
                }
            }
        };
        let found = partial.hex();
        if found == job.expected.hex() {
            return Ok(());
        }
        // What is there is wrong, whoever gave it.
        partial.restart(job.expected)?;
        candidate.version = None;
        if !resumed {
            return Err(Failure::Hash { found }.into());
        }
    }
}

/// Where the bytes of a try began.
#[derive(PartialEq, Eq)]
enum Began {
    Beginning,
    Middle,
}

fn download(
    job: &Job<'_>,
    agents: &Agents,
    web: &Web,
    candidate: &mut Candidate<'_>,
    partial: &mut Partial,
) -> Result<Began, Broken> {
    let headers = if candidate.trusted { job.headers } else { &[] };
    let version = candidate.version.clone();
    let request = Request { web, headers, have: partial.length(), version: version.as_ref(), deadline: job.deadline };
    let (offer, began) = match ask(job.ready, agents, job.limits, &request)? {
        // The loop around this sees that the hash is wrong, and begins again.
        Answer::NoRest => return Ok(Began::Middle),
        Answer::Rest(offer) => (offer, Began::Middle),
        Answer::Whole(offer) => {
            partial.restart(job.expected)?;
            (offer, Began::Beginning)
        }
    };
    candidate.version = offer.version.clone();
    receive(job, offer, partial)?;
    Ok(began)
}

fn receive(job: &Job<'_>, offer: Offer, partial: &mut Partial) -> Result<(), Broken> {
    let too_large = || Failure::TooLarge { bytes_max: job.bytes_max };
    if offer.total.is_some_and(|total| total > job.bytes_max) {
        return Err(too_large().into());
    }
    let mut body = offer.body.into_reader();
    let mut chunk = vec![0; FETCH_CHUNK_BYTES];
    let mut progress = Progress::new(job, offer.total);
    progress.tell(partial.length());
    loop {
        if job.stop.load(Ordering::Relaxed) {
            return Err(FetchError::Stopped.into());
        }
        if Instant::now() >= job.deadline {
            return Err(Failure::TimedOut { what: "the download" }.into());
        }
        let length = match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(failure::from_http(error.into(), job.limits.stall).into()),
        };
        if partial.length() + length as u64 > job.bytes_max {
            // A server that sends without end would only do so again.
            partial.restart(job.expected)?;
            return Err(too_large().into());
        }
        partial.append(&chunk[..length])?;
        progress.step(partial.length());
    }
    progress.tell(partial.length());
    Ok(())
}

/// Takes a file of this machine. It is copied, so that nobody changes it afterwards.
fn copy(job: &Job<'_>, path: &Path, partial: &mut Partial) -> Result<(), Broken> {
    let mut file = open_regular(path).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => Failure::NotAFile,
        _ => Failure::File(error),
    })?;
    let total = file.metadata().map_err(Failure::File)?.len();
    let too_large = || Failure::TooLarge { bytes_max: job.bytes_max };
    if total > job.bytes_max {
        return Err(too_large().into());
    }
    let mut progress = Progress::new(job, Some(total));
    let mut written = Ok(());
    // It can grow while it is read.
    let mut bounded = Read::by_ref(&mut file).take(job.bytes_max.saturating_add(1));
    let read = read_chunks(&mut bounded, job.stop, |bytes| {
        if written.is_ok() {
            written = partial.append(bytes);
            progress.step(partial.length());
        }
    })?;
    written?;
    read.map_err(Failure::File)?;
    if partial.length() > job.bytes_max {
        partial.restart(job.expected)?;
        return Err(too_large().into());
    }
    progress.tell(partial.length());
    Ok(())
}

/// Reports how far a download is, but not after each chunk.
struct Progress<'a> {
    told: &'a dyn Fn(Event<'_>),
    total: Option<u64>,
    last: Instant,
}

impl<'a> Progress<'a> {
    fn new(job: &Job<'a>, total: Option<u64>) -> Progress<'a> {
        Progress { told: job.told, total, last: Instant::now() }
    }

    fn step(&mut self, done: u64) {
        if self.last.elapsed() >= Duration::from_millis(PROGRESS_PAUSE_MS) {
            self.tell(done);
        }
    }

    fn tell(&mut self, done: u64) {
        self.last = Instant::now();
        (self.told)(Event::Progress { done, total: self.total });
    }
}

/// Does work on the network, and breaks its connections when somebody asks to stop.
fn watched<T>(agents: &Agents, stop: &AtomicBool, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let (done, over) = mpsc::channel::<()>();
        let watch = move || {
            while over.recv_timeout(Duration::from_millis(LOOK_PAUSE_MS)) == Err(RecvTimeoutError::Timeout) {
                if stop.load(Ordering::Relaxed) {
                    agents.shutdown();
                    return;
                }
            }
        };
        // Without a thread the work ends a little later: between two chunks.
        let _ = std::thread::Builder::new().name("fetch-watch".to_owned()).spawn_scoped(scope, watch);
        let result = work();
        drop(done);
        result
    })
}

/// Takes what is secret out of what a server said: it can send back what was sent to it.
fn clean(broken: Broken, job: &Job<'_>, web: &Web) -> Broken {
    let Broken::Here(Refused { failure, after }) = broken else { return broken };
    let hide = |text: String| {
        let values = job.headers.iter().map(|header| &header.value).chain(&web.credentials);
        let text = values.fold(text, |text, secret: &Secret| secret.hide_in(text));
        // A password was sent in another form than it was given.
        web.credentials.as_ref().map(basic).iter().fold(text, |text, secret| secret.hide_in(text))
    };
    let failure = match failure {
        Failure::Connection { reason } => Failure::Connection { reason: hide(reason) },
        Failure::Proxy { reason } => Failure::Proxy { reason: hide(reason) },
        Failure::Certificate { reason } => Failure::Certificate { reason: hide(reason) },
        Failure::Protocol { reason } => Failure::Protocol { reason: hide(reason) },
        Failure::RedirectDown { to } => Failure::RedirectDown { to: hide(to) },
        Failure::RedirectRefused { error: UrlError::Scheme { scheme } } => {
            Failure::RedirectRefused { error: UrlError::Scheme { scheme: hide(scheme) } }
        }
        Failure::RedirectRefused { error: UrlError::Site { site } } => {
            Failure::RedirectRefused { error: UrlError::Site { site: hide(site) } }
        }
        other => other,
    };
    Broken::Here(Refused { failure, after })
}
