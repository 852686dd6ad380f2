//! `punix fleet status` and `punix fleet verify`: every host is asked how it is, many at the same time. Nothing is changed.

use super::super::Stopped;
use super::super::site::{self, Rootless, Site, Visit};
use super::super::status::{self, Found};
use super::super::verify::{self, Compared, Row};
use super::super::words::{generation, seen, table};
use super::crew::{Crew, Purpose};
use super::failure::Failure;
use super::report::{Report, Well};
use super::running::{Told, Turns, all};
use super::{JOBS, jobs};
use crate::args::fleet::Asked;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::{Order, Rules, Run};
use punix_diag::SourceMap;
use serde_json::json;

pub(super) fn status(ui: &Ui, args: &Asked) -> Result<Exit, Stopped> {
    let asking = Asking { ui, args, crew: Crew::read(ui, args.file.path(), &args.choosing, Purpose::Asks)? };
    let head = ["STACK", "TARGET", "GENERATION", "SINCE", "DRIFT", "FAILED"].map(str::to_owned).to_vec();
    let mut rows = vec![head];
    let look = |ui: &Ui, site: &Site<'_>, stack: &str| status::look(ui, site, stack, args.systemctl.as_deref());
    let mut report = asking.report("punix fleet status")?;
    asking.all("punix fleet status", &mut report, look, |report, place, told, ended| {
        let host = asking.crew.host(place);
        let cells = match &told {
            Told::Ok(found) => cells(found),
            Told::Failed(_) | Told::Skipped(_) | Told::Blocked { .. } | Told::NotAttempted { .. } => {
                ["?", "", "?", "?"].map(str::to_owned)
            }
        };
        rows.push([seen(&host.stack), seen(&host.target)].into_iter().chain(cells).collect());
        report.tell(place, &told, ended, |_, found: &Found| {
            let mut facts = found.document();
            facts["diagnostics"] = json!([]);
            let status = if found.is_well() { "ok" } else { "drifted" };
            Well { status, facts, line: String::new(), error: None, is_done: found.is_well() }
        });
    })?;
    report.print(&table(&rows));
    Ok(report.finish("as deployed", json!({})))
}

/// Returns what a row of the table says of a host: generation, since when, what differs, what failed.
fn cells(found: &Found) -> [String; 4] {
    let failed: Vec<String> = found.failed().map(|unit| seen(&unit.unit)).collect();
    let drift = match found.drifted.len() {
        0 => "none".to_owned(),
        files => format!("{files} file(s)"),
    };
    let failed = if failed.is_empty() { "none".to_owned() } else { failed.join(", ") };
    [generation(found.live.number), seen(&found.live.deployed_at), drift, failed]
}

pub(super) fn verify(ui: &Ui, args: &Asked) -> Result<Exit, Stopped> {
    let asking = Asking { ui, args, crew: Crew::read(ui, args.file.path(), &args.choosing, Purpose::Asks)? };
    let compare = |ui: &Ui, site: &Site<'_>, stack: &str| verify::compare(ui, site, stack, args.systemctl.as_deref());
    let mut report = asking.report("punix fleet verify")?;
    asking.all("punix fleet verify", &mut report, compare, |report, place, told, ended| {
        report.tell(place, &told, ended, |report, compared: &Compared| {
            let is_clean = compared.is_clean();
            let mark = if is_clean { '✓' } else { '✗' };
            let summary = compared.summary();
            let mut line = format!("  {mark} {}: {summary}", report.name(place));
            for row in compared.rows.iter().filter(|row| !row.is_clean()) {
                line.push_str(&format!("      {}", Row::line(row)));
            }
            let status = if is_clean { "ok" } else { "drifted" };
            Well { status, facts: compared.document(), line, error: None, is_done: is_clean }
        });
    })?;
    Ok(report.finish("as deployed", json!({})))
}

struct Asking<'a> {
    ui: &'a Ui,
    args: &'a Asked,
    crew: Crew,
}

impl Asking<'_> {
    fn places(&self) -> Vec<usize> {
        self.crew.meant(0..self.crew.len(), self.args.choosing.limit)
    }

    fn report(&self, command: &str) -> Result<Report<'_>, Stopped> {
        self.crew.can_be_below(self.ui, &self.args.reach)?;
        Report::new(self.ui, &self.crew, &self.args.telling, command, self.places().len())
    }

    /// Asks all hosts.
    fn all<T: Send>(
        &self,
        command: &str,
        report: &mut Report<'_>,
        ask: impl Fn(&Ui, &Site<'_>, &str) -> Result<T, Stopped> + Sync,
        tell: impl FnMut(&mut Report<'_>, usize, Told<'_, T>, Option<&super::running::Ended<T>>),
    ) -> Result<(), Stopped> {
        let places = self.places();
        let run = Run::new(&Order::free(places.len()), Rules::at_once(jobs(self.args.jobs, JOBS)));
        let turns = Turns { run, places, crew: &self.crew, skips: false, why: "it was stopped" };
        let work = |place: usize, ui: &Ui| {
            let stack = self.crew.host(place).stack.as_str();
            let visit = Visit { command, wait: self.args.reach.wait, without: Rootless::Refused };
            ui.doing("reaching");
            let at = self.crew.place(place, &self.args.reach, false);
            let found = at.and_then(|at| {
                site::at(ui, &at, visit, |site| {
                    ui.doing("looking");
                    ask(ui, site, stack)
                })
            });
            found.map_err(|stopped| Failure::of(ui, stopped, &SourceMap::default()))
        };
        all(self.ui, turns, report, work, |_| true, tell);
        Ok(())
    }
}
