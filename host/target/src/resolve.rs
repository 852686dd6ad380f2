//! Where a path on a target really is: links in the directories above it are followed, as the target itself would follow
//! them, beneath the disk's root and never out of it. The name at the end is not followed: what stands there is replaced.
//!
//! This looks, and somebody else writes later. What is written goes through a [`Disk`], which follows no link at all, so
//! whoever changes a directory in between only makes the write fail.

use crate::path::{PathIssue, TargetPath};
use punix_disk::{Disk, Kind};
use std::collections::{BTreeMap, VecDeque};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// As many links as the kernel follows.
const LINKS_MAX: usize = 40;

/// Why it is not known where a path really is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveIssue {
    #[error("`{at}` is not a directory")]
    NotADirectory { at: TargetPath },
    #[error("more than {LINKS_MAX} links lead to it, perhaps in a circle")]
    Links,
    #[error("the link `{at}` leads up from a directory that is not there")]
    Nowhere { at: TargetPath },
    #[error("the link `{at}` is not UTF-8")]
    NotText { at: TargetPath },
    #[error("where links lead is no path here: {0}")]
    Path(#[from] PathIssue),
    #[error("{why}")]
    Disk { why: String },
}

/// Finds out where paths really are. What it finds of directories it keeps, so it is for one look at a time.
pub(crate) struct Resolver<'d> {
    disk: &'d dyn Disk,
    /// What is known of directories, by how they are written.
    known: BTreeMap<TargetPath, Result<Directory, ResolveIssue>>,
}

/// A directory without links above it, or where one would be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Directory {
    /// `None` is the root.
    real: Option<TargetPath>,
    is_there: bool,
}

impl<'d> Resolver<'d> {
    pub(crate) fn new(disk: &'d dyn Disk) -> Resolver<'d> {
        Resolver { disk, known: BTreeMap::new() }
    }

    /// Returns where a path really is, whether or not something is there.
    pub(crate) fn real(&mut self, path: &TargetPath) -> Result<TargetPath, ResolveIssue> {
        let directory = match path.parent() {
            None => Directory { real: None, is_there: true },
            Some(parent) => self.directory(&parent)?,
        };
        Ok(below(directory.real.as_ref(), path.name())?)
    }

    /// Returns where a directory really is, its own name followed too; what is not there yet stays as it is written.
    pub(crate) fn followed(&mut self, path: &TargetPath) -> Result<TargetPath, ResolveIssue> {
        self.directory(path)?.real.ok_or(ResolveIssue::Path(PathIssue::Root))
    }

    /// Follows a path to the directory that it leads to, part by part.
    fn directory(&mut self, path: &TargetPath) -> Result<Directory, ResolveIssue> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let mut at = Directory { real: None, is_there: true };
        let ends = path.as_str().match_indices('/').map(|(at, _)| at).skip(1).chain([path.as_str().len()]);
        for end in ends {
            let written = TargetPath::parse(path.as_str().get(..end).unwrap_or_default())?;
            at = match self.known.get(&written) {
                Some(known) => known.clone()?,
                None => {
                    let found = follow(self.disk, at, written.name());
                    self.known.insert(written, found.clone());
                    found?
                }
            };
        }
        Ok(at)
    }
}

/// Goes from a directory to a name in it, and on wherever links lead.
fn follow(disk: &dyn Disk, from: Directory, name: &str) -> Result<Directory, ResolveIssue> {
    let failed = |error: std::io::Error| ResolveIssue::Disk { why: error.to_string() };
    let (mut at, mut links) = (from, 0);
    // Each with the link that it comes from.
    let mut parts = VecDeque::from([(name.to_owned(), None::<TargetPath>)]);
    while let Some((part, link)) = parts.pop_front() {
        match part.as_str() {
            "" | "." => continue,
            ".." if at.is_there => {
                at.real = at.real.and_then(|real| real.parent());
                continue;
            }
            _ => {}
        }
        if let ("..", Some(link)) = (part.as_str(), link) {
            return Err(ResolveIssue::Nowhere { at: link });
        }
        let here = below(at.real.as_ref(), &part)?;
        let found = match at.is_there {
            true => disk.metadata(here.on_disk()).map_err(failed)?.map(|found| found.kind),
            false => None,
        };
        match found {
            None => at = Directory { real: Some(here), is_there: false },
            Some(Kind::Directory) => at = Directory { real: Some(here), is_there: true },
            Some(Kind::File | Kind::Other) => return Err(ResolveIssue::NotADirectory { at: here }),
            Some(Kind::Link) => {
                links += 1;
                if links > LINKS_MAX {
                    return Err(ResolveIssue::Links);
                }
                let to = disk.read_link(here.on_disk()).map_err(failed)?;
                if to.is_absolute() {
                    at = Directory { real: None, is_there: true };
                }
                for part in split(&to, &here)?.into_iter().rev() {
                    parts.push_front((part, Some(here.clone())));
                }
            }
        }
    }
    Ok(at)
}

fn split(to: &Path, link: &TargetPath) -> Result<Vec<String>, ResolveIssue> {
    let text = str::from_utf8(to.as_os_str().as_bytes()).map_err(|_| ResolveIssue::NotText { at: link.clone() })?;
    Ok(text.split('/').map(str::to_owned).collect())
}

fn below(directory: Option<&TargetPath>, name: &str) -> Result<TargetPath, PathIssue> {
    match directory {
        None => TargetPath::parse(&format!("/{name}")),
        Some(directory) => directory.join(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_disk::SimulatedDisk;

    fn disk(directories: &[&str], links: &[(&str, &str)]) -> SimulatedDisk {
        let disk = SimulatedDisk::new();
        for directory in directories {
            disk.create_directory(Path::new(directory), 0o755).unwrap();
        }
        for (at, to) in links {
            disk.create_link(Path::new(at), Path::new(to)).unwrap();
        }
        disk
    }

    #[track_caller]
    fn real(disk: &SimulatedDisk, path: &str) -> String {
        match Resolver::new(disk).real(&TargetPath::parse(path).unwrap()) {
            Ok(real) => real.to_string(),
            Err(issue) => issue.to_string(),
        }
    }

    #[test]
    fn links_above_are_followed_and_the_last_name_is_not() {
        let links = [("etc/app", "real"), ("etc/abs", "/srv/x"), ("etc/two", "app/sub"), ("etc/real/sub/file", "gone")];
        let disk = disk(&["etc", "etc/real", "etc/real/sub", "srv", "srv/x"], &links);
        assert_eq!(real(&disk, "/etc/plain/x"), "/etc/plain/x");
        assert_eq!(real(&disk, "/etc/app/x"), "/etc/real/x");
        assert_eq!(real(&disk, "/etc/app/new/deeper/x"), "/etc/real/new/deeper/x");
        assert_eq!(real(&disk, "/etc/abs/x"), "/srv/x/x");
        assert_eq!(real(&disk, "/etc/two/file"), "/etc/real/sub/file");
        assert_eq!(real(&disk, "/etc/app"), "/etc/app");
        let followed =
            |path: &str| Resolver::new(&disk).followed(&TargetPath::parse(path).unwrap()).unwrap().to_string();
        assert_eq!((followed("/etc/two"), followed("/etc/abs/new")), ("/etc/real/sub".into(), "/srv/x/new".into()));
    }

    /// `..` leads up from where a link has led, and stops at the root.
    #[test]
    fn no_link_leads_out_of_the_root() {
        let links = [("etc/up", "../../../out"), ("etc/x", "deep/../y"), ("etc/deep", "/srv/a/b"), ("etc/root", "/")];
        let disk = disk(&["etc", "srv", "srv/a", "srv/a/b", "out"], &links);
        assert_eq!(real(&disk, "/etc/up/x"), "/out/x");
        assert_eq!(real(&disk, "/etc/x/z"), "/srv/a/y/z");
        assert_eq!(real(&disk, "/etc/root/z"), "/z");
    }

    #[test]
    fn what_leads_nowhere_is_said() {
        let links = [("a", "b"), ("b", "a"), ("c", "gone/../etc"), ("d", "etc/file")];
        let disk = disk(&["etc"], &links);
        drop(disk.create(Path::new("etc/file"), 0o644).unwrap());
        assert_eq!(real(&disk, "/a/x"), "more than 40 links lead to it, perhaps in a circle");
        assert_eq!(real(&disk, "/c/x"), "the link `/c` leads up from a directory that is not there");
        assert_eq!(real(&disk, "/d/x"), "`/etc/file` is not a directory");
        assert_eq!(real(&disk, "/etc/file/x/y"), "`/etc/file` is not a directory");
    }

    #[test]
    fn what_is_known_is_not_looked_at_again() {
        let disk = disk(&["etc", "etc/real"], &[("etc/app", "real")]);
        let mut resolver = Resolver::new(&disk);
        for name in ["a", "b"] {
            let path = TargetPath::parse(&format!("/etc/app/{name}")).unwrap();
            assert_eq!(resolver.real(&path).unwrap().to_string(), format!("/etc/real/{name}"));
        }
        assert_eq!(resolver.known.len(), 2);
    }
}
