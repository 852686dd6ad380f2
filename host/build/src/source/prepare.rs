//! Having a source: it lies in the build's work directory afterwards, and is what its digest says.
//!
//! Names and modes are the source's own, but modes are 0644 and 0755 and times are the same for all, whatever the umask
//! and the day; only archives bring times of their own. Nothing that is made here survives the build.

use super::copy::{CopyError, settle_directory};
#[cfg(feature = "fetch")]
use super::gather::{Means, gather};
use super::{Origin, Reference, Source, kept};
use crate::build::Sources;
#[cfg(feature = "fetch")]
use crate::fetch::FetchError;
use crate::fetch::UrlError;
#[cfg(feature = "fetch")]
use crate::git::GitError;
use crate::limits::PATCH_BYTES_MAX;
use crate::package::Package;
use crate::recipe::PatchFile;
#[cfg(feature = "fetch")]
use crate::unpack::UnpackError;
use punix_store::{Store, StoreName, TreeError};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
#[cfg(feature = "fetch")]
use std::sync::atomic::AtomicBool;

/// Why a source cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("`{}` changed while it was read", .path.display())]
    Changed { path: PathBuf },
    #[error("where its local source lies is not known here")]
    Unknown,
    #[cfg(feature = "fetch")]
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[cfg(feature = "fetch")]
    #[error("`{name}`, from {url}: {error}")]
    Unpack { name: String, url: String, error: UnpackError },
    #[error(transparent)]
    Url(#[from] UrlError),
    #[cfg(feature = "fetch")]
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the patch `{name}` has more than {PATCH_BYTES_MAX} bytes")]
    PatchTooLarge { name: String },
    #[error("the secret `{reference}` was not resolved")]
    Secret { reference: Reference },
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("cannot prepare the source in `{}`: {error}", .path.display())]
    Work { path: PathBuf, error: io::Error },
    #[error("its source was not brought")]
    NotBrought,
    #[error("what was brought as its source, `{name}`, is none: {what}")]
    NoSource { name: StoreName, what: &'static str },
    #[error("its source is made by a command, and other packages that this may use are built elsewhere")]
    Elsewhere,
}

/// What is needed to have sources.
#[derive(Clone, Copy)]
pub(crate) struct Having<'h> {
    pub(crate) store: &'h Store,
    pub(crate) sources: Sources<'h>,
    #[cfg(feature = "fetch")]
    pub(crate) stop: &'h AtomicBool,
    #[cfg(feature = "fetch")]
    pub(crate) told: &'h (dyn Fn(&str) + Sync),
}

/// A prepared source.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// In the order in which they are applied; the paths are relative to the work directory.
    pub(crate) patches: Vec<PatchFile>,
    /// Whether a command is still to make it.
    pub(crate) is_to_be_made: bool,
}

/// Fills `source` below the work directory, and puts patches beside it. What a command is to make is not made here.
pub(crate) fn prepare(package: &Package, work: &Path, having: Having<'_>) -> Result<Prepared, PrepareError> {
    let Source { origin, patches } = &package.source;
    let into = work.join("source");
    let prepared = match having.sources {
        #[cfg(feature = "fetch")]
        Sources::Fetched(fetching) => {
            let means = Means { fetching, stop: having.stop, told: having.told };
            let is_to_be_made = matches!(origin, Origin::FixedOutput(_));
            Prepared { patches: gather(package, work, means)?, is_to_be_made }
        }
        Sources::Kept(sources) => {
            let patches = match (origin, patches.is_empty(), sources.get(package.name())) {
                (Origin::Nothing, true, _) => Vec::new(),
                (_, _, Some(source)) => kept::take(having.store, source, patches, work)?,
                (_, _, None) => return Err(PrepareError::NotBrought),
            };
            Prepared { patches, is_to_be_made: false }
        }
    };
    settle_directory(&into).map_err(|error| PrepareError::Work { path: into, error })?;
    Ok(prepared)
}

/// Makes a directory whose mode does not depend on the umask: a build can see it.
pub(crate) fn make_directory(path: &Path) -> Result<(), PrepareError> {
    let made = fs::create_dir(path).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
    made.map_err(|error| PrepareError::Work { path: path.to_owned(), error })
}
