//! The side that does what is asked, one request after the other, until the pipe closes. It trusts whoever holds the other
//! end with what this process may do, and with nothing else: every request is read into narrow types, and what is none
//! ends the session.

use super::acting;
use super::door::{Door, Inside};
use super::frame::{FrameError, Piece, receive, send};
use super::message::{Answer, PROTOCOL, Request, Step, Told, VERSION, Written, WrittenSeen};
use super::receiving::{self, Wanted};
use crate::failure::TargetError;
use crate::generation::{Mark, RecordIssue};
use crate::guard::Guarding;
use crate::layout::Layout;
use crate::limits::WAIT_SECONDS_MAX;
use crate::machine;
use crate::path::TargetPath;
use crate::plan::Payload;
use crate::target::{Place, Target};
use punix_disk::RealDisk;
use punix_model::Secret;
use punix_store::{Asking, Digest};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Below a home.
const DEPLOYMENTS: &str = ".punix/deployments";
const HOMELESS: &str = "it is not known where generations are recorded: whoever acts there has no home";

/// Does what comes in is asked for, until it closes. What was begun is carried through, even if nobody listens any more.
pub fn serve(input: &mut dyn Read, output: &mut dyn Write) -> Result<(), FrameError> {
    let Some((request, _)) = next(input)? else { return Ok(()) };
    let Request::Hello { protocol, .. } = request else { return Err(FrameError::Alien) };
    send(output, &Answer::Hello { protocol: PROTOCOL, version: VERSION.to_owned() }, &[])?;
    if protocol != PROTOCOL {
        return Ok(());
    }
    let Some((request, _)) = next(input)? else { return Ok(()) };
    let Request::Open { root, deployments, command, wait_seconds } = request else { return Err(FrameError::Alien) };
    let root = PathBuf::from(root);
    let asking =
        Asking { command: &command, wait: Duration::from_secs(wait_seconds.min(WAIT_SECONDS_MAX)), tell: &|_| {} };
    let place = Place { root: root.clone(), asking, guard: Guarding::myself() };
    let Some(deployments) = deployments.map(PathBuf::from).or_else(usual) else {
        return send(output, &refused(TargetError::Disk(io::Error::other(HOMELESS))), &[]);
    };
    let layout = Layout::new(&deployments);
    let layout = layout.map_err(|issue| TargetError::Disk(io::Error::new(ErrorKind::InvalidInput, issue)));
    let disk = match RealDisk::open(&root) {
        Ok(disk) => disk,
        Err(error) => return send(output, &refused(TargetError::Disk(error)), &[]),
    };
    let target = match layout.and_then(|layout| Target::at(&disk, &layout, place)) {
        Ok(target) => target,
        Err(error) => return send(output, &refused(error), &[]),
    };
    send(output, &Answer::Opened { deployments: target.layout().root().clone() }, &[])?;
    let door = Inside::new(target);
    while let Some((request, pieces)) = next(input)? {
        match request {
            // What follows belongs to it.
            Request::Lack { to, names, again } if pieces.is_empty() => {
                receiving::receive(&door, Wanted { to, names, again }, input, output)?;
            }
            request => {
                let (answer, pieces) = answer(&door, request, pieces, output)?;
                send(output, &answer, &pieces)?;
            }
        }
    }
    Ok(())
}

/// Where generations are recorded if nobody says it.
fn usual() -> Option<PathBuf> {
    Some(Path::new(&machine::home()?).join(DEPLOYMENTS))
}

/// Returns the next request, or nothing if the pipe is closed.
fn next(input: &mut dyn Read) -> Result<Option<(Request, Vec<Piece>)>, FrameError> {
    match receive(input) {
        Err(FrameError::Closed) => Ok(None),
        received => received.map(Some),
    }
}

fn refused(error: impl Into<Told>) -> Answer {
    Answer::Refused(error.into())
}

/// Does one request. An error is the end of the session: what came is none.
fn answer(
    door: &Inside<'_>,
    request: Request,
    pieces: Vec<Piece>,
    output: &mut dyn Write,
) -> Result<(Answer, Vec<Piece>), FrameError> {
    // A step that nobody hears does not matter: the answer behind it will not be heard either.
    let mut step = |step: Step| drop(send(output, &Answer::Step(step), &[]));
    let done = match request {
        Request::Hello { .. }
        | Request::Open { .. }
        | Request::Lack { .. }
        | Request::Batch { .. }
        | Request::Content { .. }
        | Request::EndPush => return Err(FrameError::Alien),
        Request::Tag => door.tag(&one_secret(pieces)?).map(|mark| Answer::Mark(Some(mark))),
        Request::Peek => door.peek(&one_secret(pieces)?).map(Answer::Mark),
        Request::Commit { plan, blobs, secrets } => {
            let payload = payload(&blobs, secrets, pieces)?;
            let plan = plan.read().map_err(|_| FrameError::Alien)?;
            door.commit(&plan, payload, &mut |progress| step(Step::Commit(progress))).map(Answer::from)
        }
        Request::Stage { plan, blobs, secrets } => {
            let payload = payload(&blobs, secrets, pieces)?;
            let plan = plan.read().map_err(|_| FrameError::Alien)?;
            door.stage(&plan, payload, &mut |progress| step(Step::Commit(progress))).map(|()| Answer::Done)
        }
        _ if !pieces.is_empty() => return Err(FrameError::Alien),
        Request::Publish => door.publish(&mut |progress| step(Step::Commit(progress))).map(Answer::from),
        Request::LetGo => door.let_go().map(|()| Answer::Done),
        Request::Blob(mark) => {
            let Mark::Sha256(digest) = mark else { return Err(FrameError::Alien) };
            return Ok(match door.blob(&digest) {
                Ok(Some(bytes)) => (Answer::Blob { is_kept: true }, vec![Piece::Plain(bytes)]),
                Ok(None) => (Answer::Blob { is_kept: false }, Vec::new()),
                Err(error) => (refused(error), Vec::new()),
            });
        }
        Request::Run(running) => {
            let seen = door.run_telling(&running.read(), &mut || step(Step::Alive));
            let (rows, pieces) = acting::written(seen);
            return Ok((Answer::Ran(rows), pieces));
        }
        Request::Machine => door.machine().map(Answer::Machine),
        Request::Probe(asked) => door.probe(&asked).map(Answer::Answered),
        Request::Audit => door.audit().map(Answer::Audit),
        Request::Arm(confirm) => door.arm(&confirm.read()).map(Answer::Armed),
        Request::Rearm { id, seconds } => door.rearm(&id, seconds).map(|()| Answer::Done),
        Request::Confirm { id } => door.confirm(&id).map(|()| Answer::Done),
        Request::Mend { stack } => door.mend(&stack).map(Answer::Mended),
        Request::Armed => door.armed().map(Answer::Pending),
        Request::VerifyAudit => door.verify_audit().map(Answer::AuditFaults),
        Request::Share => door.share().map(|()| Answer::Done),
        Request::Release => door.release().map(|()| Answer::Done),
        Request::Within(boundary) => door.within(&boundary).map(|()| Answer::Done),
        Request::Look(question) => door.look(&question).map(|seen| Answer::Seen(Box::new(WrittenSeen::of(seen)))),
        Request::Recover => door.recover().map(Answer::Recovered),
        Request::Stacks => door.stacks().map(Answer::Stacks),
        Request::Records { stack } => door.records(&stack).map(|records| {
            let written =
                |record: Result<_, RecordIssue>| record.as_ref().map(Written::of).map_err(ToString::to_string);
            Answer::Records(records.into_iter().map(|(number, record)| (number, written(record))).collect())
        }),
        Request::Record { stack, number } => {
            door.record(&stack, number).map(|generation| Answer::Record(Written::of(&generation)))
        }
        Request::Current { stack } => door.current(&stack).map(Answer::Number),
        Request::Verify { generation, depth } => match generation.read() {
            Ok(generation) => door.verify(&generation, depth).map(Answer::Findings),
            Err(_) => return Err(FrameError::Alien),
        },
        Request::KeptBytes { stack } => door.kept_bytes(&stack).map(Answer::Notes),
        Request::Trim { stack, keep } => door.trim(&stack, keep).map(Answer::Trimmed),
    };
    Ok((done.unwrap_or_else(refused), Vec::new()))
}

fn one_secret(pieces: Vec<Piece>) -> Result<Secret, FrameError> {
    match <[Piece; 1]>::try_from(pieces) {
        Ok([Piece::Secret(secret)]) => Ok(secret),
        Ok([Piece::Plain(_) | Piece::Brought(_)]) | Err(_) => Err(FrameError::Alien),
    }
}

fn payload(blobs: &[Mark], secrets: Vec<TargetPath>, pieces: Vec<Piece>) -> Result<Payload, FrameError> {
    let mut payload = Payload::default();
    if pieces.len() != blobs.len() + secrets.len() {
        return Err(FrameError::Alien);
    }
    let mut pieces = pieces.into_iter();
    for mark in blobs {
        match (mark, pieces.next()) {
            (Mark::Sha256(digest), Some(Piece::Plain(bytes))) if Digest::of(&bytes) == *digest => {
                payload.blobs.insert(*digest, bytes.into());
            }
            _ => return Err(FrameError::Alien),
        }
    }
    for path in secrets {
        let Some(Piece::Secret(secret)) = pieces.next() else { return Err(FrameError::Alien) };
        payload.secrets.insert(path, secret);
    }
    Ok(payload)
}
