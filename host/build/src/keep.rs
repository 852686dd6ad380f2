//! Having the source of a package here, as an entry of the store here: to be built with on another machine.

use crate::build::{BuildError, Needs, Workshop, have_source};
use crate::package::Package;
use crate::source::{FixedOutput, Origin, PrepareError, keep, kept_as};
use crate::system;
use punix_store::{Asking, SharedLock, StoreName};

/// Keeps the source of a package in the store. Returns the entry, or nothing if there is no source.
pub fn keep_source(
    workshop: Workshop<'_>,
    package: &Package,
    shared: &SharedLock,
    asking: Asking<'_>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<Option<StoreName>, BuildError> {
    if package.source.is_nothing() {
        return Ok(None);
    }
    if let (Origin::FixedOutput(FixedOutput { .. }), false) =
        (&package.source.origin, package.derivation.parts().inputs.is_empty())
    {
        return Err(PrepareError::Elsewhere.into());
    }
    let store = workshop.store;
    let failed = |error| BuildError::Work { path: store.root().to_owned(), error };
    let derivation = kept_as(package).map_err(|error| failed(std::io::Error::other(error)))?;
    let name = derivation.name().clone();
    // A command that makes a source sees it.
    system::prepare(store.root()).map_err(failed)?;
    let Some(lock) = store.claim(shared, &name, asking)? else { return Ok(Some(name)) };
    let staged = store.stage(&lock).map_err(failed)?;
    let work = store.work(&lock).map_err(failed)?;
    let apart = store.work_apart(&lock).map_err(failed)?;
    let (at, apart_at) = (store.work_path(&work), store.work_path(&apart));
    let needs = Needs { direct: Vec::new(), closure: Vec::new() };
    let kept = have_source(workshop, package, &needs, &staged, (&at, Some(&apart_at)), told)
        .and_then(|prepared| Ok(keep(&prepared, &at, &store.staged_path(&staged))?));
    let kept = match kept {
        Ok(()) => store.add(staged, &derivation).map(|_| Some(name)).map_err(BuildError::Add),
        Err(error) => {
            // What cannot be removed now is swept later.
            let _ = store.discard(staged);
            Err(error)
        }
    };
    for work in [work, apart] {
        let _ = store.clear(work);
    }
    kept
}
