//! `punix plugin add`: a component is looked at, the operator decides, and then it is kept, granted and locked, in this
//! order. Whoever is stopped in between has a plugin that is not let in yet, never one that may do more. What is let in is
//! compiled.

use super::ahead::{Ahead, compile};
use super::ask::{Answer, ask};
use super::given::as_requested;
use super::inspect::{asks, component, head};
use super::kept::keep;
use super::known::{Known, Seen, survey};
use super::outcome::{Changed, tell};
use super::project::{Hold, POLICY, Project, changed};
use super::requests::{Decision, Request, Terms, decide, requests};
use super::shipped::{Shipped, shipped};
use super::steps::{Step, to_grant};
use super::{Stopped, amend, diff, words};
use crate::args::plugin::Add;
use crate::cmd::check::diagnostics_json;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::{Code, Diagnostic, SourceMap};
use punix_plugin::{Change, Changes, Component, Fault, Key, Row, Source, Table, effective};
use serde_json::{Value, json};
use std::io::{self, IsTerminal};
use std::path::Path;

pub(super) fn run(ui: &Ui, args: &Add) -> Result<Exit, Stopped> {
    let (component, about) = component(&args.file)?;
    let (project, shipped) = (Project::read(&args.places)?, shipped());
    let known = survey(&project, &shipped);
    let source = source(args, &project, &about)?;
    may_be_added(&about, &known)?;
    let update = update(&about, &known);
    let plan = plan(&project, &about, &source);
    if !ui.json {
        introduce(ui, &about, update.as_ref());
    }
    let answers = match (args.yes, args.later) {
        (true, _) => plan.open.iter().map(|request| (request, as_asked(&plan, &project, request))).collect(),
        (_, true) => Vec::new(),
        (false, false) if plan.open.is_empty() => Vec::new(),
        (false, false) if !can_ask(ui) => return Ok(refuse(ui, args, &project, &about, update.as_ref())),
        (false, false) => asked(ui, &plan, update.as_ref())?,
    };
    let steps = plan.steps(&answers);
    let added = Added { component: &component, about: &about, plan: &plan, steps: &steps, source };
    let project = added.write(ui, args, &project)?;
    // Only now: before it is let in nobody spends time on it.
    let ahead = compile(ui, &project, &about.inspected.manifest.id, &component);
    Ok(added.tell(ui, &project, &shipped, update.as_ref(), ahead))
}

/// What there is to decide.
struct Plan {
    table: Table,
    /// The grant is for this component, and says so.
    chosen: Option<Step>,
    /// Requests about which nobody decided.
    open: Vec<Request>,
    about: Seen,
    was: Was,
}

/// What the lock said of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Was {
    Absent,
    Another,
    This,
}

fn plan(project: &Project, about: &Seen, source: &Source) -> Plan {
    let manifest = &about.inspected.manifest;
    let id = manifest.id.clone();
    let table = project.table(&id).cloned().unwrap_or_default();
    let terms = Terms { table: Some(table.clone()), narrower: None, ceilings: &[] };
    let is_open = |request: &Request| matches!(decide(manifest, request, &terms), Decision::Undecided { .. });
    let open = requests(manifest).into_iter().filter(is_open).collect();
    let chosen = Step::Chosen { sha256: about.digest, source: source.as_str().to_owned() };
    let is_said = table.sha256 == Some(about.digest) && table.source.as_deref() == Some(source.as_str());
    let was = match project.lock.row(&id) {
        None => Was::Absent,
        Some(row) if row.sha256 == about.digest => Was::This,
        Some(_) => Was::Another,
    };
    Plan { table, chosen: (!is_said).then_some(chosen), open, about: about.clone(), was }
}

impl Plan {
    /// Returns what answers come to.
    fn steps(&self, answers: &[(&Request, Answer)]) -> Vec<Step> {
        let mut steps: Vec<Step> = self.chosen.iter().cloned().collect();
        let mut table = self.table.clone();
        for (request, answer) in answers {
            let more = match answer {
                Answer::Grant(given) => to_grant(&table, given),
                Answer::Refuse => vec![Step::Refuse(request.key.clone())],
                Answer::Later => Vec::new(),
            };
            more.iter().for_each(|step| super::steps::apply(&mut table, step));
            steps.extend(more);
        }
        steps
    }
}

/// Refuses what would take the place of another plugin.
fn may_be_added(about: &Seen, known: &[Known]) -> Result<(), Stopped> {
    let manifest = &about.inspected.manifest;
    if known.iter().any(|known| known.is_built_in() && known.id == manifest.id) {
        let message = format!("`{}` is the id of a plugin that is part of punix", manifest.id);
        return Err(super::by(Diagnostic::error(Code::E27, message).help("give it an id of your own")));
    }
    for other in known.iter().filter(|known| known.id != manifest.id) {
        let Some(theirs) = other.component.as_ref().map(|seen| &seen.inspected.manifest) else { continue };
        if theirs.world != manifest.world {
            continue;
        }
        if let Some(handle) = manifest.handles.intersection(&theirs.handles).next() {
            let message = format!("`{}` handles `{handle}`, and so does `{}`", manifest.id, other.id);
            let help = match other.is_built_in() {
                true => "what is part of punix cannot be replaced".to_owned(),
                false => format!("remove the other one first: punix plugin remove {}", other.id),
            };
            return Err(super::by(Diagnostic::error(Code::E27, message).help(help)));
        }
    }
    Ok(())
}

/// Returns what changed since the version that is locked, if that is here to be looked at.
fn update(about: &Seen, known: &[Known]) -> Option<Changes> {
    let manifest = &about.inspected.manifest;
    let old = known.iter().find(|known| known.id == manifest.id)?.component.as_ref()?;
    (old.digest != about.digest).then(|| punix_plugin::diff(&old.inspected.manifest, manifest))
}

/// Returns what is written down about where it came from: a path inside of the project is the same for everybody. Who
/// brings the component that is locked already says nothing new.
fn source(args: &Add, project: &Project, about: &Seen) -> Result<Source, Stopped> {
    let locked = project.lock.row(&about.inspected.manifest.id).filter(|row| row.sha256 == about.digest);
    if let Some(row) = locked.filter(|_| args.source.is_none()) {
        return Ok(row.source.clone());
    }
    let path = || -> Option<String> {
        let (file, root) = (std::fs::canonicalize(&args.file).ok()?, std::fs::canonicalize(&project.directory).ok()?);
        Some(file.strip_prefix(root).ok()?.to_str()?.to_owned())
    };
    let text = match &args.source {
        Some(text) => text.clone(),
        None => path().unwrap_or_else(|| args.file.to_string_lossy().into_owned()),
    };
    Source::parse(&text)
        .map_err(|error| Stopped::usage(words::seen(&error.to_string()), "say where it came from with `--source TEXT`"))
}

fn introduce(ui: &Ui, about: &Seen, update: Option<&Changes>) {
    ui.say(head(about).trim_end());
    ui.say(asks(about, &[]).trim_end());
    if let Some(changes) = update {
        let text = diff::text(changes);
        ui.say(&format!("since the version that is locked\n{}", indented(&text)));
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Tells whether somebody is there to be asked.
fn can_ask(ui: &Ui) -> bool {
    !ui.json && io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn asked<'p>(ui: &Ui, plan: &'p Plan, update: Option<&Changes>) -> Result<Vec<(&'p Request, Answer)>, Stopped> {
    let (mut input, mut output) = (io::stdin().lock(), io::stderr().lock());
    let mut answers = Vec::new();
    for (index, request) in plan.open.iter().enumerate() {
        let mark = format!("\n{} of {}{}\n", index + 1, plan.open.len(), mark(update, &request.key));
        match ask(&mut input, &mut output, request, &mark).map_err(super::disk)? {
            Some(answer) => answers.push((request, answer)),
            None => {
                drop(output);
                ui.say("\nnothing was added");
                return Err(Stopped::Told(Exit::Failed));
            }
        }
    }
    Ok(answers)
}

/// Says of a request that it is one of an update.
fn mark(update: Option<&Changes>, key: &Key) -> &'static str {
    let change = update.and_then(|changes| changes.requests.iter().find(|change| change.key == *key));
    match change.map(|change| change.change) {
        Some(Change::Added) => ", new in this version",
        Some(Change::Widened) => ", more than before",
        Some(Change::Narrowed | Change::Reworded | Change::Removed) | None => "",
    }
}

/// Grants exactly what is asked for. What is left open, and what the site forbids, is left for later.
fn as_asked(plan: &Plan, project: &Project, request: &Request) -> Answer {
    let Some(given) = as_requested(&request.alone) else { return Answer::Later };
    let table = Some(Table { grant: given.grant(), ..Table::default() });
    let terms = Terms { table, narrower: None, ceilings: &project.ceilings };
    match decide(&plan.about.inspected.manifest, request, &terms) {
        Decision::Granted(_) => Answer::Grant(Box::new(given)),
        Decision::Computed | Decision::Refused | Decision::Undecided { .. } | Decision::Forbidden { .. } => {
            Answer::Later
        }
    }
}

/// Ends without having asked anybody: nothing is changed, and it is said how to decide.
fn refuse(ui: &Ui, args: &Add, project: &Project, about: &Seen, update: Option<&Changes>) -> Exit {
    let manifest = &about.inspected.manifest;
    let table = project.table(&manifest.id);
    let denials = effective(manifest, table, &[]).err().unwrap_or_default();
    let (id, version) = (manifest.id.clone(), manifest.version.clone());
    let diagnostics = Fault::Denied { id, version, denials }.into_diagnostics();
    let file = words::quoted(&args.file.to_string_lossy());
    let help = format!(
        "`punix plugin add {file} --yes` grants exactly what is asked for; with `--later` nothing is granted, and the \
         commands above decide"
    );
    if ui.json {
        let document = json!({
            "ok": false,
            "id": manifest.id.as_str(),
            "added": false,
            "changes": update.map(diff::json),
            "diagnostics": diagnostics_json(&diagnostics, &SourceMap::default()),
            "dropped": 0,
            "help": help,
        });
        return ui.result(&format!("{document:#}\n"), Exit::Failed);
    }
    ui.show(&diagnostics, 0, &SourceMap::default());
    ui.say("nothing was added: there is no terminal to ask on");
    ui.say(&format!("help: {}", words::seen(&help)));
    Exit::Failed
}

/// What is to be written.
struct Added<'a> {
    component: &'a Component,
    about: &'a Seen,
    plan: &'a Plan,
    steps: &'a [Step],
    source: Source,
}

impl Added<'_> {
    /// Keeps, grants and locks. Returns the project as it is then.
    fn write(&self, ui: &Ui, args: &Add, asked: &Project) -> Result<Project, Stopped> {
        let _hold = Hold::take(ui, &args.places.project)?;
        let mut project = Project::read(&args.places)?;
        if !project.is_as(asked) {
            return Err(changed(Path::new(POLICY)));
        }
        // First, so that what is locked is there. Nobody minds one that is kept and not locked.
        keep(ui, &project, self.component)?;
        // Before the lock: the grant says for which component it is, so it is of no use to the old one.
        if !self.steps.is_empty() {
            let id = &self.about.inspected.manifest.id;
            let text = amend::amended(&project.policy_name(), project.policy_text(), id, self.steps)?;
            project.write_policy(text)?;
        }
        let mut lock = project.lock.clone();
        lock.insert(Row::of(self.component, &self.about.inspected, self.source.clone()));
        project.write_lock(lock)?;
        Ok(project)
    }

    fn tell(&self, ui: &Ui, project: &Project, shipped: &[Shipped], update: Option<&Changes>, ahead: Ahead) -> Exit {
        let manifest = &self.about.inspected.manifest;
        let told = Changed::by(&self.plan.table, self.steps);
        if ui.json {
            let changed = !self.steps.is_empty() || self.plan.was != Was::This;
            let mut document = told.json(project, shipped, &manifest.id, changed);
            document["added"] = Value::Bool(self.plan.was == Was::Absent);
            document["sha256"] = self.about.digest.to_string().into();
            document["changes"] = update.map(diff::json).into();
            document["code"] = ahead.as_str().into();
            let Ahead::Failed(diagnostics) = ahead else {
                return ui.result(&format!("{document:#}\n"), Exit::Done);
            };
            document["ok"] = false.into();
            document["diagnostics"] = diagnostics_json(&diagnostics, &SourceMap::default()).into();
            document["dropped"] = 0.into();
            return ui.result(&format!("{document:#}\n"), Exit::Failed);
        }
        let word = match self.plan.was {
            Was::Absent => "added",
            Was::Another => "updated",
            Was::This => "locked already",
        };
        let mut text = format!("{word}: {} {}\n", manifest.id, manifest.version);
        told.lines.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        tell(ui, project, shipped, &manifest.id);
        let Ahead::Failed(diagnostics) = ahead else { return ui.result(&text, Exit::Done) };
        ui.show(&diagnostics, 0, &SourceMap::default());
        ui.say(&format!("help: without it: punix plugin remove {}", manifest.id));
        ui.result(&text, Exit::Failed)
    }
}
