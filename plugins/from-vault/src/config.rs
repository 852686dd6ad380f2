//! How the server is reached and who logs in, as the operator wrote it: one JSON object.

use crate::reference::is_part;
use punix_sdk::serde::Deserialize;
use punix_sdk::serde_json::{self, Value};
use punix_sdk::{Diagnostic, Error};

/// The configuration. Invariant: `address` is a scheme and a host, nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(crate = "punix_sdk::serde", deny_unknown_fields)]
pub(crate) struct Config {
    /// `https://vault.internal:8200`.
    pub(crate) address: String,
    /// The namespace of Vault Enterprise and OpenBao.
    pub(crate) namespace: Option<String>,
    #[serde(default)]
    pub(crate) kv: Kv,
    /// The mount of every reference, if its name has several parts and the server is not asked.
    pub(crate) mount: Option<String>,
    #[serde(default)]
    pub(crate) auth: Auth,
    /// The only certificate authority that counts, by the name that the operator gave it. This is for the host.
    pub(crate) ca: Option<String>,
}

/// Which version of KV mounts have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(crate = "punix_sdk::serde", try_from = "Value")]
pub(crate) enum Kv {
    /// The server is asked.
    #[default]
    Auto,
    One,
    Two,
}

/// How to log in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(crate = "punix_sdk::serde", tag = "method", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Auth {
    /// With a token that somebody already has.
    Token {},
    AppRole {
        mount: Option<String>,
        role_id: Option<String>,
    },
    Kubernetes {
        mount: Option<String>,
        role: String,
    },
}

impl Config {
    /// Reads a configuration; the error says what is wrong and where.
    pub(crate) fn parse(text: &str) -> Result<Config, Error> {
        let wrong = |at: &str, message: String| Err(Error::invalid("vault.config", message).at(format!("config{at}")));
        let config: Config = match serde_json::from_str(text) {
            Ok(config) => config,
            Err(error) => return wrong("", error.to_string()),
        };
        let rest = ["https://", "http://"].iter().find_map(|scheme| config.address.strip_prefix(scheme));
        let host = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        let Some(host) = host.filter(|host| is_host(host)) else {
            return wrong(
                ".address",
                format!("`{}` is not an address such as `https://vault.internal:8200`", config.address),
            );
        };
        let address = config.address[..config.address.len() - rest.unwrap_or_default().len()].to_owned() + host;
        if let Some(namespace) = &config.namespace
            && !is_path(namespace.trim_matches('/'))
        {
            return wrong(".namespace", format!("`{namespace}` is not the path of a namespace"));
        }
        let mounts = [(".mount", config.mount.as_deref()), (".auth.mount", config.auth.named_mount())];
        for (at, mount) in mounts {
            if let Some(mount) = mount.filter(|mount| !is_path(mount)) {
                return wrong(at, format!("`{mount}` is not the path of a mount"));
            }
        }
        Ok(Config { address, ..config })
    }

    /// Says what is wrong with a configuration.
    pub(crate) fn check(text: &str) -> Vec<Diagnostic> {
        Config::parse(text).err().map(Diagnostic::error).into_iter().collect()
    }
}

impl Auth {
    /// Returns its name in messages and in the configuration.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Auth::Token {} => "token",
            Auth::AppRole { .. } => "approle",
            Auth::Kubernetes { .. } => "kubernetes",
        }
    }

    /// Returns where it is mounted: where the server puts it by itself, if nothing else is said.
    pub(crate) fn mount(&self) -> &str {
        self.named_mount().unwrap_or(self.method())
    }

    fn named_mount(&self) -> Option<&str> {
        match self {
            Auth::Token {} => None,
            Auth::AppRole { mount, .. } | Auth::Kubernetes { mount, .. } => mount.as_deref(),
        }
    }
}

impl Default for Auth {
    fn default() -> Auth {
        Auth::Token {}
    }
}

impl TryFrom<Value> for Kv {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Kv, &'static str> {
        match (value.as_u64(), value.as_str()) {
            (Some(1), _) => Ok(Kv::One),
            (Some(2), _) => Ok(Kv::Two),
            (_, Some("auto")) => Ok(Kv::Auto),
            _ => Err("`kv` is 1, 2 or \"auto\""),
        }
    }
}

/// Tells whether a text can stand for a host and a port. What exactly it is, the host reads.
fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

fn is_path(text: &str) -> bool {
    text.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = r#""address":"https://vault.internal:8200""#;

    #[test]
    fn an_address_is_enough() {
        let config = Config::parse(&format!("{{{ADDRESS}}}")).unwrap();
        assert_eq!((config.kv, &config.auth, config.namespace.as_deref()), (Kv::Auto, &Auth::Token {}, None));
        assert_eq!(config.address, "https://vault.internal:8200");
        let slash = Config::parse(r#"{"address":"http://127.0.0.1:8200/"}"#).unwrap();
        assert_eq!(slash.address, "http://127.0.0.1:8200");
    }

    #[test]
    fn everything_can_be_said() {
        let config = Config::parse(&format!(
            r#"{{{ADDRESS},"namespace":"team/a/","kv":2,"mount":"team/kv","ca":"internal","auth":{{"method":"kubernetes","mount":"k8s/prod","role":"deploy"}}}}"#
        ));
        let config = config.unwrap();
        assert_eq!((config.kv, config.mount.as_deref(), config.auth.mount()), (Kv::Two, Some("team/kv"), "k8s/prod"));
        let approle = Config::parse(&format!(r#"{{{ADDRESS},"kv":"auto","auth":{{"method":"approle"}}}}"#)).unwrap();
        assert_eq!((approle.auth.mount(), approle.kv), ("approle", Kv::Auto));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, at) in [
            ("".to_owned(), "config"),
            ("[]".to_owned(), "config"),
            ("{}".to_owned(), "config"),
            (format!(r#"{{{ADDRESS},"adress":1}}"#), "config"),
            (format!(r#"{{{ADDRESS},"kv":3}}"#), "config"),
            (format!(r#"{{{ADDRESS},"auth":{{"method":"magic"}}}}"#), "config"),
            (format!(r#"{{{ADDRESS},"auth":{{"method":"token","token":"s.x"}}}}"#), "config"),
            (format!(r#"{{{ADDRESS},"auth":{{"method":"kubernetes"}}}}"#), "config"),
            (format!(r#"{{{ADDRESS},"auth":{{"method":"approle","mount":"../sys"}}}}"#), "config.auth.mount"),
            (format!(r#"{{{ADDRESS},"namespace":"a b"}}"#), "config.namespace"),
            (format!(r#"{{{ADDRESS},"mount":""}}"#), "config.mount"),
            (r#"{"address":"vault.internal"}"#.to_owned(), "config.address"),
            (r#"{"address":"https://"}"#.to_owned(), "config.address"),
            (r#"{"address":"https://a/vault"}"#.to_owned(), "config.address"),
            (r#"{"address":"https://u:p@a"}"#.to_owned(), "config.address"),
        ] {
            let error = Config::parse(&text).unwrap_err();
            assert_eq!((error.code.as_str(), error.at.as_deref()), ("vault.config", Some(at)), "{text}: {error:?}");
            assert_eq!(Config::check(&text).len(), 1);
        }
    }
}
