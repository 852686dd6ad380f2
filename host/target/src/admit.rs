//! Whether a plan can still be carried out, and everything that follows from it: which files are written where, what they
//! hold, what is to be undone if it fails and what is to be cleared away if it works. Only reads.

mod held;
mod places;

pub(crate) use held::Bytes;

use crate::body::Body;
use crate::claims::Claims;
use crate::failure::TargetError;
use crate::generation::{Generation, Mark};
use crate::journal::{Intent, Item, Trace, Wanted};
use crate::ledger::{Holding, Ledger, Note};
use crate::live::{link_text, live, numbers};
use crate::path::TargetPath;
use crate::plan::{After, Change, Goal, Payload, Plan};
use crate::resolve::Resolver;
use crate::seen::There;
use crate::target::Target;
use crate::{key, owners};
use held::Held;
use places::{Makers, emptied, is_within, to_make};
use punix_disk::Kind;
use punix_store::Digest;
use punix_store::limits::RECORD_BYTES_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

/// A plan that can be carried out.
pub(crate) struct Work {
    pub(crate) intent: Intent,
    /// One for each item.
    pub(crate) pieces: Vec<Piece>,
    /// One for each content to be added.
    pub(crate) blobs: Vec<Bytes>,
    /// What `current` will say.
    pub(crate) link: Option<String>,
    /// Files whose bytes are kept because somebody had changed them.
    pub(crate) notes: Vec<Note>,
}

/// What belongs to an item, but not in a journal.
pub(crate) struct Piece {
    /// What will be there.
    pub(crate) bytes: Option<Bytes>,
    /// What the file holds that is there now.
    pub(crate) held: Option<Digest>,
    /// What it is called to the operator.
    pub(crate) path: TargetPath,
}

/// What a plan comes to, while it is being looked at.
struct Looking<'a, 'd> {
    target: &'a Target<'d>,
    plan: &'a Plan,
    payload: Payload,
    id: String,
    /// How many temporaries have a name.
    temporaries: usize,
    items: Vec<Item>,
    pieces: Vec<Piece>,
    blobs: BTreeMap<Digest, Bytes>,
    notes: Vec<Note>,
}

/// Looks at a plan. The caller has the lock, and no journal is left.
pub(crate) fn admit(
    target: &Target<'_>,
    plan: &Plan,
    payload: Payload,
    claims: &Claims,
    wanted: Option<&Generation>,
) -> Result<Work, TargetError> {
    let kept = numbers(target, &plan.stack)?;
    let to = goal(target, plan, &kept)?;
    let mut looking = Looking {
        target,
        plan,
        payload,
        id: Intent::new_id(),
        temporaries: 0,
        items: Vec::new(),
        pieces: Vec::new(),
        blobs: BTreeMap::new(),
        notes: Vec::new(),
    };
    let mut ledger = claims.ledger().clone();
    let mut resolver = Resolver::careful(target);
    let makers = Makers::of(wanted);
    for change in &plan.changes {
        is_within(target, change, &makers, &mut resolver)?;
        if let Some(owner) = claims.owner_of(&change.real, &plan.stack) {
            return Err(TargetError::Owned { path: change.path.clone(), owner });
        }
        looking.change(change, to, claims.ledger())?;
        let holding = match &change.after {
            After::File { mark, .. } => Some(match (&plan.goal, makers.mark(&change.path)) {
                (Goal::Kept(number), Some(recorded)) if recorded != *mark => Holding::Anew(*mark, *number),
                (Goal::New(_) | Goal::Kept(_) | Goal::Gone, _) => Holding::Have(Some(*mark)),
            }),
            After::Nothing => Some(Holding::Leave),
            After::Same => same(change, claims.ledger(), makers.mark(&change.path)),
        };
        if let Some(holding) = holding {
            ledger.set(&plan.stack, &change.real, holding);
        }
    }
    if let Goal::Kept(number) = &plan.goal {
        looking.contents_anew(&ledger, *number);
    }
    if let Goal::New(generation) = &plan.goal {
        looking.contents(generation)?;
        looking.record(generation)?;
    }
    let trimmed = trimmed(plan, &kept, to, wanted);
    let emptied = emptied(target, &ledger, &looking.items, &plan.changes)?;
    let directories = to_make(target, &looking.items, to.map(|_| &plan.stack))?;
    let of_files = |directory: &&TargetPath| !directory.is_within(target.layout.root());
    let made: Vec<TargetPath> = directories.iter().filter(of_files).cloned().collect();
    ledger.add_directories(&made, &emptied);
    match to {
        Some(number) => {
            let system = wanted.is_none_or(|generation| generation.scope != USER_SCOPE);
            ledger.set_live(&plan.stack, number, system);
            let oldest = kept.iter().find(|number| !trimmed.contains(number)).copied().unwrap_or(number);
            // Those that went with their stack stay as long as if it had been deployed on.
            let oldest = oldest.min(number.saturating_add(1).saturating_sub(plan.keep));
            ledger.note(&plan.stack, oldest, looking.notes.clone());
        }
        None => {
            ledger.forget(&plan.stack);
            ledger.note(&plan.stack, 0, looking.notes.clone());
        }
    }
    looking.ledger(&ledger, claims.ledger())?;
    looking.finish(to, directories, emptied, trimmed)
}

/// What a generation says that concerns its user only.
pub(crate) const USER_SCOPE: &str = "user";

/// Returns the number that will be live.
fn goal(target: &Target<'_>, plan: &Plan, kept: &[u32]) -> Result<Option<u32>, TargetError> {
    let found = live(target, &plan.stack)?.number;
    let stale = || TargetError::Stale { stack: plan.stack.clone(), planned: plan.parent, found };
    if found != plan.parent {
        return Err(stale());
    }
    match &plan.goal {
        // Somebody else had the same next number, and gave it away.
        Goal::New(generation) if kept.contains(&generation.number) => Err(stale()),
        Goal::New(generation) => Ok(Some(generation.number)),
        Goal::Kept(number) if kept.contains(number) => Ok(Some(*number)),
        Goal::Kept(number) => Err(TargetError::NotKept { stack: plan.stack.clone(), number: *number }),
        Goal::Gone if found.is_none() => Err(stale()),
        Goal::Gone => Ok(None),
    }
}

/// Says what a path that stays as it is means for the ledger: nothing, if it is there already.
fn same(change: &Change, ledger: &Ledger, wanted: Option<Mark>) -> Option<Holding> {
    match (&change.before, ledger.row(&change.real)) {
        (There::Nothing, _) => Some(Holding::Leave),
        // By a new key, the same bytes have another mark; and what was made anew may be what another generation has.
        (There::File(seen), Some(row))
            if wanted.is_some_and(|it| seen.marks.contains(&it)) && (row.mark != wanted || row.anew.is_some()) =>
        {
            Some(Holding::Have(wanted))
        }
        (There::File(_), Some(_)) => None,
        (There::File(seen), None) => Some(Holding::Have(seen.marks.first().copied())),
        // Somebody put it there in place of a file that is no longer wanted.
        (There::Link { .. } | There::Directory | There::Other, _) => Some(Holding::Leave),
        (There::Unreachable { .. }, _) => None,
    }
}

/// Returns the generations that go. The newest are kept, and always the live one and the one before it.
fn trimmed(plan: &Plan, kept: &[u32], to: Option<u32>, wanted: Option<&Generation>) -> Vec<u32> {
    let Some(to) = to else { return kept.to_vec() };
    let previous = wanted.and_then(|generation| generation.previous);
    let mut all: BTreeSet<u32> = kept.iter().copied().collect();
    all.insert(to);
    crate::trim::beyond(&all, plan.keep, to, previous)
}

impl Looking<'_, '_> {
    /// Looks at one path.
    fn change(&mut self, change: &Change, to: Option<u32>, ledger: &Ledger) -> Result<(), TargetError> {
        let trace = self.before(change)?;
        let wanted = match &change.after {
            After::Same => return Ok(()),
            After::Nothing if trace.is_none() => return Ok(()),
            After::Nothing => None,
            After::File { mark, mode, owner, group } => Some(Wanted {
                mark: *mark,
                mode: *mode,
                owner: self.id_of(change, owner.as_deref(), owners::user)?,
                group: self.id_of(change, group.as_deref(), owners::group)?,
            }),
        };
        let held = self.held(change)?;
        let bytes = match &wanted {
            Some(wanted) => Some(self.bytes(change, wanted.mark, held.as_ref())?),
            None => None,
        };
        let digest = held.as_ref().map(|held| held.digest);
        if let Some(held) = held {
            self.keep_edited(change, to, ledger, held);
        }
        self.add(change.real.clone(), change.path.clone(), trace, wanted, bytes, digest)
    }

    /// Checks that a path is what the plan saw there, as far as that can be said without reading it.
    fn before(&self, change: &Change) -> Result<Option<Trace>, TargetError> {
        let moved = |found: &str| TargetError::Moved { path: change.path.clone(), found: found.to_owned() };
        let found = match self.target.disk.metadata(change.real.on_disk()) {
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                return match (&change.before, &change.after) {
                    (There::Unreachable { .. } | There::Nothing, After::Same | After::Nothing) => Ok(None),
                    _ => Err(moved("something above it is no directory")),
                };
            }
            found => found?,
        };
        let occupied = |found: &str| TargetError::Occupied { path: change.path.clone(), found: found.to_owned() };
        let is_same = change.after == After::Same;
        match (&change.before, found) {
            (There::Nothing, None) => Ok(None),
            (There::File(seen), Some(found)) => {
                let trace = Trace::of(&found);
                let as_seen = found.kind == Kind::File
                    && seen.identity == (trace.device, trace.inode)
                    && (seen.size, seen.mode, seen.owner, seen.group)
                        == (trace.size, trace.mode, trace.owner, trace.group);
                if as_seen { Ok(Some(trace)) } else { Err(moved("another file is there, or it was changed")) }
            }
            (There::Link { to }, Some(found)) if found.kind == Kind::Link => {
                let text = self.target.disk.read_link(change.real.on_disk())?;
                let as_seen = text.to_str() == Some(to.as_str());
                if as_seen { Ok(Some(Trace::of(&found))) } else { Err(moved("the link leads elsewhere")) }
            }
            (There::Directory, Some(found)) if found.kind == Kind::Directory && !is_same => {
                Err(occupied("it is a directory"))
            }
            (There::Other, Some(found)) if found.kind == Kind::Other && !is_same => {
                Err(occupied("it is a device, a pipe or a socket"))
            }
            (There::Directory | There::Other, Some(_)) if is_same => Ok(None),
            (There::Unreachable { .. }, _) if is_same => Ok(None),
            (There::Unreachable { why }, _) => Err(occupied(why)),
            (_, None) => Err(moved("nothing is there any more")),
            (_, Some(_)) => Err(moved("something else is there")),
        }
    }

    fn id_of(
        &self,
        change: &Change,
        name: Option<&str>,
        find: fn(&dyn punix_disk::Disk, &str) -> std::io::Result<Option<u32>>,
    ) -> Result<Option<u32>, TargetError> {
        let Some(name) = name else { return Ok(None) };
        let id = find(self.target.disk, name)?;
        let missing = || TargetError::NoSuchOwner { path: change.path.clone(), name: name.to_owned() };
        id.map(Some).ok_or_else(missing)
    }

    /// Reads what a file holds, if there is one, and checks that it is what the plan saw.
    fn held(&self, change: &Change) -> Result<Option<Held>, TargetError> {
        let There::File(seen) = &change.before else { return Ok(None) };
        let after = match &change.after {
            After::File { mark, .. } => Some(*mark),
            After::Same | After::Nothing => None,
        };
        let marks: Vec<Mark> = seen.marks.iter().copied().chain(after).collect();
        let held = Held::read(self.target, &change.real, &marks)?;
        if !seen.marks.iter().all(|mark| held.has(*mark)) {
            let found = "it holds something else".to_owned();
            return Err(TargetError::Moved { path: change.path.clone(), found });
        }
        Ok(Some(held))
    }

    /// Returns what a file will hold.
    fn bytes(&self, change: &Change, mark: Mark, held: Option<&Held>) -> Result<Bytes, TargetError> {
        let missing = || TargetError::NoBytes { path: change.path.clone() };
        let digest = match mark {
            Mark::Sha256(digest) => digest,
            Mark::HmacSha256(_) => {
                let brought = self.payload.secrets.get(&change.path);
                if let Some(secret) = brought
                    && key::mark(self.target, secret.expose())? == Some(mark)
                {
                    return Ok(Bytes::Secret(secret.clone()));
                }
                return held.filter(|held| held.has(mark)).map(|held| held.bytes.clone()).ok_or_else(missing);
            }
        };
        self.content(digest, held)?.ok_or_else(missing)
    }

    /// Finds a content: among those that came with the plan, on the target, or where it is used already.
    fn content(&self, digest: Digest, held: Option<&Held>) -> Result<Option<Bytes>, TargetError> {
        if let Some(body) = self.payload.blobs.get(&digest).filter(|body| body.digest() == digest) {
            return Ok(Some(Bytes::Brought(body.clone())));
        }
        match Held::read(self.target, &self.target.layout.blob(&digest), &[]) {
            Ok(kept) if kept.digest == digest => return Ok(Some(kept.bytes)),
            Ok(_) => {}
            Err(TargetError::Disk(error)) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {}
            Err(error) => return Err(error),
        }
        Ok(held.filter(|held| held.digest == digest).map(|held| held.bytes.clone()))
    }

    /// Keeps what somebody wrote into a file of ours, or what was there before it became ours.
    fn keep_edited(&mut self, change: &Change, to: Option<u32>, ledger: &Ledger, held: Held) {
        let There::File(seen) = &change.before else { return };
        let Some(generation) = to.or(self.plan.parent) else { return };
        let row = ledger.row(&change.real);
        let known = row.and_then(|row| row.mark);
        let digest = held.digest;
        let is_ours = known.is_some_and(|mark| mark == Mark::Sha256(digest) || seen.marks.contains(&mark));
        let stays = matches!(&change.after, After::File { mark: Mark::Sha256(after), .. } if *after == digest);
        if is_ours || stays {
            return;
        }
        let is_secret = |mark: &Mark| matches!(mark, Mark::HmacSha256(_));
        let after_is_secret = matches!(&change.after, After::File { mark, .. } if is_secret(mark));
        self.notes.push(Note {
            stack: self.plan.stack.clone(),
            path: change.path.clone(),
            generation,
            blob: digest,
            mode: seen.mode,
            secret: known.as_ref().is_some_and(is_secret) || after_is_secret,
            removed: to.is_none(),
        });
        self.blobs.insert(digest, held.bytes);
    }

    /// Sees to it that contents that were made anew will be there, for a repair.
    fn contents_anew(&mut self, ledger: &Ledger, number: u32) {
        for (item, piece) in self.items.iter().zip(&self.pieces) {
            let is_anew = ledger.row(&item.path).is_some_and(|row| row.anew == Some(number));
            if let (true, Some(Wanted { mark: Mark::Sha256(digest), .. }), Some(bytes)) =
                (is_anew, &item.after, &piece.bytes)
            {
                self.blobs.insert(*digest, bytes.clone());
            }
        }
    }

    /// Sees to it that every content of a new generation will be there.
    fn contents(&mut self, generation: &Generation) -> Result<(), TargetError> {
        // What is staged is known to have its mark.
        let mut staged: BTreeMap<Digest, &Bytes> = BTreeMap::new();
        for (item, piece) in self.items.iter().zip(&self.pieces) {
            if let (Some(Wanted { mark: Mark::Sha256(digest), .. }), Some(bytes)) = (&item.after, &piece.bytes) {
                staged.insert(*digest, bytes);
            }
        }
        let changes: BTreeMap<&TargetPath, &Change> =
            self.plan.changes.iter().map(|change| (&change.path, change)).collect();
        for row in &generation.files {
            let Mark::Sha256(digest) = row.mark else { continue };
            if self.blobs.contains_key(&digest) {
                continue;
            }
            let brought = self.payload.blobs.get(&digest).map(Body::size);
            let there = self.target.disk.metadata(self.target.layout.blob(&digest).on_disk())?;
            let is_there =
                there.is_some_and(|found| found.kind == Kind::File && brought.is_none_or(|size| size == found.size));
            if is_there {
                continue;
            }
            let found = match staged.get(&digest) {
                Some(&bytes) => Some(bytes.clone()),
                None => {
                    let held = changes.get(&row.path).map(|change| self.held(change)).transpose()?.flatten();
                    self.content(digest, held.as_ref())?
                }
            };
            let bytes = found.ok_or_else(|| TargetError::NoBytes { path: row.path.clone() })?;
            self.blobs.insert(digest, bytes);
        }
        Ok(())
    }

    fn record(&mut self, generation: &Generation) -> Result<(), TargetError> {
        let bytes = generation.to_bytes();
        if bytes.len() as u64 > RECORD_BYTES_MAX {
            return Err(TargetError::RecordTooLarge { size: bytes.len() as u64, most: RECORD_BYTES_MAX });
        }
        let path = self.target.layout.record(&self.plan.stack, generation.number)?;
        self.own_file(path, None, bytes, generation.record_mode())
    }

    fn ledger(&mut self, ledger: &Ledger, before: &Ledger) -> Result<(), TargetError> {
        if ledger == before {
            return Ok(());
        }
        let path = self.target.layout.ledger();
        let found = self.target.disk.metadata(path.on_disk())?;
        self.own_file(path, found.map(|found| Trace::of(&found)), ledger.to_bytes()?, ledger.mode())
    }

    fn own_file(
        &mut self,
        path: TargetPath,
        before: Option<Trace>,
        bytes: Vec<u8>,
        mode: u32,
    ) -> Result<(), TargetError> {
        let wanted = Wanted { mark: Mark::Sha256(Digest::of(&bytes)), mode, owner: None, group: None };
        self.add(path.clone(), path, before, Some(wanted), Some(Bytes::Brought(bytes.into())), None)
    }

    fn add(
        &mut self,
        path: TargetPath,
        shown: TargetPath,
        before: Option<Trace>,
        after: Option<Wanted>,
        bytes: Option<Bytes>,
        held: Option<Digest>,
    ) -> Result<(), TargetError> {
        let staged = match &after {
            Some(_) => Some(self.temporary(&path)?),
            None => None,
        };
        let displaced = match &before {
            Some(_) => Some(self.temporary(&path)?),
            None => None,
        };
        self.items.push(Item { path, before, staged, displaced, after });
        self.pieces.push(Piece { bytes, held, path: shown });
        Ok(())
    }

    /// Returns a temporary name beside a path.
    fn temporary(&mut self, path: &TargetPath) -> Result<TargetPath, TargetError> {
        let name = Intent::temporary(&self.id, self.temporaries);
        self.temporaries += 1;
        let beside = match path.parent() {
            Some(parent) => parent.join(&name),
            None => TargetPath::parse(&format!("/{name}")),
        };
        beside.map_err(|issue| TargetError::Occupied { path: path.clone(), found: issue.to_string() })
    }

    fn finish(
        mut self,
        to: Option<u32>,
        directories: Vec<TargetPath>,
        emptied: Vec<TargetPath>,
        trimmed: Vec<u32>,
    ) -> Result<Work, TargetError> {
        let flip = self.temporary(&self.target.layout.current(&self.plan.stack)?)?;
        let mut intent = Intent {
            schema: Intent::SCHEMA,
            id: self.id,
            stack: self.plan.stack.clone(),
            from: self.plan.parent,
            to,
            items: self.items,
            directories,
            blobs: Vec::new(),
            flip,
            emptied,
            trimmed,
            origin: None,
        };
        let mut blobs = Vec::new();
        for (digest, bytes) in self.blobs {
            let path = self.target.layout.blob(&digest);
            let there = self.target.disk.metadata(path.on_disk())?;
            // One that is as long is the same; `verify` reads them all.
            if there.is_none_or(|found| found.size != bytes.size()) {
                intent.blobs.push(path);
                blobs.push(bytes);
            }
        }
        let link = to.map(link_text);
        Ok(Work { intent, pieces: self.pieces, blobs, link, notes: self.notes })
    }
}
