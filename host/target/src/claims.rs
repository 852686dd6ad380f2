//! Who has which path on one machine. Two deployments roots cannot have the same: each is registered below
//! `/var/lib/punix/claims/deployments`, and its ledger says what it has. So there is one place only for each fact, and a
//! deployments root that is gone claims nothing.
//!
//! Of roots with a change that was interrupted, what the change would take is claimed too.

use crate::failure::TargetError;
use crate::journal;
use crate::layout::{Layout, claims, own};
use crate::ledger::Ledger;
use crate::limits::{CLAIM_BYTES_MAX, CLAIMS_MAX};
use crate::path::TargetPath;
use crate::target::{ROOT_MODE, Target, above, gone_is_fine, make_directories};
use punix_disk::Disk;
use punix_store::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The number of this form.
const SCHEMA: u64 = 1;
const SUFFIX: &str = ".json";

/// What registers a deployments root.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    schema: u64,
    root: TargetPath,
}

/// Every path that somebody has, as far as one deployments root must care.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    own: Ledger,
    /// Of other roots: path to words about who has it.
    others: BTreeMap<TargetPath, String>,
}

impl Claims {
    /// Reads what is claimed. What the whole machine claims concerns only who writes for all of it.
    pub(crate) fn read(target: &Target<'_>, system: bool) -> Result<Claims, TargetError> {
        let own = Ledger::read(target)?;
        let others = if system { others(target)? } else { BTreeMap::new() };
        Ok(Claims { own, others })
    }

    /// Returns who has a path, if that is not this stack.
    pub(crate) fn owner_of(&self, real: &TargetPath, stack: &str) -> Option<String> {
        match self.own.stack_of(real) {
            Some(owner) if owner != stack => Some(format!("the stack `{owner}`")),
            Some(_) | None => self.others.get(real).cloned(),
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.own
    }
}

fn others(target: &Target<'_>) -> Result<BTreeMap<TargetPath, String>, TargetError> {
    let mut found = BTreeMap::new();
    for root in registered(target.disk)? {
        if root == *target.layout.root() {
            continue;
        }
        let Ok(layout) = Layout::new(Path::new(root.as_str())) else { continue };
        let of_root = |stack: &str| format!("the stack `{stack}` of the deployments root `{root}`");
        let ledger = match Ledger::read_at(target.disk, &layout.ledger()) {
            // It is gone, or links lead elsewhere: then it has nothing. Or it is somebody's who shows it to nobody.
            Err(TargetError::Disk(error)) if is_hidden(&error) => continue,
            read => read?,
        };
        found.extend(ledger.system_paths().map(|(path, stack)| (path.clone(), of_root(stack))));
        let claimed = match journal::claimed(target.disk, &layout) {
            Err(TargetError::Disk(error)) if is_hidden(&error) => continue,
            claimed => claimed?,
        };
        for (stack, path) in claimed {
            found.entry(path).or_insert_with(|| of_root(&stack));
        }
    }
    Ok(found)
}

fn is_hidden(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::PermissionDenied)
}

/// Returns all deployments roots of a machine.
pub(crate) fn registered(disk: &dyn Disk) -> Result<Vec<TargetPath>, TargetError> {
    let directory = claims();
    let names = match disk.list(directory.on_disk()) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        names => names?,
    };
    let mut roots = Vec::new();
    for name in names.iter().filter_map(|name| name.to_str()).filter(|name| is_registration(name)).take(CLAIMS_MAX) {
        let path = own(&directory, name);
        let bytes = match disk.read(path.on_disk(), CLAIM_BYTES_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            read => read?,
        };
        let damaged = |error: serde_json::Error| TargetError::Damaged { path: path.clone(), why: error.to_string() };
        let registration: Registration = serde_json::from_slice(&bytes).map_err(damaged)?;
        if registration.schema > SCHEMA {
            return Err(TargetError::Newer { path, schema: registration.schema, known: SCHEMA });
        }
        roots.push(registration.root);
    }
    Ok(roots)
}

fn is_registration(name: &str) -> bool {
    name.strip_suffix(SUFFIX).is_some_and(|digest| Digest::parse(digest).is_some())
}

fn place(root: &TargetPath) -> TargetPath {
    own(&claims(), &format!("{}{SUFFIX}", Digest::of(root.as_str().as_bytes())))
}

/// Makes the directory of registrations. Where that is not allowed nobody else can be there either, whose paths could be
/// taken: then it returns `false`.
pub(crate) fn prepare(target: &Target<'_>) -> Result<bool, TargetError> {
    match make_directories(target.disk, &claims(), ROOT_MODE) {
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => Ok(false),
        made => Ok(made.map(|()| true)?),
    }
}

/// Registers a deployments root, durably. The caller has the lock of the claims.
pub(crate) fn register(target: &Target<'_>) -> Result<(), TargetError> {
    let root = target.layout.root();
    let path = place(root);
    if target.disk.metadata(path.on_disk())?.is_some() {
        return Ok(());
    }
    let registration = Registration { schema: SCHEMA, root: root.clone() };
    let bytes = serde_json::to_vec(&registration).map_err(io::Error::other)?;
    // Nobody takes this name for a registration; what a crash leaves of it is written over.
    let draft = own(&claims(), &format!("{}.new", Digest::of(root.as_str().as_bytes())));
    gone_is_fine(target.disk.remove(draft.on_disk()))?;
    let written = write(target.disk, &draft, &bytes)
        .and_then(|()| target.disk.replace(draft.on_disk(), path.on_disk()))
        .and_then(|()| target.disk.sync_directory(&above(&path)));
    if written.is_err() {
        let _ = target.disk.remove(draft.on_disk());
    }
    Ok(written?)
}

/// Takes back the registration of a deployments root that has nothing any more.
pub(crate) fn unregister(target: &Target<'_>) -> io::Result<()> {
    let path = place(target.layout.root());
    gone_is_fine(target.disk.remove(path.on_disk()))?;
    gone_is_fine(target.disk.sync_directory(&above(&path)))
}

fn write(disk: &dyn Disk, path: &TargetPath, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk.create(path.on_disk(), 0o644)?;
    file.write_all(bytes)?;
    file.sync()
}

#[cfg(test)]
mod tests;
