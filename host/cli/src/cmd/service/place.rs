//! Which target is meant, and where on it deployments are recorded. What a target calls its paths is told apart from where
//! these are on this machine.

use super::Stopped;
use crate::args::service::reach::{Reach, Way as WayArguments};
use crate::places;
use crate::ui::shown;
use crate::way::{Remote, WayOptions};
use punix_diag::{Code, Diagnostic};
use punix_disk::RealDisk;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where a deploy is rehearsed that names no root.
const REHEARSAL: &str = ".dry-run";

/// A target.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The directory that is its `/`.
    pub(super) root: PathBuf,
    /// Where its deployments are, as it would name that itself. By itself, in the home of whoever acts there; on this
    /// machine that is known.
    pub(super) deployments: Option<PathBuf>,
    /// As the user knows the root, if it is not `/`.
    pub(super) named: Option<PathBuf>,
    pub(super) by: By,
}

/// Who works on a target.
#[derive(Debug, Clone)]
pub(super) enum By {
    /// This process.
    Hand,
    /// A program of this machine.
    Program(PathBuf),
    /// A program of another machine.
    Way(Remote, WayOptions),
}

impl Place {
    /// Tells whether the target is a machine, and not a directory of one.
    pub(super) fn is_machine(&self) -> bool {
        self.named.is_none()
    }

    /// Tells whether the target is another machine.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self.by, By::Way(..))
    }

    /// Opens the root, which has to be there.
    pub(super) fn open(&self) -> Result<RealDisk, Stopped> {
        RealDisk::open(&self.root).map_err(|error| self.unreachable(&error))
    }

    /// Opens the root, and makes it if there is none: a scratch root may be new.
    pub(super) fn open_or_make(&self) -> Result<RealDisk, Stopped> {
        if !self.is_machine() {
            std::fs::create_dir_all(&self.root).map_err(|error| self.unreachable(&error))?;
        }
        self.open()
    }

    /// Tells whether there is nothing at all where the root would be.
    pub(super) fn is_nowhere(&self) -> bool {
        !self.is_machine() && std::fs::metadata(&self.root).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    }

    /// Says so.
    pub(super) fn nowhere(&self) -> String {
        format!("there is no directory `{}`", self.shown())
    }

    /// Returns the root as the user knows it.
    fn shown(&self) -> String {
        shown(self.named.as_deref().unwrap_or(&self.root))
    }

    fn unreachable(&self, error: &std::io::Error) -> Stopped {
        let root = self.shown();
        let refused = |message: String| {
            let refusal = Diagnostic::error(Code::E31, message);
            Stopped::By(vec![refusal.help("`--transport-root` names the directory to which something was deployed")])
        };
        match error.kind() {
            ErrorKind::NotFound => refused(self.nowhere()),
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => refused(format!("`{root}` is no directory")),
            _ => {
                let message = format!("the root `{root}` cannot be used: {error}");
                Stopped::World(vec![Diagnostic::error(Code::E31, message).note("nothing was changed")])
            }
        }
    }
}

/// Refuses what names two targets at once.
pub(super) fn exclusive(reach: &Reach) -> Result<(), Stopped> {
    match (&reach.target, &reach.transport_root) {
        (Some(_), Some(_)) => {
            let message = "--target and --transport-root are mutually exclusive (remote vs. local filesystem)";
            Err(Stopped::usage(message, "give one of them"))
        }
        (Some(_) | None, _) => Ok(()),
    }
}

/// Finds the target.
pub(super) fn place(reach: &Reach, is_rehearsal: bool) -> Result<Place, Stopped> {
    exclusive(reach)?;
    if let Some(target) = &reach.target {
        return elsewhere(reach, Remote::parse(target)?);
    }
    let way = &reach.way;
    let given = [
        ("--key", way.key.is_some()),
        ("--known-hosts", way.known_hosts.is_some()),
        ("--become", way.becomes.is_some()),
    ];
    for (option, given) in given {
        if given {
            return Err(Stopped::usage(format!("`{option}` is for another machine"), "name it with `--target`"));
        }
    }
    let by = reach.way.target_bin.clone().map_or(By::Hand, By::Program);
    let deployments = places::deployments_root(reach.deployments_root.as_deref()).map_err(Stopped::from)?;
    if reach.transport_root.as_ref().is_some_and(|root| root.as_os_str().is_empty()) {
        return Err(Stopped::usage("`--transport-root` is empty", "name a directory"));
    }
    let named = match (&reach.transport_root, is_rehearsal) {
        (Some(root), _) => Some(root.clone()),
        (None, true) => Some(deployments.join(REHEARSAL)),
        (None, false) => None,
    };
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let root = named.as_deref().map_or_else(|| PathBuf::from("/"), absolute);
    // A root that leads to `/` is as good as none.
    if std::fs::canonicalize(&root).is_ok_and(|root| root == Path::new("/")) {
        if is_rehearsal {
            let message = "a dry run writes, and `/` is no place to rehearse in";
            return Err(Stopped::usage(message, "name another directory, or leave `--transport-root` out"));
        }
        return Ok(Place { root: PathBuf::from("/"), deployments: Some(absolute(&deployments)), named: None, by });
    }
    Ok(Place { root, deployments: Some(Path::new("/").join(deployments)), named, by })
}

/// Finds the target of a plan that was kept.
pub(super) fn of_plan(target: &str, deployments: &str, way: &WayArguments) -> Result<Place, Stopped> {
    let deployments = Some(PathBuf::from(deployments));
    let root = PathBuf::from(target);
    if !root.is_absolute() {
        let by = By::Way(Remote::parse(target)?, options(way));
        return Ok(Place { root: PathBuf::from("/"), deployments, named: None, by });
    }
    let named = (target != "/").then(|| root.clone());
    let by = way.target_bin.clone().map_or(By::Hand, By::Program);
    Ok(Place { root, deployments, named, by })
}

fn options(way: &WayArguments) -> WayOptions {
    WayOptions {
        key: way.key.clone(),
        known_hosts: way.known_hosts.clone(),
        target_bin: way.target_bin.clone(),
        becomes: way.becomes,
    }
}

/// Finds a target that is another machine. Where its deployments are it knows itself, if nobody says it.
fn elsewhere(reach: &Reach, remote: Remote) -> Result<Place, Stopped> {
    let deployments = places::named_deployments_root(reach.deployments_root.as_deref());
    if let Some(relative) = deployments.as_deref().filter(|path| !path.is_absolute()) {
        let message = format!("`{}` is no place for deployments on another machine", shown(relative));
        return Err(Stopped::usage(message, "write a whole path after `--deployments-root`"));
    }
    Ok(Place { root: PathBuf::from("/"), deployments, named: None, by: By::Way(remote, options(&reach.way)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(deployments: &str, root: Option<&str>) -> Reach {
        Reach {
            deployments_root: Some(deployments.into()),
            transport_root: root.map(PathBuf::from),
            target: None,
            way: WayArguments { key: None, known_hosts: None, target_bin: None, becomes: None },
            wait: 0,
        }
    }

    fn found(deployments: &str, root: Option<&str>, is_rehearsal: bool) -> (String, String, Option<String>) {
        let place = place(&reach(deployments, root), is_rehearsal).unwrap();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        (text(&place.root), place.deployments.as_deref().map(text).unwrap(), place.named.as_deref().map(text))
    }

    #[test]
    fn deployments_are_below_the_targets_root() {
        let owned = |root: &str, at: &str, named: &str| (root.to_owned(), at.to_owned(), Some(named.to_owned()));
        assert_eq!(found("/deploy", Some("/t/host"), false), owned("/t/host", "/deploy", "/t/host"));
        assert_eq!(found("rel/deploy", Some("/t/host"), true), owned("/t/host", "/rel/deploy", "/t/host"));
        assert_eq!(found("/d", None, true), owned("/d/.dry-run", "/d", "/d/.dry-run"));
    }

    #[test]
    fn without_a_root_it_is_this_machine() {
        let here = ("/".to_owned(), "/deploy".to_owned(), None);
        assert_eq!(found("/deploy", None, false), here);
        assert_eq!(found("/deploy", Some("/"), false), here);
    }

    #[test]
    fn two_targets_or_another_machine_are_refused() {
        let both = Reach { target: Some("ssh://h".to_owned()), ..reach("/d", Some("/t")) };
        assert!(place(&both, false).is_err());
        assert!(place(&Reach { target: Some("ssh://h".to_owned()), ..reach("d", None) }, false).is_err());
        assert!(
            place(
                &Reach { way: WayArguments { key: Some("k".into()), ..reach("/d", None).way }, ..reach("/d", None) },
                false
            )
            .is_err()
        );
        assert!(place(&reach("/d", Some("")), false).is_err());
        assert!(place(&reach("/d", Some("/")), true).is_err());
    }
}
