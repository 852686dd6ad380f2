//! `punix plugin audit`: on one screen, what every plugin may do, where that is granted, and what is wrong with it.

use super::ahead::{Compiled, cache};
use super::given::{Given, all};
use super::known::{Known, Standing, decision_json, survey};
use super::list::short;
use super::project::{LOCK, Project};
use super::requests::{Decision, Request, gives, requests};
use super::shipped::shipped;
use super::words::{given, limits_json, quoted, seen, wrapped};
use super::{Stopped, inspect, used};
use crate::args::plugin::Audit;
use crate::cmd::check::diagnostics_json;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::{Code, Diagnostic, SourceMap};
use punix_plugin::runtime::Cache;
use punix_plugin::{Kind, World};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn run(ui: &Ui, args: &Audit) -> Result<Exit, Stopped> {
    let project = Project::read(&args.places)?;
    let (known, cache) = (survey(&project, &shipped()), cache());
    let reports: Vec<Report> = known.into_iter().map(|known| Report::of(&project, known, cache.as_ref())).collect();
    let findings = findings(&project, &reports);
    let exit = if findings.is_empty() { Exit::Done } else { Exit::Failed };
    if ui.json {
        let document = document(&project, &reports, &findings);
        return Ok(ui.result(&format!("{document:#}\n"), exit));
    }
    ui.show(&findings, 0, &SourceMap::default());
    Ok(ui.result(&text(&project, &reports, findings.len()), exit))
}

/// A plugin with what is decided about each of its requests.
struct Report {
    known: Known,
    decisions: Vec<(Request, Decision)>,
    code: Compiled,
    usage: Usage,
}

/// What a plugin did with what it was granted, on this machine and by this user.
enum Usage {
    /// It is a part of punix, which is not watched, or is granted nothing.
    Nothing,
    NeverCalled,
    /// It was called, and never used these.
    Unused(Vec<Kind>),
}

impl Report {
    fn of(project: &Project, known: Known, cache: Option<&Cache>) -> Report {
        let decisions = known.decisions(project);
        Report { usage: Usage::of(&known, &decisions), decisions, code: Compiled::of(&known, cache), known }
    }

    /// Tells whether it may do something of a kind.
    fn holds(&self, kind: Kind) -> bool {
        let is_given = |decision: &Decision| matches!(decision, Decision::Granted(_) | Decision::Computed);
        self.decisions.iter().any(|(request, decision)| request.key.kind == kind && is_given(decision))
    }

    /// Says what it may do, an item each.
    fn may(&self) -> Vec<String> {
        let items = |(request, decision): &(Request, Decision)| match decision {
            Decision::Granted(given) => inspect::gives(request, given),
            Decision::Computed => {
                vec![format!("{} for {}", request.key.kind, request.computed().unwrap_or_default())]
            }
            Decision::Refused | Decision::Undecided { .. } | Decision::Forbidden { .. } => Vec::new(),
        };
        self.decisions.iter().flat_map(items).collect()
    }
}

impl Usage {
    fn of(known: &Known, decisions: &[(Request, Decision)]) -> Usage {
        let is_granted = |decision: &Decision| matches!(decision, Decision::Granted(_));
        let granted =
            decisions.iter().filter(|(_, decision)| is_granted(decision)).map(|(request, _)| request.key.kind);
        let granted: BTreeSet<Kind> = granted.collect();
        if known.is_built_in() || granted.is_empty() {
            return Usage::Nothing;
        }
        match known.digest().and_then(|digest| used::of(known.id.as_str(), digest)) {
            None => Usage::NeverCalled,
            Some(used) => Usage::Unused(granted.into_iter().filter(|kind| !used.contains(kind.as_str())).collect()),
        }
    }

    /// Says what was granted in vain so far, if anything was.
    fn words(&self) -> Option<String> {
        match self {
            Usage::Unused(kinds) if !kinds.is_empty() => {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                Some(format!("{}, in all calls so far", kinds.join(", ")))
            }
            Usage::NeverCalled => Some("all of it: it was not called here yet".to_owned()),
            Usage::Nothing | Usage::Unused(_) => None,
        }
    }

    fn json(&self) -> Value {
        match self {
            Usage::Nothing | Usage::NeverCalled => Value::Null,
            Usage::Unused(kinds) => kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().into(),
        }
    }
}

/// Lists what is wrong, each with what to do.
fn findings(project: &Project, reports: &[Report]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for report in reports {
        found.extend(report.known.complaints().iter().cloned());
        found.extend(unasked(project, &report.known));
    }
    for id in project.policy.plugin.keys() {
        let is_built_in = reports.iter().any(|report| report.known.is_built_in() && report.known.id == *id);
        if project.lock.row(id).is_none() && !is_built_in {
            let message = format!("{} says something of `{id}`, and {LOCK} does not have it", project.policy_name());
            let help = format!("`punix plugin remove {id}` forgets it; `punix plugin add` brings it");
            found.push(Diagnostic::error(Code::E27, message).help(help));
        }
    }
    found.extend(claims(reports));
    found
}

/// Lists what is granted to a plugin that it does not ask for.
fn unasked(project: &Project, known: &Known) -> Vec<Diagnostic> {
    let (Some(about), Some(table)) = (&known.component, project.table(&known.id)) else { return Vec::new() };
    let manifest = &about.inspected.manifest;
    let asked = requests(manifest);
    let is_idle = |entry: &Given| {
        let grant = entry.grant();
        !asked.iter().any(|request| !table.deny.contains(&request.key) && gives(manifest, request, &grant))
    };
    let idle = all(&table.grant).into_iter().map(|(_, entry)| entry).filter(is_idle);
    let say = |entry: Given| {
        let message = format!("`{}` is granted `{}`, and does not ask for it", known.id, given(&entry));
        let key = entry.key();
        let subject = if key.subject.is_empty() { String::new() } else { format!(" {}", quoted(&key.subject)) };
        let help = format!("to take it back: punix plugin revoke {} {}{subject}", known.id, key.kind);
        Diagnostic::error(Code::E25, message).help(help)
    };
    idle.map(say).collect()
}

/// Lists names that two plugins want to be found by.
fn claims(reports: &[Report]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, one) in reports.iter().enumerate() {
        for other in reports.iter().skip(index + 1) {
            let both = (&one.known.component, &other.known.component);
            let (Some(first), Some(second)) = both else { continue };
            let (first, second) = (&first.inspected.manifest, &second.inspected.manifest);
            if first.world != second.world {
                continue;
            }
            for handle in first.handles.intersection(&second.handles) {
                let message = format!("`{handle}` is handled by `{}` and by `{}`", first.id, second.id);
                let help = format!("remove one of them: punix plugin remove {}", second.id);
                found.push(Diagnostic::error(Code::E27, message).help(help));
            }
        }
    }
    found
}

fn text(project: &Project, reports: &[Report], findings: usize) -> String {
    let mut text = String::new();
    let width = reports.iter().map(|report| title(&report.known).len()).max().unwrap_or(0);
    for report in reports {
        let known = &report.known;
        let noun = known.world().map_or("?", World::noun);
        let granted = match known.granted_in(project).as_slice() {
            [] => "nothing granted".to_owned(),
            places => format!("granted by {}", places.join(", ")),
        };
        let digest = known.digest().map(short).unwrap_or_default();
        text.push_str(&format!(
            "{:width$}  {noun:<9}  {digest}  {}, {}, {granted}\n",
            title(known),
            known.state(),
            report.code.words()
        ));
        text.push_str(&format!("  imports  {}\n", imports(known)));
        let may = report.may();
        let may = if may.is_empty() { "nothing but compute".to_owned() } else { wrapped(&may, 11) };
        text.push_str(&format!("  may      {may}\n"));
        if let Some(unused) = report.usage.words() {
            text.push_str(&format!("  unused   {unused}\n"));
        }
        if report.code == Compiled::Changed {
            text.push_str("  code     what is kept was not compiled here, or was changed: it will be compiled anew\n");
        }
    }
    for kind in [Kind::Seal, Kind::Reveal, Kind::Spawn] {
        let holders = holders(reports, kind);
        if !holders.is_empty() {
            text.push_str(&format!("{kind}: {}\n", holders.join(", ")));
        }
    }
    for ceiling in &project.ceilings {
        text.push_str(&format!("bounded by {}\n", seen(&ceiling.source)));
    }
    let count = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    text.push_str(&format!("{}, {}\n", count(reports.len(), "plugin"), count(findings, "finding")));
    text
}

fn title(known: &Known) -> String {
    format!("{} {}", known.id, known.version())
}

/// Says what a plugin is connected with, without what all of it have in common.
fn imports(known: &Known) -> String {
    let Some(about) = &known.component else { return "?".to_owned() };
    let imports = about.inspected.imports.iter().filter(|name| name.package() == "punix:cap");
    let names: Vec<&str> = imports.map(|name| name.name()).collect();
    let idle: Vec<&str> = about.inspected.unrequested().into_iter().map(Kind::as_str).collect();
    let idle = if idle.is_empty() { String::new() } else { format!(" (not asked for: {})", idle.join(" ")) };
    if names.is_empty() { "nothing".to_owned() } else { format!("{}{idle}", names.join(" ")) }
}

fn holders(reports: &[Report], kind: Kind) -> Vec<String> {
    let holding = reports.iter().filter(|report| report.holds(kind));
    holding.map(|report| report.known.id.to_string()).collect()
}

fn document(project: &Project, reports: &[Report], findings: &[Diagnostic]) -> Value {
    let plugin = |report: &Report| {
        let known = &report.known;
        let mut value = known.json();
        let imports = known
            .component
            .as_ref()
            .map(|about| about.inspected.imports.iter().map(ToString::to_string).collect::<Vec<_>>());
        value["imports"] = imports.into();
        value["granted_in"] = known.granted_in(project).into();
        value["code"] = report.code.as_str().into();
        value["unused"] = report.usage.json();
        let requests = report.decisions.iter().map(|(request, decision)| decision_json(request, decision));
        value["requests"] = requests.collect::<Vec<_>>().into();
        value["limits"] = match &known.standing {
            Standing::Ready(effective) => limits_json(&effective.limits),
            Standing::Stopped { .. } => Value::Null,
        };
        value
    };
    json!({
        "ok": findings.is_empty(),
        "plugins": reports.iter().map(plugin).collect::<Vec<_>>(),
        "holders": {
            "seal": holders(reports, Kind::Seal),
            "reveal": holders(reports, Kind::Reveal),
            "spawn": holders(reports, Kind::Spawn),
        },
        "ceilings": project.ceilings.iter().map(|ceiling| ceiling.source.as_str()).collect::<Vec<_>>(),
        "policy": project.policy_name(),
        "lock": project.directory.join(LOCK).to_string_lossy(),
        "diagnostics": diagnostics_json(findings, &SourceMap::default()),
        "dropped": 0,
    })
}
