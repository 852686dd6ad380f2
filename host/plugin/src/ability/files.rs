//! Which file a plugin means, and whether it may have it. Only names are compared here; that links do not lead elsewhere
//! is seen to where files are opened (`outside/files.rs`).

use crate::limits::PATH_BYTES_MAX;
use crate::outside::{BelowPath, FileFault, FilePlace};
use crate::policy::FilesAccess;
use crate::word::{AbsolutePath, cut};
use punix_model::{Class, PluginError};
use std::collections::BTreeSet;
use std::path::{Component, Path};

/// The root below which paths are references.
pub(crate) const REFERENCE: &str = "reference";

/// What the plugin wants to do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Open,
    Look,
    List,
    Replace,
}

/// A place that may be gone to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) place: FilePlace,
    /// The plugin may also write there.
    pub(crate) write: bool,
}

/// What references are, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct References<'a> {
    pub(crate) all: &'a BTreeSet<String>,
    /// Where relative ones begin.
    pub(crate) base: &'a Path,
}

/// Why a file is not for the plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FilesError {
    #[error("`{text}` is not a path below a root: names with `/` between them, and no `.` or `..`")]
    Path { text: String },
    #[error("the root `{root}` is not granted")]
    Root { root: String },
    #[error("`{path}` below `{root}` is outside of what is granted")]
    Within { root: String, path: String },
    #[error("the root `{root}` is not granted for writing")]
    Write { root: String },
    #[error("`{text}` is no reference of this call to a file that is granted")]
    Reference { text: String },
    #[error("references are opened and looked at, and nothing else")]
    OnlyOpened,
    #[error("the mode {mode:o} is refused: it has to be below 1000, and nobody but the owner writes")]
    Mode { mode: u32 },
}

/// Returns the place that is meant, if the plugin may do there what it wishes.
pub(crate) fn place(
    granted: &[FilesAccess],
    references: References<'_>,
    (root, path): (&str, &str),
    wish: Wish,
) -> Result<Granted, FilesError> {
    if root == REFERENCE {
        return match wish {
            Wish::Open | Wish::Look => reference(granted, references, path),
            Wish::List | Wish::Replace => Err(FilesError::OnlyOpened),
        };
    }
    let path = BelowPath::parse(path).ok_or_else(|| FilesError::Path { text: cut(path) })?;
    let mut of_root = granted.iter().filter(|access| access.root.as_str() == root).peekable();
    if of_root.peek().is_none() {
        return Err(FilesError::Root { root: cut(root) });
    }
    let reached: Vec<&FilesAccess> = of_root.filter(|access| holds(access, &path)).collect();
    let Some(first) = reached.first() else {
        return Err(FilesError::Within { root: cut(root), path: cut(path.as_str()) });
    };
    let write = reached.iter().find(|access| access.write);
    let access = match (wish, write) {
        (Wish::Replace, None) => return Err(FilesError::Write { root: cut(root) }),
        (Wish::Replace, Some(access)) => access,
        (Wish::Open | Wish::Look | Wish::List, _) => first,
    };
    let place = FilePlace::Below { root: access.path.clone(), within: access.within.clone(), path };
    Ok(Granted { place, write: write.is_some() })
}

/// Returns the file that a reference means: relative ones begin at `base`, and `..` is taken away by name. What is granted
/// for references is computed with this, and compared with this.
pub(crate) fn referred(base: &Path, reference: &str) -> Option<AbsolutePath> {
    let joined = base.join(reference);
    let mut names: Vec<&str> = Vec::new();
    for part in joined.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => drop(names.pop()),
            Component::Normal(name) => names.push(name.to_str()?),
            Component::Prefix(_) => return None,
        }
    }
    let sound = !reference.is_empty() && joined.is_absolute();
    if sound { AbsolutePath::parse(&format!("/{}", names.join("/"))).ok() } else { None }
}

/// Returns the bits of a mode that a file may be given.
pub(crate) fn mode(mode: u32) -> Result<u32, FilesError> {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    match mode & !0o777 == 0 && mode & WRITABLE_BY_OTHERS == 0 {
        true => Ok(mode),
        false => Err(FilesError::Mode { mode }),
    }
}

fn reference(granted: &[FilesAccess], references: References<'_>, text: &str) -> Result<Granted, FilesError> {
    let known = references.all.contains(text);
    let path = referred(references.base, text).filter(|_| known && text.len() <= PATH_BYTES_MAX);
    let meant = |path: &AbsolutePath| {
        let of_root = granted.iter().filter(|access| access.root.as_str() == REFERENCE);
        of_root.into_iter().any(|access| access.path == *path && path.is_within(&access.within))
    };
    match path.filter(meant) {
        Some(path) => Ok(Granted { place: FilePlace::Referred(path), write: false }),
        None => Err(FilesError::Reference { text: cut(text) }),
    }
}

/// Tells whether a path below a root is within what is granted of the root.
fn holds(access: &FilesAccess, path: &BelowPath) -> bool {
    path.joined(&access.path)
        .strip_prefix(access.within.as_str().trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl FilesError {
    fn class_and_code(&self) -> (Class, &'static str) {
        match self {
            FilesError::Path { .. } => (Class::InvalidInput, "files.path"),
            FilesError::Root { .. } => (Class::Denied, "files.not-granted"),
            FilesError::Within { .. } => (Class::Denied, "files.outside"),
            FilesError::Write { .. } => (Class::Denied, "files.read-only"),
            FilesError::Reference { .. } | FilesError::OnlyOpened => (Class::Denied, "files.reference"),
            FilesError::Mode { .. } => (Class::InvalidInput, "files.mode"),
        }
    }
}

impl From<FilesError> for PluginError {
    fn from(error: FilesError) -> PluginError {
        let (class, code) = error.class_and_code();
        super::told(class, code, &error)
    }
}

/// Tells what happened to a file, by the name that the plugin has for it.
pub(crate) fn failed(root: &str, path: &str, fault: &FileFault) -> PluginError {
    let (class, code) = match fault {
        FileFault::Absent => (Class::NotFound, "files.absent"),
        FileFault::Permission => (Class::Denied, "files.permission"),
        FileFault::Outside => (Class::Denied, "files.outside"),
        FileFault::System => (Class::Denied, "files.system"),
        FileFault::Loop => (Class::InvalidInput, "files.loop"),
        FileFault::Directory => (Class::InvalidInput, "files.directory"),
        FileFault::NotDirectory => (Class::InvalidInput, "files.not-directory"),
        FileFault::Fifo => (Class::InvalidInput, "files.fifo"),
        FileFault::Socket => (Class::InvalidInput, "files.socket"),
        FileFault::Device => (Class::InvalidInput, "files.device"),
        FileFault::TooLarge { .. } => (Class::Permanent, "files.too-large"),
        FileFault::TooMany { .. } => (Class::Permanent, "files.too-many"),
        FileFault::Changing => (Class::Transient, "files.changing"),
        FileFault::Late => (Class::Transient, "files.late"),
        FileFault::Io { .. } => (Class::Permanent, "files.io"),
    };
    let name = if root == REFERENCE { cut(path) } else { cut(&format!("{root}/{path}")) };
    super::told(class, code, &format_args!("`{name}` {fault}"))
}

#[cfg(test)]
mod tests;
