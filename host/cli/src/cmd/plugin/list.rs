//! `punix plugin list`

use super::Stopped;
use super::known::{Known, survey};
use super::project::Project;
use super::shipped::shipped;
use crate::args::plugin::List;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_plugin::World;
use serde_json::json;

pub(super) fn run(ui: &Ui, args: &List) -> Result<Exit, Stopped> {
    let project = Project::read(&args.places)?;
    let known = survey(&project, &shipped());
    if ui.json {
        let document = json!({ "plugins": known.iter().map(Known::json).collect::<Vec<_>>() });
        return Ok(ui.result(&format!("{document:#}\n"), Exit::Done));
    }
    Ok(ui.result(&table(&known), Exit::Done))
}

/// Lays out one line for each plugin, in columns.
fn table(known: &[Known]) -> String {
    let rows: Vec<[String; 6]> = known.iter().map(row).collect();
    // Ids, versions and handles are ASCII, so bytes are columns.
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  ")).collect::<String>();
        format!("{cells}{}\n", row[5])
    };
    rows.iter().map(line).collect()
}

fn row(known: &Known) -> [String; 6] {
    const UNKNOWN: &str = "?";
    let handles = known.component.as_ref().map(|seen| {
        let handles = seen.inspected.manifest.handles.iter().map(|handle| handle.as_str());
        handles.collect::<Vec<_>>().join(",")
    });
    [
        known.id.to_string(),
        known.version(),
        known.world().map_or(UNKNOWN, World::noun).to_owned(),
        handles.unwrap_or_else(|| UNKNOWN.to_owned()),
        known.digest().map_or(UNKNOWN.to_owned(), short),
        known.state().to_owned(),
    ]
}

/// Returns so much of a digest that people can tell it from others.
pub(super) fn short(digest: punix_plugin::Digest) -> String {
    digest.to_string().chars().take(12).collect()
}
