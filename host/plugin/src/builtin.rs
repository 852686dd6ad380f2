//! The policy that is part of this binary: what each bundled plugin is granted, and what is granted by being written down
//! elsewhere already, in the stack or in a plugin's configuration. It goes through the same door as any other policy, is
//! shown by `punix plugin audit`, and can be narrowed like any other.
//!
//! Nothing is granted here because a plugin asks for it: each bundled plugin is named, with all that it gets.

use crate::ability::files::{REFERENCE, referred};
use crate::grant::{EnvGrant, FilesGrant, Form, Grant, HttpGrant, Table};
use crate::limits::Wishes;
use crate::manifest::Manifest;
use crate::outside::WebUrl;
use crate::pattern::HostPattern;
use crate::request::{HostWanted, HttpRequest, Key, Referred};
use crate::word::{AbsolutePath, AuthorityName, Id, RootName, VariableName};
use crate::world::Kind;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// Where a pod of Kubernetes finds who it is.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The file below the home directory in which `vault login` leaves a token.
const VAULT_TOKEN: &str = ".vault-token";

/// Returns what a bundled plugin is granted, or nothing for the id of no such plugin. `home` is the directory of whoever
/// runs this.
pub fn built_in(id: &Id, home: Option<&Path>) -> Option<Table> {
    let granted = |grant| Table { grant, ..Table::default() };
    Some(match id.as_str() {
        "punix.systemd" => Table::default(),
        // Empty lists: what the stack refers to is computed.
        "punix.from-env" => granted(Grant { env: Some(Vec::new()), ..Grant::default() }),
        "punix.from-file" => granted(Grant { files: Some(Vec::new()), ..Grant::default() }),
        "punix.from-vault" => from_vault(home),
        "punix.local" => granted(Grant { here: Some(true), ..Grant::default() }),
        "punix.ssh" => granted(Grant { ssh: Some(true), ..Grant::default() }),
        _ => return None,
    })
}

/// Adds what a stack's references to secrets grant: to a plugin that asks for the variables or files which the stack refers
/// to, exactly these, the variables as secrets. `references` are those that this plugin answers, and relative paths begin
/// at `base`. Whether there is anything to add, a table decides by having a list, be it an empty one.
#[must_use]
pub fn with_references(table: &Table, manifest: &Manifest, references: &[String], base: &Path) -> Table {
    let mut table = table.clone();
    if let Some(granted) = &mut table.grant.env
        && manifest.requests.env.iter().any(|request| request.name == Referred::Reference)
    {
        let names: BTreeSet<VariableName> =
            references.iter().filter_map(|reference| VariableName::parse(reference).ok()).collect();
        granted.extend(names.into_iter().map(|name| EnvGrant { name, form: Form::Secret }));
    }
    if let Some(granted) = &mut table.grant.files
        && manifest.requests.files.iter().any(|request| request.root == Referred::Reference)
    {
        let paths: BTreeSet<AbsolutePath> =
            references.iter().filter_map(|reference| referred(base, reference)).collect();
        let root = RootName::parse(REFERENCE).expect("the name of our own root is one");
        granted.extend(paths.into_iter().map(|path| FilesGrant { root: root.clone(), path, write: false }));
    }
    table
}

/// Adds what the configuration of a bundled plugin grants: to one that asks for the host which it names, exactly this host,
/// in private networks too. Where none is named, the request is denied, so that it needs no other decision.
#[must_use]
pub fn with_config(table: &Table, manifest: &Manifest, config: &str) -> Table {
    let config: Map<String, Value> = serde_json::from_str(config).unwrap_or_default();
    let mut table = table.clone();
    for request in &manifest.requests.http {
        let HostWanted::Configured(field) = &request.host else { continue };
        match config.get(field.as_str()).and_then(Value::as_str).and_then(|text| host(text, request, &config)) {
            Some(grant) => table.grant.http.get_or_insert_default().push(grant),
            None => drop(table.deny.insert(request.key())),
        }
    }
    table
}

fn from_vault(home: Option<&Path>) -> Table {
    let variable =
        |name| EnvGrant { name: VariableName::parse(name).expect("it is the name of a variable"), form: Form::Secret };
    let root = |name| RootName::parse(name).expect("it is the name of a root");
    let service_account = AbsolutePath::parse(SERVICE_ACCOUNT).expect("it is an absolute path");
    let mut table = Table::default();
    table.grant.env = Some(["BAO_TOKEN", "VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_TOKEN"].map(variable).to_vec());
    let files = table.grant.files.insert(vec![FilesGrant {
        root: root("kubernetes-token"),
        path: service_account,
        write: false,
    }]);
    match home.and_then(|home| AbsolutePath::parse(home.join(VAULT_TOKEN).to_str()?).ok()) {
        Some(path) => files.push(FilesGrant { root: root("vault-token"), path, write: false }),
        None => drop(table.deny.insert(Key { kind: Kind::Files, subject: "vault-token".to_owned() })),
    }
    table.grant.clock = Some(true);
    // All references of a fleet are one call, and a path takes as long as the server is far away.
    table.limits = Wishes { timeout_ms: Some(60_000), handles: Some(10_000), ..Wishes::default() };
    table
}

/// Grants the host that a configuration names: `https://host:port`, or `host:port` for the same.
fn host(text: &str, request: &HttpRequest, config: &Map<String, Value>) -> Option<HttpGrant> {
    let url = match text.contains("://") {
        true => WebUrl::parse(text).ok()?,
        false => WebUrl::parse(&format!("https://{text}")).ok()?,
    };
    let ca = match config.get("ca") {
        None | Some(Value::Null) => None,
        // An authority that nobody can name is no reason to believe all others.
        Some(name) => Some(AuthorityName::parse(name.as_str()?).ok()?),
    };
    Some(HttpGrant {
        host: HostPattern::parse(&format!("{}:{}", url.host(), url.port())).ok()?,
        methods: request.methods.clone(),
        paths: request.paths.clone(),
        public: request.public.clone(),
        plain_http: !url.is_secure() && request.plain_http,
        private: true,
        ca,
    })
}

#[cfg(test)]
mod tests;
