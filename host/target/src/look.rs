//! One look at a target: everything that a plan is made from, and no judgement. Nothing is changed; only what was
//! interrupted is mended before, for what is half done cannot be planned on.

use crate::claims::Claims;
use crate::content::{Wanted, look_at};
use crate::failure::TargetError;
use crate::generation::{FileRow, Generation, Mark};
use crate::key::Key;
use crate::ledger::Ledger;
use crate::live;
use crate::owners;
use crate::path::TargetPath;
use crate::records;
use crate::resolve::{ResolveIssue, Resolver};
use crate::seen::{Closed, PathSeen, Question, Seen, There};
use crate::target::Target;
use punix_disk::{Disk, Kind, RealDisk};
use punix_store::is_sealed;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::iter::successors;
use std::path::Path;

/// The file without which an entry of a store is not there.
const BUILT: &str = "built";

/// Looks at a target, as far as one stack is concerned.
pub fn look(target: &Target<'_>, question: &Question) -> Result<Seen, TargetError> {
    punix_diag::drill("look");
    let _lock = target.share()?;
    let stack = question.stack.as_str();
    let numbers = live::numbers(target, stack)?;
    let mut current = records::current_record(target, stack)?;
    // A path of one user cannot be one of the whole machine's, but nothing is lost by looking.
    let claims = Claims::read(target, true)?;
    let last = live::highest(target, stack)?.max(claims.ledger().highest(stack)).unwrap_or(0);
    let key = Key::read(target)?;
    let (mut resolver, mut of_store) = (Resolver::careful(target), Resolver::new(target.disk));
    if let Some(current) = &mut current {
        as_made_anew(current, claims.ledger(), &mut resolver);
    }
    let mut paths = BTreeMap::new();
    for (path, wanted) in wanted(question, current.as_ref()) {
        paths.insert(path.clone(), at(target.disk, &mut resolver, path, wanted, key.as_ref(), &claims, stack));
    }
    let orphans = orphans(target.disk, current.as_ref(), claims.ledger(), stack, &paths)?;
    for FileRow { path, mark, .. } in &orphans {
        let seen =
            |path: &TargetPath| at(target.disk, &mut resolver, path, Wanted::of(mark), key.as_ref(), &claims, stack);
        paths.entry(path.clone()).or_insert_with_key(seen);
    }
    let (users, groups) = owners_of(target, question, current.as_ref())?;
    Ok(Seen {
        missing: missing(target, &mut of_store, &question.store_paths, Care::Few)?,
        closed: if question.for_others { closed(target, &mut of_store, &question.store_paths) } else { None },
        numbers,
        orphans,
        next: last.checked_add(1).ok_or_else(|| io::Error::other("there is no number left for a generation"))?,
        paths,
        acting: acting(target),
        deployed_as: deployed_as(target, current.as_ref())?,
        users,
        groups,
        current,
    })
}

/// Says of files that were made anew what they are, in place of what the record says.
fn as_made_anew(current: &mut Generation, ledger: &Ledger, resolver: &mut Resolver<'_>) {
    let anew = |row: &FileRow| ledger.anew(&resolver.real(&row.path).ok()?, current);
    let marks: Vec<Option<Mark>> = current.files.iter().map(anew).collect();
    for (row, mark) in current.files.iter_mut().zip(marks) {
        row.mark = mark.unwrap_or(row.mark);
    }
}

/// Returns the files that the ledger gives to a stack, and that the current generation does not have.
fn orphans(
    disk: &dyn Disk,
    current: Option<&Generation>,
    ledger: &Ledger,
    stack: &str,
    paths: &BTreeMap<TargetPath, PathSeen>,
) -> Result<Vec<FileRow>, TargetError> {
    let rows = current.map_or(&[][..], |generation| &generation.files);
    let known: BTreeSet<&TargetPath> = rows.iter().filter_map(|row| Some(&paths.get(&row.path)?.real)).collect();
    let mut orphans = Vec::new();
    for (path, row) in ledger.rows_of(stack).filter(|(path, _)| !known.contains(path)) {
        let found = match disk.metadata(path.on_disk()) {
            Err(error) if error.kind() == ErrorKind::NotADirectory => None,
            found => found?,
        };
        if let (Some(mark), Some(found)) = (row.mark, found.filter(|found| found.kind == Kind::File)) {
            orphans.push(FileRow::orphan(path.clone(), mark, found.mode));
        }
    }
    Ok(orphans)
}

/// Returns who has the record of a generation.
fn deployed_as(target: &Target<'_>, current: Option<&Generation>) -> Result<Option<(u32, u32)>, TargetError> {
    let Some(current) = current else { return Ok(None) };
    let record = target.layout.record(&current.stack, current.number)?;
    Ok(target.disk.metadata(record.on_disk())?.map(|found| (found.owner, found.group)))
}

/// Returns every path that is to be looked at, with the marks that make it comparable with what is wanted and with what
/// is recorded.
fn wanted<'p>(question: &'p Question, current: Option<&'p Generation>) -> BTreeMap<&'p TargetPath, Wanted> {
    let mut all: BTreeMap<&TargetPath, Wanted> = BTreeMap::new();
    let asked = question.paths.iter().map(|(path, secret)| (path, Wanted { plain: !*secret, secret: *secret }));
    let rows: &[FileRow] = current.map_or(&[], |generation| &generation.files);
    for (path, wanted) in asked.chain(rows.iter().map(|row| (&row.path, Wanted::of(&row.mark)))) {
        let one = all.entry(path).or_default();
        *one = one.and(wanted);
    }
    all
}

fn at(
    disk: &dyn Disk,
    resolver: &mut Resolver<'_>,
    path: &TargetPath,
    wanted: Wanted,
    key: Option<&Key>,
    claims: &Claims,
    stack: &str,
) -> PathSeen {
    match resolver.real(path) {
        Ok(real) => {
            let (there, claimed_by) = (look_at(disk, &real, wanted, key), claims.owner_of(&real, stack));
            PathSeen { there, real, claimed_by, behind: None }
        }
        Err(issue) => {
            let there = There::Unreachable { why: issue.to_string() };
            let behind = if let ResolveIssue::Stranger(link) = issue { Some(link) } else { None };
            PathSeen { there, real: path.clone(), claimed_by: None, behind }
        }
    }
}

type Names = BTreeMap<String, u32>;

fn owners_of(
    target: &Target<'_>,
    question: &Question,
    current: Option<&Generation>,
) -> Result<(Names, Names), TargetError> {
    let rows: &[FileRow] = current.map_or(&[], |generation| &generation.files);
    let users: BTreeSet<&String> =
        question.users.iter().chain(rows.iter().filter_map(|row| row.owner.as_ref())).collect();
    let groups: BTreeSet<&String> =
        question.groups.iter().chain(rows.iter().filter_map(|row| row.group.as_ref())).collect();
    Ok((owners::users(target.disk, users)?, owners::groups(target.disk, groups)?))
}

/// How closely entries of a store are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// Each by itself. It may be torn since it got its name.
    Each,
    /// So are few of them. Of many in one store the names are enough: an entry gets its name only when all of it is there,
    /// and loses it before any of it goes.
    Few,
}

/// How many entries of one store are few.
const FEW_ENTRIES_MAX: usize = 1_024;

/// Returns the first directory on the way to entries of a store that keeps others out. What is not there yet will not.
fn closed(target: &Target<'_>, resolver: &mut Resolver<'_>, entries: &BTreeSet<String>) -> Option<Closed> {
    const PASSED_BY_OTHERS: u32 = 0o001;
    let stores: BTreeSet<&str> = entries.iter().filter_map(|entry| Some(entry.rsplit_once('/')?.0)).collect();
    for store in stores {
        let Ok(real) = TargetPath::parse(store).map_err(ResolveIssue::from).and_then(|at| resolver.followed(&at))
        else {
            continue;
        };
        let mut way: Vec<TargetPath> = successors(Some(real), TargetPath::parent).collect();
        while let Some(directory) = way.pop() {
            // Whoever may not look will be told so when he acts.
            let Ok(Some(found)) = target.disk.metadata(directory.on_disk()) else { break };
            if found.mode & PASSED_BY_OTHERS == 0 {
                return Some(Closed { directory, mode: found.mode });
            }
        }
    }
    None
}

/// Returns the store entries that are not there, or not whole as far as one can tell without reading them.
pub(crate) fn missing(
    target: &Target<'_>,
    resolver: &mut Resolver<'_>,
    entries: &BTreeSet<String>,
    care: Care,
) -> Result<BTreeSet<String>, TargetError> {
    let mut missing = BTreeSet::new();
    let parts = |entry| -> (&str, &str, &String) {
        let (directory, name) = String::as_str(entry).rsplit_once('/').unwrap_or_default();
        (directory, name, entry)
    };
    // Entries of one store come one after the other.
    let entries: Vec<_> = entries.iter().map(parts).collect();
    for of_one in entries.chunk_by(|(one, ..), (other, ..)| one == other) {
        let Some((directory, ..)) = of_one.first() else { continue };
        let shelf = Shelf::find(target, resolver, directory);
        let names = match care {
            Care::Few if of_one.len() > FEW_ENTRIES_MAX => Some(shelf.names()?),
            Care::Few | Care::Each => None,
        };
        for (_, name, entry) in of_one {
            let is_there = match &names {
                Some(names) => names.binary_search_by(|found| found.as_os_str().cmp(OsStr::new(name))).is_ok(),
                None => shelf.has(name)?,
            };
            if !is_there {
                missing.insert((*entry).clone());
            }
        }
    }
    Ok(missing)
}

/// A directory that should hold entries.
struct Shelf<'d> {
    disk: &'d dyn Disk,
    /// Where it really is; nothing if that is not known.
    real: Option<TargetPath>,
    /// The directory by itself: from there, one call for an entry is enough.
    near: Option<RealDisk>,
}

impl<'d> Shelf<'d> {
    fn find(target: &Target<'d>, resolver: &mut Resolver<'_>, directory: &str) -> Shelf<'d> {
        let real = TargetPath::parse(directory).ok().and_then(|path| resolver.followed(&path).ok());
        let near = target.place.as_ref().zip(real.as_ref());
        let near = near.and_then(|(place, real)| RealDisk::open(&place.root.join(real.on_disk())).ok());
        Shelf { disk: target.disk, real, near }
    }

    /// Tells whether an entry is there: it was given its name only when all of it was, so the mark in it is enough; and
    /// so is that its directory was not touched since.
    fn has(&self, name: &str) -> Result<bool, TargetError> {
        if let Some(Ok(Some(top))) = self.near.as_ref().map(|near| near.metadata(Path::new(name)))
            && is_sealed(&top)
        {
            return Ok(true);
        }
        let Some(entry) = self.real.as_ref().and_then(|real| real.join(name).ok()) else { return Ok(false) };
        match self.disk.metadata(&entry.on_disk().join(BUILT)) {
            Ok(found) => Ok(found.is_some_and(|found| found.kind == Kind::File)),
            // The entry is a file, or a link.
            Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Lists the names of all entries, sorted.
    fn names(&self) -> Result<Vec<OsString>, TargetError> {
        let Some(real) = &self.real else { return Ok(Vec::new()) };
        match self.disk.list_directories(real.on_disk()) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
            names => Ok(names?),
        }
    }
}

/// Returns who acts on a target.
pub(crate) fn acting(target: &Target<'_>) -> (u32, u32) {
    match target.place {
        Some(_) => (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
        None => (0, 0),
    }
}

#[cfg(test)]
mod tests;
