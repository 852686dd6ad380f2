//! The secrets that fetches need: tokens, and values of headers. They are found as those of a stack are, and all of them are
//! there before anything is fetched.

use super::{Outcome, Vault, complaints, look_up, seen};
use crate::cmd::service::Stopped;
use crate::cmd::service::plugins::{Plugins, project_of};
use crate::ui::Ui;
use punix_build::source::Reference;
use punix_build::{Package, Secret};
use punix_diag::{Code, Diagnostic};
use punix_model::{Shape, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// With what the secrets of sources are found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sourcing<'s> {
    /// The directory of the program, for what its project says of resolvers.
    pub(crate) base: Option<&'s Path>,
    pub(crate) vault: Option<&'s Vault>,
}

/// Finds what the sources of some packages refer to.
pub(crate) fn resolve_sources<'p>(
    ui: &Ui,
    sourcing: Sourcing<'_>,
    packages: impl Iterator<Item = &'p Package>,
) -> Result<BTreeMap<Reference, Secret>, Stopped> {
    let needed: BTreeSet<&Reference> = packages.flat_map(|package| package.source.secrets()).collect();
    if needed.is_empty() {
        return Ok(BTreeMap::new());
    }
    // Files are named from here by now, wherever the program is.
    let project = project_of(Path::new("."), sourcing.base.unwrap_or(Path::new("")));
    let plugins = Plugins::read(ui, project, Path::new(""))?;
    let slot = |(id, reference): (u32, &&Reference)| Slot { id, name: reference.to_string(), shape: Shape::Text };
    let slots: Vec<Slot> = (0..).zip(&needed).map(slot).collect();
    let answers = look_up(&plugins, sourcing.vault, &slots);
    let mut errors = complaints(&answers, &slots, &[], sourcing.vault, &plugins);
    let mut found = BTreeMap::new();
    for (reference, answer) in needed.into_iter().zip(&answers) {
        let Outcome::Found(resolved) = &answer.outcome else { continue };
        match std::str::from_utf8(resolved.value.expose()) {
            Ok(text) => drop(found.insert(reference.clone(), Secret::new(text.to_owned()))),
            Err(_) => errors.push(not_text(reference)),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(Stopped::By(errors)) }
}

fn not_text(reference: &Reference) -> Diagnostic {
    let name = seen(&reference.to_string());
    Diagnostic::error(Code::E34, format!("the secret `{name}` is not UTF-8, and a fetch sends text"))
        .help("look at what is stored there: a token is one line of text")
}
