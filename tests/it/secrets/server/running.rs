//! Real servers, started by a test and ended with it. Three programs speak the same API: the one that `tests/vault/install.sh`
//! builds, and `vault` and `bao`.

use crate::support::{Folder, root, scrubbed, skip};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take to come up.
const DEADLINE: Duration = Duration::from_secs(60);
/// Somebody else may take a port between our looking and its use.
const TRIES: usize = 5;

/// Which program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The one that is built for the tests.
    Compatible,
    Vault,
    Bao,
}

/// A server that runs, unsealed.
pub(super) struct Running {
    pub(super) address: String,
    /// Who may do everything.
    pub(super) root: String,
    kind: Kind,
    folder: Folder,
    child: Child,
    secure: Option<Arc<rustls::ClientConfig>>,
}

/// Runs a test with each kind of server that there is.
pub(super) fn each(test: impl Fn(&Running)) {
    for kind in [Kind::Compatible, Kind::Vault, Kind::Bao] {
        if let Some(server) = Running::open(kind) {
            test(&server);
        }
    }
}

impl Kind {
    /// Returns the program, if it is installed. That the one for the tests is missing is counted.
    fn program(self) -> Option<PathBuf> {
        let name = match self {
            Kind::Compatible => {
                let found = compatible();
                if found.is_none() {
                    skip("no server that is compatible with Vault: tests/vault/install.sh builds it");
                }
                return found;
            }
            Kind::Vault => "vault",
            Kind::Bao => "bao",
        };
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file())
    }
}

/// Returns where `tests/vault/install.sh` puts its server.
fn compatible() -> Option<PathBuf> {
    let script = fs::read_to_string(root().join("tests/vault/install.sh")).expect("it is a file of ours");
    let version = script.lines().find_map(|line| line.strip_prefix("version=")).expect("it says so");
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let directory = variable("PUNIX_TEST_VAULT_DIR").or_else(|| {
        let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
        Some(cache.join(format!("punix-tests/rusty_vault-{version}")))
    });
    directory.map(|directory| directory.join("bin/rvault")).filter(|program| program.is_file())
}

impl Running {
    /// Starts one that speaks HTTP.
    pub(super) fn open(kind: Kind) -> Option<Running> {
        start(kind, false)
    }

    /// Starts one that speaks HTTPS, with an authority of its own.
    pub(super) fn secure(kind: Kind) -> Option<Running> {
        start(kind, true)
    }

    /// Returns the file of its authority.
    pub(super) fn authority(&self) -> String {
        self.folder.path().join("ca.pem").to_string_lossy().into_owned()
    }

    /// Writes what is at a path.
    pub(super) fn write(&self, path: &str, fields: &str) {
        self.done("POST", path, fields);
    }

    /// Mounts a KV engine.
    pub(super) fn mount(&self, path: &str, version: u32) {
        let body = json!({ "type": "kv", "options": { "version": version.to_string() } });
        self.done("POST", &format!("sys/mounts/{path}"), &body.to_string());
    }

    /// Makes a policy. One of the servers has none: whoever is logged in there may do everything.
    pub(super) fn policy(&self, name: &str, text: &str) {
        if !self.has_policies() {
            return;
        }
        self.done("PUT", &format!("sys/policy/{name}"), &json!({ "policy": text }).to_string());
    }

    pub(super) fn has_policies(&self) -> bool {
        self.kind != Kind::Compatible
    }

    /// Makes a token that has one policy.
    pub(super) fn token(&self, policy: &str) -> String {
        let made = self.done("POST", "auth/token/create", &json!({ "policies": [policy], "ttl": "1h" }).to_string());
        text(&made["auth"]["client_token"])
    }

    /// Makes a role that has one policy. Returns its id, and what proves it.
    pub(super) fn role(&self, name: &str, policy: &str) -> (String, String) {
        self.done("POST", "sys/auth/approle", r#"{"type":"approle"}"#);
        let role = format!("auth/approle/role/{name}");
        self.done("POST", &role, &json!({ "token_policies": policy }).to_string());
        let id = self.done("GET", &format!("{role}/role-id"), "");
        let proof = self.done("POST", &format!("{role}/secret-id"), "{}");
        (text(&id["data"]["role_id"]), text(&proof["data"]["secret_id"]))
    }

    pub(super) fn seal(&self) {
        self.done("PUT", "sys/seal", "");
    }

    #[track_caller]
    fn done(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.ask(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, Value)> {
        let host = self.address.split("://").nth(1).unwrap_or_default();
        let stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let request = format!(
            "{method} /v1/{path} HTTP/1.1\r\nhost: {host}\r\nx-vault-token: {}\r\nx-vault-request: true\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.root,
            body.len()
        );
        match &self.secure {
            None => talk(stream, &request),
            Some(config) => {
                let name = "127.0.0.1".try_into().expect("it is an address");
                let connection = rustls::ClientConnection::new(config.clone(), name).expect("it can be made");
                talk(rustls::StreamOwned::new(connection, stream), &request)
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Sends a request, and reads the answer by its length or to its end.
fn talk(mut stream: impl Read + Write, request: &str) -> std::io::Result<(u16, Value)> {
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut chunked) = (String::new(), None, false);
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse::<u64>().ok(),
            "transfer-encoding" => chunked = value.contains("chunked"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    match (length, chunked) {
        (Some(length), _) => drop(reader.take(length).read_to_end(&mut body)?),
        (None, true) => loop {
            line.clear();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
            if size == 0 {
                break;
            }
            reader.by_ref().take(size).read_to_end(&mut body)?;
            reader.read_line(&mut line)?;
        },
        (None, false) => {}
    }
    Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

/// Starts a server, and opens its seal.
fn start(kind: Kind, is_secure: bool) -> Option<Running> {
    let program = kind.program()?;
    for _ in 0..TRIES {
        let folder = Folder::new();
        let secure = is_secure.then(|| certificate(&folder));
        let port =
            TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port").local_addr().expect("bound").port();
        let address = format!("{}://127.0.0.1:{port}", if is_secure { "https" } else { "http" });
        fs::create_dir(folder.path().join("data")).expect("it can be made");
        folder.write("server.hcl", settings(kind, &folder, port, is_secure));
        let log = File::create(folder.path().join("log")).expect("it can be made");
        let mut command: Command = scrubbed(&program);
        command.args(["server", if kind == Kind::Compatible { "--config" } else { "-config" }, "server.hcl"]);
        command.current_dir(folder.path()).env("HOME", folder.path()).env("PATH", "/usr/bin:/bin");
        let child = command.stdout(Stdio::from(log.try_clone().expect("it is open"))).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut server = Running { address, root: String::new(), kind, folder, child, secure };
        if server.is_up() {
            server.unseal(kind);
            return Some(server);
        }
    }
    panic!("{} does not start", program.display());
}

impl Running {
    /// Waits for it to answer. That it ends instead is somebody else having its port.
    fn is_up(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < DEADLINE {
            if self.child.try_wait().expect("it is ours").is_some() {
                return false;
            }
            if self.ask("GET", "sys/seal-status", "").is_ok() {
                return true;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("it does not come up: {}", fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
    }

    fn unseal(&mut self, kind: Kind) {
        let made = self.done("PUT", "sys/init", r#"{"secret_shares":1,"secret_threshold":1}"#);
        let key = text(&made["keys"][0]);
        self.root = text(&made["root_token"]);
        self.done("PUT", "sys/unseal", &json!({ "key": key }).to_string());
        // Others have nothing mounted there, and take a moment before they do anything.
        if kind != Kind::Compatible {
            let begun = Instant::now();
            let body = r#"{"type":"kv","options":{"version":"1"}}"#;
            while !matches!(self.ask("POST", "sys/mounts/secret", body), Ok((200..300, _)))
                && begun.elapsed() < DEADLINE
            {
                sleep(Duration::from_millis(50));
            }
        }
    }
}

fn settings(kind: Kind, folder: &Folder, port: u16, is_secure: bool) -> String {
    let here = folder.path().display();
    let tls = match is_secure {
        true => format!(
            "  tls_disable = \"false\"\n  tls_cert_file = \"{here}/server.pem\"\n  tls_key_file = \"{here}/server.key\"\n"
        ),
        false => "  tls_disable = \"true\"\n".to_owned(),
    };
    let scheme = if is_secure { "https" } else { "http" };
    let common = format!(
        "storage \"file\" {{\n  path = \"{here}/data\"\n}}\n\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n{tls}}}\n\n\
         api_addr = \"{scheme}://127.0.0.1:{port}\"\nlog_level = \"info\"\n"
    );
    match kind {
        Kind::Compatible => common + &format!("pid_file = \"{here}/pid\"\nwork_dir = \"{here}\"\n"),
        Kind::Vault | Kind::Bao => common + "disable_mlock = true\n",
    }
}

/// Makes an authority and a certificate of it for the loopback's address. Returns how one speaks with whoever has it.
fn certificate(folder: &Folder) -> Arc<rustls::ClientConfig> {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certified = authority.self_signed(&authority_key).unwrap();
    folder.write("ca.pem", certified.pem());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certified.der().clone()).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    folder.write("server.pem", certificate.pem());
    folder.write("server.key", key.serialize_pem());
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Not everybody who offers to take up a session again can do it.
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}
