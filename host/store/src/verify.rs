//! Comparing an entry with what its own records say. All that differs is listed; nothing is changed.
//!
//! The name holds the digest of `derivation.json`, `built` that of the tree in `manifest.json`, and that one of every
//! file. So whatever changes by accident shows, and so does a change on purpose that does not rewrite all of them.

use crate::derivation::{Derivation, DerivationError};
use crate::digest::Digest;
use crate::limits::{DERIVATION_BYTES_MAX, MANIFEST_BYTES_MAX};
use crate::manifest::{Entry, Manifest, ManifestError, Node, bytes};
use crate::name::StoreName;
use crate::object::{DERIVATION, DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE, MANIFEST, OWN, built, name_in};
use crate::parallel;
use crate::tree::{Found, Locked, TreeError, buffer, node, survey};
use punix_disk::{Disk, Kind};
use std::cmp::Ordering;
use std::convert::Infallible;
use std::io;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

/// One way in which an entry is not what it was.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    #[error("it is not a directory")]
    NotADirectory,
    #[error("`built` is missing or is not a digest")]
    NotBuilt,
    #[error("`derivation.json` cannot be read: {0}")]
    Derivation(DerivationIssue),
    #[error("`manifest.json` cannot be read: {0}")]
    Manifest(ManifestIssue),
    #[error("the tree of `manifest.json` has the digest {listed}, `built` says {built}")]
    Tree { built: Digest, listed: Digest },
    #[error("`{}` is missing", .path.display())]
    Missing { path: PathBuf },
    #[error("`{}` does not belong there", .path.display())]
    Stray { path: PathBuf },
    #[error("`{}` is of another kind", .path.display())]
    Kind { path: PathBuf },
    #[error("`{}` has other content", .path.display())]
    Content { path: PathBuf },
    #[error("`{}` points elsewhere", .path.display())]
    Target { path: PathBuf },
    #[error("`{}` has mode {found:04o} instead of {wanted:04o}", .path.display())]
    Mode { path: PathBuf, found: u32, wanted: u32 },
    #[error("`{}` cannot be read: {error}", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
}

/// Why a derivation in the store is not of use.
#[derive(Debug, thiserror::Error)]
pub enum DerivationIssue {
    #[error(transparent)]
    Form(#[from] DerivationError),
    #[error("it is that of `{name}`")]
    OfAnother { name: StoreName },
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Why a manifest in the store is not of use.
#[derive(Debug, thiserror::Error)]
pub enum ManifestIssue {
    #[error(transparent)]
    Form(#[from] ManifestError),
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Why an entry could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("`{name}` is not in the store")]
    Absent { name: StoreName },
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Reads an entry whole, with at most `threads` threads. Returns all that is wrong with it: nothing, if it is sound.
pub(crate) fn verify(disk: &dyn Disk, name: &StoreName, threads: usize) -> Result<Vec<Damage>, VerifyError> {
    let top = Path::new(name.as_str());
    match disk.metadata(top).map_err(TreeError::Disk)? {
        None => return Err(VerifyError::Absent { name: name.clone() }),
        Some(metadata) if metadata.kind != Kind::Directory => {
            return Ok(vec![Damage::NotADirectory]);
        }
        Some(_) => {}
    }
    let mut damages = Vec::new();
    let built = built(disk, name).map_err(TreeError::Disk)?;
    if built.is_none() {
        damages.push(Damage::NotBuilt);
    }
    if let Err(issue) = derivation(disk, name) {
        damages.push(Damage::Derivation(issue));
    }
    compare_own(disk, top, &mut damages).map_err(TreeError::Disk)?;
    match manifest(disk, name) {
        Err(issue) => damages.push(Damage::Manifest(issue)),
        Ok(manifest) => {
            let listed = manifest.tree_hash();
            damages.extend(built.filter(|built| *built != listed).map(|built| Damage::Tree { built, listed }));
            compare_tree(disk, top, &manifest, threads, &mut damages)?;
        }
    }
    Ok(damages)
}

/// Reads what an entry was built from, and makes sure that it is this entry.
pub(crate) fn derivation(disk: &dyn Disk, name: &StoreName) -> Result<Derivation, DerivationIssue> {
    let json = disk.read(&name_in(name, DERIVATION), DERIVATION_BYTES_MAX)?;
    let derivation = Derivation::from_json(&json)?;
    match derivation.name() == name {
        true => Ok(derivation),
        false => Err(DerivationIssue::OfAnother { name: derivation.name().clone() }),
    }
}

/// Reads the list of what is in an entry.
pub(crate) fn manifest(disk: &dyn Disk, name: &StoreName) -> Result<Manifest, ManifestIssue> {
    let json = disk.read(&name_in(name, MANIFEST), MANIFEST_BYTES_MAX)?;
    Ok(Manifest::from_json(&json)?)
}

/// A path that is both listed and there, of one kind.
struct Pair<'a> {
    entry: &'a Entry,
    found: &'a Found,
}

fn compare_tree(
    disk: &dyn Disk,
    top: &Path,
    manifest: &Manifest,
    threads: usize,
    damages: &mut Vec<Damage>,
) -> Result<(), TreeError> {
    let mut found = survey(disk, top, Locked::Leave)?;
    found.retain(|found| !OWN.iter().any(|own| found.path == Path::new(own)));
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    let (mut listed, mut there) = (manifest.entries().iter().peekable(), found.iter().peekable());
    while let Some(place) = next(&mut listed, &mut there) {
        match place {
            (Some(entry), None) => damages.push(Damage::Missing { path: entry.path.clone() }),
            (None, Some(found)) => damages.push(Damage::Stray { path: found.path.clone() }),
            (Some(entry), Some(found)) => pairs.push(Pair { entry, found }),
            (None, None) => {}
        }
    }
    let issues =
        parallel::map(&pairs, threads, buffer, |buffer, pair| Ok::<_, Infallible>(compare(disk, top, pair, buffer)));
    match issues {
        Ok(issues) => damages.extend(issues.into_iter().flatten()),
        Err(never) => match never {},
    }
    Ok(())
}

/// Looks at the modes of the top and of our own files, whose content was read already.
fn compare_own(disk: &dyn Disk, top: &Path, damages: &mut Vec<Damage>) -> io::Result<()> {
    let own = OWN.map(|own| (own, Kind::File, FILE_MODE));
    for (path, kind, wanted) in [("", Kind::Directory, DIRECTORY_MODE)].into_iter().chain(own) {
        let place = crate::tree::below(top, Path::new(path));
        let path = if path.is_empty() { PathBuf::from(".") } else { PathBuf::from(path) };
        match disk.metadata(&place)? {
            // That it is missing was said.
            None => {}
            Some(metadata) if metadata.kind != kind => damages.push(Damage::Kind { path }),
            Some(metadata) => damages.extend(mode_damage(path, metadata.mode, wanted)),
        }
    }
    Ok(())
}

/// Returns the next path in order from either list, or from both if it is the same.
fn next<'a>(
    listed: &mut Peekable<std::slice::Iter<'a, Entry>>,
    there: &mut Peekable<std::slice::Iter<'a, Found>>,
) -> Option<(Option<&'a Entry>, Option<&'a Found>)> {
    let order = match (listed.peek(), there.peek()) {
        (None, None) => return None,
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(entry), Some(found)) => bytes(&entry.path).cmp(bytes(&found.path)),
    };
    Some(match order {
        Ordering::Less => (listed.next(), None),
        Ordering::Greater => (None, there.next()),
        Ordering::Equal => (listed.next(), there.next()),
    })
}

fn compare(disk: &dyn Disk, top: &Path, pair: &Pair<'_>, buffer: &mut [u8]) -> Vec<Damage> {
    let Pair { entry, found } = pair;
    let path = || entry.path.clone();
    let (kind, mode) = match &entry.node {
        Node::File { executable: true, .. } => (Kind::File, Some(EXECUTABLE_MODE)),
        Node::File { executable: false, .. } => (Kind::File, Some(FILE_MODE)),
        Node::Directory => (Kind::Directory, Some(DIRECTORY_MODE)),
        Node::Link { .. } => (Kind::Link, None),
    };
    if found.metadata.kind != kind {
        return vec![Damage::Kind { path: path() }];
    }
    let mode = mode.and_then(|wanted| mode_damage(path(), found.metadata.mode, wanted));
    let content = match &entry.node {
        // What has another size need not be read.
        Node::File { size, .. } if *size != found.metadata.size => Some(Damage::Content { path: path() }),
        Node::Directory => None,
        Node::File { executable, .. } => match node(disk, top, found, *executable, buffer) {
            Ok(node) if node == entry.node => None,
            Ok(_) => Some(Damage::Content { path: path() }),
            Err(error) => Some(Damage::Unreadable { path: path(), error }),
        },
        Node::Link { .. } => match node(disk, top, found, false, buffer) {
            Ok(node) if node == entry.node => None,
            Ok(_) => Some(Damage::Target { path: path() }),
            Err(error) => Some(Damage::Unreadable { path: path(), error }),
        },
    };
    mode.into_iter().chain(content).collect()
}

fn mode_damage(path: PathBuf, found: u32, wanted: u32) -> Option<Damage> {
    (found != wanted).then_some(Damage::Mode { path, found, wanted })
}

#[cfg(test)]
mod tests;
