//! Where the submodules of a commit lie, as its file `.gitmodules` says. `git` reads the file; nothing in it is run.

use super::commit::Commit;
use super::error::GitError;
use super::export::Exported;
use super::program::Git;
use super::repository::Repository;
use super::url::GitUrl;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What is said about one submodule.
#[derive(Default)]
pub(super) struct Declared {
    path: Vec<u8>,
    url: Option<String>,
    /// Whether it is not wanted: `update = none`.
    is_left: bool,
}

/// Reads what a commit says about its submodules.
pub(super) fn declared(
    git: &Git<'_>,
    repository: &Repository,
    commit: &Commit,
    exported: &Exported,
) -> Result<Vec<Declared>, GitError> {
    if !exported.declares {
        return Ok(Vec::new());
    }
    let run = repository.looking("read `.gitmodules`");
    let blob = format!("--blob={commit}:.gitmodules");
    let listed = git.run(&run, &["config", "--no-includes", &blob, "--null", "--list"].map(OsStr::new))?;
    let mut all: BTreeMap<Vec<u8>, Declared> = BTreeMap::new();
    for setting in listed.split(|byte| *byte == 0) {
        let line = setting.iter().position(|byte| *byte == b'\n').unwrap_or(setting.len());
        let (key, value) = (&setting[..line], setting.get(line + 1..).unwrap_or_default());
        let Some(key) = key.strip_prefix(b"submodule.") else { continue };
        let Some(dot) = key.iter().rposition(|byte| *byte == b'.') else { continue };
        let declared = all.entry(key[..dot].to_owned()).or_default();
        match &key[dot + 1..] {
            b"path" => declared.path = value.to_owned(),
            b"url" => declared.url = String::from_utf8(value.to_owned()).ok(),
            b"update" => declared.is_left = value == b"none",
            _ => {}
        }
    }
    Ok(all.into_values().collect())
}

/// Returns where a submodule lies, or `None` if the repository itself does not want it.
pub(super) fn url(above: &GitUrl, declared: &[Declared], path: &Path) -> Result<Option<GitUrl>, GitError> {
    let shown = || path.as_os_str().to_string_lossy().escape_debug().to_string();
    let found = declared.iter().find(|declared| Path::new(OsStr::from_bytes(&declared.path)) == path);
    let text = match found {
        Some(Declared { is_left: true, .. }) => return Ok(None),
        Some(Declared { url: Some(url), .. }) => url,
        Some(Declared { url: None, .. }) | None => return Err(GitError::SubmoduleWithoutUrl { path: shown() }),
    };
    above.submodule(text).map(Some).map_err(|error| GitError::Submodule { path: shown(), error })
}
