//! Which target is meant, and where on it deployments are recorded. What a target calls its paths is told apart from where
//! these are on this machine.

use super::Stopped;
use super::remote::Remote;
use crate::args::service::reach::Reach;
use crate::places;
use crate::ui::shown;
use punix_diag::{Code, Diagnostic};
use punix_disk::RealDisk;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where a deploy is rehearsed that names no root.
const REHEARSAL: &str = ".dry-run";

/// A target on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The directory that is its `/`.
    pub(super) root: PathBuf,
    /// Where its deployments are, as it would name that itself.
    pub(super) deployments: PathBuf,
    /// As the user knows the root, if it is not `/`.
    pub(super) named: Option<PathBuf>,
}

impl Place {
    /// Tells whether the target is this machine itself, and not a directory of it.
    pub(super) fn is_here(&self) -> bool {
        self.named.is_none()
    }

    /// Opens the root, which has to be there.
    pub(super) fn open(&self) -> Result<RealDisk, Stopped> {
        RealDisk::open(&self.root).map_err(|error| self.unreachable(&error))
    }

    /// Opens the root, and makes it if there is none: a scratch root may be new.
    pub(super) fn open_or_make(&self) -> Result<RealDisk, Stopped> {
        if !self.is_here() {
            std::fs::create_dir_all(&self.root).map_err(|error| self.unreachable(&error))?;
        }
        self.open()
    }

    fn unreachable(&self, error: &std::io::Error) -> Stopped {
        let root = shown(self.named.as_deref().unwrap_or(&self.root));
        let refused = |message: String| {
            let refusal = Diagnostic::error(Code::E31, message);
            Stopped::By(vec![refusal.help("`--transport-root` names the directory to which something was deployed")])
        };
        match error.kind() {
            ErrorKind::NotFound => refused(format!("there is no directory `{root}`")),
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
        let remote = Remote::parse(target)?;
        let message = format!("`{remote}` cannot be reached: this version deploys to this machine only");
        return Err(Stopped::usage(message, "run punix there, or use `--transport-root`"));
    }
    for (option, given) in [("--key", &reach.key), ("--known-hosts", &reach.known_hosts)] {
        if given.is_some() {
            return Err(Stopped::usage(format!("`{option}` is for another machine"), "name it with `--target`"));
        }
    }
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
        return Ok(Place { root: PathBuf::from("/"), deployments: absolute(&deployments), named: None });
    }
    Ok(Place { root, deployments: Path::new("/").join(deployments), named })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(deployments: &str, root: Option<&str>) -> Reach {
        Reach {
            deployments_root: Some(deployments.into()),
            transport_root: root.map(PathBuf::from),
            target: None,
            key: None,
            known_hosts: None,
            wait: 0,
        }
    }

    fn found(deployments: &str, root: Option<&str>, is_rehearsal: bool) -> (String, String, Option<String>) {
        let place = place(&reach(deployments, root), is_rehearsal).unwrap();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        (text(&place.root), text(&place.deployments), place.named.as_deref().map(text))
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
        assert!(place(&Reach { target: Some("ssh://h".to_owned()), ..reach("/d", None) }, false).is_err());
        assert!(place(&Reach { key: Some("k".into()), ..reach("/d", None) }, false).is_err());
        assert!(place(&reach("/d", Some("")), false).is_err());
        assert!(place(&reach("/d", Some("/")), true).is_err());
    }
}
