//! The side that asks. The other one may hang, die or lie: every wait has an end, every answer is read into narrow types,
//! and after the first that does not fit nothing more is asked.
//!
//! Reading and writing have a thread each, so that neither a full pipe nor an empty one can hold up whoever asks.

use super::door::{Brought, Door};
use super::frame::{FrameError, Piece, receive, send};
use super::message::{Answer, PROTOCOL, Request, Step, VERSION, Written, WrittenPlan};
use crate::boundary::Boundary;
use crate::commit::{Committed, Progress};
use crate::failure::TargetError;
use crate::generation::{Generation, Mark, RecordIssue};
use crate::ledger::Note;
use crate::limits::{CHILD_END_MS, HELLO_SECONDS, LAST_WORDS_MS, SILENCE_SECONDS, STEPS_MAX};
use crate::plan::{Goal, Payload, Plan};
use crate::push::{PushError, PushStep, Pushing};
use crate::records::Numbered;
use crate::recover::Recovered;
use crate::seen::{Question, Seen};
use crate::verify::{Depth, Finding};
use punix_model::Secret;
use punix_store::limits::RECORD_BYTES_MAX;
use punix_store::{Digest, Store};
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

/// Answers that may lie here unread.
const ANSWERS_MAX: usize = 16;
/// What a program at the other end gets of our environment.
const PASSED_ON: [&str; 1] = ["PUNIX_NO_GUARD"];

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

/// Which target is meant, as the other side finds it.
#[derive(Debug, Clone)]
pub struct Opening<'o> {
    /// The directory that is its `/`, and where below it deployments are.
    pub root: &'o Path,
    pub deployments: &'o Path,
    /// Who asks, for those who wait for him, and how long he waits for others.
    pub command: &'o str,
    pub wait: Duration,
}

/// A target behind a pipe.
#[derive(Debug)]
pub struct Client {
    /// Nothing once something did not fit.
    requests: RefCell<Option<Sender<Asked>>>,
    answers: Receiver<Heard>,
    child: Option<Child>,
    /// How long nothing may be said.
    pub(super) silence: Duration,
}

type Asked = (Request, Vec<Piece>);
type Heard = Result<(Answer, Vec<Piece>), FrameError>;

impl Client {
    /// Starts a program that serves, and opens a target with it.
    pub fn start(program: &Path, opening: &Opening<'_>) -> Result<Client, TargetError> {
        let failed = |error| WayError::Start { program: program.to_owned(), error };
        let kept = PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut child = Command::new(program)
            .arg("serve")
            .env_clear()
            .envs(kept)
            // What interrupts us from the terminal is not meant for it: it carries through what it began.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(WayError::Frame(FrameError::Closed).into());
        };
        Client::new(input, output, Some(child), opening)
    }

    /// Opens a target with whoever is at the other ends of two pipes.
    pub fn over(
        requests: impl Write + Send + 'static,
        answers: impl Read + Send + 'static,
        opening: &Opening<'_>,
    ) -> Result<Client, TargetError> {
        Client::new(requests, answers, None, opening)
    }

    fn new(
        mut requests_to: impl Write + Send + 'static,
        mut answers_from: impl Read + Send + 'static,
        child: Option<Child>,
        opening: &Opening<'_>,
    ) -> Result<Client, TargetError> {
        let (requests, to_send) = mpsc::channel();
        let (heard, answers) = mpsc::sync_channel(ANSWERS_MAX);
        let unsent = heard.clone();
        std::thread::spawn(move || send_all(&mut requests_to, &to_send, &unsent));
        std::thread::spawn(move || hear_all(&mut answers_from, &heard));
        let mut client = Client {
            requests: RefCell::new(Some(requests)),
            answers,
            child,
            silence: Duration::from_secs(HELLO_SECONDS),
        };
        let hello = Request::Hello { protocol: PROTOCOL, version: VERSION.to_owned() };
        match client.ask(hello, Vec::new())? {
            Answer::Hello { protocol: PROTOCOL, .. } => {}
            Answer::Hello { protocol: theirs, version } => {
                return Err(client.broken(WayError::Protocol { theirs, version }));
            }
            _ => return Err(client.broken(WayError::Unasked)),
        }
        client.silence = Duration::from_secs(SILENCE_SECONDS).saturating_add(opening.wait.saturating_mul(2));
        let text = |path: &Path| path.to_str().map(str::to_owned).ok_or_else(not_text);
        client.order(Request::Open {
            root: text(opening.root)?,
            deployments: text(opening.deployments)?,
            command: opening.command.to_owned(),
            wait_seconds: opening.wait.as_secs(),
        })?;
        Ok(client)
    }

    /// Returns the number of the process at the other end, if it was started here.
    pub fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Asks, and waits for what has neither steps nor contents.
    fn ask(&self, request: Request, pieces: Vec<Piece>) -> Result<Answer, TargetError> {
        match self.converse(request, pieces, &mut |_| false)? {
            (answer, pieces) if pieces.is_empty() => Ok(answer),
            _ => Err(self.broken(WayError::Unasked)),
        }
    }

    /// Asks for something to be done.
    fn order(&self, request: Request) -> Result<(), TargetError> {
        match self.ask(request, Vec::new())? {
            Answer::Done => Ok(()),
            _ => Err(self.broken(WayError::Unasked)),
        }
    }

    /// Asks, hands over the steps, and returns the answer. A step that is none of this request is `false`.
    fn converse(
        &self,
        request: Request,
        pieces: Vec<Piece>,
        step: &mut dyn FnMut(Step) -> bool,
    ) -> Result<(Answer, Vec<Piece>), TargetError> {
        let sent = match &*self.requests.borrow() {
            Some(requests) => requests.send((request, pieces)),
            None => return Err(WayError::Frame(FrameError::Closed).into()),
        };
        if sent.is_err() {
            return Err(self.fault(FrameError::Closed));
        }
        for _ in 0..STEPS_MAX {
            match self.answers.recv_timeout(self.silence) {
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
    fn fault(&self, error: FrameError) -> TargetError {
        self.requests.replace(None);
        if matches!(error, FrameError::Closed) {
            for _ in 0..=ANSWERS_MAX {
                match self.answers.recv_timeout(Duration::from_millis(LAST_WORDS_MS)) {
                    Ok(Err(FrameError::Closed) | Ok(_)) => {}
                    Ok(Err(reason)) => return self.broken(reason.into()),
                    Err(_) => break,
                }
            }
        }
        self.broken(error.into())
    }

    /// Asks nothing more.
    fn broken(&self, error: WayError) -> TargetError {
        self.requests.replace(None);
        error.into()
    }

    fn unasked<T>(&self) -> Result<T, TargetError> {
        Err(self.broken(WayError::Unasked))
    }

    fn read<T>(&self, read: Result<T, RecordIssue>) -> Result<T, TargetError> {
        read.map_err(|issue| self.broken(WayError::Record(issue)))
    }
}

impl Drop for Client {
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
            while self.answers.try_recv().is_ok() {}
            std::thread::sleep(PAUSE);
        }
    }
}

fn refuse_large(generation: &Generation) -> Result<(), TargetError> {
    let size = u64::try_from(generation.to_bytes().len()).unwrap_or(u64::MAX);
    match size > RECORD_BYTES_MAX {
        true => Err(TargetError::RecordTooLarge { size, most: RECORD_BYTES_MAX }),
        false => Ok(()),
    }
}

fn not_text() -> TargetError {
    io::Error::new(io::ErrorKind::InvalidInput, "a path that is not UTF-8 cannot be named to another side").into()
}

fn send_all(out: &mut dyn Write, requests: &Receiver<Asked>, unsent: &SyncSender<Heard>) {
    while let Ok((request, pieces)) = requests.recv() {
        if let Err(error) = send(out, &request, &pieces) {
            let _ = unsent.try_send(Err(error));
            return;
        }
    }
}

fn hear_all(from: &mut dyn Read, heard: &SyncSender<Heard>) {
    loop {
        let message = receive(from);
        let is_last = message.is_err();
        if heard.send(message).is_err() || is_last {
            return;
        }
    }
}

impl Door for Client {
    fn share(&self) -> Result<(), TargetError> {
        self.order(Request::Share)
    }

    fn release(&self) -> Result<(), TargetError> {
        self.order(Request::Release)
    }

    fn within(&self, boundary: &Boundary) -> Result<(), TargetError> {
        self.order(Request::Within(boundary.clone()))
    }

    fn look(&self, question: &Question) -> Result<Seen, TargetError> {
        match self.ask(Request::Look(question.clone()), Vec::new())? {
            Answer::Seen(seen) => self.read(seen.read()),
            _ => self.unasked(),
        }
    }

    fn tag(&self, secret: &Secret) -> Result<Mark, TargetError> {
        match self.ask(Request::Tag, vec![Piece::Secret(secret.clone())])? {
            Answer::Mark(Some(mark)) => Ok(mark),
            _ => self.unasked(),
        }
    }

    fn peek(&self, secret: &Secret) -> Result<Option<Mark>, TargetError> {
        match self.ask(Request::Peek, vec![Piece::Secret(secret.clone())])? {
            Answer::Mark(mark) => Ok(mark),
            _ => self.unasked(),
        }
    }

    fn commit(
        &self,
        plan: &Plan,
        payload: Payload,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Committed, TargetError> {
        if let Goal::New(generation) = &plan.goal {
            // It would be no record at the other side.
            refuse_large(generation)?;
        }
        let Payload { blobs, secrets } = payload;
        let request = Request::Commit {
            plan: WrittenPlan::of(plan),
            blobs: blobs.keys().map(|digest| Mark::Sha256(*digest)).collect(),
            secrets: secrets.keys().cloned().collect(),
        };
        let pieces = blobs.into_values().map(Piece::Plain).chain(secrets.into_values().map(Piece::Secret)).collect();
        let mut step = |step| match step {
            Step::Commit(now) => {
                progress(now);
                true
            }
            Step::PushBegin { .. } | Step::PushEntry { .. } | Step::PushBytes { .. } | Step::PushDone { .. } => false,
        };
        match self.converse(request, pieces, &mut step)? {
            (Answer::Committed { stack, from, to, trimmed, kept, unfinished }, pieces) if pieces.is_empty() => {
                let unfinished = unfinished.map(|told| TargetError::Told(Box::new(told)));
                Ok(Committed { stack, from, to, trimmed, kept, unfinished })
            }
            _ => self.unasked(),
        }
    }

    fn recover(&self) -> Result<Recovered, TargetError> {
        match self.ask(Request::Recover, Vec::new())? {
            Answer::Recovered(recovered) => Ok(recovered),
            _ => self.unasked(),
        }
    }

    fn stacks(&self) -> Result<Vec<String>, TargetError> {
        match self.ask(Request::Stacks, Vec::new())? {
            Answer::Stacks(stacks) => Ok(stacks),
            _ => self.unasked(),
        }
    }

    fn records(&self, stack: &str) -> Result<Vec<Numbered>, TargetError> {
        let Answer::Records(records) = self.ask(Request::Records { stack: stack.to_owned() }, Vec::new())? else {
            return self.unasked();
        };
        let mut read = Vec::new();
        for (number, record) in records {
            read.push((
                number,
                match record {
                    Ok(written) => Ok(self.read(written.read())?),
                    Err(why) => Err(RecordIssue::Told { why }),
                },
            ));
        }
        Ok(read)
    }

    fn record(&self, stack: &str, number: u32) -> Result<Generation, TargetError> {
        match self.ask(Request::Record { stack: stack.to_owned(), number }, Vec::new())? {
            Answer::Record(written) => {
                let generation = self.read(written.read())?;
                if (generation.stack.as_str(), generation.number) == (stack, number) {
                    Ok(generation)
                } else {
                    self.unasked()
                }
            }
            _ => self.unasked(),
        }
    }

    fn current(&self, stack: &str) -> Result<Option<u32>, TargetError> {
        match self.ask(Request::Current { stack: stack.to_owned() }, Vec::new())? {
            Answer::Number(number) => Ok(number),
            _ => self.unasked(),
        }
    }

    fn verify(&self, generation: &Generation, depth: Depth) -> Result<Vec<Finding>, TargetError> {
        match self.ask(Request::Verify { generation: Written::of(generation), depth }, Vec::new())? {
            Answer::Findings(findings) => Ok(findings),
            _ => self.unasked(),
        }
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TargetError> {
        let (answer, pieces) = self.converse(Request::Blob(Mark::Sha256(*digest)), Vec::new(), &mut |_| false)?;
        match (answer, <[Piece; 1]>::try_from(pieces)) {
            (Answer::Blob { is_kept: true }, Ok([Piece::Plain(bytes)])) if Digest::of(&bytes) == *digest => {
                Ok(Some(bytes))
            }
            (Answer::Blob { is_kept: false }, Err(pieces)) if pieces.is_empty() => Ok(None),
            _ => self.unasked(),
        }
    }

    fn kept_bytes(&self, stack: &str) -> Result<Vec<Note>, TargetError> {
        match self.ask(Request::KeptBytes { stack: stack.to_owned() }, Vec::new())? {
            Answer::Notes(notes) => Ok(notes),
            _ => self.unasked(),
        }
    }

    fn trim(&self, stack: &str, keep: u32) -> Result<Vec<u32>, TargetError> {
        match self.ask(Request::Trim { stack: stack.to_owned(), keep }, Vec::new())? {
            Answer::Trimmed(numbers) => Ok(numbers),
            _ => self.unasked(),
        }
    }

    fn push(&self, from: &Store, pushing: &Pushing, progress: &mut dyn FnMut(PushStep)) -> Result<Brought, PushError> {
        let names = |names: &std::collections::BTreeSet<_>| names.iter().map(ToString::to_string).collect();
        let request = Request::Push {
            from: from.root().to_str().ok_or_else(not_text)?.to_owned(),
            to: pushing.to.clone(),
            names: names(&pushing.names),
            again: names(&pushing.again),
        };
        let mut step = |step: Step| step.of_push().map(&mut *progress).is_some();
        match self.converse(request, Vec::new(), &mut step)? {
            (Answer::Brought { pushed, cached }, pieces) if pieces.is_empty() => Ok(Brought { pushed, cached }),
            _ => Ok(self.unasked()?),
        }
    }
}
