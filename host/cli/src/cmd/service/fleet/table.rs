//! The table on a terminal: a line for each host that is worked on, with what is done there and for how long, and a last line
//! with how many have ended.

use crate::ui::Watcher;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const REDRAW: Duration = Duration::from_millis(100);
/// Lines of hosts; more would not fit many terminals.
const LINES_MAX: usize = 20;

/// Hosts that are worked on.
pub(super) struct Table {
    bars: MultiProgress,
    total: ProgressBar,
    hosts: HashMap<usize, ProgressBar>,
}

impl Table {
    pub(super) fn new(of: usize) -> Table {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = bars.add(ProgressBar::new(u64::try_from(of).unwrap_or(u64::MAX)));
        total.set_style(style("  {pos}/{len} host(s) {elapsed}"));
        total.enable_steady_tick(REDRAW);
        Table { bars, total, hosts: HashMap::new() }
    }

    /// Adds a host.
    pub(super) fn begin(&mut self, place: usize, name: String) -> Watcher {
        let bar = match self.hosts.len() < LINES_MAX {
            true => self.bars.insert_before(&self.total, ProgressBar::new_spinner()),
            false => ProgressBar::hidden(),
        };
        bar.set_style(style("{spinner} {prefix:.bold} {elapsed} {wide_msg:.dim}"));
        bar.set_prefix(name);
        bar.set_message("reaching");
        bar.enable_steady_tick(REDRAW);
        self.hosts.insert(place, bar.clone());
        Watcher(Arc::new(move |what| bar.set_message(what)))
    }

    /// Takes a host away.
    pub(super) fn end(&mut self, place: usize) {
        if let Some(bar) = self.hosts.remove(&place) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        self.total.inc(1);
    }

    /// Lets somebody write above the table.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.bars.suspend(write);
    }

    pub(super) fn finish(&self) {
        self.total.finish_and_clear();
        let _ = self.bars.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
