//! The side of a push that sends: asks which entries are lacking there, and sends them in batches, of which the contents are
//! cut into messages of one size, whatever files they are of. It never waits for an answer, as long as not too many are
//! outstanding.

use super::door::Brought;
use super::frame::Piece;
use super::message::{Answer, Request};
use super::packing::Packer;
use super::wire::{WayError, Wire};
use crate::failure::TargetError;
use crate::limits::{CONTENT_BYTES, CONTENTS_UNDER_WAY_MAX};
use crate::push::{Departure, Leaving, Lost, PushError, PushStep, Pushing};
use punix_store::{Store, StoreName};
use std::collections::{BTreeSet, VecDeque};

/// When contents are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// While the pipe is what everybody waits for.
    WhenItPays,
    #[cfg(test)]
    Always,
}

/// Brings entries to the other side of a pipe. No entry goes away here meanwhile: that is the caller's.
pub(super) fn push(
    wire: &Wire,
    from: &Store,
    pushing: &Pushing,
    packing: Packing,
    progress: &mut dyn FnMut(PushStep),
) -> Result<Brought, PushError> {
    let lacking = ask(wire, pushing)?;
    let (missing, all) = (lacking.len(), pushing.names.len());
    let brought = Brought { pushed: missing, cached: all.saturating_sub(missing) };
    if lacking.is_empty() {
        return Ok(brought);
    }
    let mut sending = Sending {
        wire,
        progress,
        packing,
        packer: Packer::new(),
        message: Vec::new(),
        under_way: VecDeque::new(),
        is_awaited: false,
        missing,
        pushed: 0,
    };
    let leaving = Leaving::of(from, &lacking);
    let sent = leaving.and_then(|leaving| sending.all(from, &leaving));
    let ended = match &sent {
        // There is nobody any more who could be told.
        Err(PushError::Lost(_)) => Ok(()),
        Ok(()) | Err(_) => sending.end(),
    };
    sent?;
    ended?;
    Ok(brought)
}

/// Asks which entries are lacking.
fn ask(wire: &Wire, pushing: &Pushing) -> Result<BTreeSet<StoreName>, PushError> {
    let text = |names: &BTreeSet<StoreName>| names.iter().map(ToString::to_string).collect();
    let request = Request::Lack { to: pushing.to.clone(), names: text(&pushing.names), again: text(&pushing.again) };
    let Answer::Lacking(said) = wire.ask(request, Vec::new())? else { return Ok(wire.unasked()?) };
    let lacking: BTreeSet<StoreName> = said.iter().filter_map(|name| StoreName::parse(name).ok()).collect();
    if lacking.len() != said.len() || !lacking.is_subset(&pushing.names) {
        return Ok(wire.unasked()?);
    }
    Ok(lacking)
}

struct Sending<'s> {
    wire: &'s Wire,
    progress: &'s mut dyn FnMut(PushStep),
    packing: Packing,
    packer: Packer,
    /// Contents that are gathered for the next message.
    message: Vec<u8>,
    /// For each message without an answer the entries that are there when it has one.
    under_way: VecDeque<Vec<StoreName>>,
    /// Whether the other side last waited for more.
    is_awaited: bool,
    missing: usize,
    pushed: usize,
}

impl Sending<'_> {
    fn all(&mut self, from: &Store, leaving: &Leaving) -> Result<(), PushError> {
        leaving.begin(self.progress);
        for batch in leaving.batches() {
            self.batch(from, batch).map_err(|refused| self.judged(refused, from, leaving))?;
        }
        while !self.under_way.is_empty() {
            self.hear().map_err(|refused| self.judged(refused, from, leaving))?;
        }
        Ok(())
    }

    fn batch(&mut self, from: &Store, batch: &[Departure]) -> Result<(), PushError> {
        let mut listed = Vec::new();
        for entry in batch {
            listed.push(Piece::Plain(entry.derivation(from)?.to_json().as_bytes().to_vec()));
            listed.push(Piece::Plain(entry.manifest.to_json()));
        }
        let names: Vec<StoreName> = batch.iter().map(|entry| entry.name.clone()).collect();
        let request = Request::Batch { names: names.iter().map(ToString::to_string).collect() };
        let is_empty = batch.iter().all(|entry| entry.manifest.size() == 0);
        self.post(request, listed, if is_empty { names.clone() } else { Vec::new() })?;
        for entry in batch {
            (self.progress)(PushStep::Entry { name: entry.name.clone(), bytes: entry.manifest.size() });
            entry.read(from, &mut |piece| self.gather(piece))?;
        }
        if is_empty { Ok(()) } else { self.send(names) }
    }

    /// Sends what is gathered when there is more than one message.
    fn gather(&mut self, mut piece: &[u8]) -> Result<(), PushError> {
        while !piece.is_empty() {
            if self.message.len() >= CONTENT_BYTES {
                self.send(Vec::new())?;
            }
            let room = CONTENT_BYTES.saturating_sub(self.message.len());
            let (now, rest) = piece.split_at(room.min(piece.len()));
            self.message.reserve_exact(room);
            self.message.extend_from_slice(now);
            piece = rest;
        }
        Ok(())
    }

    /// Sends what is gathered. These entries are there when it has an answer.
    fn send(&mut self, names: Vec<StoreName>) -> Result<(), PushError> {
        let message = std::mem::take(&mut self.message);
        let bytes = message.len() as u64;
        let is_slow = self.is_awaited && self.under_way.len() > CONTENTS_UNDER_WAY_MAX / 2;
        let packs = match self.packing {
            Packing::WhenItPays => is_slow,
            #[cfg(test)]
            Packing::Always => true,
        };
        let (packed, message) = match packs {
            true => self.packer.pack(message).map_or_else(|message| (false, message), |packed| (true, packed)),
            false => (false, message),
        };
        self.post(Request::Content { bytes, packed }, vec![Piece::Plain(message)], names)?;
        (self.progress)(PushStep::Bytes { more: bytes });
        Ok(())
    }

    fn post(&mut self, request: Request, pieces: Vec<Piece>, names: Vec<StoreName>) -> Result<(), PushError> {
        while self.under_way.len() >= CONTENTS_UNDER_WAY_MAX {
            self.hear()?;
        }
        let posted = self.wire.post(request, pieces);
        posted.map_err(|error| self.told(error))?;
        self.under_way.push_back(names);
        Ok(())
    }

    /// Waits for the next answer.
    fn hear(&mut self) -> Result<(), PushError> {
        let heard = self.wire.hear(&mut |_| false);
        let names = self.under_way.pop_front().unwrap_or_default();
        match heard.map_err(|error| self.told(error))? {
            (Answer::Taken { waits }, pieces) if pieces.is_empty() => {
                self.is_awaited = waits;
                self.pushed += names.len();
                names.into_iter().for_each(|name| (self.progress)(PushStep::Done { name }));
                Ok(())
            }
            (Answer::Otherwise { name, number }, pieces) if pieces.is_empty() => match StoreName::parse(&name) {
                Ok(name) => Err(PushError::Content { name, number }),
                Err(_) => Err(self.told(self.wire.broken(WayError::Unasked))),
            },
            _ => Err(self.told(self.wire.broken(WayError::Unasked))),
        }
    }

    /// Ends the push. After an error what is still under way is answered, but nothing is taken any more.
    fn end(&mut self) -> Result<(), PushError> {
        // What could still be read may be the rest of entries that are whole.
        if !self.message.is_empty()
            && let Err(lost @ PushError::Lost(_)) = self.send(Vec::new())
        {
            return Err(lost);
        }
        while !self.under_way.is_empty() {
            if let Err(lost @ PushError::Lost(_)) = self.hear() {
                return Err(lost);
            }
        }
        self.wire.order(Request::EndPush).map_err(|error| self.told(error))
    }

    /// Tells what the other side refused from what became of the way to it.
    fn told(&self, error: TargetError) -> PushError {
        match error {
            TargetError::Way(_) => {
                PushError::Lost(Box::new(Lost { pushed: self.pushed, missing: self.missing, error }))
            }
            error => PushError::Target(error),
        }
    }

    /// Finds out why a content arrived as another: the file here may not be what is listed.
    fn judged(&self, refused: PushError, from: &Store, leaving: &Leaving) -> PushError {
        match refused {
            PushError::Content { name, number } => {
                let judged = leaving.find(&name).and_then(|entry| entry.judge(from, number));
                judged.unwrap_or_else(|| self.told(self.wire.broken(WayError::Unasked)))
            }
            refused => refused,
        }
    }
}

#[cfg(test)]
mod tests;
