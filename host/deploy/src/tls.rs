//! Certificates of a stack's domains, from a directory on this machine: looked at, and made files of the stack. A key is a
//! secret from here on; a certificate is public, but follows its key wherever that goes.

#[cfg(test)]
mod tests;

use crate::certificate::{AS_PEM, CHAIN, CHAIN_BYTES_MAX, Certificate, open, path, read_chain};
use crate::design::{Design, DesignFile, FileBody, Tls};
use crate::draft::day;
use punix_diag::{Code, Diagnostic, Span};
use punix_model::{Chunk, Encoding, Scope, Secret, SecretBuffer, Shape, Slot};
use punix_target::{FileRow, Generation, TargetPath};
use std::collections::BTreeSet;
use std::path::Path;

/// What makes files of certificates and keys, as records have it.
pub(crate) const MADE_BY: &str = "std.tls";
/// What their keys are called among secrets.
const KEY_KIND: &str = "tls";
const KEY: &str = "privkey.pem";
/// Part of the path of all of them.
pub(crate) const DIRECTORY: &str = "/punix/tls/";
const SYSTEM_DIRECTORY: &str = "/etc/punix/tls";
const USER_DIRECTORY: &str = ".config/punix/tls";
const KEY_MODE: u32 = 0o600;
/// So long before its end it is said that a certificate ends.
const WARNING_DAYS: i64 = 30;
const DAY_SECONDS: i64 = 86_400;

/// Tells whether a key belongs to the first of some certificates, both in PEM. Says why not, as the end of a sentence.
pub type Fits<'f> = &'f dyn Fn(&[u8], &[u8]) -> Result<(), String>;

/// Where certificates are brought from.
#[derive(Clone, Copy)]
pub struct CertificateSource<'c> {
    pub directory: &'c Path,
    /// In seconds since 1970.
    pub now: u64,
    pub fits: Fits<'c>,
}

/// A key and its certificate.
#[derive(Debug, Clone)]
pub struct Pair {
    pub domain: String,
    /// In PEM, with those by which it is believed.
    pub chain: String,
    pub key: Secret,
    pub at: Span,
}

/// Reads the certificates and keys of a stack's domains, and says which end soon; or all that is wrong with them.
pub fn read_pairs(tls: &Tls, from: CertificateSource<'_>) -> Result<(Vec<Pair>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (mut pairs, mut warnings, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for (index, domain) in tls.domains.iter().enumerate() {
        let at = tls.places.get(index).copied().unwrap_or(tls.at);
        match pair(domain, at, from, &mut warnings) {
            Ok(pair) => pairs.push(pair),
            Err(error) => errors.push(error.at(at)),
        }
    }
    if errors.is_empty() { Ok((pairs, warnings)) } else { Err(errors) }
}

fn pair(
    domain: &str,
    at: Span,
    from: CertificateSource<'_>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Pair, Diagnostic> {
    let CertificateSource { directory, now, fits } = from;
    let home = directory.join(domain);
    let error = |message: String, help: &str| Diagnostic::error(Code::E9, message).help(help);
    if [CHAIN, KEY].iter().any(|name| !path(directory, domain, name).exists()) {
        let message = format!("TLS: there is no certificate of `{domain}` in `{}/`", home.display());
        return Err(error(message, "it takes a `fullchain.pem` and a `privkey.pem` for each domain"));
    }
    let again = "put the certificate and the key there that belong to the domain";
    let unreadable = |why: String| error(format!("TLS: {why}"), again);
    let chain = read_chain(directory, domain).map_err(unreadable)?;
    let certificate = Certificate::first_of(&chain)
        .map_err(|why| error(format!("TLS: `{}` {why}", path(directory, domain, CHAIN).display()), AS_PEM))?;
    let chain = String::from_utf8(chain)
        .map_err(|_| error(format!("TLS: the certificate of `{domain}` is no text, as PEM is"), again))?;
    let key = key(directory, domain).map_err(unreadable)?;
    fits(chain.as_bytes(), key.bytes()).map_err(|why| error(format!("TLS: the key of `{domain}` {why}"), again))?;
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let renew = "renew it, and deploy again";
    if certificate.not_after < now {
        let message = format!("TLS: the certificate of `{domain}` ended on {}", day(certificate.not_after));
        return Err(error(message, renew));
    }
    if certificate.not_before > now {
        let message = format!("TLS: the certificate of `{domain}` begins on {} only", day(certificate.not_before));
        return Err(error(message, "deploy it then, or look whether the clock of this machine is right"));
    }
    let left = (certificate.not_after - now) / DAY_SECONDS;
    if left < WARNING_DAYS {
        let message =
            format!("TLS: the certificate of `{domain}` ends in {left} day(s), on {}", day(certificate.not_after));
        warnings.push(Diagnostic::warning(message).at(at).help(renew));
    }
    if !certificate.covers(domain) {
        let names: Vec<String> = certificate.names.iter().map(|name| format!("`{}`", name.escape_debug())).collect();
        let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
        let message = format!("TLS: the certificate of `{domain}` is for {names}, and not for it");
        let help = "who looks at names will not believe it; one that is pinned by its key is fine";
        warnings.push(Diagnostic::warning(message).at(at).help(help));
    }
    Ok(Pair { domain: domain.to_owned(), chain, key: key.into_secret(), at })
}

fn key(directory: &Path, domain: &str) -> Result<SecretBuffer, String> {
    let path = path(directory, domain, KEY);
    let mut file = open(&path)?;
    let mut buffer = SecretBuffer::with_room(usize::try_from(CHAIN_BYTES_MAX).unwrap_or(usize::MAX));
    match buffer.fill_from(&mut file) {
        Ok(true) => Ok(buffer),
        Ok(false) => Err(format!("`{}` has more than {} KiB", path.display(), CHAIN_BYTES_MAX >> 10)),
        Err(error) => Err(format!("cannot read `{}`: {error}", path.display())),
    }
}

/// Makes pairs files of a stack, and their keys secrets of it: `values` are those of its slots. `home` is that of the user
/// whose stack it is.
pub fn add_pairs(design: &mut Design, pairs: Vec<Pair>, home: Option<&str>, values: &mut Vec<Secret>) {
    let Some(tls) = design.tls.clone() else { return };
    for Pair { domain, chain, key, at } in pairs {
        let directory = directory(design.scope, home, &domain);
        let slot = u32::try_from(design.slots.len()).unwrap_or(u32::MAX);
        design.slots.push(Slot { id: slot, name: key_reference(&domain), shape: Shape::Text });
        design.slot_places.push(at);
        values.push(key);
        let file = |name: &str, chunk: Chunk, mode: Option<u32>| DesignFile {
            path: format!("{directory}/{name}"),
            at,
            body: FileBody::Chunks(vec![chunk]),
            secret: mode.is_some(),
            mode,
            owner: None,
            group: None,
            restarts: tls.restarts.clone(),
            reloads: tls.reloads.clone(),
            made_by: MADE_BY,
        };
        design.files.push(file(CHAIN, Chunk::Text(chain), None));
        let key = Chunk::Secret(slot, Encoding("raw".to_owned()));
        design.files.push(file(KEY, key, Some(KEY_MODE)));
    }
}

fn directory(scope: Scope, home: Option<&str>, domain: &str) -> String {
    match (scope, home) {
        (Scope::User, Some(home)) => format!("{}/{USER_DIRECTORY}/{domain}", home.trim_end_matches('/')),
        (Scope::User, None) | (Scope::System, _) => format!("{SYSTEM_DIRECTORY}/{domain}"),
    }
}

/// Tells whether a file is a certificate, which goes with its key.
pub(crate) fn is_certificate(row: &FileRow) -> bool {
    row.made_by == MADE_BY && !row.is_secret()
}

/// Keeps certificates and keys in a generation that the live one has for the same domains, where none were brought: they are
/// left as they are, and stay the stack's. Returns their paths.
pub fn keep_pairs(
    draft: &mut Generation,
    tls: Option<&Tls>,
    scope: Scope,
    home: Option<&str>,
    live: Option<&Generation>,
) -> BTreeSet<TargetPath> {
    let mut kept = BTreeSet::new();
    let wanted = tls.iter().flat_map(|tls| &tls.domains).map(|domain| format!("{}/", directory(scope, home, domain)));
    let wanted: Vec<String> = wanted.collect();
    for row in live.iter().flat_map(|live| &live.files).filter(|row| row.made_by == MADE_BY) {
        let is_wanted = wanted.iter().any(|directory| row.path.as_str().starts_with(directory));
        if is_wanted && draft.files.iter().all(|other| other.path != row.path) {
            draft.files.push(row.clone());
            kept.insert(row.path.clone());
        }
    }
    kept
}

/// Returns what the record of a generation has of the certificate of a domain.
pub fn certificate_of<'g>(generation: &'g Generation, domain: &str) -> Option<&'g FileRow> {
    let is_of = |row: &&FileRow| row.path.parent().is_some_and(|directory| directory.name() == domain);
    generation.files.iter().filter(|row| is_certificate(row)).find(is_of)
}

/// Returns what the record of a generation has of certificates, by domain.
pub fn certificates_of(generation: &Generation) -> impl Iterator<Item = (String, &FileRow)> {
    let rows = generation.files.iter().filter(|row| is_certificate(row));
    rows.filter_map(|row| Some((row.path.parent()?.name().to_owned(), row)))
}

/// Returns the reference to the key of a domain, as records have it.
pub fn key_reference(domain: &str) -> String {
    format!("{KEY_KIND}:{domain}")
}

/// Returns the domain of a reference to a key.
pub fn domain_of(reference: &str) -> Option<&str> {
    reference.strip_prefix(KEY_KIND)?.strip_prefix(':')
}
