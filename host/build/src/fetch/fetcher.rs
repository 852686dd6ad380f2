//! Fetching: every url is tried in turn, and those whose failure may pass are tried again, with growing pauses.

use super::cache::{self, Cached, look};
use super::error::{Failed, FetchError};
use super::expected::Expected;
use super::failure::Failure;
use super::network::{Network, Ready};
use super::partial::{self, Partial};
use super::transfer::{Broken, Candidate, Job, attempt};
use super::url::Url;
use super::web;
use crate::limits;
use crate::secret::Secret;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A file that is wanted.
#[derive(Debug)]
pub struct Download {
    /// Where it lies; the first that gives it counts.
    pub urls: Vec<Url>,
    pub expected: Expected,
    /// Sent to the origins of `urls` and to nobody else.
    pub headers: Vec<Header>,
    /// A limit below the usual one.
    pub bytes_max: Option<u64>,
}

/// A header that a source asks to send. Its value is secret.
#[derive(Debug)]
pub struct Header {
    pub name: String,
    pub value: Secret,
}

impl Header {
    /// Makes the header that shows a token.
    pub fn bearer(token: &Secret) -> Header {
        let value = Secret::new(format!("Bearer {}", token.expose()));
        Header { name: "Authorization".to_owned(), value }
    }
}

/// How to fetch.
#[derive(Debug, Default)]
pub struct Options {
    pub network: Network,
    pub limits: Limits,
}

/// How long to wait and how much to take. The usual values are those of [`crate::limits`].
#[derive(Debug, Clone)]
pub struct Limits {
    pub bytes_max: u64,
    /// Time in which no byte comes.
    pub stall: Duration,
    /// Time for one download with all its tries.
    pub total: Duration,
    /// Time before the second round; it doubles from round to round.
    pub retry_pause: Duration,
    /// Rounds after the first one that bring nothing new.
    pub retry_rounds: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes_max: limits::DOWNLOAD_BYTES_MAX,
            stall: Duration::from_millis(limits::STALL_TIMEOUT_MS),
            total: Duration::from_millis(limits::DOWNLOAD_TIMEOUT_MS),
            retry_pause: Duration::from_millis(limits::RETRY_PAUSE_MS),
            retry_rounds: limits::RETRY_ROUNDS_MAX,
        }
    }
}

/// What happens during a fetch.
#[derive(Debug)]
pub enum Event<'a> {
    /// A url is asked.
    Trying { url: &'a Url },
    /// So many bytes are there.
    Progress { done: u64, total: Option<u64> },
    /// A url failed and is asked again after a pause, which begins now.
    Retrying { url: &'a Url, why: String, after: Duration },
    /// The file was in the cache.
    Cached,
}

/// Fetches into one cache.
pub struct Fetcher {
    cache: PathBuf,
    ready: Ready,
    limits: Limits,
}

impl Fetcher {
    /// Makes the cache if need be, and removes from it what was begun long ago and never finished.
    pub fn new(cache: &Path, options: Options) -> Result<Fetcher, FetchError> {
        let made = std::fs::create_dir_all(cache);
        made.map_err(|error| FetchError::Cache { path: cache.to_owned(), error })?;
        partial::sweep(cache);
        let ready = Ready::new(&options.network)?;
        Ok(Fetcher { cache: cache.to_owned(), ready, limits: options.limits })
    }

    /// Returns a file that is what its hash says, at its beginning.
    pub fn fetch(&self, download: &Download, told: &dyn Fn(Event<'_>), stop: &AtomicBool) -> Result<File, FetchError> {
        punix_diag::drill("fetch");
        let candidates = candidates(download)?;
        let Download { expected, .. } = download;
        let bytes_max = download.bytes_max.map_or(self.limits.bytes_max, |max| max.min(self.limits.bytes_max));
        let home = self.cache.join(expected.file_name());
        if let Cached::Sound(file) = look(&home, expected, bytes_max, stop)? {
            told(Event::Cached);
            return Ok(file);
        }
        let now = Instant::now();
        let usual = Duration::from_millis(limits::DOWNLOAD_TIMEOUT_MS);
        let deadline = now.checked_add(self.limits.total).unwrap_or(now + usual);
        let mut partial = Partial::take(&self.cache, expected, deadline, stop)?;
        // Somebody else may have fetched it while this waited.
        match look(&home, expected, bytes_max, stop)? {
            Cached::Sound(file) => {
                partial.restart(expected)?;
                told(Event::Cached);
                return Ok(file);
            }
            Cached::Spoilt => cache::remove(&home)?,
            Cached::Absent => {}
        }
        if partial.length() > bytes_max {
            partial.restart(expected)?;
        }
        if partial.hex() != expected.hex() {
            let (ready, limits, headers) = (&self.ready, &self.limits, &download.headers);
            let job = Job { ready, limits, expected, headers, bytes_max, deadline, told, stop };
            obtain(&job, candidates, &mut partial)?;
        }
        partial.publish(&home)
    }
}

/// Checks all that can be checked before anybody is asked, and lists whom to ask.
fn candidates(download: &Download) -> Result<Vec<Candidate<'_>>, FetchError> {
    for header in &download.headers {
        web::check_header(header)
            .map_err(|reason| FetchError::Header { name: header.name.escape_debug().to_string(), reason })?;
    }
    let mut candidates = Vec::new();
    for listed in &download.urls {
        for (url, reach) in listed.reaches() {
            candidates.push(Candidate { url, reach, trusted: !listed.is_mirror(), version: None });
        }
    }
    match candidates.len() {
        0 => Err(FetchError::NoUrl),
        length if length > limits::URLS_MAX => Err(FetchError::TooManyUrls),
        _ => Ok(candidates),
    }
}

/// A candidate on its way through the rounds.
struct Tried<'a> {
    candidate: Candidate<'a>,
    /// Before this it is not asked again.
    ready: Instant,
    failure: Option<Failure>,
}

/// Tries all urls, round by round, until the partial download is what it must be.
fn obtain(job: &Job<'_>, candidates: Vec<Candidate<'_>>, partial: &mut Partial) -> Result<(), FetchError> {
    let now = Instant::now();
    let each = candidates.into_iter().map(|candidate| Tried { candidate, ready: now, failure: None });
    let mut all: Vec<Tried<'_>> = each.collect();
    let mut round: Vec<usize> = (0..all.len()).collect();
    let (mut idle_rounds, mut reached) = (0, partial.length());
    loop {
        let mut again = Vec::new();
        let pause = job.limits.retry_pause.saturating_mul(1 << idle_rounds.min(16));
        for &number in &round {
            let Tried { candidate, ready, failure } = &mut all[number];
            wait(job, candidate.url, *ready, failure.as_ref())?;
            (job.told)(Event::Trying { url: candidate.url });
            let refused = match attempt(job, candidate, partial) {
                Ok(()) => return Ok(()),
                Err(Broken::Off(error)) => return Err(error),
                Err(Broken::Here(refused)) => refused,
            };
            *ready = Instant::now() + refused.after.map_or(pause, |after| after.max(pause));
            if refused.failure.may_pass() && *ready < job.deadline {
                again.push(number);
            }
            *failure = Some(refused.failure);
        }
        idle_rounds += 1;
        if partial.length() >= reached.saturating_add(limits::PROGRESS_BYTES_MIN) {
            (idle_rounds, reached) = (1, partial.length());
        }
        if again.is_empty() || idle_rounds > job.limits.retry_rounds {
            return Err(gave_up(job, all));
        }
        again.sort_by_key(|&number| all[number].ready);
        round = again;
    }
}

/// Waits until a url may be asked again, and says so.
fn wait(job: &Job<'_>, url: &Url, ready: Instant, failure: Option<&Failure>) -> Result<(), FetchError> {
    let left = || ready.saturating_duration_since(Instant::now());
    if let Some(failure) = failure {
        (job.told)(Event::Retrying { url, why: failure.to_string(), after: left() });
    }
    loop {
        if job.stop.load(Ordering::Relaxed) {
            return Err(FetchError::Stopped);
        }
        if left().is_zero() {
            return Ok(());
        }
        std::thread::sleep(left().min(Duration::from_millis(limits::LOOK_PAUSE_MS)));
    }
}

fn gave_up(job: &Job<'_>, all: Vec<Tried<'_>>) -> FetchError {
    let mut failed = Vec::new();
    let mut wrong = None;
    for tried in all {
        let url = tried.candidate.url.to_string();
        match tried.failure {
            Some(Failure::Hash { found }) if wrong.is_none() => wrong = Some((url, found)),
            Some(failure) => failed.push(Failed { url, failure }),
            None => {}
        }
    }
    match wrong {
        Some((url, found)) => FetchError::Mismatch { url, expected: job.expected.clone(), found, others: failed },
        None => FetchError::Unreachable { failed },
    }
}
