//! Collection: what nobody needs any more goes.
//!
//! [`plan`] decides and is pure; [`collect`] does. Entries go one after the other, dependents before what they depend
//! on; each disappears by one rename, so a collection that is stopped anywhere leaves whole entries, none of which
//! misses an input.

use crate::name::{Purpose, StoreName, TemporaryName};
use crate::parallel;
use crate::remove::{remove_tree, set_aside};
use punix_disk::Disk;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::io;
use std::path::Path;

/// Something that keeps an entry, and all that it depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    pub name: StoreName,
    /// Who needs it, in words: `gen-003 of Web`.
    pub reason: String,
}

/// Why an entry is kept, or should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    Root { reason: String },
    InputOf(StoreName),
}

/// Something that is needed, but is not in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub name: StoreName,
    pub why: Why,
}

/// Something that nobody needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    pub name: StoreName,
    /// The dead entries that it depends on; none if that could not be read.
    pub inputs: Vec<StoreName>,
}

/// What is kept and what goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    kept: BTreeMap<StoreName, Why>,
    missing: Vec<Missing>,
    dead: Vec<Dead>,
}

/// The references of a kept entry could not be read, so what it needs is not known.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable<E> {
    pub name: StoreName,
    pub why: E,
}

/// Decides what is kept: the roots and all that they refer to. Everything else goes.
pub fn plan<E>(
    entries: &[StoreName],
    roots: &[Root],
    mut references: impl FnMut(&StoreName) -> Result<Vec<StoreName>, E>,
) -> Result<Collection, Unreadable<E>> {
    let entries: BTreeSet<&StoreName> = entries.iter().collect();
    let mut kept: BTreeMap<StoreName, Why> = BTreeMap::new();
    let mut missing: BTreeMap<StoreName, Why> = BTreeMap::new();
    let mut roots: Vec<&Root> = roots.iter().collect();
    roots.sort_unstable();
    let mut todo: VecDeque<(StoreName, Why)> =
        roots.into_iter().map(|root| (root.name.clone(), Why::Root { reason: root.reason.clone() })).collect();
    while let Some((name, why)) = todo.pop_front() {
        if kept.contains_key(&name) {
            continue;
        }
        if !entries.contains(&name) {
            missing.entry(name).or_insert(why);
            continue;
        }
        let inputs = references(&name).map_err(|why| Unreadable { name: name.clone(), why })?;
        todo.extend(inputs.into_iter().map(|input| (input, Why::InputOf(name.clone()))));
        kept.insert(name, why);
    }
    let dead: BTreeSet<&StoreName> = entries.into_iter().filter(|name| !kept.contains_key(*name)).collect();
    let dead = in_order(&dead, |name| references(name).unwrap_or_default());
    let missing = missing.into_iter().map(|(name, why)| Missing { name, why }).collect();
    Ok(Collection { kept, missing, dead })
}

impl Collection {
    /// Returns what goes, in the order in which it does.
    pub fn dead(&self) -> &[Dead] {
        &self.dead
    }

    /// Returns what is kept.
    pub fn kept(&self) -> impl ExactSizeIterator<Item = &StoreName> {
        self.kept.keys()
    }

    /// Returns what is needed, but not there.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Returns the way from a root to an entry, as short as any: who needs the first, and the entries from there to
    /// this one. `None` if the entry is not kept.
    pub fn why_alive<'c>(&'c self, name: &'c StoreName) -> Option<(&'c str, Vec<&'c StoreName>)> {
        let mut chain = vec![name];
        let mut at = name;
        loop {
            match self.kept.get(at)? {
                Why::InputOf(dependent) => {
                    chain.push(dependent);
                    at = dependent;
                }
                Why::Root { reason } => {
                    chain.reverse();
                    return Some((reason, chain));
                }
            }
        }
    }
}

/// What a collection did.
#[derive(Debug, Default)]
pub struct Collected {
    pub removed: Vec<StoreName>,
    /// Bytes of storage that were freed.
    pub freed: u64,
    /// What could not be removed. An entry that stays whole for this reason keeps its inputs.
    pub failed: Vec<Failed>,
}

/// An entry that should have gone.
#[derive(Debug)]
pub struct Failed {
    pub name: StoreName,
    pub why: NotRemoved,
}

/// Why an entry did not go.
#[derive(Debug, thiserror::Error)]
pub enum NotRemoved {
    #[error(transparent)]
    Disk(io::Error),
    #[error("`{0}`, which could not be removed, depends on it")]
    NeededBy(StoreName),
    #[error("it is no entry any more, but parts of it are still at `{at}`: {error}")]
    Partly { at: TemporaryName, error: io::Error },
}

/// Removes what a plan says. The caller holds the store's lock alone, and has held it since before the roots were read.
pub(crate) fn collect(disk: &dyn Disk, collection: &Collection, threads: usize) -> io::Result<Collected> {
    let mut collected = Collected::default();
    let mut spared: BTreeMap<&StoreName, &StoreName> = BTreeMap::new();
    let mut aside: Vec<(&StoreName, TemporaryName)> = Vec::new();
    for Dead { name, inputs } in &collection.dead {
        let why = match spared.get(name) {
            Some(dependent) => NotRemoved::NeededBy((*dependent).clone()),
            None => match set_aside(disk, name.as_ref(), Purpose::Removal, name) {
                Ok(moved) => {
                    aside.extend(moved.map(|moved| (name, moved)));
                    continue;
                }
                Err(error) => NotRemoved::Disk(error),
            },
        };
        spared.extend(inputs.iter().map(|input| (input, name)));
        collected.failed.push(Failed { name: name.clone(), why });
    }
    disk.sync_directory(Path::new(""))?;
    let remove = |_: &mut (), (_, at): &(_, TemporaryName)| Ok::<_, Infallible>(remove_tree(disk, at));
    let freed = parallel::map(&aside, threads, || (), remove).unwrap_or_else(|never| match never {});
    for ((name, at), freed) in aside.into_iter().zip(freed) {
        match freed {
            Ok(freed) => {
                collected.freed += freed;
                collected.removed.push(name.clone());
            }
            Err(error) => {
                let why = NotRemoved::Partly { at, error };
                collected.failed.push(Failed { name: name.clone(), why });
            }
        }
    }
    collected.removed.sort_unstable();
    Ok(collected)
}

/// Returns dead entries so that each comes before those that it depends on.
fn in_order(dead: &BTreeSet<&StoreName>, mut references: impl FnMut(&StoreName) -> Vec<StoreName>) -> Vec<Dead> {
    let mut inputs: BTreeMap<&StoreName, Vec<StoreName>> = BTreeMap::new();
    let mut dependents: BTreeMap<StoreName, usize> = BTreeMap::new();
    for name in dead {
        let of_dead: Vec<StoreName> = references(name).into_iter().filter(|input| dead.contains(input)).collect();
        for input in &of_dead {
            *dependents.entry(input.clone()).or_default() += 1;
        }
        inputs.insert(name, of_dead);
    }
    let is_free = |dependents: &BTreeMap<StoreName, usize>, name: &StoreName| {
        dependents.get(name).is_none_or(|count| *count == 0)
    };
    let mut free: BTreeSet<StoreName> =
        dead.iter().filter(|name| is_free(&dependents, name)).map(|name| (*name).clone()).collect();
    let mut order = Vec::new();
    while let Some(name) = free.pop_first() {
        let inputs = inputs.remove(&name).unwrap_or_default();
        for input in &inputs {
            if let Some(count) = dependents.get_mut(input) {
                *count -= 1;
            }
            if is_free(&dependents, input) {
                free.insert(input.clone());
            }
        }
        order.push(Dead { name, inputs });
    }
    // Digests allow no cycle; records that were forged may have one.
    let rest = inputs.into_iter().map(|(name, inputs)| Dead { name: name.clone(), inputs });
    order.extend(rest);
    order
}

#[cfg(test)]
mod tests;
