//! Compiling plugins before anybody waits for it, and what is there of that. What is compiled was let in by the door, so all
//! that it asks for is decided; nothing of it runs here.

use super::known::Known;
use super::project::Project;
use crate::places;
use crate::ui::{Ui, shown, size};
use punix_diag::Diagnostic;
use punix_plugin::runtime::{Cache, CacheState, Kept, Runtime, Setup};
use punix_plugin::{Admitted, Component, Id, admit};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What came of compiling.
#[derive(Debug)]
pub(super) enum Ahead {
    /// Something about it is not decided, so nobody compiles it yet.
    NotYet,
    /// There is no compiler in this binary.
    Sealed,
    Done(CacheState),
    Failed(Vec<Diagnostic>),
}

/// Where the machine code of a plugin is to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compiled {
    /// It is part of this binary.
    BuiltIn,
    Kept,
    /// It is compiled when it is first used.
    Absent,
    /// The same, since what is kept was not made here, or was changed.
    Changed,
}

/// Compiles a plugin that is locked, if it is let in, and keeps its code.
pub(super) fn compile(ui: &Ui, project: &Project, id: &Id, component: &Component) -> Ahead {
    let Ok(admitted) = admit(id.as_str(), component.clone(), project.rules()) else { return Ahead::NotYet };
    if !cfg!(feature = "compiler") {
        return Ahead::Sealed;
    }
    let cache = places::compiled().and_then(|(code, key)| Cache::open(&code, &key));
    let is_kept = cache.as_ref().is_some_and(|cache| cache.kept(admitted.digest()) == Kept::Sound);
    if !is_kept && !ui.json {
        ui.say(&format!("compiling {id} for this machine ({})", size(component.size())));
    }
    let runtime = Runtime::new(Setup { cache, watcher: None });
    match waiting(ui, &runtime, &admitted) {
        Ok(state) => {
            if state == CacheState::NotKept && !ui.json {
                ui.say(&not_kept());
            }
            Ahead::Done(state)
        }
        Err(diagnostic) => Ahead::Failed(vec![diagnostic]),
    }
}

/// Compiles, and lets whoever looks on know that it goes on.
fn waiting(ui: &Ui, runtime: &Runtime, admitted: &Admitted) -> Result<CacheState, Diagnostic> {
    const EVERY: Duration = Duration::from_secs(3);
    let is_watched = !ui.json && io::stderr().is_terminal();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let (over, until) = channel::<()>();
        if is_watched {
            scope.spawn(move || {
                while until.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    ui.say(&format!("still compiling, for {} s", began.elapsed().as_secs()));
                }
            });
        }
        let prepared = runtime.prepare(admitted);
        drop(over);
        prepared.map_err(Diagnostic::from)
    })
}

fn not_kept() -> String {
    let place = places::compiled().map(|(code, _)| shown(&code));
    let place = place.map_or("there is no HOME".to_owned(), |place| {
        format!("`{place}` or the key to it cannot be used, or others can write to where they are")
    });
    format!("warning: the compiled code is not kept, and is made anew for each run: {place}")
}

impl Ahead {
    /// Returns its word in documents.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Ahead::NotYet => "undecided",
            Ahead::Sealed => "sealed",
            Ahead::Done(CacheState::Bundled) => "built-in",
            Ahead::Done(CacheState::Hit) => "kept",
            Ahead::Done(CacheState::Compiled) => "compiled",
            Ahead::Done(CacheState::NotKept) => "not-kept",
            Ahead::Failed(_) => "failed",
        }
    }
}

impl Compiled {
    /// Looks what there is of a plugin. Nothing is made or mended by that.
    pub(super) fn of(known: &Known, cache: Option<&Cache>) -> Compiled {
        let bundled = punix_bundle::plugins().iter().find(|plugin| {
            known.is_built_in() && known.digest().is_some_and(|digest| plugin.examined().component().digest() == digest)
        });
        if bundled.is_some_and(|plugin| plugin.ready.is_for_this_engine()) {
            return Compiled::BuiltIn;
        }
        match known.digest().zip(cache).map(|(digest, cache)| cache.kept(digest)) {
            None | Some(Kept::Absent) => Compiled::Absent,
            Some(Kept::Changed) => Compiled::Changed,
            Some(Kept::Sound) => Compiled::Kept,
        }
    }

    /// Returns its word in documents.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Compiled::BuiltIn => "built-in",
            Compiled::Kept => "kept",
            Compiled::Absent => "absent",
            Compiled::Changed => "changed",
        }
    }

    /// Returns what people are told, in a few words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Compiled::BuiltIn => "built in",
            Compiled::Kept => "compiled",
            Compiled::Absent | Compiled::Changed => "not compiled",
        }
    }
}

/// Finds the cache as it is.
pub(super) fn cache() -> Option<Cache> {
    let (code, key) = places::compiled()?;
    Cache::existing(Path::new(&code), Path::new(&key))
}
