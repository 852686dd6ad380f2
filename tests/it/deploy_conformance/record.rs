//! What of a record is compared: the fields that the format always had.

use serde_json::{Map, Value, json};

/// Returns what is compared.
pub(super) fn record(text: &str) -> Value {
    let Ok(record) = serde_json::from_str::<Value>(text) else { return "unreadable".into() };
    let files = record["config_files"].as_array().into_iter().flatten();
    let mut files: Vec<(String, Option<String>)> = files.map(file).collect();
    files.sort();
    json!({
        "generation": record["generation"],
        "stack_name": record["stack_name"],
        "backend": record["backend"],
        "services": record["services"],
        "config_files": files,
    })
}

/// Returns a file's path and its digest, where that does not hang on a secret or on the name of a store entry.
fn file(row: &Value) -> (String, Option<String>) {
    let empty = Map::new();
    let row = row.as_object().unwrap_or(&empty);
    let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let path = text("path").unwrap_or_default();
    let is_said = |name: &str| row.get(name).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)));
    let is_unit = path.ends_with(".service") || path.ends_with(".timer");
    let digest = text("sha256").filter(|digest| !digest.starts_with('{') && !is_unit);
    let has_secret = is_said("secret") || is_said("secret_bearing");
    (path, digest.filter(|_| !has_secret))
}
