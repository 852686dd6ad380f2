//! What the side that asks has of the pipe. The other side may hang, die or lie: every wait has an end, and after the first
//! answer that does not fit nothing more is asked.
//!
//! Reading and writing have a thread each, so that neither a full pipe nor an empty one can hold up whoever asks.

use super::acting::SAID_BYTES_MAX;
use super::ahead::{Ahead, Counting, Listening};
use super::frame::{FrameError, Piece, begin, pieces, send};
use super::message::{Answer, PROTOCOL, Request, Step};
use crate::failure::TargetError;
use crate::generation::RecordIssue;
use crate::limits::{CHILD_END_MS, FILE_BYTES_MAX, HELLO_SECONDS, LAST_WORDS_MS, STEPS_MAX};
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

/// Answers that may lie here unread.
const ANSWERS_MAX: usize = 16;
/// Why the way to a target failed.
#[derive(Debug, thiserror::Error)]
pub enum WayError {
    #[error("`{}` cannot be run: {error}", .program.display())]
    Start { program: PathBuf, error: io::Error },
    #[error("the way to the target failed: {0}")]
    Frame(#[from] FrameError),
    #[error("the other side said nothing for {} seconds", .waited.as_secs())]
    Silent { waited: Duration },
    #[error("the other side speaks protocol {theirs} (it is of version {}), and this one {PROTOCOL}", .version.escape_debug())]
    Protocol { theirs: u32, version: String },
    #[error("the other side answers something else than what it was asked for")]
    Unasked,
    #[error("what the other side sends is no record: {0}")]
    Record(RecordIssue),
}

impl WayError {
    pub(crate) fn help(&self) -> &'static str {
        match self {
            WayError::Start { .. } => "name the program `punix-target` with its path",
            WayError::Frame(FrameError::Alien | FrameError::Head(_) | FrameError::Large)
            | WayError::Protocol { .. }
            | WayError::Unasked
            | WayError::Record(_) => "use a `punix-target` of this version",
            WayError::Frame(FrameError::Closed | FrameError::Torn | FrameError::Pipe(_)) | WayError::Silent { .. } => {
                "run the command again; it recovers first what was interrupted"
            }
        }
    }
}

/// The pipe, and what was asked and not answered yet.
#[derive(Debug)]
pub(super) struct Wire {
    /// Nothing once something did not fit.
    requests: RefCell<Option<Sender<Asked>>>,
    answers: Receiver<Heard>,
    ahead: Listening,
    child: Option<Child>,
    /// How long nothing may be said.
    pub(super) silence: Duration,
}

type Asked = (Request, Vec<Piece>);
/// What was said, and how many bytes it was.
type Heard = (Result<(Answer, Vec<Piece>), FrameError>, u64);

impl Wire {
    pub(super) fn new(
        mut requests_to: impl Write + Send + 'static,
        mut answers_from: impl Read + Send + 'static,
        child: Option<Child>,
    ) -> Wire {
        let (requests, to_send) = mpsc::channel();
        let (heard, answers) = mpsc::sync_channel(ANSWERS_MAX);
        let unsent = heard.clone();
        let ahead = Listening::default();
        let read_ahead = ahead.ahead();
        std::thread::spawn(move || send_all(&mut requests_to, &to_send, &unsent));
        std::thread::spawn(move || hear_all(&mut answers_from, &heard, &read_ahead));
        let silence = Duration::from_secs(HELLO_SECONDS);
        Wire { requests: RefCell::new(Some(requests)), answers, ahead, child, silence }
    }

    /// Waits for what is said next.
    fn next(&self, most: Duration) -> Result<Result<(Answer, Vec<Piece>), FrameError>, RecvTimeoutError> {
        let (said, bytes) = self.answers.recv_timeout(most)?;
        self.ahead.took(bytes);
        Ok(said)
    }

    /// Returns the number of the process at the other end, if it was started here.
    pub(super) fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Asks, and waits for what has neither steps nor contents.
    pub(super) fn ask(&self, request: Request, pieces: Vec<Piece>) -> Result<Answer, TargetError> {
        match self.converse(request, pieces, &mut |_| false)? {
            (answer, pieces) if pieces.is_empty() => Ok(answer),
            _ => Err(self.broken(WayError::Unasked)),
        }
    }

    /// Asks for something to be done.
    pub(super) fn order(&self, request: Request) -> Result<(), TargetError> {
        match self.ask(request, Vec::new())? {
            Answer::Done => Ok(()),
            _ => Err(self.broken(WayError::Unasked)),
        }
    }

    /// Asks, hands over the steps, and returns the answer. A step that is none of this request is `false`.
    pub(super) fn converse(
        &self,
        request: Request,
        pieces: Vec<Piece>,
        step: &mut dyn FnMut(Step) -> bool,
    ) -> Result<(Answer, Vec<Piece>), TargetError> {
        self.post(request, pieces)?;
        self.hear(step)
    }

    /// Asks. What comes back is to be heard in the same order.
    pub(super) fn post(&self, request: Request, pieces: Vec<Piece>) -> Result<(), TargetError> {
        let sent = match &*self.requests.borrow() {
            Some(requests) => requests.send((request, pieces)),
            None => return Err(WayError::Frame(FrameError::Closed).into()),
        };
        match sent {
            Ok(()) => Ok(()),
            Err(_) => Err(self.fault(FrameError::Closed)),
        }
    }

    /// Hands over the steps of what was asked, and returns the answer.
    pub(super) fn hear(&self, step: &mut dyn FnMut(Step) -> bool) -> Result<(Answer, Vec<Piece>), TargetError> {
        for _ in 0..STEPS_MAX {
            match self.next(self.silence) {
                Ok(Ok((Answer::Refused(told), pieces))) if pieces.is_empty() => {
                    return Err(TargetError::Told(Box::new(told)));
                }
                Ok(Ok((Answer::Step(now), pieces))) => {
                    if !pieces.is_empty() || !step(now) {
                        return Err(self.broken(WayError::Unasked));
                    }
                }
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => return Err(self.fault(error)),
                Err(RecvTimeoutError::Timeout) => {
                    let waited = self.silence;
                    return Err(self.broken(WayError::Silent { waited }));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.fault(FrameError::Closed)),
            }
        }
        Err(self.broken(WayError::Unasked))
    }

    /// Asks nothing more. Whoever wrote may have found a closed pipe before whoever reads has heard why: that says more.
    pub(super) fn fault(&self, error: FrameError) -> TargetError {
        self.requests.replace(None);
        if matches!(error, FrameError::Closed) {
            for _ in 0..=ANSWERS_MAX {
                match self.next(Duration::from_millis(LAST_WORDS_MS)) {
                    Ok(Err(FrameError::Closed) | Ok(_)) => {}
                    Ok(Err(reason)) => return self.broken(reason.into()),
                    Err(_) => break,
                }
            }
        }
        self.broken(error.into())
    }

    /// Asks nothing more.
    pub(super) fn broken(&self, error: WayError) -> TargetError {
        self.requests.replace(None);
        error.into()
    }

    pub(super) fn unasked<T>(&self) -> Result<T, TargetError> {
        Err(self.broken(WayError::Unasked))
    }

    pub(super) fn read<T>(&self, read: Result<T, RecordIssue>) -> Result<T, TargetError> {
        read.map_err(|issue| self.broken(WayError::Record(issue)))
    }
}

impl Drop for Wire {
    /// Closes the pipe, gives the other side some time to end, and ends it if it does not.
    fn drop(&mut self) {
        const PAUSE: Duration = Duration::from_millis(2);
        self.requests.replace(None);
        let Some(child) = &mut self.child else { return };
        let deadline = Instant::now() + Duration::from_millis(CHILD_END_MS);
        while let Ok(None) = child.try_wait() {
            if Instant::now() >= deadline {
                let _ = child.kill();
                let _ = child.wait();
                return;
            }
            // What it still says is not heard, and must not hold it up.
            while let Ok((_, bytes)) = self.answers.try_recv() {
                self.ahead.took(bytes);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn send_all(out: &mut dyn Write, requests: &Receiver<Asked>, unsent: &SyncSender<Heard>) {
    while let Ok((request, pieces)) = requests.recv() {
        if let Err(error) = send(out, &request, &pieces) {
            let _ = unsent.try_send((Err(error), 0));
            return;
        }
    }
}

fn hear_all(from: &mut dyn Read, heard: &SyncSender<Heard>, ahead: &Ahead) {
    // What was not asked for yet is not gathered here without end.
    while ahead.wait() {
        let mut from = Counting { from: &mut *from, bytes: 0 };
        let message = hear(&mut from);
        let bytes = from.bytes;
        ahead.add(bytes);
        let is_last = message.is_err();
        if heard.send((message, bytes)).is_err() || is_last {
            return;
        }
    }
}

/// Hears one message. What it brings beside its head is what such an answer can bring.
fn hear(from: &mut dyn Read) -> Result<(Answer, Vec<Piece>), FrameError> {
    let (answer, sizes) = begin::<Answer>(from)?;
    let most = match &answer {
        Answer::Blob { .. } => FILE_BYTES_MAX,
        Answer::Ran(rows) => (rows.len() as u64).saturating_mul(2 * SAID_BYTES_MAX as u64).min(FILE_BYTES_MAX),
        _ => 0,
    };
    let total = sizes.iter().fold(0_u64, |total, (_, size)| total.saturating_add(*size));
    if total > most {
        return Err(FrameError::Large);
    }
    Ok((answer, pieces(from, sizes)?))
}
