//! `{ from_vault = "kv/db#password" }`: secrets in Vault and OpenBao. It says what to ask and where in the answer a secret
//! is; the host asks and takes it from there, so neither tokens nor secrets are ever seen here.
//!
//! Read in this order: `reference` and `config` are what people write, `find` is the way, `login`, `mount` and `read` its
//! stations, `server` asks, `ability` is the host.

mod ability;
mod config;
#[cfg(test)]
mod fake;
mod find;
mod login;
mod mount;
mod read;
mod reference;
mod server;

use ability::Host;
use config::Config;
use find::{Want, find_all};
use punix_sdk::resolver::{Request, Resolved, Resolver, Secret};
use punix_sdk::{Diagnostic, Error, Info};
use read::Value;
use reference::Reference;

struct FromVault;

impl Resolver for FromVault {
    fn info() -> Info {
        punix_sdk::info!("Finds secrets in Vault and OpenBao.").config_schema(include_str!("../config.schema.json"))
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        Config::check(config)
    }

    fn resolve_all(requests: Vec<Request>) -> Vec<Result<Resolved, Error>> {
        let found = find_all(&Host, requests.into_iter().map(Want::from).collect());
        found.into_iter().map(|found| found.map(Resolved::from)).collect()
    }

    fn parse(reference: &str) -> Result<String, Error> {
        Reference::parse(reference).map(|reference| reference.to_string())
    }
}

impl From<Request> for Want<Secret> {
    fn from(request: Request) -> Want<Secret> {
        let Request { reference, config, credentials } = request;
        Want { reference, config, credentials }
    }
}

impl From<Value<Secret>> for Resolved {
    fn from(value: Value<Secret>) -> Resolved {
        let Value { secret, version, ttl_ms, renewable } = value;
        Resolved { value: secret, version, ttl_ms, renewable }
    }
}

punix_sdk::export_resolver!(FromVault);

#[cfg(test)]
mod tests {
    use super::*;
    use punix_sdk::serde_json::{self, Value};

    #[test]
    fn it_says_who_it_is_and_what_it_takes() {
        let info = FromVault::info();
        assert_eq!((info.id.as_str(), info.version.as_str()), ("punix.from-vault", env!("CARGO_PKG_VERSION")));
        let schema: Value = serde_json::from_str(&info.config_schema).unwrap();
        assert_eq!(schema["required"][0], "address");
    }

    #[test]
    fn a_configuration_of_any_kind_is_answered() {
        assert_eq!(FromVault::check_config(r#"{"address":"https://vault.internal"}"#), []);
        let nested = "[".repeat(100_000);
        for text in ["", "{", "null", "\u{0}", r#"{"address":1}"#, r#"{"address":"é"}"#, nested.as_str()] {
            assert_eq!(FromVault::check_config(text).len(), 1);
        }
    }
}
