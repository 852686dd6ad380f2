//! Whose a deployments root is. What lies in one is obeyed: a journal says what is moved and removed, and what waits to be
//! confirmed says what is run. So it is only used where nobody could have written that but root and whoever acts: both own
//! it, each directory on the way to it and those in it that are obeyed, and nobody else may rename what is in these.

use crate::layout::Layout;
use crate::path::TargetPath;
use punix_disk::{Disk, Metadata};
use rustix::process::geteuid;
use std::fmt;
use std::path::Path;

const ROOT: u32 = 0;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Who could have written what is obeyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// The directory by which he could.
    at: String,
    who: Who,
    /// Whether it is the deployments root, or in it.
    is_in_root: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Owner(u32),
    Anybody,
}

/// Whoever acts.
#[derive(Debug, Clone, Copy)]
struct Acting {
    user: u32,
    /// As whom users are seen that are unknown in this namespace, if that may be root of the machine.
    unmapped: Option<u32>,
}

/// Finds a stranger at a deployments root, on the way to it or at what is obeyed in it. No link is on this way.
pub(crate) fn stranger(disk: &dyn Disk, layout: &Layout) -> Option<Stranger> {
    let root = layout.root();
    let acting = Acting { user: geteuid().as_raw(), unmapped: unmapped() };
    // What is ours was made by somebody who is known here.
    let known = Acting { unmapped: None, ..acting };
    let mut above: Vec<TargetPath> = std::iter::successors(root.parent(), TargetPath::parent).collect();
    above.reverse();
    let look = |at: String, place: &Path, acting, is_in_root| {
        // Below what cannot be looked at nothing is read either.
        let found = disk.metadata(place).ok()??;
        who(&found, acting).map(|who| Stranger { at, who, is_in_root })
    };
    let top = || look("/".to_owned(), Path::new(""), acting, false);
    let way = || above.iter().find_map(|place| look(place.to_string(), place.on_disk(), acting, false));
    let ours = [root.clone(), layout.journal(), layout.armed()];
    let itself = || ours.iter().find_map(|place| look(place.to_string(), place.on_disk(), known, true));
    top().or_else(way).or_else(itself)
}

/// Tells who else could put something else in the place of what is in a directory.
fn who(found: &Metadata, acting: Acting) -> Option<Who> {
    if ![ROOT, acting.user].contains(&found.owner) && acting.unmapped != Some(found.owner) {
        return Some(Who::Owner(found.owner));
    }
    (found.mode & (OTHERS_WRITE | STICKY) == OTHERS_WRITE).then_some(Who::Anybody)
}

/// Returns as whom unknown users are seen, where root of the machine may be one.
fn unmapped() -> Option<u32> {
    /// The whole of all users, as they are outside.
    const ALL: [&str; 3] = ["0", "0", "4294967295"];
    let map = std::fs::read_to_string("/proc/self/uid_map").ok()?;
    if map.split_whitespace().eq(ALL) {
        return None;
    }
    std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()
}

impl fmt::Display for Stranger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stranger { at, who, .. } = self;
        match who {
            Who::Owner(owner) => write!(formatter, "`{at}` belongs to user {owner}"),
            Who::Anybody => write!(formatter, "anybody may move what is in `{at}`"),
        }
    }
}

impl Stranger {
    /// Says what to do about him.
    pub(crate) fn help(&self) -> String {
        let Stranger { at, who, is_in_root } = self;
        match who {
            Who::Owner(owner) if *is_in_root => {
                format!("act as user {owner}; or if nobody but you wrote there, take `{at}` back with `chown`")
            }
            Who::Owner(owner) => {
                format!("act as user {owner}, let `{at}` belong to root, or keep deployments somewhere else")
            }
            Who::Anybody => format!("`chmod o-w {at}`, or keep deployments somewhere else"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_disk::SimulatedDisk;

    const ME: u32 = 1000;

    fn found(owner: u32, mode: u32) -> Metadata {
        let disk = SimulatedDisk::new();
        disk.create_directory(Path::new("d"), 0o755).unwrap();
        Metadata { owner, mode, ..disk.metadata(Path::new("d")).unwrap().unwrap() }
    }

    #[test]
    fn root_and_whoever_acts_are_no_strangers() {
        let of = |owner, mode| who(&found(owner, mode), Acting { user: ME, unmapped: None });
        assert_eq!((of(0, 0o755), of(ME, 0o700), of(ME, 0o770)), (None, None, None));
        assert_eq!((of(1001, 0o755), of(65534, 0o700)), (Some(Who::Owner(1001)), Some(Who::Owner(65534))));
        assert_eq!((of(0, 0o777), of(0, 0o1777)), (Some(Who::Anybody), None));
        let as_root = |owner| who(&found(owner, 0o755), Acting { user: 0, unmapped: None });
        assert_eq!((as_root(0), as_root(ME)), (None, Some(Who::Owner(ME))));
    }

    /// In a namespace of one user, root of the machine is somebody unknown.
    #[test]
    fn root_may_be_seen_as_somebody_unknown() {
        let acting = Acting { user: 0, unmapped: Some(65534) };
        let of = |owner| who(&found(owner, 0o755), acting);
        assert_eq!((of(65534), of(ME)), (None, Some(Who::Owner(ME))));
    }

    #[test]
    fn every_directory_on_the_way_counts() {
        let layout = Layout::new(Path::new("/srv/app")).unwrap();
        let directories = ["srv", "srv/app", "srv/app/.journal", "srv/app/.armed"];
        for spoilt in directories {
            let disk = SimulatedDisk::new();
            directories.iter().for_each(|directory| disk.create_directory(Path::new(directory), 0o755).unwrap());
            assert_eq!(stranger(&disk, &layout), None);
            disk.set_owner(Path::new(spoilt), 4242, 4242).unwrap();
            assert_eq!(stranger(&disk, &layout).unwrap().to_string(), format!("`/{spoilt}` belongs to user 4242"));
        }
        // What is not there yet is nobody's.
        assert_eq!(stranger(&SimulatedDisk::new(), &layout), None);
    }
}
