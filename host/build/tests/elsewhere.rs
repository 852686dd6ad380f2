//! Builds at the other end of a pipe, by the program itself, in a store of its own. What comes out is what comes out here.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use punix_build::fetch::{Fetcher, Network, Options};
use punix_build::pipe::{Opening, Outcome, PipeError, There, greeting};
use punix_build::sandbox::{Isolation, probe};
use punix_build::source::{Origin, Source, local_digest, parse};
use punix_build::{
    Event, Fate, Fetching, Package, Packages, Plan, Sources, Workshop, keep_source, look, realise, recipe,
};
use punix_diag::{Code, Diagnostic};
use punix_store::{
    Asking, Derivation, Digest, PackageName, Parts, Record, SharedLock, SourcePart, Store, StoreName, Value, Version,
    source_identity,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_punix-build");
const COMMAND: &str = "test";
/// Shows all of a source that a build can see, but for the time of what was patched.
const SHOW: &str = "mkdir \"$OUTPUT/shown\"\n\
    find . -mindepth 1 ! -name text -printf '%P %y %m %T@ %l\\n' | LC_ALL=C sort > \"$OUTPUT/shown/list\"\n\
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 cat > \"$OUTPUT/shown/all\"";

struct World(PathBuf);

impl World {
    fn new() -> Option<World> {
        if probe(Path::new(PROGRAM)).is_err() {
            if let Some(log) = std::env::var_os("PUNIX_SKIP_LOG") {
                let mut log = fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
                writeln!(log, "SKIP: builds cannot be kept apart here").unwrap();
            }
            return None;
        }
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("punix-elsewhere-{}-{number}", std::process::id());
        let root = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        fs::create_dir(&root).unwrap();
        Some(World(root))
    }

    fn store(&self, name: &str) -> Store {
        Store::open(&self.0.join(name)).unwrap()
    }

    fn file(&self, path: &str, text: &str, mode: u32) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Starts the program, as a way to another machine would.
    fn start(&self, store: &Store) -> (Child, There) {
        let opening = opening(store);
        let mut child =
            Command::new(PROGRAM).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        input.write_all(&greeting(&opening).unwrap()).unwrap();
        let there = There::greeted(input, output, opening.wait).unwrap();
        (child, there)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = Command::new("chmod").args(["-R", "u+rwX"]).arg(&self.0).status();
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn opening(store: &Store) -> Opening<'_> {
    Opening {
        store: store.root(),
        command: COMMAND,
        wait: Duration::from_secs(10),
        jobs: Some(2),
        cores: Some(1),
        wall: Duration::from_secs(300),
        is_apart: true,
        keep_failed: false,
        lines: true,
    }
}

fn text(value: &str) -> Value {
    Value::text(value)
}

fn record(fields: &[(&str, Value)]) -> Record {
    fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn system() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

/// Adds a package that runs a command on a source.
fn package(
    packages: &mut Packages,
    name: &str,
    command: &str,
    source: &Record,
    inputs: &[usize],
    system: &str,
) -> usize {
    let path_of = |record: &Record| match record.get("path") {
        Some(Value::Text(path)) => Some(local_digest(Path::new(path), 1).unwrap()),
        _ => None,
    };
    let identity = source_identity::<()>(source, |part| {
        Ok(match (part, source.get("patches")) {
            (SourcePart::Whole, _) => path_of(source),
            (SourcePart::Patch(place), Some(Value::List(patches))) => match &patches[place] {
                Value::Record(patch) => path_of(patch),
                _ => None,
            },
            (SourcePart::Patch(_), _) => None,
        })
    });
    let recipe = recipe::find("std.shell").unwrap();
    let derivation = Derivation::new(Parts {
        package: PackageName::parse(name).unwrap(),
        version: Version::parse("1").unwrap(),
        recipe: recipe.name.to_owned(),
        recipe_digest: recipe.digest(),
        args: record(&[("command", text(command))]),
        source: identity.unwrap(),
        system: system.to_owned(),
        inputs: inputs.iter().map(|&input| packages.get(input).name().clone()).collect(),
    });
    let source = match source.is_empty() {
        true => Source { origin: Origin::Nothing, patches: Vec::new() },
        false => parse(source, system, &|_, path| path.to_owned()).unwrap(),
    };
    let label = name.to_owned();
    packages.add(Package { label, derivation: derivation.unwrap(), recipe, source }).unwrap()
}

fn asking() -> Asking<'static> {
    Asking { command: COMMAND, wait: Duration::from_secs(10), tell: &|_| {} }
}

/// What builds here with what it finds here.
struct Here {
    isolation: Isolation,
    fetcher: Fetcher,
    network: Network,
    stop: AtomicBool,
}

impl Here {
    fn new(world: &World) -> Here {
        Here {
            isolation: Isolation::Namespaces { helper: PathBuf::from(PROGRAM) },
            fetcher: Fetcher::new(&world.0.join("cache"), Options::default()).unwrap(),
            network: Network::default(),
            stop: AtomicBool::new(false),
        }
    }

    fn workshop<'w>(
        &'w self,
        store: &'w Store,
        secrets: &'w BTreeMap<punix_build::source::Reference, punix_build::Secret>,
    ) -> Workshop<'w> {
        Workshop {
            store,
            isolation: &self.isolation,
            sources: Sources::Fetched(Fetching { fetcher: &self.fetcher, network: &self.network, secrets }),
            cores: 1,
            wall: Duration::from_secs(300),
            keep_failed: false,
            stop: &self.stop,
        }
    }

    /// Keeps the sources of packages, and copies them to another store as they are.
    fn bring(&self, packages: &Packages, places: &[usize], from: &Store, to: &Store) -> BTreeMap<usize, StoreName> {
        let (secrets, shared) = (BTreeMap::new(), from.share(asking()).unwrap());
        let mut sources = BTreeMap::new();
        for &place in places {
            let workshop = self.workshop(from, &secrets);
            let kept = keep_source(workshop, packages.get(place), &shared, asking(), &|_| {}).unwrap();
            let Some(name) = kept else { continue };
            let copied = Command::new("cp").arg("-a").arg(from.path(&name)).arg(to.root()).status().unwrap();
            assert!(copied.success());
            sources.insert(place, name);
        }
        sources
    }

    fn build(&self, packages: &Packages, wanted: &[usize], store: &Store) -> SharedLock {
        let (secrets, again, shared) = (BTreeMap::new(), BTreeSet::new(), store.share(asking()).unwrap());
        let plan = Plan { packages, wanted, again: &again, jobs: 2, command: COMMAND };
        let seen = look(store, plan, &shared).unwrap();
        let fates = realise(self.workshop(store, &secrets), plan, seen, &shared, &|_| {}).unwrap();
        for &place in wanted {
            assert!(matches!(fates[place], Some(Fate::Built { .. })), "{:?}", fates[place]);
        }
        shared
    }
}

/// Builds there what is lacking there.
fn build_there(
    there: &There,
    packages: &Packages,
    wanted: &[usize],
    bring: &dyn Fn(&[usize]) -> BTreeMap<usize, StoreName>,
    told: &dyn Fn(Event<'_>),
    stop: &AtomicBool,
) -> Result<Outcome, PipeError> {
    let again = BTreeSet::new();
    let plan = Plan { packages, wanted, again: &again, jobs: 2, command: COMMAND };
    let seen = there.look(plan)?;
    let sources = bring(seen.missing());
    there.realise(plan, seen, &sources, told, stop)
}

fn tree(store: &Store, name: &StoreName) -> Digest {
    assert!(store.verify(name).unwrap().is_empty());
    store.manifest(name).unwrap().tree_hash()
}

#[test]
fn what_is_built_there_is_what_is_built_here() {
    let Some(world) = World::new() else { return };
    world.file("src/bin/plain", "not a program\n", 0o644);
    world.file("src/bin/program", "#!/bin/sh\necho one\n", 0o755);
    world.file("src/text", "old\n", 0o600);
    world.file("src/a b/c", "", 0o600);
    fs::create_dir(world.0.join("src/empty")).unwrap();
    std::os::unix::fs::symlink("/nowhere", world.0.join("src/link")).unwrap();
    world.file("first.patch", "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-old\n+new\n", 0o644);
    let patch = Value::Record(record(&[("path", text(&world.0.join("first.patch").display().to_string()))]));
    let local =
        record(&[("path", text(&world.0.join("src").display().to_string())), ("patches", Value::List(vec![patch]))]);
    // An archive brings times of its own.
    world.file("archive/top/old", "old", 0o644);
    world.file("archive/top/sbin/new", "new", 0o644);
    let archive = world.0.join("archive.tar");
    for (path, day) in [("old", "1999-01-02"), ("sbin/new", "2001-02-03"), ("sbin", "2002-03-04")] {
        let path = world.0.join("archive/top").join(path);
        let touched = Command::new("touch").args(["-d", &format!("{day}T00:00:00Z")]).arg(path).status();
        assert!(touched.unwrap().success());
    }
    let packed =
        Command::new("tar").arg("-C").arg(world.0.join("archive")).arg("-cf").arg(&archive).arg("top").status();
    assert!(packed.unwrap().success());
    let fetched = record(&[
        ("type", text("url")),
        ("url", text(&format!("file://{}", archive.display()))),
        ("hash", text(&Digest::of(&fs::read(&archive).unwrap()).to_string())),
    ]);
    let mut packages = Packages::default();
    let base = package(&mut packages, "base", SHOW, &local, &[], &system());
    let other = package(&mut packages, "other", SHOW, &fetched, &[], &system());
    let command = "mkdir \"$OUTPUT/top\"\ncat \"$DEP_0/shown/list\" \"$DEP_1/shown/list\" > \"$OUTPUT/top/lists\"";
    let top = package(&mut packages, "top", command, &Record::new(), &[base, other], &system());
    let all = [base, other, top];

    let (here, near, far) = (Here::new(&world), world.store("near"), world.store("far"));
    let _kept = here.build(&packages, &all, &near);
    let (mut child, there) = world.start(&far);
    let said = std::cell::RefCell::new(Vec::new());
    let told = |event: Event<'_>| said.borrow_mut().push(format!("{event:?}"));
    let bring = |places: &[usize]| here.bring(&packages, places, &near, &far);
    let outcome = build_there(&there, &packages, &[top], &bring, &told, &AtomicBool::new(false)).unwrap();
    for place in all {
        let name = packages.get(place).name();
        assert!(matches!(outcome.fates[place], Some(Fate::Built { .. })), "{:?}", outcome.fates[place]);
        assert_eq!(outcome.trees[&place], tree(&far, name));
        let shown = |store: &Store| fs::read_to_string(store.path(name).join("shown/list")).unwrap_or_default();
        assert_eq!(shown(&far), shown(&near));
        assert_eq!(tree(&far, name), tree(&near, name), "{name}");
    }
    assert!(said.borrow().iter().any(|said| said.starts_with("Started")), "{:?}", said.borrow());
    // Nothing is left to do for whoever comes next, and the program goes when nobody needs it.
    let (_second, again) = world.start(&far);
    let bring = |places: &[usize]| {
        assert!(places.is_empty());
        BTreeMap::new()
    };
    let outcome = build_there(&again, &packages, &[top], &bring, &|_| {}, &AtomicBool::new(false)).unwrap();
    assert!(outcome.trees.is_empty() && matches!(outcome.fates[top], Some(Fate::Cached)));
    drop(there);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_build_that_fails_there_says_why() {
    let Some(world) = World::new() else { return };
    let mut packages = Packages::default();
    let bad = package(&mut packages, "bad", "echo so it was; exit 7", &Record::new(), &[], &system());
    let needs = package(&mut packages, "needs", "true", &Record::new(), &[bad], &system());
    let far = world.store("far");
    let (_child, there) = world.start(&far);
    let outcome = build_there(&there, &packages, &[needs], &|_| BTreeMap::new(), &|_| {}, &AtomicBool::new(false));
    let mut fates = outcome.unwrap().fates;
    assert!(matches!(fates[needs], Some(Fate::Blocked { by }) if by == bad));
    let Some(Some(Fate::Failed { error, .. })) = fates.drain(..).next() else { panic!() };
    let diagnostic = Diagnostic::from(error);
    let notes: Vec<&str> = diagnostic.notes.iter().map(|note| note.message.as_str()).collect();
    assert_eq!((diagnostic.code, diagnostic.message.as_str()), (Some(Code::E8), "the build ended with exit code 7"));
    assert!(notes.contains(&"| so it was"), "{notes:?}");
    assert_eq!(notes.last(), Some(&"this was built on the target, and what is named here is there"));
}

#[test]
fn what_is_for_another_kind_of_machine_is_refused_there() {
    let Some(world) = World::new() else { return };
    let mut packages = Packages::default();
    let strange = package(&mut packages, "strange", "true", &Record::new(), &[], "vax-linux");
    let far = world.store("far");
    let (_child, there) = world.start(&far);
    let outcome = build_there(&there, &packages, &[strange], &|_| panic!(), &|_| {}, &AtomicBool::new(false));
    let diagnostic = Diagnostic::from(outcome.unwrap_err());
    assert_eq!(diagnostic.code, Some(Code::E17));
    let name = packages.get(strange).name();
    assert_eq!(diagnostic.message, format!("`{name}` is for vax-linux, and this is {}", system()));
}

#[test]
fn a_source_that_was_not_brought_is_missed() {
    let Some(world) = World::new() else { return };
    world.file("src/file", "text", 0o644);
    let local = record(&[("path", text(&world.0.join("src").display().to_string()))]);
    let mut packages = Packages::default();
    let base = package(&mut packages, "base", SHOW, &local, &[], &system());
    let far = world.store("far");
    for sources in [BTreeMap::new(), BTreeMap::from([(base, packages.get(base).name().clone())])] {
        let (_child, there) = world.start(&far);
        let outcome = build_there(&there, &packages, &[base], &|_| sources.clone(), &|_| {}, &AtomicBool::new(false));
        let Some(Some(Fate::Failed { error, .. })) = outcome.unwrap().fates.into_iter().next() else { panic!() };
        assert_eq!(Diagnostic::from(error).code, Some(Code::E9));
    }
}

#[test]
fn who_stops_waiting_ends_what_is_built_there() {
    let Some(world) = World::new() else { return };
    let mut packages = Packages::default();
    let long = package(&mut packages, "long", "sleep 290", &Record::new(), &[], &system());
    let far = world.store("far");
    let (mut child, there) = world.start(&far);
    let (stop, start) = (AtomicBool::new(false), Instant::now());
    let told = |event: Event<'_>| {
        if matches!(event, Event::Started { .. }) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let outcome = build_there(&there, &packages, &[long], &|_| BTreeMap::new(), &told, &stop).unwrap();
    match &outcome.fates[long] {
        Some(Fate::Stopped) => {}
        Some(Fate::Failed { error, .. }) if error.is_stop() => {}
        fate => panic!("{fate:?}"),
    }
    assert!(child.wait().unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(100));
    assert!(!far.is_valid(packages.get(long).name()).unwrap());
}

#[test]
fn who_is_killed_there_is_told_of() {
    let Some(world) = World::new() else { return };
    let mut packages = Packages::default();
    let long = package(&mut packages, "long", "sleep 290", &Record::new(), &[], &system());
    let far = world.store("far");
    let (child, there) = world.start(&far);
    let child = std::cell::RefCell::new(child);
    let told = |event: Event<'_>| {
        if matches!(event, Event::Started { .. }) {
            child.borrow_mut().kill().unwrap();
        }
    };
    let outcome = build_there(&there, &packages, &[long], &|_| BTreeMap::new(), &told, &AtomicBool::new(false));
    assert!(matches!(outcome, Err(PipeError::Frame(_))), "{outcome:?}");
    child.borrow_mut().wait().unwrap();
}

/// A command makes a source here, where it may use nothing that is built there.
#[test]
fn a_source_that_a_command_makes_is_made_here_if_it_can_be() {
    let Some(world) = World::new() else { return };
    world.file("made/file", "text", 0o644);
    let hash = text(&local_digest(&world.0.join("made"), 1).unwrap().to_string());
    let made = record(&[("type", text("fixed_output")), ("command", text("printf text > file")), ("hash", hash)]);
    let mut packages = Packages::default();
    let one = package(&mut packages, "one", SHOW, &made, &[], &system());
    let two = package(&mut packages, "two", SHOW, &made, &[one], &system());
    let (here, near, far) = (Here::new(&world), world.store("near"), world.store("far"));
    let (_child, there) = world.start(&far);
    let bring = |places: &[usize]| here.bring(&packages, places, &near, &far);
    let outcome = build_there(&there, &packages, &[one], &bring, &|_| {}, &AtomicBool::new(false)).unwrap();
    assert!(matches!(outcome.fates[one], Some(Fate::Built { .. })), "{:?}", outcome.fates[one]);
    let (secrets, shared) = (BTreeMap::new(), near.share(asking()).unwrap());
    let refused = keep_source(here.workshop(&near, &secrets), packages.get(two), &shared, asking(), &|_| {});
    assert_eq!(Diagnostic::from(refused.unwrap_err()).code, Some(Code::E17));
}
