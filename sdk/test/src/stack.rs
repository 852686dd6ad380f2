//! Stacks as test files have them: JSON with the names of PCL.

use punix_model::{Chunk, Encoding, Facts, Scope, Service, Shape, Slot, Stack};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Why a text is not a stack.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error("it is not a stack: {0}")]
    Json(#[from] serde_json::Error),
}

/// A stack and what is known of its target.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    user: bool,
    services: Vec<WrittenService>,
    /// Shapes of secrets that are not of one line, by name.
    #[serde(default)]
    shapes: Map<String, Value>,
    #[serde(default)]
    config: Map<String, Value>,
    unit_dir: Option<String>,
    home: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenService {
    name: String,
    argv: Vec<String>,
    #[serde(default)]
    environment: std::collections::BTreeMap<String, WrittenValue>,
    #[serde(default)]
    depends_on: Vec<String>,
    #[serde(default = "usual_delivery")]
    secret_delivery: String,
    #[serde(default)]
    config: Map<String, Value>,
}

/// A text, or a secret as PCL refers to it: `{"from_env": "NAME"}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WrittenValue {
    Text(String),
    Secret(std::collections::BTreeMap<String, String>),
}

fn usual_delivery() -> String {
    "environment-file".to_owned()
}

/// Reads a stack and the facts of its target. Secrets get their numbers in the order in which they are first named.
pub fn stack_from_json(text: &str) -> Result<(Stack, Facts), StackError> {
    let written: Written = serde_json::from_str(text)?;
    let mut slots: Vec<Slot> = Vec::new();
    let mut services = Vec::new();
    for service in written.services {
        let mut env = Vec::new();
        for (key, value) in service.environment {
            let chunk = match value {
                WrittenValue::Text(text) => Chunk::Text(text),
                WrittenValue::Secret(reference) => {
                    let name = reference.iter().map(|(kind, name)| format!("{kind}:{name}")).collect::<String>();
                    Chunk::Secret(slot(&mut slots, name, &written.shapes), Encoding("raw".to_owned()))
                }
            };
            env.push((key, vec![chunk]));
        }
        services.push(Service {
            name: service.name,
            argv: service.argv,
            env,
            depends_on: service.depends_on,
            secret_delivery: service.secret_delivery,
            config: Value::Object(service.config).to_string(),
        });
    }
    let scope = if written.user { Scope::User } else { Scope::System };
    let config = Value::Object(written.config).to_string();
    let stack = Stack { name: written.name, scope, services, slots, config, unit_dir: written.unit_dir };
    Ok((stack, facts(written.home)))
}

/// Returns what is known of the target of a test.
pub(crate) fn facts(home: Option<String>) -> Facts {
    Facts {
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        init_version: "252".to_owned(),
        home,
        attributes: Vec::new(),
    }
}

fn slot(slots: &mut Vec<Slot>, name: String, shapes: &Map<String, Value>) -> u32 {
    if let Some(known) = slots.iter().find(|slot| slot.name == name) {
        return known.id;
    }
    let shape = match shapes.get(&name).and_then(Value::as_str) {
        Some("text") => Shape::Text,
        Some("binary") => Shape::Binary,
        _ => Shape::SingleLine,
    };
    let id = u32::try_from(slots.len()).unwrap_or(u32::MAX);
    slots.push(Slot { id, name, shape });
    id
}
