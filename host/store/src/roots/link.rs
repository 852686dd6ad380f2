//! A link to a result: `result -> <store>/<entry>`, wherever it lies. It keeps the entry for as long as it is there.

use super::record::entries_in;
use super::{Issue, RootsError};
use crate::limits::LINKS_MAX;
use crate::name::StoreName;
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

/// Returns the entry that a link keeps; `None` if it is gone, is no link any more, or leads elsewhere.
pub(super) fn target(store: &Path, link: &Path) -> Result<Option<StoreName>, RootsError> {
    let refuse = |issue| RootsError::Unreadable { path: link.to_owned(), issue };
    let mut at = link.to_owned();
    for _ in 0..LINKS_MAX {
        let target = match fs::read_link(&at) {
            Ok(target) => target,
            // It is gone, or no link.
            Err(error) if is_elsewhere(&error) => return Ok(None),
            Err(error) => return Err(refuse(error.into())),
        };
        at = at.parent().unwrap_or(Path::new("/")).join(target);
        if let Some(name) = entry_of(store, &at).map_err(refuse)? {
            return Ok(Some(name));
        }
    }
    // What leads nowhere in a circle does not either, but somebody should look at it.
    Err(refuse(match fs::metadata(link).map_err(Issue::from) {
        Err(Issue::Circle) => Issue::Circle,
        Ok(_) | Err(_) => Issue::TooFar,
    }))
}

/// Returns the entry of this store that a path leads to or into.
fn entry_of(store: &Path, path: &Path) -> Result<Option<StoreName>, Issue> {
    let mut moved = None;
    for (root, name) in entries_in(path) {
        match fs::canonicalize(root) {
            Ok(root) if root == store => return Ok(Some(name)),
            Ok(_) => {}
            // There is no such store, so it may be this one that was there.
            Err(error) if is_elsewhere(&error) => moved = Some(name),
            Err(error) => return Err(error.into()),
        }
    }
    if moved.is_some() {
        return Ok(moved);
    }
    // A directory on the way may be a link too.
    match fs::canonicalize(path) {
        Ok(real) => Ok(entries_in(&real).find_map(|(root, name)| (root == store).then_some(name))),
        Err(_) => Ok(None),
    }
}

fn is_elsewhere(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidInput)
}
