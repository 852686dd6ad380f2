//! Where the files of a plan lie: whether that is still where the plan saw them, which directories are to be made for
//! them, and which are empty without them.

use crate::boundary::{Crossing, Maker};
use crate::failure::TargetError;
use crate::generation::{FileRow, Generation, Mark};
use crate::journal::Item;
use crate::layout::own;
use crate::ledger::Ledger;
use crate::path::TargetPath;
use crate::plan::{After, Change};
use crate::resolve::{ResolveIssue, Resolver};
use crate::seen::There;
use crate::target::Target;
use punix_disk::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::ErrorKind;

/// What the record that will be live says of its files.
pub(super) struct Makers<'g> {
    rows: BTreeMap<&'g TargetPath, &'g FileRow>,
}

impl<'g> Makers<'g> {
    pub(super) fn of(wanted: Option<&'g Generation>) -> Makers<'g> {
        let files = wanted.map(|generation| generation.files.as_slice()).unwrap_or_default();
        Makers { rows: files.iter().map(|row| (&row.path, row)).collect() }
    }

    /// Returns who makes a file. What only goes was a backend's as well.
    fn maker(&self, path: &TargetPath) -> Maker {
        self.rows.get(path).map_or(Maker::Backend, |row| Maker::of(&row.made_by))
    }

    pub(super) fn mark(&self, path: &TargetPath) -> Option<Mark> {
        self.rows.get(path).map(|row| row.mark)
    }
}

/// Checks that a path still leads where it did, and that it may be written there.
pub(super) fn is_within(
    target: &Target<'_>,
    change: &Change,
    makers: &Makers<'_>,
    resolver: &mut Resolver<'_>,
) -> Result<(), TargetError> {
    if change.after == After::Same {
        return Ok(());
    }
    match resolver.real(&change.path) {
        Ok(real) if real == change.real => {}
        Ok(real) => {
            let found = format!("links lead to `{real}`, and not to `{}`", change.real);
            return Err(TargetError::Moved { path: change.path.clone(), found });
        }
        Err(ResolveIssue::Stranger(link)) => return Err(Crossing::behind(&change.path, &link).into()),
        // Nothing is there, then.
        Err(_) if change.after == After::Nothing => {}
        Err(issue) => return Err(TargetError::Moved { path: change.path.clone(), found: issue.to_string() }),
    }
    match &target.boundary {
        Some(boundary) => Ok(boundary.check(&change.path, &change.real, makers.maker(&change.path))?),
        None => Ok(()),
    }
}

/// Returns the directories of ours in which nothing will be, innermost first.
pub(super) fn emptied(
    target: &Target<'_>,
    ledger: &Ledger,
    items: &[Item],
    changes: &[Change],
) -> Result<Vec<TargetPath>, TargetError> {
    let leaving = |item: &&Item| item.after.is_none() && item.before.is_some();
    let mut going: BTreeSet<TargetPath> = items.iter().filter(leaving).map(|item| item.path.clone()).collect();
    // What would go and was removed by hand leaves its directory to us.
    let gone =
        changes.iter().filter(|change| change.before == There::Nothing && !matches!(change.after, After::File { .. }));
    going.extend(gone.map(|change| change.real.clone()));
    let mut emptied = Vec::new();
    let mut ours: Vec<&TargetPath> = ledger.directories().collect();
    ours.sort_by_key(|directory| std::cmp::Reverse(directory.as_str().matches('/').count()));
    for directory in ours {
        let loses = going.iter().any(|path| path.parent().as_ref() == Some(directory));
        let gains = items.iter().any(|item| item.staged.is_some() && item.path.is_within(directory));
        if !loses || gains {
            continue;
        }
        let names = match target.disk.list(directory.on_disk()) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            names => names?,
        };
        let stays = |name: &OsString| name.to_str().is_none_or(|name| !going.contains(&own(directory, name)));
        if !names.iter().any(stays) {
            going.insert(directory.clone());
            emptied.push(directory.clone());
        }
    }
    Ok(emptied)
}

/// Returns the directories that are to be made, outermost first.
pub(super) fn to_make(
    target: &Target<'_>,
    items: &[Item],
    stack: Option<&String>,
) -> Result<Vec<TargetPath>, TargetError> {
    let mut missing: BTreeSet<TargetPath> = BTreeSet::new();
    let mut wanted: Vec<TargetPath> =
        items.iter().filter(|item| item.staged.is_some()).map(|i| i.path.clone()).collect();
    if let Some(stack) = stack {
        wanted.push(target.layout.current(stack)?);
    }
    for path in wanted {
        let mut at = path.parent();
        while let Some(directory) = at {
            if missing.contains(&directory) {
                break;
            }
            let occupied = |found: &str| TargetError::Occupied {
                path: path.clone(),
                found: format!("`{directory}`, in which it would be, is {found}"),
            };
            match target.disk.metadata(directory.on_disk()) {
                Ok(Some(found)) if found.kind == Kind::Directory => break,
                Ok(Some(_)) => return Err(occupied("no directory")),
                Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(occupied("below no directory")),
                Err(error) => return Err(error.into()),
                Ok(None) => {}
            }
            at = directory.parent();
            missing.insert(directory);
        }
    }
    // A directory sorts before what is in it.
    Ok(missing.into_iter().collect())
}
