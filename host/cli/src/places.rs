//! Where things are when nobody says: from flags, else the environment, else the home directory. Every verb asks here, so
//! that all of them mean the same store.

use crate::exit::Exit;
use crate::ui::Ui;
use punix_store::{Keeper, Origin, Place};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What is ours in a home.
const HOME_DIRECTORY: &str = ".punix";
const STORE_VARIABLE: &str = "PUNIX_STORE_DIR";
const CACHE_VARIABLE: &str = "PUNIX_CACHE_DIR";
const PLUGIN_VARIABLE: &str = "PUNIX_PLUGIN_DIR";
const STATE_VARIABLE: &str = "XDG_STATE_HOME";
const DEPLOYMENTS_VARIABLE: &str = "PUNIX_DEPLOYMENTS_DIR";

/// Nothing says where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Homeless {
    what: &'static str,
    ways: &'static str,
}

impl Homeless {
    /// Returns what is wrong.
    pub(crate) fn message(&self) -> String {
        format!("it is not known where {}: HOME is not set", self.what)
    }

    /// Returns what to do.
    pub(crate) fn help(&self) -> String {
        format!("set HOME, or give {}", self.ways)
    }

    /// Says so, and ends the command.
    pub(crate) fn refuse(&self, ui: &Ui) -> Exit {
        ui.refuse(&self.message(), Some(&self.help()))
    }
}

/// Returns where the store is.
pub(crate) fn store(named: Option<&Path>) -> Result<PathBuf, Homeless> {
    let missing = Homeless { what: "the store is", ways: "`--store-root` or PUNIX_STORE_DIR" };
    let usual = || variable(STORE_VARIABLE).or_else(|| Some(home()?.join("store")));
    named.map(Path::to_owned).or_else(usual).ok_or(missing)
}

/// Returns where downloads are kept.
pub(crate) fn cache(named: Option<&Path>) -> Result<PathBuf, Homeless> {
    let missing = Homeless { what: "downloads are kept", ways: "`--cache-dir` or PUNIX_CACHE_DIR" };
    let usual = || variable(CACHE_VARIABLE).or_else(|| Some(home()?.join("cache")));
    named.map(Path::to_owned).or_else(usual).ok_or(missing)
}

/// Returns where the components of plugins are kept.
pub(crate) fn plugins(named: Option<&Path>) -> Result<PathBuf, Homeless> {
    let missing = Homeless { what: "plugins are kept", ways: "`--plugin-dir` or PUNIX_PLUGIN_DIR" };
    let usual = || variable(PLUGIN_VARIABLE).or_else(|| Some(home()?.join("plugins")));
    named.map(Path::to_owned).or_else(usual).ok_or(missing)
}

/// Returns where compiled plugins are kept, and where the key is by which they are known to be ours. The key lies elsewhere:
/// whoever copies or shares the one does not do so with the other. Without a home nothing is kept.
pub(crate) fn compiled() -> Option<(PathBuf, PathBuf)> {
    let named = variable(STATE_VARIABLE).filter(|path| path.is_absolute());
    let state = named.or_else(|| Some(variable("HOME")?.join(".local/state")))?;
    Some((absolute(home()?.join("compiled")), absolute(state.join("punix/cache.key"))))
}

/// Returns where generations are looked for: those that are named, beside the usual one. More places only ever keep more.
pub(crate) fn deployments(named: &[PathBuf]) -> Result<Vec<Place>, Homeless> {
    let missing = Homeless { what: "generations are recorded", ways: "`--deployments-root` or PUNIX_DEPLOYMENTS_DIR" };
    let usual = variable(DEPLOYMENTS_VARIABLE).or_else(|| Some(home()?.join("deployments")));
    all(Keeper::Deployments, named, usual).ok_or(missing)
}

/// Returns where generations are recorded on a target, for verbs that work on one place.
pub(crate) fn deployments_root(named: Option<&Path>) -> Result<PathBuf, Homeless> {
    let missing = Homeless { what: "generations are recorded", ways: "`--deployments-root` or PUNIX_DEPLOYMENTS_DIR" };
    named_deployments_root(named).or_else(|| Some(home()?.join("deployments"))).ok_or(missing)
}

/// The same, where no home is known: nothing if nobody says it.
pub(crate) fn named_deployments_root(named: Option<&Path>) -> Option<PathBuf> {
    let named = named.filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned);
    named.or_else(|| variable(DEPLOYMENTS_VARIABLE))
}

/// Returns where profiles are looked for: the named directory, beside the usual one.
pub(crate) fn profiles(named: Option<&Path>) -> Result<Vec<Place>, Homeless> {
    let missing = Homeless { what: "profiles are", ways: "`--profile-root`" };
    let named: Vec<PathBuf> = named.map(Path::to_owned).into_iter().collect();
    all(Keeper::Profile, &named, home()).ok_or(missing)
}

/// Returns where the generations and profiles of a store's owner are, if it is in a home as usual. Somebody else may tend
/// it, with another home or another environment.
pub(crate) fn beside(store: &Path) -> Vec<Place> {
    let Some(home) = store.parent().filter(|home| home.file_name().is_some_and(|name| name == HOME_DIRECTORY)) else {
        return Vec::new();
    };
    let places = [(Keeper::Deployments, home.join("deployments")), (Keeper::Profile, home.to_owned())];
    places.map(|(keeper, path)| Place { keeper, path, origin: Origin::Usual }).into()
}

fn all(keeper: Keeper, named: &[PathBuf], usual: Option<PathBuf>) -> Option<Vec<Place>> {
    let named = named.iter().map(|path| (path.clone(), Origin::Named));
    let places = named.chain(usual.map(|path| (path, Origin::Usual)));
    let places: Vec<Place> = places.map(|(path, origin)| Place { keeper, path: absolute(path), origin }).collect();
    (!places.is_empty()).then_some(places)
}

fn home() -> Option<PathBuf> {
    Some(variable("HOME")?.join(HOME_DIRECTORY))
}

/// Returns a path from the environment; an empty one is as good as none.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from)
}

/// Makes a path whole that is to be shown. What cannot be made so is left as it is.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
