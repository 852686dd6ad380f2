//! What a plugin says about itself. Its name and version stand in the manifest; this reads them there, so that they are
//! written once.

use crate::Info;

impl Info {
    /// Makes the description of a plugin from the text of its manifest, `punix-plugin.toml`.
    ///
    /// Only `id` and `version` are read, as texts between plain quotes before the first table; what is not found is left
    /// empty, which `punix plugin test` reports.
    pub fn of_manifest(manifest: &str, summary: impl Into<String>) -> Info {
        Info {
            id: top_level(manifest, "id").to_owned(),
            version: top_level(manifest, "version").to_owned(),
            summary: summary.into(),
            license: String::new(),
            config_schema: String::new(),
            attributes: Vec::new(),
        }
    }

    /// Names the licence, as an SPDX expression.
    #[must_use]
    pub fn license(mut self, expression: impl Into<String>) -> Info {
        self.license = expression.into();
        self
    }

    /// Gives the JSON Schema of the configurations that it takes.
    #[must_use]
    pub fn config_schema(mut self, schema: impl Into<String>) -> Info {
        self.config_schema = schema.into();
        self
    }

    /// Says something more.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Info {
        self.attributes.push((name.into(), value.into()));
        self
    }
}

/// Makes the [`Info`] of this plugin: `id` and `version` from `punix-plugin.toml` beside its `Cargo.toml`, the licence from
/// `Cargo.toml`, and a sentence.
#[macro_export]
macro_rules! info {
    ($summary:expr) => {
        $crate::Info::of_manifest(
            ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/punix-plugin.toml")),
            $summary,
        )
        .license(::core::env!("CARGO_PKG_LICENSE"))
    };
}

/// Returns the text of a key that stands before the first table.
fn top_level<'a>(toml: &'a str, key: &str) -> &'a str {
    let before_tables = toml.lines().map(str::trim).take_while(|line| !line.starts_with('['));
    let value = |line: &'a str| {
        let rest = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start();
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''))?;
        rest[1..].split(quote).next()
    };
    before_tables.into_iter().find_map(value).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_version_are_read_before_the_first_table() {
        let manifest =
            "# a comment with id = \"no\"\nid = \"org.example.bao\" # yes\nversion='1.2.3'\n[x]\nid = \"later\"\n";
        let info = Info::of_manifest(manifest, "Finds secrets.").license("MIT").attribute("a", "b");
        assert_eq!((info.id.as_str(), info.version.as_str()), ("org.example.bao", "1.2.3"));
        assert_eq!((info.summary.as_str(), info.license.as_str()), ("Finds secrets.", "MIT"));
        assert_eq!(info.attributes, [("a".to_owned(), "b".to_owned())]);
    }

    #[test]
    fn what_is_not_there_is_empty() {
        let info = Info::of_manifest("identity = \"x\"\n[requests]\nid = \"y\"\nversion = \"1.0.0\"\n", "");
        assert_eq!((info.id.as_str(), info.version.as_str()), ("", ""));
    }
}
