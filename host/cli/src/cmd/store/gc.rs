//! `punix store gc`: the one verb that removes entries. It decides nothing itself: what is kept, the store says.

use super::{Stopped, find_with_places, share, tell};
use crate::args::store::Gc;
use crate::cmd::check::diagnostics_json;
use crate::exit::Exit;
use crate::ui::{Ui, shown, size};
use punix_diag::{Code, Diagnostic, SourceMap};
use punix_store::{
    Asking, CollectError, Collected, Collection, ExclusiveLock, Holder, Registration, Root, Store, StoreName, Swept,
    Why,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

const COMMAND: &str = "punix store gc";

/// What happened, or would.
struct Report {
    dry_run: bool,
    plan: Collection,
    pinned: usize,
    removed: Vec<StoreName>,
    freed: u64,
    swept: Swept,
    forgotten: Vec<Registration>,
    void: Vec<Registration>,
    diagnostics: Vec<Diagnostic>,
}

pub(crate) fn run(ui: &Ui, args: &Gc) -> Result<Exit, Stopped> {
    let (store, places) = find_with_places(&args.root, &args.keepers)?;
    let (alone, _shared) = if args.dry_run {
        (None, share(ui, &store, COMMAND)?)
    } else {
        let tell = |holders: &[Holder]| tell(ui, &store, holders);
        let asking = Asking { command: COMMAND, wait: Duration::from_secs(args.wait), tell: &tell };
        (Some(store.exclude(asking)?), None)
    };
    let forgotten = forgotten(&store, &args.forget)?;
    let roots = store.roots(&places, &forgotten)?;
    let report = match alone {
        Some(lock) => collect(&store, &lock, &roots.roots, forgotten, roots.void)?,
        None => predict(&store, &roots.roots, forgotten, roots.void)?,
    };
    Ok(report.tell(ui, &store))
}

/// Finds the registrations that the user wants to be rid of. Their places may be gone, so paths are compared as they are
/// written, too.
fn forgotten(store: &Store, paths: &[PathBuf]) -> Result<Vec<Registration>, Stopped> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let registered = store.registrations()?;
    let mut found = Vec::new();
    for path in paths {
        let ways = [std::path::absolute(path).ok(), std::fs::canonicalize(path).ok(), link(path)];
        let before = found.len();
        found.extend(registered.iter().filter(|one| ways.iter().flatten().any(|way| one.path() == way)).cloned());
        if found.len() == before {
            return Err(Stopped::Usage {
                message: format!("`{}` is not registered in the store `{}`", path.display(), store.root().display()),
                help: "`punix store info` lists what is".to_owned(),
            });
        }
    }
    Ok(found)
}

/// Returns a path whose directory has no links on the way to it, as links are registered.
fn link(path: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(path).ok()?;
    Some(std::fs::canonicalize(whole.parent()?).ok()?.join(whole.file_name()?))
}

/// Says what a collection would remove; changes nothing.
fn predict(
    store: &Store,
    roots: &[Root],
    forgotten: Vec<Registration>,
    void: Vec<Registration>,
) -> Result<Report, Stopped> {
    let plan = store.plan_collection(roots)?;
    let mut removed: Vec<StoreName> = plan.dead().iter().map(|dead| dead.name.clone()).collect();
    removed.sort_unstable();
    let freed = removed.iter().filter_map(|name| store.storage(name).ok()).fold(0, u64::saturating_add);
    let diagnostics = warnings(&plan);
    let (pinned, swept) = (pinned(roots), Swept::default());
    Ok(Report { dry_run: true, plan, pinned, removed, freed, swept, forgotten, void, diagnostics })
}

fn collect(
    store: &Store,
    lock: &ExclusiveLock,
    roots: &[Root],
    forgotten: Vec<Registration>,
    void: Vec<Registration>,
) -> Result<Report, Stopped> {
    let (plan, Collected { removed, freed, failed }) = store.collect(lock, roots)?;
    // From here on something may have been removed, so whatever fails is told beside that.
    let mut diagnostics = warnings(&plan);
    diagnostics.extend(failed.iter().map(|failed| {
        let path = store.path(&failed.name);
        Diagnostic::error(Code::E23, format!("`{}` was not removed: {}", path.display(), failed.why))
    }));
    let mut forget = |registration: &Registration| {
        let done = store.forget(lock, registration);
        done.map_err(|error| diagnostics.push(CollectError::Disk(error).into())).is_ok()
    };
    let forgotten: Vec<Registration> = forgotten.into_iter().filter(&mut forget).collect();
    let void: Vec<Registration> = void.into_iter().filter(&mut forget).collect();
    let swept = store.sweep(lock).unwrap_or_else(|error| {
        diagnostics.push(CollectError::Disk(error).into());
        Swept::default()
    });
    diagnostics.extend(swept.failed.iter().map(|(name, error)| {
        Diagnostic::error(Code::E23, format!("the leftover `{}` was not removed: {error}", name.display()))
    }));
    Ok(Report { dry_run: false, plan, pinned: pinned(roots), removed, freed, swept, forgotten, void, diagnostics })
}

/// Counts what roots name, each entry once.
fn pinned(roots: &[Root]) -> usize {
    roots.iter().map(|root| &root.name).collect::<BTreeSet<_>>().len()
}

/// Warns of what is kept, but not whole. That a root's own entry is not here means little: generations may name entries of
/// other stores.
fn warnings(plan: &Collection) -> Vec<Diagnostic> {
    let missing = plan.missing().iter().filter_map(|missing| match &missing.why {
        Why::InputOf(of) => Some(Diagnostic::warning(format!("`{of}` needs `{}`, which is not here", missing.name))),
        Why::Root { .. } => None,
    });
    missing.map(|warning| warning.help("build it, or what needs it")).collect()
}

impl Report {
    fn tell(&self, ui: &Ui, store: &Store) -> Exit {
        let exit = Exit::of(&self.diagnostics);
        if ui.json {
            return ui.result(&format!("{:#}\n", self.document(store)), exit);
        }
        for (registrations, why) in [(&self.forgotten, "as asked"), (&self.void, "it is gone, or leads elsewhere")] {
            let verb = if self.dry_run { "would forget" } else { "forgot" };
            for registration in registrations {
                ui.say(&format!("{verb} {}: {why}", shown(registration.path())));
            }
        }
        ui.show(&self.diagnostics, 0, &SourceMap::default());
        ui.result(&self.text(store), exit)
    }

    fn text(&self, store: &Store) -> String {
        let verb = if self.dry_run { "would remove" } else { "removed" };
        let mut text: String =
            self.removed.iter().map(|name| format!("{verb} {}\n", shown(&store.path(name)))).collect();
        if !self.swept.removed.is_empty() {
            let count = self.swept.removed.len();
            text.push_str(&format!("swept {count} leftover(s), freed {}\n", size(self.swept.freed)));
        }
        let (count, freed, pinned) = (self.removed.len(), size(self.freed), self.pinned);
        text.push_str(&match self.dry_run {
            true => format!("would collect {count} artifact(s), freeing about {freed}; pinned {pinned} path(s)\n"),
            false => format!("collected {count} artifact(s), freed {freed}; pinned {pinned} path(s)\n"),
        });
        text
    }

    fn document(&self, store: &Store) -> serde_json::Value {
        let path = |name: &StoreName| store.path(name).to_string_lossy().into_owned();
        let paths = |all: &[Registration]| -> Vec<String> {
            all.iter().map(|registration| registration.path().to_string_lossy().into_owned()).collect()
        };
        let missing = self.plan.missing().iter().map(|missing| {
            let by = match &missing.why {
                Why::Root { reason } => reason.clone(),
                Why::InputOf(name) => path(name),
            };
            json!({ "path": path(&missing.name), "needed_by": by })
        });
        json!({
            "store": store.root().to_string_lossy(),
            "dry_run": self.dry_run,
            "removed": self.removed.iter().map(path).collect::<Vec<_>>(),
            "freed": self.freed,
            "kept": self.plan.kept().len(),
            "pinned": self.pinned,
            "missing": missing.collect::<Vec<_>>(),
            "swept": self.swept.removed.iter().map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>(),
            "swept_freed": self.swept.freed,
            "forgotten": paths(&self.forgotten),
            "void": paths(&self.void),
            "diagnostics": diagnostics_json(&self.diagnostics, &SourceMap::default()),
        })
    }
}
