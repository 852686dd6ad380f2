//! Whose turn it is, and what is told of whom: a run of a fleet without threads, clocks and hosts. In which order hosts are
//! told never depends on who was faster; who had begun when the run stopped, after a failure, does.

#[cfg(test)]
mod tests;

use super::order::Order;
use std::collections::BTreeSet;

/// How a fleet is worked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How many hosts are worked on at the same time.
    pub jobs: usize,
    /// Nobody begins any more once a host has failed.
    pub fail_fast: bool,
    /// So many hosts go first, and all of them have to be well before others begin.
    pub canary: Option<usize>,
    /// Of a hundred hosts that remain, so many go together; the next ones begin when they are done.
    pub wave: Option<u8>,
    /// Nobody begins any more once more hosts have failed than this.
    pub max_failures: Option<usize>,
}

impl Rules {
    /// Returns rules by which nothing but the number of hosts at a time matters.
    pub fn at_once(jobs: usize) -> Rules {
        Rules { jobs, fail_fast: false, canary: None, wave: None, max_failures: None }
    }

    /// Returns how many failures are too many.
    fn limit(&self) -> Option<usize> {
        if self.fail_fast { Some(0) } else { self.max_failures }
    }
}

/// What became of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Ok,
    Failed,
    /// It takes something from a host that is not well.
    Blocked {
        machine: String,
        artifact: String,
    },
    /// The run had stopped before its turn.
    NotAttempted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Ended { is_ok: bool },
}

/// A run of a fleet. What it asks itself at every step is kept, so that a step costs nothing that grows with the fleet.
#[derive(Debug, Clone)]
pub struct Run {
    order: Order,
    rules: Rules,
    states: Vec<State>,
    /// By host: its position in the order.
    positions: Vec<usize>,
    /// By the position in the order: the wave that a host belongs to.
    waves: Vec<usize>,
    /// By wave: how many of its hosts have not ended, and still can.
    open: Vec<usize>,
    /// The wave that is under way: the first of those that are open.
    wave: usize,
    /// By host: how much of what it waits for is not there yet.
    lacking: Vec<usize>,
    /// By host: who waits for it, once for each thing.
    downstream: Vec<Vec<usize>>,
    /// By host: whether it will never begin, since it waits for one that is not well.
    lost: Vec<bool>,
    /// The positions of hosts that lack nothing and have not begun.
    ready: BTreeSet<usize>,
    running: usize,
    failures: usize,
    /// Whether one of the first hosts has failed.
    canary_failed: bool,
    /// What is told of those at the beginning of the order.
    told: Vec<Status>,
}

impl Run {
    pub fn new(order: &Order, rules: Rules) -> Run {
        let count = order.sequence.len();
        let mut positions = vec![0; count];
        for (position, &host) in order.sequence.iter().enumerate() {
            positions[host] = position;
        }
        let waves = waves(count, &rules);
        let mut open = vec![0; waves.last().map_or(0, |last| last + 1)];
        waves.iter().for_each(|&wave| open[wave] += 1);
        let lacking: Vec<usize> = (0..count).map(|host| order.upstream(host).len()).collect();
        let mut downstream = vec![Vec::new(); count];
        for host in 0..count {
            order.upstream(host).iter().for_each(|upstream| downstream[upstream.host].push(host));
        }
        let ready = (0..count).filter(|&host| lacking[host] == 0).map(|host| positions[host]).collect();
        let mut run = Run {
            order: order.clone(),
            rules: Rules { jobs: rules.jobs.max(1), ..rules },
            states: vec![State::Waiting; count],
            positions,
            waves,
            open,
            wave: 0,
            lacking,
            downstream,
            lost: vec![false; count],
            ready,
            running: 0,
            failures: 0,
            canary_failed: false,
            told: Vec::new(),
        };
        run.advance();
        run
    }

    /// Returns a host that begins now.
    #[allow(clippy::should_implement_trait, reason = "who begins depends on what ends in between")]
    pub fn next(&mut self) -> Option<usize> {
        if self.running >= self.rules.jobs || self.has_stopped() {
            return None;
        }
        let &position = self.ready.first().filter(|position| self.waves[**position] <= self.wave)?;
        self.ready.remove(&position);
        let &host = self.order.sequence.get(position)?;
        self.states[host] = State::Running;
        self.running += 1;
        Some(host)
    }

    /// Takes in what became of a host that had begun.
    pub fn ended(&mut self, host: usize, is_ok: bool) {
        if self.states.get(host) != Some(&State::Running) {
            return;
        }
        self.states[host] = State::Ended { is_ok };
        self.running -= 1;
        self.close(host);
        if is_ok {
            for &waiting in &self.downstream[host] {
                self.lacking[waiting] -= 1;
                if self.lacking[waiting] == 0 {
                    self.ready.insert(self.positions[waiting]);
                }
            }
        } else {
            self.failures += 1;
            self.canary_failed |= self.positions[host] < self.rules.canary.unwrap_or(0);
            self.lose_after(host);
        }
        self.advance();
    }

    /// Gives up whoever waits for a host, and whoever waits for them.
    fn lose_after(&mut self, host: usize) {
        let mut todo = vec![host];
        while let Some(host) = todo.pop() {
            for waiting in std::mem::take(&mut self.downstream[host]) {
                if !std::mem::replace(&mut self.lost[waiting], true) {
                    self.close(waiting);
                    todo.push(waiting);
                }
            }
        }
    }

    /// Takes a host out of its wave: nothing more will come of it.
    fn close(&mut self, host: usize) {
        self.open[self.waves[self.positions[host]]] -= 1;
    }

    /// Goes to the first wave in which something can still come of somebody; behind the last one all is done.
    fn advance(&mut self) {
        while self.open.get(self.wave) == Some(&0) {
            self.wave += 1;
        }
    }

    /// Returns what is known now for good, of hosts in their order, each once.
    pub fn settled(&mut self) -> Vec<(usize, Status)> {
        let first = self.told.len();
        while let Some(&host) = self.order.sequence.get(self.told.len()) {
            let Some(status) = self.status(host) else { break };
            self.told.push(status);
        }
        let hosts = self.order.sequence.iter().skip(first).copied();
        hosts.zip(self.told.iter().skip(first).cloned()).collect()
    }

    /// Tells whether everything is told.
    pub fn is_over(&self) -> bool {
        self.told.len() == self.order.sequence.len()
    }

    /// Returns what is to be told of a host, if that is certain. Everybody before it is told.
    fn status(&self, host: usize) -> Option<Status> {
        match self.states[host] {
            State::Running => None,
            State::Ended { is_ok: true } => Some(Status::Ok),
            State::Ended { is_ok: false } => Some(Status::Failed),
            // Whoever it waits for stands before it, and so is told. A failure blocks, whether or not all stopped.
            State::Waiting => match self.blocked(host) {
                Some(blocked) => Some(blocked),
                // Others that still run change nothing for it any more: it does not begin.
                None => self.has_stopped().then_some(Status::NotAttempted),
            },
        }
    }

    fn blocked(&self, host: usize) -> Option<Status> {
        let is_bad = |upstream: &&super::order::Upstream| {
            let told = self.told.get(self.positions[upstream.host]);
            matches!(told, Some(Status::Failed | Status::Blocked { .. }))
        };
        let upstream = self.order.upstream.get(host)?.iter().find(is_bad)?;
        Some(Status::Blocked { machine: upstream.machine.clone(), artifact: upstream.artifact.clone() })
    }

    /// Tells whether nobody begins any more.
    fn has_stopped(&self) -> bool {
        self.canary_failed || self.rules.limit().is_some_and(|limit| self.failures > limit)
    }
}

/// Returns the wave of each position: the canaries first, then parts of the rest.
fn waves(count: usize, rules: &Rules) -> Vec<usize> {
    let canaries = rules.canary.unwrap_or(0).min(count);
    let rest = count - canaries;
    let size = match rules.wave {
        // One host at least, or nothing would ever begin.
        Some(percent) => (rest * usize::from(percent.min(100))).div_ceil(100).max(1),
        None => rest.max(1),
    };
    let first = usize::from(canaries > 0);
    (0..count).map(|position| if position < canaries { 0 } else { first + (position - canaries) / size }).collect()
}
