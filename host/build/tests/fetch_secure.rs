//! Fetching over TLS: whose certificates are believed, and that nothing leads from `https` down to `http`.

#![cfg(test)]

mod fetching;

use fetching::{Reply, Scratch, Server, read_head};
use punix_build::fetch::{Download, Expected, Failure, FetchError, Fetcher, Limits, Network, Options, Url};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const HASH_OF_X: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

/// Makes an authority, and a server with a certificate of it that sends one reply to everybody.
fn server(scratch: &Scratch, host: &str, reply: impl Fn() -> Reply + Send + Sync + 'static) -> (Server, PathBuf) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_file = scratch.join("authority.pem");
    fs::write(&ca_file, authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let server = Server::serving(move |stream, seen| {
        let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
        let head = read_head(&mut stream);
        if head.is_empty() {
            return;
        }
        seen.lock().unwrap().push(head);
        let _ = reply().write(&mut stream);
        stream.conn.send_close_notify();
        let _ = stream.flush_and_wait();
    });
    (server, ca_file)
}

trait FlushAndWait {
    fn flush_and_wait(&mut self) -> std::io::Result<()>;
}

impl FlushAndWait for StreamOwned<ServerConnection, std::net::TcpStream> {
    /// Lets the client go first, so that nothing it has not read is lost.
    fn flush_and_wait(&mut self) -> std::io::Result<()> {
        std::io::Write::flush(self)?;
        self.sock.shutdown(std::net::Shutdown::Write)?;
        let _ = self.sock.read(&mut [0; 1000]);
        Ok(())
    }
}

fn fetch(scratch: &Scratch, network: Network, port: u16) -> Result<Vec<u8>, Failure> {
    let second = Duration::from_secs(1);
    let limits = Limits { stall: 20 * second, total: 60 * second, retry_pause: second / 100, ..Limits::default() };
    let fetcher = Fetcher::new(&scratch.join("cache"), Options { network, limits }).unwrap();
    let url = Url::parse(&format!("https://localhost:{port}/a")).unwrap();
    let expected = Expected::parse("sha256", HASH_OF_X).unwrap();
    let download = Download { urls: vec![url], expected, headers: vec![], bytes_max: None };
    match fetcher.fetch(&download, &|_| {}, &AtomicBool::new(false)) {
        Ok(mut file) => {
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            Ok(content)
        }
        Err(FetchError::Unreachable { mut failed }) => Err(failed.remove(0).failure),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn an_authority_is_believed_if_it_is_named() {
    let scratch = Scratch::new();
    let (server, ca_file) = server(&scratch, "localhost", || Reply::ok(b"x"));
    let named = Network { ca_file: Some(ca_file), ..Network::default() };
    assert_eq!(fetch(&scratch, named, server.port).unwrap(), b"x");
    fs::remove_dir_all(scratch.join("cache")).unwrap();
    let directory = Network { ca_directory: Some(scratch.path().to_owned()), ..Network::default() };
    assert_eq!(fetch(&scratch, directory, server.port).unwrap(), b"x");
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn an_authority_that_is_not_named_is_not_believed() {
    let scratch = Scratch::new();
    let (server, _) = server(&scratch, "localhost", || Reply::ok(b"x"));
    let failure = fetch(&scratch, Network::default(), server.port).unwrap_err();
    assert!(matches!(failure, Failure::Certificate { .. } | Failure::NoAuthorities), "{failure}");
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn a_certificate_for_another_host_is_not_believed() {
    let scratch = Scratch::new();
    let (server, ca_file) = server(&scratch, "elsewhere.example.org", || Reply::ok(b"x"));
    let named = Network { ca_file: Some(ca_file), ..Network::default() };
    let failure = fetch(&scratch, named, server.port).unwrap_err();
    assert!(matches!(failure, Failure::Certificate { .. }), "{failure}");
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn nothing_leads_from_https_down_to_http() {
    let scratch = Scratch::new();
    let down = Server::start(|_, _| Reply::ok(b"x"));
    let target = down.url("/a");
    let (server, ca_file) = server(&scratch, "localhost", move || Reply::redirect(&target));
    let named = Network { ca_file: Some(ca_file), ..Network::default() };
    let failure = fetch(&scratch, named, server.port).unwrap_err();
    assert!(matches!(failure, Failure::RedirectDown { .. }), "{failure}");
    assert_eq!((server.seen().len(), down.seen().len()), (1, 0));
}

#[test]
fn a_body_that_is_cut_is_not_taken() {
    let scratch = Scratch::new();
    let (server, ca_file) = server(&scratch, "localhost", || Reply::ok(b"yx").cut(1));
    let named = Network { ca_file: Some(ca_file), ..Network::default() };
    let failure = fetch(&scratch, named, server.port).unwrap_err();
    assert!(matches!(failure, Failure::Connection { .. }), "{failure}");
}

#[test]
fn a_file_without_certificates_is_refused() {
    let scratch = Scratch::new();
    let empty = scratch.join("empty.pem");
    fs::write(&empty, "").unwrap();
    for ca_file in [empty, scratch.join("absent.pem")] {
        let network = Network { ca_file: Some(ca_file), ..Network::default() };
        let refused = Fetcher::new(&scratch.join("cache"), Options::of(network));
        assert!(matches!(refused.err(), Some(FetchError::Authorities { .. })));
    }
}
