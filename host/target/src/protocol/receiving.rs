//! The side of a push to which entries come. It says which it lacks; then batches of them come: what is listed of each, and
//! then the bytes of all their files, one behind the other, in messages of any length. Each message has an answer, so whoever
//! sends knows how far it is, and need not wait for it. The last answer of a batch says that its entries are there.
//!
//! After an error nothing more is taken until the end of the push; what came whole before stays.

use super::door::Inside;
use super::frame::{self, FrameError, PLAIN, Piece, Sizes, begin, send};
use super::message::{Answer, Request, Told};
use super::packing::Unpacker;
use crate::limits::{BATCH_ENTRIES_MAX, CONTENT_BYTES, CONTENT_BYTES_MAX};
use crate::path::TargetPath;
use crate::push::{Arrival, Arriving, PushError, There};
use punix_store::limits::{DERIVATION_BYTES_MAX, MANIFEST_BYTES_MAX};
use punix_store::{Derivation, Manifest, StoreName};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// What is wanted there.
pub(super) struct Wanted {
    pub(super) to: TargetPath,
    pub(super) names: BTreeSet<String>,
    pub(super) again: BTreeSet<String>,
}

/// Says which entries are lacking, and takes those that come. An error is the end of the session.
pub(super) fn receive(
    door: &Inside<'_>,
    wanted: Wanted,
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> Result<(), FrameError> {
    let (names, again) = (store_names(wanted.names)?, store_names(wanted.again)?);
    let opened = door.there(&wanted.to).and_then(|there| {
        let lacking = there.lacking(&names, &again)?;
        Ok((there, lacking))
    });
    let (there, lacking) = match opened {
        Ok(opened) => opened,
        Err(error) => return refuse(error, output),
    };
    let said = Answer::Lacking(lacking.iter().map(ToString::to_string).collect());
    let missing = lacking.len();
    if missing == 0 {
        return match there.end(missing, names.len()) {
            Ok(pushed) => {
                door.hold(pushed);
                send(output, &said, &[])
            }
            Err(error) => refuse(error, output),
        };
    }
    send(output, &said, &[])?;
    let unpacker = Unpacker::new();
    let buffer = vec![0; CONTENT_BYTES];
    let mut receiving = Receiving { there: &there, lacking, again, failed: None, unpacker, buffer };
    receiving.all(input, output)?;
    if receiving.failed.is_some() {
        return send(output, &Answer::Done, &[]);
    }
    match there.end(missing, names.len()) {
        Ok(pushed) => {
            door.hold(pushed);
            send(output, &Answer::Done, &[])
        }
        Err(error) => refuse(error, output),
    }
}

fn refuse(error: PushError, output: &mut dyn Write) -> Result<(), FrameError> {
    send(output, &Answer::Refused(error.into()), &[])
}

pub(super) fn store_names(names: BTreeSet<String>) -> Result<BTreeSet<StoreName>, FrameError> {
    names.iter().map(|name| store_name(name)).collect()
}

fn store_name(name: &str) -> Result<StoreName, FrameError> {
    StoreName::parse(name).map_err(|_| FrameError::Alien)
}

struct Receiving<'r, 't> {
    there: &'r There<'t>,
    /// What did not come yet.
    lacking: BTreeSet<StoreName>,
    again: BTreeSet<StoreName>,
    failed: Option<Told>,
    unpacker: Unpacker,
    buffer: Vec<u8>,
}

/// Why a batch ended.
enum Stop {
    Refused(PushError),
    /// Nothing more can be understood.
    Broken(FrameError),
    /// Whoever sends has no more.
    Ended,
}

impl From<PushError> for Stop {
    fn from(error: PushError) -> Stop {
        Stop::Refused(error)
    }
}

impl From<FrameError> for Stop {
    fn from(error: FrameError) -> Stop {
        Stop::Broken(error)
    }
}

impl Receiving<'_, '_> {
    /// Takes what comes until the end of the push. The answer to that is the caller's.
    fn all(&mut self, input: &mut dyn Read, output: &mut dyn Write) -> Result<(), FrameError> {
        loop {
            let (request, sizes) = begin::<Request>(input)?;
            match (request, &self.failed) {
                (Request::EndPush, _) if sizes.is_empty() => return Ok(()),
                (Request::Batch { .. } | Request::Content { .. }, Some(told)) => {
                    let told = told.clone();
                    let left = sizes.iter().fold(0_u64, |sum, (_, size)| sum.saturating_add(*size));
                    drop_rest(&mut input.take(left))?;
                    send(output, &Answer::Refused(told), &[])?;
                }
                (Request::Batch { names }, None) => match self.batch(names, sizes, input, output) {
                    Ok(waits) => send(output, &Answer::Taken { waits }, &[])?,
                    Err(Stop::Ended) => return Ok(()),
                    Err(Stop::Broken(error)) => return Err(error),
                    Err(Stop::Refused(error)) => self.fail(error, output)?,
                },
                _ => return Err(FrameError::Alien),
            }
        }
    }

    /// Says why nothing more is taken.
    fn fail(&mut self, error: PushError, output: &mut dyn Write) -> Result<(), FrameError> {
        let otherwise = match &error {
            PushError::Content { name, number } => Some((name.to_string(), *number)),
            _ => None,
        };
        let told = Told::from(error);
        self.failed = Some(told.clone());
        let answer = otherwise.map_or(Answer::Refused(told), |(name, number)| Answer::Otherwise { name, number });
        send(output, &answer, &[])
    }

    /// Takes a batch. The answer to its last message is the caller's: then its entries are there.
    fn batch(
        &mut self,
        names: Vec<String>,
        sizes: Sizes,
        input: &mut dyn Read,
        output: &mut dyn Write,
    ) -> Result<bool, Stop> {
        let arrivals = self.arrivals(&names, sizes, input)?;
        let Receiving { there, again, unpacker, buffer, .. } = self;
        let mut waits = false;
        there.receive(arrivals, again, &mut |arriving| {
            while !arriving.is_whole() {
                send(output, &Answer::Taken { waits }, &[])?;
                waits = content(arriving, unpacker, buffer, input)?;
            }
            Ok::<(), Stop>(())
        })?;
        Ok(waits)
    }

    /// Reads what is listed of the entries of a batch. Each must be lacking, and comes once.
    fn arrivals(&mut self, names: &[String], sizes: Sizes, input: &mut dyn Read) -> Result<Vec<Arrival>, FrameError> {
        let is_counted = names.len() <= BATCH_ENTRIES_MAX && sizes.len() == 2 * names.len() && !names.is_empty();
        if !is_counted || sizes.iter().any(|(kind, _)| *kind != PLAIN) {
            return Err(FrameError::Alien);
        }
        let most = [DERIVATION_BYTES_MAX, MANIFEST_BYTES_MAX];
        let total = sizes.iter().map(|(_, size)| *size).fold(0, u64::saturating_add);
        if sizes.iter().zip(most.iter().cycle()).any(|((_, size), most)| size > most) || total > most.iter().sum() {
            return Err(FrameError::Large);
        }
        let pieces = frame::pieces(input, sizes)?;
        let mut arrivals: Vec<Arrival> = Vec::new();
        for (name, listed) in names.iter().zip(pieces.chunks_exact(2)) {
            let name = store_name(name)?;
            let [Piece::Plain(derivation), Piece::Plain(manifest)] = listed else { return Err(FrameError::Alien) };
            let derivation = Derivation::from_json(derivation).map_err(|_| FrameError::Alien)?;
            let manifest = Manifest::from_json(manifest).map_err(|_| FrameError::Alien)?;
            let is_behind = arrivals.last().is_none_or(|last| *last.name() < name);
            if *derivation.name() != name || !is_behind || !self.lacking.remove(&name) {
                return Err(FrameError::Alien);
            }
            arrivals.push(Arrival::new(derivation, manifest));
        }
        Ok(arrivals)
    }
}

/// Takes one message of contents. Returns whether it was waited for longer than it was worked on.
fn content(
    arriving: &mut Arriving<'_>,
    unpacker: &mut Unpacker,
    buffer: &mut [u8],
    input: &mut dyn Read,
) -> Result<bool, Stop> {
    let began = Instant::now();
    let mut input = Waiting { input, waited: Duration::ZERO };
    let (request, sizes) = begin::<Request>(&mut input)?;
    let (bytes, packed) = match request {
        Request::Content { bytes, packed } => (bytes, packed),
        Request::EndPush if sizes.is_empty() => return Err(Stop::Ended),
        _ => return Err(FrameError::Alien.into()),
    };
    let [(PLAIN, size)] = sizes[..] else { return Err(FrameError::Alien.into()) };
    if size > CONTENT_BYTES_MAX || bytes > CONTENT_BYTES_MAX {
        return Err(FrameError::Large.into());
    }
    let mut piece = (&mut input).take(size);
    let poured = match packed {
        true => match unpacker.unpack(&mut piece) {
            Ok(mut unpacked) => pour(&mut unpacked, bytes, buffer, arriving),
            Err(_) => return Err(FrameError::Alien.into()),
        },
        false if size != bytes => return Err(FrameError::Alien.into()),
        false => pour(&mut piece, bytes, buffer, arriving),
    };
    // What follows is the next message, whatever became of this one.
    drop_rest(&mut piece)?;
    poured.map_err(|stop| match stop {
        // What is not whole was cut off, or was never packed by us.
        Stop::Broken(FrameError::Pipe(_)) if packed => FrameError::Alien.into(),
        stop => stop,
    })?;
    Ok(input.waited * 2 > began.elapsed())
}

/// Hands over exactly so many bytes.
fn pour(from: &mut dyn Read, bytes: u64, buffer: &mut [u8], arriving: &mut Arriving<'_>) -> Result<(), Stop> {
    let mut left = bytes;
    loop {
        let count = match from.read(buffer) {
            Ok(0) if left == 0 => return Ok(()),
            Ok(0) => return Err(FrameError::Torn.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(FrameError::Pipe(error).into()),
        };
        left = left.checked_sub(count as u64).ok_or(FrameError::Alien)?;
        let now = buffer.get(..count).unwrap_or_default();
        // A message never belongs to two batches.
        if !arriving.take(now)?.is_empty() {
            return Err(FrameError::Alien.into());
        }
    }
}

/// Reads what is left of a message.
fn drop_rest(rest: &mut io::Take<impl Read>) -> Result<(), FrameError> {
    io::copy(rest, &mut io::sink()).map_err(FrameError::Pipe)?;
    if rest.limit() > 0 { Err(FrameError::Torn) } else { Ok(()) }
}

/// A pipe that tells how long it was waited for.
struct Waiting<'i> {
    input: &'i mut dyn Read,
    waited: Duration,
}

impl Read for Waiting<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let began = Instant::now();
        let read = self.input.read(bytes);
        self.waited += began.elapsed();
        read
    }
}
