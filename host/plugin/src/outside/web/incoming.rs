//! What comes from a server, before anybody knows what it is: one buffer of a fixed size, overwritten when it goes.

use super::error::{Doing, ProtocolFault, WebError};
use crate::limits::ANSWER_LINE_BYTES_MAX;
use std::io::Read;
use zeroize::Zeroizing;

/// A stream of bytes that can be taken by lines or as they come.
pub(super) struct Incoming<'s> {
    host: &'s str,
    from: &'s mut dyn Read,
    buffer: Zeroizing<Vec<u8>>,
    /// What is there and was not taken yet.
    start: usize,
    end: usize,
}

impl<'s> Incoming<'s> {
    pub(super) fn new(host: &'s str, from: &'s mut dyn Read) -> Incoming<'s> {
        Incoming { host, from, buffer: Zeroizing::new(vec![0; ANSWER_LINE_BYTES_MAX]), start: 0, end: 0 }
    }

    /// Returns whom all this is from.
    pub(super) fn host(&self) -> &'s str {
        self.host
    }

    /// Makes an error of what is wrong with it.
    pub(super) fn wrong(&self, fault: ProtocolFault) -> WebError {
        WebError::Protocol { host: self.host.to_owned(), fault }
    }

    /// Takes a line without its end, out of a budget of bytes.
    pub(super) fn line(&mut self, doing: Doing, budget: &mut usize) -> Result<&[u8], WebError> {
        let mut looked = 0;
        let length = loop {
            let waiting = self.waiting();
            if let Some(at) = waiting.iter().skip(looked).position(|byte| *byte == b'\n') {
                break looked + at;
            }
            looked = waiting.len();
            if looked >= *budget {
                return Err(self.wrong(ProtocolFault::TooMuch));
            }
            if looked == ANSWER_LINE_BYTES_MAX {
                return Err(self.wrong(ProtocolFault::LongLine));
            }
            if !self.receive(doing)? {
                return Err(WebError::Closed { host: self.host.to_owned(), doing });
            }
        };
        *budget = budget.checked_sub(length + 1).ok_or_else(|| self.wrong(ProtocolFault::TooMuch))?;
        let from = self.start;
        self.start += length + 1;
        let line = self.buffer.get(from..from + length).and_then(|line| line.strip_suffix(b"\r"));
        let sound = |line: &&[u8]| line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | 0x80..));
        line.filter(sound).ok_or(WebError::Protocol { host: self.host.to_owned(), fault: ProtocolFault::Line })
    }

    /// Takes at most so many bytes, as soon as there are any; none is the end.
    pub(super) fn take(&mut self, most: usize) -> Result<&[u8], WebError> {
        if self.waiting().is_empty() {
            self.receive(Doing::Reading)?;
        }
        let count = self.waiting().len().min(most);
        let from = self.start;
        self.start += count;
        Ok(self.buffer.get(from..from + count).unwrap_or_default())
    }

    fn waiting(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Waits for more bytes, and returns whether there are any.
    fn receive(&mut self, doing: Doing) -> Result<bool, WebError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = self.from.read(room).map_err(|error| WebError::of(self.host, doing, &error))?;
        self.end += count;
        Ok(count > 0)
    }
}
