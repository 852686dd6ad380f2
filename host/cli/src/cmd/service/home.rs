//! Whose home it is, and what follows from that: where user units are, and where a user's stack may write.

use super::Stopped;
use super::site::Site;
use crate::args::service::reach::Units;
use punix_model::{Facts, Scope};
use punix_target::{Boundary, Machine, PathIssue, TargetPath};
use std::path::Path;

/// The home of whoever runs this, if it is known.
pub(super) struct Home(Option<String>);

impl Home {
    /// Finds the home. Where links lead to it, it is meant where it really is: that is where files are found to be.
    pub(super) fn of_this_user() -> Home {
        let named = std::env::var("HOME").ok().filter(|home| home.starts_with('/'));
        let real = |home: String| match std::fs::canonicalize(&home) {
            Ok(real) => real.into_os_string().into_string().unwrap_or(home),
            Err(_) => home,
        };
        Home(named.map(real))
    }

    /// Returns the home of whoever acts on another machine.
    pub(super) fn of(machine: &Machine) -> Home {
        Home(machine.home.clone().filter(|home| home.starts_with('/')))
    }

    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Reads where units are.
    pub(super) fn unit_dir(&self, units: &Units) -> Result<Option<TargetPath>, Stopped> {
        let Some(text) = &units.unit_dir else { return Ok(None) };
        let whole = match (text.strip_prefix("~/"), self.text()) {
            (Some(rest), Some(home)) => format!("{home}/{rest}"),
            (Some(_), None) => return Err(Stopped::usage("`~` in `--unit-dir` needs a home", "set HOME")),
            (None, _) => text.clone(),
        };
        match TargetPath::parse(whole.trim_end_matches('/')) {
            Ok(path) => Ok(Some(path)),
            Err(issue) => {
                let message = format!("`--unit-dir {text}` is no directory for units: {issue}");
                Err(Stopped::usage(message, "write an absolute path"))
            }
        }
    }

    /// Returns where the files of a stack may be.
    pub(super) fn boundary(
        &self,
        scope: Scope,
        stack: &str,
        unit_dir: Option<&TargetPath>,
    ) -> Result<Boundary, Stopped> {
        let boundary = match scope {
            Scope::System => Boundary::system(stack, unit_dir),
            Scope::User => {
                let home = self.text().ok_or_else(|| Stopped::usage("a user's stack needs a home", "set HOME"))?;
                Boundary::user(stack, &TargetPath::parse(home.trim_end_matches('/')).map_err(no_home)?, unit_dir)
            }
        };
        boundary.map_err(no_home)
    }
}

impl Site<'_> {
    /// Returns what is known of the target. How it starts services is asked where something is started.
    pub(super) fn facts(&self) -> Facts {
        let system = self.machine.as_ref().and_then(|machine| machine.system.split_once('-'));
        let (arch, os) = system.unwrap_or((std::env::consts::ARCH, std::env::consts::OS));
        Facts {
            os: os.to_owned(),
            arch: arch.to_owned(),
            init_version: String::new(),
            home: self.home.0.clone(),
            attributes: Vec::new(),
        }
    }

    /// Denies what is punix's own on a target: its deployments, and the store.
    pub(super) fn without_ours(&self, boundary: Boundary, store_root: Option<&Path>) -> Boundary {
        let store = store_root.and_then(|path| TargetPath::parse(path.to_str()?.trim_end_matches('/')).ok());
        let named = self.place.deployments.as_deref();
        let named = named.and_then(|path| TargetPath::parse(path.to_str()?.trim_end_matches('/')).ok());
        // As it was named, and as it really is.
        let ours = [Some(self.door.layout().root().clone()), named, store];
        ours.into_iter().flatten().fold(boundary, Boundary::without)
    }
}

fn no_home(issue: PathIssue) -> Stopped {
    Stopped::usage(format!("HOME is no directory for a user's stack: {issue}"), "set HOME to an absolute path")
}
