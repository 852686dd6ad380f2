//! Handing on what a command prints, up to a bound.

use crate::limits::{PRINTED_BYTES_MAX, PRINTED_CHUNK_BYTES};
use rustix::io::Errno;
use std::io::{self, PipeReader};
use std::os::fd::AsFd;

pub(super) struct Printed<'a> {
    /// Is gone when everybody who could write to it is.
    pub(super) pipe: Option<PipeReader>,
    output: &'a mut dyn FnMut(&[u8]),
    buffer: Vec<u8>,
    left: u64,
}

/// What is known about the output after a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Open,
    /// There is nothing more for now.
    Dry,
    Ended,
    /// It has come to the bound. What comes after is not handed on.
    TooMuch,
}

impl<'a> Printed<'a> {
    /// Takes the end of a pipe from which reading never waits.
    pub(super) fn new(pipe: PipeReader, output: &'a mut dyn FnMut(&[u8])) -> io::Result<Printed<'a>> {
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok(Printed { pipe: Some(pipe), output, buffer: vec![0; PRINTED_CHUNK_BYTES], left: PRINTED_BYTES_MAX })
    }

    /// Reads once.
    pub(super) fn read(&mut self) -> io::Result<Flow> {
        let Some(pipe) = &self.pipe else {
            return Ok(Flow::Ended);
        };
        match rustix::io::read(pipe.as_fd(), &mut self.buffer) {
            Ok(0) => {
                self.pipe = None;
                Ok(Flow::Ended)
            }
            Ok(count) => {
                let kept = usize::try_from(self.left).map_or(count, |left| count.min(left));
                self.left -= kept as u64;
                if kept > 0 {
                    (self.output)(&self.buffer[..kept]);
                }
                Ok(if kept < count { Flow::TooMuch } else { Flow::Open })
            }
            Err(Errno::AGAIN) => Ok(Flow::Dry),
            Err(Errno::INTR) => Ok(Flow::Open),
            Err(error) => Err(error.into()),
        }
    }
}
