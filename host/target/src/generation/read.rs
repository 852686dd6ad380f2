//! Reading a record, strictly. It comes from a disk on which others may write, so nothing in it is believed: not even
//! whose it is. What a record says is done again on a rollback; whoever cannot understand all of it must not
//! do any of it.

use super::old::{self, plain};
use super::write::{EMPTY, KIND};
use super::{ArtifactRow, FileRow, Generation, Mark, PluginRow, RecordedChunk, SCHEMA, ServiceRow, UnitRow};
use crate::json::{FieldIssue, Fields, Json};
use crate::path::{PathIssue, TargetPath};
use punix_store::Digest;
use punix_store::limits::RECORD_BYTES_MAX;
use std::collections::{BTreeMap, BTreeSet};

const MODE_MAX: u32 = 0o7777;

/// Why bytes are not the record that they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordIssue {
    #[error("it cannot be read: {why}")]
    Unreadable { why: String },
    #[error("it is larger than {RECORD_BYTES_MAX} bytes")]
    TooLarge,
    #[error("it is not UTF-8")]
    NotText,
    #[error("it is not JSON that has one meaning: {why}")]
    NotJson { why: String },
    #[error("it is not a JSON object")]
    NotAnObject,
    #[error("it has schema {schema}, and this version of punix knows none above {SCHEMA}")]
    Newer { schema: u64 },
    #[error("it is a record of the kind `{kind}`, not of a stack")]
    Kind { kind: String },
    #[error(transparent)]
    Field(#[from] FieldIssue),
    #[error("it is of the stack `{found}`")]
    OtherStack { found: String },
    #[error("its `{at}` says `{text}`, which is no path on a target: {issue}")]
    Path { at: String, text: String, issue: PathIssue },
    #[error("it has the path `{path}` twice")]
    PathTwice { path: TargetPath },
    #[error("its file `{path}` does not say what made it")]
    Unattributed { path: TargetPath },
    #[error("its file `{path}` was made by `{made_by}`, but it does not say by which one")]
    Unidentified { path: TargetPath, made_by: String },
    #[error("what it holds of `{path}` is not base64")]
    Base64 { path: TargetPath },
    #[error("what it holds of `{path}` is not what its `sha256` says")]
    Content { path: TargetPath },
    /// As a target said it over a pipe.
    #[error("{why}")]
    Told { why: String },
}

impl Generation {
    /// Reads the record of a generation of this stack, in our form or the one before it. Its number is the one that it is
    /// kept under, whatever it says itself.
    pub fn from_bytes(bytes: &[u8], stack: &str, number: u32) -> Result<Generation, RecordIssue> {
        if u64::try_from(bytes.len()).is_ok_and(|length| length > RECORD_BYTES_MAX) {
            return Err(RecordIssue::TooLarge);
        }
        let text = str::from_utf8(bytes).map_err(|_| RecordIssue::NotText)?;
        let value = Json::parse(text).map_err(|why| RecordIssue::NotJson { why })?;
        let mut fields = Fields::of(value, "").map_err(|_| RecordIssue::NotAnObject)?;
        if !fields.has("schema") {
            return old::read(fields, stack, number);
        }
        match fields.number("schema")? {
            SCHEMA => read(fields, stack, number),
            0 => Err(fields.wrong("schema", "a number that counts from 1").into()),
            schema => Err(RecordIssue::Newer { schema }),
        }
    }
}

/// Checks what must be as the caller knows it.
pub(super) fn identify(fields: &mut Fields, stack: &str) -> Result<(), RecordIssue> {
    // Which generation it is, its name says: whoever moved a record meant that. It must say some number, as all do.
    if fields.number("generation")? == 0 {
        return Err(fields.wrong("generation", "a number that counts from 1").into());
    }
    let found = fields.line("stack_name")?;
    if found != stack {
        return Err(RecordIssue::OtherStack { found });
    }
    Ok(())
}

fn read(mut fields: Fields, stack: &str, number: u32) -> Result<Generation, RecordIssue> {
    identify(&mut fields, stack)?;
    let kind = fields.line("kind")?;
    if kind != KIND {
        return Err(RecordIssue::Kind { kind });
    }
    if fields.need(EMPTY)? != Json::List(Vec::new()) {
        return Err(fields.wrong(EMPTY, "an empty list").into());
    }
    let scope = fields.line("scope")?;
    if !["system", "user"].contains(&scope.as_str()) {
        return Err(fields.wrong("scope", "`system` or `user`").into());
    }
    let generation = Generation {
        number,
        stack: stack.to_owned(),
        deployed_at: fields.line("deployed_at")?,
        deployed_by: fields.line("deployed_by")?,
        source_hash: fields.line("source_hash")?,
        backend: fields.line("backend")?,
        scope,
        system: fields.line("system")?,
        scenario: fields.line_or_null("scenario")?,
        store_paths: fields.lines("store_paths")?,
        services: fields.list("services", service)?,
        files: fields.list("config_files", file)?,
        units: fields.list("units", unit)?,
        state_dirs: fields.lines("state_dirs")?,
        stateful: fields.flag("stateful")?,
        previous: previous(&mut fields)?,
        plugins: fields.list("plugins", plugin)?,
        artifacts: fields.list("artifact_provenance", artifact)?,
        render_hash: fields.line("render_hash")?,
    };
    // What may be passed over by whoever does not know it.
    fields.take("x");
    fields.end()?;
    each_once(&generation.files)?;
    Ok(generation)
}

/// Refuses a path that is there twice: nobody could say which of the two is meant.
pub(super) fn each_once(files: &[FileRow]) -> Result<(), RecordIssue> {
    let mut paths = BTreeSet::new();
    match files.iter().find(|row| !paths.insert(&row.path)) {
        None => Ok(()),
        Some(row) => Err(RecordIssue::PathTwice { path: row.path.clone() }),
    }
}

fn previous(fields: &mut Fields) -> Result<Option<u32>, FieldIssue> {
    const KEY: &str = "previous";
    match fields.need(KEY)? {
        Json::Null => Ok(None),
        Json::Number(Some(number)) if number > 0 && u32::try_from(number).is_ok() => Ok(u32::try_from(number).ok()),
        _ => Err(fields.wrong(KEY, "a number of a generation, or null")),
    }
}

/// Reads a service; the rows are the same in both forms.
pub(super) fn service(value: Json, at: &str) -> Result<ServiceRow, FieldIssue> {
    let mut fields = Fields::of(value, at)?;
    let row = ServiceRow {
        name: fields.line("name")?,
        package: fields.line("package")?,
        package_path: fields.line("package_path")?,
        binary: fields.line("binary")?,
        exec_path: fields.line("exec_path")?,
        args: fields.texts("args")?,
        depends_on: fields.lines("depends_on")?,
        environment: fields.list("environment", variable)?,
    };
    fields.end()?;
    Ok(row)
}

fn variable(value: Json, at: &str) -> Result<BTreeMap<String, String>, FieldIssue> {
    let mut fields = Fields::of(value, at)?;
    let kind = fields.line("kind")?;
    let others: &[&str] = match kind.as_str() {
        "literal" => &["key", "value"],
        "artifact" => &["host", "key", "name"],
        _ => &["key", "name"],
    };
    let mut row = BTreeMap::from([("kind".to_owned(), kind)]);
    for key in others {
        row.insert((*key).to_owned(), fields.text(key)?);
    }
    fields.end()?;
    Ok(row)
}

fn file(value: Json, at: &str) -> Result<FileRow, RecordIssue> {
    let mut fields = Fields::of(value, at)?;
    let text = fields.text("path")?;
    let path = TargetPath::parse(&text).map_err(|issue| {
        let text = text.escape_debug().to_string();
        RecordIssue::Path { at: fields.at("path"), text, issue }
    })?;
    if !fields.has("ref") {
        return Err(RecordIssue::Unattributed { path });
    }
    let (mark, chunks) = if fields.has("secret") {
        if !fields.flag("secret")? {
            return Err(fields.wrong("secret", "`true`, or absent").into());
        }
        let mark = Mark::HmacSha256(digest(&mut fields, "hmac_sha256")?);
        (mark, if fields.has("chunks") { Some(fields.list("chunks", chunk)?) } else { None })
    } else {
        (Mark::Sha256(digest(&mut fields, "sha256")?), None)
    };
    let row = FileRow {
        path,
        mark,
        chunks,
        inline: None,
        mode: mode(&mut fields)?,
        owner: fields.line_or_null("owner")?,
        group: fields.line_or_null("group")?,
        made_by: fields.line("ref")?,
        restarts: fields.lines("restarts")?,
        reloads: fields.lines("reloads")?,
        withheld: None,
    };
    fields.end()?;
    Ok(row)
}

/// Reads a digest in its one spelling.
pub(super) fn digest(fields: &mut Fields, key: &str) -> Result<Digest, FieldIssue> {
    let text = fields.text(key)?;
    Digest::parse(&text).ok_or_else(|| fields.wrong(key, "a digest of 64 lower-case hexadecimal digits"))
}

fn mode(fields: &mut Fields) -> Result<u32, FieldIssue> {
    const KEY: &str = "mode";
    let text = fields.text(KEY)?;
    let digits = text.len() == 4 && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(&text, 8) {
        Ok(mode) if digits && mode <= MODE_MAX => Ok(mode),
        Ok(_) | Err(_) => Err(fields.wrong(KEY, "a mode of four octal digits")),
    }
}

fn chunk(value: Json, at: &str) -> Result<RecordedChunk, FieldIssue> {
    let mut fields = Fields::of(value, at)?;
    let chunk = if fields.has("text") {
        RecordedChunk::Text(fields.text("text")?)
    } else if fields.has("artifact") {
        RecordedChunk::Artifact(fields.text("artifact")?)
    } else {
        let mut secret = Fields::of(fields.need("secret")?, &fields.at("secret"))?;
        let (reference, encoding) = (secret.line("reference")?, secret.line("encoding")?);
        secret.end()?;
        RecordedChunk::Secret { reference, encoding }
    };
    fields.end()?;
    Ok(chunk)
}

/// Reads which file holds which artifact; the rows are the same in both forms.
pub(super) fn artifact(value: Json, at: &str) -> Result<ArtifactRow, RecordIssue> {
    let mut fields = Fields::of(value, at)?;
    let text = fields.text("path")?;
    let path = TargetPath::parse(&plain(&text)).map_err(|issue| {
        let text = text.escape_debug().to_string();
        RecordIssue::Path { at: fields.at("path"), text, issue }
    })?;
    let row = ArtifactRow {
        path,
        host: fields.line("host")?,
        name: fields.line("name")?,
        kind: fields.line("kind")?,
        domain: if fields.has("domain") { Some(fields.line("domain")?) } else { None },
        at: if fields.has("at") { fields.list("at", byte)? } else { Vec::new() },
    };
    if fields.line("token")? != row.token() {
        return Err(fields.wrong("token", "the reference that its host and its name make").into());
    }
    fields.end()?;
    Ok(row)
}

fn byte(value: Json, at: &str) -> Result<u64, FieldIssue> {
    match value {
        Json::Number(Some(number)) => Ok(number),
        _ => Err(FieldIssue::Wrong { at: at.to_owned(), wanted: "a number that counts from 0" }),
    }
}

fn unit(value: Json, at: &str) -> Result<UnitRow, FieldIssue> {
    let mut fields = Fields::of(value, at)?;
    let row = UnitRow {
        name: fields.line("name")?,
        service: fields.line("service")?,
        starts_at_boot: fields.flag("starts_at_boot")?,
    };
    fields.end()?;
    Ok(row)
}

fn plugin(value: Json, at: &str) -> Result<PluginRow, FieldIssue> {
    let mut fields = Fields::of(value, at)?;
    let row = PluginRow { id: fields.line("id")?, version: fields.line("version")?, sha256: fields.line("sha256")? };
    fields.end()?;
    Ok(row)
}
