//! What a program complains about while it runs: read to its end by a thread of its own, so that the program is never
//! held up, and of it only the last part is kept, so that nobody can fill our memory.

use crate::limits::COMPLAINT_BYTES_MAX;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The end of what is complained about.
pub(super) struct Complaint(Arc<Shared>);

struct Shared {
    kept: Mutex<Kept>,
    over: Condvar,
}

#[derive(Default)]
struct Kept {
    bytes: VecDeque<u8>,
    cut: bool,
    over: bool,
}

impl Complaint {
    /// Begins to listen.
    pub(super) fn listen(mut from: impl Read + Send + 'static) -> io::Result<Complaint> {
        let shared = Arc::new(Shared { kept: Mutex::default(), over: Condvar::new() });
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new().name("complaint".to_owned()).spawn(move || {
            let mut piece = [0; 4 << 10];
            loop {
                match from.read(&mut piece) {
                    Ok(0) => break,
                    Ok(count) => theirs.kept().push(piece.get(..count).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            theirs.kept().over = true;
            theirs.over.notify_all();
        })?;
        Ok(Complaint(shared))
    }

    /// Waits until there is no more to come, at most until then.
    pub(super) fn wait(&self, until: Instant) {
        let mut kept = self.0.kept();
        while !kept.over {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            kept = self.0.over.wait_timeout(kept, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns what there is so far: lines with every other control character written out.
    pub(super) fn text(&self) -> String {
        let kept = self.0.kept();
        let bytes: Vec<u8> = kept.bytes.iter().copied().collect();
        let all = String::from_utf8_lossy(&bytes);
        // Where the beginning is lost, so is the first line.
        let whole = match (kept.cut, all.split_once('\n')) {
            (true, Some((_, rest))) => rest,
            (true, None) | (false, _) => &all,
        };
        let mut text = String::new();
        for (index, line) in whole.trim_end().split('\n').enumerate() {
            text.push_str(if index > 0 { "\n" } else { "" });
            punix_diag::visible(line.trim_end_matches('\r'), &mut text);
        }
        text
    }
}

impl Shared {
    /// Nothing that is done under this lock can fail half way.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let excess = self.bytes.len().saturating_sub(COMPLAINT_BYTES_MAX);
        self.cut |= excess > 0;
        self.bytes.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn heard(from: impl Read + Send + 'static) -> String {
        let complaint = Complaint::listen(from).unwrap();
        complaint.wait(Instant::now() + Duration::from_secs(10));
        complaint.text()
    }

    #[test]
    fn lines_stay_lines_and_other_controls_are_written_out() {
        assert_eq!(heard(&b"one\r\ntwo \x1b[31m\xff\n\n"[..]), "one\ntwo \\u{1b}[31m\u{fffd}");
        assert_eq!(heard(&b""[..]), "");
    }

    #[test]
    fn only_whole_lines_at_the_end_are_kept() {
        let many: String = (0..5_000).map(|number| format!("line {number}\n")).collect();
        let heard = heard(io::Cursor::new(many));
        assert!(heard.len() <= COMPLAINT_BYTES_MAX && heard.len() > COMPLAINT_BYTES_MAX / 2);
        assert!(heard.starts_with("line ") && heard.ends_with("line 4999"), "{heard}");
    }

    #[test]
    fn one_line_without_end_is_bounded_too() {
        let heard = heard(io::repeat(b'x').take(1 << 20));
        assert_eq!(heard.len(), COMPLAINT_BYTES_MAX);
    }

    #[test]
    fn waiting_for_who_never_stops_has_an_end() {
        let (reader, writer) = io::pipe().unwrap();
        let complaint = Complaint::listen(reader).unwrap();
        complaint.wait(Instant::now() + Duration::from_millis(20));
        assert_eq!(complaint.text(), "");
        drop(writer);
    }
}
