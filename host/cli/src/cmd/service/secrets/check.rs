//! `punix secrets check`: which secrets are found, and where they come from. Nothing is written, no target is asked, and no
//! value leaves this process.

use super::{Answer, Looked, Needs, Outcome, look_all, seen};
use crate::args::secrets::Check as Arguments;
use crate::cmd::check::{diagnostics_json, fail};
use crate::cmd::service::fleet;
use crate::cmd::service::home::Home;
use crate::cmd::service::plugins::{self, Plugins};
use crate::cmd::service::prepare::base_of;
use crate::cmd::service::secrets::Vault;
use crate::cmd::service::{Stopped, place_json};
use crate::exit::Exit;
use crate::load::load;
use crate::ui::Ui;
use punix_deploy::{Filling, StackChoice, compose_stack};
use punix_diag::{SourceMap, Span};
use punix_model::Slot;
use punix_pcl::{Checked, World, check};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// The module of a fleet, and the member by which it is one.
const FLEET: &str = "Fleet";
const HOSTS: &str = "hosts";

pub(in crate::cmd::service) fn run(ui: &Ui, args: &Arguments) -> Exit {
    let begun = begin(ui, args);
    let (checked, world, base) = match begun {
        Ok(begun) => begun,
        Err(stopped) => return stopped.tell(ui, &SourceMap::default()),
    };
    let sources = &checked.program.ast.sources;
    if checked.has_errors() {
        return fail(ui, &checked.diagnostics, checked.dropped, sources);
    }
    let looked = match (is_fleet(&checked, args.stack.name()), &args.file) {
        (true, Some(file)) => Vault::read(ui, &args.secrets)
            .and_then(|vault| fleet::check(ui, file, args.scenario.as_deref(), vault.as_ref())),
        (_, _) => look(ui, args, &checked, &world, base),
    };
    looked.unwrap_or_else(|stopped| stopped.tell(ui, sources))
}

/// Says whether a name means the program's fleet.
fn is_fleet(checked: &Checked, name: &str) -> bool {
    let program = &checked.program;
    let hosts = |module| program.members_of(module).any(|(_, member)| program.ast.text(member.name) == HOSTS);
    name == FLEET && program.module_named(name).is_some_and(hosts)
}

fn begin<'a>(ui: &Ui, args: &'a Arguments) -> Result<(Checked, World, &'a Path), Stopped> {
    let file = args.file.as_deref().ok_or_else(|| {
        let message = "--file is required (a PCL file or directory)";
        Stopped::usage(message, "for example: punix secrets check Web --file web.pcl")
    })?;
    let texts = load(file).map_err(|error| Stopped::Usage { message: error.to_string(), help: None })?;
    let base = base_of(file);
    let world = plugins::world(ui, Path::new("."), base)?;
    Ok((check(texts, &world), world, base))
}

fn look(ui: &Ui, args: &Arguments, checked: &Checked, world: &World, base: &Path) -> Result<Exit, Stopped> {
    let scenario = args.scenario.as_deref().map(|name| checked.scenario(name)).transpose()?;
    let home = Home::of_this_user();
    let choice = StackChoice {
        checked,
        world,
        scenario,
        stack: args.stack.name(),
        home: home.text(),
        // Where packages would be has nothing to do with secrets.
        artifacts: Filling::References,
        entry: &|_| Some("/".to_owned()),
    };
    let (design, _) = compose_stack(choice)?;
    let needs =
        Needs { plugins: Plugins::read(ui, Path::new("."), base)?, slots: design.slots, places: design.slot_places };
    let vault = Vault::read(ui, &args.secrets)?;
    let Some(Looked { answers, errors }) = look_all(vault.as_ref(), &[&needs]).pop() else { return Ok(Exit::Bug) };
    let sources = &checked.program.ast.sources;
    let exit = if errors.is_empty() { Exit::Done } else { Exit::of(&errors) };
    if ui.json {
        let document = json!({
            "ok": errors.is_empty(), "stack": design.name, "secrets": needs.rows_json(&answers, sources),
            "diagnostics": diagnostics_json(&errors, sources), "dropped": 0,
        });
        return Ok(ui.result(&format!("{document:#}\n"), exit));
    }
    let told = ui.result(&needs.text(&design.name, &answers), exit);
    ui.show(&errors, 0, sources);
    Ok(told)
}

impl Needs {
    /// Says of each secret what became of it, a line each, and counts them.
    pub(in crate::cmd::service) fn text(&self, stack: &str, answers: &[Answer]) -> String {
        if answers.is_empty() {
            return format!("{stack} refers to no secrets\n");
        }
        let rows = self.rows(answers);
        let width = rows.iter().map(|row| seen(&row.slot.name).chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for row in &rows {
            let (name, state) = (seen(&row.slot.name), row.state());
            let _ = writeln!(text, "{}", format!("{name:width$}  {state:7}  {}", row.origin()).trim_end());
        }
        let count = |state: &str| rows.iter().filter(|row| row.state() == state).count();
        let of = |state: &str| match count(state) {
            0 => String::new(),
            number => format!(", {number} {state}"),
        };
        let _ = writeln!(text, "{stack}: {} found{}{}", count(FOUND), of(MISSING), of(FAILED));
        text
    }

    /// Returns the same as data.
    pub(in crate::cmd::service) fn rows_json(&self, answers: &[Answer], sources: &SourceMap) -> Vec<Value> {
        self.rows(answers).iter().map(|row| row.json(sources)).collect()
    }

    fn rows<'r>(&'r self, answers: &'r [Answer]) -> Vec<Row<'r>> {
        let places = self.places.iter().map(|place| Some(*place)).chain(std::iter::repeat(None));
        let slots = self.slots.iter().zip(answers).zip(places);
        let mut rows: Vec<Row<'r>> = slots.map(|((slot, answer), at)| Row { slot, answer, at }).collect();
        rows.sort_by(|one, other| one.slot.name.cmp(&other.slot.name));
        rows
    }
}

/// A secret, and what became of looking for it.
struct Row<'r> {
    slot: &'r Slot,
    answer: &'r Answer,
    at: Option<Span>,
}

const FOUND: &str = "found";
const MISSING: &str = "missing";
const FAILED: &str = "failed";

impl Row<'_> {
    fn state(&self) -> &'static str {
        match &self.answer.outcome {
            Outcome::Found(_) => FOUND,
            Outcome::Missing(_) => MISSING,
            Outcome::Failed(_) | Outcome::Unasked(_) => FAILED,
        }
    }

    /// Returns where it was looked for, and what is known of what was found.
    fn origin(&self) -> String {
        let origin = self.answer.origin.words();
        match &self.answer.outcome {
            Outcome::Found(found) => match &found.version {
                Some(version) => format!("{origin}, version {}", seen(version)),
                None => origin,
            },
            Outcome::Missing(_) | Outcome::Failed(_) | Outcome::Unasked(_) => origin,
        }
    }

    fn json(&self, sources: &SourceMap) -> Value {
        let (kind, name) = self.slot.name.split_once(':').unwrap_or(("", &self.slot.name));
        let (version, ttl_ms) = match &self.answer.outcome {
            Outcome::Found(found) => (found.version.clone(), found.ttl_ms),
            Outcome::Missing(_) | Outcome::Failed(_) | Outcome::Unasked(_) => (None, None),
        };
        let row = json!({
            "reference": self.slot.name, "kind": kind, "name": name, "state": self.state(),
            "from": self.answer.origin.words(), "plugin": self.answer.by.as_ref().map(|row| row.id.as_str()),
            "version": version, "ttl_ms": ttl_ms,
        });
        place_json(row, self.at, sources)
    }
}
