//! A record as bytes: one form for one generation.

use super::{ArtifactRow, FileRow, Generation, Mark, PluginRow, RecordedChunk, SCHEMA, ServiceRow, UnitRow};
use crate::json::Json;
use std::collections::BTreeMap;

/// What else the format has, and a stack never fills.
pub(super) const KIND: &str = "stack";
pub(super) const EMPTY: &str = "installed_modules";

impl Generation {
    /// Returns the record: JSON with sorted keys, two blanks for each level.
    pub fn to_bytes(&self) -> Vec<u8> {
        let record = Json::object([
            ("artifact_provenance", Json::List(self.artifacts.iter().map(artifact).collect())),
            ("backend", Json::text(&self.backend)),
            ("config_files", Json::List(self.files.iter().map(file).collect())),
            ("deployed_at", Json::text(&self.deployed_at)),
            ("deployed_by", Json::text(&self.deployed_by)),
            ("generation", Json::number(self.number)),
            (EMPTY, Json::List(Vec::new())),
            ("kind", Json::text(KIND)),
            ("plugins", Json::List(self.plugins.iter().map(plugin).collect())),
            ("previous", self.previous.map_or(Json::Null, Json::number)),
            ("render_hash", Json::text(&self.render_hash)),
            ("scenario", Json::optional(self.scenario.as_ref())),
            ("schema", Json::number(SCHEMA)),
            ("scope", Json::text(&self.scope)),
            ("services", Json::List(self.services.iter().map(service).collect())),
            ("source_hash", Json::text(&self.source_hash)),
            ("stack_name", Json::text(&self.stack)),
            ("state_dirs", Json::texts(&self.state_dirs)),
            ("stateful", Json::Bool(self.stateful)),
            ("store_paths", Json::texts(&self.store_paths)),
            ("system", Json::text(&self.system)),
            ("units", Json::List(self.units.iter().map(unit).collect())),
        ]);
        record.write().into_bytes()
    }
}

fn service(row: &ServiceRow) -> Json {
    let variable = |variable: &BTreeMap<String, String>| {
        Json::Object(variable.iter().map(|(key, value)| (key.clone(), Json::text(value))).collect())
    };
    Json::object([
        ("args", Json::texts(&row.args)),
        ("binary", Json::text(&row.binary)),
        ("depends_on", Json::texts(&row.depends_on)),
        ("environment", Json::List(row.environment.iter().map(variable).collect())),
        ("exec_path", Json::text(&row.exec_path)),
        ("name", Json::text(&row.name)),
        ("package", Json::text(&row.package)),
        ("package_path", Json::text(&row.package_path)),
    ])
}

fn file(row: &FileRow) -> Json {
    let mut fields = BTreeMap::new();
    let mut set = |key: &str, value| fields.insert(key.to_owned(), value);
    set("group", Json::optional(row.group.as_ref()));
    set("mode", Json::Text(format!("{:04o}", row.mode)));
    set("owner", Json::optional(row.owner.as_ref()));
    set("path", Json::text(row.path.as_str()));
    set("ref", Json::text(&row.made_by));
    set("reloads", Json::texts(&row.reloads));
    set("restarts", Json::texts(&row.restarts));
    match row.mark {
        Mark::Sha256(digest) => set("sha256", Json::Text(digest.to_string())),
        Mark::HmacSha256(digest) => {
            set("secret", Json::Bool(true));
            set("hmac_sha256", Json::Text(digest.to_string()))
        }
    };
    if let Some(chunks) = &row.chunks {
        set("chunks", Json::List(chunks.iter().map(chunk).collect()));
    }
    Json::Object(fields)
}

fn chunk(chunk: &RecordedChunk) -> Json {
    match chunk {
        RecordedChunk::Text(text) => Json::object([("text", Json::text(text))]),
        RecordedChunk::Secret { reference, encoding } => Json::object([(
            "secret",
            Json::object([("encoding", Json::text(encoding)), ("reference", Json::text(reference))]),
        )]),
        RecordedChunk::Artifact(text) => Json::object([("artifact", Json::text(text))]),
    }
}

fn artifact(row: &ArtifactRow) -> Json {
    let mut fields = BTreeMap::new();
    let mut set = |key: &str, value| fields.insert(key.to_owned(), value);
    set("host", Json::text(&row.host));
    set("kind", Json::text(&row.kind));
    set("name", Json::text(&row.name));
    set("path", Json::text(row.path.as_str()));
    set("token", Json::Text(row.token()));
    if let Some(domain) = &row.domain {
        set("domain", Json::text(domain));
    }
    if !row.at.is_empty() {
        set("at", Json::List(row.at.iter().map(|&at| Json::number(at)).collect()));
    }
    Json::Object(fields)
}

fn unit(row: &UnitRow) -> Json {
    Json::object([
        ("name", Json::text(&row.name)),
        ("service", Json::text(&row.service)),
        ("starts_at_boot", Json::Bool(row.starts_at_boot)),
    ])
}

fn plugin(row: &PluginRow) -> Json {
    Json::object([
        ("id", Json::text(&row.id)),
        ("sha256", Json::text(&row.sha256)),
        ("version", Json::text(&row.version)),
    ])
}
