//! Whose certificates are believed: the authorities of this machine, or exactly the one that a grant names.

use super::error::{AuthorityFault, TlsFault, WebError};
use super::wire::Wire;
use super::{Doing, WebUrl};
use crate::limits::AUTHORITIES_BYTES_MAX;
use crate::word::AuthorityName;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Where systems keep the authorities that they believe; the first that is there counts.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// A certificate authority that an operator has set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// One or more certificates in PEM.
    Pem(Vec<u8>),
    /// A file of them.
    File(PathBuf),
}

/// Everybody who may be believed; each is read when it is needed for the first time.
pub(super) struct Trust {
    system: Vec<PathBuf>,
    authorities: BTreeMap<AuthorityName, Authority>,
    ready: Mutex<BTreeMap<Option<AuthorityName>, Arc<ClientConfig>>>,
}

/// A connection by TLS. What it has decrypted and not yet handed out lies in memory of the library, which does not
/// overwrite it; behind that, everything lies in memory that is.
pub(super) type Secure = StreamOwned<ClientConnection, Wire>;

impl Trust {
    pub(super) fn new(authorities: BTreeMap<AuthorityName, Authority>) -> Trust {
        let system = SYSTEM_AUTHORITIES.iter().map(PathBuf::from).collect();
        Trust { system, authorities, ready: Mutex::default() }
    }

    /// Takes the first of these files that is there for the collection of this machine.
    #[cfg(test)]
    pub(super) fn with_system(self, files: Vec<PathBuf>) -> Trust {
        Trust { system: files, ..self }
    }

    /// Returns how connections are made secure if this authority is believed, or without a name those of the machine.
    pub(super) fn config(&self, name: Option<&AuthorityName>) -> Result<Arc<ClientConfig>, WebError> {
        // Whoever broke off left nothing half done.
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = ready.get(&name.cloned()) {
            return Ok(Arc::clone(config));
        }
        let roots = match name {
            Some(name) => self.chosen(name),
            None => self.of_this_machine(),
        };
        let roots = roots.map_err(|fault| WebError::Authority { name: name.cloned(), fault })?;
        let config = Arc::new(config(roots));
        ready.insert(name.cloned(), Arc::clone(&config));
        Ok(config)
    }

    fn chosen(&self, name: &AuthorityName) -> Result<RootCertStore, AuthorityFault> {
        let pem = match self.authorities.get(name).ok_or(AuthorityFault::Unknown)? {
            Authority::Pem(pem) => pem.clone(),
            Authority::File(path) => read(path).map_err(|error| AuthorityFault::Unreadable(error.kind()))?,
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|_| AuthorityFault::Broken)?;
            roots.add(certificate).map_err(|_| AuthorityFault::Broken)?;
        }
        if roots.is_empty() { Err(AuthorityFault::Empty) } else { Ok(roots) }
    }

    fn of_this_machine(&self) -> Result<RootCertStore, AuthorityFault> {
        let there = self.system.iter().find(|path| path.is_file()).ok_or(AuthorityFault::Empty)?;
        let pem = read(there).map_err(|error| AuthorityFault::Unreadable(error.kind()))?;
        let mut roots = RootCertStore::empty();
        // A system's collection can hold what nobody can use; that is left out.
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
        if roots.is_empty() { Err(AuthorityFault::Empty) } else { Ok(roots) }
    }
}

/// Makes a connection secure, and sees to it that the other end is who it has to be, before anything is sent.
pub(super) fn secure(config: Arc<ClientConfig>, url: &WebUrl, wire: Wire) -> Result<Secure, WebError> {
    let host = url.host();
    let fault = |fault| WebError::Secure { host: host.to_owned(), fault };
    let name = match url.address() {
        Some(address) => ServerName::IpAddress(address.into()),
        None => ServerName::try_from(host.to_owned()).map_err(|_| fault(TlsFault::OtherName))?,
    };
    let connection = ClientConnection::new(config, name).map_err(|error| fault(TlsFault::of(&error)))?;
    let mut secure = StreamOwned::new(connection, wire);
    while secure.conn.is_handshaking() {
        let moved = secure.conn.complete_io(&mut secure.sock);
        if moved.map_err(|error| WebError::of(host, Doing::Securing, &error))? == (0, 0) {
            return Err(WebError::Closed { host: host.to_owned(), doing: Doing::Securing });
        }
    }
    Ok(secure)
}

fn config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider has methods for both versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // One connection, one request: nothing of it is kept for another.
    config.resumption = Resumption::disabled();
    config
}

/// Reads a regular file, following links. Never waits for the other end of a pipe.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let file: File = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(AUTHORITIES_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= AUTHORITIES_BYTES_MAX {
        true => Ok(bytes),
        false => Err(ErrorKind::FileTooLarge.into()),
    }
}
