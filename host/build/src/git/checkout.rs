//! Fetching a commit, with its submodules, and writing what is in it.

use super::commit::Commit;
use super::error::GitError;
use super::export::{self, Budget};
use super::program::Git;
use super::repository::{Access, Repository};
use super::submodule;
use super::url::GitUrl;
use crate::fetch::Network;
use crate::limits::{GIT_ENTRIES_MAX, GIT_TREE_BYTES_MAX, SUBMODULE_DEPTH_MAX, SUBMODULES_MAX};
use crate::secret::Secret;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// A commit that is wanted.
#[derive(Debug)]
pub struct Checkout {
    pub url: GitUrl,
    pub commit: Commit,
    /// Whether the submodules are wanted too. Otherwise each is an empty directory.
    pub submodules: bool,
    /// Shown to the origin of `url` and to nobody else: as a password, or as `user:password` if it holds a colon.
    pub token: Option<Secret>,
}

/// Puts the files of a commit into an empty directory, without `.git`. Works in `scratch`, and leaves nothing there.
pub fn checkout(
    checkout: &Checkout,
    into: &Path,
    scratch: &Path,
    told: &dyn Fn(String),
    stop: &AtomicBool,
) -> Result<(), GitError> {
    checkout_over(&Network::default(), checkout, into, scratch, told, stop)
}

/// Does what [`checkout`] does, over a network with proxies or authorities of its own.
pub fn checkout_over(
    network: &Network,
    checkout: &Checkout,
    into: &Path,
    scratch: &Path,
    told: &dyn Fn(String),
    stop: &AtomicBool,
) -> Result<(), GitError> {
    let Checkout { url, commit, submodules, token } = checkout;
    if token.is_some() && !url.is_web() {
        return Err(GitError::Token { url: url.to_string() });
    }
    let disk = |error| GitError::Disk { path: into.to_owned(), error };
    if std::fs::read_dir(into).map_err(disk)?.next().is_some() {
        return Err(GitError::NotEmpty { path: into.to_owned() });
    }
    let git = Git::find(network, scratch, stop)?;
    let access = Access::new(url, token.as_ref());
    let budget = Budget { entries: GIT_ENTRIES_MAX, bytes: GIT_TREE_BYTES_MAX };
    let submodules = if *submodules { Some(SUBMODULES_MAX) } else { None };
    let mut visit = Visit { git: &git, access: &access, scratch, told, budget, submodules, repositories: 0 };
    visit.place(url, commit, into, 0)
}

/// A checkout on its way through a repository and its submodules.
struct Visit<'a> {
    git: &'a Git<'a>,
    access: &'a Access,
    scratch: &'a Path,
    told: &'a dyn Fn(String),
    budget: Budget,
    /// How many submodules may still come; `None` if they are not wanted.
    submodules: Option<usize>,
    repositories: usize,
}

impl Visit<'_> {
    fn place(&mut self, url: &GitUrl, commit: &Commit, into: &Path, depth: usize) -> Result<(), GitError> {
        if depth > SUBMODULE_DEPTH_MAX {
            return Err(GitError::TooManySubmodules);
        }
        self.repositories += 1;
        let directory = self.scratch.join(format!("repository-{}", self.repositories));
        let repository = Repository::fetch(self.git, directory, url, commit, self.access, self.told)?;
        let exported = export::export(self.git, &repository, commit, into, &mut self.budget)?;
        if self.submodules.is_none() || exported.submodules.is_empty() {
            return Ok(());
        }
        let declared = submodule::declared(self.git, &repository, commit, &exported)?;
        // What was fetched is not needed any more, and can be large.
        drop(repository);
        for (path, commit) in exported.submodules {
            let left = self.submodules.and_then(|left| left.checked_sub(1)).ok_or(GitError::TooManySubmodules)?;
            self.submodules = Some(left);
            if let Some(url) = submodule::url(url, &declared, &path)? {
                self.place(&url, &commit, &into.join(&path), depth + 1)?;
            }
        }
        Ok(())
    }
}
