//! The pipe to a program on a target. Our ends are plain files; the other ends are in the hands of `ssh`, so no thread
//! stands between the two and no byte passes through us.

use super::super::child::timespec;
use super::super::complaint::Complaint;
use openssh::{Child, Session};
use punix_model::{Ended, Pipe, PipeEnd};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Our ends: what the program reads, writes and complains about.
pub(super) type Ours = (PipeWriter, PipeReader, PipeReader);

/// Asks for how the program ended.
pub(super) struct Finish {
    until: Instant,
    answer: Sender<Option<i32>>,
}

/// What the program writes. The end looks at it too, but never holds it for longer than a moment.
struct Output(Arc<PipeReader>);

/// What is left of the program. When it goes, `ssh` is told that nobody is interested any more, and tells the other side.
pub(super) struct End {
    output: Weak<PipeReader>,
    complaint: Complaint,
    finish: Option<oneshot::Sender<Finish>>,
    ended: Option<i32>,
}

/// The program, as the thread of the connection sees it.
pub(super) struct Running {
    child: Child<Arc<Session>>,
    finish: oneshot::Receiver<Finish>,
}

/// Makes the ends of a pipe: ours, and those for `ssh`.
pub(super) fn ends() -> io::Result<(Ours, [OwnedFd; 3])> {
    let (their_input, our_input) = io::pipe()?;
    let (our_output, their_output) = io::pipe()?;
    let (our_errors, their_errors) = io::pipe()?;
    Ok(((our_input, our_output, our_errors), [their_input.into(), their_output.into(), their_errors.into()]))
}

impl End {
    /// Returns the pipe to a program that was started.
    pub(super) fn pipe(
        label: String,
        (input, output, errors): Ours,
        finish: oneshot::Sender<Finish>,
    ) -> io::Result<Pipe> {
        let output = Arc::new(output);
        let complaint = Complaint::listen(errors)?;
        let end = End { output: Arc::downgrade(&output), complaint, finish: Some(finish), ended: None };
        Ok(Pipe { label, input: Box::new(input), output: Box::new(Output(output)), end: Box::new(end) })
    }

    /// Waits until all that the program writes is in the pipe, or nobody wants it, at most until then.
    fn wait_for_output(&self, until: Instant) {
        /// For so long it may go unnoticed that the output was let go.
        const MOMENT: Duration = Duration::from_millis(50);
        while let Some(output) = self.output.upgrade() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            // Asks for nothing: that the other end was closed is told always.
            let mut watched = [PollFd::new(&*output, PollFlags::empty())];
            let _ = poll(&mut watched, Some(&timespec(left.min(MOMENT))));
            if watched.iter().any(|watched| watched.revents().intersects(PollFlags::HUP | PollFlags::ERR)) {
                return;
            }
        }
    }
}

impl PipeEnd for End {
    fn finish(&mut self, patience: Duration) -> Ended {
        let until = Instant::now() + patience;
        if let Some(finish) = self.finish.take() {
            // Once its code was read, `ssh` would drop what is still on its way.
            self.wait_for_output(until);
            self.complaint.wait(until);
            /// The code of a program that has ended is there already.
            const AT_HAND: Duration = Duration::from_millis(200);
            let until = until.max(Instant::now() + AT_HAND);
            let (answer, answered) = channel();
            if finish.send(Finish { until, answer }).is_ok() {
                self.ended = answered.recv().unwrap_or(None);
            }
        }
        Ended { code: self.ended, complaint: self.complaint.text() }
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Running {
    pub(super) fn new(child: Child<Arc<Session>>, finish: oneshot::Receiver<Finish>) -> Running {
        Running { child, finish }
    }

    /// Waits until somebody asks how the program ended, and tells. Until then nothing is read from `ssh`, since reading
    /// its code ends everything. When this returns, the program is let go.
    pub(super) async fn wait(self) {
        let Running { child, finish } = self;
        // Dropped without a question: nobody wants to know.
        let Ok(Finish { until, answer }) = finish.await else { return };
        let code = match tokio::time::timeout_at(until.into(), child.wait()).await {
            Ok(Ok(status)) => status.code(),
            // The crate takes this code for an error.
            Ok(Err(openssh::Error::Remote(error))) if error.kind() == io::ErrorKind::NotFound => Some(127),
            Ok(Err(_)) | Err(_) => None,
        };
        let _ = answer.send(code);
    }
}
