//! Comparing a target with what a record says of it: content, mode, owner, kind, what is missing, what is there besides,
//! and the entries of the store. All that differs is listed; nothing is changed.

use crate::content::{Wanted, look_at};
use crate::failure::TargetError;
use crate::generation::{FileRow, Generation, Mark, Withheld};
use crate::key::{KEY_MODE, Key};
use crate::layout::own;
use crate::ledger::Ledger;
use crate::look::{Care, acting, missing};
use crate::mend::strangers;
use crate::owners;
use crate::path::TargetPath;
use crate::resolve::Resolver;
use crate::seen::{FileSeen, There};
use crate::target::Target;
use punix_disk::Disk;
use punix_store::{Store, StoreName, VerifyError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

/// Set on a directory whose group all that is made in it gets.
const SET_GROUP: u32 = 0o2000;

/// How much of the store is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Whether entries are there.
    Presence,
    /// Every byte of them.
    Content,
}

/// One way in which a target is not what it was left as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub at: Spot,
    pub drift: Drift,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spot {
    /// A path that is managed, or would be.
    File(TargetPath),
    /// An entry of the store.
    Store(String),
    /// Something of ours in the deployments root.
    Own(TargetPath),
}

/// What is not as it was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    #[error("it is missing")]
    Missing,
    #[error("it holds something else")]
    Content { recorded: Mark, now: Mark },
    #[error("its mode is {found:04o} instead of {recorded:04o}")]
    Mode { recorded: u32, found: u32 },
    #[error("it belongs to the user {found} instead of {wanted}")]
    Owner { wanted: String, found: u32 },
    #[error("it belongs to the group {found} instead of {wanted}")]
    Group { wanted: String, found: u32 },
    #[error("the user or group `{name}`, to which it should belong, is not known there")]
    Unknown { name: String },
    #[error("it is {found} instead of a file")]
    Kind { found: String },
    #[error("links above it lead to `{real}` now, which is not ours")]
    Elsewhere { real: TargetPath },
    #[error("it cannot be looked at: {why}")]
    Unreachable { why: String },
    /// In a directory that we made, and nobody's.
    #[error("it does not belong there")]
    Stray,
    #[error("the entry is missing, or not whole")]
    Absent,
    #[error("the entry is damaged: {}", .damages.join("; "))]
    Damaged { damages: Vec<String> },
    #[error("the key is missing, so files with secrets cannot be compared")]
    KeyGone,
    #[error("with the mode {found:04o} others can read the key")]
    KeyOpen { found: u32 },
}

/// Compares a target with a record of it.
pub fn verify(target: &Target<'_>, generation: &Generation, depth: Depth) -> Result<Vec<Finding>, TargetError> {
    punix_diag::drill("verify");
    let _lock = target.share()?;
    let mut resolver = Resolver::new(target.disk);
    let ledger = Ledger::read(target)?;
    let mut findings = own_files(target, generation)?;
    let key = Key::read(target)?;
    let comparing = Comparing::new(target, generation, key)?;
    let mut reals = BTreeSet::new();
    for row in &generation.files {
        let at = || Spot::File(row.path.clone());
        match resolver.real(&row.path) {
            Err(issue) => {
                let drift = Drift::Unreachable { why: issue.to_string() };
                findings.push(Finding { at: at(), drift });
            }
            Ok(real) => {
                let is_ours = real == row.path || ledger.stack_of(&real) == Some(generation.stack.as_str());
                let led = (!is_ours).then(|| Drift::Elsewhere { real: real.clone() });
                let anew = ledger.anew(&real, generation).map(|mark| FileRow { mark, ..row.clone() });
                let drifts = led.into_iter().chain(comparing.compare(anew.as_ref().unwrap_or(row), &real)?);
                findings.extend(drifts.map(|drift| Finding { at: at(), drift }));
                reals.insert(real);
            }
        }
    }
    findings.extend(strays(target.disk, generation, &ledger, &reals)?);
    findings.extend(entries(target, &mut resolver, generation, depth)?);
    Ok(findings)
}

/// Looks at the key, and at who has what is ours.
fn own_files(target: &Target<'_>, generation: &Generation) -> Result<Vec<Finding>, TargetError> {
    let path = target.layout.key();
    let needed = generation.files.iter().any(|row| matches!(row.mark, Mark::HmacSha256(_)));
    let drift = match target.disk.metadata(path.on_disk())? {
        None if needed => Some(Drift::KeyGone),
        Some(found) if found.mode & !KEY_MODE & 0o777 != 0 => Some(Drift::KeyOpen { found: found.mode }),
        None | Some(_) => None,
    };
    let mut findings: Vec<Finding> = drift.map(|drift| Finding { at: Spot::Own(path), drift }).into_iter().collect();
    let wanted = acting(target).0;
    findings.extend(strangers(target, generation)?.into_iter().map(|(path, found)| {
        let drift = Drift::Owner { wanted: format!("{wanted}, as the files of the stack do"), found };
        Finding { at: Spot::Own(path), drift }
    }));
    Ok(findings)
}

/// What files are compared with.
struct Comparing<'t> {
    disk: &'t dyn Disk,
    key: Option<Key>,
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
    /// Whoever acts, and whoever has the record: whose a file is for which nobody was named.
    usual: [(u32, u32); 2],
}

impl<'t> Comparing<'t> {
    fn new(target: &Target<'t>, generation: &Generation, key: Option<Key>) -> Result<Comparing<'t>, TargetError> {
        let rows = &generation.files;
        let record = target.layout.record(&generation.stack, generation.number)?;
        let acting = acting(target);
        let recorded = target.disk.metadata(record.on_disk())?.map(|found| (found.owner, found.group));
        Ok(Comparing {
            disk: target.disk,
            key,
            users: owners::users(target.disk, rows.iter().filter_map(|row| row.owner.as_ref()))?,
            groups: owners::groups(target.disk, rows.iter().filter_map(|row| row.group.as_ref()))?,
            usual: [acting, recorded.unwrap_or(acting)],
        })
    }

    fn compare(&self, row: &FileRow, real: &TargetPath) -> Result<Vec<Drift>, TargetError> {
        let kind = |found: &str| Ok(vec![Drift::Kind { found: found.to_owned() }]);
        match look_at(self.disk, real, Wanted::of(&row.mark), self.key.as_ref()) {
            There::Nothing => Ok(vec![Drift::Missing]),
            There::Unreachable { why } => Ok(vec![Drift::Unreachable { why }]),
            There::Directory => kind("a directory"),
            There::Link { to } => kind(&format!("a link to `{}`", to.escape_debug())),
            There::Other => kind("a device, a pipe or a socket"),
            There::File(seen) => {
                let mut drifts = self.content(row, &seen);
                if seen.mode != row.mode {
                    drifts.push(Drift::Mode { recorded: row.mode, found: seen.mode });
                }
                drifts.extend(self.owner(row, &seen));
                drifts.extend(self.group(row, real, &seen)?);
                Ok(drifts)
            }
        }
    }

    fn content(&self, row: &FileRow, seen: &FileSeen) -> Vec<Drift> {
        let comparable = match (row.withheld, row.mark) {
            // What is recorded is the digest of what the file would be without the artifact.
            (Some(Withheld::Artifact), _) => false,
            (_, Mark::HmacSha256(_)) => self.key.is_some(),
            (_, Mark::Sha256(_)) => true,
        };
        let now = seen.marks.iter().copied().find(|now| *now != row.mark && comparable);
        now.map(|now| Drift::Content { recorded: row.mark, now }).into_iter().collect()
    }

    fn owner(&self, row: &FileRow, seen: &FileSeen) -> Option<Drift> {
        let Some(name) = &row.owner else {
            let is_usual = self.usual.iter().any(|(user, _)| *user == seen.owner);
            let wanted = self.usual.map(|(user, _)| user.to_string());
            return (!is_usual).then(|| Drift::Owner { wanted: either(wanted), found: seen.owner });
        };
        match self.users.get(name) {
            None => Some(Drift::Unknown { name: name.clone() }),
            Some(user) if *user == seen.owner => None,
            Some(_) => Some(Drift::Owner { wanted: format!("`{name}`"), found: seen.owner }),
        }
    }

    fn group(&self, row: &FileRow, real: &TargetPath, seen: &FileSeen) -> Result<Option<Drift>, TargetError> {
        if let Some(name) = &row.group {
            return Ok(match self.groups.get(name) {
                None => Some(Drift::Unknown { name: name.clone() }),
                Some(group) if *group == seen.group => None,
                Some(_) => Some(Drift::Group { wanted: format!("`{name}`"), found: seen.group }),
            });
        }
        if self.usual.iter().any(|(_, group)| *group == seen.group) {
            return Ok(None);
        }
        let directory = real.on_disk().parent().unwrap_or(Path::new(""));
        let from_directory = self
            .disk
            .metadata(directory)?
            .is_some_and(|found| found.mode & SET_GROUP != 0 && found.group == seen.group);
        let wanted = self.usual.map(|(_, group)| group.to_string());
        Ok((!from_directory).then(|| Drift::Group { wanted: either(wanted), found: seen.group }))
    }
}

fn either([one, other]: [String; 2]) -> String {
    if one == other { one } else { format!("{one} or {other}") }
}

/// Finds what lies in directories that we made for this generation, and is nobody's. State of services is theirs.
fn strays(
    disk: &dyn Disk,
    generation: &Generation,
    ledger: &Ledger,
    reals: &BTreeSet<TargetPath>,
) -> Result<Vec<Finding>, TargetError> {
    let state: Vec<TargetPath> = generation.state_dirs.iter().filter_map(|dir| TargetPath::parse(dir).ok()).collect();
    let is_state = |path: &TargetPath| state.iter().any(|state| path.is_within(state));
    let mut above: BTreeSet<TargetPath> = BTreeSet::new();
    for real in reals {
        let mut parent = real.parent();
        while let Some(directory) = parent {
            parent = directory.parent();
            above.insert(directory);
        }
    }
    let mut strays = Vec::new();
    for directory in ledger.directories().filter(|directory| above.contains(directory) && !is_state(directory)) {
        let names = match disk.list(directory.on_disk()) {
            // That something is missing was said of the files.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            names => names?,
        };
        for name in names {
            let path = own(directory, &name.to_string_lossy());
            let is_known = name.to_str().is_some()
                && (reals.contains(&path)
                    || above.contains(&path)
                    || is_state(&path)
                    || ledger.stack_of(&path).is_some()
                    || ledger.is_made(&path));
            if !is_known {
                strays.push(Finding { at: Spot::File(path), drift: Drift::Stray });
            }
        }
    }
    Ok(strays)
}

fn entries(
    target: &Target<'_>,
    resolver: &mut Resolver<'_>,
    generation: &Generation,
    depth: Depth,
) -> Result<Vec<Finding>, TargetError> {
    let all: BTreeSet<String> = generation.store_paths.iter().cloned().collect();
    let absent = missing(target, resolver, &all, Care::Each)?;
    let mut stores: BTreeMap<TargetPath, Option<Store>> = BTreeMap::new();
    let mut findings = Vec::new();
    for entry in &generation.store_paths {
        let at = Spot::Store(entry.clone());
        if absent.contains(entry) {
            findings.push(Finding { at, drift: Drift::Absent });
            continue;
        }
        let (Depth::Content, Some(place)) = (depth, &target.place) else { continue };
        let Ok(real) = TargetPath::parse(entry).map_err(|_| ()).and_then(|path| resolver.real(&path).map_err(|_| ()))
        else {
            continue;
        };
        let (Some(root), Ok(name)) = (real.parent(), StoreName::parse(real.name())) else { continue };
        let open = || Store::find(&place.root.join(root.on_disk())).ok().map(|store| store.with_threads(1));
        let Some(store) = stores.entry(root.clone()).or_insert_with(open) else { continue };
        let damages = match store.verify(&name) {
            Ok(damages) => damages.iter().map(ToString::to_string).collect::<Vec<_>>(),
            Err(VerifyError::Absent { .. }) => vec!["it is gone".to_owned()],
            Err(VerifyError::Tree(error)) => vec![error.to_string()],
        };
        if !damages.is_empty() {
            findings.push(Finding { at, drift: Drift::Damaged { damages } });
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests;
