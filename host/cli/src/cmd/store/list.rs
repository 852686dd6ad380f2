//! `punix store list`. What an entry is, its `derivation.json` says, never its name: `a-b` in version `1` and `a` in
//! version `b-1` have names that read alike.

use super::{Stopped, disk, find, share};
use crate::args::store::List;
use crate::exit::Exit;
use crate::ui::{Ui, size};
use punix_store::{Store, StoreName};
use serde_json::json;
use std::io;

/// What is said of an entry. What cannot be read is absent.
struct Line {
    name: StoreName,
    package: Option<String>,
    version: Option<String>,
    bytes: Option<u64>,
    damaged: bool,
}

pub(crate) fn run(ui: &Ui, args: &List) -> Result<Exit, Stopped> {
    let store = find(&args.root)?;
    let _shared = share(ui, &store, "punix store list")?;
    let names = store.list().map_err(disk)?;
    let lines: Result<Vec<Line>, io::Error> = names.into_iter().map(|name| line(&store, name)).collect();
    let mut lines = lines.map_err(disk)?;
    // What is not known stands last.
    let key = |line: &Line| (line.package.is_none(), line.package.clone(), line.version.clone());
    lines.sort_by_cached_key(|line| (key(line), line.name.clone()));
    if ui.json {
        let one = |line: &Line| {
            json!({
                "name": line.name.as_str(),
                "path": store.path(&line.name).to_string_lossy(),
                "package": line.package,
                "version": line.version,
                "bytes": line.bytes,
                "damaged": line.damaged,
            })
        };
        let document = json!({
            "store": store.root().to_string_lossy(),
            "artifacts": lines.iter().map(one).collect::<Vec<_>>(),
        });
        return Ok(ui.result(&format!("{document:#}\n"), Exit::Done));
    }
    Ok(ui.result(&table(&lines), Exit::Done))
}

fn line(store: &Store, name: StoreName) -> io::Result<Line> {
    let derivation = store.derivation(&name).ok();
    let parts = derivation.as_ref().map(|derivation| derivation.parts());
    Ok(Line {
        package: parts.map(|parts| parts.package.as_str().to_owned()),
        version: parts.map(|parts| parts.version.as_str().to_owned()),
        bytes: store.bytes(&name).ok(),
        damaged: parts.is_none() || !store.is_valid(&name)?,
        name,
    })
}

/// Lays out one line for each entry, in columns.
fn table(lines: &[Line]) -> String {
    const UNKNOWN: &str = "?";
    let rows: Vec<[String; 4]> = lines
        .iter()
        .map(|line| {
            let text = |text: &Option<String>| text.as_deref().unwrap_or(UNKNOWN).to_owned();
            let size = line.bytes.map_or(UNKNOWN.to_owned(), size);
            let mark = if line.damaged { "  damaged" } else { "" };
            [text(&line.package), text(&line.version), size, format!("{}{mark}", line.name)]
        })
        .collect();
    // Names and versions are ASCII, so bytes are columns.
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (package, version, size) = (width(0), width(1), width(2));
    let row = |row: &[String; 4]| format!("{:package$}  {:version$}  {:>size$}  {}\n", row[0], row[1], row[2], row[3]);
    rows.iter().map(row).collect()
}
