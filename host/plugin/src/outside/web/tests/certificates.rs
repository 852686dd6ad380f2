//! Whose certificates are believed, and for whom.

use super::server::{close, read_request};
use super::*;
use crate::testing::Folder;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
const OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

/// Somebody who issues certificates.
struct Issuing {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Issuing {
    fn new() -> Issuing {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        // A name of its own, or it would be taken for another that signs wrongly.
        let name = key.public_key_raw().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        params.distinguished_name.push(DnType::CommonName, &name[..40]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Issuing { issuer: Issuer::new(params, key), pem }
    }
}

/// How a server shows who it is, and how it ends.
struct Shown {
    issued_by: Option<Issuing>,
    name: &'static str,
    years: (i32, i32),
    versions: &'static [&'static SupportedProtocolVersion],
    answer: &'static [u8],
    says_goodbye: bool,
    protocols: Vec<Vec<u8>>,
}

impl Default for Shown {
    fn default() -> Shown {
        Shown {
            issued_by: None,
            name: "web.test",
            years: (2000, 2100),
            versions: BOTH,
            answer: HELLO,
            says_goodbye: true,
            protocols: Vec::new(),
        }
    }
}

impl Shown {
    /// Starts a server, and returns its own certificate too.
    fn serve(self) -> (Server, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![self.name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        let certificate = match &self.issued_by {
            Some(by) => params.signed_by(&key, &by.issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        config.alpn_protocols = self.protocols;
        let config = Arc::new(config);
        let server = Server::serving(move |stream, seen| {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let request = read_request(&mut stream);
            if !request.is_empty() {
                seen.lock().unwrap().push(request);
                let _ = stream.write_all(self.answer);
                if self.says_goodbye {
                    stream.conn.send_close_notify();
                }
            }
            let _ = stream.flush();
            close(&stream.sock);
        });
        (server, certificate.pem())
    }
}

fn name(text: &str) -> AuthorityName {
    AuthorityName::parse(text).unwrap()
}

/// Makes a client that knows one authority by the name `internal`, and a collection of the machine's in a file.
fn trusting(internal: &str, system: Option<&std::path::Path>) -> ThisMachinesWeb {
    let authorities = BTreeMap::from([(name("internal"), Authority::Pem(internal.as_bytes().to_vec()))]);
    let here = addresses(&["127.0.0.1"]);
    let names = Told { names: vec![("web.test", here.clone()), ("a.web.test", here)], ..Told::default() };
    let system = system.map(std::path::Path::to_path_buf).into_iter().collect();
    let client = ThisMachinesWeb::new(authorities.clone()).with_names(Arc::new(names));
    ThisMachinesWeb { trust: Trust::new(authorities).with_system(system), ..client }
}

fn ask(client: &ThisMachinesWeb, host: &str, server: &Server, authority: Option<&AuthorityName>) -> String {
    let url = url(&format!("https://{host}:{}/a", server.port));
    short(client.exchange(&WebRequest { authority, ..get(&url) }))
}

/// Asks a server whose certificate was issued by the one authority that is believed.
fn asked(shown: Shown, host: &str) -> (String, usize) {
    let issuing = Issuing::new();
    let client = trusting(&issuing.pem, None);
    let (server, _) = Shown { issued_by: Some(issuing), ..shown }.serve();
    let said = ask(&client, host, &server, Some(&name("internal")));
    (said, server.seen().len())
}

#[test]
fn an_authority_is_believed_where_the_grant_names_it() {
    assert_eq!(asked(Shown::default(), "web.test"), ("200 hi".to_owned(), 1));
    assert_eq!(asked(Shown { name: "127.0.0.1", ..Shown::default() }, "127.0.0.1"), ("200 hi".to_owned(), 1));
    assert_eq!(asked(Shown { name: "*.web.test", ..Shown::default() }, "a.web.test"), ("200 hi".to_owned(), 1));
    let old = Shown { versions: OLD, ..Shown::default() };
    assert_eq!(asked(old, "web.test"), ("200 hi".to_owned(), 1));
    let protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    assert_eq!(asked(Shown { protocols, ..Shown::default() }, "web.test"), ("200 hi".to_owned(), 1));
}

#[test]
fn a_certificate_that_does_not_fit_stops_everything() {
    let cases = [
        (Shown { name: "other.test", ..Shown::default() }, "web.test", "is for another name"),
        (Shown { name: "web.test", ..Shown::default() }, "127.0.0.1", "is for another name"),
        (Shown { years: (2000, 2001), ..Shown::default() }, "web.test", "is no longer valid"),
        (Shown { years: (2090, 2100), ..Shown::default() }, "web.test", "is not valid yet"),
    ];
    for (shown, host, why) in cases {
        let expected = format!("the connection to `{host}` is not secure: its certificate {why}");
        assert_eq!(asked(shown, host), (expected, 0), "nothing was sent");
    }
    let other = Shown { protocols: vec![b"h2".to_vec()], ..Shown::default() };
    let (said, seen) = asked(other, "web.test");
    assert!(said.starts_with("the connection to `web.test` is not secure") && seen == 0, "{said}");
}

#[test]
fn who_is_believed_is_either_the_machine_or_the_one() {
    let folder = Folder::new("web-trust");
    let (ours, theirs) = (Issuing::new(), Issuing::new());
    let collection = folder.path().join("collection.pem");
    std::fs::write(
        &collection,
        format!("# theirs\n{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", theirs.pem),
    )
    .unwrap();
    let client = trusting(&ours.pem, Some(&collection));
    let (of_ours, _) = Shown { issued_by: Some(ours), ..Shown::default() }.serve();
    let (of_theirs, _) = Shown { issued_by: Some(theirs), ..Shown::default() }.serve();
    let (of_nobody, own) = Shown::default().serve();
    let internal = Some(name("internal"));
    let unknown = "the connection to `web.test` is not secure: its certificate was issued by nobody who is believed";
    assert_eq!(ask(&client, "web.test", &of_ours, internal.as_ref()), "200 hi");
    assert_eq!(ask(&client, "web.test", &of_theirs, internal.as_ref()), unknown);
    assert_eq!(ask(&client, "web.test", &of_theirs, None), "200 hi");
    assert_eq!(ask(&client, "web.test", &of_ours, None), unknown);
    assert_eq!(ask(&client, "web.test", &of_nobody, internal.as_ref()), unknown, "it says that it is itself");
    assert_eq!(ask(&trusting(&own, None), "web.test", &of_nobody, internal.as_ref()), "200 hi", "its own is named");
    assert_eq!(of_nobody.seen().len(), 1);
}

#[test]
fn authorities_that_cannot_be_used() {
    let server = Server::serving(|_, _| panic!("nobody is asked"));
    let folder = Folder::new("web-authorities");
    let with = |authority: Authority| {
        let client = ThisMachinesWeb::new(BTreeMap::from([(name("internal"), authority)]));
        ask(&client, "127.0.0.1", &server, Some(&name("internal")))
    };
    let pem = |text: &str| with(Authority::Pem(text.as_bytes().to_vec()));
    assert_eq!(pem(""), "the certificate authority `internal` has no certificate in it");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(pem(broken), "the certificate authority `internal` has a certificate in it that cannot be understood");
    assert_eq!(pem(&broken.replace("-----END", "?")), pem(broken));
    let absent = with(Authority::File(folder.path().join("absent.pem")));
    assert_eq!(absent, "the certificate authority `internal` cannot be read: entity not found");
    let directory = with(Authority::File(folder.path().to_owned()));
    assert!(directory.starts_with("the certificate authority `internal` cannot be read"), "{directory}");
    let unknown = ask(&trusting("", None), "127.0.0.1", &server, Some(&name("other")));
    assert_eq!(unknown, "the certificate authority `other` is not set up");
    let nobody = ask(&trusting(&Issuing::new().pem, None), "127.0.0.1", &server, None);
    assert_eq!(nobody, "the collection of certificate authorities of this machine has no certificate in it");
}

#[test]
fn a_file_of_an_authority_is_read() {
    let folder = Folder::new("web-authority-file");
    let issuing = Issuing::new();
    let path = folder.path().join("internal.pem");
    std::fs::write(&path, &issuing.pem).unwrap();
    let client = ThisMachinesWeb::new(BTreeMap::from([(name("internal"), Authority::File(path))]));
    let (server, _) = Shown { issued_by: Some(issuing), name: "127.0.0.1", ..Shown::default() }.serve();
    assert_eq!(ask(&client, "127.0.0.1", &server, Some(&name("internal"))), "200 hi");
}

#[test]
fn a_body_without_a_length_needs_a_goodbye() {
    let endless: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nhi";
    let polite = Shown { answer: endless, ..Shown::default() };
    assert_eq!(asked(polite, "web.test").0, "200 hi");
    let cut = Shown { answer: endless, says_goodbye: false, ..Shown::default() };
    assert_eq!(asked(cut, "web.test").0, "`web.test` closed the connection in the middle of the answer");
    let with_length = Shown { says_goodbye: false, ..Shown::default() };
    assert_eq!(asked(with_length, "web.test").0, "200 hi", "it is all there");
}

#[test]
fn what_is_not_tls() {
    let client = trusting(&Issuing::new().pem, None);
    let internal = Some(name("internal"));
    let plain = Server::serving(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        close(&stream);
    });
    let said = ask(&client, "web.test", &plain, internal.as_ref());
    assert_eq!(said, "the connection to `web.test` is not secure: what it sends is not TLS");
    let closing = Server::serving(|stream, _| close(&stream));
    let said = ask(&client, "web.test", &closing, internal.as_ref());
    assert!(said.contains("while the connection was made secure"), "{said}");
    let silent = Server::serving(|mut stream, _| {
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    let url = url(&format!("https://web.test:{}/", silent.port));
    let request = WebRequest { authority: internal.as_ref(), deadline: Instant::now() + SHORT, ..get(&url) };
    let error = client.exchange(&request).unwrap_err();
    assert_eq!(error, WebError::Late { host: "web.test".to_owned(), doing: Doing::Securing });
}
