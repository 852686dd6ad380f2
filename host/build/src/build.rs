//! One package to one entry: prepare the source, run the recipe apart from everything else, add what it made.
//!
//! Whoever calls holds the lock of the entry's path. The tree is written once, where it is renamed from; all else lies in
//! a work directory that goes when the build ends, or with the next build or collection if this process is killed.

#[cfg(feature = "fetch")]
use crate::fetch::{self, Fetcher};
use crate::limits::{
    BUILD_FILE_BYTES_MAX, BUILD_MEMORY_BYTES_MAX, BUILD_OPEN_FILES_MAX, BUILD_PROCESSES_MAX, PRINTED_BYTES_MAX,
};
use crate::log::Log;
use crate::package::Package;
use crate::places::{Places, WORK};
use crate::recipe::{Context, Dependency, ScriptError};
use crate::relocate::{RelocateError, relocate};
use crate::sandbox::{self, Access, Bind, Ending, Isolation, Job, Limits, Network, SandboxError};
#[cfg(feature = "fetch")]
use crate::secret::Secret;
#[cfg(feature = "fetch")]
use crate::source::Reference;
use crate::source::{FixedOutput, Having, Origin, PrepareError, Prepared, make_directory, prepare, settle};
use crate::system;
use crate::told::Told;
use punix_disk::RealDisk;
use punix_store::{AddError, Added, Digest, PathLock, Piece, Staged, Store, StoreName, TreeError, Value, walk};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Where and how packages are built.
#[derive(Clone, Copy)]
pub struct Workshop<'w> {
    pub store: &'w Store,
    pub isolation: &'w Isolation,
    pub sources: Sources<'w>,
    /// Processors that one build is told to use.
    pub cores: usize,
    /// Time that one build may take.
    pub wall: Duration,
    /// Leaves the work directory of a build that failed.
    pub keep_failed: bool,
    /// Ends all builds once it is set.
    pub stop: &'w AtomicBool,
}

/// Where sources come from.
#[derive(Clone, Copy)]
pub enum Sources<'w> {
    /// From where packages say that they are.
    #[cfg(feature = "fetch")]
    Fetched(Fetching<'w>),
    /// From the store: for each entry that is to be built, the one that holds its source.
    Kept(&'w BTreeMap<StoreName, StoreName>),
}

/// What is needed to fetch sources.
#[cfg(feature = "fetch")]
#[derive(Clone, Copy)]
pub struct Fetching<'w> {
    pub fetcher: &'w Fetcher,
    /// How git reaches the network.
    pub network: &'w fetch::Network,
    pub secrets: &'w BTreeMap<Reference, Secret>,
}

/// Why a package was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Source(#[from] PrepareError),
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("the build {}", how(.ending, .wall))]
    Ended { ending: Ending, wall: Duration, log: PathBuf, last: Vec<String>, kept: Option<PathBuf> },
    #[error("the source is not what its `hash` says: expected {expected}, got {found}")]
    FixedOutput { expected: Digest, found: Digest },
    #[error(transparent)]
    Relocate(#[from] RelocateError),
    #[error(transparent)]
    Add(AddError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("cannot work in `{}`: {error}", .path.display())]
    Work { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Lock(#[from] punix_store::LockError),
    /// It was built elsewhere, and this is what was said of it there.
    #[error("{}", .0.message)]
    Told(Box<Told>),
}

fn how(ending: &Ending, wall: &Duration) -> String {
    match ending {
        Ending::Success => "ended well".to_owned(),
        Ending::Failed { code } => format!("ended with exit code {code}"),
        Ending::Killed { signal } => format!("was killed by signal {signal}"),
        Ending::TimedOut => format!("took longer than {} seconds", wall.as_secs()),
        Ending::Stopped => "was stopped".to_owned(),
        Ending::OutOfMemory => format!("took more than {} GiB of memory", BUILD_MEMORY_BYTES_MAX >> 30),
        Ending::TooManyProcesses => format!("had more than {BUILD_PROCESSES_MAX} processes"),
        Ending::PrintedTooMuch => format!("printed more than {} MiB", PRINTED_BYTES_MAX >> 20),
    }
}

/// What a package needs, as a build sees it.
pub(crate) struct Needs<'p> {
    /// In the order of `DEP_0`, `DEP_1` …
    pub(crate) direct: Vec<&'p Package>,
    /// All of it, the direct ones too.
    pub(crate) closure: Vec<&'p Package>,
}

/// Builds a package and adds it, in place of an entry that is damaged if `replace` says so.
pub(crate) fn build(
    workshop: Workshop<'_>,
    package: &Package,
    needs: &Needs<'_>,
    lock: &PathLock<'_>,
    replace: bool,
    told: &(dyn Fn(&str) + Sync),
) -> Result<Added, BuildError> {
    let store = workshop.store;
    let staged = store.stage(lock).map_err(|error| BuildError::Work { path: store.root().to_owned(), error })?;
    let work = store.work(lock).map_err(|error| BuildError::Work { path: store.root().to_owned(), error })?;
    // What has the network works in a directory of its own: whatever it leaves there, such as a link in place of a
    // directory, nobody goes through afterwards.
    let apart = match (&package.source.origin, workshop.sources) {
        (Origin::FixedOutput(_), Sources::Kept(_)) => None,
        #[cfg(feature = "fetch")]
        (Origin::FixedOutput(_), Sources::Fetched(_)) => Some(store.work_apart(lock)),
        (Origin::Nothing | Origin::Local(_) | Origin::Url(_) | Origin::Git(_), _) => None,
    };
    let apart = apart.transpose().map_err(|error| BuildError::Work { path: store.root().to_owned(), error })?;
    let at = store.work_path(&work);
    let apart_at = apart.as_ref().map(|apart| store.work_path(apart));
    let made = make(workshop, package, needs, &staged, Rooms { work: &at, apart: apart_at.as_deref() }, told);
    let made = match made {
        Ok(()) if replace => store.replace(staged, &package.derivation).map_err(BuildError::Add),
        Ok(()) => store.add(staged, &package.derivation).map_err(BuildError::Add),
        Err(error) => {
            // What cannot be removed now is swept later.
            let _ = store.discard(staged);
            Err(error)
        }
    };
    match made {
        Err(BuildError::Ended { ending, wall, log, last, .. }) if workshop.keep_failed => {
            // If the source was not made, nothing was done with it yet.
            let kept = match apart_at {
                Some(apart) if apart.join("source").exists() => apart,
                Some(_) | None => at,
            };
            Err(BuildError::Ended { ending, wall, log, last, kept: Some(kept) })
        }
        made => {
            for work in apart.into_iter().chain([work]) {
                let _ = store.clear(work);
            }
            made
        }
    }
}

/// The directories of one build.
#[derive(Clone, Copy)]
struct Rooms<'r> {
    work: &'r Path,
    /// Where a command makes the source, if one does.
    apart: Option<&'r Path>,
}

/// Fills the staged directory.
fn make(
    workshop: Workshop<'_>,
    package: &Package,
    needs: &Needs<'_>,
    staged: &Staged<'_>,
    rooms: Rooms<'_>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), BuildError> {
    let work = rooms.work;
    let (prepared, mut log) = have(workshop, package, needs, staged, rooms, told)?;
    let places = places(workshop, package, staged, work);
    let run = Run { workshop, package, needs, places: &places };
    told("building");
    let script = run.script(&prepared)?;
    let ending = run.run(&script, Network::None, &mut log, told)?;
    if ending != Ending::Success {
        return Err(run.failed(ending, log));
    }
    log.finish();
    match workshop.isolation {
        Isolation::Namespaces { .. } => {}
        Isolation::None => relocate(&places.staged, &places.entry)?,
    }
    Ok(())
}

/// Has the source of a package in the work directory, in the order in which that has to be done.
fn have(
    workshop: Workshop<'_>,
    package: &Package,
    needs: &Needs<'_>,
    staged: &Staged<'_>,
    rooms: Rooms<'_>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(Prepared, Log), BuildError> {
    let (store, work) = (workshop.store, rooms.work);
    furnish(work)?;
    let having = Having {
        store,
        sources: workshop.sources,
        #[cfg(feature = "fetch")]
        stop: workshop.stop,
        #[cfg(feature = "fetch")]
        told,
    };
    let prepared = prepare(package, work, having)?;
    let mut log = Log::create(&store.log_path(package.name()))
        .map_err(|error| BuildError::Work { path: store.log_path(package.name()), error })?;
    if let (Origin::FixedOutput(fixed), Some(apart), true) =
        (&package.source.origin, rooms.apart, prepared.is_to_be_made)
    {
        furnish(apart)?;
        let places = places(workshop, package, staged, apart);
        log = Run { workshop, package, needs, places: &places }.fixed_output(fixed, log, told)?;
        let source = work.join("source");
        fs::rename(apart.join("source"), &source).map_err(|error| BuildError::Work { path: source, error })?;
    }
    Ok((prepared, log))
}

/// Has the source of a package in a work directory, for whoever does not build with it. A command that makes it works in
/// the second directory.
#[cfg(feature = "fetch")]
pub(crate) fn have_source(
    workshop: Workshop<'_>,
    package: &Package,
    needs: &Needs<'_>,
    staged: &Staged<'_>,
    (work, apart): (&Path, Option<&Path>),
    told: &(dyn Fn(&str) + Sync),
) -> Result<Prepared, BuildError> {
    let (prepared, log) = have(workshop, package, needs, staged, Rooms { work, apart }, told)?;
    log.finish();
    Ok(prepared)
}

fn places<'w>(workshop: Workshop<'w>, package: &Package, staged: &Staged<'_>, work: &Path) -> Places<'w> {
    Places {
        isolation: workshop.isolation,
        work: work.to_owned(),
        staged: workshop.store.staged_path(staged),
        entry: workshop.store.path(package.name()),
    }
}

/// Makes what is in every work directory.
fn furnish(work: &Path) -> Result<(), PrepareError> {
    WORK.iter().try_for_each(|name| make_directory(&work.join(name)))
}

/// One build under way.
#[derive(Clone, Copy)]
struct Run<'r> {
    workshop: Workshop<'r>,
    package: &'r Package,
    needs: &'r Needs<'r>,
    places: &'r Places<'r>,
}

impl Run<'_> {
    fn script(&self, prepared: &Prepared) -> Result<String, BuildError> {
        let parts = self.package.derivation.parts();
        let store = self.workshop.store;
        let dependencies: Vec<Dependency> = self.needs.direct.iter().map(|package| self.dependency(package)).collect();
        let closure: Vec<PathBuf> = self.needs.closure.iter().map(|package| store.path(package.name())).collect();
        let mut patches = prepared.patches.clone();
        for patch in &mut patches {
            patch.path = self.places.work().join(&patch.path);
        }
        let script = self.package.recipe.script(&Context {
            package: parts.package.as_str(),
            version: parts.version.as_str(),
            arguments: &parts.args,
            dependencies: &dependencies,
            closure: &closure,
            entry_path: &|name: &StoreName| store.path(name),
            patches: &patches,
        })?;
        Ok(script)
    }

    fn dependency(&self, package: &Package) -> Dependency {
        let name = package.derivation.parts().package.as_str().to_owned();
        Dependency { name, path: self.workshop.store.path(package.name()) }
    }

    /// Runs a script and returns how it ended.
    fn run(
        &self,
        script: &str,
        network: Network,
        log: &mut Log,
        told: &(dyn Fn(&str) + Sync),
    ) -> Result<Ending, BuildError> {
        let file = self.places.work.join("script.sh");
        fs::write(&file, script)
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o444)))
            .map_err(|error| BuildError::Work { path: file, error })?;
        let store = self.workshop.store;
        let mut binds = system::binds(store.root(), network);
        binds.push(Bind { outside: self.places.work.clone(), inside: self.places.work(), access: Access::Write });
        // What has the network makes a source, which is checked, and nothing else.
        if network == Network::None {
            let (outside, inside) = (self.places.staged.clone(), self.places.output());
            binds.push(Bind { outside, inside, access: Access::Write });
        }
        for package in &self.needs.closure {
            let path = store.path(package.name());
            binds.push(Bind { outside: path.clone(), inside: path, access: Access::Read });
        }
        let direct: Vec<Dependency> = self.needs.direct.iter().map(|package| self.dependency(package)).collect();
        let job = Job {
            argv: vec![crate::places::shell().into(), self.places.work().join("script.sh").into()],
            environment: self.places.environment(&self.package.derivation, &direct, self.workshop.cores),
            directory: self.places.work().join("source"),
            binds,
            temporary: self.places.work.join("tmp"),
            network,
            limits: Limits {
                wall: self.workshop.wall,
                memory_bytes: BUILD_MEMORY_BYTES_MAX,
                processes: BUILD_PROCESSES_MAX,
                open_files: BUILD_OPEN_FILES_MAX,
                file_bytes: BUILD_FILE_BYTES_MAX,
            },
        };
        let mut output = |bytes: &[u8]| log.add(bytes, &mut |line| told(line));
        Ok(sandbox::run(self.workshop.isolation, &job, &mut output, self.workshop.stop)?)
    }

    /// Lets the command of a source make it, and checks what it made.
    fn fixed_output(&self, fixed: &FixedOutput, mut log: Log, told: &(dyn Fn(&str) + Sync)) -> Result<Log, BuildError> {
        told("making the source");
        let command = self.text(&fixed.command);
        let script = format!("set -eu\numask 022\ncd \"$SOURCE\"\nOUTPUT=$SOURCE\nexport OUTPUT\n{command}\n");
        let ending = self.run(&script, Network::Host, &mut log, told)?;
        if ending != Ending::Success {
            return Err(self.failed(ending, log));
        }
        let source = self.places.work.join("source");
        let disk = open_made(&source).map_err(|error| BuildError::Work { path: source.clone(), error })?;
        let found = walk(&disk, Path::new(""), self.workshop.cores)?.tree_hash();
        match found == fixed.expected {
            true => {
                settle(&source).map_err(PrepareError::from)?;
                Ok(log)
            }
            false => Err(BuildError::FixedOutput { expected: fixed.expected, found }),
        }
    }

    fn text(&self, value: &Value) -> String {
        match value {
            Value::Text(text) => text.clone(),
            Value::Woven(woven) => {
                let pieces = woven.pieces().iter().map(|piece| match piece {
                    Piece::Text(text) => text.clone(),
                    Piece::Path(name) => self.workshop.store.path(name).display().to_string(),
                });
                pieces.collect()
            }
            Value::Bool(_)
            | Value::Integer(_)
            | Value::List(_)
            | Value::Record(_)
            | Value::Secret { .. }
            | Value::Artifact { .. } => String::new(),
        }
    }

    fn failed(&self, ending: Ending, log: Log) -> BuildError {
        let last = log.finish();
        let log = self.workshop.store.log_path(self.package.name());
        BuildError::Ended { ending, wall: self.workshop.wall, log, last, kept: None }
    }
}

/// Opens a directory that a command was given, if it is still one: a link would lead to somebody else's.
fn open_made(directory: &Path) -> io::Result<RealDisk> {
    if !fs::symlink_metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    RealDisk::open(directory)
}
