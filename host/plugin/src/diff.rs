//! What an update changes: what a new version asks for that the old one did not stands apart from everything else, since
//! that is what somebody has to decide about.

use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::pattern::PathPattern;
use crate::request::{EnvRequest, FilesRequest, HttpRequest, Key, ProgramRequest, Requests};
use crate::word::{Handle, Id, Version, Why};
use crate::world::{Kind, World};

/// What is different between two versions of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Another plugin altogether.
    pub id: Option<(Id, Id)>,
    pub version: Option<(Version, Version)>,
    pub world: Option<(World, World)>,
    /// What it newly handles, and no longer.
    pub handles_added: Vec<Handle>,
    pub handles_removed: Vec<Handle>,
    /// Requests in the order of the new version, then those that are gone.
    pub requests: Vec<RequestChange>,
    /// Wishes that are other ones: before and after; without one it takes what it gets.
    pub wishes: Vec<(&'static str, Option<u32>, Option<u32>)>,
    /// One of the wishes is for more than before, or than the default was.
    pub wants_more: bool,
    /// It no longer promises to answer the same to the same.
    pub no_longer_pure: bool,
}

/// How one request changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestChange {
    pub key: Key,
    pub change: Change,
    pub why: Why,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    /// It asks for something that it did not ask for before; for less besides, perhaps.
    Widened,
    Narrowed,
    /// It asks for the same with other words.
    Reworded,
    Removed,
}

/// Compares an old and a new version.
pub fn diff(old: &Manifest, new: &Manifest) -> Changes {
    let wishes = old.limits.each().into_iter().zip(new.limits.each());
    let wanted = |of: &Manifest| Limits::of(of.world).granted(&of.limits).each();
    Changes {
        wants_more: wanted(old).into_iter().zip(wanted(new)).any(|((_, old), (_, new))| new > old),
        id: changed(&old.id, &new.id),
        version: changed(&old.version, &new.version),
        world: changed(&old.world, &new.world),
        handles_added: new.handles.difference(&old.handles).cloned().collect(),
        handles_removed: old.handles.difference(&new.handles).cloned().collect(),
        requests: requests(&old.requests, &new.requests),
        wishes: wishes.filter(|(old, new)| old != new).map(|((name, old), (_, new))| (name, old, new)).collect(),
        no_longer_pure: old.determinism.pure && !new.determinism.pure,
    }
}

impl Changes {
    /// Tells whether the new version wants anything that the old one did not: then somebody has to decide.
    pub fn widens(&self) -> bool {
        let wider = |change: &RequestChange| matches!(change.change, Change::Added | Change::Widened);
        self.id.is_some()
            || self.world.is_some()
            || !self.handles_added.is_empty()
            || self.requests.iter().any(wider)
            || self.wants_more
            || self.no_longer_pure
    }
}

fn changed<T: Clone + PartialEq>(old: &T, new: &T) -> Option<(T, T)> {
    (old != new).then(|| (old.clone(), new.clone()))
}

fn requests(old: &Requests, new: &Requests) -> Vec<RequestChange> {
    let (before, after) = (old.each(), new.each());
    let mut found = Vec::new();
    for (key, why) in &after {
        let change = match before.iter().find(|(other, _)| other == key) {
            None => Some(Change::Added),
            Some((_, reason)) => match (covers(old, new, key), covers(new, old, key)) {
                (false, _) => Some(Change::Widened),
                (true, false) => Some(Change::Narrowed),
                (true, true) => (*reason != *why).then_some(Change::Reworded),
            },
        };
        found.extend(change.map(|change| RequestChange { key: key.clone(), change, why: (*why).clone() }));
    }
    let gone = before.into_iter().filter(|(key, _)| after.iter().all(|(other, _)| other != key));
    found.extend(gone.map(|(key, why)| RequestChange { key, change: Change::Removed, why: why.clone() }));
    found
}

/// Tells whether `wide` asks, under a key that both have, for all that `narrow` asks for.
fn covers(wide: &Requests, narrow: &Requests, key: &Key) -> bool {
    fn both<'a, T>(wide: &'a [T], narrow: &'a [T], key: impl Fn(&T) -> bool) -> Option<(&'a T, &'a T)> {
        Some((wide.iter().find(|request| key(request))?, narrow.iter().find(|request| key(request))?))
    }
    let covered = match key.kind {
        Kind::Http => both(&wide.http, &narrow.http, |request| request.key() == *key).map(http),
        Kind::Env => both(&wide.env, &narrow.env, |request| request.key() == *key).map(env),
        Kind::Files => both(&wide.files, &narrow.files, |request| request.key() == *key).map(files),
        Kind::Process => both(&wide.process, &narrow.process, |request| request.key(key.kind) == *key).map(program),
        Kind::Spawn => both(&wide.spawn, &narrow.spawn, |request| request.key(key.kind) == *key).map(program),
        Kind::Ssh | Kind::Here | Kind::Clock | Kind::Seal | Kind::Reveal => Some(true),
    };
    covered.unwrap_or(false)
}

fn http((wide, narrow): (&HttpRequest, &HttpRequest)) -> bool {
    let covered = |path: &PathPattern| wide.paths.iter().any(|wide| wide.common(path).as_ref() == Some(path));
    narrow.methods.is_subset(&wide.methods)
        && narrow.paths.iter().all(covered)
        && narrow.public.is_subset(&wide.public)
        && (wide.plain_http || !narrow.plain_http)
}

fn env((wide, narrow): (&EnvRequest, &EnvRequest)) -> bool {
    !wide.secret || narrow.secret
}

fn files((wide, narrow): (&FilesRequest, &FilesRequest)) -> bool {
    let within = match (&wide.path, &narrow.path) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => narrow.is_within(wide),
    };
    within && (wide.write || !narrow.write)
}

fn program((wide, narrow): (&ProgramRequest, &ProgramRequest)) -> bool {
    wide.args.common(&narrow.args).as_ref() == Some(&narrow.args)
}

#[cfg(test)]
mod tests;
