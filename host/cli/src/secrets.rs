//! Secrets that fetches need: all of them are there before anything is fetched, or none is used.
//!
//! Until resolver plugins are loaded, the two kinds that need nothing but this machine are read here.

use crate::cmd::check::fail;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_build::source::Reference;
use punix_build::{Package, Secret};
use punix_diag::{Code, Diagnostic, SourceMap};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Bytes of one secret.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Reads what the sources of some packages refer to.
pub(crate) fn resolve<'p>(
    ui: &Ui,
    packages: impl Iterator<Item = &'p Package>,
    sources: &SourceMap,
) -> Result<BTreeMap<Reference, Secret>, Exit> {
    let needed: BTreeSet<&Reference> = packages.flat_map(|package| package.source.secrets()).collect();
    let (mut found, mut unset, mut errors) = (BTreeMap::new(), Vec::new(), Vec::new());
    for reference in needed {
        match read(reference) {
            Ok(Some(secret)) => drop(found.insert(reference.clone(), secret)),
            Ok(None) => unset.push(reference.to_string()),
            Err(why) => errors.push(format!("{reference}: {why}")),
        }
    }
    if !unset.is_empty() {
        let message = format!("secret(s) not set: {}", unset.join(", "));
        return Err(fail(ui, &[Diagnostic::error(Code::E11, message)], 0, sources));
    }
    if errors.is_empty() {
        return Ok(found);
    }
    let diagnostic = |why| Diagnostic::error(Code::E11, format!("a secret cannot be read: {why}"));
    let diagnostics: Vec<Diagnostic> = errors.into_iter().map(diagnostic).collect();
    Err(fail(ui, &diagnostics, 0, sources))
}

/// Reads a secret, which may not be there.
fn read(reference: &Reference) -> Result<Option<Secret>, String> {
    match reference.kind.as_str() {
        "from_env" => match std::env::var(&reference.name) {
            Ok(value) if value.is_empty() => Ok(None),
            Ok(value) => Ok(Some(Secret::new(value))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err("it is not UTF-8".to_owned()),
        },
        "from_file" => {
            let metadata = match fs::metadata(&reference.name) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                found => found.map_err(|error| error.to_string())?,
            };
            if !metadata.is_file() || metadata.len() > SECRET_BYTES_MAX {
                return Err(format!("it is no file of at most {SECRET_BYTES_MAX} bytes"));
            }
            let text = fs::read_to_string(&reference.name).map_err(|error| error.to_string())?;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            Ok(Some(Secret::new(text.to_owned())))
        }
        _ => Err("fetches can use `from_env` and `from_file` only, so far".to_owned()),
    }
}
