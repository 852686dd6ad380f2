//! Changes of names, modes and times that are not durable, in their order, and what makes them so.

use super::state::{Body, Inode, State};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// One change that survives a crash whole or not at all.
#[derive(Debug, Clone)]
pub(super) struct Change {
    at: i64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Names(Names),
    Mode { inode: Inode, mode: u32 },
    Owner { inode: Inode, owner: (u32, u32) },
    Modified { inode: Inode, seconds: i64 },
}

/// A change of names: one for a file that comes or goes, two for a move.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) steps: Vec<Step>,
    /// The directory that goes, which had to be empty first.
    pub(super) emptied: Option<Inode>,
    pub(super) moved: Option<Moved>,
}

/// What a name says from now on.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) directory: Inode,
    pub(super) name: OsString,
    /// `None` if nothing stands there any more.
    pub(super) inode: Option<Inode>,
    /// Whether the directory was synced since.
    pub(super) synced: bool,
}

/// That something which was there before now stands elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Moved {
    /// The directories on the way to where it went. Without them it would be lost.
    pub(super) below: Vec<Inode>,
}

impl Names {
    /// Returns a change that moves nothing and for which no directory goes.
    pub(super) fn new(steps: Vec<Step>) -> Names {
        Names { steps, emptied: None, moved: None }
    }

    /// Returns whether this cannot be kept when an earlier change is lost.
    fn waits_for(&self, earlier: &Names) -> bool {
        let below = self.moved.as_ref().map_or(&[][..], |moved| &moved.below);
        earlier.steps.iter().any(|old| {
            self.steps.iter().any(|new| new.directory == old.directory && new.name == old.name)
                || self.emptied == Some(old.directory)
                || old.inode.is_some_and(|placed| below.contains(&placed))
        })
    }

    fn is_synced(&self) -> bool {
        self.steps.iter().all(|step| step.synced)
    }
}

impl Change {
    pub(super) fn names(at: i64, names: Names) -> Change {
        Change { at, what: What::Names(names) }
    }

    pub(super) fn mode(inode: Inode, mode: u32) -> Change {
        Change { at: 0, what: What::Mode { inode, mode } }
    }

    pub(super) fn owner(inode: Inode, owner: (u32, u32)) -> Change {
        Change { at: 0, what: What::Owner { inode, owner } }
    }

    pub(super) fn modified(inode: Inode, seconds: i64) -> Change {
        Change { at: 0, what: What::Modified { inode, seconds } }
    }

    /// Returns whether this cannot be kept when an earlier change is lost.
    pub(super) fn waits_for(&self, earlier: &Change) -> bool {
        match (&self.what, &earlier.what) {
            (What::Names(names), What::Names(earlier)) => names.waits_for(earlier),
            (What::Names(_) | What::Mode { .. } | What::Owner { .. } | What::Modified { .. }, _) => false,
        }
    }

    fn is_of(&self, wanted: Inode) -> bool {
        match self.what {
            What::Names(_) => false,
            What::Mode { inode, .. } | What::Owner { inode, .. } | What::Modified { inode, .. } => inode == wanted,
        }
    }

    /// Makes this change on a disk that was found after a crash.
    pub(super) fn apply(&self, found: &mut State) {
        match &self.what {
            What::Names(names) => {
                for step in &names.steps {
                    let node = found.node_mut(step.directory);
                    node.now.modified = self.at;
                    if let Body::Directory { entries, .. } = &mut node.body {
                        step.apply(entries);
                    }
                }
            }
            What::Mode { inode, mode } => found.node_mut(*inode).now.mode = *mode,
            What::Owner { inode, owner } => found.node_mut(*inode).now.owner = *owner,
            What::Modified { inode, seconds } => found.node_mut(*inode).now.modified = *seconds,
        }
    }
}

impl Step {
    fn apply(&self, entries: &mut BTreeMap<OsString, Inode>) {
        match self.inode {
            Some(inode) => entries.insert(self.name.clone(), inode),
            None => entries.remove(&self.name),
        };
    }
}

impl State {
    pub(super) fn unsynced(&self) -> usize {
        self.journal.len()
    }

    /// Makes content, mode and times durable.
    pub(super) fn sync_inode(&mut self, inode: Inode) {
        let node = self.node_mut(inode);
        node.synced = node.now;
        if let Body::File { content, synced } = &mut node.body {
            *synced = content.len();
        }
        self.journal.retain(|change| !change.is_of(inode));
    }

    /// Makes the names in a directory durable, and its own mode and times.
    pub(super) fn sync_names(&mut self, directory: Inode) {
        self.sync_inode(directory);
        self.mark_synced(directory);
        let mut kept: Vec<Change> = Vec::new();
        for change in std::mem::take(&mut self.journal) {
            match &change.what {
                What::Names(names) if names.is_synced() => {
                    if kept.iter().any(|earlier| change.waits_for(earlier)) {
                        kept.push(change);
                    } else {
                        self.keep_for_good(names);
                    }
                }
                What::Names(_) | What::Mode { .. } | What::Owner { .. } | What::Modified { .. } => kept.push(change),
            }
        }
        self.journal = kept;
    }

    /// Notes which changes the sync of a directory reached: its own, and all that was ever done in a directory whose
    /// removal is thereby synced, for that one cannot be synced any more.
    fn mark_synced(&mut self, directory: Inode) {
        let mut reached = BTreeSet::from([directory]);
        for change in self.journal.iter_mut().rev() {
            let What::Names(names) = &mut change.what else { continue };
            for step in &mut names.steps {
                step.synced |= reached.contains(&step.directory);
            }
            if names.is_synced() {
                reached.extend(names.emptied);
            }
        }
    }

    fn keep_for_good(&mut self, names: &Names) {
        for step in &names.steps {
            if let Body::Directory { synced, .. } = &mut self.node_mut(step.directory).body {
                step.apply(synced);
            }
        }
    }

    pub(super) fn sync_all(&mut self) {
        self.journal.clear();
        for node in self.nodes.values_mut() {
            node.settle();
        }
    }
}
