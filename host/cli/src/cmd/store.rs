//! `punix store`: what its verbs share. Each opens a store that is there, and locks it in the one way that fits.

mod gc;
mod info;
mod list;
mod path;
mod repair;
mod verify;
mod why_alive;

use crate::args::store::{Keepers, Root, Store as Arguments, Verb};
use crate::cmd::check::fail;
use crate::exit::Exit;
use crate::places::{self, Homeless};
use crate::ui::{Ui, shown};
use punix_diag::{Diagnostic, SourceMap};
use punix_store::{Asking, CollectError, Holder, LockError, Place, SharedLock, Store, StoreName};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long those wait who only look, while somebody collects.
const LOOK_WAIT: Duration = Duration::from_secs(60);

pub(crate) fn run(ui: &Ui, args: &Arguments) -> Exit {
    let done = match &args.verb {
        Verb::Path(args) => path::run(ui, args),
        Verb::Info(args) => info::run(ui, args),
        Verb::List(args) => list::run(ui, args),
        Verb::Verify(args) => verify::run(ui, args),
        Verb::Repair(args) => repair::run(ui, args),
        Verb::Gc(args) => gc::run(ui, args),
        Verb::WhyAlive(args) => why_alive::run(ui, args),
    };
    done.unwrap_or_else(|stopped| stopped.tell(ui))
}

/// What keeps a verb from its result.
enum Stopped {
    /// The store, its lock or its roots.
    By(Box<Diagnostic>),
    /// The command line.
    Usage { message: String, help: String },
    /// It was told already.
    Told(Exit),
}

impl Stopped {
    fn tell(self, ui: &Ui) -> Exit {
        match self {
            Stopped::By(diagnostic) => fail(ui, &[*diagnostic], 0, &SourceMap::default()),
            Stopped::Usage { message, help } => ui.refuse(&message, Some(&help)),
            Stopped::Told(exit) => exit,
        }
    }
}

impl<E: Into<Diagnostic>> From<E> for Stopped {
    fn from(error: E) -> Stopped {
        Stopped::By(Box::new(error.into()))
    }
}

fn disk(error: io::Error) -> Stopped {
    CollectError::Disk(error).into()
}

fn homeless(homeless: Homeless) -> Stopped {
    Stopped::Usage { message: homeless.message(), help: homeless.help() }
}

fn find(root: &Root) -> Result<Store, Stopped> {
    let root = places::store(root.store_root.as_deref()).map_err(homeless)?;
    Ok(Store::find(&root)?)
}

/// Opens the store, and says where to look for what keeps something of it.
fn find_with_places(root: &Root, keepers: &Keepers) -> Result<(Store, Vec<Place>), Stopped> {
    let mut places = places::deployments(&keepers.deployments_root).map_err(homeless)?;
    places.extend(places::profiles(keepers.profile_root.as_deref()).map_err(homeless)?);
    let store = find(root)?;
    places.extend(places::beside(store.root()));
    Ok((store, places))
}

/// Keeps collections out while somebody looks. Who may not write to the store looks without that.
fn share(ui: &Ui, store: &Store, command: &str) -> Result<Option<SharedLock>, Stopped> {
    let tell = |holders: &[Holder]| tell(ui, store, holders);
    match store.share(Asking { command, wait: LOOK_WAIT, tell: &tell }) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Io { error, .. })
            if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Says for whom we wait.
fn tell(ui: &Ui, store: &Store, holders: &[Holder]) {
    let root = shown(store.root());
    if holders.is_empty() {
        ui.say(&format!("waiting for the store {root}"));
    }
    for holder in holders {
        let command = shown(Path::new(&holder.command));
        ui.say(&format!("waiting for the store {root}: process {} uses it (`{command}`)", holder.process));
    }
}

/// Finds the entries that somebody means; all of them, if none is named.
fn chosen(store: &Store, given: &[PathBuf]) -> Result<Vec<StoreName>, Stopped> {
    if given.is_empty() {
        return store.list().map_err(disk);
    }
    let mut names = given.iter().map(|path| entry(store, path)).collect::<Result<Vec<_>, _>>()?;
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Finds the entry that somebody means: by its name, by a path to it or into it, or by a link to that.
fn entry(store: &Store, given: &Path) -> Result<StoreName, Stopped> {
    if let Some(Ok(name)) = given.to_str().map(StoreName::parse) {
        return Ok(name);
    }
    let whole = std::path::absolute(given).ok();
    let found = whole.and_then(|path| entry_on(store, &path));
    let found = found.or_else(|| entry_on(store, &std::fs::canonicalize(given).ok()?));
    found.ok_or_else(|| Stopped::Usage {
        message: format!("`{}` leads to no artifact of the store `{}`", given.display(), store.root().display()),
        help: "`punix store list` names them".to_owned(),
    })
}

fn entry_on(store: &Store, path: &Path) -> Option<StoreName> {
    path.ancestors().find_map(|path| {
        let name = StoreName::parse(path.file_name()?.to_str()?).ok()?;
        let root = std::fs::canonicalize(path.parent()?).ok()?;
        (root == store.root()).then_some(name)
    })
}
