//! Packages from what entries of a store say of themselves, so that they can be made anew without their program.
//!
//! That works as far as an entry knows where its source is to be had: a download does, a local directory does not.

use crate::compose::Composed;
use punix_build::source::{self, Local, Origin, PatchFrom, Source};
use punix_build::{Package, recipe};
use punix_store::{Derivation, DerivationIssue, Store, StoreName};
use std::path::Path;

/// Why an entry cannot be made anew.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    #[error("what it was built from cannot be read: {0}")]
    Derivation(#[from] DerivationIssue),
    #[error("it was built by a recipe `{recipe}` that this version does not have")]
    Recipe { recipe: String },
    #[error("it was built from a local directory or file, and an entry does not know where that is")]
    Local,
    #[error("what it was built from is not understood: {message}")]
    Source { message: String },
}

/// Adds an entry and all that it needs to the packages. Returns its place.
pub fn add_entry(store: &Store, name: &StoreName, composed: &mut Composed) -> Result<usize, Unknown> {
    let mut todo = vec![name.clone()];
    let mut place = 0;
    while let Some(next) = todo.last() {
        if let Some(known) = composed.packages.place(next) {
            place = known;
            todo.pop();
            continue;
        }
        let derivation = store.derivation(next)?;
        let missing = derivation.parts().inputs.iter().filter(|input| composed.packages.place(input).is_none());
        let missing: Vec<StoreName> = missing.cloned().collect();
        if missing.is_empty() {
            // What is whole is never built, so it does not matter whether it could be.
            let package = package(derivation, next == name)?;
            composed.packages.add(package);
        } else {
            todo.extend(missing);
        }
    }
    Ok(place)
}

fn package(derivation: Derivation, strict: bool) -> Result<Package, Unknown> {
    let parts = derivation.parts();
    let known = recipe::find(&parts.recipe).filter(|recipe| recipe.digest() == parts.recipe_digest);
    let recipe = match known.or_else(|| if strict { None } else { recipe::all().first() }) {
        Some(recipe) => recipe,
        None => return Err(Unknown::Recipe { recipe: parts.recipe.clone() }),
    };
    let nowhere = |_: &[String], path: &Path| path.to_owned();
    let source = match source::parse(&parts.source, &parts.system, &nowhere) {
        Ok(source) => source,
        Err(_) if !strict => Source { origin: Origin::Nothing, patches: Vec::new() },
        Err(issues) => {
            let message = issues.first().map_or_else(String::new, |issue| issue.message.clone());
            return Err(Unknown::Source { message });
        }
    };
    let is_local = matches!(source.origin, Origin::Local(Local::Unknown));
    let has_local = source.patches.iter().any(|patch| matches!(patch.from, PatchFrom::Local(Local::Unknown)));
    if strict && (is_local || has_local) {
        return Err(Unknown::Local);
    }
    let label = derivation.name().as_str().to_owned();
    Ok(Package { label, derivation, recipe, source })
}
