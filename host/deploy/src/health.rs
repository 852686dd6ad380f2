//! Whether what was started works: gates that services declare, and a watch that decides from one probe to the next. It
//! only decides; who waits and who probes is not known here.

#[cfg(test)]
mod tests;

use punix_diag::Span;

/// What has to be seen of a service before a deploy counts as done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    pub service: String,
    pub at: Span,
    pub probe: GateProbe,
    pub timing: Timing,
}

/// How a service is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateProbe {
    /// Its units run.
    Unit,
    /// An address on the target answers with a status of 2xx or 3xx.
    Http { host: String, port: u16, path: String },
    /// A command on the target ends well.
    Command(Vec<String>),
}

/// When it is tried, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the start to the first try.
    pub grace: u64,
    /// From one try to the next.
    pub interval: u64,
    /// How long every try has to be good.
    pub stable: u64,
    /// From the start to giving up.
    pub deadline: u64,
}

impl GateProbe {
    /// Returns what it is called in messages.
    pub fn name(&self) -> String {
        match self {
            GateProbe::Unit => "unit".to_owned(),
            GateProbe::Http { host, port, path } => format!("http://{host}:{port}{path}"),
            GateProbe::Command(words) => words.join(" "),
        }
    }
}

/// What is to be done next about a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Try it at this time.
    TryAt(u64),
    Passed,
    /// With what the last try said.
    Failed(String),
}

/// What was seen of one gate so far. Times are milliseconds since the watch began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    timing: Timing,
    good_since: Option<u64>,
    next: Next,
    said: String,
}

impl Watch {
    pub fn new(timing: Timing) -> Watch {
        Watch { timing, good_since: None, next: Next::TryAt(timing.grace), said: "it was never tried".to_owned() }
    }

    pub fn next(&self) -> &Next {
        &self.next
    }

    /// Takes in what a try came to that ended at `now`.
    pub fn hear(&mut self, now: u64, is_good: bool, said: &str) {
        if !matches!(self.next, Next::TryAt(_)) {
            return;
        }
        said.clone_into(&mut self.said);
        self.good_since = match (is_good, self.good_since) {
            (true, since) => Some(since.unwrap_or(now)),
            (false, _) => None,
        };
        let is_stable = self.good_since.is_some_and(|since| now.saturating_sub(since) >= self.timing.stable);
        let then = now.saturating_add(self.timing.interval);
        self.next = match is_stable {
            true => Next::Passed,
            // What has been good until now may still become stable.
            false if now >= self.timing.deadline && self.good_since.is_none() => Next::Failed(self.said.clone()),
            false if now >= self.timing.deadline.saturating_add(self.timing.stable) => {
                Next::Failed("it did not stay good for long enough".to_owned())
            }
            false => Next::TryAt(then),
        };
    }
}
