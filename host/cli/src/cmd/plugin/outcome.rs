//! What the verbs that change a policy say in the end: what changed, and what still keeps the plugin outside.

use super::Stopped;
use super::amend::amended;
use super::given::{Given, all};
use super::known::{Known, Standing, decision_json, find};
use super::project::Project;
use super::requests::Decision;
use super::shipped::Shipped;
use super::steps::{Step, apply};
use super::words::{given, given_json, seen};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::SourceMap;
use punix_plugin::{Id, Table};
use serde_json::{Map, Value, json};

/// What some steps changed, in the words of people and of documents.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) lines: Vec<String>,
    granted: Vec<Value>,
    taken: Vec<Value>,
    refused: Vec<String>,
    lifted: Vec<String>,
    limits: Map<String, Value>,
}

impl Changed {
    /// Says what steps do to a table.
    pub(super) fn by(table: &Table, steps: &[Step]) -> Changed {
        let mut changed = Changed::default();
        let mut table = table.clone();
        for step in steps {
            changed.note(&table, step);
            apply(&mut table, step);
        }
        changed
    }

    fn note(&mut self, table: &Table, step: &Step) {
        match step {
            Step::Chosen { .. } => {}
            Step::Grant(entry) => {
                self.lines.push(format!("granted: {}", given(entry)));
                self.granted.push(given_json(entry));
            }
            Step::Take(kind, index) => {
                let found = all(&table.grant).into_iter().find(|(at, entry)| (entry.kind(), at) == (*kind, index));
                self.taken(found.map(|(_, entry)| entry));
            }
            Step::TakeFlag(kind) => self.taken(Some(Given::Flag(*kind))),
            Step::Refuse(key) => {
                self.lines.push(format!("refused: {}", seen(&key.to_string())));
                self.refused.push(key.to_string());
            }
            Step::Lift(key) => {
                self.lines.push(format!("no longer refused: {}", seen(&key.to_string())));
                self.lifted.push(key.to_string());
            }
            Step::Limit(name, value) => {
                let said = value.map_or("what is usual".to_owned(), |value| value.to_string());
                self.lines.push(format!("limit: {name} = {said}"));
                self.limits.insert((*name).to_owned(), json!(value));
            }
        }
    }

    fn taken(&mut self, entry: Option<Given>) {
        if let Some(entry) = entry {
            self.lines.push(format!("no longer granted: {}", given(&entry)));
            self.taken.push(given_json(&entry));
        }
    }

    /// Returns the document of a verb.
    pub(super) fn json(self, project: &Project, shipped: &[Shipped], id: &Id, changed: bool) -> Value {
        let known = find(project, shipped, id);
        let requests = known.as_ref().map(|known| {
            let decisions = known.decisions(project);
            decisions.iter().map(|(request, decision)| decision_json(request, decision)).collect::<Vec<_>>()
        });
        json!({
            "ok": true,
            "id": id.as_str(),
            "changed": changed,
            "granted": self.granted,
            "taken": self.taken,
            "refused": self.refused,
            "lifted": self.lifted,
            "limits": self.limits,
            "policy": project.policy_name(),
            "state": known.as_ref().map(Known::state),
            "requests": requests,
        })
    }
}

/// Writes what was decided about one plugin, and says what came of it.
pub(super) fn finish(
    ui: &Ui,
    project: &mut Project,
    shipped: &[Shipped],
    id: &Id,
    steps: &[Step],
) -> Result<Exit, Stopped> {
    let table = project.table(id).cloned().unwrap_or_default();
    let changed = Changed::by(&table, steps);
    if !steps.is_empty() {
        let text = amended(&project.policy_name(), project.policy_text(), id, steps)?;
        project.write_policy(text)?;
    }
    if ui.json {
        let document = changed.json(project, shipped, id, !steps.is_empty());
        return Ok(ui.result(&format!("{document:#}\n"), Exit::Done));
    }
    tell(ui, project, shipped, id);
    let lines: String = changed.lines.iter().map(|line| format!("{line}\n")).collect();
    Ok(ui.result(if lines.is_empty() { "unchanged\n" } else { &lines }, Exit::Done))
}

/// Says in the conversation what still keeps a plugin outside.
pub(super) fn tell(ui: &Ui, project: &Project, shipped: &[Shipped], id: &Id) {
    let Some(known) = find(project, shipped, id) else { return };
    let mut open = 0;
    for (request, decision) in known.decisions(project) {
        let key = seen(&request.key.to_string());
        match decision {
            Decision::Granted(_) | Decision::Computed | Decision::Refused => continue,
            Decision::Undecided { grant, revoke } => {
                ui.say(&format!("undecided: {key}\n  to allow it: {}", seen(&grant)));
                ui.say(&format!("  to go on without: {}", seen(&revoke)));
            }
            Decision::Forbidden { source, revoke } => {
                ui.say(&format!("not allowed by {}: {key}\n  to go on without: {}", seen(&source), seen(&revoke)));
            }
        }
        open += 1;
    }
    match &known.standing {
        Standing::Ready(effective) => {
            let short: Vec<_> = effective.short.iter().map(|short| short.to_diagnostic(id)).collect();
            ui.show(&short, 0, &SourceMap::default());
        }
        Standing::Stopped { .. } if open > 0 => ui.say("it does not run before all of this is decided"),
        Standing::Stopped { diagnostics, .. } => ui.show(diagnostics, 0, &SourceMap::default()),
    }
}
