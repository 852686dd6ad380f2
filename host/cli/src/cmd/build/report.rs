//! What is said at the end of a run that builds.

use super::progress::word;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_build::{Fate, Package};
use punix_deploy::{Composed, explain};
use punix_diag::{Diagnostic, SourceMap, json};
use punix_store::Store;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Rows of the list of slowest builds.
const SLOWEST_MAX: usize = 15;
/// A build that takes less is not in that list.
const SLOW: Duration = Duration::from_secs(1);

/// What became of every package that was asked for.
pub(crate) struct Report {
    rows: Vec<Row>,
    diagnostics: Vec<Diagnostic>,
    /// What could not be built, with why: a path, and the place of a diagnostic.
    failed: Vec<(PathBuf, usize)>,
    store: PathBuf,
    took: Duration,
}

struct Row {
    label: String,
    package: String,
    version: String,
    path: PathBuf,
    log: Option<PathBuf>,
    word: &'static str,
    ok: bool,
    wanted: bool,
    took: Option<Duration>,
}

impl Report {
    pub(super) fn new(
        composed: &Composed,
        store: &Store,
        order: &[(usize, String)],
        fates: Vec<Option<Fate>>,
        took: Duration,
    ) -> Report {
        let mut modules: HashMap<usize, Vec<&str>> = HashMap::new();
        order.iter().for_each(|(place, module)| modules.entry(*place).or_default().push(module));
        let root = store.root().to_owned();
        let mut report = Report { rows: Vec::new(), diagnostics: Vec::new(), failed: Vec::new(), store: root, took };
        for (place, fate) in fates.into_iter().enumerate() {
            let Some(fate) = fate else { continue };
            let package = composed.packages.get(place);
            match modules.get(&place) {
                None => report.rows.push(Row::new(package, store, &package.label, false, &fate)),
                Some(modules) => {
                    report.rows.extend(modules.iter().map(|module| Row::new(package, store, module, true, &fate)));
                }
            }
            if let Fate::Failed { error, .. } = fate
                && !error.is_stop()
            {
                let spans = composed.spans.get(place).copied();
                report.failed.push((store.path(package.name()), report.diagnostics.len()));
                report.diagnostics.push(explain(&package.label, spans, error));
            }
        }
        report
    }

    /// Returns the paths of what could not be built itself, with why.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&Path, &Diagnostic)> {
        self.failed.iter().filter_map(|(path, place)| Some((path.as_path(), self.diagnostics.get(*place)?)))
    }

    /// Shows what went wrong, then the counts.
    pub(crate) fn show(&self, ui: &Ui, sources: &SourceMap, exit: Exit, events: bool) -> Exit {
        if ui.json || events {
            let document = self.document(sources);
            let text = if events { format!("{document}\n") } else { format!("{document:#}\n") };
            return ui.result(&text, exit);
        }
        ui.show(&self.diagnostics, 0, sources);
        ui.result(&self.summary(), exit)
    }

    /// Shows what went wrong, where this was a part of something bigger.
    pub(crate) fn fail(&self, ui: &Ui, sources: &SourceMap, exit: Exit, events: bool) -> Exit {
        if ui.json || events {
            return self.show(ui, sources, exit, events);
        }
        ui.show(&self.diagnostics, 0, sources);
        exit
    }

    /// Adds what went wrong besides.
    pub(crate) fn add(&mut self, diagnostics: Vec<Diagnostic>) {
        self.diagnostics.extend(diagnostics);
    }

    fn summary(&self) -> String {
        let wanted = self.rows.iter().filter(|row| row.wanted);
        let (ok, failed): (Vec<&Row>, Vec<&Row>) = wanted.partition(|row| row.ok);
        let count = ok.len() + failed.len();
        let mut text = format!("{count} packages: {} ok, {} failed\n", ok.len(), failed.len());
        let took: Vec<&Row> = self.rows.iter().filter(|row| row.took.is_some()).collect();
        let mut slow: Vec<&Row> = took.iter().copied().filter(|row| row.took >= Some(SLOW)).collect();
        if slow.is_empty() {
            let all_cached = if took.is_empty() { " (all cached)" } else { "" };
            return text + &format!("build wall time: {}{all_cached}\n", time(self.took));
        }
        slow.sort_by(|a, b| b.took.cmp(&a.took).then_with(|| a.label.cmp(&b.label)));
        let shown = slow.len().min(SLOWEST_MAX);
        text.push_str(&format!("slowest builds (top {shown} of {} non-cached):\n", took.len()));
        for row in &slow[..shown] {
            let mark = if row.ok { "ok  " } else { "FAIL" };
            text.push_str(&format!("  {:>9}  {mark}  {}\n", time(row.took.unwrap_or_default()), row.label));
        }
        if took.len() > shown {
            let below = slow[shown - 1].took.unwrap_or_default();
            text.push_str(&format!("  … and {} more (<{})\n", took.len() - shown, time(below)));
        }
        text + &format!("build wall time: {}\n", time(self.took))
    }

    fn document(&self, sources: &SourceMap) -> Value {
        let packages: Vec<Value> = self.rows.iter().map(Row::document).collect();
        let diagnostics: Vec<Value> = self.diagnostics.iter().map(|diagnostic| json(diagnostic, sources)).collect();
        json!({
            "ok": self.diagnostics.is_empty() && self.rows.iter().all(|row| row.ok),
            "store": self.store.to_string_lossy(),
            "packages": packages,
            "seconds": self.took.as_secs_f64(),
            "diagnostics": diagnostics,
            "dropped": 0,
        })
    }
}

impl Row {
    fn new(package: &Package, store: &Store, label: &str, wanted: bool, fate: &Fate) -> Row {
        let parts = package.derivation.parts();
        let took = match fate {
            Fate::Built { took } | Fate::Failed { took, .. } => Some(*took),
            Fate::Cached | Fate::Blocked { .. } | Fate::Stopped => None,
        };
        Row {
            label: label.to_owned(),
            package: parts.package.as_str().to_owned(),
            version: parts.version.as_str().to_owned(),
            path: store.path(package.name()),
            log: took.map(|_| store.log_path(package.name())).filter(|log| log.exists()),
            word: word(fate),
            ok: matches!(fate, Fate::Cached | Fate::Built { .. }),
            wanted,
            took,
        }
    }

    fn document(&self) -> Value {
        json!({
            "module": self.label,
            "package": self.package,
            "version": self.version,
            "path": self.path.to_string_lossy(),
            "status": self.word,
            "wanted": self.wanted,
            "seconds": self.took.map(|took| took.as_secs_f64()),
            "log": self.log.as_ref().map(|log| log.to_string_lossy()),
        })
    }
}

/// Shows where packages would be built to.
pub(super) fn dry_run(ui: &Ui, composed: &Composed, root: &Path) -> Exit {
    let path = |place: usize| root.join(composed.packages.get(place).name().as_str());
    if ui.json {
        let packages: Vec<Value> = composed
            .wanted
            .iter()
            .map(|(module, place)| {
                let parts = composed.packages.get(*place).derivation.parts();
                json!({
                    "module": module,
                    "package": parts.package.as_str(),
                    "version": parts.version.as_str(),
                    "path": path(*place).to_string_lossy(),
                    "status": "planned",
                    "wanted": true,
                    "seconds": null,
                    "log": null,
                })
            })
            .collect();
        let document = json!({
            "ok": true, "store": root.to_string_lossy(), "packages": packages, "seconds": 0.0, "diagnostics": [], "dropped": 0,
        });
        return ui.result(&format!("{document:#}\n"), Exit::Done);
    }
    ui.say(&format!("→ dry-run (paths only) {} package(s) into {}", composed.wanted.len(), root.display()));
    let lines = composed.wanted.iter().map(|(module, place)| format!("ok\t{module}\t{}\n", path(*place).display()));
    let count = composed.wanted.len();
    let text = lines.collect::<String>() + &format!("{count} packages: {count} ok, 0 failed\n");
    ui.result(&text, Exit::Done)
}

/// Writes a time as people say it.
pub(crate) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", duration.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}
