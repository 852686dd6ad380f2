//! What becomes of each unit, and why: exactly those are restarted whose definition, program, environment or
//! configuration changed.

#[cfg(test)]
mod tests;

use crate::draft;
use punix_model::{Action, Scope, Stack, Wish};
use punix_store::Digest;
use punix_target::{After, Change, FileRow, Generation, Mark, ServiceRow, TargetPath, UnitRow};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What becomes of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitStep {
    pub unit: String,
    pub service: String,
    pub deed: Deed,
    pub reasons: Vec<Reason>,
    pub starts_at_boot: bool,
}

/// What is done with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// It is new.
    Start,
    Restart,
    Reload,
    /// It is stopped and disabled, for its files go.
    Remove,
    Nothing,
}

/// Why something is done with a unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    New,
    Removed,
    Binary,
    Arguments,
    Environment,
    /// Something else of its unit file.
    Definition,
    /// A secret has another value, or stands elsewhere.
    Secret(TargetPath),
    /// What another host gives is another text.
    Artifact(TargetPath),
    Config(TargetPath),
    /// A file that it reads is there no more.
    Gone(TargetPath),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::New => f.write_str("new"),
            Reason::Removed => f.write_str("removed"),
            Reason::Binary => f.write_str("binary changed"),
            Reason::Arguments => f.write_str("arguments changed"),
            Reason::Environment => f.write_str("environment changed"),
            Reason::Definition => f.write_str("definition changed"),
            Reason::Artifact(path) => write!(f, "artifact in {path} changed"),
            Reason::Secret(path) => write!(f, "secret in {path} changed"),
            Reason::Config(path) => write!(f, "config {path} changed"),
            Reason::Gone(path) => write!(f, "config {path} removed"),
        }
    }
}

impl UnitStep {
    /// Returns the same step with nothing done, for a plan that touches no file.
    pub(crate) fn left(self) -> UnitStep {
        UnitStep { deed: Deed::Nothing, reasons: Vec::new(), ..self }
    }
}

/// Returns what becomes of each unit: first those that go, in the order in which they can be stopped, then the others, in
/// the order in which they start.
pub fn unit_steps(old: Option<&Generation>, new: Option<&Generation>, changes: &[Change]) -> Vec<UnitStep> {
    let old_units = old.map(|old| old.units.as_slice()).unwrap_or_default();
    let new_units = new.map(|new| new.units.as_slice()).unwrap_or_default();
    let named = |units: &[UnitRow], name: &str| units.iter().any(|unit| unit.name == name);
    let step = |unit: &UnitRow, deed: Deed, reasons: Vec<Reason>| UnitStep {
        unit: unit.name.clone(),
        service: unit.service.clone(),
        deed,
        reasons,
        starts_at_boot: unit.starts_at_boot,
    };
    let gone = old_units.iter().rev().filter(|unit| !named(new_units, &unit.name));
    let gone = gone.map(|unit| step(unit, Deed::Remove, vec![Reason::Removed]));
    let touched = Touched::of(old, new, changes);
    let stay = new_units.iter().map(|unit| {
        if !named(old_units, &unit.name) {
            return step(unit, Deed::Start, vec![Reason::New]);
        }
        let (deed, reasons) = touched.judge(unit);
        step(unit, deed, reasons)
    });
    gone.chain(stay).collect()
}

/// Files that become others, by what they mean for units.
struct Touched<'t> {
    old: Option<&'t Generation>,
    new: Option<&'t Generation>,
    /// For each unit, the files that concern it.
    concerns: BTreeMap<&'t str, Vec<Concern<'t>>>,
}

/// A file that concerns a unit.
#[derive(Clone, Copy)]
struct Concern<'t> {
    row: &'t FileRow,
    fate: Fate<'t>,
    /// Whether reading it again is enough.
    reload: bool,
}

#[derive(Clone, Copy)]
enum Fate<'t> {
    /// It is written, and was this before.
    Written(Option<&'t FileRow>),
    Removed,
}

impl<'t> Touched<'t> {
    fn of(old: Option<&'t Generation>, new: Option<&'t Generation>, changes: &[Change]) -> Touched<'t> {
        let rows = |generation: Option<&'t Generation>| -> BTreeMap<&'t TargetPath, &'t FileRow> {
            let files = generation.map(|generation| generation.files.as_slice()).unwrap_or_default();
            files.iter().map(|row| (&row.path, row)).collect()
        };
        let (before, after) = (rows(old), rows(new));
        let mut concerns: BTreeMap<&str, Vec<Concern<'t>>> = BTreeMap::new();
        for change in changes {
            let earlier = before.get(&change.path).copied();
            let (row, fate) = match &change.after {
                After::File { .. } => (after.get(&change.path).copied(), Fate::Written(earlier)),
                After::Nothing => (earlier, Fate::Removed),
                After::Same => continue,
            };
            let Some(row) = row else { continue };
            for (units, reload) in [(&row.restarts, false), (&row.reloads, true)] {
                for unit in units {
                    concerns.entry(unit).or_default().push(Concern { row, fate, reload });
                }
            }
        }
        Touched { old, new, concerns }
    }

    fn judge(&self, unit: &UnitRow) -> (Deed, Vec<Reason>) {
        let concerns = self.concerns.get(unit.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let mut reasons = BTreeSet::new();
        for concern in concerns {
            match concern.fate {
                Fate::Written(before) => self.reasons(unit, concern.row, before, &mut reasons),
                Fate::Removed => {
                    reasons.insert(Reason::Gone(concern.row.path.clone()));
                }
            }
        }
        let deed = match concerns {
            [] => Deed::Nothing,
            concerns if concerns.iter().all(|concern| concern.reload) => Deed::Reload,
            _ => Deed::Restart,
        };
        (deed, reasons.into_iter().collect())
    }

    /// Says why a unit has to know of a file.
    fn reasons(&self, unit: &UnitRow, row: &FileRow, before: Option<&FileRow>, reasons: &mut BTreeSet<Reason>) {
        if self.is_other_by_artifacts(row) {
            reasons.insert(Reason::Artifact(row.path.clone()));
            return;
        }
        if !row.is_rendered() {
            reasons.insert(Reason::Config(row.path.clone()));
            return;
        }
        let known = reasons.len();
        let is_unit = row.path.name() == unit.name || unit_of(row, unit);
        let services = (self.service(self.old, unit), self.service(self.new, unit));
        if let (Some(old), Some(new)) = services {
            let differs = [
                (Reason::Binary, is_unit && (&old.exec_path, &old.package_path) != (&new.exec_path, &new.package_path)),
                (Reason::Arguments, is_unit && old.args != new.args),
                (Reason::Environment, old.environment != new.environment),
            ];
            reasons.extend(differs.into_iter().filter(|(_, differs)| *differs).map(|(reason, _)| reason));
        }
        if reasons.len() > known || (is_unit && self.explains(unit, reasons)) {
            return;
        }
        let same_text = before.is_some_and(|before| before.chunks == row.chunks);
        reasons.insert(match (is_unit, row.chunks.is_some() && same_text) {
            (_, true) => Reason::Secret(row.path.clone()),
            (true, false) => Reason::Definition,
            (false, false) => Reason::Config(row.path.clone()),
        });
    }

    /// Tells whether a file differs by nothing but artifacts: by references, all that was rendered is the same.
    fn is_other_by_artifacts(&self, row: &FileRow) -> bool {
        let (Some(old), Some(new)) = (self.old, self.new) else { return false };
        let holds = new.artifacts.iter().any(|artifact| artifact.path == row.path);
        let other = old.files.iter().any(|before| before.path == row.path && before.mark != row.mark);
        holds && other && !row.is_secret() && !new.render_hash.is_empty() && old.render_hash == new.render_hash
    }

    /// Tells whether what is known already is why the unit's own file became another.
    fn explains(&self, unit: &UnitRow, reasons: &BTreeSet<Reason>) -> bool {
        let same_rest = match (self.service(self.old, unit), self.service(self.new, unit)) {
            (Some(old), Some(new)) => old.depends_on == new.depends_on,
            (None, _) | (_, None) => false,
        };
        same_rest
            && reasons.iter().any(|reason| matches!(reason, Reason::Binary | Reason::Arguments | Reason::Environment))
    }

    fn service(&self, generation: Option<&'t Generation>, unit: &UnitRow) -> Option<&'t ServiceRow> {
        generation?.services.iter().find(|service| service.name == unit.service)
    }
}

/// Tells whether a file is the unit of a service that another unit starts: `backup.service`, started by `backup.timer`.
fn unit_of(row: &FileRow, unit: &UnitRow) -> bool {
    let stem = |name: &str| name.rsplit_once('.').map(|(stem, _)| stem.to_owned());
    !unit.service.is_empty()
        && stem(row.path.name()).is_some_and(|stem| stem == unit.service)
        && row.path.name().rsplit_once('.').is_some_and(|(_, end)| matches!(end, "service" | "timer"))
}

/// What is activated besides what a plan changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activation {
    /// Units are started, stopped, restarted and reloaded.
    pub activate: bool,
    /// Every unit is restarted, whether anything of it changed or not.
    pub restart_all: bool,
    /// Units start with the machine from now on.
    pub enable: bool,
}

/// Returns what a backend is asked to do. What is to go is stopped and disabled in any case where anything is activated.
pub fn wishes(steps: &[UnitStep], activation: Activation) -> Vec<Wish> {
    let Activation { activate, restart_all, enable } = activation;
    let mut wishes = Vec::new();
    let mut add = |step: &UnitStep, action| wishes.push(Wish { unit: step.unit.clone(), action });
    for step in steps {
        let action = match step.deed {
            Deed::Start => Some(Action::Start),
            Deed::Restart => Some(Action::Restart),
            Deed::Reload if restart_all => Some(Action::Restart),
            Deed::Reload => Some(Action::Reload),
            Deed::Remove => Some(Action::Remove),
            Deed::Nothing => restart_all.then_some(Action::Restart),
        };
        if let Some(action) = action.filter(|_| activate) {
            add(step, action);
        }
        if enable && step.deed != Deed::Remove && step.starts_at_boot {
            add(step, Action::Enable);
        }
    }
    wishes
}

/// Returns a stack as far as a backend has to know it to bring its units up: with the accounts and the temporary files
/// that have to be there before. They are read from what it had rendered for them; `content` returns it.
pub fn stack_to_bring_up(generation: &Generation, content: &dyn Fn(&Digest) -> Option<Vec<u8>>) -> Stack {
    let mut stack = stack_for_units(generation);
    let name = format!("punix-{}.conf", generation.stack);
    let lines = |directories: &[&str]| -> Vec<String> {
        let is_of = |row: &&FileRow| {
            let parent = row.path.parent();
            let is_there = parent.is_some_and(|parent| directories.contains(&parent.name()));
            row.is_rendered() && row.path.name() == name && is_there
        };
        let bytes = generation.files.iter().find(is_of).and_then(|row| match row.mark {
            Mark::Sha256(digest) => content(&digest),
            Mark::HmacSha256(_) => None,
        });
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    };
    let accounts = lines(&["sysusers.d"]);
    let names: BTreeSet<&str> = accounts.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    if !names.is_empty() {
        // A user has a group of the same name, or of one that has a line of its own.
        stack.config = json!({ "systemGroups": names }).to_string();
    }
    let temporary = lines(&["tmpfiles.d", "user-tmpfiles.d"]);
    if let (Some(first), false) = (stack.services.first_mut(), temporary.is_empty()) {
        // Whose they were is not recorded, and nothing depends on it.
        first.config = json!({ "tmpfiles": temporary }).to_string();
    }
    stack
}

/// Returns a stack as far as a backend has to know it for its units, from the record of a generation alone.
pub fn stack_for_units(generation: &Generation) -> Stack {
    let scope = if generation.scope == draft::scope(Scope::User) { Scope::User } else { Scope::System };
    let service = |row: &ServiceRow| punix_model::Service {
        name: row.name.clone(),
        argv: [row.exec_path.clone()].into_iter().chain(row.args.iter().cloned()).collect(),
        env: Vec::new(),
        depends_on: row.depends_on.clone(),
        secret_delivery: "environment-file".to_owned(),
        config: "{}".to_owned(),
    };
    let is_unit = |row: &&FileRow| {
        row.is_rendered() && generation.units.iter().any(|unit| unit.name == row.path.name() || unit_of(row, unit))
    };
    let unit_dir = generation.files.iter().find(is_unit).and_then(|row| row.path.parent());
    Stack {
        name: generation.stack.clone(),
        scope,
        services: generation.services.iter().map(service).collect(),
        slots: Vec::new(),
        config: "{}".to_owned(),
        unit_dir: unit_dir.map(|dir| dir.as_str().to_owned()),
    }
}
