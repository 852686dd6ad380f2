//! Commits on a simulated disk that stops or fails anywhere: afterwards every path is of one generation, and nothing else
//! is left.

mod crashes;
mod failures;
mod large;
mod races;
mod refusals;
mod secrets;
mod single;
mod staged;
mod supplanted;

use super::*;
use crate::audit::{AuditFault, verify_audit};
use crate::generation::{FileRow, Mark};
use crate::layout::Layout;
use crate::path::TargetPath;
use crate::plan::{After, Change};
use crate::recover::recover;
use crate::seen::{FileSeen, There};
use punix_disk::{Disk, Entry, Kind, SimulatedDisk, Survival};
use punix_store::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub(super) type Tree = BTreeMap<PathBuf, Entry>;

pub(super) fn target(disk: &dyn Disk) -> Target<'_> {
    Target::alone(disk, Layout::new(Path::new("/d")).unwrap())
}

pub(super) fn path(text: &str) -> TargetPath {
    TargetPath::parse(text).unwrap()
}

/// What a file shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) content: Vec<u8>,
    pub(super) mode: u32,
    pub(super) owner: Option<String>,
}

pub(super) type Wants = BTreeMap<TargetPath, Want>;

pub(super) fn want(content: &str, mode: u32) -> Want {
    Want { content: content.as_bytes().to_vec(), mode, owner: None }
}

pub(super) fn wants<const N: usize>(files: [(&str, Want); N]) -> Wants {
    files.into_iter().map(|(text, want)| (path(text), want)).collect()
}

/// A first version: all that can happen to a file happens on the way to the second.
pub(super) fn first() -> Wants {
    wants([
        ("/etc/app/changed", want("the old content", 0o644)),
        ("/etc/app/mode", want("of another mode", 0o644)),
        ("/etc/app/owner", want("of another owner", 0o640)),
        ("/etc/app/same", want("as it was", 0o644)),
        ("/etc/gone/deep/removed", want("not for ever", 0o600)),
    ])
}

pub(super) fn second() -> Wants {
    let given = Want { owner: Some("1234".to_owned()), ..want("of another owner", 0o640) };
    wants([
        ("/etc/app/changed", want("the new content", 0o644)),
        ("/etc/app/mode", want("of another mode", 0o755)),
        ("/etc/app/owner", given),
        ("/etc/app/same", want("as it was", 0o644)),
        ("/etc/new/deep/added", want("never seen before", 0o644)),
        ("/etc/new/too", want("this neither", 0o600)),
    ])
}

pub(super) fn generation(number: u32, previous: Option<u32>, wants: &Wants) -> Generation {
    let row = |(path, want): (&TargetPath, &Want)| FileRow {
        path: path.clone(),
        mark: Mark::Sha256(Digest::of(&want.content)),
        chunks: None,
        inline: None,
        withheld: None,
        mode: want.mode,
        owner: want.owner.clone(),
        group: None,
        made_by: "raw".to_owned(),
        restarts: Vec::new(),
        reloads: Vec::new(),
    };
    Generation {
        number,
        stack: "Web".to_owned(),
        deployed_at: "2026-05-21T14:23:34+00:00".to_owned(),
        deployed_by: "somebody@somewhere".to_owned(),
        source_hash: Digest::of(b"source").to_string(),
        backend: "systemd".to_owned(),
        scope: "system".to_owned(),
        system: "x86_64-linux".to_owned(),
        scenario: None,
        store_paths: Vec::new(),
        services: Vec::new(),
        files: wants.iter().map(row).collect(),
        units: Vec::new(),
        state_dirs: Vec::new(),
        stateful: false,
        previous,
        plugins: Vec::new(),
        artifacts: Vec::new(),
        render_hash: Digest::of(b"rendered").to_string(),
    }
}

pub(super) fn there(disk: &dyn Disk, path: &TargetPath) -> There {
    let found = match disk.metadata(path.on_disk()) {
        Ok(Some(found)) => found,
        Ok(None) => return There::Nothing,
        Err(error) => return There::Unreachable { why: error.to_string() },
    };
    match found.kind {
        Kind::File => There::File(FileSeen {
            mode: found.mode,
            owner: found.owner,
            group: found.group,
            size: found.size,
            identity: (found.device, found.inode),
            marks: vec![Mark::Sha256(Digest::of(&disk.read(path.on_disk(), 4 << 20).unwrap()))],
        }),
        Kind::Link => There::Link { to: disk.read_link(path.on_disk()).unwrap().to_str().unwrap().to_owned() },
        Kind::Directory => There::Directory,
        Kind::Other => There::Other,
    }
}

/// Makes a plan without judgement: what is wanted comes, what `had` names besides goes.
pub(super) fn plan(disk: &dyn Disk, parent: Option<u32>, goal: Goal, had: &Wants, wanted: &Wants) -> Plan {
    let all: BTreeSet<&TargetPath> = had.keys().chain(wanted.keys()).collect();
    let change = |path: &TargetPath| {
        let before = there(disk, path);
        let after = match wanted.get(path) {
            None => After::Nothing,
            Some(want) => {
                let mark = Mark::Sha256(Digest::of(&want.content));
                let owner: u32 = want.owner.as_ref().map_or(0, |owner| owner.parse().unwrap());
                match &before {
                    There::File(seen)
                        if seen.marks.contains(&mark) && (seen.mode, seen.owner) == (want.mode, owner) =>
                    {
                        After::Same
                    }
                    _ => After::File { mark, mode: want.mode, owner: want.owner.clone(), group: None },
                }
            }
        };
        Change { path: path.clone(), real: path.clone(), before, after }
    };
    Plan { stack: "Web".to_owned(), parent, goal, changes: all.into_iter().map(change).collect(), keep: 10 }
}

pub(super) fn payload(wanted: &Wants) -> Payload {
    let blobs = wanted.values().map(|want| (Digest::of(&want.content), want.content.clone().into())).collect();
    Payload { blobs, secrets: BTreeMap::new() }
}

pub(super) fn run(disk: &SimulatedDisk, plan: &Plan, payload: Payload) -> Result<Committed, TargetError> {
    commit(&target(disk), plan, payload, &mut |_| {})
}

/// Deploys a version, as a plan that is made now.
pub(super) fn deploy(disk: &SimulatedDisk, number: u32, had: &Wants, wanted: &Wants) -> Result<Committed, TargetError> {
    let parent = (number > 1).then(|| number - 1);
    let new = Goal::New(Box::new(generation(number, parent, wanted)));
    run(disk, &plan(disk, parent, new, had, wanted), payload(wanted))
}

/// A machine to which nothing was ever deployed.
pub(super) fn machine() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    for directory in ["etc", "var", "var/lib"] {
        disk.create_directory(Path::new(directory), 0o755).unwrap();
    }
    disk.create(Path::new("etc/foreign"), 0o644).unwrap().write_all(b"not ours").unwrap();
    disk.sync_all().unwrap();
    disk
}

/// A machine with the first version, and with the second if so.
pub(super) fn deployed(versions: u32) -> SimulatedDisk {
    let disk = machine();
    let none = Wants::new();
    for (number, had, wanted) in [(1, &none, first()), (2, &first(), second())] {
        if number <= versions {
            let done = deploy(&disk, number, had, &wanted).unwrap();
            assert!(done.unfinished.is_none(), "{:?}", done.unfinished);
        }
    }
    disk.sync_all().unwrap();
    disk
}

pub(super) fn copy(disk: &SimulatedDisk) -> SimulatedDisk {
    disk.after_crash(Survival::Everything)
}

/// What was done is told in another place, and differs by how it went.
const TOLD: [&str; 2] = ["d/.audit", "d/.audit.new"];

pub(super) fn tree(disk: &SimulatedDisk) -> Tree {
    let mut tree = disk.snapshot();
    TOLD.iter().for_each(|told| drop(tree.remove(Path::new(told))));
    tree
}

/// Checks that what was done is told as it was: nothing is wrong, and the last line, if it is of another change than the
/// ones before the trial, fits what is live.
#[track_caller]
pub(super) fn assert_told(found: &SimulatedDisk, when: &dyn std::fmt::Debug) {
    let mut faults = verify_audit(&target(found)).unwrap();
    // A line that was torn before anything was live stays until the next one.
    faults.retain(|fault| *fault != AuditFault::Torn);
    assert!(faults.is_empty(), "{when:?}: {faults:?}");
    let mut ids: Vec<String> = audit::audit(&target(found)).unwrap().into_iter().map(|line| line.id).collect();
    let lines = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), lines, "{when:?}");
}

/// Leaves out what is made once for all deploys.
pub(super) fn without_our_own(tree: &Tree) -> Tree {
    let own = |path: &Path| {
        ["d", "d/.journal", "d/.blobs", "var/lib/punix"].iter().any(|own| path == Path::new(own))
            || path.starts_with("var/lib/punix")
    };
    tree.iter().filter(|(path, _)| !own(path)).map(|(path, entry)| (path.clone(), entry.clone())).collect()
}

/// Shows what differs.
#[track_caller]
pub(super) fn assert_same(found: &Tree, wanted: &Tree, when: &dyn std::fmt::Debug) {
    if found == wanted {
        return;
    }
    let more: Vec<_> = found.iter().filter(|(path, entry)| wanted.get(*path) != Some(entry)).collect();
    let less: Vec<_> = wanted.iter().filter(|(path, entry)| found.get(*path) != Some(entry)).collect();
    panic!("{when:?}\nfound:  {more:?}\nwanted: {less:?}");
}

/// A commit that is tried in every way: from one state to another.
pub(super) struct Trial {
    pub(super) name: &'static str,
    pub(super) start: SimulatedDisk,
    pub(super) plan: Plan,
    pub(super) payload: fn() -> Payload,
}

impl Trial {
    pub(super) fn start(&self, poor: bool) -> SimulatedDisk {
        let disk = copy(&self.start);
        if poor { disk.without_rename_flags() } else { disk }
    }

    pub(super) fn run(&self, disk: &SimulatedDisk) -> Result<Committed, TargetError> {
        run(disk, &self.plan, (self.payload)())
    }

    /// Returns the disk before, and after nothing went wrong.
    pub(super) fn ends(&self) -> (Tree, Tree) {
        let disk = self.start(false);
        let before = tree(&disk);
        let done = self.run(&disk).unwrap();
        assert!(done.unfinished.is_none(), "{}: {:?}", self.name, done.unfinished);
        (before, tree(&disk))
    }
}

/// Everything that becomes of a stack.
pub(super) fn trials() -> Vec<Trial> {
    let none = Wants::new();
    let new =
        |number: u32, wanted: &Wants| Goal::New(Box::new(generation(number, (number > 1).then(|| number - 1), wanted)));
    let (empty, one, two) = (machine(), deployed(1), deployed(2));
    // What is made once is there already, as after a deploy that was undone.
    for directory in ["d", "d/.journal", "d/.blobs"] {
        empty.create_directory(Path::new(directory), if directory == "d/.blobs" { 0o700 } else { 0o755 }).unwrap();
    }
    claims::prepare(&target(&empty)).unwrap();
    claims::register(&target(&empty)).unwrap();
    empty.sync_all().unwrap();
    let edited = copy(&two);
    edited.remove(Path::new("etc/app/changed")).unwrap();
    edited.create(Path::new("etc/app/changed"), 0o600).unwrap().write_all(b"by hand").unwrap();
    edited.remove(Path::new("etc/new/too")).unwrap();
    edited.sync_all().unwrap();
    let trimming = Plan { keep: 1, ..plan(&two, Some(2), new(3, &first()), &second(), &first()) };
    let back = Plan { keep: 1, ..plan(&two, Some(2), Goal::Kept(1), &second(), &first()) };
    let trial = |name, start: &SimulatedDisk, plan: Plan, payload| Trial { name, start: copy(start), plan, payload };
    vec![
        trial("first deploy", &empty, plan(&empty, None, new(1, &first()), &none, &first()), || payload(&first())),
        trial("redeploy", &one, plan(&one, Some(1), new(2, &second()), &first(), &second()), || payload(&second())),
        trial("trim", &two, trimming, || payload(&first())),
        trial("go back", &two, back, Payload::default),
        trial("repair", &edited, plan(&edited, Some(2), Goal::Kept(2), &second(), &second()), Payload::default),
        trial("remove", &two, plan(&two, Some(2), Goal::Gone, &second(), &none), Payload::default),
    ]
}
