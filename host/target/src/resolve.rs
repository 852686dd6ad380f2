//! Where a path on a target really is: links in the directories above it are followed, as the target itself would follow
//! them, beneath the disk's root and never out of it. The name at the end is not followed: what stands there is replaced.
//!
//! Where a file will be written, not every link is followed: whoever owns a directory on the way could otherwise choose where
//! somebody mightier writes. Why, and which: docs/decisions/0008.
//!
//! This looks, and somebody else writes later. What is written goes through a [`Disk`], which follows no link at all, so
//! whoever changes a directory in between only makes the write fail.

use crate::look::acting;
use crate::path::{PathIssue, TargetPath};
use crate::target::Target;
use punix_disk::{Disk, Kind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// As many links as the kernel follows.
const LINKS_MAX: usize = 40;
const SUPERUSER: u32 = 0;

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
    #[error("it {0}")]
    Stranger(StrangeLink),
    #[error("{why}")]
    Disk { why: String },
}

/// A link of somebody who has no say in where it leads: he is neither root, nor whoever acts, nor has he the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrangeLink {
    pub link: TargetPath,
    pub owner: u32,
    /// Where it leads.
    pub to: String,
    /// Who has that directory, if it is there.
    pub to_owner: Option<u32>,
}

impl fmt::Display for StrangeLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StrangeLink { link, owner, to, to_owner } = self;
        write!(f, "is behind the link `{link}` of user {owner}, which leads to `{to}`")?;
        match to_owner {
            Some(to_owner) => write!(f, " of user {to_owner}"),
            None => f.write_str(", where nothing is yet"),
        }
    }
}

impl StrangeLink {
    /// Says what to do about it.
    pub fn help(&self) -> String {
        let link = &self.link;
        format!(
            "replace `{link}` by a directory, or let root own it if it leads where it should: `chown -h root {link}`"
        )
    }
}

/// Finds out where paths really are. What it finds of directories it keeps, so it is for one look at a time.
pub(crate) struct Resolver<'d> {
    disk: &'d dyn Disk,
    /// Whose links are followed besides root's, if not everybody's are.
    acting: Option<u32>,
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
    /// Makes one that follows every link, for what is only read and for what is being mended.
    pub(crate) fn new(disk: &'d dyn Disk) -> Resolver<'d> {
        Resolver { disk, acting: None, known: BTreeMap::new() }
    }

    /// Makes one for what will be written.
    pub(crate) fn careful(target: &Target<'d>) -> Resolver<'d> {
        Resolver { acting: Some(acting(target).0), ..Resolver::new(target.disk) }
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
                    let found = self.follow(at, written.name());
                    self.known.insert(written, found.clone());
                    found?
                }
            };
        }
        Ok(at)
    }
}

/// What is left to do on the way.
enum Step {
    /// A name, with the link that it comes from.
    Name(String, Option<TargetPath>),
    /// All of a link is followed, and this is its owner.
    Followed(TargetPath, u32),
}

impl Resolver<'_> {
    /// Goes from a directory to a name in it, and on wherever links lead.
    fn follow(&self, from: Directory, name: &str) -> Result<Directory, ResolveIssue> {
        let (mut at, mut links) = (from, 0);
        let mut steps = VecDeque::from([Step::Name(name.to_owned(), None)]);
        while let Some(step) = steps.pop_front() {
            let (name, link) = match step {
                Step::Followed(link, owner) => {
                    self.may_lead(link, owner, &at)?;
                    continue;
                }
                Step::Name(name, link) => (name, link),
            };
            match name.as_str() {
                "" | "." => continue,
                ".." if at.is_there => {
                    at.real = at.real.and_then(|real| real.parent());
                    continue;
                }
                _ => {}
            }
            if let ("..", Some(link)) = (name.as_str(), link) {
                return Err(ResolveIssue::Nowhere { at: link });
            }
            let here = below(at.real.as_ref(), &name)?;
            let found = match at.is_there {
                true => self.disk.metadata(here.on_disk()).map_err(failed)?.map(|found| found.kind),
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
                    let (to, found) = self.disk.look_at_link(here.on_disk()).map_err(failed)?;
                    if to.is_absolute() {
                        at = Directory { real: None, is_there: true };
                    }
                    let names = split(&to, &here)?;
                    steps.push_front(Step::Followed(here.clone(), found.owner));
                    for name in names.into_iter().rev() {
                        steps.push_front(Step::Name(name, Some(here.clone())));
                    }
                }
            }
        }
        Ok(at)
    }

    /// Checks that whoever has a link may say that it leads there.
    fn may_lead(&self, link: TargetPath, owner: u32, to: &Directory) -> Result<(), ResolveIssue> {
        if self.acting.is_none_or(|acting| [SUPERUSER, acting].contains(&owner)) {
            return Ok(());
        }
        let place = to.real.as_ref().map_or(Path::new(""), TargetPath::on_disk);
        let found = if to.is_there { self.disk.metadata(place).map_err(failed)? } else { None };
        let to_owner = found.map(|found| found.owner);
        if to_owner == Some(owner) {
            return Ok(());
        }
        let to = to.real.as_ref().map_or_else(|| "/".to_owned(), TargetPath::to_string);
        Err(ResolveIssue::Stranger(StrangeLink { link, owner, to, to_owner }))
    }
}

fn failed(error: io::Error) -> ResolveIssue {
    ResolveIssue::Disk { why: error.to_string() }
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

    /// User 7 owns `/srv/app`, and the links in it.
    #[test]
    fn a_link_leads_only_where_its_owner_may_say_so() {
        let links = [
            ("srv/app/conf", "/etc/nginx"),
            ("srv/app/data", "mine"),
            ("srv/app/up", "mine/../../other"),
            ("srv/app/chain", "conf/deep"),
            ("srv/app/by-root", "conf/.."),
            ("srv/app/new", "mine/new"),
            ("srv/app/all", "/"),
            ("srv/way", "app/conf"),
        ];
        let disk = disk(&["etc", "etc/nginx", "etc/nginx/deep", "srv", "srv/app", "srv/app/mine", "srv/other"], &links);
        let theirs = ["app", "app/mine", "app/conf", "app/data", "app/up", "app/chain", "app/new", "app/all"];
        theirs.iter().for_each(|name| disk.set_owner(&Path::new("srv").join(name), 7, 7).unwrap());
        disk.set_owner(Path::new("etc/nginx/deep"), 7, 7).unwrap();
        let asked = |acting, path: &str| {
            let mut resolver = Resolver { acting, ..Resolver::new(&disk) };
            resolver
                .real(&TargetPath::parse(path).unwrap())
                .map_or_else(|issue| issue.to_string(), |real| real.to_string())
        };
        let nginx = "it is behind the link `/srv/app/conf` of user 7, which leads to `/etc/nginx` of user 0";
        for (path, found) in [
            ("/srv/app/conf/x", nginx),
            ("/srv/app/data/x", "/srv/app/mine/x"),
            ("/srv/app/up/x", "it is behind the link `/srv/app/up` of user 7, which leads to `/srv/other` of user 0"),
            // Each link on the way counts, also where the end is his again, or where root's link goes through his.
            ("/srv/app/chain/x", nginx),
            ("/srv/app/by-root/x", nginx),
            ("/srv/way/x", nginx),
            (
                "/srv/app/new/x",
                "it is behind the link `/srv/app/new` of user 7, which leads to `/srv/app/mine/new`, where \
                               nothing is yet",
            ),
            ("/srv/app/all/x", "it is behind the link `/srv/app/all` of user 7, which leads to `/` of user 0"),
            // The last name is not followed, so it does not matter whose it is.
            ("/srv/app/conf", "/srv/app/conf"),
        ] {
            assert_eq!(asked(Some(0), path), found);
        }
        // His own are followed for him, and for who only looks everybody's are.
        for acting in [Some(7), None] {
            assert_eq!(asked(acting, "/srv/app/conf/x"), "/etc/nginx/x");
        }
        assert_eq!(asked(Some(8), "/srv/app/conf/x"), nginx);
        // Nobody but root decides for root.
        disk.set_owner(Path::new("srv/app/conf"), 0, 0).unwrap();
        assert_eq!(asked(Some(8), "/srv/app/conf/x"), "/etc/nginx/x");
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
