use super::*;

/// Of `a.example.org` and `*.b.example.org`, made for this test, with its key.
pub(crate) const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBuTCCAWCgAwIBAgIUYIsNQceJrcJLB2HIrncVsd0qQKQwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNYS5leGFtcGxlLm9yZzAgFw0yNjExMjgwNjA0NTZaGA8yMTI2
MTEwNDA2MDQ1NlowGDEWMBQGA1UEAwwNYS5leGFtcGxlLm9yZzBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABPiOxbjdJeAUKygO2n0+eDqQ7FkPjeJM2px0/DjeU8R3
6rkiyauns6yRllgihrjA7DntBdRsShrfRH4H8C7eKTqjgYUwgYIwHQYDVR0OBBYE
FHIIYP6uqdYgr8r495FIa5pK7fl7MB8GA1UdIwQYMBaAFHIIYP6uqdYgr8r495FI
a5pK7fl7MA8GA1UdEwEB/wQFMAMBAf8wLwYDVR0RBCgwJoINYS5leGFtcGxlLm9y
Z4IPKi5iLmV4YW1wbGUub3JnhwR/AAABMAoGCCqGSM49BAMCA0cAMEQCIAntY1IM
MLqEXwqXQwdVXznkgxgHt/2whl26DkVEZ0/uAiA4hBC3JAS0nuSNu7rIGnKCk3bd
meKdP2abiMNla8Q0VA==
-----END CERTIFICATE-----
";
pub(crate) const PRIVATE_KEY: &str = "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEII35e1QwiLLmSoO9JIWmlFLx4akNgVd3TcMulpzp6kXAoAoGCCqGSM49
AwEHoUQDQgAE+I7FuN0l4BQrKA7afT54OpDsWQ+N4kzanHT8ON5TxHfquSLJq6ez
rJGWWCKGuMDsOe0F1GxKGt9EfgfwLt4pOg==
-----END EC PRIVATE KEY-----
";
/// From when to when it holds.
pub(crate) const BEGINS: i64 = 1_795_845_896;
pub(crate) const ENDS: i64 = 4_949_445_896;
/// As `openssl x509 -pubkey | openssl pkey -pubin -outform DER | sha256sum` has it.
pub(crate) const ASSOCIATION: &str = "dd3e66e0140788190a5b8744227e7cf77997c5e9a0a6c1eb3e6b5bb8882a32a3";
/// As `sha256sum` has it.
pub(crate) const FILE_DIGEST: &str = "b85873fe1e18ead94dc2234198b01f0daa1a0dcc082c455e00f1701679cbb72b";

#[test]
fn a_certificate_is_read() {
    let text = format!("for people\n{CERTIFICATE}{}", CERTIFICATE.replace("MIIB", "!!!!"));
    let found = Certificate::first_of(text.as_bytes()).unwrap();
    assert_eq!((found.not_before, found.not_after), (BEGINS, ENDS));
    assert_eq!(found.names, ["a.example.org", "*.b.example.org"]);
    assert_eq!(punix_store::Digest::of(&found.public_key).to_string(), ASSOCIATION);
    for (name, is_covered) in [
        ("a.example.org", true),
        ("A.Example.ORG", true),
        ("x.b.example.org", true),
        ("b.example.org", false),
        ("x.y.b.example.org", false),
        ("b.example.org.evil", false),
        ("org", false),
    ] {
        assert_eq!(found.covers(name), is_covered, "{name}");
    }
}

#[test]
fn what_is_no_certificate_is_told() {
    let error = |text: &str| Certificate::first_of(text.as_bytes()).unwrap_err();
    assert!(error("CERT-ONE\n").contains("no certificate in PEM"));
    assert!(error(PRIVATE_KEY).contains("no certificate in PEM"));
    assert!(error(&CERTIFICATE.replace("MIIB", "!!!!")).contains("no certificate in PEM"));
    assert!(error(&CERTIFICATE.replace("-----END", "")).contains("no certificate in PEM"));
    assert!(error("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----").contains("X.509"));
}

/// Whatever a file holds, reading it ends.
#[test]
fn damaged_certificates_are_no_danger() {
    let der = first_in_pem(CERTIFICATE.as_bytes()).unwrap();
    for at in 0..der.len() {
        assert_eq!(parse(&der[..at]), None, "{at}");
        for bits in [0x01, 0x80, 0xff] {
            let mut other = der.clone();
            other[at] ^= bits;
            let _ = parse(&other);
        }
    }
}
