//! `punix service why`: who made a managed file, and what restarts when it changes.

use super::Stopped;
use super::commit::Teller;
use super::place;
use super::site::{self, Rootless, Visit, live};
use super::words::{generation, seen};
use crate::args::service::Why;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::{Code, Diagnostic, closest};
use punix_target::{ArtifactRow, FileRow, Generation, RecordedChunk};
use serde_json::json;
use std::collections::BTreeSet;

/// What stands in records for files that the program itself has.
const RAW: &str = "raw";
const DATA: &str = "std.datafile";
const TLS: &str = "std.tls";

pub(super) fn run(ui: &Ui, args: &Why) -> Result<Exit, Stopped> {
    let (stack, path) = args.words.read()?;
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service why", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    site::at(ui, &place, visit, |site| {
        let live = live(site.door.current_record(stack)?, stack)?;
        let recorded = recorded(path);
        let row = live.files.iter().find(|row| row.path.as_str() == recorded).ok_or_else(|| unknown(&live, path))?;
        let secrets = secrets(row);
        let document = json!({
            "ok": true, "stack": live.stack, "generation": live.number, "path": recorded, "made_by": row.made_by,
            "plugin": live.plugins.iter().find(|plugin| plugin.id == row.made_by).map(|plugin| json!({
                "id": plugin.id, "version": plugin.version, "sha256": plugin.sha256,
            })),
            "mode": format!("{:04o}", row.mode), "owner": row.owner, "group": row.group, "secrets": secrets,
            "artifacts": artifacts(&live, row).into_iter().map(|artifact| json!({
                "host": artifact.host, "name": artifact.name, "kind": artifact.kind,
            })).collect::<Vec<_>>(),
            "restarts": row.restarts, "reloads": row.reloads, "diagnostics": [], "dropped": 0,
        });
        Ok(teller.result(&text(&live, row, &secrets), &document, Exit::Done))
    })
}

/// Returns a path as records have it: a program may say `/etc//a` or `/etc/a/` of what is at `/etc/a`.
fn recorded(path: &str) -> String {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let start = if path.starts_with('/') { "/" } else { "" };
    start.to_owned() + &parts.collect::<Vec<_>>().join("/")
}

fn secrets(row: &FileRow) -> BTreeSet<String> {
    let chunks = row.chunks.iter().flatten();
    let names = chunks.filter_map(|chunk| match chunk {
        RecordedChunk::Secret { reference, .. } => Some(seen(reference)),
        RecordedChunk::Text(_) | RecordedChunk::Artifact(_) => None,
    });
    names.collect()
}

fn artifacts<'g>(live: &'g Generation, row: &FileRow) -> Vec<&'g ArtifactRow> {
    live.artifacts.iter().filter(|artifact| artifact.path == row.path).collect()
}

fn text(live: &Generation, row: &FileRow, secrets: &BTreeSet<String>) -> String {
    let path = seen(row.path.as_str());
    let mut text = match row.made_by.as_str() {
        RAW => format!("{path}: written verbatim from PCL `configFiles` (no recipe)\n"),
        DATA => format!("{path}: written from PCL `dataFiles`\n"),
        TLS => format!("{path}: brought with `--tls-certs` for `tls`\n"),
        maker => match live.plugins.iter().find(|plugin| plugin.id == maker) {
            Some(plugin) => {
                let (id, version) = (seen(&plugin.id), seen(&plugin.version));
                format!("{path}: produced by {id} {version} @ {}\n", seen(&plugin.sha256))
            }
            None => format!("{path}: produced by {}\n", seen(maker)),
        },
    };
    let owner = match (&row.owner, &row.group) {
        (None, None) => String::new(),
        (owner, group) => {
            let name = |name: &Option<String>| name.as_deref().map_or_else(|| "-".to_owned(), seen);
            format!(", {}:{}", name(owner), name(group))
        }
    };
    text.push_str(&format!("{path}: mode {:04o}{owner}\n", row.mode));
    let list = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(", ");
    if !secrets.is_empty() {
        text.push_str(&format!("{path}: holds {}\n", list(&mut secrets.iter().cloned())));
    }
    for (what, units) in [("restarts", &row.restarts), ("reloads", &row.reloads)] {
        if !units.is_empty() {
            text.push_str(&format!(
                "{path}: when it changes, {what} {}\n",
                list(&mut units.iter().map(|unit| seen(unit)))
            ));
        }
    }
    let (stack, number) = (&live.stack, generation(live.number));
    let artifacts = artifacts(live, row);
    if artifacts.is_empty() {
        return text + &format!("{path}: no cross-host artifacts (stack {stack}, {number})\n");
    }
    text.push_str(&format!("{path} (stack {stack}, {number}) consumes {} cross-host artifact(s):\n", artifacts.len()));
    for ArtifactRow { host, name, kind, .. } in artifacts {
        text.push_str(&format!("  {}/{} [{}]\n", seen(host), seen(name), seen(kind)));
    }
    text
}

fn unknown(live: &Generation, path: &str) -> Stopped {
    let (stack, number) = (&live.stack, generation(live.number));
    let error = Diagnostic::error(Code::E2, format!("`{}` is not a config file in {stack} {number}", seen(path)));
    let paths = live.files.iter().map(|row| row.path.as_str());
    match closest(path, paths) {
        Some((near, _)) => error.help(format!("did you mean `{near}`?")).into(),
        None => error.help(format!("`punix service verify {stack}` names its files")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_asked_for_as_the_program_says_it() {
        for path in ["/etc/web/mode", "//etc/./web//mode", "/etc/web/mode/", "/etc/web/mode/."] {
            assert_eq!(recorded(path), "/etc/web/mode");
        }
        // These lead elsewhere, or nobody knows where.
        for path in ["etc/web/mode", "/etc/web/x/../mode", "/", ""] {
            assert_eq!(recorded(path), path);
        }
    }
}
