//! Reading certificates as far as a deploy has to know them: their public key, from when to when they hold, and for which
//! names. Whether anybody may believe them is for those to judge who meet them.

mod der;
#[cfg(test)]
pub(crate) mod tests;

use crate::base64;
use der::{Reader, Tag};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of a file with certificates.
pub(crate) const CHAIN_BYTES_MAX: u64 = 1 << 20;
pub(crate) const CHAIN: &str = "fullchain.pem";
/// What to do about a file that holds no certificate.
pub(crate) const AS_PEM: &str =
    "put certificates in PEM there, the domain's own first: each begins with `-----BEGIN CERTIFICATE-----`";
/// The extension that lists names, and the kinds of names in it that are hosts.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const DNS_NAME: u8 = 0x82;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Its `SubjectPublicKeyInfo`, in DER.
    pub(crate) public_key: Vec<u8>,
    /// In seconds since 1970.
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    /// Names of hosts; `*` may stand for the first part of one.
    pub(crate) names: Vec<String>,
}

/// Reads the certificates of a domain. Says why not, as the end of a sentence.
pub(crate) fn read_chain(directory: &Path, domain: &str) -> Result<Vec<u8>, String> {
    let path = path(directory, domain, CHAIN);
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("cannot read `{shown}`: {error}");
    let file = open(&path)?;
    let mut bytes = Vec::new();
    file.take(CHAIN_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= CHAIN_BYTES_MAX => Ok(bytes),
        Ok(_) | Err(_) => Err(format!("`{shown}` has more than {} KiB", CHAIN_BYTES_MAX >> 10)),
    }
}

pub(crate) fn path(directory: &Path, domain: &str, name: &str) -> PathBuf {
    directory.join(domain).join(name)
}

/// Opens a file that is one: whoever renews certificates leads there by links.
pub(crate) fn open(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("cannot read `{shown}`: {error}");
    // A pipe would be waited for.
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(format!("cannot read `{shown}`: it is no file"));
    }
    File::open(path).map_err(cannot)
}

impl Certificate {
    /// Reads the first certificate of a file. Says why not, as the end of a sentence whose subject is the file.
    pub(crate) fn first_of(chain: &[u8]) -> Result<Certificate, &'static str> {
        let der = first_in_pem(chain).ok_or("holds no certificate in PEM")?;
        parse(&der).ok_or("holds a certificate that cannot be understood: it is not one of X.509")
    }

    /// Tells whether it is for a host.
    pub(crate) fn covers(&self, domain: &str) -> bool {
        let behind_first = || domain.split_once('.').map(|(_, rest)| rest);
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(rest) => behind_first().is_some_and(|behind| behind.eq_ignore_ascii_case(rest)),
            None => name.eq_ignore_ascii_case(domain),
        })
    }
}

/// Finds the first certificate in a text; what stands around it is for people.
fn first_in_pem(text: &[u8]) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(text);
    let (_, behind) = text.split_once(BEGIN)?;
    let (inside, _) = behind.split_once(END)?;
    let letters: String = inside.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    base64::decode(&letters)
}

fn parse(der: &[u8]) -> Option<Certificate> {
    let mut file = Reader::new(der);
    let mut certificate = file.enter(Tag::SEQUENCE)?;
    if !file.is_empty() {
        return None;
    }
    let mut signed = certificate.enter(Tag::SEQUENCE)?;
    // A version, which is 1 if it is left out.
    signed.skip_if(Tag::context(0));
    signed.enter(Tag::INTEGER)?;
    // Algorithm, and who issued it.
    signed.enter(Tag::SEQUENCE)?;
    signed.enter(Tag::SEQUENCE)?;
    let mut validity = signed.enter(Tag::SEQUENCE)?;
    let (not_before, not_after) = (validity.time()?, validity.time()?);
    // Whose it is: hosts are not named there any more.
    signed.enter(Tag::SEQUENCE)?;
    let public_key = signed.whole(Tag::SEQUENCE)?.to_vec();
    let mut names = Vec::new();
    while !signed.is_empty() {
        let (tag, mut content) = signed.next()?;
        if tag == Tag::context(3) {
            names = alternative_names(content.enter(Tag::SEQUENCE)?)?;
        }
    }
    Some(Certificate { public_key, not_before, not_after, names })
}

fn alternative_names(mut extensions: Reader<'_>) -> Option<Vec<String>> {
    let mut found = Vec::new();
    while !extensions.is_empty() {
        let mut extension = extensions.enter(Tag::SEQUENCE)?;
        let identifier = extension.enter(Tag::IDENTIFIER)?;
        extension.skip_if(Tag::BOOLEAN);
        let mut value = extension.enter(Tag::OCTETS)?;
        if identifier.rest() != ALTERNATIVE_NAMES {
            continue;
        }
        let mut names = value.enter(Tag::SEQUENCE)?;
        while !names.is_empty() {
            let (tag, content) = names.next()?;
            if tag == Tag(DNS_NAME) {
                found.push(str::from_utf8(content.rest()).ok()?.to_owned());
            }
        }
    }
    Some(found)
}
