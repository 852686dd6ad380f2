//! Where `from_vault` looks: in the file of `--vault-secrets` if there is one, else on a server. How that one is reached says
//! the command line, else the environment that its own tools read, else `punix.toml`; what each of them leaves open, the
//! next one may say.

mod export;

pub(super) use export::Export;

use super::Stopped;
use super::secrets::Known;
use super::settings::{OfResolver, Settings};
use crate::args::service::Secrets;
use crate::ui::Ui;
use punix_plugin::AuthorityName;
use punix_plugin::outside::Authority;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The kind that is looked up here.
pub(super) const FROM_VAULT: &str = "from_vault";

/// The members of the resolver's configuration that have a flag and a variable.
const ADDRESS: &str = "address";
const NAMESPACE: &str = "namespace";
const CA: &str = "ca";
/// The name of the authority that a flag or a variable gives a file of.
const OUR_CA: &str = "vault-cacert";

/// What one run of a verb knows of secrets beside what the project says, and what it has found so far: nobody is asked for
/// the same twice.
pub(crate) struct Vault {
    /// What `--vault-secrets` holds.
    export: Option<Export>,
    /// What the command line says of the server.
    flags: Flags,
    found: Mutex<Known>,
}

/// What the command line says of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Flags {
    address: Option<String>,
    namespace: Option<String>,
    authority: Option<PathBuf>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Server {
    pub(super) of: OfResolver,
    /// A certificate authority that is set up for this run.
    pub(super) authority: Option<(AuthorityName, Authority)>,
}

impl Vault {
    /// Reads what the command line says, and the file that it may name.
    pub(crate) fn read(ui: &Ui, args: &Secrets) -> Result<Option<Vault>, Stopped> {
        let export = args.vault_secrets.as_deref().map(|path| Export::read(ui, path, args.strict)).transpose()?;
        let flags = Flags {
            address: args.vault_address.clone(),
            namespace: args.vault_namespace.clone(),
            authority: args.vault_ca.clone(),
        };
        Ok(Some(Vault { export, flags, found: Mutex::default() }))
    }

    /// Returns what is in the file, if there is one.
    pub(super) fn export(&self) -> Option<&Export> {
        self.export.as_ref()
    }

    /// Returns what was found so far.
    pub(super) fn found(&self) -> MutexGuard<'_, Known> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Returns how the server is reached, if anything says where it is.
    pub(super) fn of(vault: Option<&Vault>, settings: &Settings) -> Option<Server> {
        let nothing = Flags::default();
        let flags = vault.map_or(&nothing, |vault| &vault.flags);
        Server::told(flags, &|name| std::env::var(name).ok(), settings.of(FROM_VAULT))
    }

    fn told(flags: &Flags, variable: &dyn Fn(&str) -> Option<String>, of: OfResolver) -> Option<Server> {
        let first = |flag: Option<&str>, names: [&str; 2]| {
            let set = names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
            flag.map(str::to_owned).or(set)
        };
        let OfResolver { mut config, credentials } = of;
        if let Some(address) = first(flags.address.as_deref(), ["VAULT_ADDR", "BAO_ADDR"]) {
            config.insert(ADDRESS.to_owned(), address.into());
        }
        if let Some(namespace) = first(flags.namespace.as_deref(), ["VAULT_NAMESPACE", "BAO_NAMESPACE"]) {
            config.insert(NAMESPACE.to_owned(), namespace.into());
        }
        let authority = flags.authority.clone();
        let authority = authority.or_else(|| first(None, ["VAULT_CACERT", "BAO_CACERT"]).map(PathBuf::from));
        let authority = authority.map(|path| {
            config.insert(CA.to_owned(), OUR_CA.into());
            (AuthorityName::parse(OUR_CA).expect("it is the name of an authority"), Authority::File(path))
        });
        is_somewhere(&config).then_some(Server { of: OfResolver { config, credentials }, authority })
    }

    /// Returns its address, as it was given.
    pub(super) fn address(&self) -> &str {
        self.of.config.get(ADDRESS).and_then(Value::as_str).unwrap_or_default()
    }
}

fn is_somewhere(config: &Map<String, Value>) -> bool {
    config.contains_key(ADDRESS)
}

/// Says whether what is sent to an address can be read on the way: it is neither encrypted nor stays on this machine.
pub(super) fn is_open(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("http://") else { return false };
    let host = match rest.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => rest.split([':', '/']).next(),
    };
    let host = host.unwrap_or_default();
    let loops = |address: std::net::IpAddr| address.is_loopback();
    host != "localhost" && !host.parse().is_ok_and(loops)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(flags: &Flags, variables: &[(&str, &str)], config: Value) -> Option<Value> {
        let of = OfResolver { config: serde_json::from_value(config).unwrap(), credentials: Vec::new() };
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let server = Server::told(flags, &variable, of)?;
        let file = server.authority.map(|(_, authority)| match authority {
            Authority::File(path) => path.display().to_string(),
            Authority::Pem(_) => String::new(),
        });
        Some(json!([server.of.config, file]))
    }

    #[test]
    fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
        let none = Flags::default();
        let flags = Flags {
            address: Some("https://flag".to_owned()),
            namespace: Some("f".to_owned()),
            authority: Some("f.pem".into()),
        };
        let all =
            [("VAULT_ADDR", "https://env"), ("VAULT_NAMESPACE", "e"), ("VAULT_CACERT", "e.pem"), ("BAO_ADDR", "x")];
        let file = || json!({ "address": "https://file", "namespace": "t", "ca": "internal", "kv": 2 });
        assert_eq!(told(&none, &[], json!({ "kv": 2 })), None);
        assert_eq!(told(&none, &[("VAULT_ADDR", "")], json!({})), None);
        assert_eq!(told(&none, &[], file()), Some(json!([file(), null])));
        let config = |address: &str, namespace: &str| json!({ "address": address, "namespace": namespace, "ca": "vault-cacert", "kv": 2 });
        assert_eq!(told(&none, &all, file()), Some(json!([config("https://env", "e"), "e.pem"])));
        assert_eq!(told(&flags, &all, file()), Some(json!([config("https://flag", "f"), "f.pem"])));
        let bao = told(&none, &[("BAO_ADDR", "https://bao")], json!({}));
        assert_eq!(bao, Some(json!([{ "address": "https://bao" }, null])));
    }

    #[test]
    fn only_what_leaves_the_machine_in_the_clear_is_open() {
        for address in
            ["http://vault.internal:8200", "http://10.0.0.1", "http://[2001:db8::1]:1", "http://localhost.evil"]
        {
            assert!(is_open(address), "{address}");
        }
        for address in ["https://vault", "http://127.0.0.1:8200", "http://[::1]:8200", "http://localhost", "vault:8200"]
        {
            assert!(!is_open(address), "{address}");
        }
    }
}
