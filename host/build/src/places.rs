//! Where things are for a build, inside the sandbox and without one, and the environment that says so.

use crate::limits::SOURCE_MODIFIED;
use crate::recipe::Dependency;
use crate::sandbox::Isolation;
use punix_store::Derivation;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Directories of the work directory.
pub(crate) const WORK: [&str; 3] = ["source", "tmp", "home"];
/// Where the system has programs that a build can use.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The places of one build.
pub(crate) struct Places<'i> {
    pub(crate) isolation: &'i Isolation,
    /// The work directory, from outside.
    pub(crate) work: PathBuf,
    /// Where the output is made, from outside.
    pub(crate) staged: PathBuf,
    /// Where it will be.
    pub(crate) entry: PathBuf,
}

impl Places<'_> {
    /// Returns the work directory as the build sees it.
    pub(crate) fn work(&self) -> PathBuf {
        match self.isolation {
            Isolation::Namespaces { .. } => PathBuf::from("/build"),
            Isolation::None => self.work.clone(),
        }
    }

    /// Returns the output directory as the build sees it: inside the sandbox it is where it will be.
    pub(crate) fn output(&self) -> PathBuf {
        match self.isolation {
            Isolation::Namespaces { .. } => self.entry.clone(),
            Isolation::None => self.staged.clone(),
        }
    }

    /// Returns the whole environment of a build. Nothing of the caller's own is in it.
    pub(crate) fn environment(
        &self,
        derivation: &Derivation,
        direct: &[Dependency],
        cores: usize,
    ) -> BTreeMap<OsString, OsString> {
        let work = self.work();
        let temporary = work.join("tmp").into_os_string();
        let mut path = OsString::new();
        for dependency in direct {
            path.push(dependency.path.join("bin"));
            path.push(":");
        }
        path.push(SYSTEM_PATH);
        let shell = OsString::from(shell());
        let mut environment: BTreeMap<OsString, OsString> = BTreeMap::new();
        let mut set = |name: &str, value: OsString| environment.insert(name.into(), value);
        set("PATH", path);
        set("HOME", work.join("home").into());
        for name in ["TMPDIR", "TMP", "TEMP"] {
            set(name, temporary.clone());
        }
        set("SOURCE", work.join("source").into());
        set("OUTPUT", self.output().into());
        set("FINAL_STORE_PATH", self.entry.clone().into());
        set("PUNIX_ARCH", derivation.parts().system.clone().into());
        set("NIX_BUILD_CORES", cores.to_string().into());
        set("MAKEFLAGS", format!("-j{cores}").into());
        for name in ["USER", "LOGNAME"] {
            set(name, "builder".into());
        }
        set("SHELL", shell);
        set("TERM", "dumb".into());
        set("LC_ALL", "C.UTF-8".into());
        set("TZ", "UTC".into());
        set("SOURCE_DATE_EPOCH", SOURCE_MODIFIED.to_string().into());
        for (index, dependency) in direct.iter().enumerate() {
            set(&format!("DEP_{index}"), dependency.path.clone().into());
            set(&format!("DEP_{index}_NAME"), dependency.name.clone().into());
        }
        environment
    }
}

/// Returns the shell that runs scripts.
pub(crate) fn shell() -> &'static str {
    let there = ["/bin/bash", "/usr/bin/bash"].into_iter().find(|path| Path::new(path).exists());
    there.unwrap_or("/bin/sh")
}
