//! What is packed in a file, as a stream: one thread decodes, the other one takes what is decoded. A decoder that gives
//! up with a panic has met a damaged file; the thread ends, and the archive is refused.

use super::compression::{begins, decoder, looks_like};
use super::watched::{Watched, go_on};
use super::{Compression, Format, Limits, UnpackError};
use crate::limits::{CHUNKS_AHEAD_MAX, TAR_END_BYTES_MAX, TAR_OVERHEAD_BYTES_MAX, UNPACK_CHUNK_BYTES};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// What is decoded of a file. It ends with an error where more comes than an archive within the limits can have.
pub(super) struct Stream<'a> {
    chunks: Receiver<io::Result<Vec<u8>>>,
    used: SyncSender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
    /// Bytes that may still come.
    left: u64,
    max: u64,
    stop: &'a AtomicBool,
}

/// Decodes a file while `work` takes what comes of it.
pub(super) fn with(
    compression: Compression,
    file: File,
    limits: &Limits,
    stop: &AtomicBool,
    work: impl FnOnce(&mut Stream<'_>) -> Result<(), UnpackError>,
) -> Result<(), UnpackError> {
    go_on(stop)?;
    let mut file = BufReader::with_capacity(UNPACK_CHUNK_BYTES, Watched { file, stop });
    check(compression, file.fill_buf().map_err(UnpackError::decoding)?)?;
    let (sender, chunks) = sync_channel(CHUNKS_AHEAD_MAX);
    let (used, free) = sync_channel(CHUNKS_AHEAD_MAX);
    let overhead = limits.entries.saturating_mul(TAR_OVERHEAD_BYTES_MAX).saturating_add(TAR_END_BYTES_MAX);
    let left = limits.bytes.saturating_add(overhead);
    let mut stream = Stream { chunks, used, current: Vec::new(), at: 0, left, max: limits.bytes, stop };
    thread::scope(|scope| {
        let decode = move || decode(decoder(compression, file), &sender, &free);
        let worker = thread::Builder::new().spawn_scoped(scope, decode).map_err(UnpackError::Read)?;
        let done = work(&mut stream);
        // The worker ends when nobody takes its chunks.
        drop(stream);
        match worker.join() {
            Ok(()) => done,
            Err(_) => Err(UnpackError::damaged("the decoder cannot go on")),
        }
    })
}

/// Looks whether a file begins as it must. A tar archive that is not packed shows that with its first header.
fn check(compression: Compression, start: &[u8]) -> Result<(), UnpackError> {
    if start.is_empty() {
        return Err(UnpackError::Empty);
    }
    match begins(compression, start) {
        true => Ok(()),
        false => Err(UnpackError::Other { wanted: Format::Tar(compression), found: looks_like(start) }),
    }
}

fn decode(mut source: impl Read, chunks: &SyncSender<io::Result<Vec<u8>>>, free: &Receiver<Vec<u8>>) {
    loop {
        let mut chunk = free.try_recv().unwrap_or_default();
        chunk.resize(UNPACK_CHUNK_BYTES, 0);
        let (filled, failed) = fill(&mut source, &mut chunk);
        chunk.truncate(filled);
        let end = filled < UNPACK_CHUNK_BYTES;
        if (filled > 0 && chunks.send(Ok(chunk)).is_err()) || end {
            // Whoever does not wait for more does not want to know of errors either.
            let _ = failed.map(|error| chunks.send(Err(error)));
            return;
        }
    }
}

fn fill(source: &mut impl Read, chunk: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < chunk.len() {
        match source.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

impl Stream<'_> {
    /// Returns what comes next, at least one byte; nothing at the end.
    pub(super) fn peek(&mut self) -> Result<&[u8], UnpackError> {
        if self.at == self.current.len() {
            let used = std::mem::take(&mut self.current);
            let _ = self.used.try_send(used);
            self.at = 0;
            let chunk = self.chunks.recv();
            self.go_on()?;
            if let Ok(chunk) = chunk {
                self.current = chunk.map_err(UnpackError::decoding)?;
                let came = self.current.len() as u64;
                self.left = self.left.checked_sub(came).ok_or(UnpackError::TooLarge { max: self.max })?;
            }
        }
        Ok(&self.current[self.at..])
    }

    /// Returns an error once the work is to be stopped.
    pub(super) fn go_on(&self) -> Result<(), UnpackError> {
        go_on(self.stop)
    }

    /// Takes exactly this many bytes, and hands them on piece by piece.
    pub(super) fn take(
        &mut self,
        mut count: u64,
        mut each: impl FnMut(&[u8]) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        while count > 0 {
            let bytes = self.peek()?;
            if bytes.is_empty() {
                return Err(UnpackError::decoding(ErrorKind::UnexpectedEof.into()));
            }
            let most = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len());
            each(&bytes[..most])?;
            self.at += most;
            count -= most as u64;
        }
        Ok(())
    }

    /// Writes the next bytes.
    pub(super) fn copy(&mut self, count: u64, to: &mut dyn Write) -> Result<(), UnpackError> {
        self.take(count, |bytes| to.write_all(bytes).map_err(UnpackError::Write))
    }

    /// Passes over the next bytes.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), UnpackError> {
        self.take(count, |_| Ok(()))
    }

    /// Fills a block with the next bytes.
    pub(super) fn fill(&mut self, block: &mut [u8]) -> Result<(), UnpackError> {
        let mut filled = 0;
        self.take(block.len() as u64, |bytes| {
            block[filled..filled + bytes.len()].copy_from_slice(bytes);
            filled += bytes.len();
            Ok(())
        })
    }

    /// Passes over all that is left, so that the decoder comes to the checksums at the end.
    pub(super) fn finish(&mut self) -> Result<(), UnpackError> {
        loop {
            match self.peek()?.len() {
                0 => return Ok(()),
                count => self.at += count,
            }
        }
    }
}
