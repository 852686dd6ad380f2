//! Writing an entry that exists elsewhere: the list of what is in it is known first, and then come the bytes of all its
//! files, one behind the other in the order of the list. Each file is compared with its digest when its last byte came, so
//! that nothing has to be read again; modes and times are right from the beginning.
//!
//! The list is not believed: it can name nothing outside of the entry, and nothing that is the store's own.

use crate::derivation::Derivation;
use crate::digest::Hasher;
use crate::limits::{PATH_BYTES_MAX, TREE_DEPTH_MAX};
use crate::manifest::{Manifest, Node, bytes};
use crate::name::{StoreName, TemporaryName};
use crate::object::{AddError, DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE, MODIFIED, OWN, place, seal};
use crate::remove::remove_tree;
use punix_disk::{Disk, NewFile};
use std::collections::HashSet;
use std::io;
use std::marker::PhantomData;
use std::path::Path;

/// Why an entry cannot be written. Its tree is gone again.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    #[error("the lock is for `{locked}`, not for `{name}`")]
    OtherLock { name: StoreName, locked: StoreName },
    #[error("nothing is listed")]
    Empty,
    /// What is listed at this place cannot be in an entry.
    #[error("line {number} of its list cannot be in an entry")]
    Unfit { number: usize },
    /// What came for the file that is listed at this place is something else.
    #[error("the file in line {number} of its list comes with another content")]
    Content { number: usize },
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// An entry that is being written, under the lock of its path. Dropped before its end, it goes.
pub struct Filling<'s> {
    file: Option<Open<'s>>,
    /// What is listed here is written next, or now.
    at: usize,
    tree: Tree<'s>,
}

/// A tree that is as it is listed, and not an entry yet.
pub struct Filled<'s> {
    tree: Tree<'s>,
    /// Its lock is held.
    _lock: PhantomData<&'s ()>,
}

struct Tree<'s> {
    disk: &'s dyn Disk,
    staged: TemporaryName,
    derivation: Derivation,
    manifest: Manifest,
    is_entry: bool,
}

impl Drop for Tree<'_> {
    fn drop(&mut self) {
        if !self.is_entry {
            // What cannot be removed now is swept later.
            let _ = remove_tree(self.disk, &self.staged);
        }
    }
}

struct Open<'s> {
    writing: Box<dyn NewFile + 's>,
    hasher: Hasher,
    left: u64,
}

impl<'s> Filling<'s> {
    /// The staged directory is there, and empty.
    pub(crate) fn new(
        disk: &'s dyn Disk,
        staged: TemporaryName,
        derivation: Derivation,
        manifest: Manifest,
    ) -> Result<Filling<'s>, FillError> {
        let tree = Tree { disk, staged, derivation, manifest, is_entry: false };
        fit(&tree.manifest)?;
        let mut filling = Filling { file: None, at: 0, tree };
        filling.advance()?;
        Ok(filling)
    }

    /// Writes bytes, as many as the entry still takes. Returns the others.
    pub fn take<'b>(&mut self, mut bytes: &'b [u8]) -> Result<&'b [u8], FillError> {
        while let Some(open) = &mut self.file
            && !bytes.is_empty()
        {
            let count = usize::try_from(open.left).unwrap_or(usize::MAX).min(bytes.len());
            let (now, rest) = bytes.split_at(count);
            open.hasher.add(now);
            open.writing.write_all(now)?;
            open.left -= count as u64;
            bytes = rest;
            if open.left == 0 {
                self.close()?;
                self.advance()?;
            }
        }
        Ok(bytes)
    }

    /// Tells whether everything came.
    pub fn is_whole(&self) -> bool {
        self.file.is_none()
    }

    /// Returns the tree, if everything came.
    pub fn end(self) -> Option<Filled<'s>> {
        self.is_whole().then_some(Filled { tree: self.tree, _lock: PhantomData })
    }

    /// Makes everything up to the next file that has bytes.
    fn advance(&mut self) -> Result<(), FillError> {
        let disk = self.tree.disk;
        while self.file.is_none()
            && let Some(entry) = self.tree.manifest.entries().get(self.at)
        {
            let path = Path::new(self.tree.staged.as_str()).join(&entry.path);
            match &entry.node {
                // Its mode and time come when nothing is made in it any more.
                Node::Directory => disk.create_directory(&path, 0o700)?,
                Node::Link { target } => {
                    disk.create_link(&path, target)?;
                    disk.set_modified(&path, MODIFIED)?;
                }
                Node::File { executable, size, .. } => {
                    let mode = if *executable { EXECUTABLE_MODE } else { FILE_MODE };
                    let writing = disk.create(&path, mode)?;
                    self.file = Some(Open { writing, hasher: Hasher::new(), left: *size });
                    if *size > 0 {
                        return Ok(());
                    }
                    self.close()?;
                    continue;
                }
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Ends the file that is open, and goes behind it.
    fn close(&mut self) -> Result<(), FillError> {
        let (Some(mut open), Some(entry)) = (self.file.take(), self.tree.manifest.entries().get(self.at)) else {
            return Ok(());
        };
        let found = open.hasher.finish();
        if !matches!(&entry.node, Node::File { sha256, .. } if *sha256 == found) {
            return Err(FillError::Content { number: self.at });
        }
        // Only now is it known whether all of it could be written.
        open.writing.flush()?;
        drop(open.writing);
        self.tree.disk.set_modified(&Path::new(self.tree.staged.as_str()).join(&entry.path), MODIFIED)?;
        self.at += 1;
        Ok(())
    }
}

impl Tree<'_> {
    /// Does everything but make it durable and give it its name.
    fn finish(&self) -> Result<(), AddError> {
        let top = Path::new(self.staged.as_str());
        for entry in self.manifest.entries().iter().rev() {
            if entry.node == Node::Directory {
                let path = top.join(&entry.path);
                self.disk.set_mode(&path, DIRECTORY_MODE)?;
                self.disk.set_modified(&path, MODIFIED)?;
            }
        }
        seal(self.disk, top, &self.derivation, &self.manifest).map(drop)
    }
}

/// Makes entries of trees. Until then none of them has its name; so the order within them does not matter, and all are made
/// durable at once.
pub(crate) fn add(disk: &dyn Disk, mut filled: Vec<Filled<'_>>) -> Result<(), AddError> {
    if filled.is_empty() {
        return Ok(());
    }
    filled.iter().try_for_each(|filled| filled.tree.finish())?;
    disk.sync_all()?;
    let mut replaced = Vec::new();
    let mut name = || -> Result<(), AddError> {
        for Filled { tree, .. } in &mut filled {
            replaced.extend(place(disk, &tree.staged, tree.derivation.name())?);
            tree.is_entry = true;
        }
        Ok(())
    };
    let named = name();
    // Those that have their names keep them, whatever became of the others.
    disk.sync_directory(Path::new(""))?;
    for old in replaced {
        let _ = remove_tree(disk, &old);
    }
    named
}

/// Refuses a list that could lead out of the entry, or to what is ours in it. That each path is one of plain names, and is
/// there once, is so for every list.
fn fit(manifest: &Manifest) -> Result<(), FillError> {
    let mut directories: HashSet<&Path> = HashSet::new();
    if manifest.entries().is_empty() {
        return Err(FillError::Empty);
    }
    for (number, entry) in manifest.entries().iter().enumerate() {
        let path = entry.path.as_path();
        let is_deep = path.components().count() > TREE_DEPTH_MAX + 1 || bytes(path).len() > PATH_BYTES_MAX;
        // A directory stands before what is in it.
        let is_in_none = path.parent().is_none_or(|parent| parent != Path::new("") && !directories.contains(parent));
        let is_ours = OWN.iter().any(|own| path == Path::new(own));
        let is_no_link = matches!(&entry.node, Node::Link { target } if bytes(target).is_empty());
        if is_deep || is_in_none || is_ours || is_no_link {
            return Err(FillError::Unfit { number });
        }
        if entry.node == Node::Directory {
            directories.insert(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
