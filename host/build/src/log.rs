//! The log of one build: streamed into a file, and its last lines kept for whoever asks why it failed.

use crate::limits::{LOG_HEAD_BYTES_MAX, LOG_LINE_BYTES_MAX, LOG_LINES_SHOWN, LOG_TAIL_BYTES_MAX};
use punix_diag::visible;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// A log that is being written.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    written: u64,
    /// What came after the part that is written at once.
    end: VecDeque<u8>,
    dropped: u64,
    line: Vec<u8>,
    last: VecDeque<String>,
}

impl Log {
    /// Starts a log in place of an older one.
    pub(crate) fn create(path: &Path) -> io::Result<Log> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let file = File::create(path)?;
        let (end, last) = (VecDeque::new(), VecDeque::new());
        Ok(Log { file, written: 0, end, dropped: 0, line: Vec::new(), last })
    }

    /// Adds output of the build. Each full line is handed over as it can be shown.
    pub(crate) fn add(&mut self, bytes: &[u8], told: &mut dyn FnMut(&str)) {
        self.keep(bytes);
        for &byte in bytes {
            match byte {
                // A carriage return is how programs draw over a line.
                b'\n' | b'\r' => self.end_line(told),
                _ if self.line.len() < LOG_LINE_BYTES_MAX => self.line.push(byte),
                _ => {}
            }
        }
    }

    /// Ends the log. Returns its last lines.
    pub(crate) fn finish(mut self) -> Vec<String> {
        self.end_line(&mut |_| {});
        if self.dropped > 0 {
            let _ = writeln!(self.file, "\n[{} bytes are left out here]", self.dropped);
        }
        let (first, second) = self.end.as_slices();
        // A log that cannot be written, because the disk is full, is no reason to fail.
        let _ = self.file.write_all(first).and_then(|()| self.file.write_all(second));
        self.last.into()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = usize::try_from(LOG_HEAD_BYTES_MAX - self.written).unwrap_or(usize::MAX);
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        let _ = self.file.write_all(now);
        self.written += now.len() as u64;
        self.end.extend(later);
        let over = self.end.len().saturating_sub(LOG_TAIL_BYTES_MAX);
        self.end.drain(..over);
        self.dropped += over as u64;
    }

    fn end_line(&mut self, told: &mut dyn FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.line);
        if !line.trim().is_empty() {
            let mut shown = String::new();
            visible(&line.trim_end().replace('\t', "    "), &mut shown);
            told(&shown);
            if self.last.len() == LOG_LINES_SHOWN {
                self.last.pop_front();
            }
            self.last.push_back(shown);
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn lines_are_told_as_they_can_be_shown() {
        let scratch = Scratch::new();
        let path = scratch.join("logs/a.log");
        let mut log = Log::create(&path).unwrap();
        let mut told = Vec::new();
        for part in [&b"one\ntw"[..], b"o\r\n\xffthree\x1b[31m\n\n", b"end"] {
            log.add(part, &mut |line| told.push(line.to_owned()));
        }
        let last = log.finish();
        assert_eq!(told.len(), 3);
        assert_eq!(told[..2], ["one", "two"]);
        assert!(told[2].contains("three") && !told[2].contains('\x1b'), "{:?}", told[2]);
        assert_eq!(last.len(), 4);
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\r\n\xffthree\x1b[31m\n\nend");
    }

    #[test]
    fn of_a_long_log_start_and_end_are_kept() {
        let scratch = Scratch::new();
        let path = scratch.join("a.log");
        let mut log = Log::create(&path).unwrap();
        let block = vec![b'x'; 1 << 20];
        for _ in 0..70 {
            log.add(&block, &mut |_| {});
        }
        log.add(b"\nlast", &mut |_| {});
        assert_eq!(log.finish().last().unwrap(), "last");
        let kept = std::fs::read(&path).unwrap();
        assert!(kept.len() as u64 <= LOG_HEAD_BYTES_MAX + LOG_TAIL_BYTES_MAX as u64 + 100);
        assert!(kept.ends_with(b"xx\nlast"));
    }
}
