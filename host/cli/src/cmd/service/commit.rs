//! Carrying out what was decided: packages are brought to the target, files are published, the pointer is moved. What is
//! said on the way is said here; nothing is decided any more.

use super::{Stopped, words};
use crate::exit::Exit;
use crate::ui::Ui;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use punix_diag::{Diagnostic, SourceMap};
use punix_store::{Store, StoreName};
use punix_target::{
    Boundary, Brought, Committed, Door, Payload, Plan, Progress, PushError, PushStep, Pushing, TargetPath,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Where what happens is told.
#[derive(Clone, Copy)]
pub(super) struct Teller<'t> {
    pub(super) ui: &'t Ui,
    /// Whether it is told as JSON, one object a line.
    pub(super) events: bool,
}

impl Teller<'_> {
    /// Tells an event, if anybody wants events.
    pub(super) fn event(&self, event: &Value) {
        if self.events {
            let _ = self.ui.print(&format!("{event}\n"));
        }
    }

    /// Tells the result: as a text, or as the one document.
    pub(super) fn result(&self, text: &str, document: &Value, exit: Exit) -> Exit {
        punix_diag::drill("report");
        match (self.events, self.ui.json) {
            (true, _) => self.ui.result(&format!("{document}\n"), exit),
            (false, true) => self.ui.result(&format!("{document:#}\n"), exit),
            (false, false) => self.ui.result(text, exit),
        }
    }

    /// Tells a part of the result, where the rest of it will not come.
    pub(super) fn say_done(&self, text: &str) {
        if !self.events && !self.ui.json {
            let _ = self.ui.result(text, Exit::Done);
        }
    }

    /// Tells the result, and the error behind it, if something was done and something else was not.
    pub(super) fn end(&self, text: &str, document: &Value, error: Option<&str>) -> Exit {
        self.end_as(Exit::Failed, text, document, error)
    }

    /// The same, where the error has an exit code of its own.
    pub(super) fn end_as(&self, failed: Exit, text: &str, document: &Value, error: Option<&str>) -> Exit {
        let exit = if error.is_some() { failed } else { Exit::Done };
        let exit = self.result(text, document, exit);
        if let (Some(error), false) = (error, self.ui.json) {
            self.ui.say(&format!("error: {error}"));
        }
        exit
    }

    /// Tells warnings. Documents have them too.
    pub(super) fn warn(&self, warnings: &[Diagnostic], sources: &SourceMap) {
        if !self.ui.json {
            self.ui.show(warnings, 0, sources);
        }
    }
}

/// Sees to it that packages are on a target: `paths` are all that are needed. None of them is
/// collected until the door is released: by then a record names them.
pub(super) fn push(
    teller: Teller<'_>,
    door: &dyn Door,
    store: &Store,
    paths: &[String],
    again: &BTreeSet<String>,
) -> Result<Brought, Stopped> {
    let names = |paths: &mut dyn Iterator<Item = &String>| -> BTreeSet<StoreName> {
        paths.filter_map(|path| StoreName::parse(path.rsplit_once('/')?.1).ok()).collect()
    };
    let root = store.root().to_string_lossy().into_owned();
    let to = TargetPath::parse(&root).map_err(|issue| {
        Stopped::usage(format!("`{}` is no place for a store on a target: {issue}", words::seen(&root)), "name another")
    })?;
    let pushing = Pushing { to, names: names(&mut paths.iter()), again: names(&mut again.iter()) };
    teller.ui.doing("pushing");
    let progress = Pushes::new(teller);
    let brought = door.push(store, &pushing, &mut |step| progress.step(&step));
    progress.end();
    brought.map_err(unpushed)
}

/// Says why packages could not be brought. Nothing was changed but the store, and what is there is whole.
fn unpushed(error: PushError) -> Stopped {
    match error.is_the_worlds() {
        true => Stopped::World(vec![error.into()]),
        false => Stopped::By(vec![error.into()]),
    }
}

/// Waits until what is staged may go live, or says why it may not.
pub(super) type Consent<'c> = &'c dyn Fn() -> Result<(), Stopped>;

/// Carries out a plan within a boundary, and says what somebody has to know of it.
pub(super) fn commit(
    teller: Teller<'_>,
    door: &dyn Door,
    boundary: &Boundary,
    plan: &Plan,
    payload: Payload,
) -> Result<Committed, Stopped> {
    commit_with(teller, door, boundary, plan, payload, None)
}

/// The same, where others have a say: once all is ready their consent is waited for, and without it nothing is live.
pub(super) fn commit_with(
    teller: Teller<'_>,
    door: &dyn Door,
    boundary: &Boundary,
    plan: &Plan,
    payload: Payload,
    consent: Option<Consent<'_>>,
) -> Result<Committed, Stopped> {
    teller.ui.doing("staging");
    let mut tell = |progress: Progress| match progress {
        Progress::Staging { done, of } => {
            teller.event(&json!({ "event": "staging", "done": done, "of": of }));
        }
        Progress::Published => {
            teller.ui.doing("going live");
            teller.event(&json!({ "event": "published" }));
        }
        Progress::Live => teller.event(&json!({ "event": "live" })),
    };
    door.within(boundary)?;
    let committed = match consent {
        None => door.commit(plan, payload, &mut tell)?,
        Some(consent) => {
            door.stage(plan, payload, &mut tell)?;
            if let Err(stopped) = consent() {
                door.let_go()?;
                return Err(stopped);
            }
            door.publish(&mut tell)?
        }
    };
    if let (Some(error), false) = (&committed.unfinished, teller.ui.json) {
        let warning = format!("it is live, but what is no longer needed could not be cleared away: {error}");
        teller.warn(
            &[Diagnostic::warning(warning).help("the next command for this target does it")],
            &SourceMap::default(),
        );
    }
    Ok(committed)
}

/// How far packages have come: a bar on a terminal, events where they are wanted.
struct Pushes<'p> {
    teller: Teller<'p>,
    bar: Option<ProgressBar>,
}

impl<'p> Pushes<'p> {
    fn new(teller: Teller<'p>) -> Pushes<'p> {
        let draws = !teller.events && teller.ui.is_watched();
        let bar = || {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} pushing {bytes}/{total_bytes} {wide_msg:.dim}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        };
        Pushes { teller, bar: draws.then(bar) }
    }

    fn step(&self, step: &PushStep) {
        match step {
            PushStep::Begin { entries, bytes } => {
                self.teller.event(&json!({ "event": "pushing", "entries": entries, "bytes": bytes }));
                if let Some(bar) = &self.bar {
                    bar.set_length(*bytes);
                }
            }
            PushStep::Entry { name, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(name.as_str().to_owned());
                }
            }
            PushStep::Bytes { more } => {
                if let Some(bar) = &self.bar {
                    bar.inc(*more);
                }
            }
            PushStep::Done { name } => self.teller.event(&json!({ "event": "pushed", "entry": name.as_str() })),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
