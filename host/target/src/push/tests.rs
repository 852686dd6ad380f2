use super::*;
use crate::layout::Layout;
use crate::planted::{self, path};
use crate::protocol::{Brought, Client, Door, Opening, serve};
use crate::target::Place;
use crate::verify::{Depth, verify};
use punix_disk::RealDisk;
use punix_store::{Asking, Derivation, Digest, Keeper, PackageName, Parts, Record, Value, Version};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A store with two entries, of which one needs the other, and a disk that is to be a target.
pub(crate) struct Both {
    pub(crate) folder: TempDir,
    disk: RealDisk,
    pub(crate) from: Store,
    pub(crate) names: [StoreName; 2],
}

pub(crate) fn asking() -> Asking<'static> {
    Asking { command: "punix test", wait: Duration::from_secs(60), tell: &|_| {} }
}

pub(crate) fn derivation(package: &str, inputs: &[&StoreName]) -> Derivation {
    let parts = Parts {
        package: PackageName::parse(package).unwrap(),
        version: Version::parse("1.0").unwrap(),
        recipe: "std.shell".to_owned(),
        recipe_digest: Digest::of(b"recipe"),
        args: Record::from([("command".to_owned(), Value::text("true"))]),
        source: Record::new(),
        system: "x86_64-linux".to_owned(),
        inputs: inputs.iter().map(|name| (*name).clone()).collect(),
    };
    Derivation::new(parts).unwrap()
}

pub(crate) fn add(store: &Store, derivation: &Derivation) {
    let shared = store.share(asking()).unwrap();
    let lock = store.claim(&shared, derivation.name(), asking()).unwrap().unwrap();
    let staged = store.stage(&lock).unwrap();
    let top = store.staged_path(&staged);
    fs::create_dir_all(top.join("bin")).unwrap();
    fs::create_dir_all(top.join("empty")).unwrap();
    fs::write(top.join("bin/tool"), "#!/bin/sh\n").unwrap();
    fs::write(top.join("data"), vec![7; 300_000]).unwrap();
    fs::write(top.join("run"), "x").unwrap();
    fs::set_permissions(top.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("bin/../data", top.join("link")).unwrap();
    store.add(staged, derivation).unwrap();
}

impl Both {
    pub(crate) fn new() -> Both {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("host")).unwrap();
        let from = Store::open(&folder.path().join("store")).unwrap();
        let inner = derivation("inner", &[]);
        let outer = derivation("outer", &[inner.name()]);
        add(&from, &inner);
        add(&from, &outer);
        let disk = RealDisk::open(&folder.path().join("host")).unwrap();
        Both { folder, disk, from, names: [inner.name().clone(), outer.name().clone()] }
    }

    fn target(&self) -> Target<'_> {
        let place = Place { root: self.folder.path().join("host"), asking: asking(), guard: None };
        Target::at(&self.disk, &Layout::new(Path::new("/d")).unwrap(), place).unwrap()
    }

    pub(crate) fn pushing(&self) -> Pushing {
        let names = self.names.iter().cloned().collect();
        Pushing { to: path("/srv/store"), names, again: BTreeSet::new() }
    }

    fn push(&self, pushing: &Pushing) -> Result<(usize, usize), PushError> {
        push(&self.target(), &self.from, pushing, &mut |_| {}).map(|pushed| (pushed.pushed, pushed.cached))
    }

    pub(crate) fn there(&self) -> Store {
        Store::find(&self.folder.path().join("host/srv/store")).unwrap()
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        for directory in ["store", "host/srv/store"] {
            unlock(&self.folder.path().join(directory));
        }
    }
}

pub(crate) fn unlock(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

#[test]
fn what_is_missing_is_brought_and_the_rest_is_not() {
    let both = Both::new();
    let mut steps = Vec::new();
    let pushed = push(&both.target(), &both.from, &both.pushing(), &mut |step| steps.push(step)).unwrap();
    assert_eq!((pushed.pushed, pushed.cached), (2, 0));
    drop(pushed);
    let there = both.there();
    for name in &both.names {
        assert_eq!(there.manifest(name).unwrap(), both.from.manifest(name).unwrap());
        assert!(there.verify(name).unwrap().is_empty());
        assert_eq!(there.derivation(name).unwrap().name(), name);
    }
    let bytes = both.names.iter().map(|name| there.manifest(name).unwrap().size()).sum();
    assert_eq!(steps.first(), Some(&PushStep::Begin { entries: 2, bytes }));
    let more = |step: &PushStep| if let PushStep::Bytes { more } = step { *more } else { 0 };
    assert_eq!(steps.iter().map(more).sum::<u64>(), bytes);
    assert_eq!(both.push(&both.pushing()).unwrap(), (0, 2));
}

/// Collections on the target know from now on what keeps its entries.
#[test]
fn the_deployments_root_is_registered_there() {
    let both = Both::new();
    both.push(&both.pushing()).unwrap();
    let registered = both.there().registrations().unwrap();
    let kept: Vec<_> = registered.iter().map(|it| (it.keeper(), it.path().to_owned())).collect();
    let root = fs::canonicalize(both.folder.path()).unwrap();
    assert_eq!(kept, [(Keeper::Deployments, root.join("host/d"))]);
}

#[test]
fn an_entry_without_its_mark_is_brought_again() {
    let both = Both::new();
    both.push(&both.pushing()).unwrap();
    let there = both.there();
    unlock(&there.path(&both.names[0]));
    fs::remove_file(there.path(&both.names[0]).join("built")).unwrap();
    assert_eq!(both.push(&both.pushing()).unwrap(), (1, 1));
    assert!(there.verify(&both.names[0]).unwrap().is_empty());
}

/// It looks whole, so only whoever read it can ask for it.
#[test]
fn a_damaged_entry_is_brought_again_if_that_is_asked_for() {
    let both = Both::new();
    both.push(&both.pushing()).unwrap();
    let there = both.there();
    unlock(&there.path(&both.names[0]));
    let data = there.path(&both.names[0]).join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&data, "other").unwrap();
    assert_eq!(both.push(&both.pushing()).unwrap(), (0, 2));
    assert!(!there.verify(&both.names[0]).unwrap().is_empty());
    let again = BTreeSet::from([both.names[0].clone()]);
    assert_eq!(both.push(&Pushing { again, ..both.pushing() }).unwrap(), (1, 1));
    assert!(there.verify(&both.names[0]).unwrap().is_empty());
}

#[test]
fn what_is_damaged_here_is_not_brought() {
    let both = Both::new();
    unlock(&both.from.path(&both.names[1]));
    let data = both.from.path(&both.names[1]).join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o644)).unwrap();
    for content in [vec![8; 300_000], vec![7; 10], vec![7; 300_001]] {
        fs::write(&data, content).unwrap();
        let error = both.push(&both.pushing()).unwrap_err();
        assert!(matches!(&error, PushError::Damaged { path, .. } if path == Path::new("data")), "{error}");
        let diagnostic = Diagnostic::from(error);
        assert_eq!(diagnostic.code, Some(Code::E21));
        assert_eq!(diagnostic.message, format!("`data` in `{}` is damaged here", both.names[1]));
        let there = both.there();
        assert_eq!(there.list().unwrap(), [both.names[0].clone()]);
        let left =
            fs::read_dir(there.root()).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        assert_eq!(left.filter(|name| name.starts_with(".tmp-")).collect::<Vec<_>>(), Vec::<String>::new());
    }
}

#[test]
fn what_is_nowhere_is_said() {
    let both = Both::new();
    let gone = derivation("gone", &[]).name().clone();
    let pushing = Pushing { names: BTreeSet::from([gone.clone()]), ..both.pushing() };
    assert_eq!(
        both.push(&pushing).unwrap_err().to_string(),
        format!("`{gone}` is neither in the store here nor on the target")
    );
    assert!(matches!(closure(&both.from, &pushing.names), Err(PushError::Absent { .. })));
}

#[test]
fn a_closure_is_all_that_is_needed() {
    let both = Both::new();
    let [inner, outer] = both.names.clone();
    let all = |name: &StoreName| closure(&both.from, &BTreeSet::from([name.clone()])).unwrap();
    assert_eq!(all(&outer), BTreeSet::from([inner.clone(), outer.clone()]));
    assert_eq!(all(&inner), BTreeSet::from([inner]));
}

#[test]
fn where_both_stores_are_one_nothing_is_brought() {
    let both = Both::new();
    let store = both.folder.path().join("host/srv/store");
    fs::create_dir_all(both.folder.path().join("host/srv")).unwrap();
    fs::rename(both.folder.path().join("store"), &store).unwrap();
    let from = Store::find(&store).unwrap();
    let pushed = push(&both.target(), &from, &both.pushing(), &mut |_| {}).unwrap();
    assert_eq!((pushed.pushed, pushed.cached), (0, 2));
}

/// A link out of the target's root leads to the place of that name below it.
#[test]
fn no_link_leads_the_store_out_of_the_root() {
    let both = Both::new();
    let out = both.folder.path().join("out");
    fs::create_dir(&out).unwrap();
    symlink(&out, both.folder.path().join("host/srv")).unwrap();
    both.push(&both.pushing()).unwrap();
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    let inside = both.folder.path().join("host").join(out.strip_prefix("/").unwrap()).join("store");
    assert_eq!(Store::find(&inside).unwrap().list().unwrap().len(), 2);
    unlock(&inside);
}

/// A collection on the target reads our records, and keeps what they name.
#[test]
fn a_record_keeps_its_entries() {
    let both = Both::new();
    both.push(&both.pushing()).unwrap();
    let mut generation = planted::generation(1, vec![planted::row("/etc/app/a", b"a")]);
    generation.store_paths = both.names.iter().map(|name| format!("/srv/store/{name}")).collect();
    fs::create_dir(both.folder.path().join("host/d/S")).unwrap();
    planted::record(&both.target(), &generation);
    let roots = both.there().roots(&[], &[]).unwrap().roots;
    let kept: BTreeSet<_> = roots.into_iter().map(|root| root.name).collect();
    assert_eq!(kept, both.names.iter().cloned().collect());
}

/// Whether an entry is there is known at once; whether it is what it was only to who reads it.
#[test]
fn verifying_reads_entries_if_that_is_asked_for() {
    let both = Both::new();
    both.push(&both.pushing()).unwrap();
    let mut generation = planted::generation(1, Vec::new());
    generation.store_paths = both.names.iter().map(|name| format!("/srv/store/{name}")).collect();
    let finds = |depth| {
        let findings = verify(&both.target(), &generation, depth).unwrap();
        findings.iter().map(|finding| finding.drift.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(finds(Depth::Content), Vec::<String>::new());
    let data = both.there().path(&both.names[1]).join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&data, "other").unwrap();
    assert_eq!(finds(Depth::Presence), Vec::<String>::new());
    assert_eq!(
        finds(Depth::Content),
        ["the entry is damaged: `data` has mode 0644 instead of 0444; `data` has other content"]
    );
    let entry = both.there().path(&both.names[0]);
    unlock(&entry);
    fs::remove_file(entry.join("built")).unwrap();
    fs::set_permissions(&entry, fs::Permissions::from_mode(0o555)).unwrap();
    assert_eq!(finds(Depth::Presence), ["the entry is missing, or not whole"]);
}

/// Steps without how many pieces there were.
fn gathered(steps: &[PushStep]) -> (Vec<PushStep>, u64) {
    let (mut others, mut bytes) = (steps.to_vec(), 0);
    others.retain(|step| match step {
        PushStep::Bytes { more } => {
            bytes += more;
            false
        }
        PushStep::Begin { .. } | PushStep::Entry { .. } | PushStep::Done { .. } => true,
    });
    (others, bytes)
}

/// Whoever asks over a pipe hears the same steps, and errors with the same code.
#[test]
fn over_a_pipe_the_same_is_brought() {
    let (here, there) = (Both::new(), Both::new());
    let mut wanted = Vec::new();
    drop(push(&here.target(), &here.from, &here.pushing(), &mut |step| wanted.push(step)).unwrap());

    let (mut requests, requests_to) = io::pipe().unwrap();
    let (answers, mut answers_to) = io::pipe().unwrap();
    let server = std::thread::spawn(move || serve(&mut requests, &mut answers_to));
    let root = there.folder.path().join("host");
    let wait = Duration::from_secs(60);
    let opening = Opening { root: &root, deployments: Some(Path::new("/d")), command: "punix test", wait };
    let client = Client::over(requests_to, answers, &opening).unwrap();
    let mut steps = Vec::new();
    let brought = client.push(&there.from, &there.pushing(), &mut |step| steps.push(step)).unwrap();
    assert_eq!(brought, Brought { pushed: 2, cached: 0 });
    assert_eq!(gathered(&steps), gathered(&wanted));
    for name in &there.names {
        assert!(there.there().verify(name).unwrap().is_empty());
    }
    // Nobody collects there before it is let go of.
    let alone = Asking { wait: Duration::ZERO, ..asking() };
    assert!(there.there().exclude(alone).is_err());
    client.release().unwrap();
    drop(there.there().exclude(asking()).unwrap());

    let again = client.push(&there.from, &there.pushing(), &mut |_| {}).unwrap();
    assert_eq!(again, Brought { pushed: 0, cached: 2 });
    let names = BTreeSet::from([derivation("other", &[]).name().clone()]);
    let absent = Pushing { names, ..there.pushing() };
    let told = client.push(&there.from, &absent, &mut |_| {}).unwrap_err();
    let own = push(&here.target(), &here.from, &absent, &mut |_| {}).unwrap_err();
    assert_eq!((told.is_the_worlds(), Diagnostic::from(told)), (own.is_the_worlds(), Diagnostic::from(own)));
    drop(client);
    server.join().unwrap().unwrap();
}
