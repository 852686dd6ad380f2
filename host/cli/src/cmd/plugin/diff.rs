//! `punix plugin diff`: what an update asks for that the old version did not.

use super::Stopped;
use super::inspect::named;
use super::known::Seen;
use super::project::Project;
use super::shipped::shipped;
use super::words::seen;
use crate::args::plugin::Diff;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_plugin::{Change, Changes, RequestChange, World, diff};
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn run(ui: &Ui, args: &Diff) -> Result<Exit, Stopped> {
    let (project, shipped) = (Project::read(&args.places)?, shipped());
    let look = |path: &Path| -> Result<Seen, Stopped> {
        let found = named(&project, &shipped, path)?;
        found.seen().cloned().ok_or_else(|| Stopped::usage("there is no component", "name a file"))
    };
    let (old, new) = (look(&args.old)?, look(&args.new)?);
    let changes = diff(&old.inspected.manifest, &new.inspected.manifest);
    let exit = if changes.widens() { Exit::Failed } else { Exit::Done };
    if ui.json {
        let mut document = json(&changes);
        document["same"] = (old.digest == new.digest).into();
        return Ok(ui.result(&format!("{document:#}\n"), exit));
    }
    let text = match text(&changes) {
        text if !text.is_empty() => text,
        _ if old.digest == new.digest => "they are the same, byte for byte\n".to_owned(),
        _ => "it asks for the same\n".to_owned(),
    };
    Ok(ui.result(&text, exit))
}

/// Says what changed, what wants more first in each line; nothing, if nothing did.
pub(super) fn text(changes: &Changes) -> String {
    let mut lines: Vec<String> = Vec::new();
    let from_to = |mark: &str, what: &str, old: String, new: String| format!("{mark} {what}: {old} -> {new}");
    lines.extend(changes.id.iter().map(|(old, new)| from_to("+", "another plugin", old.to_string(), new.to_string())));
    let version = changes.version.iter();
    lines.extend(version.map(|(old, new)| from_to(" ", "version", old.to_string(), new.to_string())));
    let world = |world: World| world.to_string();
    lines.extend(changes.world.iter().map(|(old, new)| from_to("+", "world", world(*old), world(*new))));
    lines.extend(changes.handles_added.iter().map(|handle| format!("+ handles {handle}")));
    lines.extend(changes.handles_removed.iter().map(|handle| format!("- handles {handle} no longer")));
    lines.extend(changes.requests.iter().map(request));
    let value = |wish: &Option<u32>| wish.map_or("what is usual".to_owned(), |wish| wish.to_string());
    let wishes = changes.wishes.iter();
    lines.extend(wishes.map(|(name, old, new)| {
        let mark = if changes.wants_more { "~" } else { " " };
        from_to(mark, &format!("wish {name}"), value(old), value(new))
    }));
    if changes.no_longer_pure {
        lines.push("+ it no longer promises to answer the same to the same".to_owned());
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn request(change: &RequestChange) -> String {
    let key = seen(&change.key.to_string());
    let why = format!("{key}\n    it says what for: {}", seen(change.why.as_str()));
    match change.change {
        Change::Added => format!("+ asks for {why}"),
        Change::Widened => format!("+ asks for more of {why}"),
        Change::Narrowed => format!("- asks for less of {key}"),
        Change::Reworded => format!("~ gives another reason for {why}"),
        Change::Removed => format!("- asks no longer for {key}"),
    }
}

/// Returns the same as an object.
pub(super) fn json(changes: &Changes) -> Value {
    let pair = |old: String, new: String| json!({ "old": old, "new": new });
    let request = |change: &RequestChange| json!({ "key": change.key.to_string(), "change": word(change.change), "why": change.why.as_str() });
    let wish = |(name, old, new): &(&str, Option<u32>, Option<u32>)| json!({ "name": name, "old": old, "new": new });
    let handles = |handles: &[punix_plugin::Handle]| handles.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "widens": changes.widens(),
        "id": changes.id.as_ref().map(|(old, new)| pair(old.to_string(), new.to_string())),
        "version": changes.version.as_ref().map(|(old, new)| pair(old.to_string(), new.to_string())),
        "world": changes.world.as_ref().map(|(old, new)| pair(old.to_string(), new.to_string())),
        "handles_added": handles(&changes.handles_added),
        "handles_removed": handles(&changes.handles_removed),
        "requests": changes.requests.iter().map(request).collect::<Vec<_>>(),
        "wishes": changes.wishes.iter().map(wish).collect::<Vec<_>>(),
        "no_longer_pure": changes.no_longer_pure,
    })
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Widened => "widened",
        Change::Narrowed => "narrowed",
        Change::Reworded => "reworded",
        Change::Removed => "removed",
    }
}
