//! What a plugin is given while it is tried: everything that it asks for, and nothing else. What an operator would have to
//! place (a root, a program, a configured host) lies at places that only exist in the test.

use punix_plugin::{
    AbsolutePath, EnvGrant, FilesGrant, Form, Grant, HostPattern, HostWanted, HttpGrant, Key, Kind, Manifest,
    ProgramGrant, ProgramRequest, ProgramWanted, Referred, Secrets, Table,
};
use serde_json::Value;
use std::path::Path;

/// Returns a table that gives a plugin what its manifest asks for. `config` is where configured hosts are looked up, `roots` where directories lie.
pub(crate) fn everything(manifest: &Manifest, config: &str, roots: &Path) -> Table {
    let asked = &manifest.requests;
    let config: Value = serde_json::from_str(config).unwrap_or(Value::Null);
    let http = asked.http.iter().filter_map(|request| {
        let host = match &request.host {
            HostWanted::Known(host) => host.clone(),
            HostWanted::Configured(field) => {
                HostPattern::parse(&host_in(config.get(field.as_str())?.as_str()?)).ok()?
            }
        };
        Some(HttpGrant {
            host,
            methods: request.methods.clone(),
            paths: request.paths.clone(),
            public: request.public.clone(),
            plain_http: request.plain_http,
            private: true,
            ca: None,
        })
    });
    let env = asked.env.iter().filter_map(|request| match &request.name {
        Referred::Named(name) => {
            let form = if request.secret { Form::Secret } else { Form::Plain };
            Some(EnvGrant { name: name.clone(), form })
        }
        Referred::Reference => None,
    });
    let files = asked.files.iter().filter_map(|request| match &request.root {
        Referred::Named(root) => {
            let usual = || AbsolutePath::parse(&roots.join(root.as_str()).to_string_lossy()).ok();
            let path = request.path.clone().or_else(usual)?;
            Some(FilesGrant { root: root.clone(), path, write: request.write })
        }
        Referred::Reference => None,
    });
    let programs = |requests: &[ProgramRequest]| requests.iter().map(program).collect::<Vec<_>>();
    let secrets = asked.secrets.as_ref();
    // A host that no configuration names is nobody's.
    let unnamed = asked.http.iter().filter_map(|request| match &request.host {
        HostWanted::Configured(field) if config.get(field.as_str()).and_then(Value::as_str).is_none() => {
            Some(Key { kind: Kind::Http, subject: request.host.to_string() })
        }
        HostWanted::Configured(_) | HostWanted::Known(_) => None,
    });
    Table {
        deny: unnamed.collect(),
        grant: Grant {
            http: Some(http.collect()),
            env: Some(env.collect()),
            files: Some(files.collect()),
            process: Some(programs(&asked.process)),
            spawn: Some(programs(&asked.spawn)),
            ssh: asked.ssh.as_ref().map(|_| true),
            here: asked.here.as_ref().map(|_| true),
            clock: asked.clock.as_ref().map(|_| true),
            secrets: Secrets {
                seal: secrets.map(|secrets| secrets.seal),
                reveal: secrets.map(|secrets| secrets.reveal),
            },
        },
        ..Table::default()
    }
}

/// Returns a table that refuses everything that a plugin asks for, in so many words.
pub(crate) fn nothing(manifest: &Manifest) -> Table {
    Table { deny: manifest.requests.each().into_iter().map(|(key, _)| key).collect(), ..Table::default() }
}

fn program(request: &ProgramRequest) -> ProgramGrant {
    let program = match &request.program {
        ProgramWanted::At(path) => path.clone(),
        ProgramWanted::Named(name) => place(&format!("/usr/bin/{name}")),
    };
    ProgramGrant { program, args: request.args.clone(), sha256: None }
}

/// Returns the host of an address in a configuration.
fn host_in(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    let port = if scheme == "http" { 80 } else { 443 };
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if has_port { host.to_owned() } else { format!("{host}:{port}") }
}

fn place(text: &str) -> AbsolutePath {
    AbsolutePath::parse(text).expect("words of a manifest make a plain path")
}
