//! Records as they were before they had a `schema`: what the reference writes. They are read for going back to them, and
//! never written. What such a record does not say (modes, who was live before) is what the reference did then.

use super::read::{artifact, digest, each_once, identify, service};
use super::write::KIND;
use super::{FileRow, Generation, Mark, RecordIssue, ServiceRow, UnitRow, Withheld, base64};
use crate::json::{Fields, Json};
use crate::path::TargetPath;
use punix_store::Digest;
use std::collections::BTreeSet;

/// What made the files that a stack declared.
const RAW: &str = "raw";
const MODE: u32 = 0o644;
const SECRET_MODE: u32 = 0o600;
/// Where units of users lie, below their homes.
const USER_UNITS: &str = "/.config/systemd/user/";

/// Reads the rest of a record without `schema`. Fields that are not known may be there, as the reference has it; those
/// that are must be what they are.
pub(super) fn read(mut fields: Fields, stack: &str, number: u32) -> Result<Generation, RecordIssue> {
    identify(&mut fields, stack)?;
    if fields.has("kind") {
        let kind = fields.line("kind")?;
        if kind != KIND {
            return Err(RecordIssue::Kind { kind });
        }
    }
    let artifacts = match fields.has("artifact_provenance") {
        true => fields.list("artifact_provenance", artifact)?,
        false => Vec::new(),
    };
    let bearing: BTreeSet<TargetPath> = artifacts.iter().map(|row| row.path.clone()).collect();
    let files = fields.list("config_files", |value, at| file(value, at, &bearing))?;
    each_once(&files)?;
    let services = fields.list("services", service)?;
    let mut lines = |key: &str| if fields.has(key) { fields.lines(key) } else { Ok(Vec::new()) };
    let (mut store_paths, state_dirs) = (lines("store_paths")?, lines("state_dirs")?);
    store_paths.sort_unstable();
    store_paths.dedup();
    let in_home = files.iter().any(|row| row.path.as_str().contains(USER_UNITS));
    Ok(Generation {
        number,
        stack: stack.to_owned(),
        deployed_at: fields.line("deployed_at")?,
        deployed_by: String::new(),
        source_hash: fields.line("source_hash")?,
        backend: fields.line("backend")?,
        scope: if in_home { "user" } else { "system" }.to_owned(),
        system: String::new(),
        scenario: None,
        store_paths,
        units: units(&services, &files),
        services,
        files,
        state_dirs,
        stateful: fields.has("stateful") && fields.flag("stateful")?,
        // Going back was going one number down.
        previous: number.checked_sub(1).filter(|before| *before > 0),
        plugins: Vec::new(),
        artifacts,
        render_hash: String::new(),
    })
}

fn file(value: Json, at: &str, artifacts: &BTreeSet<TargetPath>) -> Result<FileRow, RecordIssue> {
    let mut fields = Fields::of(value, at)?;
    let text = fields.text("path")?;
    let path = TargetPath::parse(&plain(&text)).map_err(|issue| {
        let shown = text.escape_debug().to_string();
        RecordIssue::Path { at: fields.at("path"), text: shown, issue }
    })?;
    if !fields.has("ref") {
        return Err(RecordIssue::Unattributed { path });
    }
    let made_by = fields.line("ref")?;
    if made_by != RAW && !fields.has("recipe_code_hash") {
        return Err(RecordIssue::Unidentified { path, made_by });
    }
    let recorded = digest(&mut fields, "sha256")?;
    let is_secret = match fields.take("secret_bearing") {
        None => false,
        Some(Json::Text(text)) if text == "true" => true,
        Some(_) => return Err(fields.wrong("secret_bearing", "the text `true`").into()),
    };
    let inline = match fields.has("content_b64") {
        false => None,
        true => {
            let Some(content) = base64::decode(&fields.text("content_b64")?) else {
                return Err(RecordIssue::Base64 { path });
            };
            if Digest::of(&content) != recorded {
                return Err(RecordIssue::Content { path });
            }
            Some(content)
        }
    };
    let withheld = match (&inline, is_secret) {
        (_, true) => Some(Withheld::Secret),
        (None, false) if artifacts.contains(&path) => Some(Withheld::Artifact),
        // The reference counts what it did not keep as secret, whatever it is.
        (None, false) => Some(Withheld::Secret),
        (Some(_), false) => None,
    };
    let mode = if withheld == Some(Withheld::Secret) { SECRET_MODE } else { MODE };
    Ok(FileRow {
        path,
        mark: Mark::Sha256(recorded),
        chunks: None,
        inline,
        mode,
        owner: None,
        group: None,
        made_by,
        restarts: Vec::new(),
        reloads: Vec::new(),
        withheld,
    })
}

/// Returns a path without empty parts and `.`, which the reference takes; `..` stays, and is refused.
pub(super) fn plain(text: &str) -> String {
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
    let start = if text.starts_with('/') { "/" } else { "" };
    start.to_owned() + &parts.collect::<Vec<_>>().join("/")
}

/// Returns the units that were rendered for services: a timer starts in place of its service.
fn units(services: &[ServiceRow], files: &[FileRow]) -> Vec<UnitRow> {
    let rendered: BTreeSet<&str> = files.iter().filter(|row| row.is_rendered()).map(|row| row.path.name()).collect();
    let of = |service: &ServiceRow| {
        let [unit, timer] = ["service", "timer"].map(|kind| format!("{}.{kind}", service.name));
        let row = |name, starts_at_boot| UnitRow { name, service: service.name.clone(), starts_at_boot };
        let has_timer = rendered.contains(timer.as_str());
        let has_unit = rendered.contains(unit.as_str());
        [has_unit.then(|| row(unit, !has_timer)), has_timer.then(|| row(timer, true))]
    };
    services.iter().flat_map(of).flatten().collect()
}
