//! What is left after a crash.

use super::journal::Change;
use super::random::Random;
use super::state::{Body, Inode, Node, State};
use std::collections::BTreeSet;

/// What a rebooted machine finds of what was not synced. What was synced is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// Nothing of it.
    Nothing,
    /// All of it.
    Everything,
    /// The first so many changes of names, modes and times, as from a journal in order; no content.
    Prefix(usize),
    /// Any of these changes, and content that is old, cut off, full of zeros or whole. Equal seeds give equal disks.
    Torn { seed: u64 },
}

impl State {
    pub(super) fn after_crash(&self, choice: Survival) -> State {
        let mut found = match choice {
            Survival::Everything => State::with(self.nodes.clone(), self.clock),
            Survival::Nothing | Survival::Prefix(_) | Survival::Torn { .. } => self.durable(),
        };
        match choice {
            Survival::Nothing | Survival::Everything => {}
            Survival::Prefix(count) => {
                for change in self.journal.iter().take(count) {
                    change.apply(&mut found);
                }
            }
            Survival::Torn { seed } => {
                let mut random = Random(seed);
                self.tear_contents(&mut found, &mut random);
                self.tear_journal(&mut found, &mut random);
            }
        }
        found.restart();
        found
    }

    /// Returns a disk with what was synced. What has no name any more is still on it.
    fn durable(&self) -> State {
        let durable = |node: &Node| {
            let body = match &node.body {
                Body::File { content, synced } => Body::File { content: content[..*synced].to_vec(), synced: *synced },
                Body::Directory { synced, .. } => Body::Directory { entries: synced.clone(), synced: synced.clone() },
                Body::Link(target) => Body::Link(target.clone()),
            };
            Node { now: node.synced, synced: node.synced, links: node.links, body }
        };
        let nodes = self.nodes.iter().map(|(&inode, node)| (inode, durable(node))).collect();
        State::with(nodes, self.clock)
    }

    /// Keeps some changes, but none whose ground is gone.
    fn tear_journal(&self, found: &mut State, random: &mut Random) {
        let kept_of_eight = 1 + random.below(7);
        let mut lost: Vec<&Change> = Vec::new();
        for change in &self.journal {
            let groundless = lost.iter().any(|earlier| change.waits_for(earlier));
            if groundless || random.below(8) >= kept_of_eight {
                lost.push(change);
            } else {
                change.apply(found);
            }
        }
    }

    fn tear_contents(&self, found: &mut State, random: &mut Random) {
        for (&inode, node) in &self.nodes {
            let Body::File { content, synced } = &node.body else { continue };
            if content.len() == *synced {
                continue;
            }
            let torn = tear(content, *synced, random);
            let file = found.node_mut(inode);
            if torn.len() > *synced {
                file.now.modified = node.now.modified;
            }
            file.body = Body::File { content: torn, synced: 0 };
        }
    }

    /// Drops what has no name, counts names anew, and takes everything for durable.
    fn restart(&mut self) {
        let mut reached = BTreeSet::from([State::root()]);
        let mut names: Vec<Inode> = Vec::new();
        let mut open = vec![State::root()];
        while let Some(inode) = open.pop() {
            if let Body::Directory { entries, .. } = &self.node(inode).body {
                names.extend(entries.values());
                open.extend(entries.values().filter(|&&inode| reached.insert(inode)));
            }
        }
        self.nodes.retain(|inode, _| reached.contains(inode));
        for node in self.nodes.values_mut() {
            node.links = 0;
            node.settle();
        }
        for inode in names {
            self.node_mut(inode).links += 1;
        }
    }
}

impl Node {
    /// Makes all that is known of this inode durable.
    pub(super) fn settle(&mut self) {
        self.synced = self.now;
        match &mut self.body {
            Body::File { content, synced } => *synced = content.len(),
            Body::Directory { entries, synced } => synced.clone_from(entries),
            Body::Link(_) => {}
        }
    }
}

/// Returns content of which only the beginning is certain.
fn tear(content: &[u8], synced: usize, random: &mut Random) -> Vec<u8> {
    let unsure = content.len() - synced;
    let from = synced + random.at_most(unsure);
    let mut torn = content.to_vec();
    match random.below(5) {
        0 => torn.truncate(synced),
        1 => {}
        2 => torn.truncate(from),
        3 => torn[from..].fill(0),
        _ => {
            let to = from + random.at_most(content.len() - from);
            torn[from..to].fill(0);
        }
    }
    torn
}
