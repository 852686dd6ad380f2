//! Fetches for tests: with short pauses, one url or several, and what is told on the way.

use super::Scratch;
use punix_build::fetch::{Download, Event, Expected, Failure, FetchError, Fetcher, Limits, Network, Options, Url};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

static NEVER: AtomicBool = AtomicBool::new(false);

pub(crate) fn limits() -> Limits {
    let second = Duration::from_secs(1);
    Limits { stall: 20 * second, total: 60 * second, retry_pause: second / 100, ..Limits::default() }
}

pub(crate) fn fetcher(scratch: &Scratch) -> Fetcher {
    Fetcher::new(&scratch.join("cache"), Options { limits: limits(), network: Network::default() }).unwrap()
}

pub(crate) fn expected(content: &[u8]) -> Expected {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    Expected::parse("sha256", &hex).unwrap()
}

pub(crate) fn download(urls: &[String], content: &[u8]) -> Download {
    let urls = urls.iter().map(|url| Url::parse(url).unwrap()).collect();
    Download { urls, expected: expected(content), headers: vec![], bytes_max: None }
}

/// Fetches, and returns the content with what was told.
pub(crate) fn fetch(fetcher: &Fetcher, download: &Download) -> (Result<Vec<u8>, FetchError>, Vec<String>) {
    let events = Mutex::new(Vec::new());
    let told = |event: Event<'_>| events.lock().unwrap().push(format!("{event:?}"));
    let result = fetcher.fetch(download, &told, &NEVER).map(read);
    (result, events.into_inner().unwrap())
}

pub(crate) fn read(mut file: File) -> Vec<u8> {
    assert_eq!(file.stream_position().unwrap(), 0);
    let mut content = Vec::new();
    file.read_to_end(&mut content).unwrap();
    content
}

/// Returns why the only url failed.
pub(crate) fn failure(result: Result<Vec<u8>, FetchError>) -> Failure {
    match result.unwrap_err() {
        FetchError::Unreachable { mut failed } if failed.len() == 1 => failed.remove(0).failure,
        other => panic!("{other:?}"),
    }
}
