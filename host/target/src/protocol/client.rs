//! The side that asks: each question of a [`Door`], over the wire.

use super::acting::{self, WrittenConfirm, WrittenRunning};
use super::door::{Brought, Door};
use super::frame::{FrameError, Piece, send};
use super::message::{Answer, PROTOCOL, Request, Step, VERSION, Written, WrittenPlan};
use super::pushing::{self, Packing};
use super::wire::{WayError, Wire};
use crate::audit::{AuditFault, AuditLine};
use crate::boundary::Boundary;
use crate::commit::{Committed, Progress};
use crate::confirm::{Confirm, Pending};
use crate::drill::{ROOM, WORDS};
use crate::failure::TargetError;
use crate::generation::{Generation, Mark, RecordIssue};
use crate::hands::Running;
use crate::layout::Layout;
use crate::ledger::Note;
use crate::limits::SILENCE_SECONDS;
use crate::machine::Machine;
use crate::mend::Mended;
use crate::path::TargetPath;
use crate::plan::{Goal, Payload, Plan};
use crate::probe::{Answered, Asked};
use crate::push::{PushError, PushStep, Pushing};
use crate::records::Numbered;
use crate::recover::Recovered;
use crate::seen::{Question, Seen};
use crate::verify::{Depth, Finding};
use punix_model::{Observation, Secret};
use punix_store::limits::RECORD_BYTES_MAX;
use punix_store::{Asking, Digest, Store};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a program at the other end gets of our environment.
const PASSED_ON: &[&str] =
    if cfg!(debug_assertions) { &["HOME", "PUNIX_NO_GUARD", ROOM, WORDS] } else { &["HOME", "PUNIX_NO_GUARD"] };

/// Which target is meant, as the other side finds it.
#[derive(Debug, Clone)]
pub struct Opening<'o> {
    /// The directory that is its `/`.
    pub root: &'o Path,
    /// Where below it deployments are; by itself, below the home of whoever acts there.
    pub deployments: Option<&'o Path>,
    /// Who asks, for those who wait for him, and how long he waits for others.
    pub command: &'o str,
    pub wait: Duration,
}

/// A target behind a pipe.
#[derive(Debug)]
pub struct Client {
    pub(super) wire: Wire,
    layout: Layout,
    machine: Machine,
    command: String,
    wait: Duration,
}

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

    /// The same with somebody who was sent the greeting already, and nothing else.
    pub fn greeted(
        requests: impl Write + Send + 'static,
        answers: impl Read + Send + 'static,
        opening: &Opening<'_>,
    ) -> Result<Client, TargetError> {
        Client::meet(Wire::new(requests, answers, None), opening)
    }

    fn new(
        requests_to: impl Write + Send + 'static,
        answers_from: impl Read + Send + 'static,
        child: Option<Child>,
        opening: &Opening<'_>,
    ) -> Result<Client, TargetError> {
        let wire = Wire::new(requests_to, answers_from, child);
        for request in greetings(opening)? {
            wire.post(request, Vec::new())?;
        }
        Client::meet(wire, opening)
    }

    /// Hears who is there.
    fn meet(mut wire: Wire, opening: &Opening<'_>) -> Result<Client, TargetError> {
        match wire.hear(&mut |_| false)? {
            (Answer::Hello { protocol: PROTOCOL, .. }, _) => {}
            (Answer::Hello { protocol: theirs, version }, _) => {
                return Err(wire.broken(WayError::Protocol { theirs, version }));
            }
            _ => return Err(wire.broken(WayError::Unasked)),
        }
        let layout = match wire.hear(&mut |_| false)? {
            (Answer::Opened { deployments }, _) => Layout::at(deployments),
            _ => return Err(wire.broken(WayError::Unasked)),
        };
        let machine = match wire.hear(&mut |_| false)? {
            (Answer::Machine(machine), _) => machine,
            _ => return Err(wire.broken(WayError::Unasked)),
        };
        wire.silence = Duration::from_secs(SILENCE_SECONDS).saturating_add(opening.wait.saturating_mul(2));
        Ok(Client { wire, layout, machine, command: opening.command.to_owned(), wait: opening.wait })
    }

    /// Asks about many secrets before anything is heard.
    fn marks(&self, secrets: &[&Secret], request: fn() -> Request) -> Result<Vec<Option<Mark>>, TargetError> {
        for secret in secrets {
            self.wire.post(request(), vec![Piece::Secret((*secret).clone())])?;
        }
        let (mut marks, mut refused) = (Vec::new(), None);
        for _ in secrets {
            match self.wire.hear(&mut |_| false) {
                Ok((Answer::Mark(mark), pieces)) if pieces.is_empty() => marks.push(mark),
                Ok(_) => return self.wire.unasked(),
                // What else was asked is answered too.
                Err(told @ TargetError::Told(_)) => refused = refused.or(Some(told)),
                Err(error) => return Err(error),
            }
        }
        refused.map_or(Ok(marks), Err)
    }

    fn committed(
        &self,
        request: Request,
        pieces: Vec<Piece>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Committed, TargetError> {
        match self.wire.converse(request, pieces, &mut |step| tell(step, progress))? {
            (Answer::Committed { stack, from, to, trimmed, kept, unfinished }, pieces) if pieces.is_empty() => {
                let unfinished = unfinished.map(|told| TargetError::Told(Box::new(told)));
                Ok(Committed { stack, from, to, trimmed, kept, unfinished })
            }
            _ => self.wire.unasked(),
        }
    }

    /// Returns the number of the process at the other end, if it was started here.
    pub fn process(&self) -> Option<u32> {
        self.wire.process()
    }
}

/// A plan as it is sent, with its contents in the order in which they are named.
struct Loaded {
    plan: WrittenPlan,
    blobs: Vec<Mark>,
    secrets: Vec<TargetPath>,
    pieces: Vec<Piece>,
}

fn loaded(plan: &Plan, payload: Payload) -> Result<Loaded, TargetError> {
    if let Goal::New(generation) = &plan.goal {
        // It would be no record at the other side.
        refuse_large(generation)?;
    }
    let Payload { blobs, secrets } = payload;
    Ok(Loaded {
        plan: WrittenPlan::of(plan),
        blobs: blobs.keys().map(|digest| Mark::Sha256(*digest)).collect(),
        secrets: secrets.keys().cloned().collect(),
        pieces: blobs.into_values().map(Piece::Brought).chain(secrets.into_values().map(Piece::Secret)).collect(),
    })
}

/// Hands over how far it is. What is said of something else is `false`.
fn tell(step: Step, progress: &mut dyn FnMut(Progress)) -> bool {
    match step {
        Step::Commit(now) => {
            progress(now);
            true
        }
        Step::Alive => false,
    }
}

/// Returns what is said first to whoever serves, as bytes: they can be sent before it is known that somebody does.
pub fn greeting(opening: &Opening<'_>) -> Result<Vec<u8>, TargetError> {
    let mut bytes = Vec::new();
    for request in greetings(opening)? {
        send(&mut bytes, &request, &[]).map_err(WayError::Frame)?;
    }
    Ok(bytes)
}

/// In one go: who does not speak this protocol does not read on.
fn greetings(opening: &Opening<'_>) -> Result<[Request; 3], TargetError> {
    let text = |path: &Path| path.to_str().map(str::to_owned).ok_or_else(not_text);
    let open = Request::Open {
        root: text(opening.root)?,
        deployments: opening.deployments.map(text).transpose()?,
        command: opening.command.to_owned(),
        wait_seconds: opening.wait.as_secs(),
    };
    Ok([Request::Hello { protocol: PROTOCOL, version: VERSION.to_owned() }, open, Request::Machine])
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

impl Door for Client {
    fn share(&self) -> Result<(), TargetError> {
        self.wire.order(Request::Share)
    }

    fn release(&self) -> Result<(), TargetError> {
        self.wire.order(Request::Release)
    }

    fn within(&self, boundary: &Boundary) -> Result<(), TargetError> {
        self.wire.order(Request::Within(boundary.clone()))
    }

    fn layout(&self) -> Layout {
        self.layout.clone()
    }

    fn look(&self, question: &Question) -> Result<Seen, TargetError> {
        match self.wire.ask(Request::Look(question.clone()), Vec::new())? {
            Answer::Seen(seen) => self.wire.read(seen.read()),
            _ => self.wire.unasked(),
        }
    }

    fn tag(&self, secret: &Secret) -> Result<Mark, TargetError> {
        match self.wire.ask(Request::Tag, vec![Piece::Secret(secret.clone())])? {
            Answer::Mark(Some(mark)) => Ok(mark),
            _ => self.wire.unasked(),
        }
    }

    fn tag_all(&self, secrets: &[&Secret]) -> Result<Vec<Mark>, TargetError> {
        let marks = self.marks(secrets, || Request::Tag)?;
        let marks: Option<Vec<Mark>> = marks.into_iter().collect();
        marks.map_or_else(|| self.wire.unasked(), Ok)
    }

    fn peek_all(&self, secrets: &[&Secret]) -> Result<Vec<Option<Mark>>, TargetError> {
        self.marks(secrets, || Request::Peek)
    }

    fn peek(&self, secret: &Secret) -> Result<Option<Mark>, TargetError> {
        match self.wire.ask(Request::Peek, vec![Piece::Secret(secret.clone())])? {
            Answer::Mark(mark) => Ok(mark),
            _ => self.wire.unasked(),
        }
    }

    fn commit(
        &self,
        plan: &Plan,
        payload: Payload,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Committed, TargetError> {
        let Loaded { plan, blobs, secrets, pieces } = loaded(plan, payload)?;
        self.committed(Request::Commit { plan, blobs, secrets }, pieces, progress)
    }

    fn stage(&self, plan: &Plan, payload: Payload, progress: &mut dyn FnMut(Progress)) -> Result<(), TargetError> {
        let Loaded { plan, blobs, secrets, pieces } = loaded(plan, payload)?;
        match self.wire.converse(Request::Stage { plan, blobs, secrets }, pieces, &mut |step| tell(step, progress))? {
            (Answer::Done, pieces) if pieces.is_empty() => Ok(()),
            _ => self.wire.unasked(),
        }
    }

    fn publish(&self, progress: &mut dyn FnMut(Progress)) -> Result<Committed, TargetError> {
        self.committed(Request::Publish, Vec::new(), progress)
    }

    fn let_go(&self) -> Result<(), TargetError> {
        self.wire.order(Request::LetGo)
    }

    fn recover(&self) -> Result<Recovered, TargetError> {
        match self.wire.ask(Request::Recover, Vec::new())? {
            Answer::Recovered(recovered) => Ok(recovered),
            _ => self.wire.unasked(),
        }
    }

    fn stacks(&self) -> Result<Vec<String>, TargetError> {
        match self.wire.ask(Request::Stacks, Vec::new())? {
            Answer::Stacks(stacks) => Ok(stacks),
            _ => self.wire.unasked(),
        }
    }

    fn records(&self, stack: &str) -> Result<Vec<Numbered>, TargetError> {
        let Answer::Records(records) = self.wire.ask(Request::Records { stack: stack.to_owned() }, Vec::new())? else {
            return self.wire.unasked();
        };
        let mut read = Vec::new();
        for (number, record) in records {
            read.push((
                number,
                match record {
                    Ok(written) => Ok(self.wire.read(written.read())?),
                    Err(why) => Err(RecordIssue::Told { why }),
                },
            ));
        }
        Ok(read)
    }

    fn record(&self, stack: &str, number: u32) -> Result<Generation, TargetError> {
        match self.wire.ask(Request::Record { stack: stack.to_owned(), number }, Vec::new())? {
            Answer::Record(written) => {
                let generation = self.wire.read(written.read())?;
                if (generation.stack.as_str(), generation.number) == (stack, number) {
                    Ok(generation)
                } else {
                    self.wire.unasked()
                }
            }
            _ => self.wire.unasked(),
        }
    }

    fn current(&self, stack: &str) -> Result<Option<u32>, TargetError> {
        match self.wire.ask(Request::Current { stack: stack.to_owned() }, Vec::new())? {
            Answer::Number(number) => Ok(number),
            _ => self.wire.unasked(),
        }
    }

    fn verify(&self, generation: &Generation, depth: Depth) -> Result<Vec<Finding>, TargetError> {
        match self.wire.ask(Request::Verify { generation: Written::of(generation), depth }, Vec::new())? {
            Answer::Findings(findings) => Ok(findings),
            _ => self.wire.unasked(),
        }
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TargetError> {
        let (answer, pieces) = self.wire.converse(Request::Blob(Mark::Sha256(*digest)), Vec::new(), &mut |_| false)?;
        match (answer, <[Piece; 1]>::try_from(pieces)) {
            (Answer::Blob { is_kept: true }, Ok([Piece::Plain(bytes)])) if Digest::of(&bytes) == *digest => {
                Ok(Some(bytes))
            }
            (Answer::Blob { is_kept: false }, Err(pieces)) if pieces.is_empty() => Ok(None),
            _ => self.wire.unasked(),
        }
    }

    fn kept_bytes(&self, stack: &str) -> Result<Vec<Note>, TargetError> {
        match self.wire.ask(Request::KeptBytes { stack: stack.to_owned() }, Vec::new())? {
            Answer::Notes(notes) => Ok(notes),
            _ => self.wire.unasked(),
        }
    }

    fn trim(&self, stack: &str, keep: u32) -> Result<Vec<u32>, TargetError> {
        match self.wire.ask(Request::Trim { stack: stack.to_owned(), keep }, Vec::new())? {
            Answer::Trimmed(numbers) => Ok(numbers),
            _ => self.wire.unasked(),
        }
    }

    fn push(&self, from: &Store, pushing: &Pushing, progress: &mut dyn FnMut(PushStep)) -> Result<Brought, PushError> {
        // Nothing of what is sent goes away here.
        let _here = from.share(Asking { command: &self.command, wait: self.wait, tell: &|_| {} })?;
        pushing::push(&self.wire, from, pushing, Packing::WhenItPays, progress)
    }

    fn machine(&self) -> Result<Machine, TargetError> {
        Ok(self.machine.clone())
    }

    fn probe(&self, asked: &Asked) -> Result<Answered, TargetError> {
        match self.wire.ask(Request::Probe(asked.clone()), Vec::new())? {
            Answer::Answered(answered) => Ok(answered),
            _ => self.wire.unasked(),
        }
    }

    fn run(&self, running: &Running) -> Result<Vec<Observation>, TargetError> {
        // Whoever says for ever that it still works is not believed.
        let deadline = Instant::now() + acting::longest(running) + self.wire.silence;
        let mut step = |step| matches!(step, Step::Alive) && Instant::now() < deadline;
        match self.wire.converse(Request::Run(WrittenRunning::of(running)), Vec::new(), &mut step)? {
            (Answer::Ran(rows), pieces) => acting::read(rows, pieces, running).or_else(|_| self.wire.unasked()),
            _ => self.wire.unasked(),
        }
    }

    fn audit(&self) -> Result<Vec<AuditLine>, TargetError> {
        match self.wire.ask(Request::Audit, Vec::new())? {
            Answer::Audit(lines) => Ok(lines),
            _ => self.wire.unasked(),
        }
    }

    fn verify_audit(&self) -> Result<Vec<AuditFault>, TargetError> {
        match self.wire.ask(Request::VerifyAudit, Vec::new())? {
            Answer::AuditFaults(faults) => Ok(faults),
            _ => self.wire.unasked(),
        }
    }

    fn arm(&self, confirm: &Confirm) -> Result<String, TargetError> {
        match self.wire.ask(Request::Arm(WrittenConfirm::of(confirm)), Vec::new())? {
            Answer::Armed(id) => Ok(id),
            _ => self.wire.unasked(),
        }
    }

    fn rearm(&self, id: &str, seconds: u32) -> Result<(), TargetError> {
        self.wire.order(Request::Rearm { id: id.to_owned(), seconds })
    }

    fn confirm(&self, id: &str) -> Result<(), TargetError> {
        self.wire.order(Request::Confirm { id: id.to_owned() })
    }

    fn armed(&self) -> Result<Vec<Pending>, TargetError> {
        match self.wire.ask(Request::Armed, Vec::new())? {
            Answer::Pending(pending) => Ok(pending),
            _ => self.wire.unasked(),
        }
    }

    fn mend(&self, stack: &str) -> Result<Vec<Mended>, TargetError> {
        match self.wire.ask(Request::Mend { stack: stack.to_owned() }, Vec::new())? {
            Answer::Mended(mended) => Ok(mended),
            _ => self.wire.unasked(),
        }
    }
}
