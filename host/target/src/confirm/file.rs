//! What is armed, on the disk: `.armed/<id>` below the deployments root, and beside it the bytes of the files with secrets
//! that going back needs: they are kept nowhere else.

use super::{Confirm, Moment};
use crate::boundary::Boundary;
use crate::failure::TargetError;
use crate::generation::Mark;
use crate::hands::Running;
use crate::key;
use crate::layout::{Layout, own};
use crate::limits::{ARMED_BYTES_MAX, FILE_BYTES_MAX};
use crate::path::TargetPath;
use crate::protocol::WrittenRunning;
use crate::records::record;
use crate::resolve::Resolver;
use crate::target::{PRIVATE_MODE, Target, gone_is_fine, make_directories};
use punix_model::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

const SCHEMA: u64 = 1;
const MODE: u32 = 0o600;
const ID_BYTES: usize = 16;
/// Of what may not be whole.
const DRAFT_SUFFIX: &str = ".new";

/// A change that waits to be confirmed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Armed {
    pub(crate) id: String,
    pub(crate) stack: String,
    pub(crate) back_to: Option<u32>,
    pub(crate) child: u32,
    pub(crate) until: Moment,
    /// Where files may lie.
    pub(crate) boundary: Option<Boundary>,
    pub(crate) after: Running,
    /// The numbers of the files that hold what these held.
    pub(crate) secrets: BTreeMap<TargetPath, usize>,
    /// Whether it is being taken back.
    pub(crate) firing: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema: u64,
    stack: String,
    back_to: Option<u32>,
    child: u32,
    until: Moment,
    boundary: Option<Boundary>,
    after: WrittenRunning,
    secrets: BTreeMap<TargetPath, usize>,
    firing: bool,
}

fn is_id(text: &str) -> bool {
    text.len() == ID_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn secret_file(layout: &Layout, id: &str, number: usize) -> TargetPath {
    own(&layout.armed(), &format!("{id}-{number}"))
}

/// Returns the names of all that are armed.
pub(super) fn ids(target: &Target<'_>) -> io::Result<Vec<String>> {
    Ok(names(target)?.into_iter().filter(|name| is_id(name)).collect())
}

fn names(target: &Target<'_>) -> io::Result<Vec<String>> {
    match target.disk.list(target.layout.armed().on_disk()) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
        names => Ok(names?.into_iter().filter_map(|name| name.into_string().ok()).collect()),
    }
}

/// Tells whether there is something to be swept; somebody may be writing it just now.
pub(super) fn has_strays(target: &Target<'_>) -> bool {
    names(target).is_ok_and(|names| strays(&names).next().is_some())
}

/// Removes what belongs to none that is armed. The caller has the lock.
pub(super) fn sweep(target: &Target<'_>) -> io::Result<()> {
    for name in strays(&names(target)?) {
        gone_is_fine(target.disk.remove(own(&target.layout.armed(), name).on_disk()))?;
    }
    Ok(())
}

fn strays(names: &[String]) -> impl Iterator<Item = &String> {
    let is_needed = |name: &str| names.iter().any(|other| other == name.get(..ID_BYTES).unwrap_or_default());
    names.iter().filter(move |name| !is_id(name) && (name.ends_with(DRAFT_SUFFIX) || !is_needed(name)))
}

pub(super) fn read(target: &Target<'_>, id: &str) -> Result<Option<Armed>, TargetError> {
    if !is_id(id) {
        return Ok(None);
    }
    let path = own(&target.layout.armed(), id);
    let bytes = match target.disk.read(path.on_disk(), ARMED_BYTES_MAX) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        read => read?,
    };
    let damaged = |why: String| TargetError::Damaged { path: path.clone(), why };
    let written: Written = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    let Written { schema, stack, back_to, child, until, boundary, after, secrets, firing } = written;
    if schema > SCHEMA {
        return Err(TargetError::Newer { path, schema, known: SCHEMA });
    }
    let (id, after) = (id.to_owned(), after.read());
    Ok(Some(Armed { id, stack, back_to, child, until, boundary, after, secrets, firing }))
}

/// Writes a new one, with what it needs. The caller has the lock.
pub(super) fn write_new(target: &Target<'_>, id: &str, confirm: &Confirm, until: Moment) -> Result<(), TargetError> {
    make_directories(target.disk, &target.layout.armed(), PRIVATE_MODE)?;
    let Confirm { stack, back_to, child, after, .. } = confirm.clone();
    let mut armed = Armed {
        id: id.to_owned(),
        stack,
        back_to,
        child,
        until,
        boundary: target.boundary.clone(),
        after,
        secrets: BTreeMap::new(),
        firing: false,
    };
    for (path, secret) in secrets_of(target, &armed)? {
        let number = armed.secrets.len();
        let mut file = target.disk.create(secret_file(&target.layout, id, number).on_disk(), MODE)?;
        // It goes where it may be: a file of the target that only its owner can read.
        file.write_all(secret.expose())?;
        file.sync()?;
        armed.secrets.insert(path, number);
    }
    Ok(write(target, &armed)?)
}

/// Reads the files with secrets of the generation that is live, where they are what it says.
fn secrets_of(target: &Target<'_>, armed: &Armed) -> Result<BTreeMap<TargetPath, Secret>, TargetError> {
    let mut found = BTreeMap::new();
    let Some(number) = armed.back_to else { return Ok(found) };
    let mut resolver = Resolver::new(target.disk);
    for row in record(target, &armed.stack, number)?.files {
        let Mark::HmacSha256(_) = row.mark else { continue };
        let Ok(real) = resolver.real(&row.path) else { continue };
        let Ok(bytes) = target.disk.read(real.on_disk(), FILE_BYTES_MAX) else { continue };
        let secret = Secret::new(bytes);
        if key::peek(target, &secret)? == Some(row.mark) {
            found.insert(row.path, secret);
        }
    }
    Ok(found)
}

/// Reads what a file held when this was armed.
pub(super) fn secret(target: &Target<'_>, armed: &Armed, number: usize) -> io::Result<Secret> {
    let path = secret_file(&target.layout, &armed.id, number);
    Ok(Secret::new(target.disk.read(path.on_disk(), FILE_BYTES_MAX)?))
}

/// Writes one anew. The caller has the lock.
pub(super) fn write(target: &Target<'_>, armed: &Armed) -> io::Result<()> {
    let Armed { id, stack, back_to, child, until, boundary, after, secrets, firing } = armed.clone();
    let after = WrittenRunning::of(&after);
    let written = Written { schema: SCHEMA, stack, back_to, child, until, boundary, after, secrets, firing };
    let (disk, directory) = (target.disk, target.layout.armed());
    let (path, draft) = (own(&directory, &id), own(&directory, &format!("{id}{DRAFT_SUFFIX}")));
    gone_is_fine(disk.remove(draft.on_disk()))?;
    let mut file = disk.create(draft.on_disk(), MODE)?;
    file.write_all(&serde_json::to_vec(&written)?)?;
    file.sync()?;
    drop(file);
    disk.replace(draft.on_disk(), path.on_disk())?;
    disk.sync_directory(directory.on_disk())
}

/// Removes one, durably, and what it kept. The caller has the lock.
pub(super) fn remove(target: &Target<'_>, id: &str) -> io::Result<()> {
    let directory = target.layout.armed();
    gone_is_fine(target.disk.remove(own(&directory, id).on_disk()))?;
    // Without its name nothing else of it means anything, so that goes first.
    gone_is_fine(target.disk.sync_directory(directory.on_disk()))?;
    sweep(target)
}
