//! What is outside while a plugin is tried: what a test put there. Nothing here decides what a plugin may do.

use punix_model::{Ended, Pipe, PipeEnd};
use punix_plugin::outside::{
    Clock, Doing, Here, Patience, ProgramStart, Programs, SecureShell, SecureShellConnection, SecureShellError,
    SecureShellWay, StartError, Variables, Web, WebAnswer, WebError, WebRequest,
};
use punix_plugin::{Method, VariableName};
use std::collections::BTreeMap;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How something outside fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answers in time.
    Timeout,
    /// Nobody takes the connection.
    Refused,
    /// The connection breaks within the answer.
    Truncated,
}

/// Everything outside.
#[derive(Debug, Clone, Default)]
pub struct Fakes {
    pub variables: BTreeMap<String, Vec<u8>>,
    /// Answers by method and address; each is given as often as it is asked for.
    pub answers: BTreeMap<(Method, String), Result<(u16, String), Fault>>,
    /// What every request that nothing else is said of is answered with.
    pub other_answers: Option<Result<(u16, String), Fault>>,
    /// What was asked, in order: the method and the address.
    pub asked: Arc<Mutex<Vec<String>>>,
}

/// The clock of a test: it stands still, but for waiting.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    waited_ns: AtomicU64,
}

/// A program that sends back what it is sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

impl Variables for Fakes {
    fn variable(&self, name: &VariableName) -> Option<Zeroizing<Vec<u8>>> {
        self.variables.get(name.as_str()).map(|value| Zeroizing::new(value.clone()))
    }
}

impl Web for Fakes {
    fn exchange(&self, ask: &WebRequest<'_>) -> Result<WebAnswer, WebError> {
        let url = ask.url.to_string();
        let asked = format!("{} {url}", ask.method.as_str());
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        let (host, port) = (ask.url.host().to_owned(), ask.url.port());
        let found = self.answers.get(&(ask.method, url)).or(self.other_answers.as_ref());
        match found {
            Some(Ok((status, body))) => Ok(WebAnswer {
                status: *status,
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body: Zeroizing::new(body.clone().into_bytes()),
            }),
            Some(Err(Fault::Timeout)) => Err(WebError::Late { host, doing: Doing::Waiting }),
            Some(Err(Fault::Truncated)) => Err(WebError::Closed { host, doing: Doing::Reading }),
            Some(Err(Fault::Refused)) | None => {
                Err(WebError::Connect { host, port, kind: io::ErrorKind::ConnectionRefused })
            }
        }
    }
}

impl Clock for TestClock {
    fn unix_ms(&self) -> u64 {
        // The first second of 2026.
        const START_UNIX_MS: u64 = 1_767_225_600_000;
        START_UNIX_MS + self.monotonic_ns() / 1_000_000
    }

    fn monotonic_ns(&self) -> u64 {
        self.waited_ns.load(Ordering::SeqCst)
    }

    fn sleep(&self, how_long: Duration) {
        let more = u64::try_from(how_long.as_nanos()).unwrap_or(u64::MAX);
        self.waited_ns.fetch_add(more, Ordering::SeqCst);
    }
}

impl Echo {
    /// Makes a pipe to itself.
    pub fn pipe(label: &str) -> io::Result<Pipe> {
        let (ours, theirs) = UnixStream::pair()?;
        let (mut from, mut to) = (theirs.try_clone()?, theirs);
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let end = ours.try_clone()?;
        Ok(Pipe {
            label: label.to_owned(),
            input: Box::new(ours.try_clone()?),
            output: Box::new(ours),
            end: Box::new(EchoEnd(end)),
        })
    }
}

struct EchoEnd(UnixStream);

impl PipeEnd for EchoEnd {
    fn finish(&mut self, _: Duration) -> Ended {
        let _ = self.0.shutdown(Shutdown::Write);
        Ended { code: Some(0), complaint: String::new() }
    }
}

impl Here for Echo {
    fn start(&self) -> io::Result<Pipe> {
        Echo::pipe("the engine of this machine")
    }
}

impl SecureShell for Echo {
    fn connect(
        &self,
        _: &SecureShellWay,
        _: &Patience,
        _: Instant,
    ) -> Result<Box<dyn SecureShellConnection>, SecureShellError> {
        Ok(Box::new(Echo))
    }
}

impl SecureShellConnection for Echo {
    fn start(&mut self, argv: &[String], _: Instant) -> Result<Pipe, SecureShellError> {
        Echo::pipe(&format!("ssh {}", argv.join(" ")))
            .map_err(|error| SecureShellError::Program { program: "ssh".into(), error })
    }
}

impl Programs for Echo {
    fn start(&self, start: &ProgramStart<'_>) -> Result<Pipe, StartError> {
        Echo::pipe(start.program.as_str()).map_err(|error| StartError::Io { program: start.program.clone(), error })
    }
}
