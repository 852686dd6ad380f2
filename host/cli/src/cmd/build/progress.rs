//! What people see while packages are built: on a terminal a line for each that is being built, redrawn; elsewhere plain
//! lines; with `--events` a JSON object a line on stdout; with `--json` nothing.

use crate::ui::Ui;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use punix_build::{Event, Fate, Seen};
use punix_deploy::Composed;
use punix_store::Store;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const REDRAW: Duration = Duration::from_millis(100);

/// The conversation about one run.
pub(super) struct Progress<'p> {
    ui: &'p Ui,
    composed: &'p Composed,
    store: &'p Store,
    look: Look,
    state: Mutex<State>,
}

enum Look {
    Silent,
    Lines,
    Live(MultiProgress),
    Events,
}

struct State {
    /// The wanted ones that were not told of yet, in the order in which they are, with what is to be said.
    order: Vec<(usize, String)>,
    next: usize,
    told: BTreeMap<usize, Option<String>>,
    bars: HashMap<usize, ProgressBar>,
    started: usize,
    count: usize,
}

impl<'p> Progress<'p> {
    /// Begins the conversation about packages in this order: their places, and what they are called.
    pub(super) fn new(
        ui: &'p Ui,
        composed: &'p Composed,
        order: &[(usize, String)],
        store: &'p Store,
        events: bool,
    ) -> Progress<'p> {
        let look = match (events, ui.json) {
            (true, _) => Look::Events,
            (false, true) => Look::Silent,
            (false, false) if ui.is_watched() => {
                Look::Live(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
            }
            (false, false) => Look::Lines,
        };
        let state = State {
            order: order.to_vec(),
            next: 0,
            told: BTreeMap::new(),
            bars: HashMap::new(),
            started: 0,
            count: order.len(),
        };
        let progress = Progress { ui, composed, store, look, state: Mutex::new(state) };
        if matches!(progress.look, Look::Lines | Look::Live(_)) && !order.is_empty() {
            ui.say(&format!("→ building {} package(s) into {}", order.len(), store.root().display()));
        }
        progress
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn label(&self, place: usize) -> &str {
        &self.composed.packages.get(place).label
    }

    /// Takes note of what is there already.
    pub(super) fn seen(&self, seen: &Seen) {
        let mut state = self.state();
        state.count = seen.missing().len();
        for place in seen.there() {
            match &self.look {
                Look::Silent => {}
                Look::Events => self.write_event(place, word(&Fate::Cached), None),
                Look::Lines | Look::Live(_) => drop(state.told.insert(place, self.is_there(place))),
            }
        }
        self.tell_in_order(&mut state);
    }

    /// Takes note of what happened.
    pub(super) fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { place } => self.started(*place),
            Event::Says { place, line } => self.says(*place, line),
            Event::Waits { place, holders } => self.waits(*place, &super::waiting(holders)),
            Event::Ended { place, fate } => self.ended(*place, fate),
        }
    }

    fn started(&self, place: usize) {
        let mut state = self.state();
        state.started += 1;
        let parts = self.composed.packages.get(place).derivation.parts();
        let title = format!("{}-{}", parts.package.as_str(), parts.version.as_str());
        match &self.look {
            Look::Silent => {}
            Look::Lines => {
                let line = format!("[{}/{}] building {title} ({})", state.started, state.count, self.label(place));
                self.ui.say(&line);
            }
            Look::Live(bars) => {
                let bar = bars.add(ProgressBar::new_spinner().with_style(style()).with_prefix(title));
                bar.enable_steady_tick(REDRAW);
                state.bars.insert(place, bar);
            }
            Look::Events => self.write_event(place, "started", None),
        }
    }

    fn says(&self, place: usize, line: &str) {
        match &self.look {
            Look::Silent | Look::Lines => {}
            Look::Live(_) => {
                if let Some(bar) = self.state().bars.get(&place) {
                    bar.set_message(line.to_owned());
                }
            }
            Look::Events => self.write_event(place, "says", Some(line)),
        }
    }

    fn waits(&self, place: usize, text: &str) {
        match &self.look {
            Look::Silent => {}
            Look::Lines => self.ui.say(&format!("{}: {text}", self.label(place))),
            Look::Live(bars) => {
                let _ = bars.println(format!("{}: {text}", self.label(place)));
            }
            Look::Events => self.write_event(place, "waits", Some(text)),
        }
    }

    fn ended(&self, place: usize, fate: &Fate) {
        let mut state = self.state();
        if let Some(bar) = state.bars.remove(&place) {
            bar.finish_and_clear();
        }
        let line = match fate {
            Fate::Cached | Fate::Built { .. } => self.is_there(place),
            Fate::Failed { error, .. } => {
                self.fail(place, &error.to_string());
                None
            }
            Fate::Blocked { by } => {
                self.fail(place, &format!("not built: it needs `{}`, which failed", self.label(*by)));
                None
            }
            Fate::Stopped => {
                self.fail(place, "not built: the run was stopped");
                None
            }
        };
        match &self.look {
            Look::Silent => {}
            Look::Events => self.write_event(place, word(fate), None),
            Look::Lines | Look::Live(_) => {
                state.told.insert(place, line);
                self.tell_in_order(&mut state);
            }
        }
    }

    fn is_there(&self, place: usize) -> Option<String> {
        let path = self.store.path(self.composed.packages.get(place).name());
        Some(format!("\t{}\n", path.display()))
    }

    fn fail(&self, place: usize, reason: &str) {
        let line = format!("FAIL\t{}\t{reason}", self.label(place));
        match &self.look {
            Look::Silent | Look::Events => {}
            Look::Lines => self.ui.say(&line),
            Look::Live(bars) => {
                let _ = bars.println(line);
            }
        }
    }

    /// Prints what was built, as far as all before it is final: the order is the same in every run.
    fn tell_in_order(&self, state: &mut State) {
        let mut text = String::new();
        while let Some((place, module)) = state.order.get(state.next) {
            let Some(line) = state.told.get(place) else { break };
            if let Some(line) = line {
                text.push_str(&format!("ok\t{module}{line}"));
            }
            state.next += 1;
        }
        if text.is_empty() {
            return;
        }
        let print = || drop(self.ui.print(&text));
        match &self.look {
            Look::Live(bars) => bars.suspend(print),
            Look::Silent | Look::Lines | Look::Events => print(),
        }
    }

    fn write_event(&self, place: usize, what: &str, line: Option<&str>) {
        let package = self.composed.packages.get(place);
        let event = serde_json::json!({
            "event": what,
            "package": package.label,
            "path": self.store.path(package.name()).to_string_lossy(),
            "line": line,
        });
        let _ = self.ui.print(&format!("{event}\n"));
    }

    /// Ends the conversation.
    pub(super) fn finish(&self) {
        if let Look::Live(bars) = &self.look {
            let _ = bars.clear();
        }
    }
}

/// Returns the word that documents use for what became of a package.
pub(super) fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Cached => "cached",
        Fate::Built { .. } => "built",
        Fate::Failed { error, .. } if error.is_stop() => "stopped",
        Fate::Failed { .. } => "failed",
        Fate::Blocked { .. } => "blocked",
        Fate::Stopped => "stopped",
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{spinner} {prefix:.bold} {elapsed} {wide_msg:.dim}");
    style.unwrap_or_else(|_| ProgressStyle::default_spinner())
}
