//! The disk as the running machine sees it: inodes, names, and what each operation does to them. Beside each inode
//! stands what of it is durable; names that are not are in the journal.

use super::Entry;
use super::journal::{Change, Moved, Names, Step};
use crate::disk::{Kind, Metadata};
use crate::error::{check_mode, check_owner, invalid, is_a_link, not_a_file};
use crate::path::{Place, names};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub(super) type Inode = u64;
pub(super) type Listing = BTreeMap<OsString, Inode>;

const ROOT: Inode = 1;
const NAME_BYTES_MAX: usize = 255;
const TARGET_BYTES_MAX: usize = 4095;
/// When a disk's clock starts.
const START: i64 = 1_000_000_000;

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) nodes: BTreeMap<Inode, Node>,
    pub(super) journal: Vec<Change>,
    pub(super) clock: i64,
    pub(super) operations: u64,
    pub(super) crash_at: Option<u64>,
    pub(super) crashed: bool,
    pub(super) fail_at: Option<(u64, io::ErrorKind)>,
    /// Whether names can be exchanged, and moved to where nothing stands, in one step.
    pub(super) rename_flags: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) now: Attributes,
    pub(super) synced: Attributes,
    /// How many names it has, for what is no directory.
    pub(super) links: u64,
    pub(super) body: Body,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes {
    pub(super) mode: u32,
    /// User and group.
    pub(super) owner: (u32, u32),
    pub(super) modified: i64,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Files only grow; of the content, the first `synced` bytes are durable.
    File {
        content: Vec<u8>,
        synced: usize,
    },
    Directory {
        entries: Listing,
        synced: Listing,
    },
    Link(PathBuf),
}

/// Says what a rename does where its goal is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occupied {
    Refuse,
    Replace,
}

/// A name in a directory, with the directories on the way to it, the root first.
struct Spot<'a> {
    above: Vec<Inode>,
    directory: Inode,
    name: &'a OsStr,
}

impl Default for State {
    fn default() -> State {
        let root = Node::new(0o755, START, Body::empty_directory());
        State::with(BTreeMap::from([(ROOT, root)]), START)
    }
}

impl Node {
    fn new(mode: u32, modified: i64, body: Body) -> Node {
        let now = Attributes { mode, owner: (0, 0), modified };
        Node { now, synced: now, links: 0, body }
    }
}

impl Body {
    fn empty_directory() -> Body {
        Body::Directory { entries: Listing::new(), synced: Listing::new() }
    }
}

impl State {
    /// Returns a disk on which all is durable and nothing was done yet.
    pub(super) fn with(nodes: BTreeMap<Inode, Node>, clock: i64) -> State {
        let journal = Vec::new();
        State {
            nodes,
            journal,
            clock,
            operations: 0,
            crash_at: None,
            crashed: false,
            fail_at: None,
            rename_flags: true,
        }
    }

    pub(super) fn root() -> Inode {
        ROOT
    }

    // Looking. An inode that a name or an open file leads to is there.

    pub(super) fn node(&self, inode: Inode) -> &Node {
        self.nodes.get(&inode).expect("a name leads to an inode")
    }

    pub(super) fn node_mut(&mut self, inode: Inode) -> &mut Node {
        self.nodes.get_mut(&inode).expect("a name leads to an inode")
    }

    fn entries(&self, inode: Inode) -> Option<&Listing> {
        match &self.node(inode).body {
            Body::Directory { entries, .. } => Some(entries),
            Body::File { .. } | Body::Link(_) => None,
        }
    }

    fn is_directory(&self, inode: Inode) -> bool {
        self.entries(inode).is_some()
    }

    fn lookup(&self, directory: Inode, name: &OsStr) -> io::Result<Option<Inode>> {
        let entries = self.entries(directory).ok_or(Errno::NOTDIR)?;
        if name.len() > NAME_BYTES_MAX {
            return Err(Errno::NAMETOOLONG.into());
        }
        Ok(entries.get(name).copied())
    }

    fn spot<'a>(&self, (parent, name): (&[u8], &'a OsStr)) -> io::Result<Spot<'a>> {
        let mut directory = ROOT;
        let mut above = vec![ROOT];
        for part in names(parent) {
            directory = self.lookup(directory, part)?.ok_or(Errno::NOENT)?;
            above.push(directory);
        }
        if !self.is_directory(directory) {
            return Err(Errno::NOTDIR.into());
        }
        Ok(Spot { above, directory, name })
    }

    fn entry<'a>(&self, path: &'a Path) -> io::Result<Spot<'a>> {
        self.spot(Place::parse_entry(path)?)
    }

    /// Returns the place of a name that is not taken.
    fn vacant<'a>(&self, path: &'a Path) -> io::Result<Spot<'a>> {
        let spot = self.entry(path)?;
        match self.lookup(spot.directory, spot.name)? {
            Some(_) => Err(Errno::EXIST.into()),
            None => Ok(spot),
        }
    }

    fn taken<'a>(&self, path: &'a Path) -> io::Result<(Spot<'a>, Inode)> {
        let spot = self.entry(path)?;
        let inode = self.lookup(spot.directory, spot.name)?.ok_or(Errno::NOENT)?;
        Ok((spot, inode))
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Inode> {
        match Place::parse(path)? {
            Place::Root => Ok(ROOT),
            Place::Entry { .. } => Ok(self.taken(path)?.1),
        }
    }

    pub(super) fn find_file(&self, path: &Path) -> io::Result<Inode> {
        let inode = self.find(path)?;
        match self.node(inode).body {
            Body::File { .. } => Ok(inode),
            Body::Directory { .. } => Err(Errno::ISDIR.into()),
            Body::Link(_) => Err(not_a_file()),
        }
    }

    pub(super) fn find_directory(&self, path: &Path) -> io::Result<Inode> {
        let inode = self.find(path)?;
        if self.is_directory(inode) { Ok(inode) } else { Err(Errno::NOTDIR.into()) }
    }

    pub(super) fn content(&self, path: &Path) -> io::Result<&[u8]> {
        match &self.node(self.find_file(path)?).body {
            Body::File { content, .. } => Ok(content),
            Body::Directory { .. } | Body::Link(_) => Err(not_a_file()),
        }
    }

    pub(super) fn target(&self, path: &Path) -> io::Result<PathBuf> {
        match &self.node(self.find(path)?).body {
            Body::Link(target) => Ok(target.clone()),
            Body::File { .. } | Body::Directory { .. } => Err(Errno::INVAL.into()),
        }
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let entries = self.entries(self.find(path)?).ok_or(Errno::NOTDIR)?;
        Ok(entries.keys().cloned().collect())
    }

    pub(super) fn list_directories(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let entries = self.entries(self.find(path)?).ok_or(Errno::NOTDIR)?;
        let below = entries.iter().filter(|(_, inode)| self.is_directory(**inode));
        Ok(below.map(|(name, _)| name.clone()).collect())
    }

    pub(super) fn metadata(&self, inode: Inode) -> Metadata {
        let node = self.node(inode);
        let (kind, size, links) = match &node.body {
            Body::File { content, .. } => (Kind::File, content.len() as u64, node.links),
            Body::Link(target) => (Kind::Link, target.as_os_str().len() as u64, node.links),
            Body::Directory { entries, .. } => {
                let below = entries.values().filter(|&&inode| self.is_directory(inode)).count();
                (Kind::Directory, entries.len() as u64, 2 + below as u64)
            }
        };
        Metadata {
            kind,
            mode: node.now.mode,
            size,
            owner: node.now.owner.0,
            group: node.now.owner.1,
            modified: node.now.modified,
            links,
            device: 1,
            inode,
            stored: size.next_multiple_of(512),
        }
    }

    pub(super) fn snapshot(&self) -> BTreeMap<PathBuf, Entry> {
        let mut found = BTreeMap::new();
        let mut open = vec![(PathBuf::new(), ROOT)];
        while let Some((path, inode)) = open.pop() {
            let node = self.node(inode);
            let Attributes { mode, owner, .. } = node.now;
            let entry = match &node.body {
                Body::File { content, .. } => Entry::File { mode, owner, content: content.clone() },
                Body::Link(target) => Entry::Link { target: target.clone() },
                Body::Directory { entries, .. } => {
                    open.extend(entries.iter().map(|(name, &inode)| (path.join(name), inode)));
                    Entry::Directory { mode, owner }
                }
            };
            if inode != ROOT {
                found.insert(path, entry);
            }
        }
        found
    }

    // Changing.

    fn add(&mut self, spot: &Spot<'_>, attributes: (u32, u32), body: Body) -> Inode {
        let (mode, synced) = attributes;
        let inode = self.nodes.last_key_value().map_or(ROOT, |(last, _)| last + 1);
        let mut node = Node::new(mode, self.clock, body);
        node.synced.mode = synced;
        self.nodes.insert(inode, node);
        self.rename_entries(Names::new(vec![spot.step(Some(inode))]));
        if mode != synced {
            self.journal.push(Change::mode(inode, mode));
        }
        inode
    }

    /// Changes names for the running machine, and notes it for the journal.
    fn rename_entries(&mut self, change: Names) {
        let clock = self.clock;
        for step in &change.steps {
            let node = self.node_mut(step.directory);
            node.now.modified = clock;
            let Body::Directory { entries, .. } = &mut node.body else { continue };
            let old = match step.inode {
                Some(inode) => entries.insert(step.name.clone(), inode),
                None => entries.remove(&step.name),
            };
            if let Some(old) = old {
                self.node_mut(old).links -= 1;
            }
            if let Some(new) = step.inode {
                self.node_mut(new).links += 1;
            }
        }
        self.journal.push(Change::names(clock, change));
    }

    /// Creates a file. Its mode is its own after a sync only: the umask of whoever creates it comes between.
    pub(super) fn create(&mut self, path: &Path, mode: u32) -> io::Result<Inode> {
        check_mode(mode)?;
        let spot = self.vacant(path)?;
        let body = Body::File { content: Vec::new(), synced: 0 };
        Ok(self.add(&spot, (mode, mode & 0o700), body))
    }

    pub(super) fn create_directory(&mut self, path: &Path, mode: u32) -> io::Result<()> {
        check_mode(mode)?;
        let spot = self.vacant(path)?;
        self.add(&spot, (mode, mode & 0o700), Body::empty_directory());
        Ok(())
    }

    pub(super) fn create_link(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        let bytes = target.as_os_str().as_bytes();
        let spot = self.entry(path)?;
        if bytes.contains(&0) {
            return Err(Errno::INVAL.into());
        }
        if bytes.is_empty() {
            return Err(Errno::NOENT.into());
        }
        if bytes.len() > TARGET_BYTES_MAX {
            return Err(Errno::NAMETOOLONG.into());
        }
        if self.lookup(spot.directory, spot.name)?.is_some() {
            return Err(Errno::EXIST.into());
        }
        self.add(&spot, (0o777, 0o777), Body::Link(target.to_owned()));
        Ok(())
    }

    pub(super) fn hard_link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (old, new) = (self.entry(from)?, self.entry(to)?);
        let inode = self.lookup(old.directory, old.name)?.ok_or(Errno::NOENT)?;
        if self.lookup(new.directory, new.name)?.is_some() {
            return Err(Errno::EXIST.into());
        }
        if self.is_directory(inode) {
            return Err(Errno::PERM.into());
        }
        self.rename_entries(Names::new(vec![new.step(Some(inode))]));
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, rule: Occupied) -> io::Result<()> {
        let (old, new) = (self.entry(from)?, self.entry(to)?);
        let moved = self.lookup(old.directory, old.name)?.ok_or(Errno::NOENT)?;
        let victim = self.lookup(new.directory, new.name)?;
        if victim.is_some() && rule == Occupied::Refuse {
            return Err(Errno::EXIST.into());
        }
        if new.above.contains(&moved) {
            return Err(Errno::INVAL.into());
        }
        if let Some(victim) = victim {
            if old.above.contains(&victim) {
                return Err(Errno::NOTEMPTY.into());
            }
            // Two names of one file: nothing happens, says POSIX.
            if victim == moved {
                return Ok(());
            }
            match (self.is_directory(moved), self.entries(victim)) {
                (true, None) => return Err(Errno::NOTDIR.into()),
                (false, Some(_)) => return Err(Errno::ISDIR.into()),
                (true, Some(entries)) if !entries.is_empty() => {
                    return Err(Errno::NOTEMPTY.into());
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
        let emptied = victim.filter(|&inode| self.is_directory(inode));
        let steps = vec![old.step(None), new.step(Some(moved))];
        self.rename_entries(Names { steps, emptied, moved: Some(Moved { below: new.above }) });
        Ok(())
    }

    pub(super) fn exchange(&mut self, one: &Path, other: &Path) -> io::Result<()> {
        let (first, second) = (self.entry(one)?, self.entry(other)?);
        let left = self.lookup(first.directory, first.name)?.ok_or(Errno::NOENT)?;
        let right = self.lookup(second.directory, second.name)?.ok_or(Errno::NOENT)?;
        if second.above.contains(&left) || first.above.contains(&right) {
            return Err(invalid("one of them is inside of the other"));
        }
        if left == right {
            return Ok(());
        }
        let steps = vec![first.step(Some(right)), second.step(Some(left))];
        let below = first.above.into_iter().chain(second.above).collect();
        self.rename_entries(Names { steps, emptied: None, moved: Some(Moved { below }) });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (spot, inode) = self.taken(path)?;
        if self.is_directory(inode) {
            return Err(Errno::ISDIR.into());
        }
        self.rename_entries(Names::new(vec![spot.step(None)]));
        Ok(())
    }

    pub(super) fn remove_directory(&mut self, path: &Path) -> io::Result<()> {
        let (spot, inode) = self.taken(path)?;
        if !self.entries(inode).ok_or(Errno::NOTDIR)?.is_empty() {
            return Err(Errno::NOTEMPTY.into());
        }
        let steps = vec![spot.step(None)];
        self.rename_entries(Names { steps, emptied: Some(inode), moved: None });
        Ok(())
    }

    pub(super) fn set_mode(&mut self, inode: Inode, mode: u32) -> io::Result<()> {
        check_mode(mode)?;
        if matches!(self.node(inode).body, Body::Link(_)) {
            return Err(is_a_link());
        }
        self.node_mut(inode).now.mode = mode;
        self.journal.push(Change::mode(inode, mode));
        Ok(())
    }

    pub(super) fn set_owner(&mut self, inode: Inode, owner: u32, group: u32) -> io::Result<()> {
        check_owner(owner, group)?;
        let node = self.node_mut(inode);
        node.now.owner = (owner, group);
        // Without the right to execute, setgid stands for something else, and stays.
        let kept = if node.now.mode & 0o010 == 0 { !0o4000 } else { !0o6000 };
        if matches!(node.body, Body::File { .. }) && node.now.mode & kept != node.now.mode {
            node.now.mode &= kept;
            let mode = node.now.mode;
            self.journal.push(Change::mode(inode, mode));
        }
        self.journal.push(Change::owner(inode, (owner, group)));
        Ok(())
    }

    pub(super) fn set_modified(&mut self, path: &Path, seconds: i64) -> io::Result<()> {
        let inode = self.find(path)?;
        self.node_mut(inode).now.modified = seconds;
        self.journal.push(Change::modified(inode, seconds));
        Ok(())
    }

    pub(super) fn append(&mut self, inode: Inode, bytes: &[u8]) {
        let clock = self.clock;
        let node = self.node_mut(inode);
        if let Body::File { content, .. } = &mut node.body {
            content.extend_from_slice(bytes);
            node.now.modified = clock;
        }
    }
}

impl Spot<'_> {
    fn step(&self, inode: Option<Inode>) -> Step {
        Step { directory: self.directory, name: self.name.to_owned(), inode, synced: false }
    }
}
