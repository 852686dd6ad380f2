//! `punix service diff`: what differs between two generations that are kept.

use super::Stopped;
use super::commit::Teller;
use super::draw::Brush;
use super::place;
use super::site::{self, Rootless, Visit};
use super::texts::Texts;
use super::words::{generation, seen, step_json};
use crate::args::service::Diff;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::{Deed, Reason, UnitStep, generation_diff, unit_steps};
use punix_target::{After, Change, FileRow, Generation, There};
use serde_json::{Value, json};

pub(super) fn run(ui: &Ui, args: &Diff) -> Result<Exit, Stopped> {
    let (stack, from, to) = args.words.read()?;
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service diff", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    site::at(ui, &place, visit, |site| {
        let door = site.door;
        door.share()?;
        let (old, new) = (door.record(stack, from)?, door.record(stack, to)?);
        let mut texts = Texts::default();
        texts.read(door, &old, Some(&new))?;
        texts.read(door, &new, Some(&old))?;
        let files = generation_diff(&old, &new, &|mark| texts.find(mark));
        let units = units(&old, &new);
        let packages = packages(&old, &new);
        let brush = Brush { color: ui.paints() };
        let mut text = format!("{stack}: {} → {}\n", generation(from), generation(to));
        text.push_str(&brush.files(&files));
        text.push_str(&brush.units(&units));
        for (sign, path) in &packages {
            text.push_str(&format!("  {sign} package {}\n", seen(path)));
        }
        if files.is_empty() && packages.is_empty() && units.iter().all(|step| step.deed == Deed::Nothing) {
            text.push_str("nothing differs\n");
        }
        let paths = |wanted: &str| -> Vec<&str> {
            packages.iter().filter(|(sign, _)| *sign == wanted).map(|(_, path)| path.as_str()).collect()
        };
        let document = json!({
            "ok": true, "stack": stack, "from": from, "to": to, "files": files,
            "units": units.iter().filter(|step| step.deed != Deed::Nothing).map(step_json).collect::<Vec<Value>>(),
            "packages": { "added": paths("+"), "removed": paths("-") }, "diagnostics": [], "dropped": 0,
        });
        Ok(teller.result(&text, &document, Exit::Done))
    })
}

/// Returns what going from one to the other would do with units.
fn units(old: &Generation, new: &Generation) -> Vec<UnitStep> {
    let row = |rows: &[FileRow], path| rows.iter().find(|row: &&FileRow| row.path == path).cloned();
    let mut changes = Vec::new();
    for file in &new.files {
        if row(&old.files, file.path.clone()).as_ref() != Some(file) {
            let (mark, mode) = (file.mark, file.mode);
            let after = After::File { mark, mode, owner: file.owner.clone(), group: file.group.clone() };
            changes.push(Change { path: file.path.clone(), real: file.path.clone(), before: There::Nothing, after });
        }
    }
    for file in old.files.iter().filter(|file| row(&new.files, file.path.clone()).is_none()) {
        let after = After::Nothing;
        changes.push(Change { path: file.path.clone(), real: file.path.clone(), before: There::Nothing, after });
    }
    let mut steps = unit_steps(Some(old), Some(new), &changes);
    steps.iter_mut().for_each(|step| step.reasons.retain(|reason| *reason != Reason::New));
    steps
}

fn packages(old: &Generation, new: &Generation) -> Vec<(&'static str, String)> {
    let only = |one: &Generation, other: &Generation, sign| {
        let paths = one.store_paths.iter().filter(|path| !other.store_paths.contains(path));
        paths.map(|path| (sign, path.clone())).collect::<Vec<_>>()
    };
    let mut packages = only(old, new, "-");
    packages.extend(only(new, old, "+"));
    packages
}
