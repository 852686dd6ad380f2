//! `punix.toml`: how the resolvers of a project are set up. It is read strictly, and holds no secret: what a resolver logs in
//! with is referred to, as in a program.

use super::Stopped;
use crate::ui::shown;
use punix_diag::{Code, Diagnostic, visible};
use punix_plugin::AuthorityName;
use punix_plugin::outside::Authority;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use toml_edit::{DocumentMut, Item, TableLike, Value as TomlValue};

pub(super) const SETTINGS: &str = "punix.toml";

const SETTINGS_BYTES_MAX: u64 = 1 << 20;
/// The key of a resolver's table that is not its plugin's.
const CREDENTIALS: &str = "credentials";
/// Who can be asked for what another resolver logs in with: they need no login themselves.
const LOCAL_KINDS: [&str; 2] = ["from_env", "from_file"];

/// What a project says of resolvers.
#[derive(Debug, Default)]
pub(super) struct Settings {
    resolvers: BTreeMap<String, OfResolver>,
    /// Certificate authorities, by the names that grants and configurations have for them.
    pub(super) authorities: BTreeMap<AuthorityName, Authority>,
}

/// What it says of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OfResolver {
    /// Its plugin's configuration.
    pub(super) config: Map<String, Value>,
    pub(super) credentials: Vec<Login>,
}

/// Something to log in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) name: String,
    /// Whom to ask for it: `from_env`, `from_file`.
    pub(super) kind: String,
    pub(super) reference: String,
}

impl Settings {
    /// Reads what the directory of a project says; where there is no file, that is nothing.
    pub(super) fn read(project: &Path) -> Result<Settings, Stopped> {
        let path = project.join(SETTINGS);
        let name = if project == Path::new(".") { SETTINGS.to_owned() } else { shown(&path) };
        let failed = |error: std::io::Error| refused(format!("`{name}` cannot be read: {error}"));
        let file = match path.metadata() {
            Ok(about) if about.is_file() => File::open(&path).map_err(failed)?,
            Ok(_) => return Err(refused(format!("`{name}` is not a regular file"))),
            // A link to nowhere is more than nothing.
            Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {
                return Ok(Settings::default());
            }
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(SETTINGS_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > SETTINGS_BYTES_MAX {
            return Err(refused(format!("`{name}` is larger than {} MiB", SETTINGS_BYTES_MAX >> 20)));
        }
        let text = String::from_utf8(bytes).map_err(|_| refused(format!("`{name}` is not UTF-8")))?;
        Settings::parse(&text, project).map_err(|said| refused(format!("`{name}` cannot be used: {said}")))
    }

    /// Reads a text. Paths in it begin at the project.
    fn parse(text: &str, project: &Path) -> Result<Settings, String> {
        let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| said(text, &error))?;
        let mut settings = Settings::default();
        for (key, item) in document.iter() {
            let table = item.as_table_like().filter(|_| !item.is_array_of_tables());
            match (key, table) {
                ("resolver", Some(table)) => settings.resolvers = resolvers(table)?,
                ("authorities", Some(table)) => settings.authorities = authorities(table, project)?,
                ("resolver" | "authorities", None) => return Err(format!("`{key}` is not a table")),
                (_, _) => return Err(format!("it has `{key}`, and there are `resolver` and `authorities`")),
            }
        }
        Ok(settings)
    }

    /// Returns what is said of a resolver, such as `from_vault`.
    pub(super) fn of(&self, kind: &str) -> OfResolver {
        self.resolvers.get(kind).cloned().unwrap_or_default()
    }
}

fn resolvers(table: &dyn TableLike) -> Result<BTreeMap<String, OfResolver>, String> {
    let mut found = BTreeMap::new();
    for (kind, item) in table.iter() {
        let at = format!("resolver.{kind}");
        if !kind.starts_with("from_") {
            return Err(format!("`{at}` is no resolver: their names begin with `from_`"));
        }
        let table = item.as_table_like().ok_or_else(|| format!("`{at}` is not a table"))?;
        let mut of = OfResolver::default();
        for (key, item) in table.iter() {
            if key == CREDENTIALS {
                let table = item.as_table_like().ok_or_else(|| format!("`{at}.{key}` is not a table"))?;
                of.credentials = table.iter().map(|(name, item)| login(&at, name, item)).collect::<Result<_, _>>()?;
            } else {
                of.config.insert(key.to_owned(), json(&format!("{at}.{key}"), item)?);
            }
        }
        found.insert(kind.to_owned(), of);
    }
    Ok(found)
}

fn login(at: &str, name: &str, item: &Item) -> Result<Login, String> {
    let wrong = || {
        format!(
            "`{at}.{CREDENTIALS}.{name}` does not say where it is: `{{ from_env = \"NAME\" }}` or \
             `{{ from_file = \"PATH\" }}`"
        )
    };
    let table = item.as_table_like().filter(|table| table.len() == 1).ok_or_else(wrong)?;
    let (kind, reference) =
        table.iter().next().and_then(|(kind, item)| Some((kind, item.as_str()?))).ok_or_else(wrong)?;
    match LOCAL_KINDS.contains(&kind) {
        true => Ok(Login { name: name.to_owned(), kind: kind.to_owned(), reference: reference.to_owned() }),
        false => Err(wrong()),
    }
}

fn authorities(table: &dyn TableLike, project: &Path) -> Result<BTreeMap<AuthorityName, Authority>, String> {
    let one = |(name, item): (&str, &Item)| {
        let key = AuthorityName::parse(name).map_err(|error| format!("`authorities.{name}`: {error}"))?;
        let path = item.as_str().ok_or_else(|| format!("`authorities.{name}` is not the path of a file"))?;
        Ok((key, Authority::File(project.join(path))))
    };
    table.iter().map(one).collect()
}

/// Turns a value into what plugins read.
fn json(at: &str, item: &Item) -> Result<Value, String> {
    if let Some(table) = item.as_table_like() {
        let members = table.iter().map(|(key, item)| Ok((key.to_owned(), json(&format!("{at}.{key}"), item)?)));
        return Ok(Value::Object(members.collect::<Result<_, String>>()?));
    }
    if let Some(tables) = item.as_array_of_tables() {
        let each = tables.iter().map(|table| json(at, &Item::Table(table.clone())));
        return Ok(Value::Array(each.collect::<Result<_, String>>()?));
    }
    match item.as_value() {
        Some(TomlValue::String(text)) => Ok(text.value().as_str().into()),
        Some(TomlValue::Integer(number)) => Ok((*number.value()).into()),
        Some(TomlValue::Float(number)) => Ok((*number.value()).into()),
        Some(TomlValue::Boolean(is)) => Ok((*is.value()).into()),
        Some(TomlValue::Array(array)) => {
            let each = array.iter().map(|value| json(at, &Item::Value(value.clone())));
            Ok(Value::Array(each.collect::<Result<_, String>>()?))
        }
        Some(TomlValue::Datetime(_) | TomlValue::InlineTable(_)) | None => {
            Err(format!("`{at}` is a date, which plugins do not read: write it as a text"))
        }
    }
}

/// Says where a text is no TOML, and why.
fn said(text: &str, error: &toml_edit::TomlError) -> String {
    let (line, column) = place(text, error.span().map_or(0, |span| span.start));
    format!("line {line} column {column}: {}", error.message().replace('\n', ", "))
}

/// Returns the line and the column of a byte.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or("").chars().count() + 1)
}

fn refused(message: String) -> Stopped {
    let mut text = String::new();
    visible(&message, &mut text);
    Diagnostic::error(Code::E34, text).help("`docs/reference/secrets.md` says what it can hold").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text, Path::new("/p"))
    }

    #[test]
    fn everything_can_be_said() {
        let settings = parse(
            r#"
            [resolver.from_vault]
            address = "https://vault.internal:8200"
            kv = 2
            auth = { method = "approle", role_id = "r1" }
            ca = "internal"
            credentials.secret_id = { from_file = "secret-id" }

            [resolver.from_age.more]
            list = [1, "two", { three = 3.5 }]
            is = true

            [authorities]
            internal = "ca.pem"
            site = "/etc/ssl/site.pem"
            "#,
        )
        .unwrap();
        let vault = settings.of("from_vault");
        let expected = serde_json::json!({
            "address": "https://vault.internal:8200", "kv": 2, "auth": { "method": "approle", "role_id": "r1" },
            "ca": "internal",
        });
        assert_eq!(Value::Object(vault.config), expected);
        let login = |name: &str, kind: &str, reference: &str| Login {
            name: name.to_owned(),
            kind: kind.to_owned(),
            reference: reference.to_owned(),
        };
        assert_eq!(vault.credentials, [login("secret_id", "from_file", "secret-id")]);
        let age = serde_json::json!({ "more": { "list": [1, "two", { "three": 3.5 }], "is": true } });
        assert_eq!(Value::Object(settings.of("from_age").config), age);
        assert_eq!(settings.of("from_env"), OfResolver::default());
        let files: Vec<Authority> = settings.authorities.into_values().collect();
        assert_eq!(files, [Authority::File("/p/ca.pem".into()), Authority::File("/etc/ssl/site.pem".into())]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, part) in [
            ("x", "line 1 column"),
            ("a = 1\nb = \n", "line 2 column"),
            ("store = 1", "it has `store`"),
            ("resolver = 1", "`resolver` is not a table"),
            ("[[resolver]]\n", "`resolver` is not a table"),
            ("[resolver.vault]\n", "`resolver.vault` is no resolver"),
            ("[resolver]\nfrom_vault = 1", "`resolver.from_vault` is not a table"),
            ("[resolver.from_x]\nsince = 2026-01-01", "`resolver.from_x.since` is a date"),
            ("[resolver.from_x]\ncredentials = 1", "`resolver.from_x.credentials` is not a table"),
            (
                "[resolver.from_x.credentials]\ntoken = \"s.123\"",
                "`resolver.from_x.credentials.token` does not say where",
            ),
            ("[resolver.from_x.credentials]\ntoken = { from_vault = \"a/b#c\" }", "does not say where it is"),
            (
                "[resolver.from_x.credentials]\ntoken = { from_env = \"A\", from_file = \"b\" }",
                "does not say where it is",
            ),
            ("[authorities]\nA_b = \"x\"", "`authorities.A_b`"),
            ("[authorities]\na = 1", "`authorities.a` is not the path of a file"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
            // A secret that somebody wrote there by mistake is not shown.
            assert!(!error.contains("s.123"), "{error}");
        }
    }
}
