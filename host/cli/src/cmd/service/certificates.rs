//! Certificates that are brought with a stack: whether a key belongs to one, and what is said where none are brought.

use super::Stopped;
use super::prepare::now;
use crate::ui::Ui;
use punix_deploy::{CertificateSource, Design, Pair, Tls, read_pairs};
use punix_diag::{Diagnostic, SourceMap, Span};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::Path;
use zeroize::Zeroize;

/// Where the certificates of a deploy come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'f> {
    /// Nobody named a directory.
    Nowhere,
    /// One was named, and this is a rehearsal: keys are not copied for one.
    LeftOut,
    Directory(&'f Path),
}

/// Reads the certificates and keys of a stack's domains, if there are any and they are brought.
pub(super) fn read(ui: &Ui, design: &Design, from: Origin<'_>, sources: &SourceMap) -> Result<Vec<Pair>, Stopped> {
    let Some(tls) = &design.tls else { return Ok(Vec::new()) };
    let domains = || tls.domains.iter().map(|domain| format!("`{domain}`")).collect::<Vec<String>>().join(", ");
    let directory = match from {
        Origin::Directory(directory) => directory,
        Origin::Nowhere => {
            let domains = domains();
            ui.say(&format!("note: the certificates of {domains} are left as they are: `--tls-certs DIR` brings them"));
            return Ok(Vec::new());
        }
        Origin::LeftOut => {
            ui.say(&format!("note: a dry run brings no certificates: those of {} are left out", domains()));
            return Ok(Vec::new());
        }
    };
    let (pairs, warnings) = read_pairs(tls, CertificateSource { directory, now: now(), fits: &fits })?;
    ui.show(&warnings, 0, sources);
    Ok(pairs)
}

/// Reads the certificates and keys of some domains once more, if a directory was named. No program says where.
pub(super) fn read_again(ui: &Ui, domains: Vec<String>, directory: Option<&Path>) -> Result<Vec<Pair>, Stopped> {
    let Some(directory) = directory.filter(|_| !domains.is_empty()) else { return Ok(Vec::new()) };
    let tls = Tls {
        domains,
        places: Vec::new(),
        restarts: None,
        reloads: None,
        acme: false,
        email: String::new(),
        at: Span::default(),
    };
    let placeless = |told: Vec<Diagnostic>| -> Vec<Diagnostic> {
        told.into_iter().map(|diagnostic| Diagnostic { span: None, ..diagnostic }).collect()
    };
    let (pairs, warnings) =
        read_pairs(&tls, CertificateSource { directory, now: now(), fits: &fits }).map_err(placeless)?;
    ui.show(&placeless(warnings), 0, &SourceMap::default());
    Ok(pairs)
}

/// Tells whether a key belongs to the first of some certificates, both in PEM. Says why not, as the end of a sentence whose
/// subject is the key.
fn fits(chain: &[u8], key: &[u8]) -> Result<(), String> {
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|_| "has certificates in its `fullchain.pem` that are no PEM")?;
    let mut key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "is no private key in PEM")?;
    let signing = any_supported_type(&key);
    key.zeroize();
    let signing =
        signing.map_err(|_| "is of a kind that is not known here: it takes RSA, ECDSA P-256 or P-384, or Ed25519")?;
    let matches = CertifiedKey::new(chain, signing).keys_match();
    matches.map_err(|_| "does not belong to its certificate".to_owned())
}

#[cfg(test)]
mod tests {
    use super::fits;
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, generate_simple_self_signed};

    #[test]
    fn a_key_belongs_to_its_own_certificate_alone() {
        let other = KeyPair::generate().unwrap().serialize_pem();
        for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            let key = KeyPair::generate_for(kind).unwrap();
            let parameters = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            let chain = parameters.self_signed(&key).unwrap().pem();
            assert_eq!(fits(chain.as_bytes(), key.serialize_pem().as_bytes()), Ok(()));
            let error = fits(chain.as_bytes(), other.as_bytes()).unwrap_err();
            assert_eq!(error, "does not belong to its certificate");
        }
    }

    #[test]
    fn what_is_no_key_is_told() {
        let made = generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let chain = made.cert.pem();
        for text in ["", "KEY\n", &chain, "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n"] {
            assert_eq!(fits(chain.as_bytes(), text.as_bytes()), Err("is no private key in PEM".to_owned()), "{text}");
        }
        let empty = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        assert!(fits(chain.as_bytes(), empty.as_bytes()).unwrap_err().starts_with("is of a kind"));
    }
}
