//! How the network is reached: through which proxy, and whose certificates are believed. All of it is given by the
//! caller; nothing here reads the environment.

use super::error::FetchError;
use super::forward;
use super::url::Origin;
use super::{Limits, Options};
use crate::limits::{
    AUTHORITIES_BYTES_MAX, AUTHORITY_FILES_MAX, CONNECT_TIMEOUT_MS, RESOLVE_TIMEOUT_MS, RESPONSE_HEAD_BYTES_MAX,
};
use crate::secret::Secret;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

/// Where systems keep the authorities that they believe; the first that is there counts.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// How the network is reached.
#[derive(Debug, Default)]
pub struct Network {
    /// The proxy for `http` urls, such as `http://proxy.example.org:3128`; it can hold a password.
    pub http_proxy: Option<Secret>,
    /// The proxy for `https` urls.
    pub https_proxy: Option<Secret>,
    /// Hosts that are asked directly, between commas. `example.org` is also for what is below it; `*` is all.
    pub no_proxy: String,
    /// A PEM file of certificate authorities, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// A directory of such files, in place of the system's.
    pub ca_directory: Option<PathBuf>,
}

/// A network that was looked at: proxies are understood, authorities are read.
pub(super) struct Ready {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: String,
    tls: TlsConfig,
    trusts_somebody: bool,
}

impl Ready {
    pub(super) fn new(network: &Network) -> Result<Ready, FetchError> {
        let authorities = authorities(network)?;
        let trusts_somebody = !authorities.is_empty();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(authorities))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        Ok(Ready {
            http: proxy(network.http_proxy.as_ref(), "http")?,
            https: proxy(network.https_proxy.as_ref(), "https")?,
            direct: network.no_proxy.clone(),
            tls,
            trusts_somebody,
        })
    }

    /// Tells whether there is anybody whose certificates are believed.
    pub(super) fn trusts_somebody(&self) -> bool {
        self.trusts_somebody
    }

    /// Returns the proxy for a request.
    pub(super) fn proxy(&self, origin: &Origin) -> Option<Proxy> {
        let proxy = if origin.secure { &self.https } else { &self.http };
        if is_direct(&self.direct, origin) { None } else { proxy.clone() }
    }

    /// Makes what sends the requests of one try. It keeps no connection for another try.
    pub(super) fn agents(&self, limits: &Limits) -> Agents {
        let config = Agent::config_builder()
            .tls_config(self.tls.clone())
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("punix/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .max_response_header_size(RESPONSE_HEAD_BYTES_MAX)
            .timeout_resolve(Some(Duration::from_millis(RESOLVE_TIMEOUT_MS)))
            .timeout_connect(Some(Duration::from_millis(CONNECT_TIMEOUT_MS).min(limits.total)))
            .timeout_per_read(Some(limits.stall))
            .timeout_per_write(Some(limits.stall));
        let config = config.build();
        Agents { direct: config.new_agent(), forward: forward::agent(config) }
    }
}

/// What sends the requests of one try.
pub(super) struct Agents {
    /// Asks servers, perhaps through the tunnel of a proxy.
    pub(super) direct: Agent,
    /// Asks proxies for what lies on servers of plain `http`.
    pub(super) forward: Agent,
}

impl Agents {
    /// Breaks all connections.
    pub(super) fn shutdown(&self) {
        self.direct.clone().shutdown();
        self.forward.clone().shutdown();
    }
}

impl Options {
    /// Makes options of a network, with the usual limits.
    pub fn of(network: Network) -> Options {
        Options { network, ..Options::default() }
    }
}

fn proxy(text: Option<&Secret>, scheme: &'static str) -> Result<Option<Proxy>, FetchError> {
    let Some(text) = text.filter(|text| !text.expose().is_empty()) else { return Ok(None) };
    let refused = FetchError::Proxy { scheme };
    // The library would end the process over another protocol than these two.
    match text.expose().split_once("://") {
        Some((protocol, _)) if !["http", "https"].contains(&&*protocol.to_ascii_lowercase()) => Err(refused),
        Some(_) | None => Proxy::new(text.expose()).map(Some).map_err(|_| refused),
    }
}

fn is_direct(list: &str, origin: &Origin) -> bool {
    let host = origin.host.trim_start_matches('[').trim_end_matches(']');
    let entries = list.split([',', ' ']).map(|entry| entry.trim().to_ascii_lowercase());
    entries.filter(|entry| !entry.is_empty()).any(|entry| {
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') => (name, Some(port)),
            Some(_) | None => (entry.as_str(), None),
        };
        if port.is_some_and(|port| port != origin.port.to_string()) {
            return false;
        }
        let name = name.trim_start_matches('*').trim_start_matches('.');
        name.is_empty() || host == name || host.strip_suffix(name).is_some_and(|above| above.ends_with('.'))
    })
}

fn authorities(network: &Network) -> Result<Vec<Certificate<'static>>, FetchError> {
    let mut found = Vec::new();
    let failed = |path: &Path, error| FetchError::Authorities { path: path.to_owned(), error };
    if let Some(path) = &network.ca_file {
        read_authorities(path, &mut found).map_err(|error| failed(path, error))?;
        if found.is_empty() {
            let empty = io::Error::new(io::ErrorKind::InvalidData, "there is no certificate in it");
            return Err(failed(path, empty));
        }
    }
    if let Some(directory) = &network.ca_directory {
        let entries = std::fs::read_dir(directory).map_err(|error| failed(directory, error))?;
        for entry in entries.take(AUTHORITY_FILES_MAX) {
            let path = entry.map_err(|error| failed(directory, error))?.path();
            // Other things lie there too, and links to certificates that were removed.
            let _ = read_authorities(&path, &mut found);
        }
    }
    if network.ca_file.is_none() && network.ca_directory.is_none() {
        let there = SYSTEM_AUTHORITIES.iter().map(Path::new).find(|path| path.is_file());
        if let Some(path) = there {
            read_authorities(path, &mut found).map_err(|error| failed(path, error))?;
        }
    }
    Ok(found)
}

/// Reads the certificates of a PEM file. A broken one is left out: a system's collection can hold what nobody can use.
fn read_authorities(path: &Path, found: &mut Vec<Certificate<'static>>) -> io::Result<()> {
    let mut pem = Vec::new();
    let file: File = open_regular(path)?;
    file.take(AUTHORITIES_BYTES_MAX).read_to_end(&mut pem)?;
    found.extend(parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        Ok(_) | Err(_) => None,
    }));
    Ok(())
}

/// Opens a regular file, following links. Never waits for the other end of a pipe.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_directly() {
        let origin = Origin::parse(true, "git.example.org").unwrap();
        for list in ["*", "example.org", ".example.org", "x, *.example.org", "git.example.org:443", "GIT.example.org"] {
            assert!(is_direct(list, &origin), "{list}");
        }
        for list in ["", " , ", "ample.org", "git.example.org:80", "other.example.org", "example.org.x"] {
            assert!(!is_direct(list, &origin), "{list}");
        }
        assert!(is_direct("::1", &Origin::parse(false, "[::1]:80").unwrap()));
    }

    #[test]
    fn proxies_of_other_protocols_are_refused() {
        for text in ["socks5://localhost:1080", "ftp://x", "http://", "http://a b"] {
            assert!(proxy(Some(&Secret::new(text.to_owned())), "http").is_err(), "{text}");
        }
        for text in ["localhost:3128", "http://u:p@localhost", "https://localhost:1"] {
            assert!(proxy(Some(&Secret::new(text.to_owned())), "http").unwrap().is_some(), "{text}");
        }
        assert!(proxy(Some(&Secret::new(String::new())), "http").unwrap().is_none());
    }
}
