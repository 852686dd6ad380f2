//! What was done how often, and how it ended.

use std::collections::BTreeMap;
use std::fmt;

/// How one operation ended, each time.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) done: usize,
    /// It said rightly that this cannot be done.
    pub(super) refused: usize,
    pub(super) killed: usize,
    /// A kill left a change half done, for the next command to finish or undo.
    pub(super) halves: usize,
    /// After a kill all is as before.
    pub(super) old: usize,
    /// After a kill all is as if there had been none.
    pub(super) new: usize,
}

/// By operation.
#[derive(Debug, Default)]
pub(super) struct Tallies(BTreeMap<&'static str, Tally>);

impl Tallies {
    pub(super) fn of(&mut self, operation: &'static str) -> &mut Tally {
        self.0.entry(operation).or_default()
    }

    pub(super) fn killed(&self) -> usize {
        self.0.values().map(|tally| tally.killed).sum()
    }
}

impl fmt::Display for Tallies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, cells: [&str; 6]| {
            let [done, refused, killed, halves, old, new] = cells;
            writeln!(out, "{name:14}{done:>8}{refused:>9}{killed:>8}{halves:>8}{old:>7}{new:>7}")
        };
        line("", ["done", "refused", "killed", "halves", "old", "new"])?;
        for (name, Tally { done, refused, killed, halves, old, new }) in &self.0 {
            let cells = [done, refused, killed, halves, old, new].map(|count| count.to_string());
            line(name, cells.each_ref().map(String::as_str))?;
        }
        Ok(())
    }
}
