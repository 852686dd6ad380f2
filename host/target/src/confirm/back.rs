//! The way back to the generation that was live when a change was armed: every file as it says, whatever stands there now.
//! Nobody is there who could be asked; what somebody else wrote is kept among the contents, as always.

use super::file::{self, Armed};
use crate::failure::TargetError;
use crate::generation::{FileRow, Generation, Mark};
use crate::look::look;
use crate::path::TargetPath;
use crate::plan::{After, Change, Goal, Payload, Plan};
use crate::records::record;
use crate::seen::{PathSeen, Question, Seen, There};
use crate::target::Target;
use std::collections::BTreeSet;

/// Makes the plan, and finds the bytes that only the armed change has.
pub(super) fn plan(target: &Target<'_>, armed: &Armed) -> Result<(Plan, Payload), TargetError> {
    let stack = armed.stack.as_str();
    let to = armed.back_to.map(|number| record(target, stack, number)).transpose()?;
    let seen = look(target, &question(stack, to.as_ref()))?;
    let mut payload = Payload::default();
    let mut changes = Vec::new();
    let mut taken = BTreeSet::new();
    for row in to.iter().flat_map(|to| &to.files) {
        let Some(place) = seen.paths.get(&row.path) else { continue };
        let after = match bytes(target, armed, row, &mut payload)? {
            true if is_as_it_was(row, place, &seen) => After::Same,
            true => After::File { mark: row.mark, mode: row.mode, owner: row.owner.clone(), group: row.group.clone() },
            // Nobody has its bytes any more; what is there is at least as secret.
            false => After::Same,
        };
        taken.insert(place.real.clone());
        changes.push(change(&row.path, place, after));
    }
    let kept: BTreeSet<TargetPath> = changes.iter().map(|change| change.path.clone()).collect();
    for row in seen.current.iter().flat_map(|live| &live.files).filter(|row| !kept.contains(&row.path)) {
        let Some(place) = seen.paths.get(&row.path) else { continue };
        let after = match &place.there {
            There::File(_) if !taken.contains(&place.real) => After::Nothing,
            // What is no file is not the stack's.
            There::File(_)
            | There::Nothing
            | There::Link { .. }
            | There::Directory
            | There::Other
            | There::Unreachable { .. } => After::Same,
        };
        changes.push(change(&row.path, place, after));
    }
    let goal = armed.back_to.map_or(Goal::Gone, Goal::Kept);
    // Nothing is trimmed by whoever only takes back.
    Ok((Plan { stack: stack.to_owned(), parent: Some(armed.child), goal, changes, keep: u32::MAX }, payload))
}

fn question(stack: &str, to: Option<&Generation>) -> Question {
    let rows = || to.iter().flat_map(|to| &to.files);
    Question {
        stack: stack.to_owned(),
        paths: rows().map(|row| (row.path.clone(), row.is_secret())).collect(),
        users: rows().filter_map(|row| row.owner.clone()).collect(),
        groups: rows().filter_map(|row| row.group.clone()).collect(),
        ..Question::default()
    }
}

fn change(path: &TargetPath, place: &PathSeen, after: After) -> Change {
    Change { path: path.clone(), real: place.real.clone(), before: place.there.clone(), after }
}

/// Finds the bytes of a file that are not among the contents. Tells whether there are any at all.
fn bytes(target: &Target<'_>, armed: &Armed, row: &FileRow, payload: &mut Payload) -> Result<bool, TargetError> {
    if row.withheld.is_some() {
        return Ok(false);
    }
    match row.mark {
        Mark::Sha256(digest) => {
            payload.blobs.extend(row.inline.clone().map(|bytes| (digest, bytes.into())));
            Ok(true)
        }
        Mark::HmacSha256(_) => {
            let Some(&number) = armed.secrets.get(&row.path) else { return Ok(false) };
            payload.secrets.insert(row.path.clone(), file::secret(target, armed, number)?);
            Ok(true)
        }
    }
}

/// Tells whether a file is what a generation says, so that it need not be written.
fn is_as_it_was(row: &FileRow, place: &PathSeen, seen: &Seen) -> bool {
    let There::File(file) = &place.there else { return false };
    let is = |name: &Option<String>, known: &std::collections::BTreeMap<String, u32>, found: u32| match name {
        Some(name) => known.get(name).copied().or_else(|| name.parse().ok()) == Some(found),
        None => true,
    };
    file.marks.contains(&row.mark)
        && file.mode == row.mode
        && is(&row.owner, &seen.users, file.owner)
        && is(&row.group, &seen.groups, file.group)
}
