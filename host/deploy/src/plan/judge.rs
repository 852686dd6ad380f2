//! What becomes of each path: what a generation wants there, what stands there, and whose it is.

use super::refusal::{Drift, PlanError, Refusal, Standing, Turn};
use super::{Counts, Ground, Policy, Warning};
use crate::tls::is_certificate;
use punix_store::Digest;
use punix_target::{
    After, Body, Boundary, Change, Crossing, FileRow, FileSeen, Generation, Maker, Mark, PathSeen, RecordedChunk, Seen,
    TargetPath, There, Withheld,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Where the bytes of files with secrets come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Secrets<'s> {
    /// They were spliced for exactly these rows.
    Given,
    /// They were made again, and are recognised by these.
    Remade(&'s BTreeMap<TargetPath, Mark>),
    /// They are not at hand.
    Skipped { number: u32 },
}

/// Judges path after path.
pub(super) struct Judge<'j> {
    seen: &'j Seen,
    boundary: &'j Boundary,
    policy: Policy,
    secrets: Secrets<'j>,
    /// By what files without secrets are recognised that were made anew.
    anew: Option<&'j BTreeMap<TargetPath, Mark>>,
    /// Whether what is wanted is the current generation, of which it is known what was made anew.
    is_live: bool,
    /// What the current generation has, and what of a lost one is the stack's.
    ours: BTreeMap<&'j TargetPath, &'j FileRow>,
    /// Where wanted files really go.
    reals: BTreeMap<&'j TargetPath, TargetPath>,
    judged: Judged,
    refusals: Vec<Refusal>,
    needed: Vec<TargetPath>,
}

/// What became of all of them.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) changes: Vec<Change>,
    pub(super) warnings: Vec<Warning>,
    pub(super) counts: Counts,
    /// Bytes of written files that only their record has.
    pub(super) inline: BTreeMap<Digest, Body>,
    /// Files that are written though they are what they shall be: what was made anew is known as that only if it is.
    alike: BTreeSet<TargetPath>,
}

impl Judged {
    /// Returns a generation with its files as they are written, which may have been made anew.
    pub(super) fn written<'g>(&self, to: &'g Generation) -> Cow<'g, Generation> {
        let marks: BTreeMap<&TargetPath, Mark> = self
            .changes
            .iter()
            .filter_map(|change| match change.after {
                After::File { mark, .. } => Some((&change.path, mark)),
                After::Same | After::Nothing => None,
            })
            .collect();
        let other = |row: &FileRow| marks.get(&row.path).copied().filter(|mark| *mark != row.mark);
        if to.files.iter().all(|row| other(row).is_none()) {
            return Cow::Borrowed(to);
        }
        let mut to = to.clone();
        for row in &mut to.files {
            row.mark = other(row).unwrap_or(row.mark);
        }
        Cow::Owned(to)
    }

    /// Returns the changes that somebody can notice.
    pub(super) fn noticed(&self) -> Vec<Change> {
        self.changes.iter().filter(|change| !self.alike.contains(&change.path)).cloned().collect()
    }

    /// Tells whether nothing is written or removed.
    pub(super) fn is_still(&self) -> bool {
        self.changes.iter().all(|change| change.after == After::Same)
    }

    /// Returns the digests of what is written without being secret.
    pub(super) fn blobs(&self) -> BTreeSet<Digest> {
        let digests = self.changes.iter().filter_map(|change| match change.after {
            After::File { mark: Mark::Sha256(digest), .. } => Some(digest),
            After::File { mark: Mark::HmacSha256(_), .. } | After::Same | After::Nothing => None,
        });
        digests.collect()
    }
}

impl<'j> Judge<'j> {
    pub(super) fn new(ground: Ground<'j>, policy: Policy, secrets: Secrets<'j>) -> Judge<'j> {
        let Ground { seen, boundary } = ground;
        let live = seen.current.iter().flat_map(|live| &live.files);
        let ours = seen.orphans.iter().chain(live).map(|row| (&row.path, row)).collect();
        Judge {
            seen,
            boundary,
            policy,
            secrets,
            anew: None,
            is_live: false,
            ours,
            reals: BTreeMap::new(),
            judged: Judged::default(),
            refusals: Vec::new(),
            needed: Vec::new(),
        }
    }

    /// Takes files that were made anew for a generation.
    pub(super) fn with(self, anew: &'j BTreeMap<TargetPath, Mark>, number: u32) -> Judge<'j> {
        let is_live = self.seen.current.as_ref().is_some_and(|live| live.number == number);
        Judge { anew: Some(anew), is_live, ..self }
    }

    /// Returns what became of all of them, or everything that is in the way.
    pub(super) fn end(mut self) -> Result<Judged, PlanError> {
        if let (Secrets::Skipped { number }, false) = (self.secrets, self.needed.is_empty()) {
            let stack = self.seen.current.as_ref().map_or_else(String::new, |live| live.stack.clone());
            self.refusals.push(Refusal::SecretsNeeded { stack, number, paths: self.needed });
        }
        if self.refusals.is_empty() { Ok(self.judged) } else { Err(PlanError(self.refusals)) }
    }

    /// Judges a file that shall be there.
    pub(super) fn wanted(&mut self, row: &'j FileRow) {
        let Some(place) = self.place(&row.path) else { return };
        if !self.is_within(row, place) {
            return;
        }
        if let Some(link) = &place.behind {
            return self.refusals.push(Refusal::Crossing(Crossing::behind(&row.path, link)));
        }
        if let Some(by) = &place.claimed_by {
            return self.refusals.push(Refusal::Claimed { path: row.path.clone(), by: by.clone() });
        }
        if let Some(first) = self.reals.insert(&place.real, row.path.clone()) {
            let (path, real) = (row.path.clone(), place.real.clone());
            return self.refusals.push(Refusal::OnePlace { first, path, real });
        }
        let Some(row) = self.known_owner(row) else { return };
        let after = match &place.there {
            There::Nothing => self.absent(&row),
            There::File(file) => self.file(&row, file),
            There::Link { to } => self.link(&row, to),
            There::Directory => self.directory(&row),
            There::Other => self.blocked(&row, Standing::Other),
            There::Unreachable { why } => self.unreachable(&row, why),
        };
        if let Some(after) = after {
            self.change(&row.row.path, place, after);
        }
    }

    /// Judges what the current generation has, and what is wanted no more.
    pub(super) fn removed(&mut self, wanted: &[FileRow]) {
        let wanted: BTreeSet<&TargetPath> = wanted.iter().map(|row| &row.path).collect();
        let gone: Vec<&FileRow> = self.ours.values().filter(|row| !wanted.contains(&row.path)).copied().collect();
        for row in gone {
            let Some(place) = self.place(&row.path) else { continue };
            if !self.is_within(row, place) {
                continue;
            }
            let path = row.path.clone();
            // By another way, another file of the stack is there now.
            let taken = self.reals.contains_key(&place.real);
            let after = match &place.there {
                There::Nothing => After::Same,
                _ if taken => After::Same,
                There::File(file) => {
                    if let Some(drift) = self.drift(row, file) {
                        self.drifted(path.clone(), drift, true);
                    }
                    self.judged.counts.removed += 1;
                    After::Nothing
                }
                There::Link { .. } => self.not_ours(path.clone(), Standing::Link),
                There::Directory => self.not_ours(path.clone(), Standing::Directory),
                There::Other => self.not_ours(path.clone(), Standing::Other),
                There::Unreachable { why } => self.not_ours(path.clone(), Standing::Unreachable { why: why.clone() }),
            };
            self.change(&row.path, place, after);
        }
    }

    /// Leaves a path as it is, whatever that may be.
    pub(super) fn left(&mut self, path: &TargetPath) {
        if let Some(place) = self.place(path) {
            self.change(path, place, After::Same);
        }
    }

    fn place(&mut self, path: &TargetPath) -> Option<&'j PathSeen> {
        let place = self.seen.paths.get(path);
        if place.is_none() {
            self.refusals.push(Refusal::Unseen { path: path.clone() });
        }
        place
    }

    /// Draws the boundary again where links really lead: a record may say anything.
    fn is_within(&mut self, row: &FileRow, place: &PathSeen) -> bool {
        let checked = self.boundary.check(&row.path, &place.real, Maker::of(&row.made_by));
        let within = checked.is_ok();
        self.refusals.extend(checked.err().map(Refusal::Crossing));
        within
    }

    fn change(&mut self, path: &TargetPath, place: &PathSeen, after: After) {
        if matches!(after, After::File { .. }) && !self.judged.alike.contains(path) {
            self.judged.counts.written += 1;
        }
        let (path, real, before) = (path.clone(), place.real.clone(), place.there.clone());
        self.judged.changes.push(Change { path, real, before, after });
    }

    /// Finds out who is to own a file.
    fn known_owner(&mut self, row: &'j FileRow) -> Option<Wanted<'j>> {
        let (owner, group) = (self.user(row), self.group(row));
        for (found, name, kind) in [(&owner, &row.owner, "user"), (&group, &row.group, "group")] {
            if let (None, Some(name)) = (found, name) {
                let (path, name) = (row.path.clone(), name.clone());
                self.refusals.push(Refusal::NobodyOfThatName { path, kind, name });
            }
        }
        Some(Wanted { row, mark: self.mark(row), owner: owner?, group: group? })
    }

    /// Returns the users of which each may own a file; nothing if the one that is named is not known.
    fn user(&self, row: &FileRow) -> Option<[u32; 2]> {
        let seen = self.seen;
        let usual = [seen.acting.0, seen.deployed_as.map_or(seen.acting.0, |(user, _)| user)];
        number(row.owner.as_deref(), usual, &seen.users)
    }

    fn group(&self, row: &FileRow) -> Option<[u32; 2]> {
        let seen = self.seen;
        let usual = [seen.acting.1, seen.deployed_as.map_or(seen.acting.1, |(_, group)| group)];
        number(row.group.as_deref(), usual, &seen.groups)
    }

    /// Returns by what the bytes are recognised that can be written for a row; nothing if there are none.
    fn mark(&self, row: &FileRow) -> Option<Mark> {
        // A certificate is of no use without its key, which is not kept.
        if row.withheld.is_none() && !row.is_secret() && !is_certificate(row) {
            return Some(self.anew.and_then(|anew| anew.get(&row.path)).copied().unwrap_or(row.mark));
        }
        match self.secrets {
            Secrets::Given => Some(row.mark),
            Secrets::Remade(marks) => marks.get(&row.path).copied(),
            Secrets::Skipped { .. } => None,
        }
    }

    fn write(&mut self, row: &Wanted<'_>) -> Option<After> {
        let Some(mark) = row.mark else {
            match self.secrets {
                Secrets::Skipped { .. } => self.needed.push(row.row.path.clone()),
                Secrets::Given | Secrets::Remade(_) => {
                    self.refusals.push(Refusal::NotRecorded { path: row.row.path.clone() });
                }
            }
            return None;
        };
        if let (Some(bytes), Mark::Sha256(digest)) = (&row.row.inline, mark) {
            self.judged.inline.insert(digest, bytes.clone().into());
        }
        let (mode, owner, group) = (row.row.mode, row.row.owner.clone(), row.row.group.clone());
        Some(After::File { mark, mode, owner, group })
    }

    fn absent(&mut self, row: &Wanted<'_>) -> Option<After> {
        if self.ours.contains_key(&row.row.path) {
            self.drifted(row.row.path.clone(), Drift::Gone, false);
        }
        self.write(row)
    }

    fn file(&mut self, row: &Wanted<'_>, file: &FileSeen) -> Option<After> {
        let ours = self.ours.get(&row.row.path).copied();
        // What can be written decides; if nothing can, what the record says.
        let has_bytes = file.marks.contains(&row.mark.unwrap_or(row.row.mark));
        let has_rights =
            file.mode == row.row.mode && row.owner.contains(&file.owner) && row.group.contains(&file.group);
        if ours.is_none() && !self.policy.adopt && !(has_bytes && self.is_going()) {
            return self.blocked(row, Standing::File);
        }
        if ours.is_none() && self.policy.adopt {
            self.judged.warnings.push(Warning::Adopted { path: row.row.path.clone() });
        }
        if has_bytes && has_rights {
            self.judged.counts.same += 1;
            let mark = row.mark.unwrap_or(row.row.mark);
            if mark == row.row.mark || self.is_live && ours.is_some_and(|ours| ours.mark == mark) {
                return Some(After::Same);
            }
            self.judged.alike.insert(row.row.path.clone());
            return self.write(row);
        }
        if row.mark.is_none() && ours.is_some_and(is_kept_from_others) {
            // It cannot be made; what is there is at least as secret, and of the same stack.
            match has_artifact(row.row) {
                true => self.judged.counts.artifact_skipped += 1,
                false => self.judged.counts.secret_skipped += 1,
            }
            return Some(After::Same);
        }
        if let Some(drift) = ours.and_then(|ours| self.drift(ours, file)) {
            self.drifted(row.row.path.clone(), drift, false);
        }
        self.write(row)
    }

    fn link(&mut self, row: &Wanted<'_>, to: &str) -> Option<After> {
        if self.ours.contains_key(&row.row.path) {
            self.drifted(row.row.path.clone(), Drift::Link { to: to.to_owned() }, false);
        } else if self.policy.adopt {
            self.judged.warnings.push(Warning::Adopted { path: row.row.path.clone() });
        } else {
            return self.blocked(row, Standing::Link);
        }
        self.write(row)
    }

    /// A directory with files of the stack cannot become a file in one step: nobody could take that back.
    fn directory(&mut self, row: &Wanted<'_>) -> Option<After> {
        let path = &row.row.path;
        let inside = self.ours.keys().find(|ours| ours.is_within(path) && **ours != path);
        match inside {
            Some(inside) => {
                let turned = Refusal::Turned { path: path.clone(), inside: (*inside).clone(), into: Turn::File };
                self.refusals.push(turned);
                None
            }
            None => self.blocked(row, Standing::Directory),
        }
    }

    /// Nor can a file become a directory.
    fn unreachable(&mut self, row: &Wanted<'_>, why: &str) -> Option<After> {
        let path = &row.row.path;
        let mut above = path.parent();
        while let Some(directory) = above {
            if self.ours.contains_key(&directory) {
                let turned = Refusal::Turned { path: directory, inside: path.clone(), into: Turn::Directory };
                self.refusals.push(turned);
                return None;
            }
            above = directory.parent();
        }
        self.blocked(row, Standing::Unreachable { why: why.to_owned() })
    }

    fn blocked(&mut self, row: &Wanted<'_>, standing: Standing) -> Option<After> {
        self.refusals.push(Refusal::InTheWay { path: row.row.path.clone(), standing });
        None
    }

    fn not_ours(&mut self, path: TargetPath, standing: Standing) -> After {
        self.judged.warnings.push(Warning::LeftThere { path, standing });
        After::Same
    }

    fn is_going(&self) -> bool {
        matches!(self.secrets, Secrets::Remade(_) | Secrets::Skipped { .. })
    }

    fn drifted(&mut self, path: TargetPath, drift: Drift, removed: bool) {
        if self.policy.refuse_drift {
            self.refusals.push(Refusal::Drifted { path, drift });
        } else {
            self.judged.warnings.push(Warning::Drifted { path, drift, removed });
        }
    }

    /// Returns in what a file is no longer what the current generation left there.
    fn drift(&self, ours: &FileRow, file: &FileSeen) -> Option<Drift> {
        if !file.marks.contains(&ours.mark) {
            return Some(Drift::Bytes);
        }
        if file.mode != ours.mode {
            return Some(Drift::Mode { was: ours.mode, is: file.mode });
        }
        let differs = |wanted: Option<[u32; 2]>, is: u32| wanted.is_some_and(|wanted| !wanted.contains(&is));
        (differs(self.user(ours), file.owner) || differs(self.group(ours), file.group)).then_some(Drift::Owner)
    }
}

/// A file that shall be there, with everything known that its row only names.
struct Wanted<'w> {
    row: &'w FileRow,
    mark: Option<Mark>,
    /// Any of these may have it.
    owner: [u32; 2],
    group: [u32; 2],
}

fn is_kept_from_others(row: &FileRow) -> bool {
    row.is_secret() || row.withheld.is_some() || is_certificate(row)
}

/// Tells whether an artifact of another host is in a file that is not kept whole: what it is only that host knows.
fn has_artifact(row: &FileRow) -> bool {
    let is_artifact = |chunk: &RecordedChunk| matches!(chunk, RecordedChunk::Artifact(_));
    row.withheld == Some(Withheld::Artifact) || row.chunks.iter().flatten().any(is_artifact)
}

/// Returns the number of a user or a group; those that have files usually if there is no name.
fn number(name: Option<&str>, usual: [u32; 2], known: &BTreeMap<String, u32>) -> Option<[u32; 2]> {
    match name {
        None => Some(usual),
        Some(name) => known.get(name).copied().or_else(|| name.parse().ok()).map(|number| [number, number]),
    }
}
