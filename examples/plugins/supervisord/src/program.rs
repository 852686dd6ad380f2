//! The section of a program in supervisord's configuration. Settings come from `serviceConfig`, are known by name, and
//! are written as they are, if they are one line without a comment in it.

use punix_sdk::serde_json::{self, Map, Value};
use punix_sdk::{Error, bail_at};

/// What this backend takes of a service.
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "enable": { "type": "boolean" },
    "health": { "type": "object" },
    "reloads": { "type": "boolean" },
    "serviceConfig": { "type": "object", "additionalProperties": { "type": ["string", "boolean", "integer"] } }
  }
}"#;

/// The settings that can be given.
const KNOWN: &[&str] = &[
    "autorestart",
    "autostart",
    "directory",
    "exitcodes",
    "killasgroup",
    "priority",
    "redirect_stderr",
    "startretries",
    "startsecs",
    "stderr_logfile",
    "stderr_logfile_backups",
    "stderr_logfile_maxbytes",
    "stderr_syslog",
    "stdout_logfile",
    "stdout_logfile_backups",
    "stdout_logfile_maxbytes",
    "stdout_syslog",
    "stopasgroup",
    "stopsignal",
    "stopwaitsecs",
    "umask",
];

/// What is said of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Who runs it. The script sees to that: supervisord would do it too early for a file that only root reads.
    pub(crate) user: Option<String>,
    /// In the order of their names.
    lines: Vec<(String, String)>,
}

/// Reads the fields of a service.
pub(crate) fn settings(json: &str) -> Result<Settings, Error> {
    let fields: Map<String, Value> = match serde_json::from_str(if json.is_empty() { "{}" } else { json }) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return Err(Error::invalid("supervisord.config", "the fields of a service are a record")),
        Err(_) => return Err(Error::invalid("supervisord.config", "the fields of a service are not JSON")),
    };
    let mut settings = Settings::default();
    for (field, value) in &fields {
        match (field.as_str(), value) {
            ("serviceConfig", Value::Object(record)) => settings.read(record)?,
            ("enable" | "reloads", Value::Bool(_)) | ("health", Value::Object(_)) => {}
            ("serviceConfig" | "enable" | "reloads" | "health", _) => {
                bail_at!(field, code = "supervisord.config", "this has another type");
            }
            _ => bail_at!(field, code = "supervisord.config", "supervisord has nothing for this field"),
        }
    }
    Ok(settings)
}

impl Settings {
    fn read(&mut self, record: &Map<String, Value>) -> Result<(), Error> {
        for (key, value) in record {
            let at = format!("serviceConfig.{key}");
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Bool(yes) => yes.to_string(),
                Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
                _ => bail_at!(at, code = "supervisord.config", "a setting is a text, a boolean or a whole number"),
            };
            if key == "user" {
                self.user = Some(user(&text)?);
                continue;
            }
            if !KNOWN.contains(&key.as_str()) {
                let known = KNOWN.join(", ");
                bail_at!(at, code = "supervisord.config", "this is no setting of a program: there are user, {known}");
            }
            if text.contains(['\n', '\r', '\0']) || cut_by_comment(&text) {
                bail_at!(at, code = "supervisord.config", "a setting is one line, without `;` or `#` after a blank");
            }
            self.lines.push((key.clone(), text));
        }
        Ok(())
    }

    /// Writes the section. Services start in the order of their numbers.
    pub(crate) fn section(&self, program: &str, script: &str, number: usize) -> String {
        let mut section = format!("[program:{program}]\ncommand=/bin/sh {script}\n");
        let usual = [
            ("autorestart", "unexpected".to_owned()),
            ("autostart", "true".to_owned()),
            ("priority", (100 + number).to_string()),
        ];
        let said = |key: &str| self.lines.iter().any(|(other, _)| other == key);
        let usual = usual.into_iter().filter(|(key, _)| !said(key)).map(|(key, value)| (key.to_owned(), value));
        let mut lines: Vec<(String, String)> = usual.chain(self.lines.iter().cloned()).collect();
        lines.sort();
        for (key, value) in lines {
            section.push_str(&format!("{key}={value}\n"));
        }
        section
    }
}

fn user(name: &str) -> Result<String, Error> {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    let first = |c: char| c.is_ascii_lowercase() || c == '_';
    if !name.starts_with(first) || !name.bytes().all(rest) {
        bail_at!("serviceConfig.user", code = "supervisord.config", "this is not the name of a user");
    }
    Ok(name.to_owned())
}

/// Tells whether supervisord would take a part of the line for a comment.
fn cut_by_comment(text: &str) -> bool {
    let mut blank = true;
    text.chars().any(|c| {
        let begins = blank && matches!(c, ';' | '#');
        blank = c.is_whitespace();
        begins
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_have_what_is_usual_and_what_is_said() {
        let json = r#"{"serviceConfig":{"startsecs":2,"autorestart":true,"user":"web","directory":"/srv/a;b"},"reloads":true}"#;
        let settings = settings(json).unwrap();
        let expected = "[program:Web.api]\ncommand=/bin/sh /x.sh\nautorestart=true\nautostart=true\ndirectory=/srv/a;b\n\
                        priority=103\nstartsecs=2\n";
        assert_eq!(settings.section("Web.api", "/x.sh", 3), expected);
        assert_eq!(settings.user.as_deref(), Some("web"));
        assert_eq!(super::settings(""), Ok(Settings::default()));
    }

    #[test]
    fn what_would_be_read_otherwise_is_refused() {
        for (config, at) in [
            (r#"{"serviceConfig":{"command":"/bin/sh"}}"#, "serviceConfig.command"),
            (r#"{"serviceConfig":{"environment":"A=1"}}"#, "serviceConfig.environment"),
            (r#"{"serviceConfig":{"directory":"/a\n[program:x]"}}"#, "serviceConfig.directory"),
            (r#"{"serviceConfig":{"directory":"/a ;b"}}"#, "serviceConfig.directory"),
            (r##"{"serviceConfig":{"directory":"#b"}}"##, "serviceConfig.directory"),
            (r#"{"serviceConfig":{"startsecs":1.5}}"#, "serviceConfig.startsecs"),
            (r#"{"serviceConfig":{"user":"we b"}}"#, "serviceConfig.user"),
            (r#"{"serviceConfig":[]}"#, "serviceConfig"),
            (r#"{"timer":{}}"#, "timer"),
        ] {
            assert_eq!(settings(config).unwrap_err().at.as_deref(), Some(at), "{config}");
        }
        for config in ["[", "[]", "1", "\u{0}"] {
            assert!(settings(config).is_err(), "{config}");
        }
    }
}
